/* yaml_test.h - what the tests of YAML share: a context and an error, made anew
 * for each test, and text that must parse.  No memory may be held at the end of
 * a test. */
#ifndef YAML_TEST_H
#define YAML_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "vs/yaml.h"

static struct vs_ctx ctx;
static struct vs_err err;

static inline int setup(void **state)
{
	(void)state;
	vs_ctx_init(&ctx);
	vs_err_clear(&err);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	assert_int_equal(0, atomic_load(&ctx.mem_now));
	return 0;
}

static inline struct vs_yaml_doc *parse(const char *text)
{
	struct vs_yaml_doc *doc;
	int rc = vs_yaml_parse(&ctx, "f.yaml", text, strlen(text), &doc, &err);

	if (rc != 0)
		fail_msg("%s", err.msg);
	return doc;
}

#endif
