/* test_vecs_digest.c - the identity of a set: the same for the same vectors in
 * any file format and cut anywhere, another for any other vectors. */
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

struct both {
	struct vs_digest quick;
	struct vs_digest full;
};

static struct both digests(const char *const *paths, size_t n_paths)
{
	struct vs_vecs *v;
	struct both b;

	if (vs_vecs_open(&ctx, paths, n_paths, NULL, &v, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(0, vs_vecs_quick_digest(&ctx, v, &b.quick, &err));
	assert_int_equal(0, vs_vecs_full_digest(&ctx, v, &b.full, &err));
	vs_vecs_close(&ctx, v);
	return b;
}

static struct both digests_of(const char *name, uint32_t dim, size_t n,
			      size_t elem, const void *rows)
{
	const char *path = tmpdir_file(&dir, name);
	struct image im;

	image_of(&im, vs_vecs_format_of(path), "<f4", dim, n, elem, rows);
	image_save(&im, path);
	return digests(&path, 1);
}

static bool same(struct both a, struct both b)
{
	return vs_digest_equal(&a.quick, &b.quick) &&
	       vs_digest_equal(&a.full, &b.full);
}

/* What the header of the module promises, written down once more. */
static struct both expected(enum vs_dtype t, uint32_t dim, size_t n,
			    const uint8_t *rows)
{
	size_t row = dim * vs_dtype_size(t), each = 65536 / row, i;
	struct vs_hasher *quick, *full;
	struct both b;

	if (each == 0)
		each = 1;
	assert_int_equal(0, vs_hasher_create(&ctx, &quick, &err));
	assert_int_equal(0, vs_hasher_create(&ctx, &full, &err));
	vs_hasher_add_u64(quick, (uint64_t)t);
	vs_hasher_add_u64(quick, dim);
	vs_hasher_add_u64(quick, n);
	vs_hasher_add_u64(full, (uint64_t)t);
	vs_hasher_add_u64(full, dim);
	vs_hasher_add_u64(full, n);
	vs_hasher_add(full, rows, n * row);
	for (i = 0; i < 64 && n > 64 * each; i++)
		vs_hasher_add(quick, rows + (n - each) * i / 63 * row,
			      each * row);
	vs_hasher_done(full, &b.full);
	b.quick = b.full;
	if (n > 64 * each)
		vs_hasher_done(quick, &b.quick);
	vs_hasher_destroy(&ctx, quick);
	vs_hasher_destroy(&ctx, full);
	return b;
}

/* 5 rows, the most that 64 blocks cover, one more, and many more. */
static void test_format_and_cutting_do_not_matter(void **state)
{
	static const size_t counts[] = { 5, 64 * 819, 64 * 819 + 1, 90001 };
	const uint32_t dim = 20;
	size_t k;

	(void)state;
	for (k = 0; k < 4; k++) {
		size_t n = counts[k], a = n / 3, b = n - 2;
		uint8_t *rows = pattern_make(n * dim * 4, 4, 8);
		const char *paths[3] = { tmpdir_file(&dir, "1.fbin"),
					 tmpdir_file(&dir, "2.fvecs"),
					 tmpdir_file(&dir, "3.npy") };
		struct both want = expected(VS_F32, dim, n, rows);
		struct image im;

		assert_true(same(want,
				 digests_of("x.fvecs", dim, n, 4, rows)));
		assert_true(same(want, digests_of("x.fbin", dim, n, 4, rows)));
		assert_true(same(want, digests_of("x.npy", dim, n, 4, rows)));
		image_bin(&im, dim, a, 4, rows);
		image_save(&im, paths[0]);
		image_rows(&im, dim, b - a, 4, rows + a * dim * 4);
		image_save(&im, paths[1]);
		image_npy(&im, 1, "<f4", dim, n - b, 4, rows + b * dim * 4);
		image_save(&im, paths[2]);
		assert_true(same(want, digests(paths, 3)));
		assert_int_equal(n <= 64 * 819,
				 vs_digest_equal(&want.quick, &want.full));
		free(rows);
	}
}

/* Rows longer than a block: one row each. */
static void test_long_rows(void **state)
{
	const uint32_t dim = 20000;
	uint8_t *rows = pattern_make(100 * dim * 4, 4, 8);
	struct both want = expected(VS_F32, dim, 100, rows);

	(void)state;
	assert_true(same(want, digests_of("x.fvecs", dim, 100, 4, rows)));
	assert_true(same(want, digests_of("x.fbin", dim, 100, 4, rows)));
	assert_false(vs_digest_equal(&want.quick, &want.full));
	free(rows);
}

static void test_type_and_shape_matter(void **state)
{
	uint8_t *rows = pattern_make(24 * 16, 4, 8);
	struct both a = digests_of("x.u8bin", 16, 24, 1, rows);

	(void)state;
	assert_true(same(a, digests_of("x.bvecs", 16, 24, 1, rows)));
	assert_false(same(a, digests_of("x.i8bin", 16, 24, 1, rows)));
	assert_false(same(a, digests_of("x.u8bin", 24, 16, 1, rows)));
	assert_false(same(a, digests_of("x.u8bin", 16, 23, 1, rows)));
	assert_false(same(digests_of("x.fbin", 4, 24, 4, rows),
			  digests_of("x.ibin", 4, 24, 4, rows)));
	free(rows);
}

/* Quick sees the first and the last row; what it does not see, full does. */
static void test_changes_are_seen(void **state)
{
	const size_t n = 90001, row = 80;
	uint8_t *rows = pattern_make(n * row, 4, 8);
	struct both was = expected(VS_F32, 20, n, rows), now;

	(void)state;
	rows[0] ^= 1;
	now = digests_of("x.fbin", 20, n, 4, rows);
	assert_false(vs_digest_equal(&was.quick, &now.quick));
	assert_false(vs_digest_equal(&was.full, &now.full));
	rows[0] ^= 1;
	rows[n * row - 2] ^= 1;
	now = digests_of("x.fbin", 20, n, 4, rows);
	assert_false(vs_digest_equal(&was.quick, &now.quick));
	assert_false(vs_digest_equal(&was.full, &now.full));
	rows[n * row - 2] ^= 1;
	/* Behind the first block of 819 rows. */
	rows[820 * row] ^= 1;
	now = digests_of("x.fbin", 20, n, 4, rows);
	assert_true(vs_digest_equal(&was.quick, &now.quick));
	assert_false(vs_digest_equal(&was.full, &now.full));
	free(rows);
}

/* The value itself must never change: it stands in files. */
static void test_known_values(void **state)
{
	static const uint8_t rows[6] = { 1, 2, 3, 4, 5, 6 };
	char text[VS_DIGEST_TEXT_MAX];
	struct both d = digests_of("x.bvecs", 3, 2, 1, rows);

	(void)state;
	assert_string_equal("1b84f7d06127f185ed04bdd3f6038665",
			    vs_digest_text(&d.full, text));
	assert_true(vs_digest_equal(&d.quick, &d.full));
}

/* A caller that hashes what it reads gets the full digest. */
static void test_hashing_on_the_way(void **state)
{
	uint8_t *rows = pattern_make(1000 * 12, 4, 8), *got = malloc(70 * 12);
	struct both want = digests_of("x.fvecs", 3, 1000, 4, rows);
	const char *path = tmpdir_file(&dir, "x.fvecs");
	struct vs_digest d;
	struct vs_hasher *h;
	struct vs_vecs *v;
	uint64_t at, take;

	(void)state;
	assert_non_null(got);
	assert_int_equal(0, vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err));
	assert_int_equal(0, vs_hasher_create(&ctx, &h, &err));
	vs_vecs_digest_head(v, h);
	for (at = 0; at < 1000; at += take) {
		take = vs_min_u64(1000 - at, 70);
		assert_int_equal(0, vs_vecs_read(&ctx, v, at, (size_t)take, got,
						 &err));
		vs_hasher_add(h, got, take * 12);
	}
	vs_hasher_done(h, &d);
	assert_true(vs_digest_equal(&d, &want.full));
	vs_hasher_destroy(&ctx, h);
	vs_vecs_close(&ctx, v);
	free(got);
	free(rows);
}

static void test_stop(void **state)
{
	uint8_t *rows = pattern_make(1000 * 12, 4, 8);
	const char *path = tmpdir_file(&dir, "x.fvecs");
	struct both was = digests_of("x.fvecs", 3, 1000, 4, rows);
	atomic_int stop = 1;
	struct vs_digest d;
	struct vs_vecs *v;

	(void)state;
	assert_int_equal(0, vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err));
	ctx.stop = &stop;
	assert_int_equal(VS_EAGAIN, vs_vecs_full_digest(&ctx, v, &d, &err));
	stop = 0;
	assert_int_equal(0, vs_vecs_full_digest(&ctx, v, &d, &err));
	assert_true(vs_digest_equal(&d, &was.full));
	vs_vecs_close(&ctx, v);
	free(rows);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_format_and_cutting_do_not_matter),
		T(test_long_rows),
		T(test_type_and_shape_matter),
		T(test_changes_are_seen),
		T(test_known_values),
		T(test_hashing_on_the_way),
		T(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
