/* test_ctx.c - the context: defaults and call-backs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "vs/ctx.h"

static char seen[2000];

static void keep_line(void *arg, enum vs_log_level level, const char *line)
{
	snprintf(seen, sizeof(seen), "%s%d:%s", (const char *)arg, (int)level,
		 line);
}

static void keep_progress(void *arg, const char *phase, uint64_t done,
			  uint64_t total, const char *unit)
{
	snprintf(seen, sizeof(seen), "%s%s %d/%d %s", (const char *)arg, phase,
		 (int)done, (int)total, unit);
}

static int refuse_maps(void *arg, enum vs_call call, const char *path)
{
	(void)arg;
	return call == VS_CALL_MAP && strcmp(path, "x") == 0 ? EPERM : 0;
}

static void test_defaults(void **state)
{
	struct vs_ctx ctx;

	(void)state;
	memset(&ctx, 0xff, sizeof(ctx));
	vs_ctx_init(&ctx);
	assert_int_equal(1, ctx.n_threads);
	assert_int_equal(0, ctx.memory_max);
	assert_int_equal(VS_VERIFY_TOUCH, ctx.verify);
	assert_int_equal(0, vs_ctx_hook(&ctx, VS_CALL_OPEN, "x"));
	assert_false(vs_ctx_stopping(&ctx));
	/* nothing to call: nothing happens */
	vs_ctx_log(&ctx, VS_LOG_WARN, "%d", 1);
	vs_ctx_progress(&ctx, "read", 1, 2, "rows");
}

static void test_call_backs(void **state)
{
	char arg[] = ">", big[2000];
	atomic_int stop = 0;
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	ctx.log = keep_line;
	ctx.progress = keep_progress;
	ctx.log_arg = ctx.progress_arg = arg;
	ctx.hook = refuse_maps;
	ctx.stop = &stop;
	vs_ctx_log(&ctx, VS_LOG_INFO, "%s %d", "rows", 7);
	assert_string_equal(">1:rows 7", seen);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	vs_ctx_log(&ctx, VS_LOG_WARN, "%s", big);
	assert_int_equal(3 + VS_ERR_MSG_MAX - 1, strlen(seen));
	vs_ctx_progress(&ctx, "scan", 3, 9, "queries");
	assert_string_equal(">scan 3/9 queries", seen);
	assert_int_equal(EPERM, vs_ctx_hook(&ctx, VS_CALL_MAP, "x"));
	assert_int_equal(0, vs_ctx_hook(&ctx, VS_CALL_OPEN, "x"));
	assert_false(vs_ctx_stopping(&ctx));
	atomic_store(&stop, 15);
	assert_true(vs_ctx_stopping(&ctx));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_call_backs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
