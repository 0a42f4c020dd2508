/* recall.c - vs-eval recall: how many of the true neighbours were found.
 *
 * G_k are the first k ids of a query's truth, R_k the first k ids of its result
 * after ids that stand there twice and pads are taken out.
 *
 *   k-recall@k   |R_k and G_k| / k
 *   tie-aware    an id beyond the k-th of the truth counts too when its
 *                distance equals the k-th: within 4 ulp, or exactly where both
 *                are whole numbers (distances of integer data)
 *   1-recall@R   the share of queries whose first true id is within R_R
 *
 * The interval is in interval.c; sums are integers, so the order of queries and
 * the size of blocks change nothing.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "answers.h"
#include "id_map.h"
#include "interval.h"
#include "range_recall.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/op.h"

#define BLOCK_BYTES ((uint64_t)64 << 20)
#define TIE_ULPS 4
/* From here on all floats are whole numbers. */
#define WHOLE_MAX 8388608.0f

/* The state of one vs-eval recall. */
struct recall {
	struct vs_ctx *ctx;
	const struct vs_recall_args *args;
	struct vs_recall_report *report;
	struct vs_answers hits, truth;
	struct vs_vecs *distances; /* of the truth, or NULL */
	bool exact_keys;	   /* the truth's keys are integers */
	bool ties;		   /* ties can be seen */

	/* one block of queries */
	uint64_t *hit_ids, *truth_ids;
	int64_t *keys; /* of the truth in a .vsh, or */
	float *values; /* from distances, or the truth's own */
	size_t most;

	struct vs_id_map seen; /* of one result */
	struct vs_id_map want; /* truth: rank, from 0 */

	/* sums over queries */
	struct vs_interval_counts found;
	uint64_t n_found_ties;
	uint64_t n_first[3];	/* of 1-recall */
	uint64_t n_truth_short; /* truth with pads among the first k */
};

/* Whether the truth has distances that are no keys. */
static bool has_values(const struct recall *r)
{
	return r->distances != NULL || vs_answers_has_distances(&r->truth);
}

/* The truth's own float distance of a place. */
static float value_at(const struct recall *r, size_t at)
{
	const struct vs_hits_info *info;

	if (r->values != NULL)
		return r->values[at];
	info = vs_hits_info(r->truth.hits);
	return vs_f32_of_key(r->keys[at],
			     vs_metric_is_similarity(info->metric));
}

static bool is_whole(float v)
{
	return v > -WHOLE_MAX && v < WHOLE_MAX && v == truncf(v);
}

/* Whether the distances at two places of the truth count as equal. */
static bool is_tied(const struct recall *r, size_t a, size_t b)
{
	float x, y;
	int64_t apart;

	if (r->exact_keys)
		return r->keys[a] == r->keys[b];
	x = value_at(r, a);
	y = value_at(r, b);
	apart = vs_key_of_f32(x, false) - vs_key_of_f32(y, false);
	if (apart == 0 || (is_whole(x) && is_whole(y)))
		return apart == 0;
	return apart >= -TIE_ULPS && apart <= TIE_ULPS;
}

static int want(struct recall *r, uint64_t query, uint64_t id, uint32_t rank,
		struct vs_err *err)
{
	if (vs_id_map_put(&r->want, id, rank) == VS_ID_MAP_NONE)
		return 0;
	return vs_fail(err, VS_EDATA,
		       "%s: query %" PRIu64 " has id %" PRIu64
		       " twice; no true "
		       "neighbour can be; make the truth again",
		       r->truth.path, query, id);
}

/* Enters the truth of a query: ranks below k, then those tied with the k-th.
 * at: its first place in the block. */
static int collect(struct recall *r, uint64_t query, size_t at,
		   struct vs_err *err)
{
	const uint64_t *ids = r->truth_ids + at;
	uint32_t k = r->args->k, i, n = 0;
	int rc = 0;

