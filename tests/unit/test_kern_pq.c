/* test_kern_pq.c - the filters of product quantizers: the rows that the rule of
 * vs/kern.h names and no others, in every table. */
#include "kern_test.h"

#include <math.h>

#define ROWS (VS_TILE_PANELS * VS_PANEL_ROWS)
#define M_MAX 300

/* A tile between guard pages. */
struct pq_tile {
	struct vs_tile_pq t;
	unsigned bits;
	const uint8_t *tables[VS_TILE_W];
};

struct memory {
	struct arena panels, terms, c, g, pass, table[VS_TILE_W];
};

static struct memory memory_new(void)
{
	struct memory m = { .panels = arena_new(M_MAX * ROWS),
			    .terms = arena_new(ROWS * 4),
			    .c = arena_new(VS_TILE_W * 4),
			    .g = arena_new(VS_TILE_W * 4),
			    .pass = arena_new(VS_PASS_MAX *
					      sizeof(struct vs_pass)) };
	unsigned q;

	for (q = 0; q < VS_TILE_W; q++)
		m.table[q] = arena_new(vs_pq8_table_bytes(M_MAX));
	return m;
}

static void memory_free(struct memory *m)
{
	unsigned q;

	arena_free(&m->panels);
	arena_free(&m->terms);
	arena_free(&m->c);
	arena_free(&m->g);
	arena_free(&m->pass);
	for (q = 0; q < VS_TILE_W; q++)
		arena_free(&m->table[q]);
}

static unsigned code_of(const struct pq_tile *a, size_t row, size_t s)
{
	size_t m = a->t.m, bytes = a->bits == 8 ? m : (m + 1) / 2;
	const uint8_t *panel = a->t.panels + row / 16 * 16 * bytes + row % 16;

	if (a->bits == 8)
		return panel[s * 16];
	return (unsigned)panel[s / 2 * 16] >> s % 2 * 4 & 15;
}

static unsigned sum_of(const struct pq_tile *a, unsigned q, size_t row)
{
	const uint8_t *table = a->t.tables[q];
	unsigned sum = 0;
	size_t s;

	for (s = 0; s < a->t.m; s++)
		sum += table[(a->bits == 8 ? s * 256 : vs_pq4_table_at(s)) +
			     code_of(a, row, s)];
	return sum;
}

static bool passes(const struct pq_tile *a, unsigned q, size_t row)
{
	volatile float product, bound = a->t.c[q];

	if (a->t.terms != NULL) {
		product = a->t.g[q] * a->t.terms[row];
		bound = product + a->t.c[q];
	}
	return !((float)sum_of(a, q, row) > bound);
}

static void check(const struct pq_tile *a, const struct vs_pass *pass,
		  size_t n)
{
	size_t rows = a->t.n_panels * 16, row, i;
	bool *seen = calloc(VS_TILE_W * ROWS, 1);
	unsigned q;

	for (i = 0; i < n; i++) {
		assert_true(pass[i].q < a->t.n_q && pass[i].row < rows);
		assert_false(seen[pass[i].q * ROWS + pass[i].row]);
		seen[pass[i].q * ROWS + pass[i].row] = true;
	}
	for (q = 0; q < a->t.n_q; q++)
		for (row = 0; row < rows; row++)
			if (seen[q * ROWS + row] != passes(a, q, row))
				fail_msg("m %zu query %u row %zu", a->t.m, q,
					 row);
	free(seen);
}

/* Tables whose bytes keep within the rule: the largest possible ones often. */
static void fill_table(const struct pq_tile *a, uint8_t *table, size_t bytes,
		       struct vs_rng *r)
{
	size_t m = a->t.m, s, i;
	unsigned cap, most = VS_PQ_SUM_MAX / (unsigned)m;

	memset(table, 0, bytes);
	for (s = 0; s < m; s++) {
		uint8_t *at = table + (a->bits == 8 ? s * 256 :
						      vs_pq4_table_at(s));

		cap = a->bits == 8 ? 255 : s % 2 ? 100 : 155;
		cap = cap < most ? cap : most;
		for (i = 0; i < (a->bits == 8 ? 256u : 16u); i++)
			at[i] = (uint8_t)(rnd(r) % 5 == 0 ? cap :
							    rnd(r) % (cap + 1));
	}
}

