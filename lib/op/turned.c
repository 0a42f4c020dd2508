/* turned.c - rows of another source, transformed on their way. */
#include "turned.h"

#include <math.h>

#include "op_int.h"
#include "vs/mem.h"
#include "vs/num.h"

static size_t raw_bytes(const struct vs_op_turned *t)
{
	return t->raw->dim * vs_dtype_size(t->raw->dtype);
}

static int turn(struct vs_op_turned *t, const void *raw, size_t n, void *out,
		struct vs_err *err)
{
	const struct vs_rows rows = { raw, n, t->raw->dim, t->raw->dtype };
	const float *v = out;
	bool wide = false;
	size_t i;
	int rc = vs_transform_apply(t->ctx, t->transform, &rows, t->raw->name,
				    out, err);

	for (i = 0; rc == 0 && t->halves && i < n * t->transform->d_out; i++)
		wide |= !(fabsf(v[i]) < VS_HALF_OVERFLOW);
	return !wide ? rc :
		       vs_fail(err, VS_EDATA,
			       "%s: a vector does not fit halves when it is "
			       "rotated; halves go to 65504: scale the "
			       "vectors, or build SQ8 or Flat", t->raw->name);
}

static int rewind_raw(void *arg, struct vs_ctx *ctx, struct vs_err *err)
{
	struct vs_op_turned *t = arg;

	return t->raw->rewind(t->raw->arg, ctx, err);
}

static int next_rows(void *arg, struct vs_ctx *ctx, void *rows, uint64_t *ids,
		     size_t n, size_t *got, struct vs_err *err)
{
	struct vs_op_turned *t = arg;
	int rc = t->raw->next(t->raw->arg, ctx, t->block, ids,
			      vs_min_size(n, t->block_rows), got, err);

	if (rc != 0 || *got == 0)
		return rc;
	if (t->hasher != NULL)
		vs_hasher_add(t->hasher, t->block, *got * raw_bytes(t));
	return turn(t, t->block, *got, rows, err);
}

static int sample_rows(void *arg, struct vs_ctx *ctx, void *rows, size_t n,
		       size_t *got, struct vs_err *err)
{
	struct vs_op_turned *t = arg;
	void *raw = vs_alloc(ctx, n, raw_bytes(t), "sample", err);
	int rc;

	if (raw == NULL)
		return VS_ENOMEM;
	rc = t->raw->sample(t->raw->arg, ctx, raw, n, got, err);
	if (rc == 0)
		rc = turn(t, raw, *got, rows, err);
	vs_free(ctx, raw);
	return rc;
}

static void tee(void *arg, struct vs_hasher *h)
{
	struct vs_op_turned *t = arg;

	t->hasher = h;
}

int vs_op_turned_source(struct vs_op_turned *t, struct vs_ctx *ctx,
			const struct vs_source *raw,
			const struct vs_transform *transform,
			struct vs_source *out, struct vs_err *err)
{
	t->ctx = ctx;
	t->raw = raw;
	t->transform = transform;
	t->block_rows = vs_op_block_rows(ctx, raw_bytes(t), raw->n_rows);
	t->block = vs_alloc(ctx, t->block_rows, raw_bytes(t), "rows", err);
	if (t->block == NULL)
		return VS_ENOMEM;
	*out = *raw;
	out->dim = transform->d_out;
	out->dtype = VS_F32;
	out->rewind = rewind_raw;
	out->next = next_rows;
	out->sample = sample_rows;
	out->tee = tee;
	out->arg = t;
	return 0;
}

void vs_op_turned_clear(struct vs_op_turned *t)
{
	if (t->ctx != NULL)
		vs_free(t->ctx, t->block);
}
