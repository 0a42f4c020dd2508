/* test_kern_f32.c - the f32 filters and scores: no row that the canonical
 * kernel accepts is ever rejected, and what is clearly too far is. */
#include "kern_test.h"

#include <float.h>
#include <math.h>

#define ROWS (VS_TILE_PANELS * VS_PANEL_ROWS)
#define DIM_MAX 960

static const unsigned widths[] = { 1, 4, 8, 12 };

struct memory {
	struct arena panels, packed, terms, limit, gain, pass, out;
};

static struct memory memory_new(void)
{
	struct memory m = { arena_new(DIM_MAX * 64 * VS_TILE_PANELS),
			    arena_new(DIM_MAX * 4 * VS_TILE_W),
			    arena_new(3 * ROWS * 4),
			    arena_new(VS_TILE_W * 4),
			    arena_new(VS_TILE_W * 4),
			    arena_new(VS_PASS_MAX * sizeof(struct vs_pass)),
			    arena_new(VS_TILE_W * (3 * ROWS + 5) * 4) };

	return m;
}

static void memory_free(struct memory *m)
{
	arena_free(&m->panels);
	arena_free(&m->packed);
	arena_free(&m->terms);
	arena_free(&m->limit);
	arena_free(&m->gain);
	arena_free(&m->pass);
	arena_free(&m->out);
}

/* One tile and its rows and queries in the clear. */
struct tile {
	struct vs_tile_f32 t;
	float query[VS_TILE_W][DIM_MAX];
	float *panels, *packed, *terms, *limit, *gain;
	size_t n_rows;
};

/* Places a tile of t.d, t.w, t.n_q and t.n_panels and fills its vectors. */
static void tile_fill(struct tile *a, struct memory *m, enum kind kind,
		      struct vs_rng *r)
{
	struct vs_tile_f32 *t = &a->t;
	bool at_end = rnd(r) & 1;
	const float *query[VS_TILE_W];
	size_t i;
	unsigned q;

	a->n_rows = t->n_panels * VS_PANEL_ROWS;
	a->panels = arena_put(&m->panels, t->d * 4 * a->n_rows, 64, at_end);
	a->packed = arena_put(&m->packed, t->d * 4 * t->w, 64, at_end);
	a->terms = arena_put(&m->terms, a->n_rows * 4, 64, at_end);
	a->limit = arena_put(&m->limit, t->w * 4, 4, at_end);
	a->gain = arena_put(&m->gain, t->w * 4, 4, at_end);
	for (i = 0; i < t->d * a->n_rows; i++)
		a->panels[i] = rnd_float(r, kind);
	for (q = 0; q < t->w; q++) {
		query[q] = a->query[q];
		for (i = 0; i < t->d; i++)
			a->query[q][i] = rnd_float(r, kind);
		a->limit[q] = a->gain[q] = 0;
	}
	vs_pack_queries_f32(query, t->n_q, t->w, t->d, a->packed);
	t->panels = a->panels;
	t->packed = a->packed;
	t->terms = a->terms;
	t->limit = a->limit;
	t->gain = a->gain;
}

static const float *panel_of(const struct tile *a, size_t row)
{
	return a->panels + row / 16 * a->t.d * 16;
}

/* Runs the filter and marks what passed. */
static size_t run(const struct vs_kern *k, struct memory *m,
		  const struct tile *a, bool seen[VS_TILE_W][ROWS])
{
	struct vs_pass *pass =
		arena_put(&m->pass, VS_PASS_MAX * sizeof(*pass), 4, a->t.d & 1);
	size_t i, n = k->filter_f32(&a->t, pass);

	memset(seen, 0, VS_TILE_W * ROWS * sizeof(bool));
	assert_true(n <= VS_PASS_MAX);
	for (i = 0; i < n; i++) {
		assert_true(pass[i].q < a->t.n_q);
		assert_true(pass[i].row < a->n_rows);
		assert_false(seen[pass[i].q][pass[i].row]);
		seen[pass[i].q][pass[i].row] = true;
	}
	arena_check(&m->pass, pass, VS_PASS_MAX * sizeof(*pass));
	return n;
}

