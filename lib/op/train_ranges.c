/* train_ranges.c - keeps rows of the sample and learns ranges from them. */
#include "train_ranges.h"

#include <string.h>

#include "vs/mem.h"
#include "vs/num.h"

static size_t row_bytes(const struct vs_train_ranges *r)
{
	return r->dim * vs_dtype_size(r->dtype);
}

void vs_train_ranges_init(struct vs_train_ranges *r, const struct vs_model *m,
			  uint64_t n_sample)
{
	memset(r, 0, sizeof(*r));
	r->dtype = vs_transform_dtype(&m->index, m->dtype);
	r->dim = m->inner;
	r->n_sample = n_sample;
	if (vs_factory_has_ranges(&m->index, r->dtype))
		r->n = (size_t)vs_min_u64(vs_code8_sample(r->dim), n_sample);
}

uint64_t vs_train_ranges_bytes(const struct vs_ctx *ctx,
			       const struct vs_train_ranges *r)
{
	if (r->n == 0)
		return 0;
	/* Ranges are learnt from a column of floats in each thread. */
	return (uint64_t)r->n * (row_bytes(r) +
				 ctx->n_threads * sizeof(float)) +
	       r->dim * 13ull + (6 + ctx->n_threads) * 2ull * VS_ALIGN;
}

int vs_train_ranges_alloc(struct vs_ctx *ctx, struct vs_train_ranges *r,
			  struct vs_err *err)
{
	if (r->n == 0)
		return 0;
	r->rows = vs_alloc(ctx, r->n, row_bytes(r), "sample of ranges", err);
	return r->rows == NULL ? VS_ENOMEM : 0;
}

void vs_train_ranges_offer(struct vs_train_ranges *r, uint64_t i,
			   const uint8_t *row)
{
	/* The next one is due from its share of the sample on. */
	if (r->got == r->n || i * r->n < r->got * r->n_sample)
		return;
	memcpy(r->rows + r->got++ * row_bytes(r), row, row_bytes(r));
}

int vs_train_ranges_learn(struct vs_ctx *ctx, const struct vs_train_ranges *r,
			  struct vs_code8 *out, struct vs_err *err)
{
	const struct vs_code8_rows sample = { r->rows, r->dtype, r->got,
					      r->dim, true };

	return r->n == 0 ? 0 : vs_code8_train(ctx, &sample, out, err);
}

void vs_train_ranges_free(struct vs_ctx *ctx, struct vs_train_ranges *r)
{
	vs_free(ctx, r->rows);
	r->rows = NULL;
}
