/* tile_l1_avx2.c - the u8 filter for L1 with 256-bit registers. */
#include "tile_pass.h"

#if VS_KERN_X86
#include <immintrin.h>

#define L1_ISA avx2
#define L1_ATTR VS_AVX2
#define L1_P 8

typedef __m256i l1v_t;

VS_AVX2 VS_INLINE l1v_t l1v_zero(void)
{
	return _mm256_setzero_si256();
}

VS_AVX2 VS_INLINE l1v_t l1v_load(const uint8_t *p)
{
	return _mm256_load_si256((const __m256i *)(const void *)p);
}

VS_AVX2 VS_INLINE l1v_t l1v_set1(int32_t word)
{
	return _mm256_set1_epi32(word);
}

VS_AVX2 VS_INLINE l1v_t l1v_add(l1v_t acc, l1v_t x, l1v_t q)
{
	__m256i apart =
		_mm256_or_si256(_mm256_subs_epu8(x, q), _mm256_subs_epu8(q, x));
	/* Pairs of bytes and of pairs; two bytes of 255 do not saturate. */
	__m256i pairs = _mm256_maddubs_epi16(apart, _mm256_set1_epi8(1));

	return _mm256_add_epi32(
		acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

VS_AVX2 VS_INLINE unsigned l1v_within(l1v_t acc, int32_t limit)
{
	__m256i beyond = _mm256_cmpgt_epi32(acc, _mm256_set1_epi32(limit));

	return ~(unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(beyond)) &
	       0xffu;
}

VS_AVX2 VS_INLINE void l1v_store(int32_t *p, l1v_t acc)
{
	_mm256_store_si256((__m256i *)(void *)p, acc);
}

#include "tile_l1_u8.h"

#endif
