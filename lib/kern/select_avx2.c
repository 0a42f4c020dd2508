/* select_avx2.c - the smallest of some floats, and those under a limit. */
#include "kern_int.h"

#if VS_KERN_X86
#include <immintrin.h>

VS_AVX2 VS_INLINE float lowest(__m256 v)
{
	__m128 m = _mm_min_ps(_mm256_castps256_ps128(v),
			      _mm256_extractf128_ps(v, 1));

	m = _mm_min_ps(m, _mm_movehl_ps(m, m));
	return _mm_cvtss_f32(_mm_min_ss(m, _mm_movehdup_ps(m)));
}

VS_AVX2 float vs_min_f32_avx2(const float *v, size_t n)
{
	__m256 a = _mm256_set1_ps(INFINITY), b = a, c = a, d = a;
	size_t i = 0;
	float best;

	/* vminps gives its second operand when one is a NaN. */
	for (; i + 32 <= n; i += 32) {
		a = _mm256_min_ps(_mm256_loadu_ps(v + i), a);
		b = _mm256_min_ps(_mm256_loadu_ps(v + i + 8), b);
		c = _mm256_min_ps(_mm256_loadu_ps(v + i + 16), c);
		d = _mm256_min_ps(_mm256_loadu_ps(v + i + 24), d);
	}
	best = lowest(_mm256_min_ps(_mm256_min_ps(a, b), _mm256_min_ps(c, d)));
	for (; i < n; i++) {
		if (v[i] < best)
			best = v[i];
	}
	if (best == INFINITY) /* or nothing but NaN */
		return vs_min_f32_generic(v, n);
	return best + 0.0f; /* -0 and +0 are the same smallest */
}

VS_AVX2 VS_INLINE unsigned le(const float *v, __m256 limit)
{
	return (unsigned)_mm256_movemask_ps(
		_mm256_cmp_ps(_mm256_loadu_ps(v), limit, _CMP_LE_OQ));
}

VS_AVX2 size_t vs_select_le_f32_avx2(const float *v, size_t n, float limit,
				     uint32_t *out)
{
	const __m256 top = _mm256_set1_ps(limit);
	size_t i = 0, found = 0;
	unsigned mask;

	for (; i + 32 <= n; i += 32) {
		mask = le(v + i, top) | le(v + i + 8, top) << 8 |
		       le(v + i + 16, top) << 16 | le(v + i + 24, top) << 24;
		for (; mask != 0; mask &= mask - 1)
			out[found++] =
				(uint32_t)(i + (size_t)__builtin_ctz(mask));
	}
	for (; i < n; i++) {
		if (v[i] <= limit)
			out[found++] = (uint32_t)i;
	}
	return found;
}

#endif
