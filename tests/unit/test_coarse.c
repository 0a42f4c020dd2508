/* The coarse quantizer: the nearest cell and the nprobe nearest are those of
 * the canonical kernel, ties by the lower cell, on every instruction set and
 * for values where the tile's rounding leaves much open. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/gendata.h"
#include "vs/coarse.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/rng.h"

static void start(struct vs_ctx *ctx, enum vs_cpu cpu)
{
	vs_ctx_init(ctx);
	ctx->n_threads = 2;
	ctx->kern = vs_kern_exact(cpu);
}

static int by_rank(const void *a, const void *b)
{
	if (vs_hit_less(a, b))
		return -1;
	return vs_hit_less(b, a);
}

static int by_cell(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* All cells of a row in canonical order. */
static void rank_cells(const struct gendata *c, const struct gendata *q,
		       uint64_t row, enum vs_metric metric,
		       struct vs_hit *out)
{
	uint64_t i;

	for (i = 0; i < c->n; i++) {
		out[i].id = i;
		out[i].key = gendata_key(metric, q, row, c, i);
	}
	qsort(out, c->n, sizeof(*out), by_rank);
}

/* The first n of want, in any order. */
static void check_set(const uint32_t *got, const struct vs_hit *want,
		      uint32_t n)
{
	uint32_t *a = malloc(n * sizeof(*a)), i;
	uint32_t *b = malloc(n * sizeof(*b));

	for (i = 0; i < n; i++) {
		a[i] = got[i];
		b[i] = (uint32_t)want[i].id;
	}
	qsort(a, n, sizeof(*a), by_cell);
	qsort(b, n, sizeof(*b), by_cell);
	assert_memory_equal(a, b, n * sizeof(*a));
	free(a);
	free(b);
}

static void check_probe(const uint32_t *got, const struct vs_hit *want,
			uint32_t nprobe)
{
	uint32_t i;

	for (i = 2; i < nprobe; i++)
		assert_true(got[i - 1] < got[i]);
	check_set(got, want, nprobe);
}

/* The nearest cell, and of the 16 nearest the other one of least loss. */
static void check_two(const struct gendata *c, const struct vs_hit *want,
		      const uint32_t *got)
{
	double d1 = vs_f32_of_key(want[0].key, false), d2, between, dot, loss;
	double least = INFINITY;
	uint32_t x, second = UINT32_MAX;

	for (x = 1; x < 16 && x < c->n; x++) {
		d2 = vs_f32_of_key(want[x].key, false);
		between = vs_f32_of_key(gendata_key(VS_L2, c, want[0].id, c,
						    want[x].id), false);
		dot = (d1 + d2 - between) / 2;
		loss = d1 > 0 ? d2 + dot * dot / d1 : d2;
		if (!(loss < INFINITY))
			loss = INFINITY;
		if (second == UINT32_MAX || loss < least ||
		    (loss == least && want[x].id < second)) {
			least = loss;
			second = (uint32_t)want[x].id;
		}
	}
	assert_int_equal(got[0], want[0].id);
	assert_int_equal(got[1], second);
}

/* Squared distance, or what stands for it under products. */
static double far_off(const struct gendata *c, const struct gendata *q,
		      uint64_t row, int64_t key, bool ip)
{
	double most = 0, norm2;
	uint64_t i;

	if (!ip)
		return vs_f32_of_key(key, false);
	for (i = 0; i < c->n; i++) {
		norm2 = vs_norm2_f32(c->f32 + i * c->dim, c->dim);
		if (!(norm2 <= most) && !isnan(most))
			most = norm2;
	}
	norm2 = vs_norm2_f32(q->f32 + row * q->dim, q->dim);
	return sqrt(norm2) * sqrt(most) - vs_f32_of_key(key, true);
}

