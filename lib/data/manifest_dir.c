/* manifest_dir.c - generations in the directory of a collection.
 *
 * The only commit point of a collection is the link that gives a generation its
 * name; nothing is ever locked or changed.
 */
#include <stdio.h>
#include <string.h>

#include "manifest_int.h"
#include "vs/file.h"
#include "vs/mem.h"
#include "vs/num.h"

#define SUFFIX ".yaml"
#define DIGITS_MIN 6

/* "000007.yaml": at least six digits, no zero in front of more. */
static bool parse_name(const char *name, uint64_t *generation)
{
	const char *dot = strchr(name, '.');
	size_t n = dot == NULL ? 0 : (size_t)(dot - name);

	return n >= DIGITS_MIN && strcmp(dot, SUFFIX) == 0 &&
	       (n == DIGITS_MIN || name[0] != '0') &&
	       vs_parse_u64_n(name, n, generation) && *generation >= 1;
}

static char *generation_path(struct vs_ctx *ctx, const struct vs_manifest *m,
			     struct vs_err *err)
{
	char name[32];

	snprintf(name, sizeof(name), "%06llu" SUFFIX,
		 (unsigned long long)m->generation);
	return vs_manifest_path(ctx, m, name, err);
}

int vs_manifest_newest(struct vs_ctx *ctx, const char *dir,
		       uint64_t *generation, struct vs_err *err)
{
	struct vs_names names;
	uint64_t g;
	size_t i;
	int rc = vs_path_list(ctx, dir, &names, err);

	*generation = 0;
	if (rc != 0)
		return rc;
	for (i = 0; i < names.n; i++)
		if (parse_name(names.name[i], &g) && g > *generation)
			*generation = g;
	vs_names_free(ctx, &names);
	return 0;
}

/* The "@" before a number at the end, or NULL. */
static const char *find_pin(const char *collection, uint64_t *generation)
{
	const char *at = strrchr(collection, '@');

	if (at == NULL || at == collection || !vs_parse_u64(at + 1, generation))
		return NULL;
	return at;
}

int vs_manifest_split(struct vs_ctx *ctx, const char *collection, char **dir,
		      uint64_t *generation, struct vs_err *err)
{
	const char *at = find_pin(collection, generation);

	*dir = NULL;
	if (at == NULL)
		*generation = 0;
	else if (*generation == 0)
		return vs_fail(err, VS_EUSAGE,
			       "%s: generations count from 1; expected "
			       "DIR@1 or more, or DIR",
			       collection);
	*dir = at == NULL ? vs_strdup(ctx, collection, err) :
			    vs_strndup(ctx, collection,
				       (size_t)(at - collection), err);
	return *dir == NULL ? VS_ENOMEM : 0;
}

bool vs_manifest_is_collection(struct vs_ctx *ctx, const char *collection)
{
	uint64_t generation;
	char *dir;
	bool is;

	if (vs_manifest_split(ctx, collection, &dir, &generation, NULL) != 0)
		return false;
	is = vs_path_is_dir(ctx, dir);
	vs_free(ctx, dir);
	return is;
}

/* Reads the generation that m->dir and m->generation name into *out. */
static int read_generation(struct vs_ctx *ctx, const struct vs_manifest *m,
			   struct vs_manifest **out, struct vs_err *err)
{
	struct vs_buf text = { 0 };
	char *path = generation_path(ctx, m, err);
	int rc;

	if (path == NULL)
		return VS_ENOMEM;
	rc = vs_file_slurp(ctx, path, VS_MANIFEST_BYTES_MAX, &text, err);
	if (rc == 0)
		rc = vs_manifest_parse(ctx, path, text.p, text.n, out, err);
	if (rc == 0 && (*out)->generation != m->generation) {
		rc = vs_fail(err, VS_EDATA,
			     "%s: says it is generation %llu; it was renamed, "
			     "give it its own name again",
			     path, (unsigned long long)(*out)->generation);
		vs_manifest_destroy(ctx, *out);
		*out = NULL;
	}
	vs_buf_free(ctx, &text);
	vs_free(ctx, path);
	return rc;
}

int vs_manifest_open(struct vs_ctx *ctx, const char *collection,
		     struct vs_manifest **out, struct vs_err *err)
{
	struct vs_manifest at = { 0 };
	int rc;

	*out = NULL;
	rc = vs_manifest_split(ctx, collection, &at.dir, &at.generation, err);
	if (rc != 0)
		return rc;
	if (at.generation == 0 && !vs_path_exists(ctx, at.dir)) {
		rc = vs_fail(err, VS_ENOINPUT,
			     "%s: there is no such collection; make it with "
			     "vs-shard create -c %s",
			     at.dir, at.dir);
	} else if (at.generation == 0) {
		rc = vs_manifest_newest(ctx, at.dir, &at.generation, err);
		if (rc == 0 && at.generation == 0)
			rc = vs_fail(err, VS_ENOINPUT,
				     "%s: holds no generation (000001" SUFFIX
				     "); expected a collection; make one with "
				     "vs-shard create",
				     at.dir);
	}
	if (rc == 0)
		rc = read_generation(ctx, &at, out, err);
	if (rc == 0)
		(*out)->dir = at.dir;
	else
		vs_free(ctx, at.dir);
	return rc;
}

