/* truth_paths.h - the files of vs-eval truth are different ones. */
#ifndef VS_OP_TRUTH_PATHS_H
#define VS_OP_TRUTH_PATHS_H

#include "vs/op.h"

/* VS_EUSAGE when a file is two of: the output, the distances, an input, the
 * ids. */
int vs_op_truth_paths(struct vs_ctx *ctx, const struct vs_truth_args *args,
		      struct vs_err *err) VS_MUST_CHECK;

#endif
