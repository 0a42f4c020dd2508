/* test_kern_l1.c - the filters of L1: over bytes exactly the rows and sums that
 * plain integers give; over floats no row that the canonical kernel accepts is
 * ever rejected, and what is clearly too far is. */
#include "kern_test.h"

#include <float.h>
#include <math.h>

#define ROWS (VS_TILE_PANELS * VS_PANEL_ROWS)
#define DIM_MAX 960

static const unsigned widths[] = { 1, 4, 8, 12 };

static bool seen[VS_TILE_W][ROWS];

/* Marks what passed; each row once and only where the tile has one. */
static void mark(const struct vs_pass *pass, size_t n, unsigned n_q,
		 size_t n_rows)
{
	size_t i;

	memset(seen, 0, sizeof(seen));
	assert_true(n <= VS_PASS_MAX);
	for (i = 0; i < n; i++) {
		assert_true(pass[i].q < n_q);
		assert_true(pass[i].row < n_rows);
		assert_false(seen[pass[i].q][pass[i].row]);
		seen[pass[i].q][pass[i].row] = true;
	}
}

/* ---- bytes --------------------------------------------------------------- */

struct bytes {
	uint8_t row[ROWS][DIM_MAX];
	uint8_t query[VS_TILE_W][DIM_MAX];
	int32_t sum[VS_TILE_W][ROWS];
};

struct memory_u8 {
	struct arena panels, packed, limit, pass;
};

static void bytes_fill(struct bytes *a, size_t d, struct vs_rng *r)
{
	size_t i, x;
	unsigned q;

	for (x = 0; x < ROWS; x++) {
		for (i = 0; i < d; i++)
			a->row[x][i] =
				(uint8_t)(x % 8 ? rnd(r) : 0 - (rnd(r) & 1));
	}
	for (q = 0; q < VS_TILE_W; q++) {
		for (i = 0; i < d; i++)
			a->query[q][i] =
				(uint8_t)(q % 4 ? rnd(r) : 0 - (rnd(r) & 1));
		for (x = 0; x < ROWS; x++) {
			a->sum[q][x] = 0;
			for (i = 0; i < d; i++)
				a->sum[q][x] +=
					abs(a->row[x][i] - a->query[q][i]);
		}
	}
}

static int32_t some_limit(struct vs_rng *r, const int32_t *sum, size_t n)
{
	int32_t tie = sum[rnd_below(r, n)];

	switch (rnd(r) % 8) {
	case 0:
		return INT32_MAX;
	case 1:
		return INT32_MIN;
	case 2:
		return tie - 1;
	case 3:
		return -1;
	default:
		return tie;
	}
}

/* The passes are the rows whose sum is within the limit, with it. */
static void check_u8(const struct vs_tile_u8 *t, const struct vs_pass *pass,
		     size_t n, int32_t (*sum)[ROWS])
{
	size_t i, n_rows = t->n_panels * VS_PANEL_ROWS;
	unsigned q;

	mark(pass, n, t->n_q, n_rows);
	for (i = 0; i < n; i++)
		assert_int_equal(pass[i].score, sum[pass[i].q][pass[i].row]);
	for (q = 0; q < t->n_q; q++) {
		for (i = 0; i < n_rows; i++)
			assert_int_equal(seen[q][i],
					 sum[q][i] <= t->limit[q]);
	}
}

/* One call; the terms must not be read, so there are none. */
static void call_u8(const struct vs_kern *k, struct memory_u8 *m,
		    struct bytes *a, struct vs_tile_u8 *t, struct vs_rng *r)
{
	size_t n_rows = t->n_panels * VS_PANEL_ROWS, x;
	size_t bytes = vs_panel_bytes(VS_U8, t->d);
	const uint8_t *query[VS_TILE_W], *row[VS_PANEL_ROWS];
	bool at_end = rnd(r) & 1;
	uint8_t *panels =
		arena_put(&m->panels, bytes * t->n_panels, 64, at_end);
	int8_t *packed =
		arena_put(&m->packed, (t->d + 3) / 4 * 4 * t->w, 64, at_end);
	int32_t *limit = arena_put(&m->limit, t->w * 4, 4, at_end);
	struct vs_pass *pass =
		arena_put(&m->pass, VS_PASS_MAX * sizeof(*pass), 4, at_end);
	unsigned q;

