/* hits_int.h - what the files hits*.c and sink*.c share. */
#ifndef VS_HITS_INT_H
#define VS_HITS_INT_H

#include "vs/buf.h"
#include "vs/file.h"
#include "vs/hash.h"
#include "vs/hits.h"
#include "vs/usbin.h"

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

/* The user's value of a hit; infinite, on the far side, for pads. */
float vs_sink_value(const struct vs_hits_info *info, const struct vs_hit *h);

/* Text forms of sinks: appends the lines of one query. */
int vs_sink_put_tsv(struct vs_ctx *ctx, const struct vs_hits_info *info,
		    uint64_t query, const struct vs_hit *hits, struct vs_buf *b,
		    struct vs_err *err) VS_MUST_CHECK;
int vs_sink_put_jsonl(struct vs_ctx *ctx, const struct vs_hits_info *info,
		      uint64_t query, const struct vs_hit *hits,
		      struct vs_buf *b, struct vs_err *err) VS_MUST_CHECK;

/* The memory that writing hits takes. */
uint64_t vs_hits_writer_bytes(void);

/* npy: the header, then the ids of one query. */
int vs_sink_npy_head(struct vs_ctx *ctx, const struct vs_hits_info *info,
		     struct vs_buf *b, struct vs_err *err) VS_MUST_CHECK;
int vs_sink_put_npy(struct vs_ctx *ctx, const char *path,
		    const struct vs_hits_info *info, uint64_t query,
		    const struct vs_hit *hits, struct vs_buf *b,
		    struct vs_err *err) VS_MUST_CHECK;

/* The distances of a usbin file, which follow all ids. */
struct vs_sink_usbin;
/* Appends the header to b. */
int vs_sink_usbin_create(struct vs_ctx *ctx, struct vs_out *out,
			 const struct vs_hits_info *info, struct vs_buf *b,
			 struct vs_sink_usbin **made,
			 struct vs_err *err) VS_MUST_CHECK;
/* Appends the ids of one query to b, and keeps its distances. */
int vs_sink_put_usbin(struct vs_ctx *ctx, struct vs_sink_usbin *u,
		      const struct vs_hits_info *info, uint64_t query,
		      const struct vs_hit *hits, struct vs_buf *b,
		      struct vs_err *err) VS_MUST_CHECK;
/* After the last id has been written: puts the distances behind it, adds them
 * to the hash and their number to n_bytes. */
int vs_sink_usbin_finish(struct vs_ctx *ctx, struct vs_sink_usbin *u,
			 struct vs_hasher *hash, uint64_t *n_bytes,
			 struct vs_err *err) VS_MUST_CHECK;
void vs_sink_usbin_destroy(struct vs_ctx *ctx, struct vs_sink_usbin *u);

#endif
