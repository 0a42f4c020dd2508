/* zst.c - zstd frames with exact sizes; memory of zstd counts as ours. */
#include "vs/zst.h"

/* Frame headers and memory call-backs. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include "vs/mem.h"

#define LEVEL 3
#define WINDOW_LOG_MAX 27
#define WINDOW_MAX (1ull << WINDOW_LOG_MAX)

static void *zst_alloc(void *opaque, size_t n)
{
	return vs_alloc(opaque, n, 1, "zstd", NULL);
}

static void zst_free(void *opaque, void *p)
{
	vs_free(opaque, p);
}

static ZSTD_customMem memory_of(struct vs_ctx *ctx)
{
	ZSTD_customMem mem = { zst_alloc, zst_free, ctx };

	return mem;
}

static int fail_memory(struct vs_ctx *ctx, struct vs_err *err)
{
	return vs_fail(err, VS_ENOMEM,
		       "zstd: no memory for its work area beside %llu bytes "
		       "in use; raise --memory or use fewer threads",
		       (unsigned long long)atomic_load(&ctx->mem_now));
}

size_t vs_zst_bound(size_t n)
{
	return ZSTD_compressBound(n);
}

/* zstd chooses its tables by size, in classes that end at these; within a
 * class more bytes want more room. */
size_t vs_zst_work_bytes(size_t n)
{
	static const size_t ends[] = { 16u << 10, 128u << 10, 256u << 10 };
	size_t most = 0, i, want;

	for (i = 0; i <= sizeof(ends) / sizeof(ends[0]); i++) {
		bool last = i == sizeof(ends) / sizeof(ends[0]) || n <= ends[i];

		want = ZSTD_estimateCCtxSize_usingCParams(
			ZSTD_getCParams(LEVEL, last ? n : ends[i], 0));
		most = want > most ? want : most;
		if (last)
			break;
	}
	return most;
}

int vs_zst_pack_in(const struct vs_zst_work *work, const void *src, size_t n,
		   size_t *packed, struct vs_err *err)
{
	ZSTD_CCtx *z = ZSTD_initStaticCCtx(work->p, work->n_bytes);
	size_t r;

	if (z == NULL)
		return vs_fail(err, VS_EINTERNAL,
			       "zstd: a work area of %zu bytes is too small",
			       work->n_bytes);
	/* A static context begins with zeros, not with zstd's defaults. */
	r = ZSTD_CCtx_reset(z, ZSTD_reset_session_and_parameters);
	if (!ZSTD_isError(r))
		r = ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, LEVEL);
	if (!ZSTD_isError(r))
		r = ZSTD_compress2(z, work->dst, work->cap, src, n);
	if (ZSTD_isError(r))
		return vs_fail(err, VS_EINTERNAL,
			       "zstd: cannot pack %zu bytes into %zu: %s", n,
			       work->cap, ZSTD_getErrorName(r));
	*packed = r;
	return 0;
}

int vs_zst_pack(struct vs_ctx *ctx, void *dst, size_t cap, const void *src,
		size_t n, size_t *packed, struct vs_err *err)
{
	struct vs_zst_work work = { NULL, vs_zst_work_bytes(n), dst, cap };
	int rc;

	work.p = vs_alloc(ctx, work.n_bytes, 1, "work areas of zstd", err);
	if (work.p == NULL)
		return VS_ENOMEM;
	rc = vs_zst_pack_in(&work, src, n, packed, err);
	vs_free(ctx, work.p);
	return rc;
}

/* The header of the one frame that should stand at src. */
static int check_frame(const void *src, size_t n, size_t raw, const char *what,
		       struct vs_err *err)
{
	ZSTD_frameHeader h;
	size_t len;

