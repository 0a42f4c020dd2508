/* batch_take.c - from the rows of a step to hits: the filter that fits, then
 * the canonical decision (batch_keys.c) and the heaps.
 */
#include <math.h>

#include "batch_pq.h"
#include "vs/lock.h"
#include "vs/panel.h"

static uint64_t id_of(const struct vs_cell_view *v, size_t row)
{
	if (v->ids == NULL)
		return v->id_base + row;
	if (v->id_size == 4)
		return ((const uint32_t *)v->ids)[row];
	return ((const uint64_t *)v->ids)[row];
}

/* Under the lock. */
static bool push(struct vs_query *q, int64_t key, uint64_t id, uint64_t where)
{
	if (q->lists == NULL)
		return vs_topk_push(&q->top, key, id, where);
	vs_list_push(q, key, id);
	return false;
}

static void unlock(struct vs_query *q, bool changed)
{
	if (changed)
		atomic_store_explicit(&q->limit, q->top.limit,
				      memory_order_relaxed);
	vs_spin_unlock(&q->lock);
}

bool vs_query_take(struct vs_query *q, int64_t key, uint64_t id, uint64_t where)
{
	bool changed;

	if (key > atomic_load_explicit(&q->limit, memory_order_relaxed))
		return false;
	vs_spin_lock(&q->lock);
	changed = push(q, key, id, where);
	unlock(q, changed);
	return changed;
}

static bool take(struct vs_query *q, int64_t key, const struct vs_cell_view *v,
		 size_t row)
{
	return vs_query_take(q, key, id_of(v, row), v->where + row);
}

/* The key that an exact score stands for. */
static int64_t key_of_score(const struct vs_batch *b, const struct vs_query *q,
			    int32_t score)
{
	if (b->way == VS_WAY_L1)
		return score;
	if (!b->similarity)
		return score + q->norm2_i;
	return score / 2 + (b->spec.dtype == VS_I8 ? 128 * q->sum : 0);
}

/* What passed for the query of pass[0], which stands together, under one lock;
 * returns how many that were. */
static size_t take_run(struct vs_batch *b, const struct vs_cell_view *v,
		       struct vs_group *g, const struct vs_pass *pass, size_t n)
{
	struct vs_query *q = &b->query[g->query[pass->q]];
	bool changed = false;
	size_t i, row;
	int64_t key;

	vs_spin_lock(&q->lock);
	for (i = 0; i < n && pass[i].q == pass->q; i++) {
		row = g->first_row + pass[i].row;
		key = key_of_score(b, q, pass[i].score);
		if (row < v->n_rows && key <= q->top.limit)
			changed |= push(q, key, id_of(v, row), v->where + row);
	}
	unlock(q, changed);
	if (changed)
		g->changed |= 1u << pass->q;
	return i;
}

static void take_exact(struct vs_batch *b, const struct vs_cell_view *v,
		       struct vs_group *g, const struct vs_pass *pass, size_t n)
{
	size_t at;

	for (at = 0; at < n; at += take_run(b, v, g, pass + at, n - at))
		;
}

static void take_panels(const struct vs_ctx *ctx, struct vs_batch *b,
			const struct vs_cell_view *v, struct vs_group *g,
			const struct vs_pass *pass, size_t n)
{
	const uint8_t *panels = g->worker->panels;
	size_t bytes = vs_panel_bytes(b->floats != NULL ? VS_F32 : VS_U8,
				      b->spec.queries.dim);
	int64_t key[VS_PANEL_ROWS];
	size_t i, row, panel, last_panel = SIZE_MAX;
	unsigned last_q = VS_TILE_W;

	for (i = 0; i < n; i++) {
		row = g->first_row + pass[i].row;
		if (row >= v->n_rows)
			continue;
		panel = row / VS_PANEL_ROWS;
		if (panel != last_panel || pass[i].q != last_q) {
			last_panel = panel;
			last_q = pass[i].q;
			vs_batch_panel_keys(
				ctx, b, g->query[last_q],
				panels + panel * bytes,
				(const int32_t *)v->terms +
					panel * VS_PANEL_ROWS,
				v->norms != NULL ?
					v->norms + panel * VS_PANEL_ROWS :
					NULL,
				key);
		}
		if (take(&b->query[g->query[last_q]],
			 key[row % VS_PANEL_ROWS], v, row))
			g->changed |= 1u << last_q;
	}
}

/* One row of a scan by codes. */
static const float *read_row(const struct vs_ctx *ctx, const struct vs_batch *b,
			     const struct vs_cell_view *v,
			     const struct vs_group *g, size_t row)
{
	uint32_t dim = b->spec.queries.dim;
	const uint8_t *p = v->panels;

	if (g->scan->decode) {
		p = v->codes + row / VS_PANEL_ROWS * vs_panel_bytes(VS_U8, dim);
		vs_code8_decode_lane(g->scan->code8, p, row % VS_PANEL_ROWS,
				     g->worker->row);
		return g->worker->row;
	}
	p += row * dim * vs_dtype_size(b->spec.dtype);
	if (b->spec.dtype == VS_F32)
		return (const float *)(const void *)p;
	ctx->kern->widen_f16((const void *)p, dim, g->worker->row);
	return g->worker->row;
}

