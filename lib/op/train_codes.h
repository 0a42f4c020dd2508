/* train_codes.h - the codebooks of a model, learnt after its centroids. */
#ifndef VS_TRAIN_CODES_H
#define VS_TRAIN_CODES_H

#include "vs/model.h"

/* How many rows of a sample they are learnt from, at most. */
#define VS_TRAIN_CODES_ROWS 65536u

/* The rows to learn from, in f32 or bytes. */
struct vs_train_codes {
	struct vs_rows rows;
	/* What the rows were divided by, where codes are of rows that were
	 * not; NULL: nothing. */
	const float *norms;
	uint64_t seed;
	const char *name; /* of the vectors, for messages */
};

/* Fills model->pq, whose centroids are there if the index has any; *error is
 * the mean squared distance of a row to what its codes stand for. */
int vs_train_codes(struct vs_ctx *ctx, const struct vs_train_codes *t,
		   struct vs_model *model, double *error,
		   struct vs_err *err) VS_MUST_CHECK;
/* The least memory that it takes beside the rows. */
uint64_t vs_train_codes_bytes(const struct vs_model *model, uint64_t n_rows);

#endif
