/* batch.c - the batch engine: pieces of cells, groups of queries, tiles.
 *
 * Filtering and deciding are separate (ARCHITECTURE.md): this file drives the
 * filters; batch_take.c turns what passes into hits.
 */
#include "vs/batch.h"

#include <string.h>

#include "batch_int.h"
#include "vs/mem.h"
#include "vs/par.h"

/* A piece of a cell: its panels stay in the second-level cache while all
 * groups of queries pass over them. */
#define PIECE_BYTES 262144u

/* Pieces announced before they are scanned: 8 MiB. */
#define AHEAD_PIECES 32u

struct piece {
	uint32_t cell;
	uint32_t n_panels;
	uint64_t first; /* panel within the cell */
};

struct scan_job {
	struct vs_ctx *ctx;
	struct vs_batch *b;
	const struct vs_scan *scan;
	struct piece *pieces;
	size_t n_pieces;
	void **packed; /* [n_threads]: one packed group */
};

uint64_t vs_batch_bytes_per_query(uint32_t k)
{
	return vs_topk_slots(k) * sizeof(struct vs_hit) +
	       sizeof(struct vs_query);
}

void vs_batch_destroy(struct vs_ctx *ctx, struct vs_batch *b)
{
	if (b == NULL)
		return;
	vs_free(ctx, b->slots);
	vs_free(ctx, b->query);
	vs_free(ctx, b);
}

static void init_queries(struct vs_batch *b)
{
	const struct vs_rows *q = &b->spec.queries;
	const uint8_t *u8 = q->p;
	const float *f32 = q->p;
	uint64_t i;
	uint32_t x;

	for (i = 0; i < q->n; i++) {
		struct vs_query *s = &b->query[i];

		s->top.slots = b->slots + i * vs_topk_slots(b->spec.k);
		s->top.k = b->spec.k;
		s->top.n = 0;
		s->top.limit = VS_KEY_WORST;
		atomic_init(&s->limit, VS_KEY_WORST);
		atomic_flag_clear(&s->lock);
		s->norm2_i = 0;
		s->norm2_f = 0;
		if (q->dtype == VS_F32) {
			s->norm2_f = vs_norm2_f32(f32 + i * q->dim, q->dim);
			continue;
		}
		for (x = 0; x < q->dim; x++)
			s->norm2_i += (int64_t)u8[i * q->dim + x] *
				      u8[i * q->dim + x];
	}
}

int vs_batch_create(struct vs_ctx *ctx, const struct vs_batch_spec *spec,
		    struct vs_batch **out, struct vs_err *err)
{
	struct vs_batch *b = vs_zalloc(ctx, 1, sizeof(*b), "batch", err);

	if (b == NULL)
		return VS_ENOMEM;
	b->spec = *spec;
	b->u8 = spec->queries.dtype == VS_U8;
	b->similarity = vs_metric_is_similarity(spec->metric);
	b->query = vs_alloc(ctx, spec->queries.n, sizeof(*b->query),
			    "query states", err);
	if (b->query == NULL)
		goto fail;
	b->slots = vs_alloc(ctx, spec->queries.n,
			    vs_topk_slots(spec->k) * sizeof(*b->slots),
			    "results", err);
	if (b->slots == NULL)
		goto fail;
	atomic_init(&b->n_distances, 0);
	init_queries(b);
	*out = b;
	return 0;
fail:
	vs_batch_destroy(ctx, b);
	return VS_ENOMEM;
}

static int finish_query(void *arg, size_t i, unsigned thread,
			struct vs_err *err)
{
	struct vs_batch *b = arg;

	(void)thread;
	(void)err;
	vs_topk_finish(&b->query[i].top);
	return 0;
}

int vs_batch_finish(struct vs_ctx *ctx, struct vs_batch *b,
		    const struct vs_hit **hits, struct vs_err *err)
{
	uint64_t i, k = b->spec.k;
	int rc = vs_par_for(ctx, (size_t)b->spec.queries.n, finish_query, b,
			    err);

	/* Results close ranks over the spare slots. */
	for (i = 1; vs_topk_slots(b->spec.k) > k && i < b->spec.queries.n; i++)
		memmove(b->slots + i * k, b->query[i].top.slots,
			k * sizeof(*b->slots));
	*hits = b->slots;
	return rc;
}

uint64_t vs_batch_distances(const struct vs_batch *b)
{
	return atomic_load_explicit(&b->n_distances, memory_order_relaxed);
}

static size_t queries_of(const struct scan_job *j, size_t cell)
{
	if (j->scan->start == NULL)
		return (size_t)j->b->spec.queries.n;
	return (size_t)(j->scan->start[cell + 1] - j->scan->start[cell]);
}

static size_t piece_panels(const struct scan_job *j)
{
	const struct vs_rows *q = &j->b->spec.queries;
	size_t n = PIECE_BYTES / vs_panel_bytes(q->dtype, q->dim);

	n -= n % VS_TILE_PANELS;
	return n < VS_TILE_PANELS ? VS_TILE_PANELS : n;
}

/* All pieces that somebody wants, in file order; counted first. */
static int list_pieces(struct scan_job *j, struct vs_err *err)
{
	size_t most = piece_panels(j), cell, n;
	uint64_t panels, at;
	int fill;

	for (fill = 0; fill < 2; fill++) {
		n = 0;
		for (cell = 0; cell < j->scan->n_cells; cell++) {
			if (queries_of(j, cell) == 0)
				continue;
			panels = vs_panels_of(j->scan->cell_rows[cell]);
			for (at = 0; at < panels; at += most, n++) {
				if (!fill)
					continue;
				j->pieces[n].cell = (uint32_t)cell;
				j->pieces[n].first = at;
				j->pieces[n].n_panels = (uint32_t)vs_min_u64(
					most, panels - at);
			}
		}
		if (fill)
			break;
		j->n_pieces = n;
		j->pieces = vs_alloc(j->ctx, n, sizeof(*j->pieces), "pieces",
				     err);
		if (j->pieces == NULL)
			return VS_ENOMEM;
	}
	return 0;
}

