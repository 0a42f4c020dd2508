/* test_merge.c - vs-merge: the merge of parts is the sort of everything, and
 * parts that do not belong together are refused.
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "tmpdir.h"
#include "vs/mem.h"
#include "vs/op.h"
#include "vs/rng.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))
#define SHARDS_MAX 12
#define FILE_MAX (1u << 20)

static struct tmpdir dir;
static unsigned n_warnings;
static char last_info[1024];

static void on_log(void *arg, enum vs_log_level level, const char *line)
{
	(void)arg;
	n_warnings += level == VS_LOG_WARN;
	if (level == VS_LOG_INFO)
		snprintf(last_info, sizeof(last_info), "%s", line);
}

static void start(struct vs_ctx *ctx)
{
	vs_ctx_init(ctx);
	ctx->log = on_log;
	n_warnings = 0;
}

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

/* Shards of a made-up collection, searched with made-up queries. */
struct world {
	uint64_t n_queries;
	uint32_t k, n_shards;
	enum vs_metric metric;
	enum vs_dtype dtype;
	uint64_t seed;
	uint32_t n_keys; /* different keys: few make many ties */
	uint32_t n_ids;	 /* rows of all shards; id % n_shards has it */
	struct vs_hit *hits[SHARDS_MAX]; /* [n_queries][k] */
	char path[SHARDS_MAX][512];
};

/* The key of a row under a query. */
static int64_t key_of(const struct world *w, uint64_t query, uint64_t id)
{
	uint64_t r = vs_rng_at(w->seed, VS_STREAM_TEST, query << 20 | id);
	int64_t v = (int64_t)(r % w->n_keys);
	bool similarity = vs_metric_is_similarity(w->metric);

	if (w->dtype == VS_F32)
		return vs_key_of_f32((float)v * 0.5f, similarity);
	return similarity ? -v : v;
}

static int by_hit(const void *a, const void *b)
{
	return vs_hit_less(a, b) ? -1 : vs_hit_less(b, a);
}

/* The k best rows of one query among the shards of a mask, padded. */
static void best(const struct world *w, uint64_t query, uint32_t mask,
		 uint32_t k, struct vs_hit *out)
{
	struct vs_hit *all = malloc((w->n_ids + 1) * sizeof(*all));
	uint32_t id, n = 0, i;

	for (id = 0; id < w->n_ids; id++) {
		if (!(mask >> id % w->n_shards & 1))
			continue;
		all[n].id = id;
		all[n++].key = key_of(w, query, id);
	}
	qsort(all, n, sizeof(*all), by_hit);
	for (i = 0; i < k; i++)
		out[i] = i < n ? all[i] :
				 (struct vs_hit){ VS_ID_NONE, VS_KEY_WORST };
	free(all);
}

static void make_world(struct world *w)
{
	uint64_t q;
	uint32_t s;

	for (s = 0; s < w->n_shards; s++) {
		w->hits[s] = malloc(w->n_queries * w->k * sizeof(**w->hits));
		for (q = 0; q < w->n_queries; q++)
			best(w, q, 1u << s, w->k, w->hits[s] + q * w->k);
	}
}

static void free_world(struct world *w)
{
	uint32_t s;

	for (s = 0; s < w->n_shards; s++)
		free(w->hits[s]);
}

/* What says where the hits of one shard are from. */
struct part {
	struct vs_hits_info info;
	struct vs_hits_source source;
	struct vs_digest task;
};

static void describe(const struct world *w, uint32_t shard, struct part *p)
{
	memset(p, 0, sizeof(*p));
	p->source.shard = shard;
	p->source.n_rows = 1000 + shard;
	p->source.fingerprint = (struct vs_digest){ { 1, (uint8_t)shard,
						      (uint8_t)(shard >> 8) } };
	p->task = (struct vs_digest){ { 2, (uint8_t)shard,
					(uint8_t)(shard >> 8) } };
	p->info = (struct vs_hits_info){
		.n_queries = w->n_queries,
		.k = w->k,
		.dim = 32,
		.metric = w->metric,
		.dtype = w->dtype,
		.queries = { { 3 } },
		.model = { { 4 } },
		.collection = { { 5 } },
		.generation = 6,
		.n_shards = w->n_shards,
		.index = (char *)(uintptr_t) "IVF16,Flat",
		.params = (char *)(uintptr_t) "nprobe=4",
		.n_sources = 1,
	};
}

