/* test_vecs_write.c - vectors as files: the bytes of every format, publishing
 * beside what stands there, and faults. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "dirctx.h"
#include "faults.h"
#include "vecsfile.h"
#include "vs/num.h"

static const struct {
	const char *name;
	const char *descr;
	enum vs_dtype dtype;
} kinds[] = {
	{ "x.fvecs", NULL, VS_F32 }, { "x.bvecs", NULL, VS_U8 },
	{ "x.ivecs", NULL, VS_I32 }, { "x.fbin", NULL, VS_F32 },
	{ "x.u8bin", NULL, VS_U8 },  { "x.i8bin", NULL, VS_I8 },
	{ "x.ibin", NULL, VS_I32 },  { "x.npy", "<f4", VS_F32 },
	{ "x.npy", "|u1", VS_U8 },   { "x.npy", "|i1", VS_I8 },
	{ "x.npy", "<i4", VS_I32 },  { "x.npy", "<i8", VS_I64 },
	{ "x.npy", "<u4", VS_U32 },  { "x.npy", "<u8", VS_U64 },
	{ "x.npy", "<f2", VS_F16 },  { "x.npy", "<f8", VS_F64 },
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Writes n rows in pieces of step. */
static int write_all(const char *path, const struct vs_vecs_shape *shape,
		     const uint8_t *rows, size_t step, enum vs_publish how)
{
	size_t row = shape->dim * vs_dtype_size(shape->dtype), at, take;
	struct vs_vecs_writer *w;
	int rc = vs_vecs_create(&ctx, path, shape, &w, &err);

	for (at = 0; rc == 0 && at < shape->n_rows; at += take) {
		take = vs_min_size(step, (size_t)shape->n_rows - at);
		rc = vs_vecs_append(&ctx, w, rows + at * row, take, &err);
	}
	if (rc != 0) {
		vs_vecs_abort(&ctx, w);
		return rc;
	}
	return vs_vecs_finish(&ctx, w, how, &err);
}

static void test_every_format(void **state)
{
	static const size_t counts[][2] = {
		{ 1, 1 }, { 3, 17 }, { 128, 100 }, { 65536, 2 }, { 5, 60001 }
	};
	size_t k, c, step;

	(void)state;
	for (k = 0; k < N_KINDS; k++)
		for (c = 0; c < 5; c++) {
			const char *path = tmpdir_file(&dir, kinds[k].name);
			size_t elem = vs_dtype_size(kinds[k].dtype), n_bytes;
			struct vs_vecs_shape shape = { VS_FMT_AUTO,
						       kinds[k].dtype,
						       (uint32_t)counts[c][0],
						       counts[c][1] };
			uint8_t *rows, *got;
			struct image im;

			n_bytes = counts[c][0] * counts[c][1] * elem;
			rows = pattern_make(n_bytes, elem, (unsigned)k);
			got = malloc(n_bytes + 4 * counts[c][1] + 200);
			assert_non_null(got);
			image_of(&im, vs_vecs_format_of(path), kinds[k].descr,
				 shape.dim, counts[c][1], elem, rows);
			step = c == 1 ? 5 : 40000;
			assert_int_equal(0, write_all(path, &shape, rows, step,
						      VS_PUBLISH_REPLACE));
			assert_int_equal(im.n, tmpdir_get(path, got, im.n + 1));
			assert_memory_equal(im.b, got, im.n);
			image_free(&im);
			free(got);
			free(rows);
		}
	assert_int_equal(0, tmpdir_count(&dir, ".tmp"));
}

