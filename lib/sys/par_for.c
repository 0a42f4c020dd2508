/* par_for.c - the parallel loop. */
#include "vs/par.h"

#include <pthread.h>
#include <stdint.h>

#include "par_int.h"

struct loop {
	int (*body)(void *arg, size_t item, unsigned thread,
		    struct vs_err *err);
	void *arg;
	atomic_size_t next; /* the item to be handed out */
	atomic_size_t stop; /* items from here on need not run */
	pthread_mutex_t lock; /* guards the rest */
	int code;
	struct vs_err err; /* of item stop, when code != 0 */
};

static void keep_error(struct loop *l, size_t item, int code,
		       const struct vs_err *err)
{
	pthread_mutex_lock(&l->lock);
	if (item < atomic_load(&l->stop)) {
		atomic_store(&l->stop, item);
		l->code = code;
		l->err = *err;
	}
	pthread_mutex_unlock(&l->lock);
}

/* Items are handed out in ascending order: when one fails, all lower ones have
 * been handed out before and will finish. */
static void run_items(void *arg, unsigned thread)
{
	struct loop *l = arg;
	struct vs_err err;
	size_t item;
	int code;

	vs_err_clear(&err);
	for (;;) {
		item = atomic_fetch_add_explicit(&l->next, 1,
						 memory_order_relaxed);
		if (item >= atomic_load_explicit(&l->stop,
						 memory_order_relaxed))
			return;
		code = l->body(l->arg, item, thread, &err);
		if (code != 0)
			keep_error(l, item, code, &err);
	}
}

int vs_par_for(struct vs_ctx *ctx, size_t n,
	       int (*body)(void *arg, size_t item, unsigned thread,
			   struct vs_err *err),
	       void *arg, struct vs_err *err)
{
	struct loop l = { .body = body, .arg = arg };

	atomic_init(&l.next, 0);
	atomic_init(&l.stop, n);
	vs_err_clear(&l.err);
	pthread_mutex_init(&l.lock, NULL);
	vs_team_run(ctx, n < UINT32_MAX ? (unsigned)n : UINT32_MAX, run_items,
		    &l);
	pthread_mutex_destroy(&l.lock);
	if (l.code != 0 && err != NULL)
		*err = l.err;
	return l.code;
}
