/* vecs_digest.c - the identity of a set of vectors, quick and whole.
 *
 * Both hash element type, dimension and number of rows, then decoded rows in
 * order; so neither the file format nor the cutting into files matters.  The
 * quick one takes 64 evenly spaced blocks; a set that those cover is hashed
 * whole and has one digest.
 */
#include "vecs_int.h"
#include "vs/mem.h"
#include "vs/num.h"

#define QUICK_BLOCKS 64
#define QUICK_BYTES 65536u /* at most in a block, unless a row is longer */

void vs_vecs_digest_head(const struct vs_vecs *v, struct vs_hasher *h)
{
	vs_hasher_add_u64(h, (uint64_t)v->dtype);
	vs_hasher_add_u64(h, v->dim);
	vs_hasher_add_u64(h, v->n_rows);
}

/* Adds rows first..first+n-1, step rows at a time through buf. */
static int add_rows(struct vs_ctx *ctx, struct vs_vecs *v, struct vs_hasher *h,
		    uint64_t n, void *buf, struct vs_err *err)
{
	size_t step = vs_max_size(1, VS_VECS_CHUNK / v->row_bytes), take;
	uint64_t at;
	int rc;

	for (at = 0; at < n; at += take) {
		if (vs_ctx_stopping(ctx))
			return vs_fail(err, VS_EAGAIN,
				       "%s: stopped while hashing; run again",
				       v->name);
		take = (size_t)vs_min_u64(n - at, step);
		rc = vs_vecs_read(ctx, v, at, take, buf, err);
		if (rc != 0)
			return rc;
		vs_hasher_add(h, buf, take * v->row_bytes);
		vs_ctx_progress(ctx, "hash", at + take, n, "rows");
	}
	return 0;
}

/* Adds the quick blocks of rows_each rows; there are more rows than these. */
static int add_blocks(struct vs_ctx *ctx, struct vs_vecs *v,
		      struct vs_hasher *h, size_t rows_each, void *buf,
		      struct vs_err *err)
{
	/* Block i begins at i * gap / 63, written so that it cannot
	 * overflow. */
	uint64_t gap = v->n_rows - rows_each, last = QUICK_BLOCKS - 1, i;
	int rc;

	for (i = 0; i <= last; i++) {
		rc = vs_vecs_read(ctx, v,
				  gap / last * i + gap % last * i / last,
				  rows_each, buf, err);
		if (rc != 0)
			return rc;
		vs_hasher_add(h, buf, rows_each * v->row_bytes);
	}
	return 0;
}

static int digest(struct vs_ctx *ctx, struct vs_vecs *v, bool quick,
		  struct vs_digest *out, struct vs_err *err)
{
	size_t chunk_rows = vs_max_size(1, VS_VECS_CHUNK / v->row_bytes);
	size_t block_rows = vs_max_size(1, QUICK_BYTES / v->row_bytes);
	struct vs_hasher *h = NULL;
	void *buf = NULL;
	int rc = VS_ENOMEM;

	chunk_rows = (size_t)vs_min_u64(chunk_rows, v->n_rows);
	quick = quick && v->n_rows > (uint64_t)block_rows * QUICK_BLOCKS;
	buf = vs_alloc(ctx, chunk_rows, v->row_bytes, "rows to hash", err);
	if (buf == NULL)
		goto out;
	rc = vs_hasher_create(ctx, &h, err);
	if (rc != 0)
		goto out;
	vs_vecs_digest_head(v, h);
	if (quick)
		rc = add_blocks(ctx, v, h, block_rows, buf, err);
	else
		rc = add_rows(ctx, v, h, v->n_rows, buf, err);
	if (rc == 0)
		vs_hasher_done(h, out);
out:
	vs_hasher_destroy(ctx, h);
	vs_free(ctx, buf);
	return rc;
}

int vs_vecs_quick_digest(struct vs_ctx *ctx, struct vs_vecs *v,
			 struct vs_digest *out, struct vs_err *err)
{
	return digest(ctx, v, true, out, err);
}

int vs_vecs_full_digest(struct vs_ctx *ctx, struct vs_vecs *v,
			struct vs_digest *out, struct vs_err *err)
{
	return digest(ctx, v, false, out, err);
}
