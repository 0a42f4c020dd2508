/* mergeworld.c - made-up shards, written and merged. */
#include "mergeworld.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vs/mem.h"
#include "vs/rng.h"

struct tmpdir world_dir;
unsigned world_warnings;
char world_info[1024];

static void world_log(void *arg, enum vs_log_level level, const char *line)
{
	(void)arg;
	world_warnings += level == VS_LOG_WARN;
	if (level == VS_LOG_INFO)
		snprintf(world_info, sizeof(world_info), "%s", line);
}

void world_start(struct vs_ctx *ctx)
{
	vs_ctx_init(ctx);
	ctx->log = world_log;
	world_warnings = 0;
}

int world_make_dir(void **state)
{
	(void)state;
	tmpdir_make(&world_dir);
	return 0;
}

int world_remove_dir(void **state)
{
	(void)state;
	tmpdir_remove(&world_dir);
	return 0;
}

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

void world_best(const struct world *w, uint64_t query, uint32_t mask,
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

void world_make(struct world *w)
{
	uint64_t q;
	uint32_t s;

	for (s = 0; s < w->n_shards; s++) {
		w->hits[s] = malloc(w->n_queries * w->k * sizeof(**w->hits));
		for (q = 0; q < w->n_queries; q++)
			world_best(w, q, 1u << s, w->k, w->hits[s] + q * w->k);
	}
}

void world_free(struct world *w)
{
	uint32_t s;

	for (s = 0; s < w->n_shards; s++)
		free(w->hits[s]);
}

void world_describe(const struct world *w, uint32_t shard, struct world_part *p)
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

void world_put_part(struct vs_ctx *ctx, struct world_part *p,
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

void world_write(struct vs_ctx *ctx, struct world *w)
{
	struct world_part p;
	char name[32];
	uint32_t s;

	for (s = 0; s < w->n_shards; s++) {
		snprintf(name, sizeof(name), "%u.vsh", s);
		snprintf(w->path[s], sizeof(w->path[s]), "%s",
			 tmpdir_file(&world_dir, name));
		world_describe(w, s, &p);
		world_put_part(ctx, &p, w->hits[s], w->path[s]);
	}
}

void world_small(struct vs_ctx *ctx, struct world *w)
{
	*w = (struct world){ .n_queries = 20,
			     .k = 5,
			     .n_shards = 4,
			     .metric = VS_L2,
			     .dtype = VS_U8,
			     .seed = 1,
			     .n_keys = 9,
			     .n_ids = 60 };
	world_make(w);
	world_write(ctx, w);
}

int world_merge_paths(struct vs_ctx *ctx, const char *const *paths, size_t n,
		      struct vs_merge_args *a, struct vs_err *err)
{
	struct vs_merge_args args = { 0 };
	int rc;

	if (a != NULL)
		args = *a;
	args.parts = paths;
	args.n_parts = n;
	if (args.out == NULL)
		args.out = tmpdir_file(&world_dir, "out.vsh");
	vs_err_clear(err);
	rc = vs_op_merge(ctx, &args, err);
	assert_true(atomic_load(&ctx->mem_now) == 0);
	assert_int_equal(tmpdir_count(&world_dir, ".tmp"), 0);
	return rc;
}

int world_merge(struct vs_ctx *ctx, const struct world *w, const char *order,
		struct vs_merge_args *a, struct vs_err *err)
{
	const char *paths[32];
	size_t n = strlen(order), i;

	for (i = 0; i < n; i++)
		paths[i] = order[i] == 'x' ? tmpdir_file(&world_dir, "x.vsh") :
					     w->path[order[i] - '0'];
	return world_merge_paths(ctx, paths, n, a, err);
}

void world_assert_answer(struct vs_ctx *ctx, const struct world *w,
			 uint32_t mask, uint32_t k)
{
	struct vs_hit *got = malloc(w->n_queries * k * sizeof(*got));
	struct vs_hit *want = malloc(k * sizeof(*want));
	const struct vs_hits_info *info;
	struct vs_err err = { 0 };
	struct vs_hits *h;
	uint32_t s, n = 0;
	uint64_t q;

	CHECK(vs_hits_open(ctx, tmpdir_file(&world_dir, "out.vsh"), &h, &err));
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
		world_best(w, q, mask, k, want);
		assert_memory_equal(got + q * k, want, k * sizeof(*want));
	}
	vs_hits_close(ctx, h);
	free(got);
	free(want);
}
