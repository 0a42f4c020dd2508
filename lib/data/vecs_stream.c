/* vecs_stream.c - queries of a pipe, as they come.
 *
 * The buffer holds a block of rows as they stand in the stream.  Only its first
 * row is waited for; what else can be had without waiting comes along, so a
 * fast producer fills blocks and a slow one is answered row by row.
 */
#include "vs/vecs_stream.h"

#include <string.h>

#include "vecs_int.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/spool.h"

#define HEAD_BYTES 8 /* u32 n, u32 d */

struct vs_vecs_stream {
	struct vs_file *file;
	const struct vs_vecs_format_info *info;
	uint32_t dim;
	size_t most;
	size_t lead, stride; /* of a row in the stream */
	uint8_t *buf;
	size_t cap, n;   /* bytes of buf: room and filled */
	uint64_t offset; /* of buf in the stream */
	uint64_t query;  /* number of the row that buf begins with */
	uint64_t end;    /* the queries that the header allows */
	bool head_due;
	bool ended; /* nothing comes after what buf holds */
};

static int find_format(struct vs_vecs_stream *s, const char *path,
		       enum vs_vecs_format format, struct vs_err *err)
{
	if (vs_spool_is_zst(path))
		return vs_fail(err, VS_EUSAGE,
			       "%s: is compressed, and a stream is read as it "
			       "comes; unpack it into a pipe, as by zstdcat",
			       path);
	if (format == VS_FMT_AUTO)
		format = vs_vecs_format_of(path);
	s->info = vs_vecs_format_info(format);
	if (s->info == NULL)
		return vs_fail(err, VS_EUSAGE,
			       "%s: the name does not say the format of the "
			       "stream; expected fvecs, bvecs, fbin, f16bin, "
			       "u8bin or i8bin; give --input-format",
			       path);
	if (s->info->layout != VS_LAYOUT_ROWS &&
	    s->info->layout != VS_LAYOUT_BIN)
		return vs_fail(err, VS_EUSAGE,
			       "%s: %s is read as a whole; expected fvecs, "
			       "bvecs, fbin, f16bin, u8bin or i8bin",
			       path, s->info->name);
	if (s->info->dtype == VS_I32)
		return vs_fail(err, VS_EUSAGE,
			       "%s: %s has rows of i32, which are no queries; "
			       "expected fvecs, bvecs, fbin, f16bin, u8bin or "
			       "i8bin",
			       path, s->info->name);
	return 0;
}

static int open_stream(struct vs_ctx *ctx, struct vs_vecs_stream *s,
		       const char *path, const struct vs_vecs_stream_spec *spec,
		       struct vs_err *err)
{
	int rc = find_format(s, path, spec->format, err);

	if (rc != 0)
		return rc;
	s->head_due = s->info->layout == VS_LAYOUT_BIN;
	s->lead = s->head_due ? 0 : VS_VECS_LEAD;
	s->stride = s->lead + s->dim * vs_dtype_size(s->info->dtype);
	s->cap = s->most * s->stride;
	if (s->cap < HEAD_BYTES)
		s->cap = HEAD_BYTES;
	s->buf = vs_alloc(ctx, s->cap, 1, "queries", err);
	if (s->buf == NULL)
		return VS_ENOMEM;
	return vs_file_open(ctx, path, &s->file, err);
}

int vs_vecs_stream_open(struct vs_ctx *ctx, const char *path,
			const struct vs_vecs_stream_spec *spec,
			struct vs_vecs_stream **out, struct vs_err *err)
{
	struct vs_vecs_stream *s;
	int rc;

	*out = NULL;
	s = vs_zalloc(ctx, 1, sizeof(*s), "stream of queries", err);
	if (s == NULL)
		return VS_ENOMEM;
	s->dim = spec->dim;
	s->most = spec->most;
	s->end = UINT64_MAX;
	rc = open_stream(ctx, s, path, spec, err);
	if (rc != 0) {
		vs_vecs_stream_close(ctx, s);
		return rc;
	}
	*out = s;
	return 0;
}

enum vs_dtype vs_vecs_stream_dtype(const struct vs_vecs_stream *s)
{
	return s->info->dtype;
}

const char *vs_vecs_stream_name(const struct vs_vecs_stream *s)
{
	return vs_file_path(s->file);
}

/* Waits until buf holds `least` bytes or the stream ends; takes more only when
 * they are there already. */
static int fill(struct vs_ctx *ctx, struct vs_vecs_stream *s, size_t least,
		struct vs_err *err)
{
	size_t got;
	int rc;

	while (!s->ended && s->n < s->cap) {
		if (s->n >= least && !vs_file_ready(s->file))
			break;
		rc = vs_file_read(ctx, s->file, s->buf + s->n, s->cap - s->n,
				  &got, err);
		if (rc != 0)
			return rc;
		s->n += got;
		s->ended = got == 0;
	}
	return 0;
}