static unsigned tile_width(size_t n)
{
	if (n > 8)
		return 12;
	if (n > 4)
		return 8;
	return n > 1 ? 4 : 1;
}

static void pack_group(const struct vs_batch *b, struct vs_group *g,
		       void *packed)
{
	const struct vs_rows *q = &b->spec.queries;
	const float *f32[VS_TILE_W];
	const uint8_t *u8[VS_TILE_W];
	unsigned i;

	g->packed = packed;
	if (b->u8) {
		for (i = 0; i < g->n; i++)
			u8[i] = (const uint8_t *)q->p +
				(size_t)g->query[i] * q->dim;
		vs_pack_queries_u8(u8, g->n, g->w, q->dim, packed);
	} else {
		for (i = 0; i < g->n; i++)
			f32[i] = (const float *)q->p +
				 (size_t)g->query[i] * q->dim;
		vs_pack_queries_f32(f32, g->n, g->w, q->dim, packed);
	}
}

/* One group of queries over all panels of a piece. */
static void scan_group(const struct vs_ctx *ctx, struct vs_batch *b,
		       const struct vs_cell_view *v, struct vs_group *g)
{
	const struct vs_rows *q = &b->spec.queries;
	size_t panel_bytes = vs_panel_bytes(q->dtype, q->dim);
	size_t n_panels = (size_t)vs_panels_of(v->n_rows), at, n, step;
	struct vs_pass pass[VS_PASS_MAX];
	unsigned i;

	for (i = 0; i < g->w; i++)
		vs_group_limit(b, g, i);
	/* The first step is short: it only fills empty heaps. */
	step = 2;
	for (at = 0; at < n_panels; at += n) {
		n = vs_min_size(step, n_panels - at);
		step = VS_TILE_PANELS;
		g->n_panels = n;
		g->panels = (const uint8_t *)v->panels + at * panel_bytes;
		g->first_row = at * VS_PANEL_ROWS;
		vs_group_filter(ctx, b, v, g, pass);
	}
}

/* Announces the piece that is AHEAD_PIECES further on, and before the first
 * one all up to there.  Only pieces that somebody wants are announced: a few
 * queries must not pull a whole shard from disk. */
static void announce(const struct scan_job *j, size_t item)
{
	size_t i = item == 0 ? 1 : item + AHEAD_PIECES;
	size_t end = vs_min_size(item + AHEAD_PIECES + 1, j->n_pieces);

	if (j->scan->ahead == NULL)
		return;
	for (; i < end; i++)
		j->scan->ahead(j->scan->arg, j->pieces[i].cell,
			       j->pieces[i].first, j->pieces[i].n_panels);
}

static int scan_piece(void *arg, size_t item, unsigned thread,
		      struct vs_err *err)
{
	struct scan_job *j = arg;
	const struct piece *p = &j->pieces[item];
	const uint32_t *list = NULL;
	size_t n = queries_of(j, p->cell), at, i;
	struct vs_cell_view v;
	struct vs_group g;
	int rc;

	announce(j, item);
	rc = j->scan->view(j->scan->arg, p->cell, p->first, p->n_panels, &v,
			   err);
	if (rc != 0)
		return rc;
	if (j->scan->start != NULL)
		list = j->scan->query + j->scan->start[p->cell];
	for (at = 0; at < n; at += g.n) {
		if (vs_ctx_stopping(j->ctx))
			return vs_fail(err, VS_EAGAIN,
				       "stopped while scanning; run again");
		g.n = (unsigned)vs_min_size(n - at, VS_TILE_W);
		g.w = tile_width(g.n);
		for (i = 0; i < g.n; i++)
			g.query[i] = list != NULL ? list[at + i] :
						    (uint32_t)(at + i);
		pack_group(j->b, &g, j->packed[thread]);
		scan_group(j->ctx, j->b, &v, &g);
	}
	atomic_fetch_add_explicit(&j->b->n_distances, v.n_rows * n,
				  memory_order_relaxed);
	return 0;
}

static void job_free(struct scan_job *j)
{
	unsigned t;

	if (j->packed != NULL)
		for (t = 0; t < j->ctx->n_threads; t++)
			vs_free(j->ctx, j->packed[t]);
	vs_free(j->ctx, j->packed);
	vs_free(j->ctx, j->pieces);
}

static int job_alloc(struct scan_job *j, struct vs_err *err)
{
	size_t dim4 = (size_t)vs_round_up(j->b->spec.queries.dim, 4);
	unsigned t;

	j->packed = vs_zalloc(j->ctx, j->ctx->n_threads, sizeof(void *),
			      "packed queries", err);
	if (j->packed == NULL)
		return VS_ENOMEM;
	for (t = 0; t < j->ctx->n_threads; t++) {
		j->packed[t] = vs_alloc(j->ctx, dim4,
					VS_TILE_W * (j->b->u8 ? 1 : 4),
					"packed queries", err);
		if (j->packed[t] == NULL)
			return VS_ENOMEM;
	}
	return list_pieces(j, err);
}

int vs_batch_scan(struct vs_ctx *ctx, struct vs_batch *b,
		  const struct vs_scan *scan, struct vs_err *err)
{
	struct scan_job j = { .ctx = ctx, .b = b, .scan = scan };
	int rc = job_alloc(&j, err);

	if (rc == 0)
		rc = vs_par_for(ctx, j.n_pieces, scan_piece, &j, err);
	job_free(&j);
	return rc;
}
