/* shards_status.c - "vs-shard status" and "vs-shard verify": tables that people
 * read, and exit 1 when verify finds a shard that is not what it must be.
 */
#include "shards.h"

#include <stdio.h>

#include "vs/num.h"

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

static void print_table(const char *collection,
			const struct vs_collection_status *s)
{
	char n[VS_COUNT_TEXT_MAX], size[VS_SIZE_TEXT_MAX];
	double even = (double)s->n_rows / s->n_shards;
	uint32_t i;

	printf("%s generation %llu: %s, %s, %u x %s, %s rows on %u shards\n",
	       collection, (unsigned long long)s->generation, s->index,
	       vs_metric_name(s->metric), s->dim, vs_dtype_name(s->dtype),
	       vs_format_count(s->n_rows, n), s->n_shards);
	printf("%6s %15s %8s %12s  %s\n", "shard", "rows", "of even", "size",
	       "state");
	for (i = 0; i < s->n_shards; i++) {
		const struct vs_shard_state *x = &s->shards[i];

		printf("%6u %15s %6.1f %% %12s  %s\n", i,
		       vs_format_count(x->n_rows, n),
		       even > 0 ? 100 * (double)x->n_rows / even : 0,
		       x->n_bytes > 0 ? vs_format_size(x->n_bytes, size) : "-",
		       words[x->state]);
	}
}

/* Why, and what to do next, a line for each shard that is not ready. */
static void print_next(const char *collection,
		       const struct vs_collection_status *s)
{
	uint32_t i;

	for (i = 0; i < s->n_shards; i++) {
		const struct vs_shard_state *x = &s->shards[i];

		if (x->state == VS_SHARD_READY)
			continue;
		if (x->why[0] != '\0')
			printf("%s\n", x->why);
		printf("next: vs-build -c %s --part %u/%u%s\n", collection, i,
		       s->n_shards,
		       x->state == VS_SHARD_MISSING ? "" : " --replace");
	}
	printf("%u of %u shards ready\n", s->n_in_state[VS_SHARD_READY],
	       s->n_shards);
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
	uint32_t ready;
	int rc;

	/* Every byte, unless more is asked for. */
	if (ctx->verify < VS_VERIFY_FULL)
		ctx->verify = VS_VERIFY_FULL;
	rc = vs_op_shard_status(ctx, a->collection, &s, err);
	if (rc != 0)
		return rc;
	print_table(a->collection, &s);
	print_next(a->collection, &s);
	ready = s.n_in_state[VS_SHARD_READY];
	if (ready < s.n_shards)
		rc = vs_fail(err, VS_ECHECK,
			     "%s: %u of %u shards are missing, stale or "
			     "damaged", a->collection, s.n_shards - ready,
			     s.n_shards);
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