/* What is published must be readable: one set of rules serves both. */
static int check_text(struct vs_ctx *ctx, const char *path,
		      const struct vs_buf *text, struct vs_err *err)
{
	struct vs_manifest *back;
	int rc = vs_manifest_parse(ctx, path, text->p, text->n, &back, err);

	if (rc == 0)
		vs_manifest_destroy(ctx, back);
	return rc;
}

int vs_manifest_publish(struct vs_ctx *ctx, const struct vs_manifest *m,
			bool *existed, struct vs_err *err)
{
	struct vs_buf text = { 0 };
	struct vs_out *o = NULL;
	char *path = generation_path(ctx, m, err);
	int rc;

	if (existed != NULL)
		*existed = false;
	if (path == NULL)
		return VS_ENOMEM;
	rc = vs_manifest_put(ctx, m, &text, err);
	if (rc == 0)
		rc = check_text(ctx, path, &text, err);
	if (rc == 0)
		rc = vs_out_create(ctx, path, &o, err);
	if (rc == 0)
		rc = vs_out_append(ctx, o, text.p, text.n, err);
	if (rc == 0)
		rc = vs_out_publish(ctx, o, VS_PUBLISH_NEW, existed, err);
	else
		vs_out_abort(ctx, o);
	vs_buf_free(ctx, &text);
	vs_free(ctx, path);
	return rc;
}

static int check_inputs(struct vs_ctx *ctx, const struct vs_manifest *m,
			struct vs_vecs *v, struct vs_err *err)
{
	struct vs_digest d;
	int rc;

	if (vs_vecs_rows(v) != m->n_rows || vs_vecs_dim(v) != m->dim ||
	    vs_vecs_dtype(v) != m->dtype)
		return vs_fail(err, VS_EDATA,
			       "%s: %llu rows of %u x %s; the collection %s "
			       "was made of %llu rows of %u x %s; put the old "
			       "files back or make a new collection",
			       vs_vecs_name(v),
			       (unsigned long long)vs_vecs_rows(v),
			       vs_vecs_dim(v), vs_dtype_name(vs_vecs_dtype(v)),
			       m->dir, (unsigned long long)m->n_rows, m->dim,
			       vs_dtype_name(m->dtype));
	rc = vs_vecs_quick_digest(ctx, v, &d, err);
	if (rc != 0 || vs_digest_equal(&d, &m->input))
		return rc;
	return vs_fail(err, VS_EDATA,
		       "%s: holds other vectors than the collection %s was "
		       "made of; put the old files back or make a new "
		       "collection",
		       vs_vecs_name(v), m->dir);
}

static int open_inputs(struct vs_ctx *ctx, const struct vs_manifest *m,
		       char **paths, struct vs_vecs **out, struct vs_err *err)
{
	/* How many rows there must be is known, whatever headers say. */
	const struct vs_vecs_options opt = { .format = m->input_format,
					     .native_f16 = true,
					     .force_rows = true,
					     .nonfinite = vs_manifest_nonfinite(
						     m) };
	size_t i;
	int rc;

	for (i = 0; i < m->n_inputs; i++) {
		paths[i] = vs_manifest_path(ctx, m, m->inputs[i].path, err);
		if (paths[i] == NULL)
			return VS_ENOMEM;
	}
	rc = vs_vecs_open(ctx, (const char *const *)paths, m->n_inputs, &opt,
			  out, err);
	if (rc != 0)
		return rc;
	rc = check_inputs(ctx, m, *out, err);
	if (rc != 0) {
		vs_vecs_close(ctx, *out);
		*out = NULL;
	}
	return rc;
}

int vs_manifest_inputs(struct vs_ctx *ctx, const struct vs_manifest *m,
		       struct vs_vecs **out, struct vs_err *err)
{
	char **paths;
	size_t i;
	int rc;

	*out = NULL;
	paths = vs_zalloc(ctx, m->n_inputs, sizeof(*paths), "list of inputs",
			  err);
	if (paths == NULL)
		return VS_ENOMEM;
	rc = open_inputs(ctx, m, paths, out, err);
	for (i = 0; i < m->n_inputs; i++)
		vs_free(ctx, paths[i]);
	vs_free(ctx, paths);
	return rc;
}

static int check_ids(struct vs_ctx *ctx, const struct vs_manifest *m,
		     struct vs_ids *ids, struct vs_err *err)
{
	struct vs_digest d;
	int rc = vs_ids_quick_digest(ctx, ids, &d, err);

	if (rc != 0 || vs_digest_equal(&d, &m->ids))
		return rc;
	return vs_fail(err, VS_EDATA,
		       "%s: holds other ids than the collection %s was made "
		       "with; put the old file back or make a new collection",
		       vs_ids_path(ids), m->dir);
}

int vs_manifest_open_ids(struct vs_ctx *ctx, const struct vs_manifest *m,
			 struct vs_ids **out, struct vs_err *err)
{
	char *path;
	int rc;

	*out = NULL;
	if (m->ids_path == NULL)
		return 0;
	path = vs_manifest_path(ctx, m, m->ids_path, err);
	if (path == NULL)
		return VS_ENOMEM;
	rc = vs_ids_open(ctx, path, m->n_rows, m->dir, out, err);
	vs_free(ctx, path);
	if (rc == 0)
		rc = check_ids(ctx, m, *out, err);
	if (rc != 0) {
		vs_ids_close(ctx, *out);
		*out = NULL;
	}
	return rc;
}
