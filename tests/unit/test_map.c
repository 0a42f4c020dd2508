/* test_map.c - memory maps. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dirctx.h"
#include "faults.h"
#include "vs/map.h"

/* Maps the file and closes it. */
static int map_file(const char *path, struct vs_map *m)
{
	struct vs_file *f;
	int rc = vs_file_open(&ctx, path, &f, &err);

	if (rc != 0)
		return rc;
	rc = vs_map_open(&ctx, f, m, &err);
	vs_file_close(&ctx, f);
	return rc;
}

static void test_map_outlives_file(void **state)
{
	const char *path = tmpdir_file(&dir, "a");
	struct vs_map m;

	(void)state;
	tmpdir_put(path, "0123456789", 10);
	assert_int_equal(0, map_file(path, &m));
	assert_int_equal(10, m.n);
	assert_int_equal(0, unlink(path));
	assert_memory_equal("0123456789", m.p, 10);
	vs_map_close(&m);
	assert_null(m.p);
	assert_int_equal(0, m.n);
	vs_map_close(&m);
}

static void test_empty_file(void **state)
{
	const char *path = tmpdir_file(&dir, "a");
	struct vs_map m;

	(void)state;
	tmpdir_put(path, "", 0);
	assert_int_equal(0, map_file(path, &m));
	assert_null(m.p);
	assert_int_equal(0, m.n);
	vs_map_advise(&m, 0, 10, VS_ADVICE_WILLNEED);
	vs_map_close(&m);
}

static void test_streams_cannot_be_mapped(void **state)
{
	struct vs_map m;

	(void)state;
	assert_int_equal(VS_EUSAGE, map_file("/dev/null", &m));
	assert_non_null(strstr(err.msg, "/dev/null: "));
	assert_null(m.p);
}

static void test_hook_and_codes(void **state)
{
	struct faults f = { .at = 1, .calls = 1u << VS_CALL_MAP };
	const char *path = tmpdir_file(&dir, "a");
	struct vs_map m;

	(void)state;
	tmpdir_put(path, "0123456789", 10);
	f.sys = ENOMEM; /* the address space is full */
	faults_set(&ctx, &f);
	assert_int_equal(VS_ENOMEM, map_file(path, &m));
	assert_int_equal(ENOMEM, err.sys);
	f.sys = ENODEV;
	faults_set(&ctx, &f);
	assert_int_equal(VS_EIO, map_file(path, &m));
	assert_null(m.p);
	assert_int_equal(1, atomic_load(&f.n_fired));
}

static void test_advice_never_changes_data(void **state)
{
	static const uint64_t at[] = { 0, 1, 4095, 4096, 99999, 100000,
				       UINT64_MAX };
	const char *path = tmpdir_file(&dir, "a");
	static char data[100000];
	struct vs_map m;
	size_t i, j;
	int advice;

	(void)state;
	for (i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7919 >> 5);
	tmpdir_put(path, data, sizeof(data));
	assert_int_equal(0, map_file(path, &m));
	for (advice = VS_ADVICE_NORMAL; advice <= VS_ADVICE_DONTNEED;
	     advice++) {
		for (i = 0; i < 7; i++)
			for (j = 0; j < 7; j++)
				vs_map_advise(&m, at[i], at[j],
					      (enum vs_advice)advice);
		assert_memory_equal(data, m.p, sizeof(data));
	}
	vs_map_close(&m);
}

static void test_beyond_4_gib(void **state)
{
	const char *path = tmpdir_file(&dir, "sparse");
	const off_t at = ((off_t)5 << 30) + 123;
	struct vs_map m;
	int fd;

	(void)state;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	assert_int_equal(4, pwrite(fd, "tail", 4, at));
	close(fd);
	assert_int_equal(0, map_file(path, &m));
	assert_true(m.n == (size_t)at + 4);
	vs_map_advise(&m, (uint64_t)at, 4, VS_ADVICE_WILLNEED);
	assert_memory_equal("tail", m.p + at, 4);
	vs_map_close(&m);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_map_outlives_file),
		T(test_empty_file),
		T(test_streams_cannot_be_mapped),
		T(test_hook_and_codes),
		T(test_advice_never_changes_data),
		T(test_beyond_4_gib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
