/* vecs_hdf5.c - data sets of HDF5 files, as ann-benchmarks publishes them; the
 * only file that knows libhdf5.
 *
 * Nothing of libhdf5 outlives the opening of a set, because it cannot be called
 * by several threads: rows that lie in one piece are read from the file as
 * those of npy are; others (in chunks, compressed, in another byte order) are
 * copied to a scratch file first, as what comes through a pipe is.
 */
#include "vecs_int.h"

#ifndef VS_HAVE_HDF5

int vs_vecs_measure_hdf5(struct vs_ctx *ctx, struct vs_vecs_file *f,
			 const char *dataset, struct vs_err *err)
{
	(void)ctx;
	(void)dataset;
	return vs_fail(err, VS_EUSAGE,
		       "%s: is an HDF5 file, which this build does not read; "
		       "install libhdf5-dev and build again, or convert the "
		       "data set to npy",
		       vs_file_path(f->file));
}

#else

#include <errno.h>
#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "vs/mem.h"
#include "vs/num.h"

#define NAMES_MAX 160
#define WORD_MAX 32
#define STEP_MAX ((uint64_t)16 << 20) /* bytes of whole chunks read at once */

/* One data set while its set of vectors is opened; ids that are not open are
 * negative. */
struct data {
	struct vs_ctx *ctx;
	struct vs_vecs_file *f;
	const char *name; /* of the data set */
	hid_t file, set, space, props;
	hid_t type; /* of the elements as stored says, little-endian */
	uint64_t chunk_rows; /* 0: not in chunks */
};

static int refuse(const struct data *d, struct vs_err *err, const char *what)
{
	return vs_fail(err, VS_EDATA, "%s: data set %s %s",
		       vs_file_path(d->f->file), d->name, what);
}

/* By its descriptor: what was opened, be it a scratch file without a name.
 * Other drivers than stdio look for the name that a link stands for. */
static int open_file(struct data *d, struct vs_err *err)
{
	const char *path = vs_file_path(d->f->file);
	hid_t access = H5Pcreate(H5P_FILE_ACCESS);
	int sys = vs_ctx_hook(d->ctx, VS_CALL_OPEN, path);
	char name[40];

	snprintf(name, sizeof(name), "/proc/self/fd/%d",
		 vs_file_fd(d->f->file));
	if (sys == 0) {
#if H5_VERSION_GE(1, 10, 7)
		/* Files are read where nobody may lock. */
		(void)H5Pset_file_locking(access, false, true);
#endif
		(void)H5Pset_fapl_stdio(access);
		(void)H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
		d->file = H5Fopen(name, H5F_ACC_RDONLY, access);
	}
	(void)H5Pclose(access);
	if (sys != 0)
		return vs_fail_sys(err, VS_EIO, sys, "%s: cannot be opened",
				   path);
	if (d->file < 0)
		return vs_vecs_refuse(d->ctx, d->f, err,
				      "libhdf5 cannot open it; damaged or "
				      "truncated, or no HDF5 file; get it "
				      "again");
	return 0;
}

/* "distances, neighbors, test": what stands at the top, as far as it fits. */
static void list_names(const struct data *d, char out[NAMES_MAX])
{
	H5G_info_t group;
	char name[64];
	size_t n = 0, len;
	hsize_t i;

	out[0] = '\0';
	if (H5Gget_info(d->file, &group) < 0)
		return;
	for (i = 0; i < group.nlinks; i++) {
		if (H5Lget_name_by_idx(d->file, ".", H5_INDEX_NAME, H5_ITER_INC,
				       i, name, sizeof(name), H5P_DEFAULT) < 0)
			return;
		len = strlen(name);
		if (n + len + 3 > NAMES_MAX)
			return;
		n += (size_t)snprintf(out + n, NAMES_MAX - n, "%s%s",
				      n == 0 ? "" : ", ", name);
	}
}

/* The name is that of a link into another file.  None is followed: what is
 * built would not be of the files that are named, and offsets would be those of
 * the other one. */
static bool is_link_outside(const struct data *d)
{
	H5L_info_t link;

	return H5Lget_info(d->file, d->name, &link, H5P_DEFAULT) >= 0 &&
	       link.type == H5L_TYPE_EXTERNAL;
}

static int open_set(struct data *d, struct vs_err *err)
{
	char names[NAMES_MAX];

	(void)H5Lunregister(H5L_TYPE_EXTERNAL);
	d->set = H5Dopen2(d->file, d->name, H5P_DEFAULT);
	if (d->set < 0 && is_link_outside(d))
		return refuse(d, err, "is a link into another file; name that "
				      "file and its data set");
	if (d->set < 0) {
		list_names(d, names);
		return vs_fail(err, VS_EDATA,
			       "%s: has no data set %s that can be read; at "
			       "its top are: %s; name one as FILE:NAME",
			       vs_file_path(d->f->file), d->name, names);
	}
	d->space = H5Dget_space(d->set);
	d->props = H5Dget_create_plist(d->set);
	if (d->space < 0 || d->props < 0)
		return refuse(d, err, "is damaged; get the file again");
	return 0;
}

