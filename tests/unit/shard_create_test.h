/* shard_create_test.h - what the tests of vs-shard create share: vectors, ids
 * and models to create collections of, and what a collection holds. */
#ifndef SHARD_CREATE_TEST_H
#define SHARD_CREATE_TEST_H

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dirfix.h"
#include "vecsfile.h"
#include "vs/manifest.h"
#include "vs/model.h"
#include "vs/op.h"

#define TEXT_MAX 65536

static char base[512], collection[512]; /* base.bvecs, c */
static char last_info[1024];
static unsigned n_warnings;

static inline void on_log(void *arg, enum vs_log_level level, const char *line)
{
	(void)arg;
	n_warnings += level == VS_LOG_WARN;
	if (level == VS_LOG_INFO)
		snprintf(last_info, sizeof(last_info), "%s", line);
}

/* n rows of 4 x u8 in a file; returns its path. */
static inline const char *put_base(const char *name, size_t n, unsigned seed)
{
	const char *path = tmpdir_file(&dir, name);
	void *rows = pattern_make(4 * n, 1, seed);
	struct image im;

	image_rows(&im, 4, n, 1, rows);
	image_save(&im, path);
	free(rows);
	return path;
}

static inline int begin(void **state)
{
	(void)state;
	tmpdir_make(&dir);
	snprintf(base, sizeof(base), "%s", put_base("base.bvecs", 1000, 1));
	snprintf(collection, sizeof(collection), "%s", tmpdir_file(&dir, "c"));
	n_warnings = 0;
	return 0;
}

/* Four shards of Flat over base.bvecs, unless args say otherwise. */
static inline struct vs_shard_create_args flat(void)
{
	static const char *const inputs[] = { base };

	return (struct vs_shard_create_args){
		.io = { .inputs = inputs, .n_inputs = 1 },
		.collection = collection,
		.index = "Flat",
		.metric = VS_L2,
		.by = "hash",
		.n_shards = 4,
		.vnodes = 64,
	};
}

static inline int create(const struct vs_shard_create_args *args,
			 struct vs_err *err)
{
	struct vs_ctx ctx;
	int rc;

	vs_ctx_init(&ctx);
	ctx.log = on_log;
	vs_err_clear(err);
	rc = vs_op_shard_create(&ctx, args, err);
	assert_true(atomic_load(&ctx.mem_now) == 0);
	return rc;
}

static inline void refused(const struct vs_shard_create_args *args, int code,
			   const char *says)
{
	struct vs_err err;
	int rc = create(args, &err);

	if (rc != code || strstr(err.msg, says) == NULL)
		fail_msg("code %d, \"%s\"; expected %d, \"%s\"", rc, err.msg,
			 code, says);
}

static inline const char *in_collection(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "c/%s", name);
	return tmpdir_file(&dir, path);
}

static inline size_t get_manifest(char text[TEXT_MAX])
{
	long n = tmpdir_get(in_collection("000001.yaml"), text, TEXT_MAX - 1);

	assert_true(n > 0);
	text[n] = '\0';
	return (size_t)n;
}

static inline struct vs_manifest *open_manifest(struct vs_ctx *ctx)
{
	struct vs_err err = { 0 };
	struct vs_manifest *m;

	vs_ctx_init(ctx);
	CHECK(vs_manifest_open(ctx, collection, &m, &err));
	return m;
}

/* A model of two cells under inner product; the path stays valid until the
 * next call. */
static inline const char *put_model(const char *name, uint32_t dim,
				    enum vs_dtype dtype, uint8_t mark)
{
	static char path[512];
	static float centroids[2 * 8] = { 1, 2, 3 };
	struct vs_model_notes notes = { .n_input = 10, .n_sample = 10 };
	struct vs_model m = { .metric = VS_IP,
			      .dtype = dtype,
			      .dim = dim,
			      .inner = dim,
			      .centroids = centroids,
			      .fingerprint = { { mark } } };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;

	snprintf(path, sizeof(path), "%s", tmpdir_file(&dir, name));
	vs_ctx_init(&ctx);
	CHECK(vs_factory_parse("IVF2,Flat", &m.index, &err));
	CHECK(vs_model_write(&ctx, path, &m, &notes, VS_PUBLISH_REPLACE, &err));
	return path;
}

/* A text of 1000 ids: 7 * row + add.  The path stays valid until the next call.
 */
static inline const char *put_ids(const char *name, uint64_t add)
{
	static char path[512];
	uint64_t i;
	FILE *f;

	snprintf(path, sizeof(path), "%s", tmpdir_file(&dir, name));
	f = fopen(path, "wb");
	assert_non_null(f);
	for (i = 0; i < 1000; i++)
		fprintf(f, "%llu\n", (unsigned long long)(7 * i + add));
	assert_int_equal(fclose(f), 0);
	return path;
}

#endif
