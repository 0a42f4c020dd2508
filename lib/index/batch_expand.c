/* batch_expand.c - panels as the tiles of floats want them, f32 [d][16], from
 * whatever a scan holds: halves, whole rows, or codes.
 */
#include "batch_int.h"
#include "vs/mem.h"
#include "vs/panel.h"

/* A panel of whole rows of floats. */
static void turn_f32(const void *panel, size_t dim, float *out)
{
	const float *row[VS_PANEL_ROWS];
	unsigned i;

	for (i = 0; i < VS_PANEL_ROWS; i++)
		row[i] = (const float *)panel + i * dim;
	vs_pack_panel_f32(row, dim, out);
}

/* Of halves; wide: one row. */
static void turn_f16(const struct vs_kern *kern, const void *panel, size_t dim,
		     float *wide, float *out)
{
	const uint16_t *row = panel;
	size_t x;
	unsigned i;

	for (i = 0; i < VS_PANEL_ROWS; i++, row += dim) {
		kern->widen_f16(row, dim, wide);
		for (x = 0; x < dim; x++)
			out[x * VS_PANEL_ROWS + i] = wide[x];
	}
}

/* Where rows have codes, view has verified only those. */
static int touch_rows(const struct vs_group *g, const struct vs_cell_view *v,
		      size_t first, size_t n, struct vs_err *err)
{
	size_t row = first * VS_PANEL_ROWS;
	size_t end = (size_t)vs_min_u64(v->n_rows, (first + n) * VS_PANEL_ROWS);
	int rc = 0;

	for (; rc == 0 && row < end; row++)
		rc = g->scan->touch(g->scan->arg, g->cell,
				    g->first_panel * VS_PANEL_ROWS + row, err);
	return rc;
}

int vs_batch_expand(const struct vs_ctx *ctx, const struct vs_batch *b,
		    const struct vs_cell_view *v, const struct vs_group *g,
		    size_t first, size_t n, struct vs_err *err)
{
	size_t dim = b->spec.queries.dim, i;
	size_t bytes = vs_panel_bytes(b->spec.dtype, dim);
	size_t code_bytes = vs_panel_bytes(VS_U8, dim);
	const struct vs_scan *scan = g->scan;
	float *out = g->worker->wide;
	const uint8_t *panel;
	int rc = 0;

	if (scan->code8 != NULL && !scan->decode)
		rc = touch_rows(g, v, first, n, err);
	for (i = first; rc == 0 && i < first + n; i++) {
		panel = (const uint8_t *)v->panels;
		if (scan->decode)
			vs_code8_decode_panel(scan->code8,
					      v->codes + i * code_bytes, out);
		else if (scan->code8 == NULL)
			ctx->kern->widen_f16((const void *)(panel + i * bytes),
					     dim * VS_PANEL_ROWS, out);
		else if (b->spec.dtype == VS_F16)
			turn_f16(ctx->kern, panel + i * bytes, dim,
				 g->worker->row, out);
		else
			turn_f32(panel + i * bytes, dim, out);
		out += VS_PANEL_ROWS * dim;
	}
	return rc;
}
