/* canon_f32.h - template of the canonical float kernels (see vs/kern.h).
 *
 * The order of operations stands here once for every instruction set; the
 * including file says what a vector is.  Before each inclusion it defines
 *
 *   CANON_ISA    last word of the function names
 *   CANON_ATTR   target attribute
 *   CANON_KIND   f32 or f32_f64
 *   CANON_T      float or double: what sums are kept in
 *   CANON_V      prefix of the vector type CANON_V_t and its functions
 *                zero, load (floats), tail (the first n floats, then zeros),
 *                set1, add, sub, mul, abs, store, and tree (16 lanes in memory)
 *   CANON_P      lanes of a vector
 *   CANON_N      16 / CANON_P
 *
 * and this file undefines CANON_KIND to CANON_N at its end.  Multiplication
 * and addition stay two roundings: mul and add of the including file must be
 * such that no compiler fuses them.
 */
#include "each.h"

#define CANON_FN(op) VS_CAT(op##_, CANON_KIND)
#define CANON_API(op, form)                                                    \
	VS_CAT3(VS_CAT3(vs_##op##_, CANON_KIND, form), _, CANON_ISA)
#define CANON_TYPE VS_CAT(CANON_V, _t)
#define CANON_DO(fn) VS_CAT(CANON_V, fn)

CANON_ATTR VS_INLINE CANON_TYPE CANON_FN(step)(enum vs_canon_op op,
					       CANON_TYPE acc, CANON_TYPE x,
					       CANON_TYPE y)
{
	CANON_TYPE diff;

	if (op == VS_CANON_IP)
		return CANON_DO(_add)(acc, CANON_DO(_mul)(x, y));
	diff = CANON_DO(_sub)(x, y);
	if (op == VS_CANON_L1)
		return CANON_DO(_add)(acc, CANON_DO(_abs)(diff));
	return CANON_DO(_add)(acc, CANON_DO(_mul)(diff, diff));
}

CANON_ATTR VS_INLINE CANON_TYPE CANON_FN(tail_at)(const float *p, size_t n,
						  size_t at)
{
	size_t left = n > at ? n - at : 0;

	return CANON_DO(_tail)(left > 0 ? p + at : p,
			       left < CANON_P ? left : CANON_P);
}

#define CANON_DECL(g) CANON_TYPE a##g = CANON_DO(_zero)();
#define CANON_DECL_B(g) CANON_TYPE b##g = CANON_DO(_zero)();
#define CANON_LOAD(p, g) CANON_DO(_load)((p) + i + (g)*CANON_P)
#define CANON_TAIL(p, g) CANON_FN(tail_at)((p) + i, d - i, (g)*CANON_P)
#define CANON_STEP(g)                                                          \
	a##g = CANON_FN(step)(op, a##g, CANON_LOAD(q, g), CANON_LOAD(row, g));
#define CANON_STEP_LAST(g)                                                     \
	a##g = CANON_FN(step)(op, a##g, CANON_TAIL(q, g), CANON_TAIL(row, g));
#define CANON_STEP_2(g)                                                        \
	{                                                                      \
		CANON_TYPE qv = CANON_LOAD(q, g);                              \
		a##g = CANON_FN(step)(op, a##g, qv, CANON_LOAD(row, g));       \
		b##g = CANON_FN(step)(op, b##g, qv, CANON_LOAD(next, g));      \
	}
#define CANON_STEP_LAST_2(g)                                                   \
	{                                                                      \
		CANON_TYPE qv = CANON_TAIL(q, g);                              \
		a##g = CANON_FN(step)(op, a##g, qv, CANON_TAIL(row, g));       \
		b##g = CANON_FN(step)(op, b##g, qv, CANON_TAIL(next, g));      \
	}
#define CANON_SAVE(g) CANON_DO(_store)(lanes + (g)*CANON_P, a##g);
#define CANON_SAVE_B(g) CANON_DO(_store)(lanes + (g)*CANON_P, b##g);

CANON_ATTR VS_INLINE CANON_T CANON_FN(row)(enum vs_canon_op op, const float *q,
					   const float *row, size_t d)
{
	_Alignas(64) CANON_T lanes[16];
	size_t i;
	VS_EACH(CANON_N, CANON_DECL)

	for (i = 0; i + 16 <= d; i += 16) {
		VS_EACH(CANON_N, CANON_STEP)
	}
	if (i < d) {
		VS_EACH(CANON_N, CANON_STEP_LAST)
	}
	VS_EACH(CANON_N, CANON_SAVE)
	return CANON_DO(_tree)(lanes);
}

/* Two rows at once: two chains of additions, one load of the query. */
CANON_ATTR VS_INLINE void CANON_FN(row_pair)(enum vs_canon_op op,
					     const float *q, const float *row,
					     size_t stride, size_t d,
					     CANON_T *out)
{
	_Alignas(64) CANON_T lanes[16];
	const float *next = row + stride;
	size_t i;
	VS_EACH(CANON_N, CANON_DECL)
	VS_EACH(CANON_N, CANON_DECL_B)

	for (i = 0; i + 16 <= d; i += 16) {
		VS_EACH(CANON_N, CANON_STEP_2)
	}
	if (i < d) {
		VS_EACH(CANON_N, CANON_STEP_LAST_2)
	}
	VS_EACH(CANON_N, CANON_SAVE)
	out[0] = CANON_DO(_tree)(lanes);
	VS_EACH(CANON_N, CANON_SAVE_B)
	out[1] = CANON_DO(_tree)(lanes);
}

#define CANON_ROWS(name, op)                                                   \
	CANON_ATTR void CANON_API(name, )(const float *q, const float *rows,   \
					  size_t stride, size_t n, size_t d,   \
					  CANON_T *out)                        \
	{                                                                      \
		size_t r;                                                      \
									       \
		for (r = 0; r + 2 <= n; r += 2)                                \
			CANON_FN(row_pair)                                     \
		(op, q, rows + r * stride, stride, d, out + r);                \
		if (r < n)                                                     \
			out[r] = CANON_FN(row)(op, q, rows + r * stride, d);   \
	}

CANON_ROWS(l2sq, VS_CANON_L2)
CANON_ROWS(ip, VS_CANON_IP)
CANON_ROWS(l1, VS_CANON_L1)

/* A vector holds CANON_P rows of the panel; lane i mod 16 of the row-major
 * form is accumulator i mod 16 here, in two halves of eight so that they stay
 * in registers with every instruction set. */
#define CANON_P_STEP(c)                                                        \
	a##c = CANON_FN(step)(op, a##c, CANON_DO(_set1)(q[i + (c)]),           \
			      CANON_DO(_load)(panel + (i + (c)) * 16));
#define CANON_P_STEP_LAST(c)                                                   \
	if (i + (c) < d)                                                       \
	CANON_P_STEP(c)
#define CANON_P_SAVE(c) lanes[c] = a##c;

CANON_ATTR VS_INLINE void CANON_FN(half)(enum vs_canon_op op, const float *q,
					 const float *panel, size_t first,
					 size_t d, CANON_TYPE lanes[8])
{
	size_t i;
	VS_EACH(8, CANON_DECL)

	for (i = first; i + 8 <= d; i += 16) {
		VS_EACH(8, CANON_P_STEP)
	}
	VS_EACH(8, CANON_P_STEP_LAST)
	VS_EACH(8, CANON_P_SAVE)
}

CANON_ATTR VS_INLINE void CANON_FN(panel)(enum vs_canon_op op, const float *q,
					  const float *panel, size_t d,
					  CANON_T out[VS_PANEL_ROWS])
{
	CANON_TYPE lo[8], hi[8];
	size_t r, c, apart;

	for (r = 0; r < VS_PANEL_ROWS; r += CANON_P) {
		CANON_FN(half)(op, q, panel + r, 0, d, lo);
		CANON_FN(half)(op, q, panel + r, 8, d, hi);
		for (c = 0; c < 8; c++)
			lo[c] = CANON_DO(_add)(lo[c], hi[c]);
		for (apart = 4; apart > 0; apart /= 2) {
			for (c = 0; c < apart; c++)
				lo[c] = CANON_DO(_add)(lo[c], lo[c + apart]);
		}
		CANON_DO(_store)(out + r, lo[0]);
	}
}

#define CANON_PANEL(name, op)                                                  \
	CANON_ATTR void CANON_API(name, _panel)(const float *q,                \
						const float *panel, size_t d,  \
						CANON_T out[VS_PANEL_ROWS])    \
	{                                                                      \
		CANON_FN(panel)(op, q, panel, d, out);                         \
	}

CANON_PANEL(l2sq, VS_CANON_L2)
CANON_PANEL(ip, VS_CANON_IP)
CANON_PANEL(l1, VS_CANON_L1)

#undef CANON_KIND
#undef CANON_T
#undef CANON_V
#undef CANON_P
#undef CANON_N
#undef CANON_FN
#undef CANON_API
#undef CANON_TYPE
#undef CANON_DO
#undef CANON_DECL
#undef CANON_DECL_B
#undef CANON_LOAD
#undef CANON_TAIL
#undef CANON_ROWS
#undef CANON_PANEL
#undef CANON_STEP
#undef CANON_STEP_LAST
#undef CANON_STEP_2
#undef CANON_STEP_LAST_2
#undef CANON_SAVE
#undef CANON_SAVE_B
#undef CANON_P_STEP
#undef CANON_P_STEP_LAST
#undef CANON_P_SAVE
