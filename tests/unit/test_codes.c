/* Shards of scalar codes and of rows to refine by: answers equal brute force
 * over the rows as they are decoded, bit by bit; bytes and answers depend on
 * neither threads nor instruction set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/damage.h"
#include "tests/unit/gendata.h"
#include "tests/unit/tmpdir.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/shard.h"

#define K 10u
#define NLIST 5u
#define N_QUERIES 30u

static void ok(int rc, const struct vs_err *err)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, err->msg);
}

static void start(struct vs_ctx *ctx, unsigned threads, enum vs_cpu cpu)
{
	vs_ctx_init(ctx);
	ctx->n_threads = threads;
	ctx->kern = vs_kern_select(cpu);
}

/* An index whose cells are those of the first rows, and its ranges. */
static void make_model(struct vs_ctx *ctx, const char *index,
		       enum vs_metric metric, const struct gendata *g,
		       struct vs_model *m)
{
	struct vs_code8_rows sample = { .n = (size_t)g->n, .dim = g->dim,
					.dtype = g->dtype };
	struct vs_rows rows;
	struct vs_err err;

	memset(m, 0, sizeof(*m));
	ok(vs_factory_parse(index, &m->index, &err), &err);
	m->metric = metric;
	m->dtype = g->dtype;
	m->dim = g->dim;
	m->inner = g->dim;
	gendata_rows(g, &rows);
	sample.p = rows.p;
	if (m->index.family == VS_FAMILY_IVF)
		m->centroids = g->f32;
	if (vs_factory_has_ranges(&m->index, g->dtype))
		ok(vs_code8_train(ctx, &sample, &m->ranges, &err), &err);
}

static void build(struct vs_ctx *ctx, const char *path, struct gendata *g,
		  const struct vs_model *m)
{
	struct vs_shard_spec spec = {
		.index = m->index,
		.metric = m->metric,
		.how = VS_PUBLISH_REPLACE,
	};
	struct vs_source src;
	struct vs_err err;

	if (m->centroids != NULL || m->ranges.mid != NULL)
		spec.model = m;
	gendata_source(g, &src);
	ok(vs_shard_build(ctx, path, &spec, &src, &err), &err);
}

/* As vs-query does it: all cells, k * kfactor candidates where rows are
 * refined. */
static void search(struct vs_ctx *ctx, const char *path,
		   const struct gendata *q, uint32_t kfactor,
		   struct vs_hit *hits)
{
	uint32_t cells[N_QUERIES * NLIST], i;
	struct vs_batch_spec spec = { .k = K };
	struct vs_settle found = { .n = K * kfactor };
	const struct vs_hit *best;
	struct vs_batch *b, *fine;
	struct vs_shard *s;
	struct vs_err err;

	for (i = 0; i < N_QUERIES * NLIST; i++)
		cells[i] = i % NLIST;
	ok(vs_shard_open(ctx, path, &s, &err), &err);
	spec.metric = vs_shard_head(s)->metric;
	spec.dtype = vs_shard_row_dtype(s);
	gendata_queries(q, &spec.queries);
	if (vs_shard_refines(s)) {
		spec.k *= kfactor;
		spec.keep_where = true;
	}
	ok(vs_batch_create(ctx, &spec, &b, &err), &err);
	ok(vs_shard_scan(ctx, s, 7, b, q->n, cells, NLIST, &err), &err);
	if (vs_shard_refines(s)) {
		struct vs_shard *shards[8] = { [7] = s };

		ok(vs_batch_finish(ctx, b, &found.hits, &err), &err);
		found.where = vs_batch_where(b);
		spec.k = K;
		spec.dtype = vs_shard_dtype(s);
		spec.keep_where = false;
		ok(vs_batch_create(ctx, &spec, &fine, &err), &err);
		ok(vs_shards_refine(ctx, shards, 8, &found, fine, &err), &err);
		vs_batch_destroy(ctx, b);
		b = fine;
	}
	ok(vs_batch_finish(ctx, b, &best, &err), &err);
	memcpy(hits, best, N_QUERIES * K * sizeof(*hits));
	vs_batch_destroy(ctx, b);
	vs_shard_close(ctx, s);
}

/* The rows as codes keep them, as f32. */
static void decode(const struct gendata *g, const struct vs_model *m,
		   struct gendata *out)
{
	uint8_t *codes = malloc(g->dim);
	uint64_t i;

