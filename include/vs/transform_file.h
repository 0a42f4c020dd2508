/* transform_file.h - transforms in models and shards: the sections ROTA and
 * MEAN of vs-format(5).  What else there is of one follows from the index, the
 * metric and the dimension.
 */
#ifndef VS_TRANSFORM_FILE_H
#define VS_TRANSFORM_FILE_H

#include "vs/cont.h"
#include "vs/transform.h"

/* t may be NULL: nothing is written. */
int vs_transform_write(struct vs_ctx *ctx, struct vs_cont_writer *w,
		       const struct vs_transform *t,
		       struct vs_err *err) VS_MUST_CHECK;
/* Adds what that will take. */
void vs_transform_sizes(const struct vs_factory *f, uint32_t dim,
			struct vs_cont_sizes *s);
/* *out is NULL for an index without; VS_EDATA for a matrix that is none. */
int vs_transform_read(struct vs_ctx *ctx, struct vs_cont *c,
		      const struct vs_factory *f, struct vs_transform **out,
		      struct vs_err *err) VS_MUST_CHECK;
/* Goes on from the hash of what else was learnt; t may be NULL. */
uint64_t vs_transform_hash(const struct vs_transform *t, uint64_t hash);

#endif
