/* truth_scan.c - the search of vs-eval truth, and what it takes.
 *
 * The vectors stream through once for each block of queries that fits the
 * memory ceiling; each block of rows becomes panels in memory and goes through
 * the batch engine like the single cell of a Flat shard.
 */
#include "truth_int.h"
#include "vs/host.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/par.h"

#define BLOCK_BYTES (16u << 20) /* rows read at a time */

/* Packs one panel of the block.  Rows past the end pass no tile or are dropped
 * by their number. */
static int pack_one(void *arg, size_t panel, unsigned thread,
		    struct vs_err *err)
{
	struct truth *t = arg;
	struct vs_panel_kind kind = { vs_op_truth_dtype(t), t->args->metric,
				      t->source.dim, false };
	const void *rows[VS_PANEL_ROWS];
	size_t i, row;

	(void)thread;
	(void)err;
	for (i = 0; i < VS_PANEL_ROWS; i++) {
		row = panel * VS_PANEL_ROWS + i;
		rows[i] = row < t->n ? t->rows + row * t->row_bytes : NULL;
	}
	vs_panel_pack(&kind, rows, t->panels + panel * t->panel_bytes,
		      t->terms + panel * VS_PANEL_ROWS,
		      t->norms + panel * VS_PANEL_ROWS, NULL);
	return 0;
}

static int view(void *arg, size_t cell, uint64_t first, uint64_t n,
		struct vs_cell_view *out, struct vs_err *err)
{
	const struct truth *t = arg;
	uint64_t row = first * VS_PANEL_ROWS;

	(void)cell;
	(void)err;
	out->panels = t->panels + first * t->panel_bytes;
	out->terms = t->terms + row;
	out->norms = t->norms + row;
	out->codes = NULL;
	out->slack = NULL;
	out->ids = t->ids + row;
	out->id_size = sizeof(*t->ids);
	out->id_base = 0;
	out->where = 0;
	out->n_rows = vs_min_u64(t->n - row, n * VS_PANEL_ROWS);
	return 0;
}

static int scan_block(struct truth *t, struct vs_batch *b, struct vs_err *err)
{
	uint64_t n_rows = t->n;
	struct vs_scan scan = {
		.n_cells = 1, .cell_rows = &n_rows, .view = view, .arg = t,
	};
	int rc;

	if (t->hash != NULL)
		vs_hasher_add(t->hash, t->rows, t->n * t->row_bytes);
	rc = vs_par_for(t->ctx, (size_t)vs_panels_of(t->n), pack_one, t, err);
	return rc == 0 ? vs_batch_scan(t->ctx, b, &scan, err) : rc;
}

int vs_op_truth_open_sink(struct truth *t, struct vs_err *err)
{
	return vs_sink_create(t->ctx, t->args->io.out, t->format, &t->info,
			      &t->fingerprint, &t->sink, err);
}

int vs_op_truth_add_ids_digest(struct truth *t, struct vs_digest *full,
			  struct vs_err *err)
{
	struct vs_hasher *h;
	int rc;

	if (t->stream.ids == NULL)
		return 0;
	rc = vs_hasher_create(t->ctx, &h, err);
	if (rc != 0)
		return rc;
	vs_hasher_add(h, full->b, sizeof(full->b));
	vs_hasher_add(h, t->facts.digest.b, sizeof(t->facts.digest.b));
	vs_hasher_done(h, full);
	vs_hasher_destroy(t->ctx, h);
	return 0;
}

/* A .vsh begins with the full digest of the vectors, which --recheck compares.
 * It is known after the first pass: then the output, so far empty, starts
 * anew. */
static int put_full_digest(struct truth *t, struct vs_err *err)
{
	int rc;

	if (t->hash == NULL)
		return 0;
	vs_hasher_done(t->hash, &t->info.sources[0].fingerprint);
	vs_hasher_destroy(t->ctx, t->hash);
	t->hash = NULL;
	t->stream.refuse_zeros = false;
	rc = vs_op_truth_add_ids_digest(t, &t->info.sources[0].fingerprint,
					err);
	if (rc != 0)
		return rc;
	if (t->format != VS_HITS_VSH)
		return 0;
	vs_sink_abort(t->ctx, t->sink);
	t->sink = NULL;
	return vs_op_truth_open_sink(t, err);
}

