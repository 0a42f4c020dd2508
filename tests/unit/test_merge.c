/* test_merge.c - vs-merge: the merge of parts is the sort of everything,
 * whatever is missing and however little memory there is.
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "mergeworld.h"
#include "vs/rng.h"

#define FILE_MAX (1u << 20)

static void test_merge_is_the_sort_of_everything(void **state)
{
	static const struct {
		enum vs_metric metric;
		enum vs_dtype dtype;
	} kinds[] = { { VS_L2, VS_U8 },	     { VS_IP, VS_U8 },
		      { VS_L2, VS_F32 },     { VS_IP, VS_F32 },
		      { VS_COSINE, VS_F32 }, { VS_L1, VS_U8 } };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct vs_rng r;
	unsigned i;

	(void)state;
	world_start(&ctx);
	vs_rng_init(&r, 7, VS_STREAM_TEST);
	for (i = 0; i < 42; i++) {
		struct world w = {
			.n_queries = 1 + vs_rng_below(&r, 90),
			.k = 1 + (uint32_t)vs_rng_below(&r, 20),
			.n_shards = 1 + (uint32_t)vs_rng_below(&r, 9),
			.metric = kinds[i % N_OF(kinds)].metric,
			.dtype = kinds[i % N_OF(kinds)].dtype,
			.seed = i,
			.n_keys = 1 + (uint32_t)vs_rng_below(&r, 30),
			.n_ids = 1 + (uint32_t)vs_rng_below(&r, 150),
		};
		struct vs_merge_args a = { .replace = true };
		uint32_t k = 1 + (uint32_t)vs_rng_below(&r, w.k);
		uint32_t all = (1u << w.n_shards) - 1;

		world_make(&w);
		world_write(&ctx, &w);
		ctx.n_threads = 1 + i % 3;
		CHECK(world_merge(&ctx, &w, &"876543210"[9 - w.n_shards], &a,
				  &err));
		world_assert_answer(&ctx, &w, all, w.k);
		a.k = k;
		CHECK(world_merge(&ctx, &w, &"876543210"[9 - w.n_shards], &a,
				  &err));
		world_assert_answer(&ctx, &w, all, k);
		world_free(&w);
	}
	assert_int_equal(world_warnings, 0);
}

static void read_out(char *buf, long *n)
{
	*n = tmpdir_get(tmpdir_file(&world_dir, "out.vsh"), buf, FILE_MAX);
	assert_true(*n > 0 && *n < (long)FILE_MAX);
}

/* Nothing but the parts and k decides about a single byte. */
static void test_order_threads_and_memory_change_nothing(void **state)
{
	static const struct {
		const char *order;
		unsigned n_threads;
		uint64_t memory;
	} runs[] = { { "0123", 1, 0 },	      { "3210", 1, 0 },
		     { "2031", 3, 0 },	      { "0123", 2, 5u << 20 },
		     { "1302", 7, 9u << 20 }, { "01231", 1, 0 },
		     { "33210", 2, 0 } };
	struct vs_merge_args a = { .replace = true };
	char *first = malloc(FILE_MAX), *now = malloc(FILE_MAX);
	struct world w = { .n_queries = 3000,
			   .k = 10,
			   .n_shards = 4,
			   .metric = VS_IP,
			   .dtype = VS_F32,
			   .seed = 5,
			   .n_keys = 40,
			   .n_ids = 60 };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	long n_first, n;
	size_t i;

	(void)state;
	world_start(&ctx);
	world_make(&w);
	world_write(&ctx, &w);
	CHECK(world_merge(&ctx, &w, "0123", &a, &err));
	world_assert_answer(&ctx, &w, 15, w.k);
	read_out(first, &n_first);
	for (i = 0; i < N_OF(runs); i++) {
		ctx.n_threads = runs[i].n_threads;
		ctx.memory_max = runs[i].memory;
		atomic_store(&ctx.mem_peak, 0);
		CHECK(world_merge(&ctx, &w, runs[i].order, &a, &err));
		read_out(now, &n);
		assert_int_equal(n, n_first);
		assert_memory_equal(now, first, (size_t)n);
	}
	free(first);
	free(now);
	world_free(&w);
}

