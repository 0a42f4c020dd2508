/* test_vecs_hdf5.c - what the names of data sets are, and opening one with each
 * call failing in turn.  The files read are those of tests/cli/hdf5.bats. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vecsfile.h"

#define FILE_NAME "tests/cli/chunked.hdf5"

static struct vs_ctx ctx;
static struct vs_err err;
static long calls, fail_at;

static int hook(void *arg, enum vs_call call, const char *path)
{
	(void)arg;
	(void)path;
	if (call == VS_CALL_CLOSE || calls++ != fail_at)
		return 0;
	return call == VS_CALL_ALLOC ? ENOMEM : EIO;
}

static int open_set(const char *name, struct vs_vecs **v)
{
	return vecs_open1(&ctx, name, VS_FMT_AUTO, v, &err);
}

static void test_names(void **state)
{
	static const struct {
		const char *path, *dataset;
	} names[] = {
		{ "x.hdf5", NULL },	    { "x.hdf5:", NULL },
		{ "x.hdf5:test", "test" },  { "a:b/x.h5:/g/t", "/g/t" },
		{ "x.h5.zst:a:b", "a:b" },  { "x.fbin:test", NULL },
		{ ".h5:x", NULL },	    { "x.h5:a.h5:b", "a.h5:b" },
	};
	const char *colon;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		colon = vs_vecs_dataset(names[i].path);
		if (names[i].dataset == NULL) {
			assert_null(colon);
			continue;
		}
		assert_non_null(colon);
		assert_string_equal(names[i].dataset, colon + 1);
		assert_int_equal(VS_FMT_HDF5,
				 vs_vecs_format_of_file(names[i].path));
	}
	assert_int_equal(VS_FMT_HDF5, vs_vecs_format_of_file("d/x.h5"));
	assert_int_equal(VS_FMT_HDF5, vs_vecs_format_of_file("x.hdf5.zst"));
}

static bool is_built(void)
{
	struct vs_vecs *v;

	ctx.hook = NULL;
	if (open_set(FILE_NAME, &v) != 0)
		return strstr(err.msg, "this build does not read") == NULL;
	vs_vecs_close(&ctx, v);
	return true;
}

/* In place, and through a scratch file. */
static void test_every_call_fails(void **state)
{
	static const char *const sets[] = { FILE_NAME ":group/test",
					    FILE_NAME ":bytes" };
	struct vs_vecs *v;
	size_t i, fds;
	int rc;

	(void)state;
	if (!is_built())
		skip();
	ctx.hook = hook;
	for (i = 0; i < 2; i++) {
		for (fail_at = 0;; fail_at++) {
			calls = 0;
			fds = count_fds();
			rc = open_set(sets[i], &v);
			if (rc == 0)
				break;
			assert_null(v);
			assert_int_equal(0, atomic_load(&ctx.mem_now));
			assert_int_equal(fds, count_fds());
			assert_true(fail_at < 100);
		}
		assert_true(fail_at > 5);
		vs_vecs_close(&ctx, v);
	}
}

static void test_values(void **state)
{
	static int32_t shorts[160];
	struct vs_vecs *v;
	int i;

	(void)state;
	if (!is_built())
		skip();
	assert_int_equal(0, open_set(FILE_NAME ":short", &v));
	assert_int_equal(VS_I32, vs_vecs_dtype(v));
	assert_int_equal(20, vs_vecs_rows(v));
	assert_int_equal(0, vs_vecs_read(&ctx, v, 0, 20, shorts, &err));
	for (i = 0; i < 160; i++)
		assert_int_equal(i * 7 % 1000 - 300, shorts[i]);
	vs_vecs_close(&ctx, v);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_every_call_fails),
		cmocka_unit_test(test_values),
	};

	vs_ctx_init(&ctx);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
