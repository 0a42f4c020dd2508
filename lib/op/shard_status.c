/* shard_status.c - "vs-shard status" and "vs-shard verify": what the model and
 * each shard of a collection are on disk, beside what the manifest says they
 * must be.
 */
#include <stdio.h>
#include <string.h>

#include "shard_place.h"
#include "target.h"
#include "vs/manifest.h"
#include "vs/mem.h"

void vs_collection_status_free(struct vs_ctx *ctx,
			       struct vs_collection_status *s)
{
	vs_manifest_destroy(ctx, s->manifest);
	vs_free(ctx, s->shards);
	memset(s, 0, sizeof(*s));
}

struct look {
	struct vs_ctx *ctx;
	const struct vs_manifest *m;
	uint64_t trained; /* hash of it; 0: not known, or none */
	const struct vs_place *place; /* --verify deep, else NULL */
};

/* What is wrong with a file is what is being looked for, and so is a disk that
 * cannot read it; other failures are those of the look. */
static int found(int rc, const struct vs_err *why, struct vs_shard_state *out,
		 struct vs_err *err)
{
	if (rc != VS_EDATA && rc != VS_EVERSION && rc != VS_EIO &&
	    rc != VS_ENOINPUT) {
		if (err != NULL)
			*err = *why;
		return rc;
	}
	out->state = VS_SHARD_DAMAGED;
	memcpy(out->why, why->msg, sizeof(out->why));
	return 0;
}

/* Sets state and size; 1 when there is something to open. */
static int is_there(const struct look *k, const char *path,
		    struct vs_shard_state *out)
{
	struct vs_err ignored = { 0 };
	struct vs_file *f;

	out->state = VS_SHARD_MISSING;
	if (!vs_path_exists(k->ctx, path))
		return 0;
	out->state = VS_SHARD_READY;
	if (vs_file_open(k->ctx, path, &f, &ignored) == 0) {
		out->n_bytes = vs_file_size(f);
		vs_file_close(k->ctx, f);
	}
	return 1;
}

static void check_shard(const struct look *k, uint32_t i,
			const struct vs_shard *s, struct vs_shard_state *out)
{
	struct vs_err why = { 0 };
	int rc = vs_target_check_shard(k->m, i, s, &why);

	if (rc == 0 && k->trained != 0 &&
	    vs_shard_trained_hash(s) != k->trained)
		rc = vs_fail(&why, VS_EDATA,
			     "%s: has other centroids or another rotation than "
			     "%s of %s; the model was replaced since: build it "
			     "again",
			     vs_shard_path(s), k->m->model_file, k->m->dir);
	if (rc == 0)
		return;
	out->state = VS_SHARD_STALE;
	memcpy(out->why, why.msg, sizeof(out->why));
}

static int look_at_shard(const struct look *k, uint32_t i,
			 struct vs_shard_state *out, struct vs_err *err)
{
	struct vs_err why = { 0 };
	struct vs_shard *s = NULL;
	char *path = vs_manifest_shard_path(k->ctx, k->m, i, err);
	int rc;

	if (path == NULL)
		return VS_ENOMEM;
	rc = is_there(k, path, out);
	if (rc == 1)
		rc = vs_shard_open(k->ctx, path, &s, &why);
	vs_free(k->ctx, path);
	if (rc != 0)
		return found(rc, &why, out, err);
	if (s != NULL)
		check_shard(k, i, s, out);
	if (s != NULL && out->state == VS_SHARD_READY && k->place != NULL)
		rc = vs_place_check(k->ctx, k->place, i, s, &why);
	vs_shard_close(k->ctx, s);
	return rc != 0 ? found(rc, &why, out, err) : 0;
}

static void check_model(struct look *k, const char *path,
			const struct vs_model *m, struct vs_shard_state *out)
{
	if (vs_digest_equal(&m->fingerprint, &k->m->model)) {
		k->trained = vs_model_hash(m);
		return;
	}
	out->state = VS_SHARD_STALE;
	snprintf(out->why, sizeof(out->why),
		 "%s: is another model than generation %llu of %s names", path,
		 (unsigned long long)k->m->generation, k->m->dir);
}

static int look_at_model(struct look *k, struct vs_shard_state *out,
			 struct vs_err *err)
{
	struct vs_err why = { 0 };
	struct vs_model *m = NULL;
	char *path;
	int rc;

	if (k->m->model_file == NULL)
		return 0;
	path = vs_manifest_path(k->ctx, k->m, k->m->model_file, err);
	if (path == NULL)
		return VS_ENOMEM;
	rc = is_there(k, path, out);
	if (rc == 1)
		rc = vs_model_open(k->ctx, path, &m, &why);
	if (rc == 0 && m != NULL)
		check_model(k, path, m, out);
	vs_model_destroy(k->ctx, m);
	vs_free(k->ctx, path);
	return rc != 0 ? found(rc, &why, out, err) : 0;
}

static int look_at_all(struct vs_ctx *ctx, struct vs_collection_status *out,
		       const struct vs_place *place, struct vs_err *err)
{
	const struct vs_manifest *m = out->manifest;
	struct look k = { .ctx = ctx, .m = m, .place = place };
	uint32_t i;
	int rc;

	out->shards = vs_zalloc(ctx, m->n_shards, sizeof(*out->shards),
				"shard states", err);
	if (out->shards == NULL)
		return VS_ENOMEM;
	rc = look_at_model(&k, &out->model, err);
	for (i = 0; rc == 0 && i < m->n_shards; i++) {
		struct vs_shard_state *s = &out->shards[i];

		if (vs_ctx_stopping(ctx))
			return vs_fail(err, VS_EAGAIN,
				       "stopped after %u of %u shards; run "
				       "again", i, m->n_shards);
		rc = look_at_shard(&k, i, s, err);
		out->n_in_state[s->state]++;
		out->n_bytes += s->n_bytes;
		if (s->state == VS_SHARD_READY)
			out->n_rows += m->shards[i].n_rows;
		vs_ctx_progress(ctx, "verify", i + 1, m->n_shards, "shards");
	}
	return rc;
}

int vs_op_shard_status(struct vs_ctx *ctx, const char *collection,
		       struct vs_collection_status *out, struct vs_err *err)
{
	bool deep = ctx->verify == VS_VERIFY_DEEP;
	struct vs_place place = { 0 };
	int rc;

	memset(out, 0, sizeof(*out));
	rc = vs_manifest_open(ctx, collection, &out->manifest, err);
	if (rc == 0 && deep)
		rc = vs_place_open(ctx, out->manifest, &place, err);
	if (rc == 0)
		rc = look_at_all(ctx, out, deep ? &place : NULL, err);
	vs_place_close(ctx, &place);
	if (rc != 0)
		vs_collection_status_free(ctx, out);
	return rc;
}
