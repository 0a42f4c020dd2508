/* test_kern_scores.c - scores of bytes: exact products in f32 roundings, for
 * every width, count and dimension, and nothing written past them. */
#include "kern_test.h"

#include <math.h>

#define DIM_MAX 700
#define PANELS 19
#define ROWS (PANELS * VS_PANEL_ROWS)

static const unsigned widths[] = { 1, 4, 8, 12 };

struct memory {
	struct arena panels, packed, terms, out;
	uint8_t row[ROWS][DIM_MAX];
	int8_t query[VS_TILE_W][DIM_MAX];
};

static void fill(struct memory *m, size_t d, struct vs_rng *r)
{
	size_t x, i;

	for (x = 0; x < ROWS; x++)
		for (i = 0; i < d; i++)
			m->row[x][i] = (uint8_t)(x % 8 ? rnd(r) : 255);
	for (x = 0; x < VS_TILE_W; x++)
		for (i = 0; i < d; i++)
			m->query[x][i] = (int8_t)(x % 4 ? (int)(rnd(r) % 256) -
								  128
							: -128);
}

static void compare(const struct memory *m, const struct vs_tile_scores *t,
		    const float *out, size_t stride)
{
	size_t x, i;
	unsigned q;

	for (q = 0; q < t->n_q; q++) {
		for (x = 0; x < t->n_panels * VS_PANEL_ROWS; x++) {
			double gain = (double)t->gain[q];
			double term = (double)t->terms[x], want;
			int32_t acc = 0;

			for (i = 0; i < t->d; i++)
				acc += m->row[x][i] * m->query[q][i];
			want = term - gain * acc;
			assert_true(fabs((double)out[q * stride + x] - want) <=
				    0x1p-22 * (fabs(term) + fabs(gain * acc)));
		}
	}
}

static void one_call(const struct vs_kern *k, struct memory *m,
		     struct vs_tile_scores *t, struct vs_rng *r)
{
	size_t n_rows = t->n_panels * VS_PANEL_ROWS, x, stride, n_out;
	size_t bytes = vs_panel_bytes(VS_U8, t->d);
	bool at_end = rnd(r) & 1;
	uint8_t *panels =
		arena_put(&m->panels, bytes * t->n_panels, 64, at_end);
	float *terms = arena_put(&m->terms, n_rows * 4, 64, at_end);
	int8_t *packed = arena_put(&m->packed, (t->d + 3) / 4 * 4 * t->w, 64,
				   at_end);
	const uint8_t *row[VS_PANEL_ROWS], *query[VS_TILE_W];
	float gain[VS_TILE_W], *out;
	unsigned q;

	for (x = 0; x < n_rows; x++) {
		row[x % 16] = m->row[x];
		terms[x] = rnd_float(r, KIND_UNIT) * 1e5f;
		if (x % 16 == 15)
			vs_pack_panel_u8(row, t->d, panels + x / 16 * bytes);
	}
	for (q = 0; q < t->w; q++) {
		query[q] = (const uint8_t *)m->query[q];
		gain[q] = rnd_float(r, KIND_UNIT);
	}
	/* Signed bytes go as they are. */
	vs_pack_queries_l1_u8(query, t->n_q, t->w, t->d, packed);
	stride = n_rows + 16 * rnd_below(r, 3);
	n_out = (t->n_q - 1) * stride + n_rows;
	out = arena_put(&m->out, n_out * 4, 64, at_end);
	t->panels = panels;
	t->packed = packed;
	t->terms = terms;
	t->gain = gain;
	k->scores_u8(t, out, stride);
	compare(m, t, out, stride);
	arena_check(&m->out, out, n_out * 4);
}

static void scores(void **state)
{
	static const size_t dims[] = { 1, 3, 4, 5, 64, 127, 255, 257, DIM_MAX };
	static struct memory m;
	struct vs_kern k = table_get(state);
	struct vs_tile_scores t = { .n_panels = 1 };
	struct vs_rng r;
	size_t i, w;

	m.panels = arena_new(vs_panel_bytes(VS_U8, DIM_MAX) * PANELS);
	m.packed = arena_new((DIM_MAX + 3) * VS_TILE_W);
	m.terms = arena_new(ROWS * 4);
	m.out = arena_new((ROWS + 48) * 4 * VS_TILE_W);
	vs_rng_init(&r, 11, VS_STREAM_TEST);
	for (i = 0; i < sizeof(dims) / sizeof(dims[0]); i++) {
		t.d = dims[i];
		fill(&m, t.d, &r);
		for (w = 0; w < 4; w++) {
			t.w = widths[w];
			for (t.n_q = 1; t.n_q <= t.w; t.n_q++) {
				t.n_panels = 1 + rnd_below(&r, PANELS);
				one_call(&k, &m, &t, &r);
			}
		}
	}
	arena_free(&m.panels);
	arena_free(&m.packed);
	arena_free(&m.terms);
	arena_free(&m.out);
}

/* The largest sums there are. */
static void extremes(void **state)
{
	struct vs_kern k = table_get(state);
	size_t d = VS_LIN_DIM_MAX, i;
	uint8_t *panel = aligned_alloc(64, vs_panel_bytes(VS_U8, d));
	int8_t *packed = aligned_alloc(64, d * 4);
	_Alignas(64) float terms[VS_PANEL_ROWS] = { 0 };
	_Alignas(64) float out[4 * VS_PANEL_ROWS];
	float gain[4] = { 1, 1, 1, 1 };
	struct vs_tile_scores t = { panel, 1, d, packed, 4, 4, terms, gain };
	int value;

	memset(panel, 255, vs_panel_bytes(VS_U8, d));
	for (value = -128; value <= 127; value += 255) {
		memset(packed, value, d * 4);
		k.scores_u8(&t, out, VS_PANEL_ROWS);
		for (i = 0; i < 4 * VS_PANEL_ROWS; i++)
			assert_true(out[i] == (float)(-255 * value * (int)d));
	}
	free(panel);
	free(packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH_TABLE_AND_TWIN(scores),
		EACH_TABLE_AND_TWIN(extremes),
	};

	tables_print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
