/* truth.c - vs-eval truth: exact neighbours of queries among vectors in files.
 *
 * The vectors stream through once for each block of queries that fits the
 * memory ceiling; each block of rows becomes panels in memory and goes through
 * the batch engine like the single cell of a Flat shard.
 */
#include <string.h>

#include "op_int.h"
#include "queries.h"
#include "vs/host.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/par.h"

#define BLOCK_BYTES (16u << 20) /* rows read at a time */

/* The state of one vs-eval truth. */
struct truth {
	struct vs_ctx *ctx;
	const struct vs_truth_args *args;
	struct vs_vecs *vecs;
	struct vs_op_queries queries;
	struct vs_digest base; /* quick digest of the vectors */
	struct vs_hits_info info;
	struct vs_digest fingerprint;
	struct vs_sink *sink, *distances;
	struct vs_query_report *report;

	/* one block of rows */
	size_t block_rows; /* a multiple of VS_PANEL_ROWS */
	size_t row_bytes, panel_bytes;
	uint8_t *rows;   /* [block_rows] */
	uint8_t *panels;
	int32_t *terms; /* i32, or the bits of f32 */
	uint64_t first; /* ordinal of its first row */
	size_t n;       /* rows in it */
};

static enum vs_dtype dtype_of(const struct truth *t)
{
	return vs_vecs_dtype(t->vecs);
}

static int32_t term_of(const struct truth *t, const uint8_t *row)
{
	uint32_t dim = vs_vecs_dim(t->vecs);
	const float *f = (const float *)(const void *)row;
	bool l2 = t->args->metric == VS_L2;
	float v;

	if (dtype_of(t) == VS_U8)
		return l2 ? vs_term_l2_u8(row, dim) : vs_term_ip_u8(row, dim);
	v = l2 ? vs_term_l2_f32(f, dim) : vs_term_ip_f32(f, dim);
	return (int32_t)vs_f32_bits(v);
}

/* Packs one panel of the block; rows past the end are zero rows, and the
 * engine drops them by their number. */
static int pack_one(void *arg, size_t panel, unsigned thread,
		    struct vs_err *err)
{
	struct truth *t = arg;
	uint32_t dim = vs_vecs_dim(t->vecs);
	const uint8_t *u8[VS_PANEL_ROWS];
	const float *f32[VS_PANEL_ROWS];
	size_t i, row;

	(void)thread;
	(void)err;
	for (i = 0; i < VS_PANEL_ROWS; i++) {
		row = panel * VS_PANEL_ROWS + i;
		u8[i] = row < t->n ? t->rows + row * t->row_bytes : NULL;
		f32[i] = (const float *)(const void *)u8[i];
		t->terms[row] = row < t->n ? term_of(t, u8[i]) : 0;
	}
	if (dtype_of(t) == VS_U8)
		vs_pack_panel_u8(u8, dim, t->panels + panel * t->panel_bytes);
	else
		vs_pack_panel_f32(f32, dim,
				  (float *)(void *)(t->panels +
						    panel * t->panel_bytes));
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
	out->ids = NULL;
	out->id_size = 8;
	out->id_base = t->first + row;
	out->n_rows = vs_min_u64(t->n - row, n * VS_PANEL_ROWS);
	return 0;
}

static int scan_block(struct truth *t, struct vs_batch *b, struct vs_err *err)
{
	uint64_t n_rows = t->n;
	struct vs_scan scan = {
		.n_cells = 1, .cell_rows = &n_rows, .view = view, .arg = t,
	};
	int rc = vs_vecs_read(t->ctx, t->vecs, t->first, t->n, t->rows, err);

	if (rc == 0)
		rc = vs_par_for(t->ctx, (size_t)vs_panels_of(t->n), pack_one,
				t, err);
	return rc == 0 ? vs_batch_scan(t->ctx, b, &scan, err) : rc;
}

