/* test_vecs_npy.c - npy: headers as numpy and others write them, those that
 * are refused, conversions, and numpy itself where it is installed. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dirctx.h"
#include "vecsfile.h"
#include "vs/num.h"

/* Opens a header text before 24 bytes of data. */
static int open_text(unsigned major, const char *text, struct vs_vecs **v)
{
	static const uint8_t data[24] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const char *path = tmpdir_file(&dir, "x.npy");
	struct image im;

	image_npy_text(&im, major, text, data, sizeof(data));
	image_save(&im, path);
	return vecs_open1(&ctx, path, VS_FMT_AUTO, v, &err);
}

static void accept(unsigned major, const char *text, enum vs_dtype dtype,
		   uint64_t n_rows, uint32_t dim)
{
	struct vs_vecs *v;

	if (open_text(major, text, &v) != 0)
		fail_msg("%s: %s", text, err.msg);
	assert_int_equal(dtype, vs_vecs_dtype(v));
	assert_int_equal(n_rows, vs_vecs_rows(v));
	assert_int_equal(dim, vs_vecs_dim(v));
	vs_vecs_close(&ctx, v);
}

static void refuse(const char *text, const char *words)
{
	struct vs_vecs *v;
	int rc = open_text(1, text, &v);

	if (rc != VS_EDATA)
		fail_msg("%s: code %d: %s", text, rc, err.msg);
	if (strstr(err.msg, words) == NULL)
		fail_msg("no \"%s\" in \"%s\"", words, err.msg);
	assert_non_null(strstr(err.msg, "x.npy: "));
}

static void test_headers_accepted(void **state)
{
	(void)state;
	accept(1, "{'descr': '<f4', 'fortran_order': False, "
		  "'shape': (2, 3), }", VS_F32, 2, 3);
	accept(2, "{'descr': '<f4', 'fortran_order': False, "
		  "'shape': (2, 3), }    ", VS_F32, 2, 3);
	accept(3, "{'shape': (3, 2), 'fortran_order': False, "
		  "'descr': '<i4'}", VS_I32, 3, 2);
	accept(1, "{\"descr\":\"|u1\",\"fortran_order\":False,"
		  "\"shape\":(24,1)}", VS_U8, 24, 1);
	accept(1, "  { 'descr' : '|i1' , 'fortran_order' : False , "
		  "'shape' : ( 2 , 12 , ) , }  ", VS_I8, 2, 12);
	accept(1, "{'descr': '<u1', 'fortran_order': False, "
		  "'shape': (2L, 12L), }", VS_U8, 2, 12);
	accept(1, "{'descr': '<i1', 'fortran_order': False, "
		  "'shape': (2, 12), }", VS_I8, 2, 12);
	accept(1, "{'descr': '<f2', 'fortran_order': False, "
		  "'shape': (4, 3), }", VS_F32, 4, 3);
	accept(1, "{'descr': '<f8', 'fortran_order': False, "
		  "'shape': (1, 3), }", VS_F32, 1, 3);
	accept(1, "{'descr': '<i8', 'fortran_order': False, "
		  "'shape': (3, 1), }", VS_I64, 3, 1);
	accept(1, "{'descr': '<u8', 'fortran_order': False, "
		  "'shape': (3, 1), }", VS_U64, 3, 1);
	accept(1, "{'descr': '<u4', 'fortran_order': False, "
		  "'shape': (6, 1), }", VS_U32, 6, 1);
}

#define F4 "{'descr': '<f4', 'fortran_order': False, 'shape': "
#define ORDER "'fortran_order': False, 'shape': (2, 3), }"

