/* test_kern_lin.c - the u8 filter with linear bounds: the rows that the rule of
 * vs/kern.h names and no others, the same in every table. */
#include "kern_test.h"

#include <math.h>

#define ROWS (VS_TILE_PANELS * VS_PANEL_ROWS)
#define DIM_MAX 960

static const unsigned widths[] = { 1, 4, 8, 12 };

/* A tile that lives between guard pages, and the exact sums of its rows. */
struct lin_tile {
	struct vs_tile_u8 t;
	struct vs_tile_lin lin;
	uint8_t *panels;
	int8_t *packed;
	float *t0, *t1, *c, *g0, *g1;
	int32_t acc[VS_TILE_W][ROWS];
};

struct memory {
	struct arena panels, packed, t0, t1, c, g0, g1, pass;
};

static struct memory memory_new(void)
{
	struct memory m = { arena_new(DIM_MAX * ROWS),
			    arena_new(DIM_MAX * VS_TILE_W),
			    arena_new(ROWS * 4),
			    arena_new(ROWS * 4),
			    arena_new(VS_TILE_W * 4),
			    arena_new(VS_TILE_W * 4),
			    arena_new(VS_TILE_W * 4),
			    arena_new(VS_PASS_MAX * sizeof(struct vs_pass)) };

	return m;
}

static void memory_free(struct memory *m)
{
	arena_free(&m->panels);
	arena_free(&m->packed);
	arena_free(&m->t0);
	arena_free(&m->t1);
	arena_free(&m->c);
	arena_free(&m->g0);
	arena_free(&m->g1);
	arena_free(&m->pass);
}

/* The rule, written a second time; volatile keeps every rounding where it says,
 * and the nearest integer is found without the rounding of the processor. */
static int32_t bound_of(const struct vs_tile_lin *lin, unsigned q, size_t row)
{
	volatile float p0 = lin->g0[q] * lin->t0[row];
	volatile float p1 = lin->g1[q] * lin->t1[row];
	volatile float sum = p0 + p1;
	volatile float bound = sum + lin->c[q];
	double b = (double)bound, down, rest;

	if (isnan(b) || b < -0x1p30)
		return -(1 << 30);
	if (b > 0x1p30)
		return 1 << 30;
	down = floor(b);
	rest = b - down;
	if (rest > 0.5 || (rest == 0.5 && fmod(down, 2) != 0))
		down += 1;
	return (int32_t)down;
}

static void sums_of(struct lin_tile *a)
{
	size_t bytes = vs_panel_bytes(VS_U8, a->t.d), x, i;
	unsigned q;

	for (q = 0; q < a->t.w; q++) {
		const int8_t *w = a->packed + q * 4;

		for (x = 0; x < a->t.n_panels * VS_PANEL_ROWS; x++) {
			const uint8_t *p =
				a->panels + x / 16 * bytes + x % 16 * 4;

			a->acc[q][x] = 0;
			for (i = 0; i < bytes / 16; i++)
				a->acc[q][x] += p[i / 4 * 64 + i % 4] *
						w[i / 4 * 4 * a->t.w + i % 4];
		}
	}
}

/* Places a tile of t.d, t.w, t.n_q and t.n_panels; its bytes are random. */
static void tile_place(struct lin_tile *a, struct memory *m, struct vs_rng *r)
{
	size_t bytes = vs_panel_bytes(VS_U8, a->t.d) * a->t.n_panels, i;
	size_t n_packed = (a->t.d + 3) / 4 * 4 * a->t.w;
	size_t n_rows = a->t.n_panels * VS_PANEL_ROWS;
	bool at_end = rnd(r) & 1;

	a->panels = arena_put(&m->panels, bytes, 64, at_end);
	a->packed = arena_put(&m->packed, n_packed, 64, at_end);
	a->t0 = arena_put(&m->t0, n_rows * 4, 64, at_end);
	a->t1 = arena_put(&m->t1, n_rows * 4, 64, at_end);
	a->c = arena_put(&m->c, a->t.w * 4, 4, at_end);
	a->g0 = arena_put(&m->g0, a->t.w * 4, 4, at_end);
	a->g1 = arena_put(&m->g1, a->t.w * 4, 4, at_end);
	for (i = 0; i < bytes; i++)
		a->panels[i] = (uint8_t)rnd(r);
	for (i = 0; i < n_packed; i++)
		a->packed[i] = (int8_t)rnd(r);
	a->lin.t0 = a->t0;
	a->lin.t1 = a->t1;
	a->lin.c = a->c;
	a->lin.g0 = a->g0;
	a->lin.g1 = a->g1;
	a->t.panels = a->panels;
	a->t.packed = a->packed;
	a->t.lin = &a->lin;
	sums_of(a);
}