static void write_part(struct vs_ctx *ctx, struct part *p,
		       const struct vs_hit *hits, const char *path)
{
	struct vs_hits_writer *w;
	struct vs_err err = { 0 };

	if (p->info.sources == NULL)
		p->info.sources = &p->source;
	CHECK(vs_hits_create(ctx, path, &p->info, &p->task, &w, &err));
	CHECK(vs_hits_append(ctx, w, hits, p->info.n_queries, &err));
	CHECK(vs_hits_finish(ctx, w, VS_PUBLISH_REPLACE, &err));
}

static void write_world(struct vs_ctx *ctx, struct world *w)
{
	struct part p;
	char name[32];
	uint32_t s;

	for (s = 0; s < w->n_shards; s++) {
		snprintf(name, sizeof(name), "%u.vsh", s);
		snprintf(w->path[s], sizeof(w->path[s]), "%s",
			 tmpdir_file(&dir, name));
		describe(w, s, &p);
		write_part(ctx, &p, w->hits[s], w->path[s]);
	}
}

/* A small world on disk: 4 shards, 20 queries, k 5. */
static void small(struct vs_ctx *ctx, struct world *w)
{
	*w = (struct world){ .n_queries = 20, .k = 5, .n_shards = 4,
			     .metric = VS_L2, .dtype = VS_U8, .seed = 1,
			     .n_keys = 9, .n_ids = 60 };
	make_world(w);
	write_world(ctx, w);
}

static int merge_paths(struct vs_ctx *ctx, const char *const *paths, size_t n,
		       struct vs_merge_args *a, struct vs_err *err)
{
	struct vs_merge_args args = { 0 };
	int rc;

	if (a != NULL)
		args = *a;
	args.parts = paths;
	args.n_parts = n;
	if (args.out == NULL)
		args.out = tmpdir_file(&dir, "out.vsh");
	vs_err_clear(err);
	rc = vs_op_merge(ctx, &args, err);
	assert_true(atomic_load(&ctx->mem_now) == 0);
	assert_int_equal(tmpdir_count(&dir, ".tmp"), 0);
	return rc;
}

/* Merges shards in the order given, "31" being shard 3 and shard 1. */
static int merge(struct vs_ctx *ctx, const struct world *w, const char *order,
		 struct vs_merge_args *a, struct vs_err *err)
{
	const char *paths[32];
	size_t n = strlen(order), i;

	for (i = 0; i < n; i++)
		paths[i] = order[i] == 'x' ? tmpdir_file(&dir, "x.vsh") :
					     w->path[order[i] - '0'];
	return merge_paths(ctx, paths, n, a, err);
}

/* out.vsh must be the answer over the shards of a mask. */
static void assert_answer(struct vs_ctx *ctx, const struct world *w,
			  uint32_t mask, uint32_t k)
{
	struct vs_hit *got = malloc(w->n_queries * k * sizeof(*got));
	struct vs_hit *want = malloc(k * sizeof(*want));
	const struct vs_hits_info *info;
	struct vs_err err = { 0 };
	struct vs_hits *h;
	uint32_t s, n = 0;
	uint64_t q;

	CHECK(vs_hits_open(ctx, tmpdir_file(&dir, "out.vsh"), &h, &err));
	info = vs_hits_info(h);
	assert_int_equal(info->k, k);
	for (s = 0; s < w->n_shards; s++) {
		if (!(mask >> s & 1))
			continue;
		assert_true(n < info->n_sources);
		assert_int_equal(info->sources[n].shard, s);
		assert_true(info->sources[n].n_rows == 1000 + s);
		assert_int_equal(info->sources[n].fingerprint.b[1], s);
		n++;
	}
	assert_int_equal(info->n_sources, n);
	assert_int_equal(info->incomplete, n != w->n_shards);
	assert_true(info->generation == 6);
	assert_string_equal(info->params, "nprobe=4");
	CHECK(vs_hits_read(ctx, h, 0, w->n_queries, got, &err));
	for (q = 0; q < w->n_queries; q++) {
		best(w, q, mask, k, want);
		assert_memory_equal(got + q * k, want, k * sizeof(*want));
	}
	vs_hits_close(ctx, h);
	free(got);
	free(want);
}

