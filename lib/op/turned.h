/* turned.h - a vs_source whose rows go through a transform. */
#ifndef VS_OP_TURNED_H
#define VS_OP_TURNED_H

#include "vs/shard.h"

struct vs_op_turned {
	struct vs_ctx *ctx;
	const struct vs_source *raw; /* borrowed, as is the transform */
	const struct vs_transform *transform;
	uint8_t *block; /* [block_rows] raw rows */
	size_t block_rows;
	bool halves; /* results must fit them */
	struct vs_hasher *hasher; /* of the raw rows; NULL: none */
};

/* out must not outlive t, nor t raw and transform; cleared in any case. */
int vs_op_turned_source(struct vs_op_turned *t, struct vs_ctx *ctx,
			const struct vs_source *raw,
			const struct vs_transform *transform,
			struct vs_source *out,
			struct vs_err *err) VS_MUST_CHECK;
void vs_op_turned_clear(struct vs_op_turned *t);

#endif