/* The cells in the order of want, as long as the rule holds. */
static void check_taper(const struct gendata *c, const struct gendata *q,
			uint64_t row, const struct vs_hit *want, bool ip,
			const struct vs_probe *p, const uint32_t *got)
{
	double first = far_off(c, q, row, want[0].key, ip), d, w;
	uint32_t r, t, x;

	for (r = 1; r < p->n; r++) {
		d = far_off(c, q, row, want[r].key, ip);
		w = 1;
		for (t = 0; !(d <= first) && t < p->taper; t++)
			w *= d / first;
		/* Clear of roundings in either direction. */
		if (!((r + 1) * w <= p->n * 1.00001))
			break;
		if ((r + 1) * w > p->n * .99999)
			return;
	}
	for (x = 0; x < r; x++)
		assert_true(got[x] != VS_CELL_NONE);
	for (; x < p->n; x++)
		assert_true(got[x] == VS_CELL_NONE);
	assert_int_equal(got[0], want[0].id);
	check_set(got, want, r);
}

/* What canonical distances decide: both cells of a row, and a taper. */
static void check_near(struct vs_ctx *ctx, const struct vs_coarse *coarse,
		       const struct gendata *c, const struct gendata *q,
		       enum vs_metric metric)
{
	const struct vs_probe probe = {
		(uint32_t)vs_min_u64(40, c->n), 1 + (uint32_t)(c->n % 5)
	};
	struct vs_hit *want = malloc(c->n * sizeof(*want));
	uint32_t *cell = malloc(q->n * (probe.n + 2) * sizeof(*cell));
	bool ip = vs_metric_is_similarity(metric);
	struct vs_rows rows;
	struct vs_err err;
	uint64_t i;

	gendata_rows(q, &rows);
	if (c->n >= 2) {
		assert_int_equal(vs_coarse_assign_two(ctx, coarse, &rows, cell,
						      &err), 0);
		for (i = 0; i < q->n; i++) {
			rank_cells(c, q, i, VS_L2, want);
			check_two(c, want, cell + 2 * i);
		}
	}
	assert_int_equal(vs_coarse_probe(ctx, coarse, metric, &rows, &probe,
					 cell, &err), 0);
	for (i = 0; i < q->n; i++) {
		rank_cells(c, q, i, ip ? VS_IP : VS_L2, want);
		check_taper(c, q, i, want, ip, &probe, cell + i * probe.n);
	}
	free(want);
	free(cell);
}

/* Centroids c against rows q (f32 values in both, type as q says). */
static void check(struct vs_ctx *ctx, struct gendata *c,
		  const struct gendata *q, enum vs_metric metric)
{
	static const uint32_t probes[] = { 1, 2, 9, 100, 1u << 30 };
	struct vs_hit *want = malloc(c->n * sizeof(*want));
	uint32_t *cell = malloc(q->n * c->n * sizeof(*cell)), nprobe;
	struct vs_probe probe = { 0, 0 };
	float *dist = malloc(q->n * sizeof(*dist));
	struct vs_coarse *coarse;
	struct vs_rows rows, centroids;
	struct vs_err err;
	uint64_t i;
	size_t p;

	c->dtype = VS_F32;
	gendata_rows(q, &rows);
	gendata_rows(c, &centroids);
	assert_int_equal(vs_coarse_create(ctx, &centroids, rows.dtype, &coarse,
					  &err), 0);
	assert_int_equal(vs_coarse_assign(ctx, coarse, &rows, cell, dist,
					  &err), 0);
	for (i = 0; i < q->n; i++) {
		rank_cells(c, q, i, VS_L2, want);
		assert_int_equal(cell[i], want[0].id);
		assert_true(vs_key_of_f32(dist[i], false) == want[0].key);
	}
	for (p = 0; p < 5; p++) {
		nprobe = (uint32_t)vs_min_u64(probes[p], c->n);
		probe.n = nprobe;
		assert_int_equal(vs_coarse_probe(ctx, coarse, metric, &rows,
						 &probe, cell, &err), 0);
		for (i = 0; i < q->n; i++) {
			rank_cells(c, q, i, metric, want);
			check_probe(cell + i * nprobe, want, nprobe);
		}
	}
	check_near(ctx, coarse, c, q, metric);
	vs_coarse_destroy(ctx, coarse);
	assert_int_equal(ctx->mem_now, 0);
	free(want);
	free(cell);
	free(dist);
}

