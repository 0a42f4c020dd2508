/* vecs_int.h - what the files vecs_*.c share; nobody else includes it.
 *
 * vecs_format.c  the table of formats
 * vecs_paths.c   the files that operands stand for
 * vecs_open.c    finds out how the rows of each file lie, and that the files
 *                of a set belong together
 * vecs_sniff.c   tells what a file really is when its content is not what its
 *                name says
 * vecs_hdf5.c    data sets of HDF5 files
 * vecs_npy.c     the header of npy files
 * vecs_read.c    rows
 * vecs_digest.c  the identity of a set
 * vecs_write.c   writers
 */
#ifndef VS_VECS_INT_H
#define VS_VECS_INT_H

#include "npy_head.h"
#include "vs/vecs.h"

/* Rows are copied between memory and files as they stand. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "vector files are little-endian");

#define VS_VECS_CHUNK ((size_t)1 << 20) /* bytes of a file read at once */
#define VS_VECS_LEAD 4			/* bytes of the int32 before a row */

enum vs_vecs_layout {
	VS_LAYOUT_ROWS, /* each row: int32 d, d elements */
	VS_LAYOUT_BIN,	/* u32 n, u32 d, n x d elements */
	VS_LAYOUT_NPY,	/* text header, n x d elements */
	VS_LAYOUT_HDF5
};

struct vs_vecs_format_info {
	const char *name; /* and suffix */
	enum vs_vecs_layout layout;
	enum vs_dtype dtype; /* 0: the header says */
};

/* NULL for VS_FMT_AUTO and unknown codes. */
const struct vs_vecs_format_info *vs_vecs_format_info(enum vs_vecs_format f);
/* ".fvecs .bvecs ..." for messages. */
#define VS_VECS_SUFFIXES_MAX 80
const char *vs_vecs_suffixes(char out[VS_VECS_SUFFIXES_MAX]);

/* One file of a set.  Row r begins at offset + r * stride, its elements lead
 * bytes later. */
struct vs_vecs_file {
	struct vs_file *file;
	enum vs_vecs_format format;
	enum vs_dtype stored; /* elements in the file */
	enum vs_dtype dtype;  /* elements in memory */
	uint32_t dim;
	uint64_t n_rows;
	uint64_t first; /* number of its row 0 in the set */
	uint64_t offset;
	size_t lead;
	size_t stride;
	bool allow_infinite;
	enum vs_vecs_nonfinite nonfinite;
	bool native_f16;
	bool column;
	bool force_rows;
};

/* Names of files, owned. */
struct vs_vecs_paths {
	char **path;
	size_t n;
	size_t cap;
};

/* The files of operands; with directories, as vs_vecs_open has it. */
int vs_vecs_paths_make(struct vs_ctx *ctx, const char *const *operands,
		       size_t n, bool directories, struct vs_vecs_paths *out,
		       struct vs_err *err) VS_MUST_CHECK;
void vs_vecs_paths_free(struct vs_ctx *ctx, struct vs_vecs_paths *p);

struct vs_vecs {
	struct vs_vecs_file *file;
	size_t n_files; /* opened; once all are, paths.n */
	struct vs_vecs_paths paths;
	char *name;
	enum vs_dtype dtype;
	uint32_t dim;
	uint64_t n_rows;
	size_t row_bytes;
};

#define VS_VECS_DATASET "train" /* where none is named */
/* Fills stored, dim, n_rows and offset of f from a data set; where its rows
 * cannot be read in place, file becomes a scratch file of them. */
int vs_vecs_measure_hdf5(struct vs_ctx *ctx, struct vs_vecs_file *f,
			 const char *dataset,
			 struct vs_err *err) VS_MUST_CHECK;

/* Refuses f (VS_EDATA) with the text given, or, when its content gives away
 * what it really is, with that. */
int vs_vecs_refuse(struct vs_ctx *ctx, struct vs_vecs_file *f,
		   struct vs_err *err, const char *fmt, ...) VS_MUST_CHECK
	VS_PRINTF(4, 5);
/* Refuses f (VS_EDATA) when its content gives away that it is no file of its
 * format; else 0. */
int vs_vecs_refuse_other(struct vs_ctx *ctx, struct vs_vecs_file *f,
			 struct vs_err *err) VS_MUST_CHECK;
/* Refuses f because no format is known for it; looks into it for a hint. */
int vs_vecs_refuse_name(struct vs_ctx *ctx, struct vs_vecs_file *f,
			struct vs_err *err) VS_MUST_CHECK;

/* Rows first..first+n-1 of f, which exist, into rows. */
int vs_vecs_read_file(struct vs_ctx *ctx, struct vs_vecs_file *f,
		      uint64_t first, uint64_t n, uint8_t *rows,
		      struct vs_err *err) VS_MUST_CHECK;

#define VS_NPY_MAGIC "\x93NUMPY"
#define VS_NPY_MAGIC_LEN 6

#define VS_NPY_WHY_MAX 160
/* Parses the dictionary of an npy header, n bytes that need no NUL.  On false
 * why says what was found and expected, as the rest of "FILE: ...". */
bool vs_npy_parse(const char *text, size_t n, struct vs_npy *out,
		  char why[VS_NPY_WHY_MAX]);

/* Fills stored, dim, n_rows and offset of f from its npy header. */
int vs_vecs_measure_npy(struct vs_ctx *ctx, struct vs_vecs_file *f,
			struct vs_err *err) VS_MUST_CHECK;

#endif