static void place(struct pq_tile *a, struct memory *m, struct vs_rng *r)
{
	size_t n_rows = a->t.n_panels * 16, i;
	size_t bytes = n_rows * (a->bits == 8 ? a->t.m : (a->t.m + 1) / 2);
	size_t table = a->bits == 8 ? vs_pq8_table_bytes(a->t.m) :
				      vs_pq4_table_bytes(a->t.m);
	bool at_end = rnd(r) & 1;
	uint8_t *panels = arena_put(&m->panels, bytes, 1, at_end);
	float *terms = arena_put(&m->terms, n_rows * 4, 4, at_end);
	float *c = arena_put(&m->c, a->t.n_q * 4, 4, at_end);
	float *g = arena_put(&m->g, a->t.n_q * 4, 4, at_end);
	unsigned q;

	for (i = 0; i < bytes; i++)
		panels[i] = (uint8_t)rnd(r);
	for (i = 0; a->bits == 4 && a->t.m % 2 && i < bytes; i++)
		if (i / 16 % ((a->t.m + 1) / 2) == a->t.m / 2)
			panels[i] &= 15;
	a->t.panels = panels;
	a->t.tables = a->tables;
	for (q = 0; q < a->t.n_q; q++) {
		uint8_t *p = arena_put(&m->table[q], table, 64, at_end);

		fill_table(a, p, table, r);
		a->tables[q] = p;
	}
	a->t.terms = terms;
	a->t.c = c;
	a->t.g = g;
	for (i = 0; i < n_rows; i++)
		terms[i] = rnd(r) % 50 ? rnd_float(r, KIND_UNIT) * 100 : NAN;
	for (q = 0; q < a->t.n_q; q++) {
		g[q] = rnd_float(r, KIND_UNIT) * 4;
		c[q] = (float)sum_of(a, q, rnd(r) % n_rows) +
		       (float)(rnd(r) % 3) - 1;
		if (rnd(r) % 20 == 0)
			c[q] = rnd(r) % 2 ? NAN : INFINITY;
	}
	if (rnd(r) % 3 == 0)
		a->t.terms = NULL;
}

static void run(const struct vs_kern *k, struct pq_tile *a, struct memory *m,
		struct vs_rng *r)
{
	struct vs_pass *pass;
	size_t n;

	place(a, m, r);
	pass = arena_put(&m->pass, VS_PASS_MAX * sizeof(*pass), 64, true);
	n = a->bits == 8 ? k->filter_pq8(&a->t, pass) :
			   k->filter_pq4(&a->t, pass);
	check(a, pass, n);
	arena_check(&m->pass, pass, VS_PASS_MAX * sizeof(*pass));
}

static void rule(void **state)
{
	const struct vs_kern k = table_get(state);
	struct memory m = memory_new();
	struct pq_tile a = { 0 };
	struct vs_rng r;

	vs_rng_init(&r, 3, VS_STREAM_TEST);
	for (a.bits = 4; a.bits <= 8; a.bits += 4) {
		for (a.t.m = 1; a.t.m <= M_MAX; a.t.m += a.t.m < 70 ? 1 : 23) {
			a.t.n_panels = 1 + rnd_below(&r, VS_TILE_PANELS);
			a.t.n_q = 1 + (unsigned)rnd_below(&r, VS_TILE_W);
			run(&k, &a, &m, &r);
		}
	}
	memory_free(&m);
}

static void every_count(void **state)
{
	const struct vs_kern k = table_get(state);
	struct memory m = memory_new();
	struct pq_tile a = { 0 };
	struct vs_rng r;

	vs_rng_init(&r, 4, VS_STREAM_TEST);
	a.t.m = 13;
	for (a.bits = 4; a.bits <= 8; a.bits += 4)
		for (a.t.n_q = 1; a.t.n_q <= VS_TILE_W; a.t.n_q++)
			for (a.t.n_panels = 1; a.t.n_panels <= VS_TILE_PANELS;
			     a.t.n_panels++)
				run(&k, &a, &m, &r);
	memory_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH_TABLE(rule),
		EACH_TABLE(every_count),
	};

	tables_print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