/* What is written reads back, f2 and f8 apart, which become f32. */
static void test_round_trip(void **state)
{
	size_t k;

	(void)state;
	for (k = 0; k < N_KINDS; k++) {
		const char *path = tmpdir_file(&dir, kinds[k].name);
		size_t elem = vs_dtype_size(kinds[k].dtype);
		struct vs_vecs_shape shape = { VS_FMT_AUTO, kinds[k].dtype, 7,
					       1000 };
		uint8_t *rows = pattern_make(7000 * elem, elem, 1);
		uint8_t *got = malloc(7000 * elem);
		struct vs_vecs *v;

		assert_non_null(got);
		if (kinds[k].dtype == VS_F16 || kinds[k].dtype == VS_F64)
			memset(rows, 0, 7000 * elem);
		assert_int_equal(0, write_all(path, &shape, rows, 999,
					      VS_PUBLISH_REPLACE));
		assert_int_equal(0, vecs_open1(&ctx, path, VS_FMT_AUTO, &v,
					       &err));
		assert_int_equal(1000, vs_vecs_rows(v));
		assert_int_equal(7, vs_vecs_dim(v));
		if (kinds[k].dtype != VS_F16 && kinds[k].dtype != VS_F64) {
			assert_int_equal(kinds[k].dtype, vs_vecs_dtype(v));
			assert_int_equal(0, vs_vecs_read(&ctx, v, 0, 1000, got,
							 &err));
			assert_memory_equal(rows, got, 7000 * elem);
		}
		vs_vecs_close(&ctx, v);
		free(got);
		free(rows);
	}
}

static void refuse(const char *name, enum vs_vecs_format format,
		   enum vs_dtype dtype, uint32_t dim, uint64_t n_rows,
		   const char *words)
{
	const char *path = tmpdir_file(&dir, name);
	struct vs_vecs_shape shape = { format, dtype, dim, n_rows };
	struct vs_vecs_writer *w;

	assert_int_equal(VS_EUSAGE, vs_vecs_create(&ctx, path, &shape, &w,
						   &err));
	assert_null(w);
	if (strstr(err.msg, words) == NULL)
		fail_msg("no \"%s\" in \"%s\"", words, err.msg);
	assert_int_equal(0, tmpdir_count(&dir, name));
	assert_int_equal(0, tmpdir_count(&dir, ".tmp"));
}

static void test_shapes_refused(void **state)
{
	(void)state;
	refuse("x.dat", VS_FMT_AUTO, VS_F32, 3, 5,
	       "x.dat: the name does not say the format; expected one of the "
	       "suffixes .fvecs .bvecs");
	refuse("x.fvecs", VS_FMT_AUTO, VS_U8, 3, 5,
	       "elements of type u8 cannot be written as fvecs; expected f32");
	refuse("x.dat", VS_FMT_IVECS, VS_I64, 3, 5,
	       "elements of type i64 cannot be written as ivecs; expected i32");
	refuse("x.npy", VS_FMT_AUTO, 0, 3, 5, "cannot be written as npy");
	refuse("x.fvecs", VS_FMT_AUTO, VS_F32, 0, 5, "rows of 0 elements");
	refuse("x.fvecs", VS_FMT_AUTO, VS_F32, 65537, 5,
	       "rows of 65537 elements cannot be written; expected 1 to 65536");
	refuse("x.fvecs", VS_FMT_AUTO, VS_F32, 3, 0,
	       "fvecs cannot say that it holds no rows");
	refuse("x.u8bin", VS_FMT_AUTO, VS_U8, 3, 4294967296u,
	       "4294967296 rows do not fit the header of u8bin; expected at "
	       "most 4294967295");
	refuse("x.npy", VS_FMT_AUTO, VS_F32, 65536, UINT64_MAX / 65536,
	       "are too many for a file");
}

/* fbin and npy can say that they hold nothing. */
static void test_no_rows(void **state)
{
	const char *path = tmpdir_file(&dir, "x.fbin");
	struct vs_vecs_shape shape = { VS_FMT_AUTO, VS_F32, 3, 0 };

	(void)state;
	assert_int_equal(0, write_all(path, &shape, NULL, 1, VS_PUBLISH_NEW));
	assert_true(tmpdir_holds(path, "\0\0\0\0\3\0\0\0", 8));
	path = tmpdir_file(&dir, "x.npy");
	assert_int_equal(0, write_all(path, &shape, NULL, 1, VS_PUBLISH_NEW));
	assert_int_equal(2, tmpdir_count(&dir, ""));
}