	gendata_make(out, VS_F32, g->n, g->dim, 2, 1);
	memcpy(out->f32, g->f32, g->n * g->dim * sizeof(float));
	for (i = 0; i < g->n * g->dim; i++)
		if (m->index.code == VS_CODE_SQFP16)
			out->f32[i] = vs_f32_of_f16(vs_f16_of_f32(g->f32[i]));
	for (i = 0; i < g->n && m->index.code == VS_CODE_SQ8; i++) {
		(void)vs_code8_encode(&m->ranges, g->f32 + i * g->dim, codes);
		vs_code8_decode(&m->ranges, codes, out->f32 + i * g->dim);
	}
	free(codes);
}

static int by_hit(const void *a, const void *b)
{
	return vs_hit_less(a, b) ? -1 : 1;
}

/* The answer of query i: the best by decoded rows, and of more of them those
 * that are the best by the rows themselves. */
static void expect(const struct gendata *q, uint64_t i, const struct gendata *g,
		   const struct gendata *decoded, const struct vs_model *m,
		   uint32_t kfactor, struct vs_hit *want)
{
	struct gendata query = *q;
	struct vs_hit *more = calloc(K * kfactor, sizeof(*more));
	uint32_t x;

	query.dtype = VS_F32; /* halves are widened there */
	gendata_knn(m->metric, &query, i, decoded, NULL, K * kfactor, more);
	for (x = 0; m->index.refine == VS_REFINE_FLAT && x < K * kfactor; x++)
		if (more[x].id != VS_ID_NONE)
			more[x].key = gendata_key(m->metric, q, i, g,
						  more[x].id);
	qsort(more, K * kfactor, sizeof(*more), by_hit);
	memcpy(want, more, K * sizeof(*more));
	free(more);
}

static void check_hits(const struct vs_hit *got, const struct vs_hit *want,
		       const char *what)
{
	size_t i;

	for (i = 0; i < N_QUERIES * K; i++)
		if (got[i].id != want[i].id || got[i].key != want[i].key)
			fail_msg("%s: query %zu rank %zu: id %lld key %lld, "
				 "expected id %lld key %lld", what, i / K,
				 i % K, (long long)got[i].id,
				 (long long)got[i].key, (long long)want[i].id,
				 (long long)want[i].key);
}

static char *read_file(const char *path, size_t *n)
{
	char *bytes = malloc(4u << 20);
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	*n = fread(bytes, 1, 4u << 20, f);
	assert_true(*n > 0 && *n < 4u << 20);
	fclose(f);
	return bytes;
}

/* Under every level and number of threads. */
static void check_index(const char *index, enum vs_metric metric,
			struct gendata *g, const struct gendata *q,
			struct tmpdir *dir)
{
	const char *path = tmpdir_file(dir, "s.vss");
	struct vs_hit want[N_QUERIES * K], got[N_QUERIES * K];
	static const unsigned threads[] = { 1, 2, 7 };
	uint32_t kfactor = strstr(index, "RFlat") != NULL ? 3 : 1;
	char what[128], *first = NULL;
	struct gendata decoded;
	struct vs_model m;
	struct vs_ctx ctx;
	size_t n, n_first = 0;
	uint64_t i;
	unsigned cpu, t = 0;

	start(&ctx, 2, VS_CPU_BEST);
	make_model(&ctx, index, metric, g, &m);
	decode(g, &m, &decoded);
	for (i = 0; i < N_QUERIES; i++)
		expect(q, i, g, &decoded, &m, kfactor, want + i * K);
	for (cpu = VS_CPU_GENERIC; cpu < VS_CPU_BEST; cpu++) {
		char *bytes;

		if (vs_kern_exact((enum vs_cpu)cpu) == NULL)
			continue;
		ctx.kern = vs_kern_exact((enum vs_cpu)cpu);
		ctx.n_threads = threads[t++ % 3];
		build(&ctx, path, g, &m);
		snprintf(what, sizeof(what), "%s %s %s %s", index,
			 vs_metric_name(metric), vs_dtype_name(g->dtype),
			 ctx.kern->name);
		ctx.verify = VS_VERIFY_DEEP;
		search(&ctx, path, q, kfactor, got);
		ctx.verify = VS_VERIFY_TOUCH;
		check_hits(got, want, what);
		bytes = read_file(path, &n);
		if (first == NULL) {
			first = bytes;
			n_first = n;
			continue;
		}
		assert_int_equal(n, n_first);
		assert_memory_equal(bytes, first, n);
		free(bytes);
	}
	free(first);
	vs_code8_free(&ctx, &m.ranges);
	assert_int_equal(ctx.mem_now, 0);
	gendata_free(&decoded);
}

