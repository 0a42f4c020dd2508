/* tile_pq4_neon.c - the filter of 4-bit codes with the 128-bit registers of
 * ARM. */
#include "tile_pq_neon.h"

#if VS_KERN_NEON

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

VS_NEON VS_INLINE unsigned pq4_pass(const struct vs_tile_pq *t, unsigned q,
				    size_t row0, pq4_t all, pq4_t odd)
{
	uint16x8_t o = vreinterpretq_u16_u8(odd);
	uint16x8_t e = vsubq_u16(vreinterpretq_u16_u8(all),
				 vshlq_n_u16(o, 8));

	return vs_pq_mask_neon(t, q, row0, vzip1q_u16(e, o), vzip2q_u16(e, o));
}

#include "tile_pq4.h"

#endif
