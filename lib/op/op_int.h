/* op_int.h - what the operations share: fingerprints, checks. */
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

/* How the queries of io are read, and how its vectors are, but for
 * native_f16. */
struct vs_vecs_options vs_op_reading(const struct vs_op_io *io);
struct vs_vecs_options vs_op_reading_vectors(const struct vs_op_io *io);
/* Adds --nonfinite to a fingerprint, unless it is the default. */
void vs_op_add_nonfinite(struct vs_hasher *h, enum vs_nonfinite nonfinite);

/* What a search did, into ctx->work. */
void vs_op_note_report(struct vs_ctx *ctx, const struct vs_query_report *r);

/* Begins a plan: what is read, and the name of the output. */
void vs_op_plan(struct vs_plan *p, const char *what, const char *out);
/* After vs_op_plan: the bytes of n_queries results of k in the formats that say
 * it exactly. */
void vs_op_plan_hits(struct vs_plan *p, enum vs_hits_format format,
		     uint64_t n_queries, uint32_t k);

/* The publish mode that --replace asks for. */
enum vs_publish vs_op_how(bool replace);

/* VS_EUSAGE unless rows can be indexed: f32, f16, u8 or i8. */
int vs_op_check_kind(const char *name, enum vs_dtype dtype,
		     struct vs_err *err) VS_MUST_CHECK;

/* Whether a model trained on rows of type a serves rows of type b: halves are
 * floats. */
static inline bool vs_op_types_agree(enum vs_dtype a, enum vs_dtype b)
{
	return (a == VS_F16 ? VS_F32 : a) == (b == VS_F16 ? VS_F32 : b);
}

/* Is rounded to infinity, as is all above. */
#define VS_HALF_OVERFLOW 65520.0f

/* VS_EDATA when one of rows first..first+n-1 of v is all zeros. */
int vs_op_check_zeros(const struct vs_vecs *v, uint64_t first, size_t n,
		      const void *rows, struct vs_err *err) VS_MUST_CHECK;

/* VS_EDATA when one of them, of floats, has an element that is no half. */
int vs_op_check_halves(const struct vs_vecs *v, uint64_t first, size_t n,
		       const void *rows, struct vs_err *err) VS_MUST_CHECK;

/* VS_EUSAGE when there is a file of ids and an --id-base. */
int vs_op_check_id_options(const char *ids, uint64_t id_base,
			   struct vs_err *err) VS_MUST_CHECK;
/* VS_EUSAGE when the last of n_rows ids from id_base on would be none. */
int vs_op_check_id_base(const char *name, uint64_t id_base, uint64_t n_rows,
			struct vs_err *err) VS_MUST_CHECK;

/* How many of n_rows rows to read at a time, each with an id beside it: what
 * 2 MiB hold, or an eighth of the memory that is left; at least 1. */
size_t vs_op_block_rows(struct vs_ctx *ctx, size_t row_bytes, uint64_t n_rows);

/* The head of the full digest of src, for callers that hash rows as they
 * go. */
void vs_op_source_digest_head(const struct vs_source *src,
			      struct vs_hasher *h);
/* The full digest of what src gives from its start; reads it all. */
int vs_op_source_digest(struct vs_ctx *ctx, const struct vs_source *src,
			struct vs_digest *out,
			struct vs_err *err) VS_MUST_CHECK;

#endif
