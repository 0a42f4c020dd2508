/* test_shard_create.c - vs-shard create: what a new collection says.  When it
 * is refused is in test_shard_create_refuse.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "shard_create_test.h"

static void test_a_new_collection(void **state)
{
	struct vs_shard_create_args a = flat();
	struct vs_digest expected;
	struct vs_err err = { 0 };
	struct vs_manifest *m;
	struct vs_ring *ring;
	uint64_t counts[4];
	char real[4096];
	struct vs_vecs *v;
	struct vs_ctx ctx;
	uint32_t i;

	(void)state;
	CHECK(create(&a, &err));
	assert_non_null(strstr(last_info, "1,000 rows on 4 shards"));
	assert_int_equal(n_warnings, 0);
	m = open_manifest(&ctx);
	assert_true(m->generation == 1 && m->n_rows == 1000);
	assert_true(m->n_shards == 4 && m->vnodes == 64 && m->dim == 4);
	assert_true(m->dtype == VS_U8 && m->metric == VS_L2);
	assert_string_equal(m->index, "Flat");
	assert_null(m->model_file);
	assert_int_equal(m->n_inputs, 1);
	assert_non_null(realpath(base, real));
	assert_string_equal(m->inputs[0].path, real);
	assert_true(m->inputs[0].n_rows == 1000);

	/* The rows and fingerprints that a build will find. */
	CHECK(vs_manifest_ring(&ctx, m, &ring, &err));
	CHECK(vs_ring_count(&ctx, ring, 0, 1000, counts, &err));
	vs_ring_destroy(&ctx, ring);
	for (i = 0; i < 4; i++) {
		assert_true(m->shards[i].n_rows == counts[i]);
		CHECK(vs_manifest_shard_fingerprint(&ctx, m, i, &expected,
						    &err));
		assert_true(
			vs_digest_equal(&m->shards[i].fingerprint, &expected));
	}
	CHECK(vs_manifest_inputs(&ctx, m, &v, &err));
	vs_vecs_close(&ctx, v);
	vs_manifest_destroy(&ctx, m);
	assert_true(vs_path_is_dir(&ctx, in_collection("shards")));
	assert_false(vs_path_exists(&ctx, in_collection("model.vsm")));
}

static void test_again_is_already_done(void **state)
{
	char before[TEXT_MAX], after[TEXT_MAX];
	struct vs_shard_create_args a = flat();
	struct stat one, two;
	struct vs_err err = { 0 };

	(void)state;
	CHECK(create(&a, &err));
	get_manifest(before);
	assert_int_equal(stat(in_collection("000001.yaml"), &one), 0);
	CHECK(create(&a, &err));
	assert_non_null(strstr(last_info, "already done"));
	assert_int_equal(stat(in_collection("000001.yaml"), &two), 0);
	assert_true(one.st_ino == two.st_ino);

	/* Elsewhere the same bytes: nothing of the place or time is in. */
	snprintf(collection, sizeof(collection), "%s", tmpdir_file(&dir, "d/"));
	CHECK(create(&a, &err));
	assert_true(tmpdir_get(tmpdir_file(&dir, "d/000001.yaml"), after,
			       TEXT_MAX) == (long)strlen(before));
	assert_memory_equal(before, after, strlen(before));
}

