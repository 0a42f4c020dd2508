/* stream.h - rows of an opened set with their ids, as a vs_source. */
#ifndef VS_OP_STREAM_H
#define VS_OP_STREAM_H

#include "vs/ids.h"
#include "vs/shard.h"

/* Rows first..end-1 of the set, or those of them that select picks. */
struct vs_op_stream {
	struct vs_vecs *vecs; /* owned; NULL where only ids are walked */
	struct vs_ids *ids;   /* owned; NULL: an id is id_base + row number */
	uint64_t id_base;
	uint64_t first, end;
	uint64_t at; /* next row of the set */
	uint64_t n_rows; /* that it gives; set by vs_op_stream_source */
	bool refuse_zeros; /* a row of zeros is VS_EDATA */
	bool refuse_wide;  /* so is one that does not fit halves */
	/* Offsets, ascending, of the n ids that belong; NULL: all do. */
	size_t (*select)(const void *arg, const uint64_t *ids, size_t n,
			 uint32_t *offsets);
	const void *select_arg;
	/* Rows that it leaves out, by their number in the set, ascending. */
	uint64_t *hole; /* owned */
	size_t n_holes;
	uint32_t *offsets; /* scratch [offsets_max] */
	size_t offsets_max;
};

/* n_rows: how many rows the stream will give; id_max: no id is larger. */
void vs_op_stream_source(struct vs_op_stream *s, uint64_t n_rows,
			 uint64_t id_max, struct vs_source *out);
/* Names the rows of the opened set: by the file of ids or, where that is NULL,
 * from id_base on. */
int vs_op_stream_name(struct vs_ctx *ctx, struct vs_op_stream *s,
		      const char *ids, uint64_t id_base,
		      struct vs_err *err) VS_MUST_CHECK;
/* Adds to a fingerprint what the ids are, unless they are row numbers. */
int vs_op_stream_add_ids(struct vs_ctx *ctx, const struct vs_op_stream *s,
			 struct vs_hasher *h,
			 struct vs_err *err) VS_MUST_CHECK;
void vs_op_stream_clear(struct vs_ctx *ctx, struct vs_op_stream *s);

/* Of rows at..at+n-1, which lie in the stream, the ids of those it gives; when
 * it selects or has holes, offsets says where they stand. */
int vs_op_stream_take(struct vs_ctx *ctx, struct vs_op_stream *s, uint64_t at,
		      size_t n, uint64_t *ids, size_t *got,
		      struct vs_err *err) VS_MUST_CHECK;

/* Reads all rows that the stream would give and has it leave out the holes
 * among them, with one warning.  They must have been asked for when the set was
 * opened.  n_rows before and after: how many it gives.  Once. */
int vs_op_stream_leave_holes(struct vs_ctx *ctx, struct vs_op_stream *s,
			     uint64_t *n_rows,
			     struct vs_err *err) VS_MUST_CHECK;

/* Calls each for the id of every row of the stream, in order, without reading
 * vectors; row is its number in the set. */
int vs_op_stream_walk(struct vs_ctx *ctx, struct vs_op_stream *s,
		      void (*each)(void *arg, uint64_t row, uint64_t id),
		      void *arg, struct vs_err *err) VS_MUST_CHECK;

#endif