static void test_equals_decoded_rows(void **state)
{
	static const char *const indexes[] = {
		"SQ8", "SQfp16", "IVF5,SQ8", "IVF5,SQfp16", "IVF5,SQ8,RFlat",
		"SQfp16,RFlat",
	};
	static const uint32_t dims[] = { 1, 7, 33, 40, 18, 64 };
	struct gendata g, q;
	struct tmpdir dir;
	unsigned i, metric, half;

	(void)state;
	tmpdir_make(&dir);
	for (i = 0; i < 6; i++)
		for (metric = VS_L2; metric <= VS_L1; metric++)
			for (half = 0; half < 2; half++) {
				enum vs_dtype t = half ? VS_F16 : VS_F32;

				gendata_make(&g, t, 900, dims[i], 200, 1);
				gendata_make(&q, t, N_QUERIES, dims[i], 200,
					     2);
				check_index(indexes[i],
					    (enum vs_metric)metric, &g, &q,
					    &dir);
				gendata_free(&g);
				gendata_free(&q);
			}
	tmpdir_remove(&dir);
}

/* Lengths so far apart that codes say nothing of most rows: scans go on by
 * floats, and answers stay what they are. */
static void test_codes_that_reject_nothing(void **state)
{
	static const char *const indexes[] = { "Flat", "SQ8", "IVF5,SQ8" };
	struct gendata g, q;
	struct tmpdir dir;
	unsigned i, metric, half;
	uint64_t x;

	(void)state;
	tmpdir_make(&dir);
	for (i = 0; i < 3; i++)
		for (metric = VS_L2; metric <= VS_COSINE; metric++)
			for (half = 0; half < 2; half++) {
				enum vs_dtype t = half ? VS_F16 : VS_F32;

				gendata_make(&g, t, 3000, 9, 200, 1);
				gendata_make(&q, t, N_QUERIES, 9, 200, 2);
				for (x = 0; t == VS_F32 && x < g.n * g.dim; x++)
					g.f32[x] *= x / 9 % 16 ? 1e-3f : 1e3f;
				check_index(indexes[i],
					    (enum vs_metric)metric, &g, &q,
					    &dir);
				gendata_free(&g);
				gendata_free(&q);
			}
	tmpdir_remove(&dir);
}

/* Bytes are their own codes: the file is that of Flat but for the name. */
static void test_bytes_are_codes(void **state)
{
	static const char *const indexes[] = { "SQ8", "SQfp16", "SQ8,RFlat" };
	struct vs_hit want[N_QUERIES * K], got[N_QUERIES * K];
	struct gendata g, q;
	struct tmpdir dir;
	struct vs_model m;
	struct vs_ctx ctx;
	const char *path;
	uint64_t i;
	unsigned x;

	(void)state;
	tmpdir_make(&dir);
	path = tmpdir_file(&dir, "b.vss");
	start(&ctx, 2, VS_CPU_BEST);
	gendata_make(&g, VS_U8, 500, 20, 200, 1);
	gendata_make(&q, VS_U8, N_QUERIES, 20, 200, 2);
	for (i = 0; i < N_QUERIES; i++)
		gendata_knn(VS_L2, &q, i, &g, NULL, K, want + i * K);
	for (x = 0; x < 3; x++) {
		make_model(&ctx, indexes[x], VS_L2, &g, &m);
		assert_null(m.ranges.mid);
		build(&ctx, path, &g, &m);
		search(&ctx, path, &q, 4, got);
		check_hits(got, want, indexes[x]);
	}
	gendata_free(&g);
	gendata_free(&q);
	tmpdir_remove(&dir);
}

