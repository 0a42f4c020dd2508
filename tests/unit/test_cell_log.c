/* The checkpoint of vs-build: comes back as far as it goes, and not for other
 * tasks, more rows, fewer cells, other rows or a damaged file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/index/cell_log.h"
#include "tests/unit/tmpdir.h"

#define N 100u

static struct tmpdir dir;
static unsigned n_warnings;

static void count(void *arg, enum vs_log_level level, const char *line)
{
	(void)arg;
	(void)line;
	n_warnings += level == VS_LOG_WARN;
}

static void start(struct vs_ctx *ctx)
{
	vs_ctx_init(ctx);
	ctx->log = count;
	n_warnings = 0;
}

static void init(struct vs_cell_log *g, struct vs_ctx *ctx, uint8_t task)
{
	struct vs_digest d = { { task } };
	struct vs_err err;

	memset(g, 0, sizeof(*g));
	assert_int_equal(vs_cell_log_init(g, ctx, tmpdir_file(&dir, "x"), &d,
					  1, 0,
					  &err), 0);
}

/* A stream of rows, read up to some place. */
static struct vs_hasher *stream(struct vs_ctx *ctx, const char *rows)
{
	struct vs_hasher *h;

	assert_int_equal(vs_hasher_create(ctx, &h, NULL), 0);
	vs_hasher_add(h, rows, strlen(rows));
	return h;
}

static void save(struct vs_ctx *ctx, uint64_t n)
{
	struct vs_hasher *h = stream(ctx, "rows");
	struct vs_cell_log g;
	uint32_t cell[N], i;

	for (i = 0; i < N; i++)
		cell[i] = i % 7;
	init(&g, ctx, 1);
	vs_cell_log_offer(&g, cell, n, h);
	vs_cell_log_stop(&g, cell); /* writes nothing again */
	vs_cell_log_clear(&g);
	vs_hasher_destroy(ctx, h);
}

/* How many rows come back. */
static uint64_t load(struct vs_ctx *ctx, uint8_t task, uint64_t n_rows,
		     uint32_t nlist, const char *rows)
{
	struct vs_hasher *h = stream(ctx, rows);
	struct vs_cell_log g;
	uint32_t cell[N];
	uint64_t n, i;

	init(&g, ctx, task);
	assert_int_equal(vs_cell_log_load(&g, cell, n_rows, nlist, &n, NULL),
			 0);
	for (i = 0; i < n; i++)
		assert_int_equal(cell[i], i % 7);
	if (n != 0 && !vs_cell_log_fits(&g, h))
		n = 0;
	vs_cell_log_clear(&g);
	vs_hasher_destroy(ctx, h);
	assert_int_equal(ctx->mem_now, 0);
	return n;
}

static void test_comes_back(void **state)
{
	struct vs_ctx ctx;
	uint64_t n;

	(void)state;
	start(&ctx);
	for (n = 1; n <= N; n++) {
		save(&ctx, n);
		assert_int_equal(load(&ctx, 1, N, 7, "rows"), n);
	}
	assert_int_equal(n_warnings, 0);
}

static void test_others(void **state)
{
	struct vs_ctx ctx;

	(void)state;
	start(&ctx);
	save(&ctx, 50);
	assert_int_equal(load(&ctx, 2, N, 7, "rows"), 0);
	assert_int_equal(load(&ctx, 1, 49, 7, "rows"), 0);
	assert_int_equal(load(&ctx, 1, N, 6, "rows"), 0);
	assert_int_equal(load(&ctx, 1, N, 7, "row5"), 0);
	assert_int_equal(n_warnings, 4);
	assert_int_equal(load(&ctx, 1, 50, 7, "rows"), 50);
}

static void test_damage(void **state)
{
	unsigned char bytes[1024];
	const char *path = tmpdir_file(&dir, ".x.ckpt");
	struct vs_ctx ctx;
	long n, i;

	(void)state;
	start(&ctx);
	save(&ctx, 50);
	n = tmpdir_get(path, bytes, sizeof(bytes));
	assert_int_equal(n, 40 + 16 + 200 + 16);
	for (i = 0; i < n; i++) {
		bytes[i] ^= 0x10;
		tmpdir_put(path, bytes, (size_t)n);
		assert_int_equal(load(&ctx, 1, N, 7, "rows"), 0);
		bytes[i] ^= 0x10;
		tmpdir_put(path, bytes, (size_t)i);
		assert_int_equal(load(&ctx, 1, N, 7, "rows"), 0);
	}
	assert_int_equal(n_warnings, 2 * n);
}

/* A write of a second forbids the next 19, and one of 3 any at a stop. */
static void test_clock(void **state)
{
	struct vs_ckpt_clock t;

	(void)state;
	vs_ckpt_clock_start(&t, 5);
	assert_false(vs_ckpt_is_due(&t, false));
	assert_true(vs_ckpt_is_due(&t, true));
	t.last_secs -= 6;
	assert_true(vs_ckpt_is_due(&t, false));
	t.cost_secs = 1;
	assert_false(vs_ckpt_is_due(&t, false));
	assert_true(vs_ckpt_is_due(&t, true));
	t.last_secs -= 14;
	assert_true(vs_ckpt_is_due(&t, false));
	t.cost_secs = 3;
	assert_false(vs_ckpt_is_due(&t, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_clock),
	};
	int failed;

	tmpdir_make(&dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove(&dir);
	return failed;
}
