/* merge.c - vs-merge: streams the hits of all parts, a block of queries at a
 * time, through a k-way merge into one answer.
 *
 * Which parts belong together is decided in merge_parts.c, the merge of one
 * query is in merge_kway.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merge_kway.h"
#include "merge_lists.h"
#include "merge_parts.h"
#include "op_int.h"
#include "vs/mem.h"
#include "vs/par.h"

#define BLOCK_BYTES ((uint64_t)512 << 20) /* of hits in memory, at most */
#define BLOCK_QUERIES ((uint64_t)1 << 20)
#define CHUNK 32 /* queries that a thread merges at once */

/* The state of one vs-merge. */
struct merge {
	struct vs_ctx *ctx;
	const struct vs_merge_args *args;
	struct vs_merge_parts parts;
	struct vs_digest fingerprint;
	struct vs_sink *sink; /* or, for --recheck, */
	struct vs_hits *old;  /* what stands there */

	/* one block of queries */
	uint64_t first;
	size_t n;
	struct vs_hit *hits;   /* of all parts, one after another */
	size_t *start;	       /* [n_parts] hits a query in the parts before */
	struct vs_hit *answer; /* [n][k] */
	struct vs_hit *before; /* [n][k] of old */
	size_t most;	       /* queries that fit */

	/* one of each thread */
	struct vs_kway *kway;
	struct vs_kway_list *lists; /* [n_threads][n_parts] */
};

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct vs_digest));
}

/* Of k and the parts, in any order, copies counted once. */
static int fingerprint(struct merge *m, struct vs_err *err)
{
	const struct vs_merge_parts *p = &m->parts;
	struct vs_digest *d;
	struct vs_hasher *h;
	size_t i, n = 0;
	int rc;

	d = vs_alloc(m->ctx, p->n, sizeof(*d), "fingerprints", err);
	if (d == NULL)
		return VS_ENOMEM;
	for (i = 0; i < p->n; i++)
		if (p->part[i].original == i)
			d[n++] = p->part[i].least;
	qsort(d, n, sizeof(*d), by_bytes);
	rc = vs_op_fingerprint_start(m->ctx, "merge", &h, err);
	if (rc == 0) {
		vs_hasher_add_u64(h, p->info.k);
		vs_hasher_add_u64(h, n);
		for (i = 0; i < n; i++)
			vs_hasher_add(h, d[i].b, sizeof(d[i].b));
		vs_op_fingerprint_end(m->ctx, h, &m->fingerprint);
	}
	vs_free(m->ctx, d);
	return rc;
}

static struct vs_hit *hits_of(const struct merge *m, size_t part, size_t query)
{
	return m->hits + m->start[part] * m->most +
	       query * m->parts.part[part].k;
}

static int read_part(void *arg, size_t part, unsigned thread,
		     struct vs_err *err)
{
	struct merge *m = arg;

	(void)thread;
	return vs_merge_parts_read(m->ctx, &m->parts, part, m->first, m->n,
				   hits_of(m, part, 0), err);
}

/* Copies must hold what their originals hold. */
static int compare_copies(const struct merge *m, struct vs_err *err)
{
	const struct vs_merge_part *part;
	size_t i, q;

	for (i = 0; i < m->parts.n; i++) {
		part = &m->parts.part[i];
		for (q = 0; part->original != i && q < m->n; q++)
			if (memcmp(hits_of(m, i, q),
				   hits_of(m, part->original, q),
				   part->k * sizeof(struct vs_hit)) != 0)
				return vs_fail(
					err, VS_EDATA,
					"%s: query %" PRIu64 " has other hits "
					"than in %s, though both are of shard "
					"%u; query that shard again",
					part->path, m->first + q,
					m->parts.part[part->original].path,
					part->sources[0].shard);
	}
	return 0;
}

static int refuse_clash(const struct merge *m, uint64_t query,
			const struct vs_kway_clash *c, struct vs_err *err)
{
	const struct vs_hits_info *info = &m->parts.info;

	return vs_fail(err, VS_EDATA,
		       "%s: query %" PRIu64 " has id %" PRIu64 " at %.9g, but "
		       "%s has it at %.9g; one of them was made from a stale "
		       "shard; verify the shards and query again",
		       m->parts.part[c->b].path, query, c->id,
		       vs_key_value(info->metric, info->dtype, c->key_b),
		       m->parts.part[c->a].path,
		       vs_key_value(info->metric, info->dtype, c->key_a));
}

