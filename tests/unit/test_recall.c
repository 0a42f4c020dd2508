/* test_recall.c - recall, computed by hand: duplicates, pads, intervals; what
 * is refused.  Ties are in test_recall_ties.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>

#include "faults.h"
#include "lib/op/interval.h"
#include "recall_test.h"
#include "vs/rng.h"

static void test_k_recall_at_k(void **state)
{
	/* Order within the first k does not matter, ranks beyond do not count.
	 */
	static const int32_t hits[3][4] = { { 3, 2, 1, 9 },
					    { 4, 5, 6, 7 },
					    { 0, 8, 9, 1 } };
	static const int32_t truth[3][3] = { { 1, 2, 3 },
					     { 7, 5, 9 },
					     { 1, 2, 3 } };
	struct vs_recall_args a = { .k = 3 };
	struct vs_recall_report r;
	struct vs_err err;

	(void)state;
	a.hits = put_rows("h.ivecs", 3, 4, hits);
	a.truth = put_rows("t.ivecs", 3, 3, truth);
	CHECK(recall(&a, &r, &err));
	near(r.recall, 4.0 / 9);
	assert_true(r.n_queries == 3);
	assert_int_equal(r.k, 3);
	assert_int_equal(r.n_hits, 4);
	assert_int_equal(r.n_truth, 3);
	assert_false(r.tie_aware_known);
	assert_true(r.n_duplicates == 0 && r.n_short == 0 && r.n_tied == 0);

	/* 1-recall: places 2, 3 and 3, counted from 0. */
	assert_int_equal(r.one_at[0], 1);
	assert_int_equal(r.one_at[1], 0);
	assert_int_equal(r.one_at[2], 4);
	near(r.one_recall_at[0], 0);
	near(r.one_recall_at[2], 1);

	a.k = 1;
	CHECK(recall(&a, &r, &err));
	near(r.recall, 0);
	a.k = 2; /* 2; 5; none */
	CHECK(recall(&a, &r, &err));
	near(r.recall, 2.0 / 6);
}

static void test_one_recall_at_r(void **state)
{
	int32_t hits[4][12],
		truth[4][1] = { { 100 }, { 100 }, { 100 }, { 100 } };
	struct vs_recall_args a = { .k = 1 };
	struct vs_recall_report r;
	struct vs_err err;
	int q, i;

	(void)state;
	for (q = 0; q < 4; q++)
		for (i = 0; i < 12; i++)
			hits[q][i] = i;
	hits[0][0] = 100;
	hits[1][9] = 100;
	hits[2][10] = 100;
	a.hits = put_rows("h.ivecs", 4, 12, hits);
	a.truth = put_rows("t.ivecs", 4, 1, truth);
	CHECK(recall(&a, &r, &err));
	assert_int_equal(r.one_at[0], 1);
	assert_int_equal(r.one_at[1], 10);
	assert_int_equal(r.one_at[2], 12);
	near(r.one_recall_at[0], 0.25);
	near(r.one_recall_at[1], 0.5);
	near(r.one_recall_at[2], 0.75);
	a.hits = put_rows("h.ivecs", 1, 1, hits);
	a.truth = put_rows("t.ivecs", 1, 1, truth);
	CHECK(recall(&a, &r, &err));
	assert_int_equal(r.one_at[0], 1);
	assert_int_equal(r.one_at[2], 0);
}