static void test_merge_is_the_sort_of_everything(void **state)
{
	static const struct {
		enum vs_metric metric;
		enum vs_dtype dtype;
	} kinds[] = { { VS_L2, VS_U8 },	 { VS_IP, VS_U8 }, { VS_L2, VS_F32 },
		      { VS_IP, VS_F32 }, { VS_COSINE, VS_F32 },
		      { VS_L1, VS_U8 } };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct vs_rng r;
	unsigned i;

	(void)state;
	start(&ctx);
	vs_rng_init(&r, 7, VS_STREAM_TEST);
	for (i = 0; i < 42; i++) {
		struct world w = {
			.n_queries = 1 + vs_rng_below(&r, 90),
			.k = 1 + (uint32_t)vs_rng_below(&r, 20),
			.n_shards = 1 + (uint32_t)vs_rng_below(&r, 9),
			.metric = kinds[i % N_OF(kinds)].metric,
			.dtype = kinds[i % N_OF(kinds)].dtype,
			.seed = i,
			.n_keys = 1 + (uint32_t)vs_rng_below(&r, 30),
			.n_ids = 1 + (uint32_t)vs_rng_below(&r, 150),
		};
		struct vs_merge_args a = { .replace = true };
		uint32_t k = 1 + (uint32_t)vs_rng_below(&r, w.k);
		uint32_t all = (1u << w.n_shards) - 1;

		make_world(&w);
		write_world(&ctx, &w);
		ctx.n_threads = 1 + i % 3;
		CHECK(merge(&ctx, &w, &"876543210"[9 - w.n_shards], &a, &err));
		assert_answer(&ctx, &w, all, w.k);
		a.k = k;
		CHECK(merge(&ctx, &w, &"876543210"[9 - w.n_shards], &a, &err));
		assert_answer(&ctx, &w, all, k);
		free_world(&w);
	}
	assert_int_equal(n_warnings, 0);
}

static void read_out(char *buf, long *n)
{
	*n = tmpdir_get(tmpdir_file(&dir, "out.vsh"), buf, FILE_MAX);
	assert_true(*n > 0 && *n < (long)FILE_MAX);
}

/* Nothing but the parts and k decides about a single byte. */
static void test_order_threads_and_memory_change_nothing(void **state)
{
	static const struct {
		const char *order;
		unsigned n_threads;
		uint64_t memory;
	} runs[] = { { "0123", 1, 0 },	     { "3210", 1, 0 },
		     { "2031", 3, 0 },	     { "0123", 2, 5u << 20 },
		     { "1302", 7, 9u << 20 }, { "01231", 1, 0 },
		     { "33210", 2, 0 } };
	struct vs_merge_args a = { .replace = true };
	char *first = malloc(FILE_MAX), *now = malloc(FILE_MAX);
	struct world w = { .n_queries = 3000, .k = 10, .n_shards = 4,
			   .metric = VS_IP, .dtype = VS_F32, .seed = 5,
			   .n_keys = 40, .n_ids = 60 };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	long n_first, n;
	size_t i;

	(void)state;
	start(&ctx);
	make_world(&w);
	write_world(&ctx, &w);
	CHECK(merge(&ctx, &w, "0123", &a, &err));
	assert_answer(&ctx, &w, 15, w.k);
	read_out(first, &n_first);
	for (i = 0; i < N_OF(runs); i++) {
		ctx.n_threads = runs[i].n_threads;
		ctx.memory_max = runs[i].memory;
		atomic_store(&ctx.mem_peak, 0);
		CHECK(merge(&ctx, &w, runs[i].order, &a, &err));
		read_out(now, &n);
		assert_int_equal(n, n_first);
		assert_memory_equal(now, first, (size_t)n);
	}
	free(first);
	free(now);
	free_world(&w);
}

/* One query at a time when there is no room for more. */
static void test_blocks_of_few_queries(void **state)
{
	struct world w = { .n_queries = 700, .k = 50, .n_shards = 9,
			   .metric = VS_L2, .dtype = VS_U8, .seed = 2,
			   .n_keys = 500, .n_ids = 900 };
	struct vs_merge_args a = { .replace = true };
	struct vs_err err = { 0 };
	uint64_t ceiling;
	struct vs_ctx ctx;
	int rc = VS_ENOMEM;

	(void)state;
	start(&ctx);
	make_world(&w);
	write_world(&ctx, &w);
	/* From too little to just enough. */
	for (ceiling = 1u << 20; rc == VS_ENOMEM; ceiling += 256u << 10) {
		ctx.memory_max = ceiling;
		rc = merge(&ctx, &w, "012345678", &a, &err);
		if (rc == VS_ENOMEM)
			assert_non_null(strstr(err.msg, "--memory"));
	}
	check(rc, &err);
	assert_true(atomic_load(&ctx.mem_peak) <= ctx.memory_max);
	ctx.memory_max = 0;
	assert_answer(&ctx, &w, 511, w.k);
	free_world(&w);
}

