/* Shards and the batch engine: answers equal brute force for every metric, type
 * and nprobe; the file's bytes and the answers depend on neither threads,
 * memory, blocks nor instruction set. */
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
#include "vs/kmeans.h"
#include "vs/mem.h"
#include "vs/widen.h"
#include "vs/shard.h"

#define K 10u

static void start(struct vs_ctx *ctx, unsigned threads)
{
	vs_ctx_init(ctx);
	ctx->n_threads = threads;
	ctx->kern = vs_kern_select(VS_CPU_BEST);
}

static void ok(int rc, const struct vs_err *err)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, err->msg);
}

/* A model over the rows; nlist 0: none. */
static void make_model(struct vs_ctx *ctx, const struct gendata *g,
		       enum vs_metric metric, uint32_t nlist,
		       struct vs_model *m)
{
	float *wide = malloc((g->n * g->dim + 1) * sizeof(*wide));
	struct vs_kmeans_params p = { .nlist = nlist,
				      .iterations = 4,
				      .seed = 1 };
	uint64_t i;
	struct vs_kmeans_result r;
	struct vs_rows rows;
	struct vs_err err;

	memset(m, 0, sizeof(*m));
	m->metric = metric;
	m->dtype = g->dtype;
	m->dim = g->dim;
	m->inner = g->dim;
	m->index.family = nlist == 0 ? VS_FAMILY_FLAT : VS_FAMILY_IVF;
	m->index.nlist = nlist == 0 ? 1 : nlist;
	if (nlist == 0) {
		strcpy(m->index.text, "Flat");
		free(wide);
		return;
	}
	snprintf(m->index.text, sizeof(m->index.text), "IVF%u,Flat", nlist);
	gendata_rows(g, &rows);
	for (i = 0; i < g->n; i++)
		vs_row_widen(g->dtype, gendata_row(g, i), g->dim,
			     wide + i * g->dim);
	rows.p = wide;
	rows.dtype = VS_F32;
	ok(vs_kmeans(ctx, &rows, &p, &r, &err), &err);
	m->centroids = r.centroids;
	free(wide);
}

static void build(struct vs_ctx *ctx, const char *path, struct gendata *g,
		  const struct vs_model *m)
{
	struct vs_shard_spec spec = {
		.index = m->index,
		.metric = m->metric,
		.model = m->centroids != NULL ? m : NULL,
		.how = VS_PUBLISH_REPLACE,
	};
	struct vs_source src;
	struct vs_err err;

	gendata_source(g, &src);
	ok(vs_shard_build(ctx, path, &spec, &src, &err), &err);
}

/* Answers of all queries into hits [n][K]. */
static void search(struct vs_ctx *ctx, const char *path,
		   const struct gendata *q, uint32_t nprobe,
		   struct vs_hit *hits, uint32_t *cells)
{
	struct vs_batch_spec spec = { .k = K };
	struct vs_coarse *coarse = NULL;
	struct vs_rows centroids = { NULL, 0, q->dim, VS_F32 };
	const struct vs_hit *found;
	struct vs_shard *s;
	struct vs_batch *b;
	struct vs_err err;

	ok(vs_shard_open(ctx, path, &s, &err), &err);
	spec.metric = vs_shard_head(s)->metric;
	spec.dtype = vs_shard_head(s)->dtype;
	gendata_queries(q, &spec.queries);
	ok(vs_batch_create(ctx, &spec, &b, &err), &err);
	if (vs_shard_centroids(s) != NULL) {
		centroids.p = vs_shard_centroids(s);
		centroids.n = vs_shard_index(s)->nlist;
		ok(vs_coarse_create(ctx, &centroids, spec.queries.dtype,
				    &coarse, &err), &err);
		ok(vs_coarse_probe(ctx, coarse, spec.metric, &spec.queries,
				   &(struct vs_probe){ nprobe, 0 }, cells,
				   &err), &err);
	}
	ok(vs_shard_scan(ctx, s, 0, b, q->n, cells, nprobe, &err), &err);
	ok(vs_batch_finish(ctx, b, &found, &err), &err);
	memcpy(hits, found, q->n * K * sizeof(*hits));
	vs_batch_destroy(ctx, b);
	vs_coarse_destroy(ctx, coarse);
	vs_shard_close(ctx, s);
}

