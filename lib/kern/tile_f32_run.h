/* tile_f32_run.h - template of the f32 driver: walks the rows and queries of a
 * struct vs_tile_f32 in register tiles and collects what passes.
 *
 * The including file has defined what tile_f32.h asks for, F32_ISA (last word
 * of the function names), f32_width (queries of a register tile for n_q real
 * queries, in a filter of L1 or not) and the table f32_shapes, which has for
 * each such width the rows of one panel and larger ones before it.
 */
#include "each.h"

#define F32_API(op) VS_CAT(vs_##op##_, F32_ISA)

static const struct f32_shape *f32_pick(unsigned q, size_t rows)
{
	const struct f32_shape *shape = f32_shapes;

	while (shape->q != q || shape->rows > rows)
		shape++;
	return shape;
}

/* Sums of one register tile to passes; returns the new count. */
F32_ATTR static size_t f32_pass(const struct f32_job *job,
				const struct f32_shape *shape, unsigned q0,
				struct vs_pass *pass, size_t n)
{
	size_t k, r, n_r = shape->rows / F32_P;

	for (k = 0; k < shape->q && k < job->n_q; k++) {
		for (r = 0; r < n_r; r++) {
			f32t_t acc =
				f32t_load(job->sums + (k * n_r + r) * F32_P);
			unsigned mask = f32t_bits(
				f32t_not_below(acc, f32_bound(job, k, r)));

			for (; mask != 0; mask &= mask - 1) {
				size_t lane = (size_t)__builtin_ctz(mask);

				pass[n].q = (uint16_t)(q0 + k);
				pass[n].row = (uint16_t)(job->row0 + r * F32_P +
							 lane);
				pass[n].score = 0;
				n++;
			}
		}
	}
	return n;
}

/* The queries of t over the rows of one register tile. */
F32_ATTR static size_t f32_filter_rows(const struct vs_tile_f32 *t,
				       struct f32_job *job,
				       const struct f32_shape *shape, bool l1,
				       struct vs_pass *pass, size_t n)
{
	f32_tile tile = l1 ? shape->apart : shape->filter;
	const float *limit = job->limit, *gain = job->gain;
	unsigned q;

	for (q = 0; q < t->n_q; q += shape->q) {
		job->packed = t->packed + q;
		job->n_q = t->n_q - q;
		job->limit = limit + q;
		job->gain = gain + q;
		if (tile(job))
			n = f32_pass(job, shape, q, pass, n);
	}
	job->limit = limit;
	job->gain = gain;
	return n;
}

F32_ATTR static size_t VS_CAT(f32_filter_, F32_ISA)(const struct vs_tile_f32 *t,
						    bool l1,
						    struct vs_pass *pass)
{
	_Alignas(64) float sums[F32_SUMS];
	float limit[VS_TILE_W], gain[VS_TILE_W];
	struct f32_job job = { .panels = t->panels,
			       .d = t->d,
			       .w = t->w,
			       .limit = limit,
			       .gain = gain,
			       .sums = sums };
	size_t n = 0, n_rows = t->n_panels * VS_PANEL_ROWS;
	unsigned width = f32_width(t->n_q, l1);
	const struct f32_shape *shape;

	f32_halve(t, limit, gain);
	for (; job.row0 < n_rows; job.row0 += shape->rows) {
		shape = f32_pick(width, n_rows - job.row0);
		job.terms = t->terms + job.row0;
		n = f32_filter_rows(t, &job, shape, l1, pass, n);
	}
	return n;
}

F32_ATTR size_t F32_API(filter_f32)(const struct vs_tile_f32 *t,
				    struct vs_pass *pass)
{
	return VS_CAT(f32_filter_, F32_ISA)(t, false, pass);
}

F32_ATTR size_t F32_API(filter_l1_f32)(const struct vs_tile_f32 *t,
				       struct vs_pass *pass)
{
	return VS_CAT(f32_filter_, F32_ISA)(t, true, pass);
}

F32_ATTR void F32_API(scores_f32)(const struct vs_tile_f32 *t, float *out,
				  size_t out_stride)
{
	struct f32_job job = { .panels = t->panels,
			       .d = t->d,
			       .w = t->w,
			       .out_stride = out_stride };
	size_t n_rows = t->n_panels * VS_PANEL_ROWS;
	unsigned q, width = f32_width(t->n_q, false);
	const struct f32_shape *shape;

	for (; job.row0 < n_rows; job.row0 += shape->rows) {
		shape = f32_pick(width, n_rows - job.row0);
		job.terms = t->terms + job.row0;
		for (q = 0; q < t->n_q; q += width) {
			job.packed = t->packed + q;
			job.n_q = t->n_q - q;
			job.out = out + q * out_stride + job.row0;
			shape->scores(&job);
		}
	}
}

#undef F32_API
