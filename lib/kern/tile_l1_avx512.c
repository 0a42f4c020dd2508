/* tile_l1_avx512.c - the u8 filter for L1 with 512-bit registers. */
#include "tile_l1_job.h"

#if VS_KERN_X86
#include <immintrin.h>

#define L1_ISA avx512
#define L1_ATTR VS_AVX512
#define L1_P 16
/* Sums of two bytes are kept in 16 bits for 128 steps: 128 * 2 * 255. */
#define L1_BLOCK 8192

typedef __m512i l1v_t;

#include "tile_l1_sums.h"

VS_AVX512 VS_INLINE l1v_t l1v_zero(void)
{
	return _mm512_setzero_si512();
}

VS_AVX512 VS_INLINE l1v_t l1v_load(const uint8_t *p)
{
	return _mm512_load_si512(p);
}

VS_AVX512 VS_INLINE l1v_t l1v_set1(int32_t word)
{
	return _mm512_set1_epi32(word);
}

VS_AVX512 VS_INLINE l1v_t l1v_row(l1v_t sum, l1v_t x)
{
	return _mm512_add_epi16(sum,
				_mm512_maddubs_epi16(x, _mm512_set1_epi8(1)));
}

VS_AVX512 VS_INLINE l1v_t l1v_add(l1v_t acc, l1v_t x, l1v_t q)
{
	return l1v_row(acc, _mm512_max_epu8(x, q));
}

VS_AVX512 VS_INLINE l1v_t l1v_widen(l1v_t pairs)
{
	return _mm512_add_epi32(
		_mm512_and_si512(pairs, _mm512_set1_epi32(0xffff)),
		_mm512_srli_epi32(pairs, 16));
}

VS_AVX512 VS_INLINE l1v_t l1v_total(l1v_t total, l1v_t acc, l1v_t sum)
{
	l1v_t twice = _mm512_slli_epi32(l1v_widen(acc), 1);

	return _mm512_add_epi32(total, _mm512_sub_epi32(twice, l1v_widen(sum)));
}

VS_AVX512 VS_INLINE unsigned l1v_within(const int32_t *sums, int32_t limit)
{
	return _mm512_cmple_epi32_mask(_mm512_load_si512(sums),
				       _mm512_set1_epi32(limit));
}

VS_AVX512 VS_INLINE l1v_t l1v_sums(const int32_t *p)
{
	return _mm512_load_si512(p);
}

VS_AVX512 VS_INLINE void l1v_store(int32_t *p, l1v_t acc)
{
	_mm512_store_si512(p, acc);
}

#define L1_Q 12
#define L1_R 1
#include "tile_l1_u8.h"

#define L1_Q 8
#define L1_R 1
#include "tile_l1_u8.h"

#define L1_Q 4
#define L1_R 2
#include "tile_l1_u8.h"

#define L1_Q 4
#define L1_R 1
#include "tile_l1_u8.h"

#define L1_Q 1
#define L1_R 4
#include "tile_l1_u8.h"

#define L1_Q 1
#define L1_R 1
#include "tile_l1_u8.h"

static const struct l1_shape l1_shapes[] = {
	{ 12, 16, tile_12x1_l1 }, { 8, 16, tile_8x1_l1 },
	{ 4, 32, tile_4x2_l1 },	  { 4, 16, tile_4x1_l1 },
	{ 1, 64, tile_1x4_l1 },	  { 1, 16, tile_1x1_l1 },
};

static unsigned l1_width(unsigned n_q)
{
	return n_q > 1 ? (n_q + 3) / 4 * 4 : 1;
}

#include "tile_l1_run.h"

#endif
