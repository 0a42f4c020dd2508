/* unique.h - given ids: no id twice, the largest, and their identity. */
#ifndef VS_OP_UNIQUE_H
#define VS_OP_UNIQUE_H

#include "stream.h"

struct vs_op_id_facts {
	uint64_t n;   /* rows that the stream gives */
	uint64_t max; /* 0 without rows */
	struct vs_digest digest; /* of all ids, in order */
};

/* Walks the ids of s, which has s->ids.  VS_EDATA naming both rows when two
 * have the same id. */
int vs_op_ids_check(struct vs_ctx *ctx, struct vs_op_stream *s,
		    struct vs_op_id_facts *out,
		    struct vs_err *err) VS_MUST_CHECK;

#endif
