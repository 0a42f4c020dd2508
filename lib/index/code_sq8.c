/* code_sq8.c - SQ8 of floats: rows are what their 8-bit codes decode to, and
 * only the codes stand in the file.
 *
 * Terms and slacks are those of the decoded rows, so the codes also filter
 * scans, and with hardly any error of their own (vs/code8.h): what passes is
 * decoded and decided by the canonical kernel.
 */
#include <string.h>

#include "shard_build_int.h"
#include "shard_int.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/widen.h"

/* Whether scans can be filtered by codes; else they decode all rows. */
static bool filtered(enum vs_metric metric, uint32_t dim)
{
	return vs_code8_wanted(VS_F32, metric, dim);
}

static int take_ranges(struct vs_build *b, struct vs_err *err)
{
	const struct vs_code8 *from = &b->spec->model->ranges;
	uint32_t dim = b->src->dim;
	int rc = vs_code8_alloc(b->ctx, dim, &b->code8, err);

	if (rc != 0)
		return rc;
	memcpy(b->code8.mid, from->mid, dim * sizeof(float));
	memcpy(b->code8.step, from->step, dim * sizeof(float));
	b->code8.kappa = from->kappa;
	return 0;
}

static int start(struct vs_build *b, struct vs_err *err)
{
	uint32_t dim = b->src->dim;
	int rc = b->spec->model != NULL ? take_ranges(b, err) :
					  vs_build_learn8(b, true, err);

	/* No rows, no sample: any ranges will do. */
	if (rc == 0 && b->code8.mid == NULL)
		rc = vs_code8_alloc(b->ctx, dim, &b->code8, err);
	if (rc == 0)
		rc = vs_code8_check(&b->code8, b->src->name, err);
	b->sec_terms = vs_build_list(b, VS_SEC_TERM, 4, VS_PANEL_ROWS);
	vs_build_list_ids(b);
	b->scratch_bytes = VS_PANEL_ROWS * (size_t)dim;
	return rc == 0 ? vs_build_list8(b, filtered(b->spec->metric, dim),
					err) : rc;
}

/* The codes of a row; leaves in wide what they decode to. */
static void encode(const struct vs_build *b, const void *row, float *wide,
		   uint8_t *codes)
{
	vs_row_widen(b->src->dtype, row, b->src->dim, wide);
	(void)vs_code8_encode(&b->code8, wide, codes);
	vs_code8_decode(&b->code8, codes, wide);
}

static void pack(const struct vs_build *b, struct vs_build_slot *s,
		 const void *const rows[VS_PANEL_ROWS], size_t to)
{
	uint32_t dim = b->src->dim, unused;
	const struct vs_panel_kind kind = { VS_F32, b->spec->metric, dim,
					    true };
	const uint8_t *coded[VS_PANEL_ROWS];
	int32_t *terms = (int32_t *)(void *)s->part[b->sec_terms] +
			 to * VS_PANEL_ROWS;
	float *slack = NULL;
	size_t i;

	if (filtered(b->spec->metric, dim))
		slack = (float *)(void *)s->part[b->sec_slack] +
			to * VS_PANEL_ROWS;
	for (i = 0; i < VS_PANEL_ROWS; i++) {
		coded[i] = NULL;
		terms[i] = vs_panel_term_of_padding(&kind);
		if (slack != NULL)
			slack[i] = 0;
		if (rows[i] == NULL)
			continue;
		coded[i] = s->scratch + i * dim;
		encode(b, rows[i], s->wide, s->scratch + i * dim);
		terms[i] = vs_panel_term(&kind, s->wide, &unused);
		if (slack != NULL)
			slack[i] = vs_code8_slack(&b->code8, s->wide,
						  coded[i]);
	}
	vs_pack_panel_u8(coded, dim,
			 s->part[b->sec_codes] +
				 to * vs_panel_bytes(VS_U8, dim));
}

static int open_sections(struct vs_ctx *ctx, struct vs_shard *s,
			 struct vs_err *err)
{
	const struct vs_cont_head *h = vs_shard_head(s);
	int rc = vs_shard_find8(ctx, s, filtered(h->metric, s->dim), err);

	return rc == 0 ? vs_code8_check(&s->code8, vs_shard_path(s), err) : rc;
}

const struct vs_code_kind vs_code_sq8 = { start, pack, open_sections };
