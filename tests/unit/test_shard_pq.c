/* Shards of product codes: answers equal brute force over what the codes stand
 * for, which is computed here a second time, for every metric, size of code and
 * nprobe; files and answers depend on neither threads, memory nor instruction
 * set; the deep check finds what does not fit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/index/shard_int.h"
#include "lib/op/train_codes.h"
#include "tests/unit/damage.h"
#include "tests/unit/gendata.h"
#include "tests/unit/tmpdir.h"
#include "vs/kern.h"
#include "vs/kmeans.h"
#include "vs/mem.h"
#include "vs/widen.h"

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

/* Rows as floats, scaled to length 1 under similarities. */
static float *widened(const struct gendata *g, enum vs_metric metric)
{
	float *wide = malloc((g->n * g->dim + 1) * sizeof(*wide));
	uint64_t i;

	for (i = 0; i < g->n; i++) {
		vs_row_widen(g->dtype, gendata_row(g, i), g->dim,
			     wide + i * g->dim);
		if (vs_metric_is_similarity(metric))
			vs_row_unit(wide + i * g->dim, g->dim);
	}
	return wide;
}

static void make_model(struct vs_ctx *ctx, const struct gendata *g,
		       enum vs_metric metric, const char *index,
		       struct vs_model *m)
{
	float *wide = widened(g, metric), *norms = NULL;
	struct vs_rows rows = { wide, g->n, g->dim, VS_F32 };
	struct vs_train_codes codes = { rows, NULL, 5, "rows" };
	struct vs_kmeans_params p = { .iterations = 4, .seed = 1 };
	struct vs_kmeans_result r;
	struct vs_err err;
	double error;
	uint64_t i;

	memset(m, 0, sizeof(*m));
	ok(vs_factory_parse(index, &m->index, &err), &err);
	m->metric = metric;
	m->dtype = g->dtype;
	m->dim = g->dim;
	m->inner = g->dim;
	p.nlist = m->index.nlist;
	p.spherical = vs_metric_is_similarity(metric);
	if (m->index.family == VS_FAMILY_IVF) {
		ok(vs_kmeans(ctx, &rows, &p, &r, &err), &err);
		m->centroids = r.centroids;
	}
	if (metric == VS_IP) {
		norms = malloc(g->n * sizeof(*norms));
		for (i = 0; i < g->n; i++) {
			float *raw = malloc(g->dim * sizeof(*raw));

			vs_row_widen(g->dtype, gendata_row(g, i), g->dim, raw);
			norms[i] = (float)sqrt(vs_norm2_f32(raw, g->dim));
			free(raw);
		}
		codes.norms = norms;
	}
	ok(vs_train_codes(ctx, &codes, m, &error, &err), &err);
	free(norms);
	free(wide);
}

static void free_model(struct vs_ctx *ctx, struct vs_model *m)
{
	vs_free(ctx, m->centroids);
	vs_pq_free(ctx, &m->pq);
}

static void build(struct vs_ctx *ctx, const char *path, struct gendata *g,
		  const struct vs_model *m)
{
	struct vs_shard_spec spec = {
		.index = m->index,
		.metric = m->metric,
		.model = m,
		.how = VS_PUBLISH_REPLACE,
	};
	struct vs_source src;
	struct vs_err err;

	gendata_source(g, &src);
	ok(vs_shard_build(ctx, path, &spec, &src, &err), &err);
}

static void search(struct vs_ctx *ctx, const char *path,
		   const struct gendata *q, uint32_t nprobe,
		   struct vs_hit *hits, uint32_t *cells)
{
	struct vs_rows centroids = { NULL, 0, q->dim, VS_F32 };
	struct vs_batch_spec spec = { .k = K };
	struct vs_coarse *coarse = NULL;
	const struct vs_hit *found;
	struct vs_shard *s;
	struct vs_batch *b;
	struct vs_err err;

