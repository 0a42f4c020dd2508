/* test_publish_race.c - the publish protocol when writers are killed or
 * compete, and when the disk is full. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "publish_test.h"

static int kill_at(void *arg, enum vs_call call, const char *path)
{
	unsigned *left = arg;

	(void)call;
	(void)path;
	if (--*left == 0)
		raise(SIGKILL);
	return 0;
}

/* A writer that is killed before any of its calls leaves the old or the new
 * file, and at most one harmless temporary, which the next one removes. */
static void kill_at_each_call(enum vs_publish how)
{
	const char *path = tmpdir_file(&dir, "a");
	unsigned k, n_left = 0;
	pid_t child;
	int status;

	for (k = 1;; k++) {
		unlink(path);
		if (how == VS_PUBLISH_REPLACE)
			tmpdir_put(path, old_text, sizeof(old_text) - 1);
		child = fork();
		if (child == 0) {
			unsigned left = k;

			ctx.hook = kill_at;
			ctx.hook_arg = &left;
			_exit(-write_new(&ctx, path, how, &err));
		}
		assert_true(waitpid(child, &status, 0) == child);
		if (how == VS_PUBLISH_REPLACE)
			assert_true(holds_old(path) || holds_new(path));
		else if (access(path, F_OK) == 0)
			assert_true(holds_new(path));
		assert_true(tmpdir_count(&dir, ".tmp") <= 1);
		n_left += tmpdir_count(&dir, ".tmp") == 1;
		if (!WIFSIGNALED(status))
			break;
	}
	assert_int_equal(0, status);
	assert_true(holds_new(path));
	assert_true(k > 15);
	assert_true(n_left > 5);
	assert_int_equal(0, tmpdir_count(&dir, ".tmp"));
}

/* What is not surely left over stays: of other hosts, of living processes, of
 * other outputs, and what somebody holds the lock of. */
static void test_sweep_spares_others(void **state)
{
	char temp[8][TMPDIR_PATH_MAX], host[256] = "";
	char path[TMPDIR_PATH_MAX];
	static const char *const names[] = {
		".a.vs-%s-1-0123456789abcdef.tmp",
		".ab.vs-%s-4194304-0123456789abcdef.tmp",
		".a.vs-x%s-4194304-0123456789abcdef.tmp",
		".a.vs-%s-4194304-0123456789abcde.tmp",
		".a.vs-%s-4194304-0123456789abcdef.tmp2",
		".a.vs-%s--0123456789abcdef.tmp",
		".a.vs-%s-4194304-00000000000000aa.tmp", /* locked */
		".a.vs-%s-4194304-00000000000000bb.tmp", /* left over */
	};
	char leaf[400];
	int i, fd;

	(void)state;
	snprintf(path, sizeof(path), "%s", tmpdir_file(&dir, "a"));
	assert_int_equal(0, gethostname(host, sizeof(host) - 1));
	host[strcspn(host, ".")] = '\0';
	host[32] = '\0';
	for (i = 0; i < 8; i++) {
		snprintf(leaf, sizeof(leaf), names[i], host);
		snprintf(temp[i], sizeof(temp[i]), "%s",
			 tmpdir_file(&dir, leaf));
		tmpdir_put(temp[i], "x", 1);
	}
	fd = open(temp[6], O_RDWR);
	assert_int_equal(0, flock(fd, LOCK_EX));
	vs_out_sweep(&ctx, path);
	for (i = 0; i < 8; i++)
		assert_int_equal(i == 7 ? -1 : 0, access(temp[i], F_OK));
	close(fd);
	vs_out_sweep(&ctx, path);
	assert_int_equal(-1, access(temp[6], F_OK));
}

static void test_killed_writer_of_a_new_file(void **state)
{
	(void)state;
	kill_at_each_call(VS_PUBLISH_NEW);
}

static void test_killed_writer_of_a_replacement(void **state)
{
	(void)state;
	kill_at_each_call(VS_PUBLISH_REPLACE);
}

static int kill_before_unlink(void *arg, enum vs_call call, const char *path)
{
	(void)arg;
	(void)path;
	if (call == VS_CALL_UNLINK)
		raise(SIGKILL);
	return 0;
}

