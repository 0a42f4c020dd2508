/* mem.c - the one place that allocates. */
#include "vs/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vs/num.h"

/* In front of every block, one cache line so that the block stays aligned. */
struct head {
	size_t n_bytes; /* of the whole block, head included */
};

static struct head *head_of(void *p)
{
	return (struct head *)(void *)((char *)p - VS_ALIGN);
}

static void count_peak(struct vs_ctx *ctx, uint64_t now)
{
	uint64_t peak = atomic_load_explicit(&ctx->mem_peak,
					     memory_order_relaxed);

	while (now > peak && !atomic_compare_exchange_weak_explicit(
				     &ctx->mem_peak, &peak, now,
				     memory_order_relaxed,
				     memory_order_relaxed))
		;
}

/* Reserves n_bytes of the budget; false when the ceiling would be passed. */
static bool reserve(struct vs_ctx *ctx, uint64_t n_bytes)
{
	uint64_t now = atomic_fetch_add_explicit(&ctx->mem_now, n_bytes,
						 memory_order_relaxed) +
		       n_bytes;

	if (ctx->memory_max != 0 && now > ctx->memory_max) {
		atomic_fetch_sub_explicit(&ctx->mem_now, n_bytes,
					  memory_order_relaxed);
		return false;
	}
	count_peak(ctx, now);
	return true;
}

static void *fail_ceiling(struct vs_ctx *ctx, size_t n_bytes, const char *what,
			  struct vs_err *err)
{
	char want[VS_SIZE_TEXT_MAX], held[VS_SIZE_TEXT_MAX];
	char most[VS_SIZE_TEXT_MAX];

	vs_fail(err, VS_ENOMEM,
		"%s need %s beside %s in use; the ceiling is %s; "
		"raise --memory",
		what, vs_format_size(n_bytes, want),
		vs_format_size(atomic_load(&ctx->mem_now), held),
		vs_format_size(ctx->memory_max, most));
	return NULL;
}

void *vs_alloc(struct vs_ctx *ctx, size_t n, size_t size, const char *what,
	       struct vs_err *err)
{
	size_t n_bytes;
	struct head *h;
	char text[VS_SIZE_TEXT_MAX];

	if (!vs_mul_size(n, size, &n_bytes) ||
	    !vs_add_size(n_bytes, 2 * VS_ALIGN - 1, &n_bytes)) {
		vs_fail(err, VS_ENOMEM, "%s: %zu items of %zu bytes overflow",
			what, n, size);
		return NULL;
	}
	n_bytes = n_bytes / VS_ALIGN * VS_ALIGN;
	if (!reserve(ctx, n_bytes))
		return fail_ceiling(ctx, n_bytes, what, err);
	h = vs_ctx_hook(ctx, VS_CALL_ALLOC, what) != 0 ?
		    NULL :
		    aligned_alloc(VS_ALIGN, n_bytes);
	if (h == NULL) {
		atomic_fetch_sub_explicit(&ctx->mem_now, n_bytes,
					  memory_order_relaxed);
		vs_fail(err, VS_ENOMEM, "%s: no memory for %s", what,
			vs_format_size(n_bytes, text));
		return NULL;
	}
	h->n_bytes = n_bytes;
	return (char *)h + VS_ALIGN;
}

void *vs_zalloc(struct vs_ctx *ctx, size_t n, size_t size, const char *what,
		struct vs_err *err)
{
	void *p = vs_alloc(ctx, n, size, what, err);

	if (p != NULL)
		memset(p, 0, n * size);
	return p;
}

int vs_resize(struct vs_ctx *ctx, void **p, size_t n, size_t size,
	      const char *what, struct vs_err *err)
{
	void *q = vs_alloc(ctx, n, size, what, err);
	size_t old;

	if (q == NULL)
		return VS_ENOMEM;
	if (*p != NULL) {
		old = head_of(*p)->n_bytes - VS_ALIGN;
		memcpy(q, *p, vs_min_size(old, n * size));
		vs_free(ctx, *p);
	}
	*p = q;
	return 0;
}

void vs_free(struct vs_ctx *ctx, void *p)
{
	struct head *h;

	if (p == NULL)
		return;
	h = head_of(p);
	atomic_fetch_sub_explicit(&ctx->mem_now, h->n_bytes,
				  memory_order_relaxed);
	free(h);
}

char *vs_strndup(struct vs_ctx *ctx, const char *s, size_t n,
		 struct vs_err *err)
{
	char *p;

	n = strnlen(s, n);
	p = vs_alloc(ctx, n + 1, 1, "text", err);
	if (p != NULL) {
		memcpy(p, s, n);
		p[n] = '\0';
	}
	return p;
}

char *vs_strdup(struct vs_ctx *ctx, const char *s, struct vs_err *err)
{
	return vs_strndup(ctx, s, strlen(s), err);
}

char *vs_asprintf(struct vs_ctx *ctx, struct vs_err *err, const char *fmt, ...)
{
	va_list ap, again;
	char *p = NULL;
	int len;

	va_start(ap, fmt);
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		vs_fail(err, VS_EINTERNAL, "a text could not be formatted");
	else
		p = vs_alloc(ctx, (size_t)len + 1, 1, "text", err);
	if (p != NULL)
		vsnprintf(p, (size_t)len + 1, fmt, again);
	va_end(again);
	return p;
}

uint64_t vs_mem_left(struct vs_ctx *ctx)
{
	uint64_t now = atomic_load_explicit(&ctx->mem_now,
					    memory_order_relaxed);

	if (ctx->memory_max == 0)
		return UINT64_MAX;
	return now >= ctx->memory_max ? 0 : ctx->memory_max - now;
}