static void assert_same_hits(const struct vs_hit *a, const struct vs_hit *b,
			     size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (a[i].id != b[i].id || a[i].key != b[i].key)
			fail_msg("query %zu rank %zu: id %lld key %lld, "
				 "expected id %lld key %lld", i / K, i % K,
				 (long long)a[i].id, (long long)a[i].key,
				 (long long)b[i].id, (long long)b[i].key);
}

/* The cell of every row: of similarities the nearest to the row scaled to
 * length 1. */
static void assign(struct vs_ctx *ctx, const struct gendata *g,
		   const struct vs_model *m, uint32_t *cell)
{
	float *unit = malloc(g->n * g->dim * sizeof(*unit));
	struct vs_rows rows, centroids = { m->centroids, m->index.nlist,
					   g->dim, VS_F32 };
	struct vs_coarse *coarse;
	struct vs_err err;
	uint64_t i;

	gendata_rows(g, &rows);
	for (i = 0; i < g->n; i++) {
		vs_row_widen(g->dtype, gendata_row(g, i), g->dim,
			     unit + i * g->dim);
		if (vs_metric_is_similarity(m->metric))
			vs_row_unit(unit + i * g->dim, g->dim);
	}
	rows.p = unit;
	rows.dtype = VS_F32;
	ok(vs_coarse_create(ctx, &centroids, VS_F32, &coarse, &err), &err);
	ok(vs_coarse_assign(ctx, coarse, &rows, cell, NULL, &err), &err);
	vs_coarse_destroy(ctx, coarse);
	free(unit);
}

/* Which rows lie in the probed cells, from the assignment alone. */
static void rows_in_cells(const uint32_t *cell, uint64_t n,
			  const uint32_t *probed, uint32_t nprobe, bool *use)
{
	uint64_t i;
	uint32_t x;

	for (i = 0; i < n; i++) {
		use[i] = false;
		for (x = 0; x < nprobe; x++)
			use[i] = use[i] || cell[i] == probed[x];
	}
}

struct shape {
	enum vs_dtype dtype;
	enum vs_metric metric;
	uint32_t dim, nlist;
	uint64_t n, n_queries;
	unsigned levels;
};

static void check_shape(const struct shape *s, struct tmpdir *dir)
{
	static const uint32_t probes[] = { 1, 7, 1000 };
	struct gendata g, q;
	struct vs_ctx ctx;
	struct vs_model m;
	struct vs_hit *hits, want[K];
	uint32_t *cells, *cell, nprobe;
	const char *path = tmpdir_file(dir, "s.vss");
	bool *use;
	uint64_t i;
	size_t p;

	start(&ctx, 2);
	gendata_make(&g, s->dtype, s->n, s->dim, s->levels, 1);
	gendata_make(&q, s->dtype, s->n_queries, s->dim, s->levels, 2);
	make_model(&ctx, &g, s->metric, s->nlist, &m);
	build(&ctx, path, &g, &m);
	hits = calloc(q.n * K, sizeof(*hits));
	cells = calloc(q.n * (s->nlist + 1), sizeof(*cells));
	cell = calloc(g.n, sizeof(*cell));
	use = calloc(g.n, sizeof(*use));
	if (s->nlist > 0)
		assign(&ctx, &g, &m, cell);
	for (p = 0; p < 3; p++) {
		nprobe = s->nlist == 0 ? 1 : (uint32_t)vs_min_u64(probes[p],
								  s->nlist);
		search(&ctx, path, &q, nprobe, hits, cells);
		for (i = 0; i < q.n; i++) {
			if (s->nlist > 0)
				rows_in_cells(cell, g.n, cells + i * nprobe,
					      nprobe, use);
			gendata_knn(s->metric, &q, i, &g,
				    s->nlist > 0 ? use : NULL, K, want);
			assert_same_hits(hits + i * K, want, K);
		}
	}
	vs_free(&ctx, m.centroids);
	assert_int_equal(ctx.mem_now, 0);
	free(hits);
	free(cells);
	free(cell);
	free(use);
	gendata_free(&g);
	gendata_free(&q);
}

