/* tile_pq_neon.h - the rule by which coded rows pass, with the registers of
 * ARM. */
#ifndef VS_KERN_TILE_PQ_NEON_H
#define VS_KERN_TILE_PQ_NEON_H

#include "dot_neon.h"

#if VS_KERN_NEON

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* Four lanes of a panel's mask, from sums of 16 bits. */
VS_NEON VS_INLINE unsigned vs_pq_quarter_neon(const struct vs_tile_pq *t,
					      unsigned q, size_t row,
					      uint16x4_t sums)
{
	static const uint32_t bit[4] = { 1, 2, 4, 8 };
	float32x4_t acc = vcvtq_f32_u32(vmovl_u16(sums));
	float32x4_t bound = vdupq_n_f32(t->c[q]);
	uint32x4_t above;

	if (t->terms != NULL)
		bound = vaddq_f32(vmulq_f32(vdupq_n_f32(t->g[q]),
					    vld1q_f32(t->terms + row)),
				  bound);
	above = vcgtq_f32(acc, bound);
	return vaddvq_u32(vbicq_u32(vld1q_u32(bit), above));
}

/* The mask of a panel whose rows 0 to 7 have the sums `low`. */
VS_NEON VS_INLINE unsigned vs_pq_mask_neon(const struct vs_tile_pq *t,
					   unsigned q, size_t row0,
					   uint16x8_t low, uint16x8_t high)
{
	return vs_pq_quarter_neon(t, q, row0, vget_low_u16(low)) |
	       vs_pq_quarter_neon(t, q, row0 + 4, vget_high_u16(low)) << 4 |
	       vs_pq_quarter_neon(t, q, row0 + 8, vget_low_u16(high)) << 8 |
	       vs_pq_quarter_neon(t, q, row0 + 12, vget_high_u16(high)) << 12;
}

#endif
#endif
