/* kmeans_step.h - one iteration of k-means in two halves, for one process and
 * for many.
 *
 * Rows give sums: of their values in fixed point, by cell, of how many they
 * are, and of their distances, exactly.  Sums of parts of the rows add up to
 * those of all in any order, and the next centroids follow from the sums.
 */
#ifndef VS_KMEANS_STEP_H
#define VS_KMEANS_STEP_H

#include <stdbool.h>

#include "vs/coarse.h"
#include "vs/exact.h"
#include "vs/kmeans.h"
#include "vs/rng.h"

/* What the rows of all say, whoever asks. */
struct vs_kmeans_shape {
	uint32_t nlist;
	uint32_t dim;
	uint64_t n;     /* rows */
	bool spherical; /* see struct vs_kmeans_params */
	double scale;   /* fixed point = trunc(x * scale) */
};

/* The power of two that takes values, the largest of magnitude most, times n to
 * below 2^62; 1 of bytes. */
double vs_kmeans_scale(enum vs_dtype rows, float most, uint64_t n);

/* The largest magnitude of rows of f32. */
float vs_kmeans_most(const struct vs_rows *rows);

/* The shape of k-means of these rows. */
static inline struct vs_kmeans_shape
vs_kmeans_shape_of(const struct vs_rows *rows,
		   const struct vs_kmeans_params *params)
{
	struct vs_kmeans_shape s = {
		.nlist = params->nlist,
		.dim = rows->dim,
		.n = rows->n,
		.spherical = params->spherical,
		.scale = vs_kmeans_scale(rows->dtype, vs_kmeans_most(rows),
					 rows->n),
	};

	return s;
}

/* The random numbers that repairs begin with. */
static inline uint64_t vs_kmeans_repair_rng(uint64_t seed)
{
	struct vs_rng r;

	vs_rng_init(&r, seed, VS_STREAM_REPAIR);
	return r.state;
}

/* Adds a row to the sum of its cell. */
void vs_kmeans_add(const struct vs_rows *rows, uint64_t i, double scale,
		   int64_t *sum);

/* The mean of n rows, n > 0. */
void vs_kmeans_mean(const struct vs_kmeans_shape *s, const int64_t *sum,
		    uint64_t n, float *centroid);

/* After the means: gives empty cells half of others, and centroids length 1 if
 * spherical.  start[c + 1] - start[c] are the rows of cell c. */
int vs_kmeans_settle(struct vs_ctx *ctx, const struct vs_kmeans_shape *s,
		     const uint64_t *start, float *centroids,
		     struct vs_kmeans_state *state,
		     struct vs_err *err) VS_MUST_CHECK;

/* nlist * sum(n_i^2) / n^2. */
double vs_kmeans_imbalance(const struct vs_kmeans_shape *s,
			   const uint64_t *start);

/* The objective has come to rest, and nothing was repaired: rounds that go on
 * without lowering it are not worth their time. */
static inline bool vs_kmeans_rests(const struct vs_kmeans_result *now,
				   double before, uint64_t repaired)
{
	return now->objective == before && now->n_repaired == repaired;
}

/* Distinct rows in the order of a seeded shuffle, or copies where there are
 * fewer; perm[rows->n] is overwritten. */
int vs_kmeans_seeds(struct vs_ctx *ctx, const struct vs_rows *rows,
		    uint32_t nlist, uint64_t seed, uint32_t *perm,
		    float *centroids, struct vs_err *err) VS_MUST_CHECK;
uint64_t vs_kmeans_seeds_bytes(uint32_t nlist);

/* The same where rows are not at hand: perm[0 .. n_first) are the first of the
 * shuffle of n rows, ... */
void vs_kmeans_shuffle(uint64_t seed, uint64_t n, uint64_t n_first,
		       uint32_t *perm);
struct vs_kmeans_found {
	uint32_t nlist;
	uint64_t n_first; /* rows looked at; nlist at first */
	uint32_t n;       /* distinct ones among them, at most nlist */
	float *centroids; /* [nlist][dim] */
};
/* ... of these, rows[order[i]] or as they stand, the distinct ones become
 * centroids, ... */
int vs_kmeans_distinct(struct vs_ctx *ctx, const struct vs_rows *rows,
		       const uint32_t *order, struct vs_kmeans_found *found,
		       struct vs_err *err) VS_MUST_CHECK;
/* ... and when they are too few, found->n_first are asked for next, unless
 * there are no more than n: copies stand for the rest. */
bool vs_kmeans_found_all(struct vs_kmeans_found *found, uint32_t dim,
			 uint64_t n);

/* The map half: the sums of some rows. */
struct vs_kmeans_sums {
	int64_t *sum;         /* [nlist][dim] */
	uint64_t *size;       /* [nlist] */
	struct vs_exact loss; /* of squared distances */
};

int vs_kmeans_sums_alloc(struct vs_ctx *ctx, const struct vs_kmeans_shape *s,
			 struct vs_kmeans_sums *out,
			 struct vs_err *err) VS_MUST_CHECK;
void vs_kmeans_sums_free(struct vs_ctx *ctx, struct vs_kmeans_sums *s);
/* Adds rows whose cells and distances are known.  Parallel. */
int vs_kmeans_sums_add(struct vs_ctx *ctx, const struct vs_kmeans_shape *shape,
		       const struct vs_rows *rows, const uint32_t *cell,
		       const float *dist, struct vs_kmeans_sums *sums,
		       struct vs_err *err) VS_MUST_CHECK;

/* The reduce half: iteration state->iteration from the sums of all rows, which
 * are size n; state->centroids are the next ones then, and *done says that
 * there is no other iteration. */
int vs_kmeans_step(struct vs_ctx *ctx, const struct vs_kmeans_shape *shape,
		   const struct vs_kmeans_sums *sums, uint32_t iterations,
		   struct vs_kmeans_state *state, struct vs_kmeans_result *out,
		   bool *done, struct vs_err *err) VS_MUST_CHECK;

#endif
