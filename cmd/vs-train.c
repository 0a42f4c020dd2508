/* vs-train - learns centroids from a sample of the vectors. */
#include "rows.h"

struct args {
	struct vs_tool_args common;
	struct vs_train_args op;
	bool partial;
	bool reduce;
	bool checkpoint_given;
};

static const struct vs_opt_word words_kmeans[] = {
	{ "auto", VS_TRAIN_AUTO },
	{ "flat", VS_TRAIN_FLAT },
	{ "two-level", VS_TRAIN_TWO_LEVEL },
	{ NULL, 0 },
};

static const struct vs_opt rows[] = {
	{ .name = "index", .letter = 'i', .kind = VS_OPT_TEXT,
	  .metavar = "INDEX", .at = offsetof(struct args, op.index),
	  .required = true, .help = "what to train for: IVF<nlist>,Flat" },
	{ VS_ROW_METRIC(struct args), .help = "metric of later searches" },
	{ .name = "sample", .kind = VS_OPT_U64, .metavar = "ROWS",
	  .at = offsetof(struct args, op.sample), .min = 1,
	  .help = "rows to train on, chosen by the seed",
	  .def_text = "256 for each centroid" },
	{ .name = "iterations", .kind = VS_OPT_U32, .metavar = "N",
	  .at = offsetof(struct args, op.iterations), .min = 1, .max = 1000,
	  .def = "10", .help = "iterations of k-means" },
	{ .name = "kmeans", .kind = VS_OPT_WORD, .metavar = "WORD",
	  .words = words_kmeans, .at = offsetof(struct args, op.kmeans),
	  .def = "auto",
	  .help = "compare rows with all centroids, or in two levels" },
	{ .name = "seed", .kind = VS_OPT_U64, .metavar = "N",
	  .at = offsetof(struct args, op.seed), .def = "1",
	  .help = "of all random choices" },
	{ .name = "partial", .kind = VS_OPT_FLAG,
	  .at = offsetof(struct args, partial),
	  .help = "of training over many machines: the sums of a part" },
	{ .name = "reduce", .kind = VS_OPT_FLAG,
	  .at = offsetof(struct args, reduce),
	  .help = "of the same: the next centroids, or the model" },
	{ .name = "part", .kind = VS_OPT_PART, .metavar = "I/N",
	  .at = offsetof(struct args, op.part),
	  .help = "with --partial: part I of N, counted from 0" },
	{ .name = "steps", .kind = VS_OPT_TEXT, .metavar = "DIR",
	  .at = offsetof(struct args, op.steps),
	  .help = "with these: where the tasks leave files for each other" },
	{ .name = "checkpoint-every", .kind = VS_OPT_U32, .metavar = "SECS",
	  .at = offsetof(struct args, op.checkpoint_secs), .max = 1000000,
	  .given = offsetof(struct args, checkpoint_given),
	  .def = "5", .help = "seconds between checkpoints, at least" },
	VS_ROW_OUT(struct args, io.out, "MODEL", "the model, NAME.vsm"),
	VS_ROW_PLAN(struct args),
};

static const struct vs_opt_hint hints[] = {
	{ "--nlist", "-i IVF<nlist>,Flat" },
	{ "-k", "-i IVF<nlist>,Flat" },
	{ "--clusters", "-i IVF<nlist>,Flat" },
	{ NULL, NULL },
};

static const struct vs_opt_group groups[] = {
	{ .rows = rows, .n = VS_COUNT(rows) },
	VS_GROUP_IO(struct args),
	VS_GROUP_ZERO(struct args),
	VS_GROUP_NONFINITE(struct args),
	VS_GROUP_TOOL_PLAIN,
};

/* Which half of training, if any; options that go together. */
static int choose_half(struct args *a, struct vs_err *err)
{
	bool half = a->partial || a->reduce;

	if (a->partial && a->reduce)
		return vs_fail(err, VS_EUSAGE, "--partial with --reduce; "
			       "these are two tasks: give one");
	if (half && a->op.steps == NULL)
		return vs_fail(err, VS_EUSAGE, "--partial or --reduce without "
			       "--steps DIR");
	if (!half && a->op.steps != NULL)
		return vs_fail(err, VS_EUSAGE, "--steps without --partial or "
			       "--reduce");
	if (a->partial && a->op.part.n == 0)
		return vs_fail(err, VS_EUSAGE, "--partial without --part I/N");
	if (!a->partial && a->op.part.n != 0)
		return vs_fail(err, VS_EUSAGE, "--part without --partial");
	if (half && a->checkpoint_given)
		return vs_fail(err, VS_EUSAGE, "--checkpoint-every with "
			       "--partial or --reduce, whose files between "
			       "steps are the checkpoints; leave it out");
	a->op.half = a->partial ? VS_TRAIN_PARTIAL :
		     a->reduce	? VS_TRAIN_REDUCE :
				  VS_TRAIN_WHOLE;
	return 0;
}

static int run(struct vs_ctx *ctx, void *p, struct vs_err *err)
{
	struct vs_plan plan = { 0 };
	struct args *a = p;
	int rc = choose_half(a, err);

	if (rc != 0)
		return rc;
	a->op.io.inputs = a->common.operands;
	a->op.io.n_inputs = a->common.n_operands;
	vs_warn_suffix(ctx, a->op.io.out, "a model", "vsm");
	if (a->common.plan)
		a->op.io.plan = &plan;
	rc = vs_op_train(ctx, &a->op, err);
	if (rc == 0 && a->common.plan)
		vs_plan_print(ctx, &plan);
	return rc;
}

static const struct vs_command command = {
	.usage = "-i INDEX [options] -o MODEL VECTORS...",
	.about = "Learns from a sample of the vectors all that INDEX needs, "
		 "and writes a model.",
	.options = { .hints = hints,
		     .groups = groups, .n_groups = VS_COUNT(groups),
		     .operands = "VECTORS...", .min_operands = 1,
		     .max_operands = VS_OPERANDS_ANY },
	.args_size = sizeof(struct args),
	.run = run,
};

int main(int argc, char **argv)
{
	static const struct vs_tool tool = { .name = "vs-train",
					     .commands = &command,
					     .n_commands = 1 };

	return vs_tool_main(&tool, argc, argv);
}