/* Rows whose codes have passed are read one by one. */
static int take_rows(const struct vs_ctx *ctx, struct vs_batch *b,
		     const struct vs_cell_view *v, struct vs_group *g,
		     const struct vs_pass *pass, size_t n, struct vs_err *err)
{
	uint32_t query;
	uint64_t first = g->first_panel * VS_PANEL_ROWS;
	size_t i, row;
	const float *terms = v->terms;
	const float *p;
	int64_t key;
	int rc;

	for (i = 0; i < n; i++) {
		row = g->first_row + pass[i].row;
		if (row >= v->n_rows)
			continue;
		rc = g->scan->decode ? 0 :
				       g->scan->touch(g->scan->arg, g->cell,
						      first + row, err);
		if (rc != 0)
			return rc;
		p = read_row(ctx, b, v, g, row);
		query = g->query[pass[i].q];
		key = vs_batch_row_key(ctx, b, query, p, terms[row]);
		if (take(&b->query[query], key, v, row))
			g->changed |= 1u << pass[i].q;
	}
	return 0;
}

/* Codes that have passed are decoded one by one. */
static void take_codes(const struct vs_ctx *ctx, struct vs_batch *b,
		       const struct vs_cell_view *v, struct vs_group *g,
		       const struct vs_pass *pass, size_t n)
{
	size_t i, row;
	int64_t key;

	for (i = 0; i < n; i++) {
		row = g->first_row + pass[i].row;
		if (row >= v->n_rows)
			continue;
		key = vs_group_pq_key(ctx, b, v, g, pass[i].q, row);
		if (take(&b->query[g->query[pass[i].q]], key, v, row))
			g->changed |= 1u << pass[i].q;
	}
}

/* Every row passes on to the canonical kernel. */
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

static size_t filter_bytes(const struct vs_ctx *ctx, const struct vs_batch *b,
			   const struct vs_cell_view *v,
			   const struct vs_group *g, struct vs_pass *pass)
{
	size_t bytes = vs_panel_bytes(VS_U8, b->spec.queries.dim);
	bool codes = g->way == VS_WAY_CODES;
	bool linear = codes || g->way == VS_WAY_COSINE;
	const uint8_t *panels = codes ? v->codes : g->worker->panels;
	struct vs_tile_lin lin = { .c = g->c, .g0 = g->g0, .g1 = g->g1 };
	struct vs_tile_u8 t = {
		.panels = panels + g->first_row / VS_PANEL_ROWS * bytes,
		.n_panels = g->n_panels,
		.d = b->spec.queries.dim,
		.packed = g->worker->packed,
		.w = g->w,
		.n_q = g->n,
		.terms = (const int32_t *)v->terms + g->first_row,
		.limit = g->limit_i,
		.lin = linear ? &lin : NULL,
	};

	if (linear) {
		lin.t0 = codes ? (const float *)v->terms : g->worker->t0;
		lin.t1 = codes ? v->slack : g->worker->t1;
		lin.t0 += g->first_row;
		lin.t1 += g->first_row;
	}
	if (g->way == VS_WAY_L1)
		return ctx->kern->filter_l1_u8(&t, pass);
	return ctx->kern->filter_u8(&t, pass);
}

static size_t filter_floats(const struct vs_ctx *ctx, const struct vs_batch *b,
			    const struct vs_cell_view *v,
			    const struct vs_group *g, struct vs_pass *pass)
{
	uint32_t dim = b->spec.queries.dim;
	const float *panels = g->worker->panels;
	struct vs_tile_f32 t = {
		.panels = panels + g->first_row * dim,
		.n_panels = g->n_panels,
		.d = dim,
		.packed = g->worker->packed,
		.w = g->w,
		.n_q = g->n,
		.terms = (const float *)v->terms + g->first_row,
		.limit = g->limit_f,
		.gain = g->gain,
	};

	if (b->spec.metric == VS_L1)
		return ctx->kern->filter_l1_f32(&t, pass);
	return ctx->kern->filter_f32(&t, pass);
}

int vs_group_filter(const struct vs_ctx *ctx, struct vs_batch *b,
		    const struct vs_cell_view *v, struct vs_group *g,
		    struct vs_pass *pass, struct vs_err *err)
{
	unsigned i;
	size_t n;
	int rc = 0;

	if (g->way == VS_WAY_ALL)
		n = pass_all(g, pass);
	else if (g->way == VS_WAY_FLOAT)
		n = filter_floats(ctx, b, v, g, pass);
	else if (g->way == VS_WAY_PQ)
		n = vs_group_pq_filter(ctx, b, v, g, pass);
	else
		n = filter_bytes(ctx, b, v, g, pass);
	/* First steps fill empty heaps and tell nothing. */
	if (g->first_row > 0) {
		g->n_passed += n;
		g->n_tested += (uint64_t)g->n * g->n_panels * VS_PANEL_ROWS;
	}
	if (n == 0)
		return 0;
	g->changed = 0;
	if (g->way == VS_WAY_EXACT || g->way == VS_WAY_L1)
		take_exact(b, v, g, pass, n);
	else if (g->way == VS_WAY_CODES)
		rc = take_rows(ctx, b, v, g, pass, n, err);
	else if (g->way == VS_WAY_PQ)
		take_codes(ctx, b, v, g, pass, n);
	else
		take_panels(ctx, b, v, g, pass, n);
	for (i = 0; i < g->n; i++)
		if (g->changed >> i & 1)
			vs_group_limit(b, g, i);
	return rc == 0 && b->lists != NULL ? vs_lists_check(b->lists, err) : rc;
}
