/* tile_l1_run.h - template of the u8 driver for L1: walks the rows and queries
 * of a struct vs_tile_u8 in register tiles and collects what passes.
 *
 * The including file has defined what tile_l1_u8.h asks for, L1_ISA (last word
 * of the function name), l1v_within(sums, limit) (lane bits of the sums in
 * memory), l1_query_sums, l1_width (queries of a register tile for n_q real
 * queries) and the table l1_shapes, which has for each such width the rows of
 * one panel and larger ones before it.
 */
#include "each.h"

static const struct l1_shape *l1_pick(unsigned q, size_t rows)
{
	const struct l1_shape *shape = l1_shapes;

	while (shape->q != q || shape->rows > rows)
		shape++;
	return shape;
}

/* Sums of the register tile whose first query is q0 to passes; base: what to
 * take from each query's sums.  Returns the new count. */
L1_ATTR static size_t l1_pass(const struct vs_tile_u8 *t,
			      const struct l1_job *job,
			      const struct l1_shape *shape, unsigned q0,
			      const int32_t *base, struct vs_pass *pass,
			      size_t n)
{
	const int32_t *sums = job->sums;
	unsigned q, mask;
	int64_t limit;
	size_t row;

	for (q = q0; q < q0 + shape->q && q < t->n_q; q++) {
		limit = (int64_t)t->limit[q] + base[q];
		if (limit > INT32_MAX)
			limit = INT32_MAX;
		for (row = 0; row < shape->rows; row += L1_P, sums += L1_P) {
			mask = l1v_within(sums, (int32_t)limit);
			for (; mask != 0; mask &= mask - 1, n++) {
				size_t lane = (size_t)__builtin_ctz(mask);

				pass[n].q = (uint16_t)q;
				pass[n].row =
					(uint16_t)(job->row0 + row + lane);
				pass[n].score = sums[lane] - base[q];
			}
		}
	}
	return n;
}

L1_ATTR size_t VS_CAT(vs_filter_l1_u8_, L1_ISA)(const struct vs_tile_u8 *t,
						struct vs_pass *pass)
{
	_Alignas(64) int32_t sums[L1_SUMS];
	int32_t base[VS_TILE_W];
	struct l1_job job = { .panels = t->panels,
			      .bytes = (t->d + 3) / 4 * 64,
			      .w = t->w,
			      .sums = sums };
	const vs_word *packed = (const vs_word *)(const void *)t->packed;
	size_t n = 0, n_rows = t->n_panels * VS_PANEL_ROWS;
	unsigned q, width = l1_width(t->n_q);
	const struct l1_shape *shape;

	l1_query_sums(t, base);
	for (; job.row0 < n_rows; job.row0 += shape->rows) {
		shape = l1_pick(width, n_rows - job.row0);
		for (q = 0; q < t->n_q; q += width) {
			job.packed = packed + q;
			shape->tile(&job);
			n = l1_pass(t, &job, shape, q, base, pass, n);
		}
	}
	return n;
}
