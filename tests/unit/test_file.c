/* test_file.c - reading files and streams. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "faults.h"
#include "tmpdir.h"
#include "vs/file.h"

struct fixture {
	struct tmpdir dir;
	struct vs_ctx ctx;
	struct vs_err err;
};

static struct fixture fx;

static int setup(void **state)
{
	(void)state;
	tmpdir_make(&fx.dir);
	vs_ctx_init(&fx.ctx);
	vs_err_clear(&fx.err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tmpdir_remove(&fx.dir);
	return atomic_load(&fx.ctx.mem_now) == 0 ? 0 : -1;
}

/* Opens descriptor fd as standard input and returns the old one. */
static int redirect_stdin(int fd)
{
	int old = dup(STDIN_FILENO);

	assert_true(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	close(fd);
	return old;
}

static void restore_stdin(int old)
{
	if (old < 0) {
		close(STDIN_FILENO);
		return;
	}
	dup2(old, STDIN_FILENO);
	close(old);
}

static void test_pread_ranges(void **state)
{
	const char *path = tmpdir_file(&fx.dir, "a");
	struct vs_file *f;
	char buf[32];

	(void)state;
	tmpdir_put(path, "0123456789", 10);
	assert_int_equal(0, vs_file_open(&fx.ctx, path, &f, &fx.err));
	assert_string_equal(path, vs_file_path(f));
	assert_int_equal(10, vs_file_size(f));
	vs_file_sequential(f);
	assert_int_equal(0, vs_file_pread(&fx.ctx, f, buf, 4, 3, &fx.err));
	assert_memory_equal("3456", buf, 4);
	assert_int_equal(0, vs_file_pread(&fx.ctx, f, buf, 10, 0, &fx.err));
	assert_memory_equal("0123456789", buf, 10);
	assert_int_equal(0, vs_file_pread(&fx.ctx, f, buf, 0, 10, &fx.err));
	assert_int_equal(14, atomic_load(&fx.ctx.n_bytes_read));
	vs_file_close(&fx.ctx, f);
}

static void test_short_file_names_file_and_offset(void **state)
{
	static const uint64_t offsets[] = { 8, 10, 4000000000u, INT64_MAX - 1,
					    INT64_MAX, UINT64_MAX };
	const char *path = tmpdir_file(&fx.dir, "short.fvecs");
	struct vs_file *f;
	char buf[32], text[32];
	size_t i;

	(void)state;
	tmpdir_put(path, "0123456789", 10);
	assert_int_equal(0, vs_file_open(&fx.ctx, path, &f, &fx.err));
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		assert_int_equal(VS_EDATA,
				 vs_file_pread(&fx.ctx, f, buf, 3, offsets[i],
					       &fx.err));
		assert_non_null(strstr(fx.err.msg, "short.fvecs: "));
		snprintf(text, sizeof(text), "offset %llu",
			 (unsigned long long)offsets[i]);
		assert_non_null(strstr(fx.err.msg, text));
	}
	vs_file_close(&fx.ctx, f);
}

static void test_sequence_after_pread(void **state)
{
	const char *path = tmpdir_file(&fx.dir, "a");
	struct vs_file *f;
	char buf[32];
	size_t got;

	(void)state;
	tmpdir_put(path, "0123456789", 10);
	assert_int_equal(0, vs_file_open(&fx.ctx, path, &f, &fx.err));
	assert_int_equal(0, vs_file_read(&fx.ctx, f, buf, 4, &got, &fx.err));
	assert_int_equal(4, got);
	assert_int_equal(0, vs_file_pread(&fx.ctx, f, buf, 2, 0, &fx.err));
	assert_int_equal(0, vs_file_read(&fx.ctx, f, buf, 32, &got, &fx.err));
	assert_int_equal(6, got);
	assert_memory_equal("456789", buf, 6);
	assert_int_equal(0, vs_file_read(&fx.ctx, f, buf, 32, &got, &fx.err));
	assert_int_equal(0, got);
	vs_file_close(&fx.ctx, f);
}

static void test_what_cannot_be_opened(void **state)
{
	const char *path = tmpdir_file(&fx.dir, "none");
	struct vs_file *f = (void *)&fx;

	(void)state;
	assert_int_equal(VS_ENOINPUT,
			 vs_file_open(&fx.ctx, path, &f, &fx.err));
	assert_null(f);
	assert_int_equal(ENOENT, fx.err.sys);
	assert_non_null(strstr(fx.err.msg, "/none: "));
	assert_non_null(strstr(fx.err.msg, "No such file"));
	assert_int_equal(VS_ENOINPUT, vs_file_open(&fx.ctx, fx.dir.path, &f,
						   &fx.err));
	assert_non_null(strstr(fx.err.msg, "is a directory"));
	assert_int_equal(VS_ENOINPUT, vs_file_open(&fx.ctx, "", &f, &fx.err));
	vs_file_close(&fx.ctx, NULL);
}

