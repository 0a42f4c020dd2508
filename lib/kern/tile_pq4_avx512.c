/* tile_pq4_avx512.c - the filter of 4-bit codes with 512-bit registers. */
#include "kern_int.h"

#if VS_KERN_X86
#include "tile_pq_avx512.h"

#define PQ4_ISA avx512
#define PQ4_ATTR VS_AVX512
#define PQ4_PAIRS 4

typedef __m512i pq4_t;

VS_AVX512 VS_INLINE pq4_t pq4_zero(void)
{
	return _mm512_setzero_si512();
}

VS_AVX512 VS_INLINE pq4_t pq4_load(const uint8_t *p)
{
	return _mm512_loadu_si512(p);
}

VS_AVX512 VS_INLINE pq4_t pq4_load_part(const uint8_t *p, size_t pairs)
{
	__mmask64 m = ((__mmask64)1 << 16 * pairs) - 1;

	return _mm512_maskz_loadu_epi8(m, p);
}

VS_AVX512 VS_INLINE pq4_t pq4_low(pq4_t c)
{
	return _mm512_and_si512(c, _mm512_set1_epi8(15));
}

VS_AVX512 VS_INLINE pq4_t pq4_high(pq4_t c)
{
	return pq4_low(_mm512_srli_epi16(c, 4));
}

VS_AVX512 VS_INLINE pq4_t pq4_look(pq4_t table, pq4_t codes)
{
	return _mm512_shuffle_epi8(table, codes);
}

VS_AVX512 VS_INLINE pq4_t pq4_add8(pq4_t a, pq4_t b)
{
	return _mm512_add_epi8(a, b);
}

VS_AVX512 VS_INLINE pq4_t pq4_add16(pq4_t a, pq4_t b)
{
	return _mm512_add_epi16(a, b);
}

VS_AVX512 VS_INLINE pq4_t pq4_odd(pq4_t x)
{
	return _mm512_srli_epi16(x, 8);
}

/* The sum of the four quarters, words. */
VS_AVX512 VS_INLINE __m128i pq4_fold(pq4_t x)
{
	__m256i half = _mm256_add_epi16(_mm512_castsi512_si256(x),
					_mm512_extracti64x4_epi64(x, 1));

	return _mm_add_epi16(_mm256_castsi256_si128(half),
			     _mm256_extracti128_si256(half, 1));
}

VS_AVX512 VS_INLINE unsigned pq4_pass(const struct vs_tile_pq *t, unsigned q,
				      size_t row0, pq4_t all, pq4_t odd)
{
	__m128i o = pq4_fold(odd);
	__m128i e = _mm_sub_epi16(pq4_fold(all), _mm_slli_epi16(o, 8));

	return vs_pq_mask_avx512(t, q, row0, _mm_unpacklo_epi16(e, o),
				 _mm_unpackhi_epi16(e, o));
}

#include "tile_pq4.h"

#endif
