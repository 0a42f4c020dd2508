/* test_hits.c - hit files and what they refuse; sinks of all formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

#include "check.h"
#include "dirfix.h"
#include "faults.h"
#include "samples.h"
#include "vs/num.h"

static const struct vs_digest task = {{9, 9}};

static void assert_same_info(const struct vs_hits_info *a,
			     const struct vs_hits_info *b)
{
	size_t i;

	assert_true(a->n_queries == b->n_queries);
	assert_int_equal(a->k, b->k);
	assert_int_equal(a->dim, b->dim);
	assert_int_equal(a->metric, b->metric);
	assert_int_equal(a->dtype, b->dtype);
	assert_true(vs_digest_equal(&a->queries, &b->queries));
	assert_true(vs_digest_equal(&a->model, &b->model));
	assert_true(vs_digest_equal(&a->collection, &b->collection));
	assert_true(a->generation == b->generation);
	assert_int_equal(a->n_shards, b->n_shards);
	assert_string_equal(a->index, b->index);
	assert_string_equal(a->params, b->params);
	assert_int_equal(a->incomplete, b->incomplete);
	assert_int_equal(a->n_sources, b->n_sources);
	for (i = 0; i < a->n_sources; i++) {
		assert_int_equal(a->sources[i].shard, b->sources[i].shard);
		assert_true(a->sources[i].n_rows == b->sources[i].n_rows);
		assert_true(vs_digest_equal(&a->sources[i].fingerprint,
					    &b->sources[i].fingerprint));
	}
}

/* Enough hits for several packed blocks, read in several ways. */
static void round_trip(enum vs_metric metric, enum vs_dtype dtype)
{
	const char *path = tmpdir_file(&dir, "x.vsh");
	const uint32_t n = 3000, k = 10;
	struct vs_hit *got = malloc(n * k * sizeof(*got)), want[10];
	struct vs_err err = {0};
	struct vs_hits_info info;
	struct vs_hits *h;
	struct vs_ctx ctx;
	uint32_t q, step;

	vs_ctx_init(&ctx);
	ctx.verify = VS_VERIFY_DEEP;
	samples_hits(&ctx, path, n, k, metric, dtype);
	samples_info(&info, n, k, metric, dtype);
	CHECK(vs_hits_open(&ctx, path, &h, &err));
	assert_same_info(vs_hits_info(h), &info);
	assert_int_equal(vs_hits_head(h)->kind, VS_KIND_HITS);
	assert_string_equal(vs_hits_path(h), path);
	for (step = 7; step <= n; step = step == 7 ? n : step + 1) {
		for (q = 0; q < n; q += step)
			CHECK(vs_hits_read(&ctx, h, q,
					   n - q < step ? n - q : step,
					   got + q * k, &err));
		for (q = 0; q < n; q++) {
			samples_query(metric, dtype, q, k, want);
			assert_memory_equal(want, got + q * k, sizeof(want));
		}
	}
	CHECK(vs_hits_read(&ctx, h, n, 0, got, &err));
	assert_int_equal(vs_hits_read(&ctx, h, n, 1, got, &err), VS_EINTERNAL);
	vs_hits_close(&ctx, h);
	assert_true(atomic_load(&ctx.mem_now) == 0);
	free(got);
}

static void test_round_trip(void **state)
{
	(void)state;
	round_trip(VS_L2, VS_U8);
	round_trip(VS_IP, VS_I8);
	round_trip(VS_L1, VS_F32);
	round_trip(VS_COSINE, VS_U8);
}

/* Writes hits with this info and no queries; the code of the failure. */
static int write_empty(struct vs_ctx *ctx, const char *path,
		       const struct vs_hits_info *info, struct vs_err *err)
{
	struct vs_hits_writer *w;
	int rc;

	vs_err_clear(err);
	rc = vs_hits_create(ctx, path, info, &task, &w, err);
	if (rc != 0)
		return rc;
	return vs_hits_finish(ctx, w, VS_PUBLISH_REPLACE, err);
}

