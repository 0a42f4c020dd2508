/* test_rng.c - random streams: the same numbers for ever, and fair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vs/rng.h"

/* SplitMix64 from state 1234567: the values of the reference program
 * (https://prng.di.unimi.it/splitmix64.c). */
static void test_reference_values(void **state)
{
	static const uint64_t want[] = { 6457827717110365317u,
					 3203168211198807973u,
					 9817491932198370423u,
					 4593380528125082431u,
					 16408922859458223821u };
	struct vs_rng r = { .state = 1234567 };
	unsigned i;

	(void)state;
	for (i = 0; i < 5; i++)
		assert_true(vs_rng_next(&r) == want[i]);
}

/* Samples and models of earlier versions rest on these: they never change. */
static void test_pinned_values(void **state)
{
	struct vs_rng r;

	(void)state;
	assert_true(vs_rng_at(0, VS_STREAM_SAMPLE, 0) == 2558736989570252433u);
	assert_true(vs_rng_at(42, VS_STREAM_SEED, 1000000007) ==
		    14329215702558966626u);
	vs_rng_init(&r, 42, VS_STREAM_SEED);
	assert_true(vs_rng_next(&r) == 622664797948044658u);
	assert_int_equal(773, vs_rng_below(&r, 1000));
	assert_true(vs_rng_f64(&r) == 0x1.2077d7a001253p-1);
}

static void test_at_is_the_stream(void **state)
{
	struct vs_rng r;
	uint64_t i;

	(void)state;
	vs_rng_init(&r, 5, VS_STREAM_BOOT);
	for (i = 0; i < 100; i++)
		assert_true(vs_rng_next(&r) ==
			    vs_rng_at(5, VS_STREAM_BOOT, i));
}

static void test_streams_differ(void **state)
{
	uint64_t seed, stream, other;

	(void)state;
	for (seed = 0; seed < 50; seed++) {
		for (stream = 1; stream < 7; stream++) {
			assert_true(vs_rng_at(seed, stream, 0) !=
				    vs_rng_at(seed + 1, stream, 0));
			for (other = stream + 1; other < 7; other++)
				assert_true(vs_rng_at(seed, stream, 3) !=
					    vs_rng_at(seed, other, 3));
		}
	}
}

static void test_below_is_fair(void **state)
{
	static const uint64_t n_values[] = { 1, 2, 3, 10, 1000 };
	struct vs_rng r;
	unsigned count[1000];
	double expect, chi2, d;
	uint64_t n, v;
	unsigned i, j;

	(void)state;
	vs_rng_init(&r, 7, VS_STREAM_TEST);
	for (i = 0; i < 5; i++) {
		n = n_values[i];
		for (j = 0; j < n; j++)
			count[j] = 0;
		for (j = 0; j < 1000000; j++) {
			v = vs_rng_below(&r, n);
			assert_true(v < n);
			count[v]++;
		}
		expect = 1000000.0 / (double)n;
		chi2 = 0;
		for (j = 0; j < n; j++) {
			d = count[j] - expect;
			chi2 += d * d / expect;
		}
		/* n - 1 degrees of freedom: mean n - 1, deviation
		 * sqrt(2 (n - 1)); five deviations, squared */
		d = chi2 - (double)(n - 1);
		assert_true(d < 0 || d * d < 25 * 2 * (double)(n - 1) + 1);
	}
}

/* With n = 3 * 2^62 a plain multiplication gives the first of each three
 * values twice as often: the rejection must take that away. */
static void test_below_rejects(void **state)
{
	const uint64_t n = 3ull << 62;
	struct vs_rng r;
	unsigned thirds[3] = { 0, 0, 0 };
	unsigned rest[3] = { 0, 0, 0 };
	uint64_t v;
	unsigned i;

	(void)state;
	vs_rng_init(&r, 9, VS_STREAM_TEST);
	for (i = 0; i < 300000; i++) {
		v = vs_rng_below(&r, n);
		assert_true(v < n);
		thirds[v / (n / 3)]++;
		rest[v % 3]++;
	}
	for (i = 0; i < 3; i++) {
		assert_in_range(thirds[i], 98500, 101500);
		assert_in_range(rest[i], 98500, 101500);
	}
}

static void test_f64_range(void **state)
{
	struct vs_rng r;
	double v, sum = 0;
	unsigned i;

	(void)state;
	vs_rng_init(&r, 11, VS_STREAM_TEST);
	for (i = 0; i < 100000; i++) {
		v = vs_rng_f64(&r);
		assert_true(v >= 0 && v < 1);
		sum += v;
	}
	assert_true(sum > 49500 && sum < 50500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_values),
		cmocka_unit_test(test_pinned_values),
		cmocka_unit_test(test_at_is_the_stream),
		cmocka_unit_test(test_streams_differ),
		cmocka_unit_test(test_below_is_fair),
		cmocka_unit_test(test_below_rejects),
		cmocka_unit_test(test_f64_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
