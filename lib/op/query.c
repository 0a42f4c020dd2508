/* query.c - vs-query: blocks of queries over all shards of the target. */
#include <string.h>

#include "query_int.h"
#include "vs/host.h"
#include "vs/mem.h"

#define QUERIES_MAX (1u << 20) /* of one block */
#define CANDIDATES_MAX (1u << 20) /* of a query, before they are refined */

struct vs_cont_head vs_search_wants(const struct vs_search *s)
{
	struct vs_cont_head head = *vs_search_head(s);

	head.dtype = vs_shard_dtype(s->target.shard[0]);
	return head;
}

/* Parts with other parameters or another radius are no parts of one search. */
static char *params_text(const struct vs_search *s, struct vs_err *err)
{
	const struct vs_shard *first = s->target.shard[0];
	char radius[VS_KEY_TEXT_MAX] = "";
	char *text;

	if (s->args->within)
		vs_key_text(vs_search_head(s)->metric, vs_shard_dtype(first),
			    s->radius, radius);
	/* Each has a comma before it, and the first one loses its own. */
	text = vs_asprintf(s->ctx, err, "%s%s%s%s%s",
			   s->params.text[0] != '\0' ? "," : "",
			   s->params.text, s->args->within ? ",radius=" : "",
			   radius, s->args->self ? ",self" : "");
	if (text != NULL && text[0] == ',')
		memmove(text, text + 1, strlen(text));
	return text;
}

/* All but the queries. */
int vs_search_info(struct vs_search *s, struct vs_err *err)
{
	const struct vs_shard *first = s->target.shard[0];
	struct vs_hits_info *info = &s->info;
	size_t i;

	info->k = s->args->k;
	info->dim = vs_search_head(s)->dim;
	info->metric = vs_search_head(s)->metric;
	info->dtype = vs_shard_dtype(first);
	info->model = *vs_shard_model(first);
	info->collection = s->target.collection;
	info->generation = s->target.generation;
	info->n_shards = s->target.n_shards;
	info->index = vs_strdup(s->ctx, vs_shard_index(first)->text, err);
	if (info->index == NULL)
		return VS_ENOMEM;
	info->params = params_text(s, err);
	if (info->params == NULL)
		return VS_ENOMEM;
	info->sources = vs_zalloc(s->ctx, s->target.n, sizeof(*info->sources),
				  "sources", err);
	if (info->sources == NULL)
		return VS_ENOMEM;
	info->n_sources = s->target.n;
	for (i = 0; i < s->target.n; i++) {
		const struct vs_cont_head *h;

		h = vs_shard_head(s->target.shard[i]);
		info->sources[i].shard = s->target.number[i];
		info->sources[i].n_rows = h->n_rows;
		info->sources[i].fingerprint = h->fingerprint;
	}
	return 0;
}

static int fingerprint(struct vs_search *s, struct vs_err *err)
{
	struct vs_hasher *h;
	size_t i;
	int rc = vs_op_fingerprint_start(s->ctx, "hits", &h, err);

	if (rc != 0)
		return rc;
	vs_hasher_add(h, s->info.queries.b, sizeof(s->info.queries.b));
	vs_hasher_add(h, s->info.collection.b, sizeof(s->info.collection.b));
	vs_hasher_add_u64(h, s->info.generation);
	vs_hasher_add_u64(h, s->info.k);
	vs_hasher_add_text(h, s->info.params);
	for (i = 0; i < s->info.n_sources; i++) {
		const struct vs_shard *shard = s->target.shard[i];

		vs_hasher_add_u64(h, s->info.sources[i].shard);
		/* What it holds, not only what it was asked to hold. */
		vs_hasher_add(h, vs_shard_input(shard)->b,
			      sizeof(vs_shard_input(shard)->b));
		vs_hasher_add_u64(h, vs_shard_trained_hash(shard));
		vs_hasher_add(h, s->info.sources[i].fingerprint.b,
			      sizeof(s->info.sources[i].fingerprint.b));
	}
	vs_op_fingerprint_end(s->ctx, h, &s->fingerprint);
	return 0;
}

int vs_search_name_output(struct vs_search *s, enum vs_hits_format format,
			  struct vs_err *err)
{
	const char *out = s->args->io.out;
	size_t len = strlen(out);
	bool slash = len > 0 && out[len - 1] == '/';
	struct vs_part p = s->target.part;
	const char *suffix = format == VS_HITS_AUTO ?
				     "vsh" :
				     vs_hits_format_name(format);
	int rc;

