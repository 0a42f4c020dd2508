/* tile_vnni.h - template of one u8 register tile: VNNI_Q queries x VNNI_P
 * panels, a sum in each of VNNI_Q * VNNI_P registers.
 *
 * The including file defines, besides these two,
 *
 *   VNNI_SET               last word of the function name
 *   VNNI_DOT(acc, x, p)    acc += dot products of the bytes of x with the word
 *                          at p; a statement
 *
 * and this file undefines VNNI_Q and VNNI_P at its end.
 */
#include "each.h"

#define V_NAME VS_CAT3(tile_, VS_CAT3(VNNI_Q, x, VNNI_P), VNNI_SET)
#define V_POINTER(p) const uint8_t *x##p = job->panels + (p)*job->bytes;
#define V_START(p) __m512i n##p = vnni_start(job->terms + (p)*VS_PANEL_ROWS);
#define V_DECLARE(k, p) __m512i a##k##_##p;
#define V_DECLARES(k) VS_WITH(VNNI_P, V_DECLARE, k)
#define V_SUM(k, p)                                                            \
	a##k##_##p = _mm512_add_epi32(n##p, _mm512_set1_epi32(job->half[k]));
#define V_LIN(k, p) a##k##_##p = vnni_lin(job, k, p);
#define V_LINS(k) VS_WITH(VNNI_P, V_LIN, k)
#define V_SUMS(k) VS_WITH(VNNI_P, V_SUM, k)
#define V_LOAD(p)                                                              \
	__m512i v##p = _mm512_load_si512(x##p + j);                            \
	if (VNNI_Q > 1)                                                        \
		vs_prefetch(x##p + j, VNNI_AHEAD);
#define V_DOT(k, p) VNNI_DOT(a##k##_##p, v##p, q + (k));
#define V_DOTS(k) VS_WITH(VNNI_P, V_DOT, k)
#define V_AND(k, p) all = _mm512_and_si512(all, a##k##_##p);
#define V_ANDS(k) VS_WITH(VNNI_P, V_AND, k)
#define V_STORE(k, p)                                                          \
	_mm512_store_si512(sums + ((k)*VNNI_P + (p)) * VS_PANEL_ROWS,          \
			   a##k##_##p);
#define V_STORES(k) VS_WITH(VNNI_P, V_STORE, k)

/* True when a lane may pass; job->sums holds them all then. */
VS_VNNI VS_NOINLINE static bool V_NAME(const struct vnni_job *job)
{
	__m512i all = _mm512_set1_epi32(-1);
	const vs_word *q = job->packed;
	int32_t *sums = job->sums;
	size_t j = 0, bytes = job->bytes, w = job->w;
	VS_EACH(VNNI_P, V_POINTER)
	VS_EACH(VNNI_Q, V_DECLARES)

	if (job->lin != NULL) {
		VS_EACH(VNNI_Q, V_LINS)
	} else {
		VS_EACH(VNNI_P, V_START)
		VS_EACH(VNNI_Q, V_SUMS)
	}

	do { /* at least once: gcc would keep all sums twice otherwise */
		VS_EACH(VNNI_P, V_LOAD)
		if (VNNI_Q == 1 && VNNI_P == VS_TILE_PANELS)
			vnni_ahead(x0, VNNI_P * (bytes + j));
		VS_EACH(VNNI_Q, V_DOTS)
		j += 64;
		q += w;
	} while (j < bytes);
	VS_EACH(VNNI_Q, V_ANDS)
	if (_mm512_movepi32_mask(all) == 0xffff)
		return false;
	VS_EACH(VNNI_Q, V_STORES)
	return true;
}

#undef VNNI_Q
#undef VNNI_P
#undef V_NAME
#undef V_POINTER
#undef V_START
#undef V_DECLARE
#undef V_DECLARES
#undef V_LIN
#undef V_LINS
#undef V_SUM
#undef V_SUMS
#undef V_LOAD
#undef V_DOT
#undef V_DOTS
#undef V_AND
#undef V_ANDS
#undef V_STORE
#undef V_STORES
