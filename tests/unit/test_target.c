/* A manifest whose hash fits but that contradicts the model or the shards it
 * names: refused by build and query, not read out of bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/gendata.h"
#include "tests/unit/tmpdir.h"
#include "vs/kern.h"
#include "vs/manifest.h"
#include "vs/mem.h"
#include "vs/op.h"

static struct {
	struct tmpdir dir;
	char base[300], model[300], coll[300], hits[300];
} names;

static struct vs_ctx ctx;
static struct vs_err err;

static void name(char to[300], const char *leaf)
{
	snprintf(to, 300, "%s", tmpdir_file(&names.dir, leaf));
}

static void ok(int rc)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, err.msg);
}

static int build_part(bool replace)
{
	struct vs_build_args a = { .io = { .replace = replace },
				   .collection = names.coll,
				   .part = { .i = 0, .n = 1 } };

	return vs_op_build(&ctx, &a, &err);
}

static int query(void)
{
	const char *input = names.base;
	struct vs_query_args a = { .io = { .out = names.hits,
					   .inputs = &input, .n_inputs = 1,
					   .replace = true },
				   .target = names.coll, .k = 3,
				   .params = "nprobe=4",
				   .format = VS_HITS_VSH };
	struct vs_query_report report;

	return vs_op_query(&ctx, &a, &report, &err);
}

/* One collection of one IVF4 shard. */
static void make_collection(void)
{
	const char *input = names.base;
	struct vs_train_args t = { .io = { .out = names.model,
					   .inputs = &input, .n_inputs = 1 },
				   .index = "IVF4,Flat", .metric = VS_L2,
				   .iterations = 2, .seed = 1 };
	struct vs_shard_create_args c = { .io = { .inputs = &input,
						  .n_inputs = 1 },
					  .collection = names.coll,
					  .model = names.model, .by = "hash",
					  .n_shards = 1, .vnodes = 16 };

	ok(vs_op_train(&ctx, &t, &err));
	ok(vs_op_shard_create(&ctx, &c, &err));
	ok(build_part(false));
	ok(query());
}

/* A new generation with another index or without its model; the shards'
 * fingerprints stay. */
static void forge(const char *index, bool drop_model)
{
	struct vs_manifest *m;

	ok(vs_manifest_open(&ctx, names.coll, &m, &err));
	vs_free(&ctx, m->index);
	m->index = vs_strdup(&ctx, index, &err);
	if (drop_model) {
		vs_free(&ctx, m->model_file);
		m->model_file = NULL;
		memset(&m->model, 0, sizeof(m->model));
	}
	m->generation++;
	ok(vs_manifest_publish(&ctx, m, NULL, &err));
	vs_manifest_destroy(&ctx, m);
}

static void refused(int rc)
{
	assert_int_equal(rc, VS_EDATA);
	assert_true(err.msg[0] != '\0');
	assert_int_equal(ctx.mem_now, 0);
}

/* More cells in the manifest than in the shard, fewer, and none at all. */
static void test_other_index(void **state)
{
	static const char *const indexes[] = { "IVF400,Flat", "IVF2,Flat" };
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		forge(indexes[i], false);
		refused(query());
		refused(build_part(true));
	}
	forge("IVF4,Flat", false);
	ok(query());
}

static void test_no_model(void **state)
{
	(void)state;
	forge("IVF4,Flat", true);
	refused(build_part(true));
	refused(query());
}

static int setup(void **state)
{
	struct gendata g;

	(void)state;
	tmpdir_make(&names.dir);
	name(names.base, "base.bvecs");
	name(names.model, "m.vsm");
	name(names.coll, "coll");
	name(names.hits, "h.vsh");
	gendata_make(&g, VS_U8, 300, 9, 200, 1);
	gendata_bvecs(names.base, &g);
	gendata_free(&g);
	vs_ctx_init(&ctx);
	ctx.kern = vs_kern_select(VS_CPU_BEST);
	make_collection();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tmpdir_remove(&names.dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_index),
		cmocka_unit_test(test_no_model),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
