/* test_hits.c - hit files: what goes in comes out; failing calls.  What is
 * refused at the door is in test_hits_door.c, other formats in test_sinks.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
#include "dirfix.h"
#include "faults.h"
#include "samples.h"

static const struct vs_digest task = {{9, 9}};

static void assert_same_info(const struct vs_hits_info *a,
			     const struct vs_hits_info *b)
{
	size_t i;

	assert_true(a->n_queries == b->n_queries);
	assert_int_equal(a->k, b->k);
	assert_int_equal(a->dim, b->dim);
	assert_int_equal(a->metric, b->metric);
	assert_int_equal(a->dtype, b->dtype);
	assert_true(vs_digest_equal(&a->queries, &b->queries));
	assert_true(vs_digest_equal(&a->model, &b->model));
	assert_true(vs_digest_equal(&a->collection, &b->collection));
	assert_true(a->generation == b->generation);
	assert_int_equal(a->n_shards, b->n_shards);
	assert_string_equal(a->index, b->index);
	assert_string_equal(a->params, b->params);
	assert_int_equal(a->incomplete, b->incomplete);
	assert_int_equal(a->n_sources, b->n_sources);
	for (i = 0; i < a->n_sources; i++) {
		assert_int_equal(a->sources[i].shard, b->sources[i].shard);
		assert_true(a->sources[i].n_rows == b->sources[i].n_rows);
		assert_true(vs_digest_equal(&a->sources[i].fingerprint,
					    &b->sources[i].fingerprint));
	}
}

/* Enough hits for several packed blocks, read in several ways. */
static void round_trip(enum vs_metric metric, enum vs_dtype dtype)
{
	const char *path = tmpdir_file(&dir, "x.vsh");
	const uint32_t n = 3000, k = 10;
	struct vs_hit *got = malloc(n * k * sizeof(*got)), want[10];
	struct vs_err err = {0};
	struct vs_hits_info info;
	struct vs_hits *h;
	struct vs_ctx ctx;
	uint32_t q, step;

	vs_ctx_init(&ctx);
	ctx.verify = VS_VERIFY_DEEP;
	samples_hits(&ctx, path, n, k, metric, dtype);
	samples_info(&info, n, k, metric, dtype);
	CHECK(vs_hits_open(&ctx, path, &h, &err));
	assert_same_info(vs_hits_info(h), &info);
	assert_int_equal(vs_hits_head(h)->kind, VS_KIND_HITS);
	assert_string_equal(vs_hits_path(h), path);
	for (step = 7; step <= n; step = step == 7 ? n : step + 1) {
		for (q = 0; q < n; q += step)
			CHECK(vs_hits_read(&ctx, h, q,
					   n - q < step ? n - q : step,
					   got + q * k, &err));
		for (q = 0; q < n; q++) {
			samples_query(metric, dtype, q, k, want);
			assert_memory_equal(want, got + q * k, sizeof(want));
		}
	}
	CHECK(vs_hits_read(&ctx, h, n, 0, got, &err));
	assert_int_equal(vs_hits_read(&ctx, h, n, 1, got, &err), VS_EINTERNAL);
	vs_hits_close(&ctx, h);
	assert_true(atomic_load(&ctx.mem_now) == 0);
	free(got);
}

static void test_round_trip(void **state)
{
	(void)state;
	round_trip(VS_L2, VS_U8);
	round_trip(VS_IP, VS_I8);
	round_trip(VS_L1, VS_F32);
	round_trip(VS_COSINE, VS_U8);
}

/* Writes hits with this info and no queries; the code of the failure. */
static int write_empty(struct vs_ctx *ctx, const char *path,
		       const struct vs_hits_info *info, struct vs_err *err)
{
	struct vs_hits_writer *w;
	int rc;

	vs_err_clear(err);
	rc = vs_hits_create(ctx, path, info, &task, &w, err);
	if (rc != 0)
		return rc;
	return vs_hits_finish(ctx, w, VS_PUBLISH_REPLACE, err);
}

