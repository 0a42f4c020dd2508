/* tile_pq8_vbmi.c - the filter of 8-bit codes with AVX512_VBMI: a part of a
 * table is two registers, 128 bytes, for which vpermi2b is one look-up. */
#include "kern_int.h"

#if VS_KERN_X86
#define PQ8_ISA vbmi
#define PQ8_ATTR VS_VBMI
#define PQ8_R 2
#define PQ8_Q 4
#define PQ8_PART 128
#define PQ8_LOAD(codes, r) PQ8_LOAD_##r(codes)
#define PQ8_LOAD_0(codes)                                                      \
	pq8_load4((codes) + o0, (codes) + o1, (codes) + o2, (codes) + o3)
#define PQ8_LOAD_1(codes)                                                      \
	pq8_load4((codes) + o4, (codes) + o5, (codes) + o6, (codes) + o7)

#include "tile_pq8_zmm.h"

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
