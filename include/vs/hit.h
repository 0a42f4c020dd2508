/* hit.h - one answer of a search, its total order, and the k best of a query.
 *
 * A hit carries a rank key: an integer that is smaller for a nearer row under
 * every metric.  So every heap, merge and comparison is the same integer
 * order (key, then id), whatever the metric; the direction of a similarity
 * cannot be got wrong.  Keys convert exactly to and from canonical values:
 *
 *   integer rows  L2, L1: the distance; IP: the product negated
 *   f32 rows      the value's bits as an ordered integer (sign-magnitude to
 *                 two's complement), negated for similarities; NaN is worst
 */
#ifndef VS_HIT_H
#define VS_HIT_H

#include <math.h>

#include "vs/err.h"
#include "vs/num.h"
#include "vs/types.h"

struct vs_hit {
	uint64_t id; /* VS_ID_NONE pads */
	int64_t key;
};

#define VS_KEY_WORST INT64_MAX

static inline bool vs_hit_less(const struct vs_hit *a, const struct vs_hit *b)
{
	return a->key < b->key || (a->key == b->key && a->id < b->id);
}

static inline int64_t vs_key_of_f32(float value, bool similarity)
{
	uint32_t u = vs_f32_bits(value);
	int64_t ordered;

	if (value != value)
		return (int64_t)INT32_MAX + 1;
	ordered = u >> 31 ? -(int64_t)(u & 0x7fffffffu) : (int64_t)u;
	return similarity ? -ordered : ordered;
}

static inline float vs_f32_of_key(int64_t key, bool similarity)
{
	int64_t ordered = similarity ? -key : key;

	if (key > INT32_MAX)
		return NAN;
	return vs_bits_f32(ordered < 0 ? 0x80000000u | (uint32_t)-ordered :
					 (uint32_t)ordered);
}

/* The user's value of a key: squared L2, L1, product or cosine. */
double vs_key_value(enum vs_metric metric, enum vs_dtype dtype, int64_t key);
/* The same as text that says it exactly: integers for 8-bit rows, otherwise
 * nine digits, which read back to the same f32. */
#define VS_KEY_TEXT_MAX 48
void vs_key_text(enum vs_metric metric, enum vs_dtype dtype, int64_t key,
		 char out[VS_KEY_TEXT_MAX]);

/* The largest key within a radius of range searches: distances of at most r, or
 * similarities of at least r, as values are printed.  Where these are floats r
 * is taken for the nearest one.  VS_EUSAGE for what no row can be within: a
 * negative distance, a cosine beyond 1, and for what is no number. */
int vs_radius_key(enum vs_metric metric, enum vs_dtype dtype, double r,
		  int64_t *key, struct vs_err *err) VS_MUST_CHECK;

/* The k best of one query.  Few are kept in a max-heap.  Many are kept in a
 * pool of 2 k slots that is cut back to the k best, in linear time, whenever it
 * is full: a push then costs a few nanoseconds where a heap of 100 takes as
 * long as the distance.  Starts as { .slots = ..., .k = k, .limit =
 * VS_KEY_WORST }. */
struct vs_topk {
	struct vs_hit *slots; /* [vs_topk_slots(k)] */
	uint64_t *where; /* beside slots: what was pushed with them; or NULL */
	uint32_t k;
	uint32_t n;
	int64_t limit; /* a larger key has no chance */
	/* Rows may be pushed more than once, with keys that need not be the
	 * same: of each id the best is kept. */
	bool unique;
};

#define VS_TOPK_HEAP_MAX 16u /* the largest k that is a heap */

static inline uint64_t vs_topk_slots(uint32_t k)
{
	return k <= VS_TOPK_HEAP_MAX ? k : 2 * (uint64_t)k;
}

/* Keeps the hit while it may be among the k best; true when limit may have
 * changed. */
bool vs_topk_push(struct vs_topk *t, int64_t key, uint64_t id, uint64_t where);
/* Of each id the best stays, in no order. */
void vs_topk_drop_again(struct vs_topk *t);
/* Leaves the k best in slots[0..k), ascending, padded with id VS_ID_NONE and
 * key VS_KEY_WORST. */
void vs_topk_finish(struct vs_topk *t);

#endif
