/* ring.c - points sorted by position, and a table that knows most answers.
 *
 * The top bits of a position choose a bucket.  Most buckets hold no point: all
 * their positions have one owner, and the table says which.  In the others the
 * points are searched from the first one on.
 */
#include "vs/ring.h"

#include <stdlib.h>

#include "vs/hash.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"

#define COUNT_BLOCK ((uint64_t)1 << 20) /* ids that a thread counts at once */
#define BATCH 64 /* ids hashed before they are looked up */
#define BUCKET_BITS_MAX 22
#define HAS_POINTS 0x80000000u

struct vs_ring {
	uint64_t *position; /* [n_points], ascending */
	uint32_t *shard;    /* [n_points + 1]: the last is the first again */
	/* A shard, or HAS_POINTS and the number of the first point. */
	uint32_t *bucket;
	size_t n_points;
	unsigned shift; /* position >> shift is the bucket */
	uint32_t n_shards;
};

static int by_position(const void *a, const void *b)
{
	const struct vs_ring_point *x = a, *y = b;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return (x->shard > y->shard) - (x->shard < y->shard);
}

static void fill_buckets(struct vs_ring *r, size_t n_buckets)
{
	size_t b, i = 0, first;

	for (b = 0; b < n_buckets; b++) {
		first = i;
		while (i < r->n_points && r->position[i] >> r->shift == b)
			i++;
		r->bucket[b] =
			first == i ? r->shard[i] : HAS_POINTS | (uint32_t)first;
	}
}

/* Makes the ring of sorted points. */
static int build(struct vs_ctx *ctx, const struct vs_ring_point *points,
		 size_t n, struct vs_ring *r, struct vs_err *err)
{
	unsigned bits = 4;
	size_t i;

	/* 16 buckets for each point, within a few megabytes. */
	while ((size_t)1 << bits < 16 * n && bits < BUCKET_BITS_MAX)
		bits++;
	r->n_points = n;
	r->shift = 64 - bits;
	r->position = vs_alloc(ctx, n, sizeof(*r->position), "ring", err);
	if (r->position == NULL)
		return VS_ENOMEM;
	r->shard = vs_alloc(ctx, n + 1, sizeof(*r->shard), "ring", err);
	if (r->shard == NULL)
		return VS_ENOMEM;
	r->bucket = vs_alloc(ctx, (size_t)1 << bits, sizeof(*r->bucket), "ring",
			     err);
	if (r->bucket == NULL)
		return VS_ENOMEM;
	for (i = 0; i < n; i++) {
		r->position[i] = points[i].position;
		r->shard[i] = points[i].shard;
	}
	r->shard[n] = points[0].shard;
	fill_buckets(r, (size_t)1 << bits);
	return 0;
}

/* As vs_ring_create_points, but sorts the points where they are. */
static int create_sorting(struct vs_ctx *ctx, struct vs_ring_point *points,
			  size_t n, uint32_t n_shards, struct vs_ring **out,
			  struct vs_err *err)
{
	struct vs_ring *r;
	int rc;

	*out = NULL;
	r = vs_zalloc(ctx, 1, sizeof(*r), "ring", err);
	if (r == NULL)
		return VS_ENOMEM;
	r->n_shards = n_shards;
	qsort(points, n, sizeof(*points), by_position);
	rc = build(ctx, points, n, r, err);
	if (rc != 0) {
		vs_ring_destroy(ctx, r);
		return rc;
	}
	*out = r;
	return 0;
}

int vs_ring_create_points(struct vs_ctx *ctx,
			  const struct vs_ring_point *points, size_t n,
			  uint32_t n_shards, struct vs_ring **out,
			  struct vs_err *err)
{
	struct vs_ring_point *copy;
	size_t i;
	int rc;

	*out = NULL;
	if (n == 0 || n > VS_RING_POINTS_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "ring: %zu points; expected 1 to %llu", n,
			       (unsigned long long)VS_RING_POINTS_MAX);
	for (i = 0; i < n; i++)
		if (points[i].shard >= n_shards)
			return vs_fail(err, VS_EUSAGE,
				       "ring: a point of shard %u; expected "
				       "shards below %u",
				       points[i].shard, n_shards);
	copy = vs_alloc(ctx, n, sizeof(*copy), "ring", err);
	if (copy == NULL)
		return VS_ENOMEM;
	memcpy(copy, points, n * sizeof(*copy));
	rc = create_sorting(ctx, copy, n, n_shards, out, err);
	vs_free(ctx, copy);
	return rc;
}

static uint32_t weight_of(const uint32_t *weights, uint32_t shard)
{
	return weights == NULL ? 1 : weights[shard];
}

/* Checks the ranges and counts the points; no product here overflows. */
static int count_points(const uint32_t *weights, uint32_t n_shards,
			uint32_t vnodes, uint64_t *n_points, struct vs_err *err)
{
	uint64_t n = 0;
	uint32_t s, w;

	if (n_shards < 1 || n_shards > VS_RING_SHARDS_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "ring: %u shards; expected 1 to %u", n_shards,
			       VS_RING_SHARDS_MAX);
	if (vnodes < 1 || vnodes > VS_RING_VNODES_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "ring: %u virtual nodes; expected 1 to %u",
			       vnodes, VS_RING_VNODES_MAX);
	for (s = 0; s < n_shards; s++) {
		w = weight_of(weights, s);
		if (w < 1 || w > VS_RING_WEIGHT_MAX)
			return vs_fail(err, VS_EUSAGE,
				       "ring: weight %u of shard %u; expected "
				       "1 to %u",
				       w, s, VS_RING_WEIGHT_MAX);
		n += (uint64_t)vnodes * w;
	}
	if (n > VS_RING_POINTS_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "ring: %llu points of %u shards; expected at "
			       "most %llu; use fewer virtual nodes",
			       (unsigned long long)n, n_shards,
			       (unsigned long long)VS_RING_POINTS_MAX);
	*n_points = n;
	return 0;
}