static void test_merging_merges_gives_the_same_answer(void **state)
{
	struct vs_merge_args a = { .allow_missing = "all" };
	const char *paths[2];
	char left[512], right[512];
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct world w;

	(void)state;
	start(&ctx);
	small(&ctx, &w);
	snprintf(left, sizeof(left), "%s", tmpdir_file(&dir, "left.vsh"));
	snprintf(right, sizeof(right), "%s", tmpdir_file(&dir, "right.vsh"));
	a.out = left;
	assert_int_equal(merge(&ctx, &w, "02", &a, &err), VS_EPARTIAL);
	a.out = right;
	assert_int_equal(merge(&ctx, &w, "13", &a, &err), VS_EPARTIAL);
	paths[0] = left;
	paths[1] = right;
	/* Each part says that shards are missing; together none is. */
	assert_int_equal(merge_paths(&ctx, paths, 2, NULL, &err), VS_ENOINPUT);
	assert_non_null(strstr(err.msg, "is incomplete"));
	a.out = NULL;
	CHECK(merge_paths(&ctx, paths, 2, &a, &err));
	assert_answer(&ctx, &w, 15, w.k);
	free_world(&w);
}

static void test_missing_shards(void **state)
{
	static const struct {
		const char *order, *allow;
		int code;
		const char *says;
	} cases[] = {
		{ "013", NULL, VS_ENOINPUT, "1 of 4 shards are missing: 2;" },
		{ "1", NULL, VS_ENOINPUT,
		  "3 of 4 shards are missing: 0, 2 and 3;" },
		{ "013", "1", VS_ENOINPUT, "missing: 2;" },
		{ "01", "2", VS_ENOINPUT, "missing: 2 and 3;" },
		{ "013", "2", VS_EPARTIAL, "3 of 4 shards, 3,004 rows" },
		{ "013", "all", VS_EPARTIAL, "3 of 4 shards" },
		{ "01", "3,2", VS_EPARTIAL, "2 of 4 shards" },
		{ "0123", "2", 0, "" },
		{ "0123", "all", 0, "" },
		{ "013", "4", VS_EUSAGE, "--allow-missing" },
		{ "013", "", VS_EUSAGE, "--allow-missing" },
		{ "013", "2,", VS_EUSAGE, "--allow-missing" },
		{ "013", "two", VS_EUSAGE, "\"two\"" },
		{ "0123", "2 ", VS_EUSAGE, "--allow-missing" },
	};
	struct vs_err err;
	struct vs_ctx ctx;
	struct world w;
	uint32_t mask;
	const char *p;
	size_t i;
	int rc;

	(void)state;
	start(&ctx);
	small(&ctx, &w);
	for (i = 0; i < N_OF(cases); i++) {
		struct vs_merge_args a = { .allow_missing = cases[i].allow };

		unlink(tmpdir_file(&dir, "out.vsh"));
		rc = merge(&ctx, &w, cases[i].order, &a, &err);
		if (rc != cases[i].code ||
		    strstr(err.msg, cases[i].says) == NULL)
			fail_msg("case %zu: code %d, \"%s\"", i, rc, err.msg);
		if (rc != 0 && rc != VS_EPARTIAL) {
			assert_int_equal(tmpdir_count(&dir, "out.vsh"), 0);
			continue;
		}
		for (mask = 0, p = cases[i].order; *p != '\0'; p++)
			mask |= 1u << (*p - '0');
		assert_answer(&ctx, &w, mask, w.k);
		/* Again: as partial as before, and nothing is done. */
		assert_int_equal(merge(&ctx, &w, cases[i].order, &a, &err),
				 rc);
		assert_non_null(strstr(last_info, "already done"));
	}
	free_world(&w);
}

