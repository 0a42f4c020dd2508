/* code_pq.c - codes of product quantizers in shards: nothing else is kept of
 * the rows.  CBKS holds the codebooks, CODE panels of codes, and TERM what
 * belongs to a row beside them (pq_space.h).
 */
#include <math.h>
#include <string.h>

#include "shard_build_int.h"
#include "shard_int.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/widen.h"

static size_t panel_bytes(const struct vs_pq *pq)
{
	return vs_pq_code_bytes(pq) * VS_PANEL_ROWS;
}

static int start(struct vs_build *b, struct vs_err *err)
{
	const struct vs_model *m = b->spec->model;
	int rc = vs_pq_space_init(b->ctx, &m->pq, m->metric, m->centroids,
				  m->index.nlist, &b->pq, err);

	vs_build_list_fixed(b, VS_SEC_CBKS, 4, m->pq.codebooks,
			    vs_pq_codebook_count(&m->pq));
	b->sec_codes = vs_build_list(b, VS_SEC_CODE,
				     (uint32_t)panel_bytes(&m->pq), 1);
	b->sec_terms = vs_build_list(b, VS_SEC_TERM, 4, VS_PANEL_ROWS);
	vs_build_list_ids(b);
	b->scratch_bytes = VS_PANEL_ROWS * (size_t)m->inner * sizeof(float);
	return rc;
}

/* Rows that are missing have codes and terms of 0. */
static void clear_lane(const struct vs_pq *pq, uint8_t *codes, unsigned lane)
{
	size_t i, n = vs_pq_code_bytes(pq);

	for (i = 0; i < n; i++)
		codes[i * VS_PANEL_ROWS + lane] = 0;
}

static void pack(const struct vs_build *b, struct vs_build_slot *s,
		 const void *const rows[VS_PANEL_ROWS], size_t to)
{
	const struct vs_pq *pq = b->pq.pq;
	float *panel = (float *)(void *)s->scratch;
	float *terms = (float *)(void *)s->part[b->sec_terms] +
		       to * VS_PANEL_ROWS;
	uint8_t *codes = s->part[b->sec_codes] + to * panel_bytes(pq);
	uint32_t d;
	unsigned i;

	for (i = 0; i < VS_PANEL_ROWS; i++) {
		if (rows[i] != NULL) {
			vs_row_widen(b->src->dtype, rows[i], pq->dim, s->wide);
			vs_pq_space_offset(&b->pq, s->cell, s->wide);
		}
		for (d = 0; d < pq->dim; d++)
			panel[d * VS_PANEL_ROWS + i] =
				rows[i] != NULL ? s->wide[d] : 0;
	}
	vs_pq_encode_panel(b->ctx->kern, pq, panel, codes);
	for (i = 0; i < VS_PANEL_ROWS; i++) {
		terms[i] = 0;
		if (rows[i] == NULL) {
			clear_lane(pq, codes, i);
			continue;
		}
		vs_pq_space_decode(&b->pq, s->cell, codes, i, s->wide);
		terms[i] = vs_pq_space_term(&b->pq, s->cell, s->wide);
	}
}

static int read_codebooks(struct vs_ctx *ctx, struct vs_shard *s,
			  struct vs_err *err)
{
	return vs_codebooks_read(ctx, s->cont, &s->index, s->dim,
				 &s->codebooks, err);
}

static int open_sections(struct vs_ctx *ctx, struct vs_shard *s,
			 struct vs_err *err)
{
	const struct vs_cont_head *h = vs_shard_head(s);
	int rc;

	rc = read_codebooks(ctx, s, err);
	if (rc == 0)
		rc = vs_pq_space_init(ctx, &s->codebooks, h->metric,
				      s->centroids, s->index.nlist, &s->pq,
				      err);
	if (rc == 0)
		rc = vs_shard_find_panels(
			s, VS_SEC_CODE, (uint32_t)panel_bytes(&s->codebooks),
			&s->codes, err);
	return rc;
}

const struct vs_code_kind vs_code_pq = { start, pack, open_sections };

const char *vs_pq_check_row(const struct vs_shard *s, size_t cell,
			    uint64_t panel, unsigned lane, bool real,
			    float *row)
{
	const uint8_t *codes = s->codes.p + panel * s->codes.item;
	uint64_t slot = panel * VS_PANEL_ROWS + lane;
	size_t n = vs_pq_code_bytes(&s->codebooks), i;
	float term = 0;

	for (i = 0; !real && i < n; i++)
		if (codes[i * VS_PANEL_ROWS + lane] != 0)
			return "is padding and not zero";
	if (s->codebooks.bits == 4 && s->codebooks.m % 2 == 1 &&
	    codes[(n - 1) * VS_PANEL_ROWS + lane] > 15)
		return "has a code for a piece that there is not";
	if (real) {
		vs_pq_space_decode(&s->pq, cell, codes, lane, row);
		term = vs_pq_space_term(&s->pq, cell, row);
	}
	if (vs_get_le32(s->terms.p + slot * 4) != vs_f32_bits(term))
		return "does not fit its term";
	return NULL;
}