/* Rows of refining in all types that are built, against their decoded rows. */
static void test_refining_by_halves(void **state)
{
	struct vs_hit got[N_QUERIES * K], want[N_QUERIES * K];
	struct gendata g, q, halves;
	struct tmpdir dir;
	struct vs_model m;
	struct vs_ctx ctx;
	const char *path;
	uint64_t i;

	(void)state;
	tmpdir_make(&dir);
	path = tmpdir_file(&dir, "h.vss");
	start(&ctx, 2, VS_CPU_BEST);
	gendata_make(&g, VS_F32, 120, 20, 200, 1);
	gendata_make(&q, VS_F32, N_QUERIES, 20, 200, 2);
	make_model(&ctx, "SQfp16", VS_L2, &g, &m);
	decode(&g, &m, &halves);
	for (i = 0; i < N_QUERIES; i++)
		gendata_knn(VS_L2, &q, i, &halves, NULL, K, want + i * K);
	make_model(&ctx, "SQ8,Refine(SQfp16)", VS_L2, &g, &m);
	build(&ctx, path, &g, &m);
	search(&ctx, path, &q, 12, got); /* every row is a candidate */
	check_hits(got, want, "SQ8,Refine(SQfp16)");
	vs_code8_free(&ctx, &m.ranges);
	gendata_free(&g);
	gendata_free(&q);
	gendata_free(&halves);
	tmpdir_remove(&dir);
}

/* Flips a bit of a section and repairs the checksums: only the deep check can
 * tell. */
static void spoil(struct vs_ctx *ctx, const char *path, const char *bad,
		  uint32_t tag, uint32_t item, uint64_t at)
{
	uint8_t *bytes = malloc(1 << 20);
	long n = tmpdir_get(path, bytes, 1 << 20);
	struct vs_span span;
	struct vs_cont *c;
	struct vs_err err;
	uint64_t start = 4096;

	ok(vs_cont_open(ctx, path, VS_KIND_SHARD, &c, &err), &err);
	ok(vs_cont_find(c, tag, item, &span, &err), &err);
	while (memcmp(bytes + start, span.p, span.n_bytes) != 0)
		start += 4096; /* found by its contents */
	vs_cont_close(ctx, c);
	bytes[start + at] ^= 1;
	damage_repair_container(bytes, (size_t)n);
	tmpdir_put(bad, bytes, (size_t)n);
	free(bytes);
}

static void test_deep_check(void **state)
{
	static const struct {
		uint32_t tag, item;
		uint64_t at;
		const char *words;
	} faults[] = {
		{ VS_SEC_CODE, 2 * 64, 0, "does not fit its " },
		{ VS_SEC_CODE, 2 * 64, 128 + 15 * 4, "padding and not zero" },
		{ VS_SEC_SLAK, 4, 2, "does not fit its slack" },
		{ VS_SEC_TERM, 4, 2, "does not fit its term" },
		{ VS_SEC_FINE, 20, 2, "does not fit its codes" },
		{ VS_SEC_FINE, 20, 31 * 20, "padding and not zero" },
	};
	const char *path, *bad;
	struct vs_shard *s;
	struct gendata g;
	struct tmpdir dir;
	struct vs_model m;
	struct vs_ctx ctx;
	struct vs_err err;
	size_t i;

	(void)state;
	tmpdir_make(&dir);
	path = tmpdir_file(&dir, "s.vss");
	bad = tmpdir_file(&dir, "bad.vss");
	start(&ctx, 2, VS_CPU_BEST);
	gendata_make(&g, VS_F32, 21, 5, 200, 1);
	make_model(&ctx, "SQ8,RFlat", VS_L2, &g, &m);
	build(&ctx, path, &g, &m);
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		spoil(&ctx, path, bad, faults[i].tag, faults[i].item,
		      faults[i].at);
		ctx.verify = VS_VERIFY_FULL;
		ok(vs_shard_open(&ctx, bad, &s, &err), &err);
		vs_shard_close(&ctx, s);
		ctx.verify = VS_VERIFY_DEEP;
		assert_int_equal(vs_shard_open(&ctx, bad, &s, &err), VS_EDATA);
		if (strstr(err.msg, faults[i].words) == NULL)
			fail_msg("%zu: %s", i, err.msg);
		ctx.verify = VS_VERIFY_TOUCH;
	}
	vs_code8_free(&ctx, &m.ranges);
	gendata_free(&g);
	tmpdir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equals_decoded_rows),
		cmocka_unit_test(test_codes_that_reject_nothing),
		cmocka_unit_test(test_bytes_are_codes),
		cmocka_unit_test(test_refining_by_halves),
		cmocka_unit_test(test_deep_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
