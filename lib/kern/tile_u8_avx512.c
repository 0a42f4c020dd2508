/* tile_u8_avx512.c - the u8 filter with 512-bit registers, without VNNI. */
#include "kern_int.h"

#if VS_KERN_X86
#include <immintrin.h>

#include "tile_madd_job.h"

#define MADD_ISA avx512
#define MADD_ATTR VS_AVX512
#define MADD_P 16
#define MADD_AHEAD 8192

typedef __m512i maddt_t;

VS_AVX512 VS_INLINE maddt_t maddt_load(const int32_t *p)
{
	return _mm512_load_si512(p);
}

VS_AVX512 VS_INLINE maddt_t maddt_loadu(const void *p)
{
	return _mm512_loadu_si512(p);
}

VS_AVX512 VS_INLINE void maddt_store(int32_t *p, maddt_t v)
{
	_mm512_store_si512(p, v);
}

VS_AVX512 VS_INLINE maddt_t maddt_set1(int32_t x)
{
	return _mm512_set1_epi32(x);
}

VS_AVX512 VS_INLINE maddt_t maddt_even(maddt_t v)
{
	return _mm512_and_si512(v, _mm512_set1_epi16(0xff));
}

VS_AVX512 VS_INLINE maddt_t maddt_odd(maddt_t v)
{
	return _mm512_srli_epi16(v, 8);
}

VS_AVX512 VS_INLINE maddt_t maddt_even_signed(maddt_t v)
{
	return _mm512_srai_epi16(_mm512_slli_epi16(v, 8), 8);
}

VS_AVX512 VS_INLINE maddt_t maddt_odd_signed(maddt_t v)
{
	return _mm512_srai_epi16(v, 8);
}

VS_AVX512 VS_INLINE maddt_t maddt_add(maddt_t a, maddt_t b)
{
	return _mm512_add_epi32(a, b);
}

VS_AVX512 VS_INLINE maddt_t maddt_sub(maddt_t a, maddt_t b)
{
	return _mm512_sub_epi32(a, b);
}

VS_AVX512 VS_INLINE maddt_t maddt_half(maddt_t v)
{
	return _mm512_srai_epi32(v, 1);
}

VS_AVX512 VS_INLINE maddt_t maddt_madd(maddt_t a, maddt_t b)
{
	return _mm512_madd_epi16(a, b);
}

VS_AVX512 VS_INLINE unsigned maddt_not_negative(maddt_t v)
{
	return _mm512_movepi32_mask(v) ^ 0xffffu;
}

VS_AVX512 VS_INLINE maddt_t maddt_lin(const struct vs_tile_lin *lin, size_t k,
				      size_t row)
{
	__m512 b = _mm512_mul_ps(_mm512_set1_ps(lin->g0[k]),
				 _mm512_load_ps(lin->t0 + row));

	b = _mm512_add_ps(b, _mm512_mul_ps(_mm512_set1_ps(lin->g1[k]),
					   _mm512_load_ps(lin->t1 + row)));
	b = _mm512_add_ps(b, _mm512_set1_ps(lin->c[k]));
	b = _mm512_max_ps(b, _mm512_set1_ps(-VS_LIN_MAX));
	b = _mm512_min_ps(b, _mm512_set1_ps(VS_LIN_MAX));
	return _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_cvtps_epi32(b));
}

VS_AVX512 VS_INLINE void maddt_score(const int32_t *sums, float gain,
				     const float *terms, float *out)
{
	__m512 acc = _mm512_cvtepi32_ps(_mm512_load_si512(sums));

	_mm512_store_ps(out, _mm512_fnmadd_ps(_mm512_set1_ps(gain), acc,
					      _mm512_load_ps(terms)));
}

#define MADD_Q 4
#define MADD_R 4
#include "tile_madd.h"

#define MADD_Q 4
#define MADD_R 2
#include "tile_madd.h"

#define MADD_Q 4
#define MADD_R 1
#include "tile_madd.h"

#define MADD_Q 1
#define MADD_R 4
#include "tile_madd.h"

#define MADD_Q 1
#define MADD_R 2
#include "tile_madd.h"

#define MADD_Q 1
#define MADD_R 1
#include "tile_madd.h"

static const struct madd_shape madd_shapes[] = {
	{ 4, 64, tile_4x4_madd }, { 4, 32, tile_4x2_madd },
	{ 4, 16, tile_4x1_madd }, { 1, 64, tile_1x4_madd },
	{ 1, 32, tile_1x2_madd }, { 1, 16, tile_1x1_madd },
};

#include "tile_madd_run.h"

#endif