static int merge_chunk(void *arg, size_t item, unsigned thread,
		       struct vs_err *err)
{
	struct merge *m = arg;
	struct vs_kway_list *lists = m->lists + thread * m->parts.n;
	uint32_t k = m->parts.info.k;
	size_t q = item * CHUNK, end = vs_min_size(m->n, q + CHUNK), i;
	struct vs_kway_clash clash;

	for (; q < end; q++) {
		for (i = 0; i < m->parts.n; i++) {
			lists[i].hits = hits_of(m, i, q);
			/* A copy stands for nothing, but keeps its place, so
			 * that a clash can name its part. */
			lists[i].n = m->parts.part[i].original == i ?
					     m->parts.part[i].k :
					     0;
		}
		if (!vs_kway_merge(&m->kway[thread], lists, m->parts.n, k,
				   m->answer + q * k, &clash))
			return refuse_clash(m, m->first + q, &clash, err);
	}
	return 0;
}

/* --recheck: what stands there must be what comes out. */
static int compare_old(struct merge *m, struct vs_err *err)
{
	uint32_t k = m->parts.info.k;
	size_t q;
	int rc = vs_hits_read(m->ctx, m->old, m->first, m->n, m->before, err);

	for (q = 0; rc == 0 && q < m->n; q++)
		if (memcmp(m->before + q * k, m->answer + q * k,
			   k * sizeof(*m->answer)) != 0)
			rc = vs_fail(err, VS_ECREATE,
				     "%s: query %" PRIu64 " has other hits "
				     "than its parts give; use --replace to "
				     "merge them again",
				     m->args->out, m->first + q);
	return rc;
}

static int merge_block(struct merge *m, struct vs_err *err)
{
	int rc = vs_par_for(m->ctx, m->parts.n, read_part, m, err);

	if (rc == 0)
		rc = compare_copies(m, err);
	if (rc == 0)
		rc = vs_par_for(m->ctx, (size_t)vs_div_up(m->n, CHUNK),
				merge_chunk, m, err);
	if (rc == 0 && m->old != NULL)
		rc = compare_old(m, err);
	else if (rc == 0)
		rc = vs_sink_append(m->ctx, m->sink, m->answer, m->n, err);
	return rc;
}

/* Scratch of the threads, and where each part's hits stand in a block. */
static int alloc_scratch(struct merge *m, size_t *hits_per_query,
			 struct vs_err *err)
{
	unsigned t, n_threads = m->ctx->n_threads;
	size_t i, n = 0;
	int rc = 0;

	m->start =
		vs_alloc(m->ctx, m->parts.n, sizeof(*m->start), "parts", err);
	if (m->start == NULL)
		return VS_ENOMEM;
	for (i = 0; i < m->parts.n; i++) {
		m->start[i] = n;
		n += m->parts.part[i].k;
	}
	*hits_per_query = n;
	m->lists = vs_alloc(m->ctx, m->parts.n * n_threads, sizeof(*m->lists),
			    "merge lists", err);
	if (m->lists == NULL)
		return VS_ENOMEM;
	m->kway = vs_zalloc(m->ctx, n_threads, sizeof(*m->kway), "merge heaps",
			    err);
	if (m->kway == NULL)
		return VS_ENOMEM;
	for (t = 0; rc == 0 && t < n_threads; t++)
		rc = vs_kway_init(m->ctx, &m->kway[t], m->parts.n,
				  m->parts.info.k, err);
	return rc;
}

