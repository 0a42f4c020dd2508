/* test_vecs_read.c - sets of vectors: every format, several files as one,
 * threads, faults. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "faults.h"
#include "tmpdir.h"
#include "vecsfile.h"
#include "vs/num.h"

static struct tmpdir dir;
static struct vs_ctx ctx;
static struct vs_err err;

static int setup(void **state)
{
	(void)state;
	tmpdir_make(&dir);
	vs_ctx_init(&ctx);
	memset(&err, 0, sizeof(err));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tmpdir_remove(&dir);
	return 0;
}

static const struct {
	const char *name;
	const char *descr; /* of npy */
	enum vs_vecs_format format;
	enum vs_dtype dtype;
	size_t elem;
} kinds[] = {
	{ "a.fvecs", NULL, VS_FMT_FVECS, VS_F32, 4 },
	{ "a.bvecs", NULL, VS_FMT_BVECS, VS_U8, 1 },
	{ "a.ivecs", NULL, VS_FMT_IVECS, VS_I32, 4 },
	{ "a.fbin", NULL, VS_FMT_FBIN, VS_F32, 4 },
	{ "a.u8bin", NULL, VS_FMT_U8BIN, VS_U8, 1 },
	{ "a.i8bin", NULL, VS_FMT_I8BIN, VS_I8, 1 },
	{ "a.ibin", NULL, VS_FMT_IBIN, VS_I32, 4 },
	{ "a.npy", "<f4", VS_FMT_NPY, VS_F32, 4 },
	{ "a.npy", "|u1", VS_FMT_NPY, VS_U8, 1 },
	{ "a.npy", "|i1", VS_FMT_NPY, VS_I8, 1 },
	{ "a.npy", "<i4", VS_FMT_NPY, VS_I32, 4 },
	{ "a.npy", "<i8", VS_FMT_NPY, VS_I64, 8 },
	{ "a.npy", "<u4", VS_FMT_NPY, VS_U32, 4 },
	{ "a.npy", "<u8", VS_FMT_NPY, VS_U64, 8 },
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Reads v in pieces of every size up to 9 rows and compares. */
static void check_rows(struct vs_vecs *v, const uint8_t *want)
{
	size_t row = vs_vecs_row_bytes(v), step;
	uint64_t n = vs_vecs_rows(v), at, take;
	uint8_t *got = malloc(10 * row);

	assert_non_null(got);
	for (step = 1; step < 10; step++) {
		for (at = 0; at < n; at += take) {
			take = vs_min_u64(step, n - at);
			got[take * row] = 0xa5;
			assert_int_equal(0, vs_vecs_read(&ctx, v, at,
							 (size_t)take, got,
							 &err));
			assert_memory_equal(want + at * row, got, take * row);
			assert_int_equal(0xa5, got[take * row]);
		}
	}
	assert_int_equal(0, vs_vecs_read(&ctx, v, n, 0, got, &err));
	free(got);
}

static void check_kind(size_t k, uint32_t dim, size_t n)
{
	const char *path = tmpdir_file(&dir, kinds[k].name);
	uint8_t *rows = pattern_make(n * dim * kinds[k].elem, kinds[k].elem,
				     dim);
	struct vs_vecs *v;
	struct image im;

	image_of(&im, kinds[k].format, kinds[k].descr, dim, n, kinds[k].elem,
		 rows);
	image_save(&im, path);
	assert_int_equal(0, vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err));
	assert_int_equal(kinds[k].dtype, vs_vecs_dtype(v));
	assert_int_equal(dim, vs_vecs_dim(v));
	assert_int_equal(n, vs_vecs_rows(v));
	assert_int_equal(dim * kinds[k].elem, vs_vecs_row_bytes(v));
	assert_string_equal(path, vs_vecs_name(v));
	check_rows(v, rows);
	vs_vecs_close(&ctx, v);
	assert_int_equal(0, atomic_load(&ctx.mem_now));
	free(rows);
}