	ok(vs_shard_open(ctx, path, &s, &err), &err);
	spec.metric = vs_shard_head(s)->metric;
	spec.dtype = vs_shard_row_dtype(s);
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

/* The code of a piece as vs-format(5) says it stands in a panel. */
static unsigned code_at(const struct vs_shard *s, uint64_t slot, uint32_t piece)
{
	bool wide = s->index.code == VS_CODE_PQ8;
	uint32_t m = s->index.pq_m;
	const uint8_t *panel = s->codes.p +
			       slot / 16 * 16 * (wide ? m : (m + 1) / 2);

	if (wide)
		return panel[piece * 16 + slot % 16];
	return (unsigned)panel[piece / 2 * 16 + slot % 16] >> piece % 2 * 4 &
	       15;
}

/* What the codes of a shard stand for, as rows in the order of ids; the cell of
 * each. */
static void decode(const struct vs_shard *s, const float *codebooks,
		   const float *centroids, struct gendata *out, uint32_t *cell)
{
	uint32_t dim = out->dim, m = s->index.pq_m, dsub = dim / m, c, d;
	uint32_t ksub = s->index.code == VS_CODE_PQ8 ? 256 : 16, piece;
	uint64_t i, slot, id;

	for (c = 0; c < s->index.nlist; c++) {
		for (i = 0; i < s->cell_rows[c]; i++) {
			slot = s->cell_panel[c] * 16 + i;
			id = ((const uint32_t *)(const void *)s->ids.p)[slot];
			cell[id] = c;
			for (d = 0; d < dim; d++) {
				piece = d / dsub;
				out->f32[id * dim + d] =
					codebooks[(piece * ksub +
						   code_at(s, slot, piece)) *
							  dsub +
						  d % dsub];
				if (centroids != NULL)
					out->f32[id * dim + d] +=
						centroids[c * dim + d];
			}
		}
	}
}

struct shape {
	const char *index;
	enum vs_metric metric;
	enum vs_dtype dtype;
	uint32_t dim;
	uint64_t n, n_queries;
	unsigned levels;
};

/* Queries as floats: codes stand for floats, whatever was coded. */
static void make_queries(const struct shape *s, struct gendata *q)
{
	uint64_t i;

	gendata_make(q, s->dtype, s->n_queries, s->dim, s->levels, 2);
	if (s->dtype == VS_U8)
		for (i = 0; i < q->n * q->dim; i++)
			q->f32[i] = q->u8[i];
	q->dtype = VS_F32;
}

static void check_probes(struct vs_ctx *ctx, const struct shape *s,
			 const char *path, const struct gendata *q,
			 const struct gendata *rows, const uint32_t *cell,
			 uint32_t nprobe)
{
	struct vs_hit *hits = calloc(q->n * K, sizeof(*hits)), want[K];
	uint32_t *cells = calloc(q->n * nprobe, sizeof(*cells)), x;
	bool *use = calloc(rows->n, sizeof(*use)), ivf = s->index[0] == 'I';
	uint64_t i, r;
	size_t k;

	search(ctx, path, q, nprobe, hits, cells);
	for (i = 0; i < q->n; i++) {
		for (r = 0; ivf && r < rows->n; r++)
			for (use[r] = false, x = 0; x < nprobe; x++)
				use[r] |= cell[r] == cells[i * nprobe + x];
		gendata_knn(s->metric, q, i, rows, ivf ? use : NULL, K, want);
		for (k = 0; k < K; k++)
			if (hits[i * K + k].id != want[k].id ||
			    hits[i * K + k].key != want[k].key)
				fail_msg("%s metric %d query %d rank %zu: id "
					 "%lld, expected %lld", s->index,
					 (int)s->metric, (int)i, k,
					 (long long)hits[i * K + k].id,
					 (long long)want[k].id);
	}
	free(use);
	free(cells);
	free(hits);
}

static void check_shape(const struct shape *s, struct tmpdir *dir)
{
	const char *path = tmpdir_file(dir, "s.vss");
	struct gendata g, q, rows;
	struct vs_shard *shard;
	struct vs_model m;
	struct vs_ctx ctx;
	struct vs_err err;
	uint32_t *cell, nprobe;

	start(&ctx, 2);
	gendata_make(&g, s->dtype, s->n, s->dim, s->levels, 1);
	make_queries(s, &q);
	make_model(&ctx, &g, s->metric, s->index, &m);
	build(&ctx, path, &g, &m);
	gendata_make(&rows, VS_F32, s->n, s->dim, s->levels, 1);
	cell = calloc(g.n, sizeof(*cell));
	ctx.verify = VS_VERIFY_DEEP;
	ok(vs_shard_open(&ctx, path, &shard, &err), &err);
	decode(shard, m.pq.codebooks,
	       s->metric != VS_L1 ? m.centroids : NULL, &rows, cell);
	vs_shard_close(&ctx, shard);
	nprobe = m.index.nlist;
	check_probes(&ctx, s, path, &q, &rows, cell, nprobe);
	if (nprobe > 1)
		check_probes(&ctx, s, path, &q, &rows, cell, nprobe / 3 + 1);
	free_model(&ctx, &m);
	assert_int_equal(ctx.mem_now, 0);
	free(cell);
	gendata_free(&g);
	gendata_free(&q);
	gendata_free(&rows);
}

static void test_equals_brute_force(void **state)
{
	static const char *const indexes[] = {
		"PQ4", "PQ8x4fs", "IVF9,PQ8", "IVF12,PQ12x4fs", "IVF5,PQ3x4fs",
		"IVF1,PQ24x4fs", "IVF7,PQ1"
	};
	static const enum vs_dtype types[] = { VS_F32, VS_U8, VS_F16 };
	struct shape s = { .dim = 24 };
	struct tmpdir dir;
	unsigned i, metric, n = 0;

	(void)state;
	tmpdir_make(&dir);
	for (i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++)
		for (metric = VS_L2; metric <= VS_L1; metric++, n++) {
			s.index = indexes[i];
			s.metric = (enum vs_metric)metric;
			s.dtype = types[n % 3];
			s.n = 700 + 231 * i;
			s.n_queries = 1 + n * 7 % 20;
			s.levels = n % 2 ? 250 : 9;
			check_shape(&s, &dir);
		}
	tmpdir_remove(&dir);
}

/* Rows far from the origin: what the expansion of L2 loses there must not
 * reject a row. */
static void scale(struct gendata *g, float factor, float offset)
{
	uint64_t i;

	for (i = 0; i < g->n * g->dim; i++)
		g->f32[i] = g->f32[i] * factor + offset;
}

static void check_scale(float factor, float offset, enum vs_metric metric,
			const char *index, struct tmpdir *dir)
{
	struct shape s = { index, metric, VS_F32, 24, 900, 15, 250 };
	const char *path = tmpdir_file(dir, "s.vss");
	struct gendata g, q, rows;
	struct vs_shard *shard;
	struct vs_model m;
	struct vs_ctx ctx;
	struct vs_err err;
	uint32_t *cell = calloc(s.n, sizeof(*cell));

	start(&ctx, 2);
	gendata_make(&g, VS_F32, s.n, s.dim, s.levels, 1);
	gendata_make(&rows, VS_F32, s.n, s.dim, s.levels, 1);
	make_queries(&s, &q);
	scale(&g, factor, offset);
	scale(&q, factor, offset);
	make_model(&ctx, &g, metric, index, &m);
	build(&ctx, path, &g, &m);
	ok(vs_shard_open(&ctx, path, &shard, &err), &err);
	decode(shard, m.pq.codebooks,
	       metric != VS_L1 ? m.centroids : NULL, &rows, cell);
	vs_shard_close(&ctx, shard);
	check_probes(&ctx, &s, path, &q, &rows, cell, m.index.nlist);
	free_model(&ctx, &m);
	free(cell);
	gendata_free(&g);
	gendata_free(&q);
	gendata_free(&rows);
}

static void test_odd_scales(void **state)
{
	static const float scales[][2] = {
		{ 1, 1e5f },  { 1e-3f, 1e3f },
		{ 1e16f, 1e17f }, { 1e-30f, 0 }
	};
	struct tmpdir dir;
	unsigned i, metric;

	(void)state;
	tmpdir_make(&dir);
	for (i = 0; i < sizeof(scales) / sizeof(scales[0]); i++)
		for (metric = VS_L2; metric <= VS_L1; metric++) {
			check_scale(scales[i][0], scales[i][1],
				    (enum vs_metric)metric, "IVF6,PQ8x4fs",
				    &dir);
			check_scale(scales[i][0], scales[i][1],
				    (enum vs_metric)metric, "PQ6", &dir);
		}
	tmpdir_remove(&dir);
}

/* Rows so far from their centroid that the square of it is no float, and
 * queries that are not: no row may be lost to an infinite term. */
static void place_far(struct gendata *g, float side)
{
	uint64_t i;

	for (i = 0; i < g->n * g->dim; i++)
		g->f32[i] = side * (i / g->dim % 2 ? -1.0f : 1.0f) *
			    (3.86e18f + g->f32[i] * 1e12f);
}

static void test_infinite_terms(void **state)
{
	struct shape s = { "IVF1,PQ6x4fs", VS_L2, VS_F32, 24, 900, 15, 250 };
	struct gendata g, q, rows;
	struct vs_shard *shard;
	struct tmpdir dir;
	struct vs_model m;
	struct vs_ctx ctx;
	struct vs_err err;
	const char *path;
	uint32_t *cell = calloc(s.n, sizeof(*cell));

	(void)state;
	tmpdir_make(&dir);
	path = tmpdir_file(&dir, "s.vss");
	start(&ctx, 2);
	gendata_make(&g, VS_F32, s.n, s.dim, s.levels, 1);
	gendata_make(&rows, VS_F32, s.n, s.dim, s.levels, 1);
	make_queries(&s, &q);
	place_far(&g, 1);
	place_far(&q, 0.2f);
	make_model(&ctx, &g, s.metric, s.index, &m);
	build(&ctx, path, &g, &m);
	ok(vs_shard_open(&ctx, path, &shard, &err), &err);
	decode(shard, m.pq.codebooks, m.centroids, &rows, cell);
	assert_true(isinf(((const float *)(const void *)shard->terms.p)[0]));
	vs_shard_close(&ctx, shard);
	check_probes(&ctx, &s, path, &q, &rows, cell, 1);
	free_model(&ctx, &m);
	free(cell);
	gendata_free(&g);
	gendata_free(&q);
	gendata_free(&rows);
	tmpdir_remove(&dir);
}

static void slurp(const char *path, char **p, long *n)
{
	*p = malloc(8 << 20);
	*n = tmpdir_get(path, *p, 8 << 20);
	assert_true(*n > 0);
}

static void test_same_bytes(void **state)
{
	static const char *const indexes[] = { "IVF16,PQ12", "IVF16,PQ12x4fs",
					       "PQ6x4fs" };
	static const unsigned threads[] = { 1, 2, 7 };
	static const uint64_t memory[] = { 0, 4u << 20 };
	struct vs_hit hits[25 * K], first_hits[25 * K];
	uint32_t cells[25 * 16];
	char *bytes, *first;
	long n, n_first = 0;
	struct gendata g, q;
	struct vs_model m;
	struct vs_ctx ctx;
	struct tmpdir dir;
	const char *path;
	unsigned t, x, cases = 0;
	int cpu;

	(void)state;
	tmpdir_make(&dir);
	path = tmpdir_file(&dir, "s.vss");
	gendata_make(&g, VS_F32, 5000, 24, 200, 1);
	gendata_make(&q, VS_F32, 25, 24, 200, 2);
	for (x = 0; x < 3; x++) {
		first = NULL;
		for (cpu = VS_CPU_GENERIC; cpu < VS_CPU_BEST; cpu++)
			for (t = 0; t < 6; t++) {
				start(&ctx, threads[t % 3]);
				ctx.kern = vs_kern_exact((enum vs_cpu)cpu);
				if (ctx.kern == NULL)
					continue;
				make_model(&ctx, &g, VS_L2, indexes[x], &m);
				ctx.memory_max = memory[t / 3];
				build(&ctx, path, &g, &m);
				ctx.memory_max = 0;
				search(&ctx, path, &q, x == 2 ? 1 : 5, hits,
				       cells);
				free_model(&ctx, &m);
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
				assert_memory_equal(hits, first_hits,
						    sizeof(hits));
				free(bytes);
			}
		free(first);
	}
	print_message("# %u combinations of index, instruction set, threads "
		      "and memory\n", cases);
	assert_true(cases >= 18);
	gendata_free(&g);
	gendata_free(&q);
	tmpdir_remove(&dir);
}

/* Turns the bits of a byte of a section, or sets those of more, and repairs the
 * checksums: only the deep check can tell. */
static void spoil(struct vs_ctx *ctx, const char *path, const char *bad,
		  uint32_t tag, uint32_t item, uint64_t at, uint64_t n)
{
	uint8_t *bytes = malloc(1 << 20);
	long size = tmpdir_get(path, bytes, 1 << 20);
	struct vs_span span;
	struct vs_cont *c;
	struct vs_err err;
	uint64_t start = 4096;

	ok(vs_cont_open(ctx, path, VS_KIND_SHARD, &c, &err), &err);
	ok(vs_cont_find(c, tag, item, &span, &err), &err);
	while (memcmp(bytes + start, span.p, span.n_bytes) != 0)
		start += 4096; /* found by its contents */
	vs_cont_close(ctx, c);
	if (n == 1)
		bytes[start + at] ^= 0xff;
	else
		memset(bytes + start + at, 0xff, n);
	damage_repair_container(bytes, (size_t)size);
	tmpdir_put(bad, bytes, (size_t)size);
	free(bytes);
}

/* One cell of 21 rows of 5 dimensions: 11 places of the second panel are
 * padding.  Three bytes of codes, with half a byte to spare. */
static void test_deep_check(void **state)
{
	static const struct {
		uint32_t tag, item;
		uint64_t at, n;
		const char *words;
	} faults[] = {
		{ VS_SEC_CODE, 48, 2, 1, "does not fit its term" },
		{ VS_SEC_CODE, 48, 34, 1, "a piece that there is not" },
		{ VS_SEC_CODE, 48, 48 + 15, 1, "padding and not zero" },
		{ VS_SEC_TERM, 4, 2, 1, "does not fit its term" },
		{ VS_SEC_FINE, 20, 31 * 20, 1, "padding and not zero" },
		{ VS_SEC_FINE, 20, 40, 4, "is not finite" },
	};
	struct gendata g;
	struct vs_shard *s;
	struct tmpdir dir;
	struct vs_model m;
	struct vs_ctx ctx;
	struct vs_err err;
	const char *path, *bad;
	size_t i, n = sizeof(faults) / sizeof(faults[0]);

	(void)state;
	tmpdir_make(&dir);
	path = tmpdir_file(&dir, "s.vss");
	bad = tmpdir_file(&dir, "bad.vss");
	start(&ctx, 2);
	gendata_make(&g, VS_F32, 21, 5, 200, 1);
	make_model(&ctx, &g, VS_L2, "IVF1,PQ5x4fs,RFlat", &m);
	build(&ctx, path, &g, &m);
	for (i = 0; i < n; i++) {
		spoil(&ctx, path, bad, faults[i].tag, faults[i].item,
		      faults[i].at, faults[i].n);
		ctx.verify = VS_VERIFY_FULL;
		ok(vs_shard_open(&ctx, bad, &s, &err), &err);
		vs_shard_close(&ctx, s);
		ctx.verify = VS_VERIFY_DEEP;
		if (vs_shard_open(&ctx, bad, &s, &err) != VS_EDATA ||
		    strstr(err.msg, faults[i].words) == NULL)
			fail_msg("%zu: expected '%s'", i, faults[i].words);
		ctx.verify = VS_VERIFY_TOUCH;
	}
	free_model(&ctx, &m);
	assert_int_equal(ctx.mem_now, 0);
	gendata_free(&g);
	tmpdir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equals_brute_force),
		cmocka_unit_test(test_odd_scales),
		cmocka_unit_test(test_infinite_terms),
		cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_deep_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
