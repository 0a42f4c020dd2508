/* answers.c - reads hits and integer vectors as ids. */
#include "answers.h"

#include <inttypes.h>
#include <string.h>

#include "vs/mem.h"
#include "vs/num.h"

static int open_vecs(struct vs_ctx *ctx, struct vs_answers *a,
		     struct vs_err *err)
{
	enum vs_dtype t;
	int rc = vs_vecs_open(ctx, &a->path, 1, NULL, &a->vecs, err);

	if (rc != 0)
		return rc;
	t = vs_vecs_dtype(a->vecs);
	if (t != VS_I32 && t != VS_U32 && t != VS_I64 && t != VS_U64)
		return vs_fail(err, VS_EDATA,
			       "%s: holds %s; expected ids of results, as "
			       "ivecs, .vsh, .usbin or npy",
			       a->path, vs_dtype_name(t));
	a->n_queries = vs_vecs_rows(a->vecs);
	a->n_columns = vs_vecs_dim(a->vecs);
	return 0;
}

/* A shard or model is no damaged file of vectors; hits by another name are
 * not guessed. */
static int refuse_container(const char *path, int rc, struct vs_err *err)
{
	struct vs_ctx look;
	struct vs_cont *c;
	uint32_t kind;

	vs_ctx_init(&look);
	look.verify = VS_VERIFY_HEADER;
	if (vs_cont_open(&look, path, 0, &c, NULL) != 0)
		return rc;
	kind = vs_cont_head(c)->kind;
	rc = vs_fail(err, VS_EDATA,
		     "%s: is a %s file; expected the results of a search, as "
		     "NAME.vsh or ivecs",
		     path,
		     kind == VS_KIND_SHARD ? "shard" :
		     kind == VS_KIND_MODEL ? "model" :
		     kind == VS_KIND_HITS  ? "hits" :
					     "training");
	vs_cont_close(&look, c);
	return rc;
}

static int open_hits(struct vs_ctx *ctx, struct vs_answers *a,
		     struct vs_err *err)
{
	int rc = vs_hits_open(ctx, a->path, &a->hits, err);

	if (rc != 0)
		return rc;
	a->n_queries = vs_hits_info(a->hits)->n_queries;
	a->n_columns = vs_hits_info(a->hits)->k;
	return 0;
}

static int open_usbin(struct vs_ctx *ctx, struct vs_answers *a,
		      struct vs_err *err)
{
	int rc = vs_usbin_open(ctx, a->path, &a->usbin, err);

	if (rc != 0)
		return rc;
	a->n_queries = vs_usbin_queries(a->usbin);
	a->n_columns = vs_usbin_k(a->usbin);
	return 0;
}

static bool ends_with(const char *path, const char *tail)
{
	size_t n = strlen(path), m = strlen(tail);

	return n >= m && strcmp(path + n - m, tail) == 0;
}

int vs_answers_open(struct vs_ctx *ctx, const char *path,
		    struct vs_answers *out, struct vs_err *err)
{
	int rc;

	memset(out, 0, sizeof(*out));
	out->path = path;
	if (ends_with(path, ".vsh"))
		rc = open_hits(ctx, out, err);
	else if (ends_with(path, ".usbin") || ends_with(path, ".usbin.zst"))
		rc = open_usbin(ctx, out, err);
	else
		rc = open_vecs(ctx, out, err);
	if (rc == VS_EDATA && out->vecs == NULL && out->usbin == NULL &&
	    !ends_with(path, ".vsh"))
		rc = refuse_container(path, rc, err);
	if (rc != 0)
		vs_answers_close(ctx, out);
	return rc;
}

static int read_hits(struct vs_ctx *ctx, struct vs_answers *a, uint64_t first,
		     size_t n, uint64_t *ids, int64_t *keys, struct vs_err *err)
{
	size_t i, n_hits = n * a->n_columns;
	void *p = a->block;
	int rc;

	if (n > a->block_max) {
		rc = vs_resize(ctx, &p, n, a->n_columns * sizeof(*a->block),
			       "hits", err);
		if (rc != 0)
			return rc;
		a->block = p;
		a->block_max = n;
	}
	rc = vs_hits_read(ctx, a->hits, first, n, a->block, err);
	for (i = 0; rc == 0 && i < n_hits; i++) {
		ids[i] = a->block[i].id;
		if (keys != NULL)
			keys[i] = a->block[i].key;
	}
	return rc;
}

/* One id as it stands in the file, -1 of any type being VS_ID_NONE. */
static int64_t id_at(const uint8_t *p, enum vs_dtype t)
{
	switch (t) {
	case VS_I32:
		return (int32_t)vs_get_le32(p);
	case VS_U32:
		return vs_get_le32(p) == UINT32_MAX ? -1 :
						      (int64_t)vs_get_le32(p);
	default:
		return (int64_t)vs_get_le64(p);
	}
}

int vs_answers_read(struct vs_ctx *ctx, struct vs_answers *a, uint64_t first,
		    size_t n, uint64_t *ids, int64_t *keys, struct vs_err *err)
{
	enum vs_dtype t;
	size_t i, size;
	int64_t id;
	int rc;

	if (a->hits != NULL)
		return read_hits(ctx, a, first, n, ids, keys, err);
	if (a->usbin != NULL)
		return vs_usbin_ids(ctx, a->usbin, first, n, ids, err);
	t = vs_vecs_dtype(a->vecs);
	size = vs_dtype_size(t);
	rc = vs_vecs_read(ctx, a->vecs, first, n, ids, err);
	if (rc != 0)
		return rc;
	/* In place from the end: ids need more room than the file's. */
	for (i = n * a->n_columns; i-- > 0;) {
		id = id_at((const uint8_t *)ids + i * size, t);
		if (id < -1)
			return vs_fail(err, VS_EDATA,
				       "%s: query %" PRIu64 " has id %" PRId64
				       "; expected ids from 0, or -1 where "
				       "there is no result",
				       a->path, first + i / a->n_columns, id);
		ids[i] = (uint64_t)id;
	}
	return 0;
}

uint32_t vs_answers_clean(struct vs_id_map *seen, uint64_t *ids, uint32_t n,
			  uint64_t *n_repeated)
{
	uint32_t i, left = 0;

	vs_id_map_clear(seen);
	for (i = 0; i < n; i++) {
		if (ids[i] == VS_ID_NONE)
			continue;
		if (vs_id_map_put(seen, ids[i], left) == VS_ID_MAP_NONE)
			ids[left++] = ids[i];
		else
			(*n_repeated)++;
	}
	return left;
}

bool vs_answers_has_distances(const struct vs_answers *a)
{
	return a->usbin != NULL && vs_usbin_has_distances(a->usbin);
}

int vs_answers_distances(struct vs_ctx *ctx, struct vs_answers *a,
			 uint64_t first, size_t n, float *distances,
			 struct vs_err *err)
{
	return vs_usbin_distances(ctx, a->usbin, first, n, distances, err);
}

void vs_answers_close(struct vs_ctx *ctx, struct vs_answers *a)
{
	vs_answers_end_lists(ctx, a);
	vs_hits_close(ctx, a->hits);
	vs_usbin_close(ctx, a->usbin);
	vs_vecs_close(ctx, a->vecs);
	vs_free(ctx, a->block);
	memset(a, 0, sizeof(*a));
}