static void test_every_format(void **state)
{
	static const uint32_t dims[] = { 1, 2, 3, 7, 8, 9, 128, 129 };
	size_t k, d;

	(void)state;
	for (k = 0; k < N_KINDS; k++)
		for (d = 0; d < sizeof(dims) / sizeof(dims[0]); d++) {
			check_kind(k, dims[d], 1);
			check_kind(k, dims[d], 23);
		}
	check_kind(0, VS_DIM_MAX, 3);
	check_kind(1, VS_DIM_MAX, 3);
	check_kind(11, VS_DIM_MAX, 3);
}

/* More than one piece of 1 MiB, read at once. */
static void test_large_reads(void **state)
{
	size_t n = 30011, k;
	uint32_t dim = 100;

	(void)state;
	for (k = 0; k < 8; k++) {
		const char *path = tmpdir_file(&dir, kinds[k].name);
		size_t n_bytes = n * dim * kinds[k].elem;
		uint8_t *rows = pattern_make(n_bytes, kinds[k].elem, 5);
		uint8_t *got = malloc(n_bytes);
		struct vs_vecs *v;
		struct image im;

		assert_non_null(got);
		image_of(&im, kinds[k].format, kinds[k].descr, dim, n,
			 kinds[k].elem, rows);
		image_save(&im, path);
		atomic_store(&ctx.mem_peak, 0);
		assert_int_equal(0, vecs_open1(&ctx, path, VS_FMT_AUTO, &v,
					       &err));
		assert_int_equal(0, vs_vecs_read(&ctx, v, 0, n, got, &err));
		assert_memory_equal(rows, got, n_bytes);
		assert_int_equal(0, vs_vecs_read(&ctx, v, 17, n - 17, got,
						 &err));
		assert_memory_equal(rows + 17 * dim * kinds[k].elem, got,
				    (n - 17) * dim * kinds[k].elem);
		assert_true(atomic_load(&ctx.mem_peak) < 2u << 20);
		vs_vecs_close(&ctx, v);
		free(got);
		free(rows);
	}
}

static void test_names(void **state)
{
	enum vs_vecs_format f = VS_FMT_AUTO;
	int i;

	(void)state;
	for (i = VS_FMT_FVECS; i <= VS_FMT_NPY; i++) {
		assert_true(vs_vecs_format_parse(
			vs_vecs_format_name((enum vs_vecs_format)i), &f));
		assert_int_equal(i, f);
	}
	assert_false(vs_vecs_format_parse("auto", &f));
	assert_false(vs_vecs_format_parse("", &f));
	assert_false(vs_vecs_format_parse("fvecs ", &f));
	assert_false(vs_vecs_format_parse("FVECS", &f));
	assert_int_equal(VS_FMT_NPY, f);
	assert_string_equal("auto", vs_vecs_format_name(VS_FMT_AUTO));
	assert_string_equal("?", vs_vecs_format_name((enum vs_vecs_format)99));

	assert_int_equal(VS_FMT_FVECS, vs_vecs_format_of("a.b/c.d.fvecs"));
	assert_int_equal(VS_FMT_U8BIN, vs_vecs_format_of("x.u8bin"));
	assert_int_equal(VS_FMT_AUTO, vs_vecs_format_of("a.fvecs/c"));
	assert_int_equal(VS_FMT_AUTO, vs_vecs_format_of("a.fvecs.zst"));
	assert_int_equal(VS_FMT_AUTO, vs_vecs_format_of("fvecs"));
	assert_int_equal(VS_FMT_AUTO, vs_vecs_format_of("-"));
	assert_int_equal(VS_FMT_AUTO, vs_vecs_format_of(""));
}

/* The format given wins over the name. */
static void test_given_format(void **state)
{
	const char *path = tmpdir_file(&dir, "a.data");
	uint8_t *rows = pattern_make(10 * 4, 1, 1);
	struct vs_vecs *v;
	struct image im;

	(void)state;
	image_bin(&im, 4, 10, 1, rows);
	image_save(&im, path);
	assert_int_equal(0, vecs_open1(&ctx, path, VS_FMT_I8BIN, &v, &err));
	assert_int_equal(VS_I8, vs_vecs_dtype(v));
	check_rows(v, rows);
	vs_vecs_close(&ctx, v);
	free(rows);
}

