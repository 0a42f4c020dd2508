/* test_usbin.c - ids and distances of the big-ann benchmarks, and ids of
 * numpy: what is written, byte for byte, and what is read back or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "check.h"
#include "dirfix.h"
#include "faults.h"
#include "samples.h"
#include "vs/hits.h"
#include "vs/num.h"
#include "vs/usbin.h"

#define NONE UINT32_MAX

static const struct vs_digest task = {{7}};

/* Two queries of three hits. */
static const struct vs_hit ints[6] = {
	{5, 0}, {NONE - 1, 70000}, {VS_ID_NONE, VS_KEY_WORST},
	{0, 1}, {2, 2},		   {1u << 31, 9},
};

/* What they are in a file, ids and then distances. */
static void expect(uint8_t b[56], bool similarity)
{
	static const uint32_t ids[6] = {5, NONE - 1, NONE, 0, 2, 1u << 31};
	static const float l2[6] = {0, 70000, INFINITY, 1, 2, 9};
	size_t i;

	vs_put_le32(b, 2);
	vs_put_le32(b + 4, 3);
	for (i = 0; i < 6; i++) {
		vs_put_le32(b + 8 + i * 4, ids[i]);
		/* No negative zero: an integer is negated. */
		vs_put_le32(b + 32 + i * 4,
			    vs_f32_bits(similarity && l2[i] != 0 ? -l2[i] :
								   l2[i]));
	}
}

static int sink(struct vs_ctx *ctx, const char *path,
		enum vs_hits_format format, const struct vs_hits_info *info,
		const struct vs_hit *hits, struct vs_err *err)
{
	struct vs_sink *s;
	int rc;

	vs_err_clear(err);
	rc = vs_sink_create(ctx, path, format, info, &task, &s, err);
	if (rc != 0)
		return rc;
	rc = vs_sink_append(ctx, s, hits, (size_t)info->n_queries, err);
	if (rc == 0)
		return vs_sink_finish(ctx, s, VS_PUBLISH_REPLACE, err);
	vs_sink_abort(ctx, s);
	return rc;
}

static void test_usbin_bytes(void **state)
{
	const char *path = tmpdir_file(&dir, "a.usbin");
	struct vs_hits_info info;
	struct vs_err err = {0};
	uint8_t want[56];
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 2, 3, VS_L2, VS_U8);
	expect(want, false);
	CHECK(sink(&ctx, path, VS_HITS_AUTO, &info, ints, &err));
	assert_true(tmpdir_holds(path, want, sizeof(want)));
	assert_true(vs_hits_format_bytes(VS_HITS_USBIN, 2, 3) == sizeof(want));
	samples_info(&info, 2, 3, VS_IP, VS_U8);
	expect(want, true);
	CHECK(sink(&ctx, path, VS_HITS_AUTO, &info, ints, &err));
	assert_true(tmpdir_holds(path, want, sizeof(want)));
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_npy_bytes(void **state)
{
	static const int64_t ids[6] = {5, NONE - 1, -1, 0, 2, 1ll << 31};
	const char *path = tmpdir_file(&dir, "a.npy");
	const char *text = "{'descr': '<i8', 'fortran_order': False, "
			   "'shape': (2, 3), }";
	struct vs_hits_info info;
	struct vs_err err = {0};
	uint8_t want[128 + 48];
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 2, 3, VS_L2, VS_U8);
	memset(want, ' ', 128);
	memcpy(want, "\x93NUMPY\x01\x00\x76\x00", 10);
	memcpy(want + 10, text, strlen(text));
	want[127] = '\n';
	memcpy(want + 128, ids, sizeof(ids));
	CHECK(sink(&ctx, path, VS_HITS_AUTO, &info, ints, &err));
	assert_true(tmpdir_holds(path, want, sizeof(want)));
	assert_true(vs_hits_format_bytes(VS_HITS_NPY, 2, 3) == sizeof(want));
}

/* To standard output, where nothing can be written ahead. */
static int to_stdout(struct vs_ctx *ctx, const char *path,
		     const struct vs_hits_info *info, const struct vs_hit *hits,
		     struct vs_err *err)
{
	int old, fd, rc;

	fflush(stdout);
	old = dup(STDOUT_FILENO);
	fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
	assert_true(old >= 0 && fd >= 0);
	dup2(fd, STDOUT_FILENO);
	rc = sink(ctx, "-", VS_HITS_USBIN, info, hits, err);
	dup2(old, STDOUT_FILENO);
	close(old);
	close(fd);
	return rc;
}