static void test_equals_brute_force(void **state)
{
	static const uint32_t dims[] = { 1, 3, 16, 33, 128 };
	static const uint64_t queries[] = { 1, 2, 5, 13, 40 };
	static const enum vs_dtype types[] = { VS_F32, VS_F16, VS_U8, VS_I8 };
	struct shape s = { 0 };
	struct tmpdir dir;
	unsigned i, type, metric, nlist;

	(void)state;
	tmpdir_make(&dir);
	for (type = 0; type < 4; type++)
		for (metric = VS_L2; metric <= VS_L1; metric++)
			for (i = 0; i < 5; i++)
				for (nlist = 0; nlist < 2; nlist++) {
					s.dtype = types[type];
					s.metric = (enum vs_metric)metric;
					s.dim = dims[i];
					s.n_queries = queries[i];
					s.nlist = nlist * (3 + 7 * i);
					s.n = 700 + 531 * i;
					s.levels = i % 2 ? 250 : 6;
					check_shape(&s, &dir);
				}
	tmpdir_remove(&dir);
}

/* Flat, of what g and q hold, against brute force. */
static void check_flat(struct gendata *g, const struct gendata *q,
		       enum vs_metric metric, struct tmpdir *dir)
{
	const char *path = tmpdir_file(dir, "flat.vss");
	struct vs_hit *hits = calloc(q->n * K, sizeof(*hits)), want[K];
	struct vs_model m;
	struct vs_ctx ctx;
	uint64_t i;

	start(&ctx, 1);
	make_model(&ctx, g, metric, 0, &m);
	build(&ctx, path, g, &m);
	search(&ctx, path, q, 1, hits, NULL);
	for (i = 0; i < q->n; i++) {
		gendata_knn(metric, q, i, g, NULL, K, want);
		assert_same_hits(hits + i * K, want, K);
	}
	assert_int_equal(ctx.mem_now, 0);
	free(hits);
}

/* Where bounds leave the range of floats, nothing may be rejected. */
static void test_odd_scales(void **state)
{
	static const struct {
		float rows, queries;
	} scale[] = {
		{ 3e-18f, 3e-18f }, { 1e-2f, 1e-36f }, { 1e-20f, 1e-20f },
		{ 1e10f, 1e-30f },  { 1e15f, 1e15f },  { 1e-36f, 1e15f },
	};
	struct gendata g, q;
	struct tmpdir dir;
	unsigned i, metric;
	uint64_t x;

	(void)state;
	tmpdir_make(&dir);
	for (i = 0; i < 6; i++)
		for (metric = VS_L2; metric <= VS_L1; metric++) {
			gendata_make(&g, VS_F32, 500, 12, 200, 1);
			gendata_make(&q, VS_F32, 3, 12, 200, 2);
			for (x = 0; x < g.n * g.dim; x++)
				g.f32[x] *= scale[i].rows;
			for (x = 0; x < q.n * q.dim; x++)
				q.f32[x] *= scale[i].queries;
			check_flat(&g, &q, (enum vs_metric)metric, &dir);
			gendata_free(&g);
			gendata_free(&q);
		}
	tmpdir_remove(&dir);
}

