/* shard.h - shard files (.vss): built from a stream of rows, opened mapped.
 *
 * Flat is an index of one cell, so both families are the same file: cells in
 * file order, each beginning on a panel of its own, rows of a cell in input
 * order.  Sections: INFO, CELL, ROWS, TERM, IDS, CENT for IVF, NORM for bytes
 * under cosine, and QUAN, CODE and SLAK for floats under L2, IP and cosine, by
 * which scans reject most rows unread (vs/code8.h); the layout is in
 * vs-format(5).
 */
#ifndef VS_SHARD_H
#define VS_SHARD_H

#include "vs/batch.h"
#include "vs/cont.h"
#include "vs/model.h"
#include "vs/vecs.h"

/* A stream of rows and ids that can be started over. */
struct vs_source {
	uint32_t dim;
	enum vs_dtype dtype; /* f32, f16, u8 or i8 */
	/* Of the rows before a transform, which files and digests name; the
	 * same without one. */
	uint32_t raw_dim;
	enum vs_dtype raw_dtype;
	uint64_t n_rows;     /* in all */
	uint64_t id_max;     /* no id is larger */
	const char *name;    /* for messages */
	int (*rewind)(void *arg, struct vs_ctx *ctx, struct vs_err *err);
	/* Up to n next rows and their ids; *got == 0 at the end. */
	int (*next)(void *arg, struct vs_ctx *ctx, void *rows, uint64_t *ids,
		    size_t n, size_t *got, struct vs_err *err);
	/* Up to n rows spread over the stream (or what it is taken from),
	 * always the same ones; ranges of codes are learnt from them. */
	int (*sample)(void *arg, struct vs_ctx *ctx, void *rows, size_t n,
		      size_t *got, struct vs_err *err);
	/* From now on raw rows are added to h as they are read; NULL: to none.
	 * NULL itself: the rows are raw, and whoever reads them can do it. */
	void (*tee)(void *arg, struct vs_hasher *h);
	void *arg;
};

struct vs_plan; /* vs/plan.h */

struct vs_shard_spec {
	struct vs_factory index;
	enum vs_metric metric;
	const struct vs_model *model; /* NULL where none is needed */
	/* That src has done to its rows and that queries will need; NULL: none
	 */
	const struct vs_transform *transform;
	struct vs_digest fingerprint;
	const struct vs_digest *ids; /* of all ids in order; NULL: not given */
	bool drops;	    /* rows that are not finite were left out */
	uint64_t n_dropped; /* so many, besides those that src gives */
	enum vs_publish how;
	struct vs_plan *plan; /* not NULL: only fill it */
	uint32_t checkpoint_secs; /* between checkpoints, at least */
};

/* Builds path from src; a run that was stopped is gone on with, see
 * lib/index/cell_log.h.  IVF: one pass assigns the rows, further passes place
 * as many panels at a time as the memory ceiling allows; Flat: one pass. */
int vs_shard_build(struct vs_ctx *ctx, const char *path,
		   const struct vs_shard_spec *spec,
		   const struct vs_source *src,
		   struct vs_err *err) VS_MUST_CHECK;

struct vs_shard;


/* What a search holds of each query for such shards, beside a batch. */
uint64_t vs_shard_query_bytes(const struct vs_shard *s);
int vs_shard_open(struct vs_ctx *ctx, const char *path, struct vs_shard **out,
		  struct vs_err *err) VS_MUST_CHECK;
/* The deep check that vs_shard_open makes under VS_VERIFY_DEEP: rows, terms,
 * ids and padding agree.  The blocks must have been verified. */
int vs_shard_check(struct vs_ctx *ctx, struct vs_shard *s,
		   struct vs_err *err) VS_MUST_CHECK;
/* Calls fn for the id of each row, cell by cell, until it says other than 0. */
int vs_shard_each_id(struct vs_ctx *ctx, struct vs_shard *s,
		     int (*fn)(void *arg, uint64_t id, struct vs_err *err),
		     void *arg, struct vs_err *err) VS_MUST_CHECK;
