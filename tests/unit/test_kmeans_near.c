/* k-means in two levels: cells are shared out by rows, the same bits come from
 * any number of threads and instruction set and from saved states, all near
 * superclusters is all cells, and lopsided rows do no harm. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/model/kmeans_near.h"
#include "tests/unit/gendata.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/widen.h"

#define NLIST 1400u /* 37 superclusters, of which a row meets 32 */
#define DIM 12u

static void start(struct vs_ctx *ctx)
{
	vs_ctx_init(ctx);
	ctx->n_threads = 2;
	ctx->kern = vs_kern_select(VS_CPU_BEST);
}

static void run(struct vs_ctx *ctx, const struct gendata *g,
		const struct vs_kmeans_params *p, struct vs_kmeans_result *r)
{
	struct vs_rows rows;
	struct vs_err err;
	int rc;

	gendata_rows(g, &rows);
	rc = vs_kmeans(ctx, &rows, p, r, &err);
	if (rc != 0)
		fail_msg("%d: %s", rc, err.msg);
}

static struct vs_kmeans_params params(uint32_t nlist, uint32_t iterations)
{
	struct vs_kmeans_params p = { .nlist = nlist,
				      .iterations = iterations,
				      .seed = 1,
				      .two_level = true };

	return p;
}

static void check_shares(const uint64_t *size, uint32_t n, uint32_t nlist)
{
	uint64_t start[65] = { 0 }, sum = 0;
	uint32_t share[64], g;

	for (g = 0; g < n; g++)
		start[g + 1] = start[g] + size[g];
	vs_kmeans_shares(start, n, nlist, share);
	for (g = 0; g < n; g++) {
		sum += share[g];
		assert_true(share[g] <= size[g]);
		assert_true(share[g] >= (size[g] > 0 ? 1 : 0));
	}
	assert_int_equal(sum, nlist);
}

static void test_shares(void **state)
{
	static const uint64_t even[] = { 10, 10, 10 };
	static const uint64_t one[] = { 0, 97, 1, 1, 1 };
	uint64_t start[] = { 0, 500, 800, 1000 }, size[64], sum;
	uint32_t share[3], n, g, t;
	struct vs_rng rng;

	(void)state;
	vs_kmeans_shares(start, 3, 10, share);
	assert_int_equal(share[0], 5);
	assert_int_equal(share[1], 3);
	assert_int_equal(share[2], 2);
	/* 5.5, 3.3 and 2.2 */
	vs_kmeans_shares(start, 3, 11, share);
	assert_int_equal(share[0], 6);
	assert_int_equal(share[1], 3);
	assert_int_equal(share[2], 2);
	check_shares(even, 3, 29);
	check_shares(one, 5, 5);
	check_shares(one, 5, 100);
	vs_rng_init(&rng, 1, VS_STREAM_TEST);
	for (t = 0; t < 500; t++) {
		n = 1 + (uint32_t)vs_rng_below(&rng, 64);
		for (g = 0, sum = 0; g < n; g++) {
			size[g] = vs_rng_below(&rng, 4) == 0 ?
					  vs_rng_below(&rng, 3) :
					  vs_rng_below(&rng, 1000);
			sum += size[g];
		}
		if (sum < n)
			continue;
		check_shares(size, n,
			     n + (uint32_t)vs_rng_below(&rng, sum - n + 1));
	}
}

static void test_same_bits(void **state)
{
	static const unsigned threads[] = { 1, 2, 7 };
	static const enum vs_dtype types[] = { VS_U8, VS_F32 };
	struct vs_kmeans_params p = params(NLIST, 3);
	static float first[NLIST * DIM];
	struct vs_kmeans_result r;
	struct gendata g;
	struct vs_ctx ctx;
	unsigned t, d, n;
	int cpu;

	(void)state;
	for (d = 0; d < 2; d++) {
		gendata_make(&g, types[d], 6000, DIM, 250, 1);
		n = 0;
		for (cpu = VS_CPU_GENERIC; cpu < VS_CPU_BEST; cpu++)
			for (t = 0; t < 3; t++) {
				start(&ctx);
				ctx.n_threads = threads[t];
				ctx.kern = vs_kern_exact((enum vs_cpu)cpu);
				if (ctx.kern == NULL)
					continue;
				run(&ctx, &g, &p, &r);
				if (n++ == 0)
					memcpy(first, r.centroids,
					       sizeof(first));
				assert_memory_equal(first, r.centroids,
						    sizeof(first));
				vs_free(&ctx, r.centroids);
				assert_int_equal(ctx.mem_now, 0);
			}
		assert_true(n >= 3);
		gendata_free(&g);
	}
}

