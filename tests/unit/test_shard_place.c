/* test_shard_place.c - vs-shard verify --verify deep: a shard that holds the
 * rows of another, though its fingerprint is its own, is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
#include "dirfix.h"
#include "vecsfile.h"
#include "vs/kern.h"
#include "vs/manifest.h"
#include "vs/op.h"
#include "vs/split.h"

#define DIM 8
#define BYTES_MAX 65536

static char base[512];

static void start(struct vs_ctx *ctx, enum vs_verify verify)
{
	vs_ctx_init(ctx);
	ctx->kern = vs_kern_select(VS_CPU_BEST);
	ctx->verify = verify;
}

/* Plans a collection of two shards of n_rows rows in all; ids names a file of
 * ids or is NULL. */
static void create(const char *collection, const char *by, uint32_t n_rows,
		   const char *ids)
{
	void *rows = pattern_make(DIM * n_rows, 1, 3);
	struct vs_shard_create_args a = {
		.collection = collection,
		.index = "Flat",
		.metric = VS_L2,
		.by = by,
		.ids = ids,
		.n_shards = 2,
		.vnodes = 64,
	};
	const char *const inputs[] = { base };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct image im;

	a.io.inputs = inputs;
	a.io.n_inputs = 1;
	image_rows(&im, DIM, n_rows, 1, rows);
	image_save(&im, base);
	free(rows);
	start(&ctx, VS_VERIFY_TOUCH);
	CHECK(vs_op_shard_create(&ctx, &a, &err));
}

static void split(const char *collection, uint32_t i)
{
	const struct vs_shard_split_args a = { .collection = collection,
					       .part = { .i = i, .n = 2 } };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;

	start(&ctx, VS_VERIFY_TOUCH);
	CHECK(vs_op_shard_split(&ctx, &a, &err));
}

static void build(const char *collection, uint32_t i)
{
	const struct vs_build_args a = { .collection = collection,
					 .part = { .i = i, .n = 2 },
					 .io = { .replace = true } };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;

	start(&ctx, VS_VERIFY_TOUCH);
	CHECK(vs_op_build(&ctx, &a, &err));
}

/* How many of the two shards are ready. */
static uint32_t n_ready(const char *collection, enum vs_verify verify,
			char why[VS_ERR_MSG_MAX])
{
	struct vs_collection_status s;
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	uint32_t n;

	start(&ctx, verify);
	CHECK(vs_op_shard_status(&ctx, collection, &s, &err));
	snprintf(why, VS_ERR_MSG_MAX, "%s", s.shards[0].why);
	n = s.n_in_state[VS_SHARD_READY];
	vs_collection_status_free(&ctx, &s);
	assert_true(atomic_load(&ctx.mem_now) == 0);
	return n;
}

static void copy(const char *from, const char *to)
{
	static char bytes[BYTES_MAX];
	long n = tmpdir_get(from, bytes, sizeof(bytes));
	FILE *f = fopen(to, "wb");

	assert_true(n > 0 && f != NULL);
	assert_int_equal(fwrite(bytes, 1, (size_t)n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* The rows of shard 1 under the name of shard 0, as a mixed-up copy to the
 * machines that build might leave them. */
static void mix_up(const char *collection)
{
	static const char *const suffixes[] = { VS_SPLIT_VECTORS,
						VS_SPLIT_IDS };
	char name[2][600];
	struct vs_split record[2];
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	size_t i, s;

	start(&ctx, VS_VERIFY_TOUCH);
	for (s = 0; s < 2; s++) {
		for (i = 0; i < 2; i++)
			snprintf(name[i], sizeof(name[i]),
				 "%s/split/%05zu-of-00002%s", collection, i,
				 suffixes[s]);
		copy(name[1], name[0]);
	}
	for (i = 0; i < 2; i++) {
		snprintf(name[i], sizeof(name[i]),
			 "%s/split/%05zu-of-00002" VS_SPLIT_RECORD, collection,
			 i);
		CHECK(vs_split_read(&ctx, name[i], &record[i], &err));
	}
	assert_int_equal(record[0].n_rows, record[1].n_rows);
	record[1].fingerprint = record[0].fingerprint;
	assert_int_equal(remove(name[0]), 0);
	CHECK(vs_split_write(&ctx, name[0], &record[1], &err));
}

static void try_all(const char *collection, const char *what)
{
	char why[VS_ERR_MSG_MAX];
	uint32_t i;

	for (i = 0; i < 2; i++) {
		split(collection, i);
		build(collection, i);
	}
	assert_int_equal(n_ready(collection, VS_VERIFY_DEEP, why), 2);
	mix_up(collection);
	build(collection, 0);
	/* Every byte is what was written, and the fingerprint is right. */
	assert_int_equal(n_ready(collection, VS_VERIFY_FULL, why), 2);
	assert_int_equal(n_ready(collection, VS_VERIFY_DEEP, why), 1);
	if (strstr(why, what) == NULL)
		fail_msg("%s; expected %s", why, what);
}

static void test_by_range(void **state)
{
	char c[512];

	(void)state;
	snprintf(c, sizeof(c), "%s", tmpdir_file(&dir, "range"));
	create(c, "range", 300, NULL);
	try_all(c, "holds id 150, which is not of shard 0 by generation 1");
}

static void test_by_range_with_ids(void **state)
{
	char c[512], ids[512];
	FILE *f;
	int i;

	(void)state;
	snprintf(c, sizeof(c), "%s", tmpdir_file(&dir, "given"));
	snprintf(ids, sizeof(ids), "%s", tmpdir_file(&dir, "ids.txt"));
	f = fopen(ids, "w");
	assert_non_null(f);
	for (i = 0; i < 300; i++)
		fprintf(f, "%d\n", 100000 - 7 * i);
	assert_int_equal(fclose(f), 0);
	create(c, "range", 300, ids);
	try_all(c, "its ids are not those of rows 0 to 149 in ");
}

/* The fewest rows that the ring halves. */
static void test_by_hash(void **state)
{
	struct vs_err err = { 0 };
	struct vs_manifest *m;
	struct vs_ctx ctx;
	char c[512], name[16];
	uint32_t n;
	bool halved = false;

	(void)state;
	start(&ctx, VS_VERIFY_TOUCH);
	for (n = 8; !halved && n < 64; n += 2) {
		snprintf(name, sizeof(name), "hash%u", n);
		snprintf(c, sizeof(c), "%s", tmpdir_file(&dir, name));
		create(c, "hash", n, NULL);
		CHECK(vs_manifest_open(&ctx, c, &m, &err));
		halved = m->shards[0].n_rows == m->shards[1].n_rows;
		vs_manifest_destroy(&ctx, m);
	}
	assert_true(halved);
	try_all(c, ", which is not of shard 0 by generation 1 of ");
}

static int begin(void **state)
{
	(void)state;
	tmpdir_make(&dir);
	snprintf(base, sizeof(base), "%s", tmpdir_file(&dir, "base.bvecs"));
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_by_range, begin,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_by_range_with_ids,
						begin, remove_dir),
		cmocka_unit_test_setup_teardown(test_by_hash, begin,
						remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
