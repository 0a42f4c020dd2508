/* Hits in lists of their own lengths: files of them, other formats, and the
 * radius as a key. */
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
#include "dirfix.h"
#include "samples.h"
#include "vs/buf.h"
#include "vs/ctx.h"
#include "vs/mem.h"
#include "vs/usbin.h"

#define N 9000u /* more than are encoded together */

static void compare(uint64_t first, size_t n, const uint64_t *start,
		    const struct vs_hit *hits)
{
	struct vs_hit want[SAMPLES_LIST_MAX];
	uint32_t n_want;
	size_t i;

	for (i = 0; i < n; i++) {
		n_want = samples_list(VS_IP, VS_F32, first + i, want);
		assert_int_equal(start[i + 1] - start[i], n_want);
		assert_memory_equal(hits + (start[i] - start[0]), want,
				    n_want * sizeof(*want));
	}
}

static void test_round_trip(void **state)
{
	const char *path = tmpdir_file(&dir, "x.vsh");
	struct vs_hit *hits = malloc(N * SAMPLES_LIST_MAX * sizeof(*hits));
	uint64_t *start = malloc((N + 1) * sizeof(*start));
	struct vs_err err = {0};
	struct vs_hits *h;
	struct vs_ctx ctx;
	uint64_t first;
	size_t n;

	(void)state;
	vs_ctx_init(&ctx);
	ctx.verify = VS_VERIFY_DEEP;
	samples_lists(&ctx, path, N, VS_IP, VS_F32);
	check(vs_hits_open(&ctx, path, &h, &err), &err);
	assert_int_equal(vs_hits_info(h)->k, 0);
	assert_int_equal(vs_hits_head(h)->k, 0);
	for (first = 0; first < N; first += n) {
		n = N - first < 4321 ? (size_t)(N - first) : 4321;
		check(vs_hits_starts(&ctx, h, first, n, start, &err), &err);
		check(vs_hits_lists(&ctx, h, first, n, start, hits, &err),
		      &err);
		compare(first, n, start, hits);
	}
	assert_true(start[n] == vs_hits_total(h));
	assert_int_equal(vs_hits_starts(&ctx, h, N, 1, start, &err),
			 VS_EINTERNAL);
	assert_int_equal(vs_hits_read(&ctx, h, 0, 1, hits, &err),
			 VS_EINTERNAL);
	vs_hits_close(&ctx, h);
	assert_true(atomic_load(&ctx.mem_now) == 0);
	free(start);
	free(hits);
}

static void test_no_queries(void **state)
{
	const char *path = tmpdir_file(&dir, "none.vsh");
	struct vs_err err = {0};
	struct vs_hits *h;
	struct vs_ctx ctx;
	uint64_t start;

	(void)state;
	vs_ctx_init(&ctx);
	samples_lists(&ctx, path, 0, VS_L2, VS_U8);
	check(vs_hits_open(&ctx, path, &h, &err), &err);
	check(vs_hits_starts(&ctx, h, 0, 0, &start, &err), &err);
	assert_true(start == 0 && vs_hits_total(h) == 0);
	vs_hits_close(&ctx, h);
}

/* A file of two queries and three hits with these starts. */
static int open_by_hand(const uint64_t start[3], bool list, struct vs_err *err)
{
	static const char text[] =
		"n_queries: 2\nk: 0\ndim: 8\nmetric: l2\ndtype: u8\n"
		"queries: none\nmodel: none\ncollection: none\n"
		"generation: 0\nn_shards: 1\nincomplete: false\n"
		"index: Flat\nparams: \"radius=9\"\nsources: []\n";
	const struct vs_hit hits[3] = {{1, 1}, {2, 2}, {3, 3}};
	const struct vs_cont_head head = {
		.kind = VS_KIND_HITS, .n_rows = 2, .dim = 8, .metric = VS_L2,
		.dtype = VS_U8};
	const char *path = tmpdir_file(&dir, "hand.vsh");
	struct vs_cont_writer *w;
	struct vs_hits *h;
	struct vs_ctx ctx;
	unsigned s;
	int rc;

	vs_ctx_init(&ctx);
	ctx.verify = VS_VERIFY_DEEP;
	check(vs_cont_create(&ctx, path, &head, &w, err), err);
	check(vs_cont_add_raw(&ctx, w, VS_SEC_INFO, sizeof(text) - 1, 1, &s,
			      err), err);
	check(vs_cont_write(&ctx, w, s, 0, text, sizeof(text) - 1, err), err);
	if (list) {
		check(vs_cont_add_raw(&ctx, w, VS_SEC_LIST, 3, 8, &s, err),
		      err);
		check(vs_cont_write(&ctx, w, s, 0, start, 24, err), err);
	}
	check(vs_cont_add_zst(&ctx, w, VS_SEC_HITS, 16, &s, err), err);
	check(vs_cont_append(&ctx, w, s, hits, sizeof(hits), err), err);
	check(vs_cont_publish(&ctx, w, VS_PUBLISH_REPLACE, err), err);
	rc = vs_hits_open(&ctx, path, &h, err);
	if (rc == 0)
		vs_hits_close(&ctx, h);
	assert_true(atomic_load(&ctx.mem_now) == 0);
	return rc;
}

