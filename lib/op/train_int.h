/* train_int.h - one vs-train, for train.c and the files beside it. */
#ifndef VS_TRAIN_INT_H
#define VS_TRAIN_INT_H

#include <math.h>

#include "op_int.h"
#include "train_keep.h"
#include "train_ranges.h"
#include "vs/kern.h"
#include "vs/kmeans_step.h"
#include "vs/rng.h"

/* The state of one vs-train. */
struct train {
	struct vs_ctx *ctx;
	const struct vs_train_args *args;
	struct vs_factory index;
	struct vs_vecs *vecs;
	struct vs_digest quick; /* quick digest of the vectors */
	struct vs_model model;
	uint64_t n_rows;  /* of the vectors that it may learn from */
	uint64_t n_sample;
	bool two_level;  /* k-means */
	bool spherical;  /* of similarities: rows of the sample have length 1 */
	bool wide;       /* the sample is f32, whatever the rows are */
	uint8_t *sample; /* [n_sample] rows */
	bool passing;    /* rows of the sample go by: one is held */
	float most;      /* and this is the largest magnitude of floats */
	struct vs_train_ranges ranges;
	float *norms;    /* [n_sample]: lengths before scaling; or NULL */
	struct vs_train_keep keep;
	size_t block_rows;
};

/* Bytes of a row of the sample. */
static inline size_t vs_train_row_bytes(const struct train *t)
{
	return t->wide ? t->model.dim * sizeof(float) :
			 vs_vecs_row_bytes(t->vecs);
}

/* The sample as k-means sees it. */
static inline struct vs_rows vs_train_rows(const struct train *t)
{
	struct vs_rows rows = { t->sample, t->n_sample, t->model.inner,
				t->wide ? VS_F32 : t->model.dtype };

	return rows;
}

/* Codes under IP are of rows of any length, and cells of their directions. */
static inline bool vs_train_wants_norms(const struct train *t)
{
	return vs_factory_has_pq(&t->index) && t->model.metric == VS_IP;
}

static inline float vs_train_norm_of(const float *row, uint32_t dim)
{
	return (float)sqrt(vs_norm2_f32(row, dim));
}

/* train_sample.c.  Which rows are the sample: exactly n_sample of them, each
 * subset equally likely, in file order: selection sampling (Knuth, TAOCP vol.
 * 2, 3.4.2, algorithm S).  Asked of each row in turn. */
struct vs_train_choice {
	struct vs_rng rng;
	uint64_t left;   /* rows not asked about */
	uint64_t wanted; /* of these */
};
void vs_train_choice_start(const struct train *t, struct vs_train_choice *c);
bool vs_train_chooses(struct vs_train_choice *c);
/* A row of the vectors into place `at` of the sample. */
void vs_train_take_row(struct train *t, uint64_t at, const uint8_t *row);
/* Reads, checks and hashes all vectors, and takes the sample. */
int vs_train_read_sample(struct train *t, struct vs_err *err) VS_MUST_CHECK;

/* train_seeds.c.  The first centroids and the scale of sums, without holding
 * the sample; t->model.input is the digest of the vectors then. */
int vs_train_seeds(struct train *t, struct vs_kmeans_shape *shape,
		   float *centroids, struct vs_err *err) VS_MUST_CHECK;

/* train_steps.c: --partial and --reduce.  Whether they can be had. */
int vs_train_steps_check(const struct train *t,
			 struct vs_err *err) VS_MUST_CHECK;
int vs_train_partial(struct train *t, struct vs_err *err) VS_MUST_CHECK;
/* *more: no model yet. */
int vs_train_reduce(struct train *t, struct vs_model_notes *notes, bool *more,
		    struct vs_err *err) VS_MUST_CHECK;

#endif
