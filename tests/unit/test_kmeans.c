/* k-means: the objective falls, no cell stays empty when rows suffice, and the
 * centroids are the same bits for any number of threads and instruction set. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/gendata.h"
#include "vs/kern.h"
#include "vs/kmeans_step.h"
#include "vs/mem.h"

static void start(struct vs_ctx *ctx)
{
	vs_ctx_init(ctx);
	ctx->n_threads = 2;
	ctx->kern = vs_kern_select(VS_CPU_BEST);
}

static void run(struct vs_ctx *ctx, const struct gendata *g, uint32_t nlist,
		uint32_t iterations, struct vs_kmeans_result *r)
{
	struct vs_kmeans_params p = { .nlist = nlist,
				      .iterations = iterations,
				      .seed = 1 };
	struct vs_rows rows;
	struct vs_err err;
	int rc;

	gendata_rows(g, &rows);
	rc = vs_kmeans(ctx, &rows, &p, r, &err);
	if (rc != 0)
		fail_msg("%d: %s", rc, err.msg);
}

static void test_objective_falls(void **state)
{
	static const enum vs_dtype types[] = { VS_U8, VS_F32 };
	struct vs_kmeans_result r;
	struct gendata g;
	struct vs_ctx ctx;
	double before;
	uint32_t it, t;

	(void)state;
	start(&ctx);
	for (t = 0; t < 2; t++) {
		gendata_make(&g, types[t], 5000, 20, 200, 1);
		before = 1e30;
		for (it = 0; it < 8; it++) {
			run(&ctx, &g, 40, it, &r);
			assert_true(r.objective <= before * 1.0001);
			assert_true(r.imbalance >= 1);
			before = r.objective;
			vs_free(&ctx, r.centroids);
		}
		gendata_free(&g);
	}
	assert_int_equal(ctx.mem_now, 0);
}

/* The mean itself, for one cell. */
static void test_one_centroid_is_the_mean(void **state)
{
	struct vs_kmeans_result r;
	struct gendata g;
	struct vs_ctx ctx;
	double sum;
	uint64_t i;
	uint32_t x;

	(void)state;
	start(&ctx);
	gendata_make(&g, VS_F32, 3000, 5, 200, 1);
	run(&ctx, &g, 1, 3, &r);
	for (x = 0; x < 5; x++) {
		for (sum = 0, i = 0; i < g.n; i++)
			sum += (double)g.f32[i * 5 + x];
		assert_true((double)r.centroids[x] - sum / 3000 < 1e-5);
		assert_true(sum / 3000 - (double)r.centroids[x] < 1e-5);
	}
	vs_free(&ctx, r.centroids);
	gendata_free(&g);
}

static void test_same_bits(void **state)
{
	static const unsigned threads[] = { 1, 2, 3, 7 };
	static const enum vs_dtype types[] = { VS_U8, VS_F32 };
	struct vs_kmeans_result r;
	float first[31 * 17];
	struct gendata g;
	struct vs_ctx ctx;
	unsigned t, d, n = 0;
	int cpu;

	(void)state;
	for (d = 0; d < 2; d++) {
		gendata_make(&g, types[d], 4000, 17, 250, 1);
		n = 0;
		for (cpu = VS_CPU_GENERIC; cpu < VS_CPU_BEST; cpu++)
			for (t = 0; t < 4; t++) {
				start(&ctx);
				ctx.n_threads = threads[t];
				ctx.kern = vs_kern_exact((enum vs_cpu)cpu);
				if (ctx.kern == NULL)
					continue;
				run(&ctx, &g, 31, 5, &r);
				if (n++ == 0)
					memcpy(first, r.centroids,
					       sizeof(first));
				assert_memory_equal(first, r.centroids,
						    sizeof(first));
				vs_free(&ctx, r.centroids);
			}
		assert_true(n >= 4);
		gendata_free(&g);
	}
}

/* Far fewer distinct rows than cells: still finite, still as many cells. */
static void test_few_distinct_rows(void **state)
{
	struct vs_kmeans_result r;
	struct gendata g;
	struct vs_ctx ctx;
	uint32_t i;

	(void)state;
	start(&ctx);
	gendata_make(&g, VS_U8, 600, 3, 2, 1);
	run(&ctx, &g, 50, 6, &r);
	assert_true(r.objective < 0.5);
	for (i = 0; i < 150; i++)
		assert_true(r.centroids[i] >= -1 && r.centroids[i] <= 3);
	vs_free(&ctx, r.centroids);
	gendata_free(&g);
}