static void refuse(uint64_t a, uint64_t b, uint64_t c, bool list,
		   const char *words)
{
	const uint64_t start[3] = {a, b, c};
	struct vs_err err = {0};

	assert_int_equal(open_by_hand(start, list, &err), VS_EDATA);
	if (strstr(err.msg, words) == NULL)
		fail_msg("%s; expected %s", err.msg, words);
}

static void test_starts_that_cannot_be(void **state)
{
	const uint64_t good[3] = {0, 2, 3};
	struct vs_err err = {0};

	(void)state;
	check(open_by_hand(good, true, &err), &err);
	refuse(0, 2, 3, false, "LIST");
	refuse(1, 2, 3, true, "expected 0 to the 3 hits");
	refuse(0, 2, 2, true, "expected 0 to the 3 hits");
	refuse(0, 4, 3, true, "query 1 goes from hit 4 to 3");
	refuse(0, UINT64_MAX, 3, true, "query 0 goes from hit 0 to 184467");
}

/* What the format says of the bits: old readers refuse lists by one. */
static void test_feature_bit(void **state)
{
	const char *path = tmpdir_file(&dir, "bit.vsh");
	struct vs_err err = {0};
	struct vs_buf b = {0};
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	samples_lists(&ctx, path, 3, VS_L2, VS_U8);
	check(vs_file_slurp(&ctx, path, 1 << 20, &b, &err), &err);
	assert_int_equal(vs_get_le64((const uint8_t *)b.p + 16), 1);
	vs_buf_clear(&b);
	samples_hits(&ctx, path, 3, 2, VS_L2, VS_U8);
	check(vs_file_slurp(&ctx, path, 1 << 20, &b, &err), &err);
	assert_int_equal(vs_get_le64((const uint8_t *)b.p + 16), 0);
	vs_buf_free(&ctx, &b);
}

/* Three queries: 0, 3 and 6 hits, as the file should have them. */
static void sink(struct vs_ctx *ctx, enum vs_hits_format f, struct vs_buf *out)
{
	const char *path = tmpdir_file(&dir, "sink");
	struct vs_digest none = {{0}};
	struct vs_hit hits[SAMPLES_LIST_MAX];
	struct vs_err err = {0};
	struct vs_hits_info info;
	struct vs_sink *s;
	uint64_t q;
	uint32_t n;

	samples_info(&info, 3, 0, VS_IP, VS_I8);
	check(vs_sink_create(ctx, path, f, &info, &none, &s, &err), &err);
	for (q = 0; q < 3; q++) {
		n = samples_list(VS_IP, VS_I8, q, hits);
		assert_int_equal(n, 3 * q);
		check(vs_sink_append_list(ctx, s, hits, n, &err), &err);
	}
	assert_int_equal(vs_sink_append_list(ctx, s, hits, 0, &err),
			 VS_EINTERNAL);
	check(vs_sink_finish(ctx, s, VS_PUBLISH_REPLACE, &err), &err);
	check(vs_file_slurp(ctx, path, 1 << 20, out, &err), &err);
}

static void test_usbin(void **state)
{
	struct vs_hit hits[SAMPLES_LIST_MAX];
	const uint8_t *p, *d;
	struct vs_buf b = {0};
	struct vs_ctx ctx;
	uint64_t q;
	uint32_t i, n;

	(void)state;
	vs_ctx_init(&ctx);
	sink(&ctx, VS_HITS_USBIN, &b);
	p = (const uint8_t *)b.p;
	assert_int_equal(b.n, 8 + 3 * 4 + 9 * 8);
	assert_int_equal(vs_get_le32(p), 3);
	assert_int_equal(vs_get_le32(p + 4), 9);
	d = p + 20 + 9 * 4;
	for (p += 8, q = 0; q < 3; q++)
		assert_int_equal(vs_get_le32(p + 4 * q), 3 * q);
	for (p += 12, q = 0; q < 3; q++) {
		n = samples_list(VS_IP, VS_I8, q, hits);
		for (i = 0; i < n; i++, p += 4, d += 4) {
			assert_int_equal(vs_get_le32(p), hits[i].id);
			assert_true(vs_bits_f32(vs_get_le32(d)) ==
				    (float)-hits[i].key);
		}
	}
	vs_buf_free(&ctx, &b);
}