static void test_count_of_rows_must_agree(void **state)
{
	const char *path = tmpdir_file(&dir, "x.fvecs");
	struct vs_vecs_shape shape = { VS_FMT_AUTO, VS_F32, 3, 5 };
	uint8_t *rows = pattern_make(6 * 12, 4, 1);
	struct vs_vecs_writer *w;

	(void)state;
	assert_int_equal(0, vs_vecs_create(&ctx, path, &shape, &w, &err));
	assert_int_equal(0, vs_vecs_append(&ctx, w, rows, 4, &err));
	assert_int_equal(0, vs_vecs_append(&ctx, w, rows, 0, &err));
	assert_int_equal(VS_EINTERNAL, vs_vecs_append(&ctx, w, rows, 2, &err));
	assert_int_equal(VS_EINTERNAL,
			 vs_vecs_finish(&ctx, w, VS_PUBLISH_NEW, &err));
	assert_non_null(strstr(err.msg, "4 rows came; 5 were announced"));
	assert_int_equal(0, tmpdir_count(&dir, ""));
	vs_vecs_abort(&ctx, NULL);
	free(rows);
}

/* The same bytes are success, others want --replace and stay as they are. */
static void test_name_that_exists(void **state)
{
	const char *path = tmpdir_file(&dir, "x.ivecs");
	struct vs_vecs_shape shape = { VS_FMT_AUTO, VS_I32, 3, 5 };
	uint8_t *rows = pattern_make(5 * 12, 4, 1);
	struct image im;

	(void)state;
	image_rows(&im, 3, 5, 4, rows);
	assert_int_equal(0, write_all(path, &shape, rows, 2, VS_PUBLISH_NEW));
	memset(&err, 0, sizeof(err));
	assert_int_equal(0, write_all(path, &shape, rows, 3, VS_PUBLISH_NEW));
	assert_int_equal(0, err.code);
	assert_string_equal("", err.msg);

	rows[59] ^= 1;
	assert_int_equal(VS_ECREATE,
			 write_all(path, &shape, rows, 2, VS_PUBLISH_NEW));
	assert_int_equal(VS_ECREATE, err.code);
	assert_non_null(strstr(err.msg, "x.ivecs: exists with other contents"));
	assert_non_null(strstr(err.msg, "--replace"));
	shape.n_rows = 4;
	assert_int_equal(VS_ECREATE,
			 write_all(path, &shape, rows, 2, VS_PUBLISH_NEW));
	assert_true(tmpdir_holds(path, im.b, im.n));
	image_free(&im);

	image_rows(&im, 3, 4, 4, rows);
	assert_int_equal(0, write_all(path, &shape, rows, 2,
				      VS_PUBLISH_REPLACE));
	assert_true(tmpdir_holds(path, im.b, im.n));
	assert_int_equal(1, tmpdir_count(&dir, ""));
	image_free(&im);
	free(rows);
}

/* A dangling link stands under the name: nothing to compare with. */
static void test_name_that_cannot_be_read(void **state)
{
	const char *path = tmpdir_file(&dir, "x.ivecs");
	struct vs_vecs_shape shape = { VS_FMT_AUTO, VS_I32, 3, 5 };
	uint8_t *rows = pattern_make(5 * 12, 4, 1);

	(void)state;
	assert_int_equal(0, symlink("nowhere", path));
	assert_int_equal(VS_ECREATE,
			 write_all(path, &shape, rows, 2, VS_PUBLISH_NEW));
	assert_non_null(strstr(err.msg, "cannot be read to compare"));
	assert_int_equal(1, tmpdir_count(&dir, ""));
	free(rows);
}

/* Pipes and devices are written in sequence. */
static void test_streams(void **state)
{
	struct vs_vecs_shape shape = { VS_FMT_NPY, VS_F32, 3, 5 };
	uint8_t *rows = pattern_make(5 * 12, 4, 1), got[400];
	struct image im;
	int fds[2], out;

	(void)state;
	image_npy(&im, 1, "<f4", 3, 5, 4, rows);
	assert_int_equal(0, pipe(fds));
	out = dup(STDOUT_FILENO);
	fflush(stdout);
	assert_int_equal(STDOUT_FILENO, dup2(fds[1], STDOUT_FILENO));
	assert_int_equal(0, write_all("-", &shape, rows, 2, VS_PUBLISH_NEW));
	assert_int_equal(STDOUT_FILENO, dup2(out, STDOUT_FILENO));
	close(fds[1]);
	close(out);
	assert_int_equal(im.n, read(fds[0], got, sizeof(got)));
	assert_memory_equal(im.b, got, im.n);
	close(fds[0]);

	assert_int_equal(0, write_all("/dev/null", &shape, rows, 2,
				      VS_PUBLISH_NEW));
	assert_int_equal(VS_EIO, write_all("/dev/full", &shape, rows, 2,
					   VS_PUBLISH_NEW));
	assert_int_equal(ENOSPC, err.sys);
	image_free(&im);
	free(rows);
}

