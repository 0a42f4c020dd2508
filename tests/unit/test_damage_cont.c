/* test_damage_cont.c - every small damage to models, shards and hits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "damage.h"
#include "samples.h"
#include "tmpdir.h"
#include "vs/num.h"

/* A reader, and the answer that the whole file gives. */
struct reader {
	enum vs_kind kind;
	enum vs_verify verify;
	bool know; /* the answer below is there */
	uint64_t answer;
	uint64_t peak; /* most memory that one case took */
};

/* The header as a reader sees it, and all bytes of all sections. */
static int digest_all(struct vs_ctx *ctx, struct vs_cont *c, uint64_t *answer)
{
	static const uint32_t tags[][2] = {
		{VS_SEC_INFO, 1},  {VS_SEC_CENT, 16},
		{VS_SEC_CELL, 8},  {VS_SEC_ROWS, 128},
		{VS_SEC_TERM, 4},  {VS_SEC_IDS, 8},
		{VS_SEC_HITS, 16}, {VS_TAG('N', 'O', 'T', 'E'), 1},
	};
	const struct vs_cont_head *h = vs_cont_head(c);
	uint64_t got[8] = {h->n_rows, h->dim,	h->k,
			   h->metric, h->dtype, (uint64_t)h->kind};
	struct vs_span s;
	uint8_t buf[4096];
	uint64_t at;
	size_t i, n;
	int rc;

	got[6] = vs_hash64(h->uuid.b, 16) ^ vs_hash64(h->fingerprint.b, 16);
	for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (!vs_cont_has(c, tags[i][0]))
			continue;
		rc = vs_cont_find(c, tags[i][0], tags[i][1], &s, NULL);
		if (rc != 0)
			return rc;
		for (at = 0; at < s.n_bytes; at += n) {
			n = (size_t)vs_min_u64(sizeof(buf), s.n_bytes - at);
			rc = vs_cont_read(ctx, c, &s, at, buf, n, NULL);
			if (rc != 0)
				return rc;
			got[7] = got[7] * 31 + vs_hash64(buf, n);
			if (s.p == NULL)
				continue;
			rc = vs_cont_touch(ctx, c, &s, at, n, NULL);
			if (rc != 0)
				return rc;
			got[7] = got[7] * 31 + vs_hash64(s.p + at, n);
		}
		got[7] = got[7] * 31 + tags[i][0];
	}
	*answer = vs_hash64(got, sizeof(got));
	return 0;
}

static uint64_t digest_info(const struct vs_hits_info *info)
{
	uint64_t got[8] = {info->n_queries,  info->k,
			   info->dim,	     info->metric * 64 + info->dtype,
			   info->generation, info->n_shards,
			   info->incomplete, info->n_sources};
	uint64_t answer = vs_hash64(got, sizeof(got));
	size_t i;

	answer = answer * 31 + vs_hash64(info->index, strlen(info->index));
	answer = answer * 31 + vs_hash64(info->params, strlen(info->params));
	answer = answer * 31 + vs_hash64(info->queries.b, 16);
	answer = answer * 31 + vs_hash64(info->model.b, 16);
	answer = answer * 31 + vs_hash64(info->collection.b, 16);
	for (i = 0; i < info->n_sources; i++) {
		const struct vs_hits_source *s = &info->sources[i];

		answer = answer * 31 + s->shard;
		answer = answer * 31 + s->n_rows;
		answer = answer * 31 + vs_hash64(s->fingerprint.b, 16);
	}
	return answer;
}

static int read_lists(struct vs_ctx *ctx, struct vs_hits *h, uint64_t *answer)
{
	size_t n = (size_t)vs_hits_info(h)->n_queries;
	uint64_t *start = malloc((n + 1) * sizeof(*start));
	struct vs_hit *hits = NULL;
	int rc = start == NULL ? VS_ENOMEM :
				 vs_hits_starts(ctx, h, 0, n, start, NULL);

	if (rc == 0) {
		hits = malloc((start[n] + 1) * sizeof(*hits));
		rc = hits == NULL ? VS_ENOMEM :
				    vs_hits_lists(ctx, h, 0, n, start, hits,
						  NULL);
	}
	if (rc == 0)
		*answer = vs_hash64(start, (n + 1) * sizeof(*start)) * 31 +
			  vs_hash64(hits, start[n] * sizeof(*hits));
	free(start);
	free(hits);
	return rc;
}

