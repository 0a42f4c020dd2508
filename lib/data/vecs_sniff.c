/* vecs_sniff.c - what a file really is when its content is not what its name
 * says.
 *
 * Asked only after a file has been refused: a file that agrees with its name
 * is taken as it is, whatever its first bytes look like.
 */
#include "vecs_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vs/num.h"
#include "vs/usbin.h"

#define HEAD_MAX 512
#define TRUTH_MAX 256

struct head {
	uint8_t b[HEAD_MAX];
	size_t n;
	uint64_t size; /* of the whole file */
};

/* First bytes of files that are no vectors. */
static const struct {
	const char *bytes;
	const char *truth;
} magics[] = {
	{ "\x28\xb5\x2f\xfd", "is zstd-compressed; add .zst to its name or "
			       "decompress it first" },
	{ "\x1f\x8b\x08", "is gzip-compressed; decompress it first" },
	{ "BZh", "is bzip2-compressed; decompress it first" },
	{ "\xfd\x37zXZ", "is xz-compressed; decompress it first" },
	{ "PK\x03\x04", "is a zip or npz archive; extract it first" },
	{ "\x89HDF\r\n\x1a\n", "is an HDF5 file; give it the suffix .hdf5 "
				"or say --input-format hdf5" },
	{ "PAR1", "is a Parquet file, which is not read; export the vectors "
		  "as npy" },
	{ "\x89VSF", "is a vs container (model, shard or hits), not a vector "
		     "file; give the vectors it was made from" },
	{ "version https://git-lfs", "is a git-lfs pointer, not the data; run "
				     "git lfs pull" },
};

static const char *find_magic(const struct head *h)
{
	size_t i, n;

	for (i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		n = strlen(magics[i].bytes);
		if (h->n >= n && memcmp(h->b, magics[i].bytes, n) == 0)
			return magics[i].truth;
	}
	return NULL;
}

/* Printable bytes, white space and UTF-8 only; vectors hold zero bytes. */
static bool is_text(const struct head *h)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		if ((h->b[i] < 0x20 && h->b[i] != '\t' && h->b[i] != '\n' &&
		     h->b[i] != '\r') ||
		    h->b[i] == 0x7f || (i < 4 && h->b[i] >= 0x80))
			return false;
	return h->n >= 4;
}

static const char *find_text(const struct head *h)
{
	size_t i = 0;

	if (!is_text(h))
		return NULL;
	while (i < h->n && strchr(" \t\r\n", h->b[i]) != NULL)
		i++;
	if (i < h->n && (h->b[i] == '{' || h->b[i] == '['))
		return "is JSON text, which is not read; convert it to npy";
	if (i < h->n && h->b[i] == '<')
		return "is an HTML or XML page, perhaps of a failed "
		       "download; get the data again";
	return "is a text file, not vectors; convert it to npy";
}

/* True when the 4-byte elements of the first row are floats rather than ids:
 * zero or of a usual size.  Small integers are subnormal floats. */
static bool looks_float(const struct head *h, size_t from, uint32_t dim)
{
	size_t i;

	for (i = from; i + 4 <= h->n && i < from + (size_t)dim * 4; i += 4) {
		uint32_t bits = vs_get_le32(h->b + i) & 0x7fffffffu;

		if (bits != 0 && (bits >> 23 < 64 || bits >> 23 > 190))
			return false;
	}
	return true;
}

/* True when rows of stride bytes fill the file and the headers of the first,
 * second and last row agree. */
static bool fits_rows(struct vs_ctx *ctx, struct vs_file *file,
		      const struct head *h, uint64_t stride)
{
	uint64_t second, last;
	uint8_t a[4], b[4];

	if (h->size < stride || h->size % stride != 0)
		return false;
	last = h->size - stride;
	second = vs_min_u64(stride, last);
	return vs_file_pread(ctx, file, a, 4, second, NULL) == 0 &&
	       vs_file_pread(ctx, file, b, 4, last, NULL) == 0 &&
	       memcmp(h->b, a, 4) == 0 && memcmp(h->b, b, 4) == 0;
}

