/* batch_take.c - from filter passes to hits: the canonical decision.
 *
 * u8 tiles are exact up to VS_TILE_U8_DIM_MAX dimensions (VS_TILE_U8_IP_DIM_MAX
 * under IP), so a score is a key; wider u8 rows and all f32 rows go through the
 * canonical panel kernels.
 */
#include "batch_int.h"

#include <math.h>

#include "vs/lock.h"

static bool tile_is_exact(const struct vs_batch *b)
{
	return b->u8 && b->spec.queries.dim <=
				(b->similarity ? VS_TILE_U8_IP_DIM_MAX :
						 VS_TILE_U8_DIM_MAX);
}

/* L2: key = score + |q|^2; IP: key = -x.q = score / 2. */
static int32_t limit_u8(const struct vs_batch *b, const struct vs_query *q,
			int64_t key)
{
	int64_t limit;

	if (key == VS_KEY_WORST)
		return INT32_MAX - 1;
	limit = b->similarity ? 2 * key : key - q->norm2_i;
	if (limit > INT32_MAX - 1)
		return INT32_MAX - 1;
	return limit < INT32_MIN ? INT32_MIN : (int32_t)limit;
}

void vs_group_limit(const struct vs_batch *b, struct vs_group *g, unsigned i)
{
	const struct vs_query *q;
	uint32_t dim = b->spec.queries.dim;
	int64_t key;
	float thr;

	if (i >= g->n) { /* an empty place of the tile lets nothing pass */
		g->limit_i[i] = INT32_MIN;
		g->limit_f[i] = -INFINITY;
		g->gain[i] = 0;
		return;
	}
	q = &b->query[g->query[i]];
	key = atomic_load_explicit(&q->limit, memory_order_relaxed);
	if (b->u8) {
		g->limit_i[i] = limit_u8(b, q, key);
		return;
	}
	if (b->similarity) {
		thr = key == VS_KEY_WORST ? -INFINITY :
					    vs_f32_of_key(key, true);
		vs_tile_limit_ip(thr, q->norm2_f, dim, &g->limit_f[i],
				 &g->gain[i]);
	} else {
		thr = key == VS_KEY_WORST ? INFINITY :
					    vs_f32_of_key(key, false);
		vs_tile_limit_l2(thr, q->norm2_f, dim, &g->limit_f[i],
				 &g->gain[i]);
	}
}

static uint64_t id_of(const struct vs_cell_view *v, size_t row)
{
	if (v->ids == NULL)
		return v->id_base + row;
	if (v->id_size == 4)
		return ((const uint32_t *)v->ids)[row];
	return ((const uint64_t *)v->ids)[row];
}

/* True when the limit may have changed. */
static bool take(struct vs_query *q, int64_t key, uint64_t id)
{
	bool changed;

	if (key > atomic_load_explicit(&q->limit, memory_order_relaxed))
		return false;
	vs_spin_lock(&q->lock);
	changed = vs_topk_push(&q->top, key, id);
	if (changed)
		atomic_store_explicit(&q->limit, q->top.limit,
				      memory_order_relaxed);
	vs_spin_unlock(&q->lock);
	return changed;
}

/* Canonical keys of the 16 rows of a panel for one query. */
static void panel_keys(const struct vs_ctx *ctx, const struct vs_batch *b,
		       uint32_t query, const void *panel,
		       int64_t key[VS_PANEL_ROWS])
{
	const struct vs_rows *r = &b->spec.queries;
	const struct vs_kern *kern = ctx->kern;
	const float *q = (const float *)r->p + (size_t)query * r->dim;
	const uint8_t *u = (const uint8_t *)r->p + (size_t)query * r->dim;
	float f[VS_PANEL_ROWS];
	double d[VS_PANEL_ROWS];
	unsigned i;

	if (b->u8) {
		(b->similarity ? kern->ip_u8_panel : kern->l2sq_u8_panel)(
			u, panel, r->dim, key);
		for (i = 0; b->similarity && i < VS_PANEL_ROWS; i++)
			key[i] = -key[i];
		return;
	}
	if (b->spec.in_double) {
		(b->similarity ? kern->ip_f32_f64_panel :
				 kern->l2sq_f32_f64_panel)(q, panel, r->dim,
							   d);
		for (i = 0; i < VS_PANEL_ROWS; i++)
			f[i] = (float)d[i];
	} else {
		(b->similarity ? kern->ip_f32_panel : kern->l2sq_f32_panel)(
			q, panel, r->dim, f);
	}
	for (i = 0; i < VS_PANEL_ROWS; i++)
		key[i] = vs_key_of_f32(f[i], b->similarity);
}