static int digest_hits(struct vs_ctx *ctx, const char *path, uint64_t *answer)
{
	const struct vs_hits_info *info;
	struct vs_hit *hits = NULL;
	struct vs_hits *h;
	size_t n;
	int rc = vs_hits_open(ctx, path, &h, NULL);

	if (rc != 0)
		return rc;
	info = vs_hits_info(h);
	if (info->k == 0) {
		rc = read_lists(ctx, h, answer);
		*answer = *answer * 31 + digest_info(info) +
			  vs_hash64(vs_hits_head(h)->fingerprint.b, 16) +
			  vs_hash64(vs_hits_head(h)->uuid.b, 16);
		vs_hits_close(ctx, h);
		return rc;
	}
	/* Bounded by the file: a hit is there in packed form. */
	n = (size_t)info->n_queries * info->k * sizeof(*hits);
	hits = malloc(n + 1);
	rc = hits == NULL ? VS_ENOMEM
			  : vs_hits_read(ctx, h, 0, (size_t)info->n_queries,
					 hits, NULL);
	if (rc == 0)
		*answer = digest_info(info) * 31 + vs_hash64(hits, n) +
			  vs_hash64(vs_hits_head(h)->fingerprint.b, 16) +
			  vs_hash64(vs_hits_head(h)->uuid.b, 16);
	free(hits);
	vs_hits_close(ctx, h);
	return rc;
}

static int use(void *arg, const char *path)
{
	struct reader *r = arg;
	struct vs_ctx ctx;
	struct vs_cont *c;
	uint64_t answer = 0, peak;
	int rc;

	vs_ctx_init(&ctx);
	ctx.verify = r->verify;
	if (r->kind == VS_KIND_HITS) {
		rc = digest_hits(&ctx, path, &answer);
	} else {
		rc = vs_cont_open(&ctx, path, r->kind, &c, NULL);
		if (rc == 0) {
			rc = digest_all(&ctx, c, &answer);
			vs_cont_close(&ctx, c);
		}
	}
	assert_true(atomic_load(&ctx.mem_now) == 0);
	peak = atomic_load(&ctx.mem_peak);
	if (peak > r->peak)
		r->peak = peak;
	assert_true(rc <= 0 && rc != VS_EINTERNAL && rc != VS_ENOMEM);
	if (rc != 0)
		return DAMAGE_REFUSED;
	if (!r->know) {
		r->know = true;
		r->answer = answer;
	}
	return r->answer == answer ? DAMAGE_SAME : DAMAGE_DIFFERENT;
}

/* Beside the kinds of vs/cont.h. */
#define LISTS ((enum vs_kind)100)

static void make_sample(enum vs_kind kind, const char *path)
{
	struct vs_ctx ctx;

	vs_ctx_init(&ctx);
	if (kind == VS_KIND_MODEL)
		samples_model(&ctx, path);
	else if (kind == VS_KIND_SHARD)
		samples_shard(&ctx, path, 12);
	else if (kind == LISTS)
		samples_lists(&ctx, path, 6, VS_L2, VS_U8);
	else
		samples_hits(&ctx, path, 6, 4, VS_IP, VS_F32);
}

static void run_all(enum vs_kind kind, const char *name)
{
	struct reader r = {.kind = kind == LISTS ? VS_KIND_HITS : kind,
			   .verify = VS_VERIFY_TOUCH};
	struct damage d = {.name = name, .use = use, .arg = &r};
	struct tmpdir dir;
	const char *path;

	tmpdir_make(&dir);
	path = tmpdir_file(&dir, "sample");
	make_sample(kind, path);
	damage_start(&d, path);
	damage_all(&d);
	assert_true(d.n_cases > 80000);
	damage_finish(&d);
	tmpdir_remove(&dir);
}

static void test_model(void **state)
{
	(void)state;
	run_all(VS_KIND_MODEL, "model");
}

static void test_shard(void **state)
{
	(void)state;
	run_all(VS_KIND_SHARD, "shard");
}

static void test_hits(void **state)
{
	(void)state;
	run_all(VS_KIND_HITS, "hits");
}

static void test_lists(void **state)
{
	(void)state;
	run_all(LISTS, "lists of hits");
}

