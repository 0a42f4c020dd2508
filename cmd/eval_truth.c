/* eval_truth.c - "vs-eval truth": the true neighbours, by brute force. */
#include "eval.h"

#include "vs/num.h"

struct args {
	struct vs_tool_args common;
	struct vs_truth_args op;
};

static const struct vs_opt rows[] = {
	{ .letter = 'k', .kind = VS_OPT_U32, .metavar = "N",
	  .at = offsetof(struct args, op.k), .min = 1, .max = VS_K_MAX,
	  .def = "10", .help = "neighbours of each query" },
	{ VS_ROW_METRIC(struct args), .help = "metric" },
	VS_ROW_FORMAT(struct args),
	{ .name = "distances", .kind = VS_OPT_TEXT, .metavar = "FILE",
	  .at = offsetof(struct args, op.distances),
	  .help = "write the distances too, .fvecs" },
	VS_ROWS_IDS(struct args),
	VS_ROW_OUT(struct args, io.out, "TRUTH",
		   "the true neighbours, .ivecs, .vsh, .usbin or .npy"),
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
	VS_GROUP_IO(struct args),
	VS_GROUP_ZERO(struct args),
	VS_GROUP_NONFINITE(struct args),
	VS_GROUP_TOOL_PLAIN,
};

static int run(struct vs_ctx *ctx, void *p, struct vs_err *err)
{
	struct vs_plan plan = { 0 };
	struct vs_query_report r = { 0 };
	struct args *a = p;
	char n[VS_COUNT_TEXT_MAX], m[VS_COUNT_TEXT_MAX];
	size_t last = a->common.n_operands - 1;
	int rc;

	a->op.io.inputs = a->common.operands;
	a->op.io.n_inputs = last;
	a->op.queries = a->common.operands[last];
	vs_warn_format(ctx, a->op.io.out, a->op.format);
	if (a->common.plan)
		a->op.io.plan = &plan;
	rc = vs_op_truth(ctx, &a->op, &r, err);
	if (rc == 0 && a->common.plan)
		vs_plan_print(ctx, &plan);
	else if (rc == 0 && r.already)
		vs_ctx_log(ctx, VS_LOG_INFO, "%s: already done", a->op.io.out);
	else if (rc == 0)
		vs_ctx_log(ctx, VS_LOG_INFO,
			   "%s queries against %s rows in %.3f s",
			   vs_format_count(r.n_queries, n),
			   vs_format_count(r.n_rows, m), r.secs_total);
	return rc;
}

const struct vs_command vs_eval_truth = {
	.name = "truth",
	.usage = "[-k N] [-m METRIC] [options] -o TRUTH VECTORS... QUERIES",
	.about = "Finds the true neighbours of each query by comparing it "
		 "with every vector.",
	.options = { .hints = hints,
		     .groups = groups, .n_groups = VS_COUNT(groups),
		     .operands = "VECTORS... QUERIES", .min_operands = 2,
		     .max_operands = VS_OPERANDS_ANY },
	.args_size = sizeof(struct args),
	.run = run,
};
