/* merge_lists.c - merges lists of different lengths, as many queries at a time
 * as memory holds.
 *
 * All that is within the radius in one part is within it in the whole, so the
 * answer to a query is all its hits, in order; what is left to find is an id
 * that stands in two parts.
 */
#include "merge_lists.h"

#include <inttypes.h>
#include <string.h>

#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"

#define BLOCK_QUERIES ((uint64_t)8192)
#define STARTS_BYTES ((uint64_t)8 << 20)
#define BLOCK_BYTES ((uint64_t)512 << 20) /* of hits, at most */
/* Memory of a hit, at most: as read, merged, of old, and in the table of ids,
 * up to three quarters of which are empty. */
#define HIT_BYTES                                                             \
	(3 * sizeof(struct vs_hit) + 4 * sizeof(struct vs_id_map_slot))

/* Some queries of all parts. */
struct block {
	const struct vs_merge_lists *m;
	uint64_t first;
	size_t n;
	size_t n_starts;      /* queries whose starts are known */
	uint64_t *start;      /* [n_parts][n_starts + 1] */
	size_t *place;	      /* [n_parts]: of a part's hits */
	struct vs_hit *hits;  /* of all parts, one after another */
	struct vs_hit *answer; /* of one query */
	struct vs_kway kway;
	struct vs_kway_list *lists; /* [n_parts] */
};

static uint64_t *starts_of(const struct block *b, size_t part)
{
	return b->start + part * (b->n_starts + 1);
}

/* Hits of query q of the block in a part. */
static uint64_t length(const struct block *b, size_t part, size_t q)
{
	const uint64_t *start = starts_of(b, part);

	return start[q + 1] - start[q];
}

static const struct vs_hit *list_of(const struct block *b, size_t part,
				    size_t q)
{
	const uint64_t *start = starts_of(b, part);

	return b->hits + b->place[part] + (start[q] - start[0]);
}

static int read_starts(void *arg, size_t part, unsigned thread,
		       struct vs_err *err)
{
	struct block *b = arg;

	(void)thread;
	return vs_merge_parts_starts(b->m->ctx, b->m->parts, part, b->first,
				     b->n_starts, starts_of(b, part), err);
}

static int read_lists(void *arg, size_t part, unsigned thread,
		      struct vs_err *err)
{
	struct block *b = arg;

	(void)thread;
	return vs_merge_parts_lists(b->m->ctx, b->m->parts, part, b->first,
				    b->n, starts_of(b, part),
				    b->hits + b->place[part], err);
}

static uint64_t hits_of_query(const struct block *b, size_t q)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < b->m->parts->n; i++)
		n += length(b, i, q);
	return n;
}

/* Takes as many of the queries as there is room for, one at least; *longest is
 * the most hits of one. */
static int choose_queries(struct block *b, uint64_t *longest,
			  struct vs_err *err)
{
	uint64_t room = vs_min_u64(vs_mem_left(b->m->ctx) / 2, BLOCK_BYTES);
	uint64_t most = room / HIT_BYTES, all = 0, n;

	*longest = 0;
	for (b->n = 0; b->n < b->n_starts; b->n++) {
		n = hits_of_query(b, b->n);
		if (n > UINT32_MAX)
			return vs_fail(err, VS_EDATA,
				       "query %" PRIu64 " has %" PRIu64
				       " hits in all parts; at most 4294967295 "
				       "can be merged; query again with a "
				       "smaller radius, or -k",
				       b->first + b->n, n);
		if (b->n > 0 && all + n > most)
			break;
		all += n;
		if (n > *longest)
			*longest = n;
	}
	return 0;
}

static int alloc_hits(struct block *b, uint64_t longest, struct vs_err *err)
{
	struct vs_ctx *ctx = b->m->ctx;
	size_t i, all = 0;

	for (i = 0; i < b->m->parts->n; i++) {
		b->place[i] = all;
		all += (size_t)(starts_of(b, i)[b->n] - starts_of(b, i)[0]);
	}
	b->hits = vs_alloc(ctx, all, sizeof(*b->hits), "hits of the parts",
			   err);
	if (b->hits == NULL)
		return VS_ENOMEM;
	b->answer = vs_alloc(ctx, (size_t)longest, sizeof(*b->answer),
			     "answer", err);
	if (b->answer == NULL)
		return VS_ENOMEM;
	return vs_kway_init(ctx, &b->kway, b->m->parts->n, (uint32_t)longest,
			    err);
}

static void free_hits(struct block *b)
{
	struct vs_ctx *ctx = b->m->ctx;

	vs_kway_free(ctx, &b->kway);
	vs_free(ctx, b->hits);
	vs_free(ctx, b->answer);
	memset(&b->kway, 0, sizeof(b->kway));
	b->hits = NULL;
	b->answer = NULL;
}