static void test_info_texts(void **state)
{
	static char *const texts[] = {"Flat", "1e5",   "null",	   "a: b",
				      " x ",  "\"q\"", "\xc3\xa9", "-"};
	static char none[] = "";
	const char *path = tmpdir_file(&dir, "x.vsh");
	struct vs_hits_info info, copy;
	struct vs_err err = {0};
	struct vs_ctx ctx;
	struct vs_hits *h;
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	for (i = 0; i < N_OF(texts); i++) {
		samples_info(&info, 0, 1, VS_L2, VS_F32);
		info.index = texts[i];
		info.params = i == 0 ? none : texts[i];
		info.incomplete = i % 2;
		info.n_sources = i % 3;
		memset(&info.model, 0, i == 4 ? sizeof(info.model) : 0);
		CHECK(vs_hits_info_copy(&ctx, &copy, &info, &err));
		assert_ptr_not_equal(copy.index, info.index);
		assert_ptr_not_equal(copy.sources, info.sources);
		CHECK(write_empty(&ctx, path, &copy, &err));
		CHECK(vs_hits_open(&ctx, path, &h, &err));
		assert_same_info(vs_hits_info(h), &info);
		vs_hits_close(&ctx, h);
		vs_hits_info_free(&ctx, &copy);
		assert_null(copy.index);
	}
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_impossible_info(void **state)
{
	static char none[] = "";
	const char *path = tmpdir_file(&dir, "x.vsh");
	struct vs_hits_info info;
	struct vs_err err = {0};
	struct vs_ctx ctx;
	int i;

	(void)state;
	vs_ctx_init(&ctx);
	for (i = 0; i < 14; i++) {
		samples_info(&info, 0, 1, VS_L2, VS_F32);
		info.n_queries = i == 0 ? (uint64_t)1 << 41 : 0;
		info.k = i == 1 ? UINT32_MAX : i == 2 ? VS_K_MAX + 1 : 1;
		info.dim = i == 3 ? 0 : i == 4 ? VS_DIM_MAX + 1 : 1;
		info.metric = i == 5 ? 0 : i == 6 ? 5 : VS_L2;
		info.dtype = i == 7 ? 0 : i == 8 ? VS_I32 : VS_F32;
		info.index = i == 9 ? none : info.index;
		info.params = i == 10 ? NULL : info.params;
		info.n_shards = i == 11 ? 0 : i == 12 ? 4 : 5;
		if (i == 13) {
			info.n_shards = 2;
			info.sources[0].shard = 0;
			info.sources[1].shard = 1;
			info.incomplete = true;
		}
		assert_int_equal(write_empty(&ctx, path, &info, &err),
				 VS_EINTERNAL);
		assert_true(err.msg[0] != '\0');
	}
	samples_info(&info, 0, 1, VS_L2, VS_F32);
	info.sources[1].shard = info.sources[0].shard;
	assert_int_equal(write_empty(&ctx, path, &info, &err), VS_EINTERNAL);
	assert_non_null(strstr(err.msg, "expected ascending"));
	assert_int_equal(tmpdir_count(&dir, ""), 0);
}

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

static void test_format_names(void **state)
{
	struct vs_err err = {0};
	enum vs_hits_format f;

	(void)state;
	CHECK(vs_hits_format_of("-", &f, &err));
	assert_int_equal(f, VS_HITS_TSV);
	CHECK(vs_hits_format_of("a.b/c.vsh", &f, &err));
	assert_int_equal(f, VS_HITS_VSH);
	CHECK(vs_hits_format_of("x.tsv.jsonl", &f, &err));
	assert_int_equal(f, VS_HITS_JSONL);
	CHECK(vs_hits_format_of("x.ivecs", &f, &err));
	assert_int_equal(f, VS_HITS_IVECS);
	CHECK(vs_hits_format_of("x.usbin", &f, &err));
	assert_int_equal(f, VS_HITS_USBIN);
	CHECK(vs_hits_format_of("x.ids.npy", &f, &err));
	assert_int_equal(f, VS_HITS_NPY);
	CHECK(vs_hits_format_of("x.fvecs", &f, &err));
	assert_int_equal(f, VS_HITS_FVECS);
	assert_int_equal(vs_hits_format_of("a.tsv/c", &f, &err), VS_EUSAGE);
	assert_int_equal(vs_hits_format_of("x.TSV", &f, &err), VS_EUSAGE);
	assert_int_equal(vs_hits_format_of("", &f, &err), VS_EUSAGE);
	assert_true(vs_hits_format_parse("tsv", &f));
	assert_false(vs_hits_format_parse("csv", &f));
}

/* Two queries of three hits through a sink, published how. */
static int sink(struct vs_ctx *ctx, const char *path,
		const struct vs_hits_info *info, const struct vs_hit *hits,
		enum vs_publish how, struct vs_err *err)
{
	struct vs_sink *s;
	int rc;

	vs_err_clear(err);
	rc = vs_sink_create(ctx, path, VS_HITS_AUTO, info, &task, &s, err);
	if (rc == 0) {
		rc = vs_sink_append(ctx, s, hits, 1, err);
		if (rc == 0)
			rc = vs_sink_append(ctx, s, hits + 3, 1, err);
		if (rc == 0)
			return vs_sink_finish(ctx, s, how, err);
		vs_sink_abort(ctx, s);
	}
	return rc;
}

static void make_float_hits(struct vs_hit h[6], bool similarity)
{
	static const float values[2][6] = {
		{0.1f, 2.5f, INFINITY, 1e-42f, 3.40282347e38f, NAN},
		{2.5f, 0.1f, -0.25f, INFINITY, -1e-42f, -INFINITY},
	};
	size_t i;

	for (i = 0; i < 6; i++) {
		h[i].id = 10 - i;
		h[i].key = vs_key_of_f32(values[similarity][i], similarity);
	}
}

static void sink_holds(const char *name, const struct vs_hits_info *info,
		       const struct vs_hit *hits, const void *want, size_t n)
{
	const char *path = tmpdir_file(&dir, name);
	struct vs_err err = {0};
	struct vs_ctx ctx;
	char got[1024];

	vs_ctx_init(&ctx);
	CHECK(sink(&ctx, path, info, hits, VS_PUBLISH_REPLACE, &err));
	assert_int_equal(tmpdir_get(path, got, sizeof(got)), n);
	assert_memory_equal(got, want, n);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

#define HOLDS(name, info, hits, text)                                          \
	sink_holds(name, info, hits, text, strlen(text))

static void test_text_sinks(void **state)
{
	static const struct vs_hit ints[6] = {
		{5, 0},		  {6, 70000}, {VS_ID_NONE, VS_KEY_WORST},
		{1ull << 40, -3}, {2, 0},     {3, 9}};
	struct vs_hit h[6];
	struct vs_hits_info info;

	(void)state;
	samples_info(&info, 2, 3, VS_L2, VS_F32);
	make_float_hits(h, false);
	HOLDS("a.tsv", &info, h,
	      "0\t1\t10\t0.100000001\n0\t2\t9\t2.5\n0\t3\t8\tinf\n"
	      "1\t1\t7\t1.0005271e-42\n1\t2\t6\t3.40282347e+38\n"
	      "1\t3\t5\tnan\n");
	HOLDS("a.jsonl", &info, h,
	      "{\"query\":0,\"ids\":[10,9,8],"
	      "\"distances\":[0.100000001,2.5,null]}\n"
	      "{\"query\":1,\"ids\":[7,6,5],"
	      "\"distances\":[1.0005271e-42,3.40282347e+38,null]}\n");
	samples_info(&info, 2, 3, VS_COSINE, VS_U8);
	make_float_hits(h, true);
	HOLDS("b.jsonl", &info, h,
	      "{\"query\":0,\"ids\":[10,9,8],"
	      "\"scores\":[2.5,0.100000001,-0.25]}\n"
	      "{\"query\":1,\"ids\":[7,6,5],"
	      "\"scores\":[null,-1.0005271e-42,null]}\n");
	HOLDS("b.tsv", &info, h,
	      "0\t1\t10\t2.5\n0\t2\t9\t0.100000001\n0\t3\t8\t-0.25\n"
	      "1\t1\t7\tinf\n1\t2\t6\t-1.0005271e-42\n1\t3\t5\t-inf\n");
	samples_info(&info, 2, 3, VS_IP, VS_I8);
	HOLDS("c.tsv", &info, ints,
	      "0\t1\t5\t0\n0\t2\t6\t-70000\n"
	      "1\t1\t1099511627776\t3\n1\t2\t2\t0\n1\t3\t3\t-9\n");
	HOLDS("c.jsonl", &info, ints,
	      "{\"query\":0,\"ids\":[5,6],\"scores\":[0,-70000]}\n"
	      "{\"query\":1,\"ids\":[1099511627776,2,3],"
	      "\"scores\":[3,0,-9]}\n");
}

/* Every f32 that is printed reads back. */
static void test_values_read_back(void **state)
{
	struct vs_hit h[6] = {{1, 0}};
	const char *path = tmpdir_file(&dir, "back.tsv");
	struct vs_err err = {0};
	struct vs_hits_info info;
	struct vs_ctx ctx;
	char got[256];
	uint32_t bits, i;
	double v;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 2, 3, VS_L2, VS_F32);
	for (i = 1; i < 6; i++) {
		h[i].id = i == 3 ? 1 : VS_ID_NONE;
		h[i].key = i == 3 ? 0 : VS_KEY_WORST;
	}
	for (bits = 1; bits < 0x7f800000; bits += 0x7f80000 - 12345) {
		h[0].key = bits;
		CHECK(sink(&ctx, path, &info, h, VS_PUBLISH_REPLACE, &err));
		i = (uint32_t)tmpdir_get(path, got, sizeof(got) - 1);
		got[i] = '\0';
		*strchr(got, '\n') = '\0';
		assert_true(vs_parse_f64(strrchr(got, '\t') + 1, &v));
		assert_int_equal(vs_f32_bits((float)v), bits);
	}
}

/* More text than is written at once. */
static void test_much_text(void **state)
{
	const char *path = tmpdir_file(&dir, "much.tsv");
	const uint32_t n = 3000, k = 10;
	char *want = malloc(1 << 20), *got = malloc(1 << 20);
	struct vs_err err = {0};
	struct vs_hits_info info;
	struct vs_hit hits[10];
	struct vs_sink *s;
	struct vs_ctx ctx;
	size_t at = 0;
	uint32_t q, i;

	(void)state;
	vs_ctx_init(&ctx);
	assert_true(want != NULL && got != NULL);
	samples_info(&info, n, k, VS_L2, VS_U8);
	CHECK(vs_sink_create(&ctx, path, VS_HITS_TSV, &info, &task, &s, &err));
	for (q = 0; q < n; q++) {
		samples_query(VS_L2, VS_U8, q, k, hits);
		CHECK(vs_sink_append(&ctx, s, hits, 1, &err));
		for (i = 0; i < k && hits[i].id != VS_ID_NONE; i++)
			at += (size_t)sprintf(want + at, "%u\t%u\t%llu\t%lld\n",
					      q, i + 1,
					      (unsigned long long)hits[i].id,
					      (long long)hits[i].key);
	}
	CHECK(vs_sink_finish(&ctx, s, VS_PUBLISH_NEW, &err));
	assert_int_equal(tmpdir_get(path, got, 1 << 20), at);
	assert_memory_equal(want, got, at);
	free(want);
	free(got);
}

static void test_failing_copies(void **state)
{
	struct faults f = {.sys = 12, .at = 1};
	struct vs_hits_info info, copy;
	struct vs_err err = {0};
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 1, 1, VS_L2, VS_U8);
	for (;; f.at++) {
		faults_set(&ctx, &f);
		if (vs_hits_info_copy(&ctx, &copy, &info, &err) == 0)
			break;
		assert_true(atomic_load(&ctx.mem_now) == 0);
		assert_null(copy.index);
	}
	assert_int_equal(f.at, 4);
	vs_hits_info_free(&ctx, &copy);
}

