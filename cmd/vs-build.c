/* vs-build - encodes vectors into a shard. */
#include "rows.h"
#include "task.h"

struct args {
	struct vs_tool_args common;
	struct vs_build_args op;
};

static const struct vs_opt rows[] = {
	{ .name = "index", .letter = 'i', .kind = VS_OPT_TEXT,
	  .metavar = "INDEX", .at = offsetof(struct args, op.index),
	  .help = "an index that needs no model: Flat" },
	{ .name = "model", .letter = 'M', .kind = VS_OPT_TEXT,
	  .metavar = "MODEL", .at = offsetof(struct args, op.model),
	  .help = "a model of vs-train, which knows index and metric" },
	{ .name = "collection", .letter = 'c', .kind = VS_OPT_TEXT,
	  .metavar = "DIR", .at = offsetof(struct args, op.collection),
	  .help = "build a shard of a collection (DIR or DIR@GENERATION)" },
	{ .name = "part", .kind = VS_OPT_PART, .metavar = "I/N",
	  .at = offsetof(struct args, op.part),
	  .help = "with -c: shard I of N, counted from 0",
	  .def_text = "the task id in a Slurm array job" },
	{ .name = "split", .kind = VS_OPT_TEXT, .metavar = "DIR",
	  .at = offsetof(struct args, op.split),
	  .help = "with -c: where vs-shard split put the rows",
	  .def_text = "split in the collection, if they are there" },
	VS_ROWS_IDS(struct args),
	{ VS_ROW_METRIC(struct args),
	  .given = offsetof(struct args, op.metric_given),
	  .help = "metric of later searches; beside -M it must agree" },
	{ .name = "checkpoint-every", .kind = VS_OPT_U32, .metavar = "SECS",
	  .at = offsetof(struct args, op.checkpoint_secs), .max = 1000000,
	  .def = "5", .help = "seconds between checkpoints, at least" },
	{ .name = "output", .letter = 'o', .kind = VS_OPT_TEXT,
	  .metavar = "SHARD", .at = offsetof(struct args, op.io.out),
	  .help = "the shard, NAME.vss; not with -c" },
	VS_ROW_PLAN(struct args),
};

static const struct vs_opt_hint hints[] = {
	{ "--nlist", "vs-train -i IVF<nlist>,Flat and then -M MODEL" },
	{ NULL, NULL },
};

static const struct vs_opt_group groups[] = {
	{ .rows = rows, .n = VS_COUNT(rows) },
	VS_GROUP_IO(struct args),
	VS_GROUP_ZERO(struct args),
	VS_GROUP_NONFINITE(struct args),
	VS_GROUP_TOOL,
};

static int check(const struct args *a, struct vs_err *err)
{
	const struct vs_build_args *op = &a->op;
	int n = (op->index != NULL) + (op->model != NULL) +
		(op->collection != NULL);

	if (n != 1)
		return vs_fail(err, VS_EUSAGE,
			       "%s; expected one of -i INDEX, -M MODEL and -c "
			       "DIR",
			       n == 0 ? "nothing says what to build" :
					"contradictory options");
	if (op->collection != NULL && op->io.out != NULL)
		return vs_fail(err, VS_EUSAGE,
			       "-o with -c: the manifest names the shard");
	if (op->collection != NULL && a->common.n_operands != 0)
		return vs_fail(err, VS_EUSAGE,
			       "unexpected operand %s; with -c the manifest "
			       "names the vectors",
			       a->common.operands[0]);
	if (op->collection == NULL && op->part.n != 0)
		return vs_fail(err, VS_EUSAGE, "--part without -c DIR");
	if (op->collection == NULL && op->io.out == NULL)
		return vs_fail(err, VS_EUSAGE, "missing option -o SHARD");
	if (op->collection == NULL && a->common.n_operands == 0)
		return vs_fail(err, VS_EUSAGE,
			       "missing operand; expected VECTORS...");
	return 0;
}

static int run(struct vs_ctx *ctx, void *p, struct vs_err *err)
{
	struct vs_plan plan = { 0 };
	struct args *a = p;
	int rc = check(a, err);

	if (rc == 0 && a->op.collection != NULL)
		rc = vs_task_part(&a->op.part, err);
	if (rc != 0)
		return rc;
	a->op.io.inputs = a->common.operands;
	a->op.io.n_inputs = a->common.n_operands;
	if (a->op.io.out != NULL)
		vs_warn_suffix(ctx, a->op.io.out, "a shard", "vss");
	if (a->common.plan)
		a->op.io.plan = &plan;
	rc = vs_op_build(ctx, &a->op, err);
	if (rc == 0 && a->common.plan)
		vs_plan_print(ctx, &plan);
	return rc;
}

static const struct vs_command command = {
	.usage = "-M MODEL | -i INDEX [options] -o SHARD VECTORS...\n"
		 "       vs-build -c DIR [--part I/N] [options]",
	.about = "Encodes vectors into a shard: a file that is mapped and "
		 "searched as it is.",
	.options = { .hints = hints,
		     .groups = groups, .n_groups = VS_COUNT(groups),
		     .operands = "VECTORS...",
		     .max_operands = VS_OPERANDS_ANY },
	.args_size = sizeof(struct args),
	.run = run,
};

int main(int argc, char **argv)
{
	static const struct vs_tool tool = { .name = "vs-build",
					     .commands = &command,
					     .n_commands = 1 };

	return vs_tool_main(&tool, argc, argv);
}
