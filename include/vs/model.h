/* model.h - a trained model (.vsm): what it takes to build and search cells. */
#ifndef VS_MODEL_H
#define VS_MODEL_H

#include "vs/cont.h"
#include "vs/factory.h"

struct vs_model {
	struct vs_factory index;
	enum vs_metric metric;
	enum vs_dtype dtype; /* of the rows it was trained on */
	uint32_t dim;
	float *centroids; /* [nlist][dim], owned */
	struct vs_digest fingerprint;
	struct vs_digest input; /* full digest of the vectors trained on */
};

/* How it was trained, kept in INFO for people. */
struct vs_model_notes {
	uint64_t n_input;      /* rows it could choose from */
	uint64_t n_sample;     /* rows it was trained on */
	uint32_t iterations;   /* done */
	uint64_t seed;
	double objective;      /* mean squared distance of the sample */
	double imbalance;      /* nlist * sum(n_i^2) / n^2, 1 = even */
	uint64_t n_repaired;   /* empty cells filled */
};

int vs_model_write(struct vs_ctx *ctx, const char *path,
		   const struct vs_model *model,
		   const struct vs_model_notes *notes, enum vs_publish how,
		   struct vs_err *err) VS_MUST_CHECK;
/* Everything is verified and copied; nothing stays mapped. */
int vs_model_open(struct vs_ctx *ctx, const char *path, struct vs_model **out,
		  struct vs_err *err) VS_MUST_CHECK;
/* The centroids [nlist][dim] of a model or shard, verified, finite and owned by
 * the caller (vs_free). */
int vs_centroids_read(struct vs_ctx *ctx, struct vs_cont *c, uint32_t nlist,
		      float **out, struct vs_err *err) VS_MUST_CHECK;
void vs_model_destroy(struct vs_ctx *ctx, struct vs_model *model);

#endif
