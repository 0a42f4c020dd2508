/* batch_int.h - what the two halves of the batch engine share. */
#ifndef VS_BATCH_INT_H
#define VS_BATCH_INT_H

#include "vs/batch.h"
#include "vs/kern.h"

/* One query's state.  Threads scan different cells for the same query at the
 * same time: the heap is changed under the lock, and limit, the key of its
 * worst, is read without it; a stale limit only lets more rows through. */
struct vs_query {
	struct vs_topk top;
	atomic_int_fast64_t limit;
	atomic_flag lock;
	int64_t norm2_i; /* |q|^2 of u8 queries */
	double norm2_f;  /* |q|^2 of f32 queries */
};

struct vs_batch {
	struct vs_batch_spec spec;
	bool u8;
	bool similarity;
	struct vs_query *query; /* [n_queries] */
	struct vs_hit *slots;   /* [n_queries][vs_topk_slots(k)] */
	atomic_uint_fast64_t n_distances;
};

/* Up to VS_TILE_W queries on their way over a piece. */
struct vs_group {
	unsigned n, w;
	uint32_t query[VS_TILE_W];
	const void *packed;
	const void *panels; /* of this step */
	size_t n_panels;
	size_t first_row; /* of this step within the piece */
	int32_t limit_i[VS_TILE_W];
	float limit_f[VS_TILE_W];
	float gain[VS_TILE_W];
};

/* Refreshes the tile limit of query i of the group from its heap. */
void vs_group_limit(const struct vs_batch *b, struct vs_group *g, unsigned i);

/* Filters one step and takes what passes into the heaps. */
void vs_group_filter(const struct vs_ctx *ctx, struct vs_batch *b,
		     const struct vs_cell_view *v, struct vs_group *g,
		     struct vs_pass *pass);

#endif
