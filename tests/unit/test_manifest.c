/* test_manifest.c - the text of manifests: what is written is read, what is
 * damaged or contradicts itself is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manifestfix.h"
#include "vs/mem.h"

/* The text of fix_sample(), for ever. */
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
	m = fix_sample(&ctx);
	put(&ctx, m, &text);
	assert_golden(text.p);
	/* Shards that were built must be found again by later versions. */
	assert_string_equal(vs_digest_text(&m->collection, digest),
			    "a1fed8995e2f8f0ee34ea2ebdea08871");
	assert_string_equal(vs_digest_text(&m->shards[2].fingerprint, digest),
			    "55db48fb4eba935be8ac7fcc86b4456e");
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
	m = fix_sample(&ctx);
	for (i = 0; i < 7; i++) {
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
			m->sharding = VS_SHARDING_RANGE;
			m->vnodes = 0;
			vs_manifest_cut(m);
		} else if (i == 4) {
			m->id_base = UINT64_MAX - 100;
		} else if (i == 5) {
			m->id_base = 0;
			m->ids = (struct vs_digest){ { 7 } };
			m->ids_path = vs_strdup(&ctx, "/data/ids: 1", &err);
		} else if (i == 6) {
			m->generation = 1234567;
		}
		if (i < 6)
			CHECK(vs_manifest_seal(&ctx, m, &err));
		vs_buf_clear(&a);
		vs_buf_clear(&b);
		put(&ctx, m, &a);
		CHECK(vs_manifest_parse(&ctx, "x", a.p, a.n, &back, &err));
		fix_assert_same(m, back);
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
	m = fix_sample(&ctx);
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

	for (i = 0; i < 9; i++) {
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
		case 5:
			m->id_base = 1;
			break;
		case 6:
			m->id_base = 0;
			m->ids_path = vs_strdup(&ctx, "ids", &err);
			break;
		case 7:
			m->ids.b[3]++;
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

struct contradiction {
	const char *from, *to;
	int code;
	const char *says; /* with the line */
};

/* Of the sample cut into ranges: 0..24, 25..49, 50..99. */
static const struct contradiction of_ranges[] = {
	{ "by: range", "by: hash", VS_EDATA, "x:22: key \"vnodes\"" },
	{ "by: range", "by: range\n  vnodes: 1", VS_EDATA,
	  "x:23: vnodes, which belongs to hash" },
	{ "first: 25", "first: 24", VS_EDATA,
	  "x:33: first is 24; expected 25" },
	{ "first: 25", "first: 26", VS_EDATA,
	  "x:33: first is 26; expected 25" },
	{ "  first: 25\n", "", VS_EDATA, "first" },
	{ "rows: 50", "rows: 51", VS_EDATA, "rows up to here" },
	{ "rows: 50", "rows: 49", VS_EDATA, "rows in shards add up to 99" },
};

/* Of the sample with ids. */
static const struct contradiction of_ids[] = {
	{ "ids:", "id-base: 5\nids:", VS_EDATA, "x:21: id-base beside ids" },
	{ "path: ids.npy", "path: ../ids.npy", VS_EDATA, "x:23: path" },
	{ "\"07", "\"08", VS_EDATA, "x:3: id is not" },
	{ "\"07", "\"7", VS_EDATA, "x:22: quick-digest" },
	{ "  path: ids.npy\n", "", VS_EDATA, "path" },
	{ "  path: ids.npy\n", "  path: ids.npy\n  base: 7\n", VS_EDATA,
	  "x:24: key \"base\"" },
	{ "sharding:", "id-base: 7\nsharding:", VS_EDATA,
	  "id-base beside ids" },
};

/* Of the sample with an id-base of 7. */
static const struct contradiction of_base[] = {
	{ "id-base: 7", "id-base: 0", VS_EDATA, "x:21: id-base is 0" },
	{ "id-base: 7", "id-base: 8", VS_EDATA, "x:3: id is not" },
	{ "id-base: 7", "id-base: 18446744073709551516", VS_EDATA,
	  "x:21: id-base" },
	{ "id-base: 7", "id-base: 18446744073709551515", VS_EDATA,
	  "x:3: id is not" },
};

static const struct contradiction contradictions[] = {
	{ "vs-collection: 1", "vs-collection: 2", VS_EVERSION, "version 2" },
	{ "vs-collection: 1", "vs-collection: 0", VS_EDATA, "x:2: version 0" },
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
	{ "dim: 128", "dim: 128\nsize: 5", VS_EDATA, "x:8: key \"size\"" },
	{ "dim: 128", "dim: 128\ndim: 128", VS_EDATA, "x:8: " },
	{ "IVF64,Flat", "", VS_EDATA, "x:8: index" },
	{ "IVF64,Flat", "IVF64 Flat", VS_EDATA, "x:8: index" },
	{ "IVF64,Flat", "IVF65,Flat", VS_EDATA, "x:3: id is not" },
	{ "file: model.vsm", "file: /model.vsm", VS_EDATA, "x:10: file" },
	{ "file: model.vsm", "file: ../model.vsm", VS_EDATA, "x:10: file" },
	{ "file: model.vsm", "files: model.vsm", VS_EDATA, "x:10: " },
	{ "\"0102", "\"g102", VS_EDATA, "x:11: fingerprint" },
	{ "\"0102", "\"102", VS_EDATA, "x:11: fingerprint" },
	{ "rows: 100", "rows: 99", VS_EDATA, "x:19: rows up to here" },
	{ "rows: 100", "rows: 101", VS_EDATA, "rows in files add up to 100" },
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
	{ "by: hash", "by: cell", VS_EDATA, "x:22: by" },
	{ "by: hash", "by: range", VS_EDATA, "x:23: vnodes, which belongs" },
	{ "by: hash\n  vnodes: 16", "by: range", VS_EDATA, "first" },
	{ "rows: 35", "first: 40\n  rows: 35", VS_EDATA,
	  "x:33: first, which belongs to by: range" },
	{ "vnodes: 16", "vnodes: 0", VS_EDATA, "x:23: vnodes" },
	{ "vnodes: 16", "vnodes: 65537", VS_EDATA, "x:23: vnodes" },
	{ "vnodes: 16", "vnodes: 17", VS_EDATA, "x:3: id is not" },
	{ "number: 1", "number: 2", VS_EDATA,
	  "x:30: number is 2; expected 1 to 1" },
	{ "shards/00001.vss", "/shards/00001.vss", VS_EDATA, "x:31: file" },
	{ "shards/00001.vss", "shards/..", VS_EDATA, "x:31: file" },
	{ "rows: 35", "rows: 36", VS_EDATA, "x:35: rows up to here" },
	{ "rows: 35", "rows: 34", VS_EDATA, "rows in shards add up to 99" },
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

/* Frees m. */
static void refuse_all(struct vs_ctx *ctx, struct vs_manifest *m,
		       const struct contradiction *list, size_t n)
{
	struct vs_buf text = { 0 };
	struct vs_manifest *back;
	struct vs_err err;
	char *bad;
	size_t i;
	int rc;

	put(ctx, m, &text);
	for (i = 0; i < n; i++) {
		bad = edited(ctx, text.p, list[i].from, list[i].to);
		vs_err_clear(&err);
		rc = vs_manifest_parse(ctx, "x", bad, strlen(bad), &back, &err);
		if (rc != list[i].code || back != NULL ||
		    strstr(err.msg, list[i].says) == NULL)
			fail_msg("%s -> %s: code %d, \"%s\"; expected %s",
				 list[i].from, list[i].to, rc, err.msg,
				 list[i].says);
		free(bad);
	}
	vs_buf_free(ctx, &text);
	vs_manifest_destroy(ctx, m);
	assert_true(atomic_load(&ctx->mem_now) == 0);
}

static void test_contradictions_are_refused(void **state)
{
	struct vs_err err = { 0 };
	struct vs_manifest *m;
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	refuse_all(&ctx, fix_sample(&ctx), contradictions,
		   N_OF(contradictions));
	refuse_all(&ctx, fix_ranges(&ctx), of_ranges, N_OF(of_ranges));
	m = fix_sample(&ctx);
	m->ids = (struct vs_digest){ { 7 } };
	m->ids_path = vs_strdup(&ctx, "ids.npy", &err);
	CHECK(vs_manifest_seal(&ctx, m, &err));
	refuse_all(&ctx, m, of_ids, N_OF(of_ids));
	m = fix_sample(&ctx);
	m->id_base = 7;
	CHECK(vs_manifest_seal(&ctx, m, &err));
	refuse_all(&ctx, m, of_base, N_OF(of_base));
}

/* Every row has one shard, and no share is off by a whole row. */
static void test_ranges_are_cut_by_the_weights(void **state)
{
	static const uint64_t rows[] = { 1, 2, 3, 99, 100, 1000003,
					 UINT64_MAX - 1 };
	struct vs_manifest *m;
	double want, sum;
	struct vs_ctx ctx;
	uint64_t at;
	uint32_t s;
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	m = fix_sample(&ctx);
	for (i = 0; i < 2 * N_OF(rows); i++) {
		m->n_rows = rows[i / 2];
		m->shards[0].weight = i % 2 == 0 ? 1 : 1000;
		m->shards[1].weight = i % 2 == 0 ? 1 : 1;
		m->shards[2].weight = i % 2 == 0 ? 1 : 999;
		vs_manifest_cut(m);
		sum = i % 2 == 0 ? 3 : 2000;
		for (s = 0, at = 0; s < 3; s++) {
			assert_true(m->shards[s].first == at);
			at += m->shards[s].n_rows;
			want = (double)m->n_rows * m->shards[s].weight / sum;
			/* The last bits of a double are rows, too. */
			want -= (double)m->shards[s].n_rows;
			assert_true(want < 1 + 1e-12 * (double)m->n_rows);
			assert_true(want > -1 - 1e-12 * (double)m->n_rows);
		}
		assert_true(at == m->n_rows);
	}
	/* Equal weights: from floor(i * n / N) on. */
	m->n_rows = 11;
	m->shards[0].weight = m->shards[1].weight = m->shards[2].weight = 7;
	vs_manifest_cut(m);
	assert_true(m->shards[1].first == 3 && m->shards[2].first == 7);
	vs_manifest_destroy(&ctx, m);
}

static void test_ranges_are_part_of_the_identity(void **state)
{
	struct vs_manifest *hash, *a, *b;
	struct vs_err err = { 0 };
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	hash = fix_sample(&ctx);
	a = fix_ranges(&ctx);
	b = fix_ranges(&ctx);
	assert_true(vs_digest_equal(&a->collection, &b->collection));
	assert_false(vs_digest_equal(&a->collection, &hash->collection));
	b->shards[1].first++;
	CHECK(vs_manifest_seal(&ctx, b, &err));
	assert_false(vs_digest_equal(&a->collection, &b->collection));
	assert_false(vs_digest_equal(&a->shards[1].fingerprint,
				     &b->shards[1].fingerprint));
	vs_manifest_destroy(&ctx, hash);
	vs_manifest_destroy(&ctx, a);
	vs_manifest_destroy(&ctx, b);
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
	m = fix_sample(&ctx);
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
	m = fix_sample(&ctx);
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, fix_make_dir, fix_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_text_is_pinned),
		TEST(test_what_is_written_is_read),
		TEST(test_fingerprints_follow_the_contents),
		TEST(test_contradictions_are_refused),
		TEST(test_ranges_are_cut_by_the_weights),
		TEST(test_ranges_are_part_of_the_identity),
		TEST(test_later_generations_keep_the_id),
		TEST(test_every_damaged_byte_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