/* Makes a locale with a decimal comma, since few machines have one. */
static bool use_comma(void)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1",
		 dir.path);
	return system(command) == 0 && setenv("LOCPATH", dir.path, 1) == 0 &&
	       setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL;
}

static void test_text_in_any_locale(void **state)
{
	struct vs_hits_info info;
	struct vs_hit h[6];
	char text[8];

	(void)state;
	if (!use_comma()) {
		print_message("# no locale with a decimal comma here\n");
		skip();
	}
	snprintf(text, sizeof(text), "%.1f", 0.5);
	assert_string_equal(text, "0,5");
	samples_info(&info, 2, 3, VS_COSINE, VS_U8);
	make_float_hits(h, true);
	HOLDS("b.tsv", &info, h,
	      "0\t1\t10\t2.5\n0\t2\t9\t0.100000001\n0\t3\t8\t-0.25\n"
	      "1\t1\t7\tinf\n1\t2\t6\t-1.0005271e-42\n1\t3\t5\t-inf\n");
	setlocale(LC_NUMERIC, "C");
}

static void test_binary_sinks(void **state)
{
	static const struct vs_hit ints[6] = {{5, 0},
					      {INT32_MAX, 70000},
					      {VS_ID_NONE, VS_KEY_WORST},
					      {0, 1},
					      {2, 2},
					      {3, 9}};
	static const int32_t ids[8] = {3, 5, INT32_MAX, -1, 3, 0, 2, 3};
	static const float l2[8] = {0, 0, 70000, INFINITY, 0, 1, 2, 9};
	static const float ip[8] = {0, 0, -70000, -INFINITY, 0, -1, -2, -9};
	struct vs_hits_info info;
	float want[8];

	(void)state;
	samples_info(&info, 2, 3, VS_L2, VS_U8);
	sink_holds("a.ivecs", &info, ints, ids, sizeof(ids));
	memcpy(want, l2, sizeof(want));
	memcpy(want, ids, 4);
	memcpy(want + 4, ids, 4);
	sink_holds("a.fvecs", &info, ints, want, sizeof(want));
	samples_info(&info, 2, 3, VS_IP, VS_U8);
	memcpy(want + 1, ip + 1, 12);
	memcpy(want + 5, ip + 5, 12);
	sink_holds("b.fvecs", &info, ints, want, sizeof(want));
}

