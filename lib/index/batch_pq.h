/* batch_pq.h - scans of codes of product quantizers in the batch engine. */
#ifndef VS_BATCH_PQ_H
#define VS_BATCH_PQ_H

#include "batch_int.h"

/* The table of one query as bytes: entry = (value - least of its piece) / step,
 * rounded down, so that the sum of m entries times step, plus bias, is no more
 * than the sum of values. */
struct vs_pq_query {
	double step; /* > 0; NaN: nothing can be said, every row passes */
	double bias; /* the sum of the least values of all pieces */
	double norm; /* |q|, under L2 with centroids |q - mean| */
};

/* Tables of all queries for such codes; at once if they are there. */
int vs_batch_pq_tables(struct vs_ctx *ctx, struct vs_batch *b,
		       const struct vs_pq_space *s,
		       struct vs_err *err) VS_MUST_CHECK;
/* Bytes of a query's table and state. */
uint64_t vs_batch_pq_bytes(const struct vs_pq_space *s);
/* Bytes of panels of codes. */
size_t vs_batch_pq_panel_bytes(const struct vs_pq_space *s);
/* The group's queries and the cell they are about to scan. */
void vs_group_pq_pack(const struct vs_ctx *ctx, const struct vs_batch *b,
		      struct vs_group *g);
/* The limit of place i for the running threshold thr of its query. */
void vs_group_pq_limit(const struct vs_batch *b, struct vs_group *g,
		       unsigned i, float thr);
size_t vs_group_pq_filter(const struct vs_ctx *ctx, const struct vs_batch *b,
			  const struct vs_cell_view *v,
			  const struct vs_group *g, struct vs_pass *pass);
/* The key of a row of the piece for query i of the group. */
int64_t vs_group_pq_key(const struct vs_ctx *ctx, const struct vs_batch *b,
			const struct vs_cell_view *v, const struct vs_group *g,
			unsigned i, size_t row);

#endif
