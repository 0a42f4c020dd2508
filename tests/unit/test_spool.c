/* test_spool.c - a compressed file kept in a scratch file, each call of which
 * may fail: nothing leaks, and the error is one of those announced. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tmpdir.h"
#include "vecsfile.h"
#include "vs/mem.h"
#include "vs/spool.h"
#include "vs/zst.h"

#define N 300000

static unsigned countdown; /* calls until one fails */

static int fail_one(void *arg, enum vs_call call, const char *path)
{
	(void)arg;
	(void)path;
	if (--countdown != 0)
		return 0;
	return call == VS_CALL_ALLOC ? ENOMEM : ENOSPC;
}

static int spool_file(struct vs_ctx *ctx, const char *path, uint8_t *got)
{
	struct vs_file *f;
	struct vs_err err = { 0 };
	int rc = vs_file_open(ctx, path, &f, &err);

	if (rc == 0)
		rc = vs_spool(ctx, &f, &err);
	if (rc == 0)
		rc = vs_file_pread(ctx, f, got, N, 0, &err);
	vs_file_close(ctx, f);
	assert_int_equal(rc, err.code);
	return rc;
}

static void test_every_call_may_fail(void **state)
{
	struct tmpdir dir;
	struct vs_ctx ctx;
	size_t cap = vs_zst_bound(N), n, fds;
	uint8_t *raw = pattern_make(N, 1, 3), *got = malloc(N);
	uint8_t *packed = malloc(cap);
	const char *path;
	unsigned k;
	int rc = -1;

	(void)state;
	assert_true(got != NULL && packed != NULL);
	tmpdir_make(&dir);
	vs_ctx_init(&ctx);
	ctx.scratch_dir = dir.path;
	assert_int_equal(0, vs_zst_pack(&ctx, packed, cap, raw, N, &n, NULL));
	path = tmpdir_file(&dir, "x.zst");
	tmpdir_put(path, packed, n);
	fds = count_fds();
	ctx.hook = fail_one;
	for (k = 1; rc != 0 && k < 1000; k++) {
		countdown = k;
		memset(got, 0, N);
		rc = spool_file(&ctx, path, got);
		assert_int_equal(0, atomic_load(&ctx.mem_now));
		assert_int_equal(fds, count_fds());
		/* A failed close or first kind of temporary is no loss. */
		if (rc == 0)
			assert_memory_equal(raw, got, N);
		if (rc == 0 && countdown == 0)
			rc = 1;
	}
	assert_int_equal(0, rc);
	assert_true(k > 10);
	tmpdir_remove(&dir);
	free(raw);
	free(got);
	free(packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_call_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
