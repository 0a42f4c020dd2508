/* samples.c - small containers of each kind. */
#include "samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
#include "vs/rng.h"

static struct vs_digest digest_of(const char *text)
{
	struct vs_digest d = {{0}};
	uint64_t h = vs_hash64(text, strlen(text));

	memcpy(d.b, &h, sizeof(h));
	d.b[15] = 1;
	return d;
}

static void add_raw(struct vs_ctx *ctx, struct vs_cont_writer *w, uint32_t tag,
		    const void *p, uint64_t count, uint32_t item)
{
	struct vs_err err = {0};
	unsigned section;

	check(vs_cont_add_raw(ctx, w, tag, count, item, &section, &err), &err);
	check(vs_cont_write(ctx, w, section, 0, p, (size_t)(count * item),
			    &err),
	      &err);
}

static void add_zst(struct vs_ctx *ctx, struct vs_cont_writer *w, uint32_t tag,
		    const void *p, uint64_t count, uint32_t item)
{
	struct vs_err err = {0};
	unsigned section;

	check(vs_cont_add_zst(ctx, w, tag, item, &section, &err), &err);
	check(vs_cont_append(ctx, w, section, p, (size_t)(count * item), &err),
	      &err);
}

void samples_model(struct vs_ctx *ctx, const char *path)
{
	static const char info[] = "index: IVF3,Flat\nseed: 7\n";
	static const char note[] = "packed, packed, packed, packed, packed";
	struct vs_cont_head head = {.kind = VS_KIND_MODEL,
				    .fingerprint = digest_of("model"),
				    .n_rows = 3,
				    .dim = 4,
				    .metric = VS_L2,
				    .dtype = VS_F32};
	static const float cent[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
	struct vs_err err = {0};
	struct vs_cont_writer *w;

	check(vs_cont_create(ctx, path, &head, &w, &err), &err);
	add_raw(ctx, w, VS_SEC_INFO, info, sizeof(info) - 1, 1);
	add_raw(ctx, w, VS_SEC_CENT, cent, 3, 16);
	add_zst(ctx, w, VS_TAG('N', 'O', 'T', 'E'), note, sizeof(note) - 1, 1);
	check(vs_cont_publish(ctx, w, VS_PUBLISH_REPLACE, &err), &err);
}

void samples_shard(struct vs_ctx *ctx, const char *path, uint64_t n_rows)
{
	static const char info[] = "index: IVF2,Flat\n";
	struct vs_cont_head head = {.kind = VS_KIND_SHARD,
				    .fingerprint = digest_of("shard"),
				    .n_rows = n_rows,
				    .dim = 128,
				    .metric = VS_IP,
				    .dtype = VS_U8};
	size_t n = (size_t)n_rows, i;
	uint64_t cell[3] = {0, n_rows / 3, n_rows};
	uint8_t *rows = malloc(n * 128 + 1);
	int32_t *term = malloc(n * 4 + 1);
	uint64_t *ids = malloc(n * 8 + 1);
	struct vs_err err = {0};
	struct vs_cont_writer *w;

	assert_non_null(rows);
	assert_non_null(term);
	assert_non_null(ids);
	for (i = 0; i < n * 128; i++)
		rows[i] = (uint8_t)vs_rng_at(1, VS_STREAM_TEST, i);
	for (i = 0; i < n; i++) {
		term[i] = (int32_t)(i * i);
		ids[i] = i * 3 + 1;
	}
	check(vs_cont_create(ctx, path, &head, &w, &err), &err);
	add_raw(ctx, w, VS_SEC_INFO, info, sizeof(info) - 1, 1);
	add_raw(ctx, w, VS_SEC_CELL, cell, 3, 8);
	add_raw(ctx, w, VS_SEC_ROWS, rows, n_rows, 128);
	add_raw(ctx, w, VS_SEC_TERM, term, n_rows, 4);
	add_zst(ctx, w, VS_SEC_IDS, ids, n_rows, 8);
	check(vs_cont_publish(ctx, w, VS_PUBLISH_REPLACE, &err), &err);
	free(rows);
	free(term);
	free(ids);
}

void samples_info(struct vs_hits_info *info, uint64_t n, uint32_t k,
		  enum vs_metric metric, enum vs_dtype dtype)
{
	static struct vs_hits_source sources[2];
	static char index[] = "IVF16,Flat", params[] = "nprobe=4";

	memset(info, 0, sizeof(*info));
	sources[0].shard = 1;
	sources[0].n_rows = 100;
	sources[0].fingerprint = digest_of("shard 1");
	sources[1].shard = 4;
	sources[1].n_rows = 1000;
	sources[1].fingerprint = digest_of("shard 4");
	info->n_queries = n;
	info->k = k;
	info->dim = 8;
	info->metric = metric;
	info->dtype = dtype;
	info->queries = digest_of("queries");
	info->model = digest_of("model");
	info->generation = 3;
	info->n_shards = 5;
	info->index = index;
	info->params = params;
	info->sources = sources;
	info->n_sources = 2;
}

void samples_query(enum vs_metric metric, enum vs_dtype dtype, uint64_t q,
		   uint32_t k, struct vs_hit *hits)
{
	bool similarity = vs_metric_is_similarity(metric);
	struct vs_topk t = {
		.slots = hits, .k = k, .limit = VS_KEY_WORST};
	uint32_t i, n = q % 5 == 0 ? k / 2 : k;

	for (i = 0; i < n; i++) {
		uint64_t r = vs_rng_at(q, VS_STREAM_TEST, i) % 1000;
		int64_t key = similarity ? -(int64_t)r : (int64_t)r;

		if (dtype == VS_F32 || metric == VS_COSINE)
			key = vs_key_of_f32((float)r / 7, similarity);
		vs_topk_push(&t, key, q * 1000 + i, 0);
	}
	vs_topk_finish(&t);
}

void samples_hits(struct vs_ctx *ctx, const char *path, uint64_t n, uint32_t k,
		  enum vs_metric metric, enum vs_dtype dtype)
{
	struct vs_digest fingerprint = digest_of("hits");
	struct vs_hit *hits = calloc(k, sizeof(*hits));
	struct vs_err err = {0};
	struct vs_hits_writer *w;
	struct vs_hits_info info;
	uint64_t q;

	assert_non_null(hits);
	samples_info(&info, n, k, metric, dtype);
	check(vs_hits_create(ctx, path, &info, &fingerprint, &w, &err), &err);
	for (q = 0; q < n; q++) {
		samples_query(metric, dtype, q, k, hits);
		check(vs_hits_append(ctx, w, hits, 1, &err), &err);
	}
	check(vs_hits_finish(ctx, w, VS_PUBLISH_REPLACE, &err), &err);
	free(hits);
}

uint32_t samples_list(enum vs_metric metric, enum vs_dtype dtype, uint64_t q,
		      struct vs_hit hits[SAMPLES_LIST_MAX])
{
	uint32_t n = (uint32_t)(3 * q % (SAMPLES_LIST_MAX + 1)), i;

	if (n > 0)
		samples_query(metric, dtype, q, n, hits);
	for (i = 0; i < n && hits[i].id != VS_ID_NONE; i++)
		;
	return i;
}

void samples_lists(struct vs_ctx *ctx, const char *path, uint64_t n,
		   enum vs_metric metric, enum vs_dtype dtype)
{
	struct vs_digest fingerprint = digest_of("lists");
	struct vs_hit hits[SAMPLES_LIST_MAX];
	struct vs_err err = {0};
	struct vs_hits_writer *w;
	struct vs_hits_info info;
	uint64_t q;
	uint32_t n_hits;

	samples_info(&info, n, 0, metric, dtype);
	check(vs_hits_create(ctx, path, &info, &fingerprint, &w, &err), &err);
	for (q = 0; q < n; q++) {
		n_hits = samples_list(metric, dtype, q, hits);
		check(vs_hits_append_list(ctx, w, hits, n_hits, &err), &err);
	}
	check(vs_hits_finish(ctx, w, VS_PUBLISH_REPLACE, &err), &err);
}
