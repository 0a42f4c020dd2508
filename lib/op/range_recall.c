/* range_recall.c - recall against the truth of range searches.
 *
 * G are all true neighbours of a query, as many as lie within the radius; R_k
 * are the first k ids of its result after ids that stand there twice and pads
 * are taken out.
 *
 *   recall of a query   |R_k and G| / |G|; undefined where G is empty
 *   recall              its mean over the queries that have one
 *   of all              sum of |R_k and G| / sum of |G|
 *   precision           sum of |R_k and G| / sum of |R_k|, over all queries
 *
 * The last two are "overall" recall and precision of the evaluation of big-ann
 * (NeurIPS 2021) and of Faiss, counts_to_PR.  Their "average" recall counts a
 * query without true neighbours as 1 or 0, by whether it has results; here it
 * has no part in the mean and is counted beside it.
 */
#include "range_recall.h"

#include <inttypes.h>

#include "interval.h"
#include "vs/mem.h"
#include "vs/num.h"

#define BLOCK_BYTES ((uint64_t)16 << 20)

struct range {
	struct vs_ctx *ctx;
	const struct vs_recall_args *args;
	struct vs_recall_report *report;
	struct vs_answers *hits, *truth;
	struct vs_id_map seen; /* of one result */
	struct vs_id_map want; /* the true neighbours of a query */
	uint64_t *hit_ids;     /* [most][n_columns] */
	uint32_t *counts;      /* [most] */
	size_t most;	       /* queries of a block */
	uint64_t *list;	       /* of one query, [longest] */
	uint64_t at;	       /* place in the truth of the next list */
	struct vs_interval_shares recall, reachable;
};

static int collect(struct range *r, uint64_t query, uint32_t n,
		   struct vs_err *err)
{
	uint32_t i;
	int rc = vs_usbin_listed(r->ctx, r->truth->usbin, r->at, n, r->list,
				 err);

	r->at += n;
	vs_id_map_clear(&r->want);
	for (i = 0; rc == 0 && i < n; i++)
		if (vs_id_map_put(&r->want, r->list[i], i) != VS_ID_MAP_NONE)
			rc = vs_fail(err, VS_EDATA,
				     "%s: query %" PRIu64 " has id %" PRIu64
				     " twice; no true neighbour can be; make "
				     "the truth again",
				     r->truth->path, query, r->list[i]);
	return rc;
}

/* The query has n true neighbours, of which its result has found some. */
static void count(struct range *r, uint32_t n, uint32_t found)
{
	struct vs_recall_report *report = r->report;
	uint32_t reachable = n < r->args->k ? n : r->args->k;

	report->n_true += n;
	report->n_found += found;
	report->n_reachable += reachable;
	report->n_longer += n > r->args->k;
	report->n_empty += n == 0;
	if (n == 0)
		return;
	vs_interval_add(&r->recall, (double)found / n);
	vs_interval_add(&r->reachable, (double)reachable / n);
}

static int count_query(struct range *r, uint64_t query, size_t q,
		       struct vs_err *err)
{
	uint64_t *ids = r->hit_ids + q * r->hits->n_columns;
	uint32_t k = r->args->k, n, i, found = 0;
	int rc = collect(r, query, r->counts[q], err);

	if (rc != 0)
		return rc;
	n = vs_answers_clean(&r->seen, ids, r->hits->n_columns,
			     &r->report->n_duplicates);
	for (i = 0; i < n && i < k; i++)
		found += vs_id_map_get(&r->want, ids[i]) != VS_ID_MAP_NONE;
	r->report->n_results += i;
	r->report->n_short += n < k;
	count(r, r->counts[q], found);
	return 0;
}

static int alloc_block(struct range *r, struct vs_err *err)
{
	size_t wide = r->hits->n_columns;
	uint32_t longest = vs_usbin_longest(r->truth->usbin);
	uint64_t n = vs_min_u64(vs_mem_left(r->ctx) / 4, BLOCK_BYTES);
	int rc;

	/* An id and the hit it is read from. */
	n /= wide * (sizeof(uint64_t) + sizeof(struct vs_hit)) +
	     sizeof(*r->counts);
	r->most = (size_t)vs_min_u64(n == 0 ? 1 : n, r->hits->n_queries);
	r->hit_ids = vs_alloc(r->ctx, r->most, wide * sizeof(*r->hit_ids),
			      "ids of results", err);
	if (r->hit_ids == NULL)
		return VS_ENOMEM;
	r->counts = vs_alloc(r->ctx, r->most, sizeof(*r->counts), "counts",
			     err);
	if (r->counts == NULL)
		return VS_ENOMEM;
	r->list = vs_alloc(r->ctx, longest + (size_t)1, sizeof(*r->list),
			   "true neighbours", err);
	if (r->list == NULL)
		return VS_ENOMEM;
	rc = vs_id_map_init(r->ctx, &r->seen, r->hits->n_columns, err);
	return rc == 0 ? vs_id_map_init(r->ctx, &r->want, longest, err) : rc;
}

static int count_all(struct range *r, struct vs_err *err)
{
	uint64_t first, n = r->hits->n_queries;
	size_t take, q;
	int rc = alloc_block(r, err);

	for (first = 0; rc == 0 && first < n; first += take) {
		if (vs_ctx_stopping(r->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		take = (size_t)vs_min_u64(r->most, n - first);
		rc = vs_answers_read(r->ctx, r->hits, first, take, r->hit_ids,
				     NULL, err);
		if (rc == 0)
			rc = vs_usbin_counts(r->ctx, r->truth->usbin, first,
					     take, r->counts, err);
		for (q = 0; rc == 0 && q < take; q++)
			rc = count_query(r, first + q, q, err);
		vs_ctx_progress(r->ctx, "recall", first + take, n, "queries");
	}
	return rc;
}

static int check(const struct range *r, struct vs_err *err)
{
	if (r->args->truth_distances != NULL)
		return vs_fail(err, VS_EUSAGE,
			       "%s: is the truth of a range search, which "
			       "needs no distances; leave out "
			       "--truth-distances",
			       r->truth->path);
	if (vs_usbin_total(r->truth->usbin) == 0)
		return vs_fail(err, VS_EDATA,
			       "%s: none of its %" PRIu64 " queries has a true "
			       "neighbour; expected one at least",
			       r->truth->path, r->truth->n_queries);
	return 0;
}

int vs_op_range_recall(struct vs_ctx *ctx, const struct vs_recall_args *args,
		       struct vs_answers *hits, struct vs_answers *truth,
		       struct vs_recall_report *report, struct vs_err *err)
{
	struct range r = { .ctx = ctx, .args = args, .report = report,
			   .hits = hits, .truth = truth };
	int rc = check(&r, err);

	report->range = true;
	report->n_queries = hits->n_queries;
	report->k = args->k;
	report->n_hits = hits->n_columns;
	if (rc == 0)
		rc = count_all(&r, err);
	if (rc == 0) {
		report->recall = r.recall.mean;
		report->most = r.reachable.mean;
		vs_interval_of_shares(&r.recall, args->confidence,
				      &report->low, &report->high);
	}
	vs_free(ctx, r.hit_ids);
	vs_free(ctx, r.counts);
	vs_free(ctx, r.list);
	vs_id_map_free(ctx, &r.seen);
	vs_id_map_free(ctx, &r.want);
	return rc;
}
