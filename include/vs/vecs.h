/* vecs.h - sets of vectors in files: read in blocks of rows, written as rows.
 *
 * One or several files are read as one set, rows numbered from 0 through all.
 * Layouts and their traps: man/vs.7 and the table in lib/data/vecs_format.c.
 * Values stay what they are in memory (f32, u8, i8, i32, ...), but npy <f8 rows
 * become f32 (rounded, refused when out of range), and so, exactly, do halves
 * (npy <f2 and f16bin) unless native_f16 asks for them as they are.
 */
#ifndef VS_VECS_H
#define VS_VECS_H

#include "vs/file.h"
#include "vs/hash.h"
#include "vs/types.h"

enum vs_vecs_format {
	VS_FMT_AUTO = 0, /* from the name */
	VS_FMT_FVECS,
	VS_FMT_BVECS,
	VS_FMT_IVECS,
	VS_FMT_FBIN,
	VS_FMT_U8BIN,
	VS_FMT_I8BIN,
	VS_FMT_IBIN,
	VS_FMT_NPY,
	VS_FMT_F16BIN,
	VS_FMT_HDF5 /* where built with it; FILE.hdf5:NAME is a data set */
};

/* "fvecs", "npy"...; false for an unknown word. */
bool vs_vecs_format_parse(const char *word, enum vs_vecs_format *f);
const char *vs_vecs_format_name(enum vs_vecs_format f);
/* From the last suffix of a path; VS_FMT_AUTO when it says nothing. */
enum vs_vecs_format vs_vecs_format_of(const char *path);
/* The same of a name that may end in .zst or name a data set. */
enum vs_vecs_format vs_vecs_format_of_file(const char *path);

/* In "x.hdf5:test" the colon before the name of a data set; else NULL. */
const char *vs_vecs_dataset(const char *path);

/* What becomes of a row of floats with a value that is not finite, or not in
 * the range of f32. */
enum vs_vecs_nonfinite {
	VS_NONFINITE_REFUSE = 0,
	VS_NONFINITE_OFFER, /* the same; the message names --nonfinite drop */
	VS_NONFINITE_HOLES  /* it is read as a row of NaN, a hole */
};

struct vs_vecs_options {
	enum vs_vecs_format format; /* for all files; AUTO: from the names */
	bool allow_infinite; /* distances of padded results may be infinite */
	bool native_f16; /* halves stay VS_F16, uint16_t in memory */
	bool column; /* an npy array of one axis is n rows of one element */
	bool directories; /* a directory means the vector files in it */
	enum vs_vecs_nonfinite nonfinite;
	bool force_rows; /* fbin and its like: fewer rows than the header says
			  * are read, with a warning, instead of refused */
};

struct vs_vecs; /* an opened set */

/* Opens and checks all files: size against header, first and last row, one
 * dimension and one element type throughout.  opt may be NULL.  Errors name the
 * file and, where it can be told, what the file really is ("looks like fvecs").
 * An empty set is VS_EDATA.
 *
 * With directories, a directory stands for its files whose names end in a known
 * suffix, with or without .zst, in the order of the bytes of their names; what
 * else is in it, except for hidden files, is left out with one warning.  None:
 * VS_ENOINPUT.
 *
 * HDF5 files are opened by one thread of the process at a time: libhdf5 has
 * state of its own.  Reading their rows has no such limit. */
int vs_vecs_open(struct vs_ctx *ctx, const char *const *paths, size_t n_paths,
		 const struct vs_vecs_options *opt, struct vs_vecs **out,
		 struct vs_err *err) VS_MUST_CHECK;
uint64_t vs_vecs_rows(const struct vs_vecs *v);
uint32_t vs_vecs_dim(const struct vs_vecs *v);
enum vs_dtype vs_vecs_dtype(const struct vs_vecs *v);
/* Bytes of one row in memory: dim * element size. */
size_t vs_vecs_row_bytes(const struct vs_vecs *v);
/* "base.bvecs" or "base.bvecs and 3 more", for messages. */
const char *vs_vecs_name(const struct vs_vecs *v);
/* The files of the set, in their order, those of directories singly. */
size_t vs_vecs_n_files(const struct vs_vecs *v);
const char *vs_vecs_file_path(const struct vs_vecs *v, size_t i);
uint64_t vs_vecs_file_rows(const struct vs_vecs *v, size_t i);
/* True when path is, or once written would be, a file that is read for operand:
 * itself, a vector file of a directory, or the file of a data set. */
bool vs_vecs_reads(struct vs_ctx *ctx, const char *operand, const char *path);

/* Rows first..first+n-1 (all exist) into rows, dense.  Every row's own header
 * is checked, and f32 and f16 must be finite (with allow_infinite: no NaN),
 * unless such rows are read as holes: VS_EDATA names file, row (counted from 0
 * within that file) and column.
 * Safe from several threads. */
int vs_vecs_read(struct vs_ctx *ctx, struct vs_vecs *v, uint64_t first,
		 size_t n, void *rows, struct vs_err *err) VS_MUST_CHECK;

/* Whether a row that was read is a hole.  All holes have the same bytes. */
bool vs_vecs_is_hole(const struct vs_vecs *v, const void *row);

/* The quick identity of the set: dtype, dim, rows and the decoded bytes of 64
 * evenly spaced blocks of rows (first and last included).  Equal vectors in
 * another file format or cut into other files give the same digest. */
int vs_vecs_quick_digest(struct vs_ctx *ctx, struct vs_vecs *v,
			 struct vs_digest *out,
			 struct vs_err *err) VS_MUST_CHECK;
/* The whole identity: dtype, dim, rows and all decoded bytes; reads it all. */
int vs_vecs_full_digest(struct vs_ctx *ctx, struct vs_vecs *v,
			struct vs_digest *out,
			struct vs_err *err) VS_MUST_CHECK;
/* The header part of both digests, for callers that hash rows as they go:
 * create a hasher, call this, add the decoded rows in order. */
void vs_vecs_digest_head(const struct vs_vecs *v, struct vs_hasher *h);
void vs_vecs_close(struct vs_ctx *ctx, struct vs_vecs *v);

struct vs_vecs_writer;

/* Writes n_rows x dim elements of type t (of the format's own type: fvecs f32,
 * ivecs i32, npy any of f32 u8 i8 i32 i64 u64...).  format AUTO: from path. */
struct vs_vecs_shape {
	enum vs_vecs_format format;
	enum vs_dtype dtype;
	uint32_t dim;
	uint64_t n_rows;
};
int vs_vecs_create(struct vs_ctx *ctx, const char *path,
		   const struct vs_vecs_shape *shape,
		   struct vs_vecs_writer **out,
		   struct vs_err *err) VS_MUST_CHECK;
int vs_vecs_append(struct vs_ctx *ctx, struct vs_vecs_writer *w,
		   const void *rows, size_t n,
		   struct vs_err *err) VS_MUST_CHECK;
/* Publishes (exactly n_rows must have come) and frees w, also on failure.
 * VS_PUBLISH_NEW on a name that exists: equal bytes are success, other bytes
 * VS_ECREATE saying --replace. */
int vs_vecs_finish(struct vs_ctx *ctx, struct vs_vecs_writer *w,
		   enum vs_publish how, struct vs_err *err) VS_MUST_CHECK;
void vs_vecs_abort(struct vs_ctx *ctx, struct vs_vecs_writer *w);

#endif