static void test_arrays_refused(void **state)
{
	(void)state;
	refuse("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }",
	       "is in Fortran order; expected C order; save "
	       "numpy.ascontiguousarray");
	refuse("{'descr': '>f4', " ORDER,
	       "holds big-endian elements; expected little-endian");
	refuse("{'descr': '|O', " ORDER, "holds Python objects");
	refuse("{'descr': [('a', '<f4'), ('b', '<i4')], " ORDER,
	       "has structured elements");
	refuse("{'descr': '<c8', " ORDER,
	       "holds elements of type <c8; expected <f4 <f2 <f8 |u1 |i1");
	refuse("{'descr': '|b1', " ORDER, "type |b1");
	refuse("{'descr': '<U7', " ORDER, "type <U7");
	refuse("{'descr': '<f16', " ORDER, "type <f16");
	refuse("{'descr': 'f4', " ORDER, "type f4");
	refuse("{'descr': '', " ORDER, "type ; expected");
	refuse("{'descr': 4, " ORDER, "has a descr that is no text");
	refuse(F4 "(), }", "is an array of 0 axes; expected 2");
	refuse(F4 "(6,), }", "is an array of 1 axes; expected 2");
	refuse(F4 "(1, 2, 3), }", "is an array of 3 axes; expected 2");
	refuse(F4 "(6), }", "is no tuple of numbers");
	refuse(F4 "6, }", "is no tuple");
	refuse(F4 "(-2, 3), }", "does not consist of whole numbers");
	refuse(F4 "(2.0, 3), }", "is no tuple of numbers");
	refuse(F4 "(02, 3), }", "does not consist of whole numbers");
	refuse(F4 "(2,, 3), }", "does not consist of whole numbers");
	refuse(F4 "(2 3), }", "is no tuple of numbers");
	refuse(F4 "(99999999999999999999, 3), }", "whole numbers");
	refuse(F4 "(0, 3), }", "expected no more than those rows");
	refuse(F4 "(2, 0), }", "has rows of 0 dimensions");
	refuse(F4 "(2, 65537), }", "has rows of 65537 dimensions; expected 1");
	refuse(F4 "(1, 3), }", "says 1 rows of 3 x f32 (12 bytes each) but 24 "
			       "bytes follow it; expected no more");
	refuse(F4 "(3, 3), }", "says 3 rows of 3 x f32 (12 bytes each) but 24 "
			       "bytes follow it; truncated?");
	/* 2^62 rows of 16 bytes would be 24 of 2^66 bytes. */
	refuse(F4 "(4611686018427387904, 4), }", "24 bytes follow it; trunc");
	refuse(F4 "(18446744073709551615, 65536), }", "24 bytes follow it");
}

static void test_headers_refused(void **state)
{
	(void)state;
	refuse("", "is no dictionary");
	refuse("{", "is no dictionary");
	refuse("{}", "lacks one of the keys");
	refuse("{'descr': '<f4', 'fortran_order': False}", "lacks one of");
	refuse("{'descr': '<f4', 'shape': (2, 3)}", "lacks one of");
	refuse("{'fortran_order': False, 'shape': (2, 3)}", "lacks one of");
	refuse("{'shape': (2, 3)}", "lacks one of");
	refuse("{'descr': '<f4', 'descr': '<f4', " ORDER,
	       "has the key descr again");
	refuse("{'descr': '<f4', 'x': 1, " ORDER, "has the key x; expected");
	refuse("{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }",
	       "neither True nor False");
	refuse("{'descr': '<f4', 'fortran_order': FalseX, 'shape': (2, 3), }",
	       "is no dictionary");
	refuse(F4 "(2, 3), } x", "does not end with spaces and a newline");
	refuse(F4 "(2, 3), }\n", "does not end with spaces and a newline");
	refuse(F4 "(2, 3), }\t", "does not end with spaces and a newline");
	refuse(F4 "(2, 3),, }", "is no dictionary");
	refuse(F4 "(2, 3) 'x': 1}", "is no dictionary");
	refuse(F4 "(2, 3)", "is no dictionary");
	refuse(F4 "(2, 3", "is no tuple");
	refuse("{'descr': '<f4", "has a descr that is no text");
	refuse("{'descr': '\\x3cf4', " ORDER, "has a descr that is no text");
	refuse("{'descr': \"<f4', " ORDER, "has a descr that is no text");
	refuse("{'descr' '<f4', " ORDER, "is no dictionary");
}

/* The product of the extents is 2^64 or more; nothing follows the header. */
static void test_extents_that_overflow(void **state)
{
	static const char *const texts[] = {
		F4 "(4611686018427387904, 1), }",
		F4 "(4611686018427387905, 4), }",
		F4 "(1152921504606846976, 4), }",
		F4 "(70368744177664, 65536), }",
		F4 "(18446744073709551615, 65536), }",
	};
	const char *path = tmpdir_file(&dir, "x.npy");
	struct vs_vecs *v;
	struct image im;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		image_npy_text(&im, 1, texts[i], NULL, 0);
		image_save(&im, path);
		assert_int_equal(VS_EDATA, vecs_open1(&ctx, path, VS_FMT_AUTO,
						      &v, &err));
		assert_non_null(strstr(err.msg, "but 0 bytes follow it"));
	}
}

