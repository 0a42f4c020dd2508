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
static void sift_down(struct vs_hit *slots, uint32_t n, uint32_t i)
{
	struct vs_hit moving = slots[i];
	uint32_t child;

	while (i < n / 2) {
		child = 2 * i + 1;
		if (child + 1 < n &&
		    vs_hit_less(&slots[child], &slots[child + 1]))
			child++;
		if (!vs_hit_less(&moving, &slots[child]))
			break;
		slots[i] = slots[child];
		i = child;
	}
	slots[i] = moving;
}

static void sift_up(struct vs_hit *slots, uint32_t i)
{
	struct vs_hit moving = slots[i];

	while (i != 0 && vs_hit_less(&slots[(i - 1) / 2], &moving)) {
		slots[i] = slots[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	slots[i] = moving;
}

bool vs_topk_push(struct vs_topk *t, int64_t key, uint64_t id)
{
	struct vs_hit hit = {.id = id, .key = key};

	if (t->n < t->k) {
		t->slots[t->n] = hit;
		sift_up(t->slots, t->n);
		t->n++;
		return true;
	}
	if (t->k == 0 || !vs_hit_less(&hit, &t->slots[0]))
		return false;
	t->slots[0] = hit;
	sift_down(t->slots, t->n, 0);
	return true;
}

void vs_topk_finish(struct vs_topk *t)
{
	uint32_t n;

	for (n = t->n; n > 1; n--) {
		struct vs_hit worst = t->slots[0];

		t->slots[0] = t->slots[n - 1];
		t->slots[n - 1] = worst;
		sift_down(t->slots, n - 1, 0);
	}
	for (n = t->n; n < t->k; n++) {
		t->slots[n].id = VS_ID_NONE;
		t->slots[n].key = VS_KEY_WORST;
	}
}
