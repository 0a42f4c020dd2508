/* plan.h - what an operation would do and need, found without doing it.
 *
 * An operation whose arguments hold a plan opens and checks its inputs as
 * always, fills the plan by the functions that the work itself uses, and
 * returns before anything is made.
 */
#ifndef VS_PLAN_H
#define VS_PLAN_H

#include "vs/ctx.h"
#include "vs/types.h"

struct vs_plan {
	/* what goes in */
	const char *what; /* "vectors", "shards", "parts": what is read */
	uint64_t n_rows;
	uint64_t n_queries; /* 0: none */
	uint32_t dim;
	enum vs_dtype dtype;
	uint64_t n_passes; /* over what is read */

	/* what comes out */
	char out[4096];
	uint64_t out_min; /* bytes: the same when the format says it exactly */
	uint64_t out_max; /* 0: not known beforehand */
	bool already;     /* it stands there, made from the same */

	uint64_t memory; /* highest use of memory, about, bytes */
	uint64_t scratch; /* bytes kept in TMPDIR for the output */
};

#endif