/* ---- the rule itself, on small integers, where nothing is rounded -------- */

static double exact_acc(const struct tile *a, size_t row, unsigned q)
{
	const float *p = panel_of(a, row);
	double acc = 0;
	size_t i;

	for (i = 0; i < a->t.d; i++)
		acc += (double)p[i * 16 + row % 16] * (double)a->query[q][i];
	return acc;
}

static void rule_one(const struct vs_kern *k, struct memory *m, struct tile *a,
		     struct vs_rng *r)
{
	static const float gains[] = { -1, -0.5f, 0, 0.25f, 2 };
	bool seen[VS_TILE_W][ROWS];
	size_t x;
	unsigned q;

	tile_fill(a, m, KIND_INT, r);
	for (x = 0; x < a->n_rows; x++)
		a->terms[x] = (float)(int)(rnd(r) % 1000) - 500;
	for (q = 0; q < a->t.w; q++) {
		a->gain[q] = gains[rnd(r) % 5];
		x = rnd_below(r, a->n_rows); /* a tie with some row */
		a->limit[q] = (float)(-2 * exact_acc(a, x, q)) -
			      a->gain[q] * a->terms[x];
	}
	run(k, m, a, seen);
	for (q = 0; q < a->t.n_q; q++) {
		for (x = 0; x < a->n_rows; x++) {
			double right = (double)a->limit[q] +
				       (double)a->gain[q] * (double)a->terms[x];

			assert_int_equal(seen[q][x],
					 !(-2 * exact_acc(a, x, q) > right));
		}
	}
}

static void rule(void **state)
{
	static const size_t dims[] = { 1, 2, 3, 5, 16, 31, 64, 100, 129 };
	struct vs_kern k = table_get(state);
	struct memory m = memory_new();
	static struct tile a;
	struct vs_rng r;
	size_t d, w;

	vs_rng_init(&r, 8, VS_STREAM_TEST);
	for (d = 0; d < sizeof(dims) / sizeof(dims[0]); d++) {
		a.t.d = dims[d];
		for (w = 0; w < 4; w++) {
			a.t.w = widths[w];
			for (a.t.n_q = 1; a.t.n_q <= a.t.w; a.t.n_q++) {
				a.t.n_panels = 1 + rnd_below(&r, 8);
				rule_one(&k, &m, &a, &r);
			}
		}
	}
	a.t.d = 33;
	a.t.w = 12;
	for (a.t.n_q = 1; a.t.n_q <= 12; a.t.n_q++) {
		for (a.t.n_panels = 1; a.t.n_panels <= 8; a.t.n_panels++)
			rule_one(&k, &m, &a, &r);
	}
	memory_free(&m);
}

/* ---- the promise: tiles reject nothing that the canonical kernel accepts - */

/* Rows seen by one metric: what canonical says, and what must be rejected. */
struct counts {
	size_t accepted, rejected, clear;
};

static void make_terms(struct tile *a, bool l2)
{
	float row[DIM_MAX];
	size_t x;

	for (x = 0; x < a->n_rows; x++) {
		vs_unpack_row_f32(panel_of(a, x), x % 16, a->t.d, row);
		a->terms[x] = l2 ? vs_term_l2_f32(row, a->t.d)
				 : vs_term_ip_f32(row, a->t.d);
	}
}

/* Canonical keys of one query and all rows. */
static void keys_of(const struct tile *a, bool l2, unsigned q, float *key)
{
	const struct vs_kern *k = vs_kern_exact(VS_CPU_GENERIC);
	size_t x;

	for (x = 0; x < a->n_rows; x += 16) {
		if (l2)
			k->l2sq_f32_panel(a->query[q], panel_of(a, x), a->t.d,
					  key + x);
		else
			k->ip_f32_panel(a->query[q], panel_of(a, x), a->t.d,
					key + x);
	}
}

