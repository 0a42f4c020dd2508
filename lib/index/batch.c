/* batch.c - the batch engine: pieces of cells, groups of queries, tiles.
 *
 * Filtering and deciding are separate (ARCHITECTURE.md): this file drives the
 * filters; batch_query.c says what of a query they need, batch_take.c turns
 * what passes into hits.
 */
#include "vs/batch.h"

#include <math.h>
#include <string.h>

#include "batch_pq.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/par.h"

/* A piece of a cell: its panels stay in the second-level cache while all
 * groups of queries pass over them. */
#define PIECE_BYTES 262144u

/* Pieces announced before they are scanned: 8 MiB. */
#define AHEAD_PIECES 32u

/* When a scan by codes becomes one of floats: after so many pairs of which one
 * in FLOATS_PART or more passed; then pieces are not tried by codes for a
 * while. */
#define FLOATS_MIN_TESTED 2048u
#define FLOATS_PART 4u
#define FLOATS_PIECES 16u

struct piece {
	uint32_t cell;
	uint32_t n_panels;
	uint64_t first; /* panel within the cell */
};

struct scan_job {
	enum vs_batch_way way;
	struct vs_ctx *ctx;
	struct vs_batch *b;
	const struct vs_scan *scan;
	struct piece *pieces;
	size_t n_pieces;
	struct vs_worker *workers; /* [n_threads] */
};

uint64_t vs_batch_bytes_per_query(uint32_t k, uint32_t dim)
{
	return vs_topk_slots(k) * sizeof(struct vs_hit) +
	       sizeof(struct vs_query) + dim;
}

void vs_batch_destroy(struct vs_ctx *ctx, struct vs_batch *b)
{
	if (b == NULL)
		return;
	vs_lists_destroy(ctx, b);
	vs_free(ctx, b->own_bytes);
	vs_free(ctx, b->pq_tables);
	vs_free(ctx, b->pq_query);
	vs_free(ctx, b->ones);
	vs_free(ctx, b->slots);
	vs_free(ctx, b->where);
	vs_free(ctx, b->query);
	vs_free(ctx, b);
}

int vs_batch_create(struct vs_ctx *ctx, const struct vs_batch_spec *spec,
		    struct vs_batch **out, struct vs_err *err)
{
	struct vs_batch *b = vs_zalloc(ctx, 1, sizeof(*b), "batch", err);
	int rc = VS_ENOMEM;

	if (b == NULL)
		return VS_ENOMEM;
	b->spec = *spec;
	b->query = vs_alloc(ctx, spec->queries.n, sizeof(*b->query),
			    "query states", err);
	if (b->query == NULL)
		goto fail;
	b->slots = vs_alloc(ctx, spec->queries.n,
			    vs_topk_slots(spec->k) * sizeof(*b->slots),
			    "results", err);
	if (b->slots == NULL)
		goto fail;
	if (spec->keep_where) {
		b->where = vs_alloc(ctx, spec->queries.n,
				    vs_topk_slots(spec->k) * sizeof(*b->where),
				    "results", err);
		if (b->where == NULL)
			goto fail;
	}
	atomic_init(&b->n_distances, 0);
	rc = vs_batch_prepare(ctx, b, err);
	if (rc != 0)
		goto fail;
	*out = b;
	return 0;
fail:
	vs_batch_destroy(ctx, b);
	return rc;
}

static int finish_query(void *arg, size_t i, unsigned thread,
			struct vs_err *err)
{
	struct vs_batch *b = arg;

	(void)thread;
	(void)err;
	if (b->lists != NULL)
		vs_list_finish(&b->query[i]);
	else
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
	for (i = 1; vs_topk_slots(b->spec.k) > k && i < b->spec.queries.n;
	     i++) {
		memmove(b->slots + i * k, b->query[i].top.slots,
			k * sizeof(*b->slots));
		if (b->where != NULL)
			memmove(b->where + i * k, b->query[i].top.where,
				k * sizeof(*b->where));
	}
	*hits = b->lists != NULL ? NULL : b->slots;
	return rc;
}

