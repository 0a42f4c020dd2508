/* test_shard_create_refuse.c - vs-shard create: what it refuses, who stands in
 * its way, and what is left when calls fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "faults.h"
#include "shard_create_test.h"
#include "vs/mem.h"

static void test_another_collection_is_in_the_way(void **state)
{
	struct vs_shard_create_args a = flat();
	char before[TEXT_MAX], after[TEXT_MAX];
	struct vs_err err = { 0 };
	unsigned i;

	(void)state;
	CHECK(create(&a, &err));
	get_manifest(before);
	for (i = 0; i < 4; i++) {
		a = flat();
		switch (i) {
		case 0:
			a.n_shards = 5;
			break;
		case 1:
			a.vnodes = 65;
			break;
		case 2:
			a.metric = VS_IP;
			break;
		default:
			put_base("base.bvecs", 1000, 2);
		}
		refused(&a, VS_ECREATE,
			"holds another collection: Flat, 4 shards, 1000 rows");
		get_manifest(after);
		assert_string_equal(before, after);
	}
	/* A current generation that is damaged is nothing to go by. */
	put_base("base.bvecs", 1000, 1);
	tmpdir_put(in_collection("000002.yaml"), "x", 1);
	a = flat();
	refused(&a, VS_EDATA, "000002.yaml");
}

static void test_requests_that_make_no_sense(void **state)
{
	const char *inputs[] = { "-" };
	struct vs_shard_create_args a = flat();
	char pinned[600];

	(void)state;
	a.by = "cell";
	refused(&a, VS_EUSAGE, "--by cell");
	a = flat();
	a.by = "range";
	a.vnodes_given = true;
	refused(&a, VS_EUSAGE, "--vnodes goes with --by hash");
	a = flat();
	a.model = "m.vsm";
	refused(&a, VS_EUSAGE, "either -M MODEL or -i INDEX");
	a.model = a.index = NULL;
	refused(&a, VS_EUSAGE, "either -M MODEL or -i INDEX");
	a = flat();
	a.index = "IVF64,Flat";
	refused(&a, VS_EUSAGE, "needs a model");
	a.index = "HNSW32";
	refused(&a, VS_EUSAGE, "HNSW32");
	a = flat();
	a.io.replace = true;
	refused(&a, VS_EUSAGE, "--replace");
	a = flat();
	a.io.recheck = true;
	refused(&a, VS_EUSAGE, "--recheck");
	a = flat();
	a.io.inputs = inputs;
	refused(&a, VS_EUSAGE, "vectors in files");
	inputs[0] = tmpdir_file(&dir, "none.bvecs");
	refused(&a, VS_ENOINPUT, "none.bvecs");
	a = flat();
	snprintf(pinned, sizeof(pinned), "%s@3", collection);
	a.collection = pinned;
	refused(&a, VS_EUSAGE, "names a generation");
	assert_int_equal(tmpdir_count(&dir, "c"), 0);
	a = flat();
	a.collection = tmpdir_file(&dir, "no/where");
	refused(&a, VS_ECREATE, "no/where");
	a = flat();
	a.vnodes = 0;
	refused(&a, VS_EUSAGE, "0 virtual nodes");
	a = flat();
	a.n_shards = 0;
	refused(&a, VS_EUSAGE, "0 shards");
	assert_int_equal(access(in_collection("000001.yaml"), F_OK), -1);
}

static void test_weights_that_make_no_sense(void **state)
{
	static const char *const texts[] = { "1,2,3", "1,2,3,4,5", "1,2,0,1",
					     "1,2,1001,1", "1,,1,1", "",
					     "1,2,3,", "1,2,3,-1", "1, 2,3,4" };
	struct vs_shard_create_args a = flat();
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(texts); i++) {
		a.weights = texts[i];
		refused(&a, VS_EUSAGE, "--weights: ");
	}
	assert_int_equal(tmpdir_count(&dir, "c"), 0);
}

/* At the moment when a manifest gets its name, somebody else's is there. */
struct rival {
	struct vs_shard_create_args args;
	bool done;
};

static int run_rival(void *arg, enum vs_call call, const char *path)
{
	struct rival *r = arg;
	struct vs_err err = { 0 };

	(void)path;
	if (call != VS_CALL_RENAME || r->done)
		return 0;
	r->done = true;
	CHECK(create(&r->args, &err));
	return 0;
}

static void test_two_creators(void **state)
{
	struct rival r = { .args = flat() };
	struct vs_shard_create_args a = flat();
	struct vs_err err = { 0 };
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	ctx.hook = run_rival;
	ctx.hook_arg = &r;
	CHECK(vs_op_shard_create(&ctx, &a, &err));
	assert_true(r.done);
	assert_int_equal(unlink(in_collection("000001.yaml")), 0);

	r.done = false;
	r.args.n_shards = 7;
	assert_int_equal(vs_op_shard_create(&ctx, &a, &err), VS_ECREATE);
	assert_non_null(strstr(err.msg, "7 shards"));
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

/* Each call failing in turn; the same command again finishes, and the bytes are
 * those of an undisturbed run. */
static void test_every_failed_call_is_clean(void **state)
{
	struct vs_shard_create_args a = flat();
	char want[TEXT_MAX], got[TEXT_MAX];
	struct faults f = { .sys = EIO };
	struct vs_err err = { 0 };
	struct tmpdir inside;
	unsigned n_failed = 0;
	struct vs_ctx ctx;
	int rc;

	(void)state;
	assert_true(snprintf(inside.path, sizeof(inside.path), "%s/c",
			     dir.path) < (int)sizeof(inside.path));
	a.index = NULL;
	a.model = put_model("m.vsm", 4, VS_U8, 1);
	a.ids = put_ids("ids.txt", 0);
	CHECK(create(&a, &err));
	get_manifest(want);
	for (f.at = 1;; f.at++) {
		unlink(in_collection("000001.yaml"));
		unlink(in_collection("model.vsm"));
		rmdir(in_collection("shards"));
		rmdir(collection);
		vs_ctx_init(&ctx);
		faults_set(&ctx, &f);
		vs_err_clear(&err);
		rc = vs_op_shard_create(&ctx, &a, &err);
		assert_true(atomic_load(&ctx.mem_now) == 0);
		if (vs_path_is_dir(&ctx, collection))
			assert_int_equal(tmpdir_count(&inside, ".tmp"), 0);
		if (atomic_load(&f.n_fired) == 0)
			break;
		n_failed += rc != 0;
		if (rc != 0)
			assert_true(err.msg[0] != '\0');
		CHECK(create(&a, &err));
		get_manifest(got);
		assert_string_equal(got, want);
	}
	assert_int_equal(rc, 0);
	assert_true(n_failed > 50);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_another_collection_is_in_the_way),
		TEST(test_requests_that_make_no_sense),
		TEST(test_weights_that_make_no_sense),
		TEST(test_two_creators),
		TEST(test_every_failed_call_is_clean),
	};

	return cmocka_run_group_tests_name("shard_create_refuse", tests, NULL,
					   NULL);
}
