/* recall_test.h - what the tests of recall share: small files of hits and of
 * truth, and the operation over them. */
#ifndef RECALL_TEST_H
#define RECALL_TEST_H

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dirfix.h"
#include "vs/num.h"
#include "vs/op.h"

static unsigned n_warnings;

static inline void on_log(void *arg, enum vs_log_level level, const char *line)
{
	(void)arg;
	(void)line;
	n_warnings += level == VS_LOG_WARN;
}

static inline int begin(void **state)
{
	(void)state;
	tmpdir_make(&dir);
	n_warnings = 0;
	return 0;
}

static inline void near(double found, double expected)
{
	if (!(fabs(found - expected) < 1e-6))
		fail_msg("%.9g, expected %.9g", found, expected);
}

/* n rows of d 4-byte elements, as fvecs or ivecs. */
static inline const char *put_rows(const char *name, size_t n, uint32_t d,
				   const void *elements)
{
	const char *path = tmpdir_file(&dir, name);
	size_t stride = 4 + 4 * (size_t)d, i;
	uint8_t *b = malloc(n * stride);

	for (i = 0; i < n; i++) {
		vs_put_le32(b + i * stride, d);
		memcpy(b + i * stride + 4,
		       (const uint8_t *)elements + i * 4 * d, 4 * (size_t)d);
	}
	tmpdir_put(path, b, n * stride);
	free(b);
	return path;
}

/* What a .vsh says of itself when it matters here. */
struct vsh {
	enum vs_metric metric;
	enum vs_dtype dtype;
	uint8_t queries;
	bool incomplete;
};

static inline const char *put_vsh(const char *name, size_t n, uint32_t k,
				  const struct vs_hit *hits,
				  const struct vsh *what)
{
	const char *path = tmpdir_file(&dir, name);
	struct vs_hits_source source = { .n_rows = 1000 };
	struct vs_hits_info info = {
		.n_queries = n,
		.k = k,
		.dim = 128,
		.metric = what->metric,
		.dtype = what->dtype,
		.queries = { { what->queries } },
		.n_shards = what->incomplete ? 2 : 1,
		.index = (char *)(uintptr_t) "Flat",
		.params = (char *)(uintptr_t) "",
		.sources = &source,
		.n_sources = 1,
		.incomplete = what->incomplete,
	};
	struct vs_digest task = { { 1 } };
	struct vs_hits_writer *w;
	struct vs_err err = { 0 };
	struct vs_ctx ctx;

	vs_ctx_init(&ctx);
	CHECK(vs_hits_create(&ctx, path, &info, &task, &w, &err));
	CHECK(vs_hits_append(&ctx, w, hits, n, &err));
	CHECK(vs_hits_finish(&ctx, w, VS_PUBLISH_REPLACE, &err));
	return path;
}

static inline int recall(const struct vs_recall_args *args,
			 struct vs_recall_report *r, struct vs_err *err)
{
	struct vs_recall_args a = *args;
	struct vs_ctx ctx;
	int rc;

	if (a.confidence == 0)
		a.confidence = 0.95;
	vs_ctx_init(&ctx);
	ctx.log = on_log;
	vs_err_clear(err);
	rc = vs_op_recall(&ctx, &a, r, err);
	assert_true(atomic_load(&ctx.mem_now) == 0);
	return rc;
}

#endif