/* As many queries at once as half of the memory left can hold. */
static int alloc_block(struct merge *m, struct vs_err *err)
{
	uint32_t k = m->parts.info.k;
	size_t per_query = 0;
	uint64_t n;
	int rc = alloc_scratch(m, &per_query, err);

	if (rc != 0)
		return rc;
	n = vs_min_u64(vs_mem_left(m->ctx) / 2, BLOCK_BYTES) /
	    ((per_query + 2 * (uint64_t)k) * sizeof(struct vs_hit));
	n = vs_min_u64(n, BLOCK_QUERIES);
	n = vs_min_u64(n, m->parts.info.n_queries);
	m->most = n == 0 ? 1 : (size_t)n;
	m->hits = vs_alloc(m->ctx, m->most, per_query * sizeof(*m->hits),
			   "hits of the parts", err);
	if (m->hits == NULL)
		return VS_ENOMEM;
	m->answer = vs_alloc(m->ctx, m->most, k * sizeof(*m->answer), "answer",
			     err);
	if (m->answer == NULL)
		return VS_ENOMEM;
	if (m->old == NULL)
		return 0;
	m->before =
		vs_alloc(m->ctx, m->most, k * sizeof(*m->before), "hits", err);
	return m->before == NULL ? VS_ENOMEM : 0;
}

static int merge_all(struct merge *m, struct vs_err *err)
{
	uint64_t n = m->parts.info.n_queries;
	int rc = 0;

	for (m->first = 0; rc == 0 && m->first < n; m->first += m->n) {
		if (vs_ctx_stopping(m->ctx))
			return vs_fail(err, VS_EAGAIN,
				       "stopped after %" PRIu64 " of %" PRIu64
				       " queries; run again",
				       m->first, n);
		m->n = (size_t)vs_min_u64(m->most, n - m->first);
		rc = merge_block(m, err);
		vs_ctx_progress(m->ctx, "merge", m->first + m->n, n, "queries");
	}
	return rc;
}

static int list_clash(void *arg, uint64_t query, const struct vs_kway_clash *c,
		      struct vs_err *err)
{
	return refuse_clash(arg, query, c, err);
}

static int merge_lists(struct merge *m, struct vs_err *err)
{
	const struct vs_merge_lists lists = {
		.ctx = m->ctx, .parts = &m->parts, .sink = m->sink,
		.old = m->old, .out = m->args->out, .clash = list_clash,
		.arg = m,
	};

	return vs_merge_lists(&lists, err);
}

static int merge_blocks(struct merge *m, struct vs_err *err)
{
	enum vs_verify verify = m->ctx->verify;
	bool lists = m->parts.info.k == 0;
	int rc = lists ? 0 : alloc_block(m, err);

	/* Parts that do not stay open were verified when they were first. */
	if (verify > VS_VERIFY_TOUCH)
		m->ctx->verify = VS_VERIFY_TOUCH;
	if (rc == 0)
		rc = lists ? merge_lists(m, err) : merge_all(m, err);
	m->ctx->verify = verify;
	return rc;
}

/* 1: the output stands there; 0: it is to be made. */
static int already_done(struct merge *m, enum vs_hits_format format,
			struct vs_err *err)
{
	struct vs_cont_head head = {
		.kind = VS_KIND_HITS,
		.fingerprint = m->fingerprint,
	};

	if (format != VS_HITS_VSH || m->args->replace)
		return 0;
	return vs_cont_done(m->ctx, m->args->out, &head, err);
}

static int make(struct merge *m, enum vs_hits_format format, struct vs_err *err)
{
	struct vs_sink *sink;
	int rc = vs_sink_create(m->ctx, m->args->out, format, &m->parts.info,
				&m->fingerprint, &m->sink, err);

	if (rc == 0)
		rc = merge_blocks(m, err);
	if (rc != 0)
		return rc;
	sink = m->sink;
	m->sink = NULL;
	return vs_sink_finish(m->ctx, sink, vs_op_how(m->args->replace), err);
}

static int recheck(struct merge *m, struct vs_err *err)
{
	const struct vs_hits_info *info;
	int rc = vs_hits_open(m->ctx, m->args->out, &m->old, err);

	if (rc != 0)
		return rc;
	info = vs_hits_info(m->old);
	if (info->n_queries != m->parts.info.n_queries ||
	    info->k != m->parts.info.k)
		return vs_fail(err, VS_ECREATE,
			       "%s: has another number of queries or hits than "
			       "its parts give; use --replace to merge them "
			       "again",
			       m->args->out);
	return merge_blocks(m, err);
}

