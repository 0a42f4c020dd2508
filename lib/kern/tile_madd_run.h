/* tile_madd_run.h - template of the u8 driver without VNNI: widens blocks of
 * the queries, adds them up in register tiles and collects what passes.
 *
 * The including file has defined what tile_madd.h asks for, MADD_ISA (last word
 * of the function name), maddt_loadu (any address), maddt_even_signed,
 * maddt_odd_signed, maddt_sub, maddt_half (each lane halved, rounded down),
 * maddt_not_negative (lane bits), maddt_lin (minus the linear bound of a query
 * and MADD_P rows), maddt_score (of sums, a gain and terms) and the table
 * madd_shapes, which has for 4 queries and for 1
 * the rows of one panel and larger ones before it.
 */
#include "each.h"

#include <string.h>

#define MADD_API(op) VS_CAT(vs_##op##_, MADD_ISA)

MADD_ATTR static void madd_start(const struct vs_tile_u8 *t, int32_t *sums)
{
	int32_t half[VS_TILE_W];
	size_t k, r;

	for (k = 0; t->lin != NULL && k < t->w; k++) {
		for (r = 0; r < t->n_panels * VS_PANEL_ROWS; r += MADD_P)
			maddt_store(sums + k * MADD_ROWS_MAX + r,
				    maddt_lin(t->lin, k, r));
	}
	if (t->lin != NULL)
		return;
	vs_half_limits(t, half);
	for (k = 0; k < t->w; k++) {
		for (r = 0; r < t->n_panels * VS_PANEL_ROWS; r += MADD_P)
			maddt_store(sums + k * MADD_ROWS_MAX + r,
				    maddt_sub(maddt_set1(half[k]),
					      maddt_half(maddt_load(t->terms +
								    r))));
	}
}

/* n words: their bytes as pairs of signed 16-bit numbers.  Writes whole
 * vectors. */
MADD_ATTR static void madd_widen(const int8_t *packed, size_t n, int32_t *even,
				 int32_t *odd)
{
	_Alignas(64) int32_t last[MADD_P] = { 0 };
	size_t i;

	for (i = 0; i < n; i += MADD_P) {
		const void *from = packed + i * 4;
		maddt_t v;

		if (n - i < MADD_P)
			from = memcpy(last, from, (n - i) * 4);
		v = maddt_loadu(from);
		maddt_store(even + i, maddt_even_signed(v));
		maddt_store(odd + i, maddt_odd_signed(v));
	}
}

static const struct madd_shape *madd_pick(unsigned q, size_t rows)
{
	const struct madd_shape *shape = madd_shapes;

	while (shape->q != q || shape->rows > rows)
		shape++;
	return shape;
}

/* Adds one block of words to all sums. */
MADD_ATTR static void madd_block(const struct vs_tile_u8 *t,
				 struct madd_job *job, int32_t *sums)
{
	_Alignas(64) int32_t even[MADD_STEPS * VS_TILE_W];
	_Alignas(64) int32_t odd[MADD_STEPS * VS_TILE_W];
	size_t n_rows = t->n_panels * VS_PANEL_ROWS;
	unsigned q, width = t->n_q > 1 ? 4 : 1;
	const struct madd_shape *shape;
	size_t first = (size_t)(job->panels - t->panels) / 64;

	madd_widen(t->packed + first * t->w * 4, job->steps * t->w, even, odd);
	for (job->row0 = 0; job->row0 < n_rows; job->row0 += shape->rows) {
		shape = madd_pick(width, n_rows - job->row0);
		for (q = 0; q < t->n_q; q += width) {
			job->even = even + q;
			job->odd = odd + q;
			job->sums = sums + q * MADD_ROWS_MAX + job->row0;
			shape->tile(job);
		}
	}
}

MADD_ATTR size_t MADD_API(filter_u8)(const struct vs_tile_u8 *t,
				     struct vs_pass *pass)
{
	_Alignas(64) int32_t sums[VS_TILE_W * MADD_ROWS_MAX];
	struct madd_job job = { .panels = t->panels,
				.bytes = (t->d + 3) / 4 * 64,
				.w = t->w };
	size_t left, row, n = 0;
	unsigned q;

	madd_start(t, sums);
	for (left = job.bytes / 64; left > 0; left -= job.steps) {
		job.steps = left < MADD_STEPS ? left : MADD_STEPS;
		madd_block(t, &job, sums);
		job.panels += job.steps * 64;
	}
	for (q = 0; q < t->n_q; q++) {
		const int32_t *s = sums + q * MADD_ROWS_MAX;

		for (row = 0; row < t->n_panels * VS_PANEL_ROWS; row += MADD_P)
			n = vs_pass_lanes(
				t, q, row,
				maddt_not_negative(maddt_load(s + row)),
				s + row, pass, n);
	}
	return n;
}

MADD_ATTR void MADD_API(scores_u8)(const struct vs_tile_scores *t, float *out,
				   size_t out_stride)
{
	_Alignas(64) int32_t sums[VS_TILE_W * MADD_ROWS_MAX];
	struct vs_tile_u8 part = { .d = t->d, .packed = t->packed, .w = t->w,
				   .n_q = t->n_q };
	size_t bytes = (t->d + 3) / 4 * 64, p, left, row;
	struct madd_job job = { .bytes = bytes, .w = t->w };
	unsigned q;

	for (p = 0; p < t->n_panels; p += part.n_panels) {
		part.panels = job.panels = t->panels + p * bytes;
		part.n_panels = t->n_panels - p < VS_TILE_PANELS ?
					t->n_panels - p : VS_TILE_PANELS;
		memset(sums, 0, sizeof(sums));
		for (left = bytes / 64; left > 0; left -= job.steps) {
			job.steps = left < MADD_STEPS ? left : MADD_STEPS;
			madd_block(&part, &job, sums);
			job.panels += job.steps * 64;
		}
		for (q = 0; q < t->n_q; q++)
			for (row = 0; row < part.n_panels * VS_PANEL_ROWS;
			     row += MADD_P)
				maddt_score(sums + q * MADD_ROWS_MAX + row,
					    t->gain[q],
					    t->terms + p * VS_PANEL_ROWS + row,
					    out + q * out_stride +
						    p * VS_PANEL_ROWS + row);
	}
}

#undef MADD_API
