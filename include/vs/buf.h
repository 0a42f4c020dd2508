/* buf.h - a growing byte buffer, for texts and tables that are built up. */
#ifndef VS_BUF_H
#define VS_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "vs/ctx.h"

/* Zero-initialise; p is NUL-terminated after every successful call but the
 * NUL is not counted in n. */
struct vs_buf {
	char *p;
	size_t n;
	size_t cap;
};

int vs_buf_append(struct vs_ctx *ctx, struct vs_buf *b, const void *data,
		  size_t n, struct vs_err *err) VS_MUST_CHECK;
int vs_buf_printf(struct vs_ctx *ctx, struct vs_buf *b, struct vs_err *err,
		  const char *fmt, ...) VS_MUST_CHECK VS_PRINTF(4, 5);
/* Empties it and keeps the memory. */
void vs_buf_clear(struct vs_buf *b);
/* Frees it and makes it zero again. */
void vs_buf_free(struct vs_ctx *ctx, struct vs_buf *b);

#endif
