/* train_keep.h - the checkpoint of vs-train: when it is written, and what it
 * says. */
#ifndef VS_TRAIN_KEEP_H
#define VS_TRAIN_KEEP_H

#include "vs/ckpt.h"
#include "vs/kmeans.h"
#include "vs/model.h"

#define VS_TRAIN_HEAD 32u

struct vs_train_keep {
	struct vs_ctx *ctx;
	char *path;
	struct vs_ckpt_clock clock;
	uint8_t head[VS_TRAIN_HEAD];
	struct vs_ckpt file;
	struct vs_kmeans_keep kmeans; /* for vs_kmeans, after start */
};

/* Zeroed before; cleared in any case. */
int vs_train_keep_init(struct vs_train_keep *k, struct vs_ctx *ctx,
		       const char *out, uint32_t every_secs,
		       struct vs_err *err) VS_MUST_CHECK;
/* The task is known: fingerprint, full digest of the input, shape. */
int vs_train_keep_start(struct vs_train_keep *k, const struct vs_model *model,
			struct vs_err *err) VS_MUST_CHECK;
/* The output is there: no checkpoint is wanted any more. */
void vs_train_keep_drop(struct vs_train_keep *k);
void vs_train_keep_clear(struct vs_train_keep *k);

#endif
