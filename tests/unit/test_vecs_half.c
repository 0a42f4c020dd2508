/* test_vecs_half.c - half floats as an element type of sets: npy <f2 and
 * f16bin, as they are or as f32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tmpdir.h"
#include "vecsfile.h"
#include "vs/num.h"

#define DIM 7
#define ROWS 50
#define N (DIM * ROWS)

static struct tmpdir dir;
static struct vs_ctx ctx;
static struct vs_err err;
static uint16_t half[N];

static const struct {
	enum vs_vecs_format format;
	const char *name;
} files[] = { { VS_FMT_NPY, "a.npy" }, { VS_FMT_F16BIN, "a.f16bin" } };

static int setup(void **state)
{
	size_t i;

	(void)state;
	tmpdir_make(&dir);
	vs_ctx_init(&ctx);
	/* Zero, subnormals, usual numbers, and both largest. */
	for (i = 0; i < N; i++)
		half[i] = (uint16_t)(i * 181 % 0x7c00 | (i % 2) << 15);
	half[5] = 0x7bff;
	half[6] = 0xfbff;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(0, atomic_load(&ctx.mem_now));
	tmpdir_remove(&dir);
	return 0;
}

/* Saves half[] as file kind k and opens it. */
static int open_half(size_t k, const struct vs_vecs_options *opt,
		     struct vs_vecs **v)
{
	const char *path = tmpdir_file(&dir, files[k].name);
	struct image im;

	image_of(&im, files[k].format, "<f2", DIM, ROWS, 2, half);
	image_save(&im, path);
	memset(&err, 0, sizeof(err));
	return vs_vecs_open(&ctx, &path, 1, opt, v, &err);
}

static void test_native_rows_are_those_of_the_file(void **state)
{
	const struct vs_vecs_options opt = { .native_f16 = true };
	uint16_t got[N];
	struct vs_vecs *v;
	size_t k;

	(void)state;
	for (k = 0; k < 2; k++) {
		assert_int_equal(0, open_half(k, &opt, &v));
		assert_int_equal(VS_F16, vs_vecs_dtype(v));
		assert_int_equal(DIM * 2, vs_vecs_row_bytes(v));
		assert_int_equal(ROWS, vs_vecs_rows(v));
		assert_int_equal(0, vs_vecs_read(&ctx, v, 0, ROWS, got, &err));
		assert_memory_equal(half, got, sizeof(got));
		vs_vecs_close(&ctx, v);
	}
}

static void test_rows_are_f32_unless_asked(void **state)
{
	float got[N], want;
	struct vs_vecs *v;
	size_t k, i;

	(void)state;
	for (k = 0; k < 2; k++) {
		assert_int_equal(0, open_half(k, NULL, &v));
		assert_int_equal(VS_F32, vs_vecs_dtype(v));
		assert_int_equal(0, vs_vecs_read(&ctx, v, 0, ROWS, got, &err));
		for (i = 0; i < N; i++) {
			want = vs_f32_of_f16(half[i]);
			assert_memory_equal(&want, &got[i], 4);
		}
		vs_vecs_close(&ctx, v);
	}
}

/* Puts bits at every place in turn, so in every part of the wide check. */
static void check_refused(size_t k, bool native, uint16_t bits,
			  const char *word)
{
	const struct vs_vecs_options opt = { .native_f16 = native };
	float rows[N];
	struct vs_vecs *v;
	char words[128];
	size_t at;
	uint16_t was;
	int rc;

	for (at = 0; at < N; at++) {
		was = half[at];
		half[at] = bits;
		rc = open_half(k, &opt, &v);
		if (rc == 0)
			rc = vs_vecs_read(&ctx, v, 0, ROWS, rows, &err);
		assert_int_equal(VS_EDATA, rc);
		snprintf(words, sizeof(words),
			 "%s: row %zu column %zu (both counted from 0) is %s;",
			 files[k].name, at / DIM, at % DIM, word);
		assert_non_null(strstr(err.msg, words));
		vs_vecs_close(&ctx, v);
		half[at] = was;
	}
}

