/* manifest.c - manifests in memory: making, identities, paths.
 *
 * Text is in manifest_read.c and manifest_put.c, generations are in
 * manifest_dir.c.
 */
#include <string.h>

#include "manifest_int.h"
#include "vs/cont.h"
#include "vs/file.h"
#include "vs/mem.h"

/* What the fingerprints hash first; they change when their meaning does. */
#define COLLECTION_FORM "vs-collection 1"
#define COMMON_FORM "vs-collection-common 1"
#define SHARD_FORM "vs-collection-shard 3"
_Static_assert(VS_ALGORITHM_VERSION == 3,
	       "raise the number in SHARD_FORM together with the version");

int vs_manifest_create(struct vs_ctx *ctx, const char *dir, size_t n_inputs,
		       uint32_t n_shards, struct vs_manifest **out,
		       struct vs_err *err)
{
	struct vs_manifest *m;
	uint32_t i;

	*out = NULL;
	m = vs_zalloc(ctx, 1, sizeof(*m), "manifest", err);
	if (m == NULL)
		return VS_ENOMEM;
	m->generation = 1;
	m->sharding = VS_SHARDING_HASH;
	m->dir = vs_strdup(ctx, dir, err);
	if (m->dir == NULL)
		goto no_memory;
	m->inputs = vs_zalloc(ctx, n_inputs, sizeof(*m->inputs),
			      "list of inputs", err);
	if (m->inputs == NULL)
		goto no_memory;
	m->n_inputs = n_inputs;
	m->shards = vs_zalloc(ctx, n_shards, sizeof(*m->shards),
			      "list of shards", err);
	if (m->shards == NULL)
		goto no_memory;
	m->n_shards = n_shards;
	for (i = 0; i < n_shards; i++) {
		m->shards[i].weight = 1;
		m->shards[i].file = vs_asprintf(
			ctx, err, VS_MANIFEST_SHARDS "/%05u.vss", i);
		if (m->shards[i].file == NULL)
			goto no_memory;
	}
	*out = m;
	return 0;
no_memory:
	vs_manifest_destroy(ctx, m);
	return VS_ENOMEM;
}

void vs_manifest_destroy(struct vs_ctx *ctx, struct vs_manifest *m)
{
	size_t i;

	if (m == NULL)
		return;
	for (i = 0; m->inputs != NULL && i < m->n_inputs; i++)
		vs_free(ctx, m->inputs[i].path);
	for (i = 0; m->shards != NULL && i < m->n_shards; i++)
		vs_free(ctx, m->shards[i].file);
	vs_free(ctx, m->inputs);
	vs_free(ctx, m->shards);
	vs_free(ctx, m->dir);
	vs_free(ctx, m->index);
	vs_free(ctx, m->model_file);
	vs_free(ctx, m->ids_path);
	vs_free(ctx, m);
}

int vs_manifest_hash(struct vs_ctx *ctx, const char *text, size_t n,
		     struct vs_digest *out, struct vs_err *err)
{
	struct vs_hasher *h;
	int rc = vs_hasher_create(ctx, &h, err);

	if (rc != 0)
		return rc;
	vs_hasher_add(h, text, n);
	vs_hasher_done(h, out);
	vs_hasher_destroy(ctx, h);
	return 0;
}

const char *vs_manifest_format_word(enum vs_vecs_format f)
{
	return f == VS_FMT_AUTO ? "auto" : vs_vecs_format_name(f);
}

const char *vs_manifest_sharding_word(enum vs_sharding s)
{
	return s == VS_SHARDING_HASH  ? "hash" :
	       s == VS_SHARDING_RANGE ? "range" :
					"?";
}

bool vs_manifest_sharding_parse(const char *word, enum vs_sharding *out)
{
	if (strcmp(word, "hash") == 0)
		*out = VS_SHARDING_HASH;
	else if (strcmp(word, "range") == 0)
		*out = VS_SHARDING_RANGE;
	else
		return false;
	return true;
}

void vs_manifest_cut(struct vs_manifest *m)
{
	uint64_t sum = 0, before = 0, at = 0, end;
	uint32_t i;

	for (i = 0; i < m->n_shards; i++)
		sum += m->shards[i].weight;
	for (i = 0; i < m->n_shards; i++) {
		before += m->shards[i].weight;
		/* n_rows * before / sum, which could overflow: sum has at most
		 * 26 bits. */
		end = m->n_rows / sum * before +
		      m->n_rows % sum * before / sum;
		m->shards[i].first = at;
		m->shards[i].n_rows = end - at;
		at = end;
	}
}

/* Of what all shards of m have in common. */
static int digest_common(struct vs_ctx *ctx, const struct vs_manifest *m,
			 struct vs_digest *out, struct vs_err *err)
{
	struct vs_hasher *h;
	uint32_t i;
	int rc = vs_hasher_create(ctx, &h, err);

