/* test_publish.c - the publish protocol when any of its calls fails. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "faults.h"
#include "publish_test.h"

/* Fails the k-th call for each k until none is left to fail; returns how many
 * calls there were.  After each the output is old or new, complete, with
 * nothing beside it and all memory given back. */
static unsigned fail_each_call(enum vs_publish how, int sys, bool for_ever)
{
	const char *path = tmpdir_file(&dir, "a");
	struct faults f = { .sys = sys, .for_ever = for_ever };
	bool replace = how == VS_PUBLISH_REPLACE;
	int rc;

	for (f.at = 1;; f.at++) {
		unlink(path);
		if (replace)
			tmpdir_put(path, old_text, sizeof(old_text) - 1);
		faults_set(&ctx, &f);
		vs_err_clear(&err);
		rc = write_new(&ctx, path, how, &err);
		ctx.hook = NULL;
		assert_int_equal(0, tmpdir_count(&dir, ".tmp"));
		assert_int_equal(0, atomic_load(&ctx.mem_now));
		assert_int_equal(rc, err.code);
		if (rc == 0)
			assert_true(holds_new(path));
		else if (replace)
			assert_true(holds_old(path) || holds_new(path));
		else if (tmpdir_count(&dir, "") != 0)
			/* only the sync of the directory comes after */
			assert_true(holds_new(path));
		if (rc != 0 && f.log[f.at - 1] != VS_CALL_ALLOC) {
			assert_int_equal(sys, err.sys);
			assert_non_null(strstr(err.msg, path));
		}
		if (atomic_load(&f.n_fired) == 0)
			break;
	}
	assert_int_equal(0, rc);
	return f.at - 1;
}

static void test_each_call_fails(void **state)
{
	static const int codes[] = { ENOSPC, EDQUOT, EIO, EFBIG, EACCES,
				     EROFS,  ENOMEM };
	size_t i;
	int for_ever;

	(void)state;
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		for (for_ever = 0; for_ever < 2; for_ever++) {
			assert_true(fail_each_call(VS_PUBLISH_NEW, codes[i],
						   for_ever) >= 16);
			assert_true(fail_each_call(VS_PUBLISH_REPLACE,
						   codes[i], for_ever) >= 15);
		}
	}
}

/* An unlink that fails is no reason to lose a complete output. */
static void test_unlink_fails_once(void **state)
{
	struct faults f = { .sys = EACCES, .calls = 1u << VS_CALL_UNLINK };
	const char *path = tmpdir_file(&dir, "a");

	(void)state;
	f.at = 1;
	faults_set(&ctx, &f);
	assert_int_equal(0, write_new(&ctx, path, VS_PUBLISH_NEW, &err));
	assert_true(holds_new(path));
	assert_int_equal(0, tmpdir_count(&dir, ".tmp"));
	assert_int_equal(2, atomic_load(&f.n_seen));
}

static int no_unlink(void *arg, enum vs_call call, const char *path)
{
	(void)arg;
	(void)path;
	return call == VS_CALL_UNLINK ? EACCES : 0;
}

static void keep_line(void *arg, enum vs_log_level level, const char *line)
{
	assert_int_equal(VS_LOG_WARN, level);
	snprintf(arg, 1000, "%s", line);
}

static void test_unlink_fails_for_ever(void **state)
{
	const char *path = tmpdir_file(&dir, "a");
	char line[1000] = "";

	(void)state;
	ctx.hook = no_unlink;
	ctx.log = keep_line;
	ctx.log_arg = line;
	assert_int_equal(0, write_new(&ctx, path, VS_PUBLISH_NEW, &err));
	assert_true(holds_new(path));
	assert_int_equal(1, tmpdir_count(&dir, ".tmp"));
	assert_non_null(strstr(line, "/a: is complete, but"));
}

/* The one temporary in the directory. */
static void temp_name(char out[300])
{
	struct dirent *e;
	DIR *d = opendir(dir.path);

	assert_non_null(d);
	out[0] = '\0';
	while ((e = readdir(d)) != NULL)
		if (strstr(e->d_name, ".tmp") != NULL)
			snprintf(out, 300, "%s", e->d_name);
	closedir(d);
}

