/* panel.h - rows into panels, with what scans want beside them.
 *
 * Rows are f32, f16, u8 or i8.  i8 rows stand in panels as bytes, 128 added to
 * each element, so that the byte kernels serve both; f16 panels are
 * [d][16] halves.  Rows that have codes (vs/code8.h) are read one by one, and
 * their panels are 16 whole rows.  Terms, 4 bytes for each row (vs/kern.h):
 *
 *              L2            IP                  cosine           L1
 *   f32, f16   |x|^2         |x|, rounded up     |x| or NaN       0
 *   u8         i32, exact    i32, exact          i32, as IP       0
 *   i8         i32, exact    0                   0                0
 *
 * Under cosine byte rows also have a norm, |x|^2 as u32, and a float row whose
 * length lies outside [2^-60, 2^60], where products leave the range of floats,
 * has the term NaN: it is computed in double.
 */
#ifndef VS_PANEL_H
#define VS_PANEL_H

#include "vs/kern.h"

/* Of all panels of an index. */
struct vs_panel_kind {
	enum vs_dtype dtype;
	enum vs_metric metric;
	uint32_t dim;
	bool whole_rows; /* floats with codes: [16][d], not [d][16] */
};

#define VS_COSINE_NORM_MIN 0x1p-60
#define VS_COSINE_NORM_MAX 0x1p60

/* True when such rows have norms beside their terms. */
static inline bool vs_panel_has_norms(enum vs_dtype t, enum vs_metric m)
{
	return vs_dtype_is_byte(t) && m == VS_COSINE;
}

/* What stands beside a row: its term, i32 for bytes, the bits of f32 else, and
 * its norm where there are norms, else 0.  A float row is given as f32. */
int32_t vs_panel_term(const struct vs_panel_kind *kind, const void *row,
		      uint32_t *norm);

/* That of a row that is missing. */
int32_t vs_panel_term_of_padding(const struct vs_panel_kind *kind);

/* Packs 16 rows into panel (vs_panel_bytes), their terms and norms.  rows[i]
 * NULL is a missing row: zeros, with a padding term.  scratch: dim floats.
 * Byte rows too wide for the tiles of their metric (vs/kern.h) have term 0. */
void vs_panel_pack(const struct vs_panel_kind *kind,
		   const void *const rows[VS_PANEL_ROWS], void *panel,
		   int32_t terms[VS_PANEL_ROWS], uint32_t norms[VS_PANEL_ROWS],
		   float *scratch);

/* Copies row `lane` of a panel out; f16 rows as f32. */
void vs_panel_unpack(const struct vs_panel_kind *kind, const void *panel,
		     unsigned lane, void *row);

#endif
