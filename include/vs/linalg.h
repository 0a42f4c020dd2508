/* linalg.h - what rotations are learnt with: products, eigenvectors and polar
 * factors of dense matrices of doubles, row-major.
 *
 * Every sum has one order, whatever the threads and the processor, and nothing
 * but the four operations and the square root is used, so results are the same
 * bits everywhere; a BLAS promises nothing of that kind.  Values must be
 * finite.  VS_EAGAIN when the context says stop.
 */
#ifndef VS_LINALG_H
#define VS_LINALG_H

#include <stddef.h>

#include "vs/ctx.h"

#define VS_DOT_LANES 8u

/* sum(a[i] * b[i]): element i goes to lane i mod 8, the lanes are added as a
 * tree: 4 apart, 2, 1. */
double vs_dot_f64(const double *a, const double *b, size_t n);

/* c[m][n] = a[m][k] b[k][n]; c overlaps nothing. */
struct vs_product {
	size_t m, k, n;
	const double *a, *b;
	double *c;
};

/* Summed over ascending k. */
int vs_matmul(struct vs_ctx *ctx, const struct vs_product *p,
	      struct vs_err *err) VS_MUST_CHECK;
/* b is given as b[n][k], and every entry is a vs_dot_f64. */
int vs_matmul_nt(struct vs_ctx *ctx, const struct vs_product *p,
		 struct vs_err *err) VS_MUST_CHECK;

/* Makes the rows of a[m][n], m <= n, orthonormal, each against those before it.
 * A row that the ones before it span gives way to the first unit vector that
 * they do not. */
int vs_orthonormalise(struct vs_ctx *ctx, size_t m, size_t n, double *a,
		      struct vs_err *err) VS_MUST_CHECK;

/* The eigenvectors of the symmetric a[n][n] in its place, as rows, by falling
 * eigenvalue w[n]; the largest component of each (the first of equal ones) is
 * positive.  Householder's tridiagonal form and the implicit QL algorithm
 * (H. Bowdler, R. S. Martin, C. Reinsch and J. H. Wilkinson, "The QR and QL
 * algorithms for symmetric matrices", Numer. Math. 11, 1968). */
int vs_eigen(struct vs_ctx *ctx, size_t n, double *a, double *w,
	     struct vs_err *err) VS_MUST_CHECK;

/* The q[m][n], m <= n, of orthonormal rows for which sum(q[i][j] * a[i][j]) is
 * largest: the orthogonal polar factor of a, or U V' of its singular value
 * decomposition U S V' (P. H. Schonemann, "A generalized solution of the
 * orthogonal Procrustes problem", Psychometrika 31, 1966). */
int vs_polar(struct vs_ctx *ctx, size_t m, size_t n, const double *a,
	     double *q, struct vs_err *err) VS_MUST_CHECK;

/* The most memory that vs_polar and vs_eigen take beside their arguments. */
uint64_t vs_polar_bytes(size_t m, size_t n);
uint64_t vs_eigen_bytes(size_t n);

#endif