/* All vectors for one block of queries. */
static int scan_all(struct truth *t, const struct vs_rows *queries,
		    struct vs_err *err)
{
	struct vs_batch_spec spec = {
		.metric = t->args->metric,
		.queries = *queries,
		.k = t->args->k,
		.in_double = true,
	};
	uint64_t n = vs_vecs_rows(t->vecs);
	const struct vs_hit *hits;
	struct vs_batch *b;
	double start = vs_host_secs();
	int rc = vs_batch_create(t->ctx, &spec, &b, err);

	if (rc != 0)
		return rc;
	for (t->first = 0; rc == 0 && t->first < n; t->first += t->n) {
		t->n = (size_t)vs_min_u64(t->block_rows, n - t->first);
		rc = vs_ctx_stopping(t->ctx) ?
			     vs_fail(err, VS_EAGAIN, "stopped; run again") :
			     scan_block(t, b, err);
		vs_ctx_progress(t->ctx, "truth", t->first + t->n, n, "rows");
	}
	if (rc == 0)
		rc = vs_batch_finish(t->ctx, b, &hits, err);
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
	size_t n;

	t->row_bytes = vs_vecs_row_bytes(t->vecs);
	t->panel_bytes = vs_panel_bytes(dtype_of(t), vs_vecs_dim(t->vecs));
	/* Rows and panels of a block take a quarter of what is left. */
	n = (size_t)vs_min_u64(BLOCK_BYTES, left / 2) / t->row_bytes;
	n -= n % VS_PANEL_ROWS;
	if (n < VS_PANEL_ROWS)
		n = VS_PANEL_ROWS;
	t->block_rows = n;
	t->rows = vs_alloc(t->ctx, n, t->row_bytes, "rows", err);
	if (t->rows == NULL)
		return VS_ENOMEM;
	t->panels = vs_alloc(t->ctx, n / VS_PANEL_ROWS, t->panel_bytes,
			     "panels", err);
	if (t->panels == NULL)
		return VS_ENOMEM;
	t->terms = vs_alloc(t->ctx, n, sizeof(*t->terms), "terms", err);
	return t->terms == NULL ? VS_ENOMEM : 0;
}

