/* test_kern_nearest.c - the nearest of a few centroids: the rule of vs/kern.h
 * written a second time, for every number of dimensions, in every table. */
#include "kern_test.h"

#include <math.h>

#define ROWS_MAX 192
#define DIM_MAX 40
#define CENTROIDS_MAX 256

struct memory {
	struct arena panels, centroids, dist, index;
};

static struct memory memory_new(void)
{
	struct memory m = { arena_new(DIM_MAX * ROWS_MAX * 4),
			    arena_new(DIM_MAX * CENTROIDS_MAX * 4),
			    arena_new(ROWS_MAX * 4), arena_new(ROWS_MAX * 4) };

	return m;
}

static void memory_free(struct memory *m)
{
	arena_free(&m->panels);
	arena_free(&m->centroids);
	arena_free(&m->dist);
	arena_free(&m->index);
}

/* volatile keeps every rounding where the rule says. */
static float distance(const struct vs_near *t, size_t row, uint32_t c)
{
	const float *x = t->panels + row / 16 * 16 * t->d + row % 16;
	volatile float sum = 0, diff, square;
	size_t i;

	for (i = 0; i < t->d; i++) {
		diff = x[i * 16] - t->centroids[c * t->d + i];
		square = diff * diff;
		sum = i == 0 ? square : sum + square;
	}
	return sum;
}

static void check(const struct vs_near *t)
{
	float best, dist;
	uint32_t at, c;
	size_t row;

	for (row = 0; row < t->n_panels * 16; row++) {
		best = INFINITY;
		at = 0;
		for (c = 0; c < t->n_centroids; c++) {
			dist = distance(t, row, c);
			if (dist < best) {
				best = dist;
				at = c;
			}
		}
		assert_int_equal(t->index[row], at);
		assert_memory_equal(&t->dist[row], &best, 4);
	}
}

static void run(const struct vs_kern *k, struct memory *m, struct vs_near *t,
		enum kind kind, struct vs_rng *r)
{
	size_t n = t->n_panels * 16, i;
	bool at_end = rnd(r) & 1;
	float *panels = arena_put(&m->panels, n * t->d * 4, 64, at_end);
	float *centroids = arena_put(&m->centroids,
				     t->n_centroids * t->d * 4, 4, at_end);

	for (i = 0; i < n * t->d; i++)
		panels[i] = rnd_float(r, kind);
	for (i = 0; i < t->n_centroids * t->d; i++)
		centroids[i] = rnd_float(r, kind);
	t->panels = panels;
	t->centroids = centroids;
	t->dist = arena_put(&m->dist, n * 4, 64, at_end);
	t->index = arena_put(&m->index, n * 4, 64, at_end);
	k->nearest_f32(t);
	check(t);
	arena_check(&m->dist, t->dist, n * 4);
	arena_check(&m->index, t->index, n * 4);
}

/* Small integers give many ties, huge values infinities. */
static void rule(void **state)
{
	const struct vs_kern k = table_get(state);
	struct memory m = memory_new();
	struct vs_near t = { 0 };
	struct vs_rng r;
	size_t d;
	int kind;

	vs_rng_init(&r, 1, VS_STREAM_TEST);
	for (d = 1; d <= DIM_MAX; d++) {
		for (kind = 0; kind < KIND_N; kind++) {
			t.d = d;
			t.n_panels = 1 + rnd_below(&r, 12);
			t.n_centroids = 1 + (uint32_t)rnd_below(
						    &r, kind == 1 ? 256 : 40);
			run(&k, &m, &t, (enum kind)kind, &r);
		}
	}
	memory_free(&m);
}

static void no_number_is_never_nearest(void **state)
{
	const struct vs_kern k = table_get(state);
	_Alignas(64) float panels[64], dist[64];
	_Alignas(64) uint32_t index[64];
	const float centroids[] = { NAN, INFINITY, 3, NAN, 2 };
	struct vs_near t = { panels, 4, 1, centroids, 5, dist, index };
	size_t i;

	for (i = 0; i < 64; i++)
		panels[i] = i == 5 ? NAN : 2;
	k.nearest_f32(&t);
	for (i = 0; i < 64; i++) {
		assert_int_equal(index[i], i == 5 ? 0 : 4);
		assert_true(i == 5 ? isinf(dist[i]) : dist[i] == 0);
	}
	t.n_centroids = 2;
	k.nearest_f32(&t);
	for (i = 0; i < 64; i++) {
		assert_int_equal(index[i], 0);
		assert_true(isinf(dist[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH_TABLE(rule),
		EACH_TABLE(no_number_is_never_nearest),
	};

	tables_print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
