/* queries.h - the queries of a search as its shards want them. */
#ifndef VS_OP_QUERIES_H
#define VS_OP_QUERIES_H

#include "op_int.h"

/* How queries become what their shards want. */
struct vs_op_query_form {
	const char *name;   /* of the queries, for messages; borrowed */
	enum vs_dtype from; /* as they are given */
	enum vs_dtype to;   /* as they are searched: f32 for f32 and f16 rows,
			     * else that of the rows */
	uint32_t dim;
	bool refuse_zeros;
};

struct vs_op_queries {
	struct vs_vecs *vecs;
	struct vs_op_query_form form;
	struct vs_digest digest; /* full, of the queries as given */
};

/* Fills all but name, from and dim, which are checked against head. */
int vs_op_query_form(struct vs_op_query_form *form,
		     const struct vs_cont_head *head, enum vs_zero zero,
		     struct vs_err *err) VS_MUST_CHECK;
/* Query number i to the type of the rows, checked as the form says; wide is
 * room for dim floats. */
int vs_op_query_convert(const struct vs_op_query_form *form, const void *raw,
			uint64_t i, float *wide, void *to,
			struct vs_err *err) VS_MUST_CHECK;

/* Opens the queries and checks them against the rows of head: its dimension,
 * type and metric.  Byte queries meet float rows exactly; queries of another
 * type meet byte rows when all values are whole numbers in their range, which
 * reading checks. */
int vs_op_queries_open(struct vs_ctx *ctx, const struct vs_op_io *io,
		       const struct vs_cont_head *head,
		       struct vs_op_queries *out,
		       struct vs_err *err) VS_MUST_CHECK;
/* Queries first..first+n-1 in the type of the rows. */
int vs_op_queries_read(struct vs_ctx *ctx, struct vs_op_queries *q,
		       uint64_t first, size_t n, void *rows,
		       struct vs_err *err) VS_MUST_CHECK;
void vs_op_queries_close(struct vs_ctx *ctx, struct vs_op_queries *q);

#endif
