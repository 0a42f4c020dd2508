/* ids.c - the ids of rows from a file: columns of vector files, or text. */
#include "vs/ids.h"

#include <string.h>

#include "ids_text.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/spool.h"
#include "vs/vecs.h"

/* The blocks of the quick digest, as vs_vecs_quick_digest takes them of rows of
 * 8 bytes. */
#define QUICK_BLOCKS 64
#define QUICK_IDS 8192u

struct vs_ids {
	char *path;
	uint64_t n;
	struct vs_vecs *vecs; /* NULL: text */
	struct vs_file *file; /* of the text */
	struct vs_ids_text text;
};

static int open_column(struct vs_ctx *ctx, struct vs_ids *ids,
		       struct vs_err *err)
{
	const struct vs_vecs_options opt = { .column = true };
	const char *const paths[] = { ids->path };
	enum vs_dtype t;
	int rc = vs_vecs_open(ctx, paths, 1, &opt, &ids->vecs, err);

	if (rc != 0)
		return rc;
	t = vs_vecs_dtype(ids->vecs);
	if (t != VS_I32 && t != VS_U32 && t != VS_I64 && t != VS_U64)
		return vs_fail(err, VS_EDATA,
			       "%s: holds %s; expected ids, integers of 4 or 8 "
			       "bytes",
			       ids->path, vs_dtype_name(t));
	if (vs_vecs_dim(ids->vecs) != 1)
		return vs_fail(err, VS_EDATA,
			       "%s: has rows of %u numbers; expected one id a "
			       "row",
			       ids->path, vs_vecs_dim(ids->vecs));
	ids->n = vs_vecs_rows(ids->vecs);
	return 0;
}

static int open_text(struct vs_ctx *ctx, struct vs_ids *ids, struct vs_err *err)
{
	int rc = vs_file_open(ctx, ids->path, &ids->file, err);

	/* What is packed or comes through a pipe can be read once only. */
	if (rc == 0)
		rc = vs_spool(ctx, &ids->file, err);
	if (rc != 0)
		return rc;
	rc = vs_ids_text_open(ctx, &ids->text, ids->file, err);
	ids->n = ids->text.n_lines;
	return rc;
}

int vs_ids_open(struct vs_ctx *ctx, const char *path, uint64_t n_rows,
		const char *name, struct vs_ids **out, struct vs_err *err)
{
	struct vs_ids *ids = vs_zalloc(ctx, 1, sizeof(*ids), "ids", err);
	int rc;

	*out = NULL;
	if (ids == NULL)
		return VS_ENOMEM;
	ids->path = vs_strdup(ctx, path, err);
	if (ids->path == NULL)
		rc = VS_ENOMEM;
	else if (vs_vecs_format_of_file(path) != VS_FMT_AUTO)
		rc = open_column(ctx, ids, err);
	else
		rc = open_text(ctx, ids, err);
	if (rc == 0 && ids->n != n_rows)
		rc = vs_fail(err, VS_EDATA,
			     "%s: holds %llu ids; expected %llu, one for each "
			     "row of %s",
			     path, (unsigned long long)ids->n,
			     (unsigned long long)n_rows, name);
	if (rc != 0)
		vs_ids_close(ctx, ids);
	else
		*out = ids;
	return rc;
}

const char *vs_ids_path(const struct vs_ids *ids)
{
	return ids->path;
}

/* Numbers of 4 bytes at the end of out become u64 in all of it: what is written
 * never passes what is still to be read. */
static void widen(uint64_t *out, size_t n, bool with_sign)
{
	const uint8_t *from = (const uint8_t *)out + 4 * n;
	uint32_t v;
	size_t i;

	for (i = 0; i < n; i++) {
		v = vs_get_le32(from + 4 * i);
		out[i] = with_sign ? (uint64_t)(int64_t)(int32_t)v : v;
	}
}

static int read_column(struct vs_ctx *ctx, struct vs_ids *ids, uint64_t first,
		       size_t n, uint64_t *out, struct vs_err *err)
{
	enum vs_dtype t = vs_vecs_dtype(ids->vecs);
	bool narrow = vs_dtype_size(t) == 4;
	bool with_sign = t == VS_I32 || t == VS_I64;
	uint8_t *to = (uint8_t *)out + (narrow ? 4 * n : 0);
	size_t i;
	int rc = vs_vecs_read(ctx, ids->vecs, first, n, to, err);

	if (rc != 0)
		return rc;
	if (narrow)
		widen(out, n, with_sign);
	for (i = 0; i < n; i++)
		if (out[i] > (with_sign ? INT64_MAX : VS_ID_MAX))
			break;
	if (i == n)
		return 0;
	return vs_fail(err, VS_EDATA,
		       "%s: row %llu (counted from 0) is %lld; expected an id, "
		       "a whole number from 0 to 2^64 - 2",
		       ids->path, (unsigned long long)(first + i),
		       (long long)out[i]);
}

int vs_ids_read(struct vs_ctx *ctx, struct vs_ids *ids, uint64_t first,
		size_t n, uint64_t *out, struct vs_err *err)
{
	if (ids->vecs != NULL)
		return read_column(ctx, ids, first, n, out, err);
	return vs_ids_text_read(ctx, &ids->text, first, n, out, err);
}

static int hash_blocks(struct vs_ctx *ctx, struct vs_ids *ids,
		       struct vs_hasher *h, uint64_t *block, struct vs_err *err)
{
	bool all = ids->n <= (uint64_t)QUICK_BLOCKS * QUICK_IDS;
	uint64_t last = QUICK_BLOCKS - 1, gap, at, i;
	size_t n;
	int rc = 0;

	gap = all ? 0 : ids->n - QUICK_IDS;
	for (i = 0; rc == 0 && i <= last; i++) {
		at = all ? i * QUICK_IDS :
			   gap / last * i + gap % last * i / last;
		if (at >= ids->n)
			break;
		n = (size_t)vs_min_u64(QUICK_IDS, ids->n - at);
		rc = vs_ids_read(ctx, ids, at, n, block, err);
		if (rc == 0)
			vs_hasher_add(h, block, n * sizeof(*block));
	}
	return rc;
}

int vs_ids_quick_digest(struct vs_ctx *ctx, struct vs_ids *ids,
			struct vs_digest *out, struct vs_err *err)
{
	struct vs_hasher *h;
	uint64_t *block = vs_alloc(ctx, QUICK_IDS, sizeof(*block), "ids", err);
	int rc;

	if (block == NULL)
		return VS_ENOMEM;
	rc = vs_hasher_create(ctx, &h, err);
	if (rc == 0) {
		vs_hasher_add_u64(h, VS_U64);
		vs_hasher_add_u64(h, 1);
		vs_hasher_add_u64(h, ids->n);
		rc = hash_blocks(ctx, ids, h, block, err);
		vs_hasher_done(h, out);
		vs_hasher_destroy(ctx, h);
	}
	vs_free(ctx, block);
	return rc;
}

void vs_ids_close(struct vs_ctx *ctx, struct vs_ids *ids)
{
	if (ids == NULL)
		return;
	vs_vecs_close(ctx, ids->vecs);
	vs_ids_text_close(ctx, &ids->text);
	vs_file_close(ctx, ids->file);
	vs_free(ctx, ids->path);
	vs_free(ctx, ids);
}
