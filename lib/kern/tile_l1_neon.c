/* tile_l1_neon.c - the u8 filter for L1 with the 128-bit registers of ARM:
 * absolute differences, summed as products with one. */
#include "dot_neon.h"

#if VS_KERN_NEON
#include <string.h>

#include "tile_l1_job.h"

#define L1_ISA neon
#define L1_ATTR VS_NEON
#define L1_P 4
#define L1_BLOCK SIZE_MAX /* 32 bits hold the sum of any row */

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

/* Differences are summed as they are and need no sum of rows or queries. */
VS_NEON VS_INLINE l1v_t l1v_row(l1v_t sum, l1v_t x)
{
	(void)x;
	return sum;
}

VS_NEON VS_INLINE l1v_t l1v_total(l1v_t total, l1v_t acc, l1v_t sum)
{
	(void)sum;
	return vaddq_u32(total, acc);
}

static void l1_query_sums(const struct vs_tile_u8 *t, int32_t base[VS_TILE_W])
{
	memset(base, 0, t->w * sizeof(*base));
}

VS_NEON VS_INLINE unsigned l1v_within(const int32_t *sums, int32_t limit)
{
	static const uint32_t bit[4] = { 1, 2, 4, 8 };
	uint32x4_t le = vcleq_s32(vld1q_s32(sums), vdupq_n_s32(limit));

	return vaddvq_u32(vandq_u32(le, vld1q_u32(bit)));
}

VS_NEON VS_INLINE l1v_t l1v_sums(const int32_t *p)
{
	return vreinterpretq_u32_s32(vld1q_s32(p));
}

VS_NEON VS_INLINE void l1v_store(int32_t *p, l1v_t acc)
{
	vst1q_s32(p, vreinterpretq_s32_u32(acc));
}

#define L1_Q 4
#define L1_R 4
#include "tile_l1_u8.h"

#define L1_Q 1
#define L1_R 4
#include "tile_l1_u8.h"

static const struct l1_shape l1_shapes[] = {
	{ 4, 16, tile_4x4_l1 },
	{ 1, 16, tile_1x4_l1 },
};

static unsigned l1_width(unsigned n_q)
{
	return n_q > 1 ? 4 : 1;
}

#include "tile_l1_run.h"

#endif
