/* manifest_put.c - the text of a manifest; manifest_read.c is its reader. */
#include <string.h>

#include "manifest_int.h"
#include "vs/hash.h"

/* "KEY: TEXT" behind an indent, quoted where it must be. */
static int put_text(struct vs_ctx *ctx, struct vs_buf *b, const char *key,
		    const char *text, struct vs_err *err)
{
	int rc = vs_buf_printf(ctx, b, err, "%s: ", key);

	if (rc == 0)
		rc = vs_yaml_put(ctx, b, text, err);
	if (rc == 0)
		rc = vs_buf_append(ctx, b, "\n", 1, err);
	return rc;
}

/* Always quoted: 32 digits without a letter are a number to other readers. */
static int put_digest(struct vs_ctx *ctx, struct vs_buf *b, const char *key,
		      const struct vs_digest *d, struct vs_err *err)
{
	char text[VS_DIGEST_TEXT_MAX];

	return vs_buf_printf(ctx, b, err, "%s: \"%s\"\n", key,
			     vs_digest_text(d, text));
}

static int put_u64(struct vs_ctx *ctx, struct vs_buf *b, const char *key,
		   uint64_t v, struct vs_err *err)
{
	return vs_buf_printf(ctx, b, err, "%s: %llu\n", key,
			     (unsigned long long)v);
}

static int put_head(struct vs_ctx *ctx, const struct vs_manifest *m,
		    struct vs_buf *b, struct vs_err *err)
{
	int rc = vs_buf_printf(ctx, b, err,
			       "# a collection of vs-tools; see vs-format(5); "
			       "never edited, a change is a new file\n");

	if (rc == 0)
		rc = put_u64(ctx, b, "vs-collection", VS_MANIFEST_VERSION, err);
	if (rc == 0)
		rc = put_digest(ctx, b, "id", &m->collection, err);
	if (rc == 0)
		rc = put_u64(ctx, b, "generation", m->generation, err);
	if (rc == 0)
		rc = put_text(ctx, b, "metric", vs_metric_name(m->metric), err);
	if (rc == 0)
		rc = put_text(ctx, b, "dtype", vs_dtype_name(m->dtype), err);
	if (rc == 0)
		rc = put_u64(ctx, b, "dim", m->dim, err);
	if (rc == 0)
		rc = put_text(ctx, b, "index", m->index, err);
	return rc;
}

static int put_model(struct vs_ctx *ctx, const struct vs_manifest *m,
		     struct vs_buf *b, struct vs_err *err)
{
	int rc;

	if (m->model_file == NULL)
		return 0;
	rc = vs_buf_printf(ctx, b, err, "model:\n");
	if (rc == 0)
		rc = put_text(ctx, b, "  file", m->model_file, err);
	if (rc == 0)
		rc = put_digest(ctx, b, "  fingerprint", &m->model, err);
	return rc;
}

static int put_inputs(struct vs_ctx *ctx, const struct vs_manifest *m,
		      struct vs_buf *b, struct vs_err *err)
{
	size_t i;
	int rc = put_u64(ctx, b, "rows", m->n_rows, err);

	if (rc == 0)
		rc = vs_buf_printf(ctx, b, err, "input:\n");
	if (rc == 0)
		rc = put_digest(ctx, b, "  quick-digest", &m->input, err);
	if (rc == 0)
		rc = put_text(ctx, b, "  format",
			      vs_manifest_format_word(m->input_format), err);
	if (rc == 0 && m->drop_nonfinite)
		rc = put_text(ctx, b, "  nonfinite", "drop", err);
	if (rc == 0)
		rc = vs_buf_printf(ctx, b, err, "  files:\n");
	for (i = 0; rc == 0 && i < m->n_inputs; i++) {
		rc = put_text(ctx, b, "  - path", m->inputs[i].path, err);
		if (rc == 0)
			rc = put_u64(ctx, b, "    rows", m->inputs[i].n_rows,
				     err);
	}
	return rc;
}

static int put_ids(struct vs_ctx *ctx, const struct vs_manifest *m,
		   struct vs_buf *b, struct vs_err *err)
{
	int rc;

	if (m->ids_path == NULL)
		return m->id_base == 0 ?
			       0 :
			       put_u64(ctx, b, "id-base", m->id_base, err);
	rc = vs_buf_printf(ctx, b, err, "ids:\n");
	if (rc == 0)
		rc = put_digest(ctx, b, "  quick-digest", &m->ids, err);
	if (rc == 0)
		rc = put_text(ctx, b, "  path", m->ids_path, err);
	return rc;
}

static int put_shard(struct vs_ctx *ctx, const struct vs_manifest *m,
		     uint32_t i, struct vs_buf *b, struct vs_err *err)
{
	const struct vs_manifest_shard *s = &m->shards[i];
	int rc = put_u64(ctx, b, "- number", i, err);

	if (rc == 0)
		rc = put_text(ctx, b, "  file", s->file, err);
	if (rc == 0)
		rc = put_digest(ctx, b, "  fingerprint", &s->fingerprint, err);
	if (rc == 0 && m->sharding == VS_SHARDING_RANGE)
		rc = put_u64(ctx, b, "  first", s->first, err);
	if (rc == 0)
		rc = put_u64(ctx, b, "  rows", s->n_rows, err);
	if (rc == 0)
		rc = put_u64(ctx, b, "  weight", s->weight, err);
	return rc;
}

static int put_shards(struct vs_ctx *ctx, const struct vs_manifest *m,
		      struct vs_buf *b, struct vs_err *err)
{
	uint32_t i;
	int rc = vs_buf_printf(ctx, b, err, "sharding:\n  by: %s\n",
			       vs_manifest_sharding_word(m->sharding));

	if (rc == 0 && m->sharding == VS_SHARDING_HASH)
		rc = put_u64(ctx, b, "  vnodes", m->vnodes, err);
	if (rc == 0)
		rc = vs_buf_printf(ctx, b, err, "shards:\n");
	for (i = 0; rc == 0 && i < m->n_shards; i++)
		rc = put_shard(ctx, m, i, b, err);
	return rc;
}

int vs_manifest_put(struct vs_ctx *ctx, const struct vs_manifest *m,
		    struct vs_buf *b, struct vs_err *err)
{
	size_t start = b->n;
	struct vs_digest hash;
	char text[VS_DIGEST_TEXT_MAX];
	int rc = put_head(ctx, m, b, err);

	if (rc == 0)
		rc = put_model(ctx, m, b, err);
	if (rc == 0)
		rc = put_inputs(ctx, m, b, err);
	if (rc == 0)
		rc = put_ids(ctx, m, b, err);
	if (rc == 0)
		rc = put_shards(ctx, m, b, err);
	if (rc == 0)
		rc = vs_manifest_hash(ctx, b->p + start, b->n - start, &hash,
				      err);
	if (rc == 0)
		rc = vs_buf_printf(ctx, b, err, "%s%s\n", VS_MANIFEST_HASH_KEY,
				   vs_digest_text(&hash, text));
	return rc;
}
