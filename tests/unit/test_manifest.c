/* test_manifest.c - manifests: what is written is read, what is damaged or
 * contradicts itself is refused, and generations never step back.
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
#include "tmpdir.h"
#include "vs/manifest.h"
#include "vs/mem.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static struct tmpdir dir;

static int make_dir(void **state)
{
	(void)state;
	tmpdir_make(&dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	tmpdir_remove(&dir);
	return 0;
}

static void check(int rc, const struct vs_err *err)
{
	if (rc != 0)
		fail_msg("code %d: %s", rc, err->msg);
}

#define CHECK(call) check(call, &err)

/* Two inputs, three shards. */
static struct vs_manifest *sample(struct vs_ctx *ctx)
{
	static const uint64_t rows[] = { 40, 35, 25 };
	struct vs_err err = { 0 };
	struct vs_manifest *m;
	uint32_t i;

	CHECK(vs_manifest_create(ctx, dir.path, 2, 3, &m, &err));
	m->metric = VS_IP;
	m->dtype = VS_U8;
	m->dim = 128;
	m->index = vs_strdup(ctx, "IVF64,Flat", &err);
	m->model_file = vs_strdup(ctx, VS_MANIFEST_MODEL, &err);
	m->model = (struct vs_digest){ { 1, 2, 3 } };
	m->vnodes = 16;
	m->n_rows = 100;
	m->input = (struct vs_digest){ { 9 } };
	m->inputs[0].path = vs_strdup(ctx, "base.bvecs", &err);
	m->inputs[0].n_rows = 60;
	m->inputs[1].path = vs_strdup(ctx, "/data/a: b.bvecs", &err);
	m->inputs[1].n_rows = 40;
	for (i = 0; i < 3; i++)
		m->shards[i].n_rows = rows[i];
	m->shards[2].weight = 2;
	CHECK(vs_manifest_seal(ctx, m, &err));
	return m;
}

/* The text of sample(), for ever. */
static const char golden[] =
	"# a collection of vs-tools; see vs-format(5); never edited, a change "
	"is a new file\n"
	"vs-collection: 1\n"
	"id: \"@ID@\"\n"
	"generation: 1\n"
	"metric: ip\n"
	"dtype: u8\n"
	"dim: 128\n"
	"index: \"IVF64,Flat\"\n"
	"model:\n"
	"  file: model.vsm\n"
	"  fingerprint: \"01020300000000000000000000000000\"\n"
	"rows: 100\n"
	"input:\n"
	"  quick-digest: \"09000000000000000000000000000000\"\n"
	"  format: auto\n"
	"  files:\n"
	"  - path: base.bvecs\n"
	"    rows: 60\n"
	"  - path: \"/data/a: b.bvecs\"\n"
	"    rows: 40\n"
	"sharding:\n"
	"  by: hash\n"
	"  vnodes: 16\n"
	"shards:\n"
	"- number: 0\n"
	"  file: shards/00000.vss\n"
	"  fingerprint: \"@0@\"\n"
	"  rows: 40\n"
	"  weight: 1\n"
	"- number: 1\n"
	"  file: shards/00001.vss\n"
	"  fingerprint: \"@1@\"\n"
	"  rows: 35\n"
	"  weight: 1\n"
	"- number: 2\n"
	"  file: shards/00002.vss\n"
	"  fingerprint: \"@2@\"\n"
	"  rows: 25\n"
	"  weight: 2\n"
	"hash: @HASH@\n";

static void put(struct vs_ctx *ctx, const struct vs_manifest *m,
		struct vs_buf *b)
{
	struct vs_err err = { 0 };

	CHECK(vs_manifest_put(ctx, m, b, &err));
}

