/* shard_place.h - whether the rows of a shard are those that its manifest gives
 * it: a part of vs-shard verify --verify deep.
 */
#ifndef VS_OP_SHARD_PLACE_H
#define VS_OP_SHARD_PLACE_H

#include "vs/manifest.h"
#include "vs/shard.h"

struct vs_place {
	const struct vs_manifest *m;
	struct vs_ring *ring; /* by hash */
	struct vs_ids *ids;   /* by range, where ids are given */
};

/* Ids that are given and cannot be read any more are not compared, which a
 * warning says. */
int vs_place_open(struct vs_ctx *ctx, const struct vs_manifest *m,
		  struct vs_place *out, struct vs_err *err) VS_MUST_CHECK;
void vs_place_close(struct vs_ctx *ctx, struct vs_place *p);

/* VS_EDATA names the first id of s that is not of shard i. */
int vs_place_check(struct vs_ctx *ctx, const struct vs_place *p, uint32_t i,
		   struct vs_shard *s, struct vs_err *err) VS_MUST_CHECK;

#endif
