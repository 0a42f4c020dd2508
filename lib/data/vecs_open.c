/* vecs_open.c - opens files as one set of vectors.
 *
 * For each file: how its rows lie (header against size), its first and last
 * row; then one dimension and element type throughout.  The rows between are
 * checked when they are read.
 */
#include "vecs_int.h"

#include <stdio.h>
#include <string.h>

#include "vs/mem.h"
#include "vs/num.h"
#include "vs/spool.h"

/* Each row has its own header: the number of rows follows from the size. */
static int measure_rows(struct vs_ctx *ctx, struct vs_vecs_file *f,
			struct vs_err *err)
{
	uint64_t size = vs_file_size(f->file);
	size_t elem = vs_dtype_size(f->stored);
	uint8_t b[VS_VECS_LEAD];
	int32_t d;
	int rc;

	if (size < VS_VECS_LEAD)
		return vs_vecs_refuse(ctx, f, err,
				      "%llu bytes are too few for a row of "
				      "%s; truncated? copy it again",
				      (unsigned long long)size,
				      vs_vecs_format_name(f->format));
	rc = vs_file_pread(ctx, f->file, b, sizeof(b), 0, err);
	if (rc != 0)
		return rc;
	d = (int32_t)vs_get_le32(b);
	if (d < 1 || (uint32_t)d > VS_DIM_MAX)
		return vs_vecs_refuse(ctx, f, err,
				      "row 0 says dimension %d; expected 1 to "
				      "%u; damaged, or not %s",
				      d, VS_DIM_MAX,
				      vs_vecs_format_name(f->format));
	f->dim = (uint32_t)d;
	f->lead = VS_VECS_LEAD;
	f->stride = VS_VECS_LEAD + f->dim * elem;
	f->n_rows = size / f->stride;
	if (size % f->stride != 0)
		return vs_vecs_refuse(ctx, f, err,
				      "%llu bytes are no whole number of rows "
				      "of %u dimensions (%zu bytes each): %llu "
				      "bytes are left over; truncated? copy "
				      "it again",
				      (unsigned long long)size, f->dim,
				      f->stride,
				      (unsigned long long)(size % f->stride));
	rc = vs_file_pread(ctx, f->file, b, sizeof(b), size - f->stride, err);
	if (rc != 0)
		return rc;
	if (vs_get_le32(b) != f->dim)
		return vs_vecs_refuse(ctx, f, err,
				      "row %llu, the last, says dimension %d; "
				      "expected %u as in row 0; damaged, or "
				      "not %s",
				      (unsigned long long)(f->n_rows - 1),
				      (int32_t)vs_get_le32(b), f->dim,
				      vs_vecs_format_name(f->format));
	return 0;
}

/* The rows do not fill the file as the header says. */
static int refuse_count(struct vs_ctx *ctx, struct vs_vecs_file *f,
			struct vs_err *err)
{
	uint64_t data = vs_file_size(f->file) - f->offset;
	uint64_t have = data / f->stride, left = data % f->stride;

	if (have < f->n_rows)
		return vs_vecs_refuse(ctx, f, err,
				      "cropped file whose header says %llu "
				      "rows but holds %llu rows of %u "
				      "dimensions and %llu bytes; copy it "
				      "again, or give --force-rows to read "
				      "the rows that are there",
				      (unsigned long long)f->n_rows,
				      (unsigned long long)have, f->dim,
				      (unsigned long long)left);
	return vs_vecs_refuse(
		ctx, f, err,
		"%llu bytes stand behind the %llu rows of %u "
		"dimensions that the header says; expected "
		"none; correct the header or the file",
		(unsigned long long)(data - f->n_rows * f->stride),
		(unsigned long long)f->n_rows, f->dim);
}

/* Takes the whole rows that are there, fewer than the header says, unless the
 * content tells that it is something else. */
static int take_rows(struct vs_ctx *ctx, struct vs_vecs_file *f,
		     struct vs_err *err)
{
	uint64_t data = vs_file_size(f->file) - f->offset;
	uint64_t have = data / f->stride, left = data % f->stride;
	char partial[80] = "";
	int rc = vs_vecs_refuse_other(ctx, f, err);

	if (rc != 0)
		return rc;
	if (left != 0)
		snprintf(partial, sizeof(partial),
			 " and leaving out %llu bytes of another",
			 (unsigned long long)left);
	vs_ctx_log(ctx, VS_LOG_WARN,
		   "%s: the header says %llu rows; reading the %llu that are "
		   "there%s, as --force-rows says",
		   vs_file_path(f->file), (unsigned long long)f->n_rows,
		   (unsigned long long)have, partial);
	f->n_rows = have;
	return 0;
}

/* A header of u32 n and u32 d. */
static int measure_bin(struct vs_ctx *ctx, struct vs_vecs_file *f,
		       struct vs_err *err)
{
	uint64_t size = vs_file_size(f->file);
	uint8_t b[8];
	int rc;

