/* manifest_read.c - reads the text of a manifest, strictly.
 *
 * The hash line comes first: what passes it is what somebody wrote.  Then the
 * version, then every key, its range, and that the parts agree.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "manifest_int.h"
#include "vs/mem.h"
#include "vs/num.h"

struct reader {
	struct vs_ctx *ctx;
	const struct vs_yaml_doc *doc;
	struct vs_err *err;
};

int vs_manifest_check_hash(struct vs_ctx *ctx, const char *name,
			   const char *text, size_t n, struct vs_err *err)
{
	const size_t key = sizeof(VS_MANIFEST_HASH_KEY) - 1;
	const size_t line = key + VS_DIGEST_TEXT_MAX; /* newline for NUL */
	char digits[VS_DIGEST_TEXT_MAX] = "", text_found[VS_DIGEST_TEXT_MAX];
	struct vs_digest said, found;
	int rc;

	if (n > line && text[n - line - 1] == '\n' && text[n - 1] == '\n' &&
	    memcmp(text + n - line, VS_MANIFEST_HASH_KEY, key) == 0)
		memcpy(digits, text + n - line + key, VS_DIGEST_TEXT_MAX - 1);
	if (!vs_digest_parse(digits, &said))
		return vs_fail(err, VS_EDATA,
			       "%s: does not end in a line 'hash: ' of 32 "
			       "digits; it is damaged, or no manifest",
			       name);
	rc = vs_manifest_hash(ctx, text, n - line, &found, err);
	if (rc != 0 || vs_digest_equal(&said, &found))
		return rc;
	return vs_fail(err, VS_EDATA,
		       "%s: has hash %s; its last line says %s; it was damaged "
		       "or edited, put back a copy",
		       name, vs_digest_text(&found, text_found), digits);
}

/* "NAME:LINE: " and what is wrong there. */
static int refuse(const struct reader *r, const struct vs_yaml *node,
		  const char *fmt, ...) VS_PRINTF(3, 4);

static int refuse(const struct reader *r, const struct vs_yaml *node,
		  const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	return vs_fail(r->err, VS_EDATA, "%s:%zu: %s", vs_yaml_name(r->doc),
		       node->line, text);
}

struct range {
	uint64_t min, max;
};

static int get_u64(const struct reader *r, const struct vs_yaml *map,
		   const char *key, struct range range, uint64_t *out)
{
	int rc = vs_yaml_u64(r->doc, map, key, out, r->err);

	if (rc != 0 || (*out >= range.min && *out <= range.max))
		return rc;
	return refuse(r, vs_yaml_find(map, key),
		      "%s is %llu; expected %llu to %llu", key,
		      (unsigned long long)*out, (unsigned long long)range.min,
		      (unsigned long long)range.max);
}

static int get_u32(const struct reader *r, const struct vs_yaml *map,
		   const char *key, struct range range, uint32_t *out)
{
	uint64_t v = 0;
	int rc = get_u64(r, map, key, range, &v);

	*out = (uint32_t)v;
	return rc;
}

static int get_digest(const struct reader *r, const struct vs_yaml *map,
		      const char *key, struct vs_digest *out)
{
	const char *text;
	int rc = vs_yaml_text(r->doc, map, key, &text, r->err);

	if (rc != 0 || vs_digest_parse(text, out))
		return rc;
	return refuse(r, vs_yaml_find(map, key),
		      "%s is \"%.80s\"; expected 32 lower-case hexadecimal "
		      "digits",
		      key, text);
}

/* The map or list under key. */
static int get_node(const struct reader *r, const struct vs_yaml *map,
		    const char *key, enum vs_yaml_kind kind,
		    const struct vs_yaml **out)
{
	*out = vs_yaml_find(map, key);
	if (*out == NULL)
		return refuse(r, map, "%s is missing", key);
	if ((*out)->kind != kind)
		return refuse(r, *out, "%s is no %s; expected one", key,
			      kind == VS_YAML_MAP ? "map" : "list");
	return 0;
}

/* True for a relative name that stays where it is: no empty part, "." or "..".
 */
