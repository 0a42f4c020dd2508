/* truth.c - vs-eval truth: exact neighbours of queries among vectors in files.
 * Here is what is opened, what stands there already and what is written; the
 * search itself is in truth_scan.c.
 */
#include <string.h>

#include "truth_int.h"
#include "truth_paths.h"
#include "vs/host.h"
#include "vs/mem.h"

static int fill_info(struct truth *t, struct vs_err *err)
{
	struct vs_hits_info *info = &t->info;
	struct vs_hasher *h;
	int rc;

	info->n_queries = vs_vecs_rows(t->queries.vecs);
	info->k = t->args->k;
	info->dim = t->source.dim;
	info->metric = t->args->metric;
	info->dtype = vs_op_truth_dtype(t);
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
	rc = vs_op_check_kind(t->source.name, vs_op_truth_dtype(t), err);
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
		head.dtype = vs_op_truth_dtype(t);
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
		rc = vs_op_truth_add_ids_digest(t, &full, err);
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
	int rc = vs_op_truth_open_sink(t, err);

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
		return vs_op_truth_plan(t, err);
	if (rc != 0 || t->report->already)
		return rc;
	warn_of_pads(t);
	rc = open_sinks(t, err);
	if (rc == 0)
		rc = vs_op_truth_scan(t, err);
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
