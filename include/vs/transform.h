/* transform.h - what is done to vectors before they are indexed: rotation by a
 * matrix with orthonormal rows or columns, and scaling to length 1.
 *
 * A row is made f32, scaled to length 1 under cosine, lessened by the mean
 * (PCA), multiplied with the matrix, and scaled to length 1 for L2norm.  Under
 * cosine a row of zeros stays one: it is at cosine 0 of everything.  Rows and
 * queries are treated alike, and nothing is undone: distances are those of
 * the results.  Faiss adds -A mean after the product instead, which is the same
 * but for roundings.
 */
#ifndef VS_TRANSFORM_H
#define VS_TRANSFORM_H

#include "vs/coarse.h"
#include "vs/factory.h"

struct vs_transform {
	uint32_t d_in, d_out;
	bool unit;     /* rows are scaled to length 1 first: cosine */
	bool l2norm;   /* results are */
	float *mean;   /* [d_in]; NULL: nothing is taken off */
	float *matrix; /* [d_out][d_in]; NULL: d_out is d_in */
	float *panels; /* the matrix as vs_kern rotates by it */
};

/* What dimensions and type become under an index. */
uint32_t vs_transform_dim(const struct vs_factory *f, uint32_t dim);
static inline enum vs_dtype vs_transform_dtype(const struct vs_factory *f,
					       enum vs_dtype dtype)
{
	return vs_factory_has_transform(f) ? VS_F32 : dtype;
}

/* VS_EUSAGE where the index cannot have rows of dim dimensions, or when its
 * rotation changes what the metric says. */
int vs_transform_check(const struct vs_factory *f, enum vs_metric metric,
		       uint32_t dim, struct vs_err *err) VS_MUST_CHECK;

/* Rows that training it is worth; 0: it does not look at rows. */
uint64_t vs_transform_sample(const struct vs_factory *f, uint32_t dim);
/* The memory of a transform, with the least that applying it takes beside the
 * rows and what they become. */
uint64_t vs_transform_held_bytes(const struct vs_factory *f, uint32_t dim);
/* The least memory that training takes beside the rows, with the above. */
uint64_t vs_transform_bytes(const struct vs_factory *f, uint32_t dim,
			    uint64_t n_rows);

/* One with no mean and no matrix yet; for an index that wants none, *out is
 * NULL. */
int vs_transform_create(struct vs_ctx *ctx, const struct vs_factory *f,
			enum vs_metric metric, uint32_t dim,
			struct vs_transform **out,
			struct vs_err *err) VS_MUST_CHECK;
/* Learns mean and matrix from f32 rows, which under cosine are scaled to length
 * 1 in their place.  PCA looks at no more than 2^18 of them, OPQ at 2^16,
 * evenly spaced. */
int vs_transform_train(struct vs_ctx *ctx, const struct vs_factory *f,
		       float *rows, uint64_t n_rows, uint64_t seed,
		       struct vs_transform *t,
		       struct vs_err *err) VS_MUST_CHECK;
/* After mean and matrix were filled in by another hand. */
int vs_transform_prepare(struct vs_ctx *ctx, struct vs_transform *t,
			 struct vs_err *err) VS_MUST_CHECK;

/* out[n][d_out] of rows f32, f16, u8 or i8; the same bits on every machine.
 * VS_EDATA, naming name, when a result leaves the range of floats.  Parallel.
 */
int vs_transform_apply(struct vs_ctx *ctx, const struct vs_transform *t,
		       const struct vs_rows *rows, const char *name,
		       float *out, struct vs_err *err) VS_MUST_CHECK;

void vs_transform_destroy(struct vs_ctx *ctx, struct vs_transform *t);

#endif
