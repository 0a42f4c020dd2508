/* test_stream.c - outputs that are no regular files: written in sequence. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dirctx.h"
#include "faults.h"
#include "vs/file.h"

/* In a child with standard output at fd: appends n bytes in steps and
 * publishes; exits with the negated code. */
static pid_t write_in_child(const char *path, int fd, size_t n)
{
	static char buf[1000];
	pid_t child = fork();
	struct vs_out *o;
	size_t i;
	int rc;

	if (child != 0)
		return child;
	signal(SIGPIPE, SIG_IGN);
	if (fd >= 0 && dup2(fd, STDOUT_FILENO) < 0)
		_exit(100);
	rc = vs_out_create(&ctx, path, &o, &err);
	if (rc != 0)
		_exit(-rc);
	if (vs_out_seekable(o) ||
	    vs_out_pwrite(&ctx, o, "x", 1, 0, &err) != VS_EUSAGE ||
	    vs_out_reserve(&ctx, o, 10, &err) != VS_EUSAGE ||
	    vs_out_pread(&ctx, o, buf, 1, 0, &err) != VS_EUSAGE)
		_exit(101);
	for (i = 0; i < n && rc == 0; i += sizeof(buf)) {
		memset(buf, 'a' + (int)(i / sizeof(buf) % 26), sizeof(buf));
		rc = vs_out_append(&ctx, o, buf, sizeof(buf), &err);
	}
	if (rc == 0 && vs_out_size(o) != n)
		_exit(102);
	if (rc != 0)
		vs_out_abort(&ctx, o);
	else
		rc = vs_out_publish(&ctx, o, VS_PUBLISH_NEW, NULL, &err);
	if (rc != 0 && err.sys == 0 && rc != VS_EAGAIN)
		_exit(103);
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0)
		_exit(104);
	_exit(-rc);
}

static int exit_of(pid_t child)
{
	int status;

	assert_true(waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Reads to the end; true when it is what write_in_child writes. */
static bool read_back(int fd, size_t n)
{
	size_t done = 0;
	char buf[700];
	ssize_t r;
	bool same = true;

	while ((r = read(fd, buf, sizeof(buf))) > 0) {
		ssize_t i;

		for (i = 0; i < r; i++, done++)
			same &= buf[i] == 'a' + (char)(done / 1000 % 26);
	}
	return same && done == n;
}

static void test_stdout_is_a_pipe(void **state)
{
	pid_t child;
	int p[2], flags;

	(void)state;
	for (flags = 0; flags < 2; flags++) {
		assert_int_equal(0, pipe2(p, O_CLOEXEC |
						     (flags ? O_NONBLOCK : 0)));
		child = write_in_child("-", p[1], 1000000);
		close(p[1]);
		fcntl(p[0], F_SETFL, 0);
		assert_true(read_back(p[0], 1000000));
		close(p[0]);
		assert_int_equal(0, exit_of(child));
	}
}

static void test_stdout_is_a_file(void **state)
{
	static const char *const names[] = { "-", "/dev/stdout" };
	const char *path = tmpdir_file(&dir, "a");
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < 2; i++) {
		fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		assert_int_equal(0, exit_of(write_in_child(names[i], fd,
							   5000)));
		assert_int_equal(0, lseek(fd, 0, SEEK_SET));
		assert_true(read_back(fd, 5000));
		close(fd);
	}
}

static void test_fifo(void **state)
{
	const char *path = tmpdir_file(&dir, "fifo");
	pid_t child;
	int fd;

	(void)state;
	assert_int_equal(0, mkfifo(path, 0666));
	child = write_in_child(path, -1, 200000);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read_back(fd, 200000));
	close(fd);
	assert_int_equal(0, exit_of(child));
	/* still a fifo, and nothing beside it */
	assert_int_equal(1, tmpdir_count(&dir, ""));
}

