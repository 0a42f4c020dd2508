/* par.h - threads: a parallel loop and an ordered pipeline.
 *
 * OpenMP stands behind this header in par.c; the tsan build puts plain
 * pthreads there instead (par_pthread.c), because ThreadSanitizer does not see
 * into libgomp.  Results never depend on the number of threads: a body writes
 * only what belongs to its item, and reductions are done by the caller in item
 * order.  A loop or pipeline inside another one runs on the calling thread
 * alone, as thread 0.
 */
#ifndef VS_PAR_H
#define VS_PAR_H

#include <stdbool.h>
#include <stddef.h>

#include "vs/ctx.h"

/* Runs body(arg, item, thread) for item = 0..n-1 on ctx->n_threads threads,
 * items handed out in ascending order, one at a time; thread is
 * 0..n_threads-1, for scratch memory.  A body returns 0 or a code with its err
 * filled.  The error of the lowest failing item is returned: after a failure
 * lower items still run, higher ones need not. */
int vs_par_for(struct vs_ctx *ctx, size_t n,
	       int (*body)(void *arg, size_t item, unsigned thread,
			   struct vs_err *err),
	       void *arg, struct vs_err *err) VS_MUST_CHECK;

/* An ordered pipeline over blocks: read is called in order by one thread at a
 * time, work by any thread in any order, write in block order by one thread at
 * a time; reading, working and writing overlap.  slot is 0..n_slots-1: the
 * caller keeps one set of buffers per slot and block b uses the slot given.
 * read sets *end instead of giving a block when there is no more.  Any of them
 * may be NULL except work.  The error of the lowest block (read before work
 * before write) is returned. */
struct vs_pipe {
	int (*read)(void *arg, size_t block, size_t slot, bool *end,
		    struct vs_err *err);
	int (*work)(void *arg, size_t block, size_t slot, unsigned thread,
		    struct vs_err *err);
	int (*write)(void *arg, size_t block, size_t slot, struct vs_err *err);
	void *arg;
	size_t n_slots; /* >= 1; n_threads + 2 overlaps well */
	size_t n_blocks; /* used when read is NULL */
};

int vs_pipe_run(struct vs_ctx *ctx, const struct vs_pipe *pipe,
		struct vs_err *err) VS_MUST_CHECK;

#endif