/* Bytes before the text. */
static void test_preamble(void **state)
{
	const char *path = tmpdir_file(&dir, "x.npy");
	float rows[6] = { 0 };
	struct vs_vecs *v;
	struct image im;
	size_t k;
	static const struct {
		size_t at;
		uint8_t byte;
		unsigned major;
		const char *words;
	} bad[] = {
		{ 6, 0, 1, "is npy of version 0.0; expected 1.0, 2.0 or 3.0" },
		{ 6, 4, 1, "is npy of version 4.0" },
		{ 7, 1, 1, "is npy of version 1.1" },
		{ 9, 2, 1, "ends within its npy header of 630 bytes" },
		{ 10, 1, 2, "says its npy header has 65652 bytes; expected at "
			    "most 65536" },
		{ 11, 0x80, 3, "npy header has 2147483764 bytes" },
		{ 8, 0x70, 1, "does not end with spaces and a newline" },
		{ 0, 0x92, 1, "does not begin with the magic of npy" },
	};

	(void)state;
	for (k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
		image_npy(&im, bad[k].major, "<f4", 3, 2, 4, rows);
		im.b[bad[k].at] = bad[k].byte;
		image_save(&im, path);
		assert_int_equal(VS_EDATA, vecs_open1(&ctx, path, VS_FMT_AUTO,
						      &v, &err));
		if (strstr(err.msg, bad[k].words) == NULL)
			fail_msg("no \"%s\" in \"%s\"", bad[k].words, err.msg);
	}
	for (k = 1; k < 12; k++) {
		tmpdir_put(path, "\x93NUMPY\x01\x00\x76\x00{'", k);
		assert_int_equal(VS_EDATA, vecs_open1(&ctx, path, VS_FMT_AUTO,
						      &v, &err));
	}
}

/* Reads n x 1 elements of a npy file of descr as f32. */
static int read_column(const char *descr, size_t elem, const void *data,
		       size_t n, float *got)
{
	const char *path = tmpdir_file(&dir, "x.npy");
	struct vs_vecs *v;
	struct image im;
	int rc;

	image_npy(&im, 1, descr, 1, n, elem, data);
	image_save(&im, path);
	rc = vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err);
	if (rc == 0)
		rc = vs_vecs_read(&ctx, v, 0, n, got, &err);
	vs_vecs_close(&ctx, v);
	return rc;
}

/* All finite half-precision numbers, against their definition. */
static void test_f16_is_exact(void **state)
{
	uint16_t *h = malloc(65536 * sizeof(*h));
	float *got = malloc(65536 * sizeof(*got)), want;
	size_t n = 0, i;
	unsigned u;

	(void)state;
	assert_true(h != NULL && got != NULL);
	for (u = 0; u < 65536; u++)
		if ((u >> 10 & 31) != 31)
			h[n++] = (uint16_t)u;
	assert_int_equal(63488, n);
	assert_int_equal(0, read_column("<f2", 2, h, n, got));
	for (i = 0; i < n; i++) {
		int e = h[i] >> 10 & 31, m = h[i] & 1023;

		want = e == 0 ? ldexpf((float)m, -24) :
				ldexpf((float)(1024 + m), e - 25);
		if (h[i] & 0x8000)
			want = -want;
		assert_memory_equal(&want, &got[i], 4);
	}
	free(got);
	free(h);
}