static void test_ivecs_refuses_wide_ids(void **state)
{
	const char *path = tmpdir_file(&dir, "x.ivecs");
	struct vs_hit h[6];
	struct vs_hits_info info;
	struct vs_err err = {0};
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 2, 3, VS_L2, VS_F32);
	make_float_hits(h, false);
	h[4].id = (uint64_t)1 << 31;
	assert_int_equal(sink(&ctx, path, &info, h, VS_PUBLISH_NEW, &err),
			 VS_EDATA);
	assert_non_null(strstr(err.msg, "query 1 has id 2147483648"));
	assert_int_equal(tmpdir_count(&dir, ""), 0);
}

static void test_sinks_over_old_files(void **state)
{
	static const char *const names[] = {"x.vsh",   "x.ivecs", "x.fvecs",
					    "x.usbin", "x.npy",	  "x.tsv",
					    "x.jsonl"};
	struct vs_hits_info info;
	struct vs_err err = {0};
	struct vs_ctx ctx;
	struct vs_hit h[6];
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 2, 3, VS_L2, VS_F32);
	for (i = 0; i < N_OF(names); i++) {
		const char *path = tmpdir_file(&dir, names[i]);

		make_float_hits(h, false);
		CHECK(sink(&ctx, path, &info, h, VS_PUBLISH_NEW, &err));
		CHECK(sink(&ctx, path, &info, h, VS_PUBLISH_NEW, &err));
		assert_int_equal(err.code, 0);
		h[0].id = 0;
		h[0].key = 0;
		if (i == 0) /* of the same task, by its fingerprint */
			tmpdir_put(path, "other", 5);
		assert_int_equal(
			sink(&ctx, path, &info, h, VS_PUBLISH_NEW, &err),
			VS_ECREATE);
		assert_non_null(strstr(err.msg, "--replace"));
		CHECK(sink(&ctx, path, &info, h, VS_PUBLISH_REPLACE, &err));
		CHECK(sink(&ctx, path, &info, h, VS_PUBLISH_NEW, &err));
	}
	assert_int_equal(tmpdir_count(&dir, ""), N_OF(names));
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_standard_output(void **state)
{
	const char *path = tmpdir_file(&dir, "stdout");
	struct vs_hits_info info;
	struct vs_err err = {0};
	struct vs_hit h[6];
	struct vs_ctx ctx;
	const char *want = "0\t1\t10\t0.100000001\n0\t2\t9\t2.5\n"
			   "0\t3\t8\tinf\n1\t1\t7\t1.0005271e-42\n"
			   "1\t2\t6\t3.40282347e+38\n1\t3\t5\tnan\n";
	int old, fd, rc;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 2, 3, VS_L2, VS_F32);
	make_float_hits(h, false);
	fflush(stdout);
	old = dup(STDOUT_FILENO);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	assert_true(old >= 0 && fd >= 0);
	dup2(fd, STDOUT_FILENO);
	rc = sink(&ctx, "-", &info, h, VS_PUBLISH_NEW, &err);
	dup2(old, STDOUT_FILENO);
	close(old);
	close(fd);
	CHECK(rc);
	assert_true(tmpdir_holds(path, want, strlen(want)));
}