/* As guess, for fvecs, ivecs and bvecs. */
static void guess_rows(struct vs_ctx *ctx, const struct head *h,
		       struct vs_vecs_file *g)
{
	uint32_t dim = vs_get_le32(h->b);
	uint64_t wide = VS_VECS_LEAD + (uint64_t)dim * 4;
	uint64_t narrow = VS_VECS_LEAD + (uint64_t)dim;

	g->dim = dim;
	if (dim < 1 || dim > VS_DIM_MAX)
		return;
	if (fits_rows(ctx, g->file, h, wide)) {
		g->format = looks_float(h, VS_VECS_LEAD, dim) ? VS_FMT_FVECS :
								VS_FMT_IVECS;
		g->n_rows = h->size / wide;
	} else if (fits_rows(ctx, g->file, h, narrow)) {
		g->format = VS_FMT_BVECS;
		g->n_rows = h->size / narrow;
	}
}

/* As guess, for fbin, ibin, f16bin, u8bin and i8bin (taken for u8bin). */
static void guess_bin(const struct head *h, struct vs_vecs_file *g)
{
	uint64_t n_elems;

	g->n_rows = vs_get_le32(h->b);
	g->dim = vs_get_le32(h->b + 4);
	n_elems = g->n_rows * g->dim;
	if (n_elems == 0 || g->dim > VS_DIM_MAX)
		return;
	if (h->size - 8 == n_elems * 4)
		g->format = looks_float(h, 8, g->dim) ? VS_FMT_FBIN :
							VS_FMT_IBIN;
	else if (h->size - 8 == n_elems * 2)
		g->format = VS_FMT_F16BIN;
	else if (h->size - 8 == n_elems)
		g->format = VS_FMT_U8BIN;
}

/* Fills format, n_rows and dim of g when the size fits one; else AUTO. */
static void guess(struct vs_ctx *ctx, const struct head *h,
		  struct vs_vecs_file *g)
{
	g->format = VS_FMT_AUTO;
	if (h->n >= VS_NPY_MAGIC_LEN &&
	    memcmp(h->b, VS_NPY_MAGIC, VS_NPY_MAGIC_LEN) == 0)
		g->format = VS_FMT_NPY;
	if (g->format == VS_FMT_AUTO && h->n >= 5)
		guess_rows(ctx, h, g);
	if (g->format == VS_FMT_AUTO && h->n >= 8)
		guess_bin(h, g);
}

/* The truth that the big-ann benchmarks publish, by its size: what can be done
 * with it, or NULL when it is none. */
static const char *describe_truth(const struct head *h, char out[TRUTH_MAX])
{
	enum vs_usbin_form form = VS_USBIN_NOT;

	if (h->n >= VS_USBIN_HEAD)
		form = vs_usbin_form(h->size, h->b);
	if (form == VS_USBIN_FULL && vs_get_le32(h->b) != 0) {
		snprintf(out, TRUTH_MAX,
			 "looks like ground truth with ids and distances");
		return "vs-eval recall reads it as NAME.usbin";
	}
	if (form == VS_USBIN_RANGE || form == VS_USBIN_RANGE_FULL) {
		snprintf(out, TRUTH_MAX,
			 "looks like the truth of a range search (%u queries "
			 "with %u results in all)",
			 vs_get_le32(h->b), vs_get_le32(h->b + 4));
		return "vs-eval recall reads it as NAME.usbin";
	}
	return NULL;
}

/* "looks like fvecs (10 rows of 128 dimensions)" and the format, or AUTO. */
static enum vs_vecs_format describe(struct vs_ctx *ctx, const struct head *h,
				    struct vs_file *file, char out[TRUTH_MAX])
{
	struct vs_vecs_file g = { .file = file };

