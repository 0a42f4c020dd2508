/* shards_split.c - "vs-shard split": copies the rows of a shard out of the
 * inputs.
 */
#include "shards.h"

#include "task.h"

struct args {
	struct vs_tool_args common;
	struct vs_shard_split_args op;
};

static const struct vs_opt rows[] = {
	{ .name = "collection", .letter = 'c', .kind = VS_OPT_TEXT,
	  .metavar = "DIR[@N]", .at = offsetof(struct args, op.collection),
	  .required = true,
	  .help = "the collection; @N for its generation N" },
	{ .name = "part", .kind = VS_OPT_PART, .metavar = "I/N",
	  .at = offsetof(struct args, op.part),
	  .help = "shard I of N, counted from 0",
	  .def_text = "the task id in a Slurm array job" },
	{ .name = "output", .letter = 'o', .kind = VS_OPT_TEXT,
	  .metavar = "DIR", .at = offsetof(struct args, op.out),
	  .help = "directory for the rows",
	  .def_text = "split in the collection" },
	{ .name = "replace", .kind = VS_OPT_FLAG,
	  .at = offsetof(struct args, op.replace),
	  .help = "replace rows of another shard or generation" },
};

static const struct vs_opt_group groups[] = {
	{ .rows = rows, .n = VS_COUNT(rows) },
	VS_GROUP_TOOL,
};

static int run(struct vs_ctx *ctx, void *p, struct vs_err *err)
{
	struct args *a = p;
	int rc = vs_task_part(&a->op.part, err);

	return rc != 0 ? rc : vs_op_shard_split(ctx, &a->op, err);
}

const struct vs_command vs_shard_split = {
	.name = "split",
	.usage = "-c DIR[@N] --part I/N [-o DIR] [options]",
	.about = "Copies the rows of a shard and their ids out of the inputs, "
		 "to a place where its build reads these alone.",
	.options = { .groups = groups, .n_groups = VS_COUNT(groups) },
	.args_size = sizeof(struct args),
	.run = run,
};
