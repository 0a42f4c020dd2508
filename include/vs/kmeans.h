/* kmeans.h - Lloyd's k-means in tiles, with sums that do not depend on order.
 *
 * S. P. Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28
 * (1982).  Seeding: distinct rows in seeded random order.  Sums are 64-bit
 * integers: of the values themselves for u8, of values scaled to a fixed point
 * from the largest magnitude for f32, so any order and any split of the rows
 * gives the same bits.  An empty cell takes half of the largest: a copy of its
 * centroid, both nudged apart (as Faiss does, Clustering.cpp).  Centroids are
 * finite: values past the range of f32 stay at its end.
 */
#ifndef VS_KMEANS_H
#define VS_KMEANS_H

#include "vs/coarse.h"

struct vs_kmeans_params {
	uint32_t nlist;
	uint32_t iterations;
	uint64_t seed;
};

struct vs_kmeans_result {
	float *centroids;    /* [nlist][dim], owned by the caller (vs_free) */
	uint32_t iterations; /* done; fewer when the objective stays equal */
	double objective;    /* mean squared distance at the last assignment */
	double imbalance;    /* nlist * sum(n_i^2) / n^2 at that assignment */
	uint64_t n_repaired; /* empty cells refilled, over all iterations */
};

/* The least memory that vs_kmeans takes beside the rows, whose p is not used.
 */
uint64_t vs_kmeans_bytes(const struct vs_rows *rows, uint32_t nlist);

/* rows->n >= nlist is required (VS_EDATA otherwise).  VS_EAGAIN when the
 * context says stop. */
int vs_kmeans(struct vs_ctx *ctx, const struct vs_rows *rows,
	      const struct vs_kmeans_params *params,
	      struct vs_kmeans_result *out, struct vs_err *err) VS_MUST_CHECK;

#endif
