/* tile_u8_avx2.c - the u8 filter with 256-bit registers. */
#include "kern_int.h"

#if VS_KERN_X86
#include <immintrin.h>

#include "tile_madd_job.h"

#define MADD_ISA avx2
#define MADD_ATTR VS_AVX2
#define MADD_P 8
#define MADD_AHEAD 0 /* one panel after the other is seen coming */

typedef __m256i maddt_t;

VS_AVX2 VS_INLINE maddt_t maddt_load(const int32_t *p)
{
	return _mm256_load_si256((const __m256i *)p);
}

VS_AVX2 VS_INLINE maddt_t maddt_loadu(const void *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

VS_AVX2 VS_INLINE void maddt_store(int32_t *p, maddt_t v)
{
	_mm256_store_si256((__m256i *)p, v);
}

VS_AVX2 VS_INLINE maddt_t maddt_set1(int32_t x)
{
	return _mm256_set1_epi32(x);
}

VS_AVX2 VS_INLINE maddt_t maddt_even(maddt_t v)
{
	return _mm256_and_si256(v, _mm256_set1_epi16(0xff));
}

VS_AVX2 VS_INLINE maddt_t maddt_odd(maddt_t v)
{
	return _mm256_srli_epi16(v, 8);
}

VS_AVX2 VS_INLINE maddt_t maddt_even_signed(maddt_t v)
{
	return _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8);
}

VS_AVX2 VS_INLINE maddt_t maddt_odd_signed(maddt_t v)
{
	return _mm256_srai_epi16(v, 8);
}

VS_AVX2 VS_INLINE maddt_t maddt_add(maddt_t a, maddt_t b)
{
	return _mm256_add_epi32(a, b);
}

VS_AVX2 VS_INLINE maddt_t maddt_sub(maddt_t a, maddt_t b)
{
	return _mm256_sub_epi32(a, b);
}

VS_AVX2 VS_INLINE maddt_t maddt_half(maddt_t v)
{
	return _mm256_srai_epi32(v, 1);
}

VS_AVX2 VS_INLINE maddt_t maddt_madd(maddt_t a, maddt_t b)
{
	return _mm256_madd_epi16(a, b);
}

VS_AVX2 VS_INLINE unsigned maddt_not_negative(maddt_t v)
{
	return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(v)) ^ 0xffu;
}

VS_AVX2 VS_INLINE maddt_t maddt_lin(const struct vs_tile_lin *lin, size_t k,
				    size_t row)
{
	__m256 b = _mm256_mul_ps(_mm256_set1_ps(lin->g0[k]),
				 _mm256_load_ps(lin->t0 + row));

	b = _mm256_add_ps(b, _mm256_mul_ps(_mm256_set1_ps(lin->g1[k]),
					   _mm256_load_ps(lin->t1 + row)));
	b = _mm256_add_ps(b, _mm256_set1_ps(lin->c[k]));
	b = _mm256_max_ps(b, _mm256_set1_ps(-VS_LIN_MAX));
	b = _mm256_min_ps(b, _mm256_set1_ps(VS_LIN_MAX));
	return _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_cvtps_epi32(b));
}

VS_AVX2 VS_INLINE void maddt_score(const int32_t *sums, float gain,
				   const float *terms, float *out)
{
	__m256 acc = _mm256_cvtepi32_ps(maddt_load(sums));

	_mm256_store_ps(out, _mm256_fnmadd_ps(_mm256_set1_ps(gain), acc,
					      _mm256_load_ps(terms)));
}

#define MADD_Q 4
#define MADD_R 2
#include "tile_madd.h"

#define MADD_Q 1
#define MADD_R 4
#include "tile_madd.h"

#define MADD_Q 1
#define MADD_R 2
#include "tile_madd.h"

static const struct madd_shape madd_shapes[] = {
	{ 4, 16, tile_4x2_madd },
	{ 1, 32, tile_1x4_madd },
	{ 1, 16, tile_1x2_madd },
};

#include "tile_madd_run.h"

#endif
