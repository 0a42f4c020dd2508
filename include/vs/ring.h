/* ring.h - the consistent-hash ring: which shard owns an id.
 *
 * D. Karger et al., "Consistent hashing and random trees", STOC 1997, with
 * virtual nodes.  Every shard puts vnodes * weight points on a ring of 2^64
 * positions; an id belongs to the owner of the first POINT at or clockwise
 * after its own position, past the end to the first point of all.  So a shard
 * that is added takes about 1/(N+1) of the ids and no other id moves.
 *
 * Positions are XXH64 (vs_hash_ring) of fixed little-endian bytes and never
 * change, because they say where rows are:
 *
 *   id      8 bytes: u64 id
 *   point  16 bytes: u64 shard number, u64 number of the point in its shard
 *
 * The lengths differ on purpose: were a point 8 bytes too, the small ids would
 * sit exactly on points.
 */
#ifndef VS_RING_H
#define VS_RING_H

#include "vs/ctx.h"

#define VS_RING_SHARDS_MAX 65536u
#define VS_RING_VNODES_MAX 65536u
#define VS_RING_WEIGHT_MAX 1000u
#define VS_RING_POINTS_MAX ((uint64_t)1 << 24)
/* Shares of shards spread by about 1/sqrt(vnodes): 3 % at this. */
#define VS_RING_VNODES 1024u

struct vs_ring;

/* weights: [n_shards], each 1..VS_RING_WEIGHT_MAX; NULL: all 1.  VS_EUSAGE when
 * a number is out of range. */
int vs_ring_create(struct vs_ctx *ctx, const uint32_t *weights,
		   uint32_t n_shards, uint32_t vnodes, struct vs_ring **out,
		   struct vs_err *err) VS_MUST_CHECK;

struct vs_ring_point {
	uint64_t position;
	uint32_t shard;
};

/* A ring of the n points given, in any order; n > 0 and every shard is below
 * n_shards.  Of points at one position the lowest shard owns it. */
int vs_ring_create_points(struct vs_ctx *ctx,
			  const struct vs_ring_point *points, size_t n,
			  uint32_t n_shards, struct vs_ring **out,
			  struct vs_err *err) VS_MUST_CHECK;
void vs_ring_destroy(struct vs_ctx *ctx, struct vs_ring *r);

uint32_t vs_ring_shards(const struct vs_ring *r);
/* Where an id lies on the ring. */
uint64_t vs_ring_position(uint64_t id);
/* The owner of a position. */
uint32_t vs_ring_owner_at(const struct vs_ring *r, uint64_t position);
/* The owner of an id. */
uint32_t vs_ring_owner(const struct vs_ring *r, uint64_t id);

/* Of n ids (n < 2^32) those that shard owns, as their places in ids, ascending;
 * offsets has room for n.  Returns how many.  This is how a build picks its
 * rows out of a block. */
size_t vs_ring_pick(const struct vs_ring *r, uint32_t shard,
		    const uint64_t *ids, size_t n, uint32_t *offsets);

/* counts[s], [n_shards]: how many of the ids first..first+n-1 shard s owns.
 * Parallel. */
int vs_ring_count(struct vs_ctx *ctx, const struct vs_ring *r, uint64_t first,
		  uint64_t n, uint64_t *counts,
		  struct vs_err *err) VS_MUST_CHECK;

#endif