	if (!slash && !vs_path_is_dir(s->ctx, out)) {
		s->out = vs_strdup(s->ctx, out, err);
		return s->out == NULL ? VS_ENOMEM : 0;
	}
	rc = s->args->io.plan != NULL ? 0 : vs_path_mkdir(s->ctx, out, err);
	if (rc != 0)
		return rc;
	s->out = vs_asprintf(s->ctx, err, "%s%spart-%05u-of-%05u.%s", out,
			     slash ? "" : "/", p.i, p.n == 0 ? 1 : p.n, suffix);
	return s->out == NULL ? VS_ENOMEM : 0;
}

uint64_t vs_search_query_bytes(const struct vs_search *s)
{
	uint32_t dim = vs_shard_dim(s->target.shard[0]);
	uint64_t row = (uint64_t)s->queries.form.dim *
		       vs_dtype_size(s->queries.form.to);
	uint32_t candidates = s->k * s->params.kfactor;
	uint64_t n = vs_batch_bytes_per_query(s->k, dim);

	if (vs_search_transform(s) != NULL && !s->args->self)
		row += (uint64_t)dim * sizeof(float);
	if (vs_shard_refines(s->target.shard[0]))
		n += vs_batch_bytes_per_query(candidates, dim) +
		     vs_topk_slots(candidates) * sizeof(uint64_t);
	if (s->args->self)
		n += vs_search_self_query_bytes();
	n += vs_shard_query_bytes(s->target.shard[0]);
	return n + row + 8 * (uint64_t)s->params.nprobe + 16;
}

/* Queries that fit beside what is held already. */
static uint64_t block_queries(const struct vs_search *s)
{
	uint64_t n = vs_mem_left(s->ctx) / 2 / vs_search_query_bytes(s);

	n = vs_min_u64(n, QUERIES_MAX);
	n = vs_min_u64(n, s->info.n_queries);
	return n == 0 ? 1 : n;
}

static int search_blocks(struct vs_search *s, struct vs_err *err)
{
	uint64_t most = block_queries(s), first, n = s->info.n_queries;
	struct vs_rows rows = { NULL, 0, s->queries.form.dim,
				s->queries.form.to };
	uint32_t *cells;
	void *p;
	int rc = 0;

	p = vs_alloc(s->ctx, most, rows.dim * vs_dtype_size(rows.dtype),
		     "queries", err);
	if (p == NULL)
		return VS_ENOMEM;
	rows.p = p;
	cells = vs_alloc(s->ctx, most, s->params.nprobe * sizeof(*cells),
			 "probes", err);
	if (cells == NULL)
		rc = VS_ENOMEM;
	for (first = 0; rc == 0 && first < n; first += rows.n) {
		rows.n = vs_min_u64(most, n - first);
		rc = s->args->self ?
			     vs_search_self_read(s, first, (size_t)rows.n, p,
						 err) :
			     vs_op_queries_read(s->ctx, &s->queries, first,
						(size_t)rows.n, p, err);
		if (rc == 0)
			rc = vs_search_rows(s, &rows, cells, err);
		vs_ctx_progress(s->ctx, "search", first + rows.n, n,
				"queries");
		/* With all answers at hand only the writing is left. */
		if (rc == 0 && first + rows.n < n && vs_ctx_stopping(s->ctx))
			rc = vs_fail(err, VS_EAGAIN,
				     "stopped after %llu of %llu queries; run "
				     "again",
				     (unsigned long long)(first + rows.n),
				     (unsigned long long)n);
	}
	vs_free(s->ctx, cells);
	vs_free(s->ctx, p);
	return rc;
}

/* What could not be opened as a target may be the queries, in the wrong place:
 * then say so instead. */
static int refuse_target(struct vs_search *s, int rc, struct vs_err *err)
{
	const char *queries = s->args->self ? "-" : s->args->io.inputs[0];
	struct vs_ctx look;
	struct vs_cont *c;

	/* Looking into a pipe would take from it. */
	if (rc != VS_EDATA || strcmp(queries, "-") == 0 || s->args->stream)
		return rc;
	vs_ctx_init(&look);
	look.verify = VS_VERIFY_HEADER;
	if (vs_cont_open(&look, queries, VS_KIND_SHARD, &c, NULL) != 0)
		return rc;
	vs_cont_close(&look, c);
	return vs_fail(err, VS_EDATA,
		       "%s: is no shard, but %s is one; expected the shard "
		       "first, then the queries", s->args->target, queries);
}

