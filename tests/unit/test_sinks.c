/* test_sinks.c - sinks of hits, in each format: what they write, refuse and
 * replace, and what is left when calls fail. */
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_format_names),
		TEST(test_text_sinks),
		TEST(test_values_read_back),
		TEST(test_much_text),
		TEST(test_text_in_any_locale),
		TEST(test_binary_sinks),
		TEST(test_ivecs_refuses_wide_ids),
		TEST(test_sinks_over_old_files),
		TEST(test_standard_output),
		TEST(test_failing_sinks),
	};

	return cmocka_run_group_tests_name("sinks", tests, NULL, NULL);
}
