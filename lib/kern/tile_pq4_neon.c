/* tile_pq4_neon.c - the filter of 4-bit codes with the 128-bit registers of
 * ARM. */
#include "dot_neon.h"

#if VS_KERN_NEON

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#define PQ4_ISA neon
#define PQ4_ATTR VS_NEON
#define PQ4_PAIRS 1

typedef uint8x16_t pq4_t;

VS_NEON VS_INLINE pq4_t pq4_zero(void)
{
	return vdupq_n_u8(0);
}

VS_NEON VS_INLINE pq4_t pq4_load(const uint8_t *p)
{
	return vld1q_u8(p);
}

VS_NEON VS_INLINE pq4_t pq4_load_part(const uint8_t *p, size_t pairs)
{
	(void)pairs; /* no part of one */
	return vld1q_u8(p);
}

VS_NEON VS_INLINE pq4_t pq4_low(pq4_t c)
{
	return vandq_u8(c, vdupq_n_u8(15));
}

VS_NEON VS_INLINE pq4_t pq4_high(pq4_t c)
{
	return vshrq_n_u8(c, 4);
}

VS_NEON VS_INLINE pq4_t pq4_look(pq4_t table, pq4_t codes)
{
	return vqtbl1q_u8(table, codes);
}

VS_NEON VS_INLINE pq4_t pq4_add8(pq4_t a, pq4_t b)
{
	return vaddq_u8(a, b);
}

VS_NEON VS_INLINE pq4_t pq4_add16(pq4_t a, pq4_t b)
{
	return vreinterpretq_u8_u16(vaddq_u16(vreinterpretq_u16_u8(a),
					      vreinterpretq_u16_u8(b)));
}

VS_NEON VS_INLINE pq4_t pq4_odd(pq4_t x)
{
	return vreinterpretq_u8_u16(vshrq_n_u16(vreinterpretq_u16_u8(x), 8));
}

/* Four lanes of pq4_pass. */
VS_NEON VS_INLINE unsigned pq4_quarter(const struct vs_tile_pq *t, unsigned q,
				       size_t row, uint16x4_t sums)
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

VS_NEON VS_INLINE unsigned pq4_pass(const struct vs_tile_pq *t, unsigned q,
				    size_t row0, pq4_t all, pq4_t odd)
{
	uint16x8_t o = vreinterpretq_u16_u8(odd);
	uint16x8_t e = vsubq_u16(vreinterpretq_u16_u8(all),
				 vshlq_n_u16(o, 8));
	uint16x8_t a = vzip1q_u16(e, o), b = vzip2q_u16(e, o);

	return pq4_quarter(t, q, row0, vget_low_u16(a)) |
	       pq4_quarter(t, q, row0 + 4, vget_high_u16(a)) << 4 |
	       pq4_quarter(t, q, row0 + 8, vget_low_u16(b)) << 8 |
	       pq4_quarter(t, q, row0 + 12, vget_high_u16(b)) << 12;
}

#include "tile_pq4.h"

#endif
