/* dirfix.h - a directory for each test. */
#ifndef DIRFIX_H
#define DIRFIX_H

#include "tmpdir.h"

static struct tmpdir dir;

static inline int make_dir(void **state)
{
	(void)state;
	tmpdir_make(&dir);
	return 0;
}

static inline int remove_dir(void **state)
{
	(void)state;
	tmpdir_remove(&dir);
	return 0;
}

#endif