/* One set out of an fvecs, an fbin with no rows, a npy and an fbin. */
static void test_files_as_one(void **state)
{
	const char *paths[5] = {
		tmpdir_file(&dir, "a.fvecs"), tmpdir_file(&dir, "b.fbin"),
		tmpdir_file(&dir, "c.npy"), tmpdir_file(&dir, "d.fbin"),
		tmpdir_file(&dir, "b.fbin")
	};
	uint8_t *rows = pattern_make(60 * 12, 4, 9);
	char name[5000];
	struct vs_vecs *v;
	struct image im;

	(void)state;
	image_rows(&im, 3, 20, 4, rows);
	image_save(&im, paths[0]);
	image_bin(&im, 3, 0, 4, rows);
	image_save(&im, paths[1]);
	image_npy(&im, 2, "<f4", 3, 39, 4, rows + 20 * 12);
	image_save(&im, paths[2]);
	image_bin(&im, 3, 1, 4, rows + 59 * 12);
	image_save(&im, paths[3]);
	assert_int_equal(0, vs_vecs_open(&ctx, paths, 5, NULL, &v, &err));
	assert_int_equal(60, vs_vecs_rows(v));
	assert_int_equal(3, vs_vecs_dim(v));
	snprintf(name, sizeof(name), "%s and 4 more", paths[0]);
	assert_string_equal(name, vs_vecs_name(v));
	check_rows(v, rows);
	vs_vecs_close(&ctx, v);
	free(rows);
}

static void test_files_must_agree(void **state)
{
	const char *a = tmpdir_file(&dir, "a.fvecs");
	const char *b = tmpdir_file(&dir, "b.fvecs");
	const char *c = tmpdir_file(&dir, "c.ivecs");
	const char *e = tmpdir_file(&dir, "e.fbin");
	const char *pair[2] = { a, b };
	uint8_t *rows = pattern_make(60 * 12, 4, 9);
	struct vs_vecs *v;
	struct image im;

	(void)state;
	image_rows(&im, 3, 20, 4, rows);
	image_save(&im, a);
	image_rows(&im, 2, 20, 4, rows);
	image_save(&im, b);
	image_rows(&im, 3, 20, 4, rows);
	image_save(&im, c);
	image_bin(&im, 3, 0, 4, rows);
	image_save(&im, e);
	free(rows);

	assert_int_equal(VS_EDATA,
			 vs_vecs_open(&ctx, pair, 2, NULL, &v, &err));
	assert_null(v);
	assert_non_null(strstr(err.msg, "b.fvecs: vectors of 2 dimensions; "
					"expected 3 as in "));
	assert_non_null(strstr(err.msg, "a.fvecs"));
	pair[1] = c;
	assert_int_equal(VS_EDATA,
			 vs_vecs_open(&ctx, pair, 2, NULL, &v, &err));
	assert_non_null(strstr(err.msg, "c.ivecs: vectors of type i32; "
					"expected f32 as in "));
	pair[0] = e;
	pair[1] = e;
	assert_int_equal(VS_EDATA,
			 vs_vecs_open(&ctx, pair, 2, NULL, &v, &err));
	assert_non_null(strstr(err.msg, "e.fbin and 1 more: holds no rows"));
	assert_int_equal(VS_EUSAGE,
			 vs_vecs_open(&ctx, pair, 0, NULL, &v, &err));
	assert_int_equal(0, atomic_load(&ctx.mem_now));
}

