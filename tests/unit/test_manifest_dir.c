/* test_manifest_dir.c - generations in a directory: the newest is current, and
 * damage is never a step back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "manifestfix.h"
#include "vs/mem.h"

/* Publishes fix_sample() as a generation, with a mark in it. */
static void publish(struct vs_ctx *ctx, uint64_t generation, uint32_t mark)
{
	struct vs_manifest *m = fix_sample(ctx);
	struct vs_err err = { 0 };
	bool existed = true;

	m->generation = generation;
	m->vnodes = mark;
	if (generation == 1)
		CHECK(vs_manifest_seal(ctx, m, &err));
	CHECK(vs_manifest_publish(ctx, m, &existed, &err));
	assert_false(existed);
	vs_manifest_destroy(ctx, m);
}

static void assert_opens(struct vs_ctx *ctx, const char *tail,
			 uint64_t generation, uint32_t mark)
{
	struct vs_err err = { 0 };
	struct vs_manifest *m;
	char spec[512];

	snprintf(spec, sizeof(spec), "%s%s", fix_dir.path, tail);
	CHECK(vs_manifest_open(ctx, spec, &m, &err));
	assert_true(m->generation == generation);
	assert_int_equal(m->vnodes, mark);
	vs_manifest_destroy(ctx, m);
}

static int open_fails(struct vs_ctx *ctx, const char *tail, struct vs_err *err)
{
	struct vs_manifest *m;
	char spec[512];
	int rc;

	snprintf(spec, sizeof(spec), "%s%s", fix_dir.path, tail);
	vs_err_clear(err);
	rc = vs_manifest_open(ctx, spec, &m, err);
	assert_null(m);
	return rc;
}

