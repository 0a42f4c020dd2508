/* test_buf.c - the growing buffer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "faults.h"
#include "vs/buf.h"
#include "vs/mem.h"

static void test_append_and_printf(void **state)
{
	struct vs_buf b = { 0 };
	struct vs_ctx ctx;
	struct vs_err err;
	char want[30001];
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	assert_int_equal(0, vs_buf_append(&ctx, &b, NULL, 0, &err));
	assert_string_equal("", b.p);
	for (i = 0; i < 10000; i++) {
		memcpy(want + 3 * i, "a\0b", 3);
		assert_int_equal(0, vs_buf_append(&ctx, &b, "a\0b", 3, &err));
		assert_int_equal('\0', b.p[b.n]);
	}
	assert_int_equal(30000, b.n);
	assert_memory_equal(want, b.p, 30000);
	vs_buf_clear(&b);
	assert_int_equal(0, b.n);
	assert_string_equal("", b.p);
	for (i = 0; i < 1000; i++)
		assert_int_equal(0, vs_buf_printf(&ctx, &b, &err, "%zu,", i));
	assert_int_equal(10 * 2 + 90 * 3 + 900 * 4, b.n);
	assert_int_equal(b.n, strlen(b.p));
	assert_memory_equal("0,1,2,", b.p, 6);
	assert_string_equal("998,999,", b.p + b.n - 8);
	vs_buf_free(&ctx, &b);
	assert_null(b.p);
	assert_int_equal(0, b.cap);
	assert_int_equal(0, atomic_load(&ctx.mem_now));
}

static void test_growth_is_geometric(void **state)
{
	struct faults f = { .calls = 1u << VS_CALL_ALLOC };
	struct vs_buf b = { 0 };
	struct vs_ctx ctx;
	struct vs_err err;
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	faults_set(&ctx, &f);
	for (i = 0; i < 1000000; i++)
		assert_int_equal(0, vs_buf_append(&ctx, &b, "x", 1, &err));
	assert_in_range(atomic_load(&f.n_seen), 1, 40);
	vs_buf_free(&ctx, &b);
}

static void test_failure_keeps_contents(void **state)
{
	struct faults f = { .at = 2, .sys = ENOMEM };
	struct vs_buf b = { 0 };
	struct vs_ctx ctx;
	struct vs_err err;
	char big[5000];

	(void)state;
	memset(big, 'y', sizeof(big));
	vs_ctx_init(&ctx);
	faults_set(&ctx, &f);
	assert_int_equal(0, vs_buf_append(&ctx, &b, "abc", 3, &err));
	assert_int_equal(VS_ENOMEM,
			 vs_buf_append(&ctx, &b, big, sizeof(big), &err));
	assert_string_equal("abc", b.p);
	assert_int_equal(3, b.n);
	assert_int_equal(VS_ENOMEM,
			 vs_buf_append(&ctx, &b, big, SIZE_MAX - 2, &err));
	assert_string_equal("abc", b.p);
	vs_buf_free(&ctx, &b);
	assert_int_equal(0, atomic_load(&ctx.mem_now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_and_printf),
		cmocka_unit_test(test_growth_is_geometric),
		cmocka_unit_test(test_failure_keeps_contents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