	guess(ctx, h, &g);
	if (g.format == VS_FMT_AUTO)
		return g.format;
	if (g.format == VS_FMT_NPY)
		snprintf(out, TRUTH_MAX, "looks like npy");
	else
		snprintf(out, TRUTH_MAX,
			 "looks like %s%s (%llu rows of %u dimensions)",
			 vs_vecs_format_name(g.format),
			 g.format == VS_FMT_U8BIN ? " or i8bin" : "",
			 (unsigned long long)g.n_rows, g.dim);
	return g.format;
}

static bool read_head(struct vs_ctx *ctx, struct vs_file *file, struct head *h)
{
	h->size = vs_file_size(file);
	h->n = (size_t)vs_min_u64(h->size, HEAD_MAX);
	return vs_file_pread(ctx, file, h->b, h->n, 0, NULL) == 0;
}

int vs_vecs_refuse_other(struct vs_ctx *ctx, struct vs_vecs_file *f,
			 struct vs_err *err)
{
	const char *path = vs_file_path(f->file), *truth;
	char text[TRUTH_MAX] = "";
	enum vs_vecs_format is;
	struct head h;

	/* What cannot be read now is no reason for another message. */
	if (!read_head(ctx, f->file, &h))
		return 0;
	truth = find_magic(&h);
	if (truth == NULL)
		truth = find_text(&h);
	if (truth != NULL && f->format == VS_FMT_HDF5 && h.b[0] == 0x89)
		return 0;
	if (truth != NULL)
		return vs_fail(err, VS_EDATA, "%s: %s", path, truth);
	is = describe(ctx, &h, f->file, text);
	if (is != VS_FMT_AUTO && is != f->format)
		return vs_fail(err, VS_EDATA,
			       "%s: %s, not %s; rename it or give "
			       "--input-format %s",
			       path, text, vs_vecs_format_name(f->format),
			       vs_vecs_format_name(is));
	truth = describe_truth(&h, text);
	if (truth != NULL)
		return vs_fail(err, VS_EDATA, "%s: %s, not %s; %s", path, text,
			       vs_vecs_format_name(f->format), truth);
	return 0;
}

int vs_vecs_refuse(struct vs_ctx *ctx, struct vs_vecs_file *f,
		   struct vs_err *err, const char *fmt, ...)
{
	const char *path = vs_file_path(f->file);
	char text[TRUTH_MAX] = "";
	va_list ap;
	int rc = vs_vecs_refuse_other(ctx, f, err);

	if (rc != 0)
		return rc;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	return vs_fail(err, VS_EDATA, "%s: %s", path, text);
}

int vs_vecs_refuse_name(struct vs_ctx *ctx, struct vs_vecs_file *f,
			struct vs_err *err)
{
	const char *path = vs_file_path(f->file), *truth = NULL, *use = NULL;
	char suffixes[VS_VECS_SUFFIXES_MAX], text[TRUTH_MAX];
	enum vs_vecs_format is = VS_FMT_AUTO;
	struct head h;

	vs_vecs_suffixes(suffixes);
	if (read_head(ctx, f->file, &h)) {
		truth = find_magic(&h);
		if (truth == NULL)
			truth = find_text(&h);
		is = describe(ctx, &h, f->file, text);
		if (is == VS_FMT_AUTO)
			use = describe_truth(&h, text);
	}
	if (truth != NULL)
		return vs_fail(err, VS_EDATA, "%s: %s", path, truth);
	if (use != NULL)
		return vs_fail(err, VS_EDATA, "%s: %s; %s", path, text, use);
	if (is != VS_FMT_AUTO)
		return vs_fail(err, VS_EUSAGE,
			       "%s: %s, but the name does not say so; give "
			       "--input-format %s or one of the suffixes %s",
			       path, text, vs_vecs_format_name(is), suffixes);
	return vs_fail(err, VS_EUSAGE,
		       "%s: the name does not say what it holds; expected one "
		       "of the suffixes %s; rename it or give --input-format",
		       path, suffixes);
}
