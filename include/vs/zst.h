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
/* The same in memory of the caller's, so that room for it may be made before
 * long work: vs_zst_work_bytes of the n given or of more, from vs_alloc. */
struct vs_zst_work {
	void *p;
	size_t n_bytes;
	void *dst; /* where frames go */
	size_t cap;
};
size_t vs_zst_work_bytes(size_t n);
int vs_zst_pack_in(const struct vs_zst_work *work, const void *src, size_t n,
		   size_t *packed, struct vs_err *err) VS_MUST_CHECK;
/* Exactly raw bytes must come out of one frame of exactly n bytes, whose
 * header states that size and whose window is at most 128 MiB; anything else
 * is VS_EDATA.  what names the thing in messages. */
int vs_zst_unpack(struct vs_ctx *ctx, void *dst, size_t raw, const void *src,
		  size_t n, const char *what, struct vs_err *err) VS_MUST_CHECK;

/* Frames one behind the other, unpacked as they come.  The window of a frame
 * is at most 128 MiB. */
struct vs_unzst;
int vs_unzst_create(struct vs_ctx *ctx, struct vs_unzst **out,
		    struct vs_err *err) VS_MUST_CHECK;
struct vs_unzst_io {
	const void *src;
	size_t n;    /* bytes at src */
	size_t used; /* of them, out */
	void *dst;
	size_t cap;  /* room at dst */
	size_t made; /* bytes put there, out */
};
/* Takes of src and fills dst; both perhaps in part: call again until all is
 * used and dst is not filled.  VS_EDATA for what is no frame or a damaged one;
 * what names the input in messages. */
int vs_unzst_step(struct vs_unzst *u, struct vs_unzst_io *io, const char *what,
		  struct vs_err *err) VS_MUST_CHECK;
/* True between frames: where input may end. */
bool vs_unzst_complete(const struct vs_unzst *u);
void vs_unzst_destroy(struct vs_unzst *u);

#endif
