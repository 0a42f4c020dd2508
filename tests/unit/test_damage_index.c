/* test_damage_index.c - every small damage to real models and shards: refused,
 * or the same centroids and the same answers.  With the checksums repaired the
 * files are hostile ones: no crash, no read out of bounds (under the
 * sanitizers), no unbounded allocation. */
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

#define K 4u
#define N_QUERIES 6u
#define MEMORY_MAX (8u << 20)

/* A reader of models or shards, and what the whole file answers. */
struct reader {
	bool shard;
	bool know;
	enum vs_cpu cpu;
	struct gendata queries;
	uint64_t answer;
};

static void start(struct vs_ctx *ctx, enum vs_cpu cpu)
{
	vs_ctx_init(ctx);
	ctx->kern = vs_kern_select(cpu);
	ctx->memory_max = MEMORY_MAX;
}

static int use_model(struct vs_ctx *ctx, const char *path, uint64_t *answer)
{
	struct vs_model *m;
	int rc = vs_model_open(ctx, path, &m, NULL);

	if (rc != 0)
		return rc;
	*answer = vs_hash64(m->centroids, (size_t)m->index.nlist * m->dim * 4) ^
		  vs_hash64(m->index.text, strlen(m->index.text)) ^
		  (uint64_t)m->metric << 8 ^ (uint64_t)m->dtype << 16 ^
		  vs_hash64(m->fingerprint.b, 16);
	vs_model_destroy(ctx, m);
	return 0;
}

/* All candidates again by the rows beside them. */
static int refine(struct vs_ctx *ctx, struct vs_shard *s, struct vs_batch **b,
		  const struct vs_batch_spec *spec)
{
	struct vs_settle found = { .n = K };
	struct vs_batch *fine;
	int rc = vs_batch_finish(ctx, *b, &found.hits, NULL);

	if (rc == 0)
		rc = vs_batch_create(ctx, spec, &fine, NULL);
	if (rc != 0)
		return rc;
	found.where = vs_batch_where(*b);
	rc = vs_shards_refine(ctx, &s, 1, &found, fine, NULL);
	vs_batch_destroy(ctx, *b);
	*b = fine;
	return rc;
}

static int search(struct vs_ctx *ctx, struct vs_shard *s,
		  const struct gendata *queries, uint64_t *answer)
{
	const struct vs_cont_head *h = vs_shard_head(s);
	uint32_t nlist = vs_shard_index(s)->nlist, *cells = NULL;
	struct vs_batch_spec spec = { .metric = h->metric,
				      .dtype = vs_shard_row_dtype(s),
				      .k = K,
				      .unique = vs_shard_index(s)->soar,
				      .keep_where = vs_shard_refines(s) };
	struct vs_rows centroids = { NULL, nlist, h->dim, VS_F32 };
	struct vs_coarse *coarse = NULL;
	const struct vs_hit *hits;
	struct vs_batch *b;
	int rc;

	gendata_rows(queries, &spec.queries);
	if (h->dim != queries->dim || vs_shard_dtype(s) != queries->dtype ||
	    nlist > 1000)
		return VS_EDATA; /* as vs-query refuses such queries */
	rc = vs_batch_create(ctx, &spec, &b, NULL);
	if (rc != 0)
		return rc;
	cells = malloc(N_QUERIES * nlist * sizeof(*cells));
	if (vs_shard_centroids(s) != NULL) {
		centroids.p = vs_shard_centroids(s);
		rc = vs_coarse_create(ctx, &centroids, h->dtype, &coarse, NULL);
		if (rc == 0)
			rc = vs_coarse_probe(ctx, coarse, h->metric,
					     &spec.queries,
					     &(struct vs_probe){ nlist, 0 },
					     cells,
					     NULL);
	}
	if (rc == 0)
		rc = vs_shard_scan(ctx, s, 0, b, N_QUERIES, cells, nlist, NULL);
	if (rc == 0 && vs_shard_refines(s))
		rc = refine(ctx, s, &b, &spec);
	if (rc == 0)
		rc = vs_batch_finish(ctx, b, &hits, NULL);
	if (rc == 0)
		*answer = vs_hash64(hits, N_QUERIES * K * sizeof(*hits)) ^
			  (uint64_t)h->metric << 8 ^
			  vs_hash64(h->fingerprint.b, 16) ^
			  vs_hash64(vs_shard_model(s)->b, 16) ^
			  vs_hash64(vs_shard_index(s)->text,
				    strlen(vs_shard_index(s)->text));
	vs_coarse_destroy(ctx, coarse);
	vs_batch_destroy(ctx, b);
	free(cells);
	return rc;
}

