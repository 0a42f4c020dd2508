/* pq_space.h - what codes of product quantizers stand for in an index: a row
 * of floats, near to the one that was coded.
 *
 * With centroids, codes are of what a row differs by from the centroid of its
 * cell, and stand for the sum of the two, rounded; under L1, whose tables hold
 * for one cell only then, and without centroids they are of the row itself.
 * Under cosine rows are scaled to length 1 first.  Distances are those to what
 * codes stand for, by the canonical kernels: there is no second definition of
 * them, and codes only make a scan reject rows sooner (batch_pq.c).
 */
#ifndef VS_PQ_SPACE_H
#define VS_PQ_SPACE_H

#include "vs/pq.h"

struct vs_pq_space {
	const struct vs_pq *pq;
	enum vs_metric metric;
	const float *centroids; /* [nlist][dim], borrowed; NULL: rows */
	float *mean;    /* [dim] of the centroids, owned; NULL: not L2 */
	double radius;  /* no decoded sum of pieces is longer */
	double reach;   /* no centroid is longer */
	double spread;  /* no centroid is farther from mean */
};

/* centroids may be NULL. */
int vs_pq_space_init(struct vs_ctx *ctx, const struct vs_pq *pq,
		     enum vs_metric metric, const float *centroids,
		     uint32_t nlist, struct vs_pq_space *out,
		     struct vs_err *err) VS_MUST_CHECK;
void vs_pq_space_clear(struct vs_ctx *ctx, struct vs_pq_space *s);

/* From a row of floats to what is coded; in place. */
void vs_pq_space_offset(const struct vs_pq_space *s, size_t cell, float *row);
/* The row that lane of a panel of codes stands for. */
void vs_pq_space_decode(const struct vs_pq_space *s, size_t cell,
			const uint8_t *panel, unsigned lane, float *row);
/* What stands beside a row x = decoded, c its centroid and m the mean:
 *   L2 with centroids   |x - c|^2 + 2 (c - m).(x - c)
 *   cosine              |x|, NaN where it leaves [2^-60, 2^60] (vs/panel.h)
 *   else                0 */
float vs_pq_space_term(const struct vs_pq_space *s, size_t cell,
		       const float *row);

#endif