const uint64_t *vs_batch_where(const struct vs_batch *b)
{
	return b->where;
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

/* Whether pieces are not as the tiles of floats want them. */
static bool widens(const struct scan_job *j)
{
	return j->way == VS_WAY_FLOAT &&
	       (j->scan->decode || j->b->spec.dtype == VS_F16);
}

/* Panels that are made into floats together. */
static size_t wide_panels(const struct scan_job *j)
{
	size_t n = PIECE_BYTES /
		   vs_panel_bytes(VS_F32, j->b->spec.queries.dim);

	return n < VS_TILE_PANELS ? vs_max_size(n, 1) : n - n % VS_TILE_PANELS;
}

static size_t piece_panels(const struct scan_job *j)
{
	const struct vs_batch *b = j->b;
	uint32_t dim = b->spec.queries.dim;
	size_t n;

	/* A piece that is widened whole must not be large. */
	if (widens(j))
		return wide_panels(j);
	if (j->way == VS_WAY_PQ)
		n = PIECE_BYTES / vs_batch_pq_panel_bytes(j->scan->pq);
	else if (j->way == VS_WAY_FLOAT)
		n = PIECE_BYTES / vs_panel_bytes(VS_F32, dim);
	else
		n = PIECE_BYTES / vs_panel_bytes(VS_U8, dim);
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

/* Whether all queries of a group have k hits. */
static bool all_full(const struct vs_batch *b, const struct vs_group *g)
{
	unsigned i;

	for (i = 0; i < g->n; i++)
		if (atomic_load_explicit(&b->query[g->query[i]].limit,
					 memory_order_relaxed) == VS_KEY_WORST)
			return false;
	return true;
}

/* One group of queries over all panels of a piece. */
static int scan_group(const struct vs_ctx *ctx, struct vs_batch *b,
		      const struct vs_cell_view *v, struct vs_group *g,
		      struct vs_err *err)
{
	size_t n_panels = (size_t)vs_panels_of(v->n_rows), at, n, step;
	struct vs_pass pass[VS_PASS_MAX];
	unsigned i;
	int rc = 0;

	for (i = 0; i < g->w; i++)
		vs_group_limit(b, g, i);
	/* The first step is short: it only fills empty heaps.  Tiles of product
	 * codes are best full, and codes of a row cost little. */
	step = g->way == VS_WAY_PQ && all_full(b, g) ? VS_TILE_PANELS : 2;
	for (at = 0; rc == 0 && at < n_panels; at += n) {
		n = vs_min_size(step, n_panels - at);
		step = VS_TILE_PANELS;
		g->n_panels = n;
		g->first_row = at * VS_PANEL_ROWS;
		rc = vs_group_filter(ctx, b, v, g, pass, err);
	}
	return rc;
}

/* What the filter needs of a piece and no file holds: panels of floats; under
 * cosine the lengths and sums of byte rows. */
static int ready_piece(const struct scan_job *j, const struct vs_cell_view *v,
		       struct vs_group *g, struct vs_err *err)
{
	struct vs_worker *w = g->worker;
	const int32_t *terms = v->terms;
	size_t n = (size_t)vs_panels_of(v->n_rows), i;

	w->panels = v->panels;
	if (widens(j)) {
		w->panels = w->wide;
		return vs_batch_expand(j->ctx, j->b, v, g, 0, n, err);
	}
	if (j->way != VS_WAY_COSINE)
		return 0;
	for (i = 0; i < n * VS_PANEL_ROWS; i++) {
		w->t0[i] = sqrtf((float)v->norms[i]);
		w->t1[i] = (float)terms[i] * -0x1p-8f;
	}
	return 0;
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

/* The queries of a cell; list NULL: all. */
struct wanted {
	const uint32_t *list;
	size_t n;
};

/* The next group, from query `at` of the cell on, over a piece. */
static int scan_next(const struct scan_job *j, const struct vs_cell_view *v,
		     const struct wanted *q, size_t at, struct vs_group *g,
		     struct vs_err *err)
{
	size_t i;

	if (vs_ctx_stopping(j->ctx))
		return vs_fail(err, VS_EAGAIN,
			       "stopped while scanning; run again");
	g->n = (unsigned)vs_min_size(q->n - at, VS_TILE_W);
	g->w = tile_width(g->n);
	g->n_passed = 0;
	g->n_tested = 0;
	for (i = 0; i < g->n; i++)
		g->query[i] = q->list != NULL ? q->list[at + i] :
						(uint32_t)(at + i);
	if (j->way == VS_WAY_PQ)
		vs_group_pq_pack(j->ctx, j->b, g);
	else
		vs_group_pack(j->b, g);
	return scan_group(j->ctx, j->b, v, g, err);
}

/* Panels first.. of a view. */
static void part_of(const struct scan_job *j, const struct vs_cell_view *v,
		    size_t first, size_t n, struct vs_cell_view *out)
{
	size_t dim = j->b->spec.queries.dim, row = first * VS_PANEL_ROWS;

	*out = *v;
	if (v->panels != NULL)
		out->panels = (const uint8_t *)v->panels +
			      first * vs_panel_bytes(j->b->spec.dtype, dim);
	out->codes = v->codes + first * vs_panel_bytes(VS_U8, dim);
	out->terms = (const uint8_t *)v->terms + row * 4;
	if (v->ids != NULL)
		out->ids = (const uint8_t *)v->ids + row * v->id_size;
	out->id_base = v->id_base + row;
	out->where = v->where + row;
	out->n_rows = vs_min_u64(v->n_rows - row, n * VS_PANEL_ROWS);
}

/* A piece for the queries from `at` on by tiles of floats: where codes reject
 * next to nothing, as of rows whose lengths are far apart, settling rows one by
 * one takes several times as long. */
static int scan_as_floats(const struct scan_job *j,
			  const struct vs_cell_view *v,
			  const struct wanted *q, size_t at,
			  struct vs_group *g, struct vs_err *err)
{
	size_t panels = (size_t)vs_panels_of(v->n_rows), first, n, i;
	uint64_t first_panel = g->first_panel;
	struct vs_cell_view part;
	int rc = 0;

	g->way = VS_WAY_FLOAT;
	g->worker->panels = g->worker->wide;
	for (first = 0; rc == 0 && first < panels; first += n) {
		n = vs_min_size(wide_panels(j), panels - first);
		part_of(j, v, first, n, &part);
		g->first_panel = first_panel + first;
		rc = vs_batch_expand(j->ctx, j->b, &part, g, 0, n, err);
		for (i = at; rc == 0 && i < q->n; i += g->n)
			rc = scan_next(j, &part, q, i, g, err);
	}
	return rc;
}

/* Whether a group by codes has shown that floats are the better way for all
 * that is left; then there is room for them. */
static bool turn_to_floats(const struct scan_job *j, const struct vs_group *g,
			   size_t n_left)
{
	struct vs_worker *w = g->worker;

	if (g->way != VS_WAY_CODES || n_left < VS_TILE_W)
		return false;
	if (w->n_floats == 0 && (g->n_tested < FLOATS_MIN_TESTED ||
				 g->n_passed < g->n_tested / FLOATS_PART))
		return false;
	/* Without room for floats codes must do. */
	if (w->wide == NULL)
		w->wide = vs_alloc(j->ctx, wide_panels(j) * VS_PANEL_ROWS,
				   j->b->spec.queries.dim * sizeof(float),
				   "rows", NULL);
	if (w->wide == NULL)
		return false;
	w->n_floats = w->n_floats == 0 ? FLOATS_PIECES : w->n_floats - 1;
	return true;
}

static int scan_piece(void *arg, size_t item, unsigned thread,
		      struct vs_err *err)
{
	struct scan_job *j = arg;
	const struct piece *p = &j->pieces[item];
	struct wanted q = { NULL, queries_of(j, p->cell) };
	struct vs_cell_view v;
	struct vs_group g = { .n = 0 };
	size_t at;
	int rc;

	announce(j, item);
	rc = j->scan->view(j->scan->arg, p->cell, p->first, p->n_panels, &v,
			   err);
	if (rc != 0)
		return rc;
	if (j->scan->start != NULL)
		q.list = j->scan->query + j->scan->start[p->cell];
	g.scan = j->scan;
	g.worker = &j->workers[thread];
	g.way = j->way;
	g.cell = p->cell;
	g.first_panel = p->first;
	rc = ready_piece(j, &v, &g, err);
	for (at = 0; rc == 0 && at < q.n; at += g.n) {
		if (g.worker->n_floats > 0 || at > 0)
			if (turn_to_floats(j, &g, q.n - at)) {
				rc = scan_as_floats(j, &v, &q, at, &g, err);
				break;
			}
		rc = scan_next(j, &v, &q, at, &g, err);
	}
	atomic_fetch_add_explicit(&j->b->n_distances, v.n_rows * q.n,
				  memory_order_relaxed);
	return rc;
}

static void job_free(struct scan_job *j)
{
	unsigned t;

	for (t = 0; j->workers != NULL && t < j->ctx->n_threads; t++) {
		vs_free(j->ctx, j->workers[t].packed);
		vs_free(j->ctx, j->workers[t].wide);
		vs_free(j->ctx, j->workers[t].row);
		vs_free(j->ctx, j->workers[t].t0);
		vs_free(j->ctx, j->workers[t].t1);
	}
	vs_free(j->ctx, j->workers);
	vs_free(j->ctx, j->pieces);
}

static int worker_alloc(const struct scan_job *j, struct vs_worker *w,
			struct vs_err *err)
{
	const struct vs_batch *b = j->b;
	uint32_t dim = b->spec.queries.dim;
	size_t rows = piece_panels(j) * VS_PANEL_ROWS;

	w->packed = vs_alloc(j->ctx, (size_t)vs_round_up(dim, 4),
			     VS_TILE_W * (b->floats != NULL ? 4 : 1),
			     "packed queries", err);
	if (w->packed == NULL)
		return VS_ENOMEM;
	if (widens(j) || j->way == VS_WAY_PQ) {
		w->wide = vs_alloc(j->ctx, widens(j) ? rows : 1,
				   dim * sizeof(float), "rows", err);
		if (w->wide == NULL)
			return VS_ENOMEM;
	}
	if (j->way == VS_WAY_CODES &&
	    (j->scan->decode || b->spec.dtype == VS_F16)) {
		w->row = vs_alloc(j->ctx, dim, sizeof(float), "rows", err);
		if (w->row == NULL)
			return VS_ENOMEM;
	}
	if (j->way != VS_WAY_COSINE)
		return 0;
	w->t0 = vs_alloc(j->ctx, rows, sizeof(float), "terms", err);
	if (w->t0 == NULL)
		return VS_ENOMEM;
	w->t1 = vs_alloc(j->ctx, rows, sizeof(float), "terms", err);
	return w->t1 == NULL ? VS_ENOMEM : 0;
}

static int job_alloc(struct scan_job *j, struct vs_err *err)
{
	unsigned t;
	int rc;

	j->workers = vs_zalloc(j->ctx, j->ctx->n_threads, sizeof(*j->workers),
			       "scans", err);
	if (j->workers == NULL)
		return VS_ENOMEM;
	for (t = 0; t < j->ctx->n_threads; t++) {
		rc = worker_alloc(j, &j->workers[t], err);
		if (rc != 0)
			return rc;
	}
	return list_pieces(j, err);
}

int vs_batch_scan(struct vs_ctx *ctx, struct vs_batch *b,
		  const struct vs_scan *scan, struct vs_err *err)
{
	struct scan_job j = {
		.ctx = ctx,
		.b = b,
		.scan = scan,
		.way = b->way,
	};
	int rc;

	if (scan->code8 != NULL &&
	    vs_code8_wanted(b->spec.dtype, b->spec.metric, b->spec.queries.dim))
		j.way = VS_WAY_CODES;
	if (scan->pq != NULL)
		j.way = VS_WAY_PQ;
	rc = job_alloc(&j, err);
	if (rc == 0 && j.way == VS_WAY_CODES)
		rc = vs_batch_code(ctx, b, scan->code8, err);
	if (rc == 0 && j.way == VS_WAY_PQ)
		rc = vs_batch_pq_tables(ctx, b, scan->pq, err);
	if (rc == 0)
		rc = vs_par_for(ctx, j.n_pieces, scan_piece, &j, err);
	job_free(&j);
	return rc;
}