static void test_usbin_in_sequence(void **state)
{
	const char *path = tmpdir_file(&dir, "stdout");
	struct faults f = {.sys = ENOSPC, .at = 1};
	struct vs_hits_info info;
	struct vs_err err = {0};
	uint8_t want[56];
	struct vs_ctx ctx;
	int rc;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 2, 3, VS_L2, VS_U8);
	expect(want, false);
	CHECK(to_stdout(&ctx, path, &info, ints, &err));
	assert_true(tmpdir_holds(path, want, sizeof(want)));
	for (;; f.at++) {
		faults_set(&ctx, &f);
		rc = to_stdout(&ctx, path, &info, ints, &err);
		assert_true(atomic_load(&ctx.mem_now) == 0);
		if (atomic_load(&f.n_fired) == 0)
			break;
		assert_int_equal(err.code, rc);
	}
	assert_int_equal(rc, 0);
	assert_true(f.at > 8);
	assert_true(tmpdir_holds(path, want, sizeof(want)));
}

/* More than is buffered, as a file and as a stream. */
static void test_much_usbin(void **state)
{
	const uint32_t n = 5000, k = 10;
	const size_t n_bytes = 8 + (size_t)n * k * 8;
	const char *path = tmpdir_file(&dir, "much.usbin");
	const char *stream = tmpdir_file(&dir, "much.stdout");
	struct vs_hit *hits = calloc((size_t)n * k, sizeof(*hits));
	uint8_t *want = malloc(n_bytes), *got = malloc(n_bytes);
	struct vs_err err = {0};
	struct vs_hits_info info;
	struct vs_ctx ctx;
	size_t i, at = 8 + (size_t)n * k * 4;

	(void)state;
	vs_ctx_init(&ctx);
	assert_true(hits != NULL && want != NULL && got != NULL);
	samples_info(&info, n, k, VS_L2, VS_U8);
	vs_put_le32(want, n);
	vs_put_le32(want + 4, k);
	for (i = 0; i < (size_t)n * k; i++) {
		hits[i].id = i * 3;
		hits[i].key = (int64_t)(i % k + i / k);
		vs_put_le32(want + 8 + i * 4, (uint32_t)hits[i].id);
		vs_put_le32(want + at + i * 4,
			    vs_f32_bits((float)hits[i].key));
	}
	CHECK(sink(&ctx, path, VS_HITS_AUTO, &info, hits, &err));
	assert_int_equal(tmpdir_get(path, got, n_bytes), n_bytes);
	assert_memory_equal(got, want, n_bytes);
	CHECK(to_stdout(&ctx, stream, &info, hits, &err));
	assert_int_equal(tmpdir_get(stream, got, n_bytes), n_bytes);
	assert_memory_equal(got, want, n_bytes);
	free(hits);
	free(want);
	free(got);
}

