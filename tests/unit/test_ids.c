/* test_ids.c - ids from files, and the search for one that is given twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "check.h"
#include "dirfix.h"
#include "faults.h"
#include "lib/op/unique.h"
#include "vecsfile.h"
#include "vs/mem.h"
#include "vs/zst.h"

#define MANY 200000 /* lines: more than three marks */

/* Different for all rows, of 1 to 20 digits, in no order. */
static uint64_t id_of(uint64_t row)
{
	return (row * 0x9e3779b97f4a7c15u) >> (row % 60);
}

static const char *put_text(const char *name, const char *text)
{
	const char *path = tmpdir_file(&dir, name);

	tmpdir_put(path, text, strlen(text));
	return path;
}

static const char *put_many(const char *end)
{
	const char *path = tmpdir_file(&dir, "many.txt");
	FILE *f = fopen(path, "wb");
	uint64_t i;

	assert_non_null(f);
	for (i = 0; i < MANY; i++)
		fprintf(f, "%llu%s", (unsigned long long)id_of(i),
			i + 1 < MANY ? end : "");
	assert_int_equal(fclose(f), 0);
	return path;
}

static int open_ids(struct vs_ctx *ctx, const char *path, uint64_t n,
		    struct vs_ids **ids, struct vs_err *err)
{
	vs_err_clear(err);
	return vs_ids_open(ctx, path, n, "base.bvecs", ids, err);
}

