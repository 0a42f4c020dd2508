/* queries.c - reads queries in the type of the rows, where that is exact. */
#include "queries.h"

#include <string.h>

#include "vs/mem.h"
#include "vs/widen.h"

int vs_op_queries_open(struct vs_ctx *ctx, const struct vs_op_io *io,
		       const struct vs_cont_head *head,
		       struct vs_op_queries *out, struct vs_err *err)
{
	struct vs_vecs_options opt = vs_op_reading(io);
	enum vs_dtype t;
	int rc;

	out->dtype = head->dtype == VS_F16 ? VS_F32 : head->dtype;
	out->refuse_zeros = head->metric == VS_COSINE &&
			    io->zero == VS_ZERO_REFUSE;
	rc = vs_vecs_open(ctx, io->inputs, io->n_inputs, &opt, &out->vecs,
			  err);
	if (rc != 0)
		return rc;
	t = vs_vecs_dtype(out->vecs);
	if (vs_vecs_dim(out->vecs) != head->dim)
		rc = vs_fail(err, VS_EDATA,
			     "%s: queries have %u dimensions; the index has "
			     "%u", vs_vecs_name(out->vecs),
			     vs_vecs_dim(out->vecs), head->dim);
	else if (t != VS_F32 && t != VS_U8 && t != VS_I8)
		rc = vs_fail(err, VS_EDATA,
			     "%s: queries are %s; the index holds %s",
			     vs_vecs_name(out->vecs), vs_dtype_name(t),
			     vs_dtype_name(head->dtype));
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

static int narrow(const struct vs_op_queries *q, const float *from,
		  uint64_t query, uint8_t *to, struct vs_err *err)
{
	bool i8 = q->dtype == VS_I8;
	float lo = i8 ? -128 : 0, hi = i8 ? 127 : 255, v;
	uint32_t dim = vs_vecs_dim(q->vecs), i;

	for (i = 0; i < dim; i++) {
		v = from[i];
		if (!(v >= lo && v <= hi) || (float)(int)v != v)
			return vs_fail(
				err, VS_EDATA,
				"%s: query %llu has %.9g in dimension %u; the "
				"index holds %s rows, so queries must be whole "
				"numbers from %.0f to %.0f",
				vs_vecs_name(q->vecs),
				(unsigned long long)query, (double)v, i,
				vs_dtype_name(q->dtype), (double)lo,
				(double)hi);
		to[i] = (uint8_t)(int)v;
	}
	return 0;
}

/* Query i as it is in the file to the type of the rows searched. */
static int convert(const struct vs_op_queries *q, const void *raw, uint64_t i,
		   float *wide, uint8_t *to, struct vs_err *err)
{
	enum vs_dtype from = vs_vecs_dtype(q->vecs);
	uint32_t dim = vs_vecs_dim(q->vecs);

	vs_row_widen(from, raw, dim, wide);
	if (q->dtype != VS_F32)
		return narrow(q, wide, i, to, err);
	memcpy(to, wide, dim * sizeof(*wide));
	return 0;
}

/* A few at a time: in the file they may take four times the room that the
 * caller has made for them. */
static int read_converted(struct vs_ctx *ctx, struct vs_op_queries *q,
			  uint64_t first, size_t n, uint8_t *to,
			  struct vs_err *err)
{
	size_t row_bytes = vs_vecs_row_bytes(q->vecs), step, m = 0, i;
	uint32_t dim = vs_vecs_dim(q->vecs);
	float *wide = NULL;
	uint8_t *raw;
	int rc;

	step = vs_op_block_rows(ctx, row_bytes, n);
	raw = vs_alloc(ctx, step, row_bytes, "queries", err);
	if (raw != NULL)
		wide = vs_alloc(ctx, dim, sizeof(float), "queries", err);
	rc = wide == NULL ? VS_ENOMEM : 0;
	for (; rc == 0 && n > 0; n -= m, first += m) {
		m = vs_min_size(n, step);
		rc = vs_vecs_read(ctx, q->vecs, first, m, raw, err);
		for (i = 0; rc == 0 && i < m; i++) {
			rc = convert(q, raw + i * row_bytes, first + i, wide,
				     to, err);
			to += dim * vs_dtype_size(q->dtype);
		}
	}
	vs_free(ctx, wide);
	vs_free(ctx, raw);
	return rc;
}

static int check_zeros(const struct vs_op_queries *q, uint64_t first, size_t n,
		       const uint8_t *rows, struct vs_err *err)
{
	uint32_t dim = vs_vecs_dim(q->vecs);
	size_t i;

	for (i = 0; i < n; i++, rows += dim * vs_dtype_size(q->dtype))
		if (vs_row_is_zero(q->dtype, rows, dim))
			return vs_fail(err, VS_EDATA,
				       "%s: query %llu is all zeros, which has "
				       "no direction under cosine; remove it, "
				       "or give --zero keep to have cosine 0 "
				       "with everything",
				       vs_vecs_name(q->vecs),
				       (unsigned long long)(first + i));
	return 0;
}

int vs_op_queries_read(struct vs_ctx *ctx, struct vs_op_queries *q,
		       uint64_t first, size_t n, void *rows,
		       struct vs_err *err)
{
	int rc;

	if (vs_vecs_dtype(q->vecs) == q->dtype)
		rc = vs_vecs_read(ctx, q->vecs, first, n, rows, err);
	else
		rc = read_converted(ctx, q, first, n, rows, err);
	if (rc == 0 && q->refuse_zeros)
		rc = check_zeros(q, first, n, rows, err);
	return rc;
}
