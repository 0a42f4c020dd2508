/* test_types.c - names, sizes and codes that stand in files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vs/types.h"

static void test_dtypes(void **state)
{
	static const struct {
		unsigned code;
		const char *name;
		size_t size;
	} want[] = { { 1, "f32", 4 }, { 2, "u8", 1 },  { 3, "i8", 1 },
		     { 4, "f16", 2 }, { 5, "i32", 4 }, { 6, "i64", 8 },
		     { 7, "u32", 4 }, { 8, "u64", 8 }, { 9, "f64", 8 } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		enum vs_dtype t = (enum vs_dtype)want[i].code;

		assert_string_equal(want[i].name, vs_dtype_name(t));
		assert_int_equal(want[i].size, vs_dtype_size(t));
	}
	assert_int_equal(0, vs_dtype_size((enum vs_dtype)0));
	assert_int_equal(0, vs_dtype_size((enum vs_dtype)10));
	assert_string_equal("?", vs_dtype_name((enum vs_dtype)0));
	assert_string_equal("?", vs_dtype_name((enum vs_dtype)99999));
}

static void test_metrics(void **state)
{
	static const char *const names[] = { "?", "l2", "ip", "cosine", "l1",
					     "?" };
	static const char *const bad[] = { "", "L2", "l2 ", "?", "euclidean" };
	enum vs_metric m;
	unsigned i;

	(void)state;
	for (i = 0; i < 6; i++)
		assert_string_equal(names[i],
				    vs_metric_name((enum vs_metric)i));
	for (i = 1; i < 5; i++) {
		assert_true(vs_metric_parse(names[i], &m));
		assert_int_equal(i, m);
		assert_int_equal(i == 2 || i == 3, vs_metric_is_similarity(m));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(vs_metric_parse(bad[i], &m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dtypes),
		cmocka_unit_test(test_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
