/* canon_u8.h - template of the canonical byte kernels (see vs/kern.h).
 *
 * Exact integers.  A lane sums at most d products of two bytes in 32 unsigned
 * bits, which hold 66,051 of them; rows are then summed in 64 bits.  The
 * including file defines
 *
 *   CANON_ISA    last word of the function names
 *   CANON_ATTR   target attribute
 *   CANON_B      bytes of a vector
 *
 * and a type u8v_t with functions u8v_zero, u8v_load, u8v_tail (the first n
 * bytes, then zeros), u8v_set1 (four bytes everywhere), u8v_l2, u8v_ip and
 * u8v_l1 (acc + sums of four neighbouring bytes), u8v_sum (of all lanes) and
 * u8v_widen (stores the lanes as int64_t).
 */
#include "each.h"

#include <string.h>

_Static_assert((uint64_t)VS_DIM_MAX * 255 * 255 <= UINT32_MAX,
	       "a sum of products of bytes fits 32 unsigned bits");

#define CANON_API(op) VS_CAT(vs_##op##_, CANON_ISA)

CANON_ATTR VS_INLINE u8v_t u8v_step(enum vs_canon_op op, u8v_t acc, u8v_t x,
				    u8v_t y)
{
	if (op == VS_CANON_IP)
		return u8v_ip(acc, x, y);
	return op == VS_CANON_L2 ? u8v_l2(acc, x, y) : u8v_l1(acc, x, y);
}

CANON_ATTR VS_INLINE int64_t u8v_row(enum vs_canon_op op, const uint8_t *q,
				     const uint8_t *row, size_t d)
{
	u8v_t acc = u8v_zero();
	size_t i;

	for (i = 0; i + CANON_B <= d; i += CANON_B)
		acc = u8v_step(op, acc, u8v_load(q + i), u8v_load(row + i));
	if (i < d)
		acc = u8v_step(op, acc, u8v_tail(q + i, d - i),
			       u8v_tail(row + i, d - i));
	return u8v_sum(acc);
}

#define CANON_ROWS(name, op)                                                   \
	CANON_ATTR void CANON_API(name)(const uint8_t *q, const uint8_t *rows, \
					size_t stride, size_t n, size_t d,     \
					int64_t *out)                          \
	{                                                                      \
		size_t r;                                                      \
									       \
		for (r = 0; r < n; r++)                                        \
			out[r] = u8v_row(op, q, rows + r * stride, d);         \
	}

CANON_ROWS(l2sq_u8, VS_CANON_L2)
CANON_ROWS(ip_u8, VS_CANON_IP)
CANON_ROWS(l1_u8, VS_CANON_L1)

/* CANON_B / 4 rows of a panel, four dimensions a step. */
CANON_ATTR VS_INLINE void u8v_panel(enum vs_canon_op op, const uint8_t *q,
				    const uint8_t *panel, size_t d,
				    int64_t *out)
{
	u8v_t acc = u8v_zero();
	vs_word word;
	size_t i;

	for (i = 0; i + 4 <= d; i += 4) {
		memcpy(&word, q + i, 4);
		acc = u8v_step(op, acc, u8v_set1(word),
			       u8v_load(panel + i * VS_PANEL_ROWS));
	}
	if (i < d) {
		word = 0;
		memcpy(&word, q + i, d - i);
		acc = u8v_step(op, acc, u8v_set1(word),
			       u8v_load(panel + i * VS_PANEL_ROWS));
	}
	u8v_widen(out, acc);
}

#define CANON_PANEL(name, op)                                                  \
	CANON_ATTR void CANON_API(name)(const uint8_t *q,                      \
					const uint8_t *panel, size_t d,        \
					int64_t out[VS_PANEL_ROWS])            \
	{                                                                      \
		size_t b;                                                      \
									       \
		for (b = 0; b < 64; b += CANON_B)                              \
			u8v_panel(op, q, panel + b, d, out + b / 4);           \
	}

CANON_PANEL(l2sq_u8_panel, VS_CANON_L2)
CANON_PANEL(ip_u8_panel, VS_CANON_IP)
CANON_PANEL(l1_u8_panel, VS_CANON_L1)

#undef CANON_ROWS
#undef CANON_PANEL
#undef CANON_API
