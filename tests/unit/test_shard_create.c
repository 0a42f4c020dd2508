/* test_shard_create.c - vs-shard create: what a new collection says, and when
 * it is refused.
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
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "dirfix.h"
#include "faults.h"
#include "vecsfile.h"
#include "vs/manifest.h"
#include "vs/mem.h"
#include "vs/model.h"
#include "vs/op.h"

#define TEXT_MAX 65536

static char base[512], collection[512]; /* base.bvecs, c */
static char last_info[1024];
static unsigned n_warnings;

static void on_log(void *arg, enum vs_log_level level, const char *line)
{
	(void)arg;
	n_warnings += level == VS_LOG_WARN;
	if (level == VS_LOG_INFO)
		snprintf(last_info, sizeof(last_info), "%s", line);
}

/* n rows of 4 x u8 in a file; returns its path. */
static const char *put_base(const char *name, size_t n, unsigned seed)
{
	const char *path = tmpdir_file(&dir, name);
	void *rows = pattern_make(4 * n, 1, seed);
	struct image im;

	image_rows(&im, 4, n, 1, rows);
	image_save(&im, path);
	free(rows);
	return path;
}

static int begin(void **state)
{
	(void)state;
	tmpdir_make(&dir);
	snprintf(base, sizeof(base), "%s", put_base("base.bvecs", 1000, 1));
	snprintf(collection, sizeof(collection), "%s", tmpdir_file(&dir, "c"));
	n_warnings = 0;
	return 0;
}

/* Four shards of Flat over base.bvecs, unless args say otherwise. */
static struct vs_shard_create_args flat(void)
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

static int create(const struct vs_shard_create_args *args, struct vs_err *err)
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

static void refused(const struct vs_shard_create_args *args, int code,
		    const char *says)
{
	struct vs_err err;
	int rc = create(args, &err);

	if (rc != code || strstr(err.msg, says) == NULL)
		fail_msg("code %d, \"%s\"; expected %d, \"%s\"", rc, err.msg,
			 code, says);
}

static const char *in_collection(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "c/%s", name);
	return tmpdir_file(&dir, path);
}

static size_t get_manifest(char text[TEXT_MAX])
{
	long n = tmpdir_get(in_collection("000001.yaml"), text, TEXT_MAX - 1);

	assert_true(n > 0);
	text[n] = '\0';
	return (size_t)n;
}

static struct vs_manifest *open_manifest(struct vs_ctx *ctx)
{
	struct vs_err err = { 0 };
	struct vs_manifest *m;

	vs_ctx_init(ctx);
	CHECK(vs_manifest_open(ctx, collection, &m, &err));
	return m;
}

/* A model of two cells under inner product; the path stays valid until the
 * next call. */
static const char *put_model(const char *name, uint32_t dim,
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

/* A text of 1000 ids: 7 * row + add.  The path stays valid until the next call.
 */
static const char *put_ids(const char *name, uint64_t add)
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
		TEST(test_a_new_collection),
		TEST(test_again_is_already_done),
		TEST(test_another_collection_is_in_the_way),
		TEST(test_where_the_vectors_are),
		TEST(test_with_a_model),
		TEST(test_requests_that_make_no_sense),
		TEST(test_weights_that_make_no_sense),
		TEST(test_weights_are_shares),
		TEST(test_the_ring_hashes_the_given_ids),
		TEST(test_shards_without_rows_are_warned_of),
		TEST(test_two_creators),
		TEST(test_every_failed_call_is_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