/* True when exact arithmetic leaves no doubt that the row is too far: four
 * times the bound away from the threshold. */
static bool clearly_far(const struct tile *a, bool l2, unsigned q, size_t x,
			float thr)
{
	double g = 4 * vs_f32_gamma(a->t.d), acc = exact_acc(a, x, q);
	double q2 = vs_norm2_f32(a->query[q], a->t.d), x2, slack;
	float row[DIM_MAX];

	vs_unpack_row_f32(panel_of(a, x), x % 16, a->t.d, row);
	x2 = vs_norm2_f32(row, a->t.d);
	if (q2 >= 0x1p120 || x2 >= 0x1p120 || isinf(thr))
		return false; /* overflow: passing is right */
	slack = g * fabs((double)thr) + (double)a->t.d * 0x1p-120;
	if (l2)
		return x2 + q2 - 2 * acc > (double)thr + slack + g * (x2 + q2);
	return acc < (double)thr - slack - 2 * g * sqrt(x2 * q2);
}

static void promise_one(const struct vs_kern *k, struct memory *m,
			struct tile *a, bool l2, struct vs_rng *r,
			struct counts *c)
{
	static float key[VS_TILE_W][ROWS];
	bool seen[VS_TILE_W][ROWS];
	float thr[VS_TILE_W];
	unsigned q;
	size_t x;

	make_terms(a, l2);
	for (q = 0; q < a->t.n_q; q++) {
		double norm2 = vs_norm2_f32(a->query[q], a->t.d);

		keys_of(a, l2, q, key[q]);
		thr[q] = key[q][rnd_below(r, a->n_rows)];
		if (isnan(thr[q]))
			thr[q] = 0;
		if (rnd(r) % 16 == 0)
			thr[q] = l2 ? INFINITY : -INFINITY;
		if (l2)
			vs_tile_limit_l2(thr[q], norm2, a->t.d, &a->limit[q],
					 &a->gain[q]);
		else
			vs_tile_limit_ip(thr[q], norm2, a->t.d, &a->limit[q],
					 &a->gain[q]);
	}
	run(k, m, a, seen);
	for (q = 0; q < a->t.n_q; q++) {
		for (x = 0; x < a->n_rows; x++) {
			bool accept =
				l2 ? key[q][x] <= thr[q] : key[q][x] >= thr[q];

			c->accepted += accept;
			c->rejected += !seen[q][x];
			if (accept)
				assert_true(seen[q][x]);
			if (!clearly_far(a, l2, q, x, thr[q]))
				continue;
			c->clear++;
			assert_false(seen[q][x]);
		}
	}
}

/* Some rows become copies of a query, or of it with one element moved, so that
 * keys are tiny beside the norms. */
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

static void promise(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory m = memory_new();
	static struct tile a;
	struct counts c[KIND_N] = { { 0, 0, 0 } };
	struct vs_rng r;
	unsigned kind;
	size_t turn;

	vs_rng_init(&r, 9, VS_STREAM_TEST);
	for (turn = 0; turn < 130 * 2 * 2 * KIND_N; turn++) {
		kind = (unsigned)turn % KIND_N;
		a.t.d = turn / (2 * 2 * KIND_N);
		a.t.d = a.t.d == 0 ? DIM_MAX : a.t.d;
		a.t.w = widths[rnd(&r) % 4];
		a.t.n_q = 1 + rnd(&r) % a.t.w;
		a.t.n_panels = 1 + rnd_below(&r, a.t.d == DIM_MAX ? 3 : 8);
		tile_fill(&a, &m, kind, &r);
		if (turn / KIND_N % 2)
			near_copies(&a, &r);
		promise_one(&k, &m, &a, turn / (2 * KIND_N) % 2, &r, &c[kind]);
	}
	for (kind = 0; kind < KIND_N; kind++) {
		print_message("# %s kind %u: accepted %zu, rejected %zu, "
			      "clearly far %zu\n",
			      k.name, kind, c[kind].accepted, c[kind].rejected,
			      c[kind].clear);
		assert_true(c[kind].accepted > 1000);
		assert_true(c[kind].rejected > 1000);
		assert_true(kind == KIND_HUGE || c[kind].clear > 1000);
	}
	memory_free(&m);
}