/* Chunks that were never written would be read as zeros. */
static bool has_all_chunks(const struct data *d, const hsize_t dims[2],
			   const hsize_t chunk[2])
{
	uint64_t want;

	if (!vs_mul_u64(vs_div_up(dims[0], chunk[0]),
			vs_div_up(dims[1], chunk[1]), &want))
		return false;
#if H5_VERSION_GE(1, 10, 5)
	hsize_t n;

	if (H5Dget_num_chunks(d->set, d->space, &n) < 0 || n < want)
		return false;
#endif
	return true;
}

/* To unpack a chunk, libhdf5 holds it whole, packed and unpacked. */
static int check_chunk_memory(const struct data *d, const hsize_t chunk[2],
			      struct vs_err *err)
{
	uint64_t left = vs_mem_left(d->ctx), n_bytes;
	char need[VS_SIZE_TEXT_MAX], have[VS_SIZE_TEXT_MAX];

	/* HDF5 has no chunks of 4 GiB. */
	n_bytes = chunk[0] * chunk[1] * H5Tget_size(d->type);
	if (H5Pget_nfilters(d->props) <= 0 || n_bytes <= left / 2)
		return 0;
	return vs_fail(err, VS_ENOMEM,
		       "%s: data set %s is packed in chunks of %s, of which "
		       "two need room, and %s are left; raise --memory, or "
		       "pack it in smaller chunks with h5repack",
		       vs_file_path(d->f->file), d->name,
		       vs_format_size(n_bytes, need),
		       vs_format_size(left, have));
}

static int measure_chunks(struct data *d, struct vs_err *err)
{
	hsize_t dims[2], chunk[2];

	if (H5Pget_layout(d->props) != H5D_CHUNKED)
		return 0;
	if (H5Sget_simple_extent_dims(d->space, dims, NULL) != 2 ||
	    H5Pget_chunk(d->props, 2, chunk) != 2)
		return refuse(d, err, "is damaged; get the file again");
	if (!has_all_chunks(d, dims, chunk))
		return refuse(d, err, "lacks chunks that were never written; "
				      "get the file again");
	d->chunk_rows = chunk[0];
	return check_chunk_memory(d, chunk, err);
}

static int measure_space(struct data *d, struct vs_err *err)
{
	struct vs_vecs_file *f = d->f;
	hsize_t dims[2];

	if (H5Sget_simple_extent_ndims(d->space) != 2 ||
	    H5Sget_simple_extent_dims(d->space, dims, NULL) != 2)
		return refuse(d, err, "is no matrix; expected two dimensions");
	if (dims[1] < 1 || dims[1] > VS_DIM_MAX)
		return refuse(d, err, "has rows of no or too many elements; "
				      "expected 1 to 65536");
	f->n_rows = dims[0];
	f->dim = (uint32_t)dims[1];
	/* A file of these that is short or gone is read as zeros. */
	if (H5Pget_layout(d->props) == H5D_VIRTUAL ||
	    H5Pget_external_count(d->props) > 0)
		return refuse(d, err, "has its rows in other files; expected "
				      "them within; copy it with h5repack");
	if (f->n_rows > 0 && H5Dget_storage_size(d->set) == 0)
		return refuse(d, err, "was never written; get the file again");
	return 0;
}

/* IEEE half floats, which libhdf5 before 1.14.4 has no name for. */
static hid_t make_half(void)
{
	hid_t t = H5Tcopy(H5T_IEEE_F32LE);

	if (H5Tset_fields(t, 15, 10, 5, 0, 10) < 0 || H5Tset_size(t, 2) < 0 ||
	    H5Tset_ebias(t, 15) < 0) {
		(void)H5Tclose(t);
		return -1;
	}
	return t;
}

/* The one float of 16 bits that is no half: its range is that of f32. */
static bool is_bfloat16(hid_t given)
{
	return H5Tget_class(given) == H5T_FLOAT && H5Tget_size(given) == 2 &&
	       H5Tget_ebias(given) != 15;
}

