/* nearest_avx512.c - the nearest centroid with 512-bit registers. */
#include "kern_int.h"

#if VS_KERN_X86
#include <immintrin.h>

#define NEAR_ISA avx512
#define NEAR_ATTR VS_AVX512
#define NEAR_P 16
#define NEAR_ONE 1
#define NEAR_R 4

typedef __m512 near_t;
typedef __m512i near_int;
typedef __mmask16 near_mask;

VS_AVX512 VS_INLINE near_t near_load(const float *p)
{
	return _mm512_load_ps(p);
}

VS_AVX512 VS_INLINE near_t near_set1(float x)
{
	return _mm512_set1_ps(x);
}

VS_AVX512 VS_INLINE near_t near_sub(near_t a, near_t b)
{
	return _mm512_sub_ps(a, b);
}

/* The rounding is named: this cannot be fused with an addition. */
VS_AVX512 VS_INLINE near_t near_mul(near_t a, near_t b)
{
	return _mm512_mul_round_ps(a, b, _MM_FROUND_TO_NEAREST_INT |
						  _MM_FROUND_NO_EXC);
}

VS_AVX512 VS_INLINE near_t near_add(near_t a, near_t b)
{
	return _mm512_add_ps(a, b);
}

VS_AVX512 VS_INLINE void near_store(float *p, near_t a)
{
	_mm512_store_ps(p, a);
}

VS_AVX512 VS_INLINE near_int near_int_set1(uint32_t x)
{
	return _mm512_set1_epi32((int)x);
}

VS_AVX512 VS_INLINE void near_int_store(uint32_t *p, near_int a)
{
	_mm512_store_si512(p, a);
}

VS_AVX512 VS_INLINE near_mask near_below(near_t a, near_t b)
{
	return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

VS_AVX512 VS_INLINE near_t near_pick(near_mask m, near_t a, near_t b)
{
	return _mm512_mask_blend_ps(m, b, a);
}

VS_AVX512 VS_INLINE near_int near_int_pick(near_mask m, near_int a, near_int b)
{
	return _mm512_mask_blend_epi32(m, b, a);
}

#include "nearest.h"

#endif