/* Makes part x of shard 3 differ in one thing and expects a refusal. */
static void test_parts_of_other_searches_are_refused(void **state)
{
	static const char *const says[] = {
		"digest of the queries", "number of queries",
		"dimension is \"33\"",	 "metric is \"l1\"",
		"type of the rows",	 "index is \"IVF32,Flat\"",
		"parameters is \"nprobe=5\"", "model is",
		"collection is",	 "generation is \"7\"",
		"number of shards is \"5\"",
	};
	struct vs_err err;
	struct vs_ctx ctx;
	struct world w;
	struct part p;
	unsigned i;
	int rc;

	(void)state;
	start(&ctx);
	small(&ctx, &w);
	for (i = 0; i < N_OF(says); i++) {
		describe(&w, 3, &p);
		switch (i) {
		case 0:
			p.info.queries.b[9] = 1;
			break;
		case 1:
			p.info.n_queries--;
			break;
		case 2:
			p.info.dim++;
			break;
		case 3:
			p.info.metric = VS_L1;
			break;
		case 4:
			p.info.dtype = VS_I8;
			break;
		case 5:
			p.info.index = (char *)(uintptr_t) "IVF32,Flat";
			break;
		case 6:
			p.info.params = (char *)(uintptr_t) "nprobe=5";
			break;
		case 7:
			p.info.model.b[3] = 1;
			break;
		case 8:
			p.info.collection.b[3] = 1;
			break;
		case 9:
			p.info.generation = 7;
			break;
		default:
			p.info.n_shards = 5;
		}
		write_part(&ctx, &p, w.hits[3], tmpdir_file(&dir, "x.vsh"));
		rc = merge(&ctx, &w, "012x", NULL, &err);
		if (rc != VS_EDATA || strstr(err.msg, says[i]) == NULL)
			fail_msg("case %u: code %d, \"%s\"", i, rc, err.msg);
		/* Both files are named. */
		assert_non_null(strstr(err.msg, "/x.vsh"));
		assert_non_null(strstr(err.msg, "/0.vsh"));
		assert_int_equal(tmpdir_count(&dir, "out.vsh"), 0);
	}
	free_world(&w);
}

static void test_copies_count_once(void **state)
{
	struct vs_merge_args a = { .replace = true };
	struct vs_hit pads[20 * 3];
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct world w;
	struct part p;
	size_t i;

	(void)state;
	start(&ctx);
	small(&ctx, &w);
	CHECK(merge(&ctx, &w, "01232", &a, &err));
	assert_answer(&ctx, &w, 15, w.k);
	assert_int_equal(n_warnings, 1);

	/* A copy made by another task is a copy all the same. */
	describe(&w, 1, &p);
	p.task.b[5] = 77;
	write_part(&ctx, &p, w.hits[1], tmpdir_file(&dir, "x.vsh"));
	CHECK(merge(&ctx, &w, "x0123x", &a, &err));
	assert_answer(&ctx, &w, 15, w.k);
	assert_int_equal(n_warnings, 3);

	/* Other hits under the name of the same shard. */
	w.hits[1][7 * w.k].key = 0;
	w.hits[1][7 * w.k].id = 0;
	write_part(&ctx, &p, w.hits[1], tmpdir_file(&dir, "x.vsh"));
	assert_int_equal(merge(&ctx, &w, "0123x", &a, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "query 7 has other hits"));
	assert_non_null(strstr(err.msg, "/1.vsh"));
	assert_non_null(strstr(err.msg, "/x.vsh"));

	/* Of another size of answer. */
	p.info.k = 3;
	for (i = 0; i < N_OF(pads); i++)
		pads[i] = (struct vs_hit){ VS_ID_NONE, VS_KEY_WORST };
	write_part(&ctx, &p, pads, tmpdir_file(&dir, "x.vsh"));
	a.k = 2;
	assert_int_equal(merge(&ctx, &w, "0123x", &a, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "of the same shard"));
	free_world(&w);
}

static void test_shards_that_are_not_the_same_are_refused(void **state)
{
	struct vs_hits_source two[2];
	struct vs_err err;
	struct vs_ctx ctx;
	struct world w;
	struct part p;

	(void)state;
	start(&ctx);
	small(&ctx, &w);
	describe(&w, 1, &p);
	p.source.fingerprint.b[8] = 1;
	write_part(&ctx, &p, w.hits[1], tmpdir_file(&dir, "x.vsh"));
	assert_int_equal(merge(&ctx, &w, "0123x", NULL, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "one of them is stale"));

	/* A merge beside one of its parts: "vs-merge -o hits/all.vsh
	 * hits/?.vsh" a second time. */
	describe(&w, 1, &p);
	two[0] = p.source;
	describe(&w, 2, &p);
	two[1] = p.source;
	p.info.sources = two;
	p.info.n_sources = 2;
	write_part(&ctx, &p, w.hits[1], tmpdir_file(&dir, "x.vsh"));
	assert_int_equal(merge(&ctx, &w, "0123x", NULL, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "leave one out"));
	assert_int_equal(merge(&ctx, &w, "x0123", NULL, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "leave one out"));

	/* No shard at all. */
	p.info.n_sources = 0;
	p.info.incomplete = true;
	write_part(&ctx, &p, w.hits[1], tmpdir_file(&dir, "x.vsh"));
	{
		struct vs_merge_args a = { .allow_missing = "all" };

		assert_int_equal(merge(&ctx, &w, "0123x", &a, &err), VS_EDATA);
		assert_non_null(strstr(err.msg, "names no shard"));
	}
	free_world(&w);
}

