/* tile_pq8_avx512.c - the filter of 8-bit codes with 512-bit registers: a part
 * of a table is two of them, 64 pairs of bytes, for which vpermi2w is one
 * look-up.  Half as many rows at a time as bytes there are, but shuffles of
 * bytes have parts of 16: four times as long on Zen 4.
 */
#include "kern_int.h"

#if VS_KERN_X86
#include "tile_pq_avx512.h"

#define PQ8_ISA avx512
#define PQ8_ATTR VS_AVX512
#define PQ8_V 2
#define PQ8_R 2
#define PQ8_Q 4
#define PQ8_PART 128
#define PQ8_LOAD(codes, r) PQ8_LOAD_##r(codes)
#define PQ8_LOAD_0(codes) pq8_load2((codes) + o0, (codes) + o1)
#define PQ8_LOAD_1(codes) pq8_load2((codes) + o2, (codes) + o3)

typedef __m512i pq8_t, pq8_sum;
typedef __mmask32 pq8_which;

typedef struct {
	__m512i pair; /* of the code, words */
	__m512i pick; /* 1 for its byte of the pair, 0 for the other */
} pq8_codes;

typedef struct {
	__m512i a, b;
} pq8_part;

/* Two panels. */
VS_AVX512 VS_INLINE pq8_codes pq8_load2(const uint8_t *a, const uint8_t *b)
{
	__m256i bytes = _mm256_set_m128i(_mm_loadu_si128((const void *)b),
					 _mm_loadu_si128((const void *)a));
	__m512i c = _mm512_cvtepu8_epi16(bytes);
	__mmask32 odd = _mm512_test_epi16_mask(c, _mm512_set1_epi16(1));

	return (pq8_codes){ _mm512_srli_epi16(c, 1),
			    _mm512_mask_blend_epi16(odd, _mm512_set1_epi16(1),
						    _mm512_set1_epi16(256)) };
}

VS_AVX512 VS_INLINE pq8_sum pq8_zero(void)
{
	return _mm512_setzero_si512();
}

VS_AVX512 VS_INLINE pq8_part pq8_part_load(const uint8_t *p)
{
	return (pq8_part){ _mm512_load_si512(p), _mm512_load_si512(p + 64) };
}

/* Codes below 128. */
VS_AVX512 VS_INLINE pq8_which pq8_find(pq8_codes c)
{
	return _mm512_testn_epi16_mask(c.pair, _mm512_set1_epi16(64));
}

/* Answers take the places of codes, whose upper half waits for its turn. */
VS_AVX512 VS_INLINE pq8_t pq8_begin(pq8_codes c)
{
	return c.pair;
}

VS_AVX512 VS_INLINE pq8_t pq8_look(pq8_t x, pq8_part p, pq8_which f)
{
	return _mm512_mask2_permutex2var_epi16(p.a, x, f, p.b);
}

VS_AVX512 VS_INLINE pq8_codes pq8_next(pq8_codes c)
{
	c.pair = _mm512_xor_si512(c.pair, _mm512_set1_epi16(64));
	return c;
}

VS_AVX512 VS_INLINE pq8_sum pq8_add(pq8_sum sum, pq8_t x, pq8_codes c)
{
	return _mm512_add_epi16(sum, _mm512_maddubs_epi16(x, c.pick));
}

/* Words stand in the order of rows. */
VS_AVX512 VS_INLINE void pq8_split(pq8_sum sum, uint16_t *low, uint16_t *high)
{
	_mm_store_si128((__m128i *)(void *)low,
			_mm512_castsi512_si128(sum));
	_mm_store_si128((__m128i *)(void *)high,
			_mm512_extracti32x4_epi32(sum, 1));
	_mm_store_si128((__m128i *)(void *)(low + 8),
			_mm512_extracti32x4_epi32(sum, 2));
	_mm_store_si128((__m128i *)(void *)(high + 8),
			_mm512_extracti32x4_epi32(sum, 3));
}

VS_AVX512 VS_INLINE unsigned pq8_pass(const struct vs_tile_pq *t, unsigned q,
				      size_t row0, const uint16_t *low,
				      const uint16_t *high)
{
	return vs_pq_mask_avx512(t, q, row0,
				 _mm_load_si128((const void *)low),
				 _mm_load_si128((const void *)high));
}

#include "tile_pq8.h"

#endif