static void drop(struct vs_vecs_stream *s, size_t n)
{
	s->n -= n;
	s->offset += n;
	memmove(s->buf, s->buf + n, s->n);
}

static int refuse_dim(const struct vs_vecs_stream *s, uint32_t found,
		      struct vs_err *err)
{
	return vs_fail(err, VS_EDATA,
		       "%s: query %llu, at offset %llu, says dimension %u; "
		       "the index has %u; is it %s? --input-format says what "
		       "it is",
		       vs_file_path(s->file), (unsigned long long)s->query,
		       (unsigned long long)s->offset, found, s->dim,
		       s->info->name);
}

static int refuse_cut(const struct vs_vecs_stream *s, struct vs_err *err)
{
	return vs_fail(err, VS_EDATA,
		       "%s: ends within query %llu, after %zu of the %zu bytes "
		       "at offset %llu; it is truncated",
		       vs_file_path(s->file), (unsigned long long)s->query,
		       s->n, s->stride, (unsigned long long)s->offset);
}

static int take_head(struct vs_ctx *ctx, struct vs_vecs_stream *s,
		     struct vs_err *err)
{
	uint32_t n, dim;
	int rc = fill(ctx, s, HEAD_BYTES, err);

	if (rc != 0 || s->n == 0)
		return rc;
	if (s->n < HEAD_BYTES)
		return vs_fail(err, VS_EDATA,
			       "%s: ends within its header, after %zu of 8 "
			       "bytes, before query 0; it is truncated",
			       vs_file_path(s->file), s->n);
	n = vs_get_le32(s->buf);
	dim = vs_get_le32(s->buf + 4);
	if (dim != s->dim)
		return vs_fail(err, VS_EDATA,
			       "%s: queries have %u dimensions by the header; "
			       "the index has %u; is it %s? --input-format "
			       "says what it is",
			       vs_file_path(s->file), dim, s->dim,
			       s->info->name);
	if (n != 0 && n != UINT32_MAX)
		s->end = n;
	s->head_due = false;
	drop(s, HEAD_BYTES);
	return 0;
}

static bool is_finite(const struct vs_vecs_stream *s, const uint8_t *row)
{
	uint32_t i;

	if (s->info->dtype == VS_F32)
		for (i = 0; i < s->dim; i++)
			if ((~vs_get_le32(row + 4 * i) & 0x7f800000u) == 0)
				return false;
	if (s->info->dtype == VS_F16)
		for (i = 0; i < s->dim; i++)
			if ((~vs_get_le16(row + 2 * i) & 0x7c00u) == 0)
				return false;
	return true;
}

/* Why the first row of buf could not be taken. */
static int refuse_row(const struct vs_vecs_stream *s, struct vs_err *err)
{
	if (s->lead != 0 && s->n >= s->lead && vs_get_le32(s->buf) != s->dim)
		return refuse_dim(s, vs_get_le32(s->buf), err);
	if (s->n < s->stride)
		return refuse_cut(s, err);
	return vs_fail(err, VS_EDATA,
		       "%s: query %llu, at offset %llu, has a value that is "
		       "not finite; correct the query or remove it",
		       vs_file_path(s->file), (unsigned long long)s->query,
		       (unsigned long long)s->offset);
}

/* Whole rows that buf holds and that the header allows. */
static size_t rows_there(const struct vs_vecs_stream *s)
{
	size_t n = vs_min_size(s->n / s->stride, s->most);

	return (size_t)vs_min_u64(n, s->end - s->query);
}

/* Good rows up to the first bad one, which stays for the next call. */
static size_t take_rows(struct vs_vecs_stream *s, uint8_t *rows)
{
	const uint8_t *from = s->buf;
	size_t n = rows_there(s), row_bytes = s->stride - s->lead, i;

	for (i = 0; i < n; i++, from += s->stride, rows += row_bytes) {
		if (s->lead != 0 && vs_get_le32(from) != s->dim)
			break;
		if (!is_finite(s, from + s->lead))
			break;
		memcpy(rows, from + s->lead, row_bytes);
	}
	drop(s, i * s->stride);
	s->query += i;
	return i;
}

int vs_vecs_stream_next(struct vs_ctx *ctx, struct vs_vecs_stream *s,
			void *rows, size_t *n, struct vs_err *err)
{
	int rc = 0;

	*n = 0;
	if (s->head_due)
		rc = take_head(ctx, s, err);
	if (rc != 0 || s->head_due || s->query == s->end)
		return rc;
	rc = fill(ctx, s, s->stride, err);
	if (rc != 0 || s->n == 0)
		return rc;
	*n = take_rows(s, rows);
	return *n == 0 ? refuse_row(s, err) : 0;
}

void vs_vecs_stream_close(struct vs_ctx *ctx, struct vs_vecs_stream *s)
{
	if (s == NULL)
		return;
	vs_file_close(ctx, s->file);
	vs_free(ctx, s->buf);
	vs_free(ctx, s);
}