/* As good as flat, and better balanced: cells begin where rows are. */
static void test_is_no_worse_than_flat(void **state)
{
	struct vs_kmeans_params p = params(NLIST, 5), flat = p;
	struct vs_kmeans_result r, f;
	struct gendata g;
	struct vs_ctx ctx;

	(void)state;
	start(&ctx);
	flat.two_level = false;
	gendata_make(&g, VS_U8, 20000, DIM, 250, 1);
	run(&ctx, &g, &p, &r);
	run(&ctx, &g, &flat, &f);
	assert_true(r.objective < f.objective * 1.02);
	assert_true(r.imbalance >= 1 && r.imbalance < f.imbalance * 1.1);
	vs_free(&ctx, r.centroids);
	vs_free(&ctx, f.centroids);
	gendata_free(&g);
	assert_int_equal(ctx.mem_now, 0);
}

/* 32 superclusters or fewer are all near: assignments are exact. */
static void test_all_near_is_exact(void **state)
{
	struct vs_kmeans_params p = params(256, 4);
	struct vs_kmeans_result r;
	struct vs_rows rows, centroids;
	static uint32_t cell[3000];
	static float dist[3000];
	struct vs_coarse *c;
	struct gendata g;
	struct vs_ctx ctx;
	struct vs_err err;
	double sum = 0;
	uint32_t i;

	(void)state;
	start(&ctx);
	gendata_make(&g, VS_F32, 3000, DIM, 250, 1);
	gendata_rows(&g, &rows);
	run(&ctx, &g, &p, &r);
	centroids = (struct vs_rows){ r.centroids, 256, DIM, VS_F32 };
	assert_int_equal(vs_coarse_create(&ctx, &centroids, VS_F32, &c, &err),
			 0);
	assert_int_equal(vs_coarse_assign(&ctx, c, &rows, cell, dist, &err),
			 0);
	for (i = 0; i < 3000; i++)
		sum += (double)dist[i];
	assert_true(fabs(sum / 3000 - r.objective) < 1e-9 * r.objective);
	vs_coarse_destroy(&ctx, c);
	vs_free(&ctx, r.centroids);
	gendata_free(&g);
	assert_int_equal(ctx.mem_now, 0);
}

/* A crowd of equal rows beside others; nothing but equal rows; a cell for each
 * row; one cell. */
static void test_lopsided(void **state)
{
	struct vs_kmeans_params p = params(300, 4);
	struct vs_kmeans_result r;
	struct gendata g;
	struct vs_ctx ctx;
	uint64_t i;

	(void)state;
	start(&ctx);
	gendata_make(&g, VS_F32, 3000, DIM, 250, 1);
	for (i = 0; i < 2700 * DIM; i++)
		g.f32[i] = 1;
	run(&ctx, &g, &p, &r);
	for (i = 0; i < 300 * DIM; i++)
		assert_true(isfinite(r.centroids[i]));
	vs_free(&ctx, r.centroids);
	for (i = 0; i < 3000 * DIM; i++)
		g.f32[i] = 1;
	run(&ctx, &g, &p, &r);
	assert_true(r.objective < 1e-4);
	vs_free(&ctx, r.centroids);
	gendata_free(&g);
	gendata_make(&g, VS_F32, 400, DIM, 250, 1);
	p.nlist = 400;
	run(&ctx, &g, &p, &r);
	vs_free(&ctx, r.centroids);
	p.nlist = 1;
	run(&ctx, &g, &p, &r);
	assert_true(r.imbalance == 1);
	vs_free(&ctx, r.centroids);
	gendata_free(&g);
	assert_int_equal(ctx.mem_now, 0);
}

static void test_spherical(void **state)
{
	struct vs_kmeans_params p = params(NLIST, 3);
	struct vs_kmeans_result r;
	struct gendata g;
	struct vs_ctx ctx;
	uint64_t i;

	(void)state;
	start(&ctx);
	gendata_make(&g, VS_F32, 4000, DIM, 250, 1);
	for (i = 0; i < g.n; i++)
		vs_row_unit(g.f32 + i * DIM, DIM);
	p.spherical = true;
	run(&ctx, &g, &p, &r);
	for (i = 0; i < NLIST; i++)
		assert_true(fabs(vs_norm2_f32(r.centroids + i * DIM, DIM) -
				 1) < 1e-5);
	vs_free(&ctx, r.centroids);
	gendata_free(&g);
}

