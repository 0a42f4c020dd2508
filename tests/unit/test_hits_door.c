/* test_hits_door.c - what hit files are refused for, by who reads them and by
 * who writes them. */
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

static const struct vs_digest task = {{9, 9}};

/* A container of kind hits made by hand, for one query of two hits. */
static int open_by_hand(struct vs_ctx *ctx, const char *text,
			const struct vs_hit hits[2],
			const struct vs_cont_head *head, struct vs_err *err)
{
	const char *path = tmpdir_file(&dir, "hand.vsh");
	struct vs_cont_writer *w;
	struct vs_hit got[2];
	struct vs_hits *h;
	unsigned section;
	int rc;

	check(vs_cont_create(ctx, path, head, &w, err), err);
	check(vs_cont_add_raw(ctx, w, VS_SEC_INFO, strlen(text), 1, &section,
			      err),
	      err);
	check(vs_cont_write(ctx, w, section, 0, text, strlen(text), err), err);
	check(vs_cont_add_zst(ctx, w, VS_SEC_HITS, 16, &section, err), err);
	check(vs_cont_append(ctx, w, section, hits, 32, err), err);
	check(vs_cont_publish(ctx, w, VS_PUBLISH_REPLACE, err), err);
	rc = vs_hits_open(ctx, path, &h, err);
	if (rc == 0)
		rc = vs_hits_read(ctx, h, 0, 1, got, err);
	if (rc == 0)
		assert_memory_equal(hits, got, sizeof(got));
	vs_hits_close(ctx, h);
	return rc;
}

static const char *const good_lines[] = {
	"n_queries: 1",
	"k: 2",
	"dim: 3",
	"metric: l2",
	"dtype: f32",
	"queries: \"00000000000000000000000000000001\"",
	"model: none",
	"collection: none",
	"generation: 0",
	"n_shards: 1",
	"incomplete: false",
	"index: Flat",
	"params: \"\"",
	"sources: [{shard: 0, n_rows: 5, fingerprint: none}]",
};

#define N_LINES N_OF(good_lines)

static const struct vs_cont_head good_head = {
	.kind = VS_KIND_HITS,
	.n_rows = 1,
	.k = 2,
	.dim = 3,
	.metric = VS_L2,
	.dtype = VS_F32,
};

static const struct vs_hit good_hits[2] = {{7, 0x3f800000}, {3, 0x40000000}};

static char *join_lines(char *text, size_t changed, const char *line)
{
	size_t i, n = 0;

	text[0] = '\0';
	for (i = 0; i < N_LINES; i++)
		n += (size_t)sprintf(text + n, "%s\n",
				     i == changed ? line : good_lines[i]);
	return text;
}

