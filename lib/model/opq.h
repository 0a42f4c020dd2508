/* opq.h - learns the rotation of OPQ. */
#ifndef VS_OPQ_H
#define VS_OPQ_H

#include "vs/transform.h"

struct vs_opq_spec {
	const float *rows; /* [n_rows][d_in] */
	uint64_t n_rows;
	uint32_t m;    /* pieces */
	uint32_t bits; /* of their codes: 4 or 8 */
	uint64_t seed;
	const double *eigenvectors; /* [d_in][d_in], of the covariance */
	const double *variances;    /* [d_in], falling */
};

/* t has its mean, which training centres rows by, and room for the matrix. */
int vs_opq_train(struct vs_ctx *ctx, const struct vs_opq_spec *spec,
		 struct vs_transform *t, struct vs_err *err) VS_MUST_CHECK;
/* The memory that takes beside the rows, at most. */
uint64_t vs_opq_bytes(const struct vs_factory *f, uint32_t dim, uint64_t n);

#endif