static void test_pipe_gives_partial_reads(void **state)
{
	struct vs_file *f;
	char buf[16];
	size_t got;
	int p[2], old;

	(void)state;
	assert_int_equal(0, pipe(p));
	assert_int_equal(3, write(p[1], "abc", 3));
	old = redirect_stdin(p[0]);
	assert_int_equal(0, vs_file_open(&fx.ctx, "-", &f, &fx.err));
	assert_true(vs_file_size(f) == UINT64_MAX);
	assert_int_equal(0, vs_file_read(&fx.ctx, f, buf, 16, &got, &fx.err));
	assert_int_equal(3, got);
	assert_memory_equal("abc", buf, 3);
	assert_int_equal(VS_EUSAGE,
			 vs_file_pread(&fx.ctx, f, buf, 1, 0, &fx.err));
	close(p[1]);
	assert_int_equal(0, vs_file_read(&fx.ctx, f, buf, 16, &got, &fx.err));
	assert_int_equal(0, got);
	vs_file_close(&fx.ctx, f);
	/* standard input stays open */
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
	restore_stdin(old);
}

static void test_stdin_from_the_middle_of_a_file(void **state)
{
	const char *path = tmpdir_file(&fx.dir, "a");
	struct vs_file *f;
	char buf[16];
	size_t got;
	int fd, old;

	(void)state;
	tmpdir_put(path, "0123456789", 10);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	old = redirect_stdin(fd);
	assert_int_equal(0, vs_file_open(&fx.ctx, "-", &f, &fx.err));
	assert_int_equal(10, vs_file_size(f));
	assert_int_equal(0, vs_file_pread(&fx.ctx, f, buf, 4, 6, &fx.err));
	vs_file_close(&fx.ctx, f);
	assert_int_equal(4, lseek(STDIN_FILENO, 4, SEEK_SET));
	assert_int_equal(0, vs_file_open(&fx.ctx, "-", &f, &fx.err));
	assert_true(vs_file_size(f) == UINT64_MAX);
	assert_int_equal(0, vs_file_read(&fx.ctx, f, buf, 16, &got, &fx.err));
	assert_int_equal(6, got);
	assert_memory_equal("456789", buf, 6);
	vs_file_close(&fx.ctx, f);
	restore_stdin(old);
}

/* The other end of a pipe may have made it non-blocking for all. */
static void test_nonblocking_pipe_waits(void **state)
{
	struct vs_file *f;
	char buf[16];
	size_t got = 0;
	int p[2], old;
	pid_t child;

	(void)state;
	assert_int_equal(0, pipe2(p, O_NONBLOCK));
	child = fork();
	if (child == 0) {
		usleep(50000);
		_exit(write(p[1], "late", 4) == 4 ? 0 : 1);
	}
	close(p[1]);
	old = redirect_stdin(p[0]);
	assert_int_equal(0, vs_file_open(&fx.ctx, "-", &f, &fx.err));
	assert_int_equal(0, vs_file_read(&fx.ctx, f, buf, 16, &got, &fx.err));
	assert_int_equal(4, got);
	vs_file_close(&fx.ctx, f);
	restore_stdin(old);
}

static void *ask_to_stop(void *stop)
{
	usleep(50000);
	atomic_store((atomic_int *)stop, SIGTERM);
	return NULL;
}

/* A job that waits for a pipe must still end within seconds of a signal, even
 * when that came in another thread. */
static void test_stop_while_waiting_for_a_pipe(void **state)
{
	atomic_int stop = 0;
	struct vs_file *f;
	pthread_t thread;
	char buf[16];
	size_t got;
	int p[2], old;
	time_t t;

	(void)state;
	assert_int_equal(0, pipe(p));
	old = redirect_stdin(p[0]);
	fx.ctx.stop = &stop;
	assert_int_equal(0, vs_file_open(&fx.ctx, "-", &f, &fx.err));
	t = time(NULL);
	assert_int_equal(0, pthread_create(&thread, NULL, ask_to_stop, &stop));
	assert_int_equal(VS_EAGAIN, vs_file_read(&fx.ctx, f, buf, 16, &got,
						 &fx.err));
	assert_true(time(NULL) - t < 4);
	pthread_join(thread, NULL);
	vs_file_close(&fx.ctx, f);
	close(p[1]);
	restore_stdin(old);
}

