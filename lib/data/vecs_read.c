/* vecs_read.c - rows of a set, decoded and checked.
 *
 * Files are read in large pieces: straight into the caller's rows where they
 * lie in the file as in memory, else into scratch memory of one piece and
 * from there, while it is in the cache.  Nothing is kept between calls, so
 * threads may read one set at the same time.
 */
#include <math.h>
#include <string.h>

#include "vecs_int.h"
#include "vs/mem.h"
#include "vs/num.h"

/* Quiet NaN without a payload: the rows of all holes are equal. */
#define HOLE_F32 0x7fc00000u
#define HOLE_F16 0x7e00u

/* Two floats of which one is infinite or no number: adding 1 to an exponent
 * of all ones carries into the sign bit, which was masked away. */
static inline uint64_t nonfinite_pair(uint64_t two)
{
	return (two & 0x7f8000007f800000u) + 0x0080000000800000u;
}

static bool allowed(const struct vs_vecs_file *f, float x)
{
	return isfinite(x) || (f->allow_infinite && isinf(x));
}

static bool all_finite(const uint8_t *p, size_t n)
{
	const uint64_t signs = 0x8000000080000000u;
	uint64_t a[4], bad = 0;
	uint32_t one;

	for (; n >= 8; n -= 8, p += 32) {
		memcpy(a, p, sizeof(a));
		bad |= nonfinite_pair(a[0]) | nonfinite_pair(a[1]) |
		       nonfinite_pair(a[2]) | nonfinite_pair(a[3]);
	}
	for (; n > 0; n--, p += 4) {
		memcpy(&one, p, sizeof(one));
		bad |= nonfinite_pair(one);
	}
	return (bad & signs) == 0;
}

/* The same for four halves. */
static bool all_finite_f16(const uint8_t *p, size_t n)
{
	uint64_t four, bad = 0;
	uint16_t one;

	for (; n >= 4; n -= 4, p += 8) {
		memcpy(&four, p, sizeof(four));
		bad |= (four & 0x7c007c007c007c00u) + 0x0400040004000400u;
	}
	for (; n > 0; n--, p += 2) {
		memcpy(&one, p, sizeof(one));
		bad |= (one & 0x7c00u) + 0x0400u;
	}
	return (bad & 0x8000800080008000u) == 0;
}

static void widen_f16(const uint8_t *src, size_t n, uint8_t *dst)
{
	float f;
	size_t i;

	for (i = 0; i < n; i++) {
		f = vs_f32_of_f16(vs_get_le16(src + 2 * i));
		memcpy(dst + 4 * i, &f, sizeof(f));
	}
}

/* What is too large becomes infinite and is refused afterwards. */
static void narrow_f64(const uint8_t *src, size_t n, uint8_t *dst)
{
	double d;
	float f;
	size_t i;

	for (i = 0; i < n; i++) {
		memcpy(&d, src + 8 * i, sizeof(d));
		f = (float)d;
		memcpy(dst + 4 * i, &f, sizeof(f));
	}
}

/* Takes the header off each of n rows, the first of which is row. */
static int strip_leads(const struct vs_vecs_file *f, const uint8_t *src,
		       uint64_t row, size_t n, uint8_t *dst, struct vs_err *err)
{
	size_t row_bytes = f->stride - VS_VECS_LEAD, i;

	for (i = 0; i < n; i++, src += f->stride, dst += row_bytes) {
		if (vs_get_le32(src) != f->dim)
			break;
		memcpy(dst, src + VS_VECS_LEAD, row_bytes);
	}
	if (i == n)
		return 0;
	row += i;
	return vs_fail(err, VS_EDATA,
		       "%s: row %llu (counted from 0, at offset %llu) says "
		       "dimension %d; expected %u as in row 0; the file is "
		       "damaged or not %s",
		       vs_file_path(f->file), (unsigned long long)row,
		       (unsigned long long)(row * f->stride),
		       (int32_t)vs_get_le32(src), f->dim,
		       vs_vecs_format_name(f->format));
}

static const char *value_text(float f, enum vs_dtype stored,
			      const uint8_t *elem)
{
	double d;

	if (isnan(f))
		return "nan";
	memcpy(&d, elem, stored == VS_F64 ? sizeof(d) : 0);
	if (stored == VS_F64 && isfinite(d))
		return "out of the range of f32";
	return f > 0 ? "infinite" : "minus infinite";
}

/* Element at of decoded rows of f32 or f16. */
static float element(const struct vs_vecs_file *f, const uint8_t *rows,
		     size_t at)
{
	float x;

	if (f->dtype == VS_F16)
		return vs_f32_of_f16(vs_get_le16(rows + 2 * at));
	memcpy(&x, rows + 4 * at, sizeof(x));
	return x;
}

static bool rows_finite(const struct vs_vecs_file *f, const uint8_t *rows,
			size_t n)
{
	if (f->dtype == VS_F16)
		return all_finite_f16(rows, n * f->dim);
	return f->dtype != VS_F32 || all_finite(rows, n * f->dim);
}

