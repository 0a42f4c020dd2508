/* code_ranges.c - the ranges of 8-bit codes in shards and their builds: learnt
 * from a sample, listed and found again.
 */
#include "shard_build_int.h"
#include "shard_int.h"
#include "vs/mem.h"

int vs_build_learn8(struct vs_build *b, bool whole, struct vs_err *err)
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
						      src->dim, whole };

		rc = vs_code8_train(b->ctx, &sample, &b->code8, err);
	}
	vs_free(b->ctx, rows);
	return rc;
}

int vs_build_list8(struct vs_build *b, bool slack, struct vs_err *err)
{
	uint32_t dim = b->src->dim;

	b->quan = vs_ranges_pack(b->ctx, &b->code8, err);
	if (b->quan == NULL)
		return VS_ENOMEM;
	vs_build_list_fixed(b, VS_SEC_QUAN, 4, b->quan, vs_ranges_floats(dim));
	b->sec_codes = vs_build_list(b, VS_SEC_CODE,
				     (uint32_t)vs_panel_bytes(VS_U8, dim), 1);
	if (slack)
		b->sec_slack = vs_build_list(b, VS_SEC_SLAK, 4, VS_PANEL_ROWS);
	return 0;
}

int vs_shard_find8(struct vs_ctx *ctx, struct vs_shard *s, bool slack,
		   struct vs_err *err)
{
	uint32_t dim = s->dim;
	int rc = vs_ranges_read(ctx, s->cont, dim, &s->code8, err);

	if (rc == 0)
		rc = vs_shard_find_panels(s, VS_SEC_CODE,
					  (uint32_t)vs_panel_bytes(VS_U8, dim),
					  &s->codes, err);
	if (rc == 0 && slack)
		rc = vs_shard_find_beside(s, VS_SEC_SLAK, &s->slack, err);
	return rc;
}
