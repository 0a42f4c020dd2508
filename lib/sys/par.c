/* par.c - the team of threads over OpenMP, and nothing else of OpenMP. */
#ifndef VS_PAR_PTHREAD

#include "par_int.h"

#include <omp.h>

void vs_team_run(struct vs_ctx *ctx, unsigned n,
		 void (*fn)(void *arg, unsigned thread), void *arg)
{
	sigset_t old;

	if (n > ctx->n_threads)
		n = ctx->n_threads;
	if (n <= 1 || omp_in_parallel()) {
		fn(arg, 0);
		return;
	}
	/* OMP_DYNAMIC of the user would give fewer threads than asked for. */
	omp_set_dynamic(0);
	vs_team_mask(&old);
#pragma omp parallel num_threads((int)n)
	{
		unsigned thread = (unsigned)omp_get_thread_num();

		if (thread == 0)
			vs_team_unmask(&old);
		fn(arg, thread);
	}
}

#else
/* A file must declare something. */
struct vs_ctx;
#endif
