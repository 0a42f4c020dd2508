/* tile_f32_avx2.c - f32 filters and scores with 256-bit registers. */
#include "kern_int.h"

#if VS_KERN_X86
#include <immintrin.h>

#include "tile_f32_job.h"

#define F32_ISA avx2
#define F32_ATTR VS_AVX2
#define F32_P 8
#define F32_AHEAD 0 /* one panel after the other is seen coming */

typedef __m256 f32t_t;
typedef __m256 f32t_mask;

VS_AVX2 VS_INLINE f32t_t f32t_zero(void)
{
	return _mm256_setzero_ps();
}

VS_AVX2 VS_INLINE f32t_t f32t_load(const float *p)
{
	return _mm256_load_ps(p);
}

VS_AVX2 VS_INLINE f32t_t f32t_set1(float x)
{
	return _mm256_set1_ps(x);
}

VS_AVX2 VS_INLINE f32t_t f32t_madd(f32t_t a, f32t_t b, f32t_t c)
{
	return _mm256_fmadd_ps(a, b, c);
}

/* A product with one, which a Zen 4 computes beside differences. */
VS_AVX2 VS_INLINE f32t_t f32t_apart(f32t_t acc, f32t_t x, f32t_t y)
{
	f32t_t diff = _mm256_sub_ps(x, y);

	diff = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), diff);
	return _mm256_fnmadd_ps(diff, _mm256_set1_ps(1), acc);
}

VS_AVX2 VS_INLINE void f32t_store(float *p, f32t_t a)
{
	_mm256_storeu_ps(p, a);
}

VS_AVX2 VS_INLINE f32t_mask f32t_none(void)
{
	return _mm256_setzero_ps();
}

VS_AVX2 VS_INLINE f32t_mask f32t_not_below(f32t_t a, f32t_t b)
{
	return _mm256_cmp_ps(a, b, _CMP_NLT_UQ);
}

VS_AVX2 VS_INLINE f32t_mask f32t_or(f32t_mask a, f32t_mask b)
{
	return _mm256_or_ps(a, b);
}

VS_AVX2 VS_INLINE unsigned f32t_bits(f32t_mask m)
{
	return (unsigned)_mm256_movemask_ps(m);
}

VS_AVX2 VS_INLINE f32t_t f32_bound(const struct f32_job *job, size_t k,
				   size_t r)
{
	return f32t_madd(f32t_set1(job->gain[k]),
			 f32t_load(job->terms + r * F32_P),
			 f32t_set1(job->limit[k]));
}

/* The mask of L1 takes a register: twelve sums would go to the stack. */
#define F32_Q 6
#define F32_R 2
#define F32_NO_L1
#include "tile_f32.h"

#define F32_Q 4
#define F32_R 2
#include "tile_f32.h"

#define F32_Q 1
#define F32_R 8
#include "tile_f32.h"

#define F32_Q 1
#define F32_R 4
#include "tile_f32.h"

#define F32_Q 1
#define F32_R 2
#include "tile_f32.h"

static const struct f32_shape f32_shapes[] = {
	{ 6, 16, filter_6x2_tile, NULL, scores_6x2_tile },
	{ 4, 16, filter_4x2_tile, apart_4x2_tile, scores_4x2_tile },
	{ 1, 64, filter_1x8_tile, apart_1x8_tile, scores_1x8_tile },
	{ 1, 32, filter_1x4_tile, apart_1x4_tile, scores_1x4_tile },
	{ 1, 16, filter_1x2_tile, apart_1x2_tile, scores_1x2_tile },
};

/* Twelve sums of 6 x 2 keep the ports busiest; 7 and 8 queries are two fours,
 * which compute fewer sums in vain. */
static unsigned f32_width(unsigned n_q, bool l1)
{
	if (n_q == 1)
		return 1;
	return l1 || n_q <= 4 || n_q == 7 || n_q == 8 ? 4 : 6;
}

#include "tile_f32_run.h"

#endif