static void test_lone_shards(void **state)
{
	struct vs_merge_args a = { .replace = true };
	struct vs_err err = { 0 };
	const char *paths[2];
	char one[512], other[512];
	struct vs_ctx ctx;
	struct world w;
	struct part p;

	(void)state;
	start(&ctx);
	small(&ctx, &w);
	snprintf(one, sizeof(one), "%s", tmpdir_file(&dir, "one.vsh"));
	snprintf(other, sizeof(other), "%s", tmpdir_file(&dir, "two.vsh"));
	describe(&w, 0, &p);
	memset(&p.info.collection, 0, sizeof(p.info.collection));
	p.info.n_shards = 1;
	p.info.generation = 0;
	write_part(&ctx, &p, w.hits[0], one);
	p.source.fingerprint.b[9] = 1;
	write_part(&ctx, &p, w.hits[1], other);
	paths[0] = one;
	paths[1] = other;
	/* One alone is merely written again, in another format too. */
	CHECK(merge_paths(&ctx, paths, 1, &a, &err));
	a.out = tmpdir_file(&dir, "out.ivecs");
	CHECK(merge_paths(&ctx, paths, 1, &a, &err));
	a.out = NULL;
	assert_int_equal(merge_paths(&ctx, paths, 2, &a, &err), VS_EDATA);
	assert_non_null(strstr(err.msg, "another lone shard"));
	assert_int_equal(merge_paths(&ctx, paths, 0, &a, &err), VS_EUSAGE);
	free_world(&w);
}

static void test_how_many_neighbours(void **state)
{
	struct vs_merge_args a = { .k = 6 };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct world w, narrow;
	struct part p;

	(void)state;
	start(&ctx);
	small(&ctx, &w);
	assert_int_equal(merge(&ctx, &w, "0123", &a, &err), VS_EUSAGE);
	assert_non_null(strstr(err.msg, "k is 6, but"));
	a.k = VS_K_MAX + 1;
	assert_int_equal(merge(&ctx, &w, "0123", &a, &err), VS_EUSAGE);

	narrow = w;
	narrow.k = 3;
	make_world(&narrow);
	describe(&narrow, 3, &p);
	write_part(&ctx, &p, narrow.hits[3], tmpdir_file(&dir, "x.vsh"));
	a.k = 0;
	assert_int_equal(merge(&ctx, &w, "012x", &a, &err), VS_EUSAGE);
	assert_non_null(strstr(err.msg, "say with -k"));
	a.k = 4;
	assert_int_equal(merge(&ctx, &w, "012x", &a, &err), VS_EUSAGE);
	assert_non_null(strstr(err.msg, "/x.vsh holds 3"));
	a.k = 3;
	CHECK(merge(&ctx, &w, "012x", &a, &err));
	assert_answer(&ctx, &w, 15, 3);
	free_world(&narrow);
	free_world(&w);
}

/* One id in two shards: the same hit counts once, another is damage. */
static void test_one_id_in_two_parts(void **state)
{
	static const struct vs_hit same[2][3] = {
		{ { 5, 10 }, { 6, 20 }, { 7, 30 } },
		{ { 6, 20 }, { 8, 25 }, { 9, 40 } },
	};
	static const struct vs_hit other[3] = { { 8, 25 }, { 5, 26 }, { 9, 40 } };
	static const struct vs_hit want[3] = { { 5, 10 }, { 6, 20 }, { 8, 25 } };
	struct world w = { .n_queries = 1, .k = 3, .n_shards = 2,
			   .metric = VS_L2, .dtype = VS_U8 };
	struct vs_merge_args a = { .replace = true };
	struct vs_hits *h;
	struct vs_hit got[3];
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct part p;
	int s;

	(void)state;
	start(&ctx);
	for (s = 0; s < 2; s++) {
		snprintf(w.path[s], sizeof(w.path[s]), "%s",
			 tmpdir_file(&dir, s == 0 ? "0.vsh" : "1.vsh"));
		describe(&w, (uint32_t)s, &p);
		write_part(&ctx, &p, same[s], w.path[s]);
	}
	CHECK(merge(&ctx, &w, "01", &a, &err));
	CHECK(vs_hits_open(&ctx, tmpdir_file(&dir, "out.vsh"), &h, &err));
	CHECK(vs_hits_read(&ctx, h, 0, 1, got, &err));
	assert_memory_equal(got, want, sizeof(want));
	vs_hits_close(&ctx, h);

	/* The worse copy is not in the answer, and is found nevertheless. */
	write_part(&ctx, &p, other, w.path[1]);
	for (a.k = 1; a.k <= 3; a.k++) {
		assert_int_equal(merge(&ctx, &w, "01", &a, &err), VS_EDATA);
		assert_non_null(strstr(err.msg, "query 0 has id 5 at 26"));
		assert_non_null(strstr(err.msg, "has it at 10"));
		assert_non_null(strstr(err.msg, "/0.vsh"));
		assert_non_null(strstr(err.msg, "/1.vsh"));
	}
	assert_int_equal(merge(&ctx, &w, "10", &a, &err), VS_EUSAGE);
}

