/* test_par.c - the parallel loop: every item once, the lowest error, nesting.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "vs/par.h"

#define N_ITEMS 1000

static const unsigned threads[] = { 1, 2, 3, 7, 16 };
#define N_THREADS (sizeof(threads) / sizeof(threads[0]))

struct loop {
	unsigned n_threads;
	unsigned count[N_ITEMS]; /* of runs, each by the one that runs it */
	size_t by_thread[16];    /* items of each thread */
	atomic_size_t last;      /* to see the order of hand-out */
	atomic_uint now, most;   /* bodies that run at once */
	atomic_uint bad;         /* what must not happen */
	size_t fail_at, fail_also;
	struct vs_ctx *ctx;
};

static void init(struct vs_ctx *ctx, struct loop *l, unsigned n_threads)
{
	vs_ctx_init(ctx);
	ctx->n_threads = n_threads;
	memset(l, 0, sizeof(*l));
	l->n_threads = n_threads;
	l->fail_at = l->fail_also = SIZE_MAX;
	l->ctx = ctx;
}

static int count_item(void *arg, size_t item, unsigned thread,
		      struct vs_err *err)
{
	struct loop *l = arg;

	(void)err;
	if (thread >= l->n_threads || item >= N_ITEMS) {
		atomic_fetch_add(&l->bad, 1);
		return 0;
	}
	l->count[item]++;
	l->by_thread[thread]++;
	return 0;
}

static void test_every_item_runs_once(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 6, 7, 8, N_ITEMS };
	struct vs_ctx ctx;
	struct vs_err err;
	static struct loop l;
	size_t t, s, i, sum;

	(void)state;
	for (t = 0; t < N_THREADS; t++) {
		for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			init(&ctx, &l, threads[t]);
			assert_int_equal(0, vs_par_for(&ctx, sizes[s],
						       count_item, &l, &err));
			assert_int_equal(0, atomic_load(&l.bad));
			for (i = 0; i < N_ITEMS; i++)
				assert_int_equal(i < sizes[s], l.count[i]);
			for (i = sum = 0; i < 16; i++)
				sum += l.by_thread[i];
			assert_int_equal(sizes[s], sum);
			assert_int_equal(0, atomic_load(&ctx.mem_now));
		}
	}
}

static int meet(void *arg, size_t item, unsigned thread, struct vs_err *err)
{
	struct loop *l = arg;
	unsigned now = atomic_fetch_add(&l->now, 1) + 1;
	unsigned most = atomic_load(&l->most), i;

	(void)item;
	(void)thread;
	(void)err;
	while (now > most && !atomic_compare_exchange_weak(&l->most, &most,
							   now))
		;
	/* wait for the others, two seconds at most */
	for (i = 0; i < 2000 && atomic_load(&l->most) < l->n_threads; i++)
		usleep(1000);
	atomic_fetch_sub(&l->now, 1);
	return 0;
}

static void test_exactly_so_many_threads(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;
	static struct loop l;
	size_t t;

	(void)state;
	for (t = 0; t < N_THREADS; t++) {
		init(&ctx, &l, threads[t]);
		assert_int_equal(0, vs_par_for(&ctx, 64, meet, &l, &err));
		assert_int_equal(threads[t], atomic_load(&l.most));
	}
}

static int one_by_one(void *arg, size_t item, unsigned thread,
		      struct vs_err *err)
{
	struct loop *l = arg;

	(void)thread;
	(void)err;
	if (atomic_exchange(&l->last, item + 1) != item)
		atomic_fetch_add(&l->bad, 1);
	return 0;
}

static void test_one_thread_goes_in_order(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;
	static struct loop l;

	(void)state;
	init(&ctx, &l, 1);
	assert_int_equal(0,
			 vs_par_for(&ctx, N_ITEMS, one_by_one, &l, &err));
	assert_int_equal(0, atomic_load(&l.bad));
	assert_int_equal(N_ITEMS, atomic_load(&l.last));
}

/* One item fails late, the ones from another on at once. */
static int fail_late(void *arg, size_t item, unsigned thread,
		     struct vs_err *err)
{
	struct loop *l = arg;

	(void)thread;
	if (item == l->fail_at) {
		usleep(3000);
		return vs_fail(err, VS_EDATA, "row %zu", item);
	}
	if (item >= l->fail_also)
		return vs_fail(err, VS_EIO, "row %zu", item);
	l->count[item]++;
	return 0;
}

