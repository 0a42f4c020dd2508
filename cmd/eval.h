/* eval.h - the commands of vs-eval, a file each. */
#ifndef VS_CMD_EVAL_H
#define VS_CMD_EVAL_H

#include "rows.h"

extern const struct vs_command vs_eval_truth;
extern const struct vs_command vs_eval_recall;

#endif
