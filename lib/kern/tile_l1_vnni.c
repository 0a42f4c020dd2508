/* tile_l1_vnni.c - the u8 filter for L1 with vpdpbusd: four bytes times one,
 * summed. */
#include "tile_l1_job.h"

#if VS_KERN_X86
#include <immintrin.h>

#define L1_ISA vnni
#define L1_ATTR VS_VNNI
#define L1_BLOCK SIZE_MAX /* 32 bits hold the sum of any row */

typedef __m512i l1v_t;

/* Assembly as in tile_vnni.c: gcc 12 spills the sums of the intrinsic. */
VS_VNNI VS_INLINE l1v_t l1v_row(l1v_t sum, l1v_t x)
{
	__asm__("vpdpbusd %2, %1, %0"
		: "+v"(sum)
		: "v"(x), "v"(_mm512_set1_epi8(1)));
	return sum;
}

VS_VNNI VS_INLINE l1v_t l1v_total(l1v_t total, l1v_t acc, l1v_t sum)
{
	l1v_t twice = _mm512_slli_epi32(acc, 1);

	return _mm512_add_epi32(total, _mm512_sub_epi32(twice, sum));
}

#include "tile_l1_zmm.h"

#endif
