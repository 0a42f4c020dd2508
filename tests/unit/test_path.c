/* test_path.c - names and directories. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dirctx.h"
#include "faults.h"
#include "vs/file.h"
#include "vs/mem.h"

static void test_exists_and_is_dir(void **state)
{
	const char *file = tmpdir_file(&dir, "f");
	const char *none = tmpdir_file(&dir, "none");
	const char *dangling = tmpdir_file(&dir, "l");

	(void)state;
	tmpdir_put(file, "", 0);
	assert_int_equal(0, symlink("nowhere", dangling));
	assert_true(vs_path_exists(&ctx, file));
	assert_false(vs_path_is_dir(&ctx, file));
	assert_true(vs_path_exists(&ctx, dir.path));
	assert_true(vs_path_is_dir(&ctx, dir.path));
	assert_false(vs_path_exists(&ctx, none));
	assert_false(vs_path_is_dir(&ctx, none));
	assert_false(vs_path_exists(&ctx, dangling));
}

static void test_mkdir(void **state)
{
	const char *d = tmpdir_file(&dir, "d");
	const char *file = tmpdir_file(&dir, "f");
	const char *deep = tmpdir_file(&dir, "none/d");

	(void)state;
	assert_int_equal(0, vs_path_mkdir(&ctx, d, &err));
	assert_true(vs_path_is_dir(&ctx, d));
	assert_int_equal(0, vs_path_mkdir(&ctx, d, &err));
	tmpdir_put(file, "", 0);
	assert_int_equal(VS_ECREATE, vs_path_mkdir(&ctx, file, &err));
	assert_int_equal(EEXIST, err.sys);
	assert_int_equal(VS_ECREATE, vs_path_mkdir(&ctx, deep, &err));
	assert_non_null(strstr(err.msg, "none/d: "));
	assert_int_equal(ENOENT, err.sys);
}

static void test_mkdir_codes(void **state)
{
	static const struct {
		int sys, code;
	} cases[] = { { EACCES, VS_ECREATE },
		      { EROFS, VS_ECREATE },
		      { ENOSPC, VS_EIO },
		      { EDQUOT, VS_EIO },
		      { EIO, VS_EIO } };
	struct faults f = { .at = 1, .calls = 1u << VS_CALL_MKDIR };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f.sys = cases[i].sys;
		faults_set(&ctx, &f);
		assert_int_equal(cases[i].code,
				 vs_path_mkdir(&ctx, tmpdir_file(&dir, "d"),
					       &err));
		assert_int_equal(cases[i].sys, err.sys);
	}
	assert_int_equal(0, tmpdir_count(&dir, ""));
}

static void test_unlink(void **state)
{
	const char *file = tmpdir_file(&dir, "f");

	(void)state;
	tmpdir_put(file, "", 0);
	assert_int_equal(0, vs_path_unlink(&ctx, file, &err));
	assert_int_equal(VS_ENOINPUT, vs_path_unlink(&ctx, file, &err));
	assert_int_equal(VS_EIO, vs_path_unlink(&ctx, dir.path, &err));
	assert_true(vs_path_is_dir(&ctx, dir.path));
}

static void test_list_is_sorted_by_bytes(void **state)
{
	static const char *const names[] = { "part-00010", "Z", "a", "part-2",
					     "\xc3\xa4", ".hidden", "A b",
					     ".x.vs-h-1-2.tmp" };
	static const char *const want[] = { "A b",    "Z", "a", "part-00010",
					    "part-2", "\xc3\xa4" };
	struct vs_names list;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tmpdir_put(tmpdir_file(&dir, names[i]), "", 0);
	assert_int_equal(0, vs_path_list(&ctx, dir.path, &list, &err));
	assert_int_equal(6, list.n);
	for (i = 0; i < list.n; i++)
		assert_string_equal(want[i], list.name[i]);
	vs_names_free(&ctx, &list);
	assert_int_equal(0, list.n);
}

static void test_list_of_many_and_of_none(void **state)
{
	struct vs_names list;
	char name[16];
	size_t i;

	(void)state;
	assert_int_equal(0, vs_path_list(&ctx, dir.path, &list, &err));
	assert_int_equal(0, list.n);
	vs_names_free(&ctx, &list);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%04zu", i * 7 % 1000);
		tmpdir_put(tmpdir_file(&dir, name), "", 0);
	}
	assert_int_equal(0, vs_path_list(&ctx, dir.path, &list, &err));
	assert_int_equal(1000, list.n);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%04zu", i);
		assert_string_equal(name, list.name[i]);
	}
	vs_names_free(&ctx, &list);
	assert_int_equal(VS_ENOINPUT,
			 vs_path_list(&ctx, tmpdir_file(&dir, "none"), &list,
				      &err));
	assert_int_equal(0, list.n);
	assert_int_equal(VS_ENOINPUT,
			 vs_path_list(&ctx, tmpdir_file(&dir, "0000"), &list,
				      &err));
	assert_int_equal(ENOTDIR, err.sys);
}

static void test_list_with_failing_calls(void **state)
{
	struct faults f = { .sys = EIO };
	struct vs_names list;
	int rc;

	(void)state;
	tmpdir_put(tmpdir_file(&dir, "a"), "", 0);
	tmpdir_put(tmpdir_file(&dir, "b"), "", 0);
	for (f.at = 1;; f.at++) {
		faults_set(&ctx, &f);
		rc = vs_path_list(&ctx, dir.path, &list, &err);
		if (atomic_load(&f.n_fired) == 0)
			break;
		assert_true(rc != 0);
		assert_int_equal(0, list.n);
		assert_int_equal(0, atomic_load(&ctx.mem_now));
	}
	assert_int_equal(0, rc);
	assert_int_equal(2, list.n);
	vs_names_free(&ctx, &list);
	assert_true(f.at > 6);
}

static void test_real_name(void **state)
{
	const char *file = tmpdir_file(&dir, "d/f");
	char *one = NULL, *two = NULL;

	(void)state;
	assert_int_equal(0, mkdir(tmpdir_file(&dir, "d"), 0777));
	tmpdir_put(file, "", 0);
	assert_int_equal(0, symlink("d", tmpdir_file(&dir, "l")));
	assert_int_equal(0, vs_path_real(&ctx, file, &one, &err));
	assert_int_equal(0, vs_path_real(&ctx, tmpdir_file(&dir, "l/..//l/./f"),
					 &two, &err));
	assert_string_equal(one, two);
	assert_int_equal('/', one[0]);
	vs_free(&ctx, one);
	vs_free(&ctx, two);
	assert_int_equal(VS_ENOINPUT,
			 vs_path_real(&ctx, tmpdir_file(&dir, "none"), &one,
				      &err));
	assert_null(one);
	assert_non_null(strstr(err.msg, "/none: "));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_exists_and_is_dir),
		T(test_mkdir),
		T(test_mkdir_codes),
		T(test_unlink),
		T(test_real_name),
		T(test_list_is_sorted_by_bytes),
		T(test_list_of_many_and_of_none),
		T(test_list_with_failing_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
