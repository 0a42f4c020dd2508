/* hits_int.h - what the files hits*.c and sink*.c share. */
#ifndef VS_HITS_INT_H
#define VS_HITS_INT_H

#include "vs/buf.h"
#include "vs/hits.h"

#define VS_HITS_RECORD 16u /* bytes of a hit in a file */

/* VS_EUSAGE or VS_EDATA as code says when the fields contradict each other. */
int vs_hits_info_check(const char *path, const struct vs_hits_info *info,
		       int code, struct vs_err *err) VS_MUST_CHECK;
/* The text of the INFO section; the same for the same info. */
int vs_hits_info_put(struct vs_ctx *ctx, const struct vs_hits_info *info,
		     struct vs_buf *b, struct vs_err *err) VS_MUST_CHECK;
/* Reads it back; info is zeroed first and is the caller's to free, also on
 * failure.  path names the file in messages. */
int vs_hits_info_parse(struct vs_ctx *ctx, const char *path, const char *text,
		       size_t n, struct vs_hits_info *info,
		       struct vs_err *err) VS_MUST_CHECK;

/* Checks the k hits of query number `query`: sorted, pads last, keys possible.
 * code is VS_EDATA for files and VS_EINTERNAL for our own results. */
int vs_hits_check(const char *path, const struct vs_hits_info *info,
		  uint64_t query, const struct vs_hit *hits, int code,
		  struct vs_err *err) VS_MUST_CHECK;

/* Keys of floats, as opposed to integer distances. */
static inline bool vs_hits_float_keys(enum vs_metric metric,
				      enum vs_dtype dtype)
{
	return metric == VS_COSINE || (dtype != VS_U8 && dtype != VS_I8);
}

/* Text forms of sinks: appends the lines of one query. */
int vs_sink_put_tsv(struct vs_ctx *ctx, const struct vs_hits_info *info,
		    uint64_t query, const struct vs_hit *hits, struct vs_buf *b,
		    struct vs_err *err) VS_MUST_CHECK;
int vs_sink_put_jsonl(struct vs_ctx *ctx, const struct vs_hits_info *info,
		      uint64_t query, const struct vs_hit *hits,
		      struct vs_buf *b, struct vs_err *err) VS_MUST_CHECK;

#endif
