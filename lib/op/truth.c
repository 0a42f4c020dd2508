/* truth.c - vs-eval truth: exact neighbours of queries among vectors in files.
 *
 * The vectors stream through once for each block of queries that fits the
 * memory ceiling; each block of rows becomes panels in memory and goes through
 * the batch engine like the single cell of a Flat shard.
 */
#include <string.h>

#include "op_int.h"
#include "queries.h"
#include "truth_paths.h"
#include "unique.h"
#include "vs/host.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/par.h"

#define BLOCK_BYTES (16u << 20) /* rows read at a time */

/* The state of one vs-eval truth. */
struct truth {
	struct vs_ctx *ctx;
	const struct vs_truth_args *args;
	struct vs_op_stream stream; /* the vectors and their ids */
	struct vs_source source;    /* that it is */
	struct vs_op_id_facts facts; /* where ids are given */
	struct vs_op_queries queries;
	struct vs_digest base;  /* quick digest of the vectors */
	struct vs_hasher *hash; /* makes the full one; NULL when it is made */
	enum vs_hits_format format; /* of the output */
	struct vs_hits_info info;
	struct vs_digest fingerprint; /* of the task */
	struct vs_sink *sink, *distances;
	struct vs_query_report *report;

	/* one block of rows */
	size_t block_rows; /* a multiple of VS_PANEL_ROWS */
	size_t row_bytes, panel_bytes;
	uint8_t *rows;   /* [block_rows] */
	uint64_t *ids;
	uint8_t *panels;
	int32_t *terms; /* i32, or the bits of f32 */
	uint32_t *norms;
	size_t n; /* rows in it */
};

static enum vs_dtype dtype_of(const struct truth *t)
{
	return t->source.dtype;
}

/* Packs one panel of the block.  Rows past the end pass no tile or are dropped
 * by their number. */
