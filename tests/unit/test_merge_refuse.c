/* test_merge_refuse.c - vs-merge: parts that do not belong together, and parts
 * that are there twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mergeworld.h"

/* Changes one thing of what a part says of itself. */
static void spoil(struct world_part *p, unsigned what)
{
	switch (what) {
	case 0:
		p->info.queries.b[9] = 1;
		break;
	case 1:
		p->info.n_queries--;
		break;
	case 2:
		p->info.dim++;
		break;
	case 3:
		p->info.metric = VS_L1;
		break;
	case 4:
		p->info.dtype = VS_I8;
		break;
	case 5:
		p->info.index = (char *)(uintptr_t) "IVF32,Flat";
		break;
	case 6:
		p->info.params = (char *)(uintptr_t) "nprobe=5";
		break;
	case 7:
		p->info.model.b[3] = 1;
		break;
	case 8:
		p->info.collection.b[3] = 1;
		break;
	case 9:
		p->info.generation = 7;
		break;
	default:
		p->info.n_shards = 5;
	}
}

/* Makes part x of shard 3 differ in one thing and expects a refusal. */
static void test_parts_of_other_searches_are_refused(void **state)
{
	static const char *const says[] = {
		"digest of the queries",
		"number of queries",
		"dimension is \"33\"",
		"metric is \"l1\"",
		"type of the rows",
		"index is \"IVF32,Flat\"",
		"parameters is \"nprobe=5\"",
		"model is",
		"collection is",
		"generation is \"7\"",
		"number of shards is \"5\"",
	};
	struct vs_err err;
	struct vs_ctx ctx;
	struct world w;
	struct world_part p;
	unsigned i;
	int rc;

	(void)state;
	world_start(&ctx);
	world_small(&ctx, &w);
	for (i = 0; i < N_OF(says); i++) {
		world_describe(&w, 3, &p);
		spoil(&p, i);
		world_put_part(&ctx, &p, w.hits[3],
			       tmpdir_file(&world_dir, "x.vsh"));
		rc = world_merge(&ctx, &w, "012x", NULL, &err);
		if (rc != VS_EDATA || strstr(err.msg, says[i]) == NULL)
			fail_msg("case %u: code %d, \"%s\"", i, rc, err.msg);
		/* Both files are named. */
		assert_non_null(strstr(err.msg, "/x.vsh"));
		assert_non_null(strstr(err.msg, "/0.vsh"));
		assert_int_equal(tmpdir_count(&world_dir, "out.vsh"), 0);
	}
	world_free(&w);
}

static void test_copies_count_once(void **state)
{
	struct vs_merge_args a = { .replace = true };
	struct vs_hit pads[20 * 3];
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct world w;
	struct world_part p;
	size_t i;

	(void)state;
	world_start(&ctx);
	world_small(&ctx, &w);
	CHECK(world_merge(&ctx, &w, "01232", &a, &err));
	world_assert_answer(&ctx, &w, 15, w.k);
	assert_int_equal(world_warnings, 1);

	/* A copy made by another task is a copy all the same. */
	world_describe(&w, 1, &p);
	p.task.b[5] = 77;
	world_put_part(&ctx, &p, w.hits[1], tmpdir_file(&world_dir, "x.vsh"));
	CHECK(world_merge(&ctx, &w, "x0123x", &a, &err));
	world_assert_answer(&ctx, &w, 15, w.k);
	assert_int_equal(world_warnings, 3);

	/* Other hits under the name of the same shard. */
	w.hits[1][7 * w.k].key = 0;
	w.hits[1][7 * w.k].id = 0;
	world_put_part(&ctx, &p, w.hits[1], tmpdir_file(&world_dir, "x.vsh"));
	assert_int_equal(world_merge(&ctx, &w, "0123x", &a, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "query 7 has other hits"));
	assert_non_null(strstr(err.msg, "/1.vsh"));
	assert_non_null(strstr(err.msg, "/x.vsh"));

	/* Of another size of answer. */
	p.info.k = 3;
	for (i = 0; i < N_OF(pads); i++)
		pads[i] = (struct vs_hit){ VS_ID_NONE, VS_KEY_WORST };
	world_put_part(&ctx, &p, pads, tmpdir_file(&world_dir, "x.vsh"));
	a.k = 2;
	assert_int_equal(world_merge(&ctx, &w, "0123x", &a, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "of the same shard"));
	world_free(&w);
}