static void test_any_line_of_a_text(void **state)
{
	static const uint64_t places[] = { 0,	   5,	   65535, 65536, 65537,
					   131071, 199999, 7,	  131072 };
	const char *ends[] = { "\n", "\r\n" };
	struct vs_err err = { 0 };
	struct vs_ids *ids;
	struct vs_ctx ctx;
	uint64_t got[100];
	size_t e, p, i, n;

	(void)state;
	vs_ctx_init(&ctx);
	for (e = 0; e < N_OF(ends); e++) {
		CHECK(open_ids(&ctx, put_many(ends[e]), MANY, &ids, &err));
		for (p = 0; p < N_OF(places); p++) {
			n = places[p] + N_OF(got) > MANY ?
				    (size_t)(MANY - places[p]) :
				    N_OF(got);
			CHECK(vs_ids_read(&ctx, ids, places[p], n, got, &err));
			for (i = 0; i < n; i++)
				assert_true(got[i] == id_of(places[p] + i));
		}
		vs_ids_close(&ctx, ids);
	}
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

/* Rewritten in place to fewer lines: an error, not a search without end. */
static void test_a_text_that_changes(void **state)
{
	struct vs_err err = { 0 };
	struct vs_ids *ids;
	struct vs_ctx ctx;
	const char *path;
	uint64_t got[4];
	char *text;
	FILE *f;

	(void)state;
	vs_ctx_init(&ctx);
	text = malloc(8 * MANY);
	memset(text, '0', 8 * MANY);
	for (size_t i = 0; i < MANY; i++)
		text[8 * i + 7] = '\n';
	path = tmpdir_file(&dir, "changing.txt");
	tmpdir_put(path, text, 8 * MANY);
	CHECK(open_ids(&ctx, path, MANY, &ids, &err));
	CHECK(vs_ids_read(&ctx, ids, 0, 1, got, &err));
	for (size_t i = 0; i < MANY; i += 2)
		text[8 * i + 7] = '0';
	f = fopen(path, "r+b");
	assert_non_null(f);
	assert_true(fwrite(text, 8, MANY, f) == MANY);
	assert_int_equal(0, fclose(f));
	free(text);
	assert_int_equal(VS_EDATA,
			 vs_ids_read(&ctx, ids, MANY - 4, 4, got, &err));
	assert_non_null(strstr(err.msg, "changed while it was read"));
	vs_ids_close(&ctx, ids);
}

/* Packed, and through a pipe. */
static void test_ids_that_are_kept_aside(void **state)
{
	const char *path = tmpdir_file(&dir, "packed.txt.zst");
	const char text[] = "7\n18446744073709551614\n0\n";
	struct vs_err err = { 0 };
	struct vs_ids *ids;
	struct vs_ctx ctx;
	uint64_t got[3];
	uint8_t packed[256];
	size_t n;

	(void)state;
	vs_ctx_init(&ctx);
	ctx.scratch_dir = dir.path;
	CHECK(vs_zst_pack(&ctx, packed, sizeof(packed), text, strlen(text), &n,
			  &err));
	tmpdir_put(path, packed, n);
	CHECK(open_ids(&ctx, path, 3, &ids, &err));
	CHECK(vs_ids_read(&ctx, ids, 0, 3, got, &err));
	assert_true(got[0] == 7 && got[1] == VS_ID_MAX && got[2] == 0);
	vs_ids_close(&ctx, ids);
	tmpdir_put(path, packed, n - 1);
	assert_int_equal(VS_EDATA, open_ids(&ctx, path, 3, &ids, &err));
	assert_null(ids);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

/* One identity for all formats, and that of a set of vectors. */
static void test_the_digest_is_that_of_a_column(void **state)
{
	const struct vs_vecs_options opt = { .column = true };
	const char *paths[1];
	struct vs_digest a, b, c;
	struct vs_err err = { 0 };
	struct vs_vecs *v;
	struct vs_ids *ids;
	struct vs_ctx ctx;
	struct image im;
	uint64_t *rows;
	size_t n, i;

	(void)state;
	vs_ctx_init(&ctx);
	rows = malloc(4 * MANY * sizeof(*rows));
	for (n = MANY; n <= 4 * MANY; n *= 4) {
		FILE *f = fopen(tmpdir_file(&dir, "x.txt"), "wb");

		assert_non_null(f);
		for (i = 0; i < n; i++) {
			rows[i] = id_of(i);
			fprintf(f, "%llu\n", (unsigned long long)rows[i]);
		}
		assert_int_equal(fclose(f), 0);
		image_npy(&im, 1, "<u8", 1, n, 8, rows);
		paths[0] = tmpdir_file(&dir, "x.npy");
		image_save(&im, paths[0]);
		CHECK(vs_vecs_open(&ctx, paths, 1, &opt, &v, &err));
		CHECK(vs_vecs_quick_digest(&ctx, v, &a, &err));
		vs_vecs_close(&ctx, v);
		CHECK(open_ids(&ctx, paths[0], n, &ids, &err));
		CHECK(vs_ids_quick_digest(&ctx, ids, &b, &err));
		vs_ids_close(&ctx, ids);
		CHECK(open_ids(&ctx, tmpdir_file(&dir, "x.txt"), n, &ids,
			       &err));
		CHECK(vs_ids_quick_digest(&ctx, ids, &c, &err));
		vs_ids_close(&ctx, ids);
		assert_true(vs_digest_equal(&a, &b));
		assert_true(vs_digest_equal(&a, &c));
	}
	free(rows);
}

static void test_texts_that_are_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "", "holds 0 ids; expected 3" },
		{ "1\n2\n", "holds 2 ids; expected 3, one for each row of" },
		{ "1\n2\n3\n4", "holds 4 ids" },
		{ "1\n2\n3\n\n", "line 4 (counted from 1) is ''" },
		{ "1\n\n3\n", "line 2 (counted from 1) is ''" },
		{ "1\n 2\n3\n", "line 2 (counted from 1) is ' 2'" },
		{ "1\n2 \n3\n", "line 2" },
		{ "1\n-2\n3\n", "line 2 (counted from 1) is '-2'" },
		{ "1\n2.0\n3\n", "line 2" },
		{ "a\n2\n3\n", "line 1 (counted from 1) is 'a'" },
		{ "1\n2\n18446744073709551615\n", "line 3" },
		{ "1\n2\n18446744073709551616\n", "line 3" },
		{ "1\r2\r3\r", "line 1 (counted from 1) is '1?2?3'" },
		{ "1\n2\n"
		  "00000000000000000000000000000000000000000000000000000000000"
		  "000000000000000000000000000001\n",
		  "line 3" },
		{ "\x93NUMPY\n", "line 1 (counted from 1) is '?NUMPY'" },
	};
	struct vs_ids *ids;
	struct vs_err err;
	struct vs_ctx ctx;
	size_t i;
	int rc;

	(void)state;
	vs_ctx_init(&ctx);
	for (i = 0; i < N_OF(bad); i++) {
		rc = open_ids(&ctx, put_text("bad.txt", bad[i].text), 3, &ids,
			      &err);
		if (rc != VS_EDATA || strstr(err.msg, bad[i].says) == NULL)
			fail_msg("%s: code %d, \"%s\"", bad[i].says, rc,
				 err.msg);
		assert_null(ids);
	}
	assert_int_equal(open_ids(&ctx, tmpdir_file(&dir, "none"), 3, &ids,
				  &err),
			 VS_ENOINPUT);
	rc = open_ids(&ctx, put_text("good", "0\n007\n18446744073709551614"), 3,
		      &ids, &err);
	check(rc, &err);
	vs_ids_close(&ctx, ids);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

