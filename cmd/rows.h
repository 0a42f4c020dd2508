/* rows.h - option rows that several tools share, each with its help once.
 *
 * Rows whose place differs from struct to struct are templates: s is the
 * command's struct of arguments, whose member op is the struct of vs/op.h.
 */
#ifndef VS_CMD_ROWS_H
#define VS_CMD_ROWS_H

#include "opt.h"
#include "tool.h"
#include "vs/op.h"

/* l2, ip, cosine, l1 */
extern const struct vs_opt_word vs_words_metric[];
/* vsh, ivecs, fvecs, usbin, npy, tsv, jsonl */
extern const struct vs_opt_word vs_words_hits[];

/* --input-format, --force-rows, --replace, --recheck of a struct vs_op_io; the
 * macro is a group for the list of s. */
#define VS_ROWS_IO_COUNT 4
extern const struct vs_opt vs_rows_io[VS_ROWS_IO_COUNT];
#define VS_GROUP_IO(s)                                                        \
	{ .rows = vs_rows_io, .n = VS_ROWS_IO_COUNT,                          \
	  .base = offsetof(s, op.io) }
/* --input-format and --force-rows alone: for what is never replaced. */
#define VS_GROUP_INPUT(s)                                                     \
	{ .rows = vs_rows_io, .n = 2, .base = offsetof(s, op.io) }

/* --zero */
extern const struct vs_opt vs_rows_zero[1];
#define VS_GROUP_ZERO(s)                                                      \
	{ .rows = vs_rows_zero, .n = 1, .base = offsetof(s, op.io) }

/* --ids, --id-base */
#define VS_ROWS_IDS(s)                                                        \
	{ .name = "ids", .kind = VS_OPT_TEXT, .metavar = "FILE",              \
	  .at = offsetof(s, op.ids),                                          \
	  .help = "ids of the rows: npy, ivecs or ibin of one column, or "    \
		  "text of one number a line",                                \
	  .def_text = "their numbers, from 0" },                              \
	{ .name = "id-base", .kind = VS_OPT_U64, .metavar = "N",              \
	  .at = offsetof(s, op.id_base), .max = UINT64_MAX - 1,               \
	  .help = "id of the first row; the others count on from it" }

/* --nonfinite */
extern const struct vs_opt vs_rows_nonfinite[1];
#define VS_GROUP_NONFINITE(s)                                                 \
	{ .rows = vs_rows_nonfinite, .n = 1, .base = offsetof(s, op.io) }

#define VS_ROW_OUT(s, member, meta, text)                                     \
	{ .name = "output", .letter = 'o', .kind = VS_OPT_TEXT,               \
	  .metavar = (meta), .at = offsetof(s, op.member), .help = (text),    \
	  .required = true }

#define VS_ROW_PLAN(s)                                                        \
	{ .name = "plan", .kind = VS_OPT_FLAG,                                \
	  .at = offsetof(s, common.plan),                                     \
	  .help = "say what would be read, made and needed, and make "        \
		  "nothing" }

#define VS_ROW_METRIC(s)                                                      \
	.name = "metric", .letter = 'm', .kind = VS_OPT_WORD,                 \
	.metavar = "METRIC", .words = vs_words_metric,                        \
	.at = offsetof(s, op.metric), .def = "l2"

#define VS_ROW_FORMAT(s)                                                      \
	{ .name = "format", .letter = 'f', .kind = VS_OPT_WORD,               \
	  .metavar = "FORMAT", .words = vs_words_hits,                        \
	  .at = offsetof(s, op.format),                                       \
	  .help = "format of the output",                                     \
	  .def_text = "from its name; tsv for -" }

/* Prints a plan to stdout (plan.c). */
void vs_plan_print(const struct vs_ctx *ctx, const struct vs_plan *plan);

/* Warns when out ends in the suffix of something else than want, which is what
 * ("a shard"); and the same for hits whose format -f chose (suffix.c). */
void vs_warn_suffix(struct vs_ctx *ctx, const char *out, const char *what,
		    const char *want);
void vs_warn_format(struct vs_ctx *ctx, const char *out,
		    enum vs_hits_format format);

#endif
