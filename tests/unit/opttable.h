/* opttable.h - an option of each kind of value, for the test and the fuzz
 * target of options.  Include it after struct args, which has a member for
 * each.
 */
#ifndef OPTTABLE_H
#define OPTTABLE_H

#include <stddef.h>

#include "cmd/opt.h"
#include "vs/op.h"

#define OPTTABLE_K_MAX 100u

static const struct vs_opt_word metrics[] = { { "l2", VS_L2 },
					      { "ip", VS_IP },
					      { NULL, 0 } };
static const struct vs_opt_word rules[] = { { "hash", 0 },
					    { "range", 0 },
					    { NULL, 0 } };

static const struct vs_opt rows[] = {
	{ .letter = 'k', .kind = VS_OPT_U32, .metavar = "N",
	  .at = offsetof(struct args, k),
	  .given = offsetof(struct args, k_given), .min = 1,
	  .max = OPTTABLE_K_MAX, .def = "10", .help = "neighbours" },
	{ .name = "seed", .kind = VS_OPT_U64, .metavar = "N",
	  .at = offsetof(struct args, seed), .def = "1", .help = "seed" },
	{ .name = "ratio", .kind = VS_OPT_RATIO, .metavar = "R",
	  .at = offsetof(struct args, ratio), .def = "0.5", .help = "share" },
	{ .name = "metric", .letter = 'm', .kind = VS_OPT_WORD,
	  .metavar = "M", .words = metrics,
	  .at = offsetof(struct args, metric), .def = "l2",
	  .help = "metric" },
	{ .name = "output", .letter = 'o', .kind = VS_OPT_TEXT,
	  .metavar = "FILE", .at = offsetof(struct args, out),
	  .required = true, .help = "output" },
	{ .name = "by", .kind = VS_OPT_TEXT, .metavar = "RULE",
	  .words = rules, .at = offsetof(struct args, by), .help = "rule" },
	{ .name = "part", .kind = VS_OPT_PART, .metavar = "I/N",
	  .at = offsetof(struct args, part), .help = "part" },
};

#endif
