/* par_pipe.c - the ordered pipeline: read, work, write.
 *
 * One lock guards a window of blocks [n_written, n_read), block b in slot
 * b % n_slots.  Each thread of the team takes the next job that may be done: to
 * write the oldest block, to work on the oldest one that was read, or to read
 * ahead into a free slot.  No thread is bound to one kind of job, so one thread
 * is enough, and one slot too.
 */
#include "vs/par.h"

#include <pthread.h>

#include "par_int.h"
#include "vs/mem.h"
#include "vs/num.h"

/* In the order in which errors of one block count. */
enum job { JOB_READ, JOB_WORK, JOB_WRITE, JOB_WAIT, JOB_LEAVE };

struct run {
	const struct vs_pipe *pipe;
	unsigned n_threads;
	size_t n_slots;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	size_t n_read;    /* blocks that were read */
	size_t n_begun;   /* blocks whose work was begun, in order */
	size_t n_written; /* blocks that were written */
	size_t end;       /* blocks there are, once known */
	bool reading, writing;
	bool *worked; /* [n_slots]: ready to be written */
	/* the lowest error so far */
	size_t bad_block; /* SIZE_MAX: none */
	enum job bad_job;
	int code;
	struct vs_err err;
};

/* Blocks from here on need not be done. */
static size_t limit_of(const struct run *r)
{
	return vs_min_size(r->end, r->bad_block);
}

/* What the calling thread does next.  Blocks below a failed one are still
 * finished, since one of them may fail too and then has the lowest error. */
static enum job choose(const struct run *r)
{
	size_t limit = limit_of(r);
	size_t n_ready = r->n_read - r->n_begun;
	bool can_work = n_ready > 0 && r->n_begun < limit;
	bool can_read = !r->reading && r->n_read < limit &&
			r->bad_block == SIZE_MAX &&
			r->n_read - r->n_written < r->n_slots;

	if (r->n_written >= limit)
		return JOB_LEAVE;
	if (!r->writing && r->worked[r->n_written % r->n_slots])
		return JOB_WRITE;
	/* Reading ahead comes first while not every thread has work to take;
	 * after that it would only cool the caches. */
	if (can_read && n_ready < r->n_threads)
		return JOB_READ;
	if (can_work)
		return JOB_WORK;
	return can_read ? JOB_READ : JOB_WAIT;
}

static void keep_error(struct run *r, enum job job, size_t block, int code,
		       const struct vs_err *err)
{
	if (block > r->bad_block ||
	    (block == r->bad_block && job >= r->bad_job))
		return;
	r->bad_block = block;
	r->bad_job = job;
	r->code = code;
	r->err = *err;
}

/* The three jobs: called with the lock held, which they release while the
 * caller's function runs. */
static void do_read(struct run *r, struct vs_err *err)
{
	const struct vs_pipe *p = r->pipe;
	size_t block = r->n_read;
	bool end = false;
	int code = 0;

	r->reading = true;
	if (p->read != NULL) {
		pthread_mutex_unlock(&r->lock);
		code = p->read(p->arg, block, block % r->n_slots, &end, err);
		pthread_mutex_lock(&r->lock);
	}
	r->reading = false;
	if (code != 0)
		keep_error(r, JOB_READ, block, code, err);
	else if (end)
		r->end = block;
	else
		r->n_read++;
}

static void do_work(struct run *r, unsigned thread, struct vs_err *err)
{
	const struct vs_pipe *p = r->pipe;
	size_t block = r->n_begun++;
	size_t slot = block % r->n_slots;
	int code;

	pthread_mutex_unlock(&r->lock);
	code = p->work(p->arg, block, slot, thread, err);
	pthread_mutex_lock(&r->lock);
	if (code != 0)
		keep_error(r, JOB_WORK, block, code, err);
	else
		r->worked[slot] = true;
}

static void do_write(struct run *r, struct vs_err *err)
{
	const struct vs_pipe *p = r->pipe;
	size_t block = r->n_written;
	size_t slot = block % r->n_slots;
	int code = 0;

	r->writing = true;
	if (p->write != NULL) {
		pthread_mutex_unlock(&r->lock);
		code = p->write(p->arg, block, slot, err);
		pthread_mutex_lock(&r->lock);
	}
	r->writing = false;
	r->worked[slot] = false;
	if (code != 0)
		keep_error(r, JOB_WRITE, block, code, err);
	else
		r->n_written++;
}

static void run_jobs(void *arg, unsigned thread)
{
	struct run *r = arg;
	struct vs_err err;
	enum job job;

	vs_err_clear(&err);
	pthread_mutex_lock(&r->lock);
	while ((job = choose(r)) != JOB_LEAVE) {
		if (job == JOB_WAIT) {
			pthread_cond_wait(&r->changed, &r->lock);
			continue;
		}
		if (job == JOB_READ)
			do_read(r, &err);
		else if (job == JOB_WORK)
			do_work(r, thread, &err);
		else
			do_write(r, &err);
		pthread_cond_broadcast(&r->changed);
	}
	pthread_mutex_unlock(&r->lock);
}

int vs_pipe_run(struct vs_ctx *ctx, const struct vs_pipe *pipe,
		struct vs_err *err)
{
	struct run r = { .pipe = pipe, .bad_block = SIZE_MAX };

	r.n_threads = ctx->n_threads > 0 ? ctx->n_threads : 1;
	r.n_slots = vs_max_size(pipe->n_slots, 1);
	r.end = pipe->read == NULL ? pipe->n_blocks : SIZE_MAX;
	r.worked = vs_zalloc(ctx, r.n_slots, sizeof(*r.worked), "pipeline",
			     err);
	if (r.worked == NULL)
		return VS_ENOMEM;
	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.changed, NULL);
	vs_team_run(ctx, r.n_threads, run_jobs, &r);
	pthread_cond_destroy(&r.changed);
	pthread_mutex_destroy(&r.lock);
	vs_free(ctx, r.worked);
	if (r.code != 0 && err != NULL)
		*err = r.err;
	return r.code;
}