	vs_id_map_clear(&r->want);
	for (i = 0; rc == 0 && i < k; i++) {
		if (ids[i] == VS_ID_NONE)
			continue;
		n++;
		rc = want(r, query, ids[i], i, err);
	}
	r->n_truth_short += n < k;
	if (!r->ties || n < k)
		return rc;
	for (; rc == 0 && i < r->truth.n_columns; i++) {
		if (ids[i] == VS_ID_NONE || !is_tied(r, at + k - 1, at + i))
			break;
		rc = want(r, query, ids[i], i, err);
	}
	r->report->n_tied += i > k;
	return rc;
}

/* 1-recall: the place of the nearest in a result of n. */
static void count_first(struct recall *r, uint64_t nearest, const uint64_t *ids,
			uint32_t n)
{
	uint32_t i, a;

	for (i = 0; i < n && ids[i] != nearest; i++)
		;
	for (a = 0; i < n && a < 3; a++)
		r->n_first[a] += i < r->report->one_at[a];
}

static int count_query(struct recall *r, uint64_t query, size_t q,
		       struct vs_err *err)
{
	uint64_t *ids = r->hit_ids + q * r->hits.n_columns;
	size_t at = q * r->truth.n_columns;
	uint32_t k = r->args->k, n, i, rank, found = 0;
	int rc = collect(r, query, at, err);

	n = vs_answers_clean(&r->seen, ids, r->hits.n_columns,
			     &r->report->n_duplicates);
	if (rc != 0)
		return rc;
	for (i = 0; i < n && i < k; i++) {
		rank = vs_id_map_get(&r->want, ids[i]);
		found += rank < k;
		r->n_found_ties += rank != VS_ID_MAP_NONE;
	}
	r->found.n++;
	r->found.sum += found;
	r->found.sum_squares += (uint64_t)found * found;
	r->report->n_short += n < k;
	if (r->truth_ids[at] != VS_ID_NONE)
		count_first(r, r->truth_ids[at], ids, n);
	return 0;
}

static int check_k(uint32_t k, const struct vs_answers *a, struct vs_err *err)
{
	if (k >= 1 && k <= a->n_columns)
		return 0;
	return vs_fail(err, VS_EUSAGE,
		       "k is %u; expected 1 to %u, the results of a query in "
		       "%s",
		       k, a->n_columns, a->path);
}

/* Two .vsh say themselves whether they answer the same questions. */
static int check_infos(const struct recall *r, struct vs_err *err)
{
	const struct vs_hits_info *h, *t;

	if (r->hits.hits == NULL)
		return 0;
	h = vs_hits_info(r->hits.hits);
	if (h->incomplete)
		vs_ctx_log(r->ctx, VS_LOG_WARN,
			   "%s: is incomplete, %zu of %u shards; its recall is "
			   "that of a part",
			   r->hits.path, h->n_sources, h->n_shards);
	if (r->truth.hits == NULL)
		return 0;
	t = vs_hits_info(r->truth.hits);
	if (!vs_digest_equal(&h->queries, &t->queries))
		return vs_fail(err, VS_EDATA,
			       "%s: is of other queries than %s; make both "
			       "from the same file",
			       r->hits.path, r->truth.path);
	if (h->metric != t->metric)
		return vs_fail(err, VS_EDATA,
			       "%s: has metric %s, %s has %s; expected the "
			       "same",
			       r->hits.path, vs_metric_name(h->metric),
			       r->truth.path, vs_metric_name(t->metric));
	return 0;
}

static int open_distances(struct recall *r, struct vs_err *err)
{
	/* Fewer rows than truth columns pad with infinite distances. */
	static const struct vs_vecs_options opt = { .allow_infinite = true };
	const char *path = r->args->truth_distances;
	int rc;

	if (path == NULL)
		return 0;
	if (r->truth.hits != NULL || vs_answers_has_distances(&r->truth))
		return vs_fail(err, VS_EUSAGE,
			       "%s: holds its distances itself; leave out "
			       "--truth-distances",
			       r->truth.path);
	rc = vs_vecs_open(r->ctx, &path, 1, &opt, &r->distances, err);
	if (rc != 0)
		return rc;
	if (vs_vecs_dtype(r->distances) != VS_F32)
		return vs_fail(err, VS_EDATA,
			       "%s: holds %s; expected distances, as fvecs",
			       path,
			       vs_dtype_name(vs_vecs_dtype(r->distances)));
	if (vs_vecs_rows(r->distances) != r->truth.n_queries ||
	    vs_vecs_dim(r->distances) != r->truth.n_columns)
		return vs_fail(err, VS_EDATA,
			       "%s: has %" PRIu64 " rows of %u distances; "
			       "expected %" PRIu64 " of %u, as in %s",
			       path, vs_vecs_rows(r->distances),
			       vs_vecs_dim(r->distances), r->truth.n_queries,
			       r->truth.n_columns, r->truth.path);
	return 0;
}

