/* The canary of ThreadSanitizer: a race on purpose, in threads of vs_par_for,
 * must be reported by the build that looks for races, and its twin without one
 * must not.  Elsewhere there is nothing to ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "vs/par.h"

#if defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_TSAN 1
#endif
#endif
#ifndef HAS_TSAN
#define HAS_TSAN 0
#endif

#define ITEMS 64

struct canary {
	unsigned plain;
	atomic_uint atomic;
};

static int race(void *arg, size_t item, unsigned thread, struct vs_err *err)
{
	struct canary *c = arg;

	(void)item;
	(void)thread;
	(void)err;
	c->plain++;
	usleep(1000); /* so that no thread does all of them */
	return 0;
}

static int no_race(void *arg, size_t item, unsigned thread, struct vs_err *err)
{
	struct canary *c = arg;

	(void)item;
	(void)thread;
	(void)err;
	atomic_fetch_add(&c->atomic, 1);
	usleep(1000);
	return 0;
}

/* What the child does. */
static int sing(const char *how)
{
	struct canary c = { 0 };
	struct vs_err err;
	struct vs_ctx ctx;

	vs_ctx_init(&ctx);
	ctx.n_threads = 4;
	return vs_par_for(&ctx, ITEMS, how[0] == 'r' ? race : no_race, &c,
			  &err);
}

/* Runs this program again and counts the lines that report a race. */
static int listen(const char *how, unsigned *n_reports)
{
	char line[4096];
	FILE *f;

	setenv("TSAN_OPTIONS", "exitcode=66", 1);
	snprintf(line, sizeof(line), "/proc/%ld/exe %s 2>&1", (long)getpid(),
		 how);
	f = popen(line, "r");
	assert_non_null(f);
	*n_reports = 0;
	while (fgets(line, sizeof(line), f) != NULL)
		*n_reports += strstr(line, "ThreadSanitizer: data race") !=
			      NULL;
	return pclose(f);
}

static void test_canary(void **state)
{
	unsigned n_reports;
	int status;

	(void)state;
	if (!HAS_TSAN)
		skip();
	status = listen("race", &n_reports);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 66);
	assert_true(n_reports > 0);
	status = listen("none", &n_reports);
	assert_int_equal(status, 0);
	assert_int_equal(n_reports, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canary),
	};

	if (argc > 1)
		return sing(argv[1]) == 0 ? 0 : 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
