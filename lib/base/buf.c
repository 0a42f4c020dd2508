/* buf.c - grows by half again, so that n appends cost O(n) in all. */
#include "vs/buf.h"

#include <stdio.h>

#include "vs/mem.h"
#include "vs/num.h"

#define CAP_MIN 64

/* Room for n more bytes and the NUL. */
static int reserve(struct vs_ctx *ctx, struct vs_buf *b, size_t n,
		   struct vs_err *err)
{
	void *p = b->p;
	size_t need, cap;
	int rc;

	if (!vs_add_size(b->n, n, &need) || !vs_add_size(need, 1, &need))
		return vs_fail(err, VS_ENOMEM,
			       "buffer: %zu and %zu bytes overflow", b->n, n);
	if (need <= b->cap)
		return 0;
	if (!vs_add_size(b->cap, b->cap / 2, &cap))
		cap = need;
	cap = vs_max_size(vs_max_size(cap, need), CAP_MIN);
	rc = vs_resize(ctx, &p, cap, 1, "buffer", err);
	if (rc != 0)
		return rc;
	b->p = p;
	b->cap = cap;
	return 0;
}

int vs_buf_append(struct vs_ctx *ctx, struct vs_buf *b, const void *data,
		  size_t n, struct vs_err *err)
{
	int rc = reserve(ctx, b, n, err);

	if (rc != 0)
		return rc;
	if (n != 0)
		memcpy(b->p + b->n, data, n);
	b->n += n;
	b->p[b->n] = '\0';
	return 0;
}

int vs_buf_printf(struct vs_ctx *ctx, struct vs_buf *b, struct vs_err *err,
		  const char *fmt, ...)
{
	va_list ap, again;
	int len, rc;

	va_start(ap, fmt);
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		rc = vs_fail(err, VS_EINTERNAL,
			     "a text could not be formatted");
	else
		rc = reserve(ctx, b, (size_t)len, err);
	if (rc == 0) {
		vsnprintf(b->p + b->n, (size_t)len + 1, fmt, again);
		b->n += (size_t)len;
	}
	va_end(again);
	return rc;
}

void vs_buf_clear(struct vs_buf *b)
{
	b->n = 0;
	if (b->p != NULL)
		b->p[0] = '\0';
}

void vs_buf_free(struct vs_ctx *ctx, struct vs_buf *b)
{
	vs_free(ctx, b->p);
	memset(b, 0, sizeof(*b));
}