static int scan_blocks(struct truth *t, struct vs_err *err)
{
	struct vs_rows rows = { NULL, 0, vs_vecs_dim(t->vecs), dtype_of(t) };
	uint64_t n = t->info.n_queries, most, first;
	void *p;
	int rc = blocks_alloc(t, err);

	if (rc != 0)
		return rc;
	most = vs_mem_left(t->ctx) / 2 /
	       (vs_batch_bytes_per_query(t->args->k) + t->row_bytes);
	most = vs_min_u64(n, most == 0 ? 1 : most);
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

static int fill_info(struct truth *t, struct vs_err *err)
{
	struct vs_hits_info *info = &t->info;
	struct vs_hasher *h;
	int rc;

	info->n_queries = vs_vecs_rows(t->queries.vecs);
	info->k = t->args->k;
	info->dim = vs_vecs_dim(t->vecs);
	info->metric = t->args->metric;
	info->dtype = dtype_of(t);
	info->queries = t->queries.digest;
	info->n_shards = 1;
	info->index = vs_strdup(t->ctx, "Flat", err);
	if (info->index == NULL)
		return VS_ENOMEM;
	info->params = vs_strdup(t->ctx, "truth", err);
	if (info->params == NULL)
		return VS_ENOMEM;
	info->sources = vs_zalloc(t->ctx, 1, sizeof(*info->sources), "sources",
				  err);
	if (info->sources == NULL)
		return VS_ENOMEM;
	info->n_sources = 1;
	info->sources[0].n_rows = vs_vecs_rows(t->vecs);
	info->sources[0].fingerprint = t->base;
	rc = vs_op_fingerprint_start(t->ctx, "truth", &h, err);
	if (rc != 0)
		return rc;
	vs_hasher_add(h, t->base.b, sizeof(t->base.b));
	vs_hasher_add(h, info->queries.b, sizeof(info->queries.b));
	vs_hasher_add_u64(h, info->metric);
	vs_hasher_add_u64(h, info->k);
	vs_op_fingerprint_end(t->ctx, h, &t->fingerprint);
	return 0;
}

static int prepare(struct truth *t, struct vs_err *err)
{
	const struct vs_op_io *io = &t->args->io;
	struct vs_op_io queries = *io;
	struct vs_vecs_options opt = { .format = io->input_format };
	int rc = vs_vecs_open(t->ctx, io->inputs, io->n_inputs, &opt, &t->vecs,
			      err);

	queries.inputs = &t->args->queries;
	queries.n_inputs = 1;
	if (rc == 0)
		rc = vs_op_check_kind(vs_vecs_name(t->vecs), dtype_of(t),
				      t->args->metric, err);
	if (rc == 0)
		rc = vs_op_queries_open(t->ctx, &queries, vs_vecs_dim(t->vecs),
					dtype_of(t), &t->queries, err);
	if (rc == 0)
		rc = vs_vecs_quick_digest(t->ctx, t->vecs, &t->base, err);
	if (rc == 0)
		rc = fill_info(t, err);
	t->report->n_queries = t->info.n_queries;
	if (rc == 0)
		t->report->n_rows = vs_vecs_rows(t->vecs);
	return rc;
}

static int already_done(struct truth *t, enum vs_hits_format format,
			struct vs_err *err)
{
	struct vs_cont_head head = {
		.kind = VS_KIND_HITS,
		.fingerprint = t->fingerprint,
	};
	int rc;

	if (format != VS_HITS_VSH || t->args->io.replace ||
	    t->args->distances != NULL)
		return 0;
	rc = vs_cont_done(t->ctx, t->args->io.out, &head, err);
	if (rc < 0)
		return rc;
	t->report->already = rc == 1;
	return 0;
}

static int finish(struct truth *t, struct vs_sink **sink, struct vs_err *err)
{
	struct vs_sink *s = *sink;

	*sink = NULL;
	if (s == NULL)
		return 0;
	return vs_sink_finish(t->ctx, s, vs_op_how(t->args->io.replace), err);
}

static int run(struct truth *t, struct vs_err *err)
{
	enum vs_hits_format format = t->args->format;
	int rc = prepare(t, err);

	if (rc == 0 && format == VS_HITS_AUTO)
		rc = vs_hits_format_of(t->args->io.out, &format, err);
	if (rc == 0)
		rc = already_done(t, format, err);
	if (rc != 0 || t->report->already)
		return rc;
	rc = vs_sink_create(t->ctx, t->args->io.out, format, &t->info,
			    &t->fingerprint, &t->sink, err);
	if (rc == 0 && t->args->distances != NULL)
		rc = vs_sink_create(t->ctx, t->args->distances, VS_HITS_FVECS,
				    &t->info, &t->fingerprint, &t->distances,
				    err);
	if (rc == 0)
		rc = scan_blocks(t, err);
	if (rc == 0)
		rc = finish(t, &t->sink, err);
	if (rc == 0)
		rc = finish(t, &t->distances, err);
	return rc;
}

int vs_op_truth(struct vs_ctx *ctx, const struct vs_truth_args *args,
		struct vs_query_report *report, struct vs_err *err)
{
	struct truth t = { .ctx = ctx, .args = args, .report = report };
	double start = vs_host_secs();
	int rc;

	memset(report, 0, sizeof(*report));
	if (args->k < 1 || args->k > VS_K_MAX)
		return vs_fail(err, VS_EUSAGE, "k is %u; expected 1 to %u",
			       args->k, VS_K_MAX);
	rc = run(&t, err);
	vs_sink_abort(ctx, t.sink);
	vs_sink_abort(ctx, t.distances);
	vs_hits_info_free(ctx, &t.info);
	vs_op_queries_close(ctx, &t.queries);
	vs_vecs_close(ctx, t.vecs);
	vs_free(ctx, t.rows);
	vs_free(ctx, t.panels);
	vs_free(ctx, t.terms);
	report->secs_total = vs_host_secs() - start;
	report->secs_load = report->secs_total - report->secs_search;
	return rc;
}
