/* tile_pq8_avx2.c - the filter of 8-bit codes with 256-bit registers: a part of
 * a table is what one shuffle looks up, 16 bytes. */
#include "kern_int.h"

#if VS_KERN_X86
#include "tile_pq_avx2.h"

#define PQ8_ISA avx2
#define PQ8_ATTR VS_AVX2_CANON
#define PQ8_V 2
#define PQ8_R 1
#define PQ8_Q 4
#define PQ8_PART 16
#define PQ8_LOAD(codes, r)                                                     \
	_mm256_set_m128i(_mm_loadu_si128((const void *)((codes) + o1)),        \
			 _mm_loadu_si128((const void *)((codes) + o0)))

typedef __m256i pq8_t, pq8_codes, pq8_part, pq8_which;

/* Words: of all bytes, and of those of odd rows, which are in the high bits. */
typedef struct {
	__m256i all, odd;
} pq8_sum;

VS_AVX2_CANON VS_INLINE pq8_sum pq8_zero(void)
{
	return (pq8_sum){ _mm256_setzero_si256(), _mm256_setzero_si256() };
}

VS_AVX2_CANON VS_INLINE pq8_part pq8_part_load(const uint8_t *p)
{
	return _mm256_broadcastsi128_si256(
		_mm_load_si128((const __m128i *)(const void *)p));
}

/* Bit 7, by which a shuffle gives 0, stays clear only for codes below 16. */
VS_AVX2_CANON VS_INLINE pq8_which pq8_find(pq8_t c)
{
	return _mm256_adds_epu8(c, _mm256_set1_epi8(0x70));
}

VS_AVX2_CANON VS_INLINE pq8_t pq8_begin(pq8_t c)
{
	(void)c;
	return _mm256_setzero_si256();
}

VS_AVX2_CANON VS_INLINE pq8_t pq8_look(pq8_t x, pq8_part p, pq8_which f)
{
	return _mm256_or_si256(x, _mm256_shuffle_epi8(p, f));
}

VS_AVX2_CANON VS_INLINE pq8_t pq8_next(pq8_t c)
{
	return _mm256_sub_epi8(c, _mm256_set1_epi8(PQ8_PART));
}

VS_AVX2_CANON VS_INLINE pq8_sum pq8_add(pq8_sum sum, pq8_t x, pq8_codes c)
{
	(void)c;
	sum.all = _mm256_add_epi16(sum.all, x);
	sum.odd = _mm256_add_epi16(sum.odd, _mm256_srli_epi16(x, 8));
	return sum;
}

VS_AVX2_CANON VS_INLINE void pq8_split(pq8_sum sum, uint16_t *low,
				       uint16_t *high)
{
	pq8_t even = _mm256_sub_epi16(sum.all,
				      _mm256_slli_epi16(sum.odd, 8));

	_mm256_store_si256((__m256i *)(void *)low,
			   _mm256_unpacklo_epi16(even, sum.odd));
	_mm256_store_si256((__m256i *)(void *)high,
			   _mm256_unpackhi_epi16(even, sum.odd));
}

VS_AVX2_CANON VS_INLINE unsigned pq8_pass(const struct vs_tile_pq *t,
					  unsigned q, size_t row0,
					  const uint16_t *low,
					  const uint16_t *high)
{
	return vs_pq_mask_avx2(t, q, row0,
			       _mm_load_si128((const void *)low),
			       _mm_load_si128((const void *)high));
}

#include "tile_pq8.h"

#endif
