/* sink_npy.c - ids as a matrix of numpy: int64, a row a query, -1 pads. */
#include <inttypes.h>

#include "hits_int.h"
#include "npy_head.h"

int vs_sink_npy_head(struct vs_ctx *ctx, const struct vs_hits_info *info,
		     struct vs_buf *b, struct vs_err *err)
{
	struct vs_npy npy = {VS_I64, info->n_queries, info->k};
	uint8_t head[VS_NPY_HEAD_LEN];

	vs_npy_format(&npy, head);
	return vs_buf_append(ctx, b, head, sizeof(head), err);
}

int vs_sink_put_npy(struct vs_ctx *ctx, const char *path,
		    const struct vs_hits_info *info, uint64_t query,
		    const struct vs_hit *hits, struct vs_buf *b,
		    struct vs_err *err)
{
	uint8_t id[8];
	uint32_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < info->k; i++) {
		if (hits[i].id != VS_ID_NONE && hits[i].id > INT64_MAX)
			return vs_fail(err, VS_EDATA,
				       "%s: query %" PRIu64 " has id %" PRIu64
				       ", and int64 ends at "
				       "9223372036854775807; use -f vsh, tsv "
				       "or jsonl",
				       path, query, hits[i].id);
		/* VS_ID_NONE is -1. */
		vs_put_le64(id, hits[i].id);
		rc = vs_buf_append(ctx, b, id, sizeof(id), err);
	}
	return rc;
}