static void test_lowest_error_wins(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;
	static struct loop l;
	size_t t, at, i;
	char text[32];

	(void)state;
	for (t = 0; t < N_THREADS; t++) {
		for (at = 0; at < 40; at++) {
			init(&ctx, &l, threads[t]);
			l.fail_at = at;
			l.fail_also = at + 1;
			assert_int_equal(VS_EDATA,
					 vs_par_for(&ctx, N_ITEMS, fail_late,
						    &l, &err));
			snprintf(text, sizeof(text), "row %zu", at);
			assert_string_equal(text, err.msg);
			assert_int_equal(VS_EDATA, err.code);
			for (i = 0; i < at; i++)
				assert_int_equal(1, l.count[i]);
		}
	}
	assert_int_equal(VS_EDATA, vs_par_for(&ctx, N_ITEMS, fail_late, &l,
					      NULL));
}

/* The other way round: higher items that were begun fail after the lowest. */
static int fail_at_once(void *arg, size_t item, unsigned thread,
			struct vs_err *err)
{
	struct loop *l = arg;

	(void)thread;
	if (item > l->fail_at)
		usleep(1000);
	if (item >= l->fail_at)
		return vs_fail(err, VS_EDATA, "row %zu", item);
	return 0;
}

static void test_later_errors_change_nothing(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;
	static struct loop l;
	size_t t, at;
	char text[32];

	(void)state;
	for (t = 0; t < N_THREADS; t++) {
		for (at = 0; at < 40; at++) {
			init(&ctx, &l, threads[t]);
			l.fail_at = at;
			assert_int_equal(VS_EDATA,
					 vs_par_for(&ctx, N_ITEMS,
						    fail_at_once, &l, &err));
			snprintf(text, sizeof(text), "row %zu", at);
			assert_string_equal(text, err.msg);
		}
	}
}

static void test_stops_early(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;
	static struct loop l;
	size_t i, n = 0;

	(void)state;
	init(&ctx, &l, 3);
	l.fail_also = 10;
	assert_int_equal(VS_EIO, vs_par_for(&ctx, (size_t)1 << 40, fail_late,
					    &l, &err));
	assert_string_equal("row 10", err.msg);
	for (i = 0; i < N_ITEMS; i++)
		n += l.count[i];
	assert_int_equal(10, n);
}

static int inner_body(void *arg, size_t item, unsigned thread,
		      struct vs_err *err)
{
	struct loop *l = arg;

	(void)err;
	/* serial: on the thread that called, so always number 0 */
	if (thread != 0)
		atomic_fetch_add(&l->bad, 1);
	atomic_fetch_add(&l->last, item);
	return 0;
}

static int outer_body(void *arg, size_t item, unsigned thread,
		      struct vs_err *err)
{
	struct loop *l = arg;

	(void)item;
	(void)thread;
	return vs_par_for(l->ctx, 101, inner_body, l, err);
}

static void test_nested_loops_run_serially(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;
	static struct loop l;

	(void)state;
	init(&ctx, &l, 4);
	assert_int_equal(0, vs_par_for(&ctx, 50, outer_body, &l, &err));
	assert_int_equal(0, atomic_load(&l.bad));
	assert_int_equal(50 * 5050, atomic_load(&l.last));
	/* and the next loop has all its threads again */
	init(&ctx, &l, 4);
	assert_int_equal(0, vs_par_for(&ctx, 64, meet, &l, &err));
	assert_int_equal(4, atomic_load(&l.most));
}

/* Results that belong to items do not depend on the threads. */
static int square(void *arg, size_t item, unsigned thread, struct vs_err *err)
{
	uint64_t *out = arg;

	(void)thread;
	(void)err;
	out[item] = item * item;
	return 0;
}

static void test_results_are_visible_afterwards(void **state)
{
	static uint64_t out[N_ITEMS];
	struct vs_ctx ctx;
	struct vs_err err;
	size_t round, i;

	(void)state;
	vs_ctx_init(&ctx);
	ctx.n_threads = 7;
	for (round = 0; round < 50; round++) {
		memset(out, 0, sizeof(out));
		assert_int_equal(0, vs_par_for(&ctx, N_ITEMS, square, out,
					       &err));
		for (i = 0; i < N_ITEMS; i++)
			assert_true(out[i] == i * i);
	}
}