static int open_all(struct recall *r, struct vs_err *err)
{
	int rc = vs_answers_open(r->ctx, r->args->hits, &r->hits, err);

	if (rc == 0)
		rc = vs_answers_open(r->ctx, r->args->truth, &r->truth, err);
	if (rc != 0)
		return rc;
	if (r->hits.n_queries != r->truth.n_queries)
		return vs_fail(err, VS_EDATA,
			       "%s: has %" PRIu64 " queries, %s has %" PRIu64
			       "; expected the same",
			       r->hits.path, r->hits.n_queries, r->truth.path,
			       r->truth.n_queries);
	if (r->hits.n_queries == 0)
		return vs_fail(err, VS_EDATA,
			       "%s: holds no queries; expected at least one",
			       r->hits.path);
	rc = check_infos(r, err);
	if (rc != 0 || (r->hits.n_columns == 0 && r->truth.n_columns == 0))
		return rc;
	if (r->hits.n_columns == 0)
		return vs_fail(err, VS_EDATA,
			       "%s: is of a range search, %s holds %u true "
			       "neighbours of each query; expected the truth "
			       "of a range search, or hits of a search with -k",
			       r->hits.path, r->truth.path,
			       r->truth.n_columns);
	return check_k(r->args->k, &r->hits, err);
}

/* What the truth of k neighbours needs. */
static int open_truth(struct recall *r, struct vs_err *err)
{
	const struct vs_hits_info *info;
	int rc = check_k(r->args->k, &r->truth, err);

	if (rc == 0)
		rc = open_distances(r, err);
	if (rc != 0)
		return rc;
	if (r->truth.hits != NULL) {
		info = vs_hits_info(r->truth.hits);
		r->exact_keys = info->metric != VS_COSINE &&
				(info->dtype == VS_U8 || info->dtype == VS_I8);
	}
	r->ties = (r->truth.hits != NULL || has_values(r)) &&
		  r->truth.n_columns > r->args->k;
	if (r->distances != NULL && !r->ties)
		vs_ctx_log(r->ctx, VS_LOG_WARN,
			   "%s: ends at the k-th neighbour, so ties with it "
			   "cannot be seen; make a truth of 2k or more",
			   r->truth.path);
	return 0;
}

/* Room for as many queries as half of the memory left can hold. */
static int alloc_block(struct recall *r, struct vs_err *err)
{
	struct vs_ctx *ctx = r->ctx;
	uint64_t columns = (uint64_t)r->hits.n_columns + r->truth.n_columns;
	uint64_t n = vs_min_u64(vs_mem_left(ctx) / 2, BLOCK_BYTES);
	size_t most, wide = r->truth.n_columns;
	int rc;

	/* An id, a distance, and the hit it is read from. */
	n /= columns * (sizeof(uint64_t) * 2 + sizeof(struct vs_hit));
	most = (size_t)vs_min_u64(n == 0 ? 1 : n, r->hits.n_queries);
	r->most = most;
	r->hit_ids = vs_alloc(ctx, most, r->hits.n_columns * sizeof(uint64_t),
			      "ids of results", err);
	if (r->hit_ids == NULL)
		return VS_ENOMEM;
	r->truth_ids = vs_alloc(ctx, most, wide * sizeof(uint64_t),
				"ids of the truth", err);
	if (r->truth_ids == NULL)
		return VS_ENOMEM;
	if (r->truth.hits != NULL) {
		r->keys = vs_alloc(ctx, most, wide * sizeof(*r->keys),
				   "keys of the truth", err);
		if (r->keys == NULL)
			return VS_ENOMEM;
	}
	if (has_values(r)) {
		r->values = vs_alloc(ctx, most, wide * sizeof(*r->values),
				     "distances of the truth", err);
		if (r->values == NULL)
			return VS_ENOMEM;
	}
	rc = vs_id_map_init(ctx, &r->seen, r->hits.n_columns, err);
	if (rc == 0)
		rc = vs_id_map_init(ctx, &r->want, r->truth.n_columns, err);
	return rc;
}