static void test_empty_cells_are_refilled(void **state)
{
	struct vs_kmeans_result r;
	struct gendata g;
	struct vs_ctx ctx;
	uint64_t i;

	(void)state;
	start(&ctx);
	/* One far row and a tight crowd: seeds in the crowd run empty. */
	gendata_make(&g, VS_F32, 2000, 4, 200, 1);
	for (i = 0; i < g.n * 4; i++)
		g.f32[i] = i < 4 ? 1e6f : g.f32[i] * 1e-3f;
	run(&ctx, &g, 300, 10, &r);
	assert_true(r.imbalance < 6);
	vs_free(&ctx, r.centroids);
	gendata_free(&g);
}

/* Two values at the end of the range of f32 for 50 cells: those that are empty
 * are split off there, and no centroid is infinite. */
static void test_largest_values_stay_finite(void **state)
{
	struct vs_kmeans_result r;
	struct gendata g;
	struct vs_ctx ctx;
	uint64_t i;

	(void)state;
	start(&ctx);
	gendata_make(&g, VS_F32, 400, 4, 200, 1);
	for (i = 0; i < g.n * 4; i++)
		g.f32[i] = i % 4 < 3 ? FLT_MAX : (float)(i / 4 % 2);
	run(&ctx, &g, 50, 5, &r);
	assert_true(r.n_repaired > 0);
	for (i = 0; i < 50 * 4; i++)
		assert_true(isfinite(r.centroids[i]));
	vs_free(&ctx, r.centroids);
	gendata_free(&g);
	assert_int_equal(ctx.mem_now, 0);
}

/* vs_kmeans_bytes is enough, with any number of threads, and not far more than
 * is used. */
static void test_memory_is_as_foretold(void **state)
{
	struct vs_kmeans_params p = { .nlist = 300,
				      .iterations = 2,
				      .seed = 1 };
	struct vs_kmeans_result r;
	struct gendata g;
	struct vs_rows rows;
	struct vs_ctx ctx;
	struct vs_err err;

	(void)state;
	gendata_make(&g, VS_F32, 3000, 64, 200, 1);
	gendata_rows(&g, &rows);
	start(&ctx);
	ctx.n_threads = 64;
	ctx.memory_max = vs_kmeans_bytes(&rows, p.nlist, false);
	assert_int_equal(vs_kmeans(&ctx, &rows, &p, &r, &err), 0);
	vs_free(&ctx, r.centroids);
	ctx.memory_max = ctx.memory_max / 10 * 8;
	assert_int_equal(vs_kmeans(&ctx, &rows, &p, &r, &err), VS_ENOMEM);
	assert_int_equal(ctx.mem_now, 0);
	gendata_free(&g);
}

/* Few cells and dimensions, whose seeds take more than an assignment. */
static void test_memory_of_small_ones(void **state)
{
	struct vs_kmeans_params p = { .nlist = 2,
				      .iterations = 2,
				      .seed = 1 };
	struct vs_kmeans_result r;
	struct gendata g;
	struct vs_rows rows;
	struct vs_ctx ctx;
	struct vs_err err;
	uint32_t dim;

	(void)state;
	for (dim = 1; dim <= 24; dim++) {
		gendata_make(&g, VS_F32, 40, dim, 200, 1);
		gendata_rows(&g, &rows);
		for (p.nlist = 1; p.nlist <= 16; p.nlist++) {
			start(&ctx);
			ctx.n_threads = 8;
			ctx.memory_max = vs_kmeans_bytes(&rows, p.nlist, false);
			assert_int_equal(vs_kmeans(&ctx, &rows, &p, &r, &err),
					 0);
			vs_free(&ctx, r.centroids);
			assert_int_equal(ctx.mem_now, 0);
		}
		gendata_free(&g);
	}
}

static void test_too_few_rows_are_refused(void **state)
{
	struct vs_kmeans_params p = { .nlist = 11,
				      .iterations = 3,
				      .seed = 1 };
	struct vs_kmeans_result r;
	struct gendata g;
	struct vs_rows rows;
	struct vs_ctx ctx;
	struct vs_err err;

	(void)state;
	start(&ctx);
	gendata_make(&g, VS_U8, 10, 4, 200, 1);
	gendata_rows(&g, &rows);
	assert_int_equal(vs_kmeans(&ctx, &rows, &p, &r, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "10 training rows for 11 centroids"));
	gendata_free(&g);
}

static void test_stop(void **state)
{
	struct vs_kmeans_params p = { .nlist = 5,
				      .iterations = 3,
				      .seed = 1 };
	struct vs_kmeans_result r;
	struct gendata g;
	struct vs_rows rows;
	struct vs_ctx ctx;
	struct vs_err err;
	atomic_int stop;

	(void)state;
	start(&ctx);
	atomic_init(&stop, 1);
	ctx.stop = &stop;
	gendata_make(&g, VS_U8, 100, 4, 200, 1);
	gendata_rows(&g, &rows);
	assert_int_equal(vs_kmeans(&ctx, &rows, &p, &r, &err), VS_EAGAIN);
	assert_int_equal(ctx.mem_now, 0);
	gendata_free(&g);
}