/* Runs the filter and compares; returns how many rows passed. */
static size_t check(const struct vs_kern *k, struct memory *m,
		    const struct lin_tile *a)
{
	struct vs_pass *pass =
		arena_put(&m->pass, VS_PASS_MAX * sizeof(*pass), 4, a->t.d & 1);
	size_t i, n_rows = a->t.n_panels * VS_PANEL_ROWS;
	size_t n = k->filter_u8(&a->t, pass);
	bool seen[VS_TILE_W][ROWS] = { { false } };
	unsigned q;

	assert_true(n <= VS_PASS_MAX);
	for (i = 0; i < n; i++) {
		assert_true(pass[i].q < a->t.n_q && pass[i].row < n_rows);
		assert_false(seen[pass[i].q][pass[i].row]);
		assert_int_equal(pass[i].score, 0);
		seen[pass[i].q][pass[i].row] = true;
	}
	for (q = 0; q < a->t.n_q; q++) {
		for (i = 0; i < n_rows; i++)
			assert_int_equal(seen[q][i],
					 !(a->acc[q][i] <
					   bound_of(&a->lin, q, i)));
	}
	arena_check(&m->pass, pass, VS_PASS_MAX * sizeof(*pass));
	return n;
}

/* A number that makes trouble, now and then. */
static float odd_float(struct vs_rng *r, float plain)
{
	static const float odd[] = { NAN,      INFINITY, -INFINITY, 0x1p30f,
				     -0x1p30f, 3e38f,	 -3e38f,    1e-45f,
				     -0.0f,    0x1p31f };

	if (rnd(r) % 24 != 0)
		return plain;
	return odd[rnd_below(r, sizeof(odd) / sizeof(odd[0]))];
}

/* Bounds about as large as the sums, on some of them, halves included. */
static void bounds_fill(struct lin_tile *a, bool odd, struct vs_rng *r)
{
	size_t x, n_rows = a->t.n_panels * VS_PANEL_ROWS;
	unsigned q;

	for (x = 0; x < n_rows; x++) {
		a->t0[x] = (float)vs_rng_f64(r) * 4 - 2;
		a->t1[x] = (float)(rnd(r) % 64);
		if (odd) {
			a->t0[x] = odd_float(r, a->t0[x]);
			a->t1[x] = odd_float(r, a->t1[x]);
		}
	}
	for (q = 0; q < a->t.w; q++) {
		int32_t tie = a->acc[q][rnd_below(r, n_rows)];

		a->g0[q] = rnd(r) % 4 ? (float)vs_rng_f64(r) * 3000 : 0;
		a->g1[q] = (float)(rnd(r) % 5) * 0.5f;
		a->c[q] = (float)tie;
		if (odd) {
			a->g0[q] = odd_float(r, a->g0[q]);
			a->g1[q] = odd_float(r, a->g1[q]);
			a->c[q] = odd_float(r, a->c[q]);
		}
	}
}

static void all_shapes(const struct vs_kern *k, struct memory *m, size_t d,
		       struct vs_rng *r)
{
	static struct lin_tile a;
	size_t w;

	a.t.d = d;
	for (a.t.n_panels = 1; a.t.n_panels <= VS_TILE_PANELS;
	     a.t.n_panels++) {
		for (w = 0; w < 4; w++) {
			a.t.w = widths[w];
			a.t.n_q = 1 + rnd(r) % a.t.w;
			tile_place(&a, m, r);
			bounds_fill(&a, false, r);
			check(k, m, &a);
			bounds_fill(&a, true, r);
			check(k, m, &a);
		}
	}
}

static void rule(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory m = memory_new();
	struct vs_rng r;
	size_t d;

	vs_rng_init(&r, 20, VS_STREAM_TEST);
	for (d = 1; d <= 129; d++)
		all_shapes(&k, &m, d, &r);
	for (d = 255; d <= 261; d++)
		all_shapes(&k, &m, d, &r);
	all_shapes(&k, &m, DIM_MAX, &r);
	memory_free(&m);
}

/* Every n_q and n_panels there are. */
static void every_count(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory m = memory_new();
	static struct lin_tile a = { .t = { .d = 37 } };
	struct vs_rng r;
	size_t w, n = 0;

	vs_rng_init(&r, 21, VS_STREAM_TEST);
	for (w = 0; w < 4; w++) {
		a.t.w = widths[w];
		for (a.t.n_q = 1; a.t.n_q <= a.t.w; a.t.n_q++) {
			for (a.t.n_panels = 1; a.t.n_panels <= VS_TILE_PANELS;
			     a.t.n_panels++) {
				tile_place(&a, &m, &r);
				bounds_fill(&a, false, &r);
				n += check(&k, &m, &a);
			}
		}
	}
	assert_true(n > 1000);
	memory_free(&m);
}

