/* test_out_refuse.c - outputs that cannot be created or written: the codes, and
 * messages that name the directory and the reason. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "faults.h"
#include "out_test.h"

static void test_refusals_name_the_directory(void **state)
{
	const char *file = tmpdir_file(&dir, "f");
	char want[PATH_MAX + 64];

	(void)state;
	tmpdir_put(file, "", 0);
	assert_int_equal(VS_ECREATE, write_file(tmpdir_file(&dir, "no/a"), "x",
						VS_PUBLISH_NEW));
	assert_int_equal(ENOENT, err.sys);
	snprintf(want, sizeof(want), "directory %s/no: No such", dir.path);
	assert_non_null(strstr(err.msg, want));
	assert_int_equal(VS_ECREATE, write_file(tmpdir_file(&dir, "f/a"), "x",
						VS_PUBLISH_NEW));
	assert_int_equal(ENOTDIR, err.sys);
	assert_int_equal(VS_ECREATE,
			 write_file(dir.path, "x", VS_PUBLISH_REPLACE));
	assert_non_null(strstr(err.msg, "is a directory"));
	assert_int_equal(VS_ECREATE, write_file(tmpdir_file(&dir, ""), "x",
						VS_PUBLISH_REPLACE));
	assert_int_equal(VS_ECREATE, write_file("", "x", VS_PUBLISH_NEW));
	assert_int_equal(1, tmpdir_count(&dir, ""));
}

static void test_codes_of_creation(void **state)
{
	static const struct {
		int sys, code;
	} cases[] = { { EACCES, VS_ECREATE }, { EROFS, VS_ECREATE },
		      { ENOENT, VS_ECREATE }, { EMFILE, VS_ECREATE },
		      { ENOSPC, VS_EIO },     { EDQUOT, VS_EIO },
		      { EIO, VS_EIO } };
	struct faults f = { .calls = 1u << VS_CALL_OPEN };
	char want[PATH_MAX + 64];
	size_t i;

	(void)state;
	snprintf(want, sizeof(want), "the directory %s: ", dir.path);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f.sys = cases[i].sys;
		/* The second looks for what killed writers left. */
		for (f.at = 1; f.at <= 3; f.at += 2) {
			faults_set(&ctx, &f);
			assert_int_equal(cases[i].code,
					 write_file(tmpdir_file(&dir, "a"),
						    "x", VS_PUBLISH_NEW));
			assert_int_equal(cases[i].sys, err.sys);
			assert_non_null(strstr(err.msg, "/a: "));
			assert_non_null(strstr(err.msg, want));
			assert_int_equal(0, tmpdir_count(&dir, ""));
		}
	}
}

static void test_names_in_the_root(void **state)
{
	struct faults f = { .at = 3, .sys = EACCES,
			    .calls = 1u << VS_CALL_OPEN };
	struct vs_out *o;

	(void)state;
	faults_set(&ctx, &f);
	assert_int_equal(VS_ECREATE, vs_out_create(&ctx, "/vs-test-none", &o,
						   &err));
	assert_non_null(strstr(err.msg, "the directory /: Permission"));
	faults_set(&ctx, &f);
	assert_int_equal(VS_ECREATE, vs_out_create(&ctx, "vs-test-none", &o,
						   &err));
	assert_non_null(strstr(err.msg, "the directory .: Permission"));
}

static int interrupt_open(void *arg, enum vs_call call, const char *path)
{
	(void)arg;
	(void)path;
	return call == VS_CALL_OPEN ? EINTR : 0;
}

/* A fifo without a reader, say, and then a signal. */
static void test_stop_while_opening(void **state)
{
	atomic_int stop = SIGTERM;
	struct vs_file *f;
	struct vs_out *o;

	(void)state;
	ctx.stop = &stop;
	ctx.hook = interrupt_open;
	assert_int_equal(VS_EAGAIN, vs_out_create(&ctx, "/dev/null", &o,
						  &err));
	assert_int_equal(VS_EAGAIN, vs_file_open(&ctx, "/dev/null", &f, &err));
}

static void test_no_permission(void **state)
{
	const char *d = tmpdir_file(&dir, "d");
	pid_t child;
	int status;

	(void)state;
	assert_int_equal(0, mkdir(d, 0755));
	assert_int_equal(0, chmod(dir.path, 0755));
	child = fork();
	if (child == 0) {
		/* root may write everywhere */
		if (geteuid() == 0 ? setuid(65534) != 0 : chmod(d, 0555) != 0)
			_exit(100);
		_exit(-write_file(tmpdir_file(&dir, "d/a"), "x",
				  VS_PUBLISH_NEW));
	}
	assert_true(waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	assert_int_equal(-VS_ECREATE, WEXITSTATUS(status));
	assert_int_equal(0, chmod(d, 0755));
}

/* A limit on the size of files stops a write half-way, as a full disk does. */
static int write_over_limit(const char *path, bool reserve)
{
	struct rlimit lim = { 100000, 100000 };
	static char big[150000];
	struct vs_out *o;
	int rc;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &lim) != 0)
		return 1;
	o = create(path);
	rc = reserve ? vs_out_reserve(&ctx, o, sizeof(big), &err) :
		       vs_out_append(&ctx, o, big, sizeof(big), &err);
	if (rc != VS_EIO || err.sys != EFBIG ||
	    strstr(err.msg, "/big.vss: ") == NULL ||
	    strstr(err.msg, "File too large") == NULL)
		return 2;
	if (!reserve) {
		/* a caller that goes on all the same gets nothing published */
		rc = vs_out_publish(&ctx, o, VS_PUBLISH_NEW, NULL, &err);
		return rc == VS_EIO ? 0 : 3;
	}
	vs_out_abort(&ctx, o);
	return 0;
}

static void test_file_size_limit(void **state)
{
	int status, reserve;
	pid_t child;

	(void)state;
	for (reserve = 0; reserve < 2; reserve++) {
		child = fork();
		if (child == 0)
			_exit(write_over_limit(tmpdir_file(&dir, "big.vss"),
					       reserve));
		assert_true(waitpid(child, &status, 0) == child);
		assert_int_equal(0, status);
		assert_int_equal(0, tmpdir_count(&dir, ""));
	}
}

/* Started with standard output closed: what is printed must not get into the
 * file. */
static int write_with_closed_stdout(const char *path)
{
	struct vs_out *o;

	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	if (vs_out_create(&ctx, path, &o, &err) != 0 ||
	    vs_out_append(&ctx, o, "abc", 3, &err) != 0)
		return 1;
	if (write(STDOUT_FILENO, "oops", 4) >= 0 ||
	    write(STDERR_FILENO, "oops", 4) >= 0)
		return 2;
	return vs_out_publish(&ctx, o, VS_PUBLISH_NEW, NULL, &err) == 0 ? 0 :
									  3;
}

static void test_closed_standard_streams(void **state)
{
	const char *path = tmpdir_file(&dir, "a");
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		_exit(write_with_closed_stdout(path));
	assert_true(waitpid(child, &status, 0) == child);
	assert_int_equal(0, status);
	assert_true(tmpdir_holds(path, "abc", 3));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_refusals_name_the_directory),
		T(test_codes_of_creation),
		T(test_names_in_the_root),
		T(test_stop_while_opening),
		T(test_no_permission),
		T(test_file_size_limit),
		T(test_closed_standard_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
