/* test_cont.c - containers: what goes in comes out, whatever the order of
 * writing; who stands in the way of whom; failing calls.  What is refused at
 * the door is in test_cont_door.c, how much is verified in test_cont_verify.c.
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
#include "faults.h"
#include "samples.h"
#include "vs/par.h"
#include "vs/rng.h"

#define B VS_CONT_BLOCK

static const struct vs_cont_head shard_head = {
	.kind = VS_KIND_SHARD,
	.fingerprint = {{1, 2, 3}},
	.n_rows = 5,
	.dim = 8,
	.metric = VS_L2,
	.dtype = VS_U8,
};

static uint8_t *make_bytes(uint64_t seed, size_t n)
{
	uint8_t *p = malloc(n + 1);
	size_t i;

	assert_non_null(p);
	/* Half of it repeats, so that packing has something to do. */
	for (i = 0; i < n; i++)
		p[i] = (uint8_t)(i / 64 % 2
					 ? i % 7
					 : vs_rng_at(seed, VS_STREAM_TEST, i));
	return p;
}

static const size_t sizes[] = {0,     1, 4095,	4096,  4097,
			       B - 1, B, B + 1, 3 * B, 3 * B + 5};
#define N_SIZES N_OF(sizes)

/* Sections "R00 ".. raw and "Z00 ".. packed, of all sizes. */
static uint32_t tag_of(char kind, size_t i)
{
	return VS_TAG((uint8_t)kind, '0', '0' + (unsigned)i, ' ');
}

static void write_sizes(struct vs_ctx *ctx, const char *path)
{
	struct vs_err err = {0};
	struct vs_cont_writer *w;
	unsigned section;
	uint8_t *p;
	size_t i, at, n;

	CHECK(vs_cont_create(ctx, path, &shard_head, &w, &err));
	for (i = 0; i < N_SIZES; i++) {
		p = make_bytes(i, sizes[i]);
		CHECK(vs_cont_add_raw(ctx, w, tag_of('R', i), sizes[i], 1,
				      &section, &err));
		CHECK(vs_cont_write(ctx, w, section, 0, p, sizes[i], &err));
		free(p);
	}
	for (i = 0; i < N_SIZES; i++) {
		p = make_bytes(i, sizes[i]);
		CHECK(vs_cont_add_zst(ctx, w, tag_of('Z', i), 1, &section,
				      &err));
		/* Pieces that straddle the blocks. */
		for (at = 0; at < sizes[i]; at += n) {
			n = sizes[i] - at < 100001 ? sizes[i] - at : 100001;
			CHECK(vs_cont_append(ctx, w, section, p + at, n, &err));
		}
		free(p);
	}
	vs_cont_set_rows(w, 77);
	CHECK(vs_cont_publish(ctx, w, VS_PUBLISH_REPLACE, &err));
}

/* The whole section, and pieces around every block border. */
static void read_section(struct vs_ctx *ctx, struct vs_cont *c, uint32_t tag,
			 const uint8_t *want, size_t n)
{
	struct vs_err err = {0};
	struct vs_span s;
	uint8_t *got = malloc(n + 1);
	size_t at, from, to;

	assert_non_null(got);
	CHECK(vs_cont_find(c, tag, 1, &s, &err));
	assert_true(s.n_bytes == n && s.count == n && s.item == 1);
	CHECK(vs_cont_read(ctx, c, &s, 0, got, n, &err));
	assert_memory_equal(got, want, n);
	for (at = 0; at <= n; at += B) {
		from = at < 3 ? 0 : at - 3;
		to = n - at < 3 ? n : at + 3;
		CHECK(vs_cont_read(ctx, c, &s, from, got, to - from, &err));
		assert_memory_equal(got, want + from, to - from);
		if (s.p != NULL) {
			CHECK(vs_cont_touch(ctx, c, &s, from, to - from, &err));
			assert_memory_equal(s.p + from, want + from, to - from);
			assert_true((uintptr_t)s.p % 4096 == 0);
		}
	}
	assert_int_equal(vs_cont_read(ctx, c, &s, n, got, 1, &err), VS_EDATA);
	assert_int_equal(vs_cont_read(ctx, c, &s, UINT64_MAX, got, 2, &err),
			 VS_EDATA);
	free(got);
}