/* Cells without rows are refilled one by one, which can take long when nearly
 * all rows are equal: a stop ends that, too. */
static void test_stop_while_refilling(void **state)
{
	struct vs_kmeans_shape shape = { .nlist = 100, .dim = 1, .n = 300,
					 .scale = 1 };
	struct vs_kmeans_state k = { .objective = -1 };
	struct vs_kmeans_result r = { 0 };
	struct vs_kmeans_sums sums;
	float centroids[100] = { 0 };
	struct vs_ctx ctx;
	struct vs_err err;
	atomic_int stop;
	bool done;

	(void)state;
	start(&ctx);
	atomic_init(&stop, 1);
	ctx.stop = &stop;
	k.centroids = centroids;
	assert_int_equal(vs_kmeans_sums_alloc(&ctx, &shape, &sums, &err), 0);
	sums.size[7] = shape.n;
	assert_int_equal(vs_kmeans_step(&ctx, &shape, &sums, 5, &k, &r, &done,
					&err), VS_EAGAIN);
	ctx.stop = NULL;
	assert_int_equal(vs_kmeans_step(&ctx, &shape, &sums, 5, &k, &r, &done,
					&err), 0);
	assert_int_equal(r.n_repaired, 99);
	vs_kmeans_sums_free(&ctx, &sums);
	assert_int_equal(ctx.mem_now, 0);
}

/* Keeps one state, that before iteration at. */
struct kept {
	struct vs_kmeans_state state;
	float centroids[31 * 17];
	uint32_t at;
	bool there;
	unsigned n_loads, n_stops;
};

static int kept_load(void *arg, struct vs_kmeans_state *s, bool *found,
		     struct vs_err *err)
{
	struct kept *k = arg;
	float *to = s->centroids;

	(void)err;
	*found = k->there;
	k->n_loads++;
	if (!k->there)
		return 0;
	*s = k->state;
	s->centroids = to;
	memcpy(to, k->centroids, sizeof(k->centroids));
	return 0;
}

static void kept_save(void *arg, const struct vs_kmeans_state *s,
		      bool stopping)
{
	struct kept *k = arg;

	k->n_stops += stopping;
	if (s->iteration != k->at)
		return;
	k->state = *s;
	k->there = true;
	memcpy(k->centroids, s->centroids, sizeof(k->centroids));
}

static void run_kept(struct vs_ctx *ctx, const struct gendata *g,
		     struct kept *k, struct vs_kmeans_result *r)
{
	const struct vs_kmeans_keep keep = { kept_load, kept_save, k };
	struct vs_kmeans_params p = { .nlist = 31,
				      .iterations = 6,
				      .seed = 1,
				      .keep = &keep };
	struct vs_rows rows;
	struct vs_err err;

	gendata_rows(g, &rows);
	assert_int_equal(vs_kmeans(ctx, &rows, &p, r, &err), 0);
}

/* From the state before any iteration the rest is the same; from one that
 * cannot be, the whole is. */
static void test_goes_on(void **state)
{
	struct vs_kmeans_result whole, r;
	struct kept k;
	struct gendata g;
	struct vs_ctx ctx;

	(void)state;
	start(&ctx);
	gendata_make(&g, VS_F32, 60, 17, 3, 1); /* some cells are repaired */
	run(&ctx, &g, 31, 6, &whole);
	for (memset(&k, 0, sizeof(k)); k.at <= 7; k.at++) {
		k.there = false;
		run_kept(&ctx, &g, &k, &r);
		vs_free(&ctx, r.centroids);
		assert_int_equal(k.there, k.at >= 1 && k.at <= 6 &&
						  k.at <= whole.iterations);
		if (k.at == 3)
			k.centroids[5] = NAN;
		if (k.at == 4)
			k.state.iteration = 8;
		run_kept(&ctx, &g, &k, &r);
		assert_memory_equal(r.centroids, whole.centroids,
				    sizeof(k.centroids));
		vs_free(&ctx, r.centroids);
		r.centroids = whole.centroids;
		assert_memory_equal(&r, &whole, sizeof(r));
	}
	assert_int_equal(k.n_stops, 0);
	vs_free(&ctx, whole.centroids);
	gendata_free(&g);
	assert_int_equal(ctx.mem_now, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objective_falls),
		cmocka_unit_test(test_one_centroid_is_the_mean),
		cmocka_unit_test(test_same_bits),
		cmocka_unit_test(test_few_distinct_rows),
		cmocka_unit_test(test_empty_cells_are_refilled),
		cmocka_unit_test(test_largest_values_stay_finite),
		cmocka_unit_test(test_memory_is_as_foretold),
		cmocka_unit_test(test_memory_of_small_ones),
		cmocka_unit_test(test_too_few_rows_are_refused),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_while_refilling),
		cmocka_unit_test(test_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
