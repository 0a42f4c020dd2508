/* tile_l1_zmm.h - template of the u8 filter for L1 with 512-bit registers: all
 * but how bytes are summed.
 *
 * The including file has included <immintrin.h> and defined L1_ISA, L1_ATTR and
 * L1_BLOCK, the type l1v_t, l1v_row and l1v_total: see tile_l1_u8.h.
 */
#define L1_P 16

#include "tile_l1_sums.h"

L1_ATTR VS_INLINE l1v_t l1v_zero(void)
{
	return _mm512_setzero_si512();
}

L1_ATTR VS_INLINE l1v_t l1v_load(const uint8_t *p)
{
	return _mm512_load_si512(p);
}

L1_ATTR VS_INLINE l1v_t l1v_set1(int32_t word)
{
	return _mm512_set1_epi32(word);
}

L1_ATTR VS_INLINE l1v_t l1v_add(l1v_t acc, l1v_t x, l1v_t q)
{
	return l1v_row(acc, _mm512_max_epu8(x, q));
}

L1_ATTR VS_INLINE unsigned l1v_within(const int32_t *sums, int32_t limit)
{
	return _mm512_cmple_epi32_mask(_mm512_load_si512(sums),
				       _mm512_set1_epi32(limit));
}

L1_ATTR VS_INLINE l1v_t l1v_sums(const int32_t *p)
{
	return _mm512_load_si512(p);
}

L1_ATTR VS_INLINE void l1v_store(int32_t *p, l1v_t acc)
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
