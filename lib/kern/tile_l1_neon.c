/* tile_l1_neon.c - the u8 filter for L1 with the 128-bit registers of ARM:
 * absolute differences, summed as products with one. */
#include "dot_neon.h"

#if VS_KERN_NEON
#include "tile_pass.h"

#define L1_ISA neon
#define L1_ATTR VS_NEON
#define L1_P 4

typedef uint32x4_t l1v_t;

VS_NEON VS_INLINE l1v_t l1v_zero(void)
{
	return vdupq_n_u32(0);
}

VS_NEON VS_INLINE l1v_t l1v_load(const uint8_t *p)
{
	return vreinterpretq_u32_u8(vld1q_u8(p));
}

VS_NEON VS_INLINE l1v_t l1v_set1(int32_t word)
{
	return vdupq_n_u32((uint32_t)word);
}

VS_NEON VS_INLINE l1v_t l1v_add(l1v_t acc, l1v_t x, l1v_t q)
{
	uint8x16_t apart =
		vabdq_u8(vreinterpretq_u8_u32(x), vreinterpretq_u8_u32(q));

	return vs_udot(acc, apart, vdupq_n_u8(1));
}

VS_NEON VS_INLINE unsigned l1v_within(l1v_t acc, int32_t limit)
{
	static const uint32_t bit[4] = { 1, 2, 4, 8 };
	uint32x4_t le =
		vcleq_s32(vreinterpretq_s32_u32(acc), vdupq_n_s32(limit));

	return vaddvq_u32(vandq_u32(le, vld1q_u32(bit)));
}

VS_NEON VS_INLINE void l1v_store(int32_t *p, l1v_t acc)
{
	vst1q_s32(p, vreinterpretq_s32_u32(acc));
}

#include "tile_l1_u8.h"

#endif