static bool is_inside(const char *s)
{
	const char *end;
	size_t n;

	do {
		end = strchrnul(s, '/');
		n = (size_t)(end - s);
		if (n == 0 || (n == 1 && s[0] == '.') ||
		    (n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		s = end + 1;
	} while (*end != '\0');
	return true;
}

static int get_path(const struct reader *r, const struct vs_yaml *map,
		    const char *key, bool may_be_absolute, char **out)
{
	const char *text;
	int rc = vs_yaml_text(r->doc, map, key, &text, r->err);

	if (rc != 0)
		return rc;
	if (!is_inside(text) && !(may_be_absolute && text[0] == '/'))
		return refuse(r, vs_yaml_find(map, key),
			      "%s is \"%.200s\"; expected a path %sinside the "
			      "collection",
			      key, text, may_be_absolute ? "absolute or " : "");
	*out = vs_strdup(r->ctx, text, r->err);
	return *out == NULL ? VS_ENOMEM : 0;
}

static bool dtype_parse(const char *word, enum vs_dtype *t)
{
	unsigned i;

	for (i = VS_F32; i <= VS_F64; i++) {
		if (strcmp(word, vs_dtype_name((enum vs_dtype)i)) == 0) {
			*t = (enum vs_dtype)i;
			return true;
		}
	}
	return false;
}

/* Printable ASCII without blanks; what it means is for others. */
static int get_index(const struct reader *r, const struct vs_yaml *root,
		     struct vs_manifest *m)
{
	const char *text, *p;
	int rc = vs_yaml_text(r->doc, root, "index", &text, r->err);

	if (rc != 0)
		return rc;
	for (p = text; *p > ' ' && *p < 0x7f; p++)
		;
	if (p == text || *p != '\0' || p - text > VS_MANIFEST_INDEX_MAX)
		return refuse(r, vs_yaml_find(root, "index"),
			      "index is \"%.80s\"; expected a factory string",
			      text);
	m->index = vs_strdup(r->ctx, text, r->err);
	return m->index == NULL ? VS_ENOMEM : 0;
}

static int read_head(const struct reader *r, const struct vs_yaml *root,
		     struct vs_manifest *m)
{
	const char *text;
	int rc = get_digest(r, root, "id", &m->collection);

	if (rc == 0)
		rc = get_u64(r, root, "generation",
			     (struct range){ 1, INT64_MAX }, &m->generation);
	if (rc == 0)
		rc = vs_yaml_text(r->doc, root, "metric", &text, r->err);
	if (rc == 0 && !vs_metric_parse(text, &m->metric))
		rc = refuse(r, vs_yaml_find(root, "metric"),
			    "metric is \"%.80s\"; expected l2, ip, cosine or "
			    "l1",
			    text);
	if (rc == 0)
		rc = vs_yaml_text(r->doc, root, "dtype", &text, r->err);
	if (rc == 0 && !dtype_parse(text, &m->dtype))
		rc = refuse(r, vs_yaml_find(root, "dtype"),
			    "dtype is \"%.80s\"; expected f32, u8, ...", text);
	if (rc == 0)
		rc = get_u32(r, root, "dim", (struct range){ 1, VS_DIM_MAX },
			     &m->dim);
	if (rc == 0)
		rc = get_index(r, root, m);
	return rc;
}

static int read_model(const struct reader *r, const struct vs_yaml *root,
		      struct vs_manifest *m)
{
	static const char *const keys[] = { "file", "fingerprint", NULL };
	const struct vs_yaml *map = vs_yaml_find(root, "model");
	int rc;

	if (map == NULL)
		return 0;
	rc = vs_yaml_only(r->doc, map, keys, r->err);
	if (rc == 0)
		rc = get_path(r, map, "file", false, &m->model_file);
	if (rc == 0)
		rc = get_digest(r, map, "fingerprint", &m->model);
	return rc;
}

static int read_sharding(const struct reader *r, const struct vs_yaml *root,
			 struct vs_manifest *m)
{
	static const char *const keys[] = { "by", "vnodes", NULL };
	const struct vs_yaml *map;
	const char *text;
	int rc = get_node(r, root, "sharding", VS_YAML_MAP, &map);

	if (rc == 0)
		rc = vs_yaml_only(r->doc, map, keys, r->err);
	if (rc == 0)
		rc = vs_yaml_text(r->doc, map, "by", &text, r->err);
	if (rc == 0 && !vs_manifest_sharding_parse(text, &m->sharding))
		rc = refuse(r, vs_yaml_find(map, "by"),
			    "by is \"%.80s\"; expected hash or range", text);
	if (rc == 0 && m->sharding == VS_SHARDING_HASH)
		return get_u32(r, map, "vnodes",
			       (struct range){ 1, VS_RING_VNODES_MAX },
			       &m->vnodes);
	if (rc == 0 && vs_yaml_find(map, "vnodes") != NULL)
		rc = refuse(r, vs_yaml_find(map, "vnodes"),
			    "vnodes, which belongs to hash, beside by: %s",
			    text);
	return rc;
}

/* Adds n to *sum, which must not pass the total said. */
static int add_rows(const struct reader *r, const struct vs_yaml *node,
		    uint64_t n, uint64_t total, uint64_t *sum)
{
	if (n > total - *sum)
		return refuse(r, node,
			      "rows up to here add up to more than the %llu "
			      "said for the collection",
			      (unsigned long long)total);
	*sum += n;
	return 0;
}

static int check_sum(const struct reader *r, const struct vs_yaml *list,
		     uint64_t sum, uint64_t total)
{
	if (sum == total)
		return 0;
	return refuse(r, list,
		      "rows in %s add up to %llu; expected the %llu of the "
		      "collection",
		      list->key, (unsigned long long)sum,
		      (unsigned long long)total);
}

static int read_files(const struct reader *r, const struct vs_yaml *input,
		      struct vs_manifest *m)
{
	static const char *const keys[] = { "path", "rows", NULL };
	const struct vs_yaml *list, *c;
	uint64_t sum = 0;
	int rc = get_node(r, input, "files", VS_YAML_LIST, &list);

	if (rc != 0)
		return rc;
	m->inputs = vs_zalloc(r->ctx, list->n, sizeof(*m->inputs),
			      "list of inputs", r->err);
	if (m->inputs == NULL)
		return VS_ENOMEM;
	for (c = list->child; rc == 0 && c != NULL; c = c->next) {
		struct vs_manifest_input *in = &m->inputs[m->n_inputs++];

		rc = vs_yaml_only(r->doc, c, keys, r->err);
		if (rc == 0)
			rc = get_path(r, c, "path", true, &in->path);
		if (rc == 0)
			rc = get_u64(r, c, "rows",
				     (struct range){ 0, UINT64_MAX },
				     &in->n_rows);
		if (rc == 0)
			rc = add_rows(r, c, in->n_rows, m->n_rows, &sum);
	}
	return rc != 0 ? rc : check_sum(r, list, sum, m->n_rows);
}

static int read_inputs(const struct reader *r, const struct vs_yaml *root,
		       struct vs_manifest *m)
{
	static const char *const keys[] = { "quick-digest", "format",
					    "nonfinite", "files", NULL };
	const struct vs_yaml *map;
	const char *text;
	int rc = get_u64(r, root, "rows", (struct range){ 1, UINT64_MAX - 1 },
			 &m->n_rows);

	if (rc == 0)
		rc = get_node(r, root, "input", VS_YAML_MAP, &map);
	if (rc == 0)
		rc = vs_yaml_only(r->doc, map, keys, r->err);
	if (rc == 0)
		rc = get_digest(r, map, "quick-digest", &m->input);
	if (rc == 0)
		rc = vs_yaml_text(r->doc, map, "format", &text, r->err);
	if (rc == 0 && strcmp(text, "auto") != 0 &&
	    !vs_vecs_format_parse(text, &m->input_format))
		rc = refuse(r, vs_yaml_find(map, "format"),
			    "format is \"%.80s\"; expected auto, fvecs, ...",
			    text);
	if (rc == 0 && vs_yaml_find(map, "nonfinite") != NULL) {
		rc = vs_yaml_text(r->doc, map, "nonfinite", &text, r->err);
		m->drop_nonfinite = true;
		if (rc == 0 && strcmp(text, "drop") != 0)
			rc = refuse(r, vs_yaml_find(map, "nonfinite"),
				    "nonfinite is \"%.80s\"; expected drop",
				    text);
	}
	if (rc == 0)
		rc = read_files(r, map, m);
	return rc;
}

/* Ranges lie side by side: one begins where the rows before it end. */
static int read_first(const struct reader *r, const struct vs_yaml *map,
		      uint64_t before, struct vs_manifest_shard *s)
{
	int rc = vs_yaml_u64(r->doc, map, "first", &s->first, r->err);

	if (rc != 0 || s->first == before)
		return rc;
	return refuse(r, vs_yaml_find(map, "first"),
		      "first is %llu; expected %llu, where the shard before "
		      "it ends",
		      (unsigned long long)s->first, (unsigned long long)before);
}

/* One of ids and id-base, or neither. */
static int read_ids(const struct reader *r, const struct vs_yaml *root,
		    struct vs_manifest *m)
{
	static const char *const keys[] = { "quick-digest", "path", NULL };
	const struct vs_yaml *base = vs_yaml_find(root, "id-base"), *map;
	int rc;

	if (base != NULL && vs_yaml_find(root, "ids") != NULL)
		return refuse(r, base, "id-base beside ids; expected one");
	/* The last row's id is a good one, too. */
	if (base != NULL)
		return get_u64(r, root, "id-base",
			       (struct range){ 1, VS_ID_MAX - (m->n_rows - 1) },
			       &m->id_base);
	if (vs_yaml_find(root, "ids") == NULL)
		return 0;
	rc = get_node(r, root, "ids", VS_YAML_MAP, &map);
	if (rc == 0)
		rc = vs_yaml_only(r->doc, map, keys, r->err);
	if (rc == 0)
		rc = get_digest(r, map, "quick-digest", &m->ids);
	if (rc == 0)
		rc = get_path(r, map, "path", true, &m->ids_path);
	return rc;
}

static int read_shard(const struct reader *r, const struct vs_yaml *map,
		      uint32_t number, struct vs_manifest_shard *s)
{
	static const char *const keys[] = { "number", "file",	"fingerprint",
					    "first",  "rows",	"weight",
					    NULL };
	const struct range only = { number, number };
	uint64_t said;
	int rc = vs_yaml_only(r->doc, map, keys, r->err);

	if (rc == 0)
		rc = get_u64(r, map, "number", only, &said);
	if (rc == 0)
		rc = get_path(r, map, "file", false, &s->file);
	if (rc == 0)
		rc = get_digest(r, map, "fingerprint", &s->fingerprint);
	if (rc == 0)
		rc = get_u64(r, map, "rows", (struct range){ 0, UINT64_MAX },
			     &s->n_rows);
	if (rc == 0)
		rc = get_u32(r, map, "weight",
			     (struct range){ 1, VS_RING_WEIGHT_MAX },
			     &s->weight);
	return rc;
}

static int read_shards(const struct reader *r, const struct vs_yaml *root,
		       struct vs_manifest *m)
{
	const struct vs_yaml *list, *c;
	uint64_t sum = 0, points = 0;
	int rc = get_node(r, root, "shards", VS_YAML_LIST, &list);

	if (rc != 0)
		return rc;
	if (list->n < 1 || list->n > VS_RING_SHARDS_MAX)
		return refuse(r, list, "%zu shards; expected 1 to %u", list->n,
			      VS_RING_SHARDS_MAX);
	m->shards = vs_zalloc(r->ctx, list->n, sizeof(*m->shards),
			      "list of shards", r->err);
	if (m->shards == NULL)
		return VS_ENOMEM;
	for (c = list->child; rc == 0 && c != NULL; c = c->next) {
		struct vs_manifest_shard *s = &m->shards[m->n_shards];

		rc = read_shard(r, c, m->n_shards++, s);
		if (rc == 0 && m->sharding == VS_SHARDING_RANGE)
			rc = read_first(r, c, sum, s);
		else if (rc == 0 && vs_yaml_find(c, "first") != NULL)
			rc = refuse(r, vs_yaml_find(c, "first"),
				    "first, which belongs to by: range, beside "
				    "by: hash");
		if (rc == 0)
			rc = add_rows(r, c, s->n_rows, m->n_rows, &sum);
		points += (uint64_t)m->vnodes * s->weight;
	}
	if (rc == 0 && points > VS_RING_POINTS_MAX)
		rc = refuse(r, list,
			    "%llu points on the ring; expected at "
			    "most %llu",
			    (unsigned long long)points,
			    (unsigned long long)VS_RING_POINTS_MAX);
	return rc != 0 ? rc : check_sum(r, list, sum, m->n_rows);
}

/* The id says what generation 1 was made of. */
static int check_id(const struct reader *r, const struct vs_yaml *root,
		    struct vs_manifest *m)
{
	char text[VS_DIGEST_TEXT_MAX];
	struct vs_digest id;
	int rc;

	if (m->generation != 1)
		return 0;
	rc = vs_manifest_id(r->ctx, m, &id, r->err);
	if (rc != 0 || vs_digest_equal(&id, &m->collection))
		return rc;
	return refuse(r, vs_yaml_find(root, "id"),
		      "id is not that of these contents (%s); it was edited",
		      vs_digest_text(&id, text));
}

static int read_root(const struct reader *r, const struct vs_yaml *root,
		     struct vs_manifest *m)
{
	static const char *const keys[] = {
		"vs-collection", "id",	   "generation", "metric", "dtype",
		"dim",		 "index",  "model",	 "rows",   "input",
		"ids",		 "id-base", "sharding",	 "shards", "hash",
		NULL
	};
	uint64_t version = 0;
	int rc = vs_yaml_u64(r->doc, root, "vs-collection", &version, r->err);

	if (rc == 0 && version > VS_MANIFEST_VERSION)
		return vs_fail(r->err, VS_EVERSION,
			       "%s: is a collection of version %llu; this "
			       "program knows %u; use a newer one",
			       vs_yaml_name(r->doc),
			       (unsigned long long)version,
			       VS_MANIFEST_VERSION);
	if (rc == 0 && version == 0)
		rc = refuse(r, vs_yaml_find(root, "vs-collection"),
			    "version 0; expected 1");
	if (rc == 0)
		rc = vs_yaml_only(r->doc, root, keys, r->err);
	if (rc == 0)
		rc = read_head(r, root, m);
	if (rc == 0)
		rc = read_model(r, root, m);
	if (rc == 0)
		rc = read_inputs(r, root, m);
	if (rc == 0)
		rc = read_ids(r, root, m);
	if (rc == 0)
		rc = read_sharding(r, root, m);
	if (rc == 0)
		rc = read_shards(r, root, m);
	return rc != 0 ? rc : check_id(r, root, m);
}

int vs_manifest_parse(struct vs_ctx *ctx, const char *name, const char *text,
		      size_t n, struct vs_manifest **out, struct vs_err *err)
{
	struct reader r = { .ctx = ctx, .err = err };
	struct vs_yaml_doc *doc = NULL;
	struct vs_manifest *m = NULL;
	int rc;

	*out = NULL;
	rc = vs_manifest_check_hash(ctx, name, text, n, err);
	if (rc == 0)
		rc = vs_yaml_parse(ctx, name, text, n, &doc, err);
	if (rc != 0)
		return rc;
	r.doc = doc;
	m = vs_zalloc(ctx, 1, sizeof(*m), "manifest", err);
	rc = m == NULL ? VS_ENOMEM : read_root(&r, vs_yaml_root(doc), m);
	vs_yaml_destroy(ctx, doc);
	if (rc != 0)
		vs_manifest_destroy(ctx, m);
	else
		*out = m;
	return rc;
}
