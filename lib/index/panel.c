/* panel.c - one panel and its terms; who packs which rows is the caller's. */
#include "vs/panel.h"

#include "vs/hit.h"

static int32_t term_u8(const struct vs_panel_kind *kind, const uint8_t *row)
{
	bool l2 = kind->metric == VS_L2;

	if (kind->dim > (l2 ? VS_TILE_U8_DIM_MAX : VS_TILE_U8_IP_DIM_MAX))
		return 0; /* no tile reads it */
	return l2 ? vs_term_l2_u8(row, kind->dim) :
		    vs_term_ip_u8(row, kind->dim);
}

static int32_t term_f32(const struct vs_panel_kind *kind, const float *row)
{
	float v = kind->metric == VS_L2 ? vs_term_l2_f32(row, kind->dim) :
					  vs_term_ip_f32(row, kind->dim);

	return (int32_t)vs_f32_bits(v);
}

int32_t vs_panel_term(const struct vs_panel_kind *kind, const void *row)
{
	return kind->dtype == VS_U8 ? term_u8(kind, row) : term_f32(kind, row);
}

static int32_t term_of_padding(const struct vs_panel_kind *kind)
{
	if (kind->dtype == VS_U8)
		return VS_TERM_PAD_U8;
	return (int32_t)vs_f32_bits(kind->metric == VS_L2 ?
					    VS_TERM_PAD_L2_F32 :
					    VS_TERM_PAD_IP_F32);
}

void vs_panel_pack(const struct vs_panel_kind *kind,
		   const void *const rows[VS_PANEL_ROWS], void *panel,
		   int32_t terms[VS_PANEL_ROWS])
{
	const uint8_t *u8[VS_PANEL_ROWS];
	const float *f32[VS_PANEL_ROWS];
	size_t i;

	for (i = 0; i < VS_PANEL_ROWS; i++) {
		u8[i] = rows[i];
		f32[i] = rows[i];
		terms[i] = rows[i] == NULL ? term_of_padding(kind) :
					     vs_panel_term(kind, rows[i]);
	}
	if (kind->dtype == VS_U8)
		vs_pack_panel_u8(u8, kind->dim, panel);
	else
		vs_pack_panel_f32(f32, kind->dim, panel);
}