/* One step of the bound overflows though its factors do not. */
static void test_bound_overflows(void **state)
{
	struct gendata g, q;
	struct tmpdir dir;
	uint64_t i;

	(void)state;
	tmpdir_make(&dir);
	gendata_make(&g, VS_F32, 4000, 2, 200, 1);
	gendata_make(&q, VS_F32, 1, 2, 200, 2);
	for (i = 0; i < g.n; i++) {
		g.f32[2 * i] = 0;
		g.f32[2 * i + 1] = (i % 2 ? 1 : -1) *
				   (1.2f + 0.3f * (float)(i * 7919 % 4000) /
						   4000);
	}
	g.f32[2 * 3000] = 1.549f;
	g.f32[2 * 3000 + 1] = 0;
	q.f32[0] = 0.58f;
	q.f32[1] = 3.16e-35f;
	check_flat(&g, &q, VS_L2, &dir);
	gendata_free(&g);
	gendata_free(&q);

	/* Products whose sums are infinite on their way. */
	gendata_make(&g, VS_F32, 200, 33, 200, 1);
	gendata_make(&q, VS_F32, 1, 33, 200, 2);
	for (i = 0; i < 33; i++)
		q.f32[i] = i % 16 == 0 ? 0x1p79f : 0;
	memset(g.f32, 0, 200 * 33 * sizeof(float));
	for (i = 0; i < 200; i++) {
		g.f32[i * 33] = 0x1p48f * (0.9f - 0.0001f * (float)i);
		g.f32[i * 33 + 16] = -0x1p44f;
		g.f32[i * 33 + 32] = (float)i * 0x1p40f;
	}
	g.f32[100 * 33] = 0x1p48f;
	g.f32[100 * 33 + 16] = 0x1p48f;
	g.f32[100 * 33 + 32] = -1.3f * 0x1p48f;
	check_flat(&g, &q, VS_IP, &dir);
	gendata_free(&g);
	gendata_free(&q);
	tmpdir_remove(&dir);
}

/* Fewer rows than k, empty cells, one row. */
static void test_few_rows(void **state)
{
	struct shape s = { VS_U8, VS_L2, 8, 0, 1, 3, 200 };
	struct tmpdir dir;

	(void)state;
	tmpdir_make(&dir);
	for (s.n = 1; s.n < 40; s.n += 6) {
		s.nlist = 0;
		check_shape(&s, &dir);
		s.nlist = (uint32_t)s.n;
		check_shape(&s, &dir);
		s.dtype = s.dtype == VS_U8 ? VS_F32 : VS_U8;
		s.metric = s.metric == VS_L2 ? VS_IP : VS_L2;
	}
	tmpdir_remove(&dir);
}

/* A hash ring can leave a shard of a small collection without rows. */
static void test_no_rows(void **state)
{
	static const uint32_t nlists[] = { 0, 5 };
	struct gendata g, q, none;
	uint32_t cells[3 * 5], i;
	struct vs_hit hits[3 * K];
	struct vs_model m;
	struct vs_ctx ctx;
	struct tmpdir dir;
	size_t x;

	(void)state;
	tmpdir_make(&dir);
	start(&ctx, 2);
	gendata_make(&g, VS_F32, 50, 6, 100, 1);
	gendata_make(&q, VS_F32, 3, 6, 100, 2);
	gendata_make(&none, VS_F32, 0, 6, 100, 3);
	for (i = 0; i < 2; i++) {
		make_model(&ctx, &g, VS_L2, nlists[i], &m);
		build(&ctx, tmpdir_file(&dir, "s.vss"), &none, &m);
		search(&ctx, tmpdir_file(&dir, "s.vss"), &q, 2, hits, cells);
		for (x = 0; x < 3 * K; x++)
			assert_true(hits[x].id == VS_ID_NONE);
		vs_free(&ctx, m.centroids);
	}
	gendata_free(&g);
	gendata_free(&q);
	gendata_free(&none);
	tmpdir_remove(&dir);
}

/* A well-formed file whose contents disagree: the checksums fit, only the deep
 * check can tell. */
