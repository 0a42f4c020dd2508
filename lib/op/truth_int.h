/* truth_int.h - the state of vs-eval truth and its search (truth_scan.c). */
#ifndef VS_OP_TRUTH_INT_H
#define VS_OP_TRUTH_INT_H

#include "op_int.h"
#include "queries.h"
#include "stream.h"
#include "unique.h"

/* The state of one vs-eval truth. */
struct truth {
	struct vs_ctx *ctx;
	const struct vs_truth_args *args;
	struct vs_op_stream stream; /* the vectors and their ids */
	struct vs_source source;    /* that it is */
	struct vs_op_id_facts facts; /* where ids are given */
	struct vs_op_queries queries;
	struct vs_digest base;  /* quick digest of the vectors */
	struct vs_hasher *hash; /* makes the full one; NULL when it is made */
	enum vs_hits_format format; /* of the output */
	struct vs_hits_info info;
	struct vs_digest fingerprint; /* of the task */
	struct vs_sink *sink, *distances;
	struct vs_query_report *report;

	/* one block of rows */
	size_t block_rows; /* a multiple of VS_PANEL_ROWS */
	size_t row_bytes, panel_bytes;
	uint8_t *rows;   /* [block_rows] */
	uint64_t *ids;
	uint8_t *panels;
	int32_t *terms; /* i32, or the bits of f32 */
	uint32_t *norms;
	size_t n; /* rows in it */
};

static inline enum vs_dtype vs_op_truth_dtype(const struct truth *t)
{
	return t->source.dtype;
}

/* Where ids are given, the identity of what was searched is theirs, too: makes
 * full, the digest of the vectors, that of both. */
int vs_op_truth_add_ids_digest(struct truth *t, struct vs_digest *full,
			       struct vs_err *err) VS_MUST_CHECK;

/* Creates t->sink, of t->format. */
int vs_op_truth_open_sink(struct truth *t, struct vs_err *err) VS_MUST_CHECK;

/* Fills args->io.plan. */
int vs_op_truth_plan(struct truth *t, struct vs_err *err) VS_MUST_CHECK;

/* Appends the neighbours of all queries to the sinks.  What it leaves in t,
 * failed or not, is the caller's to free. */
int vs_op_truth_scan(struct truth *t, struct vs_err *err) VS_MUST_CHECK;

#endif