static void test_shards_that_are_not_the_same_are_refused(void **state)
{
	struct vs_hits_source two[2];
	struct vs_err err;
	struct vs_ctx ctx;
	struct world w;
	struct world_part p;

	(void)state;
	world_start(&ctx);
	world_small(&ctx, &w);
	world_describe(&w, 1, &p);
	p.source.fingerprint.b[8] = 1;
	world_put_part(&ctx, &p, w.hits[1], tmpdir_file(&world_dir, "x.vsh"));
	assert_int_equal(world_merge(&ctx, &w, "0123x", NULL, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "one of them is stale"));
	world_describe(&w, 1, &p);
	p.source.n_rows++;
	world_put_part(&ctx, &p, w.hits[1], tmpdir_file(&world_dir, "x.vsh"));
	assert_int_equal(world_merge(&ctx, &w, "0123x", NULL, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "no copies of each other"));

	/* A merge beside one of its parts: "vs-merge -o hits/all.vsh
	 * hits/?.vsh" a second time. */
	world_describe(&w, 1, &p);
	two[0] = p.source;
	world_describe(&w, 2, &p);
	two[1] = p.source;
	p.info.sources = two;
	p.info.n_sources = 2;
	world_put_part(&ctx, &p, w.hits[1], tmpdir_file(&world_dir, "x.vsh"));
	assert_int_equal(world_merge(&ctx, &w, "0123x", NULL, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "leave one out"));
	assert_int_equal(world_merge(&ctx, &w, "x0123", NULL, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "leave one out"));

	/* No shard at all. */
	p.info.n_sources = 0;
	p.info.incomplete = true;
	world_put_part(&ctx, &p, w.hits[1], tmpdir_file(&world_dir, "x.vsh"));
	{
		struct vs_merge_args a = { .allow_missing = "all" };

		assert_int_equal(world_merge(&ctx, &w, "0123x", &a, &err),
				 VS_EDATA);
		assert_non_null(strstr(err.msg, "names no shard"));
	}
	world_free(&w);
}

static void test_lone_shards(void **state)
{
	struct vs_merge_args a = { .replace = true };
	struct vs_err err = { 0 };
	const char *paths[2];
	char one[512], other[512];
	struct vs_ctx ctx;
	struct world w;
	struct world_part p;

	(void)state;
	world_start(&ctx);
	world_small(&ctx, &w);
	snprintf(one, sizeof(one), "%s", tmpdir_file(&world_dir, "one.vsh"));
	snprintf(other, sizeof(other), "%s",
		 tmpdir_file(&world_dir, "two.vsh"));
	world_describe(&w, 0, &p);
	memset(&p.info.collection, 0, sizeof(p.info.collection));
	p.info.n_shards = 1;
	p.info.generation = 0;
	world_put_part(&ctx, &p, w.hits[0], one);
	p.source.fingerprint.b[9] = 1;
	world_put_part(&ctx, &p, w.hits[1], other);
	paths[0] = one;
	paths[1] = other;
	/* One alone is merely written again, in another format too. */
	CHECK(world_merge_paths(&ctx, paths, 1, &a, &err));
	a.out = tmpdir_file(&world_dir, "out.ivecs");
	CHECK(world_merge_paths(&ctx, paths, 1, &a, &err));
	a.out = NULL;
	assert_int_equal(world_merge_paths(&ctx, paths, 2, &a, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "another lone shard"));
	assert_int_equal(world_merge_paths(&ctx, paths, 0, &a, &err),
			 VS_EUSAGE);
	world_free(&w);
}

/* One id in two shards: the same hit counts once, another is damage. */
static void test_one_id_in_two_parts(void **state)
{
	static const struct vs_hit same[2][3] = {
		{ { 5, 10 }, { 6, 20 }, { 7, 30 } },
		{ { 6, 20 }, { 8, 25 }, { 9, 40 } },
	};
	static const struct vs_hit other[3] = { { 8, 25 },
						{ 5, 26 },
						{ 9, 40 } };
	static const struct vs_hit want[3] = { { 5, 10 },
					       { 6, 20 },
					       { 8, 25 } };
	struct world w = { .n_queries = 1,
			   .k = 3,
			   .n_shards = 2,
			   .metric = VS_L2,
			   .dtype = VS_U8 };
	struct vs_merge_args a = { .replace = true };
	struct vs_hits *h;
	struct vs_hit got[3];
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct world_part p;
	int s;

	(void)state;
	world_start(&ctx);
	for (s = 0; s < 2; s++) {
		snprintf(w.path[s], sizeof(w.path[s]), "%s",
			 tmpdir_file(&world_dir, s == 0 ? "0.vsh" : "1.vsh"));
		world_describe(&w, (uint32_t)s, &p);
		world_put_part(&ctx, &p, same[s], w.path[s]);
	}
	CHECK(world_merge(&ctx, &w, "01", &a, &err));
	CHECK(vs_hits_open(&ctx, tmpdir_file(&world_dir, "out.vsh"), &h, &err));
	CHECK(vs_hits_read(&ctx, h, 0, 1, got, &err));
	assert_memory_equal(got, want, sizeof(want));
	vs_hits_close(&ctx, h);

	/* The worse copy is not in the answer, and is found nevertheless. */
	world_put_part(&ctx, &p, other, w.path[1]);
	for (a.k = 1; a.k <= 3; a.k++) {
		assert_int_equal(world_merge(&ctx, &w, "01", &a, &err),
				 VS_EDATA);
		assert_non_null(strstr(err.msg, "query 0 has id 5 at 26"));
		assert_non_null(strstr(err.msg, "has it at 10"));
		assert_non_null(strstr(err.msg, "/0.vsh"));
		assert_non_null(strstr(err.msg, "/1.vsh"));
	}
	assert_int_equal(world_merge(&ctx, &w, "10", &a, &err), VS_EUSAGE);
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, world_make_dir, world_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_parts_of_other_searches_are_refused),
		TEST(test_copies_count_once),
		TEST(test_shards_that_are_not_the_same_are_refused),
		TEST(test_lone_shards),
		TEST(test_one_id_in_two_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