static void test_nonfinite_halves(void **state)
{
	size_t k;

	(void)state;
	for (k = 0; k < 4; k++) {
		check_refused(k / 2, k % 2 != 0, 0x7e00, "nan");
		check_refused(k / 2, k % 2 != 0, 0xfc01, "nan");
		check_refused(k / 2, k % 2 != 0, 0x7c00, "infinite");
		check_refused(k / 2, k % 2 != 0, 0xfc00, "minus infinite");
	}
}

static struct vs_digest digest_of(size_t k, bool native)
{
	const struct vs_vecs_options opt = { .native_f16 = native };
	struct vs_digest d;
	struct vs_vecs *v;

	assert_int_equal(0, open_half(k, &opt, &v));
	assert_int_equal(0, vs_vecs_full_digest(&ctx, v, &d, &err));
	vs_vecs_close(&ctx, v);
	return d;
}

/* Of f32 what they were; of f16 type, dim, rows and the halves. */
static void test_digests_are_per_type(void **state)
{
	const char *path = tmpdir_file(&dir, "wide.fvecs");
	struct vs_digest a, b, want;
	struct vs_hasher *h;
	struct vs_vecs *v;
	struct image im;
	float wide[N];
	size_t i;

	(void)state;
	for (i = 0; i < N; i++)
		wide[i] = vs_f32_of_f16(half[i]);
	image_rows(&im, DIM, ROWS, 4, wide);
	image_save(&im, path);
	assert_int_equal(0, vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err));
	assert_int_equal(0, vs_vecs_full_digest(&ctx, v, &want, &err));
	vs_vecs_close(&ctx, v);
	a = digest_of(0, false);
	b = digest_of(1, false);
	assert_true(vs_digest_equal(&a, &want));
	assert_true(vs_digest_equal(&b, &want));

	assert_int_equal(0, vs_hasher_create(&ctx, &h, &err));
	vs_hasher_add_u64(h, VS_F16);
	vs_hasher_add_u64(h, DIM);
	vs_hasher_add_u64(h, ROWS);
	vs_hasher_add(h, half, sizeof(half));
	vs_hasher_done(h, &want);
	vs_hasher_destroy(&ctx, h);
	a = digest_of(0, true);
	b = digest_of(1, true);
	assert_true(vs_digest_equal(&a, &want));
	assert_true(vs_digest_equal(&b, &want));
}

static void test_f16bin_is_written(void **state)
{
	const struct vs_vecs_options opt = { .native_f16 = true };
	const struct vs_vecs_shape shape = { VS_FMT_AUTO, VS_F16, DIM, ROWS };
	const char *path = tmpdir_file(&dir, "out.f16bin");
	struct vs_vecs_writer *w;
	struct vs_vecs *v;
	uint16_t got[N];

	(void)state;
	assert_int_equal(0, vs_vecs_create(&ctx, path, &shape, &w, &err));
	assert_int_equal(0, vs_vecs_append(&ctx, w, half, ROWS, &err));
	assert_int_equal(0, vs_vecs_finish(&ctx, w, VS_PUBLISH_NEW, &err));
	assert_int_equal(0, vs_vecs_open(&ctx, &path, 1, &opt, &v, &err));
	assert_int_equal(0, vs_vecs_read(&ctx, v, 0, ROWS, got, &err));
	assert_memory_equal(half, got, sizeof(got));
	vs_vecs_close(&ctx, v);
}

/* Named as another format, it is told by its size. */
static void test_f16bin_under_another_name(void **state)
{
	const char *path = tmpdir_file(&dir, "x.fbin");
	struct vs_vecs *v;
	struct image im;

	(void)state;
	image_bin(&im, DIM, ROWS, 2, half);
	image_save(&im, path);
	assert_int_equal(VS_EDATA,
			 vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err));
	assert_non_null(strstr(err.msg, "looks like f16bin (50 rows of 7 "));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_native_rows_are_those_of_the_file),
		T(test_rows_are_f32_unless_asked),
		T(test_nonfinite_halves),
		T(test_digests_are_per_type),
		T(test_f16bin_is_written),
		T(test_f16bin_under_another_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
