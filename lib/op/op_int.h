/* op_int.h - what the operations share: fingerprints, checks, row streams. */
#ifndef VS_OP_INT_H
#define VS_OP_INT_H

#include "vs/op.h"
#include "vs/shard.h"

/* A fingerprint: the version, what is made, and then what the caller adds. */
int vs_op_fingerprint_start(struct vs_ctx *ctx, const char *what,
			    struct vs_hasher **h,
			    struct vs_err *err) VS_MUST_CHECK;
/* Closes and frees h. */
void vs_op_fingerprint_end(struct vs_ctx *ctx, struct vs_hasher *h,
			   struct vs_digest *out);

/* VS_EUSAGE when out is one of the inputs, by whatever name. */
int vs_op_check_out(struct vs_ctx *ctx, const char *out,
		    const char *const *inputs, size_t n,
		    struct vs_err *err) VS_MUST_CHECK;

/* The publish mode that --replace asks for. */
enum vs_publish vs_op_how(bool replace);

/* VS_EUSAGE unless rows can be indexed: f32 or u8; L2 or IP. */
int vs_op_check_kind(const char *name, enum vs_dtype dtype,
		     enum vs_metric metric, struct vs_err *err) VS_MUST_CHECK;

/* How many of n_rows rows to read at a time, each with an id beside it: what
 * 2 MiB hold, or an eighth of the memory that is left; at least 1. */
size_t vs_op_block_rows(struct vs_ctx *ctx, size_t row_bytes, uint64_t n_rows);

/* A vs_source over an opened set: its rows first..end-1, or those of them that
 * select picks, with ids id_base + row number in the set. */
struct vs_op_stream {
	struct vs_vecs *vecs;
	uint64_t first, end;
	uint64_t at; /* next row of the set */
	uint64_t id_base;
	/* Offsets, ascending, of the n ids that belong; NULL: all do. */
	size_t (*select)(const void *arg, const uint64_t *ids, size_t n,
			 uint32_t *offsets);
	const void *select_arg;
	uint32_t *offsets; /* scratch [offsets_max] */
	size_t offsets_max;
};
/* n_rows: how many rows the stream will give. */
void vs_op_stream_source(struct vs_op_stream *s, uint64_t n_rows,
			 struct vs_source *out);
/* The full digest of what src gives from its start; reads it all. */
int vs_op_source_digest(struct vs_ctx *ctx, const struct vs_source *src,
			struct vs_digest *out,
			struct vs_err *err) VS_MUST_CHECK;
void vs_op_stream_clear(struct vs_ctx *ctx, struct vs_op_stream *s);

#endif
