/* vecs_write.c - writes rows into a new file of any of the formats.
 *
 * What is written is hashed on the way, so that a file that stands under the
 * name already can be told to be the same without keeping the new one.
 */
#include <string.h>

#include "vecs_int.h"
#include "vs/mem.h"
#include "vs/num.h"

struct vs_vecs_writer {
	struct vs_out *out;
	struct vs_hasher *hasher; /* of all bytes appended */
	char *path;
	enum vs_vecs_layout layout;
	uint32_t dim;
	size_t row_bytes;
	uint64_t n_rows;  /* that will come */
	uint64_t n_done;  /* that have come */
	uint64_t n_bytes; /* of the whole file */
	uint8_t *scratch; /* rows with their headers; NULL without them */
	size_t scratch_rows;
};

/* What cannot be written at all. */
static int check_shape(const char *path, enum vs_vecs_format format,
		       const struct vs_vecs_shape *s, struct vs_err *err)
{
	const struct vs_vecs_format_info *info = vs_vecs_format_info(format);
	char suffixes[VS_VECS_SUFFIXES_MAX];

	if (info == NULL)
		return vs_fail(err, VS_EUSAGE,
			       "%s: the name does not say the format; expected "
			       "one of the suffixes %s",
			       path, vs_vecs_suffixes(suffixes));
	if (info->layout == VS_LAYOUT_HDF5)
		return vs_fail(err, VS_EUSAGE,
			       "%s: HDF5 is read, not written; choose another "
			       "format", path);
	if (s->dim < 1 || s->dim > VS_DIM_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "%s: rows of %u elements cannot be written; "
			       "expected 1 to %u",
			       path, s->dim, VS_DIM_MAX);
	if (vs_dtype_size(s->dtype) == 0 ||
	    (info->dtype != 0 && info->dtype != s->dtype))
		return vs_fail(err, VS_EUSAGE,
			       "%s: elements of type %s cannot be written as "
			       "%s; expected %s; choose another format",
			       path, vs_dtype_name(s->dtype), info->name,
			       info->dtype != 0 ? vs_dtype_name(info->dtype)
						: "a number");
	if (info->layout == VS_LAYOUT_BIN && s->n_rows > UINT32_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "%s: %llu rows do not fit the header of %s; "
			       "expected at most %u; choose another format",
			       path, (unsigned long long)s->n_rows, info->name,
			       UINT32_MAX);
	if (info->layout == VS_LAYOUT_ROWS && s->n_rows == 0)
		return vs_fail(err, VS_EUSAGE,
			       "%s: %s cannot say that it holds no rows; "
			       "expected at least one; choose another format",
			       path, info->name);
	return 0;
}

/* Sizes of rows, scratch memory and file. */
static int plan(struct vs_vecs_writer *w, const struct vs_vecs_shape *s,
		struct vs_err *err)
{
	size_t stride;
	uint64_t head = w->layout == VS_LAYOUT_BIN   ? 8
			: w->layout == VS_LAYOUT_NPY ? VS_NPY_HEAD_LEN
						     : 0;

	w->dim = s->dim;
	w->n_rows = s->n_rows;
	w->row_bytes = s->dim * vs_dtype_size(s->dtype);
	stride =
		w->row_bytes + (w->layout == VS_LAYOUT_ROWS ? VS_VECS_LEAD : 0);
	if (w->layout == VS_LAYOUT_ROWS)
		w->scratch_rows =
			(size_t)vs_min_u64(s->n_rows, VS_VECS_CHUNK / stride);
	if (!vs_mul_u64(s->n_rows, stride, &w->n_bytes) ||
	    !vs_add_u64(w->n_bytes, head, &w->n_bytes))
		return vs_fail(err, VS_EUSAGE,
			       "%s: %llu rows of %zu bytes are too many for a "
			       "file",
			       w->path, (unsigned long long)s->n_rows, stride);
	return 0;
}

static int put(struct vs_ctx *ctx, struct vs_vecs_writer *w, const void *buf,
	       size_t n, struct vs_err *err)
{
	vs_hasher_add(w->hasher, buf, n);
	return vs_out_append(ctx, w->out, buf, n, err);
}

static int put_head(struct vs_ctx *ctx, struct vs_vecs_writer *w,
		    enum vs_dtype dtype, struct vs_err *err)
{
	uint8_t b[VS_NPY_HEAD_LEN];
	struct vs_npy npy = { dtype, w->n_rows, w->dim };

	if (w->layout == VS_LAYOUT_ROWS)
		return 0;
	if (w->layout == VS_LAYOUT_NPY) {
		vs_npy_format(&npy, b);
		return put(ctx, w, b, VS_NPY_HEAD_LEN, err);
	}
	vs_put_le32(b, (uint32_t)w->n_rows);
	vs_put_le32(b + 4, w->dim);
	return put(ctx, w, b, 8, err);
}

static int start(struct vs_ctx *ctx, struct vs_vecs_writer *w, const char *path,
		 const struct vs_vecs_shape *s, struct vs_err *err)
{
	int rc;

	w->path = vs_strdup(ctx, path, err);
	if (w->path == NULL)
		return VS_ENOMEM;
	rc = plan(w, s, err);
	if (rc != 0)
		return rc;
	if (w->scratch_rows != 0) {
		w->scratch = vs_alloc(ctx, w->scratch_rows,
				      VS_VECS_LEAD + w->row_bytes,
				      "write buffer", err);
		if (w->scratch == NULL)
			return VS_ENOMEM;
	}
	rc = vs_hasher_create(ctx, &w->hasher, err);
	if (rc == 0)
		rc = vs_out_create(ctx, path, &w->out, err);
	if (rc == 0 && vs_out_seekable(w->out))
		rc = vs_out_reserve(ctx, w->out, w->n_bytes, err);
	if (rc == 0)
		rc = put_head(ctx, w, s->dtype, err);
	return rc;
}