/* Copies must hold what their originals hold. */
static int compare_copies(const struct block *b, size_t q, struct vs_err *err)
{
	const struct vs_merge_part *part = b->m->parts->part;
	size_t i, original;
	uint64_t n;

	for (i = 0; i < b->m->parts->n; i++) {
		original = part[i].original;
		n = length(b, i, q);
		if (original == i ||
		    (n == length(b, original, q) &&
		     memcmp(list_of(b, i, q), list_of(b, original, q),
			    n * sizeof(struct vs_hit)) == 0))
			continue;
		return vs_fail(err, VS_EDATA,
			       "%s: query %" PRIu64 " has other hits than in "
			       "%s, though both are of shard %u; query that "
			       "shard again",
			       part[i].path, b->first + q, part[original].path,
			       part[i].sources[0].shard);
	}
	return 0;
}

/* --recheck: what stands there must be what comes out. */
static int compare_old(const struct block *b, size_t q, uint32_t n,
		       struct vs_err *err)
{
	struct vs_ctx *ctx = b->m->ctx;
	struct vs_hit *before;
	uint64_t start[2];
	int rc = vs_hits_starts(ctx, b->m->old, b->first + q, 1, start, err);
	bool same;

	if (rc != 0)
		return rc;
	before = vs_alloc(ctx, (size_t)(start[1] - start[0]), sizeof(*before),
			  "hits", err);
	if (before == NULL)
		return VS_ENOMEM;
	rc = vs_hits_lists(ctx, b->m->old, b->first + q, 1, start, before,
			   err);
	same = rc == 0 && start[1] - start[0] == n &&
	       memcmp(before, b->answer, n * sizeof(*before)) == 0;
	vs_free(ctx, before);
	if (rc != 0 || same)
		return rc;
	return vs_fail(err, VS_ECREATE,
		       "%s: query %" PRIu64 " has other hits than its parts "
		       "give; use --replace to merge them again",
		       b->m->out, b->first + q);
}

static int merge_query(struct block *b, size_t q, struct vs_err *err)
{
	const struct vs_merge_lists *m = b->m;
	struct vs_kway_clash clash;
	uint32_t all = 0, n;
	size_t i;
	int rc = compare_copies(b, q, err);

	for (i = 0; i < m->parts->n; i++) {
		b->lists[i].hits = list_of(b, i, q);
		/* A copy stands for nothing, but keeps its place. */
		b->lists[i].n = m->parts->part[i].original == i ?
					(uint32_t)length(b, i, q) : 0;
		all += b->lists[i].n;
	}
	if (rc != 0)
		return rc;
	if (!vs_kway_merge(&b->kway, b->lists, m->parts->n, all, b->answer,
			   &clash))
		return m->clash(m->arg, b->first + q, &clash, err);
	for (n = 0; n < all && b->answer[n].id != VS_ID_NONE; n++)
		;
	if (m->old != NULL)
		return compare_old(b, q, n, err);
	return vs_sink_append_list(m->ctx, m->sink, b->answer, n, err);
}

static int merge_block(struct block *b, struct vs_err *err)
{
	struct vs_ctx *ctx = b->m->ctx;
	uint64_t longest;
	size_t q;
	int rc = vs_par_for(ctx, b->m->parts->n, read_starts, b, err);

	if (rc == 0)
		rc = choose_queries(b, &longest, err);
	if (rc == 0)
		rc = alloc_hits(b, longest, err);
	if (rc == 0)
		rc = vs_par_for(ctx, b->m->parts->n, read_lists, b, err);
	for (q = 0; rc == 0 && q < b->n; q++)
		rc = merge_query(b, q, err);
	free_hits(b);
	return rc;
}

static int merge_all(struct block *b, size_t most, struct vs_err *err)
{
	uint64_t n = b->m->parts->info.n_queries;
	int rc = 0;

	for (b->first = 0; rc == 0 && b->first < n; b->first += b->n) {
		if (vs_ctx_stopping(b->m->ctx))
			return vs_fail(err, VS_EAGAIN,
				       "stopped after %" PRIu64 " of %" PRIu64
				       " queries; run again",
				       b->first, n);
		b->n_starts = (size_t)vs_min_u64(most, n - b->first);
		rc = merge_block(b, err);
		vs_ctx_progress(b->m->ctx, "merge", b->first + b->n, n,
				"queries");
	}
	return rc;
}

int vs_merge_lists(const struct vs_merge_lists *m, struct vs_err *err)
{
	size_t n = m->parts->n;
	uint64_t most = vs_min_u64(vs_mem_left(m->ctx) / 8, STARTS_BYTES) /
			(n * sizeof(uint64_t));
	struct block b = { .m = m };
	int rc = VS_ENOMEM;

	most = vs_min_u64(BLOCK_QUERIES, most == 0 ? 1 : most);
	b.start = vs_alloc(m->ctx, n, (most + 1) * sizeof(*b.start), "lists",
			   err);
	if (b.start != NULL)
		b.place = vs_alloc(m->ctx, n, sizeof(*b.place), "parts", err);
	if (b.place != NULL)
		b.lists = vs_alloc(m->ctx, n, sizeof(*b.lists), "merge lists",
				   err);
	if (b.lists != NULL)
		rc = merge_all(&b, (size_t)most, err);
	vs_free(m->ctx, b.start);
	vs_free(m->ctx, b.place);
	vs_free(m->ctx, b.lists);
	return rc;
}
