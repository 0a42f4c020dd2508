/* test_shard_split.c - vs-shard split under failing calls: what stands there is
 * complete or is not used, and the next run ends with the same bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "check.h"
#include "dirfix.h"
#include "faults.h"
#include "vecsfile.h"
#include "vs/kern.h"
#include "vs/op.h"

#define ROWS 300
#define BYTES_MAX 65536

static char base[512], collection[512];
static const char *const files[] = { "c/split/00001-of-00002.npy",
				     "c/split/00001-of-00002.ids.npy",
				     "c/split/00001-of-00002.yaml" };

static int begin(void **state)
{
	void *rows = pattern_make(8 * ROWS, 1, 3);
	const char *const inputs[] = { base };
	const struct vs_shard_create_args a = {
		.io = { .inputs = inputs, .n_inputs = 1 },
		.collection = collection,
		.index = "Flat",
		.metric = VS_L2,
		.by = "hash",
		.n_shards = 2,
		.vnodes = 64,
	};
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct image im;

	(void)state;
	tmpdir_make(&dir);
	snprintf(base, sizeof(base), "%s", tmpdir_file(&dir, "base.bvecs"));
	snprintf(collection, sizeof(collection), "%s", tmpdir_file(&dir, "c"));
	image_rows(&im, 8, ROWS, 1, rows);
	image_save(&im, base);
	free(rows);
	vs_ctx_init(&ctx);
	CHECK(vs_op_shard_create(&ctx, &a, &err));
	return 0;
}

static int split(struct vs_ctx *ctx, bool replace, struct vs_err *err)
{
	const struct vs_shard_split_args a = { .collection = collection,
					       .part = { .i = 1, .n = 2 },
					       .replace = replace };

	vs_err_clear(err);
	return vs_op_shard_split(ctx, &a, err);
}

static int build(struct vs_err *err)
{
	const struct vs_build_args a = { .collection = collection,
					 .part = { .i = 1, .n = 2 },
					 .io = { .replace = true } };
	struct vs_ctx ctx;

	vs_ctx_init(&ctx);
	ctx.kern = vs_kern_select(VS_CPU_BEST);
	vs_err_clear(err);
	return vs_op_build(&ctx, &a, err);
}

static size_t get(const char *name, char *buf)
{
	long n = tmpdir_get(tmpdir_file(&dir, name), buf, BYTES_MAX);

	assert_true(n > 0);
	return (size_t)n;
}

static void test_every_failed_call_is_clean(void **state)
{
	static char want[3][BYTES_MAX], got[BYTES_MAX], shard[BYTES_MAX];
	size_t n[3], n_shard, i;
	struct faults f = { .sys = EIO };
	struct vs_err err = { 0 };
	struct tmpdir inside;
	unsigned n_failed = 0;
	struct vs_ctx ctx;
	int rc, replace;

	(void)state;
	assert_true(snprintf(inside.path, sizeof(inside.path), "%s/c/split",
			     dir.path) < (int)sizeof(inside.path));
	CHECK(build(&err));
	n_shard = get("c/shards/00001.vss", shard);
	vs_ctx_init(&ctx);
	CHECK(split(&ctx, false, &err));
	for (i = 0; i < 3; i++)
		n[i] = get(files[i], want[i]);
	for (replace = 0; replace < 2; replace++) {
		for (f.at = 1;; f.at++) {
			for (i = 0; replace == 0 && i < 3; i++)
				unlink(tmpdir_file(&dir, files[i]));
			vs_ctx_init(&ctx);
			faults_set(&ctx, &f);
			rc = split(&ctx, replace == 1, &err);
			assert_true(atomic_load(&ctx.mem_now) == 0);
			assert_int_equal(tmpdir_count(&inside, ".tmp"), 0);
			if (atomic_load(&f.n_fired) == 0)
				break;
			n_failed += rc != 0;
			/* Whatever it left: the shard is the same. */
			CHECK(build(&err));
			assert_true(get("c/shards/00001.vss", got) == n_shard);
			assert_memory_equal(got, shard, n_shard);
			vs_ctx_init(&ctx);
			CHECK(split(&ctx, false, &err));
			for (i = 0; i < 3; i++) {
				assert_true(get(files[i], got) == n[i]);
				assert_memory_equal(got, want[i], n[i]);
			}
		}
		assert_int_equal(rc, 0);
	}
	assert_true(n_failed > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_failed_call_is_clean,
						begin, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