/* The type that holds all values of the one given, or -1. */
static hid_t make_type(hid_t given, enum vs_dtype *stored)
{
	static const enum vs_dtype floats[] = { [2] = VS_F16, [4] = VS_F32,
						[8] = VS_F64 };
	static const enum vs_dtype ints[] = { [1] = VS_I8, [2] = VS_I32,
					      [4] = VS_I32, [8] = VS_I64 };
	static const enum vs_dtype uints[] = { [1] = VS_U8, [2] = VS_I32,
					       [4] = VS_U32, [8] = VS_U64 };
	H5T_class_t class = H5Tget_class(given);
	size_t size = H5Tget_size(given);

	if (size > 8 || size == 0)
		return -1;
	*stored = 0;
	if (class == H5T_FLOAT)
		*stored = is_bfloat16(given) ? VS_F32 : floats[size];
	else if (class == H5T_INTEGER)
		*stored = H5Tget_sign(given) == H5T_SGN_NONE ? uints[size] :
							       ints[size];
	switch (*stored) {
	case VS_F16:
		return make_half();
	case VS_F32:
		return H5Tcopy(H5T_IEEE_F32LE);
	case VS_F64:
		return H5Tcopy(H5T_IEEE_F64LE);
	case VS_I8:
		return H5Tcopy(H5T_STD_I8LE);
	case VS_U8:
		return H5Tcopy(H5T_STD_U8LE);
	case VS_I32:
		return H5Tcopy(H5T_STD_I32LE);
	case VS_U32:
		return H5Tcopy(H5T_STD_U32LE);
	case VS_I64:
		return H5Tcopy(H5T_STD_I64LE);
	case VS_U64:
		return H5Tcopy(H5T_STD_U64LE);
	default:
		return -1;
	}
}

/* *same: the elements stand in the file as they are wanted. */
static int measure_type(struct data *d, bool *same, struct vs_err *err)
{
	hid_t given = H5Dget_type(d->set);

	if (given >= 0)
		d->type = make_type(given, &d->f->stored);
	*same = d->type >= 0 && H5Tequal(given, d->type) > 0;
	if (given >= 0)
		(void)H5Tclose(given);
	if (d->type < 0)
		return refuse(d, err, "holds no plain numbers; expected "
				      "floats or integers of up to 64 bits");
	d->f->stride = d->f->dim * vs_dtype_size(d->f->stored);
	return 0;
}

/* Where the rows begin when they lie in one piece within the file. */
static bool in_one_piece(const struct data *d, uint64_t *offset)
{
	uint64_t size = vs_file_size(d->f->file), n_bytes, end;
	haddr_t at;

	if (H5Pget_layout(d->props) != H5D_CONTIGUOUS)
		return false;
	at = H5Dget_offset(d->set);
	*offset = at;
	return at != HADDR_UNDEF &&
	       vs_mul_u64(d->f->n_rows, d->f->stride, &n_bytes) &&
	       vs_add_u64(at, n_bytes, &end) && end <= size;
}

/* Whole chunks at a time, so that none is unpacked twice. */
static uint64_t step_rows(const struct data *d)
{
	uint64_t step = VS_VECS_CHUNK / d->f->stride, most;

	most = STEP_MAX / d->f->stride;
	if (step < 1)
		step = 1;
	if (d->chunk_rows > step && d->chunk_rows <= most)
		step = d->chunk_rows;
	else if (d->chunk_rows != 0 && d->chunk_rows <= step)
		step -= step % d->chunk_rows;
	return vs_min_u64(step, d->f->n_rows);
}

static int read_rows(struct data *d, uint64_t first, uint64_t n, void *rows,
		     struct vs_err *err)
{
	const char *path = vs_file_path(d->f->file);
	hsize_t from[2] = { first, 0 }, count[2] = { n, d->f->dim };
	int sys = vs_ctx_hook(d->ctx, VS_CALL_READ, path);
	hid_t memory;
	bool good;

	if (sys != 0)
		return vs_fail_sys(err, VS_EIO, sys, "%s: cannot be read",
				   path);
	memory = H5Screate_simple(2, count, NULL);
	good = memory >= 0 &&
	       H5Sselect_hyperslab(d->space, H5S_SELECT_SET, from, NULL, count,
				   NULL) >= 0 &&
	       H5Dread(d->set, d->type, memory, d->space, H5P_DEFAULT,
		       rows) >= 0;
	if (memory >= 0)
		(void)H5Sclose(memory);
	if (good)
		return 0;
	return vs_fail(err, VS_EDATA,
		       "%s: rows %llu to %llu of data set %s cannot be read by "
		       "libhdf5; damaged, or of a filter that it lacks",
		       path, (unsigned long long)first,
		       (unsigned long long)(first + n - 1), d->name);
}