static void assert_same(const struct vs_manifest *a,
			const struct vs_manifest *b)
{
	size_t i;

	assert_true(a->generation == b->generation);
	assert_true(vs_digest_equal(&a->collection, &b->collection));
	assert_int_equal(a->metric, b->metric);
	assert_int_equal(a->dtype, b->dtype);
	assert_int_equal(a->dim, b->dim);
	assert_string_equal(a->index, b->index);
	assert_true((a->model_file == NULL) == (b->model_file == NULL));
	if (a->model_file != NULL)
		assert_string_equal(a->model_file, b->model_file);
	assert_true(vs_digest_equal(&a->model, &b->model));
	assert_int_equal(a->sharding, b->sharding);
	assert_int_equal(a->vnodes, b->vnodes);
	assert_true(a->n_rows == b->n_rows);
	assert_true(vs_digest_equal(&a->input, &b->input));
	assert_int_equal(a->input_format, b->input_format);
	assert_int_equal(a->n_inputs, b->n_inputs);
	for (i = 0; i < a->n_inputs; i++) {
		assert_string_equal(a->inputs[i].path, b->inputs[i].path);
		assert_true(a->inputs[i].n_rows == b->inputs[i].n_rows);
	}
	assert_int_equal(a->n_shards, b->n_shards);
	for (i = 0; i < a->n_shards; i++) {
		assert_string_equal(a->shards[i].file, b->shards[i].file);
		assert_true(vs_digest_equal(&a->shards[i].fingerprint,
					    &b->shards[i].fingerprint));
		assert_true(a->shards[i].n_rows == b->shards[i].n_rows);
		assert_int_equal(a->shards[i].weight, b->shards[i].weight);
	}
}

/* Line by line; values in @..@ are any 32 digits. */
static void assert_golden(const char *text)
{
	const char *g = golden;

	while (*g != '\0') {
		if (*g == '@') {
			assert_int_equal(strspn(text, "0123456789abcdef"), 32);
			text += 32;
			g = strchr(g + 1, '@') + 1;
		} else {
			if (*text != *g)
				fail_msg("text \"%.60s\", expected \"%.60s\"",
					 text, g);
			text++;
			g++;
		}
	}
	assert_int_equal(*text, '\0');
}

