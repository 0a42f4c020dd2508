/* test_vecs_damage.c - small files of each format with each byte changed, cut
 * at each length and extended: refused, or read as what then stands there.
 *
 * Element bytes and the headers of fvecs and fbin are judged by decoders of a
 * few lines that follow the text of the formats.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "dirctx.h"
#include "vecsfile.h"
#include "vs/num.h"

#define N 3
#define DIM 2

static const struct kind {
	const char *name;
	const char *descr;
	unsigned major;
	enum vs_dtype stored;
	size_t elem;
	bool every_value; /* try all 256 values of each byte */
	unsigned harmless; /* changes of a header that mean the same */
} kinds[] = {
	{ "x.fvecs", NULL, 0, VS_F32, 4, true, 0 },
	{ "x.bvecs", NULL, 0, VS_U8, 1, true, 0 },
	{ "x.ivecs", NULL, 0, VS_I32, 4, false, 0 },
	{ "x.fbin", NULL, 0, VS_F32, 4, true, 0 },
	{ "x.u8bin", NULL, 0, VS_U8, 1, true, 0 },
	{ "x.i8bin", NULL, 0, VS_I8, 1, false, 0 },
	{ "x.ibin", NULL, 0, VS_I32, 4, false, 0 },
	{ "x.f16bin", NULL, 0, VS_F16, 2, true, 0 },
	/* A space for the comma before "}"; "<u1" for "|u1" and so on. */
	{ "x.npy", "<f4", 1, VS_F32, 4, true, 1 },
	{ "x.npy", "<f2", 1, VS_F16, 2, true, 1 },
	{ "x.npy", "<f8", 1, VS_F64, 8, true, 1 },
	{ "x.npy", "|u1", 1, VS_U8, 1, true, 2 },
	{ "x.npy", "|i1", 1, VS_I8, 1, true, 2 },
	{ "x.npy", "<i4", 1, VS_I32, 4, true, 1 },
	{ "x.npy", "<i8", 1, VS_I64, 8, true, 1 },
	{ "x.npy", "<u4", 1, VS_U32, 4, true, 1 },
	{ "x.npy", "<u8", 1, VS_U64, 8, true, 1 },
	/* Versions 2 and 3 are one as the other. */
	{ "x.npy", "<f4", 2, VS_F32, 4, true, 2 },
	{ "x.npy", "<f4", 3, VS_F32, 4, true, 2 },
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* What a file was read as. */
struct result {
	int rc;
	enum vs_dtype dtype;
	uint32_t dim;
	uint64_t n_rows;
	uint8_t rows[1024];
	size_t n;
};

static unsigned n_refused, n_read;

static void read_file(const char *path, struct result *r)
{
	struct vs_vecs *v;

	memset(r, 0, sizeof(*r));
	r->rc = vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err);
	if (r->rc == 0) {
		r->dtype = vs_vecs_dtype(v);
		r->dim = vs_vecs_dim(v);
		r->n_rows = vs_vecs_rows(v);
		r->n = vs_vecs_row_bytes(v) * (size_t)r->n_rows;
		assert_true(r->n <= sizeof(r->rows));
		r->rc = vs_vecs_read(&ctx, v, 0, (size_t)r->n_rows, r->rows,
				     &err);
	}
	vs_vecs_close(&ctx, v);
	assert_int_equal(0, atomic_load(&ctx.mem_now));
	if (r->rc != 0) {
		assert_int_equal(VS_EDATA, r->rc);
		assert_int_equal(VS_EDATA, err.code);
		assert_int_equal(0, strncmp(err.msg, path, strlen(path)));
		n_refused++;
	} else {
		n_read++;
	}
}

/* One element as it should come out; false when it is not finite. */
static bool decode(enum vs_dtype stored, const uint8_t *src, uint8_t *dst,
		   size_t *size)
{
	uint16_t h;
	double d;
	float f = 0;

	*size = stored == VS_F16 || stored == VS_F64 ? 4 :
						       vs_dtype_size(stored);
	if (stored != VS_F16)
		memcpy(dst, src, *size);
	if (stored == VS_F32)
		memcpy(&f, src, 4);
	if (stored == VS_F64) {
		memcpy(&d, src, 8);
		f = (float)d;
		memcpy(dst, &f, 4);
	}
	if (stored == VS_F16) {
		memcpy(&h, src, 2);
		if ((h >> 10 & 31) == 31)
			return false;
		f = (h >> 10 & 31) == 0 ?
			    ldexpf((float)(h & 1023), -24) :
			    ldexpf((float)(1024 + (h & 1023)),
				   (h >> 10 & 31) - 25);
		f = h & 0x8000 ? -f : f;
		memcpy(dst, &f, 4);
	}
	return isfinite(f);
}

/* Reads the file of image im, whose kind is not npy or whose header is
 * untouched, as the formats are described; rc is VS_EDATA when it is none. */
static void judge(const struct kind *k, const struct image *im,
		  struct result *r)
{
	size_t head = im->head, lead = im->lead, row, i, c, size;
	uint64_t n = N, dim = DIM;