/* Each call in turn fails while a file is written over an old one. */
static void test_failing_sinks(void **state)
{
	static const char *const names[] = {"x.vsh", "x.ivecs", "x.usbin",
					    "x.npy", "x.tsv",	"x.jsonl"};
	struct vs_hits_info info;
	struct vs_err err = {0};
	struct faults f = {.sys = 28};
	unsigned n_failed = 0;
	struct vs_ctx ctx;
	struct vs_hit h[6];
	size_t i;
	int rc;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 2, 3, VS_L2, VS_F32);
	make_float_hits(h, false);
	for (i = 0; i < N_OF(names); i++) {
		const char *path = tmpdir_file(&dir, names[i]);

		for (f.at = 1;; f.at++) {
			tmpdir_put(path, "old", 3);
			faults_set(&ctx, &f);
			rc = sink(&ctx, path, &info, h, VS_PUBLISH_REPLACE,
				  &err);
			assert_true(atomic_load(&ctx.mem_now) == 0);
			assert_int_equal(tmpdir_count(&dir, ""), i + 1);
			if (atomic_load(&f.n_fired) == 0)
				break;
			n_failed += rc != 0;
			assert_int_equal(err.code, rc);
			if (rc == 0)
				assert_false(tmpdir_holds(path, "old", 3));
		}
		assert_int_equal(rc, 0);
		/* And over an equal one, which has to be compared. */
		for (f.at = 1;; f.at++) {
			faults_set(&ctx, &f);
			rc = sink(&ctx, path, &info, h, VS_PUBLISH_NEW, &err);
			assert_true(atomic_load(&ctx.mem_now) == 0);
			assert_int_equal(tmpdir_count(&dir, ""), i + 1);
			if (atomic_load(&f.n_fired) == 0)
				break;
			n_failed += rc != 0;
		}
		assert_int_equal(rc, 0);
	}
	assert_true(n_failed > 100);
}