/* Rows that do not exist are a bug of the caller, not a crash. */
static void test_rows_beyond_the_end(void **state)
{
	const char *path = tmpdir_file(&dir, "a.fvecs");
	uint8_t *rows = pattern_make(5 * 12, 4, 9);
	struct vs_vecs *v;
	struct image im;

	(void)state;
	image_rows(&im, 3, 5, 4, rows);
	image_save(&im, path);
	assert_int_equal(0, vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err));
	assert_int_equal(VS_EINTERNAL,
			 vs_vecs_read(&ctx, v, 5, 1, rows, &err));
	assert_int_equal(VS_EINTERNAL,
			 vs_vecs_read(&ctx, v, 6, 0, rows, &err));
	assert_int_equal(VS_EINTERNAL,
			 vs_vecs_read(&ctx, v, UINT64_MAX, 2, rows, &err));
	assert_int_equal(VS_EINTERNAL,
			 vs_vecs_read(&ctx, v, 2, SIZE_MAX, rows, &err));
	vs_vecs_close(&ctx, v);
	free(rows);
}

struct reader {
	struct vs_vecs *v;
	const uint8_t *want;
	unsigned seed;
	unsigned n_bad;
};

static void *read_many(void *arg)
{
	struct reader *r = arg;
	size_t row = vs_vecs_row_bytes(r->v);
	uint64_t n = vs_vecs_rows(r->v), at, take;
	uint8_t *got = malloc(row * 300);
	uint32_t x = r->seed;
	struct vs_err e;
	int i;

	for (i = 0; i < 2000; i++) {
		x = x * 1664525 + 1013904223;
		at = x % n;
		take = vs_min_u64(n - at, 1 + (x >> 8) % 300);
		if (vs_vecs_read(&ctx, r->v, at, (size_t)take, got, &e) != 0 ||
		    memcmp(got, r->want + at * row, take * row) != 0)
			r->n_bad++;
	}
	free(got);
	return NULL;
}

static void test_threads(void **state)
{
	const char *paths[3] = { tmpdir_file(&dir, "a.fvecs"),
				 tmpdir_file(&dir, "b.npy"),
				 tmpdir_file(&dir, "c.fbin") };
	uint8_t *rows = pattern_make(1000 * 16, 4, 3);
	struct reader r[4];
	pthread_t t[4];
	struct vs_vecs *v;
	struct image im;
	unsigned i;

	(void)state;
	image_rows(&im, 4, 500, 4, rows);
	image_save(&im, paths[0]);
	image_npy(&im, 1, "<f4", 4, 200, 4, rows + 500 * 16);
	image_save(&im, paths[1]);
	image_bin(&im, 4, 300, 4, rows + 700 * 16);
	image_save(&im, paths[2]);
	assert_int_equal(0, vs_vecs_open(&ctx, paths, 3, NULL, &v, &err));
	for (i = 0; i < 4; i++) {
		r[i] = (struct reader){ v, rows, i, 0 };
		assert_int_equal(0, pthread_create(&t[i], NULL, read_many,
						   &r[i]));
	}
	for (i = 0; i < 4; i++) {
		assert_int_equal(0, pthread_join(t[i], NULL));
		assert_int_equal(0, r[i].n_bad);
	}
	vs_vecs_close(&ctx, v);
	assert_int_equal(0, atomic_load(&ctx.mem_now));
	free(rows);
}

/* Opens, reads and hashes; the first error. */
static int use_all(const char *const *paths, size_t n_paths)
{
	struct vs_digest d;
	struct vs_vecs *v;
	float rows[40 * 4];
	int rc = vs_vecs_open(&ctx, paths, n_paths, NULL, &v, &err);

	if (rc == 0)
		rc = vs_vecs_read(&ctx, v, 0, 40, rows, &err);
	if (rc == 0)
		rc = vs_vecs_quick_digest(&ctx, v, &d, &err);
	if (rc == 0)
		rc = vs_vecs_full_digest(&ctx, v, &d, &err);
	vs_vecs_close(&ctx, v);
	return rc;
}

/* Fails each call of use_all in turn, alone or with all that follow; its
 * number of calls.  want is what it returns when nothing fails. */
