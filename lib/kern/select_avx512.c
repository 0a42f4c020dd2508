/* select_avx512.c - the smallest of some floats, and those under a limit. */
#include "kern_int.h"

#if VS_KERN_X86
#include <immintrin.h>

VS_AVX512 VS_INLINE __mmask16 tail_mask(size_t n)
{
	return (__mmask16)((1u << n) - 1);
}

VS_AVX512 float vs_min_f32_avx512(const float *v, size_t n)
{
	const __m512 inf = _mm512_set1_ps(INFINITY);
	__m512 a = inf, b = inf, c = inf, d = inf;
	size_t i = 0;
	float best;

	/* vminps gives its second operand when one is a NaN. */
	for (; i + 64 <= n; i += 64) {
		a = _mm512_min_ps(_mm512_loadu_ps(v + i), a);
		b = _mm512_min_ps(_mm512_loadu_ps(v + i + 16), b);
		c = _mm512_min_ps(_mm512_loadu_ps(v + i + 32), c);
		d = _mm512_min_ps(_mm512_loadu_ps(v + i + 48), d);
	}
	for (; i + 16 <= n; i += 16)
		a = _mm512_min_ps(_mm512_loadu_ps(v + i), a);
	if (i < n)
		a = _mm512_min_ps(
			_mm512_mask_loadu_ps(inf, tail_mask(n - i), v + i), a);
	a = _mm512_min_ps(_mm512_min_ps(a, b), _mm512_min_ps(c, d));
	best = _mm512_reduce_min_ps(a);
	if (best == INFINITY) /* or nothing but NaN */
		return vs_min_f32_generic(v, n);
	return best + 0.0f; /* -0 and +0 are the same smallest */
}

/* Writes the indices of mask; out has room for a whole vector. */
VS_AVX512 VS_INLINE size_t put(uint32_t *out, size_t at, __mmask16 mask,
			       size_t i)
{
	const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
						10, 11, 12, 13, 14, 15);
	__m512i index = _mm512_add_epi32(lanes, _mm512_set1_epi32((int)i));

	/* Into a register and then out: compressing to memory is slow on Zen 4.
	 */
	_mm512_storeu_si512(out + at, _mm512_maskz_compress_epi32(mask, index));
	return at + (size_t)__builtin_popcount(mask);
}

VS_AVX512 VS_INLINE __mmask16 le(const float *v, __m512 limit)
{
	return _mm512_cmp_ps_mask(_mm512_loadu_ps(v), limit, _CMP_LE_OQ);
}

VS_AVX512 size_t vs_select_le_f32_avx512(const float *v, size_t n, float limit,
					 uint32_t *out)
{
	const __m512 top = _mm512_set1_ps(limit);
	size_t i = 0, found = 0;

	for (; i + 64 <= n; i += 64) {
		__mmask16 a = le(v + i, top), b = le(v + i + 16, top);
		__mmask16 c = le(v + i + 32, top), d = le(v + i + 48, top);

		if ((a | b | c | d) == 0)
			continue;
		found = put(out, found, a, i);
		found = put(out, found, b, i + 16);
		found = put(out, found, c, i + 32);
		found = put(out, found, d, i + 48);
	}
	for (; i + 16 <= n; i += 16)
		found = put(out, found, le(v + i, top), i);
	for (; i < n; i++) {
		if (v[i] <= limit)
			out[found++] = (uint32_t)i;
	}
	return found;
}

#endif