/* Ten copies of the nearest neighbour are one result; -1 is none. */
static void test_duplicates_and_pads(void **state)
{
	static const int32_t hits[5][4] = {
		{ 7, 7, 7, 7 },	   /* 1 of 3, 3 copies, short */
		{ 7, 7, 8, 9 },	   /* 3 of 3: what follows moves up */
		{ 7, -1, -1, -1 }, /* 1 of 3, short */
		{ -1, 9, -1, 9 },  /* 1 of 3, 1 copy, short */
		{ 1, 2, 3, 7 },	   /* 0 of 3 */
	};
	static const int32_t truth[5][3] = {
		{ 7, 8, 9 }, { 7, 8, 9 }, { 7, 8, 9 }, { 7, 8, 9 }, { 7, 8, 9 }
	};
	static const int32_t padded[5][3] = { { 7, -1, -1 },
					      { 7, 8, 9 },
					      { -1, -1, -1 },
					      { 7, 8, 9 },
					      { 7, 8, 9 } };
	struct vs_recall_args a = { .k = 3 };
	struct vs_recall_report r;
	struct vs_err err;

	(void)state;
	a.hits = put_rows("h.ivecs", 5, 4, hits);
	a.truth = put_rows("t.ivecs", 5, 3, truth);
	CHECK(recall(&a, &r, &err));
	near(r.recall, 6.0 / 15);
	assert_true(r.n_duplicates == 5);
	assert_true(r.n_short == 3);
	near(r.one_recall_at[0], 3.0 / 5);
	near(r.one_recall_at[2], 4.0 / 5);
	assert_int_equal(n_warnings, 0);

	/* -1 in result and truth is no hit, and k stays the divisor. */
	a.truth = put_rows("t.ivecs", 5, 3, padded);
	CHECK(recall(&a, &r, &err));
	near(r.recall, 5.0 / 15);
	near(r.one_recall_at[0], 2.0 / 5);
	assert_int_equal(n_warnings, 1);
}

static void test_student_and_wilson(void **state)
{
	/* Of the usual tables. */
	static const struct {
		double probability;
		uint64_t df;
		double t;
	} cases[] = {
		{ 0.95, 1, 12.706205 },	  { 0.95, 2, 4.302653 },
		{ 0.95, 3, 3.182446 },	  { 0.95, 5, 2.570582 },
		{ 0.95, 10, 2.228139 },	  { 0.95, 30, 2.042272 },
		{ 0.95, 100, 1.983972 },  { 0.95, 120, 1.979930 },
		{ 0.95, 1000, 1.962339 }, { 0.95, 0, 1.959964 },
		{ 0.90, 1, 6.313752 },	  { 0.99, 4, 4.604095 },
		{ 0.99, 7, 3.499483 },	  { 0.99, 0, 2.575829 },
		{ 0.50, 1, 1.000000 },
	};
	struct vs_interval_counts c = { .n = 4, .most = 10 };
	double low, high;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(cases); i++)
		if (!(fabs(vs_student(cases[i].probability, cases[i].df) -
			   cases[i].t) < 2e-6))
			fail_msg("t(%g, %d) is %.9g", cases[i].probability,
				 (int)cases[i].df,
				 vs_student(cases[i].probability, cases[i].df));

	/* 10, 9, 8, 10 of 10: s = 0.0957427, half = 3.182446 s / 2. */
	c.sum = 37;
	c.sum_squares = 100 + 81 + 64 + 100;
	vs_interval(&c, 0.95, &low, &high);
	near(low, 0.925 - 0.1523480);
	near(high, 1);
	c.sum = 17; /* 5, 4, 3, 5: the same spread */
	c.sum_squares = 25 + 16 + 9 + 25;
	vs_interval(&c, 0.95, &low, &high);
	near(low, 0.425 - 0.1523480);
	near(high, 0.425 + 0.1523480);

	/* All perfect is no proof of perfection: n / (n + z^2). */
	c = (struct vs_interval_counts){
		.n = 100, .sum = 1000, .sum_squares = 10000, .most = 10
	};
	vs_interval(&c, 0.95, &low, &high);
	near(low, 100 / (100 + 3.8414588));
	near(high, 1);
	c = (struct vs_interval_counts){
		.n = 1, .sum = 5, .sum_squares = 25, .most = 10
	};
	vs_interval(&c, 0.95, &low, &high);
	assert_true(low > 0.05 && low < 0.1 && high > 0.9 && high < 0.95);
}

static void test_the_interval_is_that_of_the_queries(void **state)
{
	static const int32_t hits[4][2] = {
		{ 1, 2 }, { 1, 9 }, { 1, 2 }, { 8, 9 }
	};
	static const int32_t truth[4][2] = {
		{ 1, 2 }, { 1, 2 }, { 1, 2 }, { 1, 2 }
	};
	struct vs_recall_args a = { .k = 2 };
	struct vs_recall_report r;
	struct vs_err err;
	double s =
		sqrt((0.375 * 0.375 * 2 + 0.125 * 0.125 + 0.625 * 0.625) / 3);

	(void)state;
	a.hits = put_rows("h.ivecs", 4, 2, hits);
	a.truth = put_rows("t.ivecs", 4, 2, truth);
	a.confidence = 0.5;
	CHECK(recall(&a, &r, &err));
	near(r.recall, 0.625);
	near(r.low, 0.625 - 0.7648923 * s / 2);
	near(r.high, 0.625 + 0.7648923 * s / 2);
	a.confidence = 1;
	assert_int_equal(recall(&a, &r, &err), VS_EUSAGE);
	a.confidence = -1;
	assert_int_equal(recall(&a, &r, &err), VS_EUSAGE);
}