/* All rows into to, which takes the place of the file. */
static int copy_rows(struct data *d, struct vs_file *to, struct vs_err *err)
{
	uint64_t step = step_rows(d), at, n = 0;
	void *rows;
	int rc = 0;

	if (step == 0)
		return 0;
	rows = vs_alloc(d->ctx, (size_t)step, d->f->stride, "rows of HDF5",
			err);
	if (rows == NULL)
		return VS_ENOMEM;
	for (at = 0; rc == 0 && at < d->f->n_rows; at += n) {
		n = vs_min_u64(step, d->f->n_rows - at);
		if (vs_ctx_stopping(d->ctx))
			rc = vs_fail(err, VS_EAGAIN,
				     "%s: stopped while reading; run again",
				     vs_file_path(d->f->file));
		if (rc == 0)
			rc = read_rows(d, at, n, rows, err);
		if (rc == 0)
			rc = vs_file_put(d->ctx, to, rows,
					 (size_t)n * d->f->stride, err);
	}
	vs_free(d->ctx, rows);
	return rc;
}

static int spool_rows(struct data *d, struct vs_err *err)
{
	struct vs_file *to;
	int rc = vs_file_scratch(d->ctx, vs_file_path(d->f->file), &to, err);

	if (rc != 0)
		return rc;
	rc = copy_rows(d, to, err);
	if (rc != 0) {
		vs_file_close(d->ctx, to);
		return rc;
	}
	vs_file_close(d->ctx, d->f->file);
	d->f->file = to;
	d->f->offset = 0;
	return 0;
}

/* The attribute "distance" of the file, or "". */
static void read_distance(const struct data *d, char out[WORD_MAX])
{
	hid_t attr, type, memory;
	char *text = NULL;

	out[0] = '\0';
	if (H5Aexists(d->file, "distance") <= 0)
		return;
	attr = H5Aopen(d->file, "distance", H5P_DEFAULT);
	type = H5Aget_type(attr);
	if (type >= 0 && H5Tis_variable_str(type) > 0 &&
	    H5Aget_storage_size(attr) <= 16) {
		memory = H5Tcopy(type);
		if (H5Aread(attr, memory, &text) >= 0 && text != NULL)
			snprintf(out, WORD_MAX, "%.*s", WORD_MAX - 1, text);
		if (text != NULL)
			(void)H5free_memory(text);
		(void)H5Tclose(memory);
	}
	if (type >= 0)
		(void)H5Tclose(type);
	if (attr >= 0)
		(void)H5Aclose(attr);
}

static void report(const struct data *d)
{
	char word[WORD_MAX];
	const char *metric = "";

	/* In a damaged file this can keep libhdf5 busy for ever. */
	if (!d->ctx->verbose)
		return;
	read_distance(d, word);
	if (strcmp(word, "angular") == 0)
		metric = ", which is -m cosine";
	else if (strcmp(word, "euclidean") == 0)
		metric = ", which is -m l2";
	vs_ctx_log(d->ctx, VS_LOG_DEBUG,
		   "%s: data set %s of %llu rows of %u x %s%s%s%s",
		   vs_file_path(d->f->file), d->name,
		   (unsigned long long)d->f->n_rows, d->f->dim,
		   vs_dtype_name(d->f->stored),
		   word[0] != '\0' ? "; the file's distance is " : "", word,
		   metric);
}

static int measure(struct data *d, struct vs_err *err)
{
	uint64_t offset;
	bool same;
	int rc = open_file(d, err);

	if (rc == 0)
		rc = open_set(d, err);
	if (rc == 0)
		rc = measure_space(d, err);
	if (rc == 0)
		rc = measure_type(d, &same, err);
	if (rc == 0)
		rc = measure_chunks(d, err);
	if (rc != 0)
		return rc;
	report(d);
	if (!same || !in_one_piece(d, &offset))
		return spool_rows(d, err);
	d->f->offset = offset;
	return 0;
}

static void close_all(struct data *d)
{
	if (d->type >= 0)
		(void)H5Tclose(d->type);
	if (d->props >= 0)
		(void)H5Pclose(d->props);
	if (d->space >= 0)
		(void)H5Sclose(d->space);
	if (d->set >= 0)
		(void)H5Dclose(d->set);
	if (d->file >= 0)
		(void)H5Fclose(d->file);
}

int vs_vecs_measure_hdf5(struct vs_ctx *ctx, struct vs_vecs_file *f,
			 const char *dataset, struct vs_err *err)
{
	struct data d = { .ctx = ctx, .f = f, .name = dataset, .file = -1,
			  .set = -1, .space = -1, .props = -1, .type = -1 };
	H5E_auto2_t print;
	void *print_arg;
	int rc;

	/* After a damaged file it would complain at the end of the process, and
	 * it prints its errors; ours say what is wrong. */
	(void)H5dont_atexit();
	if (H5Eget_auto2(H5E_DEFAULT, &print, &print_arg) < 0)
		return vs_fail(err, VS_EINTERNAL, "%s: libhdf5 does not start",
			       vs_file_path(f->file));
	(void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	rc = measure(&d, err);
	close_all(&d);
	(void)H5Eset_auto2(H5E_DEFAULT, print, print_arg);
	return rc;
}

#endif
