/* hits_info.c - the INFO section of hit files: YAML out, YAML in, and whether
 * it makes sense.
 */
#include <inttypes.h>
#include <string.h>

#include "hits_int.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/yaml.h"

#define ROWS_MAX ((uint64_t)1 << 40)

int vs_hits_info_copy(struct vs_ctx *ctx, struct vs_hits_info *dst,
		      const struct vs_hits_info *src, struct vs_err *err)
{
	*dst = *src;
	dst->params = NULL;
	dst->sources = NULL;
	dst->index = vs_strdup(ctx, src->index, err);
	if (dst->index != NULL)
		dst->params = vs_strdup(ctx, src->params, err);
	if (dst->params != NULL)
		dst->sources = vs_alloc(ctx, src->n_sources,
					sizeof(*dst->sources), "sources", err);
	if (dst->sources == NULL) {
		vs_hits_info_free(ctx, dst);
		return VS_ENOMEM;
	}
	if (src->n_sources != 0)
		memcpy(dst->sources, src->sources,
		       src->n_sources * sizeof(*dst->sources));
	return 0;
}

void vs_hits_info_free(struct vs_ctx *ctx, struct vs_hits_info *info)
{
	vs_free(ctx, info->index);
	vs_free(ctx, info->params);
	vs_free(ctx, info->sources);
	memset(info, 0, sizeof(*info));
}

static int fail_field(const char *path, const char *field, uint64_t found,
		      int code, struct vs_err *err)
{
	return vs_fail(err, code,
		       "%s: INFO: %s is %" PRIu64 ", which cannot be", path,
		       field, found);
}

static int check_sources(const char *path, const struct vs_hits_info *info,
			 int code, struct vs_err *err)
{
	size_t i;

	if (info->n_shards == 0)
		return fail_field(path, "n_shards", 0, code, err);
	for (i = 0; i < info->n_sources; i++) {
		const struct vs_hits_source *s = &info->sources[i];

		if (s->shard >= info->n_shards || s->n_rows > ROWS_MAX)
			return vs_fail(err, code,
				       "%s: INFO: source %zu is shard %u of %u "
				       "with %" PRIu64 " rows, which cannot be",
				       path, i, s->shard, info->n_shards,
				       s->n_rows);
		if (i != 0 && s->shard <= s[-1].shard)
			return vs_fail(err, code,
				       "%s: INFO: shard %u stands after shard "
				       "%u; expected ascending numbers",
				       path, s->shard, s[-1].shard);
	}
	if (info->incomplete && info->n_sources == info->n_shards)
		return vs_fail(err, code,
			       "%s: INFO: incomplete, but all %u shards are "
			       "there",
			       path, info->n_shards);
	return 0;
}

int vs_hits_info_check(const char *path, const struct vs_hits_info *info,
		       int code, struct vs_err *err)
{
	if (info->n_queries > ROWS_MAX)
		return fail_field(path, "n_queries", info->n_queries, code,
				  err);
	if (info->k > VS_K_MAX)
		return fail_field(path, "k", info->k, code, err);
	if (info->dim < 1 || info->dim > VS_DIM_MAX)
		return fail_field(path, "dim", info->dim, code, err);
	if (strcmp(vs_metric_name(info->metric), "?") == 0)
		return fail_field(path, "metric", info->metric, code, err);
	if (info->dtype < VS_F32 || info->dtype > VS_F16)
		return fail_field(path, "dtype", info->dtype, code, err);
	if (info->index == NULL || info->index[0] == '\0')
		return vs_fail(err, code, "%s: INFO: index is empty", path);
	if (info->params == NULL)
		return vs_fail(err, code, "%s: INFO: params are missing", path);
	return check_sources(path, info, code, err);
}

static bool is_zero(const struct vs_digest *d)
{
	static const struct vs_digest zero;

	return vs_digest_equal(d, &zero);
}

/* Quoted, since 32 digits may look like a number; absent ones as none. */
static int put_digest(struct vs_ctx *ctx, struct vs_buf *b, const char *key,
		      const struct vs_digest *d, struct vs_err *err)
{
	char text[VS_DIGEST_TEXT_MAX];

	if (is_zero(d))
		return vs_buf_printf(ctx, b, err, "%s: none\n", key);
	return vs_buf_printf(ctx, b, err, "%s: \"%s\"\n", key,
			     vs_digest_text(d, text));
}

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

