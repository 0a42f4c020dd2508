/* shard_status.c - "vs-shard status" and "vs-shard verify": what each shard of
 * a collection is on disk, beside what the manifest says it must be.
 */
#include <string.h>

#include "target.h"
#include "vs/manifest.h"
#include "vs/mem.h"

void vs_collection_status_free(struct vs_ctx *ctx,
			       struct vs_collection_status *s)
{
	vs_free(ctx, s->index);
	vs_free(ctx, s->shards);
	memset(s, 0, sizeof(*s));
}

/* Damage is what is being looked for, not a failure of the look. */
static int look_at(struct vs_ctx *ctx, const struct vs_manifest *m, uint32_t i,
		   struct vs_shard_state *out, struct vs_err *err)
{
	struct vs_err why = { 0 };
	struct vs_shard *s;
	char *path = vs_manifest_shard_path(ctx, m, i, err);
	int rc;

	if (path == NULL)
		return VS_ENOMEM;
	out->n_rows = m->shards[i].n_rows;
	out->state = VS_SHARD_MISSING;
	rc = vs_path_exists(ctx, path) ? vs_shard_open(ctx, path, &s, &why) :
					 VS_ENOINPUT;
	vs_free(ctx, path);
	if (rc == VS_ENOINPUT)
		return 0;
	if (rc == VS_EDATA || rc == VS_EVERSION) {
		out->state = VS_SHARD_DAMAGED;
		memcpy(out->why, why.msg, sizeof(out->why));
		return 0;
	}
	if (rc != 0) {
		*err = why;
		return rc;
	}
	out->n_bytes = vs_shard_size(s);
	out->state = VS_SHARD_READY;
	if (vs_target_check_shard(m, i, s, &why) != 0) {
		out->state = VS_SHARD_STALE;
		memcpy(out->why, why.msg, sizeof(out->why));
	}
	vs_shard_close(ctx, s);
	return 0;
}

static int look_at_all(struct vs_ctx *ctx, const struct vs_manifest *m,
		       struct vs_collection_status *out, struct vs_err *err)
{
	uint32_t i;
	int rc;

	out->generation = m->generation;
	out->metric = m->metric;
	out->dtype = m->dtype;
	out->dim = m->dim;
	out->n_rows = m->n_rows;
	out->n_shards = m->n_shards;
	out->index = vs_strdup(ctx, m->index, err);
	if (out->index == NULL)
		return VS_ENOMEM;
	out->shards = vs_zalloc(ctx, m->n_shards, sizeof(*out->shards),
				"shard states", err);
	if (out->shards == NULL)
		return VS_ENOMEM;
	for (i = 0; i < m->n_shards; i++) {
		if (vs_ctx_stopping(ctx))
			return vs_fail(err, VS_EAGAIN,
				       "stopped after %u of %u shards; run "
				       "again", i, m->n_shards);
		rc = look_at(ctx, m, i, &out->shards[i], err);
		if (rc != 0)
			return rc;
		out->n_in_state[out->shards[i].state]++;
		vs_ctx_progress(ctx, "verify", i + 1, m->n_shards, "shards");
	}
	return 0;
}

int vs_op_shard_status(struct vs_ctx *ctx, const char *collection,
		       struct vs_collection_status *out, struct vs_err *err)
{
	struct vs_manifest *m;
	int rc = vs_manifest_open(ctx, collection, &m, err);

	memset(out, 0, sizeof(*out));
	if (rc != 0)
		return rc;
	rc = look_at_all(ctx, m, out, err);
	vs_manifest_destroy(ctx, m);
	if (rc != 0)
		vs_collection_status_free(ctx, out);
	return rc;
}
