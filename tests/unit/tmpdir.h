/* tmpdir.h - a temporary directory for a test, and plain file access that does
 * not go through the library under test.  Failures end the test. */
#ifndef TMPDIR_H
#define TMPDIR_H

#include <stdbool.h>
#include <stddef.h>

#define TMPDIR_PATH_MAX 4608

struct tmpdir {
	char path[256];
	char name[8][TMPDIR_PATH_MAX]; /* what tmpdir_file gave last */
	unsigned next;
};

/* Below $TMPDIR or /tmp. */
void tmpdir_make(struct tmpdir *t);
/* Removes it with all its contents. */
void tmpdir_remove(struct tmpdir *t);

/* PATH/NAME; the last 8 results stay valid. */
const char *tmpdir_file(struct tmpdir *t, const char *name);
/* Entries of the directory, hidden ones included, whose name ends so; "" counts
 * all. */
size_t tmpdir_count(const struct tmpdir *t, const char *tail);

/* Writes a whole file. */
void tmpdir_put(const char *path, const void *data, size_t n);
/* Reads at most cap bytes; their number, or -1 when the file is not there. */
long tmpdir_get(const char *path, void *buf, size_t cap);
/* True when the file holds exactly these bytes (at most 1 MiB). */
bool tmpdir_holds(const char *path, const void *data, size_t n);

#endif
