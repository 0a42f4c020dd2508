/* queries.c - reads queries in the type of the rows, where that is exact. */
#include "queries.h"

#include <string.h>

#include "vs/mem.h"
#include "vs/widen.h"

int vs_op_query_form(struct vs_op_query_form *form,
		     const struct vs_cont_head *head, enum vs_zero zero,
		     struct vs_err *err)
{
	enum vs_dtype t = form->from;

	form->to = head->dtype == VS_F16 ? VS_F32 : head->dtype;
	form->refuse_zeros = head->metric == VS_COSINE &&
			     zero == VS_ZERO_REFUSE;
	if (form->dim != head->dim)
		return vs_fail(err, VS_EDATA,
			       "%s: queries have %u dimensions; the index has "
			       "%u", form->name, form->dim, head->dim);
	if (t != VS_F32 && t != VS_F16 && t != VS_U8 && t != VS_I8)
		return vs_fail(err, VS_EDATA,
			       "%s: queries are %s; the index holds %s",
			       form->name, vs_dtype_name(t),
			       vs_dtype_name(head->dtype));
	return 0;
}

int vs_op_queries_open(struct vs_ctx *ctx, const struct vs_op_io *io,
		       const struct vs_cont_head *head,
		       struct vs_op_queries *out, struct vs_err *err)
{
	struct vs_vecs_options opt = vs_op_reading(io);
	int rc;

	rc = vs_vecs_open(ctx, io->inputs, io->n_inputs, &opt, &out->vecs,
			  err);
	if (rc != 0)
		return rc;
	out->form.name = vs_vecs_name(out->vecs);
	out->form.from = vs_vecs_dtype(out->vecs);
	out->form.dim = vs_vecs_dim(out->vecs);
	rc = vs_op_query_form(&out->form, head, io->zero, err);
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

static int narrow(const struct vs_op_query_form *form, const float *from,
		  uint64_t query, uint8_t *to, struct vs_err *err)
{
	bool i8 = form->to == VS_I8;
	float lo = i8 ? -128 : 0, hi = i8 ? 127 : 255, v;
	uint32_t i;

	for (i = 0; i < form->dim; i++) {
		v = from[i];
		if (!(v >= lo && v <= hi) || (float)(int)v != v)
			return vs_fail(
				err, VS_EDATA,
				"%s: query %llu has %.9g in dimension %u; the "
				"index holds %s rows, so queries must be whole "
				"numbers from %.0f to %.0f",
				form->name, (unsigned long long)query,
				(double)v, i, vs_dtype_name(form->to),
				(double)lo, (double)hi);
		to[i] = (uint8_t)(int)v;
	}
	return 0;
}

static int check_zero(const struct vs_op_query_form *form, uint64_t query,
		      const void *row, struct vs_err *err)
{
	if (!form->refuse_zeros || !vs_row_is_zero(form->to, row, form->dim))
		return 0;
	return vs_fail(err, VS_EDATA,
		       "%s: query %llu is all zeros, which has no direction "
		       "under cosine; remove it, or give --zero keep to have "
		       "cosine 0 with everything",
		       form->name, (unsigned long long)query);
}

int vs_op_query_convert(const struct vs_op_query_form *form, const void *raw,
			uint64_t i, float *wide, void *to, struct vs_err *err)
{
	size_t row_bytes = form->dim * vs_dtype_size(form->to);
	int rc = 0;

	if (form->from == form->to) {
		memcpy(to, raw, row_bytes);
	} else {
		vs_row_widen(form->from, raw, form->dim, wide);
		if (form->to == VS_F32)
			memcpy(to, wide, row_bytes);
		else
			rc = narrow(form, wide, i, to, err);
	}
	return rc != 0 ? rc : check_zero(form, i, to, err);
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
			rc = vs_op_query_convert(&q->form, raw + i * row_bytes,
						 first + i, wide, to, err);
			to += dim * vs_dtype_size(q->form.to);
		}
	}
	vs_free(ctx, wide);
	vs_free(ctx, raw);
	return rc;
}

int vs_op_queries_read(struct vs_ctx *ctx, struct vs_op_queries *q,
		       uint64_t first, size_t n, void *rows,
		       struct vs_err *err)
{
	const uint8_t *row = rows;
	size_t i;
	int rc;

	if (q->form.from != q->form.to)
		return read_converted(ctx, q, first, n, rows, err);
	rc = vs_vecs_read(ctx, q->vecs, first, n, rows, err);
	for (i = 0; rc == 0 && i < n; i++, row += vs_vecs_row_bytes(q->vecs))
		rc = check_zero(&q->form, first + i, row, err);
	return rc;
}
