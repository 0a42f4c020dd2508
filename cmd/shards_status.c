/* shards_status.c - "vs-shard status" and "vs-shard verify": tables that people
 * read, and exit 1 when verify finds a shard that is not what it must be.
 */
#include "shards.h"

#include <stdio.h>

#include "vs/manifest.h"
#include "vs/num.h"

#define FEW 4 /* shards that get a line each */

struct args {
	struct vs_tool_args common;
	const char *collection;
};

static const struct vs_opt rows[] = {
	{ .name = "collection", .letter = 'c', .kind = VS_OPT_TEXT,
	  .metavar = "DIR[@N]", .at = offsetof(struct args, collection),
	  .required = true,
	  .help = "the collection; @N for its generation N" },
};

static const struct vs_opt_group groups[] = {
	{ .rows = rows, .n = VS_COUNT(rows) },
	VS_GROUP_TOOL,
};

static const char *const words[] = {
	[VS_SHARD_READY] = "ready",
	[VS_SHARD_MISSING] = "missing",
	[VS_SHARD_STALE] = "stale",
	[VS_SHARD_DAMAGED] = "damaged",
};

/* "33.1 %" of the whole. */
static double percent(uint64_t n, uint64_t of)
{
	return of > 0 ? 100 * (double)n / (double)of : 0;
}

static void print_row(const char *name, const char *state,
		      const struct vs_manifest_shard *shard, uint64_t n_all,
		      const struct vs_shard_state *x)
{
	char n[VS_COUNT_TEXT_MAX] = "", size[VS_SIZE_TEXT_MAX];
	char share[16] = "", weight[16] = "";

	if (shard != NULL) {
		vs_format_count(shard->n_rows, n);
		snprintf(share, sizeof(share), "%.2f %%",
			 percent(shard->n_rows, n_all));
		snprintf(weight, sizeof(weight), "%u", shard->weight);
	}
	printf("%6s  %-8s %15s %9s %7s %12s  ", name, state, n, share, weight,
	       x->n_bytes > 0 ? vs_format_size(x->n_bytes, size) : "-");
}

static void print_table(const char *collection,
			const struct vs_collection_status *s)
{
	const struct vs_manifest *m = s->manifest;
	char n[VS_COUNT_TEXT_MAX], size[VS_SIZE_TEXT_MAX], name[16];
	uint32_t i;

	printf("%s generation %llu: %s, %s, %u x %s, by %s, %s rows on %u "
	       "shards\n",
	       collection, (unsigned long long)m->generation, m->index,
	       vs_metric_name(m->metric), m->dim, vs_dtype_name(m->dtype),
	       vs_manifest_sharding_word(m->sharding),
	       vs_format_count(m->n_rows, n), m->n_shards);
	printf("%6s  %-8s %15s %9s %7s %12s  %s\n", "shard", "state", "rows",
	       "share", "weight", "size", "file");
	for (i = 0; i < m->n_shards; i++) {
		snprintf(name, sizeof(name), "%u", i);
		print_row(name, words[s->shards[i].state], &m->shards[i],
			  m->n_rows, &s->shards[i]);
		printf("%s\n", m->shards[i].file);
	}
	if (m->model_file != NULL) {
		print_row("model", words[s->model.state], NULL, 0, &s->model);
		printf("%s\n", m->model_file);
	}
	printf("%6s  %-8s %15s %9s %7s %12s\n", "total", "",
	       vs_format_count(m->n_rows, n), "100.00 %", "",
	       vs_format_size(s->n_bytes, size));
}

/* "1,4-7": the shards in a state, as job arrays take them. */
static void print_numbers(const struct vs_collection_status *s,
			  enum vs_shard_condition state)
{
	uint32_t n = s->manifest->n_shards, i, end;
	const char *comma = "";

	for (i = 0; i < n; i = end + 1) {
		end = i;
		if (s->shards[i].state != state)
			continue;
		while (end + 1 < n && s->shards[end + 1].state == state)
			end++;
		printf("%s%u", comma, i);
		if (end > i)
			printf("-%u", end);
		comma = ",";
	}
}

