/* par_pthread.c - the team of threads over pthreads.
 *
 * For ThreadSanitizer, which takes the barriers of libgomp for races; threads
 * are created for each team and joined after it.
 */
#ifdef VS_PAR_PTHREAD

#include "par_int.h"

#include <pthread.h>
#include <stdbool.h>

#include "vs/mem.h"
#include "vs/num.h"

struct member {
	pthread_t id;
	void (*fn)(void *arg, unsigned thread);
	void *arg;
	unsigned thread;
};

/* What omp_in_parallel is there; it belongs to each thread alone. */
static _Thread_local bool in_team;

static void *member_main(void *p)
{
	struct member *m = p;

	in_team = true;
	m->fn(m->arg, m->thread);
	return NULL;
}

void vs_team_run(struct vs_ctx *ctx, unsigned n,
		 void (*fn)(void *arg, unsigned thread), void *arg)
{
	struct member *team = NULL;
	sigset_t old;
	unsigned i, n_started = 0;

	if (n > ctx->n_threads)
		n = ctx->n_threads;
	if (n > 1 && !in_team)
		team = vs_alloc(ctx, n - 1, sizeof(*team), "threads", NULL);
	if (team == NULL) {
		fn(arg, 0);
		return;
	}
	vs_team_mask(&old);
	for (i = 0; i + 1 < n; i++) {
		team[i] = (struct member){ .fn = fn,
					   .arg = arg,
					   .thread = i + 1 };
		if (pthread_create(&team[i].id, NULL, member_main,
				   &team[i]) != 0)
			break;
		n_started++;
	}
	vs_team_unmask(&old);
	in_team = true;
	fn(arg, 0);
	in_team = false;
	for (i = 0; i < n_started; i++)
		pthread_join(team[i].id, NULL);
	vs_free(ctx, team);
}

#else
/* A file must declare something. */
struct vs_ctx;
#endif