static void test_the_newest_generation_is_current(void **state)
{
	struct vs_err err = { 0 };
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	assert_int_equal(open_fails(&ctx, "", &err), VS_ENOINPUT);
	assert_non_null(strstr(err.msg, "holds no generation"));
	publish(&ctx, 1, 11);
	assert_opens(&ctx, "", 1, 11);
	publish(&ctx, 2, 12);
	publish(&ctx, 10, 20);
	publish(&ctx, 9, 19);
	assert_opens(&ctx, "", 10, 20);
	assert_opens(&ctx, "/", 10, 20);
	assert_opens(&ctx, "@2", 2, 12);
	assert_opens(&ctx, "@1", 1, 11);
	assert_opens(&ctx, "/@000009", 9, 19);
	assert_int_equal(open_fails(&ctx, "@3", &err), VS_ENOINPUT);
	assert_non_null(strstr(err.msg, "000003.yaml"));
	assert_int_equal(open_fails(&ctx, "@0", &err), VS_EUSAGE);
	assert_int_equal(open_fails(&ctx, "/nothing", &err), VS_ENOINPUT);
	publish(&ctx, 999999, 21);
	publish(&ctx, 1000000, 22);
	assert_opens(&ctx, "", 1000000, 22);

	/* Names that are none of ours. */
	tmpdir_put(tmpdir_file(&fix_dir, "2000000.yml"), "x", 1);
	tmpdir_put(tmpdir_file(&fix_dir, "02000000.yaml"), "x", 1);
	tmpdir_put(tmpdir_file(&fix_dir, "notes.yaml"), "x", 1);
	tmpdir_put(tmpdir_file(&fix_dir, ".2000000.yaml"), "x", 1);
	tmpdir_put(tmpdir_file(&fix_dir, "2000000.yaml.bak"), "x", 1);
	assert_opens(&ctx, "", 1000000, 22);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_damage_is_never_a_step_back(void **state)
{
	struct vs_err err;
	struct vs_ctx ctx;
	char text[8192];
	long n;

	(void)state;
	vs_ctx_init(&ctx);
	publish(&ctx, 1, 11);
	publish(&ctx, 2, 12);
	n = tmpdir_get(tmpdir_file(&fix_dir, "000002.yaml"), text,
		       sizeof(text));
	assert_true(n > 0);
	text[n / 2] ^= 1;
	tmpdir_put(tmpdir_file(&fix_dir, "000002.yaml"), text, (size_t)n);
	assert_int_equal(open_fails(&ctx, "", &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "000002.yaml"));
	tmpdir_put(tmpdir_file(&fix_dir, "000002.yaml"), "", 0);
	assert_int_equal(open_fails(&ctx, "", &err), VS_EDATA);
	assert_opens(&ctx, "@1", 1, 11);

	/* A copy under another name. */
	n = tmpdir_get(tmpdir_file(&fix_dir, "000001.yaml"), text,
		       sizeof(text));
	tmpdir_put(tmpdir_file(&fix_dir, "000002.yaml"), text, (size_t)n);
	assert_int_equal(open_fails(&ctx, "", &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "says it is generation 1"));
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_two_writers_cannot_both_win(void **state)
{
	struct vs_manifest *m;
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	bool existed;

	(void)state;
	vs_ctx_init(&ctx);
	publish(&ctx, 1, 11);
	m = fix_sample(&ctx);
	assert_int_equal(vs_manifest_publish(&ctx, m, &existed, &err),
			 VS_ECREATE);
	assert_true(existed);
	assert_opens(&ctx, "", 1, 11);
	assert_int_equal(tmpdir_count(&fix_dir, ""), 1);

	/* Nor does one publish what nobody could read. */
	m->generation = 2;
	m->n_rows++;
	assert_int_equal(vs_manifest_publish(&ctx, m, &existed, &err),
			 VS_EDATA);
	assert_int_equal(tmpdir_count(&fix_dir, ""), 1);
	vs_manifest_destroy(&ctx, m);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_pins(void **state)
{
	static const struct {
		const char *spec, *dir;
		uint64_t generation;
	} cases[] = {
		{ "sift", "sift", 0 },	   { "sift@7", "sift", 7 },
		{ "sift/@7", "sift/", 7 }, { "a@2/b", "a@2/b", 0 },
		{ "a@2/b@3", "a@2/b", 3 }, { "me@home", "me@home", 0 },
		{ "a@", "a@", 0 },	   { "@7", "@7", 0 },
		{ "a@-1", "a@-1", 0 },	   { "a@7/", "a@7/", 0 },
	};
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	uint64_t g;
	char *d;
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	for (i = 0; i < N_OF(cases); i++) {
		CHECK(vs_manifest_split(&ctx, cases[i].spec, &d, &g, &err));
		assert_string_equal(d, cases[i].dir);
		assert_true(g == cases[i].generation);
		vs_free(&ctx, d);
	}
	assert_true(vs_manifest_is_collection(&ctx, fix_dir.path));
	tmpdir_put(tmpdir_file(&fix_dir, "x.vss"), "x", 1);
	assert_false(vs_manifest_is_collection(&ctx,
					       tmpdir_file(&fix_dir, "x.vss")));
	assert_false(
		vs_manifest_is_collection(&ctx, tmpdir_file(&fix_dir, "none")));
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void assert_relative(struct vs_ctx *ctx, const char *path,
			    const char *want)
{
	struct vs_err err = { 0 };
	char *got;

	CHECK(vs_manifest_relative(ctx, tmpdir_file(&fix_dir, "c"), path, &got,
				   &err));
	assert_string_equal(got, want);
	vs_free(ctx, got);
}

static void test_paths(void **state)
{
	struct vs_manifest m = { 0 };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	char real[4096], want[4200], *p;

	(void)state;
	vs_ctx_init(&ctx);
	assert_non_null(realpath(fix_dir.path, real));
	assert_int_equal(mkdir(tmpdir_file(&fix_dir, "c"), 0777), 0);
	assert_int_equal(mkdir(tmpdir_file(&fix_dir, "c/in"), 0777), 0);
	assert_int_equal(mkdir(tmpdir_file(&fix_dir, "cc"), 0777), 0);
	tmpdir_put(tmpdir_file(&fix_dir, "c/in/a.bvecs"), "x", 1);
	tmpdir_put(tmpdir_file(&fix_dir, "cc/b.bvecs"), "x", 1);
	assert_int_equal(
		symlink("../cc/b.bvecs", tmpdir_file(&fix_dir, "c/link.bvecs")),
		0);
	assert_relative(&ctx, tmpdir_file(&fix_dir, "c/in/a.bvecs"),
			"in/a.bvecs");
	assert_relative(&ctx, tmpdir_file(&fix_dir, "cc/../c/./in//a.bvecs"),
			"in/a.bvecs");
	snprintf(want, sizeof(want), "%s/cc/b.bvecs", real);
	assert_relative(&ctx, tmpdir_file(&fix_dir, "cc/b.bvecs"), want);
	assert_relative(&ctx, tmpdir_file(&fix_dir, "c/link.bvecs"), want);
	assert_int_equal(vs_manifest_relative(&ctx, fix_dir.path,
					      tmpdir_file(&fix_dir, "none"), &p,
					      &err),
			 VS_ENOINPUT);

	m.dir = want;
	strcpy(want, "x");
	p = vs_manifest_path(&ctx, &m, "model.vsm", &err);
	assert_string_equal(p, "x/model.vsm");
	vs_free(&ctx, p);
	strcpy(want, "x/");
	p = vs_manifest_path(&ctx, &m, "model.vsm", &err);
	assert_string_equal(p, "x/model.vsm");
	vs_free(&ctx, p);
	p = vs_manifest_path(&ctx, &m, "/data/a.bvecs", &err);
	assert_string_equal(p, "/data/a.bvecs");
	vs_free(&ctx, p);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

/* n rows of 4 x u8. */
static void put_bvecs(const char *path, unsigned n, unsigned char first)
{
	unsigned char b[8 * 100];
	unsigned i;

	for (i = 0; i < n; i++)
		memcpy(b + 8 * i,
		       (unsigned char[]){ 4, 0, 0, 0, first, (unsigned char)i,
					  2, 3 },
		       8);
	tmpdir_put(path, b, 8 * n);
}

static void test_inputs_must_be_what_they_were(void **state)
{
	struct vs_manifest *m;
	struct vs_err err = { 0 };
	struct vs_vecs *v;
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	put_bvecs(tmpdir_file(&fix_dir, "a.bvecs"), 30, 7);
	put_bvecs(tmpdir_file(&fix_dir, "b.x"), 20, 8);
	CHECK(vs_manifest_create(&ctx, fix_dir.path, 2, 2, &m, &err));
	m->n_rows = 50;
	m->dim = 4;
	m->dtype = VS_U8;
	m->input_format = VS_FMT_BVECS; /* the second name does not say it */
	m->inputs[0].path = vs_strdup(&ctx, "a.bvecs", &err);
	m->inputs[1].path = vs_strdup(&ctx, tmpdir_file(&fix_dir, "b.x"), &err);
	assert_int_equal(vs_manifest_inputs(&ctx, m, &v, &err), VS_EDATA);
	assert_null(v);
	assert_non_null(strstr(err.msg, "holds other vectors"));
	{
		const char *paths[] = { tmpdir_file(&fix_dir, "a.bvecs"),
					tmpdir_file(&fix_dir, "b.x") };
		const struct vs_vecs_options o = { .format = VS_FMT_BVECS };

		CHECK(vs_vecs_open(&ctx, paths, 2, &o, &v, &err));
		CHECK(vs_vecs_quick_digest(&ctx, v, &m->input, &err));
		vs_vecs_close(&ctx, v);
	}
	CHECK(vs_manifest_inputs(&ctx, m, &v, &err));
	assert_true(vs_vecs_rows(v) == 50);
	vs_vecs_close(&ctx, v);

	put_bvecs(tmpdir_file(&fix_dir, "a.bvecs"), 31, 7);
	assert_int_equal(vs_manifest_inputs(&ctx, m, &v, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "51 rows"));
	put_bvecs(tmpdir_file(&fix_dir, "a.bvecs"), 30, 6);
	assert_int_equal(vs_manifest_inputs(&ctx, m, &v, &err), VS_EDATA);
	unlink(tmpdir_file(&fix_dir, "a.bvecs"));
	assert_int_equal(vs_manifest_inputs(&ctx, m, &v, &err), VS_ENOINPUT);
	vs_manifest_destroy(&ctx, m);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_the_ring_has_the_weights(void **state)
{
	static const uint32_t weights[] = { 1, 1, 2 };
	struct vs_ring *a, *b;
	struct vs_manifest *m;
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	uint64_t i;

	(void)state;
	vs_ctx_init(&ctx);
	m = fix_sample(&ctx);
	CHECK(vs_manifest_ring(&ctx, m, &a, &err));
	CHECK(vs_ring_create(&ctx, weights, 3, 16, &b, &err));
	for (i = 0; i < 1000; i++)
		assert_int_equal(vs_ring_owner(a, i), vs_ring_owner(b, i));
	vs_ring_destroy(&ctx, a);
	vs_ring_destroy(&ctx, b);
	vs_manifest_destroy(&ctx, m);
}

/* Each call of the system failing in turn: an error and nothing half done. */
static void test_every_failed_call_is_clean(void **state)
{
	struct faults f = { .sys = EIO };
	struct vs_manifest *m, *back;
	struct vs_err err;
	struct vs_ctx ctx;
	char path[512];
	uint64_t held;
	int rc = -1;

	(void)state;
	vs_ctx_init(&ctx);
	m = fix_sample(&ctx);
	held = atomic_load(&ctx.mem_now);
	snprintf(path, sizeof(path), "%s",
		 tmpdir_file(&fix_dir, "000001.yaml"));
	for (f.at = 1; rc != 0; f.at++) {
		vs_err_clear(&err);
		faults_set(&ctx, &f);
		rc = vs_manifest_publish(&ctx, m, NULL, &err);
		assert_true(atomic_load(&ctx.mem_now) == held);
		if (rc == 0 && atomic_load(&f.n_fired) != 0)
			unlink(path), rc = -1; /* one that may fail */
		if (rc != 0)
			assert_int_equal(tmpdir_count(&fix_dir, ".tmp"), 0);
		if (rc != 0)
			unlink(path);
	}
	assert_true(f.at > 10);
	rc = -1;
	for (f.at = 1; rc != 0; f.at++) {
		vs_err_clear(&err);
		faults_set(&ctx, &f);
		rc = vs_manifest_open(&ctx, fix_dir.path, &back, &err);
		if (rc == 0 && atomic_load(&f.n_fired) != 0)
			vs_manifest_destroy(&ctx, back), rc = -1;
		if (rc != 0)
			assert_true(atomic_load(&ctx.mem_now) == held);
	}
	assert_true(f.at > 10);
	fix_assert_same(m, back);
	vs_manifest_destroy(&ctx, back);
	vs_manifest_destroy(&ctx, m);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fix_make_dir, fix_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_newest_generation_is_current),
		TEST(test_damage_is_never_a_step_back),
		TEST(test_two_writers_cannot_both_win),
		TEST(test_pins),
		TEST(test_paths),
		TEST(test_inputs_must_be_what_they_were),
		TEST(test_the_ring_has_the_weights),
		TEST(test_every_failed_call_is_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
