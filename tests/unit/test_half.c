/* test_half.c - half floats: all 65536 of them against their definition, back
 * and rounded to nearest even, and by every table. */
#include "kern_test.h"

#include <math.h>

#include "vs/num.h"

/* IEEE 754 binary16 by its definition: sign, 5 bits of exponent, 10 of
 * fraction.  Every value is exact in a double. */
static double half_value(unsigned h)
{
	int exponent = (int)(h >> 10 & 31);
	double fraction = (double)(h & 0x3ff), v;

	if (exponent == 31)
		v = fraction == 0 ? (double)INFINITY : (double)NAN;
	else if (exponent == 0)
		v = ldexp(fraction, -24);
	else
		v = ldexp(1024 + fraction, exponent - 25);
	return h & 0x8000 ? -v : v;
}

static bool half_is_nan(unsigned h)
{
	return (h & 0x7fff) > 0x7c00;
}

static void assert_value(float got, unsigned h)
{
	double want = half_value(h);

	if (half_is_nan(h)) {
		assert_true(isnan(got));
		return;
	}
	assert_true((double)got == want);
	assert_int_equal(signbit(got) != 0, h >> 15);
}

static void decode_all(void **state)
{
	unsigned h;

	(void)state;
	for (h = 0; h < 65536; h++)
		assert_value(vs_f32_of_f16((uint16_t)h), h);
}

static void round_trip(void **state)
{
	unsigned h, back;

	(void)state;
	for (h = 0; h < 65536; h++) {
		back = vs_f16_of_f32(vs_f32_of_f16((uint16_t)h));
		if (half_is_nan(h))
			assert_true(half_is_nan(back) && back >> 15 == h >> 15);
		else
			assert_int_equal(back, h);
	}
}

/* The nearest half of a finite magnitude, by search: the two around it are
 * compared in double, a tie goes to the even one.  65536 stands where infinity
 * would be if halves went on. */
static unsigned nearest_half(double v)
{
	unsigned lo = 0, hi = 0x7c00, mid;
	double below, above;

	while (hi - lo > 1) {
		mid = (lo + hi) / 2;
		if (half_value(mid) <= v)
			lo = mid;
		else
			hi = mid;
	}
	below = v - half_value(lo);
	above = (hi == 0x7c00 ? 65536 : half_value(hi)) - v;
	if (below == above)
		return lo % 2 ? hi : lo;
	return below < above ? lo : hi;
}

static void assert_nearest(float f)
{
	unsigned want = 0x7c00;

	if (fabsf(f) < 65536)
		want = nearest_half(fabs((double)f));
	if (signbit(f))
		want |= 0x8000;
	assert_int_equal(vs_f16_of_f32(f), want);
}

/* Every half, every tie between two, and the floats beside both. */
static void nearest_even(void **state)
{
	unsigned h;

	(void)state;
	for (h = 0; h < 0x7c00; h++) {
		double next = h == 0x7bff ? 65536 : half_value(h + 1);
		float at = (float)half_value(h);
		float tie = (float)((half_value(h) + next) / 2);

		assert_nearest(at);
		assert_nearest(-at);
		assert_nearest(tie);
		assert_nearest(-tie);
		assert_nearest(nextafterf(at, INFINITY));
		assert_nearest(nextafterf(tie, 0));
		assert_nearest(nextafterf(tie, INFINITY));
		assert_nearest(nextafterf(-tie, 0));
	}
	assert_int_equal(vs_f16_of_f32(65520), 0x7c00);
	assert_int_equal(vs_f16_of_f32(nextafterf(65520, 0)), 0x7bff);
	assert_int_equal(vs_f16_of_f32(3e38f), 0x7c00);
	assert_int_equal(vs_f16_of_f32(-INFINITY), 0xfc00);
	assert_int_equal(vs_f16_of_f32(1e-45f), 0);
	assert_int_equal(vs_f16_of_f32(-1e-45f), 0x8000);
	assert_true(half_is_nan(vs_f16_of_f32(NAN)));
	assert_true(half_is_nan(vs_f16_of_f32(-NAN)));
	/* The smallest NaN keeps no bit of its fraction and stays one. */
	assert_true(half_is_nan(vs_f16_of_f32(vs_bits_f32(0x7f800001u))));
}

static void nearest_random(void **state)
{
	struct vs_rng r;
	size_t i;

	(void)state;
	vs_rng_init(&r, 24, VS_STREAM_TEST);
	for (i = 0; i < 200000; i++) {
		float f = vs_bits_f32(rnd(&r));

		if (isnan(f))
			assert_true(half_is_nan(vs_f16_of_f32(f)));
		else
			assert_nearest(f);
		assert_nearest(rnd_float(&r, KIND_UNIT));
	}
}

/* ---- the kernels --------------------------------------------------------- */

static void widen_all(void **state)
{
	struct vs_kern k = table_get(state);
	struct arena in = arena_new(65536 * 2), to = arena_new(65536 * 4);
	uint16_t *h = arena_put(&in, 65536 * 2, 2, true);
	float *out = arena_put(&to, 65536 * 4, 4, true);
	unsigned i;

	for (i = 0; i < 65536; i++)
		h[i] = (uint16_t)i;
	k.widen_f16(h, 65536, out);
	for (i = 0; i < 65536; i++)
		assert_value(out[i], i);
	arena_free(&in);
	arena_free(&to);
}

/* Every count to 129, at addresses that fit an element and no more. */
static void widen_counts(void **state)
{
	struct vs_kern k = table_get(state);
	struct arena in = arena_new(600), to = arena_new(1200);
	struct vs_rng r;
	size_t n, i, turn;

	vs_rng_init(&r, 25, VS_STREAM_TEST);
	for (n = 0; n <= 129; n++) {
		for (turn = 0; turn < 4; turn++) {
			uint16_t *h = arena_put(&in, n * 2 + turn / 2 * 2, 2,
						turn % 2);
			float *out = arena_put(&to, n * 4 + turn / 2 * 4, 4,
					       turn % 2);
			size_t shift = turn / 2;

			for (i = 0; i < n; i++)
				h[i + shift] = (uint16_t)rnd(&r);
			k.widen_f16(h + shift, n, out + shift);
			for (i = 0; i < n; i++)
				assert_value(out[i + shift], h[i + shift]);
			arena_check(&to, out, n * 4 + shift * 4);
		}
	}
	arena_free(&in);
	arena_free(&to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_all),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(nearest_even),
		cmocka_unit_test(nearest_random),
		EACH_TABLE(widen_all),
		EACH_TABLE(widen_counts),
	};

	tables_print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
