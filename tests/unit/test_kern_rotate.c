/* test_kern_rotate.c - rotations of rows: the documented bits, in every table,
 * for tiles and what is left of them, and not a byte read or written too
 * much. */
#include "kern_test.h"

#include <math.h>

#define ROWS 29u
#define DIM 70u
#define PANELS 3u

/* The memory of one case. */
struct memory {
	struct arena rows, panels, out;
};

static void same(float got, float want)
{
	if (isnan(want))
		assert_true(isnan(got));
	else
		assert_memory_equal(&got, &want, sizeof(got));
}

/* The order of vs/kern.h, written a second time. */
static float reference(const float *row, const float *panel, size_t lane,
		       size_t d)
{
	volatile float sum = 0;
	size_t i;

	for (i = 0; i < d; i++) {
		volatile float t = row[i] * panel[i * 16 + lane];

		sum = sum + t;
	}
	return sum;
}

static void check(const struct vs_kern *k, struct memory *m, size_t n,
		  size_t d, struct vs_rng *r)
{
	size_t n_panels = 1 + rnd_below(r, PANELS), width = n_panels * 16;
	bool at_end = rnd_below(r, 2) == 0;
	enum kind kind = (enum kind)rnd_below(r, KIND_N);
	float *rows = arena_put(&m->rows, n * d * 4, 4, at_end);
	float *panels = arena_put(&m->panels, d * width * 4, 64, at_end);
	float *out = arena_put(&m->out, n * width * 4, 4, at_end);
	size_t i, x;

	for (i = 0; i < n * d; i++)
		rows[i] = rnd_float(r, kind);
	for (i = 0; i < d * width; i++)
		panels[i] = rnd_float(r, kind);
	k->rotate_f32(rows, n, d, panels, n_panels, out);
	for (i = 0; i < n; i++)
		for (x = 0; x < width; x++)
			same(out[i * width + x],
			     reference(rows + i * d, panels + x / 16 * d * 16,
				       x % 16, d));
	arena_check(&m->out, out, n * width * 4);
}

static void same_bits(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory m = { arena_new(ROWS * DIM * 4),
			    arena_new(PANELS * 16 * DIM * 4),
			    arena_new(ROWS * PANELS * 16 * 4) };
	struct vs_rng r;
	size_t n, d;

	vs_rng_init(&r, 1, VS_STREAM_TEST);
	for (n = 1; n <= ROWS; n++)
		for (d = 1; d <= DIM; d += d < 10 ? 1 : 20)
			check(&k, &m, n, d, &r);
	arena_free(&m.rows);
	arena_free(&m.panels);
	arena_free(&m.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH_TABLE(same_bits),
	};

	tables_print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