static void test_devices(void **state)
{
	struct vs_out *o;
	struct stat st;

	(void)state;
	assert_int_equal(0, exit_of(write_in_child("/dev/null", -1, 5000)));
	assert_int_equal(0, stat("/dev/null", &st));
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(-VS_EIO,
			 exit_of(write_in_child("/dev/full", -1, 5000)));
	assert_int_equal(0, vs_out_create(&ctx, "/dev/full", &o, &err));
	assert_int_equal(VS_EIO, vs_out_append(&ctx, o, "x", 1, &err));
	assert_int_equal(ENOSPC, err.sys);
	assert_string_equal(
		"/dev/full: cannot be written: No space left on device",
		err.msg);
	/* a caller that goes on all the same is told again */
	vs_err_clear(&err);
	assert_int_equal(VS_EIO, vs_out_publish(&ctx, o, VS_PUBLISH_NEW, NULL,
						&err));
	assert_int_equal(ENOSPC, err.sys);
}

static void test_link_to_a_device(void **state)
{
	const char *path = tmpdir_file(&dir, "l");

	(void)state;
	assert_int_equal(0, symlink("/dev/full", path));
	assert_int_equal(-VS_EIO, exit_of(write_in_child(path, -1, 5000)));
	assert_int_equal(1, tmpdir_count(&dir, ""));
}

static void test_reader_goes_away(void **state)
{
	pid_t child;
	int p[2];

	(void)state;
	assert_int_equal(0, pipe2(p, O_CLOEXEC));
	close(p[0]);
	child = write_in_child("-", p[1], 1000000);
	close(p[1]);
	assert_int_equal(-VS_EIO, exit_of(child));
}

static atomic_int stop;

static void on_alarm(int sig)
{
	atomic_store(&stop, sig);
}

static void test_stop_while_the_reader_sleeps(void **state)
{
	static char buf[1 << 20];
	struct vs_out *o;
	int p[2], old, rc;

	(void)state;
	atomic_store(&stop, 0);
	signal(SIGALRM, on_alarm);
	fflush(stdout);
	assert_int_equal(0, pipe2(p, O_CLOEXEC));
	old = dup(STDOUT_FILENO);
	dup2(p[1], STDOUT_FILENO);
	ctx.stop = &stop;
	alarm(1);
	rc = vs_out_create(&ctx, "-", &o, &err);
	if (rc == 0) {
		rc = vs_out_append(&ctx, o, buf, sizeof(buf), &err);
		vs_out_abort(&ctx, o);
	}
	dup2(old, STDOUT_FILENO);
	close(old);
	close(p[0]);
	close(p[1]);
	signal(SIGALRM, SIG_DFL);
	assert_int_equal(VS_EAGAIN, rc);
}

static void test_each_call_fails(void **state)
{
	struct faults f = { .sys = EIO };
	struct vs_out *o;
	int rc;

	(void)state;
	for (f.at = 1;; f.at++) {
		faults_set(&ctx, &f);
		vs_err_clear(&err);
		rc = vs_out_create(&ctx, "/dev/null", &o, &err);
		if (rc == 0) {
			rc = vs_out_append(&ctx, o, "x", 1, &err);
			if (rc != 0)
				vs_out_abort(&ctx, o);
			else
				rc = vs_out_publish(&ctx, o, VS_PUBLISH_NEW,
						    NULL, &err);
		}
		assert_int_equal(0, atomic_load(&ctx.mem_now));
		assert_int_equal(rc, err.code);
		if (atomic_load(&f.n_fired) == 0)
			break;
		assert_true(rc != 0);
	}
	assert_int_equal(0, rc);
	assert_true(f.at > 6);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_stdout_is_a_pipe),
		T(test_stdout_is_a_file),
		T(test_fifo),
		T(test_devices),
		T(test_link_to_a_device),
		T(test_reader_goes_away),
		T(test_stop_while_the_reader_sleeps),
		T(test_each_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
