/* test_recall_ties.c - recall where rows are tied with the k-th: which count,
 * by distances from where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "recall_test.h"

static void test_ties_with_the_kth_count(void **state)
{
	static const int32_t hits[4][2] = {
		{ 10, 13 }, /* 13 is tied with 11 */
		{ 10, 14 }, /* 14 is not */
		{ 12, 13 }, /* both tied */
		{ 99, 98 },
	};
	static const int32_t truth[4][5] = { { 10, 11, 12, 13, 14 },
					     { 10, 11, 12, 13, 14 },
					     { 10, 11, 12, 13, 14 },
					     { 10, 11, 12, 13, 14 } };
	static const float distances[4][5] = { { 1, 2, 2, 2, 3 },
					       { 1, 2, 2, 2, 3 },
					       { 2, 2, 2, 2, 2 },
					       { 1, 2, 3, 4, 5 } };
	struct vs_recall_args a = { .k = 2 };
	struct vs_recall_report r;
	struct vs_err err;

	(void)state;
	a.hits = put_rows("h.ivecs", 4, 2, hits);
	a.truth = put_rows("t.ivecs", 4, 5, truth);
	a.truth_distances = put_rows("d.fvecs", 4, 5, distances);
	CHECK(recall(&a, &r, &err));
	near(r.recall, 2.0 / 8);
	assert_true(r.tie_aware_known);
	near(r.recall_ties, 5.0 / 8);
	assert_true(r.n_tied == 3);

	a.truth_distances = NULL;
	CHECK(recall(&a, &r, &err));
	assert_false(r.tie_aware_known);
	near(r.recall, 2.0 / 8);

	/* Without a row beyond k ties cannot be seen. */
	a.k = 1;
	a.truth = put_rows("t.ivecs", 4, 1, hits);
	a.truth_distances = put_rows("d.fvecs", 4, 1, distances);
	CHECK(recall(&a, &r, &err));
	assert_false(r.tie_aware_known);
	assert_int_equal(n_warnings, 1);
}

/* f moved n floats away from zero. */
static float ulps(float f, int n)
{
	return vs_bits_f32(vs_f32_bits(f) + (uint32_t)n);
}

static void test_how_near_a_tie_must_be(void **state)
{
	static const int32_t hits[] = { 2 }, truth[] = { 1, 2 };
	const struct {
		float kth, next;
		bool tied;
	} cases[] = {
		{ 1.3f, ulps(1.3f, 4), true },
		{ 1.3f, ulps(1.3f, 5), false },
		{ ulps(0.7f, 3), 0.7f, true }, /* similarities descend */
		{ ulps(-0.7f, 4), -0.7f, true },
		{ ulps(0.7f, 5), 0.7f, false },
		{ 0.0f, -0.0f, true },
		{ 3000000, 3000001, false }, /* 4 ulp, but whole numbers */
		{ 3000000, 3000000, true },
		{ 3000000, 3000000.25f, true },
		{ 20000000, 20000004, true }, /* 2 ulp where all are whole */
		{ 5, 6, false },
	};
	struct vs_recall_args a = { .k = 1 };
	struct vs_recall_report r;
	struct vs_err err;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(cases); i++) {
		const float d[] = { cases[i].kth, cases[i].next };

		a.hits = put_rows("h.ivecs", 1, 1, hits);
		a.truth = put_rows("t.ivecs", 1, 2, truth);
		a.truth_distances = put_rows("d.fvecs", 1, 2, d);
		CHECK(recall(&a, &r, &err));
		near(r.recall, 0);
		if ((r.recall_ties == 1) != cases[i].tied ||
		    (r.n_tied == 1) != cases[i].tied)
			fail_msg("%.9g and %.9g", (double)cases[i].kth,
				 (double)cases[i].next);
	}
}

static void test_vsh_brings_its_distances(void **state)
{
	static const struct vs_hit exact[] = { { 1, 3000000 },
					       { 2, 3000000 },
					       { 3, 3000001 } };
	struct vs_hit floats[3] = { { 1, 0 }, { 2, 0 }, { 3, 0 } };
	static const struct vs_hit second[] = { { 2, 3000000 } };
	static const struct vs_hit third[] = { { 3, 3000001 } };
	static const struct vsh u8 = { VS_L2, VS_U8, 1, false };
	static const struct vsh ip = { VS_IP, VS_F32, 1, false };
	struct vs_recall_args a = { .k = 1 };
	struct vs_recall_report r;
	struct vs_hit one;
	struct vs_err err;
	char truth[512];

	(void)state;
	snprintf(truth, sizeof(truth), "%s",
		 put_vsh("t.vsh", 1, 3, exact, &u8));
	a.truth = truth;
	a.hits = put_vsh("h.vsh", 1, 1, second, &u8);
	CHECK(recall(&a, &r, &err));
	assert_true(r.tie_aware_known);
	near(r.recall, 0);
	near(r.recall_ties, 1);
	/* Integers are equal or not. */
	a.hits = put_vsh("h.vsh", 1, 1, third, &u8);
	CHECK(recall(&a, &r, &err));
	near(r.recall_ties, 0);
	assert_true(r.n_tied == 1);

	/* Similarities: keys are negated, 4 ulp are 4 ulp. */
	floats[0].key = vs_key_of_f32(ulps(0.9f, 4), true);
	floats[1].key = vs_key_of_f32(ulps(0.9f, 1), true);
	floats[2].key = vs_key_of_f32(ulps(0.9f, -1), true);
	put_vsh("t.vsh", 1, 3, floats, &ip);
	one = floats[1];
	a.hits = put_vsh("h.vsh", 1, 1, &one, &ip);
	CHECK(recall(&a, &r, &err));
	near(r.recall_ties, 1);
	one = floats[2];
	a.hits = put_vsh("h.vsh", 1, 1, &one, &ip);
	CHECK(recall(&a, &r, &err));
	near(r.recall_ties, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ties_with_the_kth_count),
		TEST(test_how_near_a_tie_must_be),
		TEST(test_vsh_brings_its_distances),
	};

	return cmocka_run_group_tests_name("recall_ties", tests, NULL, NULL);
}
