/* tile_l1_avx2.c - the u8 filter for L1 with 256-bit registers. */
#include "tile_l1_job.h"

#if VS_KERN_X86
#include <immintrin.h>

#define L1_ISA avx2
#define L1_ATTR VS_AVX2
#define L1_P 8
/* Sums of two bytes are kept in 16 bits for 128 steps: 128 * 2 * 255. */
#define L1_BLOCK 8192

typedef __m256i l1v_t;

#include "tile_l1_sums.h"

VS_AVX2 VS_INLINE l1v_t l1v_zero(void)
{
	return _mm256_setzero_si256();
}

VS_AVX2 VS_INLINE l1v_t l1v_load(const uint8_t *p)
{
	return _mm256_load_si256((const __m256i *)(const void *)p);
}

VS_AVX2 VS_INLINE l1v_t l1v_set1(int32_t word)
{
	return _mm256_set1_epi32(word);
}

/* The empty assembly keeps each sum in its register, see tile_madd.h. */
VS_AVX2 VS_INLINE l1v_t l1v_row(l1v_t sum, l1v_t x)
{
	sum = _mm256_add_epi16(sum,
			       _mm256_maddubs_epi16(x, _mm256_set1_epi8(1)));
	__asm__("" : "+v"(sum));
	return sum;
}

VS_AVX2 VS_INLINE l1v_t l1v_add(l1v_t acc, l1v_t x, l1v_t q)
{
	return l1v_row(acc, _mm256_max_epu8(x, q));
}

VS_AVX2 VS_INLINE l1v_t l1v_widen(l1v_t pairs)
{
	return _mm256_add_epi32(
		_mm256_and_si256(pairs, _mm256_set1_epi32(0xffff)),
		_mm256_srli_epi32(pairs, 16));
}

VS_AVX2 VS_INLINE l1v_t l1v_total(l1v_t total, l1v_t acc, l1v_t sum)
{
	l1v_t twice = _mm256_slli_epi32(l1v_widen(acc), 1);

	return _mm256_add_epi32(total, _mm256_sub_epi32(twice, l1v_widen(sum)));
}

VS_AVX2 VS_INLINE unsigned l1v_within(const int32_t *sums, int32_t limit)
{
	__m256i v = _mm256_load_si256((const __m256i *)(const void *)sums);
	__m256i beyond = _mm256_cmpgt_epi32(v, _mm256_set1_epi32(limit));

	return ~(unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(beyond)) &
	       0xffu;
}

VS_AVX2 VS_INLINE l1v_t l1v_sums(const int32_t *p)
{
	return _mm256_load_si256((const __m256i *)(const void *)p);
}

VS_AVX2 VS_INLINE void l1v_store(int32_t *p, l1v_t acc)
{
	_mm256_store_si256((__m256i *)(void *)p, acc);
}

#define L1_Q 4
#define L1_R 2
#include "tile_l1_u8.h"

#define L1_Q 1
#define L1_R 4
#include "tile_l1_u8.h"

#define L1_Q 1
#define L1_R 2
#include "tile_l1_u8.h"

static const struct l1_shape l1_shapes[] = {
	{ 4, 16, tile_4x2_l1 },
	{ 1, 32, tile_1x4_l1 },
	{ 1, 16, tile_1x2_l1 },
};

static unsigned l1_width(unsigned n_q)
{
	return n_q > 1 ? 4 : 1;
}

#include "tile_l1_run.h"

#endif
