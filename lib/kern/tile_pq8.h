/* tile_pq8.h - template of the filter of 8-bit codes: tables in registers.
 *
 * A vector holds one code of each row of one, two or four panels.  A table is
 * looked up in parts, as long as registers allow, and each part answers for
 * the codes that lie in it.
 *
 * Where panels are fewer than a tile has, the last one stands for the missing
 * ones, and what is found for those is dropped.
 *
 * Defined by the including file:
 *
 *   PQ8_ISA     last word of the function names
 *   PQ8_ATTR    target attribute
 *   PQ8_V       panels of a vector: 1, 2 or 4
 *   PQ8_R       vectors at once: PQ8_R * PQ8_V is 2, 4 or 8
 *   PQ8_Q       queries at once
 *   PQ8_PART    bytes of a part of a table, 256 / PQ8_PART of them
 *   pq8_codes   a vector of codes: PQ8_LOAD(codes, r), of panels that begin at
 *               codes + o<r * PQ8_V>, ...
 *   pq8_t       a vector of answers
 *   pq8_sum     sums of answers: pq8_zero()
 *   pq8_part    a part, with pq8_part_load(p)
 *   pq8_which   which codes lie in a part, and where: pq8_find(c)
 *   pq8_begin(c)  what answers are gathered in, by
 *   pq8_look(x, p, f)   those of the codes of f, a pq8_which, from part p
 *   pq8_next(c)  codes less PQ8_PART: for the next part
 *   pq8_add(sum, x, c)  with the codes c after the last part
 *   pq8_split(sum, low, high)   to words: rows 0 to 7 of each panel in low, 8
 *               to 15 in high
 *   pq8_pass(t, q, row0, low, high)  the mask of the rows of a panel that pass
 */
#include "each.h"
#include "tile_pq_pass.h"

#if PQ8_R * PQ8_V == 8
#define PQ8_PANELS 8
#elif PQ8_R * PQ8_V == 4
#define PQ8_PANELS 4
#else
#define PQ8_PANELS 2
#endif

/* Panel p of n, or the last one. */
#define PQ8_AT(p) const size_t o##p = ((p) < n ? (p) : n - 1) * stride;

#define PQ8_ZERO(k, r) pq8_sum sum##k##_##r = pq8_zero();
#define PQ8_DECL(k)                                                            \
	const uint8_t *w##k = t->tables[q + (k)];                              \
	VS_WITH(PQ8_R, PQ8_ZERO, k)
#define PQ8_CODES(r) pq8_codes c##r = PQ8_LOAD(codes, r);
#define PQ8_BEGIN_1(k, r) pq8_t x##k##_##r = pq8_begin(c##r);
#define PQ8_BEGIN(k) VS_WITH(PQ8_R, PQ8_BEGIN_1, k)
#define PQ8_FIND(r) pq8_which f##r = pq8_find(c##r);
#define PQ8_LOOK_1(k, r) x##k##_##r = pq8_look(x##k##_##r, part, f##r);
#define PQ8_LOOK(k)                                                            \
	{                                                                      \
		pq8_part part = pq8_part_load(w##k + at);                      \
		VS_WITH(PQ8_R, PQ8_LOOK_1, k)                                  \
	}
#define PQ8_NEXT(r) c##r = pq8_next(c##r);
#define PQ8_ADD_1(k, r)                                                        \
	sum##k##_##r = pq8_add(sum##k##_##r, x##k##_##r, c##r);
#define PQ8_ADD(k)                                                             \
	VS_WITH(PQ8_R, PQ8_ADD_1, k)                                           \
	w##k += 256;
#define PQ8_OUT_1(k, r)                                                        \
	if ((r)*PQ8_V < n)                                                     \
		n_pass = pq8_put(t, q + (k), first + (r)*PQ8_V,                \
				 n - (r)*PQ8_V, sum##k##_##r, pass, n_pass);
#define PQ8_OUT(k) VS_WITH(PQ8_R, PQ8_OUT_1, k)

/* The sums of a vector, of which the first n panels count, for query q. */
PQ8_ATTR VS_INLINE size_t pq8_put(const struct vs_tile_pq *t, unsigned q,
				  size_t first, size_t n, pq8_sum sum,
				  struct vs_pass *pass, size_t n_pass)
{
	_Alignas(64) uint16_t low[PQ8_V * 8], high[PQ8_V * 8];
	size_t p, row0;

	pq8_split(sum, low, high);
	for (p = 0; p < PQ8_V && p < n; p++) {
		row0 = (first + p) * VS_PANEL_ROWS;
		n_pass = vs_pq_put(pass, n_pass, q, row0,
				   pq8_pass(t, q, row0, low + p * 8,
					    high + p * 8));
	}
	return n_pass;
}

/* The n panels from `first` on for the queries from q on; a template in the
 * number of queries. */
#define PQ8_TILE(width)                                                        \
	PQ8_ATTR VS_NOINLINE static size_t VS_CAT(pq8_tile_, width)(           \
		const struct vs_tile_pq *t, unsigned q, size_t first,          \
		size_t n, struct vs_pass *pass, size_t n_pass)                 \
	{                                                                      \
		const size_t stride = t->m * VS_PANEL_ROWS;                    \
		const uint8_t *codes = t->panels + first * stride;             \
		size_t s, at;                                                  \
		VS_EACH(PQ8_PANELS, PQ8_AT)                                    \
		VS_EACH(width, PQ8_DECL)                                       \
									       \
		for (s = 0; s < t->m; s++, codes += VS_PANEL_ROWS) {           \
			VS_EACH(PQ8_R, PQ8_CODES)                              \
			VS_EACH(width, PQ8_BEGIN)                              \
			for (at = 0; at < 256; at += PQ8_PART) {               \
				VS_EACH(PQ8_R, PQ8_FIND)                       \
				VS_EACH(width, PQ8_LOOK)                       \
				VS_EACH(PQ8_R, PQ8_NEXT)                       \
			}                                                      \
			VS_EACH(width, PQ8_ADD)                                \
		}                                                              \
		VS_EACH(width, PQ8_OUT)                                        \
		return n_pass;                                                 \
	}

PQ8_TILE(PQ8_Q)
#if PQ8_Q > 1
PQ8_TILE(1)
#endif

PQ8_ATTR size_t VS_CAT(vs_filter_pq8_, PQ8_ISA)(const struct vs_tile_pq *t,
						struct vs_pass *pass)
{
	size_t n_pass = 0, first, n;
	unsigned q;

	for (first = 0; first < t->n_panels; first += PQ8_PANELS) {
		n = t->n_panels - first;
		for (q = 0; q + PQ8_Q <= t->n_q; q += PQ8_Q)
			n_pass = VS_CAT(pq8_tile_, PQ8_Q)(t, q, first, n, pass,
							  n_pass);
		for (; q < t->n_q; q++)
			n_pass = pq8_tile_1(t, q, first, n, pass, n_pass);
	}
	return n_pass;
}
