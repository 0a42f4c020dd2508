/* code_ranges.c - the ranges of 8-bit codes in shards and their builds: learnt
 * from a sample, listed, found and checked again.
 */
#include <math.h>
#include <string.h>

#include "shard_build_int.h"
#include "shard_int.h"
#include "vs/mem.h"

/* QUAN: mid, step and kappa one after the other. */
int vs_build_take8(struct vs_build *b, struct vs_err *err)
{
	size_t dim = b->src->dim;

	b->quan = vs_alloc(b->ctx, 2 * dim + 1, sizeof(float), "code ranges",
			   err);
	if (b->quan == NULL)
		return VS_ENOMEM;
	memcpy(b->quan, b->code8.mid, dim * sizeof(float));
	memcpy(b->quan + dim, b->code8.step, dim * sizeof(float));
	b->quan[2 * dim] = b->code8.kappa;
	return 0;
}

int vs_build_learn8(struct vs_build *b, struct vs_err *err)
{
	const struct vs_source *src = b->src;
	size_t n = (size_t)vs_min_u64(vs_code8_sample(src->dim), src->n_rows);
	size_t got = 0;
	void *rows = vs_alloc(b->ctx, n, b->row_bytes, "sample", err);
	int rc;

	if (rows == NULL)
		return VS_ENOMEM;
	rc = src->sample(src->arg, b->ctx, rows, n, &got, err);
	if (rc == 0 && got > 0) {
		const struct vs_code8_rows sample = { rows, src->dtype, got,
						      src->dim };

		rc = vs_code8_train(b->ctx, &sample, &b->code8, err);
	}
	vs_free(b->ctx, rows);
	return rc == 0 && got > 0 ? vs_build_take8(b, err) : rc;
}

void vs_build_list8(struct vs_build *b)
{
	uint32_t dim = b->src->dim;

	vs_build_list_fixed(b, VS_SEC_QUAN, 4, b->quan, 2 * (uint64_t)dim + 1);
	b->sec_codes = vs_build_list(b, VS_SEC_CODE,
				     (uint32_t)vs_panel_bytes(VS_U8, dim), 1);
	b->sec_slack = vs_build_list(b, VS_SEC_SLAK, 4, VS_PANEL_ROWS);
}

static int read_ranges(struct vs_ctx *ctx, struct vs_shard *s,
		       struct vs_err *err)
{
	uint32_t dim = vs_shard_head(s)->dim, i;
	struct vs_span span;
	int rc = vs_cont_find(s->cont, VS_SEC_QUAN, 4, &span, err);

	if (rc == 0 && span.count != 2 * (uint64_t)dim + 1)
		rc = vs_shard_bad(s, "QUAN does not fit the dimension", err);
	if (rc == 0)
		rc = vs_code8_alloc(ctx, dim, &s->code8, err);
	if (rc == 0)
		rc = vs_cont_read(ctx, s->cont, &span, 0, s->code8.mid,
				  dim * sizeof(float), err);
	if (rc == 0)
		rc = vs_cont_read(ctx, s->cont, &span, dim * sizeof(float),
				  s->code8.step, dim * sizeof(float), err);
	if (rc == 0)
		rc = vs_cont_read(ctx, s->cont, &span, 2 * dim * sizeof(float),
				  &s->code8.kappa, sizeof(float), err);
	for (i = 0; rc == 0 && i < dim; i++)
		if (!isfinite(s->code8.mid[i]) || !(s->code8.step[i] >= 0) ||
		    !isfinite(s->code8.step[i]))
			rc = vs_shard_bad(s, "QUAN holds a range that is none",
					  err);
	if (rc == 0 && !(s->code8.kappa > 0 && isfinite(s->code8.kappa)))
		rc = vs_shard_bad(s, "QUAN holds a range that is none", err);
	return rc;
}

int vs_shard_find8(struct vs_ctx *ctx, struct vs_shard *s, struct vs_err *err)
{
	uint32_t dim = vs_shard_head(s)->dim;
	int rc = read_ranges(ctx, s, err);

	if (rc == 0)
		rc = vs_shard_find_panels(s, VS_SEC_CODE,
					  (uint32_t)vs_panel_bytes(VS_U8, dim),
					  &s->codes, err);
	if (rc == 0)
		rc = vs_shard_find_beside(s, VS_SEC_SLAK, &s->slack, err);
	return rc;
}