/* One command for a few shards each, a job array for many. */
static void print_build(const char *collection,
			const struct vs_collection_status *s,
			enum vs_shard_condition state)
{
	const char *more = state == VS_SHARD_MISSING ? "" : " --replace";
	uint32_t n = s->manifest->n_shards, i;

	if (s->n_in_state[state] > FEW) {
		printf("next: vs-build -c %s --part I/%u%s, where I is ",
		       collection, n, more);
		print_numbers(s, state);
		printf("; with Slurm: sbatch --array=");
		print_numbers(s, state);
		printf(" --wrap 'exec vs-build -c %s%s'\n", collection, more);
		return;
	}
	for (i = 0; i < n; i++)
		if (s->shards[i].state == state)
			printf("next: vs-build -c %s --part %u/%u%s\n",
			       collection, i, n, more);
}

/* Why something is not ready, and what to do next. */
static void print_next(const char *collection,
		       const struct vs_collection_status *s)
{
	const struct vs_manifest *m = s->manifest;
	uint32_t i;

	if (s->model.why[0] != '\0')
		printf("%s\n", s->model.why);
	for (i = 0; i < m->n_shards; i++)
		if (s->shards[i].why[0] != '\0')
			printf("%s\n", s->shards[i].why);
	if (s->model.state != VS_SHARD_READY)
		printf("next: put the model back as %s in %s\n",
		       m->model_file, m->dir);
	print_build(collection, s, VS_SHARD_MISSING);
	print_build(collection, s, VS_SHARD_STALE);
	print_build(collection, s, VS_SHARD_DAMAGED);
	printf("%u of %u shards ready, %.2f %% of the rows\n",
	       s->n_in_state[VS_SHARD_READY], m->n_shards,
	       percent(s->n_rows, m->n_rows));
	if (s->n_in_state[VS_SHARD_READY] == m->n_shards)
		printf("next: vs-query -k 10 -o HITS %s QUERIES\n",
		       collection);
}

static int status(struct vs_ctx *ctx, void *p, struct vs_err *err)
{
	struct args *a = p;
	struct vs_collection_status s;
	int rc = vs_op_shard_status(ctx, a->collection, &s, err);

	if (rc != 0)
		return rc;
	print_table(a->collection, &s);
	print_next(a->collection, &s);
	vs_collection_status_free(ctx, &s);
	return 0;
}

static int verify(struct vs_ctx *ctx, void *p, struct vs_err *err)
{
	struct args *a = p;
	struct vs_collection_status s;
	uint32_t n, bad;
	int rc;

	/* Every byte, unless more is asked for. */
	if (ctx->verify < VS_VERIFY_FULL)
		ctx->verify = VS_VERIFY_FULL;
	rc = vs_op_shard_status(ctx, a->collection, &s, err);
	if (rc != 0)
		return rc;
	print_table(a->collection, &s);
	print_next(a->collection, &s);
	n = s.manifest->n_shards;
	bad = n - s.n_in_state[VS_SHARD_READY];
	if (bad > 0)
		rc = vs_fail(err, VS_ECHECK,
			     "%s: %u of %u shards are missing, stale or "
			     "damaged", a->collection, bad, n);
	else if (s.model.state != VS_SHARD_READY)
		rc = vs_fail(err, VS_ECHECK, "%s: the model is %s",
			     a->collection, words[s.model.state]);
	vs_collection_status_free(ctx, &s);
	return rc;
}

const struct vs_command vs_shard_status = {
	.name = "status",
	.usage = "-c DIR[@N] [options]",
	.about = "Shows which shards of a collection are there, and what to "
		 "do next.",
	.options = { .groups = groups, .n_groups = VS_COUNT(groups) },
	.args_size = sizeof(struct args),
	.run = status,
};

const struct vs_command vs_shard_verify = {
	.name = "verify",
	.usage = "-c DIR[@N] [--verify deep] [options]",
	.about = "Reads every byte of every shard of a collection and checks "
		 "it; exit 1 when one is not what it must be.",
	.options = { .groups = groups, .n_groups = VS_COUNT(groups) },
	.args_size = sizeof(struct args),
	.run = verify,
};
