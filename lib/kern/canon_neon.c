/* canon_neon.c - the canonical kernels with the 128-bit registers of ARM.
 *
 * Products and sums are rounded one by one: -ffp-contract=off, which the
 * Makefile sets, keeps gcc from fusing the intrinsics, and the pragma clang.
 */
#include "dot_neon.h"

#if VS_KERN_NEON

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#define CANON_ISA neon
#define CANON_ATTR VS_NEON

typedef float32x4_t f32v_t;
typedef float64x2_t f64v_t;
typedef uint32x4_t u8v_t;

VS_NEON VS_INLINE f32v_t f32v_zero(void)
{
	return vdupq_n_f32(0);
}

VS_NEON VS_INLINE f32v_t f32v_load(const float *p)
{
	return vld1q_f32(p);
}

VS_NEON VS_INLINE f32v_t f32v_tail(const float *p, size_t n)
{
	float lanes[4] = { 0 };
	size_t i;

	for (i = 0; i < n; i++)
		lanes[i] = p[i];
	return vld1q_f32(lanes);
}

VS_NEON VS_INLINE f32v_t f32v_set1(float x)
{
	return vdupq_n_f32(x);
}

VS_NEON VS_INLINE f32v_t f32v_add(f32v_t a, f32v_t b)
{
	return vaddq_f32(a, b);
}

VS_NEON VS_INLINE f32v_t f32v_sub(f32v_t a, f32v_t b)
{
	return vsubq_f32(a, b);
}

VS_NEON VS_INLINE f32v_t f32v_mul(f32v_t a, f32v_t b)
{
	return vmulq_f32(a, b);
}

VS_NEON VS_INLINE f32v_t f32v_abs(f32v_t a)
{
	return vabsq_f32(a);
}

VS_NEON VS_INLINE void f32v_store(float *p, f32v_t a)
{
	vst1q_f32(p, a);
}

VS_NEON VS_INLINE float f32v_tree(const float lanes[16])
{
	float32x4_t lo = vaddq_f32(vld1q_f32(lanes), vld1q_f32(lanes + 8));
	float32x4_t hi = vaddq_f32(vld1q_f32(lanes + 4), vld1q_f32(lanes + 12));
	float32x4_t s4 = vaddq_f32(lo, hi);
	float32x2_t s2 = vadd_f32(vget_low_f32(s4), vget_high_f32(s4));

	return vget_lane_f32(s2, 0) + vget_lane_f32(s2, 1);
}

VS_NEON VS_INLINE f64v_t f64v_zero(void)
{
	return vdupq_n_f64(0);
}

VS_NEON VS_INLINE f64v_t f64v_load(const float *p)
{
	return vcvt_f64_f32(vld1_f32(p));
}

VS_NEON VS_INLINE f64v_t f64v_tail(const float *p, size_t n)
{
	float lanes[2] = { n > 0 ? p[0] : 0, n > 1 ? p[1] : 0 };

	return vcvt_f64_f32(vld1_f32(lanes));
}

VS_NEON VS_INLINE f64v_t f64v_set1(float x)
{
	return vdupq_n_f64((double)x);
}

VS_NEON VS_INLINE f64v_t f64v_add(f64v_t a, f64v_t b)
{
	return vaddq_f64(a, b);
}

VS_NEON VS_INLINE f64v_t f64v_sub(f64v_t a, f64v_t b)
{
	return vsubq_f64(a, b);
}

VS_NEON VS_INLINE f64v_t f64v_mul(f64v_t a, f64v_t b)
{
	return vmulq_f64(a, b);
}

VS_NEON VS_INLINE f64v_t f64v_abs(f64v_t a)
{
	return vabsq_f64(a);
}

VS_NEON VS_INLINE void f64v_store(double *p, f64v_t a)
{
	vst1q_f64(p, a);
}

VS_NEON VS_INLINE double f64v_tree(const double lanes[16])
{
	float64x2_t s8[4], s4[2], s2;
	size_t j;

	for (j = 0; j < 4; j++)
		s8[j] = vaddq_f64(vld1q_f64(lanes + 2 * j),
				  vld1q_f64(lanes + 2 * j + 8));
	s4[0] = vaddq_f64(s8[0], s8[2]);
	s4[1] = vaddq_f64(s8[1], s8[3]);
	s2 = vaddq_f64(s4[0], s4[1]);
	return vgetq_lane_f64(s2, 0) + vgetq_lane_f64(s2, 1);
}

VS_NEON VS_INLINE u8v_t u8v_zero(void)
{
	return vdupq_n_u32(0);
}

VS_NEON VS_INLINE u8v_t u8v_load(const uint8_t *p)
{
	return vreinterpretq_u32_u8(vld1q_u8(p));
}

VS_NEON VS_INLINE u8v_t u8v_tail(const uint8_t *p, size_t n)
{
	uint8_t bytes[16] = { 0 };
	size_t i;

	for (i = 0; i < n; i++)
		bytes[i] = p[i];
	return u8v_load(bytes);
}

VS_NEON VS_INLINE u8v_t u8v_set1(int32_t word)
{
	return vdupq_n_u32((uint32_t)word);
}

VS_NEON VS_INLINE u8v_t u8v_ip(u8v_t acc, u8v_t x, u8v_t y)
{
	return vs_udot(acc, vreinterpretq_u8_u32(x), vreinterpretq_u8_u32(y));
}

VS_NEON VS_INLINE uint8x16_t u8v_apart(u8v_t x, u8v_t y)
{
	return vabdq_u8(vreinterpretq_u8_u32(x), vreinterpretq_u8_u32(y));
}

VS_NEON VS_INLINE u8v_t u8v_l2(u8v_t acc, u8v_t x, u8v_t y)
{
	uint8x16_t diff = u8v_apart(x, y);

	return vs_udot(acc, diff, diff);
}

VS_NEON VS_INLINE u8v_t u8v_l1(u8v_t acc, u8v_t x, u8v_t y)
{
	return vs_udot(acc, u8v_apart(x, y), vdupq_n_u8(1));
}

VS_NEON VS_INLINE int64_t u8v_sum(u8v_t acc)
{
	return (int64_t)vaddlvq_u32(acc);
}

VS_NEON VS_INLINE void u8v_widen(int64_t *out, u8v_t acc)
{
	vst1q_s64(out, vreinterpretq_s64_u64(vmovl_u32(vget_low_u32(acc))));
	vst1q_s64(out + 2, vreinterpretq_s64_u64(vmovl_high_u32(acc)));
}

#define CANON_KIND f32
#define CANON_T float
#define CANON_V f32v
#define CANON_P 4
#define CANON_N 4
#include "canon_f32.h"

#define ROT_R 4
#define ROT_P 4
#define ROT_N 4
#include "rotate_f32.h"

#define CANON_KIND f32_f64
#define CANON_T double
#define CANON_V f64v
#define CANON_P 2
#define CANON_N 8
#include "canon_f32.h"

#define CANON_B 16
#include "canon_u8.h"

#endif