static void test_failing_reads(void **state)
{
	const char *path = tmpdir_file(&dir, "x.vsh");
	struct vs_err err = {0};
	struct faults f = {.sys = 5};
	struct vs_hit hits[20];
	struct vs_ctx ctx;
	struct vs_hits *h;
	int rc;

	(void)state;
	vs_ctx_init(&ctx);
	samples_hits(&ctx, path, 2, 10, VS_L2, VS_U8);
	ctx.verify = VS_VERIFY_DEEP;
	for (f.at = 1;; f.at++) {
		faults_set(&ctx, &f);
		vs_err_clear(&err);
		rc = vs_hits_open(&ctx, path, &h, &err);
		if (rc == 0)
			rc = vs_hits_read(&ctx, h, 0, 2, hits, &err);
		vs_hits_close(&ctx, h);
		assert_true(atomic_load(&ctx.mem_now) == 0);
		if (atomic_load(&f.n_fired) == 0)
			break;
		assert_int_equal(err.code, rc);
	}
	assert_int_equal(rc, 0);
	assert_true(f.at > 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_info_texts),
		TEST(test_impossible_info),
		TEST(test_info_is_checked),
		TEST(test_count_of_hits_is_checked),
		TEST(test_hits_are_checked),
		TEST(test_writer_checks),
		TEST(test_format_names),
		TEST(test_text_sinks),
		TEST(test_values_read_back),
		TEST(test_much_text),
		TEST(test_failing_copies),
		TEST(test_text_in_any_locale),
		TEST(test_binary_sinks),
		TEST(test_ivecs_refuses_wide_ids),
		TEST(test_sinks_over_old_files),
		TEST(test_standard_output),
		TEST(test_failing_sinks),
		TEST(test_failing_reads),
	};

	return cmocka_run_group_tests_name("hits", tests, NULL, NULL);
}
