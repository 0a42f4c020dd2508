/* tile_l1_vnni.c - the u8 filter for L1 with vpdpbusd: four bytes times one,
 * summed. */
#include "tile_pass.h"

#if VS_KERN_X86
#include <immintrin.h>

#define L1_ISA vnni
#define L1_ATTR VS_VNNI
#define L1_P 16

typedef __m512i l1v_t;

VS_VNNI VS_INLINE l1v_t l1v_zero(void)
{
	return _mm512_setzero_si512();
}

VS_VNNI VS_INLINE l1v_t l1v_load(const uint8_t *p)
{
	return _mm512_load_si512(p);
}

VS_VNNI VS_INLINE l1v_t l1v_set1(int32_t word)
{
	return _mm512_set1_epi32(word);
}

VS_VNNI VS_INLINE l1v_t l1v_add(l1v_t acc, l1v_t x, l1v_t q)
{
	__m512i apart =
		_mm512_or_si512(_mm512_subs_epu8(x, q), _mm512_subs_epu8(q, x));

	return _mm512_dpbusd_epi32(acc, apart, _mm512_set1_epi8(1));
}

VS_VNNI VS_INLINE unsigned l1v_within(l1v_t acc, int32_t limit)
{
	return _mm512_cmple_epi32_mask(acc, _mm512_set1_epi32(limit));
}

VS_VNNI VS_INLINE void l1v_store(int32_t *p, l1v_t acc)
{
	_mm512_store_si512(p, acc);
}

#include "tile_l1_u8.h"

#endif