static void test_where_the_vectors_are(void **state)
{
	const char *inputs[2] = { in_collection("in.bvecs"), base };
	struct vs_shard_create_args a = flat();
	struct vs_digest shard;
	struct vs_err err = { 0 };
	struct vs_manifest *m;
	struct vs_ctx ctx;

	(void)state;
	assert_int_equal(mkdir(collection, 0777), 0);
	put_base("c/in.bvecs", 50, 3);
	a.io.inputs = inputs;
	a.io.n_inputs = 2;
	a.io.input_format = VS_FMT_BVECS;
	CHECK(create(&a, &err));
	m = open_manifest(&ctx);
	assert_string_equal(m->inputs[0].path, "in.bvecs");
	assert_true(m->inputs[0].n_rows == 50 && m->inputs[1].n_rows == 1000);
	assert_true(m->n_rows == 1050);
	assert_int_equal(m->input_format, VS_FMT_BVECS);
	shard = m->shards[3].fingerprint;
	vs_manifest_destroy(&ctx, m);

	/* The same vectors at another place. */
	put_base("moved.bvecs", 1000, 1);
	inputs[1] = tmpdir_file(&dir, "moved.bvecs");
	refused(&a, VS_ECREATE, "reads its inputs from");
	assert_int_equal(unlink(in_collection("000001.yaml")), 0);
	CHECK(create(&a, &err));
	m = open_manifest(&ctx);
	assert_true(vs_digest_equal(&m->shards[3].fingerprint, &shard));
	vs_manifest_destroy(&ctx, m);
}

static void test_with_a_model(void **state)
{
	struct vs_shard_create_args a = flat();
	char want[TEXT_MAX], got[TEXT_MAX];
	struct vs_err err = { 0 };
	struct vs_manifest *m;
	struct vs_ctx ctx;
	long n;

	(void)state;
	a.index = NULL;
	a.model = put_model("m.vsm", 5, VS_U8, 1);
	refused(&a, VS_EDATA, "rows have 4 dimensions");
	a.model = put_model("m.vsm", 4, VS_F32, 1);
	refused(&a, VS_EDATA, "rows are u8");
	a.model = put_model("m.vsm", 4, VS_U8, 1);
	a.metric_given = true;
	refused(&a, VS_EUSAGE, "-m l2 contradicts");
	assert_int_equal(tmpdir_count(&dir, "c"), 0);

	a.metric = VS_IP;
	CHECK(create(&a, &err));
	m = open_manifest(&ctx);
	assert_int_equal(m->metric, VS_IP);
	assert_string_equal(m->index, "IVF2,Flat");
	assert_string_equal(m->model_file, "model.vsm");
	assert_int_equal(m->model.b[0], 1);
	vs_manifest_destroy(&ctx, m);
	n = tmpdir_get(a.model, want, TEXT_MAX);
	assert_true(n > 0);
	assert_true(tmpdir_get(in_collection("model.vsm"), got, TEXT_MAX) == n);
	assert_memory_equal(want, got, (size_t)n);

	/* A lost copy comes back; the copy serves as the model. */
	assert_int_equal(unlink(in_collection("model.vsm")), 0);
	CHECK(create(&a, &err));
	assert_true(tmpdir_holds(in_collection("model.vsm"), want, (size_t)n));
	a.model = in_collection("model.vsm");
	CHECK(create(&a, &err));
	assert_non_null(strstr(last_info, "already done"));

	/* Another model makes another collection. */
	a.model = put_model("m2.vsm", 4, VS_U8, 2);
	refused(&a, VS_ECREATE, "holds another collection");
	assert_int_equal(unlink(in_collection("000001.yaml")), 0);
	refused(&a, VS_ECREATE, "is another model than");
	assert_false(vs_path_exists(&ctx, in_collection("000001.yaml")));
}

static void test_weights_are_shares(void **state)
{
	struct vs_shard_create_args a = flat();
	struct vs_err err = { 0 };
	struct vs_manifest *m;
	struct vs_ctx ctx;

	(void)state;
	a.weights = "1,2,1,4";
	a.vnodes = 1024;
	CHECK(create(&a, &err));
	m = open_manifest(&ctx);
	assert_int_equal(m->shards[3].weight, 4);
	assert_true(m->shards[3].n_rows > 450 && m->shards[3].n_rows < 550);
	assert_true(m->shards[0].n_rows > 100 && m->shards[0].n_rows < 150);
	vs_manifest_destroy(&ctx, m);
	a.weights = "1,2,1,5";
	refused(&a, VS_ECREATE, "holds another collection");

	assert_int_equal(unlink(in_collection("000001.yaml")), 0);
	a.by = "range";
	a.weights = "1,2,1,4";
	CHECK(create(&a, &err));
	assert_non_null(strstr(last_info, "125 to 500 rows, 100.0 % to 100.0"));
	m = open_manifest(&ctx);
	assert_int_equal(m->sharding, VS_SHARDING_RANGE);
	assert_true(m->vnodes == 0 && m->shards[1].first == 125);
	assert_true(m->shards[3].first == 500 && m->shards[3].n_rows == 500);
	vs_manifest_destroy(&ctx, m);
}

