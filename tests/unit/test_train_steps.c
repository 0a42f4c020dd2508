/* Training in halves: every call of the file and memory layers fails once, in
 * turn, in each kind of task: a clean error, no stray temporary, no leak, and
 * the model of one process in the end. */
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
#include "vs/file.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/op.h"

#define ITERATIONS 2u

static struct {
	struct tmpdir dir;
	char base[300], steps[256], one[300], model[300];
} names;

static void start(struct vs_ctx *ctx)
{
	vs_ctx_init(ctx);
	ctx->n_threads = 2;
	ctx->kern = vs_kern_select(VS_CPU_BEST);
}

static int run(struct vs_ctx *ctx, const char *out, enum vs_train_half half,
	       uint32_t part, struct vs_err *err)
{
	const char *input = names.base;
	struct vs_train_args a = {
		.io = { .out = out, .inputs = &input, .n_inputs = 1 },
		.index = "IVF4,Flat",
		.metric = VS_COSINE,
		.iterations = ITERATIONS,
		.seed = 1,
		.half = half,
		.part = { .i = part, .n = 2 },
		.steps = names.steps,
	};

	return vs_op_train(ctx, &a, err);
}

static void write_base(void)
{
	struct gendata g;
	uint8_t row[4 + 5];
	FILE *f = fopen(names.base, "wb");
	uint64_t i;

	gendata_make(&g, VS_U8, 300, 5, 200, 1);
	vs_put_le32(row, 5);
	for (i = 0; i < g.n; i++) {
		memcpy(row + 4, g.u8 + i * 5, 5);
		row[4] |= 1; /* no zeros under cosine */
		fwrite(row, sizeof(row), 1, f);
	}
	fclose(f);
	gendata_free(&g);
}

/* Fails call after call of a task until one run has none to fail; product: the
 * file that it makes, removed before each run. */
static void check(enum vs_train_half half, uint32_t part, const char *product)
{
	unsigned k, n_failed = 0;
	struct vs_err err = { 0 };
	struct tmpdir dir;
	struct vs_ctx ctx;
	struct faults f;
	int rc;

	for (k = 1;; k++) {
		remove(product);
		memset(&f, 0, sizeof(f));
		f.at = k;
		f.sys = k % 2 ? ENOSPC : EIO;
		start(&ctx);
		faults_set(&ctx, &f);
		rc = run(&ctx, names.model, half, part, &err);
		assert_int_equal(ctx.mem_now, 0);
		assert_int_equal(tmpdir_count(&names.dir, ".tmp"), 0);
		memcpy(dir.path, names.steps, sizeof(dir.path));
		ctx.hook = NULL;
		if (vs_path_is_dir(&ctx, dir.path))
			assert_int_equal(tmpdir_count(&dir, ".tmp"), 0);
		if (f.n_fired == 0)
			break;
		if (rc == 0)
			continue;
		n_failed++;
		assert_true(err.code == rc && err.msg[0] != '\0');
		assert_true(vs_err_status(rc) != 70);
	}
	if (rc != 0)
		fail_msg("%s", err.msg);
	assert_true(n_failed > 20);
}

static void file(char to[400], const char *kind, uint32_t iteration,
		 const char *rest)
{
	snprintf(to, 400, "%s/%s-%04u%s.vst", names.steps, kind, iteration,
		 rest);
}

static void test_faults(void **state)
{
	static char want[1 << 16];
	struct vs_ctx ctx;
	struct vs_err err;
	char product[400];
	uint32_t it;
	long n;

	(void)state;
	start(&ctx);
	assert_int_equal(run(&ctx, names.one, VS_TRAIN_WHOLE, 0, &err), 0);
	n = tmpdir_get(names.one, want, sizeof(want));
	assert_true(n > 0);
	file(product, "step", 0, "");
	check(VS_TRAIN_REDUCE, 0, product);
	for (it = 0; it <= ITERATIONS; it++) {
		file(product, "sums", it, "-00000-of-00002");
		check(VS_TRAIN_PARTIAL, 0, product);
		file(product, "sums", it, "-00001-of-00002");
		check(VS_TRAIN_PARTIAL, 1, product);
		if (it < ITERATIONS)
			file(product, "step", it + 1, "");
		else
			snprintf(product, sizeof(product), "%s", names.model);
		check(VS_TRAIN_REDUCE, 0, product);
	}
	assert_true(tmpdir_holds(names.model, want, (size_t)n));
}

/* Asked to stop, a part says so; asked again, it is made. */
static void test_stop(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;
	atomic_int stop;

	(void)state;
	remove(names.model);
	start(&ctx);
	atomic_init(&stop, 1);
	ctx.stop = &stop;
	snprintf(names.steps, sizeof(names.steps), "%.200s/other",
		 names.dir.path);
	assert_int_equal(run(&ctx, names.model, VS_TRAIN_REDUCE, 0, &err),
			 VS_EAGAIN);
	ctx.stop = NULL;
	assert_int_equal(run(&ctx, names.model, VS_TRAIN_REDUCE, 0, &err), 0);
	ctx.stop = &stop;
	assert_int_equal(run(&ctx, names.model, VS_TRAIN_PARTIAL, 0, &err),
			 VS_EAGAIN);
	assert_int_equal(ctx.mem_now, 0);
}

static int set_up(void **state)
{
	(void)state;
	tmpdir_make(&names.dir);
	snprintf(names.base, sizeof(names.base), "%s/b.bvecs",
		 names.dir.path);
	snprintf(names.steps, sizeof(names.steps), "%.200s/steps",
		 names.dir.path);
	snprintf(names.one, sizeof(names.one), "%s/one.vsm", names.dir.path);
	snprintf(names.model, sizeof(names.model), "%s/m.vsm",
		 names.dir.path);
	write_base();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tmpdir_remove(&names.dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
