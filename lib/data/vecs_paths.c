/* vecs_paths.c - the files that operands stand for: a directory means the
 * vector files in it. */
#include <string.h>

#include "vecs_int.h"
#include "vs/mem.h"
#include "vs/spool.h"

enum vs_vecs_format vs_vecs_format_of_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char less[256];
	size_t n = strlen(name);

	if (vs_vecs_dataset(path) != NULL)
		return VS_FMT_HDF5;
	if (!vs_spool_is_zst(name) || n >= sizeof(less))
		return vs_vecs_format_of(name);
	memcpy(less, name, n - strlen(".zst"));
	less[n - strlen(".zst")] = '\0';
	return vs_vecs_format_of(less);
}

static int add(struct vs_ctx *ctx, struct vs_vecs_paths *p, char *path,
	       struct vs_err *err)
{
	void *list = p->path;
	int rc;

	if (path == NULL)
		return VS_ENOMEM;
	if (p->n == p->cap) {
		rc = vs_resize(ctx, &list, p->cap * 2 + 8, sizeof(*p->path),
			       "list of files", err);
		if (rc != 0) {
			vs_free(ctx, path);
			return rc;
		}
		p->path = list;
		p->cap = p->cap * 2 + 8;
	}
	p->path[p->n++] = path;
	return 0;
}

static char *in_dir(struct vs_ctx *ctx, const char *dir, const char *name,
		    struct vs_err *err)
{
	size_t n = strlen(dir);

	return vs_asprintf(ctx, err, "%s%s%s", dir,
			   n > 0 && dir[n - 1] == '/' ? "" : "/", name);
}

/* What a walk through one directory left out. */
struct left {
	size_t n;
	const char *first;
};

static int add_name(struct vs_ctx *ctx, struct vs_vecs_paths *p,
		    const char *dir, const char *name, struct left *left,
		    struct vs_err *err)
{
	char *path = in_dir(ctx, dir, name, err);

	if (path == NULL)
		return VS_ENOMEM;
	if (vs_vecs_format_of_file(name) != VS_FMT_AUTO &&
	    !vs_path_is_dir(ctx, path))
		return add(ctx, p, path, err);
	vs_free(ctx, path);
	if (left->n++ == 0)
		left->first = name;
	return 0;
}

/* One list is sorted by the bytes of names, so a set of files in a directory
 * has one order wherever it is read. */
static int add_dir(struct vs_ctx *ctx, struct vs_vecs_paths *p,
		   const char *dir, struct vs_err *err)
{
	struct left left = { 0, NULL };
	size_t before = p->n, i;
	char suffixes[VS_VECS_SUFFIXES_MAX];
	struct vs_names names;
	int rc = vs_path_list(ctx, dir, &names, err);

	if (rc != 0)
		return rc;
	for (i = 0; rc == 0 && i < names.n; i++)
		rc = add_name(ctx, p, dir, names.name[i], &left, err);
	if (rc == 0 && p->n == before)
		rc = vs_fail(err, VS_ENOINPUT,
			     "%s: directory without a vector file; expected "
			     "files that end in %s, or these with .zst",
			     dir, vs_vecs_suffixes(suffixes));
	else if (rc == 0 && left.n > 0)
		vs_ctx_log(ctx, VS_LOG_WARN,
			   "%s: %zu of %zu entries are no vector files and "
			   "left out, first %s",
			   dir, left.n, names.n, left.first);
	vs_names_free(ctx, &names);
	return rc;
}

int vs_vecs_paths_make(struct vs_ctx *ctx, const char *const *operands,
		       size_t n, bool directories, struct vs_vecs_paths *out,
		       struct vs_err *err)
{
	size_t i;
	int rc = 0;

	memset(out, 0, sizeof(*out));
	for (i = 0; rc == 0 && i < n; i++) {
		if (directories && strcmp(operands[i], "-") != 0 &&
		    vs_path_is_dir(ctx, operands[i]))
			rc = add_dir(ctx, out, operands[i], err);
		else
			rc = add(ctx, out, vs_strdup(ctx, operands[i], err),
				 err);
	}
	if (rc != 0)
		vs_vecs_paths_free(ctx, out);
	return rc;
}

void vs_vecs_paths_free(struct vs_ctx *ctx, struct vs_vecs_paths *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		vs_free(ctx, p->path[i]);
	vs_free(ctx, p->path);
	memset(p, 0, sizeof(*p));
}

/* True when path, there or not, is a name within dir. */
static bool lies_in(struct vs_ctx *ctx, const char *dir, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent;
	bool same;

	if (slash == NULL)
		return vs_path_same(ctx, dir, ".");
	parent = vs_strdup(ctx, path, NULL);
	if (parent == NULL)
		return false;
	parent[slash == path ? 1 : slash - path] = '\0';
	same = vs_path_same(ctx, dir, parent);
	vs_free(ctx, parent);
	return same;
}

static bool is_in_dir(struct vs_ctx *ctx, const char *dir, const char *path)
{
	struct vs_names names;
	bool is = false;
	size_t i;

	if (vs_vecs_format_of_file(path) != VS_FMT_AUTO &&
	    lies_in(ctx, dir, path))
		return true;
	/* Under another name, as through a link. */
	if (!vs_path_exists(ctx, path) ||
	    vs_path_list(ctx, dir, &names, NULL) != 0)
		return false;
	for (i = 0; !is && i < names.n; i++) {
		char *name = in_dir(ctx, dir, names.name[i], NULL);

		is = name != NULL &&
		     vs_vecs_format_of_file(name) != VS_FMT_AUTO &&
		     vs_path_same(ctx, name, path);
		vs_free(ctx, name);
	}
	vs_names_free(ctx, &names);
	return is;
}

bool vs_vecs_reads(struct vs_ctx *ctx, const char *operand, const char *path)
{
	const char *colon = vs_vecs_dataset(operand);
	char *file;
	bool same;

	if (vs_path_same(ctx, operand, path))
		return true;
	if (vs_path_is_dir(ctx, operand))
		return is_in_dir(ctx, operand, path);
	if (colon == NULL)
		return false;
	file = vs_strndup(ctx, operand, (size_t)(colon - operand), NULL);
	same = file != NULL && vs_path_same(ctx, file, path);
	vs_free(ctx, file);
	return same;
}
