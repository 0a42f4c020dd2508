/* nearest_avx2.c - the nearest centroid with 256-bit registers. */
#include "kern_int.h"

#if VS_KERN_X86
#include <immintrin.h>

#define NEAR_ISA avx2
#define NEAR_ATTR VS_AVX2_CANON
#define NEAR_P 8
#define NEAR_ONE 2
#define NEAR_R 4

typedef __m256 near_t;
typedef __m256i near_int;
typedef __m256 near_mask;

VS_AVX2_CANON VS_INLINE near_t near_load(const float *p)
{
	return _mm256_load_ps(p);
}

VS_AVX2_CANON VS_INLINE near_t near_set1(float x)
{
	return _mm256_set1_ps(x);
}

VS_AVX2_CANON VS_INLINE near_t near_sub(near_t a, near_t b)
{
	return _mm256_sub_ps(a, b);
}

/* The target leaves fma out: nothing can be fused. */
VS_AVX2_CANON VS_INLINE near_t near_mul(near_t a, near_t b)
{
	return _mm256_mul_ps(a, b);
}

VS_AVX2_CANON VS_INLINE near_t near_add(near_t a, near_t b)
{
	return _mm256_add_ps(a, b);
}

VS_AVX2_CANON VS_INLINE void near_store(float *p, near_t a)
{
	_mm256_store_ps(p, a);
}

VS_AVX2_CANON VS_INLINE near_int near_int_set1(uint32_t x)
{
	return _mm256_set1_epi32((int)x);
}

VS_AVX2_CANON VS_INLINE void near_int_store(uint32_t *p, near_int a)
{
	_mm256_store_si256((__m256i *)(void *)p, a);
}

VS_AVX2_CANON VS_INLINE near_mask near_below(near_t a, near_t b)
{
	return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

VS_AVX2_CANON VS_INLINE near_t near_pick(near_mask m, near_t a, near_t b)
{
	return _mm256_blendv_ps(b, a, m);
}

VS_AVX2_CANON VS_INLINE near_int near_int_pick(near_mask m, near_int a,
					       near_int b)
{
	return _mm256_blendv_epi8(b, a, _mm256_castps_si256(m));
}

#include "nearest.h"

#endif
