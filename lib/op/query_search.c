/* query_search.c - a block of queries through all shards of the target, and its
 * hits into the output.
 */
#include "query_int.h"
#include "vs/host.h"
#include "vs/mem.h"

/* Ranks the candidates of *b by whole rows, into a batch that takes its place.
 */
static int refine(struct vs_search *s, const struct vs_rows *rows,
		  struct vs_batch **b, struct vs_err *err)
{
	const struct vs_batch_spec spec = {
		.metric = vs_search_head(s)->metric,
		.dtype = vs_shard_dtype(s->target.shard[0]),
		.queries = *rows,
		.k = s->k,
		.within = s->args->within,
		.radius = s->radius,
	};
	struct vs_settle found = { .n = s->k * s->params.kfactor };
	struct vs_batch *fine;
	int rc = vs_batch_finish(s->ctx, *b, &found.hits, err);

	if (rc == 0)
		rc = vs_batch_create(s->ctx, &spec, &fine, err);
	if (rc != 0)
		return rc;
	found.where = vs_batch_where(*b);
	rc = vs_shards_refine(s->ctx, s->target.shard, s->target.n, &found,
			      fine, err);
	vs_batch_destroy(s->ctx, *b);
	*b = fine;
	return rc;
}

/* All shards; b is made by a scan or by refining what one has found. */
static int scan(struct vs_search *s, const struct vs_rows *rows,
		uint32_t *cells, struct vs_batch **b, struct vs_err *err)
{
	const struct vs_probe probe = { s->params.nprobe, s->params.taper };
	size_t i;
	int rc = 0;

	if (s->coarse != NULL)
		rc = vs_coarse_probe(s->ctx, s->coarse,
				     vs_search_head(s)->metric, rows,
				     &probe, cells, err);
	for (i = 0; rc == 0 && i < s->target.n; i++)
		rc = vs_shard_scan(s->ctx, s->target.shard[i], (uint32_t)i, *b,
				   rows->n, cells, s->params.nprobe, err);
	if (rc == 0)
		s->report->n_distances += vs_batch_distances(*b);
	if (rc == 0 && vs_shard_refines(s->target.shard[0]))
		rc = refine(s, rows, b, err);
	return rc;
}

static int append(struct vs_search *s, const struct vs_batch *b,
		  const struct vs_hit *hits, uint64_t n, struct vs_err *err)
{
	uint32_t n_hits;
	uint64_t i;
	int rc = 0;

	s->n_listed += s->k == 0 ? n : 0;
	if (s->args->self)
		return s->k != 0 ? vs_search_self_append(s, hits, n, err) :
				   vs_search_self_append_lists(s, b, n, err);
	if (s->k != 0)
		return vs_sink_append(s->ctx, s->sink, hits, n, err);
	for (i = 0; rc == 0 && i < n; i++) {
		hits = vs_batch_list(b, i, &n_hits);
		rc = vs_sink_append_list(s->ctx, s->sink, hits, n_hits, err);
	}
	return rc;
}

/* Half of what the batch leaves: the output needs some, too. */
static uint64_t list_bytes(const struct vs_search *s, uint64_t n)
{
	uint64_t left = vs_mem_left(s->ctx), held;

	held = n * vs_search_query_bytes(s);
	return left > held ? (left - held) / 2 : 0;
}

/* *full: nothing was appended, since lists of results have no room. */
static int search_once(struct vs_search *s, const struct vs_rows *rows,
		       uint32_t *cells, bool *full, struct vs_err *err)
{
	struct vs_batch_spec spec = {
		.metric = vs_search_head(s)->metric,
		.dtype = vs_shard_row_dtype(s->target.shard[0]),
		.queries = *rows,
		.k = s->k,
		.within = s->args->within,
		.radius = s->radius,
		.unique = vs_shard_index(s->target.shard[0])->soar,
		.list_bytes = list_bytes(s, rows->n),
	};
	struct vs_batch *b;
	const struct vs_hit *hits;
	double start = vs_host_secs();
	int rc;

	*full = false;
	/* Distances by code say nothing of the radius. */
	if (vs_shard_refines(s->target.shard[0])) {
		spec.k *= s->params.kfactor;
		spec.keep_where = true;
		spec.within = false;
	}
	rc = vs_batch_create(s->ctx, &spec, &b, err);
	if (rc != 0)
		return rc;
	rc = scan(s, rows, cells, &b, err);
	if (rc == 0)
		rc = vs_batch_finish(s->ctx, b, &hits, err);
	s->report->secs_search += vs_host_secs() - start;
	if (rc == 0)
		rc = append(s, b, hits, rows->n, err);
	else
		*full = vs_batch_is_full(b, &s->longest);
	vs_batch_destroy(s->ctx, b);
	return rc;
}

static int refuse_list(const struct vs_search *s, struct vs_err *err)
{
	char most[VS_SIZE_TEXT_MAX];

	return vs_fail(err, VS_ENOMEM,
		       "query %llu has more than %u results within the radius, "
		       "for which %s of memory are left; give more --memory, a "
		       "smaller radius, or -k for the nearest of them",
		       (unsigned long long)s->n_listed, s->longest,
		       vs_format_size(list_bytes(s, 1), most));
}

/* In as many parts as the lists of results need: how long they are is known
 * when they have been found. */
static int search_turned(struct vs_search *s, const struct vs_rows *rows,
			 uint32_t *cells, struct vs_err *err)
{
	size_t row_bytes = rows->dim * vs_dtype_size(rows->dtype);
	struct vs_rows part = *rows;
	uint64_t at = 0;
	bool full;
	int rc = 0;

	while (rc == 0 && at < rows->n) {
		part.p = (const uint8_t *)rows->p + at * row_bytes;
		part.n = vs_min_u64(s->list_most, rows->n - at);
		rc = search_once(s, &part, cells, &full, err);
		if (rc == 0) {
			at += part.n;
		} else if (full && part.n > 1) {
			s->list_most = part.n / 2;
			if (err != NULL)
				vs_err_clear(err);
			rc = 0;
		} else if (full) {
			rc = refuse_list(s, err);
		}
	}
	return rc;
}

int vs_search_rows(struct vs_search *s, const struct vs_rows *rows,
		   uint32_t *cells, struct vs_err *err)
{
	const struct vs_transform *t = vs_search_transform(s);
	struct vs_rows turned = { NULL, rows->n, 0, VS_F32 };
	float *p;
	int rc;

	/* Rows of a shard have been through it. */
	if (t == NULL || s->args->self)
		return search_turned(s, rows, cells, err);
	p = vs_alloc(s->ctx, rows->n, t->d_out * sizeof(*p), "queries", err);
	if (p == NULL)
		return VS_ENOMEM;
	turned.p = p;
	turned.dim = t->d_out;
	rc = vs_transform_apply(s->ctx, t, rows, s->queries.form.name, p, err);
	if (rc == 0)
		rc = search_turned(s, &turned, cells, err);
	vs_free(s->ctx, p);
	return rc;
}
