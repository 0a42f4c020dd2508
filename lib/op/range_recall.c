/* range_recall.c - recall against the truth of range searches.
 *
 * G are all true neighbours of a query, as many as lie within the radius; R_k
 * are the first k ids of its result after ids that stand there twice and pads
 * are taken out.  Where results are of a range search, too, k is unlimited
 * unless it is given.
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
#define BLOCK_QUERIES 65536u

struct range {
	struct vs_ctx *ctx;
	const struct vs_recall_args *args;
	struct vs_recall_report *report;
	struct vs_answers *hits, *truth;
	uint32_t k;	       /* results that count */
	struct vs_id_map seen; /* of one result */
	struct vs_id_map want; /* the true neighbours of a query */
	uint32_t n_seen, n_want; /* ids that they have room for */
	uint64_t *hit_ids;     /* [most][n_columns]; NULL: lists */
	size_t most;	       /* queries of a block */
	struct vs_interval_shares recall, reachable;
};

static int make_room(struct vs_ctx *ctx, struct vs_id_map *m, uint32_t *room,
		     uint32_t n, struct vs_err *err)
{
	if (m->slot != NULL && n <= *room)
		return 0;
	vs_id_map_free(ctx, m);
	*room = n;
	return vs_id_map_init(ctx, m, n, err);
}

/* The true neighbours of the next query; *n of them. */
static int collect(struct range *r, uint64_t query, uint32_t *n,
		   struct vs_err *err)
{
	uint64_t *list;
	uint32_t i;
	int rc = vs_answers_next(r->ctx, r->truth, &list, n, err);

	if (rc == 0)
		rc = make_room(r->ctx, &r->want, &r->n_want, *n, err);
	if (rc != 0)
		return rc;
	vs_id_map_clear(&r->want);
	for (i = 0; rc == 0 && i < *n; i++)
		if (vs_id_map_put(&r->want, list[i], i) != VS_ID_MAP_NONE)
			rc = vs_fail(err, VS_EDATA,
				     "%s: query %" PRIu64 " has id %" PRIu64
				     " twice; no true neighbour can be; make "
				     "the truth again",
				     r->truth->path, query, list[i]);
	return rc;
}

/* The query has n true neighbours, of which its result has found some. */
static void count(struct range *r, uint32_t n, uint32_t found)
{
	struct vs_recall_report *report = r->report;
	uint32_t reachable = n < r->k ? n : r->k;

	report->n_true += n;
	report->n_found += found;
	report->n_reachable += reachable;
	report->n_longer += n > r->k;
	report->n_empty += n == 0;
	if (n == 0)
		return;
	vs_interval_add(&r->recall, (double)found / n);
	vs_interval_add(&r->reachable, (double)reachable / n);
}

/* ids: the n_ids of its result. */
static int count_query(struct range *r, uint64_t query, uint64_t *ids,
		       uint32_t n_ids, struct vs_err *err)
{
	uint32_t n_true = 0, n, i, found = 0;
	int rc = collect(r, query, &n_true, err);

	if (rc == 0)
		rc = make_room(r->ctx, &r->seen, &r->n_seen, n_ids, err);
	if (rc != 0)
		return rc;
	n = vs_answers_clean(&r->seen, ids, n_ids, &r->report->n_duplicates);
	for (i = 0; i < n && i < r->k; i++)
		found += vs_id_map_get(&r->want, ids[i]) != VS_ID_MAP_NONE;
	r->report->n_results += i;
	r->report->n_short += r->hit_ids != NULL && n < r->k;
	count(r, n_true, found);
	return 0;
}

static int alloc_block(struct range *r, struct vs_err *err)
{
	size_t wide = r->hits->n_columns;
	uint64_t n = vs_min_u64(vs_mem_left(r->ctx) / 4, BLOCK_BYTES);

	/* An id and the hit it is read from; of lists another keeps them. */
	n /= wide * (sizeof(uint64_t) + sizeof(struct vs_hit)) + 1;
	n = vs_min_u64(n, BLOCK_QUERIES);
	r->most = (size_t)vs_min_u64(n == 0 ? 1 : n, r->hits->n_queries);
	if (wide == 0)
		return 0;
	r->hit_ids = vs_alloc(r->ctx, r->most, wide * sizeof(*r->hit_ids),
			      "ids of results", err);
	return r->hit_ids == NULL ? VS_ENOMEM : 0;
}

static int count_list(struct range *r, uint64_t query, struct vs_err *err)
{
	uint64_t *ids;
	uint32_t n;
	int rc = vs_answers_next(r->ctx, r->hits, &ids, &n, err);

	return rc == 0 ? count_query(r, query, ids, n, err) : rc;
}

static int count_block(struct range *r, uint64_t first, size_t n,
		       struct vs_err *err)
{
	uint32_t wide = r->hits->n_columns;
	size_t q;
	int rc = 0;

	if (wide != 0)
		rc = vs_answers_read(r->ctx, r->hits, first, n, r->hit_ids,
				     NULL, err);
	for (q = 0; rc == 0 && q < n; q++)
		rc = wide == 0 ? count_list(r, first + q, err) :
				 count_query(r, first + q,
					     r->hit_ids + q * wide, wide, err);
	return rc;
}

static int count_all(struct range *r, struct vs_err *err)
{
	uint64_t first, n = r->hits->n_queries;
	size_t take;
	int rc = alloc_block(r, err);

	for (first = 0; rc == 0 && first < n; first += take) {
		if (vs_ctx_stopping(r->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		take = (size_t)vs_min_u64(r->most, n - first);
		rc = count_block(r, first, take, err);
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
	if (vs_answers_total(r->truth) == 0)
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
			   .hits = hits, .truth = truth, .k = args->k };
	int rc = check(&r, err);

	if (hits->n_columns == 0 && !args->k_given)
		r.k = UINT32_MAX;

	report->range = true;
	report->n_queries = hits->n_queries;
	report->k = r.k;
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
	vs_id_map_free(ctx, &r.seen);
	vs_id_map_free(ctx, &r.want);
	return rc;
}