/* When everything is verified at the door, no damage passes at all. */
static void test_full_refuses_all(void **state)
{
	struct reader r = {.kind = VS_KIND_MODEL, .verify = VS_VERIFY_FULL};
	struct damage d = {
		.name = "model, --verify full", .use = use, .arg = &r};
	struct tmpdir dir;
	const char *path;

	(void)state;
	tmpdir_make(&dir);
	path = tmpdir_file(&dir, "sample");
	make_sample(VS_KIND_MODEL, path);
	damage_start(&d, path);
	damage_all(&d);
	assert_true(d.n_answer[DAMAGE_REFUSED] == d.n_cases);
	damage_finish(&d);
	tmpdir_remove(&dir);
}

/* Sections of the file at d->good, by number. */
static size_t section_at(const struct damage *d, unsigned i, size_t *n)
{
	const uint8_t *e = d->good + 256 + 96 * i;

	*n = (size_t)vs_get_le64(e + 16);
	return (size_t)vs_get_le64(e + 8);
}

static void run_repaired(enum vs_kind kind, const char *name)
{
	struct reader r = {.kind = kind == LISTS ? VS_KIND_HITS : kind,
			   .verify = VS_VERIFY_TOUCH};
	struct damage d = {.name = name,
			   .use = use,
			   .arg = &r,
			   .repair = damage_repair_container};
	unsigned i, n_sections;
	struct tmpdir dir;
	const char *path;
	size_t at, n;

	tmpdir_make(&dir);
	path = tmpdir_file(&dir, "sample");
	make_sample(kind, path);
	damage_start(&d, path);
	n_sections = vs_get_le32(d.good + 96);
	n = 256 + 96 * n_sections;
	damage_bytes(&d, 0, n);
	damage_fields(&d, 0, n, 4);
	damage_fields(&d, 0, n, 8);
	/* INFO, the packed section and that of lists, which are parsed. */
	for (i = 0; i < n_sections; i++) {
		at = section_at(&d, i, &n);
		if (i == 0 || i == n_sections - 1 || kind == LISTS)
			damage_bytes(&d, at, at + n);
	}
	/* Block records and footer. */
	at = (size_t)vs_get_le64(d.good + 120);
	damage_bytes(&d, at, d.n);
	damage_fields(&d, at, d.n, 8);
	damage_swap_sections(&d);
	/* zstd and a few tables: what a file of 20 KB may take. */
	assert_true(r.peak < 2u << 20);
	assert_true(d.n_answer[DAMAGE_REFUSED] > 1000);
	damage_finish(&d);
	tmpdir_remove(&dir);
}

static void test_repaired_model(void **state)
{
	(void)state;
	run_repaired(VS_KIND_MODEL, "model");
}

static void test_repaired_shard(void **state)
{
	(void)state;
	run_repaired(VS_KIND_SHARD, "shard");
}

static void test_repaired_hits(void **state)
{
	(void)state;
	run_repaired(VS_KIND_HITS, "hits");
}

static void test_repaired_lists(void **state)
{
	(void)state;
	run_repaired(LISTS, "lists of hits");
}

/* Records of several packed blocks: each end is checked against the others. */
static void test_repaired_records(void **state)
{
	struct reader r = {.kind = VS_KIND_HITS, .verify = VS_VERIFY_TOUCH};
	struct damage d = {.name = "hits of three blocks, records only",
			   .use = use,
			   .arg = &r,
			   .repair = damage_repair_container};
	struct tmpdir dir;
	struct vs_ctx ctx;
	const char *path;
	size_t at;

	(void)state;
	vs_ctx_init(&ctx);
	tmpdir_make(&dir);
	path = tmpdir_file(&dir, "sample");
	samples_hits(&ctx, path, 1000, 40, VS_L2, VS_U8);
	damage_start(&d, path);
	at = (size_t)vs_get_le64(d.good + 120);
	assert_int_equal(d.n - at, 8 + 3 * 16 + 24);
	damage_bytes(&d, at, d.n);
	damage_fields(&d, at, d.n, 8);
	assert_true(d.n_answer[DAMAGE_REFUSED] > 500);
	assert_int_equal(d.n_answer[DAMAGE_DIFFERENT], 0);
	damage_finish(&d);
	tmpdir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_shard),
		cmocka_unit_test(test_hits),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_full_refuses_all),
		cmocka_unit_test(test_repaired_model),
		cmocka_unit_test(test_repaired_shard),
		cmocka_unit_test(test_repaired_hits),
		cmocka_unit_test(test_repaired_lists),
		cmocka_unit_test(test_repaired_records),
	};

	return cmocka_run_group_tests_name("damage_cont", tests, NULL, NULL);
}