	for (x = 0; x < n_rows; x++) {
		row[x % 16] = a->row[x];
		if (x % 16 == 15)
			vs_pack_panel_u8(row, t->d, panels + x / 16 * bytes);
	}
	for (q = 0; q < t->w; q++) {
		query[q] = a->query[q];
		limit[q] = some_limit(r, a->sum[q], n_rows);
	}
	vs_pack_queries_l1_u8(query, t->n_q, t->w, t->d, packed);
	t->panels = panels;
	t->packed = packed;
	t->limit = limit;
	check_u8(t, pass, k->filter_l1_u8(t, pass), a->sum);
	arena_check(&m->pass, pass, VS_PASS_MAX * sizeof(*pass));
}

static void all_shapes_u8(const struct vs_kern *k, struct memory_u8 *m,
			  size_t d, struct vs_rng *r)
{
	static struct bytes a;
	struct vs_tile_u8 t = { .d = d };
	unsigned w;

	bytes_fill(&a, d, r);
	for (t.n_panels = 1; t.n_panels <= VS_TILE_PANELS; t.n_panels++) {
		for (w = 0; w < 4; w++) {
			t.w = widths[w];
			for (t.n_q = 1; t.n_q <= t.w; t.n_q++)
				call_u8(k, m, &a, &t, r);
		}
	}
}

static void exact_u8(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory_u8 m = {
		arena_new(DIM_MAX * ROWS), arena_new(DIM_MAX * VS_TILE_W),
		arena_new(VS_TILE_W * 4),
		arena_new(VS_PASS_MAX * sizeof(struct vs_pass))
	};
	struct vs_rng r;
	size_t d;

	vs_rng_init(&r, 14, VS_STREAM_TEST);
	for (d = 1; d <= 129; d++)
		all_shapes_u8(&k, &m, d, &r);
	/* About the 512 dimensions after which 16-bit sums are emptied. */
	for (d = 509; d <= 516; d++)
		all_shapes_u8(&k, &m, d, &r);
	all_shapes_u8(&k, &m, DIM_MAX, &r);
	arena_free(&m.panels);
	arena_free(&m.packed);
	arena_free(&m.limit);
	arena_free(&m.pass);
}

/* The widest rows, all 0 or 255 against all 0 or 255, limits on and beside the
 * two sums there are. */
static void widest_u8(void **state)
{
	struct vs_kern k = table_get(state);
	const size_t d = VS_TILE_U8_DIM_MAX, bytes = vs_panel_bytes(VS_U8, d);
	uint8_t *panels = aligned_alloc(64, bytes), *value = malloc(2 * d);
	int8_t *packed = aligned_alloc(64, d * 12);
	static int32_t sum[VS_TILE_W][ROWS];
	static struct vs_pass pass[VS_PASS_MAX];
	const uint8_t *row[16], *query[12];
	int32_t limit[12], beside;
	struct vs_tile_u8 t = { .panels = panels,
				.n_panels = 1,
				.d = d,
				.packed = packed,
				.w = 12,
				.n_q = 12,
				.limit = limit };
	size_t x, q;

	memset(value, 0, d);
	memset(value + d, 255, d);
	for (x = 0; x < 16; x++)
		row[x] = value + x % 2 * d;
	for (q = 0; q < 12; q++) {
		query[q] = value + q / 2 % 2 * d;
		for (x = 0; x < 16; x++)
			sum[q][x] = x % 2 != q / 2 % 2 ? (int32_t)d * 255 : 0;
	}
	vs_pack_panel_u8(row, d, panels);
	vs_pack_queries_l1_u8(query, 12, 12, d, packed);
	for (beside = -1; beside <= 1; beside++) {
		for (q = 0; q < 12; q++)
			limit[q] = sum[q][q % 2] + beside;
		check_u8(&t, pass, k.filter_l1_u8(&t, pass), sum);
	}
	free(panels);
	free(value);
	free(packed);
}

/* ---- floats -------------------------------------------------------------- */

struct memory_f32 {
	struct arena panels, packed, terms, limit, gain, pass;
};

struct tile {
	struct vs_tile_f32 t;
	float query[VS_TILE_W][DIM_MAX];
	float *panels, *packed, *terms, *limit, *gain;
	size_t n_rows;
};