static int put_sources(struct vs_ctx *ctx, const struct vs_hits_info *info,
		       struct vs_buf *b, struct vs_err *err)
{
	size_t i;
	int rc;

	if (info->n_sources == 0)
		return vs_buf_printf(ctx, b, err, "sources: []\n");
	rc = vs_buf_printf(ctx, b, err, "sources:\n");
	for (i = 0; rc == 0 && i < info->n_sources; i++) {
		const struct vs_hits_source *s = &info->sources[i];

		rc = vs_buf_printf(ctx, b, err,
				   "  - shard: %u\n"
				   "    n_rows: %" PRIu64 "\n",
				   s->shard, s->n_rows);
		if (rc == 0)
			rc = put_digest(ctx, b, "    fingerprint",
					&s->fingerprint, err);
	}
	return rc;
}

int vs_hits_info_put(struct vs_ctx *ctx, const struct vs_hits_info *info,
		     struct vs_buf *b, struct vs_err *err)
{
	int rc;

	rc = vs_buf_printf(ctx, b, err,
			   "n_queries: %" PRIu64 "\n"
			   "k: %u\n"
			   "dim: %u\n"
			   "metric: %s\n"
			   "dtype: %s\n",
			   info->n_queries, info->k, info->dim,
			   vs_metric_name(info->metric),
			   vs_dtype_name(info->dtype));
	if (rc == 0)
		rc = put_digest(ctx, b, "queries", &info->queries, err);
	if (rc == 0)
		rc = put_digest(ctx, b, "model", &info->model, err);
	if (rc == 0)
		rc = put_digest(ctx, b, "collection", &info->collection, err);
	if (rc == 0)
		rc = vs_buf_printf(ctx, b, err,
				   "generation: %" PRIu64 "\n"
				   "n_shards: %u\n"
				   "incomplete: %s\n",
				   info->generation, info->n_shards,
				   info->incomplete ? "true" : "false");
	if (rc == 0)
		rc = put_text(ctx, b, "index", info->index, err);
	if (rc == 0)
		rc = put_text(ctx, b, "params", info->params, err);
	if (rc == 0)
		rc = put_sources(ctx, info, b, err);
	return rc;
}

/* One map of the text being read. */
struct reader {
	struct vs_ctx *ctx;
	struct vs_yaml_doc *doc;
	const struct vs_yaml *map;
	struct vs_err *err;
};

static int get_u32(const struct reader *r, const char *key, uint32_t *out)
{
	uint64_t v = 0;
	int rc = vs_yaml_u64(r->doc, r->map, key, &v, r->err);

	if (rc == 0 && v > UINT32_MAX)
		rc = vs_fail(r->err, VS_EDATA,
			     "%s:%zu: %s is %" PRIu64 ", which cannot be",
			     vs_yaml_name(r->doc), r->map->line, key, v);
	*out = (uint32_t)v;
	return rc;
}

static int fail_word(const struct reader *r, const char *key, const char *word)
{
	return vs_fail(r->err, VS_EDATA,
		       "%s:%zu: %s is \"%.80s\", which cannot be",
		       vs_yaml_name(r->doc), r->map->line, key, word);
}

static int get_digest(const struct reader *r, const char *key,
		      struct vs_digest *out)
{
	const char *s;
	int rc = vs_yaml_text(r->doc, r->map, key, &s, r->err);

	memset(out, 0, sizeof(*out));
	if (rc != 0 || strcmp(s, "none") == 0)
		return rc;
	if (!vs_digest_parse(s, out) || is_zero(out))
		return fail_word(r, key, s);
	return 0;
}

static int get_string(const struct reader *r, const char *key, char **out)
{
	const char *s;
	int rc = vs_yaml_text(r->doc, r->map, key, &s, r->err);

	if (rc != 0)
		return rc;
	*out = vs_strdup(r->ctx, s, r->err);
	return *out == NULL ? VS_ENOMEM : 0;
}

