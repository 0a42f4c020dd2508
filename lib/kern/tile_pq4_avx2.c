/* tile_pq4_avx2.c - the filter of 4-bit codes with 256-bit registers. */
#include "kern_int.h"

#if VS_KERN_X86
#include "tile_pq_avx2.h"

#define PQ4_ISA avx2
#define PQ4_ATTR VS_AVX2_CANON
#define PQ4_PAIRS 2

typedef __m256i pq4_t;

VS_AVX2_CANON VS_INLINE pq4_t pq4_zero(void)
{
	return _mm256_setzero_si256();
}

VS_AVX2_CANON VS_INLINE pq4_t pq4_load(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

VS_AVX2_CANON VS_INLINE pq4_t pq4_load_part(const uint8_t *p, size_t pairs)
{
	(void)pairs; /* it is one */
	return _mm256_zextsi128_si256(
		_mm_loadu_si128((const __m128i *)(const void *)p));
}

VS_AVX2_CANON VS_INLINE pq4_t pq4_low(pq4_t c)
{
	return _mm256_and_si256(c, _mm256_set1_epi8(15));
}

VS_AVX2_CANON VS_INLINE pq4_t pq4_high(pq4_t c)
{
	return pq4_low(_mm256_srli_epi16(c, 4));
}

VS_AVX2_CANON VS_INLINE pq4_t pq4_look(pq4_t table, pq4_t codes)
{
	return _mm256_shuffle_epi8(table, codes);
}

VS_AVX2_CANON VS_INLINE pq4_t pq4_add8(pq4_t a, pq4_t b)
{
	return _mm256_add_epi8(a, b);
}

VS_AVX2_CANON VS_INLINE pq4_t pq4_add16(pq4_t a, pq4_t b)
{
	return _mm256_add_epi16(a, b);
}

VS_AVX2_CANON VS_INLINE pq4_t pq4_odd(pq4_t x)
{
	return _mm256_srli_epi16(x, 8);
}

/* The sum of the two halves, words. */
VS_AVX2_CANON VS_INLINE __m128i pq4_fold(pq4_t x)
{
	return _mm_add_epi16(_mm256_castsi256_si128(x),
			     _mm256_extracti128_si256(x, 1));
}

VS_AVX2_CANON VS_INLINE unsigned pq4_pass(const struct vs_tile_pq *t,
					  unsigned q, size_t row0, pq4_t all,
					  pq4_t odd)
{
	__m128i o = pq4_fold(odd);
	__m128i e = _mm_sub_epi16(pq4_fold(all), _mm_slli_epi16(o, 8));

	return vs_pq_mask_avx2(t, q, row0, _mm_unpacklo_epi16(e, o),
			       _mm_unpackhi_epi16(e, o));
}

#include "tile_pq4.h"

#endif
