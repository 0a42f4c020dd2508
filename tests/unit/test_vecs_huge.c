/* test_vecs_huge.c - files beyond 2^32 bytes and sets beyond 2^32 rows, as
 * sparse files: the right row comes from the right place. */
#include <errno.h>
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

/* A file of size zero bytes; skips the test where that cannot be had. */
static int make_sparse(const char *path, uint64_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	assert_true(fd >= 0);
	if (ftruncate(fd, (off_t)size) != 0) {
		print_message("# skipped: no file of %llu bytes in %s: %s\n",
			      (unsigned long long)size, dir.path,
			      strerror(errno));
		close(fd);
		tmpdir_remove(&dir);
		tmpdir_make(&dir);
		skip();
	}
	return fd;
}

static void put(int fd, const void *data, size_t n, uint64_t at)
{
	assert_int_equal(n, pwrite(fd, data, n, (off_t)at));
}

static void put_u32(int fd, uint32_t v, uint64_t at)
{
	uint8_t b[4];

	vs_put_le32(b, v);
	put(fd, b, 4, at);
}

static struct vs_vecs *open_ok(const char *path, uint64_t rows, uint32_t dim)
{
	struct vs_vecs *v;

	if (vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err) != 0)
		fail_msg("%s", err.msg);
	assert_true(rows == vs_vecs_rows(v));
	assert_int_equal(dim, vs_vecs_dim(v));
	return v;
}

/* 2^31 + 10 rows of 128 u8, 283 GB: only the rows that are read have their
 * headers. */
static void test_bvecs(void **state)
{
	const uint64_t n = ((uint64_t)1 << 31) + 10, at = n - 8;
	const char *path = tmpdir_file(&dir, "x.bvecs");
	uint8_t rows[3 * 128], got[3 * 128];
	struct vs_vecs *v;
	uint64_t i;
	int fd = make_sparse(path, n * 132);

	(void)state;
	memset(rows, 7, sizeof(rows));
	put_u32(fd, 128, 0);
	put_u32(fd, 128, (n - 1) * 132);
	for (i = 0; i < 3; i++) {
		rows[i * 128 + i] = (uint8_t)i;
		put_u32(fd, 128, (at + i) * 132);
		put(fd, rows + i * 128, 128, (at + i) * 132 + 4);
	}
	close(fd);
	v = open_ok(path, n, 128);
	assert_int_equal(0, vs_vecs_read(&ctx, v, at, 3, got, &err));
	assert_memory_equal(rows, got, sizeof(rows));
	assert_int_equal(VS_EDATA, vs_vecs_read(&ctx, v, at, 4, got, &err));
	assert_non_null(strstr(err.msg, "row 2147483653 (counted from 0, at "
					"offset 283467842196) says dimension "
					"0; expected 128"));
	vs_vecs_close(&ctx, v);
}

/* One row fewer than whole. */
static void test_cropped_bvecs(void **state)
{
	const uint64_t n = ((uint64_t)1 << 31) + 10;
	const char *path = tmpdir_file(&dir, "x.bvecs");
	struct vs_vecs *v;
	int fd = make_sparse(path, n * 132 - 1);

	(void)state;
	put_u32(fd, 128, 0);
	close(fd);
	assert_int_equal(VS_EDATA, vecs_open1(&ctx, path, VS_FMT_AUTO, &v,
					      &err));
	assert_non_null(strstr(err.msg, "283467842855 bytes are no whole "
					"number of rows of 128 dimensions (132 "
					"bytes each): 131 bytes"));
}

/* The most rows that a header of 32 bits can say. */
static void test_fbin(void **state)
{
	const uint64_t n = UINT32_MAX;
	const char *path = tmpdir_file(&dir, "x.fbin");
	float rows[6] = { 1, 2, 3, 4, 5, 6 }, got[6];
	struct vs_digest a, b;
	struct vs_vecs *v;
	int fd = make_sparse(path, 8 + n * 12);

	(void)state;
	put_u32(fd, (uint32_t)n, 0);
	put_u32(fd, 3, 4);
	put(fd, rows, 24, 8 + (n - 2) * 12);
	v = open_ok(path, n, 3);
	assert_int_equal(0, vs_vecs_read(&ctx, v, n - 2, 2, got, &err));
	assert_memory_equal(rows, got, 24);
	assert_int_equal(0, vs_vecs_read(&ctx, v, n - 3, 2, got, &err));
	assert_memory_equal(rows, got + 3, 12);
	assert_int_equal(0, vs_vecs_quick_digest(&ctx, v, &a, &err));
	put(fd, rows, 4, 8 + (n - 1) * 12);
	assert_int_equal(0, vs_vecs_quick_digest(&ctx, v, &b, &err));
	assert_false(vs_digest_equal(&a, &b));
	close(fd);
	vs_vecs_close(&ctx, v);
}