	memset(r, 0, sizeof(*r));
	r->rc = VS_EDATA;
	if (im->n < head + lead || im->n == 0)
		return;
	if (lead != 0)
		dim = vs_get_le32(im->b);
	else if (k->descr == NULL) {
		n = vs_get_le32(im->b);
		dim = vs_get_le32(im->b + 4);
	}
	row = lead + (size_t)dim * k->elem;
	if (lead != 0)
		n = im->n / row;
	if (dim == 0 || dim > VS_DIM_MAX || n == 0 || im->n != head + n * row)
		return;
	for (i = 0; i < n; i++) {
		if (lead != 0 && vs_get_le32(im->b + i * row) != dim)
			return;
		for (c = 0; c < dim; c++) {
			if (!decode(k->stored,
				    im->b + head + i * row + lead +
					    c * k->elem,
				    r->rows + r->n, &size))
				return;
			r->n += size;
		}
	}
	r->rc = 0;
	r->dtype = k->stored == VS_F16 || k->stored == VS_F64 ? VS_F32 :
								k->stored;
	r->dim = (uint32_t)dim;
	r->n_rows = n;
}

static bool same_result(const struct result *a, const struct result *b)
{
	return a->rc == b->rc && a->dtype == b->dtype && a->dim == b->dim &&
	       a->n_rows == b->n_rows && a->n == b->n &&
	       memcmp(a->rows, b->rows, a->n) == 0;
}

static void compare(const struct result *want, const struct result *got,
		    size_t at, unsigned value)
{
	if (want->rc != got->rc || (got->rc == 0 && !same_result(want, got)))
		fail_msg("byte %zu as %02x: code %d, not %d: %s", at, value,
			 got->rc, want->rc, err.msg);
}

static void make(const struct kind *k, struct image *im)
{
	char text[128];
	static const uint8_t rows[N * DIM * 8] = {
		1, 2,  0x30, 0x40, 5, 6, 0x30, 0x3f, 9,	 8, 0x2f, 0x41,
		2, 77, 0x2c, 0xc0, 3, 0, 0x2e, 0x3e, 88, 2, 0x41, 0x40,
	};

	if (k->descr == NULL) {
		image_of(im, vs_vecs_format_of(k->name), NULL, DIM, N, k->elem,
			 rows);
		return;
	}
	snprintf(text, sizeof(text),
		 "{'descr': '%s', 'fortran_order': False, "
		 "'shape': (%d, %d), }  ",
		 k->descr, N, DIM);
	image_npy_text(im, k->major, text, rows, N * DIM * k->elem);
}

/* Byte at as value; counts changes in an npy header that change nothing. */
static void change(const struct kind *k, struct image *im, const char *path,
		   int fd, size_t at, uint8_t value, unsigned *harmless)
{
	uint8_t was = im->b[at];
	struct result want, got, intact;

	judge(k, im, &intact);
	im->b[at] = value;
	assert_int_equal(1, pwrite(fd, &value, 1, (off_t)at));
	read_file(path, &got);
	if (k->descr != NULL && at < im->head) {
		*harmless += same_result(&intact, &got);
	} else {
		judge(k, im, &want);
		compare(&want, &got, at, value);
	}
	im->b[at] = was;
	assert_int_equal(1, pwrite(fd, &was, 1, (off_t)at));
}

static bool is_tried(const struct kind *k, uint8_t was, unsigned value)
{
	unsigned diff = was ^ value;

	return diff != 0 && (k->every_value || value == 0 || value == 0xff ||
			     (diff & (diff - 1)) == 0);
}

static void test_each_byte(void **state)
{
	size_t i, at;

	(void)state;
	for (i = 0; i < N_KINDS; i++) {
		const struct kind *k = &kinds[i];
		const char *path = tmpdir_file(&dir, k->name);
		struct result want, got;
		unsigned harmless = 0, value;
		struct image im;
		int fd;

		make(k, &im);
		unlink(path);
		tmpdir_put(path, im.b, im.n);
		judge(k, &im, &want);
		assert_int_equal(0, want.rc);
		read_file(path, &got);
		compare(&want, &got, 0, 0);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		for (at = 0; at < im.n; at++)
			for (value = 0; value < 256; value++)
				if (is_tried(k, im.b[at], value))
					change(k, &im, path, fd, at,
					       (uint8_t)value, &harmless);
		close(fd);
		if (harmless != k->harmless)
			fail_msg("%s %s v%u: %u harmless changes, not %u",
				 k->name, k->descr, k->major, harmless,
				 k->harmless);
		image_free(&im);
	}
	print_message("# changed bytes: %u refused, %u read\n", n_refused,
		      n_read);
}

static void test_each_length(void **state)
{
	size_t i, n;

	(void)state;
	n_refused = n_read = 0;
	for (i = 0; i < N_KINDS; i++) {
		const struct kind *k = &kinds[i];
		const char *path = tmpdir_file(&dir, k->name);
		struct result want, got;
		struct image im, longer;

		make(k, &im);
		longer = im;
		longer.b = calloc(1, im.n + 40);
		assert_non_null(longer.b);
		memcpy(longer.b, im.b, im.n);
		for (n = 0; n < im.n + 40; n++) {
			longer.n = n;
			unlink(path); /* faster than truncating */
			tmpdir_put(path, longer.b, n);
			read_file(path, &got);
			judge(k, &longer, &want);
			compare(&want, &got, n, 0);
		}
		free(longer.b);
		image_free(&im);
	}
	print_message("# lengths: %u refused, %u read\n", n_refused, n_read);
	/* All whole ones, and 1 or 2 rows of fvecs, bvecs and ivecs. */
	assert_int_equal(N_KINDS + 3 * (N - 1), n_read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_byte, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_each_length, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
