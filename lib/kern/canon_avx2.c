/* canon_avx2.c - the canonical kernels with 256-bit registers.
 *
 * The target attribute leaves fma out, so products and sums cannot be fused.
 */
#include "kern_int.h"

#if VS_KERN_X86
#include <immintrin.h>

#define CANON_ISA avx2
#define CANON_ATTR VS_AVX2_CANON
#define CANON_INLINE VS_AVX2_CANON VS_INLINE

typedef __m256 f32v_t;
typedef __m256d f64v_t;
typedef __m256i u8v_t;

CANON_INLINE f32v_t f32v_zero(void)
{
	return _mm256_setzero_ps();
}

CANON_INLINE f32v_t f32v_load(const float *p)
{
	return _mm256_loadu_ps(p);
}

CANON_INLINE f32v_t f32v_tail(const float *p, size_t n)
{
	__m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

	return _mm256_maskload_ps(
		p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
}

CANON_INLINE f32v_t f32v_set1(float x)
{
	return _mm256_set1_ps(x);
}

CANON_INLINE f32v_t f32v_add(f32v_t a, f32v_t b)
{
	return _mm256_add_ps(a, b);
}

CANON_INLINE f32v_t f32v_sub(f32v_t a, f32v_t b)
{
	return _mm256_sub_ps(a, b);
}

CANON_INLINE f32v_t f32v_mul(f32v_t a, f32v_t b)
{
	return _mm256_mul_ps(a, b);
}

CANON_INLINE f32v_t f32v_abs(f32v_t a)
{
	return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

CANON_INLINE void f32v_store(float *p, f32v_t a)
{
	_mm256_storeu_ps(p, a);
}

CANON_INLINE float f32v_tree(const float lanes[16])
{
	__m256 s8 =
		_mm256_add_ps(_mm256_load_ps(lanes), _mm256_load_ps(lanes + 8));
	__m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8),
			       _mm256_extractf128_ps(s8, 1));
	__m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));

	return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

CANON_INLINE f64v_t f64v_zero(void)
{
	return _mm256_setzero_pd();
}

CANON_INLINE f64v_t f64v_load(const float *p)
{
	return _mm256_cvtps_pd(_mm_loadu_ps(p));
}

CANON_INLINE f64v_t f64v_tail(const float *p, size_t n)
{
	__m128i lane = _mm_setr_epi32(0, 1, 2, 3);
	__m128i mask = _mm_cmpgt_epi32(_mm_set1_epi32((int)n), lane);

	return _mm256_cvtps_pd(_mm_maskload_ps(p, mask));
}

CANON_INLINE f64v_t f64v_set1(float x)
{
	return _mm256_set1_pd((double)x);
}

CANON_INLINE f64v_t f64v_add(f64v_t a, f64v_t b)
{
	return _mm256_add_pd(a, b);
}

CANON_INLINE f64v_t f64v_sub(f64v_t a, f64v_t b)
{
	return _mm256_sub_pd(a, b);
}

CANON_INLINE f64v_t f64v_mul(f64v_t a, f64v_t b)
{
	return _mm256_mul_pd(a, b);
}

CANON_INLINE f64v_t f64v_abs(f64v_t a)
{
	return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a);
}

CANON_INLINE void f64v_store(double *p, f64v_t a)
{
	_mm256_storeu_pd(p, a);
}

CANON_INLINE double f64v_tree(const double lanes[16])
{
	__m256d lo =
		_mm256_add_pd(_mm256_load_pd(lanes), _mm256_load_pd(lanes + 8));
	__m256d hi = _mm256_add_pd(_mm256_load_pd(lanes + 4),
				   _mm256_load_pd(lanes + 12));
	__m256d s4 = _mm256_add_pd(lo, hi);
	__m128d s2 = _mm_add_pd(_mm256_castpd256_pd128(s4),
				_mm256_extractf128_pd(s4, 1));

	return _mm_cvtsd_f64(_mm_add_sd(s2, _mm_unpackhi_pd(s2, s2)));
}

CANON_INLINE u8v_t u8v_zero(void)
{
	return _mm256_setzero_si256();
}

CANON_INLINE u8v_t u8v_load(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

CANON_INLINE u8v_t u8v_tail(const uint8_t *p, size_t n)
{
	uint8_t bytes[32] = { 0 };
	size_t i;

	for (i = 0; i < n; i++)
		bytes[i] = p[i];
	return u8v_load(bytes);
}

CANON_INLINE u8v_t u8v_set1(int32_t word)
{
	return _mm256_set1_epi32(word);
}

/* Even and odd bytes as 16-bit numbers: vpmaddwd is exact on them, where
 * vpmaddubsw would saturate. */
CANON_INLINE u8v_t u8v_even(u8v_t v)
{
	return _mm256_and_si256(v, _mm256_set1_epi16(0xff));
}

CANON_INLINE u8v_t u8v_odd(u8v_t v)
{
	return _mm256_srli_epi16(v, 8);
}

CANON_INLINE u8v_t u8v_ip(u8v_t acc, u8v_t x, u8v_t y)
{
	u8v_t even = _mm256_madd_epi16(u8v_even(x), u8v_even(y));
	u8v_t odd = _mm256_madd_epi16(u8v_odd(x), u8v_odd(y));

	return _mm256_add_epi32(acc, _mm256_add_epi32(even, odd));
}

CANON_INLINE u8v_t u8v_apart(u8v_t x, u8v_t y)
{
	return _mm256_or_si256(_mm256_subs_epu8(x, y), _mm256_subs_epu8(y, x));
}

CANON_INLINE u8v_t u8v_l2(u8v_t acc, u8v_t x, u8v_t y)
{
	u8v_t diff = u8v_apart(x, y);

	return u8v_ip(acc, diff, diff);
}

CANON_INLINE u8v_t u8v_l1(u8v_t acc, u8v_t x, u8v_t y)
{
	return u8v_ip(acc, u8v_apart(x, y), _mm256_set1_epi8(1));
}

CANON_INLINE void u8v_widen(int64_t *out, u8v_t acc)
{
	__m256i lo = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(acc));
	__m256i hi = _mm256_cvtepu32_epi64(_mm256_extracti128_si256(acc, 1));

	_mm256_storeu_si256((__m256i *)out, lo);
	_mm256_storeu_si256((__m256i *)(out + 4), hi);
}

CANON_INLINE int64_t u8v_sum(u8v_t acc)
{
	__m256i lo = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(acc));
	__m256i hi = _mm256_cvtepu32_epi64(_mm256_extracti128_si256(acc, 1));
	__m256i s4 = _mm256_add_epi64(lo, hi);
	__m128i s2 = _mm_add_epi64(_mm256_castsi256_si128(s4),
				   _mm256_extracti128_si256(s4, 1));

	return _mm_cvtsi128_si64(s2) + _mm_extract_epi64(s2, 1);
}

#define CANON_KIND f32
#define CANON_T float
#define CANON_V f32v
#define CANON_P 8
#define CANON_N 2
#include "canon_f32.h"

#define ROT_R 6
#define ROT_P 8
#define ROT_N 2
#include "rotate_f32.h"

#define CANON_KIND f32_f64
#define CANON_T double
#define CANON_V f64v
#define CANON_P 4
#define CANON_N 4
#include "canon_f32.h"

#define CANON_B 32
#include "canon_u8.h"

#endif