static struct memory_f32 memory_new(void)
{
	struct memory_f32 m = {
		arena_new(DIM_MAX * 64 * VS_TILE_PANELS),
		arena_new(DIM_MAX * 4 * VS_TILE_W),
		arena_new(ROWS * 4),
		arena_new(VS_TILE_W * 4),
		arena_new(VS_TILE_W * 4),
		arena_new(VS_PASS_MAX * sizeof(struct vs_pass))
	};

	return m;
}

static void memory_free(struct memory_f32 *m)
{
	arena_free(&m->panels);
	arena_free(&m->packed);
	arena_free(&m->terms);
	arena_free(&m->limit);
	arena_free(&m->gain);
	arena_free(&m->pass);
}

static void tile_pack(struct tile *a)
{
	const float *query[VS_TILE_W];
	unsigned q;

	for (q = 0; q < a->t.w; q++)
		query[q] = a->query[q];
	vs_pack_queries_f32(query, a->t.n_q, a->t.w, a->t.d, a->packed);
}

/* Places a tile of t.d, t.w, t.n_q and t.n_panels and fills its vectors. */
static void tile_fill(struct tile *a, struct memory_f32 *m, enum kind kind,
		      struct vs_rng *r)
{
	struct vs_tile_f32 *t = &a->t;
	bool at_end = rnd(r) & 1;
	size_t i;
	unsigned q;

	a->n_rows = t->n_panels * VS_PANEL_ROWS;
	t->panels = a->panels =
		arena_put(&m->panels, t->d * 4 * a->n_rows, 64, at_end);
	t->packed = a->packed =
		arena_put(&m->packed, t->d * 4 * t->w, 64, at_end);
	t->terms = a->terms = arena_put(&m->terms, a->n_rows * 4, 64, at_end);
	t->limit = a->limit = arena_put(&m->limit, t->w * 4, 4, at_end);
	t->gain = a->gain = arena_put(&m->gain, t->w * 4, 4, at_end);
	for (i = 0; i < t->d * a->n_rows; i++)
		a->panels[i] = rnd_float(r, kind);
	for (i = 0; i < a->n_rows; i++)
		a->terms[i] = 0;
	for (q = 0; q < t->w; q++) {
		for (i = 0; i < t->d; i++)
			a->query[q][i] = rnd_float(r, kind);
		a->limit[q] = a->gain[q] = 0;
	}
	tile_pack(a);
}

static const float *panel_of(const struct tile *a, size_t row)
{
	return a->panels + row / 16 * a->t.d * 16;
}

static size_t run(const struct vs_kern *k, struct memory_f32 *m,
		  const struct tile *a)
{
	struct vs_pass *pass =
		arena_put(&m->pass, VS_PASS_MAX * sizeof(*pass), 4, a->t.d & 1);
	size_t n = k->filter_l1_f32(&a->t, pass);

	mark(pass, n, a->t.n_q, a->n_rows);
	arena_check(&m->pass, pass, VS_PASS_MAX * sizeof(*pass));
	return n;
}

static double exact_sum(const struct tile *a, size_t row, unsigned q)
{
	const float *p = panel_of(a, row);
	double sum = 0;
	size_t i;

	for (i = 0; i < a->t.d; i++)
		sum += fabs((double)p[i * 16 + row % 16] -
			    (double)a->query[q][i]);
	return sum;
}

/* The rule itself, on small integers, where nothing is rounded. */
static void rule_one(const struct vs_kern *k, struct memory_f32 *m,
		     struct tile *a, struct vs_rng *r)
{
	static const float gains[] = { -1, -0.5f, 0, 0.25f, 2 };
	size_t x;
	unsigned q;

	tile_fill(a, m, KIND_INT, r);
	for (x = 0; x < a->n_rows; x++)
		a->terms[x] = (float)(int)(rnd(r) % 1000) - 500;
	for (q = 0; q < a->t.w; q++) {
		a->gain[q] = gains[rnd(r) % 5];
		x = rnd_below(r, a->n_rows); /* a tie with some row */
		a->limit[q] = (float)(2 * exact_sum(a, x, q)) -
			      a->gain[q] * a->terms[x];
	}
	run(k, m, a);
	for (q = 0; q < a->t.n_q; q++) {
		for (x = 0; x < a->n_rows; x++) {
			double right = (double)a->limit[q] +
				       (double)a->gain[q] * (double)a->terms[x];

			assert_int_equal(seen[q][x],
					 !(2 * exact_sum(a, x, q) > right));
		}
	}
}