/* Which places of the group have new limits. */
static unsigned take_exact(struct vs_batch *b, const struct vs_cell_view *v,
			   const struct vs_group *g,
			   const struct vs_pass *pass, size_t n)
{
	unsigned changed = 0;
	size_t i, row;
	int64_t key;
	struct vs_query *q;

	for (i = 0; i < n; i++) {
		row = g->first_row + pass[i].row;
		if (row >= v->n_rows)
			continue;
		q = &b->query[g->query[pass[i].q]];
		key = b->similarity ? pass[i].score / 2 :
				      pass[i].score + q->norm2_i;
		if (take(q, key, id_of(v, row)))
			changed |= 1u << pass[i].q;
	}
	return changed;
}

static unsigned take_panels(const struct vs_ctx *ctx, struct vs_batch *b,
			    const struct vs_cell_view *v,
			    const struct vs_group *g,
			    const struct vs_pass *pass, size_t n)
{
	size_t panel_bytes = vs_panel_bytes(b->spec.queries.dtype,
					    b->spec.queries.dim);
	int64_t key[VS_PANEL_ROWS];
	size_t i, row, panel, last_panel = SIZE_MAX;
	unsigned changed = 0, last_q = VS_TILE_W;

	for (i = 0; i < n; i++) {
		row = g->first_row + pass[i].row;
		if (row >= v->n_rows)
			continue;
		panel = pass[i].row / VS_PANEL_ROWS;
		if (panel != last_panel || pass[i].q != last_q) {
			last_panel = panel;
			last_q = pass[i].q;
			panel_keys(ctx, b, g->query[last_q],
				   (const uint8_t *)g->panels +
					   panel * panel_bytes,
				   key);
		}
		if (take(&b->query[g->query[last_q]],
			 key[pass[i].row % VS_PANEL_ROWS], id_of(v, row)))
			changed |= 1u << last_q;
	}
	return changed;
}

/* Too wide for int32 scores: every row passes on to the canonical kernel. */
static size_t pass_all(const struct vs_group *g, struct vs_pass *pass)
{
	size_t n = 0, row;
	unsigned q;

	for (q = 0; q < g->n; q++)
		for (row = 0; row < g->n_panels * VS_PANEL_ROWS; row++) {
			pass[n].q = (uint16_t)q;
			pass[n++].row = (uint16_t)row;
		}
	return n;
}

static size_t filter(const struct vs_ctx *ctx, const struct vs_batch *b,
		     const struct vs_cell_view *v, const struct vs_group *g,
		     struct vs_pass *pass)
{
	if (b->u8) {
		struct vs_tile_u8 t = {
			.panels = g->panels,
			.n_panels = g->n_panels,
			.d = b->spec.queries.dim,
			.packed = g->packed,
			.w = g->w,
			.n_q = g->n,
			.terms = (const int32_t *)v->terms + g->first_row,
			.limit = g->limit_i,
		};

		if (!tile_is_exact(b))
			return pass_all(g, pass);
		return ctx->kern->filter_u8(&t, pass);
	} else {
		struct vs_tile_f32 t = {
			.panels = g->panels,
			.n_panels = g->n_panels,
			.d = b->spec.queries.dim,
			.packed = g->packed,
			.w = g->w,
			.n_q = g->n,
			.terms = (const float *)v->terms + g->first_row,
			.limit = g->limit_f,
			.gain = g->gain,
		};

		return ctx->kern->filter_f32(&t, pass);
	}
}

void vs_group_filter(const struct vs_ctx *ctx, struct vs_batch *b,
		     const struct vs_cell_view *v, struct vs_group *g,
		     struct vs_pass *pass)
{
	size_t n = filter(ctx, b, v, g, pass);
	unsigned changed, i;

	if (n == 0)
		return;
	changed = tile_is_exact(b) ? take_exact(b, v, g, pass, n) :
				     take_panels(ctx, b, v, g, pass, n);
	for (i = 0; i < g->n; i++)
		if (changed >> i & 1)
			vs_group_limit(b, g, i);
}
