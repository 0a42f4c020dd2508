/* nearest.h - template of the nearest of some centroids in a few dimensions.
 *
 * A row's elements are in one lane and the row's sums too, so the canonical
 * order of operations (vs/kern.h) costs nothing: no tile filters first.
 *
 * Defined by the including file:
 *
 *   NEAR_ISA    last word of the function names
 *   NEAR_ATTR   target attribute
 *   NEAR_P      lanes of a vector
 *   NEAR_ONE    vectors of a panel: VS_PANEL_ROWS / NEAR_P
 *   NEAR_R      vectors of rows at once: NEAR_ONE or a multiple
 *   near_t      floats, with near_load (aligned), near_set1, near_sub,
 *               near_mul, near_add, near_store; no two may be fused
 *   near_int    u32 in as many lanes, with near_int_set1, near_int_store
 *   near_mask   what near_below(a, b) gives: lanes where a < b;
 *               near_pick(m, a, b) and near_int_pick: a where m is set, else b
 */
#include "each.h"

#define NEAR_AT(r) ((r)*NEAR_P / VS_PANEL_ROWS * d * VS_PANEL_ROWS +           \
		    (r)*NEAR_P % VS_PANEL_ROWS)
#define NEAR_DECL(r)                                                           \
	const float *x##r = x + NEAR_AT(r);                                    \
	near_t best##r = near_set1(INFINITY);                                  \
	near_int at##r = near_int_set1(0);
#define NEAR_FIRST(r)                                                          \
	near_t d##r = near_sub(near_load(x##r), y);                            \
	near_t sum##r = near_mul(d##r, d##r);
#define NEAR_NEXT(r)                                                           \
	d##r = near_sub(near_load(x##r + i * VS_PANEL_ROWS), y);               \
	sum##r = near_add(sum##r, near_mul(d##r, d##r));
#define NEAR_KEEP(r)                                                           \
	{                                                                      \
		near_mask m = near_below(sum##r, best##r);                     \
		best##r = near_pick(m, sum##r, best##r);                       \
		at##r = near_int_pick(m, number, at##r);                       \
	}
#define NEAR_OUT(r)                                                            \
	near_store(out->dist + (r)*NEAR_P, best##r);                           \
	near_int_store(out->index + (r)*NEAR_P, at##r);

/* A function for n vectors of rows, which begin at x. */
#define NEAR_ROWS(n)                                                           \
	NEAR_ATTR VS_INLINE void VS_CAT(near_rows_, n)(                        \
		const float *x, size_t d, const struct vs_near *out)           \
	{                                                                      \
		const float *c = out->centroids;                               \
		uint32_t j;                                                    \
		size_t i;                                                      \
		VS_EACH(n, NEAR_DECL)                                          \
									       \
		for (j = 0; j < out->n_centroids; j++, c += d) {               \
			near_int number = near_int_set1(j);                    \
			near_t y = near_set1(c[0]);                            \
			VS_EACH(n, NEAR_FIRST)                                 \
									       \
			for (i = 1; i < d; i++) {                              \
				y = near_set1(c[i]);                           \
				VS_EACH(n, NEAR_NEXT)                          \
			}                                                      \
			VS_EACH(n, NEAR_KEEP)                                  \
		}                                                              \
		VS_EACH(n, NEAR_OUT)                                           \
	}

#define NEAR_CASE(n, dims)                                                     \
	case dims:                                                             \
		VS_CAT(near_rows_, n)(x, dims, out);                           \
		break

/* The usual numbers of dimensions with loops unrolled. */
#define NEAR_ANY(n)                                                            \
	NEAR_ROWS(n)                                                           \
	NEAR_ATTR VS_NOINLINE static void VS_CAT(near_any_, n)(                \
		const float *x, size_t d, const struct vs_near *out)           \
	{                                                                      \
		switch (d) {                                                   \
			NEAR_CASE(n, 1);                                       \
			NEAR_CASE(n, 2);                                       \
			NEAR_CASE(n, 3);                                       \
			NEAR_CASE(n, 4);                                       \
			NEAR_CASE(n, 6);                                       \
			NEAR_CASE(n, 8);                                       \
		default:                                                       \
			VS_CAT(near_rows_, n)(x, d, out);                      \
		}                                                              \
	}

NEAR_ANY(NEAR_R)
#if NEAR_R > NEAR_ONE
NEAR_ANY(NEAR_ONE)
#endif

NEAR_ATTR void VS_CAT(vs_nearest_f32_, NEAR_ISA)(const struct vs_near *t)
{
	const size_t many = NEAR_R / NEAR_ONE;
	struct vs_near part = *t;
	const float *x;
	size_t p = 0;

	while (p < t->n_panels) {
		x = t->panels + p * VS_PANEL_ROWS * t->d;
		part.dist = t->dist + p * VS_PANEL_ROWS;
		part.index = t->index + p * VS_PANEL_ROWS;
		if (p + many <= t->n_panels) {
			VS_CAT(near_any_, NEAR_R)(x, t->d, &part);
			p += many;
		} else {
			VS_CAT(near_any_, NEAR_ONE)(x, t->d, &part);
			p++;
		}
	}
}
