/* target.h - what a query runs over: one shard, or shards of a collection. */
#ifndef VS_OP_TARGET_H
#define VS_OP_TARGET_H

#include "op_int.h"
#include "vs/manifest.h"
#include "vs/params.h"

struct vs_target {
	struct vs_shard **shard; /* opened, ascending by number */
	uint32_t *number;        /* of each in the collection; 0 if lone */
	size_t n;
	uint32_t n_shards; /* of the whole */
	struct vs_digest collection; /* zero: a lone shard */
	uint64_t generation;
	uint64_t n_rows; /* of the shards opened */
	struct vs_part part; /* as it was found: i of n_shards, or 0/0 */
};

/* path: a shard file, or a collection directory, DIR or DIR@GENERATION.  All
 * shards must agree in index, model, metric, dtype and dimension. */
int vs_target_open(struct vs_ctx *ctx, const char *path,
		   const struct vs_part *part, struct vs_target *out,
		   struct vs_err *err) VS_MUST_CHECK;
/* VS_EDATA unless s is what m says of its shard i. */
int vs_target_check_shard(const struct vs_manifest *m, uint32_t i,
			  const struct vs_shard *s,
			  struct vs_err *err) VS_MUST_CHECK;
void vs_target_close(struct vs_ctx *ctx, struct vs_target *t);

#endif