static void test_f64_is_rounded(void **state)
{
	static const double in[] = {
		0.0, -0.0, 1.0, 0.1, -1.0 / 3, 16777217.0, 16777219.0,
		FLT_MAX, -FLT_MAX, 3.4028235677973362e38, 1e-45, 7e-46, 7.1e-46,
		1e-300, 5e-324, 1.00000005960464477539, 1.00000017881393432617
	};
	static const double out_of_range[] = { 3.4028235677973366e38, -1e300,
					       DBL_MAX, 1e39 };
	size_t n = sizeof(in) / sizeof(in[0]), i;
	float got[32], want;

	(void)state;
	assert_int_equal(0, read_column("<f8", 8, in, n, got));
	for (i = 0; i < n; i++) {
		want = (float)in[i];
		assert_memory_equal(&want, &got[i], 4);
	}
	assert_true(got[5] == 16777216.0f && got[6] == 16777220.0f);
	for (i = 0; i < 4; i++) {
		assert_int_equal(VS_EDATA, read_column("<f8", 8,
						       &out_of_range[i], 1,
						       got));
		assert_non_null(strstr(err.msg, "row 0 column 0"));
		assert_non_null(strstr(err.msg, "is out of the range of f32"));
	}
}

/* ---- numpy itself ---- */

static const char *find_numpy(void)
{
	static const char *const names[] = { "python3", "/usr/bin/python3" };
	char line[256];
	size_t i;

	for (i = 0; i < 2; i++) {
		snprintf(line, sizeof(line),
			 "%s -c 'import numpy' >/dev/null 2>&1", names[i]);
		if (system(line) == 0)
			return names[i];
	}
	return NULL;
}

/* Runs a program text in the directory; skips the test without numpy. */
static void run_python(const char *program)
{
	const char *python = find_numpy();
	char line[8192];

	if (python == NULL) {
		print_message("# skipped: python3 with numpy is not here\n");
		skip();
	}
	tmpdir_put(tmpdir_file(&dir, "program.py"), program, strlen(program));
	snprintf(line, sizeof(line), "cd '%s' && %s program.py", dir.path,
		 python);
	assert_int_equal(0, system(line));
}

static const struct {
	const char *code;
	enum vs_dtype dtype;
	size_t elem;
} numpy_types[] = {
	{ "f4", VS_F32, 4 }, { "u1", VS_U8, 1 },  { "i1", VS_I8, 1 },
	{ "i4", VS_I32, 4 }, { "i8", VS_I64, 8 }, { "u4", VS_U32, 4 },
	{ "u8", VS_U64, 8 }, { "f2", VS_F16, 2 }, { "f8", VS_F64, 8 },
};

#define N_NUMPY (sizeof(numpy_types) / sizeof(numpy_types[0]))

/* Row i, column j of 7 x 5 holds 5 i + j - 12, or modulo 2^8 and so on. */
static void numpy_matrix(enum vs_dtype t, uint8_t *out)
{
	int64_t i;
	double d;
	float f;

	for (i = -12; i < 23; i++) {
		size_t size = vs_dtype_size(t);

		f = (float)i;
		d = (double)i;
		memcpy(out, &i, size);
		if (t == VS_F32)
			memcpy(out, &f, size);
		if (t == VS_F64)
			memcpy(out, &d, size);
		out += size;
	}
}

