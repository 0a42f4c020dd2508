/* queries.h - the queries of a search as its shards want them. */
#ifndef VS_OP_QUERIES_H
#define VS_OP_QUERIES_H

#include "op_int.h"

struct vs_op_queries {
	struct vs_vecs *vecs;
	enum vs_dtype dtype;     /* of the rows that are searched */
	struct vs_digest digest; /* full, of the queries as given */
};

/* Opens the queries and checks them against rows of dim x dtype.  u8 queries
 * meet f32 rows exactly; f32 queries meet u8 rows when all values are whole
 * numbers from 0 to 255, which reading checks. */
int vs_op_queries_open(struct vs_ctx *ctx, const struct vs_op_io *io,
		       uint32_t dim, enum vs_dtype dtype,
		       struct vs_op_queries *out,
		       struct vs_err *err) VS_MUST_CHECK;
/* Queries first..first+n-1 in the type of the rows. */
int vs_op_queries_read(struct vs_ctx *ctx, struct vs_op_queries *q,
		       uint64_t first, size_t n, void *rows,
		       struct vs_err *err) VS_MUST_CHECK;
void vs_op_queries_close(struct vs_ctx *ctx, struct vs_op_queries *q);

#endif