/* u8 rows meet the same values as floats. */
static void widen(struct gendata *g)
{
	uint64_t i;

	for (i = 0; i < g->n * g->dim; i++)
		g->f32[i] = g->u8[i];
}

static void scale(struct gendata *g, float by)
{
	uint64_t i;

	for (i = 0; i < g->n * g->dim; i++)
		g->f32[i] *= by;
}

static void test_nearest_cells(void **state)
{
	static const float by[] = { 1, 1e-20f, 1e15f, 1e19f, 1e30f };
	struct gendata c, q;
	struct vs_ctx ctx;
	unsigned cpu, levels, i;

	(void)state;
	for (cpu = VS_CPU_GENERIC; cpu < VS_CPU_BEST; cpu++) {
		start(&ctx, (enum vs_cpu)cpu);
		if (ctx.kern == NULL)
			continue;
		for (levels = 2; levels <= 256; levels *= 8) {
			gendata_make(&c, VS_F32, 333, 19, levels, 1);
			gendata_make(&q, VS_U8, 61, 19, levels, 2);
			widen(&c);
			widen(&q);
			check(&ctx, &c, &q, VS_L2);
			check(&ctx, &c, &q, VS_IP);
			gendata_free(&c);
			gendata_free(&q);
		}
		/* tiny, large and overflowing values */
		for (i = 0; i < 5; i++) {
			gendata_make(&c, VS_F32, 100, 40, 200, 3);
			gendata_make(&q, VS_F32, 30, 40, 200, 4);
			scale(&c, by[i]);
			scale(&q, by[i]);
			check(&ctx, &c, &q, VS_L2);
			check(&ctx, &c, &q, VS_IP);
			gendata_free(&c);
			gendata_free(&q);
		}
	}
}

/* A large common offset: |x - c| is lost in the rounding of |x|^2. */
static void test_far_from_the_origin(void **state)
{
	struct gendata c, q;
	struct vs_ctx ctx;
	uint64_t i;

	(void)state;
	start(&ctx, VS_CPU_GENERIC);
	ctx.kern = vs_kern_select(VS_CPU_BEST);
	gendata_make(&c, VS_F32, 500, 32, 200, 5);
	gendata_make(&q, VS_F32, 200, 32, 200, 6);
	for (i = 0; i < c.n * c.dim; i++)
		c.f32[i] += 30000;
	for (i = 0; i < q.n * q.dim; i++)
		q.f32[i] += 30000;
	check(&ctx, &c, &q, VS_L2);
	check(&ctx, &c, &q, VS_IP);
	gendata_free(&c);
	gendata_free(&q);
}

#define TINY_DIM 1000u
#define TINY_CELLS (2 * TINY_DIM)

/* All but one element of the row round to nothing in 8 bits, and the squares of
 * what that loses are below the smallest float; they decide. */
static void test_lost_squares_underflow(void **state)
{
	const float step = 0x1p-40f;
	struct gendata c, q;
	struct vs_ctx ctx;
	size_t i, x;
	float *row;

	(void)state;
	start(&ctx, VS_CPU_GENERIC);
	gendata_make(&c, VS_F32, TINY_CELLS, TINY_DIM, 2, 7);
	gendata_make(&q, VS_F32, 1, TINY_DIM, 2, 8);
	for (i = 0; i < TINY_CELLS; i++) {
		row = c.f32 + i * TINY_DIM;
		for (x = 0; x < TINY_DIM; x++)
			row[x] = step * (i == 0 ? -100 : i == 1 ? 120 : -119);
		row[0] = 0;
		if (i > 1)
			row[i / 2] = step * (i % 2 == 0 ? 127.5f : -127.5f);
	}
	/* A range of its own for the large element. */
	c.f32[2 * TINY_DIM] = step * 127.5f;
	c.f32[3 * TINY_DIM] = step * -127.5f;
	for (x = 0; x < TINY_DIM; x++)
		q.f32[x] = x == 0 ? 0x1p-27f : 0x1p-27f * 0.49f / 127;
	check(&ctx, &c, &q, VS_L2);
	gendata_free(&c);
	gendata_free(&q);
}

