/* target.c - opens the shards that a query runs over and checks that they
 * belong together.
 */
#include "target.h"

#include <string.h>

#include "vs/manifest.h"
#include "vs/mem.h"

void vs_target_close(struct vs_ctx *ctx, struct vs_target *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		vs_shard_close(ctx, t->shard[i]);
	vs_free(ctx, t->shard);
	vs_free(ctx, t->number);
	memset(t, 0, sizeof(*t));
}

static int room_for(struct vs_ctx *ctx, struct vs_target *t, size_t n,
		    struct vs_err *err)
{
	t->shard = vs_zalloc(ctx, n, sizeof(*t->shard), "shards", err);
	if (t->shard == NULL)
		return VS_ENOMEM;
	t->number = vs_zalloc(ctx, n, sizeof(*t->number), "shards", err);
	return t->number == NULL ? VS_ENOMEM : 0;
}

static int open_lone(struct vs_ctx *ctx, const char *path,
		     const struct vs_part *part, struct vs_target *t,
		     struct vs_err *err)
{
	int rc;

	if (part->n != 0)
		return vs_fail(err, VS_EUSAGE,
			       "%s: is one shard; %s goes with a collection",
			       path, part->n == VS_PART_OF_MANIFEST ?
					     "the task of an array job (give "
					     "-o a file name)" :
					     "--part");
	t->n_shards = 1;
	rc = room_for(ctx, t, 1, err);
	if (rc == 0)
		rc = vs_shard_open(ctx, path, &t->shard[0], err);
	if (rc != 0)
		return rc;
	t->n = 1;
	t->n_rows = vs_shard_head(t->shard[0])->n_rows;
	return 0;
}

/* A shard file must be the one that the manifest names. */
int vs_target_check_shard(const struct vs_manifest *m, uint32_t i,
			  const struct vs_shard *s, struct vs_err *err)
{
	const struct vs_cont_head *h = vs_shard_head(s);
	const struct vs_manifest_shard *want = &m->shards[i];

	if (!vs_digest_equal(&h->fingerprint, &want->fingerprint))
		return vs_fail(err, VS_EDATA,
			       "%s: is stale: its fingerprint is not the one "
			       "that generation %llu names; build it again "
			       "with vs-build -c %s --part %u/%u --replace",
			       vs_shard_path(s),
			       (unsigned long long)m->generation, m->dir, i,
			       m->n_shards);
	if (h->n_rows + vs_shard_dropped(s) != want->n_rows ||
	    h->dim != m->dim ||
	    h->dtype != m->dtype || h->metric != m->metric ||
	    !vs_digest_equal(vs_shard_model(s), &m->model))
		return vs_fail(err, VS_EDATA,
			       "%s: its rows, dimension, type, metric or model "
			       "are not what generation %llu of %s says",
			       vs_shard_path(s),
			       (unsigned long long)m->generation, m->dir);
	if (strcmp(vs_shard_index(s)->text, m->index) != 0)
		return vs_fail(err, VS_EDATA,
			       "%s: its index is %s; generation %llu of %s "
			       "says %s", vs_shard_path(s),
			       vs_shard_index(s)->text,
			       (unsigned long long)m->generation, m->dir,
			       m->index);
	return 0;
}

/* Cells mean the same in all shards, and the first one's centroids serve, as
 * does its transform. */
static int share_model(struct vs_ctx *ctx, struct vs_target *t,
			   struct vs_err *err)
{
	struct vs_shard *s = t->shard[t->n - 1];

	if (t->n == 1)
		return 0;
	if (vs_shard_trained_hash(s) != vs_shard_trained_hash(t->shard[0]))
		return vs_fail(err, VS_EDATA,
			       "%s: has other centroids or another rotation "
			       "than %s; one of them was built with a model "
			       "that was replaced since: build both again",
			       vs_shard_path(s),
			       vs_shard_path(t->shard[0]));
	vs_shard_drop_model(ctx, s);
	return 0;
}

static int open_shard(struct vs_ctx *ctx, const struct vs_manifest *m,
		      uint32_t i, struct vs_target *t, struct vs_err *err)
{
	char *path = vs_manifest_shard_path(ctx, m, i, err);
	int rc;

	if (path == NULL)
		return VS_ENOMEM;
	if (!vs_path_exists(ctx, path))
		rc = vs_fail(err, VS_ENOINPUT,
			     "%s: shard %u of %u is missing; build it with "
			     "vs-build -c %s --part %u/%u", path, i,
			     m->n_shards, m->dir, i, m->n_shards);
	else
		rc = vs_shard_open(ctx, path, &t->shard[t->n], err);
	vs_free(ctx, path);
	if (rc != 0)
		return rc;
	t->number[t->n] = i;
	t->n++;
	rc = vs_target_check_shard(m, i, t->shard[t->n - 1], err);
	if (rc == 0)
		rc = share_model(ctx, t, err);
	t->n_rows += vs_shard_head(t->shard[t->n - 1])->n_rows;
	return rc;
}

static int check_part(const char *path, const struct vs_part *part,
		      const struct vs_manifest *m, struct vs_err *err)
{
	if (part->n == 0)
		return 0;
	if (part->n != VS_PART_OF_MANIFEST && part->n != m->n_shards)
		return vs_fail(err, VS_EUSAGE,
			       "--part %u/%u does not fit %s, which has %u "
			       "shards", part->i, part->n, path, m->n_shards);
	if (vs_part_of(part, m->n_shards) >= m->n_shards)
		return vs_fail(err, VS_EUSAGE,
			       "part %u does not fit %s, whose shards are 0 to "
			       "%u", vs_part_of(part, m->n_shards), path,
			       m->n_shards - 1);
	return 0;
}

static int open_collection(struct vs_ctx *ctx, const char *path,
			   const struct vs_part *part, struct vs_target *t,
			   struct vs_err *err)
{
	struct vs_manifest *m;
	uint32_t i;
	int rc = vs_manifest_open(ctx, path, &m, err);

	if (rc != 0)
		return rc;
	rc = check_part(path, part, m, err);
	t->n_shards = m->n_shards;
	t->collection = m->collection;
	t->generation = m->generation;
	if (rc == 0)
		rc = room_for(ctx, t, part->n == 0 ? m->n_shards : 1, err);
	if (rc == 0 && part->n != 0) {
		t->part.i = vs_part_of(part, m->n_shards);
		t->part.n = m->n_shards;
		rc = open_shard(ctx, m, t->part.i, t, err);
	}
	for (i = 0; rc == 0 && part->n == 0 && i < m->n_shards; i++)
		rc = open_shard(ctx, m, i, t, err);
	vs_manifest_destroy(ctx, m);
	return rc;
}

int vs_target_open(struct vs_ctx *ctx, const char *path,
		   const struct vs_part *part, struct vs_target *out,
		   struct vs_err *err)
{
	memset(out, 0, sizeof(*out));
	if (vs_manifest_is_collection(ctx, path))
		return open_collection(ctx, path, part, out, err);
	return open_lone(ctx, path, part, out, err);
}
