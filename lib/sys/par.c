/* par.c - the team of threads over OpenMP, and nothing else of OpenMP.
 *
 * libgomp ends the process with status 1 when it cannot start a thread (a limit
 * on processes or address space).  So the first team of a context is preceded
 * by a trial with plain threads, and later teams are no larger than that was.
 */
#ifndef VS_PAR_PTHREAD

#include "par_int.h"

#include <omp.h>
#include <pthread.h>

#include "vs/mem.h"

static void *pass_gate(void *gate)
{
	pthread_mutex_lock(gate);
	pthread_mutex_unlock(gate);
	return NULL;
}

/* How many threads, up to n, can be alive at once, the calling one included;
 * id has room for n - 1. */
static unsigned try_threads(pthread_t *id, unsigned n)
{
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	unsigned i, n_started = 0;

	pthread_mutex_lock(&gate);
	while (n_started < n - 1 && pthread_create(&id[n_started], NULL,
						   pass_gate, &gate) == 0)
		n_started++;
	pthread_mutex_unlock(&gate);
	for (i = 0; i < n_started; i++)
		pthread_join(id[i], NULL);
	return n_started + 1;
}

static unsigned startable(struct vs_ctx *ctx)
{
	unsigned n = atomic_load(&ctx->n_startable);
	pthread_t *id;

	if (n != 0)
		return n;
	id = vs_alloc(ctx, ctx->n_threads, sizeof(*id), "threads", NULL);
	if (id == NULL)
		return 1;
	n = try_threads(id, ctx->n_threads);
	vs_free(ctx, id);
	if (n < ctx->n_threads) {
		/* The limit that was met is needed for other things too. */
		n -= n / 4;
		vs_ctx_log(ctx, VS_LOG_WARN,
			   "only %u of %u threads can be started; going on "
			   "with these",
			   n, ctx->n_threads);
	}
	atomic_store(&ctx->n_startable, n);
	return n;
}

void vs_team_run(struct vs_ctx *ctx, unsigned n,
		 void (*fn)(void *arg, unsigned thread), void *arg)
{
	unsigned most;
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
	most = startable(ctx);
	if (n > most)
		n = most;
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
