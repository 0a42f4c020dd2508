/* kmeans.h - Lloyd's k-means in tiles, with sums that do not depend on order.
 *
 * S. P. Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28
 * (1982).  Seeding: distinct rows in seeded random order.  Sums are 64-bit
 * integers: of the values themselves for u8, of values scaled to a fixed point
 * from the largest magnitude for f32, so any order and any split of the rows
 * gives the same bits.  An empty cell takes half of the largest: a copy of its
 * centroid, both nudged apart (as Faiss does, Clustering.cpp).  Centroids are
 * finite: values past the range of f32 stay at its end.
 *
 * In two levels rows are grouped by superclusters first, and meet only the
 * cells around their own (lib/model/kmeans_near.h): of nlist cells a row meets
 * about 32 times the square root.
 */
#ifndef VS_KMEANS_H
#define VS_KMEANS_H

#include <stdbool.h>

#include "vs/coarse.h"

/* All that the rest of a run depends on, before the assignment of an
 * iteration. */
struct vs_kmeans_state {
	uint32_t iteration;
	double objective;    /* of the assignment before; -1: none */
	uint64_t n_repaired;
	uint64_t rng;        /* of the repairs */
	float *centroids;    /* [nlist][dim], owned by vs_kmeans */
};

/* Keeps the state of a long run, so that a later one can go on from there and
 * end with the same bits. */
struct vs_kmeans_keep {
	/* Fills all of *s, the centroids in place, and sets *found; what it
	 * wrote is void when *found is false. */
	int (*load)(void *arg, struct vs_kmeans_state *s, bool *found,
		    struct vs_err *err);
	/* Offered after each iteration, and with stopping set when a stop ends
	 * the run while its state is whole. */
	void (*save)(void *arg, const struct vs_kmeans_state *s, bool stopping);
	void *arg;
};

struct vs_kmeans_params {
	uint32_t nlist;
	uint32_t iterations;
	uint64_t seed;
	const struct vs_kmeans_keep *keep; /* may be NULL */
	/* Centroids are scaled to length 1 after each update (I. S. Dhillon and
	 * D. S. Modha, "Concept decompositions for large sparse text data using
	 * clustering", Machine Learning 42, 2001); the rows must have it,
	 * or be 0. */
	bool spherical;
	bool two_level;
	bool quiet; /* no progress, nothing in the log */
};

/* Whether two levels are the better choice: measured on SIFT, see
 * ARCHITECTURE.md. */
#define VS_KMEANS_FLAT_MAX 32768u
static inline bool vs_kmeans_wants_two_level(uint32_t nlist)
{
	return nlist > VS_KMEANS_FLAT_MAX;
}

struct vs_kmeans_result {
	float *centroids;    /* [nlist][dim], owned by the caller (vs_free) */
	uint32_t iterations; /* done; fewer when the objective stays equal */
	/* Mean squared distance at the last assignment; in two levels, which
	 * may miss the nearest cell, not less than that. */
	double objective;
	double imbalance;    /* nlist * sum(n_i^2) / n^2 at that assignment */
	uint64_t n_repaired; /* empty cells refilled, over all iterations */
};

/* The least memory that vs_kmeans takes beside the rows, whose p is not used.
 */
uint64_t vs_kmeans_bytes(const struct vs_rows *rows, uint32_t nlist,
			 bool two_level);

/* rows->n >= nlist is required (VS_EDATA otherwise).  VS_EAGAIN when the
 * context says stop. */
int vs_kmeans(struct vs_ctx *ctx, const struct vs_rows *rows,
	      const struct vs_kmeans_params *params,
	      struct vs_kmeans_result *out, struct vs_err *err) VS_MUST_CHECK;

#endif
