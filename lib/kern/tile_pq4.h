/* tile_pq4.h - template of the filter of 4-bit codes: tables in registers.
 *
 * A vector holds bytes of one, two or four pairs of pieces, 16 rows each, and
 * one shuffle looks all of them up.  Bytes of a pair are added as bytes.  A sum
 * of words takes them all, those of odd rows in its high bits; a second one
 * takes the odd rows alone and is taken away at the end.
 *
 * Defined by the including file:
 *
 *   PQ4_ISA    last word of the function names
 *   PQ4_ATTR   target attribute
 *   PQ4_PAIRS  pairs of pieces of a vector: 1, 2 or 4
 *   pq4_t      a vector, with pq4_zero, pq4_load (no alignment),
 *              pq4_load_part(p, pairs) (zeros follow), pq4_low and pq4_high
 *              (codes of even and odd pieces), pq4_look(table, codes),
 *              pq4_add8, pq4_add16, pq4_odd (words shifted right by 8)
 *   pq4_pass(t, q, row0, all, odd)   from the two sums of 16 rows to the mask
 *              of those that pass
 */
#include "each.h"
#include "tile_pq_pass.h"

#define PQ4_STEP (PQ4_PAIRS * VS_PANEL_ROWS)

#define PQ4_DECL(k)                                                            \
	const uint8_t *w##k = t->tables[q + (k)];                              \
	pq4_t all##k = pq4_zero(), odd##k = pq4_zero();
#define PQ4_ADD(k)                                                             \
	{                                                                      \
		pq4_t x = pq4_add8(pq4_look(pq4_load(w##k + at), low),         \
				   pq4_look(pq4_load(w##k + at + 64), high));  \
		all##k = pq4_add16(all##k, x);                                 \
		odd##k = pq4_add16(odd##k, pq4_odd(x));                        \
	}
#define PQ4_OUT(k)                                                             \
	n = vs_pq_put(pass, n, q + (k), row0,                                  \
		      pq4_pass(t, q + (k), row0, all##k, odd##k));

/* One panel for the n queries from q on; a template in n. */
#define PQ4_TILE(width)                                                        \
	PQ4_ATTR static size_t VS_CAT(pq4_tile_, width)(                       \
		const struct vs_tile_pq *t, unsigned q, size_t row0,           \
		struct vs_pass *pass, size_t n)                                \
	{                                                                      \
		size_t pairs = (t->m + 1) / 2, i;                              \
		const uint8_t *codes = t->panels + row0 * pairs;               \
		VS_EACH(width, PQ4_DECL)                                       \
									       \
		for (i = 0; i < pairs; i += PQ4_PAIRS) {                       \
			size_t at = i / 4 * 128 + i % 4 * 16;                  \
			pq4_t c = i + PQ4_PAIRS <= pairs ?                     \
					  pq4_load(codes) :                    \
					  pq4_load_part(codes, pairs - i);     \
			pq4_t low = pq4_low(c), high = pq4_high(c);            \
			codes += PQ4_STEP;                                     \
			VS_EACH(width, PQ4_ADD)                                \
		}                                                              \
		VS_EACH(width, PQ4_OUT)                                        \
		return n;                                                      \
	}

PQ4_TILE(4)
PQ4_TILE(1)

PQ4_ATTR size_t VS_CAT(vs_filter_pq4_, PQ4_ISA)(const struct vs_tile_pq *t,
						struct vs_pass *pass)
{
	size_t n_rows = t->n_panels * VS_PANEL_ROWS, n = 0, row0;
	unsigned q;

	for (row0 = 0; row0 < n_rows; row0 += VS_PANEL_ROWS) {
		for (q = 0; q + 4 <= t->n_q; q += 4)
			n = pq4_tile_4(t, q, row0, pass, n);
		for (; q < t->n_q; q++)
			n = pq4_tile_1(t, q, row0, pass, n);
	}
	return n;
}
