/* out_test.h - what the tests of outputs share. */
#ifndef OUT_TEST_H
#define OUT_TEST_H

#include "dirctx.h"

#include <string.h>

#include "vs/file.h"

static inline struct vs_out *create(const char *path)
{
	struct vs_out *o;

	assert_int_equal(0, vs_out_create(&ctx, path, &o, &err));
	return o;
}

/* Creates, appends and publishes; 0 or the error. */
static inline int write_file(const char *path, const char *text,
			     enum vs_publish how)
{
	struct vs_out *o;
	int rc = vs_out_create(&ctx, path, &o, &err);

	if (rc == 0) {
		rc = vs_out_append(&ctx, o, text, strlen(text), &err);
		if (rc != 0)
			vs_out_abort(&ctx, o);
		else
			rc = vs_out_publish(&ctx, o, how, NULL, &err);
	}
	return rc;
}

#endif
