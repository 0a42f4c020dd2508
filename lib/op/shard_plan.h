/* shard_plan.h - for vs-shard create: how rows are dealt out to shards. */
#ifndef VS_OP_SHARD_PLAN_H
#define VS_OP_SHARD_PLAN_H

#include "stream.h"
#include "vs/manifest.h"
#include "vs/op.h"

/* Rule, weights and virtual nodes, as args say. */
int vs_shard_plan_rule(const struct vs_shard_create_args *args,
		       struct vs_manifest *m, struct vs_err *err) VS_MUST_CHECK;
/* The rows of each shard, by that rule.  all gives the ids of every row of
 * the input, in order. */
int vs_shard_plan_rows(struct vs_ctx *ctx, struct vs_manifest *m,
		       struct vs_op_stream *all,
		       struct vs_err *err) VS_MUST_CHECK;

#endif