/* All vectors, from the first on. */
static int scan_stream(struct truth *t, struct vs_batch *b, struct vs_err *err)
{
	const struct vs_source *src = &t->source;
	uint64_t done = 0;
	int rc = src->rewind(src->arg, t->ctx, err);

	while (rc == 0) {
		if (vs_ctx_stopping(t->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		rc = src->next(src->arg, t->ctx, t->rows, t->ids,
			       t->block_rows, &t->n, err);
		if (rc != 0 || t->n == 0)
			break;
		rc = scan_block(t, b, err);
		done += t->n;
		vs_ctx_progress(t->ctx, "truth", done, src->n_rows, "rows");
	}
	return rc;
}

/* All vectors for one block of queries. */
static int scan_all(struct truth *t, const struct vs_rows *queries,
		    struct vs_err *err)
{
	struct vs_batch_spec spec = {
		.metric = t->args->metric,
		.dtype = vs_op_truth_dtype(t),
		.queries = *queries,
		.k = t->args->k,
		.in_double = true,
	};
	const struct vs_hit *hits;
	struct vs_batch *b;
	double start = vs_host_secs();
	int rc = vs_batch_create(t->ctx, &spec, &b, err);

	if (rc != 0)
		return rc;
	rc = scan_stream(t, b, err);
	if (rc == 0)
		rc = vs_batch_finish(t->ctx, b, &hits, err);
	if (rc == 0)
		rc = put_full_digest(t, err);
	if (rc == 0) {
		t->report->secs_search += vs_host_secs() - start;
		t->report->n_distances += vs_batch_distances(b);
		rc = vs_sink_append(t->ctx, t->sink, hits, queries->n, err);
		if (rc == 0 && t->distances != NULL)
			rc = vs_sink_append(t->ctx, t->distances, hits,
					    queries->n, err);
	}
	vs_batch_destroy(t->ctx, b);
	return rc;
}

static int blocks_alloc(struct truth *t, struct vs_err *err)
{
	uint64_t left = vs_mem_left(t->ctx) / 4;
	uint64_t n_rows = t->source.n_rows;
	size_t n;

	t->row_bytes = vs_vecs_row_bytes(t->stream.vecs);
	t->panel_bytes = vs_panel_bytes(vs_op_truth_dtype(t), t->source.dim);
	/* Rows and panels of a block take a quarter of what is left. */
	n = (size_t)vs_min_u64(BLOCK_BYTES, left / 2) / t->row_bytes;
	n = (size_t)vs_min_u64(n, vs_panels_of(n_rows) * VS_PANEL_ROWS);
	n -= n % VS_PANEL_ROWS;
	if (n < VS_PANEL_ROWS)
		n = VS_PANEL_ROWS;
	t->block_rows = n;
	t->rows = vs_alloc(t->ctx, n, t->row_bytes, "rows", err);
	if (t->rows == NULL)
		return VS_ENOMEM;
	t->ids = vs_alloc(t->ctx, n, sizeof(*t->ids), "ids", err);
	if (t->ids == NULL)
		return VS_ENOMEM;
	t->panels = vs_alloc(t->ctx, n / VS_PANEL_ROWS, t->panel_bytes,
			     "panels", err);
	if (t->panels == NULL)
		return VS_ENOMEM;
	t->terms = vs_alloc(t->ctx, n, sizeof(*t->terms), "terms", err);
	if (t->terms == NULL)
		return VS_ENOMEM;
	t->norms = vs_alloc(t->ctx, n, sizeof(*t->norms), "norms", err);
	return t->norms == NULL ? VS_ENOMEM : 0;
}

static uint64_t query_bytes(const struct truth *t)
{
	return vs_batch_bytes_per_query(t->args->k, t->source.dim) +
	       t->row_bytes;
}

/* Queries that are compared in one pass over the vectors. */
static uint64_t block_queries(const struct truth *t)
{
	uint64_t most = vs_mem_left(t->ctx) / 2 / query_bytes(t);

	return vs_min_u64(t->info.n_queries, most == 0 ? 1 : most);
}

int vs_op_truth_plan(struct truth *t, struct vs_err *err)
{
	struct vs_plan *p = t->args->io.plan;
	uint64_t most, beside;
	void *sinks;
	int rc;

	beside = vs_sink_bytes(t->format, t->info.n_queries, t->args->k);
	if (t->args->distances != NULL)
		beside += vs_sink_bytes(VS_HITS_FVECS, t->info.n_queries,
					t->args->k);
	sinks = vs_alloc(t->ctx, 1, beside, "work areas", err);
	rc = sinks == NULL ? VS_ENOMEM : blocks_alloc(t, err);
	if (rc != 0) {
		vs_free(t->ctx, sinks);
		return rc;
	}
	most = block_queries(t);
	vs_op_plan(p, "vectors", t->args->io.out);
	vs_op_plan_hits(p, t->format, t->info.n_queries, t->args->k);
	p->n_rows = t->source.n_rows;
	p->dim = t->source.dim;
	p->dtype = vs_op_truth_dtype(t);
	p->n_passes = vs_div_up(t->info.n_queries, most);
	p->memory = atomic_load(&t->ctx->mem_now) + most * query_bytes(t);
	p->already = t->report->already;
	vs_free(t->ctx, sinks);
	return 0;
}

int vs_op_truth_scan(struct truth *t, struct vs_err *err)
{
	struct vs_rows rows = { NULL, 0, t->source.dim, vs_op_truth_dtype(t) };
	uint64_t n = t->info.n_queries, most, first;
	void *p;
	int rc = blocks_alloc(t, err);

	if (rc == 0)
		rc = vs_hasher_create(t->ctx, &t->hash, err);
	if (rc != 0)
		return rc;
	vs_op_source_digest_head(&t->source, t->hash);
	most = block_queries(t);
	p = vs_alloc(t->ctx, most, t->row_bytes, "queries", err);
	if (p == NULL)
		return VS_ENOMEM;
	rows.p = p;
	for (first = 0; rc == 0 && first < n; first += rows.n) {
		rows.n = vs_min_u64(most, n - first);
		rc = vs_op_queries_read(t->ctx, &t->queries, first,
					(size_t)rows.n, p, err);
		if (rc == 0)
			rc = scan_all(t, &rows, err);
	}
	vs_free(t->ctx, p);
	return rc;
}
