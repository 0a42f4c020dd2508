/* tile_pq_pass.h - the rule by which rows coded by product quantizers pass, for
 * the sums of one panel, lane by lane: what has no vectors of its own for it.
 */
#ifndef VS_KERN_TILE_PQ_PASS_H
#define VS_KERN_TILE_PQ_PASS_H

#include "kern_int.h"

/* Appends the lanes of mask: rows row0 + lane of query q. */
VS_INLINE size_t vs_pq_put(struct vs_pass *pass, size_t n, unsigned q,
			   size_t row0, unsigned mask)
{
	for (; mask != 0; mask &= mask - 1, n++) {
		pass[n].q = (uint16_t)q;
		pass[n].row = (uint16_t)(row0 + (size_t)__builtin_ctz(mask));
		pass[n].score = 0;
	}
	return n;
}

/* The lanes that pass. */
VS_INLINE unsigned vs_pq_mask(const struct vs_tile_pq *t, unsigned q,
			      size_t row0, const uint16_t sums[VS_PANEL_ROWS])
{
	unsigned mask = 0, r;
	float bound;

	for (r = 0; r < VS_PANEL_ROWS; r++) {
		bound = t->c[q];
		if (t->terms != NULL)
			bound = t->g[q] * t->terms[row0 + r] + t->c[q];
		mask |= (unsigned)!((float)sums[r] > bound) << r;
	}
	return mask;
}

#endif
