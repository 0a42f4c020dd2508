/* rotate_f32.h - template of vs_rotate_f32_<isa> (see vs/kern.h).
 *
 * A register tile of ROT_R rows and the 16 columns of one panel.  Each sum is
 * alone in its lane, so tiles of any shape give the same bits.  To be included
 * after canon_f32.h of floats, with CANON_ISA, CANON_ATTR and the functions of
 * f32v_t, and
 *
 *   ROT_R   rows of a tile
 *   ROT_P   lanes of a vector
 *   ROT_N   16 / ROT_P
 */
#include "each.h"

#define ROT_ZERO_1(r, g) f32v_t a##r##_##g = f32v_zero();
#define ROT_ZERO(r) VS_WITH(ROT_N, ROT_ZERO_1, r)
#define ROT_LOAD(g) f32v_t b##g = f32v_load(panel + i * 16 + (g)*ROT_P);
#define ROT_STEP_1(r, g) a##r##_##g = f32v_add(a##r##_##g, f32v_mul(x, b##g));
#define ROT_STEP(r)                                                            \
	{                                                                      \
		f32v_t x = f32v_set1(rows[(r)*d + i]);                         \
		VS_WITH(ROT_N, ROT_STEP_1, r)                                  \
	}
#define ROT_SAVE_1(r, g)                                                       \
	f32v_store(out + (r)*stride + (g)*ROT_P, a##r##_##g);
#define ROT_SAVE(r) VS_WITH(ROT_N, ROT_SAVE_1, r)

CANON_ATTR VS_NOINLINE static void rotate_tile(const float *rows, size_t d,
					       const float *panel, float *out,
					       size_t stride)
{
	size_t i;
	VS_EACH(ROT_R, ROT_ZERO)

	for (i = 0; i < d; i++) {
		VS_EACH(ROT_N, ROT_LOAD)
		VS_EACH(ROT_R, ROT_STEP)
	}
	VS_EACH(ROT_R, ROT_SAVE)
}

CANON_ATTR VS_NOINLINE static void rotate_row(const float *rows, size_t d,
					      const float *panel, float *out)
{
	const size_t stride = 0;
	size_t i;
	ROT_ZERO(0)

	for (i = 0; i < d; i++) {
		VS_EACH(ROT_N, ROT_LOAD)
		ROT_STEP(0)
	}
	ROT_SAVE(0)
}

CANON_ATTR void VS_CAT(vs_rotate_f32_, CANON_ISA)(const float *rows, size_t n,
						  size_t d,
						  const float *panels,
						  size_t n_panels, float *out)
{
	size_t stride = n_panels * VS_PANEL_ROWS, p, r;

	for (p = 0; p < n_panels; p++, panels += d * VS_PANEL_ROWS) {
		float *to = out + p * VS_PANEL_ROWS;

		for (r = 0; r + ROT_R <= n; r += ROT_R)
			rotate_tile(rows + r * d, d, panels, to + r * stride,
				    stride);
		for (; r < n; r++)
			rotate_row(rows + r * d, d, panels, to + r * stride);
	}
}

#undef ROT_ZERO_1
#undef ROT_ZERO
#undef ROT_LOAD
#undef ROT_STEP_1
#undef ROT_STEP
#undef ROT_SAVE_1
#undef ROT_SAVE
#undef ROT_R
#undef ROT_P
#undef ROT_N
