/* Checkpoint files: what was saved comes back; damage of any byte, another
 * length, task or kind is passed over with one warning; no temporary stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/faults.h"
#include "tests/unit/tmpdir.h"
#include "vs/ckpt.h"
#include "vs/mem.h"

#define N_FILE (40u + 5 + 11 + 16)

static struct tmpdir dir;
static unsigned n_warnings;

static void count(void *arg, enum vs_log_level level, const char *line)
{
	(void)arg;
	assert_non_null(strstr(line, "starting from the beginning"));
	n_warnings += level == VS_LOG_WARN;
}

static void start(struct vs_ctx *ctx)
{
	vs_ctx_init(ctx);
	ctx->log = count;
	n_warnings = 0;
}

static struct vs_ckpt sample(char *head, char *data)
{
	struct vs_ckpt c = { .kind = 7, .task = { "0123456789abcde" },
			     .head = head, .n_head = 5,
			     .data = data, .n_data = 11 };

	return c;
}

static const char *saved(struct vs_ctx *ctx)
{
	const char *path = tmpdir_file(&dir, ".x.ckpt");
	char head[] = "head", data[] = "0123456789";
	struct vs_ckpt c = sample(head, data);
	struct vs_err err = { 0 };

	assert_int_equal(vs_ckpt_save(ctx, path, &c, &err), 0);
	return path;
}

static bool loads(struct vs_ctx *ctx, const char *path)
{
	char head[5] = "", data[11] = "";
	struct vs_ckpt c = sample(head, data);
	struct vs_err err = { 0 };
	bool found;

	assert_int_equal(vs_ckpt_load(ctx, path, &c, &found, &err), 0);
	assert_int_equal(ctx->mem_now, 0);
	if (found) {
		assert_string_equal(head, "head");
		assert_string_equal(data, "0123456789");
	}
	return found;
}

static void test_names(void **state)
{
	static const char *const names[][2] = {
		{ "a.vsm", ".a.vsm.ckpt" }, { "/a", "/.a.ckpt" },
		{ "x/y/a.vsm", "x/y/.a.vsm.ckpt" },
	};
	struct vs_ctx ctx;
	size_t i;
	char *p;

	(void)state;
	start(&ctx);
	for (i = 0; i < 3; i++) {
		p = vs_ckpt_path(&ctx, names[i][0], NULL);
		assert_string_equal(p, names[i][1]);
		vs_free(&ctx, p);
	}
}

static void test_comes_back(void **state)
{
	struct vs_ctx ctx;
	const char *path;

	(void)state;
	start(&ctx);
	assert_false(loads(&ctx, tmpdir_file(&dir, "none")));
	path = saved(&ctx);
	assert_true(loads(&ctx, path));
	path = saved(&ctx);
	assert_true(loads(&ctx, path));
	assert_int_equal(tmpdir_count(&dir, ""), 1);
	vs_ckpt_remove(&ctx, path);
	vs_ckpt_remove(&ctx, path);
	assert_int_equal(tmpdir_count(&dir, ""), 0);
	assert_int_equal(n_warnings, 0);
}

static void test_damage(void **state)
{
	unsigned char good[N_FILE + 1] = { 0 }, bad[N_FILE + 1];
	unsigned at, bit, n, cases = 0;
	struct vs_ctx ctx;
	const char *path;

	(void)state;
	start(&ctx);
	path = saved(&ctx);
	assert_int_equal(tmpdir_get(path, good, sizeof(good)), N_FILE);
	for (at = 0; at < N_FILE; at++)
		for (bit = 0; bit < 8; bit++, cases++) {
			memcpy(bad, good, N_FILE);
			bad[at] ^= (unsigned char)(1u << bit);
			tmpdir_put(path, bad, N_FILE);
			assert_false(loads(&ctx, path));
		}
	for (n = 0; n < N_FILE + 2; n++, cases++) {
		if (n == N_FILE)
			continue;
		tmpdir_put(path, good, n < N_FILE ? n : N_FILE + 1);
		assert_false(loads(&ctx, path));
	}
	print_message("# %u damaged checkpoints\n", cases);
	assert_int_equal(n_warnings, cases - 1);
	vs_ckpt_remove(&ctx, path);
}

static void test_others(void **state)
{
	char head[6] = "", data[12] = "";
	struct vs_ckpt c[5];
	struct vs_err err;
	struct vs_ctx ctx;
	const char *path;
	bool found = true;
	unsigned i;

	(void)state;
	start(&ctx);
	path = saved(&ctx);
	for (i = 0; i < 4; i++)
		c[i] = sample(head, data);
	c[0].kind++;
	c[1].task.b[15]++;
	c[2].n_head++;
	c[3].n_data++;
	for (i = 0; i < 4; i++) {
		assert_int_equal(vs_ckpt_load(&ctx, path, &c[i], &found, &err),
				 0);
		assert_false(found);
		assert_int_equal(n_warnings, i + 1);
	}
	assert_true(loads(&ctx, path));
	vs_ckpt_remove(&ctx, path);
}

/* The old one stays whole whatever call fails. */
static void test_faults(void **state)
{
	char head[] = "HEAD", data[] = "9876543210";
	struct vs_ckpt c = sample(head, data);
	struct faults f = { .sys = 28 };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	const char *path;
	int rc;

	(void)state;
	for (f.at = 1;; f.at++) {
		start(&ctx);
		path = saved(&ctx);
		faults_set(&ctx, &f);
		rc = vs_ckpt_save(&ctx, path, &c, &err);
		ctx.hook = NULL;
		assert_int_equal(tmpdir_count(&dir, ""), 1);
		if (f.n_fired == 0)
			break;
		if (rc != 0 && strstr(err.msg, "is complete") == NULL)
			assert_true(loads(&ctx, path));
	}
	assert_int_equal(rc, 0);
	assert_true(f.at > 10);
	vs_ckpt_remove(&ctx, path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_faults),
	};
	int failed;

	tmpdir_make(&dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove(&dir);
	return failed;
}