static void test_info_is_checked(void **state)
{
	static const struct {
		size_t at;
		const char *line;
	} bad[] = {
		{0, "n_queries: 2"}, /* the header says 1 */
		{0, "n_queries: -1"},
		{0, "n_queries: 1.0"},
		{0, "n_queries: 18446744073709551616"},
		{1, "k: 1"},
		{1, "k: 0"},
		{1, "k: 4294967298"},
		{2, "dim: 4"},
		{2, "dim: 0"},
		{3, "metric: ip"},
		{3, "metric: L2"},
		{4, "dtype: u8"},
		{4, "dtype: f128"},
		{4, "dtype: i32"},
		{5, "queries: 12"},
		{5, "queries: \"00000000000000000000000000000000\""},
		{5, "queries: \"0000000000000000000000000000000G\""},
		{6, ""},
		{7, "collection: [none]"},
		{8, "generation: x"},
		{9, "n_shards: 0"},
		{10, "incomplete: true"}, /* all shards are there */
		{10, "incomplete: maybe"},
		{11, "index: \"\""},
		{12, "parameters: \"\""},
		{12, "params: \"\"\nextra: 1"},
		{13, "sources: none"},
		{13, "sources: {}"},
		{13, "sources: [{shard: 1, n_rows: 5, fingerprint: none}]"},
		{13, "sources: [{shard: 0, n_rows: 5}]"},
		{13, "sources: [{shard: 0, n_rows: 5, fingerprint: none, "
		     "x: 1}]"},
		{13, "sources: [7]"},
		{13, "sources: [{shard: 0, n_rows: 1099511627777, "
		     "fingerprint: none}]"},
		{13, "sources: [&a {shard: 0}, *a]"},
	};
	struct vs_err err = {0};
	struct vs_ctx ctx;
	char text[2048];
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	CHECK(open_by_hand(&ctx, join_lines(text, N_LINES, ""), good_hits,
			   &good_head, &err));
	for (i = 0; i < N_OF(bad); i++) {
		vs_err_clear(&err);
		join_lines(text, bad[i].at, bad[i].line);
		if (open_by_hand(&ctx, text, good_hits, &good_head, &err) !=
		    VS_EDATA)
			fail_msg("\"%s\" gave %d: %s", bad[i].line, err.code,
				 err.msg);
		assert_non_null(strstr(err.msg, "hand.vsh: "));
	}
	assert_int_equal(open_by_hand(&ctx, "", good_hits, &good_head, &err),
			 VS_EDATA);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_count_of_hits_is_checked(void **state)
{
	struct vs_cont_head head = good_head;
	struct vs_err err = {0};
	struct vs_ctx ctx;
	char text[2048];

	(void)state;
	vs_ctx_init(&ctx);
	head.k = 3;
	join_lines(text, 1, "k: 3");
	assert_int_equal(open_by_hand(&ctx, text, good_hits, &head, &err),
			 VS_EDATA);
	assert_non_null(strstr(err.msg, "has 2 hits; expected 1 queries of 3"));
}

/* Hits that no writer of ours makes are refused when they are read. */
static void test_hits_are_checked(void **state)
{
	static const struct {
		struct vs_hit hits[2];
		int rc;
	} cases[] = {
		{{{1, 5}, {2, 5}}, 0},
		{{{1, 5}, {VS_ID_NONE, VS_KEY_WORST}}, 0},
		{{{VS_ID_NONE, VS_KEY_WORST}, {VS_ID_NONE, VS_KEY_WORST}}, 0},
		{{{1, 0x7f800000}, {2, (int64_t)INT32_MAX + 1}}, 0},
		{{{1, 6}, {2, 5}}, VS_EDATA},
		{{{2, 5}, {1, 5}}, VS_EDATA},
		{{{1, 5}, {1, 5}}, VS_EDATA},
		{{{VS_ID_NONE, VS_KEY_WORST}, {1, 5}}, VS_EDATA},
		{{{1, 5}, {VS_ID_NONE, 6}}, VS_EDATA},
		{{{1, 5}, {2, VS_KEY_WORST}}, VS_EDATA},
		{{{1, INT64_MIN}, {2, 5}}, VS_EDATA},
		{{{1, -1}, {2, 5}}, VS_EDATA},
		{{{1, 5}, {2, 0x7f800001}}, VS_EDATA},
		{{{1, 5}, {2, (int64_t)1 << 32}}, VS_EDATA},
	};
	struct vs_err err = {0};
	struct vs_ctx ctx;
	char text[2048];
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	join_lines(text, N_LINES, "");
	for (i = 0; i < N_OF(cases); i++) {
		int rc = open_by_hand(&ctx, text, cases[i].hits, &good_head,
				      &err);

		if (rc != cases[i].rc)
			fail_msg("case %zu gave %d: %s", i, rc, err.msg);
		if (rc != 0)
			assert_non_null(strstr(err.msg, "query 0, hit "));
	}
}

/* The same door for our own results, before they reach a file. */
static void test_writer_checks(void **state)
{
	static const struct vs_hit unsorted[2] = {{1, 6}, {2, 5}};
	const char *path = tmpdir_file(&dir, "x.vsh");
	struct vs_hits_writer *w;
	struct vs_hits_info info;
	struct vs_err err = {0};
	struct vs_sink *s;
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 1, 2, VS_L2, VS_F32);
	CHECK(vs_hits_create(&ctx, path, &info, &task, &w, &err));
	assert_int_equal(vs_hits_append(&ctx, w, unsorted, 1, &err),
			 VS_EINTERNAL);
	assert_int_equal(vs_hits_append(&ctx, w, good_hits, 2, &err),
			 VS_EINTERNAL);
	assert_int_equal(vs_hits_finish(&ctx, w, VS_PUBLISH_NEW, &err),
			 VS_EINTERNAL);
	CHECK(vs_sink_create(&ctx, tmpdir_file(&dir, "x.tsv"), VS_HITS_AUTO,
			     &info, &task, &s, &err));
	assert_int_equal(vs_sink_append(&ctx, s, unsorted, 1, &err),
			 VS_EINTERNAL);
	assert_int_equal(vs_sink_append(&ctx, s, good_hits, 2, &err),
			 VS_EINTERNAL);
	assert_int_equal(vs_sink_finish(&ctx, s, VS_PUBLISH_NEW, &err),
			 VS_EINTERNAL);
	vs_hits_abort(&ctx, NULL);
	vs_sink_abort(&ctx, NULL);
	vs_hits_close(&ctx, NULL);
	assert_int_equal(tmpdir_count(&dir, ""), 0);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_info_is_checked),
		TEST(test_count_of_hits_is_checked),
		TEST(test_hits_are_checked),
		TEST(test_writer_checks),
	};

	return cmocka_run_group_tests_name("hits_door", tests, NULL, NULL);
}
