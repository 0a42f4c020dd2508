/* hits.h - hit files: the answers of a part or of a merge, with provenance.
 *
 * A .vsh is a container with an INFO section (strict YAML) and one HITS section
 * [n_queries][k] of 16-byte little-endian records (u64 id, i64 rank key), zst.
 * INFO says what was searched and for which queries, so that a merge can
 * refuse parts that do not belong together.
 *
 * Hits of range searches have no k: each query has a list of its own length.
 * Then k is 0, HITS holds one list after another without padding, and section
 * LIST says where each begins.
 */
#ifndef VS_HITS_H
#define VS_HITS_H

#include "vs/cont.h"
#include "vs/hit.h"

#define VS_QUERIES_UNKNOWN UINT64_MAX /* a stream's */

/* One searched shard. */
struct vs_hits_source {
	uint32_t shard;               /* its number in the collection, or 0 */
	uint64_t n_rows;              /* rows it holds */
	struct vs_digest fingerprint; /* of the shard file */
};

struct vs_hits_info {
	uint64_t n_queries; /* or VS_QUERIES_UNKNOWN, for sinks of text */
	uint32_t k; /* 0: lists */
	uint32_t dim;
	enum vs_metric metric;
	enum vs_dtype dtype;        /* of the rows: decides what keys mean */
	struct vs_digest queries;   /* vs_vecs full digest of the queries */
	struct vs_digest model;     /* fingerprint; zero: no model (Flat) */
	struct vs_digest collection; /* zero: a lone shard */
	uint64_t generation;        /* of the collection, or 0 */
	uint32_t n_shards;          /* shards of the whole; 1: a lone shard */
	char *index;  /* factory string, owned */
	char *params; /* "nprobe=32", owned; parts must agree */
	struct vs_hits_source *sources; /* ascending by shard, owned */
	size_t n_sources;
	bool incomplete; /* shards are missing and somebody said so */
};

/* Deep copy; free with vs_hits_info_free (which zeroes). */
int vs_hits_info_copy(struct vs_ctx *ctx, struct vs_hits_info *dst,
		      const struct vs_hits_info *src,
		      struct vs_err *err) VS_MUST_CHECK;
void vs_hits_info_free(struct vs_ctx *ctx, struct vs_hits_info *info);

struct vs_hits_writer;

/* fingerprint: of the task (inputs and parameters), for "already done". */
int vs_hits_create(struct vs_ctx *ctx, const char *path,
		   const struct vs_hits_info *info,
		   const struct vs_digest *fingerprint,
		   struct vs_hits_writer **out,
		   struct vs_err *err) VS_MUST_CHECK;
/* The k hits of the next n queries, each sorted and padded. */
int vs_hits_append(struct vs_ctx *ctx, struct vs_hits_writer *w,
		   const struct vs_hit *hits, size_t n,
		   struct vs_err *err) VS_MUST_CHECK;
/* Of lists: all hits of the next query, sorted. */
int vs_hits_append_list(struct vs_ctx *ctx, struct vs_hits_writer *w,
			const struct vs_hit *hits, uint32_t n,
			struct vs_err *err) VS_MUST_CHECK;
int vs_hits_finish(struct vs_ctx *ctx, struct vs_hits_writer *w,
		   enum vs_publish how, struct vs_err *err) VS_MUST_CHECK;
void vs_hits_abort(struct vs_ctx *ctx, struct vs_hits_writer *w);

struct vs_hits; /* an opened .vsh */

int vs_hits_open(struct vs_ctx *ctx, const char *path, struct vs_hits **out,
		 struct vs_err *err) VS_MUST_CHECK;
const struct vs_hits_info *vs_hits_info(const struct vs_hits *h);
const struct vs_cont_head *vs_hits_head(const struct vs_hits *h);
const char *vs_hits_path(const struct vs_hits *h);
/* Hits of queries first..first+n-1.  Checked: sorted, no id after a pad, no
 * pad key on a real id. */
int vs_hits_read(struct vs_ctx *ctx, struct vs_hits *h, uint64_t first,
		 size_t n, struct vs_hit *hits,
		 struct vs_err *err) VS_MUST_CHECK;