/* Calls row for each row, cell by cell, until it says other than 0; where it
 * stands is as for vs_shards_refine. */
struct vs_shard_visitor {
	int (*row)(void *arg, uint64_t id, uint64_t where, struct vs_err *err);
	void *arg;
};
int vs_shard_each_row(struct vs_ctx *ctx, struct vs_shard *s, uint32_t number,
		      const struct vs_shard_visitor *v,
		      struct vs_err *err) VS_MUST_CHECK;
/* The row that stands there, as a query of vs_shard_dim elements, f32 or bytes:
 * the most exact that the shard holds, after its transform.  shards[i] has
 * number i.  Safe from several threads. */
int vs_shards_row(struct vs_ctx *ctx, struct vs_shard *const *shards,
		  uint64_t where, void *row, struct vs_err *err) VS_MUST_CHECK;
void vs_shard_close(struct vs_ctx *ctx, struct vs_shard *s);
const struct vs_cont_head *vs_shard_head(const struct vs_shard *s);
const char *vs_shard_path(const struct vs_shard *s);
/* Bytes of the file. */
uint64_t vs_shard_size(const struct vs_shard *s);
const struct vs_factory *vs_shard_index(const struct vs_shard *s);
/* Fingerprint of its model; all zero for Flat. */
const struct vs_digest *vs_shard_model(const struct vs_shard *s);
/* Full digest of the rows it was built from, as vs_vecs_full_digest. */
const struct vs_digest *vs_shard_input(const struct vs_shard *s);
/* As the spec of its build says; all zero where no ids were given. */
const struct vs_digest *vs_shard_ids(const struct vs_shard *s);
/* Rows that its build left out since they are not finite. */
uint64_t vs_shard_dropped(const struct vs_shard *s);
/* Of the rows as they are searched: those of the header, or what a transform
 * makes of them, or f32 for what product codes stand for. */
uint32_t vs_shard_dim(const struct vs_shard *s);
enum vs_dtype vs_shard_dtype(const struct vs_shard *s);
/* What queries go through first; NULL: nothing.  Borrowed. */
const struct vs_transform *vs_shard_transform(const struct vs_shard *s);
/* [nlist][dim], NULL without IVF; borrowed. */
const float *vs_shard_centroids(const struct vs_shard *s);
/* vs_trained_hash of what it holds of its model. */
uint64_t vs_shard_trained_hash(const struct vs_shard *s);
/* The type of its rows as scans see them: that of vs_shard_dtype, but halves in
 * SQfp16 and floats in SQ8 of floats. */
enum vs_dtype vs_shard_row_dtype(const struct vs_shard *s);
/* Frees centroids and transform of a shard that is searched with another's. */
void vs_shard_drop_model(struct vs_ctx *ctx, struct vs_shard *s);

/* Whether its rows stand whole beside their codes: hits by code can be ranked
 * by them. */
bool vs_shard_refines(const struct vs_shard *s);
/* Offers b, whose rows are those of the headers, the candidates that a scan of
 * the shards found: where says which one (its number as vs_shard_scan was
 * given it) and the slot. */
int vs_shards_refine(struct vs_ctx *ctx, struct vs_shard *const *shards,
		     size_t n_shards, struct vs_settle *candidates,
		     struct vs_batch *b, struct vs_err *err) VS_MUST_CHECK;
#define VS_WHERE_SLOT_BITS 44u

/* Scans the cells of s for the queries of b.  cells: [n_queries][nprobe] as
 * vs_coarse_probe gives them, ignored for Flat.  Each query's nearest cell goes
 * first.  number: of the shard, below 2^20, for batches that keep where. */
int vs_shard_scan(struct vs_ctx *ctx, struct vs_shard *s, uint32_t number,
		  struct vs_batch *b, uint64_t n_queries,
		  const uint32_t *cells, uint32_t nprobe,
		  struct vs_err *err) VS_MUST_CHECK;

#endif
