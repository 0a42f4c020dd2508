/* hit.c - the k best of one query, and what keys mean to people. */
#include "vs/hit.h"

#include "hits_int.h"

double vs_key_value(enum vs_metric metric, enum vs_dtype dtype, int64_t key)
{
	bool similarity = vs_metric_is_similarity(metric);

	if (vs_hits_float_keys(metric, dtype))
		return (double)vs_f32_of_key(key, similarity);
	/* Negated as an integer: key 0 is 0, not -0.0. */
	return (double)(similarity ? (int64_t)(0 - (uint64_t)key) : key);
}

/* Moves the hit at slot i towards the leaves of a max-heap of n slots. */
/* A hit and what stands beside it. */
struct slot {
	struct vs_hit hit;
	uint64_t where;
};

static inline struct slot get(const struct vs_topk *t, size_t i)
{
	const struct slot s = { t->slots[i], t->where ? t->where[i] : 0 };

	return s;
}

static inline void put(struct vs_topk *t, size_t i, const struct slot *s)
{
	t->slots[i] = s->hit;
	if (t->where != NULL)
		t->where[i] = s->where;
}

static inline void copy(struct vs_topk *t, size_t to, size_t from)
{
	t->slots[to] = t->slots[from];
	if (t->where != NULL)
		t->where[to] = t->where[from];
}

static void swap(struct vs_topk *t, size_t a, size_t b)
{
	const struct slot s = get(t, a);

	copy(t, a, b);
	put(t, b, &s);
}

static void sift_down(struct vs_topk *t, uint32_t n, uint32_t i)
{
	const struct slot moving = get(t, i);
	uint32_t child;

	while (i < n / 2) {
		child = 2 * i + 1;
		if (child + 1 < n &&
		    vs_hit_less(&t->slots[child], &t->slots[child + 1]))
			child++;
		if (!vs_hit_less(&moving.hit, &t->slots[child]))
			break;
		copy(t, i, child);
		i = child;
	}
	put(t, i, &moving);
}

static void sift_up(struct vs_topk *t, uint32_t i)
{
	const struct slot moving = get(t, i);

	while (i != 0 && vs_hit_less(&t->slots[(i - 1) / 2], &moving.hit)) {
		copy(t, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
	put(t, i, &moving);
}

/* Where the heap holds this id; n if it does not. */
static uint32_t find_id(const struct vs_topk *t, uint64_t id)
{
	uint32_t i = 0;

	while (i < t->n && t->slots[i].id != id)
		i++;
	return i;
}

static bool push_heap(struct vs_topk *t, const struct slot *s)
{
	uint32_t at = t->n;

	if (t->n == t->k && (t->k == 0 || !vs_hit_less(&s->hit, &t->slots[0])))
		return false;
	if (t->unique)
		at = find_id(t, s->hit.id);
	if (at < t->n) {
		if (s->hit.key >= t->slots[at].key)
			return false;
		put(t, at, s);
		sift_down(t, t->n, at);
	} else if (t->n < t->k) {
		put(t, t->n, s);
		sift_up(t, t->n);
		t->n++;
	} else {
		put(t, 0, s);
		sift_down(t, t->n, 0);
	}
	if (t->n < t->k)
		return false;
	t->limit = t->slots[0].key;
	return true;
}

/* Moves the k least of n > k slots to the front: quickselect (Hoare, Find,
 * CACM 4, 1961) with the median of three as pivot. */
static void select_least(struct vs_topk *t, size_t n, size_t k)
{
	const struct vs_hit *s = t->slots;
	size_t lo = 0, hi = n - 1, i, j, mid;
	struct vs_hit pivot;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (vs_hit_less(&s[mid], &s[lo]))
			swap(t, mid, lo);
		if (vs_hit_less(&s[hi], &s[lo]))
			swap(t, hi, lo);
		if (vs_hit_less(&s[hi], &s[mid]))
			swap(t, hi, mid);
		pivot = s[mid];
		i = lo;
		j = hi;
		while (i <= j) {
			while (vs_hit_less(&s[i], &pivot))
				i++;
			while (vs_hit_less(&pivot, &s[j]))
				j--;
			if (i > j)
				break;
			swap(t, i++, j);
			if (j == 0)
				break;
			j--;
		}
		if (k - 1 <= j)
			hi = j;
		else if (k - 1 >= i)
			lo = i;
		else
			break;
	}
}

static bool id_less(const struct vs_hit *a, const struct vs_hit *b)
{
	return a->id < b->id || (a->id == b->id && a->key < b->key);
}

/* Sorts by id, then key (Shell, CACM 2, 1959; gaps of Knuth). */
static void sort_by_id(struct vs_topk *t)
{
	uint32_t gap = 1, i, at;

	while (gap < t->n / 3)
		gap = 3 * gap + 1;
	for (; gap > 0; gap /= 3)
		for (i = gap; i < t->n; i++) {
			const struct slot moving = get(t, i);

			for (at = i; at >= gap &&
				     id_less(&moving.hit, &t->slots[at - gap]);
			     at -= gap)
				copy(t, at, at - gap);
			put(t, at, &moving);
		}
}

void vs_topk_drop_again(struct vs_topk *t)
{
	uint32_t i, n = 0;

	sort_by_id(t);
	for (i = 0; i < t->n; i++)
		if (i == 0 || t->slots[i].id != t->slots[n - 1].id)
			copy(t, n++, i);
	t->n = n;
}

/* Cuts the pool back to the k best. */
static void cut(struct vs_topk *t)
{
	uint32_t i;

	if (t->unique)
		vs_topk_drop_again(t);
	if (t->n < t->k)
		return;
	if (t->n > t->k)
		select_least(t, t->n, t->k);
	t->n = t->k;
	t->limit = t->slots[0].key;
	for (i = 1; i < t->k; i++)
		if (t->slots[i].key > t->limit)
			t->limit = t->slots[i].key;
}

bool vs_topk_push(struct vs_topk *t, int64_t key, uint64_t id, uint64_t where)
{
	const struct slot s = { { .id = id, .key = key }, where };

	if (key > t->limit)
		return false;
	if (t->k <= VS_TOPK_HEAP_MAX)
		return push_heap(t, &s);
	put(t, t->n++, &s);
	if (t->n < vs_topk_slots(t->k))
		return false;
	cut(t);
	return true;
}

void vs_topk_finish(struct vs_topk *t)
{
	uint32_t n;

	if (t->n > t->k || (t->unique && t->k > VS_TOPK_HEAP_MAX))
		cut(t);
	for (n = t->n / 2; n > 0; n--)
		sift_down(t, t->n, n - 1);
	for (n = t->n; n > 1; n--) {
		swap(t, 0, n - 1);
		sift_down(t, n - 1, 0);
	}
	for (n = t->n; n < t->k; n++) {
		t->slots[n].id = VS_ID_NONE;
		t->slots[n].key = VS_KEY_WORST;
	}
}
