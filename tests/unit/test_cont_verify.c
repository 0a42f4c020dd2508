/* test_cont_verify.c - containers: how much is verified at each level. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
#include "dirfix.h"
#include "samples.h"
#include "vs/par.h"
#include "vs/rng.h"

#define B VS_CONT_BLOCK

/* Flips one byte of a file. */
static void flip(const char *path, long at)
{
	FILE *f = fopen(path, "r+b");
	int c;

	assert_non_null(f);
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	c = fgetc(f);
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	fputc(c ^ 1, f);
	assert_int_equal(fclose(f), 0);
}

static int open_at(struct vs_ctx *ctx, const char *path, enum vs_verify level,
		   struct vs_cont **c, struct vs_err *err)
{
	vs_err_clear(err);
	ctx->verify = level;
	return vs_cont_open(ctx, path, VS_KIND_SHARD, c, err);
}

/* The shard of 5000 rows: ROWS begins at 16384 and has 3 blocks. */
#define ROWS_AT 16384
static void test_verify_levels(void **state)
{
	const char *path = tmpdir_file(&dir, "levels.vss");
	struct vs_err err = {0};
	struct vs_ctx ctx;
	struct vs_cont *c;
	struct vs_span s;
	uint8_t b[16];

	(void)state;
	vs_ctx_init(&ctx);
	samples_shard(&ctx, path, 5000);
	flip(path, ROWS_AT + (long)B + 7);
	CHECK(open_at(&ctx, path, VS_VERIFY_HEADER, &c, &err));
	CHECK(vs_cont_find(c, VS_SEC_ROWS, 128, &s, &err));
	assert_int_equal((uintptr_t)s.p % 4096, 0);
	CHECK(vs_cont_touch(&ctx, c, &s, 0, s.n_bytes, &err));
	assert_int_equal(vs_cont_read(&ctx, c, &s, B, b, 16, &err), VS_EDATA);
	vs_cont_close(&ctx, c);

	CHECK(open_at(&ctx, path, VS_VERIFY_TOUCH, &c, &err));
	CHECK(vs_cont_find(c, VS_SEC_ROWS, 128, &s, &err));
	CHECK(vs_cont_touch(&ctx, c, &s, 0, B, &err));
	CHECK(vs_cont_touch(&ctx, c, &s, 2 * B, 10, &err));
	CHECK(vs_cont_touch(&ctx, c, &s, 2 * B, 0, &err));
	assert_int_equal(vs_cont_touch(&ctx, c, &s, B - 1, 2, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "section ROWS: block 1 (262144 bytes "
					"at offset 278528)"));
	/* And again: what was not verified stays so. */
	assert_int_equal(vs_cont_touch(&ctx, c, &s, B, 1, &err), VS_EDATA);
	assert_int_equal(vs_cont_verify(&ctx, c, &err), VS_EDATA);
	vs_cont_close(&ctx, c);

	assert_int_equal(open_at(&ctx, path, VS_VERIFY_FULL, &c, &err),
			 VS_EDATA);
	assert_int_equal(open_at(&ctx, path, VS_VERIFY_DEEP, &c, &err),
			 VS_EDATA);
	assert_null(c);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_header_level_still_verifies(void **state)
{
	const char *path = tmpdir_file(&dir, "header.vss");
	struct vs_err err = {0};
	struct vs_ctx ctx;
	struct vs_cont *c;
	struct vs_span s;
	uint8_t b[16];

	(void)state;
	vs_ctx_init(&ctx);
	samples_shard(&ctx, path, 10);
	flip(path, 8192 + 3);		 /* INFO */
	flip(path, ROWS_AT + 8192 + 20); /* IDS, after ROWS and TERM */
	CHECK(open_at(&ctx, path, VS_VERIFY_HEADER, &c, &err));
	CHECK(vs_cont_find(c, VS_SEC_INFO, 1, &s, &err));
	assert_int_equal(vs_cont_touch(&ctx, c, &s, 0, 1, &err), VS_EDATA);
	CHECK(vs_cont_find(c, VS_SEC_IDS, 8, &s, &err));
	assert_null(s.p);
	assert_int_equal(vs_cont_read(&ctx, c, &s, 0, b, 8, &err), VS_EDATA);
	assert_int_equal(vs_cont_touch(&ctx, c, &s, 0, 8, &err), VS_EINTERNAL);
	vs_cont_close(&ctx, c);
}

static void test_gaps_are_verified(void **state)
{
	const char *path = tmpdir_file(&dir, "gaps.vss");
	static const long gaps[] = {1000, 8191, 8192 + 4000, ROWS_AT - 1};
	struct vs_err err = {0};
	struct vs_ctx ctx;
	struct vs_cont *c;
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	for (i = 0; i < N_OF(gaps); i++) {
		samples_shard(&ctx, path, 10);
		flip(path, gaps[i]);
		CHECK(open_at(&ctx, path, VS_VERIFY_TOUCH, &c, &err));
		vs_cont_close(&ctx, c);
		assert_int_equal(open_at(&ctx, path, VS_VERIFY_FULL, &c, &err),
				 VS_EDATA);
		assert_non_null(strstr(err.msg, "is not zero"));
	}
}

static int touch_all(void *arg, size_t item, unsigned thread,
		     struct vs_err *err)
{
	void **a = arg;

	(void)thread;
	return vs_cont_touch(a[0], a[1], a[2], item % 600 * 1000, 40000, err);
}

static void test_touch_from_threads(void **state)
{
	const char *path = tmpdir_file(&dir, "threads.vss");
	struct vs_err err = {0};
	struct vs_ctx ctx;
	struct vs_cont *c;
	struct vs_span s;
	void *arg[3];

	(void)state;
	vs_ctx_init(&ctx);
	ctx.n_threads = 4;
	samples_shard(&ctx, path, 5000);
	CHECK(open_at(&ctx, path, VS_VERIFY_TOUCH, &c, &err));
	CHECK(vs_cont_find(c, VS_SEC_ROWS, 128, &s, &err));
	vs_cont_willneed(c, &s, 0, s.n_bytes);
	arg[0] = &ctx;
	arg[1] = c;
	arg[2] = &s;
	CHECK(vs_par_for(&ctx, 100000, touch_all, arg, &err));
	vs_cont_dontneed(c, &s, 0, s.n_bytes);
	vs_cont_dontneed(c, &s, 5, UINT64_MAX);
	assert_int_equal(s.p[0], (uint8_t)vs_rng_at(1, VS_STREAM_TEST, 0));
	vs_cont_close(&ctx, c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_verify_levels),
		TEST(test_header_level_still_verifies),
		TEST(test_gaps_are_verified),
		TEST(test_touch_from_threads),
	};

	return cmocka_run_group_tests_name("cont_verify", tests, NULL, NULL);
}