static int count_block(struct recall *r, uint64_t first, size_t n,
		       struct vs_err *err)
{
	size_t q;
	int rc;

	rc = vs_answers_read(r->ctx, &r->hits, first, n, r->hit_ids, NULL, err);
	if (rc == 0)
		rc = vs_answers_read(r->ctx, &r->truth, first, n, r->truth_ids,
				     r->keys, err);
	if (rc == 0 && r->distances != NULL)
		rc = vs_vecs_read(r->ctx, r->distances, first, n, r->values,
				  err);
	else if (rc == 0 && r->values != NULL)
		rc = vs_answers_distances(r->ctx, &r->truth, first, n,
					  r->values, err);
	for (q = 0; rc == 0 && q < n; q++)
		rc = count_query(r, first + q, q, err);
	return rc;
}

static int count_all(struct recall *r, struct vs_err *err)
{
	uint64_t first, n = r->hits.n_queries;
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

/* Which R of 1-recall@R there are: 1, 10 and all results, each once. */
static void choose_first(struct vs_recall_report *report)
{
	uint32_t n = report->n_hits;

	report->one_at[0] = 1;
	report->one_at[1] = n >= 10 ? 10 : 0;
	report->one_at[2] = n != 1 && n != 10 ? n : 0;
}

static void conclude(struct recall *r)
{
	struct vs_recall_report *report = r->report;
	double n = (double)r->found.n, k = (double)r->args->k;
	size_t a;

	report->recall = (double)r->found.sum / (n * k);
	vs_interval(&r->found, r->args->confidence, &report->low,
		    &report->high);
	report->tie_aware_known = r->ties;
	report->recall_ties = (double)r->n_found_ties / (n * k);
	for (a = 0; a < 3; a++)
		report->one_recall_at[a] = (double)r->n_first[a] / n;
	if (r->n_truth_short != 0)
		vs_ctx_log(r->ctx, VS_LOG_WARN,
			   "%s: %" PRIu64 " queries have fewer than %u true "
			   "neighbours; their recall cannot reach 1",
			   r->truth.path, r->n_truth_short, r->args->k);
}

int vs_op_recall(struct vs_ctx *ctx, const struct vs_recall_args *args,
		 struct vs_recall_report *report, struct vs_err *err)
{
	struct recall r = { .ctx = ctx, .args = args, .report = report };
	int rc;

	memset(report, 0, sizeof(*report));
	if (!(args->confidence > 0 && args->confidence < 1))
		return vs_fail(
			err, VS_EUSAGE,
			"confidence is %g; expected more than 0 and less "
			"than 1",
			args->confidence);
	rc = open_all(&r, err);
	if (rc == 0 && r.truth.n_columns == 0) {
		rc = vs_op_range_recall(ctx, args, &r.hits, &r.truth, report,
					err);
		goto out;
	}
	if (rc == 0)
		rc = open_truth(&r, err);
	if (rc == 0) {
		report->n_queries = r.hits.n_queries;
		report->k = args->k;
		report->n_hits = r.hits.n_columns;
		report->n_truth = r.truth.n_columns;
		r.found.most = args->k;
		choose_first(report);
		rc = count_all(&r, err);
	}
	if (rc == 0)
		conclude(&r);
out:
	vs_answers_close(ctx, &r.hits);
	vs_answers_close(ctx, &r.truth);
	vs_vecs_close(ctx, r.distances);
	vs_free(ctx, r.hit_ids);
	vs_free(ctx, r.truth_ids);
	vs_free(ctx, r.keys);
	vs_free(ctx, r.values);
	vs_id_map_free(ctx, &r.seen);
	vs_id_map_free(ctx, &r.want);
	return rc;
}
