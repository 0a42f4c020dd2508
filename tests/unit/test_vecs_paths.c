/* test_vecs_paths.c - directories as sets of vectors, and cropped files read
 * by force. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tmpdir.h"
#include "vecsfile.h"

static struct tmpdir dir;
static struct vs_ctx ctx;
static struct vs_err err;
static char logged[512];
static unsigned n_logged;
static long calls, fail_at;

static void note(void *arg, enum vs_log_level level, const char *line)
{
	(void)arg;
	assert_int_equal(VS_LOG_WARN, level);
	snprintf(logged, sizeof(logged), "%s", line);
	n_logged++;
}

static int hook(void *arg, enum vs_call call, const char *path)
{
	(void)arg;
	(void)path;
	if (call == VS_CALL_CLOSE || calls++ != fail_at)
		return 0;
	return call == VS_CALL_ALLOC ? ENOMEM : EIO;
}

static int setup(void **state)
{
	(void)state;
	tmpdir_make(&dir);
	vs_ctx_init(&ctx);
	ctx.log = note;
	n_logged = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tmpdir_remove(&dir);
	return 0;
}

/* A file of n rows of 4 bytes, all of value v. */
static void put_bin(const char *name, uint32_t n, uint8_t v)
{
	uint8_t *rows = malloc(4 * n);
	struct image im;

	memset(rows, v, 4 * n);
	image_bin(&im, 4, n, 1, rows);
	image_save(&im, tmpdir_file(&dir, name));
	free(rows);
}

static int open_dir(struct vs_vecs **v)
{
	const struct vs_vecs_options opt = { .directories = true };
	const char *path = dir.path;

	return vs_vecs_open(&ctx, &path, 1, &opt, v, &err);
}

static void test_order_and_left(void **state)
{
	struct vs_vecs *v;
	uint8_t rows[6 * 4];

	(void)state;
	put_bin("b.u8bin", 1, 2);
	put_bin("a10.u8bin", 2, 1);
	put_bin("B.u8bin", 3, 0);
	put_bin(".c.u8bin", 1, 9);
	put_bin("notes", 1, 9);
	put_bin("u8bin", 1, 9);
	assert_int_equal(0, mkdir(tmpdir_file(&dir, "d.u8bin"), 0777));
	assert_int_equal(0, open_dir(&v));
	assert_int_equal(3, vs_vecs_n_files(v));
	assert_string_equal(tmpdir_file(&dir, "B.u8bin"),
			    vs_vecs_file_path(v, 0));
	assert_string_equal(tmpdir_file(&dir, "b.u8bin"),
			    vs_vecs_file_path(v, 2));
	assert_int_equal(2, vs_vecs_file_rows(v, 1));
	assert_int_equal(0, vs_vecs_read(&ctx, v, 0, 6, rows, &err));
	assert_int_equal(0, rows[0]);
	assert_int_equal(1, rows[3 * 4]);
	assert_int_equal(2, rows[5 * 4]);
	vs_vecs_close(&ctx, v);
	assert_int_equal(1, n_logged);
	assert_non_null(strstr(logged, "3 of 6 entries are no vector files and "
				       "left out, first d.u8bin"));
	assert_int_equal(0, atomic_load(&ctx.mem_now));
}

static void test_nothing_there(void **state)
{
	struct vs_vecs *v;

	(void)state;
	assert_int_equal(VS_ENOINPUT, open_dir(&v));
	assert_non_null(strstr(err.msg, "directory without a vector file"));
	put_bin("notes", 1, 9);
	assert_int_equal(VS_ENOINPUT, open_dir(&v));
	assert_int_equal(0, n_logged);
}

/* Without the option a directory is no input, as of ids. */
static void test_not_asked_for(void **state)
{
	struct vs_vecs *v;

	(void)state;
	put_bin("a.u8bin", 1, 1);
	assert_int_equal(VS_ENOINPUT,
			 vecs_open1(&ctx, dir.path, VS_FMT_AUTO, &v, &err));
	assert_non_null(strstr(err.msg, "is a directory"));
}

