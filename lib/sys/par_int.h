/* par_int.h - a team of threads, for par_for.c and par_pipe.c only.
 *
 * par.c (OpenMP) and par_pthread.c (-DVS_PAR_PTHREAD) each implement it.
 */
#ifndef VS_PAR_INT_H
#define VS_PAR_INT_H

#include <signal.h>

#include "vs/ctx.h"

/* Calls fn(arg, thread) on at most n threads at once, thread = 0 on the calling
 * one, and returns when all have returned.  Fewer threads may come when the
 * system gives no more, so fn takes its share from a common counter.  Inside
 * another team only the calling thread runs.  The threads that are added take
 * no signals, so that the main thread gets them. */
void vs_team_run(struct vs_ctx *ctx, unsigned n,
		 void (*fn)(void *arg, unsigned thread), void *arg);

/* Blocks what a handler of the tools waits for; faults stay open, because a
 * blocked SIGBUS kills without its message. */
static inline void vs_team_mask(sigset_t *old)
{
	static const int open[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGABRT,
				    SIGTRAP, SIGSYS, SIGPROF };
	sigset_t set;
	size_t i;

	sigfillset(&set);
	for (i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		sigdelset(&set, open[i]);
	pthread_sigmask(SIG_BLOCK, &set, old);
}

static inline void vs_team_unmask(const sigset_t *old)
{
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

#endif