/* vs_kmeans_bytes is enough, with any number of threads. */
static void test_memory_is_as_foretold(void **state)
{
	static const uint32_t nlists[] = { 1, 5, 300, 2999 };
	struct vs_kmeans_params p = params(0, 2);
	struct vs_kmeans_result r;
	struct vs_rows rows;
	struct gendata g;
	struct vs_ctx ctx;
	struct vs_err err;
	size_t i, t;

	(void)state;
	gendata_make(&g, VS_F32, 3000, 24, 200, 1);
	/* Half of the rows in one supercluster. */
	for (i = 0; i < (size_t)1500 * 24; i++)
		g.f32[i] = 1;
	gendata_rows(&g, &rows);
	for (i = 0; i < 4; i++)
		for (t = 1; t <= 64; t *= 8) {
			start(&ctx);
			ctx.n_threads = (unsigned)t;
			p.nlist = nlists[i];
			ctx.memory_max = vs_kmeans_bytes(&rows, p.nlist, true);
			if (vs_kmeans(&ctx, &rows, &p, &r, &err) != 0)
				fail_msg("%s", err.msg);
			vs_free(&ctx, r.centroids);
			assert_int_equal(ctx.mem_now, 0);
		}
	gendata_free(&g);
}

/* The state before iteration 2. */
struct saved {
	struct vs_kmeans_state state;
	float centroids[NLIST * DIM];
	bool there;
};

static int load(void *arg, struct vs_kmeans_state *s, bool *found,
		struct vs_err *err)
{
	struct saved *k = arg;
	float *to = s->centroids;

	(void)err;
	*found = k->there;
	if (!k->there)
		return 0;
	*s = k->state;
	s->centroids = to;
	memcpy(to, k->centroids, sizeof(k->centroids));
	return 0;
}

static void save(void *arg, const struct vs_kmeans_state *s, bool stopping)
{
	struct saved *k = arg;

	(void)stopping;
	if (s->iteration != 2)
		return;
	k->state = *s;
	memcpy(k->centroids, s->centroids, sizeof(k->centroids));
}

static void test_goes_on(void **state)
{
	static struct saved k;
	struct vs_kmeans_keep keep = { load, save, &k };
	struct vs_kmeans_params p = params(NLIST, 4);
	struct vs_kmeans_result r, whole;
	struct gendata g;
	struct vs_ctx ctx;

	(void)state;
	start(&ctx);
	p.keep = &keep;
	gendata_make(&g, VS_U8, 4000, DIM, 250, 1);
	run(&ctx, &g, &p, &whole);
	k.there = true;
	run(&ctx, &g, &p, &r);
	assert_memory_equal(r.centroids, whole.centroids,
			    sizeof(k.centroids));
	assert_true(r.objective == whole.objective);
	vs_free(&ctx, r.centroids);
	vs_free(&ctx, whole.centroids);
	gendata_free(&g);
	assert_int_equal(ctx.mem_now, 0);
}

/* Fails allocation after allocation. */
static int fail_at(void *arg, enum vs_call call, const char *path)
{
	unsigned *left = arg;

	(void)path;
	return call == VS_CALL_ALLOC && (*left)-- == 0 ? 12 : 0;
}

static void test_each_allocation_can_fail(void **state)
{
	struct vs_kmeans_params p = params(40, 1);
	struct vs_kmeans_result r;
	struct vs_rows rows;
	struct gendata g;
	struct vs_ctx ctx;
	struct vs_err err;
	unsigned at, left, n_failed = 0;
	int rc = VS_ENOMEM;

	(void)state;
	gendata_make(&g, VS_U8, 300, 4, 250, 1);
	gendata_rows(&g, &rows);
	for (at = 0; rc != 0; at++) {
		start(&ctx);
		ctx.n_threads = 1;
		ctx.hook = fail_at;
		ctx.hook_arg = &left;
		left = at;
		rc = vs_kmeans(&ctx, &rows, &p, &r, &err);
		if (rc == 0)
			vs_free(&ctx, r.centroids);
		else
			n_failed++;
		assert_true(rc == 0 || rc == VS_ENOMEM);
		assert_int_equal(ctx.mem_now, 0);
	}
	assert_true(n_failed > 50);
	gendata_free(&g);
}

static void test_stop(void **state)
{
	struct vs_kmeans_params p = params(NLIST, 3);
	struct vs_kmeans_result r;
	struct vs_rows rows;
	struct gendata g;
	struct vs_ctx ctx;
	struct vs_err err;
	atomic_int stop;

	(void)state;
	start(&ctx);
	atomic_init(&stop, 1);
	ctx.stop = &stop;
	gendata_make(&g, VS_U8, 4000, 4, 200, 1);
	gendata_rows(&g, &rows);
	assert_int_equal(vs_kmeans(&ctx, &rows, &p, &r, &err), VS_EAGAIN);
	assert_int_equal(ctx.mem_now, 0);
	gendata_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_same_bits),
		cmocka_unit_test(test_is_no_worse_than_flat),
		cmocka_unit_test(test_all_near_is_exact),
		cmocka_unit_test(test_lopsided),
		cmocka_unit_test(test_spherical),
		cmocka_unit_test(test_memory_is_as_foretold),
		cmocka_unit_test(test_goes_on),
		cmocka_unit_test(test_each_allocation_can_fail),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