static void warn_of_nprobe(const struct vs_search *s)
{
	const struct vs_factory *index = vs_shard_index(s->target.shard[0]);

	if (s->params.nprobe_cut)
		vs_ctx_log(s->ctx, VS_LOG_WARN,
			   "-p %s: %s has %u cells; all of them are read",
			   s->args->params, s->args->target, index->nlist);
}

static int check_radius(struct vs_search *s, struct vs_err *err)
{
	const struct vs_shard *first = s->target.shard[0];

	if (!s->args->within)
		return 0;
	if (s->args->k == 0 && vs_shard_refines(first))
		return vs_fail(err, VS_EUSAGE,
			       "%s: %s ranks the nearest by code again, and "
			       "which rows lie within a radius is not known by "
			       "code; give -k for those of the candidates that "
			       "do, or search an index that does not refine",
			       s->args->target, vs_shard_index(first)->text);
	return vs_radius_key(vs_search_head(s)->metric, vs_shard_dtype(first),
			     s->args->radius, &s->radius, err);
}

int vs_search_open(struct vs_search *s, struct vs_err *err)
{
	static const struct vs_part all;
	int rc;

	rc = vs_target_open(s->ctx, s->args->target,
			    s->args->self ? &all : &s->args->part, &s->target,
			    err);
	if (rc != 0)
		return refuse_target(s, rc, err);
	s->report->n_rows = s->target.n_rows;
	rc = vs_params_parse(s->args->params,
			     vs_shard_index(s->target.shard[0]), &s->params,
			     err);
	if (rc != 0)
		return rc;
	if ((uint64_t)s->k * s->params.kfactor > CANDIDATES_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "-k %u with kfactor=%u asks for %llu "
			       "candidates; at most %u", s->args->k,
			       s->params.kfactor,
			       (unsigned long long)s->k *
				       s->params.kfactor, CANDIDATES_MAX);
	warn_of_nprobe(s);
	rc = check_radius(s, err);
	if (rc != 0)
		return rc;
	if (s->k > s->target.n_rows)
		vs_ctx_log(s->ctx, VS_LOG_WARN,
			   "k is %u but %s holds %llu rows; results are padded "
			   "with id -1", s->args->k, s->args->target,
			   (unsigned long long)s->target.n_rows);
	return 0;
}

int vs_search_coarse(struct vs_search *s, struct vs_err *err)
{
	const struct vs_shard *first = s->target.shard[0];
	struct vs_rows centroids = { vs_shard_centroids(first),
				     vs_shard_index(first)->nlist,
				     vs_shard_dim(first), VS_F32 };
	enum vs_dtype rows = vs_search_transform(s) != NULL ? VS_F32 :
						       s->queries.form.to;

	if (vs_shard_index(first)->family != VS_FAMILY_IVF)
		return 0;
	return vs_coarse_create(s->ctx, &centroids, rows, &s->coarse, err);
}

static int open_queries(struct vs_search *s, struct vs_err *err)
{
	const struct vs_cont_head head = vs_search_wants(s);
	int rc = vs_op_queries_open(s->ctx, &s->args->io, &head, &s->queries,
				    err);

	if (rc != 0)
		return rc;
	s->info.n_queries = vs_vecs_rows(s->queries.vecs);
	s->info.queries = s->queries.digest;
	return 0;
}

static int prepare(struct vs_search *s, struct vs_err *err)
{
	int rc = vs_search_open(s, err);

	if (rc != 0)
		return rc;
	rc = s->args->self ? vs_search_self_open(s, err) : open_queries(s, err);
	if (rc != 0)
		return rc;
	s->report->n_queries = s->info.n_queries;
	rc = vs_search_info(s, err);
	if (rc == 0)
		rc = fingerprint(s, err);
	if (rc == 0)
		rc = vs_search_name_output(s, s->args->format, err);
	return rc;
}

static int already_done(struct vs_search *s, enum vs_hits_format format,
			struct vs_err *err)
{
	struct vs_cont_head head = {
		.kind = VS_KIND_HITS,
		.fingerprint = s->fingerprint,
	};
	int rc;

