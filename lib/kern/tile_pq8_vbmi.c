/* tile_pq8_vbmi.c - the filter of 8-bit codes with AVX512_VBMI: a part of a
 * table is two registers, 128 bytes, for which vpermi2b is one look-up. */
#include "kern_int.h"

#if VS_KERN_X86
#include "tile_pq_avx512.h"

#define PQ8_ISA vbmi
#define PQ8_ATTR VS_VBMI
#define PQ8_V 4
#define PQ8_R 2
#define PQ8_Q 4
#define PQ8_PART 128
#define PQ8_LOAD(codes, r) PQ8_LOAD_##r(codes)
#define PQ8_LOAD_0(codes)                                                      \
	pq8_load4((codes) + o0, (codes) + o1, (codes) + o2, (codes) + o3)
#define PQ8_LOAD_1(codes)                                                      \
	pq8_load4((codes) + o4, (codes) + o5, (codes) + o6, (codes) + o7)

typedef __m512i pq8_t, pq8_codes;

/* Words: of all bytes, and of those of odd rows, which are in the high bits. */
typedef struct {
	__m512i all, odd;
} pq8_sum;

/* Four panels together. */
VS_VBMI VS_INLINE pq8_t pq8_load4(const uint8_t *a, const uint8_t *b,
				   const uint8_t *c, const uint8_t *d)
{
	__m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const void *)a));

	v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)b), 1);
	v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)c), 2);
	return _mm512_inserti32x4(v, _mm_loadu_si128((const void *)d), 3);
}

VS_VBMI VS_INLINE pq8_sum pq8_zero(void)
{
	return (pq8_sum){ _mm512_setzero_si512(), _mm512_setzero_si512() };
}

VS_VBMI VS_INLINE pq8_sum pq8_add(pq8_sum sum, pq8_t x, pq8_codes c)
{
	(void)c;
	sum.all = _mm512_add_epi16(sum.all, x);
	sum.odd = _mm512_add_epi16(sum.odd, _mm512_srli_epi16(x, 8));
	return sum;
}

VS_VBMI VS_INLINE void pq8_split(pq8_sum sum, uint16_t *low, uint16_t *high)
{
	pq8_t even = _mm512_sub_epi16(sum.all,
				      _mm512_slli_epi16(sum.odd, 8));

	_mm512_store_si512(low, _mm512_unpacklo_epi16(even, sum.odd));
	_mm512_store_si512(high, _mm512_unpackhi_epi16(even, sum.odd));
}

VS_VBMI VS_INLINE unsigned pq8_pass(const struct vs_tile_pq *t, unsigned q,
				     size_t row0, const uint16_t *low,
				     const uint16_t *high)
{
	return vs_pq_mask_avx512(t, q, row0,
				 _mm_load_si128((const void *)low),
				 _mm_load_si128((const void *)high));
}

typedef __mmask64 pq8_which;

typedef struct {
	__m512i a, b;
} pq8_part;

VS_VBMI VS_INLINE pq8_part pq8_part_load(const uint8_t *p)
{
	return (pq8_part){ _mm512_load_si512(p), _mm512_load_si512(p + 64) };
}

/* Codes below 128. */
VS_VBMI VS_INLINE pq8_which pq8_find(pq8_t c)
{
	return _mm512_testn_epi8_mask(c, _mm512_set1_epi8(-128));
}

/* Answers take the places of codes, whose upper half waits for its turn. */
VS_VBMI VS_INLINE pq8_t pq8_begin(pq8_t c)
{
	return c;
}

VS_VBMI VS_INLINE pq8_t pq8_look(pq8_t x, pq8_part p, pq8_which f)
{
	return _mm512_mask2_permutex2var_epi8(p.a, x, f, p.b);
}

VS_VBMI VS_INLINE pq8_t pq8_next(pq8_t c)
{
	return _mm512_xor_si512(c, _mm512_set1_epi8(-128));
}

#include "tile_pq8.h"

#endif