static void test_the_ring_hashes_the_given_ids(void **state)
{
	struct vs_shard_create_args a = flat();
	uint64_t counts[4] = { 0 }, more[4] = { 0 };
	struct vs_err err = { 0 };
	struct vs_manifest *m;
	struct vs_ring *ring;
	struct vs_ctx ctx;
	uint64_t i;

	(void)state;
	/* Refused before anything is made. */
	a.ids = put_ids("ids.txt", 0);
	a.id_base = 1;
	refused(&a, VS_EUSAGE, "--id-base beside --ids");
	a.id_base = 0;
	a.ids = base;
	refused(&a, VS_EDATA, "expected ids, integers of 4 or 8 bytes");
	a.ids = NULL;
	a.id_base = UINT64_MAX - 1000;
	CHECK(create(&a, &err));
	remove(in_collection("000001.yaml"));
	rmdir(in_collection("shards"));
	rmdir(collection);
	a.id_base = UINT64_MAX - 999;
	refused(&a, VS_EUSAGE, "would pass 2^64 - 2");
	assert_int_equal(access(collection, F_OK), -1);

	assert_int_equal(mkdir(collection, 0777), 0);
	a.id_base = 0;
	a.ids = put_ids("c/ids.txt", 0);
	CHECK(create(&a, &err));
	m = open_manifest(&ctx);
	assert_string_equal(m->ids_path, "ids.txt");
	CHECK(vs_manifest_ring(&ctx, m, &ring, &err));
	for (i = 0; i < 1000; i++) {
		counts[vs_ring_owner(ring, 7 * i)]++;
		more[vs_ring_owner(ring, 50 + i)]++;
	}
	vs_ring_destroy(&ctx, ring);
	for (i = 0; i < 4; i++)
		assert_true(m->shards[i].n_rows == counts[i]);
	vs_manifest_destroy(&ctx, m);

	a.ids = put_ids("ids.txt", 0);
	refused(&a, VS_ECREATE, "reads its inputs from ids.txt");
	a.ids = put_ids("ids.txt", 1);
	refused(&a, VS_ECREATE, "holds another collection");
	a.ids = NULL;
	refused(&a, VS_ECREATE, "holds another collection");
	a.id_base = 50;
	refused(&a, VS_ECREATE, "holds another collection");
	assert_int_equal(unlink(in_collection("000001.yaml")), 0);
	CHECK(create(&a, &err));
	m = open_manifest(&ctx);
	assert_true(m->id_base == 50 && m->ids_path == NULL);
	for (i = 0; i < 4; i++)
		assert_true(m->shards[i].n_rows == more[i]);
	vs_manifest_destroy(&ctx, m);
}

static void test_shards_without_rows_are_warned_of(void **state)
{
	struct vs_shard_create_args a = flat();
	struct vs_err err = { 0 };

	(void)state;
	put_base("base.bvecs", 3, 1);
	CHECK(create(&a, &err));
	assert_int_equal(n_warnings, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_new_collection),
		TEST(test_again_is_already_done),
		TEST(test_where_the_vectors_are),
		TEST(test_with_a_model),
		TEST(test_weights_are_shares),
		TEST(test_the_ring_hashes_the_given_ids),
		TEST(test_shards_without_rows_are_warned_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
