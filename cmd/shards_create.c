/* shards_create.c - "vs-shard create": plans a collection of shards. */
#include "shards.h"

struct args {
	struct vs_tool_args common;
	struct vs_shard_create_args op;
};

static const struct vs_opt_word by_words[] = {
	{ "hash", 0 },
	{ "range", 0 },
	{ NULL, 0 },
};

static const struct vs_opt rows[] = {
	{ .name = "collection", .letter = 'c', .kind = VS_OPT_TEXT,
	  .metavar = "DIR", .at = offsetof(struct args, op.collection),
	  .required = true, .help = "directory of the collection" },
	{ .name = "shards", .kind = VS_OPT_U32, .metavar = "N",
	  .at = offsetof(struct args, op.n_shards), .min = 1, .max = 65536,
	  .required = true, .help = "how many shards" },
	{ .name = "by", .kind = VS_OPT_TEXT, .metavar = "RULE",
	  .words = by_words, .at = offsetof(struct args, op.by), .def = "hash",
	  .help = "which shard owns a row: hash, by a consistent-hash ring "
		  "of the ids; range, by its place in the input" },
	{ .name = "weights", .kind = VS_OPT_TEXT, .metavar = "W,W,...",
	  .at = offsetof(struct args, op.weights),
	  .help = "shares of the shards, a whole number for each",
	  .def_text = "all the same" },
	{ .name = "vnodes", .kind = VS_OPT_U32, .metavar = "N",
	  .at = offsetof(struct args, op.vnodes), .min = 1, .max = 65536,
	  .given = offsetof(struct args, op.vnodes_given), .def = "1024",
	  .help = "with hash: points of a shard of weight 1 on the ring" },
	VS_ROWS_IDS(struct args),
	{ .name = "index", .letter = 'i', .kind = VS_OPT_TEXT,
	  .metavar = "INDEX", .at = offsetof(struct args, op.index),
	  .help = "an index that needs no model: Flat" },
	{ .name = "model", .letter = 'M', .kind = VS_OPT_TEXT,
	  .metavar = "MODEL", .at = offsetof(struct args, op.model),
	  .help = "a model of vs-train, which knows index and metric" },
	{ VS_ROW_METRIC(struct args),
	  .given = offsetof(struct args, op.metric_given),
	  .help = "metric of later searches; beside -M it must agree" },
	VS_ROW_PLAN(struct args),
};

static const struct vs_opt_group groups[] = {
	{ .rows = rows, .n = VS_COUNT(rows) },
	VS_GROUP_INPUT(struct args),
	VS_GROUP_NONFINITE(struct args),
	VS_GROUP_TOOL,
};

static int run(struct vs_ctx *ctx, void *p, struct vs_err *err)
{
	struct vs_plan plan = { 0 };
	struct args *a = p;
	int rc;

	if ((a->op.index != NULL) == (a->op.model != NULL))
		return vs_fail(err, VS_EUSAGE,
			       "expected either -i INDEX or -M MODEL");
	a->op.io.inputs = a->common.operands;
	a->op.io.n_inputs = a->common.n_operands;
	if (a->common.plan)
		a->op.io.plan = &plan;
	rc = vs_op_shard_create(ctx, &a->op, err);
	if (rc == 0 && a->common.plan)
		vs_plan_print(ctx, &plan);
	return rc;
}

const struct vs_command vs_shard_create = {
	.name = "create",
	.usage = "-c DIR --shards N -M MODEL | -i INDEX [options] VECTORS...",
	.about = "Plans a collection: writes the manifest that says which "
		 "shard owns which row.",
	.options = { .groups = groups, .n_groups = VS_COUNT(groups),
		     .operands = "VECTORS...", .min_operands = 1,
		     .max_operands = VS_OPERANDS_ANY },
	.args_size = sizeof(struct args),
	.run = run,
};
