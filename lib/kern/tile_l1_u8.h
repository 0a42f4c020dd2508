/* tile_l1_u8.h - template of one u8 register tile of L1: L1_Q queries x L1_R
 * vectors of rows.
 *
 * Defined before each inclusion and undefined at its end: L1_Q, L1_R.  Defined
 * once by the including file:
 *
 *   L1_ATTR    target attribute
 *   L1_P       lanes of a vector: rows
 *   L1_BLOCK   bytes of a panel after which l1v_total must be called
 *   l1v_t      the vector type, with l1v_zero, l1v_load (aligned bytes),
 *              l1v_set1 (four bytes everywhere), l1v_sums and l1v_store
 *              (aligned 32-bit lanes),
 *              l1v_row(sum, x): what one step adds to the sum of rows,
 *              l1v_add(acc, x, q): what it adds to that of rows and a query,
 *              l1v_total(total, acc, sum): adds both to 32-bit lanes
 *
 * struct l1_job stands in tile_l1_job.h, the driver in tile_l1_run.h.
 */
#include "each.h"

#define A_NAME VS_CAT3(tile_, VS_CAT3(L1_Q, x, L1_R), _l1)
#define A_POINTER(r) const uint8_t *x##r = l1_at(job, (r)*L1_P);
#define A_AT(k, r) (sums + ((k)*L1_R + (r)) * L1_P)
#define A_ZERO(k, r) l1v_store(A_AT(k, r), l1v_zero());
#define A_ZEROS(k) VS_WITH(L1_R, A_ZERO, k)
#define A_ROW(r) l1v_t s##r = l1v_zero();
#define A_SUM(k, r) l1v_t a##k##_##r = l1v_zero();
#define A_SUMS(k) VS_WITH(L1_R, A_SUM, k)
#define A_LOAD(r)                                                              \
	l1v_t v##r = l1v_load(x##r + i);                                       \
	s##r = l1v_row(s##r, v##r);
#define A_ADD(k, r) a##k##_##r = l1v_add(a##k##_##r, v##r, q##k);
#define A_ADDS(k)                                                              \
	l1v_t q##k = l1v_set1(q[k]);                                           \
	VS_WITH(L1_R, A_ADD, k)
#define A_END(k, r)                                                            \
	l1v_store(A_AT(k, r),                                                  \
		  l1v_total(l1v_sums(A_AT(k, r)), a##k##_##r, s##r));
#define A_ENDS(k) VS_WITH(L1_R, A_END, k)

L1_ATTR VS_NOINLINE static void A_NAME(const struct l1_job *job)
{
	const vs_word *q = job->packed;
	int32_t *sums = job->sums;
	size_t i = 0, stop, w = job->w, bytes = job->bytes;
	VS_EACH(L1_R, A_POINTER)
	VS_EACH(L1_Q, A_ZEROS)

	do {
		VS_EACH(L1_R, A_ROW)
		VS_EACH(L1_Q, A_SUMS)

		stop = bytes - i > L1_BLOCK ? i + L1_BLOCK : bytes;
		do {
			VS_EACH(L1_R, A_LOAD)
			VS_EACH(L1_Q, A_ADDS)
			i += 64;
			q += w;
		} while (i < stop);
		VS_EACH(L1_Q, A_ENDS)
	} while (i < bytes);
}

#undef L1_Q
#undef L1_R
#undef A_NAME
#undef A_POINTER
#undef A_AT
#undef A_ZERO
#undef A_ZEROS
#undef A_ROW
#undef A_SUM
#undef A_SUMS
#undef A_LOAD
#undef A_ADD
#undef A_ADDS
#undef A_END
#undef A_ENDS
