/* Every call of the file and memory layers fails once, in turn, in a small
 * training, build, search, stream, truth and merge: a clean error or the
 * complete output, what stood there before intact, no stray temporary, no
 * leak. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/faults.h"
#include "tests/unit/gendata.h"
#include "tests/unit/tmpdir.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/op.h"

#define OLD "what stood here before"

/* The names that all tasks use. */
static struct {
	char base[300], query[300], model[300], shard[300], hits[300], out[300];
	struct tmpdir dir;
	const char *index;
} names;

static struct vs_op_io io_of(const char *const *input, const char *out,
			     bool replace)
{
	struct vs_op_io io = { .out = out, .inputs = input, .n_inputs = 1,
			       .replace = replace };

	return io;
}

static int train(struct vs_ctx *ctx, const char *out, bool replace,
		 struct vs_err *err)
{
	const char *input = names.base;
	struct vs_train_args a = { .io = io_of(&input, out, replace),
				   .index = names.index, .metric = VS_L2,
				   .iterations = 2, .seed = 1 };

	return vs_op_train(ctx, &a, err);
}

static int build(struct vs_ctx *ctx, const char *out, bool replace,
		 struct vs_err *err)
{
	const char *input = names.base;
	struct vs_build_args a = { .io = io_of(&input, out, replace),
				   .model = names.model };

	return vs_op_build(ctx, &a, err);
}

static int query(struct vs_ctx *ctx, const char *out, bool replace,
		 struct vs_err *err)
{
	const char *input = names.query;
	struct vs_query_args a = { .io = io_of(&input, out, replace),
				   .target = names.shard, .k = 20,
				   .format = VS_HITS_VSH };
	struct vs_query_report report;

	return vs_op_query(ctx, &a, &report, err);
}

static int stream(struct vs_ctx *ctx, const char *out, bool replace,
		  struct vs_err *err)
{
	const char *input = names.query;
	struct vs_query_args a = { .io = io_of(&input, out, replace),
				   .target = names.shard, .k = 20,
				   .format = VS_HITS_TSV, .stream = true };
	struct vs_query_report report;

	return vs_op_query(ctx, &a, &report, err);
}

static int within(struct vs_ctx *ctx, const char *out, bool replace,
		  struct vs_err *err)
{
	const char *input = names.query;
	struct vs_query_args a = { .io = io_of(&input, out, replace),
				   .target = names.shard, .within = true,
				   .radius = 1e9, .format = VS_HITS_VSH };
	struct vs_query_report report;

	return vs_op_query(ctx, &a, &report, err);
}

static int within_usbin(struct vs_ctx *ctx, const char *out, bool replace,
			struct vs_err *err)
{
	const char *input = names.query;
	struct vs_query_args a = { .io = io_of(&input, out, replace),
				   .target = names.shard, .within = true,
				   .radius = 1e9, .format = VS_HITS_USBIN };
	struct vs_query_report report;

	return vs_op_query(ctx, &a, &report, err);
}

static int self(struct vs_ctx *ctx, const char *out, bool replace,
		struct vs_err *err)
{
	struct vs_query_args a = { .target = names.shard, .k = 20,
				   .format = VS_HITS_VSH, .self = true };
	struct vs_query_report report;

	a.io = io_of(NULL, out, replace);
	a.io.n_inputs = 0;
	return vs_op_query(ctx, &a, &report, err);
}

static int truth(struct vs_ctx *ctx, const char *out, bool replace,
		 struct vs_err *err)
{
	const char *input = names.base;
	struct vs_truth_args a = { .io = io_of(&input, out, replace),
				   .queries = names.query, .metric = VS_L2,
				   .k = 5, .format = VS_HITS_IVECS };
	struct vs_query_report report;

	return vs_op_truth(ctx, &a, &report, err);
}

static int merge(struct vs_ctx *ctx, const char *out, bool replace,
		 struct vs_err *err)
{
	const char *part = names.hits;
	struct vs_merge_args a = { .out = out, .parts = &part, .n_parts = 1,
				   .format = VS_HITS_TSV, .replace = replace };

	return vs_op_merge(ctx, &a, err);
}

typedef int task(struct vs_ctx *, const char *, bool, struct vs_err *);

static void start(struct vs_ctx *ctx)
{
	vs_ctx_init(ctx);
	ctx->n_threads = 2;
	ctx->kern = vs_kern_select(VS_CPU_BEST);
}