	if (rc != 0)
		return rc;
	vs_hasher_add_text(h, COMMON_FORM);
	vs_hasher_add(h, m->input.b, sizeof(m->input.b));
	vs_hasher_add_u64(h, m->sharding);
	vs_hasher_add_u64(h, m->vnodes);
	vs_hasher_add_u64(h, m->n_shards);
	for (i = 0; i < m->n_shards; i++)
		vs_hasher_add_u64(h, m->shards[i].weight);
	/* Ranges are what the manifest says, however they were chosen; the rows
	 * of a hashed shard follow from the ring. */
	for (i = 0; m->sharding == VS_SHARDING_RANGE && i < m->n_shards; i++)
		vs_hasher_add_u64(h, m->shards[i].first);
	/* Nothing where ids are row numbers, as they were at first. */
	if (m->ids_path != NULL) {
		vs_hasher_add_text(h, "ids");
		vs_hasher_add(h, m->ids.b, sizeof(m->ids.b));
	} else if (m->id_base != 0) {
		vs_hasher_add_text(h, "id-base");
		vs_hasher_add_u64(h, m->id_base);
	}
	if (m->drop_nonfinite)
		vs_hasher_add_text(h, "nonfinite-drop");
	vs_hasher_add_text(h, m->index);
	vs_hasher_add_u64(h, m->metric);
	vs_hasher_add(h, m->model.b, sizeof(m->model.b));
	vs_hasher_done(h, out);
	vs_hasher_destroy(ctx, h);
	return 0;
}

/* Of a form, what is common, and a number. */
static int digest_of(struct vs_ctx *ctx, const char *form,
		     const struct vs_digest *common, uint64_t number,
		     struct vs_digest *out, struct vs_err *err)
{
	struct vs_hasher *h;
	int rc = vs_hasher_create(ctx, &h, err);

	if (rc != 0)
		return rc;
	vs_hasher_add_text(h, form);
	vs_hasher_add(h, common->b, sizeof(common->b));
	vs_hasher_add_u64(h, number);
	vs_hasher_done(h, out);
	vs_hasher_destroy(ctx, h);
	return 0;
}

int vs_manifest_shard_fingerprint(struct vs_ctx *ctx,
				  const struct vs_manifest *m, uint32_t i,
				  struct vs_digest *out, struct vs_err *err)
{
	struct vs_digest common;
	int rc = digest_common(ctx, m, &common, err);

	if (rc == 0)
		rc = digest_of(ctx, SHARD_FORM, &common, i, out, err);
	return rc;
}

int vs_manifest_id(struct vs_ctx *ctx, const struct vs_manifest *m,
		   struct vs_digest *out, struct vs_err *err)
{
	struct vs_digest common;
	int rc = digest_common(ctx, m, &common, err);

	if (rc == 0)
		rc = digest_of(ctx, COLLECTION_FORM, &common, m->n_shards, out,
			       err);
	return rc;
}

int vs_manifest_seal(struct vs_ctx *ctx, struct vs_manifest *m,
		     struct vs_err *err)
{
	struct vs_digest common;
	uint32_t i;
	int rc = vs_manifest_id(ctx, m, &m->collection, err);

	if (rc == 0)
		rc = digest_common(ctx, m, &common, err);
	for (i = 0; rc == 0 && i < m->n_shards; i++)
		rc = digest_of(ctx, SHARD_FORM, &common, i,
			       &m->shards[i].fingerprint, err);
	return rc;
}

int vs_manifest_ring(struct vs_ctx *ctx, const struct vs_manifest *m,
		     struct vs_ring **out, struct vs_err *err)
{
	uint32_t *weights, i;
	int rc;

	*out = NULL;
	weights = vs_alloc(ctx, m->n_shards, sizeof(*weights), "shard weights",
			   err);
	if (weights == NULL)
		return VS_ENOMEM;
	for (i = 0; i < m->n_shards; i++)
		weights[i] = m->shards[i].weight;
	rc = vs_ring_create(ctx, weights, m->n_shards, m->vnodes, out, err);
	vs_free(ctx, weights);
	return rc;
}

char *vs_manifest_path(struct vs_ctx *ctx, const struct vs_manifest *m,
		       const char *name, struct vs_err *err)
{
	size_t n = strlen(m->dir);

	if (name[0] == '/')
		return vs_strdup(ctx, name, err);
	return vs_asprintf(ctx, err, "%s%s%s", m->dir,
			   n > 0 && m->dir[n - 1] == '/' ? "" : "/", name);
}

char *vs_manifest_shard_path(struct vs_ctx *ctx, const struct vs_manifest *m,
			     uint32_t i, struct vs_err *err)
{
	return vs_manifest_path(ctx, m, m->shards[i].file, err);
}

/* The file of a path that may name a data set behind a colon. */
static int file_of(struct vs_ctx *ctx, const char *path, const char *colon,
		   char **out, struct vs_err *err)
{
	size_t n = colon != NULL ? (size_t)(colon - path) : strlen(path);

	*out = vs_strndup(ctx, path, n, err);
	return *out == NULL ? VS_ENOMEM : 0;
}

int vs_manifest_relative(struct vs_ctx *ctx, const char *dir, const char *path,
			 char **out, struct vs_err *err)
{
	const char *colon = vs_vecs_dataset(path);
	char *base = NULL, *real = NULL, *file;
	bool inside;
	size_t n;
	int rc = vs_path_real(ctx, dir, &base, err);

	*out = NULL;
	if (rc == 0)
		rc = file_of(ctx, path, colon, &file, err);
	if (rc == 0) {
		rc = vs_path_real(ctx, file, &real, err);
		vs_free(ctx, file);
	}
	if (rc == 0) {
		n = strlen(base);
		inside = strncmp(real, base, n) == 0 && real[n] == '/';
		*out = vs_asprintf(ctx, err, "%s%s",
				   inside ? real + n + 1 : real,
				   colon != NULL ? colon : "");
		rc = *out == NULL ? VS_ENOMEM : 0;
	}
	vs_free(ctx, base);
	vs_free(ctx, real);
	return rc;
}