static void test_bad_directory(void **state)
{
	struct vs_vecs_shape shape = { VS_FMT_IVECS, VS_I32, 3, 5 };
	uint8_t *rows = pattern_make(5 * 12, 4, 1);

	(void)state;
	assert_int_equal(VS_ECREATE,
			 write_all(tmpdir_file(&dir, "no/x.ivecs"), &shape,
				   rows, 2, VS_PUBLISH_NEW));
	assert_int_equal(VS_ECREATE, write_all(dir.path, &shape, rows, 2,
					       VS_PUBLISH_NEW));
	free(rows);
}

/* Fails each call of one write in turn, with what stands under the name
 * before (or nothing); returns how many calls there were. */
static unsigned fail_each_call(const char *name, const uint8_t *rows,
			       const struct image *before, enum vs_publish how,
			       bool for_ever, int want)
{
	const char *path = tmpdir_file(&dir, name);
	struct vs_vecs_shape shape = { VS_FMT_AUTO, VS_F32, 3, 5 };
	struct faults f = { .sys = EIO, .for_ever = for_ever };
	size_t n_fds = count_fds();
	struct image after;
	bool old, new;
	int rc;

	image_of(&after, vs_vecs_format_of(name), "<f4", 3, 5, 4, rows);
	for (f.at = 1;; f.at++) {
		unlink(path);
		if (before != NULL)
			tmpdir_put(path, before->b, before->n);
		memset(&err, 0, sizeof(err));
		faults_set(&ctx, &f);
		rc = write_all(path, &shape, rows, 2, how);
		ctx.hook = NULL;
		assert_int_equal(0, atomic_load(&ctx.mem_now));
		assert_int_equal(n_fds, count_fds());
		assert_int_equal(0, tmpdir_count(&dir, ".tmp"));
		assert_int_equal(rc, err.code);
		assert_int_equal(rc != 0, err.msg[0] != '\0');
		old = before != NULL ?
			      tmpdir_holds(path, before->b, before->n) :
			      tmpdir_count(&dir, name) == 0;
		new = tmpdir_holds(path, after.b, after.n);
		assert_true(old || new);
		assert_true(rc != 0 || new);
		if (atomic_load(&f.n_fired) == 0)
			break;
		assert_true(rc == 0 || rc == VS_EIO || rc == VS_ENOMEM ||
			    rc == VS_ECREATE);
	}
	assert_int_equal(want, rc);
	unlink(path);
	image_free(&after);
	return f.at - 1;
}

static void test_each_call_fails(void **state)
{
	static const char *const names[] = { "x.fvecs", "x.fbin", "x.npy" };
	uint8_t *rows = pattern_make(5 * 12, 4, 1);
	uint8_t *others = pattern_make(5 * 12, 4, 2);
	unsigned n = 0, ever;
	size_t k;

	(void)state;
	for (k = 0; k < 3; k++) {
		struct image equal, other;

		image_of(&equal, vs_vecs_format_of(names[k]), "<f4", 3, 5, 4,
			 rows);
		image_of(&other, vs_vecs_format_of(names[k]), "<f4", 3, 5, 4,
			 others);
		for (ever = 0; ever < 2; ever++) {
			n += fail_each_call(names[k], rows, NULL,
					    VS_PUBLISH_NEW, ever, 0);
			n += fail_each_call(names[k], rows, &equal,
					    VS_PUBLISH_NEW, ever, 0);
			n += fail_each_call(names[k], rows, &other,
					    VS_PUBLISH_NEW, ever, VS_ECREATE);
			n += fail_each_call(names[k], rows, &other,
					    VS_PUBLISH_REPLACE, ever, 0);
		}
		image_free(&equal);
		image_free(&other);
	}
	print_message("# %u faults\n", n);
	assert_true(n > 24 * 15);
	free(others);
	free(rows);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_every_format),
		T(test_round_trip),
		T(test_shapes_refused),
		T(test_no_rows),
		T(test_count_of_rows_must_agree),
		T(test_name_that_exists),
		T(test_name_that_cannot_be_read),
		T(test_streams),
		T(test_bad_directory),
		T(test_each_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