static void test_a_finished_merge_is_left_alone(void **state)
{
	struct vs_merge_args a = { 0 };
	struct vs_err err = { 0 };
	struct stat before, after;
	char out[512];
	struct vs_ctx ctx;
	struct world w, other;
	struct part p;
	struct vs_hits *h;

	(void)state;
	start(&ctx);
	small(&ctx, &w);
	snprintf(out, sizeof(out), "%s", tmpdir_file(&dir, "out.vsh"));
	CHECK(merge(&ctx, &w, "0123", &a, &err));
	assert_null(strstr(last_info, "already done"));
	assert_non_null(strstr(last_info, "4 of 4 shards, 4,006 rows"));
	assert_int_equal(stat(out, &before), 0);
	CHECK(merge(&ctx, &w, "2310", &a, &err));
	assert_non_null(strstr(last_info, "already done"));
	a.recheck = true;
	CHECK(merge(&ctx, &w, "0123", &a, &err));
	assert_int_equal(stat(out, &after), 0);
	assert_true(before.st_ino == after.st_ino);

	/* Another k is another answer. */
	a = (struct vs_merge_args){ .k = 2 };
	assert_int_equal(merge(&ctx, &w, "0123", &a, &err), VS_ECREATE);
	assert_non_null(strstr(err.msg, "--replace"));
	assert_answer(&ctx, &w, 15, w.k);
	a.replace = true;
	CHECK(merge(&ctx, &w, "0123", &a, &err));
	assert_answer(&ctx, &w, 15, 2);

	/* A file that claims to be this merge and holds other hits: only
	 * --recheck looks. */
	a = (struct vs_merge_args){ .replace = true };
	CHECK(merge(&ctx, &w, "0123", &a, &err));
	CHECK(vs_hits_open(&ctx, out, &h, &err));
	other = w;
	other.seed = 99;
	make_world(&other);
	describe(&w, 0, &p);
	p.task = vs_hits_head(h)->fingerprint;
	vs_hits_close(&ctx, h);
	write_part(&ctx, &p, other.hits[0], out);
	a = (struct vs_merge_args){ 0 };
	CHECK(merge(&ctx, &w, "0123", &a, &err));
	a.recheck = true;
	assert_int_equal(merge(&ctx, &w, "0123", &a, &err), VS_ECREATE);
	assert_non_null(strstr(err.msg, "query 0 has other hits"));
	free_world(&other);
	free_world(&w);
}

static void test_other_formats(void **state)
{
	struct vs_merge_args a = { 0 };
	struct vs_hit want[5];
	struct vs_err err = { 0 };
	int32_t row[6];
	char buf[8192], line[64];
	struct vs_ctx ctx;
	struct world w;
	uint64_t q;
	uint32_t i;

	(void)state;
	start(&ctx);
	small(&ctx, &w);
	a.out = tmpdir_file(&dir, "out.ivecs");
	CHECK(merge(&ctx, &w, "0123", &a, &err));
	CHECK(merge(&ctx, &w, "3210", &a, &err));
	assert_int_equal(tmpdir_get(a.out, buf, sizeof(buf)),
			 20 * sizeof(row));
	for (q = 0; q < w.n_queries; q++) {
		memcpy(row, buf + q * sizeof(row), sizeof(row));
		best(&w, q, 15, 5, want);
		assert_int_equal(row[0], 5);
		for (i = 0; i < 5; i++)
			assert_int_equal(row[1 + i], want[i].id);
	}
	a.k = 2;
	assert_int_equal(merge(&ctx, &w, "0123", &a, &err), VS_ECREATE);
	a = (struct vs_merge_args){ .out = tmpdir_file(&dir, "out.txt") };
	assert_int_equal(merge(&ctx, &w, "0123", &a, &err), VS_EUSAGE);
	a.format = VS_HITS_TSV;
	CHECK(merge(&ctx, &w, "0123", &a, &err));
	assert_true(tmpdir_get(a.out, buf, sizeof(buf)) > 0);
	best(&w, 0, 15, 5, want);
	snprintf(line, sizeof(line), "0\t1\t%llu\t%lld\n",
		 (unsigned long long)want[0].id, (long long)want[0].key);
	assert_memory_equal(buf, line, strlen(line));
	free_world(&w);
}

