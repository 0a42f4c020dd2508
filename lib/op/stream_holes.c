/* stream_holes.c - finds the rows of a stream that it shall leave out because
 * they are not finite.
 *
 * They are found before anything is made of the others, so that how many these
 * are is known as it is of rows without holes.
 */
#include "op_int.h"
#include "stream.h"
#include "vs/mem.h"

struct finding {
	struct vs_ctx *ctx;
	struct vs_op_stream *s;
	uint64_t *row; /* [max] */
	size_t n, max;
};

static int note(struct finding *f, uint64_t row, struct vs_err *err)
{
	size_t max = f->max == 0 ? 64 : f->max * 2;
	int rc;

	if (f->n == f->max) {
		rc = vs_resize(f->ctx, (void **)&f->row, max, sizeof(*f->row),
			       "rows that are not finite", err);
		if (rc != 0)
			return rc;
		f->max = max;
	}
	f->row[f->n++] = row;
	return 0;
}

/* Of n rows from at on: all were read, picked says which ones belong. */
static int look(struct finding *f, uint64_t at, const uint8_t *rows,
		const uint32_t *picked, size_t n, struct vs_err *err)
{
	size_t row_bytes = vs_vecs_row_bytes(f->s->vecs), i, offset;
	int rc = 0;

	for (i = 0; rc == 0 && i < n; i++) {
		offset = picked == NULL ? i : picked[i];
		if (vs_vecs_is_hole(f->s->vecs, rows + offset * row_bytes))
			rc = note(f, at + offset, err);
	}
	return rc;
}

static int find(struct finding *f, uint8_t *rows, uint64_t *ids, size_t n,
		struct vs_err *err)
{
	struct vs_op_stream *s = f->s;
	uint64_t at;
	size_t take, got;
	int rc = 0;

	for (at = s->first; rc == 0 && at < s->end; at += take) {
		if (vs_ctx_stopping(f->ctx))
			return vs_fail(err, VS_EAGAIN,
				       "stopped while looking for rows that "
				       "are not finite; run again");
		take = (size_t)vs_min_u64(n, s->end - at);
		rc = vs_op_stream_take(f->ctx, s, at, take, ids, &got, err);
		if (rc == 0 && got > 0)
			rc = vs_vecs_read(f->ctx, s->vecs, at, take, rows, err);
		if (rc == 0)
			rc = look(f, at, rows,
				  s->select != NULL ? s->offsets : NULL, got,
				  err);
		vs_ctx_progress(f->ctx, "check", at + take - s->first,
				s->end - s->first, "rows");
	}
	return rc;
}

static void warn(const struct finding *f)
{
	if (f->n != 0)
		vs_ctx_log(f->ctx, VS_LOG_WARN,
			   "%s: %zu rows with values that are not finite are "
			   "left out; the first is row %llu, counted from 0 "
			   "through all files", vs_vecs_name(f->s->vecs), f->n,
			   (unsigned long long)f->row[0]);
}

int vs_op_stream_leave_holes(struct vs_ctx *ctx, struct vs_op_stream *s,
			     uint64_t *n_rows, struct vs_err *err)
{
	struct finding f = { .ctx = ctx, .s = s };
	enum vs_dtype t = vs_vecs_dtype(s->vecs);
	size_t row_bytes = vs_vecs_row_bytes(s->vecs), n;
	uint64_t *ids;
	uint8_t *rows;
	int rc;

	if ((t != VS_F32 && t != VS_F16) || s->first == s->end ||
	    s->n_holes != 0)
		return 0;
	n = vs_op_block_rows(ctx, row_bytes, s->end - s->first);
	rows = vs_alloc(ctx, n, row_bytes, "rows", err);
	if (rows == NULL)
		return VS_ENOMEM;
	ids = vs_alloc(ctx, n, sizeof(*ids), "ids", err);
	rc = ids == NULL ? VS_ENOMEM : find(&f, rows, ids, n, err);
	vs_free(ctx, ids);
	vs_free(ctx, rows);
	if (rc != 0) {
		vs_free(ctx, f.row);
		return rc;
	}
	warn(&f);
	s->hole = f.row;
	s->n_holes = f.n;
	*n_rows -= f.n;
	return 0;
}
