/* stream.c - rows with their ids, block by block: ids first, since they decide
 * which rows are wanted.
 */
#include "stream.h"

#include "op_int.h"

#include <string.h>

#include "vs/mem.h"
#include "vs/num.h"

#define SAMPLE_RUN 16u /* rows of a sample that are read together */
#define WALK_IDS 8192u /* ids at a time where no rows come with them */

static int rewind_stream(void *arg, struct vs_ctx *ctx, struct vs_err *err)
{
	struct vs_op_stream *s = arg;

	(void)ctx;
	(void)err;
	s->at = s->first;
	return 0;
}

static int room_for_offsets(struct vs_ctx *ctx, struct vs_op_stream *s,
			    size_t n, struct vs_err *err)
{
	int rc = 0;

	if (n > s->offsets_max)
		rc = vs_resize(ctx, (void **)&s->offsets, n, sizeof(uint32_t),
			       "row offsets", err);
	if (rc == 0 && n > s->offsets_max)
		s->offsets_max = n;
	return rc;
}

/* Whether not all rows of the range are given. */
static bool is_sparse(const struct vs_op_stream *s)
{
	return s->select != NULL || s->n_holes != 0;
}

/* Of n ascending offsets from row at on those that are no holes. */
static size_t skip_holes(const struct vs_op_stream *s, uint64_t at,
			 uint32_t *offsets, size_t n)
{
	size_t lo = 0, hi = s->n_holes, mid, i, left = 0;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (s->hole[mid] < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (i = 0; i < n; i++) {
		while (lo < s->n_holes && s->hole[lo] < at + offsets[i])
			lo++;
		if (lo == s->n_holes || s->hole[lo] != at + offsets[i])
			offsets[left++] = offsets[i];
	}
	return left;
}

int vs_op_stream_take(struct vs_ctx *ctx, struct vs_op_stream *s, uint64_t at,
		      size_t n, uint64_t *ids, size_t *got, struct vs_err *err)
{
	size_t i;
	int rc = 0;

	*got = n;
	if (s->ids != NULL)
		rc = vs_ids_read(ctx, s->ids, at, n, ids, err);
	for (i = 0; s->ids == NULL && i < n; i++)
		ids[i] = s->id_base + at + i;
	if (rc != 0 || !is_sparse(s))
		return rc;
	rc = room_for_offsets(ctx, s, n, err);
	if (rc != 0)
		return rc;
	if (s->select != NULL)
		*got = s->select(s->select_arg, ids, n, s->offsets);
	for (i = 0; s->select == NULL && i < n; i++)
		s->offsets[i] = (uint32_t)i;
	*got = skip_holes(s, at, s->offsets, *got);
	for (i = 0; i < *got; i++)
		ids[i] = ids[s->offsets[i]];
	return 0;
}

static int next_rows(void *arg, struct vs_ctx *ctx, void *rows, uint64_t *ids,
		     size_t n, size_t *got, struct vs_err *err)
{
	struct vs_op_stream *s = arg;
	size_t row_bytes = vs_vecs_row_bytes(s->vecs), i;
	uint8_t *to = rows;
	int rc = 0;

	*got = 0;
	while (rc == 0 && *got == 0) {
		n = (size_t)vs_min_u64(n, s->end - s->at);
		if (n == 0)
			return 0;
		rc = vs_op_stream_take(ctx, s, s->at, n, ids, got, err);
		if (rc == 0 && *got > 0)
			rc = vs_vecs_read(ctx, s->vecs, s->at, n, rows, err);
		if (rc == 0 && *got > 0 && s->refuse_zeros)
			rc = vs_op_check_zeros(s->vecs, s->at, n, rows, err);
		if (rc == 0 && *got > 0 && s->refuse_wide)
			rc = vs_op_check_halves(s->vecs, s->at, n, rows, err);
		s->at += n;
	}
	for (i = 0; rc == 0 && is_sparse(s) && i < *got; i++)
		if (s->offsets[i] != i)
			memcpy(to + i * row_bytes,
			       to + s->offsets[i] * row_bytes, row_bytes);
	return rc;
}

int vs_op_stream_name(struct vs_ctx *ctx, struct vs_op_stream *s,
		      const char *ids, uint64_t id_base, struct vs_err *err)
{
	const char *name = vs_vecs_name(s->vecs);
	uint64_t n_rows = vs_vecs_rows(s->vecs);

	s->id_base = id_base;
	if (ids != NULL)
		return vs_ids_open(ctx, ids, n_rows, name, &s->ids, err);
	return vs_op_check_id_base(name, id_base, n_rows, err);
}

int vs_op_stream_add_ids(struct vs_ctx *ctx, const struct vs_op_stream *s,
			 struct vs_hasher *h, struct vs_err *err)
{
	struct vs_digest ids;
	int rc;

	if (s->ids != NULL) {
		rc = vs_ids_quick_digest(ctx, s->ids, &ids, err);
		if (rc != 0)
			return rc;
		vs_hasher_add_text(h, "ids");
		vs_hasher_add(h, ids.b, sizeof(ids.b));
	} else if (s->id_base != 0) {
		vs_hasher_add_text(h, "id-base");
		vs_hasher_add_u64(h, s->id_base);
	}
	return 0;
}

void vs_op_stream_clear(struct vs_ctx *ctx, struct vs_op_stream *s)
{
	vs_free(ctx, s->offsets);
	vs_free(ctx, s->hole);
	vs_ids_close(ctx, s->ids);
	vs_vecs_close(ctx, s->vecs);
}

int vs_op_stream_walk(struct vs_ctx *ctx, struct vs_op_stream *s,
		      void (*each)(void *arg, uint64_t row, uint64_t id),
		      void *arg, struct vs_err *err)
{
	uint64_t *ids = vs_alloc(ctx, WALK_IDS, sizeof(*ids), "ids", err);
	uint64_t at;
	size_t n, got, i;
	int rc = ids == NULL ? VS_ENOMEM : 0;

	for (at = s->first; rc == 0 && at < s->end; at += n) {
		if (vs_ctx_stopping(ctx)) {
			rc = vs_fail(err, VS_EAGAIN,
				     "stopped while reading ids; run again");
			break;
		}
		n = (size_t)vs_min_u64(WALK_IDS, s->end - at);
		rc = vs_op_stream_take(ctx, s, at, n, ids, &got, err);
		for (i = 0; rc == 0 && i < got; i++)
			each(arg,
			     at + (is_sparse(s) ? s->offsets[i] : i),
			     ids[i]);
	}
	vs_free(ctx, ids);
	return rc;
}

/* Of n_rows rows the i-th of a sample of n: runs of SAMPLE_RUN rows, evenly
 * spaced.  Ascending in i. */
static uint64_t sample_at(uint64_t n_rows, size_t n, size_t i)
{
	size_t n_runs = (size_t)vs_div_up(n, SAMPLE_RUN), run = i / SAMPLE_RUN;
	size_t first = run * SAMPLE_RUN;
	size_t len = vs_min_size(SAMPLE_RUN, n - first);
	double step = n_runs == 1 ? 0 :
				    (double)(n_rows - n) / (double)(n_runs - 1);

	/* Gaps before a run add up to n_rows - n at the last one. */
	return vs_min_u64((uint64_t)(step * (double)run) + first,
			  n_rows - len) + i % SAMPLE_RUN;
}

/* Where the rows of a sample stand in the set. */
struct sample {
	uint64_t n_rows;
	size_t n;
	uint64_t *row; /* [n] */
	uint64_t rank; /* of the next row that the stream would give */
	size_t got;
};

static void note_row(void *arg, uint64_t row, uint64_t id)
{
	struct sample *s = arg;

	(void)id;
	if (s->got < s->n && s->rank == sample_at(s->n_rows, s->n, s->got))
		s->row[s->got++] = row;
	s->rank++;
}

/* A sample of the rows that the stream gives, whatever lies between them in the
 * file: the same one when they were split off before. */
static int sample_rows(void *arg, struct vs_ctx *ctx, void *rows, size_t n,
		       size_t *got, struct vs_err *err)
{
	struct vs_op_stream *s = arg;
	size_t row_bytes = vs_vecs_row_bytes(s->vecs), i;
	struct sample m = { .n_rows = s->n_rows,
			    .n = (size_t)vs_min_u64(n, s->n_rows) };
	int rc = 0;

	*got = m.n;
	m.row = vs_alloc(ctx, m.n, sizeof(*m.row), "sample", err);
	if (m.row == NULL)
		return VS_ENOMEM;
	if (is_sparse(s))
		rc = vs_op_stream_walk(ctx, s, note_row, &m, err);
	else
		for (; m.got < m.n; m.got++)
			m.row[m.got] = s->first +
				       sample_at(m.n_rows, m.n, m.got);
	if (rc == 0 && m.got != m.n)
		rc = vs_fail(err, VS_EINTERNAL,
			     "%s: %zu rows of a sample of %zu were found",
			     vs_vecs_name(s->vecs), m.got, m.n);
	for (i = 0; rc == 0 && i < m.n; i++)
		rc = vs_vecs_read(ctx, s->vecs, m.row[i], 1,
				  (uint8_t *)rows + i * row_bytes, err);
	vs_free(ctx, m.row);
	return rc;
}

void vs_op_stream_source(struct vs_op_stream *s, uint64_t n_rows,
			 uint64_t id_max, struct vs_source *out)
{
	out->dim = vs_vecs_dim(s->vecs);
	out->dtype = vs_vecs_dtype(s->vecs);
	out->raw_dim = out->dim;
	out->raw_dtype = out->dtype;
	out->tee = NULL;
	s->n_rows = n_rows;
	out->n_rows = n_rows;
	out->id_max = id_max;
	out->name = vs_vecs_name(s->vecs);
	out->rewind = rewind_stream;
	out->next = next_rows;
	out->sample = sample_rows;
	out->arg = s;
}