/* ---- overflow by hand ---------------------------------------------------- */

/* Four elements whose partial sums overflow in one order and not in another:
 * the canonical product is 0, a sum in index order is -infinity.  Whether the
 * row or the query is the large one, or both. */
static void overflow_orders(void **state)
{
	static const float signs[4] = { -1, -1, 1, 1 };
	struct vs_kern k = table_get(state);
	struct memory m = memory_new();
	static struct tile a;
	bool seen[VS_TILE_W][ROWS];
	float key[ROWS];
	struct vs_rng r;
	int exponent;
	size_t i;

	vs_rng_init(&r, 10, VS_STREAM_TEST);
	a.t.d = 4;
	a.t.w = a.t.n_q = 1;
	a.t.n_panels = 1;
	tile_fill(&a, &m, KIND_UNIT, &r);
	for (exponent = 10; exponent <= 117; exponent++) {
		for (i = 0; i < 64; i++)
			a.panels[i] = ldexpf(signs[i / 16], exponent);
		for (i = 0; i < 4; i++)
			a.packed[i] = a.query[0][i] =
				ldexpf(1.5f, 127 - exponent);
		make_terms(&a, false);
		keys_of(&a, false, 0, key);
		assert_true(key[0] == 0);
		vs_tile_limit_ip(-1, vs_norm2_f32(a.query[0], 4), 4, a.limit,
				 a.gain);
		assert_int_equal(run(&k, &m, &a, seen), 16);
	}
	memory_free(&m);
}

/* L2 with |x|^2 past FLT_MAX and a finite distance. */
static void overflow_norm(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory m = memory_new();
	static struct tile a;
	bool seen[VS_TILE_W][ROWS];
	float key[ROWS];
	struct vs_rng r;
	size_t i;

	vs_rng_init(&r, 13, VS_STREAM_TEST);
	a.t.d = 4;
	a.t.w = a.t.n_q = 1;
	a.t.n_panels = 1;
	tile_fill(&a, &m, KIND_UNIT, &r);
	for (i = 0; i < 64; i++)
		a.panels[i] = i < 16 ? 1.9e19f : 0;
	for (i = 0; i < 4; i++)
		a.packed[i] = a.query[0][i] = i < 1 ? 0.5e19f : 0;
	make_terms(&a, true);
	keys_of(&a, true, 0, key);
	assert_true(key[0] < 2e38f);
	vs_tile_limit_l2(2e38f, vs_norm2_f32(a.query[0], 4), 4, a.limit,
			 a.gain);
	assert_int_equal(run(&k, &m, &a, seen), 16);
	memory_free(&m);
}