int vs_vecs_create(struct vs_ctx *ctx, const char *path,
		   const struct vs_vecs_shape *shape,
		   struct vs_vecs_writer **out, struct vs_err *err)
{
	enum vs_vecs_format format = shape->format;
	struct vs_vecs_writer *w;
	int rc;

	*out = NULL;
	if (format == VS_FMT_AUTO)
		format = vs_vecs_format_of(path);
	rc = check_shape(path, format, shape, err);
	if (rc != 0)
		return rc;
	w = vs_zalloc(ctx, 1, sizeof(*w), "vector writer", err);
	if (w == NULL)
		return VS_ENOMEM;
	w->layout = vs_vecs_format_info(format)->layout;
	rc = start(ctx, w, path, shape, err);
	if (rc != 0) {
		vs_vecs_abort(ctx, w);
		return rc;
	}
	*out = w;
	return 0;
}

/* Puts the header in front of each of n <= scratch_rows rows. */
static size_t add_leads(struct vs_vecs_writer *w, const uint8_t *rows, size_t n)
{
	uint8_t *to = w->scratch;
	size_t i;

	for (i = 0; i < n; i++) {
		vs_put_le32(to, w->dim);
		memcpy(to + VS_VECS_LEAD, rows, w->row_bytes);
		to += VS_VECS_LEAD + w->row_bytes;
		rows += w->row_bytes;
	}
	return (size_t)(to - w->scratch);
}

int vs_vecs_append(struct vs_ctx *ctx, struct vs_vecs_writer *w,
		   const void *rows, size_t n, struct vs_err *err)
{
	const uint8_t *from = rows;
	size_t take, n_bytes;
	int rc;

	if (n > w->n_rows - w->n_done)
		return vs_fail(err, VS_EINTERNAL,
			       "%s: more rows come than the %llu announced",
			       w->path, (unsigned long long)w->n_rows);
	while (n > 0) {
		if (w->scratch != NULL) {
			take = vs_min_size(n, w->scratch_rows);
			n_bytes = add_leads(w, from, take);
			rc = put(ctx, w, w->scratch, n_bytes, err);
		} else {
			take = n;
			rc = put(ctx, w, from, n * w->row_bytes, err);
		}
		if (rc != 0)
			return rc;
		from += take * w->row_bytes;
		w->n_done += take;
		n -= take;
	}
	return 0;
}

/* Hashes f, whose size is right. */
static int hash_file(struct vs_ctx *ctx, struct vs_file *f,
		     struct vs_digest *out, struct vs_err *err)
{
	uint64_t size = vs_file_size(f), at;
	size_t take = 0;
	struct vs_hasher *h = NULL;
	void *buf = vs_alloc(ctx, VS_VECS_CHUNK, 1, "read buffer", err);
	int rc = buf == NULL ? VS_ENOMEM : vs_hasher_create(ctx, &h, err);

	for (at = 0; rc == 0 && at < size; at += take) {
		take = (size_t)vs_min_u64(size - at, VS_VECS_CHUNK);
		rc = vs_file_pread(ctx, f, buf, take, at, err);
		if (rc == 0)
			vs_hasher_add(h, buf, take);
	}
	if (rc == 0)
		vs_hasher_done(h, out);
	vs_hasher_destroy(ctx, h);
	vs_free(ctx, buf);
	return rc;
}

/* Success when what stands under the name has the bytes that were written. */
static int compare(struct vs_ctx *ctx, const struct vs_vecs_writer *w,
		   struct vs_err *err)
{
	struct vs_digest ours, theirs;
	struct vs_file *f;
	bool same;
	int rc = vs_file_open(ctx, w->path, &f, err);

	if (rc == VS_ENOINPUT)
		return vs_fail(err, VS_ECREATE,
			       "%s: exists and cannot be read to compare it; "
			       "remove it or give --replace",
			       w->path);
	if (rc != 0)
		return rc;
	vs_hasher_done(w->hasher, &ours);
	same = vs_file_size(f) == w->n_bytes;
	if (same) {
		rc = hash_file(ctx, f, &theirs, err);
		same = rc == 0 && vs_digest_equal(&ours, &theirs);
	}
	vs_file_close(ctx, f);
	if (rc == 0 && !same)
		return vs_fail(err, VS_ECREATE,
			       "%s: exists with other contents; remove it or "
			       "give --replace",
			       w->path);
	return rc;
}

int vs_vecs_finish(struct vs_ctx *ctx, struct vs_vecs_writer *w,
		   enum vs_publish how, struct vs_err *err)
{
	struct vs_out *out = w->out;
	bool existed = false;
	int rc;

	if (w->n_done != w->n_rows) {
		rc = vs_fail(err, VS_EINTERNAL,
			     "%s: %llu rows came; %llu were announced", w->path,
			     (unsigned long long)w->n_done,
			     (unsigned long long)w->n_rows);
		goto out;
	}
	w->out = NULL;
	rc = vs_out_publish(ctx, out, how, &existed, err);
	if (existed) {
		rc = compare(ctx, w, err);
		if (rc == 0 && err != NULL)
			vs_err_clear(err);
	}
out:
	vs_vecs_abort(ctx, w);
	return rc;
}

void vs_vecs_abort(struct vs_ctx *ctx, struct vs_vecs_writer *w)
{
	if (w == NULL)
		return;
	vs_out_abort(ctx, w->out);
	vs_hasher_destroy(ctx, w->hasher);
	vs_free(ctx, w->scratch);
	vs_free(ctx, w->path);
	vs_free(ctx, w);
}