static unsigned fail_each_call(const char *const *paths, size_t n_paths,
			       bool for_ever, int want)
{
	size_t n_fds = count_fds();
	struct faults f = { .sys = EIO, .for_ever = for_ever };
	int rc;

	for (f.at = 1;; f.at++) {
		memset(&err, 0, sizeof(err));
		faults_set(&ctx, &f);
		rc = use_all(paths, n_paths);
		assert_int_equal(0, atomic_load(&ctx.mem_now));
		assert_int_equal(n_fds, count_fds());
		assert_int_equal(rc, err.code);
		assert_int_equal(rc != 0, err.msg[0] != '\0');
		if (atomic_load(&f.n_fired) == 0)
			break;
		assert_true(f.at <= FAULTS_LOG_MAX);
		/* What only closes a file that was read, or only looks for a
		 * better message, harms nothing. */
		if (rc == want)
			assert_true(f.log[f.at - 1] == VS_CALL_CLOSE ||
				    want != 0);
		else
			assert_true(rc == VS_EIO || rc == VS_ENOMEM ||
				    rc == VS_ENOINPUT);
	}
	assert_int_equal(want, rc);
	ctx.hook = NULL;
	return f.at - 1;
}

static void test_each_call_fails(void **state)
{
	const char *paths[3] = { tmpdir_file(&dir, "a.fvecs"),
				 tmpdir_file(&dir, "b.npy"),
				 tmpdir_file(&dir, "c.fbin") };
	const char *wrong = tmpdir_file(&dir, "d.fbin");
	uint8_t *rows = pattern_make(40 * 16, 4, 3);
	double doubles[80] = { 0 };
	struct image im;

	(void)state;
	image_rows(&im, 4, 10, 4, rows);
	image_save(&im, paths[0]);
	image_npy(&im, 1, "<f8", 4, 20, 8, doubles);
	image_save(&im, paths[1]);
	image_bin(&im, 4, 10, 4, rows);
	image_save(&im, paths[2]);
	image_rows(&im, 4, 10, 4, rows);
	image_save(&im, wrong);
	free(rows);
	assert_true(fail_each_call(paths, 3, false, 0) > 40);
	assert_true(fail_each_call(paths, 3, true, 0) > 40);
	assert_true(fail_each_call(&wrong, 1, false, VS_EDATA) > 8);
	assert_true(fail_each_call(&wrong, 1, true, VS_EDATA) > 8);
}

/* The ceiling of memory is an error, not a crash. */
static void test_memory_ceiling(void **state)
{
	const char *path = tmpdir_file(&dir, "a.fvecs");
	uint8_t *rows = pattern_make(1000 * 400, 4, 3);
	struct vs_vecs *v;
	struct image im;

	(void)state;
	image_rows(&im, 100, 1000, 4, rows);
	image_save(&im, path);
	assert_int_equal(0, vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err));
	ctx.memory_max = 8192;
	assert_int_equal(VS_ENOMEM,
			 vs_vecs_read(&ctx, v, 0, 1000, rows, &err));
	assert_non_null(strstr(err.msg, "--memory"));
	assert_int_equal(0, vs_vecs_read(&ctx, v, 0, 10, rows, &err));
	vs_vecs_close(&ctx, v);
	free(rows);
}

/* A file that shrinks after it was opened. */
static void test_file_that_shrinks(void **state)
{
	const char *path = tmpdir_file(&dir, "a.fvecs");
	uint8_t *rows = pattern_make(100 * 12, 4, 3);
	struct vs_vecs *v;
	struct image im;

	(void)state;
	image_rows(&im, 3, 100, 4, rows);
	image_save(&im, path);
	assert_int_equal(0, vecs_open1(&ctx, path, VS_FMT_AUTO, &v, &err));
	tmpdir_put(path, rows, 77);
	assert_int_equal(VS_EDATA, vs_vecs_read(&ctx, v, 0, 100, rows, &err));
	assert_non_null(strstr(err.msg, "a.fvecs"));
	vs_vecs_close(&ctx, v);
	free(rows);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_every_format),
		T(test_large_reads),
		T(test_names),
		T(test_given_format),
		T(test_files_as_one),
		T(test_files_must_agree),
		T(test_rows_beyond_the_end),
		T(test_threads),
		T(test_each_call_fails),
		T(test_memory_ceiling),
		T(test_file_that_shrinks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
