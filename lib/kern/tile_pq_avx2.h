/* tile_pq_avx2.h - the rule by which coded rows pass, with 256-bit registers.
 */
#ifndef VS_KERN_TILE_PQ_AVX2_H
#define VS_KERN_TILE_PQ_AVX2_H

#include "kern_int.h"

#include <immintrin.h>

/* Eight lanes of a panel's mask, from sums of 16 bits. */
VS_AVX2_CANON VS_INLINE unsigned vs_pq_half_avx2(const struct vs_tile_pq *t,
						 unsigned q, size_t row,
						 __m128i sums)
{
	__m256 acc = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(sums));
	__m256 bound = _mm256_set1_ps(t->c[q]);

	if (t->terms != NULL)
		bound = _mm256_add_ps(
			_mm256_mul_ps(_mm256_set1_ps(t->g[q]),
				      _mm256_loadu_ps(t->terms + row)),
			bound);
	return (unsigned)_mm256_movemask_ps(
		_mm256_cmp_ps(acc, bound, _CMP_NGT_UQ));
}

/* The mask of a panel whose rows 0 to 7 have the sums `low`. */
VS_AVX2_CANON VS_INLINE unsigned vs_pq_mask_avx2(const struct vs_tile_pq *t,
						 unsigned q, size_t row0,
						 __m128i low, __m128i high)
{
	return vs_pq_half_avx2(t, q, row0, low) |
	       vs_pq_half_avx2(t, q, row0 + 8, high) << 8;
}

#endif
