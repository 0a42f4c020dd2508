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
/* The same of a list of n hits, which has no pads. */
int vs_hits_check_list(const char *path, const struct vs_hits_info *info,
		       uint64_t query, const struct vs_hit *hits, uint32_t n,
		       int code, struct vs_err *err) VS_MUST_CHECK;

#define VS_HITS_CHUNK 4096u /* hits or starts encoded together */

struct vs_hits_writer {
	struct vs_cont_writer *cont;
	unsigned section;
	char *path;
	struct vs_hits_info info; /* without its owned parts */
	uint64_t n_done;	  /* queries so far */
	uint8_t room[VS_HITS_CHUNK * VS_HITS_RECORD];
	/* of lists */
	unsigned section_list;
	uint64_t at;	   /* hits so far */
	uint8_t *starts;   /* [VS_HITS_CHUNK] u64 not yet written */
	size_t n_starts;
	uint64_t n_written; /* starts before them */
};

struct vs_hits {
	struct vs_cont *cont;
	struct vs_span span; /* of HITS */
	struct vs_span list; /* of LIST, of lists only */
	struct vs_hits_info info;
};

/* hits.c: n hits into HITS, as bytes and back. */
int vs_hits_put(struct vs_ctx *ctx, struct vs_hits_writer *w,
		const struct vs_hit *hits, size_t n,
		struct vs_err *err) VS_MUST_CHECK;
int vs_hits_get(struct vs_ctx *ctx, struct vs_hits *h, uint64_t at, size_t n,
		struct vs_hit *hits, struct vs_err *err) VS_MUST_CHECK;

/* hits_list.c: the section LIST of a writer, of n_queries; its end. */
int vs_hits_list_start(struct vs_ctx *ctx, struct vs_hits_writer *w,
		       struct vs_err *err) VS_MUST_CHECK;
int vs_hits_list_end(struct vs_ctx *ctx, struct vs_hits_writer *w,
		     struct vs_err *err) VS_MUST_CHECK;
/* Finds it in a file, and checks its ends against HITS. */
int vs_hits_list_open(struct vs_ctx *ctx, struct vs_hits *h,
		      struct vs_err *err) VS_MUST_CHECK;

/* Keys of floats, as opposed to integer distances. */
static inline bool vs_hits_float_keys(enum vs_metric metric,
				      enum vs_dtype dtype)
{
	return metric == VS_COSINE || (dtype != VS_U8 && dtype != VS_I8);
}

/* The user's value of a hit; infinite, on the far side, for pads. */
float vs_sink_value(const struct vs_hits_info *info, const struct vs_hit *h);

/* Text forms of sinks: hits from..to-1 of one query, without pads, as the lines
 * of tsv, or as elements of the two lists of a line of jsonl. */
struct vs_sink_slice {
	uint64_t query;
	const struct vs_hit *hits; /* of the query */
	uint32_t from, to;
};
int vs_sink_put_tsv(struct vs_ctx *ctx, const struct vs_hits_info *info,
		    const struct vs_sink_slice *s, struct vs_buf *b,
		    struct vs_err *err) VS_MUST_CHECK;
int vs_sink_put_ids(struct vs_ctx *ctx, const struct vs_sink_slice *s,
		    struct vs_buf *b, struct vs_err *err) VS_MUST_CHECK;
int vs_sink_put_values(struct vs_ctx *ctx, const struct vs_hits_info *info,
		       const struct vs_sink_slice *s, struct vs_buf *b,
		       struct vs_err *err) VS_MUST_CHECK;
/* A whole line of jsonl. */
int vs_sink_put_jsonl(struct vs_ctx *ctx, const struct vs_hits_info *info,
		      const struct vs_sink_slice *s, struct vs_buf *b,
		      struct vs_err *err) VS_MUST_CHECK;

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

/* Lists as usbin: ids and distances wait in scratch files until all are
 * counted. */
struct vs_sink_range;
int vs_sink_range_create(struct vs_ctx *ctx, const char *path,
			 const struct vs_hits_info *info,
			 struct vs_sink_range **made,
			 struct vs_err *err) VS_MUST_CHECK;
int vs_sink_range_put(struct vs_ctx *ctx, struct vs_sink_range *r,
		      const struct vs_hit *hits, uint32_t n,
		      struct vs_err *err) VS_MUST_CHECK;
/* The next bytes of the file, at most n; *got 0 at the end. */
int vs_sink_range_next(struct vs_ctx *ctx, struct vs_sink_range *r,
		       uint8_t *buf, size_t n, size_t *got,
		       struct vs_err *err) VS_MUST_CHECK;
void vs_sink_range_destroy(struct vs_ctx *ctx, struct vs_sink_range *r);

#endif