	if (format != VS_HITS_VSH || s->args->io.replace)
		return 0;
	rc = vs_cont_done(s->ctx, s->out, &head, err);
	if (rc < 0)
		return rc;
	s->report->already = rc == 1;
	return 0;
}

/* The memory that the work will hold beside its blocks of queries. */
static uint64_t bytes_beside(const struct vs_search *s,
			     enum vs_hits_format format)
{
	const struct vs_factory *index = vs_shard_index(s->target.shard[0]);
	uint64_t n = vs_sink_bytes(format, s->info.n_queries, s->args->k);

	if (index->family == VS_FAMILY_IVF)
		n += vs_coarse_bytes(index->nlist, vs_search_head(s)->dim);
	return n;
}

static int plan(struct vs_search *s, enum vs_hits_format format,
		struct vs_err *err)
{
	struct vs_plan *p = s->args->io.plan;
	uint64_t most;
	void *beside = vs_alloc(s->ctx, 1, bytes_beside(s, format),
				"work areas", err);

	if (beside == NULL)
		return VS_ENOMEM;
	most = block_queries(s);
	vs_op_plan(p, "shards", s->out);
	vs_op_plan_hits(p, format, s->info.n_queries, s->args->k);
	p->n_rows = s->target.n_rows;
	p->dim = vs_search_head(s)->dim;
	p->dtype = vs_search_head(s)->dtype;
	p->n_passes = vs_div_up(s->info.n_queries, most);
	p->memory = atomic_load(&s->ctx->mem_now) +
		    most * vs_search_query_bytes(s);
	p->already = s->report->already;
	vs_free(s->ctx, beside);
	return 0;
}

static int run(struct vs_search *s, struct vs_err *err)
{
	enum vs_hits_format format = s->args->format;
	int rc = prepare(s, err);

	if (rc == 0 && format == VS_HITS_AUTO)
		rc = vs_hits_format_of(s->out, &format, err);
	if (rc == 0 && s->args->k == 0)
		rc = vs_hits_format_check_lists(s->out, format, err);
	if (rc == 0)
		rc = already_done(s, format, err);
	if (rc == 0 && s->args->io.plan != NULL)
		return plan(s, format, err);
	if (rc != 0 || s->report->already)
		return rc;
	rc = vs_search_coarse(s, err);
	if (rc == 0)
		rc = vs_sink_create(s->ctx, s->out, format, &s->info,
				    &s->fingerprint, &s->sink, err);
	if (rc == 0)
		rc = search_blocks(s, err);
	if (rc == 0) {
		struct vs_sink *sink = s->sink;

		s->sink = NULL;
		rc = vs_sink_finish(s->ctx, sink,
				    vs_op_how(s->args->io.replace), err);
	}
	return rc;
}

int vs_op_query(struct vs_ctx *ctx, const struct vs_query_args *args,
		struct vs_query_report *report, struct vs_err *err)
{
	struct vs_search s = { .ctx = ctx, .args = args, .report = report,
			       .list_most = UINT64_MAX,
			       .k = args->k + (args->self && args->k > 0) };
	double start = vs_host_secs();
	int rc;

	memset(report, 0, sizeof(*report));
	if ((args->k < 1 && !args->within) || args->k > VS_K_MAX)
		return vs_fail(err, VS_EUSAGE, "k is %u; expected 1 to %u",
			       args->k, VS_K_MAX);
	rc = args->self ? vs_search_self_check(&s, err) : 0;
	if (rc == 0)
		rc = vs_op_check_out(ctx, args->io.out, args->io.inputs,
				     args->io.n_inputs, err);
	if (rc == 0)
		rc = vs_op_check_out(ctx, args->io.out, &args->target, 1, err);
	/* Queries are compared whole anyway; shards are verified whole too. */
	if (args->io.recheck && ctx->verify < VS_VERIFY_FULL)
		ctx->verify = VS_VERIFY_FULL;
	if (rc == 0)
		rc = args->stream ? vs_search_stream(&s, err) : run(&s, err);
	vs_sink_abort(ctx, s.sink);
	vs_coarse_destroy(ctx, s.coarse);
	vs_hits_info_free(ctx, &s.info);
	vs_op_queries_close(ctx, &s.queries);
	vs_search_self_close(&s);
	vs_target_close(ctx, &s.target);
	vs_free(ctx, s.out);
	vs_op_note_report(ctx, report);
	report->secs_total = vs_host_secs() - start;
	report->secs_load = report->secs_total - report->secs_search;
	return rc;
}
