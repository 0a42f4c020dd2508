/* model.h - a trained model (.vsm): what it takes to build and search cells. */
#ifndef VS_MODEL_H
#define VS_MODEL_H

#include "vs/code8.h"
#include "vs/cont.h"
#include "vs/factory.h"
#include "vs/pq.h"
#include "vs/transform.h"

struct vs_model {
	struct vs_factory index;
	enum vs_metric metric;
	enum vs_dtype dtype; /* of the rows it was trained on */
	uint32_t dim;
	uint32_t inner; /* dimensions after the transform, dim without one */
	struct vs_transform *transform; /* NULL: none; owned */
	float *centroids; /* [nlist][inner], owned; NULL without IVF */
	struct vs_code8 ranges; /* of SQ8; mid NULL: none */
	struct vs_pq pq;  /* owned; codebooks NULL: rows are not coded so */
	struct vs_digest fingerprint;
	struct vs_digest input; /* full digest of the vectors trained on */
};

/* How it was trained, kept in INFO for people. */
struct vs_model_notes {
	uint64_t n_input;      /* rows of the vectors */
	bool drops;            /* rows that are not finite were left out */
	uint64_t n_dropped;    /* so many of n_input */
	uint64_t n_sample;     /* rows it was trained on */
	uint32_t iterations;   /* done */
	uint64_t seed;
	bool two_level;        /* k-means in two levels */
	double objective;      /* mean squared distance of the sample */
	double imbalance;      /* nlist * sum(n_i^2) / n^2, 1 = even */
	uint64_t n_repaired;   /* empty cells filled */
	double code_error;     /* mean squared error of codes; 0: none */
};

int vs_model_write(struct vs_ctx *ctx, const char *path,
		   const struct vs_model *model,
		   const struct vs_model_notes *notes, enum vs_publish how,
		   struct vs_err *err) VS_MUST_CHECK;
/* Everything is verified and copied; nothing stays mapped. */
int vs_model_open(struct vs_ctx *ctx, const char *path, struct vs_model **out,
		  struct vs_err *err) VS_MUST_CHECK;
/* The centroids [nlist][inner] of a model or shard, verified, finite and owned
 * by the caller (vs_free). */
int vs_centroids_read(struct vs_ctx *ctx, struct vs_cont *c, uint32_t nlist,
		      uint32_t inner, float **out,
		      struct vs_err *err) VS_MUST_CHECK;
/* Ranges as section QUAN holds them: mid, step and kappa one after the other,
 * allocated; NULL without memory.  And read, verified and checked. */
static inline uint64_t vs_ranges_floats(uint32_t dim)
{
	return 2 * (uint64_t)dim + 1;
}
float *vs_ranges_pack(struct vs_ctx *ctx, const struct vs_code8 *c,
		      struct vs_err *err) VS_MUST_CHECK;
int vs_ranges_read(struct vs_ctx *ctx, struct vs_cont *c, uint32_t dim,
		   struct vs_code8 *out, struct vs_err *err) VS_MUST_CHECK;
/* The codebooks of a product quantizer of index for dim dimensions, of zeros;
 * those of a model or shard, verified and finite.  Owned by the caller
 * (vs_pq_free). */
int vs_codebooks_alloc(struct vs_ctx *ctx, const struct vs_factory *index,
		       uint32_t dim, struct vs_pq *out,
		       struct vs_err *err) VS_MUST_CHECK;
int vs_codebooks_read(struct vs_ctx *ctx, struct vs_cont *c,
		      const struct vs_factory *index, uint32_t dim,
		      struct vs_pq *out, struct vs_err *err) VS_MUST_CHECK;
/* Of all that was trained: n values of centroids, ranges, a transform and
 * codebooks, if any; 0 for nothing.  Models trained on other rows can have one
 * fingerprint (the quick digest reads samples), but never this. */
uint64_t vs_trained_hash(const float *centroids, uint64_t n,
			 const struct vs_code8 *ranges,
			 const struct vs_transform *transform,
			 const struct vs_pq *pq);
uint64_t vs_model_hash(const struct vs_model *m);
void vs_model_destroy(struct vs_ctx *ctx, struct vs_model *model);

#endif
