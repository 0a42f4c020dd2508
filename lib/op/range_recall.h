/* range_recall.h - recall against the truth of range searches. */
#ifndef VS_OP_RANGE_RECALL_H
#define VS_OP_RANGE_RECALL_H

#include "answers.h"
#include "vs/op.h"

/* truth has no n_columns; both are of as many queries, and k results a query
 * are there. */
int vs_op_range_recall(struct vs_ctx *ctx, const struct vs_recall_args *args,
		       struct vs_answers *hits, struct vs_answers *truth,
		       struct vs_recall_report *report,
		       struct vs_err *err) VS_MUST_CHECK;

#endif
