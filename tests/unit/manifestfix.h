/* manifestfix.h - a made-up manifest for the tests of manifests.  Failures end
 * the test. */
#ifndef MANIFESTFIX_H
#define MANIFESTFIX_H

#include "check.h"
#include "tmpdir.h"
#include "vs/manifest.h"

extern struct tmpdir fix_dir;

/* Set-up and tear-down of a test: fix_dir. */
int fix_make_dir(void **state);
int fix_remove_dir(void **state);

/* Generation 1 in fix_dir: two inputs, three shards. */
struct vs_manifest *fix_sample(struct vs_ctx *ctx);
/* The same by range. */
struct vs_manifest *fix_ranges(struct vs_ctx *ctx);
/* Equal but for dir. */
void fix_assert_same(const struct vs_manifest *a, const struct vs_manifest *b);

#endif