/* Says what the answer covers; VS_EPARTIAL when that is not all. */
static int report(struct merge *m, bool already, struct vs_err *err)
{
	const struct vs_merge_parts *p = &m->parts;
	char rows[VS_COUNT_TEXT_MAX], list[VS_MERGE_LIST_MAX], k[32];
	uint32_t n = p->info.n_shards;

	if (p->info.k == 0)
		snprintf(k, sizeof(k), "all within the radius");
	else
		snprintf(k, sizeof(k), "k %u", p->info.k);
	vs_ctx_log(m->ctx, VS_LOG_INFO,
		   "%s: %s%u of %u shards, %s rows; %" PRIu64 " queries, %s",
		   m->args->out, already ? "already done: " : "",
		   n - p->n_missing, n, vs_format_count(p->n_rows, rows),
		   p->info.n_queries, k);
	if (p->n_missing == 0)
		return 0;
	return vs_fail(err, VS_EPARTIAL,
		       "%s: is partial: %u of %u shards, %s rows; missing and "
		       "allowed to be: %s",
		       m->args->out, n - p->n_missing, n, rows,
		       vs_merge_list(p->missing, p->n_missing, list));
}

static int plan(struct merge *m, enum vs_hits_format format, bool already,
		struct vs_err *err)
{
	struct vs_plan *p = m->args->plan;
	const struct vs_hits_info *info = &m->parts.info;
	int rc = info->k == 0 ? 0 : alloc_block(m, err);

	if (rc != 0)
		return rc;
	vs_op_plan(p, "parts", m->args->out);
	vs_op_plan_hits(p, format, info->n_queries, info->k);
	p->n_rows = m->parts.n_rows;
	p->dim = info->dim;
	p->dtype = info->dtype;
	p->n_passes = 1;
	p->memory = atomic_load(&m->ctx->mem_peak);
	p->already = already;
	return 0;
}

static int run(struct merge *m, struct vs_err *err)
{
	enum vs_hits_format format = m->args->format;
	bool already;
	int rc = 0;

	if (format == VS_HITS_AUTO)
		rc = vs_hits_format_of(m->args->out, &format, err);
	if (rc == 0)
		rc = vs_merge_parts_open(m->ctx, m->args, &m->parts, err);
	if (rc == 0)
		rc = fingerprint(m, err);
	if (rc == 0)
		rc = already_done(m, format, err);
	if (rc < 0)
		return rc;
	already = rc == 1;
	rc = 0;
	if (m->parts.info.k == 0)
		rc = vs_hits_format_check_lists(m->args->out, format, err);
	if (rc != 0)
		return rc;
	m->ctx->work.already = already;
	m->ctx->work.n_rows = m->parts.n_rows;
	m->ctx->work.n_queries = m->parts.info.n_queries;
	m->ctx->work.n_missing = m->parts.n_missing;
	if (m->args->plan != NULL)
		return plan(m, format, already, err);
	if (!already)
		rc = make(m, format, err);
	else if (m->args->recheck)
		rc = recheck(m, err);
	return rc == 0 ? report(m, already, err) : rc;
}

static void clear(struct merge *m)
{
	unsigned t;

	vs_sink_abort(m->ctx, m->sink);
	vs_hits_close(m->ctx, m->old);
	vs_merge_parts_close(m->ctx, &m->parts);
	for (t = 0; m->kway != NULL && t < m->ctx->n_threads; t++)
		vs_kway_free(m->ctx, &m->kway[t]);
	vs_free(m->ctx, m->kway);
	vs_free(m->ctx, m->lists);
	vs_free(m->ctx, m->start);
	vs_free(m->ctx, m->hits);
	vs_free(m->ctx, m->answer);
	vs_free(m->ctx, m->before);
}

int vs_op_merge(struct vs_ctx *ctx, const struct vs_merge_args *args,
		struct vs_err *err)
{
	struct merge m = { .ctx = ctx, .args = args };
	int rc;

	if (args->k > VS_K_MAX)
		return vs_fail(err, VS_EUSAGE, "k is %u; expected 1 to %u",
			       args->k, VS_K_MAX);
	rc = run(&m, err);
	clear(&m);
	return rc;
}
