/* tile_pq_avx512.h - the rule by which coded rows pass, with 512-bit registers.
 */
#ifndef VS_KERN_TILE_PQ_AVX512_H
#define VS_KERN_TILE_PQ_AVX512_H

#include "kern_int.h"

#include <immintrin.h>

/* The mask of a panel whose rows 0 to 7 have the sums `low`, of 16 bits. */
VS_AVX512 VS_INLINE unsigned vs_pq_mask_avx512(const struct vs_tile_pq *t,
					       unsigned q, size_t row0,
					       __m128i low, __m128i high)
{
	__m512 acc = _mm512_cvtepi32_ps(
		_mm512_cvtepu16_epi32(_mm256_set_m128i(high, low)));
	__m512 bound = _mm512_set1_ps(t->c[q]);

	/* Named roundings: the two cannot be fused. */
	if (t->terms != NULL)
		bound = _mm512_add_ps(
			_mm512_mul_round_ps(_mm512_set1_ps(t->g[q]),
					    _mm512_loadu_ps(t->terms + row0),
					    _MM_FROUND_TO_NEAREST_INT |
						    _MM_FROUND_NO_EXC),
			bound);
	return _mm512_cmp_ps_mask(acc, bound, _CMP_NGT_UQ);
}

#endif
