/* plan.c - what --plan prints: a line for each thing, "name: value". */
#include "rows.h"

#include <inttypes.h>

#include "vs/num.h"

static void put_bytes(const char *name, uint64_t n)
{
	char size[VS_SIZE_TEXT_MAX];

	printf("%s: %" PRIu64 " # %s\n", name, n, vs_format_size(n, size));
}

static void put_output(const struct vs_plan *p)
{
	if (p->out_max == 0)
		printf("output_bytes: unknown # compressed, or text\n");
	else if (p->out_min == p->out_max)
		put_bytes("output_bytes", p->out_max);
	if (p->out_min != p->out_max) {
		put_bytes("output_bytes_min", p->out_min);
		put_bytes("output_bytes_max", p->out_max);
	}
}

void vs_plan_print(const struct vs_ctx *ctx, const struct vs_plan *p)
{
	printf("output: %s\n", p->out);
	printf("state: %s\n", p->already ? "already done" : "to be made");
	put_output(p);
	printf("reads: %s\n", p->what);
	printf("rows: %" PRIu64 "\ndim: %" PRIu32 "\ndtype: %s\n", p->n_rows,
	       p->dim, vs_dtype_name(p->dtype));
	put_bytes("rows_bytes",
		  p->n_rows * p->dim * vs_dtype_size(p->dtype));
	if (p->n_queries != 0)
		printf("queries: %" PRIu64 "\n", p->n_queries);
	printf("passes: %" PRIu64 "\n", p->n_passes);
	put_bytes("memory_bytes", p->memory);
	put_bytes("memory_ceiling_bytes", ctx->memory_max);
	printf("threads: %u\n", ctx->n_threads);
	/* Opening the inputs has unpacked those that the work unpacks. */
	printf("scratch_bytes: %" PRIu64 " # in TMPDIR\n",
	       p->scratch + atomic_load(&ctx->n_bytes_scratch));
}
