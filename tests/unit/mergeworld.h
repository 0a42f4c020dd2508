/* mergeworld.h - hit files of made-up shards, and the answer that their merge
 * must give.  Failures end the test.
 */
#ifndef MERGEWORLD_H
#define MERGEWORLD_H

#include "check.h"
#include "tmpdir.h"
#include "vs/op.h"

#define SHARDS_MAX 12

extern struct tmpdir world_dir;
extern unsigned world_warnings; /* logged since world_start */
extern char world_info[1024];	/* the last line of information */

/* Set-up and tear-down of a test: world_dir. */
int world_make_dir(void **state);
int world_remove_dir(void **state);
/* A context that logs into the above. */
void world_start(struct vs_ctx *ctx);

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

/* The hits of all shards. */
void world_make(struct world *w);
void world_free(struct world *w);
/* 0.vsh, 1.vsh, ... */
void world_write(struct vs_ctx *ctx, struct world *w);
/* A small world, made and written: 4 shards, 20 queries, k 5. */
void world_small(struct vs_ctx *ctx, struct world *w);
/* The k best rows of one query among the shards of a mask, padded. */
void world_best(const struct world *w, uint64_t query, uint32_t mask,
		uint32_t k, struct vs_hit *out);

/* What says where the hits of one shard are from. */
struct world_part {
	struct vs_hits_info info;
	struct vs_hits_source source;
	struct vs_digest task;
};

void world_describe(const struct world *w, uint32_t shard,
		    struct world_part *p);
void world_put_part(struct vs_ctx *ctx, struct world_part *p,
		    const struct vs_hit *hits, const char *path);

/* Merges into a->out, or out.vsh; a may be NULL.  Whatever comes of it, no
 * memory is held and no temporary file is left. */
int world_merge_paths(struct vs_ctx *ctx, const char *const *paths, size_t n,
		      struct vs_merge_args *a, struct vs_err *err);
/* The shards in the order given, "31x" being shard 3, shard 1 and x.vsh. */
int world_merge(struct vs_ctx *ctx, const struct world *w, const char *order,
		struct vs_merge_args *a, struct vs_err *err);
/* out.vsh must be the answer over the shards of a mask. */
void world_assert_answer(struct vs_ctx *ctx, const struct world *w,
			 uint32_t mask, uint32_t k);

#endif