/* ids[0..n) as a stream. */
static void stream_of(struct vs_ctx *ctx, const uint64_t *ids, size_t n,
		      struct vs_op_stream *s)
{
	const char *path = tmpdir_file(&dir, "s.npy");
	struct vs_err err = { 0 };
	struct image im;

	image_npy(&im, 1, "<u8", 1, n, 8, ids);
	image_save(&im, path);
	memset(s, 0, sizeof(*s));
	s->end = n;
	CHECK(open_ids(ctx, path, n, &s->ids, &err));
}

static int check_ids(struct vs_ctx *ctx, const uint64_t *ids, size_t n,
		     struct vs_op_id_facts *facts, struct vs_err *err)
{
	struct vs_op_stream s;
	int rc;

	stream_of(ctx, ids, n, &s);
	vs_err_clear(err);
	rc = vs_op_ids_check(ctx, &s, facts, err);
	vs_op_stream_clear(ctx, &s);
	return rc;
}

/* In one pass or in many the same rows are named. */
static void test_the_first_repeat_is_found(void **state)
{
	static const uint64_t ceilings[] = { UINT64_MAX, 1200000, 400000 };
	struct vs_op_id_facts facts;
	struct vs_err err;
	struct vs_ctx ctx;
	uint64_t *ids = malloc(MANY * sizeof(*ids)), max = 0;
	size_t i;

	(void)state;
	for (i = 0; i < MANY; i++) {
		ids[i] = i * 0x9e3779b97f4a7c15u;
		max = ids[i] > max ? ids[i] : max;
	}
	for (i = 0; i < N_OF(ceilings); i++) {
		vs_ctx_init(&ctx);
		ctx.memory_max = ceilings[i];
		CHECK(check_ids(&ctx, ids, MANY, &facts, &err));
		assert_true(facts.max == max && facts.n == MANY);
		ids[150000] = ids[3];
		ids[150001] = ids[2];
		ids[199999] = ids[3];
		assert_int_equal(check_ids(&ctx, ids, MANY, &facts, &err),
				 VS_EDATA);
		if (strstr(err.msg, "rows 3 and 150000 ") == NULL)
			fail_msg("%s", err.msg);
		ids[150000] = (uint64_t)150000 * 0x9e3779b97f4a7c15u;
		ids[150001] = (uint64_t)150001 * 0x9e3779b97f4a7c15u;
		ids[199999] = (uint64_t)199999 * 0x9e3779b97f4a7c15u;
		assert_true(atomic_load(&ctx.mem_now) == 0);
		assert_true(atomic_load(&ctx.mem_peak) <= ceilings[i]);
	}
	free(ids);
}

static void test_ids_that_ascend_need_no_table(void **state)
{
	struct vs_op_id_facts facts;
	struct vs_err err;
	struct vs_ctx ctx;
	uint64_t ids[] = { 1, 2, 5, 5, 9 };

	(void)state;
	vs_ctx_init(&ctx);
	assert_int_equal(check_ids(&ctx, ids, 5, &facts, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "rows 2 and 3 "));
	ids[3] = 6;
	CHECK(check_ids(&ctx, ids, 5, &facts, &err));
	assert_true(facts.max == 9);
	CHECK(check_ids(&ctx, ids, 1, &facts, &err));
	assert_true(facts.max == 1);
}

static void test_every_failed_call_is_clean(void **state)
{
	const char *path = put_many("\n");
	struct faults f = { .sys = EIO };
	struct vs_op_id_facts facts;
	struct vs_op_stream s;
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	int rc;

	(void)state;
	for (f.at = 1;; f.at++) {
		vs_ctx_init(&ctx);
		faults_set(&ctx, &f);
		vs_err_clear(&err);
		memset(&s, 0, sizeof(s));
		s.end = MANY;
		rc = vs_ids_open(&ctx, path, MANY, "x", &s.ids, &err);
		if (rc == 0)
			rc = vs_op_ids_check(&ctx, &s, &facts, &err);
		vs_op_stream_clear(&ctx, &s);
		assert_true(atomic_load(&ctx.mem_now) == 0);
		if (atomic_load(&f.n_fired) == 0)
			break;
		assert_true(rc != 0 && err.msg[0] != '\0');
	}
	/* id_of repeats itself now and then. */
	assert_int_equal(rc, VS_EDATA);
	assert_true(f.at > 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_any_line_of_a_text),
		TEST(test_a_text_that_changes),
		TEST(test_ids_that_are_kept_aside),
		TEST(test_the_digest_is_that_of_a_column),
		TEST(test_texts_that_are_refused),
		TEST(test_the_first_repeat_is_found),
		TEST(test_ids_that_ascend_need_no_table),
		TEST(test_every_failed_call_is_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
