/* publish_test.h - what the tests of the publish protocol share: a text that is
 * to be replaced, and the text that replaces it. */
#ifndef PUBLISH_TEST_H
#define PUBLISH_TEST_H

#include "dirctx.h"
#include "vs/file.h"

static const char new_text[] = "what is new and longer than the old";
static const char old_text[] = "what is old";

/* All that can be done with an output: reserve, write, read back, publish. */
static inline int write_new(struct vs_ctx *c, const char *path,
			    enum vs_publish how, struct vs_err *e)
{
	struct vs_out *o;
	char buf[4];
	int rc = vs_out_create(c, path, &o, e);

	if (rc != 0)
		return rc;
	rc = vs_out_reserve(c, o, 4096, e);
	if (rc == 0)
		rc = vs_out_pwrite(c, o, new_text + 10, sizeof(new_text) - 11,
				   10, e);
	if (rc == 0)
		rc = vs_out_pwrite(c, o, new_text, 10, 0, e);
	if (rc == 0)
		rc = vs_out_pread(c, o, buf, 4, 8, e);
	if (rc == 0)
		return vs_out_publish(c, o, how, NULL, e);
	vs_out_abort(c, o);
	return rc;
}

static inline bool holds_new(const char *path)
{
	return tmpdir_holds(path, new_text, sizeof(new_text) - 1);
}

static inline bool holds_old(const char *path)
{
	return tmpdir_holds(path, old_text, sizeof(old_text) - 1);
}

#endif