/* One query at a time when there is no room for more. */
static void test_blocks_of_few_queries(void **state)
{
	struct world w = { .n_queries = 700,
			   .k = 50,
			   .n_shards = 9,
			   .metric = VS_L2,
			   .dtype = VS_U8,
			   .seed = 2,
			   .n_keys = 500,
			   .n_ids = 900 };
	struct vs_merge_args a = { .replace = true };
	struct vs_err err = { 0 };
	uint64_t ceiling;
	struct vs_ctx ctx;
	int rc = VS_ENOMEM;

	(void)state;
	world_start(&ctx);
	world_make(&w);
	world_write(&ctx, &w);
	/* From too little to just enough. */
	for (ceiling = 1u << 20; rc == VS_ENOMEM; ceiling += 256u << 10) {
		ctx.memory_max = ceiling;
		rc = world_merge(&ctx, &w, "012345678", &a, &err);
		if (rc == VS_ENOMEM)
			assert_non_null(strstr(err.msg, "--memory"));
	}
	check(rc, &err);
	assert_true(atomic_load(&ctx.mem_peak) <= ctx.memory_max);
	ctx.memory_max = 0;
	world_assert_answer(&ctx, &w, 511, w.k);
	world_free(&w);
}

static void test_merging_merges_gives_the_same_answer(void **state)
{
	struct vs_merge_args a = { .allow_missing = "all" };
	const char *paths[2];
	char left[512], right[512];
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct world w;

	(void)state;
	world_start(&ctx);
	world_small(&ctx, &w);
	snprintf(left, sizeof(left), "%s", tmpdir_file(&world_dir, "left.vsh"));
	snprintf(right, sizeof(right), "%s",
		 tmpdir_file(&world_dir, "right.vsh"));
	a.out = left;
	assert_int_equal(world_merge(&ctx, &w, "02", &a, &err), VS_EPARTIAL);
	a.out = right;
	assert_int_equal(world_merge(&ctx, &w, "13", &a, &err), VS_EPARTIAL);
	paths[0] = left;
	paths[1] = right;
	/* Each part says that shards are missing; together none is. */
	assert_int_equal(world_merge_paths(&ctx, paths, 2, NULL, &err),
			 VS_ENOINPUT);
	assert_non_null(strstr(err.msg, "is incomplete"));
	a.out = NULL;
	CHECK(world_merge_paths(&ctx, paths, 2, &a, &err));
	world_assert_answer(&ctx, &w, 15, w.k);
	world_free(&w);
}

static void test_missing_shards(void **state)
{
	static const struct {
		const char *order, *allow;
		int code;
		const char *says;
	} cases[] = {
		{ "013", NULL, VS_ENOINPUT, "1 of 4 shards are missing: 2;" },
		{ "1", NULL, VS_ENOINPUT,
		  "3 of 4 shards are missing: 0, 2 and 3;" },
		{ "013", "1", VS_ENOINPUT, "missing: 2;" },
		{ "01", "2", VS_ENOINPUT, "missing: 2 and 3;" },
		{ "013", "2", VS_EPARTIAL, "3 of 4 shards, 3,004 rows" },
		{ "013", "all", VS_EPARTIAL, "3 of 4 shards" },
		{ "01", "3,2", VS_EPARTIAL, "2 of 4 shards" },
		{ "0123", "2", 0, "" },
		{ "0123", "all", 0, "" },
		{ "013", "4", VS_EUSAGE, "--allow-missing" },
		{ "013", "", VS_EUSAGE, "--allow-missing" },
		{ "013", "2,", VS_EUSAGE, "--allow-missing" },
		{ "013", "two", VS_EUSAGE, "\"two\"" },
		{ "0123", "2 ", VS_EUSAGE, "--allow-missing" },
	};
	struct vs_err err;
	struct vs_ctx ctx;
	struct world w;
	uint32_t mask;
	const char *p;
	size_t i;
	int rc;

	(void)state;
	world_start(&ctx);
	world_small(&ctx, &w);
	for (i = 0; i < N_OF(cases); i++) {
		struct vs_merge_args a = { .allow_missing = cases[i].allow };

		unlink(tmpdir_file(&world_dir, "out.vsh"));
		rc = world_merge(&ctx, &w, cases[i].order, &a, &err);
		if (rc != cases[i].code ||
		    strstr(err.msg, cases[i].says) == NULL)
			fail_msg("case %zu: code %d, \"%s\"", i, rc, err.msg);
		if (rc != 0 && rc != VS_EPARTIAL) {
			assert_int_equal(tmpdir_count(&world_dir, "out.vsh"),
					 0);
			continue;
		}
		for (mask = 0, p = cases[i].order; *p != '\0'; p++)
			mask |= 1u << (*p - '0');
		world_assert_answer(&ctx, &w, mask, w.k);
		/* Again: as partial as before, and nothing is done. */
		assert_int_equal(
			world_merge(&ctx, &w, cases[i].order, &a, &err), rc);
		assert_non_null(strstr(world_info, "already done"));
	}
	world_free(&w);
}