static void test_refusals(void **state)
{
	static const int32_t ids[6] = { 1, 2, 3, 4, 5, 6 };
	static const int32_t twice[6] = { 1, 2, 3, 4, 5, 5 };
	static const int32_t negative[6] = { 1, 2, 3, 4, -2, 6 };
	static const float reals[6] = { 1, 2, 3, 4, 5, 6 };
	static const struct vs_hit hits[2] = { { 1, 5 }, { 2, 6 } };
	static const struct vsh what = { VS_L2, VS_U8, 1, false };
	char h[512], t[512], f[512], v[512];
	struct vs_recall_report r;
	struct vs_err err;
	struct vs_recall_args a = { .k = 3, .hits = h, .truth = t };

	(void)state;
	snprintf(h, sizeof(h), "%s", put_rows("h.ivecs", 2, 3, ids));
	snprintf(t, sizeof(t), "%s", put_rows("t.ivecs", 2, 3, ids));
	snprintf(f, sizeof(f), "%s", put_rows("f.fvecs", 2, 3, reals));
	snprintf(v, sizeof(v), "%s", put_vsh("v.vsh", 2, 1, hits, &what));
	CHECK(recall(&a, &r, &err));

	a.k = 4;
	assert_int_equal(recall(&a, &r, &err), VS_EUSAGE);
	assert_non_null(strstr(err.msg, "expected 1 to 3"));
	assert_non_null(strstr(err.msg, "h.ivecs"));
	a.k = 0;
	assert_int_equal(recall(&a, &r, &err), VS_EUSAGE);
	a.k = 3;
	put_rows("t.ivecs", 3, 2, ids);
	assert_int_equal(recall(&a, &r, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "2 queries"));
	assert_non_null(strstr(err.msg, "has 3"));
	put_rows("t.ivecs", 2, 2, ids);
	assert_int_equal(recall(&a, &r, &err), VS_EUSAGE);
	put_rows("t.ivecs", 2, 3, twice);
	assert_int_equal(recall(&a, &r, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "query 1 has id 5 twice"));
	put_rows("t.ivecs", 2, 3, negative);
	assert_int_equal(recall(&a, &r, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "query 1 has id -2"));
	a.truth = f;
	assert_int_equal(recall(&a, &r, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "holds f32; expected ids"));

	a.truth = t;
	put_rows("t.ivecs", 2, 3, ids);
	a.truth_distances = h;
	assert_int_equal(recall(&a, &r, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "expected distances"));
	a.truth_distances = f;
	put_rows("f.fvecs", 3, 2, reals);
	assert_int_equal(recall(&a, &r, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "has 3 rows of 2 distances"));
	a.truth = v;
	a.k = 1;
	assert_int_equal(recall(&a, &r, &err), VS_EUSAGE);
	assert_non_null(strstr(err.msg, "--truth-distances"));

	a.truth = "/nonexistent.ivecs";
	assert_int_equal(recall(&a, &r, &err), VS_ENOINPUT);
}

/* Two .vsh know whether they belong together. */
static void test_vsh_of_other_questions_are_refused(void **state)
{
	static const struct vs_hit hits[2] = { { 1, 5 }, { 2, 6 } };
	struct vsh what = { VS_L2, VS_U8, 1, false };
	struct vs_recall_report r;
	struct vs_err err;
	struct vs_recall_args a = { .k = 1 };

	(void)state;
	a.truth = put_vsh("v.vsh", 2, 1, hits, &what);
	a.hits = put_vsh("o.vsh", 2, 1, hits, &what);
	CHECK(recall(&a, &r, &err));
	near(r.recall, 1);
	what.incomplete = true;
	put_vsh("o.vsh", 2, 1, hits, &what);
	n_warnings = 0;
	CHECK(recall(&a, &r, &err));
	assert_int_equal(n_warnings, 1);
	what.queries = 2;
	put_vsh("o.vsh", 2, 1, hits, &what);
	assert_int_equal(recall(&a, &r, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "other queries"));
	what.queries = 1;
	what.metric = VS_L1;
	put_vsh("o.vsh", 2, 1, hits, &what);
	assert_int_equal(recall(&a, &r, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "metric l1"));
	what.metric = VS_L2;
	put_vsh("o.vsh", 0, 1, hits, &what);
	put_vsh("v.vsh", 0, 1, hits, &what);
	assert_int_equal(recall(&a, &r, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "holds no queries"));
}

