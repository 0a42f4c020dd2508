/* merge_kway.c - a heap of cursors, one for each list. */
#include "merge_kway.h"

#include "vs/mem.h"

struct vs_kway_cursor {
	const struct vs_hit *at, *end; /* at < end, and no pad there */
};

int vs_kway_init(struct vs_ctx *ctx, struct vs_kway *w, size_t n_lists,
		 uint32_t k, struct vs_err *err)
{
	w->heap = vs_alloc(ctx, n_lists, sizeof(*w->heap), "merge heap", err);
	if (w->heap == NULL)
		return VS_ENOMEM;
	return vs_id_map_init(ctx, &w->ids, k, err);
}

void vs_kway_free(struct vs_ctx *ctx, struct vs_kway *w)
{
	vs_free(ctx, w->heap);
	vs_id_map_free(ctx, &w->ids);
}

/* Restores the order below slot i, which may be too large for its place. */
static void sift_down(struct vs_kway_cursor *heap, size_t n, size_t i)
{
	struct vs_kway_cursor moving = heap[i];
	size_t child;

	for (; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n &&
		    vs_hit_less(heap[child + 1].at, heap[child].at))
			child++;
		if (!vs_hit_less(heap[child].at, moving.at))
			break;
		heap[i] = heap[child];
	}
	heap[i] = moving;
}

/* A heap of the lists that are not empty; returns their number. */
static size_t start(struct vs_kway_cursor *heap,
		    const struct vs_kway_list *lists, size_t n_lists)
{
	size_t i, n = 0;

	for (i = 0; i < n_lists; i++) {
		if (lists[i].n == 0 || lists[i].hits[0].id == VS_ID_NONE)
			continue;
		heap[n].at = lists[i].hits;
		heap[n++].end = lists[i].hits + lists[i].n;
	}
	for (i = n / 2; i-- > 0;)
		sift_down(heap, n, i);
	return n;
}

/* The first list that holds this very hit. */
static size_t find_list(const struct vs_kway_list *lists, size_t n,
			const struct vs_hit *hit)
{
	size_t i;
	uint32_t j;

	for (i = 0; i < n; i++)
		for (j = 0; j < lists[i].n; j++)
			if (lists[i].hits[j].id == hit->id &&
			    lists[i].hits[j].key == hit->key)
				return i;
	return 0;
}

/* Looks in all lists for other keys of the ids in out[0..n_out). */
static bool find_clash(struct vs_kway *w, const struct vs_kway_list *lists,
		       size_t n, const struct vs_hit *out, uint32_t n_out,
		       struct vs_kway_clash *clash)
{
	const struct vs_hit *h;
	uint32_t i, place;
	size_t l;

	vs_id_map_clear(&w->ids);
	for (i = 0; i < n_out; i++)
		(void)vs_id_map_put(&w->ids, out[i].id, i);
	for (l = 0; l < n; l++) {
		for (i = 0; i < lists[l].n; i++) {
			h = &lists[l].hits[i];
			if (h->id == VS_ID_NONE)
				break;
			place = vs_id_map_get(&w->ids, h->id);
			if (place == VS_ID_MAP_NONE || out[place].key == h->key)
				continue;
			clash->id = h->id;
			clash->a = find_list(lists, n, &out[place]);
			clash->b = l;
			clash->key_a = out[place].key;
			clash->key_b = h->key;
			return true;
		}
	}
	return false;
}

bool vs_kway_merge(struct vs_kway *w, const struct vs_kway_list *lists,
		   size_t n, uint32_t k, struct vs_hit *out,
		   struct vs_kway_clash *clash)
{
	struct vs_kway_cursor *heap = w->heap;
	size_t n_heap = start(heap, lists, n);
	uint32_t n_out = 0, i;

	while (n_heap > 0 && n_out < k) {
		const struct vs_hit *h = heap[0].at;

		if (n_out == 0 || vs_hit_less(&out[n_out - 1], h))
			out[n_out++] = *h;
		if (++heap[0].at == heap[0].end || heap[0].at->id == VS_ID_NONE)
			heap[0] = heap[--n_heap];
		if (n_heap > 0)
			sift_down(heap, n_heap, 0);
	}
	for (i = n_out; i < k; i++)
		out[i] = (struct vs_hit){ VS_ID_NONE, VS_KEY_WORST };
	return !find_clash(w, lists, n, out, n_out, clash);
}
