/* ctx.c - defaults of a context and its call-backs. */
#include "vs/ctx.h"

#include <stdio.h>
#include <string.h>

void vs_ctx_init(struct vs_ctx *ctx)
{
	memset(ctx, 0, sizeof(*ctx));
	ctx->n_threads = 1;
	ctx->verify = VS_VERIFY_TOUCH;
	ctx->work.n_rows = VS_WORK_UNKNOWN;
	ctx->work.n_queries = VS_WORK_UNKNOWN;
	ctx->work.n_distances = VS_WORK_UNKNOWN;
	ctx->work.n_missing = VS_WORK_UNKNOWN;
	atomic_init(&ctx->mem_now, 0);
	atomic_init(&ctx->mem_peak, 0);
	atomic_init(&ctx->n_bytes_read, 0);
	atomic_init(&ctx->n_bytes_written, 0);
	atomic_init(&ctx->n_bytes_scratch, 0);
	atomic_init(&ctx->n_startable, 0);
}

int vs_ctx_hook(struct vs_ctx *ctx, enum vs_call call, const char *path)
{
	if (ctx->hook == NULL)
		return 0;
	return ctx->hook(ctx->hook_arg, call, path);
}

void vs_ctx_log(struct vs_ctx *ctx, enum vs_log_level level, const char *fmt,
		...)
{
	char line[VS_ERR_MSG_MAX];
	va_list ap;

	if (ctx->log == NULL)
		return;
	va_start(ap, fmt);
	if (vsnprintf(line, sizeof(line), fmt, ap) < 0)
		line[0] = '\0';
	va_end(ap);
	ctx->log(ctx->log_arg, level, line);
}

void vs_ctx_progress(struct vs_ctx *ctx, const char *phase, uint64_t done,
		     uint64_t total, const char *unit)
{
	if (ctx->progress != NULL)
		ctx->progress(ctx->progress_arg, phase, done, total, unit);
}

int vs_ctx_stopping(const struct vs_ctx *ctx)
{
	return ctx->stop != NULL &&
	       atomic_load_explicit(ctx->stop, memory_order_relaxed) != 0;
}