static int get_words(const struct reader *r, struct vs_hits_info *info)
{
	const char *s;
	int t, rc = vs_yaml_text(r->doc, r->map, "metric", &s, r->err);

	if (rc == 0 && !vs_metric_parse(s, &info->metric))
		rc = fail_word(r, "metric", s);
	if (rc == 0)
		rc = vs_yaml_text(r->doc, r->map, "dtype", &s, r->err);
	if (rc != 0)
		return rc;
	for (t = VS_F32; t <= VS_F16; t++)
		if (strcmp(s, vs_dtype_name((enum vs_dtype)t)) == 0)
			info->dtype = (enum vs_dtype)t;
	if (info->dtype == 0)
		return fail_word(r, "dtype", s);
	rc = vs_yaml_text(r->doc, r->map, "incomplete", &s, r->err);
	if (rc == 0 && strcmp(s, "true") != 0 && strcmp(s, "false") != 0)
		rc = fail_word(r, "incomplete", s);
	if (rc == 0)
		info->incomplete = strcmp(s, "true") == 0;
	return rc;
}

static int get_source(const struct reader *r, struct vs_hits_source *s)
{
	static const char *const keys[] = {"shard", "n_rows", "fingerprint",
					   NULL};
	int rc = vs_yaml_only(r->doc, r->map, keys, r->err);

	if (rc == 0)
		rc = get_u32(r, "shard", &s->shard);
	if (rc == 0)
		rc = vs_yaml_u64(r->doc, r->map, "n_rows", &s->n_rows, r->err);
	if (rc == 0)
		rc = get_digest(r, "fingerprint", &s->fingerprint);
	return rc;
}

static int get_sources(const struct reader *r, struct vs_hits_info *info)
{
	const struct vs_yaml *list = vs_yaml_find(r->map, "sources");
	const struct vs_yaml *node;
	struct reader one = *r;
	int rc = 0;

	if (list == NULL || list->kind != VS_YAML_LIST)
		return vs_fail(r->err, VS_EDATA,
			       "%s:%zu: no list of sources; expected one",
			       vs_yaml_name(r->doc), r->map->line);
	info->sources = vs_alloc(r->ctx, list->n, sizeof(*info->sources),
				 "sources", r->err);
	if (info->sources == NULL)
		return VS_ENOMEM;
	for (node = list->child; rc == 0 && node != NULL; node = node->next) {
		one.map = node;
		rc = get_source(&one, &info->sources[info->n_sources]);
		info->n_sources++;
	}
	return rc;
}

static int get_info(const struct reader *r, struct vs_hits_info *info)
{
	static const char *const keys[] = {
		"n_queries",  "k",     "dim",	     "metric",	   "dtype",
		"queries",    "model", "collection", "generation", "n_shards",
		"incomplete", "index", "params",     "sources",	   NULL};
	int rc = vs_yaml_only(r->doc, r->map, keys, r->err);

	if (rc == 0)
		rc = vs_yaml_u64(r->doc, r->map, "n_queries", &info->n_queries,
				 r->err);
	if (rc == 0)
		rc = get_u32(r, "k", &info->k);
	if (rc == 0)
		rc = get_u32(r, "dim", &info->dim);
	if (rc == 0)
		rc = get_words(r, info);
	if (rc == 0)
		rc = get_digest(r, "queries", &info->queries);
	if (rc == 0)
		rc = get_digest(r, "model", &info->model);
	if (rc == 0)
		rc = get_digest(r, "collection", &info->collection);
	if (rc == 0)
		rc = vs_yaml_u64(r->doc, r->map, "generation",
				 &info->generation, r->err);
	if (rc == 0)
		rc = get_u32(r, "n_shards", &info->n_shards);
	if (rc == 0)
		rc = get_string(r, "index", &info->index);
	if (rc == 0)
		rc = get_string(r, "params", &info->params);
	if (rc == 0)
		rc = get_sources(r, info);
	return rc;
}

int vs_hits_info_parse(struct vs_ctx *ctx, const char *path, const char *text,
		       size_t n, struct vs_hits_info *info, struct vs_err *err)
{
	struct reader r = {.ctx = ctx, .err = err};
	char *name;
	int rc;

	memset(info, 0, sizeof(*info));
	name = vs_asprintf(ctx, err, "%s: INFO", path);
	if (name == NULL)
		return VS_ENOMEM;
	rc = vs_yaml_parse(ctx, name, text, n, &r.doc, err);
	vs_free(ctx, name);
	if (rc != 0)
		return rc;
	r.map = vs_yaml_root(r.doc);
	rc = get_info(&r, info);
	vs_yaml_destroy(ctx, r.doc);
	if (rc == 0)
		rc = vs_hits_info_check(path, info, VS_EDATA, err);
	return rc;
}
