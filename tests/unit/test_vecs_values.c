/* test_vecs_values.c - rows that are wrong among rows that are right: refused
 * with file, row and column. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dirctx.h"
#include "vecsfile.h"

static void test_dimension_changes_in_row_7(void **state)
{
	static const char *const names[] = { "a.fvecs", "a.bvecs", "a.ivecs" };
	size_t elem, k;

	(void)state;
	for (k = 0; k < 3; k++) {
		const char *path = tmpdir_file(&dir, names[k]);
		uint8_t rows[20 * 12] = { 0 };
		struct vs_vecs *v;
		struct image im;
		char words[128];

		elem = k == 1 ? 1 : 4;
		image_rows(&im, 3, 20, elem, rows);
		im.b[7 * (4 + 3 * elem)] = 9;
		image_save(&im, path);
		assert_int_equal(0, vecs_open1(&ctx, path, VS_FMT_AUTO, &v,
					       &err));
		assert_int_equal(0, vs_vecs_read(&ctx, v, 0, 7, rows, &err));
		assert_int_equal(0, vs_vecs_read(&ctx, v, 8, 12, rows, &err));
		assert_int_equal(VS_EDATA, vs_vecs_read(&ctx, v, 5, 9, rows,
							&err));
		assert_int_equal(VS_EDATA, err.code);
		snprintf(words, sizeof(words), "row 7 (counted from 0, at "
			 "offset %zu) says dimension 9; expected 3",
			 7 * (4 + 3 * elem));
		assert_non_null(strstr(err.msg, words));
		assert_non_null(strstr(err.msg, names[k]));
		vs_vecs_close(&ctx, v);
	}
}

/* Puts bits of elem bytes at (row, column) of a file of 40 x 11 and expects it
 * to be refused with the word. */
static void check_refused_value(enum vs_vecs_format format, const char *name,
				const char *descr, size_t elem, uint64_t bits,
				size_t row, size_t column, const char *word)
{
	const char *path = tmpdir_file(&dir, name);
	uint8_t data[40 * 11 * 8] = { 0 };
	float rows[40 * 11];
	struct vs_vecs *v;
	struct image im;
	char words[128];
	int rc;

	memcpy(data + (row * 11 + column) * elem, &bits, elem);
	image_of(&im, format, descr, 11, 40, elem, data);
	image_save(&im, path);
	rc = vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err);
	if (row != 0 && row != 39) {
		assert_int_equal(0, rc);
		rc = vs_vecs_read(&ctx, v, 0, 40, rows, &err);
	}
	assert_int_equal(VS_EDATA, rc);
	snprintf(words, sizeof(words),
		 "%s: row %zu column %zu (both counted from 0) is %s; expected "
		 "finite",
		 name, row, column, word);
	assert_non_null(strstr(err.msg, words));
	if (row != 0 && row != 39) {
		assert_int_equal(0, vs_vecs_read(&ctx, v, row + 1,
						 39 - row, rows, &err));
		assert_int_equal(VS_EDATA, vs_vecs_read(&ctx, v, row, 1, rows,
							&err));
		assert_non_null(strstr(err.msg, words));
	}
	vs_vecs_close(&ctx, v);
}

static void test_nonfinite_values(void **state)
{
	static const struct {
		enum vs_vecs_format format;
		const char *name;
		const char *descr;
		size_t elem;
		uint64_t nan, snan, inf, minus;
	} f[] = {
		{ VS_FMT_FVECS, "a.fvecs", NULL, 4, 0x7fc00000, 0xff800001,
		  0x7f800000, 0xff800000 },
		{ VS_FMT_FBIN, "a.fbin", NULL, 4, 0x7fc00000, 0xff800001,
		  0x7f800000, 0xff800000 },
		{ VS_FMT_NPY, "a.npy", "<f4", 4, 0x7fc00000, 0xff800001,
		  0x7f800000, 0xff800000 },
		{ VS_FMT_NPY, "a.npy", "<f2", 2, 0x7e00, 0xfc01, 0x7c00,
		  0xfc00 },
		{ VS_FMT_NPY, "a.npy", "<f8", 8, 0x7ff8000000000000,
		  0xfff0000000000001, 0x7ff0000000000000,
		  0xfff0000000000000 },
	};
	static const size_t places[][2] = { { 0, 0 },  { 0, 10 }, { 1, 0 },
					    { 7, 3 },  { 20, 8 }, { 38, 10 },
					    { 39, 0 }, { 39, 10 } };
	size_t i, p;

	(void)state;
	for (i = 0; i < sizeof(f) / sizeof(f[0]); i++)
		for (p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
			size_t r = places[p][0], c = places[p][1];

			check_refused_value(f[i].format, f[i].name, f[i].descr,
					    f[i].elem, f[i].nan, r, c, "nan");
			check_refused_value(f[i].format, f[i].name, f[i].descr,
					    f[i].elem, f[i].snan, r, c, "nan");
			check_refused_value(f[i].format, f[i].name, f[i].descr,
					    f[i].elem, f[i].inf, r, c,
					    "infinite");
			check_refused_value(f[i].format, f[i].name, f[i].descr,
					    f[i].elem, f[i].minus, r, c,
					    "minus infinite");
		}
	/* 1e39 fits f64 only. */
	check_refused_value(VS_FMT_NPY, "a.npy", "<f8", 8, 0x48078287f49c4a1d,
			    7, 3, "out of the range of f32");
}

/* The row is counted within its file, not within the set. */
static void test_row_numbers_are_those_of_the_file(void **state)
{
	const char *paths[2] = { tmpdir_file(&dir, "a.fvecs"),
				 tmpdir_file(&dir, "b.fvecs") };
	float rows[20] = { 0 };
	struct vs_vecs *v;
	struct image im;

	(void)state;
	image_rows(&im, 2, 10, 4, rows);
	image_save(&im, paths[0]);
	rows[3 * 2 + 1] = NAN;
	image_rows(&im, 2, 10, 4, rows);
	image_save(&im, paths[1]);
	assert_int_equal(0, vs_vecs_open(&ctx, paths, 2, NULL, &v, &err));
	assert_int_equal(VS_EDATA, vs_vecs_read(&ctx, v, 8, 10, rows, &err));
	assert_non_null(strstr(err.msg, "b.fvecs: row 3 column 1 "));
	vs_vecs_close(&ctx, v);
}

/* The largest floats of either sign, zeros and subnormals are finite. */
static void test_extreme_values_pass(void **state)
{
	float rows[12] = { FLT_MAX,	  -FLT_MAX, 0.0f,	 -0.0f,
			   FLT_MIN,	  1e-45f,   -1e-45f,	 1.0f,
			   -FLT_MAX / 2, FLT_MAX,  -FLT_MAX, FLT_MAX };
	float got[12];
	const char *path = tmpdir_file(&dir, "a.fvecs");
	struct vs_vecs *v;
	struct image im;

	(void)state;
	image_rows(&im, 3, 4, 4, rows);
	image_save(&im, path);
	assert_int_equal(0, vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err));
	assert_int_equal(0, vs_vecs_read(&ctx, v, 0, 4, got, &err));
	assert_memory_equal(rows, got, sizeof(rows));
	vs_vecs_close(&ctx, v);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_dimension_changes_in_row_7),
		T(test_nonfinite_values),
		T(test_row_numbers_are_those_of_the_file),
		T(test_extreme_values_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
