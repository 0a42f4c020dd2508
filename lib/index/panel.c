/* panel.c - one panel, its terms and norms; who packs which rows is the
 * caller's. */
#include "vs/panel.h"

#include <math.h>
#include <string.h>

#include "vs/hit.h"
#include "vs/num.h"
#include "vs/widen.h"

#define I8_BIAS 0x80u

static uint32_t norm_u8(const uint8_t *row, size_t d)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < d; i++)
		sum += (uint32_t)(row[i] * row[i]);
	return sum;
}

static uint32_t norm_i8(const int8_t *row, size_t d)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < d; i++)
		sum += (uint32_t)(row[i] * row[i]);
	return sum;
}

/* |b|^2 - 256 sum(b) of the bytes b = x + 128: vs_term_l2_u8 of them. */
static int32_t term_l2_i8(const int8_t *row, size_t d)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < d; i++)
		sum += (uint32_t)((row[i] + 128) * (row[i] - 128));
	return (int32_t)sum;
}

static int32_t term_byte(const struct vs_panel_kind *kind, const void *row)
{
	bool l2 = kind->metric == VS_L2;

	if (kind->metric == VS_L1 || (!l2 && kind->dtype == VS_I8))
		return 0;
	if (kind->dim > (l2 ? VS_TILE_U8_DIM_MAX : VS_TILE_U8_IP_DIM_MAX))
		return 0; /* no tile reads it */
	if (kind->dtype == VS_I8)
		return term_l2_i8(row, kind->dim);
	return l2 ? vs_term_l2_u8(row, kind->dim) :
		    vs_term_ip_u8(row, kind->dim);
}

static float term_cosine(const float *row, size_t d)
{
	double norm = sqrt(vs_norm2_f32(row, d));

	if (norm != 0 && (norm < VS_COSINE_NORM_MIN ||
			  norm > VS_COSINE_NORM_MAX))
		return NAN;
	return (float)norm;
}

static int32_t term_float(const struct vs_panel_kind *kind, const float *row)
{
	float v = 0;

	if (kind->metric == VS_L2)
		v = vs_term_l2_f32(row, kind->dim);
	else if (kind->metric == VS_IP)
		v = vs_term_ip_f32(row, kind->dim);
	else if (kind->metric == VS_COSINE)
		v = term_cosine(row, kind->dim);
	return (int32_t)(v == v ? vs_f32_bits(v) : 0x7fc00000u);
}

int32_t vs_panel_term(const struct vs_panel_kind *kind, const void *row,
		      uint32_t *norm)
{
	*norm = 0;
	if (!vs_dtype_is_byte(kind->dtype))
		return term_float(kind, row);
	if (vs_panel_has_norms(kind->dtype, kind->metric))
		*norm = kind->dtype == VS_U8 ? norm_u8(row, kind->dim) :
					       norm_i8(row, kind->dim);
	return term_byte(kind, row);
}

int32_t vs_panel_term_of_padding(const struct vs_panel_kind *kind)
{
	bool dot = kind->metric == VS_L2 || kind->metric == VS_IP;

	if (vs_dtype_is_byte(kind->dtype))
		return dot ? VS_TERM_PAD_U8 : 0;
	if (!dot)
		return 0;
	return (int32_t)vs_f32_bits(kind->metric == VS_L2 ?
					    VS_TERM_PAD_L2_F32 :
					    VS_TERM_PAD_IP_F32);
}

static void bias_lane(uint8_t *panel, unsigned lane, size_t d)
{
	size_t i;

	for (i = 0; i < d; i++)
		panel[i / 4 * 64 + lane * 4 + i % 4] ^= I8_BIAS;
}

static void pack_lane_f16(const uint16_t *row, unsigned lane, size_t d,
			  uint16_t *panel)
{
	size_t i;

	for (i = 0; i < d; i++)
		panel[i * VS_PANEL_ROWS + lane] = row == NULL ? 0 : row[i];
}

static void pack_whole_rows(const struct vs_panel_kind *kind,
			    const void *const rows[VS_PANEL_ROWS],
			    uint8_t *panel)
{
	size_t n = kind->dim * vs_dtype_size(kind->dtype), i;

	for (i = 0; i < VS_PANEL_ROWS; i++) {
		if (rows[i] != NULL)
			memcpy(panel + i * n, rows[i], n);
		else
			memset(panel + i * n, 0, n);
	}
}

static void pack_rows(const struct vs_panel_kind *kind,
		      const void *const rows[VS_PANEL_ROWS], void *panel)
{
	const uint8_t *u8[VS_PANEL_ROWS];
	const float *f32[VS_PANEL_ROWS];
	unsigned i;

	if (kind->whole_rows) {
		pack_whole_rows(kind, rows, panel);
		return;
	}
	for (i = 0; i < VS_PANEL_ROWS; i++) {
		u8[i] = rows[i];
		f32[i] = rows[i];
		if (kind->dtype == VS_F16)
			pack_lane_f16(rows[i], i, kind->dim, panel);
	}
	if (kind->dtype == VS_F32)
		vs_pack_panel_f32(f32, kind->dim, panel);
	if (!vs_dtype_is_byte(kind->dtype))
		return;
	vs_pack_panel_u8(u8, kind->dim, panel);
	for (i = 0; kind->dtype == VS_I8 && i < VS_PANEL_ROWS; i++)
		if (rows[i] != NULL)
			bias_lane(panel, i, kind->dim);
}

void vs_panel_pack(const struct vs_panel_kind *kind,
		   const void *const rows[VS_PANEL_ROWS], void *panel,
		   int32_t terms[VS_PANEL_ROWS], uint32_t norms[VS_PANEL_ROWS],
		   float *scratch)
{
	const void *row;
	unsigned i;

	for (i = 0; i < VS_PANEL_ROWS; i++) {
		norms[i] = 0;
		terms[i] = vs_panel_term_of_padding(kind);
		row = rows[i];
		if (row == NULL)
			continue;
		if (kind->dtype == VS_F16) {
			vs_row_widen(VS_F16, row, kind->dim, scratch);
			row = scratch;
		}
		terms[i] = vs_panel_term(kind, row, &norms[i]);
	}
	pack_rows(kind, rows, panel);
}

void vs_panel_unpack(const struct vs_panel_kind *kind, const void *panel,
		     unsigned lane, void *row)
{
	const uint16_t *half = panel;
	uint8_t *byte = row;
	float *f32 = row;
	size_t i;

	if (kind->whole_rows) {
		vs_row_widen(kind->dtype,
			     (const uint8_t *)panel +
				     lane * kind->dim *
					     vs_dtype_size(kind->dtype),
			     kind->dim, row);
		return;
	}
	if (kind->dtype == VS_F32) {
		vs_unpack_row_f32(panel, lane, kind->dim, row);
		return;
	}
	if (kind->dtype == VS_F16) {
		for (i = 0; i < kind->dim; i++)
			f32[i] = vs_f32_of_f16(half[i * VS_PANEL_ROWS + lane]);
		return;
	}
	vs_unpack_row_u8(panel, lane, kind->dim, row);
	for (i = 0; kind->dtype == VS_I8 && i < kind->dim; i++)
		byte[i] ^= I8_BIAS;
}