static void test_round_trip(void **state)
{
	static const enum vs_verify levels[] = {VS_VERIFY_HEADER,
						VS_VERIFY_TOUCH, VS_VERIFY_FULL,
						VS_VERIFY_DEEP};
	const char *path = tmpdir_file(&dir, "sizes.vss");
	struct vs_err err = {0};
	struct vs_cont *c;
	struct vs_ctx ctx;
	uint8_t *p;
	size_t i, l;

	(void)state;
	vs_ctx_init(&ctx);
	write_sizes(&ctx, path);
	for (l = 0; l < N_OF(levels); l++) {
		ctx.verify = levels[l];
		CHECK(vs_cont_open(&ctx, path, VS_KIND_SHARD, &c, &err));
		assert_true(vs_cont_head(c)->n_rows == 77);
		assert_int_equal(vs_cont_head(c)->dim, 8);
		assert_int_equal(vs_cont_head(c)->metric, VS_L2);
		assert_int_equal(vs_cont_head(c)->dtype, VS_U8);
		assert_string_equal(vs_cont_path(c), path);
		assert_false(vs_cont_has(c, VS_SEC_ROWS));
		for (i = 0; i < N_SIZES; i++) {
			p = make_bytes(i, sizes[i]);
			assert_true(vs_cont_has(c, tag_of('R', i)));
			read_section(&ctx, c, tag_of('R', i), p, sizes[i]);
			read_section(&ctx, c, tag_of('Z', i), p, sizes[i]);
			free(p);
		}
		CHECK(vs_cont_verify(&ctx, c, &err));
		vs_cont_close(&ctx, c);
	}
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_uuid(void **state)
{
	const char *path = tmpdir_file(&dir, "uuid");
	struct vs_digest shard, model;
	struct vs_err err = {0};
	struct vs_ctx ctx;
	struct vs_cont *c;

	(void)state;
	vs_ctx_init(&ctx);
	samples_shard(&ctx, path, 1);
	CHECK(vs_cont_open(&ctx, path, 0, &c, &err));
	shard = vs_cont_head(c)->uuid;
	vs_cont_close(&ctx, c);
	samples_model(&ctx, path);
	CHECK(vs_cont_open(&ctx, path, 0, &c, &err));
	model = vs_cont_head(c)->uuid;
	vs_cont_close(&ctx, c);
	assert_false(vs_digest_equal(&shard, &model));
	assert_int_equal(shard.b[6] >> 4, 8);
	assert_int_equal(shard.b[8] >> 6, 2);
}

/* Ways to write one raw section of N bytes in pieces. */
#define N_BYTES (5 * B + 1234)
#define PIECE 50001u
#define N_PIECES ((N_BYTES + PIECE - 1) / PIECE)

struct job {
	struct vs_ctx *ctx;
	struct vs_cont_writer *w;
	unsigned section;
	const uint8_t *p;
	const size_t *order;
	size_t piece;
};

static int write_piece(void *arg, size_t item, unsigned thread,
		       struct vs_err *err)
{
	struct job *j = arg;
	size_t at = j->order[item] * j->piece;
	size_t n = N_BYTES - at < j->piece ? N_BYTES - at : j->piece;

	(void)thread;
	return vs_cont_write(j->ctx, j->w, j->section, at, j->p + at, n, err);
}

static void write_ordered(struct vs_ctx *ctx, const char *path,
			  const size_t *order, size_t piece)
{
	struct vs_err err = {0};
	struct job j = {.ctx = ctx, .order = order, .piece = piece};
	uint8_t *p = make_bytes(1, N_BYTES);

	j.p = p;
	CHECK(vs_cont_create(ctx, path, &shard_head, &j.w, &err));
	CHECK(vs_cont_add_raw(ctx, j.w, VS_SEC_ROWS, N_BYTES, 1, &j.section,
			      &err));
	CHECK(vs_par_for(ctx, (N_BYTES + piece - 1) / piece, write_piece, &j,
			 &err));
	CHECK(vs_cont_publish(ctx, j.w, VS_PUBLISH_REPLACE, &err));
	free(p);
}

static char *slurp(const char *path, size_t *n)
{
	char *p = malloc(1 << 22);
	long got;

	assert_non_null(p);
	got = tmpdir_get(path, p, 1 << 22);
	assert_true(got > 0);
	*n = (size_t)got;
	return p;
}

static void assert_same_file(const char *a, const char *b)
{
	size_t n, m;
	char *p = slurp(a, &n), *q = slurp(b, &m);

	assert_int_equal(n, m);
	assert_memory_equal(p, q, n);
	free(p);
	free(q);
}

static void test_any_order_same_bytes(void **state)
{
	const char *want = tmpdir_file(&dir, "ascending");
	const char *got = tmpdir_file(&dir, "other");
	size_t order[N_PIECES], i, j, t, round;
	static const unsigned threads[] = {1, 2, 3, 7};
	struct vs_rng r;
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	vs_rng_init(&r, 5, VS_STREAM_TEST);
	for (i = 0; i < N_PIECES; i++)
		order[i] = i;
	write_ordered(&ctx, want, order, PIECE);
	for (round = 0; round < 12; round++) {
		ctx.n_threads = threads[round % 4];
		for (i = N_PIECES; round != 0 && i > 1; i--) {
			j = (size_t)vs_rng_below(&r, i);
			t = order[i - 1];
			order[i - 1] = order[j];
			order[j] = t;
		}
		write_ordered(&ctx, got, order, PIECE);
		assert_same_file(want, got);
	}
	/* Whole blocks, all at once, descending. */
	for (i = 0; i < 6; i++)
		order[i] = 5 - i;
	write_ordered(&ctx, got, order, B);
	assert_same_file(want, got);
	order[0] = 0;
	write_ordered(&ctx, got, order, N_BYTES);
	assert_same_file(want, got);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

/* A container of one byte with this fingerprint. */
static int write_one(struct vs_ctx *ctx, const char *path, uint8_t fingerprint,
		     enum vs_kind kind, enum vs_publish how, struct vs_err *err)
{
	struct vs_cont_head head = shard_head;
	struct vs_cont_writer *w;
	unsigned section;
	int rc;

	vs_err_clear(err);
	head.fingerprint.b[0] = fingerprint;
	head.kind = kind;
	rc = vs_cont_create(ctx, path, &head, &w, err);
	if (rc != 0)
		return rc;
	rc = vs_cont_add_raw(ctx, w, VS_SEC_INFO, 1, 1, &section, err);
	if (rc == 0)
		rc = vs_cont_write(ctx, w, section, 0, "x", 1, err);
	if (rc == 0)
		return vs_cont_publish(ctx, w, how, err);
	vs_cont_abort(ctx, w);
	return rc;
}

static void test_publish_and_done(void **state)
{
	const char *path = tmpdir_file(&dir, "done.vss");
	struct vs_cont_head head = shard_head;
	struct vs_err err = {0};
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	head.fingerprint.b[0] = 1;
	assert_int_equal(vs_cont_done(&ctx, path, &head, &err), 0);
	assert_int_equal(vs_cont_done(&ctx, "-", &head, &err), VS_EUSAGE);
	CHECK(write_one(&ctx, path, 1, VS_KIND_SHARD, VS_PUBLISH_NEW, &err));
	assert_int_equal(vs_cont_done(&ctx, path, &head, &err), 1);
	CHECK(write_one(&ctx, path, 1, VS_KIND_SHARD, VS_PUBLISH_NEW, &err));
	assert_int_equal(err.code, 0);
	assert_int_equal(
		write_one(&ctx, path, 2, VS_KIND_SHARD, VS_PUBLISH_NEW, &err),
		VS_ECREATE);
	assert_non_null(strstr(err.msg, "--replace"));
	assert_int_equal(
		write_one(&ctx, path, 1, VS_KIND_MODEL, VS_PUBLISH_NEW, &err),
		VS_ECREATE);
	assert_non_null(strstr(err.msg, "is a shard file"));
	assert_int_equal(vs_cont_done(&ctx, path, &head, &err), 1);
	CHECK(write_one(&ctx, path, 2, VS_KIND_SHARD, VS_PUBLISH_REPLACE,
			&err));
	assert_int_equal(vs_cont_done(&ctx, path, &head, &err), VS_ECREATE);
	/* The empty file of a crashed task is never taken for a result. */
	tmpdir_put(path, "", 0);
	assert_int_equal(vs_cont_done(&ctx, path, &head, &err), VS_ECREATE);
	assert_non_null(strstr(err.msg, "is empty"));
	assert_non_null(strstr(err.msg, "--replace"));
	assert_int_equal(vs_cont_done(&ctx, dir.path, &head, &err), VS_ECREATE);
	assert_true(atomic_load(&ctx.mem_now) == 0);
	assert_int_equal(tmpdir_count(&dir, ".tmp"), 0);
}

static void test_misuse(void **state)
{
	const char *path = tmpdir_file(&dir, "misuse.vss");
	struct vs_err err = {0};
	struct vs_cont_writer *w;
	unsigned raw, zst, i;
	struct vs_ctx ctx;

	(void)state;
	vs_ctx_init(&ctx);
	CHECK(vs_cont_create(&ctx, path, &shard_head, &w, &err));
	CHECK(vs_cont_add_raw(&ctx, w, VS_SEC_ROWS, 10, 8, &raw, &err));
	assert_int_equal(vs_cont_add_raw(&ctx, w, VS_SEC_ROWS, 1, 1, &i, &err),
			 VS_EINTERNAL);
	assert_int_equal(vs_cont_write(&ctx, w, raw, 79, "ab", 2, &err),
			 VS_EINTERNAL);
	assert_int_equal(vs_cont_write(&ctx, w, raw, UINT64_MAX, "ab", 2, &err),
			 VS_EINTERNAL);
	assert_int_equal(vs_cont_write(&ctx, w, 7, 0, "a", 1, &err),
			 VS_EINTERNAL);
	assert_int_equal(vs_cont_append(&ctx, w, raw, "a", 1, &err),
			 VS_EINTERNAL);
	CHECK(vs_cont_add_zst(&ctx, w, VS_SEC_IDS, 8, &zst, &err));
	assert_int_equal(vs_cont_add_raw(&ctx, w, VS_SEC_TERM, 1, 1, &i, &err),
			 VS_EINTERNAL);
	assert_int_equal(vs_cont_write(&ctx, w, zst, 0, "a", 1, &err),
			 VS_EINTERNAL);
	CHECK(vs_cont_append(&ctx, w, zst, "12345678", 8, &err));
	/* ROWS lacks its bytes. */
	assert_int_equal(vs_cont_publish(&ctx, w, VS_PUBLISH_NEW, &err),
			 VS_EINTERNAL);
	assert_non_null(strstr(err.msg, "0 of 80 bytes written"));

	CHECK(vs_cont_create(&ctx, path, &shard_head, &w, &err));
	CHECK(vs_cont_add_zst(&ctx, w, VS_SEC_IDS, 8, &zst, &err));
	CHECK(vs_cont_append(&ctx, w, zst, "1234567", 7, &err));
	assert_int_equal(vs_cont_publish(&ctx, w, VS_PUBLISH_NEW, &err),
			 VS_EINTERNAL);
	CHECK(vs_cont_create(&ctx, path, &shard_head, &w, &err));
	assert_int_equal(vs_cont_add_raw(&ctx, w, VS_SEC_ROWS, UINT64_MAX, 8,
					 &raw, &err),
			 VS_EUSAGE);
	vs_cont_abort(&ctx, w);
	vs_cont_abort(&ctx, NULL);
	assert_int_equal(vs_cont_create(&ctx, "-", &shard_head, &w, &err),
			 VS_EUSAGE);
	assert_int_equal(tmpdir_count(&dir, ""), 0);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

/* A writer never makes what a reader refuses: no sections, 2^41 rows. */
static void test_unreadable_is_not_written(void **state)
{
	const char *path = tmpdir_file(&dir, "never.vss");
	struct vs_cont_writer *w;
	struct vs_err err = {0};
	struct vs_ctx ctx;
	unsigned i;

	(void)state;
	vs_ctx_init(&ctx);
	CHECK(vs_cont_create(&ctx, path, &shard_head, &w, &err));
	assert_int_equal(vs_cont_publish(&ctx, w, VS_PUBLISH_NEW, &err),
			 VS_EINTERNAL);
	CHECK(vs_cont_create(&ctx, path, &shard_head, &w, &err));
	CHECK(vs_cont_add_raw(&ctx, w, VS_SEC_INFO, 0, 1, &i, &err));
	vs_cont_set_rows(w, (uint64_t)1 << 41);
	assert_int_equal(vs_cont_publish(&ctx, w, VS_PUBLISH_NEW, &err),
			 VS_EINTERNAL);
	assert_int_equal(tmpdir_count(&dir, ""), 0);
}

/* Writes a file in the hard way: out of order, packed, replacing. */
static int write_hard(struct vs_ctx *ctx, const char *path, struct vs_err *err)
{
	struct vs_cont_writer *w;
	unsigned raw, zst;
	int rc;

	rc = vs_cont_create(ctx, path, &shard_head, &w, err);
	if (rc != 0)
		return rc;
	rc = vs_cont_add_raw(ctx, w, VS_SEC_ROWS, 6, 1, &raw, err);
	if (rc == 0)
		rc = vs_cont_write(ctx, w, raw, 3, "def", 3, err);
	if (rc == 0)
		rc = vs_cont_write(ctx, w, raw, 0, "abc", 3, err);
	if (rc == 0)
		rc = vs_cont_add_zst(ctx, w, VS_SEC_IDS, 1, &zst, err);
	if (rc == 0)
		rc = vs_cont_append(ctx, w, zst, "ids", 3, err);
	if (rc == 0)
		return vs_cont_publish(ctx, w, VS_PUBLISH_REPLACE, err);
	vs_cont_abort(ctx, w);
	return rc;
}

static int read_hard(struct vs_ctx *ctx, const char *path, char text[10],
		     struct vs_err *err)
{
	struct vs_cont *c;
	struct vs_span s;
	int rc = vs_cont_open(ctx, path, VS_KIND_SHARD, &c, err);

	memset(text, 0, 10);
	if (rc != 0)
		return rc;
	rc = vs_cont_find(c, VS_SEC_ROWS, 1, &s, err);
	if (rc == 0)
		rc = vs_cont_read(ctx, c, &s, 0, text, 6, err);
	if (rc == 0)
		rc = vs_cont_find(c, VS_SEC_IDS, 1, &s, err);
	if (rc == 0)
		rc = vs_cont_read(ctx, c, &s, 0, text + 6, 3, err);
	vs_cont_close(ctx, c);
	return rc;
}

/* Every call in turn fails: a clean error with the old file in place, or a
 * complete file; nothing left over, neither files nor memory. */
static void test_failing_writes(void **state)
{
	const char *path = tmpdir_file(&dir, "faults.vss");
	struct vs_err err = {0};
	struct faults f = {.sys = 5};
	struct vs_ctx ctx, plain;
	unsigned n_failed = 0, for_ever;
	char text[10];
	int rc;

	(void)state;
	vs_ctx_init(&ctx);
	vs_ctx_init(&plain);
	for (for_ever = 0; for_ever < 2; for_ever++) {
		f.for_ever = for_ever;
		for (f.at = 1;; f.at++) {
			assert_true(f.at < 1000);
			tmpdir_put(path, "old", 3);
			faults_set(&ctx, &f);
			vs_err_clear(&err);
			rc = write_hard(&ctx, path, &err);
			assert_true(atomic_load(&ctx.mem_now) == 0);
			if (atomic_load(&f.n_fired) == 0)
				break;
			assert_int_equal(err.code, rc);
			if (rc != 0 && tmpdir_holds(path, "old", 3)) {
				assert_true(err.msg[0] != '\0');
				n_failed++;
			} else {
				CHECK(read_hard(&plain, path, text, &err));
				assert_string_equal(text, "abcdefids");
			}
			assert_int_equal(tmpdir_count(&dir, ""), 1);
		}
		assert_int_equal(rc, 0);
	}
	assert_true(n_failed > 30);
}

static void test_failing_reads(void **state)
{
	const char *path = tmpdir_file(&dir, "faults.vss");
	struct vs_err err = {0};
	struct faults f = {.sys = 5};
	unsigned n_failed = 0;
	struct vs_ctx ctx;
	char text[10];
	int rc;

	(void)state;
	vs_ctx_init(&ctx);
	CHECK(write_hard(&ctx, path, &err));
	ctx.verify = VS_VERIFY_FULL;
	for (f.at = 1;; f.at++) {
		faults_set(&ctx, &f);
		vs_err_clear(&err);
		rc = read_hard(&ctx, path, text, &err);
		assert_true(atomic_load(&ctx.mem_now) == 0);
		if (atomic_load(&f.n_fired) == 0)
			break;
		assert_int_equal(err.code, rc);
		if (rc == 0)
			assert_string_equal(text, "abcdefids");
		else
			n_failed++;
	}
	assert_int_equal(rc, 0);
	assert_string_equal(text, "abcdefids");
	assert_true(n_failed > 10);
}

/* A file at the ceiling of memory is refused before it is read. */
static void test_memory_ceiling(void **state)
{
	const char *path = tmpdir_file(&dir, "ceiling.vss");
	struct vs_err err = {0};
	struct vs_ctx ctx;
	struct vs_cont *c;

	(void)state;
	vs_ctx_init(&ctx);
	samples_shard(&ctx, path, 100);
	ctx.memory_max = 1024;
	assert_int_equal(vs_cont_open(&ctx, path, VS_KIND_SHARD, &c, &err),
			 VS_ENOMEM);
	assert_null(c);
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_uuid),
		TEST(test_any_order_same_bytes),
		TEST(test_publish_and_done),
		TEST(test_misuse),
		TEST(test_unreadable_is_not_written),
		TEST(test_failing_writes),
		TEST(test_failing_reads),
		TEST(test_memory_ceiling),
	};

	return cmocka_run_group_tests_name("cont", tests, NULL, NULL);
}
