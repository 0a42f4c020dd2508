/* tile_pq8_neon.c - the filter of 8-bit codes with the registers of ARM: a part
 * of a table is four of them, 64 bytes, for which tbx is one look-up. */
#include "kern_int.h"

#if VS_KERN_NEON
#include "tile_pq_neon.h"

#define PQ8_ISA neon
#define PQ8_ATTR VS_NEON
#define PQ8_V 1
#define PQ8_R 4
#define PQ8_Q 1
#define PQ8_PART 64
#define PQ8_LOAD(codes, r) vld1q_u8((codes) + o##r)

typedef uint8x16_t pq8_t, pq8_codes, pq8_which;
typedef uint8x16x4_t pq8_part;

/* Words: of all bytes, and of those of odd rows, which are in the high bits. */
typedef struct {
	uint16x8_t all, odd;
} pq8_sum;

VS_NEON VS_INLINE pq8_sum pq8_zero(void)
{
	return (pq8_sum){ vdupq_n_u16(0), vdupq_n_u16(0) };
}

VS_NEON VS_INLINE pq8_part pq8_part_load(const uint8_t *p)
{
	return vld1q_u8_x4(p);
}

/* tbx leaves what lies outside of the part. */
VS_NEON VS_INLINE pq8_which pq8_find(pq8_t c)
{
	return c;
}

VS_NEON VS_INLINE pq8_t pq8_begin(pq8_t c)
{
	(void)c;
	return vdupq_n_u8(0);
}

VS_NEON VS_INLINE pq8_t pq8_look(pq8_t x, pq8_part p, pq8_which f)
{
	return vqtbx4q_u8(x, p, f);
}

VS_NEON VS_INLINE pq8_t pq8_next(pq8_t c)
{
	return vsubq_u8(c, vdupq_n_u8(PQ8_PART));
}

VS_NEON VS_INLINE pq8_sum pq8_add(pq8_sum sum, pq8_t x, pq8_codes c)
{
	uint16x8_t words = vreinterpretq_u16_u8(x);

	(void)c;
	sum.all = vaddq_u16(sum.all, words);
	sum.odd = vsraq_n_u16(sum.odd, words, 8);
	return sum;
}

VS_NEON VS_INLINE void pq8_split(pq8_sum sum, uint16_t *low, uint16_t *high)
{
	uint16x8_t even = vsubq_u16(sum.all, vshlq_n_u16(sum.odd, 8));

	vst1q_u16(low, vzip1q_u16(even, sum.odd));
	vst1q_u16(high, vzip2q_u16(even, sum.odd));
}

VS_NEON VS_INLINE unsigned pq8_pass(const struct vs_tile_pq *t, unsigned q,
				    size_t row0, const uint16_t *low,
				    const uint16_t *high)
{
	return vs_pq_mask_neon(t, q, row0, vld1q_u16(low), vld1q_u16(high));
}

#include "tile_pq8.h"

#endif