/* More parts than can be open at once. */
static void test_more_parts_than_descriptors(void **state)
{
	enum { PARTS = 330, QUERIES = 3 };
	static char path[PARTS][300];
	static const char *paths[PARTS];
	struct rlimit old, few;
	struct vs_hits *h;
	struct vs_hit hits[QUERIES], got[QUERIES * 2];
	struct world w = { .n_queries = QUERIES, .k = 1, .n_shards = PARTS,
			   .metric = VS_L2, .dtype = VS_U8 };
	struct vs_merge_args a = { 0 };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct part p;
	uint32_t i, q;

	(void)state;
	start(&ctx);
	ctx.n_threads = 2;
	ctx.verify = VS_VERIFY_FULL;
	for (i = 0; i < PARTS; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/p%u.vsh", dir.path, i);
		paths[i] = path[i];
		for (q = 0; q < QUERIES; q++)
			hits[q] = (struct vs_hit){ i, (i * 37 + q) % PARTS };
		describe(&w, i, &p);
		write_part(&ctx, &p, hits, path[i]);
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 290;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	CHECK(merge_paths(&ctx, paths, PARTS, &a, &err));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(ctx.verify, VS_VERIFY_FULL);
	CHECK(vs_hits_open(&ctx, tmpdir_file(&dir, "out.vsh"), &h, &err));
	assert_int_equal(vs_hits_info(h)->n_sources, PARTS);
	CHECK(vs_hits_read(&ctx, h, 0, QUERIES, got, &err));
	for (q = 0; q < QUERIES; q++)
		assert_true(got[q].key == 0 &&
			    (got[q].id * 37 + q) % PARTS == 0);
	vs_hits_close(&ctx, h);
}

static void test_stop(void **state)
{
	struct vs_merge_args a = { 0 };
	atomic_int stop = 1;
	struct vs_err err;
	struct vs_ctx ctx;
	struct world w;

	(void)state;
	start(&ctx);
	small(&ctx, &w);
	ctx.stop = &stop;
	assert_int_equal(merge(&ctx, &w, "0123", &a, &err), VS_EAGAIN);
	assert_int_equal(tmpdir_count(&dir, "out.vsh"), 0);
	free_world(&w);
}

/* Each call failing in turn: an error, or the whole answer. */
static void test_every_failed_call_is_clean(void **state)
{
	struct vs_merge_args a = { 0 };
	struct faults f = { .sys = EIO };
	struct vs_err err;
	struct vs_ctx ctx;
	struct world w;
	unsigned n_failed = 0;
	int rc = -1;

	(void)state;
	start(&ctx);
	small(&ctx, &w);
	for (f.at = 1;; f.at++) {
		unlink(tmpdir_file(&dir, "out.vsh"));
		faults_set(&ctx, &f);
		rc = merge(&ctx, &w, "01233", &a, &err);
		ctx.hook = NULL;
		if (atomic_load(&f.n_fired) == 0)
			break;
		n_failed += rc != 0;
		if (rc == 0)
			assert_answer(&ctx, &w, 15, w.k);
		else
			assert_true(err.msg[0] != '\0');
	}
	assert_int_equal(rc, 0);
	assert_true(n_failed > 50);
	free_world(&w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_merge_is_the_sort_of_everything),
		TEST(test_order_threads_and_memory_change_nothing),
		TEST(test_blocks_of_few_queries),
		TEST(test_merging_merges_gives_the_same_answer),
		TEST(test_missing_shards),
		TEST(test_parts_of_other_searches_are_refused),
		TEST(test_copies_count_once),
		TEST(test_shards_that_are_not_the_same_are_refused),
		TEST(test_lone_shards),
		TEST(test_how_many_neighbours),
		TEST(test_one_id_in_two_parts),
		TEST(test_a_finished_merge_is_left_alone),
		TEST(test_other_formats),
		TEST(test_more_parts_than_descriptors),
		TEST(test_stop),
		TEST(test_every_failed_call_is_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
