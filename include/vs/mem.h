/* mem.h - checked, aligned, counted memory.
 *
 * All allocation of the library goes through here: sizes are multiplied with
 * a check, blocks are 64-byte aligned (one cache line, one zmm register), the
 * context counts the bytes and refuses to pass its ceiling, and the hook can
 * fail any call.
 */
#ifndef VS_MEM_H
#define VS_MEM_H

#include "vs/ctx.h"

#define VS_ALIGN 64

/* n items of size bytes, not initialised; NULL and err (VS_ENOMEM) when that
 * overflows, passes the ceiling or cannot be had.  n * size == 0 gives a valid
 * pointer.  what names the thing in the message: "centroids". */
void *vs_alloc(struct vs_ctx *ctx, size_t n, size_t size, const char *what,
	       struct vs_err *err) VS_MUST_CHECK;

/* The same, zeroed. */
void *vs_zalloc(struct vs_ctx *ctx, size_t n, size_t size, const char *what,
		struct vs_err *err) VS_MUST_CHECK;

/* Grows or shrinks *p (NULL allowed) keeping its contents; on failure *p is
 * untouched and still owned by the caller. */
int vs_resize(struct vs_ctx *ctx, void **p, size_t n, size_t size,
	      const char *what, struct vs_err *err) VS_MUST_CHECK;

/* p may be NULL. */
void vs_free(struct vs_ctx *ctx, void *p);

char *vs_strdup(struct vs_ctx *ctx, const char *s,
		struct vs_err *err) VS_MUST_CHECK;
char *vs_strndup(struct vs_ctx *ctx, const char *s, size_t n,
		 struct vs_err *err) VS_MUST_CHECK;

/* printf into a new string. */
char *vs_asprintf(struct vs_ctx *ctx, struct vs_err *err, const char *fmt, ...)
	VS_MUST_CHECK VS_PRINTF(3, 4);

/* Bytes that may still be allocated: ceiling less what is held; UINT64_MAX
 * without a ceiling. */
uint64_t vs_mem_left(struct vs_ctx *ctx);

#endif
