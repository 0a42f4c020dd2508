/* tile_sdot.h - template of one u8 register tile for ARM: SDOT_Q queries x
 * SDOT_R vectors of four rows.
 *
 * sdot multiplies signed bytes by signed bytes, so rows are read as x - 128 and
 * the start of each query's sums holds the 128 * sum(packed) that this takes
 * away; sums wrap on the way and end where those of other instruction sets do.
 *
 * Defined before each inclusion and undefined at its end: SDOT_Q (1, 4, 8 or
 * 12), SDOT_R.  Defined once by the including file: struct sdot_job, sdot_at,
 * sdot_start and SDOT_WORD_0 to _11, statements that take a sum and rows and
 * add the products with a word of the vectors w0, w1 and w2.
 */
#include "each.h"

#define S_NAME VS_CAT3(tile_, VS_CAT3(SDOT_Q, x, SDOT_R), _sdot)
#define S_POINTER(r) const uint8_t *x##r = sdot_at(job, (r)*4);
#define S_SUM(k, r) int32x4_t a##k##_##r = sdot_start(job, k, (r)*4);
#define S_SUMS(k) VS_WITH(SDOT_R, S_SUM, k)
#define S_LOAD(r)                                                              \
	int8x16_t v##r =                                                       \
		vreinterpretq_s8_u8(veorq_u8(vld1q_u8(x##r + j), flip));
#define S_DOT(k, r) VS_CAT(SDOT_WORD_, k)(a##k##_##r, v##r);
#define S_DOTS(k) VS_WITH(SDOT_R, S_DOT, k)
#define S_AND(k, r) all = vandq_s32(all, a##k##_##r);
#define S_ANDS(k) VS_WITH(SDOT_R, S_AND, k)
#define S_STORE(k, r) vst1q_s32(sums + ((k)*SDOT_R + (r)) * 4, a##k##_##r);
#define S_STORES(k) VS_WITH(SDOT_R, S_STORE, k)

/* True when a lane may pass; job->sums holds them all then. */
VS_NEON VS_NOINLINE static bool S_NAME(const struct sdot_job *job)
{
	const uint8x16_t flip = vdupq_n_u8(0x80);
	const int8_t *q = job->packed;
	int32_t *sums = job->sums;
	int32x4_t all = vdupq_n_s32(-1);
	size_t j, bytes = job->bytes, step = job->w * 4;
	VS_EACH(SDOT_R, S_POINTER)
	VS_EACH(SDOT_Q, S_SUMS)

	for (j = 0; j < bytes; j += 64, q += step) {
		int8x16_t w0 = SDOT_Q > 1 ? vld1q_s8(q) : sdot_word(q);
		int8x16_t w1 = SDOT_Q > 4 ? vld1q_s8(q + 16) : w0;
		int8x16_t w2 = SDOT_Q > 8 ? vld1q_s8(q + 32) : w0;
		VS_EACH(SDOT_R, S_LOAD)

		VS_EACH(SDOT_Q, S_DOTS)
		(void)w1;
		(void)w2;
	}
	VS_EACH(SDOT_Q, S_ANDS)
	if (vmaxvq_s32(all) < 0)
		return false;
	VS_EACH(SDOT_Q, S_STORES)
	return true;
}

#undef SDOT_Q
#undef SDOT_R
#undef S_NAME
#undef S_POINTER
#undef S_SUM
#undef S_SUMS
#undef S_LOAD
#undef S_DOT
#undef S_DOTS
#undef S_AND
#undef S_ANDS
#undef S_STORE
#undef S_STORES
