/* tile_pq8_avx512.c - the filter of 8-bit codes with 512-bit registers: a part
 * of a table is what one shuffle looks up, 16 bytes. */
#include "kern_int.h"

#if VS_KERN_X86
#define PQ8_ISA avx512
#define PQ8_ATTR VS_AVX512
#define PQ8_R 1
#define PQ8_Q 4
#define PQ8_PART 16
#define PQ8_LOAD(codes, r)                                                     \
	pq8_load4((codes) + o0, (codes) + o1, (codes) + o2, (codes) + o3)

#include "tile_pq8_zmm.h"

typedef __m512i pq8_part, pq8_which;

VS_AVX512 VS_INLINE pq8_part pq8_part_load(const uint8_t *p)
{
	return _mm512_broadcast_i32x4(
		_mm_load_si128((const __m128i *)(const void *)p));
}

/* Bit 7, by which a shuffle gives 0, stays clear only for codes below 16. */
VS_AVX512 VS_INLINE pq8_which pq8_find(pq8_t c)
{
	return _mm512_adds_epu8(c, _mm512_set1_epi8(0x70));
}

VS_AVX512 VS_INLINE pq8_t pq8_begin(pq8_t c)
{
	(void)c;
	return _mm512_setzero_si512();
}

VS_AVX512 VS_INLINE pq8_t pq8_look(pq8_t x, pq8_part p, pq8_which f)
{
	return _mm512_or_si512(x, _mm512_shuffle_epi8(p, f));
}

VS_AVX512 VS_INLINE pq8_t pq8_next(pq8_t c)
{
	return _mm512_sub_epi8(c, _mm512_set1_epi8(PQ8_PART));
}

#include "tile_pq8.h"

#endif
