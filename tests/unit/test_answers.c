/* test_answers.c - the same ids from each kind of file that can hold answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
#include "dirfix.h"
#include "lib/op/answers.h"
#include "vecsfile.h"
#include "vs/num.h"

/* Two queries of three; the largest is what i32 can hold. */
static const uint64_t ids[6] = {7, 0, INT32_MAX, 1, VS_ID_NONE, VS_ID_NONE};

/* The ids cut to elem bytes: -1 stays -1. */
static void cut(uint8_t *b, size_t elem)
{
	size_t i;

	for (i = 0; i < 6; i++) {
		if (elem == 4)
			vs_put_le32(b + i * 4, (uint32_t)ids[i]);
		else
			vs_put_le64(b + i * 8, ids[i]);
	}
}

static void holds_ids(const char *path)
{
	struct vs_err err = {0};
	struct vs_answers a;
	struct vs_ctx ctx;
	uint64_t got[6];

	vs_ctx_init(&ctx);
	CHECK(vs_answers_open(&ctx, path, &a, &err));
	assert_true(a.n_queries == 2);
	assert_int_equal(a.n_columns, 3);
	assert_false(vs_answers_has_distances(&a));
	CHECK(vs_answers_read(&ctx, &a, 0, 2, got, NULL, &err));
	assert_memory_equal(got, ids, sizeof(ids));
	CHECK(vs_answers_read(&ctx, &a, 1, 1, got, NULL, &err));
	assert_memory_equal(got, ids + 3, sizeof(ids) / 2);
	vs_answers_close(&ctx, &a);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_npy_of_any_integers(void **state)
{
	static const struct {
		const char *descr;
		size_t elem;
	} cases[] = {{"<i4", 4}, {"<u4", 4}, {"<i8", 8}, {"<u8", 8}};
	const char *path = tmpdir_file(&dir, "a.npy");
	struct image im;
	uint8_t b[48];
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(cases); i++) {
		cut(b, cases[i].elem);
		image_npy(&im, 1, cases[i].descr, 3, 2, cases[i].elem, b);
		image_save(&im, path);
		holds_ids(path);
	}
}

static void test_other_files(void **state)
{
	const char *path;
	struct image im;
	uint8_t b[48];

	(void)state;
	cut(b, 4);
	path = tmpdir_file(&dir, "a.ivecs");
	image_rows(&im, 3, 2, 4, b);
	image_save(&im, path);
	holds_ids(path);
	path = tmpdir_file(&dir, "a.ibin");
	image_bin(&im, 3, 2, 4, b);
	image_save(&im, path);
	holds_ids(path);
	/* The same bytes are usbin without distances: by its name. */
	path = tmpdir_file(&dir, "a.usbin");
	image_bin(&im, 3, 2, 4, b);
	image_save(&im, path);
	holds_ids(path);
}

static void refuse(const char *path, const char *words)
{
	struct vs_err err = {0};
	struct vs_answers a;
	struct vs_ctx ctx;

	vs_ctx_init(&ctx);
	assert_int_equal(vs_answers_open(&ctx, path, &a, &err),
			 VS_EDATA);
	if (strstr(err.msg, words) == NULL)
		fail_msg("%s; expected %s", err.msg, words);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_what_is_no_answer(void **state)
{
	static const uint8_t rows[6] = {1, 2, 3, 4, 5, 6};
	const char *path = tmpdir_file(&dir, "a.npy");
	struct image im;

	(void)state;
	image_npy(&im, 1, "|u1", 3, 2, 1, rows);
	image_save(&im, path);
	refuse(path, "holds u8; expected ids of results");
	path = tmpdir_file(&dir, "a.usbin");
	tmpdir_put(path, rows, sizeof(rows));
	refuse(path, "has 6 bytes; expected at least the header");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_npy_of_any_integers),
		TEST(test_other_files),
		TEST(test_what_is_no_answer),
	};

	return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