static void test_deep_check(void **state)
{
	static const struct {
		uint32_t tag;
		int padding; /* 1: the first padding row, not the first row */
		const char *words;
	} faults[] = {
		{ VS_SEC_ROWS, 0, "does not fit its term" },
		{ VS_SEC_TERM, 0, "does not fit its term" },
		{ VS_SEC_IDS, 0, "has no id" },
		{ VS_SEC_IDS, 1, "is padding and has an id" },
	};
	struct vs_shard *s;
	struct vs_cont *c;
	struct vs_span span;
	struct gendata g;
	struct vs_model m;
	struct vs_ctx ctx;
	struct vs_err err;
	struct tmpdir dir;
	const char *path, *bad;
	uint8_t *bytes;
	uint64_t at;
	size_t i;
	long n;

	(void)state;
	tmpdir_make(&dir);
	start(&ctx, 2);
	gendata_make(&g, VS_U8, 21, 4, 200, 1);
	make_model(&ctx, &g, VS_L2, 0, &m);
	path = tmpdir_file(&dir, "s.vss");
	bad = tmpdir_file(&dir, "bad.vss");
	build(&ctx, path, &g, &m);
	bytes = malloc(1 << 20);
	n = tmpdir_get(path, bytes, 1 << 20);
	ctx.verify = VS_VERIFY_DEEP;
	ok(vs_shard_open(&ctx, path, &s, &err), &err);
	vs_shard_close(&ctx, s);
	for (i = 0; i < 4; i++) {
		ctx.verify = VS_VERIFY_TOUCH;
		ok(vs_cont_open(&ctx, path, VS_KIND_SHARD, &c, &err), &err);
		/* found by its contents: sections are at 4096s */
		ok(vs_cont_find(c, faults[i].tag,
				faults[i].tag == VS_SEC_ROWS ? 64 : 4, &span,
				&err), &err);
		for (at = 4096; memcmp(bytes + at, span.p, span.n_bytes) != 0;)
			at += 4096;
		vs_cont_close(&ctx, c);
		if (faults[i].padding)
			at += 21 * 4;
		bytes[at] ^= 1;
		if (faults[i].tag == VS_SEC_IDS)
			memset(bytes + at, faults[i].padding ? 7 : 0xff, 4);
		damage_repair_container(bytes, (size_t)n);
		tmpdir_put(bad, bytes, (size_t)n);
		n = tmpdir_get(path, bytes, 1 << 20);
		ctx.verify = VS_VERIFY_FULL;
		ok(vs_shard_open(&ctx, bad, &s, &err), &err);
		vs_shard_close(&ctx, s);
		ctx.verify = VS_VERIFY_DEEP;
		assert_int_equal(vs_shard_open(&ctx, bad, &s, &err), VS_EDATA);
		if (strstr(err.msg, faults[i].words) == NULL)
			fail_msg("%zu: %s", i, err.msg);
		assert_int_equal(ctx.mem_now, 0);
	}
	free(bytes);
	gendata_free(&g);
	tmpdir_remove(&dir);
}

/* int32 scores would overflow: the canonical kernels take over. */
static void test_wide_rows(void **state)
{
	static const uint32_t dims[] = { 16512, 16513, 20000, 32768, 32769,
					 65536 };
	struct shape s = { VS_U8, VS_L2, 0, 0, 20, 3, 512 };
	struct tmpdir dir;
	unsigned i, m;

	(void)state;
	tmpdir_make(&dir);
	for (i = 0; i < 6; i++) {
		s.dim = dims[i];
		for (m = VS_L2; m <= VS_L1; m++) {
			s.metric = (enum vs_metric)m;
			s.dtype = VS_U8;
			check_shape(&s, &dir);
			s.dtype = VS_I8;
			check_shape(&s, &dir);
		}
	}
	tmpdir_remove(&dir);
}

