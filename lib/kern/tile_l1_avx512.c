/* tile_l1_avx512.c - the u8 filter for L1 with 512-bit registers. */
#include "tile_pass.h"

#if VS_KERN_X86
#include <immintrin.h>

#define L1_ISA avx512
#define L1_ATTR VS_AVX512
#define L1_P 16

typedef __m512i l1v_t;

VS_AVX512 VS_INLINE l1v_t l1v_zero(void)
{
	return _mm512_setzero_si512();
}

VS_AVX512 VS_INLINE l1v_t l1v_load(const uint8_t *p)
{
	return _mm512_load_si512(p);
}

VS_AVX512 VS_INLINE l1v_t l1v_set1(int32_t word)
{
	return _mm512_set1_epi32(word);
}

VS_AVX512 VS_INLINE l1v_t l1v_add(l1v_t acc, l1v_t x, l1v_t q)
{
	__m512i apart =
		_mm512_or_si512(_mm512_subs_epu8(x, q), _mm512_subs_epu8(q, x));
	/* Pairs of bytes and of pairs; two bytes of 255 do not saturate. */
	__m512i pairs = _mm512_maddubs_epi16(apart, _mm512_set1_epi8(1));

	return _mm512_add_epi32(
		acc, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

VS_AVX512 VS_INLINE unsigned l1v_within(l1v_t acc, int32_t limit)
{
	return _mm512_cmple_epi32_mask(acc, _mm512_set1_epi32(limit));
}

VS_AVX512 VS_INLINE void l1v_store(int32_t *p, l1v_t acc)
{
	_mm512_store_si512(p, acc);
}

#include "tile_l1_u8.h"

#endif
