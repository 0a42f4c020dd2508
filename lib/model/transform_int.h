/* transform_int.h - how transforms are learnt: the parts. */
#ifndef VS_TRANSFORM_INT_H
#define VS_TRANSFORM_INT_H

#include "vs/transform.h"

/* Rows [n][dim] of floats, one every stride rows of them. */
struct vs_sampled {
	const float *p;
	uint64_t n;
	uint64_t stride;
	uint32_t dim;
};

/* At most this many rows go into a covariance. */
#define VS_COVARIANCE_ROWS (1u << 18)

/* The mean [dim] and the covariance cov[dim][dim] about it.
 *
 * Sums are of integers, so no order or split of the rows changes a bit.  The
 * mean: values times the power of two that takes the largest magnitude of
 * their dimension times n below 2^62, truncated.  The covariance: differences
 * from the mean, times the power of two that takes the largest of their
 * dimension to 2^b, rounded; b = min(18, (53 - log2 n) / 2), n rounded up to a
 * power of two, so that sums of products stay whole in doubles.  The largest
 * difference alone makes the variance of its dimension at least 2^2b / n, in
 * those units; the rounding adds 1/12. */
int vs_covariance(struct vs_ctx *ctx, const struct vs_sampled *rows,
		  float *mean, double *cov, struct vs_err *err) VS_MUST_CHECK;
uint64_t vs_covariance_bytes(uint32_t dim);

#define VS_COV_LANES 4u

/* Rows of so many dimensions that are made panels of together. */
size_t vs_step_rows(uint32_t dim);

/* out[x][y] = sum(a[i][x] * b[i][y]) over ascending i < n, of two panels
 * [n][VS_COV_LANES]. */
void vs_panel_products(const double *a, const double *b, size_t n,
		       double out[VS_COV_LANES][VS_COV_LANES]);

/* m random orthonormal rows of n, or, where m > n, columns. */
int vs_random_rotation(struct vs_ctx *ctx, size_t m, size_t n, uint64_t seed,
		       double *a, struct vs_err *err) VS_MUST_CHECK;

#endif
