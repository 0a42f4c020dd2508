/* kmeans_near.h - k-means in two levels, for vs_kmeans alone.
 *
 * Rows are grouped by superclusters, about the square root of the cells: cells
 * begin as the clusters of each group, in proportion to its rows, and in the
 * iterations that follow a row meets the cells of the superclusters around its
 * own, not all.  Which those are follows from rows, parameters and centroids
 * alone, so a run can go on from saved centroids.
 */
#ifndef VS_KMEANS_NEAR_H
#define VS_KMEANS_NEAR_H

#include "vs/kmeans.h"

struct vs_kmeans_near;

/* Trains the superclusters and groups the rows, which must outlive it. */
int vs_kmeans_near_create(struct vs_ctx *ctx, const struct vs_rows *rows,
			  const struct vs_kmeans_params *params,
			  struct vs_kmeans_near **out,
			  struct vs_err *err) VS_MUST_CHECK;
/* The least memory of that, and of the calls below, together. */
uint64_t vs_kmeans_near_bytes(const struct vs_rows *rows, uint32_t nlist);

/* The first centroids [nlist][dim]. */
int vs_kmeans_near_seed(struct vs_kmeans_near *s,
			const struct vs_kmeans_params *params,
			float *centroids, struct vs_err *err) VS_MUST_CHECK;

/* As vs_coarse_assign, among the cells near a row. */
int vs_kmeans_near_assign(struct vs_kmeans_near *s, const float *centroids,
			  uint32_t *cell, float *dist,
			  struct vs_err *err) VS_MUST_CHECK;

/* How many of nlist cells each supercluster gets: in proportion to its rows
 * start[g + 1] - start[g], by largest remainders, ties to the lower; one at
 * least if it has rows, and never more than it has.  n_supers <= nlist <= the
 * rows of all. */
void vs_kmeans_shares(const uint64_t *start, uint32_t n_supers, uint32_t nlist,
		      uint32_t *share);

void vs_kmeans_near_destroy(struct vs_kmeans_near *s);

#endif