/* A centroid with a NaN is nobody's, whatever its other elements. */
static void test_nan_centroid(void **state)
{
	struct gendata c, q;
	struct vs_ctx ctx;
	uint32_t x;

	(void)state;
	start(&ctx, VS_CPU_GENERIC);
	gendata_make(&c, VS_F32, 100, 40, 200, 3);
	gendata_make(&q, VS_F32, 30, 40, 200, 4);
	for (x = 0; x < c.dim; x++)
		c.f32[7 * c.dim + x] = x == 3 ? NAN : 100;
	check(&ctx, &c, &q, VS_L2);
	check(&ctx, &c, &q, VS_IP);
	gendata_free(&c);
	gendata_free(&q);
}

/* More threads than rows to share, and than memory for all of them. */
static void test_many_threads_little_memory(void **state)
{
	static const uint64_t n_rows[] = { 50, 3000 };
	struct vs_coarse *coarse;
	struct gendata c, q;
	struct vs_rows rows, centroids;
	struct vs_ctx ctx;
	struct vs_err err;
	uint32_t *want, *got;
	size_t i;

	(void)state;
	gendata_make(&c, VS_F32, 4096, 8, 200, 1);
	for (i = 0; i < 2; i++) {
		gendata_make(&q, VS_F32, n_rows[i], 8, 200, 2);
		gendata_rows(&q, &rows);
		want = malloc(q.n * sizeof(*want));
		got = malloc(q.n * sizeof(*got));
		start(&ctx, VS_CPU_GENERIC);
		gendata_rows(&c, &centroids);
		assert_int_equal(vs_coarse_create(&ctx, &centroids, VS_F32,
						  &coarse, &err), 0);
		assert_int_equal(vs_coarse_assign(&ctx, coarse, &rows, want,
						  NULL, &err), 0);
		ctx.n_threads = 256;
		ctx.memory_max = vs_coarse_bytes(4096, 8);
		assert_int_equal(vs_coarse_assign(&ctx, coarse, &rows, got,
						  NULL, &err), 0);
		assert_memory_equal(want, got, q.n * sizeof(*got));
		vs_coarse_destroy(&ctx, coarse);
		assert_int_equal(ctx.mem_now, 0);
		gendata_free(&q);
		free(want);
		free(got);
	}
	gendata_free(&c);
}

/* Moves some centroids a little, some onto another; which ones go to moved. */
static uint32_t move_some(struct gendata *c, uint32_t *moved, unsigned round,
			  struct vs_rng *rng)
{
	uint32_t n = 0, i, x;

	for (i = 0; i < c->n; i++) {
		float *row = c->f32 + (size_t)i * c->dim;

		if (vs_rng_below(rng, 8) > round % 5)
			continue;
		if (vs_rng_below(rng, 9) == 0)
			memcpy(row, c->f32 + vs_rng_below(rng, c->n) * c->dim,
			       c->dim * sizeof(float));
		else
			for (x = 0; x < c->dim; x++)
				row[x] *= 1 + (float)(vs_rng_f64(rng) - 0.5) /
						      8;
		moved[n++] = i;
	}
	return n;
}

