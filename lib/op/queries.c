/* queries.c - reads queries, converting between u8 and f32 where exact. */
#include "queries.h"

#include "vs/mem.h"

int vs_op_queries_open(struct vs_ctx *ctx, const struct vs_op_io *io,
		       uint32_t dim, enum vs_dtype dtype,
		       struct vs_op_queries *out, struct vs_err *err)
{
	struct vs_vecs_options opt = { .format = io->input_format };
	enum vs_dtype t;
	int rc;

	out->dtype = dtype;
	rc = vs_vecs_open(ctx, io->inputs, io->n_inputs, &opt, &out->vecs,
			  err);
	if (rc != 0)
		return rc;
	t = vs_vecs_dtype(out->vecs);
	if (vs_vecs_dim(out->vecs) != dim)
		rc = vs_fail(err, VS_EDATA,
			     "%s: queries have %u dimensions; the index has "
			     "%u", vs_vecs_name(out->vecs),
			     vs_vecs_dim(out->vecs), dim);
	else if (t != VS_F32 && t != VS_U8)
		rc = vs_fail(err, VS_EDATA,
			     "%s: queries are %s; the index holds %s",
			     vs_vecs_name(out->vecs), vs_dtype_name(t),
			     vs_dtype_name(dtype));
	if (rc == 0)
		rc = vs_vecs_full_digest(ctx, out->vecs, &out->digest, err);
	if (rc != 0)
		vs_op_queries_close(ctx, out);
	return rc;
}

void vs_op_queries_close(struct vs_ctx *ctx, struct vs_op_queries *q)
{
	vs_vecs_close(ctx, q->vecs);
	q->vecs = NULL;
}

/* In place from the end: f32 takes more room than u8. */
static void widen(void *rows, size_t n)
{
	const uint8_t *from = rows;
	float *to = rows;
	uint8_t v;

	while (n > 0) {
		v = from[--n];
		to[n] = v;
	}
}

static int narrow(const struct vs_op_queries *q, const float *from,
		  uint64_t first, size_t n, uint8_t *to, struct vs_err *err)
{
	uint32_t dim = vs_vecs_dim(q->vecs);
	size_t i;
	float v;

	for (i = 0; i < n * dim; i++) {
		v = from[i];
		if (!(v >= 0 && v <= 255) || (float)(uint8_t)v != v)
			return vs_fail(
				err, VS_EDATA,
				"%s: query %llu has %.9g in dimension %zu; the "
				"index holds u8 rows, so queries must be "
				"whole numbers from 0 to 255",
				vs_vecs_name(q->vecs),
				(unsigned long long)(first + i / dim),
				(double)v, i % dim);
		to[i] = (uint8_t)v;
	}
	return 0;
}

int vs_op_queries_read(struct vs_ctx *ctx, struct vs_op_queries *q,
		       uint64_t first, size_t n, void *rows,
		       struct vs_err *err)
{
	uint32_t dim = vs_vecs_dim(q->vecs);
	enum vs_dtype from = vs_vecs_dtype(q->vecs);
	uint8_t *to = rows;
	size_t step, m;
	float *wide;
	int rc = 0;

	if (from == VS_U8 || q->dtype == VS_F32) {
		rc = vs_vecs_read(ctx, q->vecs, first, n, rows, err);
		if (rc == 0 && from != q->dtype)
			widen(rows, n * dim);
		return rc;
	}
	/* A few at a time: as f32 they take four times the room that the caller
	 * has made for them. */
	step = vs_op_block_rows(ctx, dim * sizeof(float), n);
	wide = vs_alloc(ctx, step, dim * sizeof(float), "queries", err);
	if (wide == NULL)
		return VS_ENOMEM;
	for (; rc == 0 && n > 0; n -= m, first += m, to += m * dim) {
		m = vs_min_size(n, step);
		rc = vs_vecs_read(ctx, q->vecs, first, m, wide, err);
		if (rc == 0)
			rc = narrow(q, wide, first, m, to, err);
	}
	vs_free(ctx, wide);
	return rc;
}