static void test_numpy_writes(void **state)
{
	static const char *const refused[][2] = {
		{ "fortran.npy", "is in Fortran order" },
		{ "big.npy", "holds big-endian" },
		{ "object.npy", "holds Python objects" },
		{ "struct.npy", "has structured elements" },
		{ "one.npy", "is an array of 1 axes" },
		{ "three.npy", "is an array of 3 axes" },
		{ "zero.npy", "is an array of 0 axes" },
		{ "bool.npy", "holds elements of type |b1" },
		{ "text.npy", "holds elements of type <U1" },
		{ "none.npy", "holds no rows" },
		{ "npz.npy", "is a zip or npz archive" },
	};
	uint8_t want[35 * 8], got[35 * 8];
	struct vs_vecs *v;
	char name[64];
	size_t k;
	int major;

	(void)state;
	run_python(
		"import numpy as np\n"
		"m = np.arange(-12, 23).reshape(7, 5)\n"
		"for c in 'f4 f2 f8 u1 i1 i4 i8 u4 u8'.split():\n"
		"    for v in (1, 2, 3):\n"
		"        with open(f'{c}-{v}.npy', 'wb') as f:\n"
		"            np.lib.format.write_array(\n"
		"                f, m.astype(c), version=(v, 0))\n"
		"np.save('fortran.npy', np.asfortranarray(m.astype('f4')))\n"
		"np.save('big.npy', m.astype('>f4'))\n"
		"np.save('object.npy', m.astype('O'))\n"
		"np.save('struct.npy', np.zeros((3, 2), 'f4,i4'))\n"
		"np.save('one.npy', np.zeros(6, 'f4'))\n"
		"np.save('three.npy', np.zeros((2, 3, 4), 'f4'))\n"
		"np.save('zero.npy', np.float32(3))\n"
		"np.save('bool.npy', m > 0)\n"
		"np.save('text.npy', np.array([['a', 'b']]))\n"
		"np.save('none.npy', np.zeros((0, 5), 'f4'))\n"
		"np.savez('npz', m)\n"
		"import os; os.rename('npz.npz', 'npz.npy')\n");
	for (k = 0; k < N_NUMPY; k++)
		for (major = 1; major <= 3; major++) {
			enum vs_dtype t = numpy_types[k].dtype;

			if (t == VS_F16 || t == VS_F64)
				t = VS_F32;
			snprintf(name, sizeof(name), "%s-%d.npy",
				 numpy_types[k].code, major);
			assert_int_equal(0, vecs_open1(&ctx,
						       tmpdir_file(&dir, name),
						       VS_FMT_AUTO, &v, &err));
			assert_int_equal(t, vs_vecs_dtype(v));
			assert_int_equal(7, vs_vecs_rows(v));
			assert_int_equal(5, vs_vecs_dim(v));
			assert_int_equal(0, vs_vecs_read(&ctx, v, 0, 7, got,
							 &err));
			numpy_matrix(t, want);
			assert_memory_equal(want, got, 35 * vs_dtype_size(t));
			vs_vecs_close(&ctx, v);
		}
	for (k = 0; k < sizeof(refused) / sizeof(refused[0]); k++) {
		assert_int_equal(VS_EDATA,
				 vecs_open1(&ctx,
					    tmpdir_file(&dir, refused[k][0]),
					    VS_FMT_AUTO, &v, &err));
		if (strstr(err.msg, refused[k][1]) == NULL)
			fail_msg("no \"%s\" in \"%s\"", refused[k][1],
				 err.msg);
	}
}

/* What we write is, byte for byte, what numpy would have written. */
static void test_numpy_reads(void **state)
{
	/* For f2 the bit patterns -12 to 22: they are not looked at. */
	uint8_t rows[35 * 8];
	char name[64];
	size_t k;

	(void)state;
	for (k = 0; k < N_NUMPY; k++) {
		enum vs_dtype t = numpy_types[k].dtype;
		struct vs_vecs_shape shape = { VS_FMT_NPY, t, 5, 7 };
		struct vs_vecs_writer *w;

		numpy_matrix(t, rows);
		snprintf(name, sizeof(name), "%s.npy", numpy_types[k].code);
		assert_int_equal(0, vs_vecs_create(&ctx,
						   tmpdir_file(&dir, name),
						   &shape, &w, &err));
		assert_int_equal(0, vs_vecs_append(&ctx, w, rows, 7, &err));
		assert_int_equal(0, vs_vecs_finish(&ctx, w, VS_PUBLISH_NEW,
						   &err));
	}
	run_python(
		"import io, numpy as np\n"
		"m = np.arange(-12, 23).reshape(7, 5)\n"
		"for c in 'f4 f8 u1 i1 i4 i8 u4 u8 f2'.split():\n"
		"    a = np.load(f'{c}.npy')\n"
		"    want = m.astype(c)\n"
		"    if c == 'f2':\n"
		"        want = m.astype('i2').view('f2')\n"
		"    assert a.dtype == np.dtype('<' + c), (c, a.dtype)\n"
		"    assert a.shape == (7, 5) and a.flags.c_contiguous, c\n"
		"    assert a.tobytes() == want.tobytes(), c\n"
		"    b = io.BytesIO()\n"
		"    np.save(b, want)\n"
		"    with open(f'{c}.npy', 'rb') as f:\n"
		"        assert f.read() == b.getvalue(), c\n");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_headers_accepted), T(test_arrays_refused),
		T(test_headers_refused),  T(test_extents_that_overflow),
		T(test_preamble),
		T(test_f16_is_exact),	  T(test_f64_is_rounded),
		T(test_numpy_writes),	  T(test_numpy_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
