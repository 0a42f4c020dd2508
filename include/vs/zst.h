/* zst.h - zstd for cold sections: whole blocks, exact sizes. */
#ifndef VS_ZST_H
#define VS_ZST_H

#include <stddef.h>

#include "vs/ctx.h"

/* Most bytes that n raw bytes can pack into. */
size_t vs_zst_bound(size_t n);
/* One frame with content size, level 3, single-threaded: the same bytes for
 * the same zstd version.  *packed is the size used of cap. */
int vs_zst_pack(struct vs_ctx *ctx, void *dst, size_t cap, const void *src,
		size_t n, size_t *packed, struct vs_err *err) VS_MUST_CHECK;
/* Exactly raw bytes must come out of one frame of exactly n bytes, whose
 * header states that size and whose window is at most 128 MiB; anything else
 * is VS_EDATA.  what names the thing in messages. */
int vs_zst_unpack(struct vs_ctx *ctx, void *dst, size_t raw, const void *src,
		  size_t n, const char *what, struct vs_err *err) VS_MUST_CHECK;

#endif
