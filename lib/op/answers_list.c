/* answers_list.c - lists of ids, query after query, from hits or usbin.
 *
 * Hits are packed in blocks, so those of many queries are read together.
 */
#include "answers.h"
#include "vs/mem.h"
#include "vs/num.h"

#define QUERIES 1024u /* whose lengths are read together */
#define HITS 65536u   /* read together, but for one list that is longer, and
		       * less where memory is little */

struct vs_answers_lists {
	uint64_t next;		     /* query */
	uint64_t first;		     /* query of start[0] */
	size_t n;		     /* queries whose lengths are known */
	uint64_t start[QUERIES + 1]; /* places of their lists among all */
	uint64_t end;		     /* queries from next on that are in hits */
	struct vs_hit *hits;
	uint64_t hits_at; /* place of hits[0] */
	size_t hits_max;
	uint64_t *ids; /* of one query */
	size_t ids_max;
};

uint64_t vs_answers_total(const struct vs_answers *a)
{
	return a->hits != NULL ? vs_hits_total(a->hits) :
				 vs_usbin_total(a->usbin);
}

static int grow(struct vs_ctx *ctx, void **p, size_t *most, uint64_t n,
		size_t size, struct vs_err *err)
{
	int rc = 0;

	if (*p == NULL || n > *most)
		rc = vs_resize(ctx, p, (size_t)n, size, "lists", err);
	if (rc == 0 && n > *most)
		*most = (size_t)n;
	return rc;
}

static int read_counts(struct vs_ctx *ctx, const struct vs_answers *a,
		       struct vs_answers_lists *l, struct vs_err *err)
{
	uint32_t *counts = vs_alloc(ctx, l->n, sizeof(*counts), "counts", err);
	size_t i;
	int rc;

	if (counts == NULL)
		return VS_ENOMEM;
	rc = vs_usbin_counts(ctx, a->usbin, l->first, l->n, counts, err);
	for (i = 0; rc == 0 && i < l->n; i++)
		l->start[i + 1] = l->start[i] + counts[i];
	vs_free(ctx, counts);
	return rc;
}

/* Where the lists of the next queries stand. */
static int read_starts(struct vs_ctx *ctx, const struct vs_answers *a,
		       struct vs_answers_lists *l, struct vs_err *err)
{
	l->start[0] = l->start[l->n];
	l->first = l->next;
	l->n = (size_t)vs_min_u64(QUERIES, a->n_queries - l->first);
	if (a->hits != NULL)
		return vs_hits_starts(ctx, a->hits, l->first, l->n, l->start,
				      err);
	return read_counts(ctx, a, l, err);
}

/* Hits of the next query, and of as many more as HITS hold. */
static int read_hits(struct vs_ctx *ctx, const struct vs_answers *a,
		     struct vs_answers_lists *l, struct vs_err *err)
{
	size_t q = (size_t)(l->next - l->first), n = 1;
	const uint64_t *start = l->start + q;
	uint64_t most = vs_min_u64(HITS, vs_mem_left(ctx) / 8 /
						 sizeof(*l->hits));
	void *p = l->hits;
	int rc;

	/* What is there already is no reason to have less room. */
	most = vs_max_size((size_t)most, l->hits_max);
	while (q + n < l->n && start[n + 1] - start[0] <= most)
		n++;
	rc = grow(ctx, &p, &l->hits_max, start[n] - start[0],
		  sizeof(*l->hits), err);
	l->hits = p;
	if (rc != 0)
		return rc;
	l->hits_at = start[0];
	l->end = l->next + n;
	return vs_hits_lists(ctx, a->hits, l->next, n, start, l->hits, err);
}

static int read_ids(struct vs_ctx *ctx, struct vs_answers *a,
		    struct vs_answers_lists *l, struct vs_err *err)
{
	const uint64_t *start = l->start + (l->next - l->first);
	size_t n = (size_t)(start[1] - start[0]), i;
	void *p = l->ids;
	int rc = grow(ctx, &p, &l->ids_max, n, sizeof(*l->ids), err);

	l->ids = p;
	if (rc == 0 && a->usbin != NULL)
		return vs_usbin_listed(ctx, a->usbin, start[0], n, l->ids, err);
	if (rc == 0 && l->next >= l->end)
		rc = read_hits(ctx, a, l, err);
	for (i = 0; rc == 0 && i < n; i++)
		l->ids[i] = l->hits[start[0] - l->hits_at + i].id;
	return rc;
}

int vs_answers_next(struct vs_ctx *ctx, struct vs_answers *a, uint64_t **ids,
		    uint32_t *n, struct vs_err *err)
{
	struct vs_answers_lists *l = a->lists;
	const uint64_t *start;
	int rc = 0;

	if (l == NULL)
		l = a->lists = vs_zalloc(ctx, 1, sizeof(*l), "lists", err);
	if (l == NULL)
		return VS_ENOMEM;
	if (l->next == l->first + l->n)
		rc = read_starts(ctx, a, l, err);
	if (rc == 0)
		rc = read_ids(ctx, a, l, err);
	if (rc != 0)
		return rc;
	start = l->start + (l->next - l->first);
	*ids = l->ids;
	*n = (uint32_t)(start[1] - start[0]);
	l->next++;
	return 0;
}

void vs_answers_end_lists(struct vs_ctx *ctx, struct vs_answers *a)
{
	if (a->lists == NULL)
		return;
	vs_free(ctx, a->lists->hits);
	vs_free(ctx, a->lists->ids);
	vs_free(ctx, a->lists);
	a->lists = NULL;
}