static void test_how_many_neighbours(void **state)
{
	struct vs_merge_args a = { .k = 6 };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct world w, narrow;
	struct world_part p;

	(void)state;
	world_start(&ctx);
	world_small(&ctx, &w);
	assert_int_equal(world_merge(&ctx, &w, "0123", &a, &err), VS_EUSAGE);
	assert_non_null(strstr(err.msg, "k is 6, but"));
	a.k = VS_K_MAX + 1;
	assert_int_equal(world_merge(&ctx, &w, "0123", &a, &err), VS_EUSAGE);

	narrow = w;
	narrow.k = 3;
	world_make(&narrow);
	world_describe(&narrow, 3, &p);
	world_put_part(&ctx, &p, narrow.hits[3],
		       tmpdir_file(&world_dir, "x.vsh"));
	a.k = 0;
	assert_int_equal(world_merge(&ctx, &w, "012x", &a, &err), VS_EUSAGE);
	assert_non_null(strstr(err.msg, "say with -k"));
	a.k = 4;
	assert_int_equal(world_merge(&ctx, &w, "012x", &a, &err), VS_EUSAGE);
	assert_non_null(strstr(err.msg, "/x.vsh holds 3"));
	a.k = 3;
	CHECK(world_merge(&ctx, &w, "012x", &a, &err));
	world_assert_answer(&ctx, &w, 15, 3);
	world_free(&narrow);
	world_free(&w);
}

static void test_a_finished_merge_is_left_alone(void **state)
{
	struct vs_merge_args a = { 0 };
	struct vs_err err = { 0 };
	struct stat before, after;
	char out[512];
	struct vs_ctx ctx;
	struct world w, other;
	struct world_part p;
	struct vs_hits *h;

	(void)state;
	world_start(&ctx);
	world_small(&ctx, &w);
	snprintf(out, sizeof(out), "%s", tmpdir_file(&world_dir, "out.vsh"));
	CHECK(world_merge(&ctx, &w, "0123", &a, &err));
	assert_null(strstr(world_info, "already done"));
	assert_non_null(strstr(world_info, "4 of 4 shards, 4,006 rows"));
	assert_int_equal(stat(out, &before), 0);
	CHECK(world_merge(&ctx, &w, "2310", &a, &err));
	assert_non_null(strstr(world_info, "already done"));
	a.recheck = true;
	CHECK(world_merge(&ctx, &w, "0123", &a, &err));
	assert_int_equal(stat(out, &after), 0);
	assert_true(before.st_ino == after.st_ino);

	/* Another k is another answer. */
	a = (struct vs_merge_args){ .k = 2 };
	assert_int_equal(world_merge(&ctx, &w, "0123", &a, &err), VS_ECREATE);
	assert_non_null(strstr(err.msg, "--replace"));
	world_assert_answer(&ctx, &w, 15, w.k);
	a.replace = true;
	CHECK(world_merge(&ctx, &w, "0123", &a, &err));
	world_assert_answer(&ctx, &w, 15, 2);

	/* A file that claims to be this merge and holds other hits: only
	 * --recheck looks. */
	a = (struct vs_merge_args){ .replace = true };
	CHECK(world_merge(&ctx, &w, "0123", &a, &err));
	CHECK(vs_hits_open(&ctx, out, &h, &err));
	other = w;
	other.seed = 99;
	world_make(&other);
	world_describe(&w, 0, &p);
	p.task = vs_hits_head(h)->fingerprint;
	vs_hits_close(&ctx, h);
	world_put_part(&ctx, &p, other.hits[0], out);
	a = (struct vs_merge_args){ 0 };
	CHECK(world_merge(&ctx, &w, "0123", &a, &err));
	a.recheck = true;
	assert_int_equal(world_merge(&ctx, &w, "0123", &a, &err), VS_ECREATE);
	assert_non_null(strstr(err.msg, "query 0 has other hits"));
	world_free(&other);
	world_free(&w);
}

static void test_other_formats(void **state)
{
	struct vs_merge_args a = { 0 };
	struct vs_hit want[5];
	struct vs_err err = { 0 };
	int32_t row[6];
	char buf[8192], line[64];
	struct vs_ctx ctx;
	struct world w;
	uint64_t q;
	uint32_t i;

	(void)state;
	world_start(&ctx);
	world_small(&ctx, &w);
	a.out = tmpdir_file(&world_dir, "out.ivecs");
	CHECK(world_merge(&ctx, &w, "0123", &a, &err));
	CHECK(world_merge(&ctx, &w, "3210", &a, &err));
	assert_int_equal(tmpdir_get(a.out, buf, sizeof(buf)), 20 * sizeof(row));
	for (q = 0; q < w.n_queries; q++) {
		memcpy(row, buf + q * sizeof(row), sizeof(row));
		world_best(&w, q, 15, 5, want);
		assert_int_equal(row[0], 5);
		for (i = 0; i < 5; i++)
			assert_int_equal(row[1 + i], want[i].id);
	}
	a.k = 2;
	assert_int_equal(world_merge(&ctx, &w, "0123", &a, &err), VS_ECREATE);
	a = (struct vs_merge_args){ .out = tmpdir_file(&world_dir, "out.txt") };
	assert_int_equal(world_merge(&ctx, &w, "0123", &a, &err), VS_EUSAGE);
	a.format = VS_HITS_TSV;
	CHECK(world_merge(&ctx, &w, "0123", &a, &err));
	assert_true(tmpdir_get(a.out, buf, sizeof(buf)) > 0);
	world_best(&w, 0, 15, 5, want);
	snprintf(line, sizeof(line), "0\t1\t%llu\t%lld\n",
		 (unsigned long long)want[0].id, (long long)want[0].key);
	assert_memory_equal(buf, line, strlen(line));
	world_free(&w);
}