static uint64_t point_position(uint32_t shard, uint64_t number)
{
	uint8_t b[16];

	vs_put_le64(b, shard);
	vs_put_le64(b + 8, number);
	return vs_hash_ring(b, sizeof(b));
}

int vs_ring_create(struct vs_ctx *ctx, const uint32_t *weights,
		   uint32_t n_shards, uint32_t vnodes, struct vs_ring **out,
		   struct vs_err *err)
{
	struct vs_ring_point *points;
	uint64_t n_points = 0, v, n = 0;
	uint32_t s;
	int rc;

	*out = NULL;
	rc = count_points(weights, n_shards, vnodes, &n_points, err);
	if (rc != 0)
		return rc;
	points = vs_alloc(ctx, (size_t)n_points, sizeof(*points), "ring", err);
	if (points == NULL)
		return VS_ENOMEM;
	for (s = 0; s < n_shards; s++) {
		uint64_t own = (uint64_t)vnodes * weight_of(weights, s);

		for (v = 0; v < own; v++, n++) {
			points[n].position = point_position(s, v);
			points[n].shard = s;
		}
	}
	rc = create_sorting(ctx, points, (size_t)n, n_shards, out, err);
	vs_free(ctx, points);
	return rc;
}

void vs_ring_destroy(struct vs_ctx *ctx, struct vs_ring *r)
{
	if (r == NULL)
		return;
	vs_free(ctx, r->position);
	vs_free(ctx, r->shard);
	vs_free(ctx, r->bucket);
	vs_free(ctx, r);
}

uint32_t vs_ring_shards(const struct vs_ring *r)
{
	return r->n_shards;
}

uint64_t vs_ring_position(uint64_t id)
{
	uint8_t b[8];

	vs_put_le64(b, id);
	return vs_hash_ring(b, sizeof(b));
}

uint32_t vs_ring_owner_at(const struct vs_ring *r, uint64_t position)
{
	uint32_t entry = r->bucket[position >> r->shift];
	size_t i;

	if (!(entry & HAS_POINTS))
		return entry;
	i = entry & ~HAS_POINTS;
	while (i < r->n_points && r->position[i] < position)
		i++;
	return r->shard[i];
}

uint32_t vs_ring_owner(const struct vs_ring *r, uint64_t id)
{
	return vs_ring_owner_at(r, vs_ring_position(id));
}

/* Owners of n <= BATCH ids.  Hashing first keeps many hashes in flight, which
 * branches of the look-up would break up. */
static void find_owners(const struct vs_ring *r, const uint64_t *ids, size_t n,
			uint32_t *owners)
{
	uint64_t position[BATCH];
	size_t i;

	for (i = 0; i < n; i++)
		position[i] = vs_ring_position(ids[i]);
	for (i = 0; i < n; i++)
		owners[i] = vs_ring_owner_at(r, position[i]);
}

size_t vs_ring_pick(const struct vs_ring *r, uint32_t shard,
		    const uint64_t *ids, size_t n, uint32_t *offsets)
{
	uint32_t owners[BATCH];
	size_t at, i, take, found = 0;

	for (at = 0; at < n; at += take) {
		take = vs_min_size(n - at, BATCH);
		find_owners(r, ids + at, take, owners);
		for (i = 0; i < take; i++) {
			offsets[found] = (uint32_t)(at + i);
			found += owners[i] == shard;
		}
	}
	return found;
}

struct counting {
	const struct vs_ring *ring;
	uint64_t first, n;
	uint64_t *counts; /* [n_threads][n_shards] */
};

static int count_block(void *arg, size_t item, unsigned thread,
		       struct vs_err *err)
{
	const struct counting *c = arg;
	uint64_t *counts = c->counts + (size_t)thread * c->ring->n_shards;
	uint64_t id = item * COUNT_BLOCK;
	uint64_t end = vs_min_u64(c->n, id + COUNT_BLOCK);
	uint64_t ids[BATCH];
	uint32_t owners[BATCH];
	size_t i, take;

	(void)err;
	for (; id < end; id += take) {
		take = (size_t)vs_min_u64(end - id, BATCH);
		for (i = 0; i < take; i++)
			ids[i] = c->first + id + i;
		find_owners(c->ring, ids, take, owners);
		for (i = 0; i < take; i++)
			counts[owners[i]]++;
	}
	return 0;
}

int vs_ring_count(struct vs_ctx *ctx, const struct vs_ring *r, uint64_t first,
		  uint64_t n, uint64_t *counts, struct vs_err *err)
{
	struct counting c = { .ring = r, .first = first, .n = n };
	size_t t, s;
	int rc;

	c.counts = vs_zalloc(ctx, (size_t)ctx->n_threads * r->n_shards,
			     sizeof(*c.counts), "row counts", err);
	if (c.counts == NULL)
		return VS_ENOMEM;
	rc = vs_par_for(ctx, (size_t)vs_div_up(n, COUNT_BLOCK), count_block, &c,
			err);
	memset(counts, 0, r->n_shards * sizeof(*counts));
	for (t = 0; rc == 0 && t < ctx->n_threads; t++)
		for (s = 0; s < r->n_shards; s++)
			counts[s] += c.counts[t * r->n_shards + s];
	vs_free(ctx, c.counts);
	return rc;
}
