/* panel.h - rows into panels, with the terms that tiles want beside them. */
#ifndef VS_PANEL_H
#define VS_PANEL_H

#include "vs/kern.h"

/* Of all panels of an index. */
struct vs_panel_kind {
	enum vs_dtype dtype;   /* VS_F32 or VS_U8 */
	enum vs_metric metric; /* VS_L2 or VS_IP */
	uint32_t dim;
};

/* The term of one row, aligned for its type. */
int32_t vs_panel_term(const struct vs_panel_kind *kind, const void *row);

/* Packs 16 rows into panel (vs_panel_bytes) and their terms: i32 for u8, the
 * bits of f32 else.  rows[i] NULL is a missing row: zeros, with a padding term.
 * u8 rows too wide for the tiles of their metric (vs/kern.h) have term 0. */
void vs_panel_pack(const struct vs_panel_kind *kind,
		   const void *const rows[VS_PANEL_ROWS], void *panel,
		   int32_t terms[VS_PANEL_ROWS]);

#endif
