/* check.h - calls of the library that must succeed in a test. */
#ifndef CHECK_H
#define CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vs/err.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static inline void check(int rc, const struct vs_err *err)
{
	if (rc != 0)
		fail_msg("code %d: %s", rc, err->msg);
}

/* Of a call that reports in err of the caller. */
#define CHECK(call) check(call, &err)

#endif