/* 2^33 rows of one f64. */
static void test_npy(void **state)
{
	const uint64_t n = (uint64_t)1 << 33;
	const char *path = tmpdir_file(&dir, "x.npy");
	const double in[3] = { 0.5, -0.25, 8 };
	float got[3];
	struct vs_vecs *v;
	struct vs_digest d;
	struct image im;
	int fd;

	(void)state;
	image_npy_text(&im, 1, "{'descr': '<f8', 'fortran_order': False, "
			       "'shape': (8589934592, 1), }", NULL, 0);
	fd = make_sparse(path, im.n + n * 8);
	put(fd, im.b, im.n, 0);
	put(fd, in, 24, im.n + (n - 100) * 8);
	close(fd);
	image_free(&im);
	v = open_ok(path, n, 1);
	assert_int_equal(0, vs_vecs_read(&ctx, v, n - 100, 3, got, &err));
	assert_true(got[0] == 0.5f && got[1] == -0.25f && got[2] == 8);
	assert_int_equal(0, vs_vecs_quick_digest(&ctx, v, &d, &err));
	vs_vecs_close(&ctx, v);
}

/* The longest rows there are. */
static void test_long_rows(void **state)
{
	const uint64_t n = 20000, stride = 4 + 4 * (uint64_t)VS_DIM_MAX;
	const char *path = tmpdir_file(&dir, "x.ivecs");
	int32_t *row = calloc(VS_DIM_MAX, 4), *got = calloc(VS_DIM_MAX, 4);
	struct vs_vecs *v;
	int fd = make_sparse(path, n * stride);

	(void)state;
	assert_true(row != NULL && got != NULL);
	row[0] = 1;
	row[VS_DIM_MAX - 1] = -5;
	put_u32(fd, VS_DIM_MAX, 0);
	put_u32(fd, VS_DIM_MAX, (n - 1) * stride);
	put_u32(fd, VS_DIM_MAX, (n - 3) * stride);
	put(fd, row, 4 * VS_DIM_MAX, (n - 3) * stride + 4);
	close(fd);
	v = open_ok(path, n, VS_DIM_MAX);
	assert_int_equal(0, vs_vecs_read(&ctx, v, n - 3, 1, got, &err));
	assert_memory_equal(row, got, 4 * VS_DIM_MAX);
	vs_vecs_close(&ctx, v);
	free(got);
	free(row);
}

/* Rows beyond 2^32 in a set of several files, and one read over the seam. */
static void test_set(void **state)
{
	const uint64_t n = UINT32_MAX;
	const char *paths[3] = { tmpdir_file(&dir, "a.u8bin"),
				 tmpdir_file(&dir, "b.u8bin"),
				 tmpdir_file(&dir, "c.u8bin") };
	uint8_t got[4];
	struct vs_vecs *v;
	int fd[3];
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		fd[i] = make_sparse(paths[i], 8 + n);
		put_u32(fd[i], (uint32_t)n, 0);
		put_u32(fd[i], 1, 4);
	}
	put(fd[1], "\x0b\x0c", 2, 8 + n - 2);
	put(fd[2], "\x0d\x0e", 2, 8);
	for (i = 0; i < 3; i++)
		close(fd[i]);
	assert_int_equal(0, vs_vecs_open(&ctx, paths, 3, NULL, &v, &err));
	assert_true(vs_vecs_rows(v) == 3 * n);
	assert_int_equal(0, vs_vecs_read(&ctx, v, 2 * n - 2, 4, got, &err));
	assert_memory_equal("\x0b\x0c\x0d\x0e", got, 4);
	assert_int_equal(0, vs_vecs_read(&ctx, v, 3 * n - 1, 1, got, &err));
	assert_int_equal(0, got[0]);
	vs_vecs_close(&ctx, v);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_bvecs),	   T(test_cropped_bvecs), T(test_fbin),
		T(test_npy),	   T(test_long_rows),	  T(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
