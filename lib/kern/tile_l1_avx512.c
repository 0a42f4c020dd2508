/* tile_l1_avx512.c - the u8 filter for L1 with 512-bit registers. */
#include "tile_l1_job.h"

#if VS_KERN_X86
#include <immintrin.h>

#define L1_ISA avx512
#define L1_ATTR VS_AVX512
/* Sums of two bytes are kept in 16 bits for 128 steps: 128 * 2 * 255. */
#define L1_BLOCK 8192

typedef __m512i l1v_t;

VS_AVX512 VS_INLINE l1v_t l1v_row(l1v_t sum, l1v_t x)
{
	return _mm512_add_epi16(sum,
				_mm512_maddubs_epi16(x, _mm512_set1_epi8(1)));
}

VS_AVX512 VS_INLINE l1v_t l1v_widen(l1v_t pairs)
{
	return _mm512_add_epi32(
		_mm512_and_si512(pairs, _mm512_set1_epi32(0xffff)),
		_mm512_srli_epi32(pairs, 16));
}

VS_AVX512 VS_INLINE l1v_t l1v_total(l1v_t total, l1v_t acc, l1v_t sum)
{
	l1v_t twice = _mm512_slli_epi32(l1v_widen(acc), 1);

	return _mm512_add_epi32(total, _mm512_sub_epi32(twice, l1v_widen(sum)));
}

#include "tile_l1_zmm.h"

#endif