/* A NaN anywhere passes, alone where it belongs to one row. */
static void nan_passes(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory m = memory_new();
	static struct tile a;
	bool seen[VS_TILE_W][ROWS];
	struct vs_rng r;
	unsigned w, q;
	size_t i, x, n;

	vs_rng_init(&r, 11, VS_STREAM_TEST);
	for (w = 0; w < 4 * 8; w++) {
		a.t.w = a.t.n_q = widths[w / 8];
		a.t.n_panels = 1 + w % 8;
		a.t.d = 19;
		tile_fill(&a, &m, KIND_INT, &r);
		for (x = 0; x < a.n_rows; x++)
			a.terms[x] = 1;
		for (q = 0; q < a.t.n_q; q++) {
			a.limit[q] = -1e9f;
			a.gain[q] = 1;
		}
		assert_int_equal(run(&k, &m, &a, seen), 0);
		x = rnd_below(&r, a.n_rows);
		q = rnd(&r) % a.t.n_q;
		i = x / 16 * a.t.d * 16 + 7 * 16 + x % 16;
		a.panels[i] = NAN;
		assert_int_equal(run(&k, &m, &a, seen), a.t.n_q);
		assert_true(seen[q][x]);
		a.panels[i] = 0;
		a.terms[x] = NAN;
		assert_int_equal(run(&k, &m, &a, seen), a.t.n_q);
		assert_true(seen[q][x]);
		a.terms[x] = 1;
		for (n = 0; n < 3; n++) {
			float *at = n == 0   ? &a.packed[5 * a.t.w + q]
				    : n == 1 ? &a.limit[q]
					     : &a.gain[q];
			float old = *at;

			*at = NAN;
			assert_int_equal(run(&k, &m, &a, seen), a.n_rows);
			assert_true(seen[q][x]);
			*at = old;
		}
	}
	memory_free(&m);
}

/* ---- scores -------------------------------------------------------------- */

static void scores_one(const struct vs_kern *k, struct memory *m,
		       struct tile *a, enum kind kind, struct vs_rng *r)
{
	size_t stride, x, len;
	float *out, row[DIM_MAX];
	unsigned q;

	tile_fill(a, m, kind, r);
	make_terms(a, true);
	stride = a->n_rows + rnd_below(r, 5);
	len = (a->t.n_q - 1) * stride + a->n_rows;
	out = arena_put(&m->out, len * 4, 4, rnd(r) & 1);
	for (x = 0; x < len; x++)
		out[x] = 77;
	k->scores_f32(&a->t, out, stride);
	arena_check(&m->out, out, len * 4);
	for (x = 0; x < len; x++) {
		double want, bound;

		q = (unsigned)(x / stride);
		if (x % stride >= a->n_rows) {
			assert_true(out[x] == 77);
			continue;
		}
		vs_unpack_row_f32(panel_of(a, x % stride), x % stride % 16,
				  a->t.d, row);
		bound = sqrt(vs_norm2_f32(row, a->t.d) *
			     vs_norm2_f32(a->query[q], a->t.d));
		want = (double)a->terms[x % stride] -
		       2 * exact_acc(a, x % stride, q);
		bound = bound * vs_f32_gamma(a->t.d) + fabs(want) * 0x1p-23;
		if (kind == KIND_INT)
			assert_true((double)out[x] == want);
		else
			assert_true(fabs((double)out[x] - want) <= bound);
	}
}

static void scores(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory m = memory_new();
	static struct tile a;
	struct vs_rng r;
	size_t w;

	vs_rng_init(&r, 12, VS_STREAM_TEST);
	for (a.t.d = 1; a.t.d <= 129; a.t.d++) {
		for (w = 0; w < 4; w++) {
			a.t.w = widths[w];
			a.t.n_q = 1 + rnd(&r) % a.t.w;
			a.t.n_panels = 1 + rnd_below(&r, 20);
			scores_one(&k, &m, &a, KIND_INT, &r);
			a.t.n_panels = 1 + rnd_below(&r, 20);
			scores_one(&k, &m, &a, KIND_UNIT, &r);
		}
	}
	a.t.d = DIM_MAX;
	a.t.w = 12;
	a.t.n_panels = 8;
	for (a.t.n_q = 1; a.t.n_q <= 12; a.t.n_q++)
		scores_one(&k, &m, &a, KIND_CANCEL, &r);
	memory_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH_TABLE(rule),
		EACH_TABLE(promise),
		EACH_TABLE(overflow_orders),
		EACH_TABLE(overflow_norm),
		EACH_TABLE(nan_passes),
		EACH_TABLE(scores),
	};

	tables_print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