	if (size < sizeof(b))
		return vs_vecs_refuse(ctx, f, err,
				      "%llu bytes are too few for the header "
				      "of %s; truncated? copy it again",
				      (unsigned long long)size,
				      vs_vecs_format_name(f->format));
	rc = vs_file_pread(ctx, f->file, b, sizeof(b), 0, err);
	if (rc != 0)
		return rc;
	f->n_rows = vs_get_le32(b);
	f->dim = vs_get_le32(b + 4);
	if (f->dim < 1 || f->dim > VS_DIM_MAX)
		return vs_vecs_refuse(ctx, f, err,
				      "the header says %u dimensions; expected "
				      "1 to %u; damaged, or not %s",
				      f->dim, VS_DIM_MAX,
				      vs_vecs_format_name(f->format));
	f->offset = sizeof(b);
	f->stride = f->dim * vs_dtype_size(f->stored);
	/* Below 2^32 * 2^16 * 8: no overflow. */
	if (size - f->offset == f->n_rows * f->stride)
		return 0;
	if (f->force_rows && size - f->offset < f->n_rows * f->stride)
		return take_rows(ctx, f, err);
	return refuse_count(ctx, f, err);
}

/* Some element types are made f32 when read. */
static enum vs_dtype in_memory(const struct vs_vecs_file *f)
{
	if (f->stored == VS_F16 && f->native_f16)
		return VS_F16;
	return f->stored == VS_F16 || f->stored == VS_F64 ? VS_F32 : f->stored;
}

/* Decodes the first and the last row, so that a set that cannot be right is
 * refused before work begins. */
static int check_ends(struct vs_ctx *ctx, struct vs_vecs_file *f,
		      struct vs_err *err)
{
	uint8_t *row;
	int rc;

	if (f->n_rows == 0)
		return 0;
	row = vs_alloc(ctx, f->dim, vs_dtype_size(f->dtype), "vector row", err);
	if (row == NULL)
		return VS_ENOMEM;
	rc = vs_vecs_read_file(ctx, f, 0, 1, row, err);
	if (rc == 0)
		rc = vs_vecs_read_file(ctx, f, f->n_rows - 1, 1, row, err);
	vs_free(ctx, row);
	return rc;
}

static int measure(struct vs_ctx *ctx, struct vs_vecs_file *f,
		   const char *dataset, struct vs_err *err)
{
	const struct vs_vecs_format_info *info = vs_vecs_format_info(f->format);
	int rc;

	if (info == NULL)
		return vs_vecs_refuse_name(ctx, f, err);
	f->stored = info->dtype;
	if (info->layout == VS_LAYOUT_ROWS)
		rc = measure_rows(ctx, f, err);
	else if (info->layout == VS_LAYOUT_BIN)
		rc = measure_bin(ctx, f, err);
	else if (info->layout == VS_LAYOUT_HDF5)
		rc = vs_vecs_measure_hdf5(ctx, f, dataset, err);
	else
		rc = vs_vecs_measure_npy(ctx, f, err);
	f->dtype = in_memory(f);
	return rc;
}

/* From the name, less ".zst"; npy also from its magic, for pipes. */
static int find_format(struct vs_ctx *ctx, struct vs_vecs_file *f,
		       const char *path, struct vs_err *err)
{
	char magic[VS_NPY_MAGIC_LEN];
	int rc;

	f->format = vs_vecs_format_of_file(path);
	if (f->format != VS_FMT_AUTO || strcmp(path, "-") != 0 ||
	    vs_file_size(f->file) < sizeof(magic))
		return 0;
	rc = vs_file_pread(ctx, f->file, magic, sizeof(magic), 0, err);
	if (rc == 0 && memcmp(magic, VS_NPY_MAGIC, sizeof(magic)) == 0)
		f->format = VS_FMT_NPY;
	return rc;
}

/* path up to colon, or all of it. */
static int open_named(struct vs_ctx *ctx, struct vs_vecs_file *f,
		      const char *path, const char *colon, struct vs_err *err)
{
	char *name;
	int rc;

	if (colon == NULL)
		return vs_file_open(ctx, path, &f->file, err);
	name = vs_strndup(ctx, path, (size_t)(colon - path), err);
	if (name == NULL)
		return VS_ENOMEM;
	rc = vs_file_open(ctx, name, &f->file, err);
	vs_free(ctx, name);
	return rc;
}

static int open_file(struct vs_ctx *ctx, struct vs_vecs_file *f,
		     const char *path, enum vs_vecs_format format,
		     struct vs_err *err)
{
	const char *colon = vs_vecs_dataset(path);
	int rc = open_named(ctx, f, path, colon, err);

	if (rc != 0)
		return rc;
	rc = vs_spool(ctx, &f->file, err);
	if (rc != 0)
		return rc;
	if (vs_file_size(f->file) == 0)
		return vs_fail(err, VS_EDATA,
			       "%s: is empty; expected vectors; was it written "
			       "to the end?",
			       path);
	f->format = format;
	if (format == VS_FMT_AUTO) {
		rc = find_format(ctx, f, path, err);
		if (rc != 0)
			return rc;
	}
	rc = measure(ctx, f, colon != NULL ? colon + 1 : VS_VECS_DATASET, err);
	if (rc == 0)
		rc = check_ends(ctx, f, err);
	return rc;
}

