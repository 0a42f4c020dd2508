/* tmpdir.c - temporary directories of the unit tests. */
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void tmpdir_make(struct tmpdir *t)
{
	const char *base = getenv("TMPDIR");

	memset(t, 0, sizeof(*t));
	snprintf(t->path, sizeof(t->path), "%s/vs-test-XXXXXX",
		 base != NULL && *base != '\0' ? base : "/tmp");
	assert_non_null(mkdtemp(t->path));
}

/* Relative to descriptors, since some tests build paths of full length. */
static void remove_tree(int at, const char *name)
{
	struct dirent *e;
	DIR *d;
	int fd;

	if (unlinkat(at, name, 0) == 0)
		return;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	d = fdopendir(fd);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0)
			remove_tree(fd, e->d_name);
	closedir(d);
	assert_int_equal(0, unlinkat(at, name, AT_REMOVEDIR));
}

void tmpdir_remove(struct tmpdir *t)
{
	remove_tree(AT_FDCWD, t->path);
}

const char *tmpdir_file(struct tmpdir *t, const char *name)
{
	char *out = t->name[t->next++ % 8];
	size_t n = strlen(t->path), m = strlen(name);

	assert_true(n + m + 2 <= TMPDIR_PATH_MAX);
	memcpy(out, t->path, n);
	out[n] = '/';
	memcpy(out + n + 1, name, m + 1);
	return out;
}

size_t tmpdir_count(const struct tmpdir *t, const char *tail)
{
	size_t count = 0, n, n_tail = strlen(tail);
	struct dirent *e;
	DIR *d = opendir(t->path);

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		n = strlen(e->d_name);
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 || n < n_tail)
			continue;
		count += strcmp(e->d_name + n - n_tail, tail) == 0;
	}
	closedir(d);
	return count;
}

void tmpdir_put(const char *path, const void *data, size_t n)
{
	FILE *f = fopen(path, "wbe");

	assert_non_null(f);
	assert_int_equal(n, fwrite(data, 1, n, f));
	assert_int_equal(0, fclose(f));
}

long tmpdir_get(const char *path, void *buf, size_t cap)
{
	FILE *f = fopen(path, "rbe");
	size_t n;

	if (f == NULL)
		return -1;
	n = fread(buf, 1, cap, f);
	fclose(f);
	return (long)n;
}

bool tmpdir_holds(const char *path, const void *data, size_t n)
{
	size_t cap = (size_t)1 << 20;
	char *buf = malloc(cap);
	bool same;

	assert_non_null(buf);
	same = tmpdir_get(path, buf, cap) == (long)n &&
	       memcmp(buf, data, n) == 0;
	free(buf);
	return same;
}