/* More parts than can be open at once. */
static void test_more_parts_than_descriptors(void **state)
{
	enum { PARTS = 330, QUERIES = 3 };
	static char path[PARTS][300];
	static const char *paths[PARTS];
	struct rlimit old, few;
	struct vs_hits *h;
	struct vs_hit hits[QUERIES], got[QUERIES * 2];
	struct world w = { .n_queries = QUERIES,
			   .k = 1,
			   .n_shards = PARTS,
			   .metric = VS_L2,
			   .dtype = VS_U8 };
	struct vs_merge_args a = { 0 };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct world_part p;
	uint32_t i, q;

	(void)state;
	world_start(&ctx);
	ctx.n_threads = 2;
	ctx.verify = VS_VERIFY_FULL;
	for (i = 0; i < PARTS; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/p%u.vsh", world_dir.path,
			 i);
		paths[i] = path[i];
		for (q = 0; q < QUERIES; q++)
			hits[q] = (struct vs_hit){ i, (i * 37 + q) % PARTS };
		world_describe(&w, i, &p);
		world_put_part(&ctx, &p, hits, path[i]);
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 290;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	CHECK(world_merge_paths(&ctx, paths, PARTS, &a, &err));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(ctx.verify, VS_VERIFY_FULL);
	CHECK(vs_hits_open(&ctx, tmpdir_file(&world_dir, "out.vsh"), &h, &err));
	assert_int_equal(vs_hits_info(h)->n_sources, PARTS);
	CHECK(vs_hits_read(&ctx, h, 0, QUERIES, got, &err));
	for (q = 0; q < QUERIES; q++)
		assert_true(got[q].key == 0 &&
			    (got[q].id * 37 + q) % PARTS == 0);
	vs_hits_close(&ctx, h);
}

static void test_stop(void **state)
{
	struct vs_merge_args a = { 0 };
	atomic_int stop = 1;
	struct vs_err err;
	struct vs_ctx ctx;
	struct world w;

	(void)state;
	world_start(&ctx);
	world_small(&ctx, &w);
	ctx.stop = &stop;
	assert_int_equal(world_merge(&ctx, &w, "0123", &a, &err), VS_EAGAIN);
	assert_int_equal(tmpdir_count(&world_dir, "out.vsh"), 0);
	world_free(&w);
}

/* Each call failing in turn: an error, or the whole answer. */
static void test_every_failed_call_is_clean(void **state)
{
	struct vs_merge_args a = { 0 };
	struct faults f = { .sys = EIO };
	struct vs_err err;
	struct vs_ctx ctx;
	struct world w;
	unsigned n_failed = 0;
	int rc = -1;

	(void)state;
	world_start(&ctx);
	world_small(&ctx, &w);
	for (f.at = 1;; f.at++) {
		unlink(tmpdir_file(&world_dir, "out.vsh"));
		faults_set(&ctx, &f);
		rc = world_merge(&ctx, &w, "01233", &a, &err);
		ctx.hook = NULL;
		if (atomic_load(&f.n_fired) == 0)
			break;
		n_failed += rc != 0;
		if (rc == 0)
			world_assert_answer(&ctx, &w, 15, w.k);
		else
			assert_true(err.msg[0] != '\0');
	}
	assert_int_equal(rc, 0);
	assert_true(n_failed > 50);
	world_free(&w);
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, world_make_dir, world_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_merge_is_the_sort_of_everything),
		TEST(test_order_threads_and_memory_change_nothing),
		TEST(test_blocks_of_few_queries),
		TEST(test_merging_merges_gives_the_same_answer),
		TEST(test_missing_shards),
		TEST(test_how_many_neighbours),
		TEST(test_a_finished_merge_is_left_alone),
		TEST(test_other_formats),
		TEST(test_more_parts_than_descriptors),
		TEST(test_stop),
		TEST(test_every_failed_call_is_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
