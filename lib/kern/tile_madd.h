/* tile_madd.h - template of one u8 register tile without VNNI: MADD_Q queries
 * x MADD_R vectors of rows.
 *
 * Bytes become 16-bit numbers, the even ones of each word by a mask and the
 * odd ones by a shift, and vpmaddwd sums two exact products a lane and step.
 * (vpmaddubsw would take the bytes as they are, but it saturates.)  Queries
 * come widened the same way, so that a step of a query is two broadcasts.
 * The empty assembly keeps each sum in its register: gcc 12 copies and spills
 * them in every step otherwise (70 against 75 G MAC/s with AVX2 on a Zen 4).
 *
 * Defined before each inclusion and undefined at its end: MADD_Q, MADD_R.
 * Defined once by the including file:
 *
 *   MADD_ATTR   target attribute
 *   MADD_P      lanes of a vector
 *   MADD_AHEAD  bytes that several queries fetch ahead, or 0
 *   maddt_t     the vector type, with maddt_load (aligned), maddt_store,
 *               maddt_set1, maddt_even, maddt_odd, maddt_add, maddt_madd
 *
 * struct madd_job and the driver stand in tile_madd_run.h.
 */
#include "each.h"

#define M_NAME VS_CAT3(tile_, VS_CAT3(MADD_Q, x, MADD_R), _madd)
#define M_POINTER(r) const uint8_t *x##r = madd_at(job, (r)*MADD_P);
#define M_SUM(k, r)                                                            \
	maddt_t a##k##_##r = maddt_load(sums + (k)*MADD_ROWS_MAX + (r)*MADD_P);
#define M_SUMS(k) VS_WITH(MADD_R, M_SUM, k)
#define M_LOAD(r)                                                              \
	maddt_t v##r = maddt_load((const int32_t *)(const void *)(x##r + i));  \
	if (MADD_AHEAD > 0 && MADD_Q > 1)                                      \
		vs_prefetch(x##r + i, MADD_AHEAD);                             \
	maddt_t e##r = maddt_even(v##r), o##r = maddt_odd(v##r);
#define M_MADD(k, r)                                                           \
	a##k##_##r = maddt_add(                                                \
		a##k##_##r, maddt_add(maddt_madd(e##r, maddt_set1(even[k])),   \
				      maddt_madd(o##r, maddt_set1(odd[k]))));  \
	__asm__("" : "+v"(a##k##_##r));
#define M_MADDS(k) VS_WITH(MADD_R, M_MADD, k)
#define M_STORE(k, r)                                                          \
	maddt_store(sums + (k)*MADD_ROWS_MAX + (r)*MADD_P, a##k##_##r);
#define M_STORES(k) VS_WITH(MADD_R, M_STORE, k)

MADD_ATTR VS_NOINLINE static void M_NAME(const struct madd_job *job)
{
	const int32_t *even = job->even, *odd = job->odd;
	int32_t *sums = job->sums;
	size_t i = 0, end = job->steps * 64, w = job->w;
	VS_EACH(MADD_R, M_POINTER)
	VS_EACH(MADD_Q, M_SUMS)

	do {
		VS_EACH(MADD_R, M_LOAD)
		VS_EACH(MADD_Q, M_MADDS)
		i += 64;
		even += w;
		odd += w;
	} while (i < end);
	VS_EACH(MADD_Q, M_STORES)
}

#undef MADD_Q
#undef MADD_R
#undef M_NAME
#undef M_POINTER
#undef M_SUM
#undef M_SUMS
#undef M_LOAD
#undef M_MADD
#undef M_MADDS
#undef M_STORE
#undef M_STORES
