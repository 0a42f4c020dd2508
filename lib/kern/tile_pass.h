/* tile_pass.h - what the u8 filters share: limits folded into the start of the
 * sums, and the way out of the vector unit.
 *
 * A row passes when score = term - 2 acc <= limit.  Instead of comparing at
 * the end, a sum starts at half(limit) - half(term), half() rounding down, so
 * that its sign tells: it ends at (limit - score) / 2, rounded, which is never
 * negative for a row that passes.  One AND over all sums of a tile then tells
 * whether any lane may pass; the exact rule is applied to those lanes here.
 * No sum of a row of VS_TILE_U8_DIM_MAX bytes overflows: half of a difference
 * of two 32-bit numbers fits 32 bits.
 *
 * A filter with linear bounds starts its sums at minus the bound, rounded to
 * the nearest integer and kept within +-VS_LIN_MAX, and every lane that does
 * not end negative passes.  Products and sums are rounded one by one, so that
 * all instruction sets let the same rows pass.
 */
#ifndef VS_KERN_TILE_PASS_H
#define VS_KERN_TILE_PASS_H

#include "kern_int.h"

/* The bound of a query and a row, rounded; a NaN lets the row pass. */
VS_INLINE int32_t vs_lin_bound(const struct vs_tile_lin *lin, unsigned q,
			       size_t row)
{
	float b = lin->g0[q] * lin->t0[row];

	b = b + lin->g1[q] * lin->t1[row];
	b = b + lin->c[q];
	b = b > -VS_LIN_MAX ? b : -VS_LIN_MAX;
	b = b < VS_LIN_MAX ? b : VS_LIN_MAX;
	return (int32_t)lrintf(b);
}

/* half(limit) per query; queries that are not real never pass. */
VS_INLINE void vs_half_limits(const struct vs_tile_u8 *t,
			      int32_t half[VS_TILE_W])
{
	unsigned k;

	for (k = 0; k < VS_TILE_W; k++)
		half[k] = (k < t->n_q && t->lin == NULL ? t->limit[k] :
							  INT32_MIN) >>
			  1;
}

/* The lanes of mask end at sums[lane]; they are rows row0 + lane of query q.
 * Returns the new count of pass. */
VS_INLINE size_t vs_pass_lanes(const struct vs_tile_u8 *t, unsigned q,
			       size_t row0, unsigned mask, const int32_t *sums,
			       struct vs_pass *pass, size_t n)
{
	uint32_t half;

	if (t->lin != NULL) {
		for (; mask != 0; mask &= mask - 1, n++) {
			pass[n].q = (uint16_t)q;
			pass[n].row = (uint16_t)(row0 +
						 (size_t)__builtin_ctz(mask));
			pass[n].score = 0;
		}
		return n;
	}
	half = (uint32_t)(t->limit[q] >> 1);
	for (; mask != 0; mask &= mask - 1) {
		size_t lane = (size_t)__builtin_ctz(mask);
		int32_t term = t->terms[row0 + lane];
		uint32_t acc =
			(uint32_t)sums[lane] - half + (uint32_t)(term >> 1);
		int32_t score = (int32_t)((uint32_t)term - 2 * acc);

		if (score > t->limit[q])
			continue;
		pass[n].q = (uint16_t)q;
		pass[n].row = (uint16_t)(row0 + lane);
		pass[n].score = score;
		n++;
	}
	return n;
}

#endif