/* While centroids move, a track is what a new assignment is. */
static void check_track(struct vs_ctx *ctx, struct gendata *c,
			const struct gendata *q)
{
	uint32_t *cell = malloc(q->n * 4), *want = malloc(q->n * 4);
	float *dist = malloc(q->n * 4), *far = malloc(q->n * 4);
	float *other = malloc(q->n * 4);
	uint32_t *moved = malloc(c->n * 4);
	struct vs_coarse_track t = { cell, dist, other, NULL, 0 };
	struct vs_rows rows, centroids;
	struct vs_coarse *coarse;
	struct vs_rng rng;
	struct vs_err err;
	unsigned round;
	uint64_t i;

	vs_rng_init(&rng, 3, VS_STREAM_TEST);
	gendata_rows(q, &rows);
	for (round = 0; round < 12; round++) {
		gendata_rows(c, &centroids);
		assert_int_equal(vs_coarse_create(ctx, &centroids, rows.dtype,
						  &coarse, &err), 0);
		assert_int_equal(vs_coarse_assign(ctx, coarse, &rows, want, far,
						  &err), 0);
		assert_int_equal(vs_coarse_assign_track(ctx, coarse, &rows, &t,
							&err), 0);
		vs_coarse_destroy(ctx, coarse);
		for (i = 0; i < q->n; i++) {
			assert_int_equal(cell[i], want[i]);
			assert_true(dist[i] == far[i]);
		}
		t.n_moved = move_some(c, moved, round, &rng);
		t.moved = moved;
	}
	assert_int_equal(ctx->mem_now, 0);
	free(cell);
	free(want);
	free(dist);
	free(far);
	free(other);
	free(moved);
}

static void test_track(void **state)
{
	static const enum vs_dtype types[] = { VS_U8, VS_I8, VS_F32 };
	static const uint32_t dims[] = { 5, 40 };
	struct gendata c, q;
	struct vs_ctx ctx;
	unsigned cpu, t, d, levels;

	(void)state;
	for (cpu = VS_CPU_GENERIC; cpu < VS_CPU_BEST; cpu++) {
		start(&ctx, (enum vs_cpu)cpu);
		if (ctx.kern == NULL)
			continue;
		for (t = 0; t < 3; t++) {
			d = t % 2;
			for (levels = 2; levels <= 128; levels *= 64) {
				gendata_make(&c, VS_F32, 300, dims[d], levels,
					     1);
				gendata_make(&q, types[t], 500, dims[d],
					     levels, 2);
				check_track(&ctx, &c, &q);
				gendata_free(&c);
				gendata_free(&q);
			}
		}
	}
}

static void test_stop(void **state)
{
	struct vs_coarse *coarse;
	struct gendata c;
	struct vs_rows rows;
	struct vs_ctx ctx;
	struct vs_err err;
	atomic_int stop;
	uint32_t cell[100];

	(void)state;
	start(&ctx, VS_CPU_GENERIC);
	atomic_init(&stop, 1);
	ctx.stop = &stop;
	gendata_make(&c, VS_F32, 100, 8, 200, 1);
	gendata_rows(&c, &rows);
	assert_int_equal(vs_coarse_create(&ctx, &rows, VS_F32, &coarse, &err),
			 0);
	assert_int_equal(vs_coarse_assign(&ctx, coarse, &rows, cell, NULL,
					  &err), VS_EAGAIN);
	assert_int_equal(vs_coarse_probe(&ctx, coarse, VS_L2, &rows,
					 &(struct vs_probe){ 1, 0 }, cell,
					 &err), VS_EAGAIN);
	vs_coarse_destroy(&ctx, coarse);
	assert_int_equal(ctx.mem_now, 0);
	gendata_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest_cells),
		cmocka_unit_test(test_far_from_the_origin),
		cmocka_unit_test(test_lost_squares_underflow),
		cmocka_unit_test(test_nan_centroid),
		cmocka_unit_test(test_many_threads_little_memory),
		cmocka_unit_test(test_track),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