/* Of lists: the hits of all queries. */
uint64_t vs_hits_total(const struct vs_hits *h);
/* Of lists: start[i] is the place among all hits of the first of query
 * first + i, start[n] the one after the last of them.  Checked: they ascend,
 * and none has more than UINT32_MAX hits. */
int vs_hits_starts(struct vs_ctx *ctx, struct vs_hits *h, uint64_t first,
		   size_t n, uint64_t *start,
		   struct vs_err *err) VS_MUST_CHECK;
/* The hits of these queries, one list after another, checked as those of
 * vs_hits_read. */
int vs_hits_lists(struct vs_ctx *ctx, struct vs_hits *h, uint64_t first,
		  size_t n, const uint64_t *start, struct vs_hit *hits,
		  struct vs_err *err) VS_MUST_CHECK;
void vs_hits_close(struct vs_ctx *ctx, struct vs_hits *h);

/* Sinks: where a tool's answers go, in query order.  One interface for .vsh and
 * the exchange formats.
 *   vsh     as above
 *   ivecs   int32 ids, -1 pads; ids of 2^31 and more are refused
 *   fvecs   f32 values (vs_key_value), pads: +inf or -inf for similarities
 *   usbin   u32 queries, u32 k, then all u32 ids (0xffffffff pads), then all
 *           f32 values; ids of 2^32-1 and more are refused
 *   npy     int64 ids of numpy, a row a query, -1 pads
 *   tsv     query, rank (from 1), id, value; pads are left out
 *   jsonl   {"query":0,"ids":[..],"distances":[..]} a line ("scores" for
 *           similarities); pads are left out
 * Lists go into vsh, tsv, jsonl, and usbin, which then has the form of range
 * searches (vs/usbin.h); the others have one width and are refused. */
enum vs_hits_format {
	VS_HITS_AUTO = 0, /* from the name; tsv for "-" */
	VS_HITS_VSH,
	VS_HITS_IVECS,
	VS_HITS_FVECS,
	VS_HITS_USBIN,
	VS_HITS_NPY,
	VS_HITS_TSV,
	VS_HITS_JSONL
};
bool vs_hits_format_parse(const char *word, enum vs_hits_format *f);
/* Its word, which is its suffix too. */
const char *vs_hits_format_name(enum vs_hits_format f);
/* From a path; VS_EUSAGE when the name says nothing. */
int vs_hits_format_of(const char *path, enum vs_hits_format *f,
		      struct vs_err *err) VS_MUST_CHECK;
/* VS_EUSAGE where lists cannot be written so. */
int vs_hits_format_check_lists(const char *path, enum vs_hits_format f,
			       struct vs_err *err) VS_MUST_CHECK;
/* Bytes of such a file; 0 where they depend on the hits. */
uint64_t vs_hits_format_bytes(enum vs_hits_format f, uint64_t n_queries,
			      uint32_t k);

struct vs_sink;
/* The memory that a sink takes, about: work areas and what waits. */
uint64_t vs_sink_bytes(enum vs_hits_format f, uint64_t n_queries, uint32_t k);
int vs_sink_create(struct vs_ctx *ctx, const char *path,
		   enum vs_hits_format format, const struct vs_hits_info *info,
		   const struct vs_digest *fingerprint, struct vs_sink **out,
		   struct vs_err *err) VS_MUST_CHECK;
int vs_sink_append(struct vs_ctx *ctx, struct vs_sink *s,
		   const struct vs_hit *hits, size_t n,
		   struct vs_err *err) VS_MUST_CHECK;
/* Of lists: all hits of the next query. */
int vs_sink_append_list(struct vs_ctx *ctx, struct vs_sink *s,
			const struct vs_hit *hits, uint32_t n,
			struct vs_err *err) VS_MUST_CHECK;
/* Hands what was appended to the system; not for vsh. */
int vs_sink_flush(struct vs_ctx *ctx, struct vs_sink *s,
		  struct vs_err *err) VS_MUST_CHECK;
/* Other formats than vsh: VS_PUBLISH_NEW over a name that exists is success
 * when the bytes are the same, else VS_ECREATE saying --replace. */
int vs_sink_finish(struct vs_ctx *ctx, struct vs_sink *s, enum vs_publish how,
		   struct vs_err *err) VS_MUST_CHECK;
void vs_sink_abort(struct vs_ctx *ctx, struct vs_sink *s);

#endif