static void test_slurp(void **state)
{
	const char *path = tmpdir_file(&fx.dir, "a");
	struct vs_buf b = { 0 };
	static char big[200000];

	(void)state;
	memset(big, 'z', sizeof(big));
	tmpdir_put(path, big, sizeof(big));
	assert_int_equal(0, vs_file_slurp(&fx.ctx, path, sizeof(big), &b,
					  &fx.err));
	assert_int_equal(sizeof(big), b.n);
	assert_memory_equal(big, b.p, b.n);
	assert_int_equal('\0', b.p[b.n]);
	assert_int_equal(VS_EDATA, vs_file_slurp(&fx.ctx, path,
						 sizeof(big) - 1, &b,
						 &fx.err));
	assert_non_null(strstr(fx.err.msg, "199999"));
	/* replaces what was there; an empty file is an empty text */
	tmpdir_put(path, "", 0);
	assert_int_equal(0, vs_file_slurp(&fx.ctx, path, 0, &b, &fx.err));
	assert_int_equal(0, b.n);
	assert_string_equal("", b.p);
	/* a file that says it is empty and is not */
	assert_int_equal(0, vs_file_slurp(&fx.ctx, "/proc/self/status", 100000,
					  &b, &fx.err));
	assert_memory_equal("Name:", b.p, 5);
	vs_buf_free(&fx.ctx, &b);
}

static void test_beyond_4_gib(void **state)
{
	const char *path = tmpdir_file(&fx.dir, "sparse");
	const off_t at = ((off_t)5 << 30) + 123;
	struct vs_file *f;
	char buf[8] = "";
	int fd;

	(void)state;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	assert_int_equal(4, pwrite(fd, "tail", 4, at));
	close(fd);
	assert_int_equal(0, vs_file_open(&fx.ctx, path, &f, &fx.err));
	assert_true(vs_file_size(f) == (uint64_t)at + 4);
	assert_int_equal(0, vs_file_pread(&fx.ctx, f, buf, 4, (uint64_t)at,
					  &fx.err));
	assert_memory_equal("tail", buf, 4);
	vs_file_close(&fx.ctx, f);
}

/* Opens, reads both ways, slurps; 0 or the error. */
static int read_all(const char *path, struct vs_buf *b)
{
	struct vs_file *f;
	char buf[4];
	size_t got;
	int rc;

	rc = vs_file_open(&fx.ctx, path, &f, &fx.err);
	if (rc != 0)
		return rc;
	rc = vs_file_pread(&fx.ctx, f, buf, 4, 2, &fx.err);
	if (rc == 0)
		rc = vs_file_read(&fx.ctx, f, buf, 4, &got, &fx.err);
	vs_file_close(&fx.ctx, f);
	return rc != 0 ? rc : vs_file_slurp(&fx.ctx, path, 100, b, &fx.err);
}

static unsigned n_open_fds(void)
{
	unsigned n = 0;
	int fd;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_every_call_may_fail(void **state)
{
	const char *path = tmpdir_file(&fx.dir, "a");
	struct faults f = { .sys = EIO };
	struct vs_buf b = { 0 };
	unsigned n_fds = n_open_fds();
	int rc;

	(void)state;
	tmpdir_put(path, "0123456789", 10);
	for (f.at = 1;; f.at++) {
		faults_set(&fx.ctx, &f);
		vs_err_clear(&fx.err);
		rc = read_all(path, &b);
		assert_int_equal(n_fds, n_open_fds());
		vs_buf_free(&fx.ctx, &b);
		assert_int_equal(0, atomic_load(&fx.ctx.mem_now));
		if (atomic_load(&f.n_fired) == 0)
			break;
		if (rc == 0) /* a close of an input loses nothing */
			assert_int_equal(VS_CALL_CLOSE, f.log[f.at - 1]);
		else
			assert_int_equal(rc, fx.err.code);
	}
	assert_int_equal(0, rc);
	assert_true(f.at > 12);
}

static int always_interrupt_first(void *arg, enum vs_call call,
				  const char *path)
{
	unsigned *n = arg;

	(void)path;
	if (call == VS_CALL_ALLOC || call == VS_CALL_STAT ||
	    call == VS_CALL_CLOSE)
		return 0;
	return (*n)++ % 2 == 0 ? EINTR : 0;
}

static void test_interrupted_calls_go_on(void **state)
{
	const char *path = tmpdir_file(&fx.dir, "a");
	struct vs_buf b = { 0 };
	unsigned n = 0;

	(void)state;
	tmpdir_put(path, "0123456789", 10);
	fx.ctx.hook = always_interrupt_first;
	fx.ctx.hook_arg = &n;
	assert_int_equal(0, read_all(path, &b));
	assert_string_equal("0123456789", b.p);
	assert_true(n >= 10);
	vs_buf_free(&fx.ctx, &b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_pread_ranges),
		T(test_short_file_names_file_and_offset),
		T(test_sequence_after_pread),
		T(test_what_cannot_be_opened),
		T(test_pipe_gives_partial_reads),
		T(test_stdin_from_the_middle_of_a_file),
		T(test_nonblocking_pipe_waits),
		T(test_stop_while_waiting_for_a_pipe),
		T(test_slurp),
		T(test_beyond_4_gib),
		T(test_every_call_may_fail),
		T(test_interrupted_calls_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
