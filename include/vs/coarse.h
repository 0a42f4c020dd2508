/* coarse.h - the coarse quantizer: which centroid is nearest, which are the
 * nprobe nearest.
 *
 * Scores come from tiles of 8-bit codes of the centroids, or of f32 where codes
 * do not tell them apart; whatever the error bound of either leaves open is
 * settled by the canonical kernel, ties by the lower cell.  So answers are the
 * same for any instruction set, thread count and block size.
 */
#ifndef VS_COARSE_H
#define VS_COARSE_H

#include "vs/ctx.h"
#include "vs/types.h"

/* Rows of f32, f16, u8 or i8, dense: [n][dim]. */
struct vs_rows {
	const void *p;
	uint64_t n;
	uint32_t dim;
	enum vs_dtype dtype;
};

struct vs_coarse;

/* Copies centroids [nlist][dim] of f32 into panels.  rows: the type of the rows
 * that will be assigned or probe. */
int vs_coarse_create(struct vs_ctx *ctx, const struct vs_rows *centroids,
		     enum vs_dtype rows, struct vs_coarse **out,
		     struct vs_err *err) VS_MUST_CHECK;
void vs_coarse_destroy(struct vs_ctx *ctx, struct vs_coarse *c);
/* The least memory that creating and then assigning or probing take; threads
 * take more where there is more. */
uint64_t vs_coarse_bytes(uint32_t nlist, uint32_t dim);

/* cell[i]: the centroid nearest to row i under L2, lowest on ties.  dist (may
 * be NULL) gets the canonical squared distances.  Parallel.  VS_EAGAIN when the
 * context says stop. */
int vs_coarse_assign(struct vs_ctx *ctx, const struct vs_coarse *c,
		     const struct vs_rows *rows, uint32_t *cell, float *dist,
		     struct vs_err *err) VS_MUST_CHECK;

/* The same on the calling thread alone, with the scratch of one thread: for
 * those who share out rows themselves. */
int vs_coarse_assign_alone(struct vs_ctx *ctx, const struct vs_coarse *c,
			   const struct vs_rows *rows, uint32_t *cell,
			   float *dist, struct vs_err *err) VS_MUST_CHECK;

/* Assignments that are kept up to date while centroids move. */
struct vs_coarse_track {
	uint32_t *cell; /* [n] */
	float *dist;	/* [n]: canonical, to the centroid of cell */
	float *other;	/* [n]: no other centroid is nearer than this */
	/* The centroids that have moved since, ascending; NULL: nothing is
	 * known yet, and all is written. */
	const uint32_t *moved;
	uint32_t n_moved;
};

/* As vs_coarse_assign.  A row is not compared with centroids that stood still
 * and cannot be nearer; the answer is the same. */
int vs_coarse_assign_track(struct vs_ctx *ctx, const struct vs_coarse *c,
			   const struct vs_rows *rows,
			   const struct vs_coarse_track *track,
			   struct vs_err *err) VS_MUST_CHECK;
/* The least memory of that, with the centroids. */
uint64_t vs_coarse_track_bytes(uint32_t nlist, uint32_t dim);

/* cell[2 i]: the centroid nearest to row i under L2, lowest on ties;
 * cell[2 i + 1]: another one near by, such that what is searched for and is on
 * the far side of the first cell may well be on the near side of this one.
 * Source: Sun, Simcha, Dopson, Guo, Kumar, SOAR: Improved Indexing for
 * Approximate Nearest Neighbor Search, NeurIPS 2023, with lambda = 1.  Two
 * centroids at least.  Parallel.  VS_EAGAIN when the context says stop. */
int vs_coarse_assign_two(struct vs_ctx *ctx, const struct vs_coarse *c,
			 const struct vs_rows *rows, uint32_t *cell,
			 struct vs_err *err) VS_MUST_CHECK;

#define VS_CELL_NONE UINT32_MAX
#define VS_TAPER_MAX 64u

/* How many cells a query probes. */
struct vs_probe {
	uint32_t n; /* 1..nlist */
	/* 0: n.  Else the m nearest, m the largest so that
	 * m (d_m / d_1)^taper <= n, where d is the squared distance to the
	 * centroid; of similarities
	 * |q| max |c| less the product, which of unit vectors is in proportion
	 * to it. */
	uint32_t taper; /* at most VS_TAPER_MAX */
};

/* cells[i * n .. +n): the cells that query i probes, those with the nearest
 * centroids (of largest product where metric is a similarity, else under L2).
 * First comes one that is the nearest but for roundings - which one may depend
 * on the instruction set - and then the others, without a taper in ascending
 * order, and VS_CELL_NONE for those that a taper leaves out.  Parallel.
 * VS_EAGAIN when the context says stop. */
int vs_coarse_probe(struct vs_ctx *ctx, const struct vs_coarse *c,
		    enum vs_metric metric, const struct vs_rows *queries,
		    const struct vs_probe *probe, uint32_t *cells,
		    struct vs_err *err) VS_MUST_CHECK;

#endif
