/* Queries of a pipe: given when they are there, up to the first bad one. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tmpdir.h"
#include "vs/num.h"
#include "vs/vecs_stream.h"

static struct tmpdir dir;
static struct vs_ctx ctx;
static struct vs_err err;

/* Opens a named pipe as a stream; *in is its other end. */
static struct vs_vecs_stream *open_pipe(const char *leaf, uint32_t dim,
					size_t most, int *in)
{
	struct vs_vecs_stream_spec spec = { .dim = dim, .most = most };
	struct vs_vecs_stream *s;
	char path[300];

	snprintf(path, sizeof(path), "%s", tmpdir_file(&dir, leaf));
	remove(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	/* Read and write: opening waits for nobody. */
	*in = open(path, O_RDWR);
	assert_true(*in >= 0);
	assert_int_equal(vs_vecs_stream_open(&ctx, path, &spec, &s, &err), 0);
	return s;
}

static void put(int fd, const void *p, size_t n)
{
	assert_int_equal(write(fd, p, n), n);
}

static void put_row(int fd, const char *four)
{
	uint8_t lead[4];

	vs_put_le32(lead, 4);
	put(fd, lead, 4);
	put(fd, four, 4);
}

static size_t next(struct vs_vecs_stream *s, void *rows)
{
	size_t n;

	assert_int_equal(vs_vecs_stream_next(&ctx, s, rows, &n, &err), 0);
	return n;
}

static void test_what_is_there(void **state)
{
	struct vs_vecs_stream *s;
	char rows[16];
	int in;

	(void)state;
	s = open_pipe("a.bvecs", 4, 3, &in);
	assert_int_equal(vs_vecs_stream_dtype(s), VS_U8);
	put_row(in, "abcd");
	assert_int_equal(next(s, rows), 1);
	assert_memory_equal(rows, "abcd", 4);
	put_row(in, "efgh");
	put_row(in, "ijkl");
	put(in, "\4\0\0\0mn", 6);
	/* The third has begun only. */
	assert_int_equal(next(s, rows), 2);
	assert_memory_equal(rows, "efghijkl", 8);
	put(in, "op", 2);
	put_row(in, "qrst");
	put_row(in, "uvwx");
	put_row(in, "yz01");
	assert_int_equal(next(s, rows), 3);
	assert_memory_equal(rows, "mnopqrstuvwx", 12);
	assert_int_equal(next(s, rows), 1);
	assert_memory_equal(rows, "yz01", 4);
	close(in);
	assert_int_equal(next(s, rows), 0);
	assert_int_equal(next(s, rows), 0);
	vs_vecs_stream_close(&ctx, s);
	assert_int_equal(ctx.mem_now, 0);
}

static void test_good_before_bad(void **state)
{
	struct vs_vecs_stream *s;
	char rows[16];
	size_t n;
	int in;

	(void)state;
	s = open_pipe("a.bvecs", 4, 4, &in);
	put_row(in, "abcd");
	put_row(in, "efgh");
	put(in, "\5\0\0\0mnop", 8);
	assert_int_equal(next(s, rows), 2);
	assert_int_equal(vs_vecs_stream_next(&ctx, s, rows, &n, &err),
			 VS_EDATA);
	assert_non_null(strstr(err.msg, "query 2, at offset 16, says dimension "
					"5; the index has 4"));
	vs_vecs_stream_close(&ctx, s);
	close(in);
}

/* A row is smaller than the header. */
static void test_header(void **state)
{
	struct vs_vecs_stream *s;
	char rows[4];
	int in;

	(void)state;
	s = open_pipe("a.u8bin", 1, 1, &in);
	put(in, "\2\0\0\0\1\0\0\0a", 9);
	assert_int_equal(next(s, rows), 1);
	assert_int_equal(rows[0], 'a');
	put(in, "bc", 2);
	assert_int_equal(next(s, rows), 1);
	assert_int_equal(rows[0], 'b');
	/* The pipe is open still, but two were said. */
	assert_int_equal(next(s, rows), 0);
	vs_vecs_stream_close(&ctx, s);
	close(in);
}

static void test_halves_not_finite(void **state)
{
	struct vs_vecs_stream *s;
	char rows[8];
	size_t n;
	int in;

	(void)state;
	s = open_pipe("a.f16bin", 2, 2, &in);
	put(in, "\0\0\0\0\2\0\0\0\377\173\0\74\0\0\0\174", 16);
	assert_int_equal(next(s, rows), 1);
	assert_int_equal(vs_vecs_stream_next(&ctx, s, rows, &n, &err),
			 VS_EDATA);
	assert_non_null(strstr(err.msg, "query 1, at offset 12, has a value "
					"that is not finite"));
	vs_vecs_stream_close(&ctx, s);
	close(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_there),
		cmocka_unit_test(test_good_before_bad),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_halves_not_finite),
	};
	int failed;

	vs_ctx_init(&ctx);
	tmpdir_make(&dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove(&dir);
	return failed;
}
