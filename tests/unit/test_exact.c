/* Exact sums of floats: right, and the same in any order and grouping. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "vs/exact.h"
#include "vs/num.h"
#include "vs/rng.h"

static double sum_of(const float *x, unsigned n)
{
	struct vs_exact s = { { 0 } };
	unsigned i;

	for (i = 0; i < n; i++)
		vs_exact_add(&s, x[i]);
	return vs_exact_value(&s);
}

static void test_values(void **state)
{
	const float small = 0x1p-149f, big[] = { FLT_MAX, FLT_MAX, 0x1p-149f };
	const float some[] = { 1.5f, 0.25f, 1e20f, 3.0f };
	struct vs_exact s = { { 0 } };
	unsigned i;

	(void)state;
	assert_true(vs_exact_value(&s) == 0);
	assert_true(sum_of(&small, 1) == 0x1p-149);
	assert_true(sum_of(some, 2) == 1.75);
	assert_true(sum_of(some, 3) == (double)1e20f);
	assert_true(sum_of(big, 3) == 2 * (double)FLT_MAX);
	for (i = 0; i < 3000000; i++)
		vs_exact_add(&s, 0x1.fffffep0f);
	assert_true(vs_exact_value(&s) == 3000000 * 0x1.fffffep0);
	assert_true(isfinite(sum_of((const float[]){ INFINITY }, 1)));
}

static void test_order_does_not_matter(void **state)
{
	struct vs_exact whole = { { 0 } }, part[3];
	struct vs_rng rng;
	float x[1000];
	unsigned i;

	(void)state;
	memset(part, 0, sizeof(part));
	vs_rng_init(&rng, 1, VS_STREAM_TEST);
	for (i = 0; i < 1000; i++) {
		/* any float that is not negative and finite */
		x[i] = vs_bits_f32((uint32_t)vs_rng_below(&rng, 0x7f800000));
		vs_exact_add(&whole, x[i]);
	}
	for (i = 1000; i-- > 0;)
		vs_exact_add(&part[i % 3], x[i]);
	vs_exact_join(&part[2], &part[0]);
	vs_exact_join(&part[2], &part[1]);
	assert_true(vs_exact_value(&whole) == vs_exact_value(&part[2]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_order_does_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
