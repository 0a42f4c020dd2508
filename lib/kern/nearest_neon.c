/* nearest_neon.c - the nearest centroid with the 128-bit registers of ARM. */
#include "dot_neon.h"

#if VS_KERN_NEON

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#define NEAR_ISA neon
#define NEAR_ATTR VS_NEON
#define NEAR_P 4
#define NEAR_ONE 4
#define NEAR_R 4

typedef float32x4_t near_t;
typedef uint32x4_t near_int;
typedef uint32x4_t near_mask;

VS_NEON VS_INLINE near_t near_load(const float *p)
{
	return vld1q_f32(p);
}

VS_NEON VS_INLINE near_t near_set1(float x)
{
	return vdupq_n_f32(x);
}

VS_NEON VS_INLINE near_t near_sub(near_t a, near_t b)
{
	return vsubq_f32(a, b);
}

VS_NEON VS_INLINE near_t near_mul(near_t a, near_t b)
{
	return vmulq_f32(a, b);
}

VS_NEON VS_INLINE near_t near_add(near_t a, near_t b)
{
	return vaddq_f32(a, b);
}

VS_NEON VS_INLINE void near_store(float *p, near_t a)
{
	vst1q_f32(p, a);
}

VS_NEON VS_INLINE near_int near_int_set1(uint32_t x)
{
	return vdupq_n_u32(x);
}

VS_NEON VS_INLINE void near_int_store(uint32_t *p, near_int a)
{
	vst1q_u32(p, a);
}

VS_NEON VS_INLINE near_mask near_below(near_t a, near_t b)
{
	return vcltq_f32(a, b);
}

VS_NEON VS_INLINE near_t near_pick(near_mask m, near_t a, near_t b)
{
	return vbslq_f32(m, a, b);
}

VS_NEON VS_INLINE near_int near_int_pick(near_mask m, near_int a, near_int b)
{
	return vbslq_u32(m, a, b);
}

#include "nearest.h"

#endif