/* One run with the k-th call failing; false when there is no k-th call. */
static bool run_faulty(task *run, struct faults *f, bool replace,
		       const char *good, long n_good)
{
	static char got[1 << 20];
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	bool fired;
	long n;
	int rc;

	remove(names.out);
	if (replace)
		tmpdir_put(names.out, OLD, sizeof(OLD));
	start(&ctx);
	faults_set(&ctx, f);
	rc = run(&ctx, names.out, replace, &err);
	fired = f->n_fired > 0;
	assert_int_equal(ctx.mem_now, 0);
	assert_int_equal(tmpdir_count(&names.dir, ".tmp"), 0);
	n = tmpdir_get(names.out, got, sizeof(got));
	if (rc == 0 || (n == n_good && memcmp(got, good, (size_t)n) == 0)) {
		/* Complete, even if a later fault was reported. */
		assert_int_equal(n, n_good);
		assert_memory_equal(got, good, (size_t)n);
	} else if (replace) {
		assert_int_equal(n, sizeof(OLD));
		assert_memory_equal(got, OLD, sizeof(OLD));
	} else {
		assert_int_equal(n, -1);
	}
	if (rc != 0) {
		assert_true(fired);
		assert_true(err.code == rc && err.msg[0] != '\0');
		assert_true(vs_err_status(rc) != 70);
	}
	return fired;
}

static void check(const char *what, task *run)
{
	static char good[1 << 20];
	struct faults f;
	struct vs_ctx ctx;
	struct vs_err err;
	unsigned k, cases = 0, replace, for_ever;
	long n;

	remove(names.out);
	start(&ctx);
	if (run(&ctx, names.out, false, &err) != 0)
		fail_msg("%s: %s", what, err.msg);
	n = tmpdir_get(names.out, good, sizeof(good));
	assert_true(n > 0);
	for (replace = 0; replace < 2; replace++)
		for (for_ever = 0; for_ever < 2; for_ever++)
			for (k = 1;; k++, cases++) {
				memset(&f, 0, sizeof(f));
				f.at = k;
				f.sys = k % 2 ? ENOSPC : EIO;
				f.for_ever = for_ever == 1;
				if (!run_faulty(run, &f, replace == 1, good, n))
					break;
			}
	remove(names.out);
	print_message("# %s: %u faults\n", what, cases);
	assert_true(cases > 40);
}

static void test_faults(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;

	(void)state;
	names.index = "IVF4,Flat";
	check("train", train);
	start(&ctx);
	assert_int_equal(train(&ctx, names.model, false, &err), 0);
	check("build", build);
	assert_int_equal(build(&ctx, names.shard, false, &err), 0);
	check("query", query);
	assert_int_equal(query(&ctx, names.hits, false, &err), 0);
	check("stream", stream);
	check("truth", truth);
	check("merge", merge);
}

/* Lists of all within a radius, and rows as queries. */
static void test_faults_of_lists(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;

	(void)state;
	names.index = "IVF4,Flat";
	start(&ctx);
	assert_int_equal(train(&ctx, names.model, true, &err), 0);
	assert_int_equal(build(&ctx, names.shard, true, &err), 0);
	check("within", within);
	check("within, usbin", within_usbin);
	assert_int_equal(within(&ctx, names.hits, true, &err), 0);
	check("merge of lists", merge);
	check("self", self);
}

/* The same where vectors are turned first.  A build reads the sample of its
 * codes row by row, and would be failed 3,300 times. */
static void test_faults_of_rotations(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;

	(void)state;
	names.index = "PCAR5,L2norm,IVF4,Flat";
	check("train", train);
	start(&ctx);
	assert_int_equal(train(&ctx, names.model, true, &err), 0);
	assert_int_equal(build(&ctx, names.shard, true, &err), 0);
	check("query", query);
}

/* And where what stands in cells are product codes. */
static void test_faults_of_product_codes(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;

	(void)state;
	names.index = "IVF4,PQ1x4fs";
	check("train", train);
	start(&ctx);
	assert_int_equal(train(&ctx, names.model, true, &err), 0);
	check("build", build);
	assert_int_equal(build(&ctx, names.shard, true, &err), 0);
	check("query", query);
}

static void name(char to[300], const char *leaf)
{
	snprintf(to, 300, "%s", tmpdir_file(&names.dir, leaf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_faults_of_lists),
		cmocka_unit_test(test_faults_of_rotations),
		cmocka_unit_test(test_faults_of_product_codes),
	};
	struct gendata g;
	int failed;

	tmpdir_make(&names.dir);
	name(names.base, "base.bvecs");
	name(names.query, "query.bvecs");
	name(names.model, "m.vsm");
	name(names.shard, "s.vss");
	name(names.hits, "h.vsh");
	name(names.out, "out");
	gendata_make(&g, VS_U8, 300, 9, 200, 1);
	gendata_bvecs(names.base, &g);
	gendata_free(&g);
	gendata_make(&g, VS_U8, 20, 9, 200, 2);
	gendata_bvecs(names.query, &g);
	gendata_free(&g);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove(&names.dir);
	return failed;
}