static int check_mask(void *arg, size_t item, unsigned thread,
		      struct vs_err *err)
{
	struct loop *l = arg;
	sigset_t set;

	(void)item;
	(void)err;
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	/* only the calling thread takes SIGTERM; all take faults */
	if ((sigismember(&set, SIGTERM) == 1) != (thread != 0) ||
	    sigismember(&set, SIGBUS) == 1 || sigismember(&set, SIGSEGV) == 1)
		atomic_fetch_add(&l->bad, 1);
	usleep(1000);
	return 0;
}

static void test_signals_go_to_the_caller(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;
	static struct loop l;
	sigset_t set;

	(void)state;
	init(&ctx, &l, 4);
	assert_int_equal(0, vs_par_for(&ctx, 32, check_mask, &l, &err));
	assert_int_equal(0, atomic_load(&l.bad));
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	assert_int_equal(0, sigismember(&set, SIGTERM));
}

static int count_only(void *arg, size_t item, unsigned thread,
		      struct vs_err *err)
{
	struct loop *l = arg;

	(void)thread;
	(void)err;
	l->count[item]++;
	return 0;
}

static void count_line(void *arg, enum vs_log_level level, const char *line)
{
	struct loop *l = arg;

	if (level == VS_LOG_WARN && strstr(line, "of 2000 threads") != NULL)
		atomic_fetch_add(&l->now, 1);
}

/* The sanitizers need address space without limit; the threads of clang's
 * libomp reserve 64 MiB each for malloc while others are still being started,
 * so it may end the process all the same. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
	defined(__clang__)
#define LIMITED 0
#else
#define LIMITED 1
#endif

/* In a program of its own, whose address space has no room for the stacks of
 * 2000 threads: all the work is done, and one line says by fewer. */
static int run_limited(void)
{
	struct rlimit lim = { (rlim_t)1 << 30, (rlim_t)1 << 30 };
	struct vs_ctx ctx;
	struct vs_err err;
	static struct loop l;
	size_t i, round;

	if (setrlimit(RLIMIT_AS, &lim) != 0)
		return 1;
	init(&ctx, &l, 2000);
	ctx.log = count_line;
	ctx.log_arg = &l;
	for (round = 1; round < 4; round++) {
		if (vs_par_for(&ctx, N_ITEMS, count_only, &l, &err) != 0)
			return 2;
		for (i = 0; i < N_ITEMS; i++)
			if (l.count[i] != round)
				return 3;
	}
#ifndef VS_PAR_PTHREAD
	if (atomic_load(&l.now) != 1)
		return 4;
#endif
	return 0;
}

static void test_threads_cannot_be_started(void **state)
{
	pid_t child;
	int status;

	(void)state;
	if (!LIMITED)
		return;
	child = fork();
	if (child == 0) {
		execl("/proc/self/exe", "test_par", "limited", (char *)NULL);
		_exit(errno == ENOEXEC ? 101 : 100);
	}
	assert_true(waitpid(child, &status, 0) == child);
	/* A program of another processor, under an emulator. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 101)
		skip();
	assert_int_equal(0, status);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_item_runs_once),
		cmocka_unit_test(test_exactly_so_many_threads),
		cmocka_unit_test(test_one_thread_goes_in_order),
		cmocka_unit_test(test_lowest_error_wins),
		cmocka_unit_test(test_later_errors_change_nothing),
		cmocka_unit_test(test_stops_early),
		cmocka_unit_test(test_nested_loops_run_serially),
		cmocka_unit_test(test_results_are_visible_afterwards),
		cmocka_unit_test(test_signals_go_to_the_caller),
		cmocka_unit_test(test_threads_cannot_be_started),
	};

	(void)argv;
	if (argc > 1)
		return run_limited();
	/* What a user may have set for other programs must not matter; OpenMP
	 * reads it when the program starts. */
	if (getenv("OMP_DYNAMIC") == NULL) {
		setenv("OMP_DYNAMIC", "true", 1);
		setenv("OMP_MAX_ACTIVE_LEVELS", "4", 1);
		setenv("OMP_NUM_THREADS", "1", 1);
		execl("/proc/self/exe", "test_par", (char *)NULL);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