/* f against the first file. */
static int join(struct vs_vecs *v, struct vs_vecs_file *f, struct vs_err *err)
{
	const char *path = vs_file_path(f->file);
	const char *path0 = vs_file_path(v->file[0].file);

	if (f->dim != v->file[0].dim)
		return vs_fail(err, VS_EDATA,
			       "%s: vectors of %u dimensions; expected %u as "
			       "in %s; files read as one set must agree",
			       path, f->dim, v->file[0].dim, path0);
	if (f->dtype != v->file[0].dtype)
		return vs_fail(err, VS_EDATA,
			       "%s: vectors of type %s; expected %s as in %s; "
			       "files read as one set must agree",
			       path, vs_dtype_name(f->dtype),
			       vs_dtype_name(v->file[0].dtype), path0);
	f->first = v->n_rows;
	if (!vs_add_u64(v->n_rows, f->n_rows, &v->n_rows))
		return vs_fail(err, VS_EDATA,
			       "%s: with the files before it these are more "
			       "than 2^64 rows",
			       path);
	return 0;
}

static int open_files(struct vs_ctx *ctx, struct vs_vecs *v,
		      const struct vs_vecs_options *opt, struct vs_err *err)
{
	char **paths = v->paths.path;
	size_t n_paths = v->paths.n;
	int rc = 0;

	v->file =
		vs_zalloc(ctx, n_paths, sizeof(*v->file), "list of files", err);
	if (v->file == NULL)
		return VS_ENOMEM;
	while (rc == 0 && v->n_files < n_paths) {
		struct vs_vecs_file *f = &v->file[v->n_files];

		f->allow_infinite = opt->allow_infinite;
		f->nonfinite = opt->nonfinite;
		f->native_f16 = opt->native_f16;
		f->column = opt->column;
		f->force_rows = opt->force_rows;
		rc = open_file(ctx, f, paths[v->n_files++], opt->format, err);
		if (rc == 0)
			rc = join(v, f, err);
	}
	if (rc != 0)
		return rc;
	if (n_paths == 1)
		v->name = vs_strdup(ctx, paths[0], err);
	else
		v->name = vs_asprintf(ctx, err, "%s and %zu more", paths[0],
				      n_paths - 1);
	if (v->name == NULL)
		return VS_ENOMEM;
	if (v->n_rows == 0)
		return vs_fail(err, VS_EDATA,
			       "%s: holds no rows; expected at least one",
			       v->name);
	v->dim = v->file[0].dim;
	v->dtype = v->file[0].dtype;
	v->row_bytes = v->dim * vs_dtype_size(v->dtype);
	return 0;
}

int vs_vecs_open(struct vs_ctx *ctx, const char *const *paths, size_t n_paths,
		 const struct vs_vecs_options *opt, struct vs_vecs **out,
		 struct vs_err *err)
{
	static const struct vs_vecs_options plain = {.format = VS_FMT_AUTO};
	struct vs_vecs *v;
	int rc;

	*out = NULL;
	if (n_paths == 0)
		return vs_fail(err, VS_EUSAGE,
			       "no vector file is given; expected at least "
			       "one");
	v = vs_zalloc(ctx, 1, sizeof(*v), "vector set", err);
	if (v == NULL)
		return VS_ENOMEM;
	if (opt == NULL)
		opt = &plain;
	rc = vs_vecs_paths_make(ctx, paths, n_paths, opt->directories,
				&v->paths, err);
	if (rc == 0)
		rc = open_files(ctx, v, opt, err);
	if (rc != 0) {
		vs_vecs_close(ctx, v);
		return rc;
	}
	*out = v;
	return 0;
}

uint64_t vs_vecs_rows(const struct vs_vecs *v)
{
	return v->n_rows;
}

uint32_t vs_vecs_dim(const struct vs_vecs *v)
{
	return v->dim;
}

enum vs_dtype vs_vecs_dtype(const struct vs_vecs *v)
{
	return v->dtype;
}

size_t vs_vecs_row_bytes(const struct vs_vecs *v)
{
	return v->row_bytes;
}

const char *vs_vecs_name(const struct vs_vecs *v)
{
	return v->name;
}

size_t vs_vecs_n_files(const struct vs_vecs *v)
{
	return v->n_files;
}

const char *vs_vecs_file_path(const struct vs_vecs *v, size_t i)
{
	return v->paths.path[i];
}

uint64_t vs_vecs_file_rows(const struct vs_vecs *v, size_t i)
{
	return v->file[i].n_rows;
}

void vs_vecs_close(struct vs_ctx *ctx, struct vs_vecs *v)
{
	size_t i;

	if (v == NULL)
		return;
	for (i = 0; i < v->n_files; i++)
		vs_file_close(ctx, v->file[i].file);
	vs_free(ctx, v->file);
	vs_vecs_paths_free(ctx, &v->paths);
	vs_free(ctx, v->name);
	vs_free(ctx, v);
}