static void test_text_is_pinned(void **state)
{
	struct vs_buf text = { 0 };
	char digest[VS_DIGEST_TEXT_MAX];
	struct vs_manifest *m;
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	m = sample(&ctx);
	put(&ctx, m, &text);
	assert_golden(text.p);
	/* Shards that were built must be found again by later versions. */
	assert_string_equal(vs_digest_text(&m->collection, digest),
			    "a1fed8995e2f8f0ee34ea2ebdea08871");
	assert_string_equal(vs_digest_text(&m->shards[2].fingerprint, digest),
			    "dfd54f6303863419082d0ee72b71b74f");
	vs_buf_free(&ctx, &text);
	vs_manifest_destroy(&ctx, m);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_what_is_written_is_read(void **state)
{
	struct vs_buf a = { 0 }, b = { 0 };
	struct vs_manifest *m, *back;
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	int i;

	(void)state;
	vs_ctx_init(&ctx);
	m = sample(&ctx);
	for (i = 0; i < 4; i++) {
		if (i == 1) { /* Flat */
			vs_free(&ctx, m->model_file);
			m->model_file = NULL;
			m->model = (struct vs_digest){ { 0 } };
		} else if (i == 2) {
			m->input_format = VS_FMT_U8BIN;
			m->shards[0].n_rows = 0;
			m->shards[1].n_rows = 75;
			vs_free(&ctx, m->inputs[0].path);
			m->inputs[0].path =
				vs_strdup(&ctx, "w\xc3\xa4 \"\\\n\t#x", &err);
		} else if (i == 3) {
			m->generation = 1234567;
		}
		if (i < 3)
			CHECK(vs_manifest_seal(&ctx, m, &err));
		vs_buf_clear(&a);
		vs_buf_clear(&b);
		put(&ctx, m, &a);
		CHECK(vs_manifest_parse(&ctx, "x", a.p, a.n, &back, &err));
		assert_same(m, back);
		put(&ctx, back, &b);
		assert_int_equal(a.n, b.n);
		assert_memory_equal(a.p, b.p, a.n);
		vs_manifest_destroy(&ctx, back);
	}
	vs_buf_free(&ctx, &a);
	vs_buf_free(&ctx, &b);
	vs_manifest_destroy(&ctx, m);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

/* What the fingerprints depend on, and what not. */
static void test_fingerprints_follow_the_contents(void **state)
{
	struct vs_digest id, shard, again, none;
	struct vs_err err = { 0 };
	struct vs_manifest *m;
	struct vs_ctx ctx;
	int i;

	(void)state;
	vs_ctx_init(&ctx);
	m = sample(&ctx);
	id = m->collection;
	shard = m->shards[1].fingerprint;
	CHECK(vs_manifest_shard_fingerprint(&ctx, m, 1, &again, &err));
	assert_true(vs_digest_equal(&shard, &again));
	CHECK(vs_manifest_shard_fingerprint(&ctx, m, 0, &again, &err));
	assert_false(vs_digest_equal(&shard, &again));

	/* Places and counts follow from the rest, or say nothing of it. */
	m->inputs[0].path[0] = 'B';
	m->shards[0].n_rows = 41;
	m->generation = 2;
	CHECK(vs_manifest_seal(&ctx, m, &err));
	assert_true(vs_digest_equal(&id, &m->collection));
	assert_true(vs_digest_equal(&shard, &m->shards[1].fingerprint));

	for (i = 0; i < 6; i++) {
		switch (i) {
		case 0:
			m->input.b[15] ^= 1;
			break;
		case 1:
			m->vnodes++;
			break;
		case 2:
			m->shards[0].weight++;
			break;
		case 3:
			m->index[3] = '7';
			break;
		case 4:
			m->metric = VS_L2;
			break;
		default:
			m->model.b[0] ^= 1;
		}
		none = m->collection;
		again = m->shards[1].fingerprint;
		CHECK(vs_manifest_seal(&ctx, m, &err));
		assert_false(vs_digest_equal(&none, &m->collection));
		assert_false(
			vs_digest_equal(&again, &m->shards[1].fingerprint));
	}
	vs_manifest_destroy(&ctx, m);
}

/* Makes the last line of text fit. */
static void fix_hash(struct vs_ctx *ctx, char *text)
{
	char *line = strstr(text, "\nhash: ") + 1, digits[VS_DIGEST_TEXT_MAX];
	struct vs_err err = { 0 };
	struct vs_digest d;
	struct vs_hasher *h;

	CHECK(vs_hasher_create(ctx, &h, &err));
	vs_hasher_add(h, text, (size_t)(line - text));
	vs_hasher_done(h, &d);
	vs_hasher_destroy(ctx, h);
	memcpy(line + 6, vs_digest_text(&d, digits), 32);
}

/* text with the first `from` replaced; its hash fits again. */
static char *edited(struct vs_ctx *ctx, const char *text, const char *from,
		    const char *to)
{
	const char *at = strstr(text, from);
	char *out = malloc(strlen(text) + strlen(to) + 1);

	if (at == NULL)
		fail_msg("no \"%s\" in the text", from);
	memcpy(out, text, (size_t)(at - text));
	strcpy(out + (at - text), to);
	strcat(out, at + strlen(from));
	fix_hash(ctx, out);
	return out;
}

static void test_contradictions_are_refused(void **state)
{
	static const struct {
		const char *from, *to;
		int code;
		const char *says; /* with the line */
	} cases[] = {
		{ "vs-collection: 1", "vs-collection: 2", VS_EVERSION,
		  "version 2" },
		{ "vs-collection: 1", "vs-collection: 0", VS_EDATA,
		  "x:2: version 0" },
		{ "vs-collection: 1", "collection: 1", VS_EDATA, "x:2: " },
		{ "generation: 1\n", "generation: 0\n", VS_EDATA,
		  "x:4: generation is 0" },
		{ "generation: 1\n", "", VS_EDATA, "generation" },
		{ "metric: ip", "metric: IP", VS_EDATA, "x:5: metric" },
		{ "metric: ip", "metric: l2", VS_EDATA, "x:3: id is not" },
		{ "dtype: u8", "dtype: u9", VS_EDATA, "x:6: dtype" },
		{ "dim: 128", "dim: 0", VS_EDATA, "x:7: dim is 0" },
		{ "dim: 128", "dim: 65537", VS_EDATA, "x:7: dim is 65537" },
		{ "dim: 128", "dim: -1", VS_EDATA, "x:7: " },
		{ "dim: 128", "dim: 128\nsize: 5", VS_EDATA,
		  "x:8: key \"size\"" },
		{ "dim: 128", "dim: 128\ndim: 128", VS_EDATA, "x:8: " },
		{ "IVF64,Flat", "", VS_EDATA, "x:8: index" },
		{ "IVF64,Flat", "IVF64 Flat", VS_EDATA, "x:8: index" },
		{ "IVF64,Flat", "IVF65,Flat", VS_EDATA, "x:3: id is not" },
		{ "file: model.vsm", "file: /model.vsm", VS_EDATA,
		  "x:10: file" },
		{ "file: model.vsm", "file: ../model.vsm", VS_EDATA,
		  "x:10: file" },
		{ "file: model.vsm", "files: model.vsm", VS_EDATA, "x:10: " },
		{ "\"0102", "\"g102", VS_EDATA, "x:11: fingerprint" },
		{ "\"0102", "\"102", VS_EDATA, "x:11: fingerprint" },
		{ "rows: 100", "rows: 99", VS_EDATA,
		  "x:19: rows up to here" },
		{ "rows: 100", "rows: 101", VS_EDATA,
		  "rows in files add up to 100" },
		{ "rows: 100", "rows: 0", VS_EDATA, "x:12: rows is 0" },
		{ "rows: 40\nsharding", "rows: 41\nsharding", VS_EDATA,
		  "x:19: rows up to here" },
		{ "quick-digest", "digest", VS_EDATA, "x:14: " },
		{ "format: auto", "format: csv", VS_EDATA, "x:15: format" },
		{ "base.bvecs", "a/../base.bvecs", VS_EDATA, "x:17: path" },
		{ "base.bvecs", "./base.bvecs", VS_EDATA, "x:17: path" },
		{ "base.bvecs", "a//base.bvecs", VS_EDATA, "x:17: path" },
		{ "base.bvecs", "\"\"", VS_EDATA, "x:17: path" },
		{ "base.bvecs", "[a]", VS_EDATA, "x:17: " },
		{ "by: hash", "by: range", VS_EDATA, "x:22: by" },
		{ "vnodes: 16", "vnodes: 0", VS_EDATA, "x:23: vnodes" },
		{ "vnodes: 16", "vnodes: 65537", VS_EDATA, "x:23: vnodes" },
		{ "vnodes: 16", "vnodes: 17", VS_EDATA, "x:3: id is not" },
		{ "number: 1", "number: 2", VS_EDATA,
		  "x:30: number is 2; expected 1 to 1" },
		{ "shards/00001.vss", "/shards/00001.vss", VS_EDATA,
		  "x:31: file" },
		{ "shards/00001.vss", "shards/..", VS_EDATA, "x:31: file" },
		{ "rows: 35", "rows: 36", VS_EDATA, "x:35: rows up to here" },
		{ "rows: 35", "rows: 34", VS_EDATA,
		  "rows in shards add up to 99" },
		{ "rows: 35", "rows: 18446744073709551615", VS_EDATA,
		  "x:30: rows up to here" },
		{ "weight: 2", "weight: 0", VS_EDATA, "x:39: weight" },
		{ "weight: 2", "weight: 1001", VS_EDATA, "x:39: weight" },
		{ "weight: 2", "weight: 3", VS_EDATA, "x:3: id is not" },
		{ "weight: 2", "weight: two", VS_EDATA, "x:39: " },
		{ "  weight: 2\n", "", VS_EDATA, "weight" },
		{ "  weight: 2\n", "  weight: 2\n- 5\n", VS_EDATA, "x:40: " },
		{ "- number: 0", "  number: 0", VS_EDATA, "x" },
	};
	struct vs_buf text = { 0 };
	struct vs_manifest *m, *back;
	struct vs_err err;
	struct vs_ctx ctx;
	char *bad;
	size_t i;
	int rc;

	(void)state;
	vs_ctx_init(&ctx);
	m = sample(&ctx);
	put(&ctx, m, &text);
	for (i = 0; i < N_OF(cases); i++) {
		bad = edited(&ctx, text.p, cases[i].from, cases[i].to);
		vs_err_clear(&err);
		rc = vs_manifest_parse(&ctx, "x", bad, strlen(bad), &back,
				       &err);
		if (rc != cases[i].code || back != NULL ||
		    strstr(err.msg, cases[i].says) == NULL)
			fail_msg("%s -> %s: code %d, \"%s\"; expected %s",
				 cases[i].from, cases[i].to, rc, err.msg,
				 cases[i].says);
		free(bad);
	}
	vs_buf_free(&ctx, &text);
	vs_manifest_destroy(&ctx, m);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

/* The id is that of generation 1; later ones keep it and change the rest. */
static void test_later_generations_keep_the_id(void **state)
{
	struct vs_buf text = { 0 };
	struct vs_manifest *m, *back;
	struct vs_err err = { 0 };
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	m = sample(&ctx);
	m->generation = 2;
	m->vnodes = 99;
	put(&ctx, m, &text);
	CHECK(vs_manifest_parse(&ctx, "x", text.p, text.n, &back, &err));
	assert_true(vs_digest_equal(&m->collection, &back->collection));
	vs_manifest_destroy(&ctx, back);
	vs_manifest_destroy(&ctx, m);
	vs_buf_free(&ctx, &text);
}

static void refused(struct vs_ctx *ctx, const char *text, size_t n)
{
	struct vs_err err = { 0 };
	struct vs_manifest *m;
	int rc = vs_manifest_parse(ctx, "x", text, n, &m, &err);

	if (rc != VS_EDATA)
		fail_msg("code %d, %s, with %zu bytes", rc, err.msg, n);
	assert_null(m);
}

static void test_every_damaged_byte_is_refused(void **state)
{
	struct vs_buf text = { 0 };
	struct vs_manifest *m;
	struct vs_ctx ctx;
	size_t i, n;
	char *work;
	unsigned v;

	(void)state;
	vs_ctx_init(&ctx);
	m = sample(&ctx);
	put(&ctx, m, &text);
	n = text.n;
	work = malloc(n + 8);
	memcpy(work, text.p, n);
	for (i = 0; i < n; i++) {
		for (v = 0; v < 256; v++) {
			work[i] = (char)v;
			if (work[i] != text.p[i])
				refused(&ctx, work, n);
		}
		work[i] = text.p[i];
	}
	for (i = 0; i < n; i++)
		refused(&ctx, work, i);
	strcpy(work + n, "\n");
	refused(&ctx, work, n + 1);
	work[n] = '\0';
	refused(&ctx, work, n + 1);
	free(work);
	vs_buf_free(&ctx, &text);
	vs_manifest_destroy(&ctx, m);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

/* Publishes sample() as a generation, with a mark in it. */
static void publish(struct vs_ctx *ctx, uint64_t generation, uint32_t mark)
{
	struct vs_manifest *m = sample(ctx);
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

	snprintf(spec, sizeof(spec), "%s%s", dir.path, tail);
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

	snprintf(spec, sizeof(spec), "%s%s", dir.path, tail);
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
	tmpdir_put(tmpdir_file(&dir, "2000000.yml"), "x", 1);
	tmpdir_put(tmpdir_file(&dir, "02000000.yaml"), "x", 1);
	tmpdir_put(tmpdir_file(&dir, "notes.yaml"), "x", 1);
	tmpdir_put(tmpdir_file(&dir, ".2000000.yaml"), "x", 1);
	tmpdir_put(tmpdir_file(&dir, "2000000.yaml.bak"), "x", 1);
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
	n = tmpdir_get(tmpdir_file(&dir, "000002.yaml"), text, sizeof(text));
	assert_true(n > 0);
	text[n / 2] ^= 1;
	tmpdir_put(tmpdir_file(&dir, "000002.yaml"), text, (size_t)n);
	assert_int_equal(open_fails(&ctx, "", &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "000002.yaml"));
	tmpdir_put(tmpdir_file(&dir, "000002.yaml"), "", 0);
	assert_int_equal(open_fails(&ctx, "", &err), VS_EDATA);
	assert_opens(&ctx, "@1", 1, 11);

	/* A copy under another name. */
	n = tmpdir_get(tmpdir_file(&dir, "000001.yaml"), text, sizeof(text));
	tmpdir_put(tmpdir_file(&dir, "000002.yaml"), text, (size_t)n);
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
	m = sample(&ctx);
	assert_int_equal(vs_manifest_publish(&ctx, m, &existed, &err),
			 VS_ECREATE);
	assert_true(existed);
	assert_opens(&ctx, "", 1, 11);
	assert_int_equal(tmpdir_count(&dir, ""), 1);

	/* Nor does one publish what nobody could read. */
	m->generation = 2;
	m->n_rows++;
	assert_int_equal(vs_manifest_publish(&ctx, m, &existed, &err),
			 VS_EDATA);
	assert_int_equal(tmpdir_count(&dir, ""), 1);
	vs_manifest_destroy(&ctx, m);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_pins(void **state)
{
	static const struct {
		const char *spec, *dir;
		uint64_t generation;
	} cases[] = {
		{ "sift", "sift", 0 },	  { "sift@7", "sift", 7 },
		{ "sift/@7", "sift/", 7 }, { "a@2/b", "a@2/b", 0 },
		{ "a@2/b@3", "a@2/b", 3 }, { "me@home", "me@home", 0 },
		{ "a@", "a@", 0 },	  { "@7", "@7", 0 },
		{ "a@-1", "a@-1", 0 },	  { "a@7/", "a@7/", 0 },
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
	assert_true(vs_manifest_is_collection(&ctx, dir.path));
	tmpdir_put(tmpdir_file(&dir, "x.vss"), "x", 1);
	assert_false(
		vs_manifest_is_collection(&ctx, tmpdir_file(&dir, "x.vss")));
	assert_false(
		vs_manifest_is_collection(&ctx, tmpdir_file(&dir, "none")));
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void assert_relative(struct vs_ctx *ctx, const char *path,
			    const char *want)
{
	struct vs_err err = { 0 };
	char *got;

	CHECK(vs_manifest_relative(ctx, tmpdir_file(&dir, "c"), path, &got,
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
	assert_non_null(realpath(dir.path, real));
	assert_int_equal(mkdir(tmpdir_file(&dir, "c"), 0777), 0);
	assert_int_equal(mkdir(tmpdir_file(&dir, "c/in"), 0777), 0);
	assert_int_equal(mkdir(tmpdir_file(&dir, "cc"), 0777), 0);
	tmpdir_put(tmpdir_file(&dir, "c/in/a.bvecs"), "x", 1);
	tmpdir_put(tmpdir_file(&dir, "cc/b.bvecs"), "x", 1);
	assert_int_equal(symlink("../cc/b.bvecs",
				 tmpdir_file(&dir, "c/link.bvecs")),
			 0);
	assert_relative(&ctx, tmpdir_file(&dir, "c/in/a.bvecs"),
			"in/a.bvecs");
	assert_relative(&ctx, tmpdir_file(&dir, "cc/../c/./in//a.bvecs"),
			"in/a.bvecs");
	snprintf(want, sizeof(want), "%s/cc/b.bvecs", real);
	assert_relative(&ctx, tmpdir_file(&dir, "cc/b.bvecs"), want);
	assert_relative(&ctx, tmpdir_file(&dir, "c/link.bvecs"), want);
	assert_int_equal(vs_manifest_relative(&ctx, dir.path,
					      tmpdir_file(&dir, "none"), &p,
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
		       (unsigned char[]){ 4, 0, 0, 0, first,
					  (unsigned char)i, 2, 3 },
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
	put_bvecs(tmpdir_file(&dir, "a.bvecs"), 30, 7);
	put_bvecs(tmpdir_file(&dir, "b.x"), 20, 8);
	CHECK(vs_manifest_create(&ctx, dir.path, 2, 2, &m, &err));
	m->n_rows = 50;
	m->dim = 4;
	m->dtype = VS_U8;
	m->input_format = VS_FMT_BVECS; /* the second name does not say it */
	m->inputs[0].path = vs_strdup(&ctx, "a.bvecs", &err);
	m->inputs[1].path = vs_strdup(&ctx, tmpdir_file(&dir, "b.x"), &err);
	assert_int_equal(vs_manifest_inputs(&ctx, m, &v, &err), VS_EDATA);
	assert_null(v);
	assert_non_null(strstr(err.msg, "holds other vectors"));
	{
		const char *paths[] = { tmpdir_file(&dir, "a.bvecs"),
					tmpdir_file(&dir, "b.x") };
		const struct vs_vecs_options o = { .format = VS_FMT_BVECS };

		CHECK(vs_vecs_open(&ctx, paths, 2, &o, &v, &err));
		CHECK(vs_vecs_quick_digest(&ctx, v, &m->input, &err));
		vs_vecs_close(&ctx, v);
	}
	CHECK(vs_manifest_inputs(&ctx, m, &v, &err));
	assert_true(vs_vecs_rows(v) == 50);
	vs_vecs_close(&ctx, v);

	put_bvecs(tmpdir_file(&dir, "a.bvecs"), 31, 7);
	assert_int_equal(vs_manifest_inputs(&ctx, m, &v, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "51 rows"));
	put_bvecs(tmpdir_file(&dir, "a.bvecs"), 30, 6);
	assert_int_equal(vs_manifest_inputs(&ctx, m, &v, &err), VS_EDATA);
	unlink(tmpdir_file(&dir, "a.bvecs"));
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
	m = sample(&ctx);
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
	m = sample(&ctx);
	held = atomic_load(&ctx.mem_now);
	snprintf(path, sizeof(path), "%s", tmpdir_file(&dir, "000001.yaml"));
	for (f.at = 1; rc != 0; f.at++) {
		vs_err_clear(&err);
		faults_set(&ctx, &f);
		rc = vs_manifest_publish(&ctx, m, NULL, &err);
		assert_true(atomic_load(&ctx.mem_now) == held);
		if (rc == 0 && atomic_load(&f.n_fired) != 0)
			unlink(path), rc = -1; /* one that may fail */
		if (rc != 0)
			assert_int_equal(tmpdir_count(&dir, ".tmp"), 0);
		if (rc != 0)
			unlink(path);
	}
	assert_true(f.at > 10);
	rc = -1;
	for (f.at = 1; rc != 0; f.at++) {
		vs_err_clear(&err);
		faults_set(&ctx, &f);
		rc = vs_manifest_open(&ctx, dir.path, &back, &err);
		if (rc == 0 && atomic_load(&f.n_fired) != 0)
			vs_manifest_destroy(&ctx, back), rc = -1;
		if (rc != 0)
			assert_true(atomic_load(&ctx.mem_now) == held);
	}
	assert_true(f.at > 10);
	assert_same(m, back);
	vs_manifest_destroy(&ctx, back);
	vs_manifest_destroy(&ctx, m);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_text_is_pinned),
		TEST(test_what_is_written_is_read),
		TEST(test_fingerprints_follow_the_contents),
		TEST(test_contradictions_are_refused),
		TEST(test_later_generations_keep_the_id),
		TEST(test_every_damaged_byte_is_refused),
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