static void slurp(const char *path, char **p, long *n)
{
	*p = malloc(8 << 20);
	*n = tmpdir_get(path, *p, 8 << 20);
	assert_true(*n > 0);
}

/* Model, shard and answers under every thread count, memory ceiling and
 * instruction set this machine has: the same bytes. */
static void test_same_bytes(void **state)
{
	static const unsigned threads[] = { 1, 2, 3, 7 };
	static const uint64_t memory[] = { 0, 4u << 20 };
	enum vs_dtype dtype[] = { VS_U8, VS_F32, VS_F16, VS_I8 };
	enum vs_metric metric[] = { VS_L2, VS_L2, VS_COSINE, VS_COSINE };
	struct vs_hit hits[25 * K], first_hits[25 * K];
	uint32_t cells[25 * 16];
	char *bytes, *first = NULL;
	long n, n_first = 0;
	struct gendata g, q;
	struct vs_model m;
	struct vs_ctx ctx;
	struct tmpdir dir;
	const char *path;
	unsigned t, d, cases = 0;
	int cpu;

	(void)state;
	tmpdir_make(&dir);
	path = tmpdir_file(&dir, "s.vss");
	for (d = 0; d < 4; d++) {
		gendata_make(&g, dtype[d], 20000, 24, 200, 1);
		gendata_make(&q, dtype[d], 25, 24, 200, 2);
		first = NULL;
		for (cpu = VS_CPU_GENERIC; cpu < VS_CPU_BEST; cpu++)
			for (t = 0; t < 8; t++) {
				start(&ctx, threads[t % 4]);
				ctx.kern = vs_kern_exact((enum vs_cpu)cpu);
				if (ctx.kern == NULL)
					continue;
				make_model(&ctx, &g, metric[d], 16, &m);
				ctx.memory_max = memory[t / 4];
				build(&ctx, path, &g, &m);
				ctx.memory_max = 0;
				search(&ctx, path, &q, 5, hits, cells);
				vs_free(&ctx, m.centroids);
				slurp(path, &bytes, &n);
				cases++;
				if (first == NULL) {
					first = bytes;
					n_first = n;
					memcpy(first_hits, hits, sizeof(hits));
					continue;
				}
				assert_int_equal(n, n_first);
				assert_memory_equal(bytes, first, (size_t)n);
				assert_same_hits(hits, first_hits, 25 * K);
				free(bytes);
			}
		free(first);
		gendata_free(&g);
		gendata_free(&q);
	}
	print_message("# %u combinations of type, instruction set, threads "
		      "and memory\n", cases);
	assert_true(cases >= 16);
	tmpdir_remove(&dir);
}

/* A source that gives fewer rows than it announced is refused and leaves no
 * file behind. */
static void test_source_that_shrinks(void **state)
{
	struct vs_shard_spec spec = { .metric = VS_L2 };
	struct vs_source src;
	struct gendata g;
	struct vs_ctx ctx;
	struct vs_err err;
	struct tmpdir dir;

	(void)state;
	tmpdir_make(&dir);
	start(&ctx, 1);
	gendata_make(&g, VS_U8, 100, 8, 10, 1);
	gendata_source(&g, &src);
	src.n_rows = 101;
	ok(vs_factory_parse("Flat", &spec.index, &err), &err);
	assert_int_equal(vs_shard_build(&ctx, tmpdir_file(&dir, "s.vss"),
					&spec, &src, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "changed while it was read"));
	assert_int_equal(tmpdir_count(&dir, ""), 0);
	assert_int_equal(ctx.mem_now, 0);
	gendata_free(&g);
	tmpdir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equals_brute_force),
		cmocka_unit_test(test_odd_scales),
		cmocka_unit_test(test_bound_overflows),
		cmocka_unit_test(test_few_rows),
		cmocka_unit_test(test_no_rows),
		cmocka_unit_test(test_deep_check),
		cmocka_unit_test(test_wide_rows),
		cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_source_that_shrinks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
