/* dirctx.h - what many tests work with: a directory, a context and an error,
 * made anew for each test.  No memory may be held at its end. */
#ifndef DIRCTX_H
#define DIRCTX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tmpdir.h"
#include "vs/ctx.h"
#include "vs/err.h"

static struct tmpdir dir;
static struct vs_ctx ctx;
static struct vs_err err;

static inline int setup(void **state)
{
	(void)state;
	tmpdir_make(&dir);
	vs_ctx_init(&ctx);
	vs_err_clear(&err);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	tmpdir_remove(&dir);
	assert_int_equal(0, atomic_load(&ctx.mem_now));
	return 0;
}

#endif
