/* code_rows.c - rows as they are: panels of them, and what scans want beside
 * them; floats have 8-bit codes by which most are rejected unread (vs/code8.h).
 */
#include <string.h>

#include "shard_build_int.h"
#include "shard_int.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/widen.h"

/* Learns how to code rows from a sample of what the stream gives. */
static int learn(struct vs_build *b, struct vs_err *err)
{
	if (!vs_code8_wanted(b->src->dtype, b->spec->metric, b->src->dim))
		return 0;
	return vs_build_learn8(b, false, err);
}

static int start(struct vs_build *b, struct vs_err *err)
{
	uint32_t dim = b->src->dim;
	int rc = learn(b, err);

	b->stored = vs_code_row_dtype(&b->spec->index, b->src->dtype);
	b->norms = vs_panel_has_norms(b->src->dtype, b->spec->metric);
	b->sec_rows = vs_build_list(b, VS_SEC_ROWS,
				    (uint32_t)vs_panel_bytes(b->stored, dim),
				    1);
	b->sec_terms = vs_build_list(b, VS_SEC_TERM, 4, VS_PANEL_ROWS);
	vs_build_list_ids(b);
	if (b->norms)
		b->sec_norms = vs_build_list(b, VS_SEC_NORM, 4, VS_PANEL_ROWS);
	b->scratch_bytes = VS_PANEL_ROWS * (size_t)dim *
			   (1 + sizeof(uint16_t));
	if (rc != 0 || b->code8.mid == NULL)
		return rc;
	return vs_build_list8(b, true, err);
}

/* The codes of 16 rows as panel `to` of the slot; missing rows are zeros. */
static void pack_codes(const struct vs_build *b, struct vs_build_slot *s,
		       const void *const rows[VS_PANEL_ROWS], size_t to)
{
	uint32_t dim = b->src->dim;
	const uint8_t *coded[VS_PANEL_ROWS];
	float *slack = (float *)(void *)s->part[b->sec_slack] +
		       to * VS_PANEL_ROWS;
	uint8_t *codes;
	size_t i;

	for (i = 0; i < VS_PANEL_ROWS; i++) {
		coded[i] = NULL;
		slack[i] = 0;
		if (rows[i] == NULL)
			continue;
		codes = s->scratch + i * dim;
		coded[i] = codes;
		vs_row_widen(b->stored, rows[i], dim, s->wide);
		slack[i] = vs_code8_encode(&b->code8, s->wide, codes);
	}
	vs_pack_panel_u8(coded, dim,
			 s->part[b->sec_codes] +
				 to * vs_panel_bytes(VS_U8, dim));
}

/* Floats as halves, behind the codes in the scratch. */
static void narrow(const struct vs_build *b, struct vs_build_slot *s,
		   const void *rows[VS_PANEL_ROWS])
{
	uint32_t dim = b->src->dim, x;
	uint16_t *to = (uint16_t *)(void *)(s->scratch + VS_PANEL_ROWS * dim);
	const float *row;
	size_t i;

	for (i = 0; i < VS_PANEL_ROWS; i++, to += dim) {
		row = rows[i];
		if (row == NULL)
			continue;
		for (x = 0; x < dim; x++)
			to[x] = vs_f16_of_f32(row[x]);
		rows[i] = to;
	}
}

static void pack(const struct vs_build *b, struct vs_build_slot *s,
		 const void *const given[VS_PANEL_ROWS], size_t to)
{
	const struct vs_panel_kind kind = { b->stored, b->spec->metric,
					    b->src->dim,
					    b->code8.mid != NULL };
	int32_t *terms = (int32_t *)(void *)s->part[b->sec_terms];
	uint32_t unused[VS_PANEL_ROWS], *norms = unused;
	const void *rows[VS_PANEL_ROWS];

	memcpy(rows, given, sizeof(rows));
	if (b->stored != b->src->dtype)
		narrow(b, s, rows);
	if (b->norms)
		norms = (uint32_t *)(void *)s->part[b->sec_norms] +
			to * VS_PANEL_ROWS;
	vs_panel_pack(&kind, rows,
		      s->part[b->sec_rows] +
			      to * vs_panel_bytes(b->stored, b->src->dim),
		      terms + to * VS_PANEL_ROWS, norms, s->wide);
	if (b->code8.mid != NULL)
		pack_codes(b, s, rows, to);
}

static int find_norms(struct vs_shard *s, struct vs_err *err)
{
	const struct vs_cont_head *h = vs_shard_head(s);

	if (!vs_panel_has_norms(s->row_dtype, h->metric))
		return 0;
	return vs_shard_find_beside(s, VS_SEC_NORM, &s->norms, err);
}

/* Shards of float rows have had codes since format 2 of their algorithm; one
 * without them is scanned by its rows. */
static int find_codes(struct vs_ctx *ctx, struct vs_shard *s,
		      struct vs_err *err)
{
	const struct vs_cont_head *h = vs_shard_head(s);

	if (!vs_code8_wanted(s->row_dtype, h->metric, s->dim) ||
	    !vs_cont_has(s->cont, VS_SEC_QUAN))
		return 0;
	return vs_shard_find8(ctx, s, true, err);
}

static int open_sections(struct vs_ctx *ctx, struct vs_shard *s,
			 struct vs_err *err)
{
	int rc;

	s->panel_bytes = vs_panel_bytes(s->row_dtype, s->dim);
	rc = vs_shard_find_panels(s, VS_SEC_ROWS, (uint32_t)s->panel_bytes,
				  &s->rows, err);
	if (rc == 0)
		rc = find_norms(s, err);
	return rc == 0 ? find_codes(ctx, s, err) : rc;
}

const struct vs_code_kind vs_code_rows = { start, pack, open_sections };