/* Makes holes of those of n decoded rows that are not finite. */
static void make_holes(const struct vs_vecs_file *f, size_t n, uint8_t *rows)
{
	size_t size = vs_dtype_size(f->dtype), i, c;
	uint8_t *row = rows;

	for (i = 0; i < n; i++, row += f->dim * size) {
		if (rows_finite(f, row, 1))
			continue;
		for (c = 0; c < f->dim; c++)
			if (f->dtype == VS_F16)
				vs_put_le16(row + c * size, HOLE_F16);
			else
				vs_put_le32(row + c * size, HOLE_F32);
	}
}

/* rows are n decoded rows of f from row on, src the same as stored. */
static int check_finite(const struct vs_vecs_file *f, const uint8_t *src,
			uint64_t row, size_t n, uint8_t *rows,
			struct vs_err *err)
{
	size_t elem = vs_dtype_size(f->stored), at, r, c;
	float x = 0;

	if (rows_finite(f, rows, n))
		return 0;
	if (f->nonfinite == VS_NONFINITE_HOLES) {
		make_holes(f, n, rows);
		return 0;
	}
	for (at = 0; at < n * f->dim; at++) {
		x = element(f, rows, at);
		if (!allowed(f, x))
			break;
	}
	if (at == n * f->dim)
		return 0;
	r = at / f->dim;
	c = at % f->dim;
	return vs_fail(err, VS_EDATA,
		       "%s: row %llu column %zu (both counted from 0) is %s; "
		       "expected finite values; correct the row or remove "
		       "it%s",
		       vs_file_path(f->file), (unsigned long long)(row + r), c,
		       value_text(x, f->stored,
				  src + r * f->stride + f->lead + c * elem),
		       f->nonfinite == VS_NONFINITE_OFFER ?
			       ", or give --nonfinite drop to leave it out" :
			       "");
}

/* n rows as they lie in the file to rows as they lie in memory. */
static int decode(const struct vs_vecs_file *f, const uint8_t *src,
		  uint64_t row, size_t n, uint8_t *rows, struct vs_err *err)
{
	int rc = 0;

	if (f->lead != 0)
		rc = strip_leads(f, src, row, n, rows, err);
	else if (f->stored == VS_F16 && f->dtype == VS_F32)
		widen_f16(src, n * f->dim, rows);
	else if (f->stored == VS_F64)
		narrow_f64(src, n * f->dim, rows);
	if (rc == 0)
		rc = check_finite(f, src, row, n, rows, err);
	return rc;
}

int vs_vecs_read_file(struct vs_ctx *ctx, struct vs_vecs_file *f,
		      uint64_t first, uint64_t n, uint8_t *rows,
		      struct vs_err *err)
{
	bool direct = f->lead == 0 && f->stored == f->dtype;
	size_t row_bytes = (size_t)f->dim * vs_dtype_size(f->dtype);
	size_t step = (size_t)vs_min_u64(n, VS_VECS_CHUNK / f->stride);
	uint8_t *scratch = NULL, *to;
	size_t take;
	int rc = 0;

	if (!direct) {
		scratch = vs_alloc(ctx, step, f->stride, "read buffer", err);
		if (scratch == NULL)
			return VS_ENOMEM;
	}
	for (; rc == 0 && n > 0; n -= take, first += take) {
		take = (size_t)vs_min_u64(n, step);
		to = direct ? rows : scratch;
		rc = vs_file_pread(ctx, f->file, to, take * f->stride,
				   f->offset + first * f->stride, err);
		if (rc == 0)
			rc = decode(f, to, first, take, rows, err);
		rows += take * row_bytes;
	}
	vs_free(ctx, scratch);
	return rc;
}

bool vs_vecs_is_hole(const struct vs_vecs *v, const void *row)
{
	if (v->dtype == VS_F16)
		return vs_get_le16(row) == HOLE_F16;
	return v->dtype == VS_F32 && vs_get_le32(row) == HOLE_F32;
}

/* The file that holds row: the last one that begins at it or before; empty
 * files begin where the next one does. */
static struct vs_vecs_file *find_file(struct vs_vecs *v, uint64_t row)
{
	size_t lo = 0, hi = v->n_files, mid;

	while (hi - lo > 1) {
		mid = lo + (hi - lo) / 2;
		if (v->file[mid].first <= row)
			lo = mid;
		else
			hi = mid;
	}
	return &v->file[lo];
}

int vs_vecs_read(struct vs_ctx *ctx, struct vs_vecs *v, uint64_t first,
		 size_t n, void *rows, struct vs_err *err)
{
	struct vs_vecs_file *f;
	uint8_t *to = rows;
	uint64_t take, at;
	int rc = 0;

	if (first > v->n_rows || n > v->n_rows - first)
		return vs_fail(err, VS_EINTERNAL,
			       "%s: %zu rows from row %llu on were asked for; "
			       "it holds %llu",
			       v->name, n, (unsigned long long)first,
			       (unsigned long long)v->n_rows);
	while (rc == 0 && n > 0) {
		f = find_file(v, first);
		at = first - f->first;
		take = vs_min_u64(n, f->n_rows - at);
		rc = vs_vecs_read_file(ctx, f, at, take, to, err);
		to += (size_t)take * v->row_bytes;
		first += take;
		n -= (size_t)take;
	}
	return rc;
}