/* Random results against the definition, in blocks of any size. */
static void test_many_queries_in_small_memory(void **state)
{
	enum { N = 4000, H = 12, T = 20, K = 7 };
	static int32_t hits[N][H], truth[N][T];
	static float distances[N][T];
	struct vs_recall_args a = { .k = K, .confidence = 0.95 };
	struct vs_recall_report whole, r;
	uint64_t found = 0, ties = 0;
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct vs_rng g;
	int q, i, j, edge;

	(void)state;
	vs_rng_init(&g, 3, VS_STREAM_TEST);
	for (q = 0; q < N; q++) {
		for (i = 0; i < T; i++) {
			truth[q][i] = i * 3 + (int)vs_rng_below(&g, 3);
			distances[q][i] = (float)(i / 3);
		}
		/* Distinct ids of which about half are true. */
		for (i = 0; i < H; i++)
			hits[q][i] = i * 5 + (int)vs_rng_below(&g, 5);
		for (edge = K;
		     edge < T && distances[q][edge] == distances[q][K - 1];)
			edge++;
		for (i = 0; i < K; i++)
			for (j = 0; j < edge; j++)
				if (hits[q][i] == truth[q][j]) {
					found += j < K;
					ties++;
				}
	}
	a.hits = put_rows("h.ivecs", N, H, hits);
	a.truth = put_rows("t.ivecs", N, T, truth);
	a.truth_distances = put_rows("d.fvecs", N, T, distances);
	CHECK(recall(&a, &whole, &err));
	near(whole.recall, (double)found / (N * K));
	near(whole.recall_ties, (double)ties / (N * K));
	assert_true(whole.n_tied == N);
	assert_true(found > 0 && ties > found);

	vs_ctx_init(&ctx);
	ctx.memory_max = 1500u << 10;
	CHECK(vs_op_recall(&ctx, &a, &r, &err));
	assert_memory_equal(&r, &whole, sizeof(r));
	assert_true(atomic_load(&ctx.mem_peak) <= ctx.memory_max);
}

static void test_every_failed_call_is_clean(void **state)
{
	static const struct vs_hit hits[2] = { { 1, 5 }, { 2, 6 } };
	static const struct vsh what = { VS_L2, VS_U8, 1, false };
	static const int32_t truth[4] = { 1, 2, 2, 3 };
	static const float distances[4] = { 1, 2, 3, 4 };
	struct vs_recall_args a = { .k = 1, .confidence = 0.9 };
	struct faults f = { .sys = EIO };
	struct vs_recall_report r;
	struct vs_err err;
	struct vs_ctx ctx;
	unsigned n_failed = 0;
	int rc;

	(void)state;
	a.hits = put_vsh("h.vsh", 2, 1, hits, &what);
	a.truth = put_rows("t.ivecs", 2, 2, truth);
	a.truth_distances = put_rows("d.fvecs", 2, 2, distances);
	for (f.at = 1;; f.at++) {
		vs_ctx_init(&ctx);
		faults_set(&ctx, &f);
		vs_err_clear(&err);
		rc = vs_op_recall(&ctx, &a, &r, &err);
		assert_true(atomic_load(&ctx.mem_now) == 0);
		if (atomic_load(&f.n_fired) == 0)
			break;
		n_failed += rc != 0;
		if (rc == 0)
			near(r.recall, 1);
		else
			assert_true(err.msg[0] != '\0');
	}
	assert_int_equal(rc, 0);
	assert_true(n_failed > 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_k_recall_at_k),
		TEST(test_one_recall_at_r),
		TEST(test_duplicates_and_pads),
		TEST(test_student_and_wilson),
		TEST(test_the_interval_is_that_of_the_queries),
		TEST(test_refusals),
		TEST(test_vsh_of_other_questions_are_refused),
		TEST(test_many_queries_in_small_memory),
		TEST(test_every_failed_call_is_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
