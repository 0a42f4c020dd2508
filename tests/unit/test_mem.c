/* test_mem.c - memory: aligned, counted, bounded, and failing on request. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "faults.h"
#include "vs/mem.h"
#include "vs/num.h"

static void test_blocks_are_aligned_and_counted(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;
	void *p[300];
	size_t i, sum = 0;

	(void)state;
	vs_ctx_init(&ctx);
	for (i = 0; i < 300; i++) {
		p[i] = vs_alloc(&ctx, i, 3, "rows", &err);
		assert_non_null(p[i]);
		assert_int_equal(0, (uintptr_t)p[i] % VS_ALIGN);
		memset(p[i], 0xa5, 3 * i);
		sum += 3 * i;
	}
	assert_true(atomic_load(&ctx.mem_now) >= sum);
	assert_true(atomic_load(&ctx.mem_peak) == atomic_load(&ctx.mem_now));
	for (i = 0; i < 300; i++)
		vs_free(&ctx, p[i]);
	vs_free(&ctx, NULL);
	assert_int_equal(0, atomic_load(&ctx.mem_now));
	assert_true(atomic_load(&ctx.mem_peak) >= sum);
}

static void test_zalloc_zeroes(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;
	unsigned char *p;
	size_t i, round;

	(void)state;
	vs_ctx_init(&ctx);
	for (round = 0; round < 3; round++) {
		p = vs_zalloc(&ctx, 1000, 3, "rows", &err);
		assert_non_null(p);
		for (i = 0; i < 3000; i++)
			assert_int_equal(0, p[i]);
		memset(p, 0xff, 3000);
		vs_free(&ctx, p);
	}
}

static void test_overflow_is_refused(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;

	(void)state;
	vs_ctx_init(&ctx);
	assert_null(vs_alloc(&ctx, SIZE_MAX / 2, 3, "rows", &err));
	assert_int_equal(VS_ENOMEM, err.code);
	assert_non_null(strstr(err.msg, "rows"));
	assert_null(vs_alloc(&ctx, SIZE_MAX, 1, "rows", &err));
	assert_null(vs_alloc(&ctx, SIZE_MAX - 64, 1, "rows", &err));
	assert_null(vs_zalloc(&ctx, (size_t)1 << 63, 2, "rows", &err));
	assert_int_equal(0, atomic_load(&ctx.mem_now));
}

static void test_ceiling_is_kept(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;
	void *p, *q;

	(void)state;
	vs_ctx_init(&ctx);
	assert_true(vs_mem_left(&ctx) == UINT64_MAX);
	ctx.memory_max = 1 << 20;
	assert_int_equal(1 << 20, vs_mem_left(&ctx));
	p = vs_alloc(&ctx, 1 << 19, 1, "first", &err);
	assert_non_null(p);
	assert_true(vs_mem_left(&ctx) < 1 << 19);
	q = vs_alloc(&ctx, 1 << 19, 1, "second", &err);
	assert_null(q);
	assert_int_equal(VS_ENOMEM, err.code);
	assert_non_null(strstr(err.msg, "second"));
	assert_non_null(strstr(err.msg, "1.0 MiB"));
	assert_non_null(strstr(err.msg, "--memory"));
	assert_true(atomic_load(&ctx.mem_peak) <= ctx.memory_max);
	q = vs_alloc(&ctx, vs_mem_left(&ctx) - 64, 1, "rest", &err);
	assert_non_null(q);
	vs_free(&ctx, q);
	vs_free(&ctx, p);
	assert_int_equal(1 << 20, vs_mem_left(&ctx));
	ctx.memory_max = 1;
	assert_null(vs_alloc(&ctx, 0, 1, "nothing", &err));
}

static void test_resize_keeps_contents(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;
	void *p = NULL;

	(void)state;
	vs_ctx_init(&ctx);
	assert_int_equal(0, vs_resize(&ctx, &p, 5, 1, "text", &err));
	memcpy(p, "abcd", 5);
	assert_int_equal(0, vs_resize(&ctx, &p, 5000, 1, "text", &err));
	assert_string_equal("abcd", p);
	assert_int_equal(0, vs_resize(&ctx, &p, 2, 1, "text", &err));
	assert_memory_equal("ab", p, 2);
	ctx.memory_max = 1000;
	assert_int_equal(VS_ENOMEM,
			 vs_resize(&ctx, &p, 5000, 1, "text", &err));
	assert_memory_equal("ab", p, 2);
	assert_int_equal(VS_ENOMEM, vs_resize(&ctx, &p, SIZE_MAX, 2, "text",
					      &err));
	vs_free(&ctx, p);
	assert_int_equal(0, atomic_load(&ctx.mem_now));
}

static void test_hook_fails_any_allocation(void **state)
{
	struct faults f = { .sys = ENOMEM };
	struct vs_ctx ctx;
	struct vs_err err;
	void *p;

	(void)state;
	vs_ctx_init(&ctx);
	for (f.at = 1; f.at <= 3; f.at++) {
		faults_set(&ctx, &f);
		p = vs_alloc(&ctx, 10, 1, "rows", &err);
		assert_int_equal(f.at == 1, p == NULL);
		vs_free(&ctx, p);
		p = NULL;
		assert_int_equal(f.at == 2 ? VS_ENOMEM : 0,
				 vs_resize(&ctx, &p, 10, 1, "rows", &err));
		vs_free(&ctx, p);
		p = vs_strdup(&ctx, "abc", &err);
		assert_int_equal(f.at == 3, p == NULL);
		vs_free(&ctx, p);
		assert_int_equal(1, atomic_load(&f.n_fired));
		assert_int_equal(VS_ENOMEM, err.code);
		assert_int_equal(0, atomic_load(&ctx.mem_now));
	}
}

static void test_texts(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;
	char *s;

	(void)state;
	vs_ctx_init(&ctx);
	s = vs_strdup(&ctx, "", &err);
	assert_string_equal("", s);
	vs_free(&ctx, s);
	s = vs_strndup(&ctx, "abcdef", 3, &err);
	assert_string_equal("abc", s);
	vs_free(&ctx, s);
	s = vs_strndup(&ctx, "ab", 100, &err);
	assert_string_equal("ab", s);
	vs_free(&ctx, s);
	s = vs_asprintf(&ctx, &err, "%s-%05d-%0300d", "part", 42, 7);
	assert_int_equal(11 + 300, strlen(s));
	assert_memory_equal("part-00042-000", s, 14);
	vs_free(&ctx, s);
	assert_int_equal(0, atomic_load(&ctx.mem_now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_are_aligned_and_counted),
		cmocka_unit_test(test_zalloc_zeroes),
		cmocka_unit_test(test_overflow_is_refused),
		cmocka_unit_test(test_ceiling_is_kept),
		cmocka_unit_test(test_resize_keeps_contents),
		cmocka_unit_test(test_hook_fails_any_allocation),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