static void test_every_call_fails(void **state)
{
	struct vs_vecs *v;
	char name[32];
	int rc, i;

	(void)state;
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%d.u8bin", i);
		put_bin(name, 2, 1);
	}
	ctx.hook = hook;
	for (fail_at = 0;; fail_at++) {
		size_t fds = count_fds();

		calls = 0;
		rc = open_dir(&v);
		if (rc == 0) {
			/* An entry that could not be looked at was opened. */
			assert_int_equal(10, vs_vecs_n_files(v));
			vs_vecs_close(&ctx, v);
			if (calls <= fail_at)
				break;
		} else {
			assert_null(v);
			assert_true(err.msg[0] != '\0');
		}
		assert_int_equal(0, atomic_load(&ctx.mem_now));
		assert_int_equal(fds, count_fds());
		assert_true(fail_at < 1000);
	}
	assert_true(fail_at > 30);
}

static void test_reads(void **state)
{
	char link[TMPDIR_PATH_MAX];

	(void)state;
	put_bin("a.u8bin", 1, 1);
	assert_true(vs_vecs_reads(&ctx, dir.path,
				   tmpdir_file(&dir, "a.u8bin")));
	assert_true(vs_vecs_reads(&ctx, dir.path,
				   tmpdir_file(&dir, "new.fvecs")));
	assert_false(vs_vecs_reads(&ctx, dir.path,
				    tmpdir_file(&dir, "new.vsm")));
	assert_false(vs_vecs_reads(&ctx, dir.path, "/a.u8bin"));
	put_bin("x.hdf5", 1, 1);
	assert_true(vs_vecs_reads(&ctx, tmpdir_file(&dir, "x.hdf5:test"),
				  tmpdir_file(&dir, "x.hdf5")));
	assert_false(vs_vecs_reads(&ctx, tmpdir_file(&dir, "x.hdf5:test"),
				   tmpdir_file(&dir, "a.u8bin")));
	assert_true(vs_vecs_reads(&ctx, tmpdir_file(&dir, "a.u8bin"),
				  tmpdir_file(&dir, "a.u8bin")));
	snprintf(link, sizeof(link), "%s/sub", dir.path);
	assert_int_equal(0, mkdir(link, 0777));
	snprintf(link, sizeof(link), "%s/sub/out.vsm", dir.path);
	assert_int_equal(0, symlink("../a.u8bin", link));
	assert_true(vs_vecs_reads(&ctx, dir.path, link));
}

static int open_forced(const char *path, bool force, struct vs_vecs **v)
{
	const struct vs_vecs_options opt = { .force_rows = force };

	return vs_vecs_open(&ctx, &path, 1, &opt, v, &err);
}

static void test_force_rows(void **state)
{
	const char *path = tmpdir_file(&dir, "x.i8bin");
	uint8_t b[8 + 5 * 4 + 3] = { 9, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 0xff };
	struct vs_digest forced, plain;
	struct vs_vecs *v;

	(void)state;
	tmpdir_put(path, b, sizeof(b));
	assert_int_equal(VS_EDATA, open_forced(path, false, &v));
	assert_non_null(strstr(err.msg, "give --force-rows"));
	assert_int_equal(0, open_forced(path, true, &v));
	assert_int_equal(5, vs_vecs_rows(v));
	assert_int_equal(0, vs_vecs_quick_digest(&ctx, v, &forced, &err));
	vs_vecs_close(&ctx, v);
	assert_int_equal(1, n_logged);
	assert_non_null(strstr(logged, "says 9 rows; reading the 5 that are "
				       "there and leaving out 3 bytes"));
	b[0] = 5;
	tmpdir_put(path, b, sizeof(b) - 3);
	assert_int_equal(0, open_forced(path, true, &v));
	assert_int_equal(0, vs_vecs_quick_digest(&ctx, v, &plain, &err));
	vs_vecs_close(&ctx, v);
	assert_true(vs_digest_equal(&forced, &plain));
	assert_int_equal(1, n_logged);
	/* Not a whole row, and too much. */
	tmpdir_put(path, b, 8 + 3);
	assert_int_equal(VS_EDATA, open_forced(path, true, &v));
	assert_non_null(strstr(err.msg, "holds no rows"));
	tmpdir_put(path, b, sizeof(b));
	assert_int_equal(VS_EDATA, open_forced(path, true, &v));
	assert_non_null(strstr(err.msg, "3 bytes stand behind"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order_and_left, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_nothing_there, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_not_asked_for, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_every_call_fails, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_force_rows, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
