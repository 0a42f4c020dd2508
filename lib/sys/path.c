/* path.c - questions about names, directories and their lists. */
#include "vs/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "dir_int.h"
#include "vs/mem.h"
#include "vs/num.h"

static int stat_path(struct vs_ctx *ctx, const char *path, struct stat *st)
{
	int sys = vs_ctx_hook(ctx, VS_CALL_STAT, path);

	if (sys == 0 && stat(path, st) != 0)
		sys = errno;
	return sys;
}

bool vs_path_exists(struct vs_ctx *ctx, const char *path)
{
	struct stat st;

	return stat_path(ctx, path, &st) == 0;
}

bool vs_path_is_dir(struct vs_ctx *ctx, const char *path)
{
	struct stat st;

	return stat_path(ctx, path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool vs_path_is_stream(struct vs_ctx *ctx, const char *path)
{
	struct stat st;

	return stat_path(ctx, path, &st) == 0 && !S_ISREG(st.st_mode) &&
	       !S_ISDIR(st.st_mode);
}

bool vs_path_same(struct vs_ctx *ctx, const char *a, const char *b)
{
	struct stat x, y;

	return stat_path(ctx, a, &x) == 0 && stat_path(ctx, b, &y) == 0 &&
	       x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int vs_path_mkdir(struct vs_ctx *ctx, const char *path, struct vs_err *err)
{
	int sys = vs_ctx_hook(ctx, VS_CALL_MKDIR, path);

	if (sys == 0 && mkdir(path, 0777) != 0)
		sys = errno;
	if (sys == EEXIST && vs_path_is_dir(ctx, path))
		return 0;
	if (sys != 0)
		return vs_fail_sys(err,
				   sys == ENOSPC || sys == EDQUOT ||
						   sys == EIO ?
					   VS_EIO :
					   VS_ECREATE,
				   sys, "%s: cannot create the directory",
				   path);
	return 0;
}

int vs_path_unlink(struct vs_ctx *ctx, const char *path, struct vs_err *err)
{
	int sys = vs_ctx_hook(ctx, VS_CALL_UNLINK, path);

	if (sys == 0 && unlink(path) != 0)
		sys = errno;
	if (sys != 0)
		return vs_fail_sys(err, sys == ENOENT ? VS_ENOINPUT : VS_EIO,
				   sys, "%s: cannot be removed", path);
	return 0;
}

/* The next name that is not hidden, or NULL at the end or on an error. */
static const char *next_name(struct vs_ctx *ctx, DIR *d, const char *dir,
			     int *sys)
{
	struct dirent *e;

	do {
		*sys = vs_ctx_hook(ctx, VS_CALL_LISTDIR, dir);
		if (*sys != 0)
			return NULL;
		errno = 0;
		e = readdir(d);
		*sys = e == NULL ? errno : 0;
	} while (e != NULL && e->d_name[0] == '.');
	return e == NULL ? NULL : e->d_name;
}

static int add_name(struct vs_ctx *ctx, struct vs_names *out, size_t *cap,
		    const char *name, struct vs_err *err)
{
	void *p = out->name;
	int rc;

	if (out->n == *cap) {
		*cap = *cap * 2 + 16;
		rc = vs_resize(ctx, &p, *cap, sizeof(*out->name), "names",
			       err);
		if (rc != 0)
			return rc;
		out->name = p;
	}
	out->name[out->n] = vs_strdup(ctx, name, err);
	if (out->name[out->n] == NULL)
		return VS_ENOMEM;
	out->n++;
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int vs_path_list(struct vs_ctx *ctx, const char *dir, struct vs_names *out,
		 struct vs_err *err)
{
	DIR *d = NULL;
	const char *name;
	size_t cap = 0;
	int rc = 0, sys = vs_ctx_hook(ctx, VS_CALL_LISTDIR, dir);

	memset(out, 0, sizeof(*out));
	if (sys == 0 && (d = opendir(dir)) == NULL)
		sys = errno;
	if (d == NULL)
		return vs_fail_sys(err, VS_ENOINPUT, sys,
				   "%s: cannot list the directory", dir);
	while (rc == 0 && (name = next_name(ctx, d, dir, &sys)) != NULL)
		rc = add_name(ctx, out, &cap, name, err);
	if (rc == 0 && sys != 0)
		rc = vs_fail_sys(err, VS_EIO, sys,
				 "%s: cannot list the directory", dir);
	/* Nothing was written: closing cannot lose anything. */
	closedir(d);
	if (rc != 0)
		vs_names_free(ctx, out);
	else if (out->n > 1)
		qsort(out->name, out->n, sizeof(*out->name), by_bytes);
	return rc;
}

void vs_names_free(struct vs_ctx *ctx, struct vs_names *names)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		vs_free(ctx, names->name[i]);
	vs_free(ctx, names->name);
	memset(names, 0, sizeof(*names));
}