/* Somebody else cuts the temporary: what is on disk is not what was written. */
static void test_size_is_checked(void **state)
{
	const char *path = tmpdir_file(&dir, "a");
	struct vs_out *o;
	char temp[300];

	(void)state;
	assert_int_equal(0, vs_out_create(&ctx, path, &o, &err));
	assert_int_equal(0, vs_out_append(&ctx, o, "abc", 3, &err));
	temp_name(temp);
	assert_int_equal(0, truncate(tmpdir_file(&dir, temp), 1));
	assert_int_equal(VS_EIO, vs_out_publish(&ctx, o, VS_PUBLISH_NEW, NULL,
						&err));
	assert_non_null(strstr(err.msg, "has 1 bytes on disk; expected 3"));
	assert_int_equal(0, tmpdir_count(&dir, ""));
}

/* What fails while cleaning up must not hide the first error. */
static int full_disk_no_unlink(void *arg, enum vs_call call, const char *path)
{
	(void)arg;
	(void)path;
	if (call == VS_CALL_UNLINK || call == VS_CALL_CLOSE)
		return EACCES;
	return call == VS_CALL_SYNC ? ENOSPC : 0;
}

static void test_first_error_wins(void **state)
{
	const char *path = tmpdir_file(&dir, "a");

	(void)state;
	ctx.hook = full_disk_no_unlink;
	assert_int_equal(VS_EIO,
			 write_new(&ctx, path, VS_PUBLISH_NEW, &err));
	assert_int_equal(ENOSPC, err.sys);
	assert_non_null(strstr(err.msg, "No space left on device"));
	assert_int_equal(0, access(path, F_OK) == 0);
}

/* A network file system may make the link, lose the answer and say EEXIST when
 * it is asked again. */
static int link_already(void *arg, enum vs_call call, const char *path)
{
	char temp[300];

	(void)arg;
	if (call == VS_CALL_RENAME) {
		temp_name(temp);
		assert_int_equal(0, link(tmpdir_file(&dir, temp), path));
	}
	return 0;
}

static void test_link_was_made_already(void **state)
{
	const char *path = tmpdir_file(&dir, "a");

	(void)state;
	ctx.hook = link_already;
	assert_int_equal(0, write_new(&ctx, path, VS_PUBLISH_NEW, &err));
	assert_true(holds_new(path));
	assert_int_equal(1, tmpdir_count(&dir, ""));
}

static unsigned n_interrupted;

static int interrupt_first(void *arg, enum vs_call call, const char *path)
{
	(void)arg;
	(void)path;
	switch (call) {
	case VS_CALL_OPEN:
	case VS_CALL_READ:
	case VS_CALL_WRITE:
	case VS_CALL_SYNC:
	case VS_CALL_TRUNCATE:
		return n_interrupted++ % 2 == 0 ? EINTR : 0;
	case VS_CALL_CLOSE:
		return EINTR;
	default:
		return 0;
	}
}

static void test_interrupted_calls_go_on(void **state)
{
	const char *path = tmpdir_file(&dir, "a");

	(void)state;
	n_interrupted = 0;
	ctx.hook = interrupt_first;
	assert_int_equal(0, write_new(&ctx, path, VS_PUBLISH_NEW, &err));
	assert_true(holds_new(path));
	assert_int_equal(1, tmpdir_count(&dir, ""));
	assert_true(n_interrupted >= 16);
}

static int no_allocate(void *arg, enum vs_call call, const char *path)
{
	unsigned *n = arg;

	(void)path;
	return call == VS_CALL_TRUNCATE && (*n)++ == 0 ? EOPNOTSUPP : 0;
}

static void test_file_system_without_fallocate(void **state)
{
	const char *path = tmpdir_file(&dir, "a");
	unsigned n = 0;

	(void)state;
	ctx.hook = no_allocate;
	ctx.hook_arg = &n;
	assert_int_equal(0, write_new(&ctx, path, VS_PUBLISH_NEW, &err));
	assert_true(holds_new(path));
	assert_int_equal(3, n); /* allocate, grow, cut */
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_each_call_fails),
		T(test_unlink_fails_once),
		T(test_unlink_fails_for_ever),
		T(test_size_is_checked),
		T(test_link_was_made_already),
		T(test_first_error_wins),
		T(test_interrupted_calls_go_on),
		T(test_file_system_without_fallocate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