/* Long lists go out in slices: the same text as in one. */
static void test_long_text(void **state)
{
	const uint32_t n = 10000;
	struct vs_hit *hits = malloc(n * sizeof(*hits));
	const char *path = tmpdir_file(&dir, "long.jsonl");
	struct vs_digest none = {{0}};
	struct vs_err err = {0};
	struct vs_hits_info info;
	struct vs_buf got = {0}, want = {0};
	struct vs_sink *s;
	struct vs_ctx ctx;
	uint32_t i;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 1, 0, VS_L2, VS_U8);
	for (i = 0; i < n; i++)
		hits[i] = (struct vs_hit){i + 5, i / 2};
	check(vs_buf_printf(&ctx, &want, &err, "{\"query\":0,\"ids\":["), &err);
	for (i = 0; i < n; i++)
		check(vs_buf_printf(&ctx, &want, &err, "%s%u", i ? "," : "",
				    i + 5), &err);
	check(vs_buf_printf(&ctx, &want, &err, "],\"distances\":["), &err);
	for (i = 0; i < n; i++)
		check(vs_buf_printf(&ctx, &want, &err, "%s%u", i ? "," : "",
				    i / 2), &err);
	check(vs_buf_printf(&ctx, &want, &err, "]}\n"), &err);
	check(vs_sink_create(&ctx, path, VS_HITS_JSONL, &info, &none, &s,
			     &err), &err);
	check(vs_sink_append_list(&ctx, s, hits, n, &err), &err);
	check(vs_sink_finish(&ctx, s, VS_PUBLISH_REPLACE, &err), &err);
	check(vs_file_slurp(&ctx, path, 1 << 20, &got, &err), &err);
	assert_int_equal(got.n, want.n);
	assert_memory_equal(got.p, want.p, want.n);
	vs_buf_free(&ctx, &got);
	vs_buf_free(&ctx, &want);
	free(hits);
}

static void test_one_width(void **state)
{
	static const enum vs_hits_format f[] = {VS_HITS_IVECS, VS_HITS_FVECS,
						VS_HITS_NPY};
	struct vs_digest none = {{0}};
	struct vs_hits_info info;
	struct vs_err err = {0};
	struct vs_sink *s;
	struct vs_ctx ctx;
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 3, 0, VS_L2, VS_F32);
	for (i = 0; i < 3; i++)
		assert_int_equal(vs_sink_create(&ctx, tmpdir_file(&dir, "w"),
						f[i], &info, &none, &s, &err),
				 VS_EUSAGE);
	assert_int_equal(tmpdir_count(&dir, "w"), 0);
}

static int64_t key_of(enum vs_metric m, enum vs_dtype t, double r)
{
	struct vs_err err = {0};
	int64_t key;

	check(vs_radius_key(m, t, r, &key, &err), &err);
	return key;
}

static void no_key(enum vs_metric m, enum vs_dtype t, double r)
{
	struct vs_err err = {0};
	int64_t key;

	assert_int_equal(vs_radius_key(m, t, r, &key, &err), VS_EUSAGE);
	assert_true(err.msg[0] != '\0');
}

static void test_radius(void **state)
{
	(void)state;
	assert_int_equal(key_of(VS_L2, VS_U8, 10), 10);
	assert_int_equal(key_of(VS_L1, VS_I8, 10.99), 10);
	assert_int_equal(key_of(VS_L2, VS_U8, 0), 0);
	assert_int_equal(key_of(VS_IP, VS_U8, 10), -10);
	assert_int_equal(key_of(VS_IP, VS_I8, 10.01), -11);
	assert_int_equal(key_of(VS_IP, VS_I8, -10.01), 10);
	assert_true(key_of(VS_L2, VS_U8, 1e38) < VS_KEY_WORST);
	assert_true(key_of(VS_L2, VS_U8, 1e38) > (int64_t)65025 * 65536);
	assert_true(key_of(VS_IP, VS_U8, 1e38) < -(int64_t)65025 * 65536);
	assert_int_equal(key_of(VS_L2, VS_F32, 0.1),
			 vs_key_of_f32(0.1f, false));
	assert_int_equal(key_of(VS_IP, VS_F16, -2.5),
			 vs_key_of_f32(-2.5f, true));
	assert_int_equal(key_of(VS_COSINE, VS_U8, 0.5),
			 vs_key_of_f32(0.5f, true));
	assert_int_equal(key_of(VS_L2, VS_F32, FLT_MAX),
			 vs_key_of_f32(FLT_MAX, false));
	no_key(VS_L2, VS_F32, -1e-30);
	no_key(VS_L1, VS_U8, -1);
	no_key(VS_L2, VS_F32, (double)NAN);
	no_key(VS_IP, VS_U8, (double)NAN);
	no_key(VS_L2, VS_F32, 1e39);
	no_key(VS_IP, VS_F32, -1e39);
	no_key(VS_COSINE, VS_F32, 1.01);
	no_key(VS_COSINE, VS_U8, -1.01);
	no_key(VS_COSINE, VS_U8, (double)NAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_no_queries),
		cmocka_unit_test(test_starts_that_cannot_be),
		cmocka_unit_test(test_feature_bit),
		cmocka_unit_test(test_usbin),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_one_width),
		cmocka_unit_test(test_radius),
	};

	return cmocka_run_group_tests_name("hits_list", tests, make_dir,
					   remove_dir);
}