static int use_shard(struct vs_ctx *ctx, const char *path,
		     const struct gendata *queries, uint64_t *answer)
{
	struct vs_shard *s;
	int rc = vs_shard_open(ctx, path, &s, NULL);

	if (rc != 0)
		return rc;
	rc = search(ctx, s, queries, answer);
	vs_shard_close(ctx, s);
	return rc;
}

static int use(void *arg, const char *path)
{
	struct reader *r = arg;
	uint64_t answer = 0;
	struct vs_ctx ctx;
	int rc;

	start(&ctx, r->cpu);
	rc = r->shard ? use_shard(&ctx, path, &r->queries, &answer) :
			use_model(&ctx, path, &answer);
	assert_int_equal(ctx.mem_now, 0);
	if (rc != 0)
		return DAMAGE_REFUSED;
	if (!r->know) {
		r->know = true;
		r->answer = answer;
	}
	return answer == r->answer ? DAMAGE_SAME : DAMAGE_DIFFERENT;
}

static void make_model(struct vs_ctx *ctx, const char *path,
		       const struct gendata *g, uint32_t nlist,
		       struct vs_model *m)
{
	struct vs_model_notes notes = { .n_sample = g->n };
	struct vs_err err;

	memset(m, 0, sizeof(*m));
	m->metric = VS_L2;
	m->dtype = g->dtype;
	m->dim = g->dim;
	m->inner = g->dim;
	m->index.family = VS_FAMILY_IVF;
	m->index.nlist = nlist;
	snprintf(m->index.text, sizeof(m->index.text), "IVF%u,Flat", nlist);
	m->centroids = g->f32; /* the first rows do as well */
	if (vs_model_write(ctx, path, m, &notes, VS_PUBLISH_NEW, &err) != 0)
		fail_msg("%s", err.msg);
}

/* The same with ranges. */
static void make_ranges(struct vs_ctx *ctx, const struct gendata *g,
			struct vs_model *m)
{
	const struct vs_code8_rows rows = { g->f32, VS_F32, (size_t)g->n,
					    g->dim, true };
	struct vs_err err;

	if (vs_factory_parse("IVF3,SQ8,RFlat", &m->index, &err) != 0 ||
	    vs_code8_train(ctx, &rows, &m->ranges, &err) != 0)
		fail_msg("%s", err.msg);
}

/* The same with codebooks. */
static void make_codebooks(struct vs_ctx *ctx, const struct gendata *g,
			   const char *index, struct vs_model *m)
{
	struct vs_err err;
	size_t i;

	if (vs_factory_parse(index, &m->index, &err) != 0 ||
	    vs_codebooks_alloc(ctx, &m->index, g->dim, &m->pq, &err) != 0)
		fail_msg("%s", err.msg);
	for (i = 0; i < vs_pq_codebook_count(&m->pq); i++)
		m->pq.codebooks[i] = g->f32[i % (g->n * g->dim)] / 2;
}

static void make_shard(struct vs_ctx *ctx, const char *path,
		       struct gendata *g, const struct vs_model *m)
{
	struct vs_shard_spec spec = { .metric = VS_L2, .model = m };
	struct vs_source src;
	struct vs_err err;

	if (m != NULL)
		spec.index = m->index;
	else
		assert_int_equal(vs_factory_parse("Flat", &spec.index, &err),
				 0);
	gendata_source(g, &src);
	if (vs_shard_build(ctx, path, &spec, &src, &err) != 0)
		fail_msg("%s", err.msg);
}

/* The same with rows in two cells each. */
static void make_twice(struct vs_ctx *ctx, const char *path,
		       struct gendata *g, const struct vs_model *m)
{
	struct vs_model two = *m;
	struct vs_err err;

	if (vs_factory_parse("IVF3_SOAR,Flat", &two.index, &err) != 0)
		fail_msg("%s", err.msg);
	make_shard(ctx, path, g, &two);
}