/* Between link and unlink the file has two names. */
static void test_killed_between_link_and_unlink(void **state)
{
	const char *path = tmpdir_file(&dir, "a");
	bool existed = false;
	struct vs_out *o;
	struct stat st;
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (child == 0) {
		ctx.hook = kill_before_unlink;
		_exit(-write_new(&ctx, path, VS_PUBLISH_NEW, &err));
	}
	assert_true(waitpid(child, &status, 0) == child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(0, stat(path, &st));
	assert_int_equal(2, st.st_nlink);
	assert_true(holds_new(path));
	/* the next writer sees that it exists */
	assert_int_equal(0, vs_out_create(&ctx, path, &o, &err));
	assert_int_equal(VS_ECREATE, vs_out_publish(&ctx, o, VS_PUBLISH_NEW,
						    &existed, &err));
	assert_true(existed);
	assert_true(holds_new(path));
	assert_int_equal(0, tmpdir_count(&dir, ".tmp"));
}

/* Many writers of one name: one wins, the others learn that it exists, and
 * nothing is mixed or left over. */
struct writer {
	pthread_t id;
	char text[64];
	int rc;
	bool existed;
};

static void *compete(void *arg)
{
	struct writer *w = arg;
	struct vs_ctx c;
	struct vs_err e;
	struct vs_out *o;

	vs_ctx_init(&c);
	w->rc = vs_out_create(&c, dir.name[0], &o, &e);
	if (w->rc == 0 &&
	    vs_out_append(&c, o, w->text, sizeof(w->text), &e) == 0)
		w->rc = vs_out_publish(&c, o, VS_PUBLISH_NEW, &w->existed, &e);
	return NULL;
}

static void test_one_of_many_writers_wins(void **state)
{
	struct writer w[16];
	const char *path;
	unsigned round, i, won;

	(void)state;
	path = tmpdir_file(&dir, "a"); /* stands in dir.name[0] */
	for (round = 0; round < 20; round++) {
		memset(w, 0, sizeof(w));
		for (i = 0; i < 16; i++) {
			memset(w[i].text, 'a' + (int)i, sizeof(w[i].text));
			assert_int_equal(0, pthread_create(&w[i].id, NULL,
							   compete, &w[i]));
		}
		for (i = 0; i < 16; i++)
			pthread_join(w[i].id, NULL);
		for (i = 0, won = 16; i < 16; i++) {
			if (w[i].rc == 0) {
				assert_int_equal(16, won);
				won = i;
			} else {
				assert_int_equal(VS_ECREATE, w[i].rc);
				assert_true(w[i].existed);
			}
		}
		assert_true(won < 16);
		assert_true(tmpdir_holds(path, w[won].text, 64));
		assert_int_equal(1, tmpdir_count(&dir, ""));
		assert_int_equal(0, unlink(path));
	}
}

/* Several threads write parts of one output. */
struct part {
	pthread_t id;
	struct vs_out *o;
	uint64_t offset;
	int rc;
};

static void *write_part(void *arg)
{
	struct part *p = arg;
	struct vs_err e;
	char buf[1000];
	unsigned i;

	memset(buf, 'A' + (int)(p->offset / 100000), sizeof(buf));
	for (i = 0; i < 100 && p->rc == 0; i++)
		p->rc = vs_out_pwrite(&ctx, p->o, buf, sizeof(buf),
				      p->offset + 99000 - 1000u * i, &e);
	return NULL;
}

static void test_threads_write_one_output(void **state)
{
	const char *path = tmpdir_file(&dir, "a");
	static char want[800000];
	struct part p[8];
	struct vs_out *o;
	unsigned i;

	(void)state;
	assert_int_equal(0, vs_out_create(&ctx, path, &o, &err));
	for (i = 0; i < 8; i++) {
		p[i] = (struct part){ .o = o, .offset = 100000ull * i };
		memset(want + 100000 * i, 'A' + (int)i, 100000);
		assert_int_equal(0, pthread_create(&p[i].id, NULL, write_part,
						   &p[i]));
	}
	for (i = 0; i < 8; i++) {
		pthread_join(p[i].id, NULL);
		assert_int_equal(0, p[i].rc);
	}
	assert_int_equal(sizeof(want), vs_out_size(o));
	assert_int_equal(0, vs_out_publish(&ctx, o, VS_PUBLISH_NEW, NULL,
					   &err));
	assert_true(tmpdir_holds(path, want, sizeof(want)));
	assert_int_equal(sizeof(want), atomic_load(&ctx.n_bytes_written));
}

static bool put_proc(const char *name, const char *text)
{
	FILE *f = fopen(name, "we");

	return f != NULL && (fputs(text, f) >= 0) + (fclose(f) == 0) == 2;
}

/* A mount name space of our own; false where that is not allowed. */
static bool own_mounts(void)
{
	char uid[64], gid[64];

	snprintf(uid, sizeof(uid), "0 %u 1\n", (unsigned)geteuid());
	snprintf(gid, sizeof(gid), "0 %u 1\n", (unsigned)getegid());
	if (unshare(CLONE_NEWNS) != 0 &&
	    (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
	     !put_proc("/proc/self/uid_map", uid) ||
	     !put_proc("/proc/self/setgroups", "deny") ||
	     !put_proc("/proc/self/gid_map", gid)))
		return false;
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", dir.path, "tmpfs", 0, "size=128k") == 0;
}

/* In a child with a small tmpfs of its own over the directory: 0, 77 where
 * that is not allowed, or the number of the check that failed. */
static int fill_disk(void)
{
	const char *path = tmpdir_file(&dir, "a");
	static char big[300000];
	struct vs_out *o;

	if (!own_mounts())
		return 77;
	tmpdir_put(path, old_text, sizeof(old_text) - 1);
	if (vs_out_create(&ctx, path, &o, &err) != 0)
		return 1;
	if (vs_out_reserve(&ctx, o, sizeof(big), &err) != VS_EIO ||
	    err.sys != ENOSPC)
		return 2;
	if (vs_out_append(&ctx, o, big, sizeof(big), &err) != VS_EIO ||
	    err.sys != ENOSPC || strstr(err.msg, "/a: ") == NULL)
		return 3;
	if (vs_out_publish(&ctx, o, VS_PUBLISH_REPLACE, NULL, &err) != VS_EIO)
		return 4;
	if (!holds_old(path) || tmpdir_count(&dir, "") != 1)
		return 5;
	/* the space is free again */
	if (write_new(&ctx, path, VS_PUBLISH_REPLACE, &err) != 0)
		return 6;
	return holds_new(path) && tmpdir_count(&dir, "") == 1 ? 0 : 7;
}

static void test_disk_is_full(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		_exit(fill_disk());
	assert_true(waitpid(child, &status, 0) == child);
	/* 77: mounts are not allowed here; test_out_refuse has a limit of size
	 * instead */
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 77)
		assert_int_equal(0, status);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sweep_spares_others),
		T(test_killed_writer_of_a_new_file),
		T(test_killed_writer_of_a_replacement),
		T(test_killed_between_link_and_unlink),
		T(test_one_of_many_writers_wins),
		T(test_threads_write_one_output),
		T(test_disk_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