static void rule_f32(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory_f32 m = memory_new();
	static struct tile a;
	struct vs_rng r;
	size_t w;

	vs_rng_init(&r, 15, VS_STREAM_TEST);
	for (a.t.d = 1; a.t.d <= 129; a.t.d++) {
		for (w = 0; w < 4; w++) {
			a.t.w = widths[w];
			a.t.n_q = 1 + rnd(&r) % a.t.w;
			a.t.n_panels = 1 + rnd_below(&r, 8);
			rule_one(&k, &m, &a, &r);
		}
	}
	a.t.d = 33;
	for (w = 0; w < 4; w++) {
		a.t.w = widths[w];
		for (a.t.n_q = 1; a.t.n_q <= a.t.w; a.t.n_q++) {
			for (a.t.n_panels = 1; a.t.n_panels <= 8;
			     a.t.n_panels++)
				rule_one(&k, &m, &a, &r);
		}
	}
	memory_free(&m);
}

struct counts {
	size_t accepted, rejected, clear;
};

/* The threshold is one of the rows' keys; those at or below it must pass. */
static void promise_one(const struct vs_kern *k, struct memory_f32 *m,
			struct tile *a, struct vs_rng *r, struct counts *c)
{
	const struct vs_kern *plain = vs_kern_exact(VS_CPU_GENERIC);
	double g = 4 * vs_f32_gamma(a->t.d), sum;
	static float key[VS_TILE_W][ROWS];
	float thr[VS_TILE_W];
	unsigned q;
	size_t x;

	for (q = 0; q < a->t.n_q; q++) {
		for (x = 0; x < a->n_rows; x += 16)
			plain->l1_f32_panel(a->query[q], panel_of(a, x),
					    a->t.d, key[q] + x);
		thr[q] = key[q][rnd_below(r, a->n_rows)];
		if (rnd(r) % 16 == 0)
			thr[q] = INFINITY;
		vs_tile_limit_l1(thr[q], a->t.d, &a->limit[q], &a->gain[q]);
	}
	run(k, m, a);
	for (q = 0; q < a->t.n_q; q++) {
		for (x = 0; x < a->n_rows; x++) {
			c->accepted += key[q][x] <= thr[q];
			c->rejected += !seen[q][x];
			if (key[q][x] <= thr[q])
				assert_true(seen[q][x]);
			sum = exact_sum(a, x, q);
			/* Where twice the threshold is no float, all pass. */
			if (thr[q] > FLT_MAX / 4 ||
			    sum <= (double)thr[q] * (1 + g) + 0x1p-148)
				continue;
			c->clear++;
			assert_false(seen[q][x]);
		}
	}
}

/* Some rows become a query with one element moved by little, so that keys are
 * tiny beside the elements. */
static void near_copies(struct tile *a, struct vs_rng *r)
{
	size_t x, i;

	for (x = 0; x < a->n_rows; x += 3) {
		const float *q = a->query[rnd(r) % a->t.n_q];
		float *p = a->panels + x / 16 * a->t.d * 16 + x % 16;

		for (i = 0; i < a->t.d; i++)
			p[i * 16] = q[i];
		if (x % 2)
			p[rnd_below(r, a->t.d) * 16] *= 1.0000002f;
		else if (x % 4 == 0)
			p[rnd_below(r, a->t.d) * 16] *= -1;
	}
}

static void promise_f32(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory_f32 m = memory_new();
	static struct tile a;
	struct counts c[KIND_N] = { { 0, 0, 0 } };
	struct vs_rng r;
	unsigned kind;
	size_t turn;

	vs_rng_init(&r, 16, VS_STREAM_TEST);
	for (turn = 0; turn < 130 * 4 * KIND_N; turn++) {
		kind = (unsigned)turn % KIND_N;
		a.t.d = turn / (4 * KIND_N);
		a.t.d = a.t.d == 0 ? DIM_MAX : a.t.d;
		a.t.w = widths[rnd(&r) % 4];
		a.t.n_q = 1 + rnd(&r) % a.t.w;
		a.t.n_panels = 1 + rnd_below(&r, a.t.d == DIM_MAX ? 3 : 8);
		tile_fill(&a, &m, kind, &r);
		if (turn / KIND_N % 2)
			near_copies(&a, &r);
		promise_one(&k, &m, &a, &r, &c[kind]);
	}
	for (kind = 0; kind < KIND_N; kind++) {
		print_message("# %s kind %u: accepted %zu, rejected %zu, "
			      "clearly far %zu\n",
			      k.name, kind, c[kind].accepted, c[kind].rejected,
			      c[kind].clear);
		assert_true(c[kind].accepted > 1000);
		assert_true(c[kind].rejected > 1000);
		assert_true(c[kind].clear > 1000);
	}
	memory_free(&m);
}

