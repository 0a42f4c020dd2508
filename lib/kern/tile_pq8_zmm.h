/* tile_pq8_zmm.h - what the filters of 8-bit codes with 512-bit registers have
 * in common; PQ8_ATTR is defined by the including file. */
#ifndef VS_KERN_TILE_PQ8_ZMM_H
#define VS_KERN_TILE_PQ8_ZMM_H

#include "tile_pq_avx512.h"

#define PQ8_V 4

typedef __m512i pq8_t;

/* Four panels together. */
PQ8_ATTR VS_INLINE pq8_t pq8_load4(const uint8_t *a, const uint8_t *b,
				   const uint8_t *c, const uint8_t *d)
{
	__m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const void *)a));

	v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)b), 1);
	v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)c), 2);
	return _mm512_inserti32x4(v, _mm_loadu_si128((const void *)d), 3);
}

PQ8_ATTR VS_INLINE pq8_t pq8_zero(void)
{
	return _mm512_setzero_si512();
}

PQ8_ATTR VS_INLINE pq8_t pq8_add16(pq8_t a, pq8_t b)
{
	return _mm512_add_epi16(a, b);
}

PQ8_ATTR VS_INLINE pq8_t pq8_odd(pq8_t x)
{
	return _mm512_srli_epi16(x, 8);
}

PQ8_ATTR VS_INLINE void pq8_split(pq8_t all, pq8_t odd, uint16_t *low,
				  uint16_t *high)
{
	pq8_t even = _mm512_sub_epi16(all, _mm512_slli_epi16(odd, 8));

	_mm512_store_si512(low, _mm512_unpacklo_epi16(even, odd));
	_mm512_store_si512(high, _mm512_unpackhi_epi16(even, odd));
}

PQ8_ATTR VS_INLINE unsigned pq8_pass(const struct vs_tile_pq *t, unsigned q,
				     size_t row0, const uint16_t *low,
				     const uint16_t *high)
{
	return vs_pq_mask_avx512(t, q, row0,
				 _mm_load_si128((const void *)low),
				 _mm_load_si128((const void *)high));
}

#endif
