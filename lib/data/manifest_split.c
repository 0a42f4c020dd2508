/* manifest_split.c - the record of a split shard: a small text in the form of
 * manifests, hash line included.
 */
#include "vs/split.h"

#include "manifest_int.h"
#include "vs/mem.h"

#define SPLIT_VERSION 1u
#define RECORD_BYTES_MAX 4096u

char *vs_split_path(struct vs_ctx *ctx, const char *dir, uint32_t i, uint32_t n,
		    const char *suffix, struct vs_err *err)
{
	return vs_asprintf(ctx, err, "%s/%05u-of-%05u%s", dir, i, n, suffix);
}

static int put(struct vs_ctx *ctx, const struct vs_split *s, struct vs_buf *b,
	       struct vs_err *err)
{
	char of[VS_DIGEST_TEXT_MAX], vectors[VS_DIGEST_TEXT_MAX];
	char ids[VS_DIGEST_TEXT_MAX], hash[VS_DIGEST_TEXT_MAX];
	struct vs_digest d;
	int rc = vs_buf_printf(ctx, b, err,
			       "# rows of a shard of vs-tools; see "
			       "vs-format(5)\n"
			       "vs-split: %u\n"
			       "fingerprint: \"%s\"\n"
			       "rows: %llu\n"
			       "vectors: \"%s\"\n"
			       "ids: \"%s\"\n",
			       SPLIT_VERSION,
			       vs_digest_text(&s->fingerprint, of),
			       (unsigned long long)s->n_rows,
			       vs_digest_text(&s->vectors, vectors),
			       vs_digest_text(&s->ids, ids));

	if (rc == 0)
		rc = vs_manifest_hash(ctx, b->p, b->n, &d, err);
	if (rc == 0)
		rc = vs_buf_printf(ctx, b, err, "%s%s\n", VS_MANIFEST_HASH_KEY,
				   vs_digest_text(&d, hash));
	return rc;
}

int vs_split_write(struct vs_ctx *ctx, const char *path,
		   const struct vs_split *s, struct vs_err *err)
{
	struct vs_buf text = { 0 };
	struct vs_out *o = NULL;
	int rc = put(ctx, s, &text, err);

	if (rc == 0)
		rc = vs_out_create(ctx, path, &o, err);
	if (rc == 0)
		rc = vs_out_append(ctx, o, text.p, text.n, err);
	if (rc == 0)
		rc = vs_out_publish(ctx, o, VS_PUBLISH_REPLACE, NULL, err);
	else
		vs_out_abort(ctx, o);
	vs_buf_free(ctx, &text);
	return rc;
}

static int read_digest(const struct vs_yaml_doc *doc, const char *key,
		       struct vs_digest *out, struct vs_err *err)
{
	const char *text;
	int rc = vs_yaml_text(doc, vs_yaml_root(doc), key, &text, err);

	if (rc == 0 && !vs_digest_parse(text, out))
		rc = vs_fail(err, VS_EDATA, "%s: %s is '%.40s', no digest",
			     vs_yaml_name(doc), key, text);
	return rc;
}

static int read_record(const struct vs_yaml_doc *doc, struct vs_split *out,
		       struct vs_err *err)
{
	static const char *const keys[] = { "vs-split", "fingerprint", "rows",
					    "vectors",	"ids",	       "hash",
					    NULL };
	const struct vs_yaml *root = vs_yaml_root(doc);
	uint64_t version = 0;
	int rc = vs_yaml_u64(doc, root, "vs-split", &version, err);

	if (rc == 0 && version != SPLIT_VERSION)
		rc = vs_fail(err, version > SPLIT_VERSION ? VS_EVERSION :
							    VS_EDATA,
			     "%s: is a split of version %llu; this program "
			     "knows %u",
			     vs_yaml_name(doc), (unsigned long long)version,
			     SPLIT_VERSION);
	if (rc == 0)
		rc = vs_yaml_only(doc, root, keys, err);
	if (rc == 0)
		rc = read_digest(doc, "fingerprint", &out->fingerprint, err);
	if (rc == 0)
		rc = vs_yaml_u64(doc, root, "rows", &out->n_rows, err);
	if (rc == 0)
		rc = read_digest(doc, "vectors", &out->vectors, err);
	if (rc == 0)
		rc = read_digest(doc, "ids", &out->ids, err);
	return rc;
}

int vs_split_read(struct vs_ctx *ctx, const char *path, struct vs_split *out,
		  struct vs_err *err)
{
	struct vs_yaml_doc *doc = NULL;
	struct vs_buf text = { 0 };
	int rc = vs_file_slurp(ctx, path, RECORD_BYTES_MAX, &text, err);

	if (rc == 0)
		rc = vs_manifest_check_hash(ctx, path, text.p, text.n, err);
	if (rc == 0)
		rc = vs_yaml_parse(ctx, path, text.p, text.n, &doc, err);
	if (rc == 0) {
		rc = read_record(doc, out, err);
		vs_yaml_destroy(ctx, doc);
	}
	vs_buf_free(ctx, &text);
	return rc;
}