/* Bounds between two integers: n + 0.5 goes to the even one. */
static void ties_to_even(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory m = memory_new();
	static struct lin_tile a = { .t = { .d = 4, .w = 1, .n_q = 1,
					    .n_panels = 2 } };
	struct vs_rng r;
	size_t x, turn;

	vs_rng_init(&r, 22, VS_STREAM_TEST);
	for (turn = 0; turn < 1000; turn++) {
		tile_place(&a, &m, &r);
		a.g0[0] = 0.5f;
		a.g1[0] = 1;
		a.c[0] = 0;
		for (x = 0; x < 32; x++) {
			a.t0[x] = (float)((int)(rnd(&r) % 5) - 2);
			a.t1[x] = (float)a.acc[0][x];
		}
		/* acc + 0.5 rejects odd sums only, acc - 0.5 nothing. */
		check(&k, &m, &a);
	}
	memory_free(&m);
}

/* NaN in any of the five lets rows pass whatever their sum is: a NaN of the row
 * its own row, a NaN of the query all rows of it.  An infinite product with a
 * zero is one, too. */
static void nan_passes(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory m = memory_new();
	static struct lin_tile a = { .t = { .d = 20 } };
	struct vs_rng r;
	unsigned turn, at, q;
	size_t x;

	vs_rng_init(&r, 23, VS_STREAM_TEST);
	for (turn = 0; turn < 4 * 8 * 2 * 5; turn++) {
		float *where[5], old, bad = turn % 2 ? NAN : INFINITY;

		a.t.w = a.t.n_q = widths[turn / 80];
		a.t.n_panels = 1 + turn / 10 % 8;
		at = turn / 2 % 5;
		tile_place(&a, &m, &r);
		for (x = 0; x < a.t.n_panels * 16; x++)
			a.t0[x] = a.t1[x] = 0;
		for (q = 0; q < a.t.w; q++) {
			a.g0[q] = a.g1[q] = 0;
			a.c[q] = 1e9f;
		}
		assert_int_equal(check(&k, &m, &a), 0);
		q = rnd(&r) % a.t.n_q;
		x = rnd_below(&r, a.t.n_panels * 16);
		where[0] = &a.t0[x];
		where[1] = &a.t1[x];
		where[2] = &a.g0[q];
		where[3] = &a.g1[q];
		where[4] = &a.c[q];
		old = *where[at];
		/* Zero times infinity in the first four; c as it is. */
		*where[at] = at == 4 ? -bad : bad;
		assert_int_equal(check(&k, &m, &a),
				 at < 2 ? a.t.n_q : a.t.n_panels * 16);
		*where[at] = old;
	}
	memory_free(&m);
}

/* The widest rows of extreme bytes with bounds at both ends: no sum may wrap.
 * Rows and packed queries are all of one byte, so the sums are d * x * q. */
static void widest(void **state)
{
	static const float bounds[] = { -3e38f,	 -0x1p30f, -0x1p29f, 0,
					0x1p29f, 0x1p30f,  3e38f };
	struct vs_kern k = table_get(state);
	const size_t d = VS_LIN_DIM_MAX, bytes = vs_panel_bytes(VS_U8, d);
	uint8_t *panels = aligned_alloc(64, bytes);
	int8_t *packed = aligned_alloc(64, d * 12);
	_Alignas(64) float t0[16] = { 0 }, t1[16] = { 0 };
	float c[12], g0[12] = { 0 }, g1[12] = { 0 };
	struct vs_tile_lin lin = { t0, t1, c, g0, g1 };
	struct vs_tile_u8 t = { .panels = panels, .n_panels = 1, .d = d,
				.packed = packed, .w = 12, .n_q = 12,
				.lin = &lin };
	static struct vs_pass pass[VS_PASS_MAX];
	size_t i, x, n, b, want;
	unsigned q;

	for (i = 0; i < bytes; i++)
		panels[i] = i / 4 % 2 ? 255 : 0;
	for (i = 0; i < d * 12; i++)
		packed[i] = i / 4 % 2 ? 127 : -128;
	for (b = 0; b < sizeof(bounds) / sizeof(bounds[0]); b++) {
		for (q = 0; q < 12; q++)
			c[q] = bounds[b];
		n = k.filter_u8(&t, pass);
		want = 0;
		for (q = 0; q < 12; q++) {
			for (x = 0; x < 16; x++)
				want += (int64_t)d * (x % 2 ? 255 : 0) *
						(q % 2 ? 127 : -128) >=
					bound_of(&lin, q, x);
		}
		assert_int_equal(n, want);
	}
	free(panels);
	free(packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH_TABLE_AND_TWIN(rule),
		EACH_TABLE_AND_TWIN(every_count),
		EACH_TABLE_AND_TWIN(ties_to_even),
		EACH_TABLE_AND_TWIN(nan_passes),
		EACH_TABLE_AND_TWIN(widest),
	};

	tables_print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
