/* vs-merge - merges the hits of many shards into one answer. */
#include "rows.h"

struct args {
	struct vs_tool_args common;
	struct vs_merge_args op;
};

static const struct vs_opt rows[] = {
	{ .letter = 'k', .kind = VS_OPT_U32, .metavar = "N",
	  .at = offsetof(struct args, op.k), .min = 1, .max = VS_K_MAX,
	  .help = "neighbours of each query",
	  .def_text = "the k of the parts" },
	VS_ROW_FORMAT(struct args),
	{ .name = "allow-missing", .kind = VS_OPT_TEXT, .metavar = "LIST|all",
	  .at = offsetof(struct args, op.allow_missing),
	  .help = "go on without these shards (numbers with commas); the "
		  "output says so and the exit status is 3" },
	{ .name = "replace", .kind = VS_OPT_FLAG,
	  .at = offsetof(struct args, op.replace),
	  .help = "replace an output made from other inputs or parameters" },
	{ .name = "recheck", .kind = VS_OPT_FLAG,
	  .at = offsetof(struct args, op.recheck),
	  .help = "compare inputs whole, not by samples, before an output "
		  "counts as already done" },
	VS_ROW_OUT(struct args, out, "HITS", "the merged hits"),
	VS_ROW_PLAN(struct args),
};

static const struct vs_opt_hint hints[] = {
	{ "--k", "-k N" },
	{ "--topk", "-k N" },
	{ "--top-k", "-k N" },
	{ NULL, NULL },
};

static const struct vs_opt_group groups[] = {
	{ .rows = rows, .n = VS_COUNT(rows) },
	VS_GROUP_TOOL,
};

static int run(struct vs_ctx *ctx, void *p, struct vs_err *err)
{
	struct vs_plan plan = { 0 };
	struct args *a = p;
	int rc;

	a->op.parts = a->common.operands;
	a->op.n_parts = a->common.n_operands;
	vs_warn_format(ctx, a->op.out, a->op.format);
	if (a->common.plan)
		a->op.plan = &plan;
	rc = vs_op_merge(ctx, &a->op, err);
	if (rc == 0 && a->common.plan)
		vs_plan_print(ctx, &plan);
	return rc;
}

static const struct vs_command command = {
	.usage = "[-k N] [options] -o HITS PART...",
	.about = "Merges the hits of the shards of a collection.  Parts that "
		 "do not belong together are refused.",
	.options = { .hints = hints,
		     .groups = groups, .n_groups = VS_COUNT(groups),
		     .operands = "PART...", .min_operands = 1,
		     .max_operands = VS_OPERANDS_ANY },
	.args_size = sizeof(struct args),
	.run = run,
};

int main(int argc, char **argv)
{
	static const struct vs_tool tool = { .name = "vs-merge",
					     .commands = &command,
					     .n_commands = 1 };

	return vs_tool_main(&tool, argc, argv);
}
