/* batch_list.c - lists of all hits within a radius, which grow as they are
 * found.
 *
 * Memory for them is bounded: when it is used up, further hits are dropped, the
 * scan fails and its caller begins again with fewer queries.  Nothing of a full
 * batch is ever an answer.
 */
#include "batch_int.h"
#include "vs/mem.h"

#define FIRST_HITS 16u /* room of a list, then doubled */

struct vs_lists {
	struct vs_ctx *ctx;
	uint64_t most; /* bytes */
	atomic_uint_fast64_t n_bytes;
	atomic_bool full;
};

int vs_lists_create(struct vs_ctx *ctx, struct vs_batch *b, struct vs_err *err)
{
	struct vs_lists *l = vs_alloc(ctx, 1, sizeof(*l), "lists", err);
	uint64_t i;

	if (l == NULL)
		return VS_ENOMEM;
	l->ctx = ctx;
	l->most = b->spec.list_bytes;
	atomic_init(&l->n_bytes, 0);
	atomic_init(&l->full, false);
	for (i = 0; i < b->spec.queries.n; i++) {
		b->query[i].lists = l;
		b->query[i].top.slots = NULL;
	}
	b->lists = l;
	return 0;
}

void vs_lists_destroy(struct vs_ctx *ctx, struct vs_batch *b)
{
	uint64_t i;

	if (b->lists == NULL)
		return;
	for (i = 0; i < b->spec.queries.n; i++)
		vs_free(ctx, b->query[i].top.slots);
	vs_free(ctx, b->lists);
}

/* False when there is no more room. */
static bool grow(struct vs_lists *l, struct vs_topk *list)
{
	uint64_t n = list->k == 0 ? FIRST_HITS : 2 * (uint64_t)list->k;
	uint64_t more;
	void *p = list->slots;

	n = vs_min_u64(n, UINT32_MAX);
	more = (n - list->k) * sizeof(*list->slots);
	if (more == 0 || atomic_fetch_add(&l->n_bytes, more) + more > l->most)
		return false;
	if (vs_resize(l->ctx, &p, (size_t)n, sizeof(*list->slots), "lists",
		      NULL) != 0)
		return false;
	list->slots = p;
	list->k = (uint32_t)n;
	return true;
}

void vs_list_push(struct vs_query *q, int64_t key, uint64_t id)
{
	struct vs_topk *list = &q->top;

	if (list->n == list->k && !grow(q->lists, list)) {
		atomic_store_explicit(&q->lists->full, true,
				      memory_order_relaxed);
		return;
	}
	list->slots[list->n++] = (struct vs_hit){ .id = id, .key = key };
}

void vs_list_finish(struct vs_query *q)
{
	struct vs_topk sorted;

	if (q->top.unique)
		vs_topk_drop_again(&q->top);
	sorted = q->top;
	sorted.unique = false;
	sorted.k = sorted.n;
	vs_topk_finish(&sorted);
}

int vs_lists_check(const struct vs_lists *l, struct vs_err *err)
{
	if (!atomic_load_explicit(&l->full, memory_order_relaxed))
		return 0;
	return vs_fail(err, VS_ENOMEM,
		       "the results within the radius need more than %llu "
		       "bytes; give more --memory, -k or a smaller radius",
		       (unsigned long long)l->most);
}

const struct vs_hit *vs_batch_list(const struct vs_batch *b, uint64_t query,
				   uint32_t *n)
{
	*n = b->query[query].top.n;
	return b->query[query].top.slots;
}

bool vs_batch_is_full(const struct vs_batch *b, uint32_t *longest)
{
	uint64_t i;

	*longest = 0;
	if (b->lists == NULL ||
	    !atomic_load_explicit(&b->lists->full, memory_order_relaxed))
		return false;
	for (i = 0; i < b->spec.queries.n; i++)
		if (b->query[i].top.n > *longest)
			*longest = b->query[i].top.n;
	return true;
}