static void test_info_texts(void **state)
{
	static char *const texts[] = {"Flat", "1e5",   "null",	   "a: b",
				      " x ",  "\"q\"", "\xc3\xa9", "-"};
	static char none[] = "";
	const char *path = tmpdir_file(&dir, "x.vsh");
	struct vs_hits_info info, copy;
	struct vs_err err = {0};
	struct vs_ctx ctx;
	struct vs_hits *h;
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	for (i = 0; i < N_OF(texts); i++) {
		samples_info(&info, 0, 1, VS_L2, VS_F32);
		info.index = texts[i];
		info.params = i == 0 ? none : texts[i];
		info.incomplete = i % 2;
		info.n_sources = i % 3;
		memset(&info.model, 0, i == 4 ? sizeof(info.model) : 0);
		CHECK(vs_hits_info_copy(&ctx, &copy, &info, &err));
		assert_ptr_not_equal(copy.index, info.index);
		assert_ptr_not_equal(copy.sources, info.sources);
		CHECK(write_empty(&ctx, path, &copy, &err));
		CHECK(vs_hits_open(&ctx, path, &h, &err));
		assert_same_info(vs_hits_info(h), &info);
		vs_hits_close(&ctx, h);
		vs_hits_info_free(&ctx, &copy);
		assert_null(copy.index);
	}
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_impossible_info(void **state)
{
	static char none[] = "";
	const char *path = tmpdir_file(&dir, "x.vsh");
	struct vs_hits_info info;
	struct vs_err err = {0};
	struct vs_ctx ctx;
	int i;

	(void)state;
	vs_ctx_init(&ctx);
	for (i = 0; i < 14; i++) {
		samples_info(&info, 0, 1, VS_L2, VS_F32);
		info.n_queries = i == 0 ? (uint64_t)1 << 41 : 0;
		info.k = i == 1 ? UINT32_MAX : i == 2 ? VS_K_MAX + 1 : 1;
		info.dim = i == 3 ? 0 : i == 4 ? VS_DIM_MAX + 1 : 1;
		info.metric = i == 5 ? 0 : i == 6 ? 5 : VS_L2;
		info.dtype = i == 7 ? 0 : i == 8 ? VS_I32 : VS_F32;
		info.index = i == 9 ? none : info.index;
		info.params = i == 10 ? NULL : info.params;
		info.n_shards = i == 11 ? 0 : i == 12 ? 4 : 5;
		if (i == 13) {
			info.n_shards = 2;
			info.sources[0].shard = 0;
			info.sources[1].shard = 1;
			info.incomplete = true;
		}
		assert_int_equal(write_empty(&ctx, path, &info, &err),
				 VS_EINTERNAL);
		assert_true(err.msg[0] != '\0');
	}
	samples_info(&info, 0, 1, VS_L2, VS_F32);
	info.sources[1].shard = info.sources[0].shard;
	assert_int_equal(write_empty(&ctx, path, &info, &err), VS_EINTERNAL);
	assert_non_null(strstr(err.msg, "expected ascending"));
	assert_int_equal(tmpdir_count(&dir, ""), 0);
}

static void test_failing_copies(void **state)
{
	struct faults f = {.sys = 12, .at = 1};
	struct vs_hits_info info, copy;
	struct vs_err err = {0};
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 1, 1, VS_L2, VS_U8);
	for (;; f.at++) {
		faults_set(&ctx, &f);
		if (vs_hits_info_copy(&ctx, &copy, &info, &err) == 0)
			break;
		assert_true(atomic_load(&ctx.mem_now) == 0);
		assert_null(copy.index);
	}
	assert_int_equal(f.at, 4);
	vs_hits_info_free(&ctx, &copy);
}

static void test_failing_reads(void **state)
{
	const char *path = tmpdir_file(&dir, "x.vsh");
	struct vs_err err = {0};
	struct faults f = {.sys = 5};
	struct vs_hit hits[20];
	struct vs_ctx ctx;
	struct vs_hits *h;
	int rc;

	(void)state;
	vs_ctx_init(&ctx);
	samples_hits(&ctx, path, 2, 10, VS_L2, VS_U8);
	ctx.verify = VS_VERIFY_DEEP;
	for (f.at = 1;; f.at++) {
		faults_set(&ctx, &f);
		vs_err_clear(&err);
		rc = vs_hits_open(&ctx, path, &h, &err);
		if (rc == 0)
			rc = vs_hits_read(&ctx, h, 0, 2, hits, &err);
		vs_hits_close(&ctx, h);
		assert_true(atomic_load(&ctx.mem_now) == 0);
		if (atomic_load(&f.n_fired) == 0)
			break;
		assert_int_equal(err.code, rc);
	}
	assert_int_equal(rc, 0);
	assert_true(f.at > 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_info_texts),
		TEST(test_impossible_info),
		TEST(test_failing_copies),
		TEST(test_failing_reads),
	};

	return cmocka_run_group_tests_name("hits", tests, NULL, NULL);
}
