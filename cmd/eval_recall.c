/* eval_recall.c - "vs-eval recall": the table and the lines people read. */
#include "eval.h"

#include "vs/num.h"

struct args {
	struct vs_tool_args common;
	struct vs_recall_args op;
	double min_recall;
	bool min_given;
};

static const struct vs_opt rows[] = {
	{ .letter = 'k', .kind = VS_OPT_U32, .metavar = "N",
	  .at = offsetof(struct args, op.k), .min = 1, .max = VS_K_MAX,
	  .given = offsetof(struct args, op.k_given),
	  .def = "10", .help = "the k of k-recall@k",
	  .def_text = "10; of results of range searches all" },
	{ .name = "truth", .kind = VS_OPT_TEXT, .metavar = "FILE",
	  .at = offsetof(struct args, op.truth), .required = true,
	  .help = "true neighbours, .vsh, .ivecs, .usbin or .npy; .usbin also "
		  "of range searches" },
	{ .name = "truth-distances", .kind = VS_OPT_TEXT, .metavar = "FILE",
	  .at = offsetof(struct args, op.truth_distances),
	  .help = "their distances, .fvecs: ties at the k-th count as found; "
		  "a .vsh or .usbin truth brings its own" },
	{ .name = "min-recall", .kind = VS_OPT_RATIO, .metavar = "R",
	  .at = offsetof(struct args, min_recall),
	  .given = offsetof(struct args, min_given),
	  .help = "exit status 1 when recall is below; with ties where they "
		  "are known" },
	{ .name = "confidence", .kind = VS_OPT_RATIO, .metavar = "C",
	  .at = offsetof(struct args, op.confidence), .def = "0.95",
	  .help = "of the interval" },
};

static const struct vs_opt_group groups[] = {
	{ .rows = rows, .n = VS_COUNT(rows) },
	VS_GROUP_TOOL,
};

static void print_one_recall(const struct vs_recall_report *r)
{
	size_t i;

	for (i = 0; i < VS_COUNT(r->one_at); i++)
		if (r->one_at[i] != 0 &&
		    (i == 0 || r->one_at[i] != r->one_at[i - 1]))
			printf("1-recall@%u %.4f\n", r->one_at[i],
			       r->one_recall_at[i]);
}

static double share(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 1 : (double)part / (double)whole;
}

/* Against the truth of range searches. */
static void print_range(const struct args *a, const struct vs_recall_report *r)
{
	char n[VS_COUNT_TEXT_MAX], m[VS_COUNT_TEXT_MAX], k[16];

	if (r->k == UINT32_MAX)
		snprintf(k, sizeof(k), "all");
	else
		snprintf(k, sizeof(k), "%u", r->k);
	printf("range recall, %s results a query: %.4f [%.4f, %.4f] (%g %% "
	       "over %s queries)\n",
	       k, r->recall, r->low, r->high, 100 * a->op.confidence,
	       vs_format_count(r->n_queries - r->n_empty, n));
	if (r->k != UINT32_MAX)
		printf("upper bound of %u results a query: %.4f (%s queries "
		       "have more true neighbours)\n",
		       r->k, r->most, vs_format_count(r->n_longer, n));
	printf("of all true neighbours: %.4f (%s of %s; upper bound %.4f)\n",
	       share(r->n_found, r->n_true), vs_format_count(r->n_found, n),
	       vs_format_count(r->n_true, m),
	       share(r->n_reachable, r->n_true));
	printf("precision: %.4f (of %s results)\n",
	       share(r->n_found, r->n_results),
	       vs_format_count(r->n_results, n));
	if (r->n_empty != 0)
		printf("queries without true neighbours, not in the mean: "
		       "%s\n", vs_format_count(r->n_empty, n));
}

static void print_neighbours(const struct args *a,
			     const struct vs_recall_report *r)
{
	char n[VS_COUNT_TEXT_MAX];

	printf("%u-recall@%u %.4f [%.4f, %.4f] (%g %% over %s queries%s)\n",
	       r->k, r->k, r->recall, r->low, r->high,
	       100 * a->op.confidence, vs_format_count(r->n_queries, n),
	       r->tie_aware_known ? "" : ", strict: ties unknown");
	if (r->tie_aware_known)
		printf("%u-recall@%u %.4f with ties (%s queries had ties at "
		       "the k-th)\n",
		       r->k, r->k, r->recall_ties,
		       vs_format_count(r->n_tied, n));
	print_one_recall(r);
}

static void print(const struct args *a, const struct vs_recall_report *r)
{
	char n[VS_COUNT_TEXT_MAX];

	if (r->range)
		print_range(a, r);
	else
		print_neighbours(a, r);
	if (r->n_duplicates != 0)
		printf("duplicate ids removed: %s\n",
		       vs_format_count(r->n_duplicates, n));
	if (r->n_short != 0)
		printf("queries with fewer than %u results: %s\n", r->k,
		       vs_format_count(r->n_short, n));
}

static int run(struct vs_ctx *ctx, void *p, struct vs_err *err)
{
	struct vs_recall_report r = { 0 };
	struct args *a = p;
	double recall;
	int rc;

	a->op.hits = a->common.operands[0];
	rc = vs_op_recall(ctx, &a->op, &r, err);
	if (rc != 0)
		return rc;
	print(a, &r);
	if (r.n_queries != 0 && r.recall == 0)
		vs_ctx_log(ctx, VS_LOG_WARN,
			   "%s: holds no true neighbour of any query; is %s of "
			   "the same vectors, ids, queries and metric?",
			   a->op.hits, a->op.truth);
	recall = r.tie_aware_known ? r.recall_ties : r.recall;
	if (!a->min_given || recall >= a->min_recall)
		return 0;
	if (r.range)
		return vs_fail(err, VS_ECHECK,
			       "%s: range recall is %.4f; expected at least %g",
			       a->op.hits, recall, a->min_recall);
	return vs_fail(err, VS_ECHECK,
		       "%s: %u-recall@%u is %.4f; expected at least %g",
		       a->op.hits, r.k, r.k, recall, a->min_recall);
}

const struct vs_command vs_eval_recall = {
	.name = "recall",
	.usage = "[-k N] --truth FILE [--min-recall R] [options] HITS",
	.about = "Says how many of the true neighbours were found, with an "
		 "interval over the queries.",
	.options = { .groups = groups, .n_groups = VS_COUNT(groups),
		     .operands = "HITS", .min_operands = 1,
		     .max_operands = 1 },
	.args_size = sizeof(struct args),
	.run = run,
};