	if (ZSTD_getFrameHeader(&h, src, n) != 0 || h.frameType != ZSTD_frame)
		return vs_fail(err, VS_EDATA,
			       "%s: %zu bytes that begin with no zstd frame",
			       what, n);
	if (h.frameContentSize == ZSTD_CONTENTSIZE_UNKNOWN)
		return vs_fail(err, VS_EDATA,
			       "%s: a zstd frame that does not state its "
			       "size; expected %zu bytes",
			       what, raw);
	if (h.frameContentSize != raw)
		return vs_fail(err, VS_EDATA,
			       "%s: a zstd frame of %llu bytes; expected %zu",
			       what, h.frameContentSize, raw);
	if (h.windowSize > WINDOW_MAX)
		return vs_fail(err, VS_EDATA,
			       "%s: a zstd window of %llu bytes; at most %llu "
			       "are accepted",
			       what, h.windowSize, WINDOW_MAX);
	if (h.dictID != 0)
		return vs_fail(err, VS_EDATA,
			       "%s: a zstd frame with a dictionary; expected "
			       "none",
			       what);
	len = ZSTD_findFrameCompressedSize(src, n);
	if (ZSTD_isError(len))
		return vs_fail(err, VS_EDATA,
			       "%s: a damaged zstd frame in %zu bytes: %s",
			       what, n, ZSTD_getErrorName(len));
	if (len != n)
		return vs_fail(err, VS_EDATA,
			       "%s: a zstd frame of %zu packed bytes; expected "
			       "%zu",
			       what, len, n);
	return 0;
}

int vs_zst_unpack(struct vs_ctx *ctx, void *dst, size_t raw, const void *src,
		  size_t n, const char *what, struct vs_err *err)
{
	int rc = check_frame(src, n, raw, what, err);
	ZSTD_DCtx *z;
	size_t r;

	if (rc != 0)
		return rc;
	z = ZSTD_createDCtx_advanced(memory_of(ctx));
	if (z == NULL)
		return fail_memory(ctx, err);
	r = ZSTD_decompressDCtx(z, dst, raw, src, n);
	ZSTD_freeDCtx(z);
	if (ZSTD_isError(r)) {
		if (ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation)
			return fail_memory(ctx, err);
		return vs_fail(err, VS_EDATA,
			       "%s: a damaged zstd frame of %zu bytes: %s",
			       what, n, ZSTD_getErrorName(r));
	}
	if (r != raw)
		return vs_fail(err, VS_EDATA,
			       "%s: %zu bytes unpacked; expected %zu", what, r,
			       raw);
	return 0;
}

struct vs_unzst {
	struct vs_ctx *ctx;
	ZSTD_DCtx *z;
	bool complete;
};

int vs_unzst_create(struct vs_ctx *ctx, struct vs_unzst **out,
		    struct vs_err *err)
{
	struct vs_unzst *u = vs_zalloc(ctx, 1, sizeof(*u), "zstd stream", err);

	*out = NULL;
	if (u == NULL)
		return VS_ENOMEM;
	u->ctx = ctx;
	u->z = ZSTD_createDCtx_advanced(memory_of(ctx));
	if (u->z == NULL) {
		vs_free(ctx, u);
		return fail_memory(ctx, err);
	}
	(void)ZSTD_DCtx_setParameter(u->z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	*out = u;
	return 0;
}

int vs_unzst_step(struct vs_unzst *u, struct vs_unzst_io *io, const char *what,
		  struct vs_err *err)
{
	ZSTD_inBuffer in = { io->src, io->n, 0 };
	ZSTD_outBuffer out = { io->dst, io->cap, 0 };
	size_t r = ZSTD_decompressStream(u->z, &out, &in);

	io->used = in.pos;
	io->made = out.pos;
	if (!ZSTD_isError(r)) {
		/* Asked again without input, it would speak of the next. */
		if (in.pos != 0 || out.pos != 0)
			u->complete = r == 0;
		return 0;
	}
	if (ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation)
		return fail_memory(u->ctx, err);
	if (ZSTD_getErrorCode(r) == ZSTD_error_prefix_unknown)
		return vs_fail(err, VS_EDATA,
			       "%s: holds bytes that begin no zstd frame; "
			       "expected zstd data, as the name says; rename "
			       "it or get it again",
			       what);
	if (ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge)
		return vs_fail(err, VS_EDATA,
			       "%s: needs a zstd window of more than %llu "
			       "bytes; decompress it first",
			       what, WINDOW_MAX);
	return vs_fail(err, VS_EDATA,
		       "%s: is damaged zstd data: %s; get it again", what,
		       ZSTD_getErrorName(r));
}

bool vs_unzst_complete(const struct vs_unzst *u)
{
	return u->complete;
}

void vs_unzst_destroy(struct vs_unzst *u)
{
	struct vs_ctx *ctx;

	if (u == NULL)
		return;
	ctx = u->ctx;
	ZSTD_freeDCtx(u->z);
	vs_free(ctx, u);
}
