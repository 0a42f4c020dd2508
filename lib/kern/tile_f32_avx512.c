/* tile_f32_avx512.c - f32 filters and scores with 512-bit registers. */
#include "kern_int.h"

#if VS_KERN_X86
#include <immintrin.h>

#include "tile_f32_job.h"

#define F32_ISA avx512
#define F32_ATTR VS_AVX512
#define F32_P 16
/* From memory, 128 dimensions on a Zen 4: 12 x 2 does 48 G MAC/s with it and 37
 * without; from L2 57 in either case. */
#define F32_AHEAD 16384

typedef __m512 f32t_t;
typedef __mmask16 f32t_mask;

VS_AVX512 VS_INLINE f32t_t f32t_zero(void)
{
	return _mm512_setzero_ps();
}

VS_AVX512 VS_INLINE f32t_t f32t_load(const float *p)
{
	return _mm512_load_ps(p);
}

VS_AVX512 VS_INLINE f32t_t f32t_set1(float x)
{
	return _mm512_set1_ps(x);
}

VS_AVX512 VS_INLINE f32t_t f32t_madd(f32t_t a, f32t_t b, f32t_t c)
{
	return _mm512_fmadd_ps(a, b, c);
}

/* A product with one, which a Zen 4 computes beside differences. */
VS_AVX512 VS_INLINE f32t_t f32t_apart(f32t_t acc, f32t_t x, f32t_t y)
{
	f32t_t diff = _mm512_sub_ps(x, y);

	diff = _mm512_abs_ps(diff);
	return _mm512_fnmadd_ps(diff, _mm512_set1_ps(1), acc);
}

VS_AVX512 VS_INLINE void f32t_store(float *p, f32t_t a)
{
	_mm512_storeu_ps(p, a);
}

VS_AVX512 VS_INLINE f32t_mask f32t_none(void)
{
	return 0;
}

VS_AVX512 VS_INLINE f32t_mask f32t_not_below(f32t_t a, f32t_t b)
{
	return _mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ);
}

VS_AVX512 VS_INLINE f32t_mask f32t_or(f32t_mask a, f32t_mask b)
{
	return _kor_mask16(a, b);
}

VS_AVX512 VS_INLINE unsigned f32t_bits(f32t_mask m)
{
	return m;
}

VS_AVX512 VS_INLINE f32t_t f32_bound(const struct f32_job *job, size_t k,
				     size_t r)
{
	return f32t_madd(f32t_set1(job->gain[k]),
			 f32t_load(job->terms + r * F32_P),
			 f32t_set1(job->limit[k]));
}

#define F32_Q 12
#define F32_R 2
#include "tile_f32.h"

#define F32_Q 12
#define F32_R 1
#include "tile_f32.h"

#define F32_Q 8
#define F32_R 2
#include "tile_f32.h"

#define F32_Q 8
#define F32_R 1
#include "tile_f32.h"

#define F32_Q 4
#define F32_R 4
#include "tile_f32.h"

#define F32_Q 4
#define F32_R 2
#include "tile_f32.h"

#define F32_Q 4
#define F32_R 1
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

#define F32_Q 1
#define F32_R 1
#include "tile_f32.h"

static const struct f32_shape f32_shapes[] = {
	{ 12, 32, filter_12x2_tile, apart_12x2_tile,
	  scores_12x2_tile },
	{ 12, 16, filter_12x1_tile, apart_12x1_tile,
	  scores_12x1_tile },
	{ 8, 32, filter_8x2_tile, apart_8x2_tile,
	  scores_8x2_tile },
	{ 8, 16, filter_8x1_tile, apart_8x1_tile,
	  scores_8x1_tile },
	{ 4, 64, filter_4x4_tile, apart_4x4_tile,
	  scores_4x4_tile },
	{ 4, 32, filter_4x2_tile, apart_4x2_tile,
	  scores_4x2_tile },
	{ 4, 16, filter_4x1_tile, apart_4x1_tile,
	  scores_4x1_tile },
	{ 1, 128, filter_1x8_tile, apart_1x8_tile,
	  scores_1x8_tile },
	{ 1, 64, filter_1x4_tile, apart_1x4_tile,
	  scores_1x4_tile },
	{ 1, 32, filter_1x2_tile, apart_1x2_tile,
	  scores_1x2_tile },
	{ 1, 16, filter_1x1_tile, apart_1x1_tile,
	  scores_1x1_tile },
};

static unsigned f32_width(unsigned n_q, bool l1)
{
	(void)l1;
	return n_q > 1 ? (n_q + 3) / 4 * 4 : 1;
}

#include "tile_f32_run.h"

#endif
