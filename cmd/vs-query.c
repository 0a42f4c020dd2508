/* vs-query - searches a shard or a collection with a batch of queries. */
#include "rows.h"
#include "task.h"

#include <string.h>

#include "vs/file.h"
#include "vs/num.h"

#define OPERANDS "SHARD|COLLECTION QUERIES..."

struct args {
	struct vs_tool_args common;
	struct vs_query_args op;
	bool k_given;
};

static const struct vs_opt rows[] = {
	{ .letter = 'k', .kind = VS_OPT_U32, .metavar = "N",
	  .at = offsetof(struct args, op.k), .min = 1, .max = VS_K_MAX,
	  .given = offsetof(struct args, k_given),
	  .def = "10", .help = "neighbours of each query",
	  .def_text = "10; with --radius all that are within" },
	{ .name = "radius", .kind = VS_OPT_REAL, .metavar = "R",
	  .at = offsetof(struct args, op.radius),
	  .given = offsetof(struct args, op.within),
	  .help = "only rows whose distance, as it is printed, is at most R, "
		  "or whose score is at least R" },
	{ .name = "params", .letter = 'p', .kind = VS_OPT_TEXT,
	  .metavar = "NAME=N,...", .at = offsetof(struct args, op.params),
	  .help = "how to search: nprobe=N, the cells that are read for each "
		  "query; taper=T, fewer where cells are far",
	  .def_text = "the square root of nlist" },
	VS_ROW_FORMAT(struct args),
	{ .name = "part", .kind = VS_OPT_PART, .metavar = "I/N",
	  .at = offsetof(struct args, op.part),
	  .help = "search only shard I of the N of a collection",
	  .def_text = "all; with -o DIR/ the task id in a Slurm array job" },
	{ .name = "stream", .kind = VS_OPT_FLAG,
	  .at = offsetof(struct args, op.stream),
	  .help = "answer queries as they come through a pipe, in tsv or "
		  "jsonl" },
	{ .name = "self", .kind = VS_OPT_FLAG,
	  .at = offsetof(struct args, op.self),
	  .help = "every row of the shard is a query, and no neighbour of "
		  "itself; --part is a slice of them" },
	VS_ROW_OUT(struct args, io.out, "HITS",
		   "the hits; DIR/ names a file of the part inside"),
	VS_ROW_PLAN(struct args),
};

static const struct vs_opt_hint hints[] = {
	{ "--nprobe", "-p nprobe=N" },
	{ "--k", "-k N" },
	{ "--topk", "-k N" },
	{ "--top-k", "-k N" },
	{ "--metric", "vs-train -m or vs-build -m: the shard knows it" },
	{ "-m", "vs-train -m or vs-build -m: the shard knows it" },
	{ "--nonfinite", "that of vs-build: queries are never dropped, since "
			 "that would renumber the others" },
	{ NULL, NULL },
};

static const struct vs_opt_group groups[] = {
	{ .rows = rows, .n = VS_COUNT(rows) },
	VS_GROUP_IO(struct args),
	VS_GROUP_ZERO(struct args),
	VS_GROUP_TOOL,
};

static double rate(uint64_t n, double secs)
{
	return secs > 0 ? (double)n / secs : 0;
}

static void say(struct vs_ctx *ctx, const struct args *a,
		const struct vs_query_report *r)
{
	char n[VS_COUNT_TEXT_MAX], whole[VS_COUNT_TEXT_MAX];
	char search[VS_COUNT_TEXT_MAX];

	if (r->already) {
		vs_ctx_log(ctx, VS_LOG_INFO, "%s: already done", a->op.io.out);
		return;
	}
	vs_ctx_log(ctx, VS_LOG_INFO,
		   "%s queries in %.3f s: %s queries/s searching, %s "
		   "queries/s in all, %u thread%s",
		   vs_format_count(r->n_queries, n), r->secs_total,
		   vs_format_count((uint64_t)rate(r->n_queries,
						  r->secs_search),
				   search),
		   vs_format_count((uint64_t)rate(r->n_queries, r->secs_total),
				   whole),
		   a->common.threads, a->common.threads == 1 ? "" : "s");
}

static int run(struct vs_ctx *ctx, void *p, struct vs_err *err)
{
	struct vs_plan plan = { 0 };
	struct vs_query_report report = { 0 };
	struct args *a = p;
	const char *out = a->op.io.out;
	int rc = 0;

	/* Only a directory of parts says that each task does one: an array
	 * job may as well run over files of queries. */
	if (out[strlen(out) - 1] == '/' || vs_path_is_dir(ctx, out))
		rc = vs_task_part(&a->op.part, err);
	if (rc != 0)
		return rc;
	if (a->common.n_operands < 2 && !a->op.self)
		return vs_fail(err, VS_EUSAGE, "missing operand; expected %s",
			       OPERANDS);
	a->op.target = a->common.operands[0];
	a->op.io.inputs = a->common.operands + 1;
	a->op.io.n_inputs = a->common.n_operands - 1;
	if (a->op.within && !a->k_given)
		a->op.k = 0;
	vs_warn_format(ctx, out, a->op.format);
	if (a->common.plan)
		a->op.io.plan = &plan;
	rc = vs_op_query(ctx, &a->op, &report, err);
	if (rc == 0 && a->common.plan)
		vs_plan_print(ctx, &plan);
	else if (rc == 0)
		say(ctx, a, &report);
	return rc;
}

static const struct vs_command command = {
	.usage = "[-k N] [-p nprobe=N] [options] -o HITS SHARD|COLLECTION "
		 "QUERIES...|--self",
	.about = "Searches a shard, or a collection of them, for the nearest "
		 "rows of each query.",
	.options = { .hints = hints,
		     .groups = groups, .n_groups = VS_COUNT(groups),
		     .operands = OPERANDS,
		     .min_operands = 1, .max_operands = VS_OPERANDS_ANY },
	.args_size = sizeof(struct args),
	.run = run,
};

int main(int argc, char **argv)
{
	static const struct vs_tool tool = { .name = "vs-query",
					     .commands = &command,
					     .n_commands = 1 };

	return vs_tool_main(&tool, argc, argv);
}
