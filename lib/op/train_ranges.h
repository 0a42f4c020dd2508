/* train_ranges.h - rows as they are, of which vs-train learns ranges of 8-bit
 * codes: a part of its sample, which may hold rows of length 1 instead.
 */
#ifndef VS_OP_TRAIN_RANGES_H
#define VS_OP_TRAIN_RANGES_H

#include "vs/model.h"

struct vs_train_ranges {
	uint8_t *rows; /* [n] */
	enum vs_dtype dtype;
	uint32_t dim;
	size_t n;          /* 0: there is nothing to learn */
	uint64_t n_sample; /* of which they are taken evenly */
	size_t got;
};

/* For an index of rows like those of the model, after its transform. */
void vs_train_ranges_init(struct vs_train_ranges *r, const struct vs_model *m,
			  uint64_t n_sample);
uint64_t vs_train_ranges_bytes(const struct vs_ctx *ctx,
			       const struct vs_train_ranges *r);
int vs_train_ranges_alloc(struct vs_ctx *ctx, struct vs_train_ranges *r,
			  struct vs_err *err) VS_MUST_CHECK;
/* Row i of the sample. */
void vs_train_ranges_offer(struct vs_train_ranges *r, uint64_t i,
			   const uint8_t *row);
int vs_train_ranges_learn(struct vs_ctx *ctx, const struct vs_train_ranges *r,
			  struct vs_code8 *out,
			  struct vs_err *err) VS_MUST_CHECK;
void vs_train_ranges_free(struct vs_ctx *ctx, struct vs_train_ranges *r);

#endif