static int pack_one(void *arg, size_t panel, unsigned thread,
		    struct vs_err *err)
{
	struct truth *t = arg;
	struct vs_panel_kind kind = { dtype_of(t), t->args->metric,
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

static int open_sink(struct truth *t, struct vs_err *err)
{
	return vs_sink_create(t->ctx, t->args->io.out, t->format, &t->info,
			      &t->fingerprint, &t->sink, err);
}

/* Where ids are given, the identity of what was searched is theirs, too. */
static int add_ids_digest(struct truth *t, struct vs_digest *full,
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
	rc = add_ids_digest(t, &t->info.sources[0].fingerprint, err);
	if (rc != 0)
		return rc;
	if (t->format != VS_HITS_VSH)
		return 0;
	vs_sink_abort(t->ctx, t->sink);
	t->sink = NULL;
	return open_sink(t, err);
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
		.dtype = dtype_of(t),
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
	t->panel_bytes = vs_panel_bytes(dtype_of(t), t->source.dim);
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

static int plan(struct truth *t, struct vs_err *err)
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
	p->dtype = dtype_of(t);
	p->n_passes = vs_div_up(t->info.n_queries, most);
	p->memory = atomic_load(&t->ctx->mem_now) + most * query_bytes(t);
	p->already = t->report->already;
	vs_free(t->ctx, sinks);
	return 0;
}

static int scan_blocks(struct truth *t, struct vs_err *err)
{
	struct vs_rows rows = { NULL, 0, t->source.dim, dtype_of(t) };
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

static int fill_info(struct truth *t, struct vs_err *err)
{
	struct vs_hits_info *info = &t->info;
	struct vs_hasher *h;
	int rc;

	info->n_queries = vs_vecs_rows(t->queries.vecs);
	info->k = t->args->k;
	info->dim = t->source.dim;
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
	info->sources[0].n_rows = t->source.n_rows;
	rc = vs_op_fingerprint_start(t->ctx, "truth", &h, err);
	if (rc != 0)
		return rc;
	vs_hasher_add(h, t->base.b, sizeof(t->base.b));
	vs_hasher_add(h, info->queries.b, sizeof(info->queries.b));
	vs_hasher_add_u64(h, info->metric);
	vs_hasher_add_u64(h, info->k);
	rc = vs_op_stream_add_ids(t->ctx, &t->stream, h, err);
	vs_op_add_nonfinite(h, t->args->io.nonfinite);
	vs_op_fingerprint_end(t->ctx, h, &t->fingerprint);
	return rc;
}

static int open_vectors(struct truth *t, struct vs_err *err)
{
	const struct vs_op_io *io = &t->args->io;
	struct vs_vecs_options opt = vs_op_reading_vectors(io);
	struct vs_op_stream *s = &t->stream;
	int rc = vs_vecs_open(t->ctx, io->inputs, io->n_inputs, &opt, &s->vecs,
			      err);

	if (rc != 0)
		return rc;
	s->end = vs_vecs_rows(s->vecs);
	s->refuse_zeros = t->args->metric == VS_COSINE &&
			  io->zero == VS_ZERO_REFUSE;
	vs_op_stream_source(s, s->end, VS_ID_MAX, &t->source);
	rc = vs_op_check_kind(t->source.name, dtype_of(t), err);
	if (rc == 0)
		rc = vs_op_stream_name(t->ctx, s, t->args->ids,
				       t->args->id_base, err);
	return rc;
}

static int prepare(struct truth *t, struct vs_err *err)
{
	const struct vs_op_io *io = &t->args->io;
	struct vs_op_io queries = *io;
	struct vs_cont_head head = { .metric = t->args->metric };
	int rc = open_vectors(t, err);

	queries.inputs = &t->args->queries;
	queries.n_inputs = 1;
	if (rc == 0) {
		head.dim = t->source.dim;
		head.dtype = dtype_of(t);
		rc = vs_op_queries_open(t->ctx, &queries, &head, &t->queries,
					err);
	}
	if (rc == 0)
		rc = vs_vecs_quick_digest(t->ctx, t->stream.vecs, &t->base,
					  err);
	if (rc == 0)
		rc = fill_info(t, err);
	t->report->n_queries = t->info.n_queries;
	if (rc != 0)
		return rc;
	t->report->n_rows = t->source.n_rows;
	return 0;
}

static void warn_of_pads(const struct truth *t)
{
	if (t->args->k > t->source.n_rows)
		vs_ctx_log(t->ctx, VS_LOG_WARN,
			   "k is %u but %s holds %llu rows; results are padded "
			   "with id -1", t->args->k, t->source.name,
			   (unsigned long long)t->source.n_rows);
}

/* Rows that are not finite are neighbours of none. */
static int leave_holes(struct truth *t, struct vs_err *err)
{
	struct vs_op_stream *s = &t->stream;
	uint64_t n_rows = vs_vecs_rows(s->vecs);
	int rc;

	if (t->args->io.nonfinite != VS_ROWS_DROP || s->n_holes != 0)
		return 0;
	rc = vs_op_stream_leave_holes(t->ctx, s, &n_rows, err);
	if (rc != 0)
		return rc;
	if (n_rows == 0)
		return vs_fail(err, VS_EDATA,
			       "%s: none of its %llu rows is finite; expected "
			       "one at least", t->source.name,
			       (unsigned long long)vs_vecs_rows(s->vecs));
	vs_op_stream_source(s, n_rows, VS_ID_MAX, &t->source);
	t->report->n_rows = n_rows;
	t->info.sources[0].n_rows = n_rows;
	vs_free(t->ctx, t->info.params);
	t->info.params = vs_asprintf(t->ctx, err, "truth,dropped=%zu",
				     s->n_holes);
	return t->info.params == NULL ? VS_ENOMEM : 0;
}

/* Compares all vectors and given ids with those that the output was made
 * from. */
static int recheck(struct truth *t, struct vs_err *err)
{
	const char *out = t->args->io.out;
	const struct vs_hits_info *info;
	struct vs_digest full;
	struct vs_hits *h;
	int rc = vs_hits_open(t->ctx, out, &h, err);

	if (rc != 0)
		return rc;
	info = vs_hits_info(h);
	rc = vs_op_source_digest(t->ctx, &t->source, &full, err);
	if (rc == 0)
		rc = add_ids_digest(t, &full, err);
	if (rc == 0 && (info->n_sources != 1 ||
			!vs_digest_equal(&full,
					 &info->sources[0].fingerprint)))
		rc = vs_fail(err, VS_ECREATE,
			     "%s: was made from other vectors%s than %s "
			     "holds now; use --replace to make it again", out,
			     t->stream.ids != NULL ? " or ids" : "",
			     t->source.name);
	vs_hits_close(t->ctx, h);
	return rc;
}

/* No id may be given twice. */
static int check_ids(struct truth *t, struct vs_err *err)
{
	return t->stream.ids == NULL ?
		       0 :
		       vs_op_ids_check(t->ctx, &t->stream, &t->facts, err);
}

static int already_done(struct truth *t, struct vs_err *err)
{
	struct vs_cont_head head = {
		.kind = VS_KIND_HITS,
		.fingerprint = t->fingerprint,
	};
	int rc;

	if (t->format != VS_HITS_VSH || t->args->io.replace)
		return 0;
	rc = vs_cont_done(t->ctx, t->args->io.out, &head, err);
	if (rc <= 0)
		return rc;
	/* Nothing says what distances that stand there were made from. */
	t->report->already = t->args->distances == NULL;
	if (!t->args->io.recheck)
		return 0;
	rc = leave_holes(t, err);
	if (rc == 0)
		rc = check_ids(t, err);
	return rc == 0 ? recheck(t, err) : rc;
}

/* VS_ECREATE when path holds something that cannot be the same answers in the
 * format, by its size: better now than after the search. */
static int check_size(struct truth *t, const char *path,
		      enum vs_hits_format format, struct vs_err *err)
{
	uint64_t want = vs_hits_format_bytes(format, t->info.n_queries,
					     t->info.k);
	uint64_t found;
	struct vs_file *f;
	int rc;

	if (want == 0 || t->args->io.replace || strcmp(path, "-") == 0 ||
	    !vs_path_exists(t->ctx, path))
		return 0;
	rc = vs_file_open(t->ctx, path, &f, err);
	if (rc != 0)
		return rc;
	found = vs_file_size(f);
	vs_file_close(t->ctx, f);
	if (found == UINT64_MAX || found == want)
		return 0;
	return vs_fail(err, VS_ECREATE,
		       "%s: exists with other contents (%llu bytes, not %llu); "
		       "remove it or give --replace", path,
		       (unsigned long long)found, (unsigned long long)want);
}

/* A pipe is opened for writing before check_size opens it for reading, which
 * would wait for a writer. */
static int open_sinks(struct truth *t, struct vs_err *err)
{
	const char *distances = t->args->distances;
	int rc = open_sink(t, err);

	if (rc == 0)
		rc = check_size(t, t->args->io.out, t->format, err);
	if (rc != 0 || distances == NULL)
		return rc;
	rc = vs_sink_create(t->ctx, distances, VS_HITS_FVECS, &t->info,
			    &t->fingerprint, &t->distances, err);
	return rc == 0 ? check_size(t, distances, VS_HITS_FVECS, err) : rc;
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
	int rc = prepare(t, err);

	t->format = t->args->format;
	if (rc == 0 && t->format == VS_HITS_AUTO)
		rc = vs_hits_format_of(t->args->io.out, &t->format, err);
	if (rc == 0)
		rc = already_done(t, err);
	if (rc == 0 && !t->report->already && t->args->io.plan == NULL)
		rc = leave_holes(t, err);
	if (rc == 0 && !t->report->already)
		rc = check_ids(t, err);
	if (rc == 0 && t->args->io.plan != NULL)
		return plan(t, err);
	if (rc != 0 || t->report->already)
		return rc;
	warn_of_pads(t);
	rc = open_sinks(t, err);
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
	rc = vs_op_check_id_options(args->ids, args->id_base, err);
	if (rc == 0)
		rc = vs_op_truth_paths(ctx, args, err);
	if (rc == 0)
		rc = run(&t, err);
	vs_sink_abort(ctx, t.sink);
	vs_sink_abort(ctx, t.distances);
	vs_hits_info_free(ctx, &t.info);
	vs_op_queries_close(ctx, &t.queries);
	vs_op_stream_clear(ctx, &t.stream);
	vs_hasher_destroy(ctx, t.hash);
	vs_free(ctx, t.rows);
	vs_free(ctx, t.ids);
	vs_free(ctx, t.panels);
	vs_free(ctx, t.terms);
	vs_op_note_report(ctx, report);
	vs_free(ctx, t.norms);
	report->secs_total = vs_host_secs() - start;
	report->secs_load = report->secs_total - report->secs_search;
	return rc;
}