static void damage(const char *name, const char *path, struct reader *r)
{
	struct damage d = { .name = name, .use = use, .arg = r };
	size_t at;

	r->know = false;
	damage_start(&d, path);
	/* The first page and the last are control data, byte by byte; what
	 * lies between is the same to every reader: test_damage_cont does
	 * all of it. */
	damage_bytes(&d, 0, 1024);
	damage_bytes(&d, d.n - 1024, d.n);
	for (at = 4096; at + 4096 < d.n; at += 4096)
		damage_bytes(&d, at, at + 96);
	damage_swap_sections(&d);
	damage_truncations(&d);
	damage_extension(&d, 4096);
	assert_true(d.n_cases > 10000);
	damage_finish(&d);
}

/* Hostile: header and sections with fitting checksums. */
static void hostile(const char *name, const char *path, struct reader *r)
{
	struct damage d = { .name = name, .use = use, .arg = r,
			    .repair = damage_repair_container };
	size_t at, end;

	r->know = false;
	damage_start(&d, path);
	/* All of the header and table, the beginning of each section. */
	damage_fields(&d, 0, 256, 4);
	damage_fields(&d, 256, 1024, 8);
	for (at = 4096; at < d.n; at += 4096) {
		end = at + 48 < d.n ? at + 48 : d.n;
		damage_fields(&d, at, end, 4);
		damage_fields(&d, at, end, 8);
	}
	damage_finish(&d);
}

static void each_kind(void (*run)(const char *, const char *,
				  struct reader *))
{
	static const enum vs_dtype types[] = { VS_U8, VS_F32 };
	struct reader r = { 0 };
	struct tmpdir dir;
	struct gendata g;
	struct vs_model m;
	struct vs_ctx ctx;
	const char *model, *ivf, *flat, *fine, *coded, *twice;
	enum vs_dtype wanted;
	unsigned t;

	for (t = 0; t < 2; t++) {
		tmpdir_make(&dir);
		start(&ctx, VS_CPU_BEST);
		model = tmpdir_file(&dir, "m.vsm");
		ivf = tmpdir_file(&dir, "ivf.vss");
		flat = tmpdir_file(&dir, "flat.vss");
		fine = tmpdir_file(&dir, "fine.vss");
		coded = tmpdir_file(&dir, "coded.vss");
		twice = tmpdir_file(&dir, "twice.vss");
		gendata_make(&g, types[t], 40, 5, 250, 1);
		gendata_make(&r.queries, types[t], N_QUERIES, 5, 250, 2);
		make_model(&ctx, model, &g, 3, &m);
		make_shard(&ctx, ivf, &g, &m);
		make_shard(&ctx, flat, &g, NULL);
		r.shard = true;
		r.cpu = VS_CPU_BEST;
		run(t ? "f32 IVF shard" : "u8 IVF shard", ivf, &r);
		r.cpu = VS_CPU_GENERIC;
		run(t ? "f32 Flat shard" : "u8 Flat shard", flat, &r);
		if (t == 1) {
			make_ranges(&ctx, &g, &m);
			make_shard(&ctx, fine, &g, &m);
			run("f32 refined shard of codes", fine, &r);
			vs_code8_free(&ctx, &m.ranges);
		}
		make_twice(&ctx, twice, &g, &m);
		run(t ? "f32 shard of rows in two cells" :
			"u8 shard of rows in two cells", twice, &r);
		make_codebooks(&ctx, &g, t ? "IVF3,PQ5x4fs" : "IVF3,PQ1",
			       &m);
		make_shard(&ctx, coded, &g, &m);
		vs_pq_free(&ctx, &m.pq);
		wanted = r.queries.dtype;
		r.queries.dtype = VS_F32; /* what codes stand for */
		run(t ? "f32 shard of 4-bit codes" : "u8 shard of 8-bit codes",
		    coded, &r);
		r.queries.dtype = wanted;
		r.shard = false;
		run("model", model, &r);
		gendata_free(&g);
		gendata_free(&r.queries);
		tmpdir_remove(&dir);
	}
}

static void test_damaged(void **state)
{
	(void)state;
	each_kind(damage);
}

static void test_hostile(void **state)
{
	(void)state;
	each_kind(hostile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
