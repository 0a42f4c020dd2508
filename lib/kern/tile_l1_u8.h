/* tile_l1_u8.h - template of the u8 filter for L1: sums of absolute
 * differences of bytes, exact, four queries or one against a vector of rows.
 *
 * The including file defines
 *
 *   L1_ISA    last word of the function name
 *   L1_ATTR   target attribute
 *   L1_P      lanes of a vector: rows
 *   l1v_t     the vector type, with l1v_zero, l1v_load (aligned bytes),
 *             l1v_set1 (four bytes everywhere), l1v_add(acc, x, q): acc and the
 *             four absolute differences of each lane, l1v_within(acc, limit)
 *             (lane bits), l1v_store
 */
#include "each.h"

#define L1_SUM(k) l1v_t a##k = l1v_zero();
#define L1_ADD(k) a##k = l1v_add(a##k, x, l1v_set1(q[k]));
#define L1_TAKE(k)                                                             \
	n = VS_CAT(l1_take_, L1_ISA)(t, q0 + (k), row0, a##k, pass, n);

L1_ATTR VS_INLINE size_t VS_CAT(l1_take_, L1_ISA)(const struct vs_tile_u8 *t,
						  unsigned q, size_t row0,
						  l1v_t acc,
						  struct vs_pass *pass,
						  size_t n)
{
	_Alignas(64) int32_t sums[L1_P];
	unsigned mask;

	if (q >= t->n_q)
		return n;
	mask = l1v_within(acc, t->limit[q]);
	if (mask == 0)
		return n;
	l1v_store(sums, acc);
	for (; mask != 0; mask &= mask - 1, n++) {
		size_t lane = (size_t)__builtin_ctz(mask);

		pass[n].q = (uint16_t)q;
		pass[n].row = (uint16_t)(row0 + lane);
		pass[n].score = sums[lane];
	}
	return n;
}

/* L1_P rows from row0 on, queries q0.. of the tile. */
#define L1_TILE(width)                                                         \
	L1_ATTR static VS_NOINLINE size_t VS_CAT3(l1_##width, _, L1_ISA)(      \
		const struct vs_tile_u8 *t, unsigned q0, size_t row0,          \
		struct vs_pass *pass, size_t n)                                \
	{                                                                      \
		const vs_word *q =                                             \
			(const vs_word *)(const void *)t->packed + q0;         \
		size_t j, bytes = (t->d + 3) / 4 * 64;                         \
		const uint8_t *at = t->panels +                                \
				    row0 / VS_PANEL_ROWS * bytes +             \
				    row0 % VS_PANEL_ROWS * 4;                  \
		VS_EACH(width, L1_SUM)                                         \
									       \
		for (j = 0; j < bytes; j += 64, q += t->w) {                   \
			l1v_t x = l1v_load(at + j);                            \
									       \
			VS_EACH(width, L1_ADD)                                 \
		}                                                              \
		VS_EACH(width, L1_TAKE)                                        \
		return n;                                                      \
	}

L1_TILE(4)
L1_TILE(1)

L1_ATTR size_t VS_CAT(vs_filter_l1_u8_, L1_ISA)(const struct vs_tile_u8 *t,
						struct vs_pass *pass)
{
	size_t row, n = 0;
	unsigned q;

	for (row = 0; row < t->n_panels * VS_PANEL_ROWS; row += L1_P) {
		if (t->n_q == 1) {
			n = VS_CAT(l1_1_, L1_ISA)(t, 0, row, pass, n);
			continue;
		}
		for (q = 0; q < t->n_q; q += 4)
			n = VS_CAT(l1_4_, L1_ISA)(t, q, row, pass, n);
	}
	return n;
}

#undef L1_SUM
#undef L1_ADD
#undef L1_TAKE
#undef L1_TILE
