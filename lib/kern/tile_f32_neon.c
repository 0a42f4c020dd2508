/* tile_f32_neon.c - f32 filters and scores with the 128-bit registers of ARM.
 *
 * Sixteen sums of 4 x 4 keep four pipes of four cycles busy and leave half of
 * the 32 registers for rows and queries.
 */
#include "kern_int.h"

#if VS_KERN_NEON
#include <arm_neon.h>

#include "tile_f32_job.h"

#define F32_ISA neon
#define F32_ATTR VS_NEON
#define F32_P 4
#define F32_AHEAD 0 /* one panel after the other is seen coming */

typedef float32x4_t f32t_t;
typedef uint32x4_t f32t_mask;

VS_NEON VS_INLINE f32t_t f32t_zero(void)
{
	return vdupq_n_f32(0);
}

VS_NEON VS_INLINE f32t_t f32t_load(const float *p)
{
	return vld1q_f32(p);
}

VS_NEON VS_INLINE f32t_t f32t_set1(float x)
{
	return vdupq_n_f32(x);
}

VS_NEON VS_INLINE f32t_t f32t_madd(f32t_t a, f32t_t b, f32t_t c)
{
	return vfmaq_f32(c, a, b);
}

VS_NEON VS_INLINE f32t_t f32t_apart(f32t_t acc, f32t_t x, f32t_t y)
{
	return vsubq_f32(acc, vabdq_f32(x, y));
}

VS_NEON VS_INLINE void f32t_store(float *p, f32t_t a)
{
	vst1q_f32(p, a);
}

VS_NEON VS_INLINE f32t_mask f32t_none(void)
{
	return vdupq_n_u32(0);
}

VS_NEON VS_INLINE f32t_mask f32t_not_below(f32t_t a, f32t_t b)
{
	return vmvnq_u32(vcltq_f32(a, b));
}

VS_NEON VS_INLINE f32t_mask f32t_or(f32t_mask a, f32t_mask b)
{
	return vorrq_u32(a, b);
}

VS_NEON VS_INLINE unsigned f32t_bits(f32t_mask m)
{
	static const uint32_t bit[4] = { 1, 2, 4, 8 };

	return vaddvq_u32(vandq_u32(m, vld1q_u32(bit)));
}

VS_NEON VS_INLINE f32t_t f32_bound(const struct f32_job *job, size_t k,
				   size_t r)
{
	return f32t_madd(f32t_set1(job->gain[k]),
			 f32t_load(job->terms + r * F32_P),
			 f32t_set1(job->limit[k]));
}

#define F32_Q 4
#define F32_R 4
#include "tile_f32.h"

#define F32_Q 1
#define F32_R 8
#include "tile_f32.h"

#define F32_Q 1
#define F32_R 4
#include "tile_f32.h"

static const struct f32_shape f32_shapes[] = {
	{ 4, 16, filter_4x4_tile, apart_4x4_tile, scores_4x4_tile },
	{ 1, 32, filter_1x8_tile, apart_1x8_tile, scores_1x8_tile },
	{ 1, 16, filter_1x4_tile, apart_1x4_tile, scores_1x4_tile },
};

static unsigned f32_width(unsigned n_q, bool l1)
{
	(void)l1;
	return n_q > 1 ? 4 : 1;
}

#include "tile_f32_run.h"

#endif