static void test_wide_ids_are_refused(void **state)
{
	struct vs_hit h[6];
	struct vs_hits_info info;
	struct vs_err err = {0};
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	samples_info(&info, 2, 3, VS_L2, VS_U8);
	memcpy(h, ints, sizeof(h));
	h[4].id = NONE;
	assert_int_equal(sink(&ctx, tmpdir_file(&dir, "x.usbin"), VS_HITS_AUTO,
			      &info, h, &err),
			 VS_EDATA);
	assert_non_null(strstr(err.msg, "query 1 has id 4294967295"));
	CHECK(sink(&ctx, tmpdir_file(&dir, "x.npy"), VS_HITS_AUTO, &info, h,
		   &err));
	h[4].id = (uint64_t)1 << 63;
	assert_int_equal(sink(&ctx, tmpdir_file(&dir, "y.npy"), VS_HITS_AUTO,
			      &info, h, &err),
			 VS_EDATA);
	assert_non_null(strstr(err.msg, "query 1 has id 9223372036854775808"));
	assert_int_equal(tmpdir_count(&dir, ""), 1);
	info.n_queries = (uint64_t)1 << 32;
	assert_int_equal(sink(&ctx, tmpdir_file(&dir, "x.usbin"), VS_HITS_AUTO,
			      &info, h, &err),
			 VS_EUSAGE);
	assert_non_null(strstr(err.msg, "4294967296 queries do not fit"));
	assert_int_equal(tmpdir_count(&dir, ""), 1);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_reading(void **state)
{
	static const uint64_t ids[6] = {5, NONE - 1, VS_ID_NONE,
					0, 2,	     1u << 31};
	static const float second[3] = {1, 2, 9};
	const char *path = tmpdir_file(&dir, "a.usbin");
	struct vs_err err = {0};
	uint64_t got[6];
	struct vs_usbin *u;
	struct vs_ctx ctx;
	uint8_t b[56];
	float d[6];

	(void)state;
	vs_ctx_init(&ctx);
	expect(b, false);
	tmpdir_put(path, b, sizeof(b));
	CHECK(vs_usbin_open(&ctx, path, &u, &err));
	assert_int_equal(vs_usbin_queries(u), 2);
	assert_int_equal(vs_usbin_k(u), 3);
	assert_true(vs_usbin_has_distances(u));
	CHECK(vs_usbin_ids(&ctx, u, 0, 2, got, &err));
	assert_memory_equal(got, ids, sizeof(ids));
	CHECK(vs_usbin_ids(&ctx, u, 1, 1, got, &err));
	assert_memory_equal(got, ids + 3, 24);
	CHECK(vs_usbin_distances(&ctx, u, 1, 1, d, &err));
	assert_memory_equal(d, second, sizeof(second));
	CHECK(vs_usbin_distances(&ctx, u, 0, 2, d, &err));
	assert_true(d[2] == INFINITY && d[5] == 9);
	vs_usbin_close(&ctx, u);

	/* The variant without distances. */
	tmpdir_put(path, b, 32);
	CHECK(vs_usbin_open(&ctx, path, &u, &err));
	assert_false(vs_usbin_has_distances(u));
	CHECK(vs_usbin_ids(&ctx, u, 0, 2, got, &err));
	assert_memory_equal(got, ids, sizeof(ids));
	vs_usbin_close(&ctx, u);

	vs_put_le32(b + 48, 0x7fc00000);
	tmpdir_put(path, b, sizeof(b));
	CHECK(vs_usbin_open(&ctx, path, &u, &err));
	assert_int_equal(vs_usbin_distances(&ctx, u, 0, 2, d, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "query 1 has distance NaN at place 1"));
	vs_usbin_close(&ctx, u);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

/* Any size but the two is refused, with both. */
static void test_sizes(void **state)
{
	const char *path = tmpdir_file(&dir, "a.usbin");
	struct vs_err err = {0};
	uint8_t b[72] = {0};
	struct vs_usbin *u;
	struct vs_ctx ctx;
	size_t n;
	int rc;

	(void)state;
	vs_ctx_init(&ctx);
	expect(b, false);
	for (n = 0; n <= sizeof(b); n++) {
		tmpdir_put(path, b, n);
		rc = vs_usbin_open(&ctx, path, &u, &err);
		if (n == 32 || n == 56) {
			CHECK(rc);
			vs_usbin_close(&ctx, u);
			continue;
		}
		assert_int_equal(rc, VS_EDATA);
		assert_null(u);
		/* 2 queries with 3 results in all have 28 or 40 bytes; the
		 * first of them would have 5. */
		if (n < 8)
			assert_non_null(strstr(err.msg, "the header"));
		else if (n == 28 || n == 40)
			assert_non_null(strstr(err.msg,
					       "query 0 says 5 results; "
					       "expected 0 to 3"));
		else
			assert_non_null(strstr(err.msg,
					       "expected 56 (with distances) "
					       "or 32 (ids alone)"));
	}
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

/* Three queries of range searches with 2, 0 and 3 results. */
static const uint32_t range_words[15] = {
	3, 5, 2, 0, 3, 7, 8, 9, 0, NONE - 1,
	0x3f800000, 0x40000000, 0, 0x7f800000, 0x80000000,
};

static void test_range(void **state)
{
	static const uint64_t want[5] = {7, 8, 9, 0, NONE - 1};
	const char *path = tmpdir_file(&dir, "r.usbin");
	struct vs_err err = {0};
	uint64_t ids[5];
	uint32_t counts[3];
	uint8_t b[60];
	struct vs_usbin *u;
	struct vs_ctx ctx;
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	for (i = 0; i < 15; i++)
		vs_put_le32(b + i * 4, range_words[i]);
	for (i = 0; i < 2; i++) {
		tmpdir_put(path, b, i == 0 ? 60 : 40);
		CHECK(vs_usbin_open(&ctx, path, &u, &err));
		assert_int_equal(vs_usbin_queries(u), 3);
		assert_int_equal(vs_usbin_k(u), 0);
		assert_true(vs_usbin_has_distances(u) == (i == 0));
		assert_true(vs_usbin_total(u) == 5);
		assert_int_equal(vs_usbin_longest(u), 3);
		CHECK(vs_usbin_counts(&ctx, u, 0, 3, counts, &err));
		assert_memory_equal(counts, range_words + 2, 12);
		CHECK(vs_usbin_counts(&ctx, u, 2, 1, counts, &err));
		assert_int_equal(counts[0], 3);
		CHECK(vs_usbin_listed(&ctx, u, 0, 5, ids, &err));
		assert_memory_equal(ids, want, sizeof(want));
		CHECK(vs_usbin_listed(&ctx, u, 2, 3, ids, &err));
		assert_memory_equal(ids, want + 2, 24);
		vs_usbin_close(&ctx, u);
	}
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_damaged_range(void **state)
{
	static const struct {
		size_t at;
		uint32_t word;
		const char *says;
	} cases[] = {
		{2, 3, "add up to 6; expected the 5"},
		{2, 1, "add up to 4; expected the 5"},
		{2, NONE, "query 0 says -1 results; expected 0 to 5"},
		{4, 6, "query 2 says 6 results"},
		{12, 0x7fc00000, "result 2, counted from 0 through all "
				 "queries, has distance NaN"},
		{6, NONE, "result 1, counted from 0 through all queries, has "
			  "id -1"},
		{0, 0x80000003, "has 60 bytes; expected"},
	};
	const char *path = tmpdir_file(&dir, "r.usbin");
	struct vs_err err = {0};
	struct vs_usbin *u;
	struct vs_ctx ctx;
	uint64_t ids[5];
	uint8_t b[60];
	size_t i, w;
	int rc;

	(void)state;
	vs_ctx_init(&ctx);
	for (i = 0; i < N_OF(cases); i++) {
		for (w = 0; w < 15; w++)
			vs_put_le32(b + w * 4, w == cases[i].at ?
						       cases[i].word :
						       range_words[w]);
		tmpdir_put(path, b, sizeof(b));
		vs_err_clear(&err);
		rc = vs_usbin_open(&ctx, path, &u, &err);
		if (rc == 0)
			rc = vs_usbin_listed(&ctx, u, 0, 5, ids, &err);
		assert_int_equal(rc, VS_EDATA);
		if (strstr(err.msg, cases[i].says) == NULL)
			fail_msg("case %zu: %s", i, err.msg);
		vs_usbin_close(&ctx, u);
	}
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_damaged_headers(void **state)
{
	static const struct {
		uint32_t n, k;
		const char *says;
	} cases[] = {
		{2, 0, "says 0 neighbours"},
		{2, VS_K_MAX + 1, "says 65537 neighbours"},
		{UINT32_MAX, UINT32_MAX, "says 4294967295 neighbours"},
		{UINT32_MAX, VS_K_MAX, "expected 2251799813160968 "},
		{0, 3, "expected 8 (with distances) or 8 (ids"},
	};
	const char *path = tmpdir_file(&dir, "a.usbin");
	struct vs_err err = {0};
	uint8_t b[56];
	struct vs_usbin *u;
	struct vs_ctx ctx;
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	for (i = 0; i < N_OF(cases); i++) {
		expect(b, false);
		vs_put_le32(b, cases[i].n);
		vs_put_le32(b + 4, cases[i].k);
		tmpdir_put(path, b, sizeof(b));
		assert_int_equal(vs_usbin_open(&ctx, path, &u, &err), VS_EDATA);
		if (strstr(err.msg, cases[i].says) == NULL)
			fail_msg("%s", err.msg);
	}
}

static void test_failing_reads(void **state)
{
	const char *path = tmpdir_file(&dir, "a.usbin");
	struct faults f = {.sys = EIO, .at = 1};
	struct vs_err err = {0};
	struct vs_usbin *u;
	struct vs_ctx ctx;
	uint64_t ids[6];
	uint8_t b[56];
	float d[6];
	int rc;

	(void)state;
	vs_ctx_init(&ctx);
	expect(b, false);
	tmpdir_put(path, b, sizeof(b));
	for (;; f.at++) {
		faults_set(&ctx, &f);
		vs_err_clear(&err);
		rc = vs_usbin_open(&ctx, path, &u, &err);
		if (rc == 0)
			rc = vs_usbin_ids(&ctx, u, 0, 2, ids, &err);
		if (rc == 0)
			rc = vs_usbin_distances(&ctx, u, 0, 2, d, &err);
		vs_usbin_close(&ctx, u);
		assert_true(atomic_load(&ctx.mem_now) == 0);
		if (atomic_load(&f.n_fired) == 0)
			break;
		assert_int_equal(err.code, rc);
	}
	assert_int_equal(rc, 0);
	assert_true(f.at > 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_range),
		TEST(test_damaged_range),
		TEST(test_usbin_bytes),
		TEST(test_npy_bytes),
		TEST(test_usbin_in_sequence),
		TEST(test_much_usbin),
		TEST(test_wide_ids_are_refused),
		TEST(test_reading),
		TEST(test_sizes),
		TEST(test_damaged_headers),
		TEST(test_failing_reads),
	};

	return cmocka_run_group_tests_name("usbin", tests, NULL, NULL);
}
