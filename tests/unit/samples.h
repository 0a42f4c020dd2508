/* samples.h - small containers of each kind for the tests of readers. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include "vs/hits.h"

/* Each writes one file and replaces what stands there; failures end the
 * test. */

/* INFO raw, CENT raw, "NOTE" packed. */
void samples_model(struct vs_ctx *ctx, const char *path);
/* INFO, CELL, ROWS, TERM raw, IDS packed; ROWS spans several blocks when
 * n_rows is over 4096. */
void samples_shard(struct vs_ctx *ctx, const char *path, uint64_t n_rows);
/* n queries of k hits of f32 rows under metric, some of them padded. */
void samples_hits(struct vs_ctx *ctx, const char *path, uint64_t n, uint32_t k,
		  enum vs_metric metric, enum vs_dtype dtype);

/* The same in lists, of 3 q % 7 hits for query q: those of samples_query for
 * so large a k. */
void samples_lists(struct vs_ctx *ctx, const char *path, uint64_t n,
		   enum vs_metric metric, enum vs_dtype dtype);
#define SAMPLES_LIST_MAX 6u
uint32_t samples_list(enum vs_metric metric, enum vs_dtype dtype, uint64_t q,
		      struct vs_hit hits[SAMPLES_LIST_MAX]);

/* The hits of query q as samples_hits writes them. */
void samples_query(enum vs_metric metric, enum vs_dtype dtype, uint64_t q,
		   uint32_t k, struct vs_hit *hits);
/* INFO as samples_hits writes it; texts are constants, nothing to free. */
void samples_info(struct vs_hits_info *info, uint64_t n, uint32_t k,
		  enum vs_metric metric, enum vs_dtype dtype);

#endif