/* A tight threshold leaves next to nothing: the smallest key of each query lets
 * its own row pass and hardly another. */
static void tight_f32(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory_f32 m = memory_new();
	static struct tile a = { .t = { .w = 12, .n_q = 12, .n_panels = 8 } };
	struct vs_rng r;
	float key[ROWS];
	size_t x;
	unsigned q;

	vs_rng_init(&r, 17, VS_STREAM_TEST);
	for (a.t.d = 8; a.t.d <= 128; a.t.d += 15) {
		tile_fill(&a, &m, KIND_UNIT, &r);
		for (q = 0; q < 12; q++) {
			for (x = 0; x < ROWS; x += 16)
				k.l1_f32_panel(a.query[q], panel_of(&a, x),
					       a.t.d, key + x);
			vs_tile_limit_l1(k.min_f32(key, ROWS), a.t.d,
					 &a.limit[q], &a.gain[q]);
		}
		assert_in_range(run(&k, &m, &a), 12, 15);
	}
	memory_free(&m);
}

/* Sums past FLT_MAX are infinite in both kernels; a row at a finite distance
 * passes whatever the tile's order of summation. */
static void overflow_f32(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory_f32 m = memory_new();
	static struct tile a = { .t = { .w = 1, .n_q = 1, .n_panels = 1 } };
	struct vs_rng r;
	float key[16];
	size_t i;

	vs_rng_init(&r, 18, VS_STREAM_TEST);
	a.t.d = 64;
	tile_fill(&a, &m, KIND_UNIT, &r);
	for (i = 0; i < 64; i++)
		a.query[0][i] = i % 2 ? -1 : 1;
	tile_pack(&a);
	/* Just under FLT_MAX / 64 each, so that the sum is finite but its
	 * double is not; one row is beyond. */
	for (i = 0; i < 64 * 16; i++)
		a.panels[i] = FLT_MAX / 64 * (i % 16 == 3 ? 1.5f : 0.999999f);
	k.l1_f32_panel(a.query[0], a.panels, 64, key);
	assert_true(isfinite(key[0]) && key[3] == INFINITY);
	vs_tile_limit_l1(key[0], 64, a.limit, a.gain);
	run(&k, &m, &a);
	for (i = 0; i < 16; i++) {
		if (i != 3)
			assert_true(seen[0][i]);
	}
	vs_tile_limit_l1(FLT_MAX / 8, 64, a.limit, a.gain);
	assert_int_equal(run(&k, &m, &a), 0);
	memory_free(&m);
}

/* A NaN in a row or query passes, alone where it belongs to one row. */
static void nan_f32(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory_f32 m = memory_new();
	static struct tile a;
	struct vs_rng r;
	unsigned w, q;
	size_t i, x;

	vs_rng_init(&r, 19, VS_STREAM_TEST);
	for (w = 0; w < 4 * 8; w++) {
		a.t.w = a.t.n_q = widths[w / 8];
		a.t.n_panels = 1 + w % 8;
		a.t.d = 19;
		tile_fill(&a, &m, KIND_INT, &r);
		for (q = 0; q < a.t.n_q; q++)
			a.limit[q] = -1;
		assert_int_equal(run(&k, &m, &a), 0);
		x = rnd_below(&r, a.n_rows);
		q = rnd(&r) % a.t.n_q;
		i = x / 16 * a.t.d * 16 + 7 * 16 + x % 16;
		a.panels[i] = NAN;
		assert_int_equal(run(&k, &m, &a), a.t.n_q);
		assert_true(seen[q][x]);
		a.panels[i] = 0;
		a.packed[5 * a.t.w + q] = NAN;
		assert_int_equal(run(&k, &m, &a), a.n_rows);
		assert_true(seen[q][x]);
	}
	memory_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH_TABLE(exact_u8),	 EACH_TABLE(widest_u8),
		EACH_TABLE(rule_f32),	 EACH_TABLE(promise_f32),
		EACH_TABLE(tight_f32),	 EACH_TABLE(overflow_f32),
		EACH_TABLE(nan_f32),
	};

	tables_print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
