/* canon_avx512.c - the canonical kernels with 512-bit registers. */
#include "kern_int.h"

#if VS_KERN_X86
#include <immintrin.h>

#define CANON_ISA avx512
#define CANON_ATTR VS_AVX512

/* An explicit rounding keeps gcc from fusing a product into a sum even where
 * -ffp-contract=off was forgotten. */
#define ROUND (_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)

typedef __m512 f32v_t;
typedef __m512d f64v_t;
typedef __m512i u8v_t;

VS_AVX512 VS_INLINE f32v_t f32v_zero(void)
{
	return _mm512_setzero_ps();
}

VS_AVX512 VS_INLINE f32v_t f32v_load(const float *p)
{
	return _mm512_loadu_ps(p);
}

VS_AVX512 VS_INLINE f32v_t f32v_tail(const float *p, size_t n)
{
	return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}

VS_AVX512 VS_INLINE f32v_t f32v_set1(float x)
{
	return _mm512_set1_ps(x);
}

VS_AVX512 VS_INLINE f32v_t f32v_add(f32v_t a, f32v_t b)
{
	return _mm512_add_ps(a, b);
}

VS_AVX512 VS_INLINE f32v_t f32v_sub(f32v_t a, f32v_t b)
{
	return _mm512_sub_ps(a, b);
}

VS_AVX512 VS_INLINE f32v_t f32v_mul(f32v_t a, f32v_t b)
{
	return _mm512_mul_round_ps(a, b, ROUND);
}

VS_AVX512 VS_INLINE f32v_t f32v_abs(f32v_t a)
{
	return _mm512_abs_ps(a);
}

VS_AVX512 VS_INLINE void f32v_store(float *p, f32v_t a)
{
	_mm512_storeu_ps(p, a);
}

VS_AVX512 VS_INLINE float f32v_tree(const float lanes[16])
{
	__m256 s8 =
		_mm256_add_ps(_mm256_load_ps(lanes), _mm256_load_ps(lanes + 8));
	__m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8),
			       _mm256_extractf128_ps(s8, 1));
	__m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));

	return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

VS_AVX512 VS_INLINE f64v_t f64v_zero(void)
{
	return _mm512_setzero_pd();
}

VS_AVX512 VS_INLINE f64v_t f64v_load(const float *p)
{
	return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}

VS_AVX512 VS_INLINE f64v_t f64v_tail(const float *p, size_t n)
{
	__mmask8 m = (__mmask8)((1u << n) - 1);

	return _mm512_cvtps_pd(_mm256_maskz_loadu_ps(m, p));
}

VS_AVX512 VS_INLINE f64v_t f64v_set1(float x)
{
	return _mm512_set1_pd((double)x);
}

VS_AVX512 VS_INLINE f64v_t f64v_add(f64v_t a, f64v_t b)
{
	return _mm512_add_pd(a, b);
}

VS_AVX512 VS_INLINE f64v_t f64v_sub(f64v_t a, f64v_t b)
{
	return _mm512_sub_pd(a, b);
}

VS_AVX512 VS_INLINE f64v_t f64v_mul(f64v_t a, f64v_t b)
{
	/* gcc -O0 warns of the mask inside the form without one. */
	return _mm512_maskz_mul_round_pd((__mmask8)0xff, a, b, ROUND);
}

VS_AVX512 VS_INLINE f64v_t f64v_abs(f64v_t a)
{
	return _mm512_abs_pd(a);
}

VS_AVX512 VS_INLINE void f64v_store(double *p, f64v_t a)
{
	_mm512_storeu_pd(p, a);
}

VS_AVX512 VS_INLINE double f64v_tree(const double lanes[16])
{
	__m512d s8 =
		_mm512_add_pd(_mm512_load_pd(lanes), _mm512_load_pd(lanes + 8));
	__m256d s4 = _mm256_add_pd(_mm512_castpd512_pd256(s8),
				   _mm512_extractf64x4_pd(s8, 1));
	__m128d s2 = _mm_add_pd(_mm256_castpd256_pd128(s4),
				_mm256_extractf128_pd(s4, 1));

	return _mm_cvtsd_f64(_mm_add_sd(s2, _mm_unpackhi_pd(s2, s2)));
}

VS_AVX512 VS_INLINE u8v_t u8v_zero(void)
{
	return _mm512_setzero_si512();
}

VS_AVX512 VS_INLINE u8v_t u8v_load(const uint8_t *p)
{
	return _mm512_loadu_si512(p);
}

VS_AVX512 VS_INLINE u8v_t u8v_tail(const uint8_t *p, size_t n)
{
	return _mm512_maskz_loadu_epi8(((__mmask64)1 << n) - 1, p);
}

VS_AVX512 VS_INLINE u8v_t u8v_set1(int32_t word)
{
	return _mm512_set1_epi32(word);
}

/* Even and odd bytes as 16-bit numbers: vpmaddwd is exact on them, where
 * vpmaddubsw would saturate. */
VS_AVX512 VS_INLINE u8v_t u8v_even(u8v_t v)
{
	return _mm512_and_si512(v, _mm512_set1_epi16(0xff));
}

VS_AVX512 VS_INLINE u8v_t u8v_odd(u8v_t v)
{
	return _mm512_srli_epi16(v, 8);
}

VS_AVX512 VS_INLINE u8v_t u8v_ip(u8v_t acc, u8v_t x, u8v_t y)
{
	u8v_t even = _mm512_madd_epi16(u8v_even(x), u8v_even(y));
	u8v_t odd = _mm512_madd_epi16(u8v_odd(x), u8v_odd(y));

	return _mm512_add_epi32(acc, _mm512_add_epi32(even, odd));
}

VS_AVX512 VS_INLINE u8v_t u8v_apart(u8v_t x, u8v_t y)
{
	return _mm512_or_si512(_mm512_subs_epu8(x, y), _mm512_subs_epu8(y, x));
}

VS_AVX512 VS_INLINE u8v_t u8v_l2(u8v_t acc, u8v_t x, u8v_t y)
{
	u8v_t diff = u8v_apart(x, y);

	return u8v_ip(acc, diff, diff);
}

VS_AVX512 VS_INLINE u8v_t u8v_l1(u8v_t acc, u8v_t x, u8v_t y)
{
	return u8v_ip(acc, u8v_apart(x, y), _mm512_set1_epi8(1));
}

VS_AVX512 VS_INLINE int64_t u8v_sum(u8v_t acc)
{
	__m512i lo = _mm512_cvtepu32_epi64(_mm512_castsi512_si256(acc));
	__m512i hi = _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(acc, 1));

	return _mm512_reduce_add_epi64(_mm512_add_epi64(lo, hi));
}

VS_AVX512 VS_INLINE void u8v_widen(int64_t *out, u8v_t acc)
{
	__m512i lo = _mm512_cvtepu32_epi64(_mm512_castsi512_si256(acc));
	__m512i hi = _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(acc, 1));

	_mm512_storeu_si512(out, lo);
	_mm512_storeu_si512(out + 8, hi);
}

#define CANON_KIND f32
#define CANON_T float
#define CANON_V f32v
#define CANON_P 16
#define CANON_N 1
#include "canon_f32.h"

#define ROT_R 12
#define ROT_P 16
#define ROT_N 1
#include "rotate_f32.h"

#define CANON_KIND f32_f64
#define CANON_T double
#define CANON_V f64v
#define CANON_P 8
#define CANON_N 2
#include "canon_f32.h"

#define CANON_B 64
#include "canon_u8.h"

#endif
