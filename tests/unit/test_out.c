/* test_out.c - outputs: what is written, what is refused, what is left. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "faults.h"
#include "out_test.h"

static void test_appears_only_when_published(void **state)
{
	const char *path = tmpdir_file(&dir, "a");
	struct vs_out *o = create(path);
	struct stat st;
	mode_t mask = umask(0);

	(void)state;
	umask(mask);
	assert_string_equal(path, vs_out_path(o));
	assert_true(vs_out_seekable(o));
	assert_int_equal(0, vs_out_append(&ctx, o, "abc", 3, &err));
	assert_int_equal(0, vs_out_append(&ctx, o, "", 0, &err));
	assert_int_equal(0, vs_out_append(&ctx, o, "def", 3, &err));
	assert_int_equal(6, vs_out_size(o));
	assert_int_equal(1, tmpdir_count(&dir, ""));
	assert_int_equal(1, tmpdir_count(&dir, ".tmp"));
	assert_int_equal(0, vs_out_publish(&ctx, o, VS_PUBLISH_NEW, NULL,
					   &err));
	assert_int_equal(1, tmpdir_count(&dir, ""));
	assert_true(tmpdir_holds(path, "abcdef", 6));
	assert_int_equal(0, stat(path, &st));
	assert_int_equal(0666 & ~mask, st.st_mode & 07777);
	assert_int_equal(1, st.st_nlink);
	assert_int_equal(6, atomic_load(&ctx.n_bytes_written));
}

/* The name of the one entry of the directory. */
static void only_name(char out[256])
{
	struct dirent *e;
	DIR *d = opendir(dir.path);

	assert_non_null(d);
	assert_int_equal(1, tmpdir_count(&dir, ""));
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0)
			snprintf(out, 256, "%s", e->d_name);
	closedir(d);
}

static void test_temporary_name(void **state)
{
	struct vs_out *o = create(tmpdir_file(&dir, "sift.vss"));
	struct vs_out *p;
	char name[256], pid[32];

	(void)state;
	only_name(name);
	snprintf(pid, sizeof(pid), "-%ld-", (long)getpid());
	assert_int_equal(0, strncmp(name, ".sift.vss.vs-", 13));
	assert_non_null(strstr(name, pid));
	assert_string_equal(".tmp", name + strlen(name) - 4);
	/* a second writer of the same output has a name of its own */
	p = create(tmpdir_file(&dir, "sift.vss"));
	assert_int_equal(2, tmpdir_count(&dir, ".tmp"));
	vs_out_abort(&ctx, p);
	vs_out_abort(&ctx, o);
	assert_int_equal(0, tmpdir_count(&dir, ""));
	vs_out_abort(&ctx, NULL);
}

/* A long name is cut between two characters: some file systems take nothing
 * but UTF-8. */
static void test_temporary_name_is_utf8(void **state)
{
	char name[256], temp[256];
	struct vs_out *o;
	size_t i, n;

	(void)state;
	for (n = 150; n <= 255; n++) {
		memset(name, 'a', n % 3);
		for (i = n % 3; i < n; i += 3)
			memcpy(name + i, "\xe2\x82\xac", 3);
		name[n] = '\0';
		o = create(tmpdir_file(&dir, name));
		only_name(temp);
		i = 1 + strspn(temp + 1, "a");
		while (strncmp(temp + i, "\xe2\x82\xac", 3) == 0)
			i += 3;
		assert_int_equal(0, strncmp(temp + i, ".vs-", 4));
		vs_out_abort(&ctx, o);
	}
}

static void test_positioned_writes_in_any_order(void **state)
{
	const char *path = tmpdir_file(&dir, "a");
	struct vs_out *o = create(path);
	char buf[8];

	(void)state;
	assert_int_equal(0, vs_out_reserve(&ctx, o, 100000, &err));
	assert_int_equal(0, vs_out_size(o));
	assert_int_equal(0, vs_out_pwrite(&ctx, o, "world", 5, 6, &err));
	assert_int_equal(11, vs_out_size(o));
	assert_int_equal(0, vs_out_pwrite(&ctx, o, "hello ", 6, 0, &err));
	assert_int_equal(11, vs_out_size(o));
	assert_int_equal(0, vs_out_append(&ctx, o, "!", 1, &err));
	assert_int_equal(0, vs_out_pwrite(&ctx, o, "", 0, 500, &err));
	assert_int_equal(12, vs_out_size(o));
	assert_int_equal(0, vs_out_pread(&ctx, o, buf, 5, 6, &err));
	assert_memory_equal("world", buf, 5);
	assert_int_equal(VS_EIO,
			 vs_out_pread(&ctx, o, buf, 5, 99998, &err));
	assert_int_equal(0, vs_out_publish(&ctx, o, VS_PUBLISH_NEW, NULL,
					   &err));
	/* cut to what was written, not to what was reserved */
	assert_true(tmpdir_holds(path, "hello world!", 12));
}

static void test_empty_output(void **state)
{
	const char *path = tmpdir_file(&dir, "a");

	(void)state;
	assert_int_equal(0, write_file(path, "", VS_PUBLISH_NEW));
	assert_true(tmpdir_holds(path, "", 0));
	assert_int_equal(1, tmpdir_count(&dir, ""));
}

static void test_new_never_overwrites(void **state)
{
	const char *path = tmpdir_file(&dir, "a");
	struct vs_out *o;
	bool existed = false;

	(void)state;
	tmpdir_put(path, "old", 3);
	o = create(path);
	assert_int_equal(0, vs_out_append(&ctx, o, "new", 3, &err));
	assert_int_equal(VS_ECREATE, vs_out_publish(&ctx, o, VS_PUBLISH_NEW,
						    &existed, &err));
	assert_true(existed);
	assert_non_null(strstr(err.msg, "/a: exists already"));
	assert_true(tmpdir_holds(path, "old", 3));
	assert_int_equal(1, tmpdir_count(&dir, ""));
	/* a name that leads nowhere is a name too */
	assert_int_equal(0, symlink("nowhere", tmpdir_file(&dir, "l")));
	assert_int_equal(VS_ECREATE, write_file(tmpdir_file(&dir, "l"), "x",
						VS_PUBLISH_NEW));
	assert_int_equal(2, tmpdir_count(&dir, ""));
	o = create(tmpdir_file(&dir, "b"));
	existed = true;
	assert_int_equal(0, vs_out_publish(&ctx, o, VS_PUBLISH_NEW, &existed,
					   &err));
	assert_false(existed);
}

static void test_replace(void **state)
{
	const char *path = tmpdir_file(&dir, "a");
	struct vs_out *o;
	bool existed = true;

	(void)state;
	tmpdir_put(path, "old", 3);
	o = create(path);
	assert_int_equal(0, vs_out_append(&ctx, o, "newer", 5, &err));
	assert_true(tmpdir_holds(path, "old", 3));
	assert_int_equal(0, vs_out_publish(&ctx, o, VS_PUBLISH_REPLACE,
					   &existed, &err));
	assert_false(existed);
	assert_true(tmpdir_holds(path, "newer", 5));
	assert_int_equal(1, tmpdir_count(&dir, ""));
}

/* A link to a file on another disk stays a link. */
static void test_link_to_a_file(void **state)
{
	const char *link = tmpdir_file(&dir, "link");
	const char *file = tmpdir_file(&dir, "d/file");
	char text[64] = "";

	(void)state;
	assert_int_equal(0, mkdir(tmpdir_file(&dir, "d"), 0777));
	tmpdir_put(file, "old", 3);
	assert_int_equal(0, symlink("d/file", link));
	assert_int_equal(0, write_file(link, "new", VS_PUBLISH_REPLACE));
	assert_int_equal(6, readlink(link, text, sizeof(text)));
	assert_string_equal("d/file", text);
	assert_true(tmpdir_holds(file, "new", 3));
	assert_int_equal(2, tmpdir_count(&dir, ""));
	assert_int_equal(VS_ECREATE, write_file(link, "two", VS_PUBLISH_NEW));
	assert_non_null(strstr(err.msg, "/link: exists already"));
	assert_true(tmpdir_holds(file, "new", 3));
	assert_int_equal(0, unlink(file));
	assert_int_equal(0, rmdir(tmpdir_file(&dir, "d")));
}

static void test_links_are_not_to_be_had(void **state)
{
	static const int codes[] = { EPERM, EOPNOTSUPP, ENOSYS, EMLINK };
	struct faults f = { .at = 1, .calls = 1u << VS_CALL_RENAME };
	const char *path = tmpdir_file(&dir, "a");
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		f.sys = codes[i];
		faults_set(&ctx, &f);
		assert_int_equal(0, write_file(path, "new", VS_PUBLISH_NEW));
		assert_int_equal(2, atomic_load(&f.n_seen));
		assert_true(tmpdir_holds(path, "new", 3));
		faults_set(&ctx, &f);
		assert_int_equal(VS_ECREATE,
				 write_file(path, "two", VS_PUBLISH_NEW));
		assert_non_null(strstr(err.msg, "exists already"));
		assert_true(tmpdir_holds(path, "new", 3));
		assert_int_equal(1, tmpdir_count(&dir, ""));
		assert_int_equal(0, unlink(path));
	}
}

/* The name, 255 bytes, is the longest that file systems take. */
static void test_long_names(void **state)
{
	char name[300];
	size_t n, i;

	(void)state;
	for (n = 200; n <= 255; n++) {
		memset(name, 'n', n);
		name[n] = '\0';
		assert_int_equal(0, write_file(tmpdir_file(&dir, name), "x",
					       VS_PUBLISH_NEW));
		assert_true(tmpdir_holds(tmpdir_file(&dir, name), "x", 1));
	}
	assert_int_equal(56, tmpdir_count(&dir, ""));
	memset(name, 'n', 256);
	name[256] = '\0';
	assert_int_equal(VS_ECREATE, write_file(tmpdir_file(&dir, name), "x",
						VS_PUBLISH_NEW));
	assert_int_equal(ENAMETOOLONG, err.sys);
	for (i = 0; i < 255; i += 3)
		memcpy(name + i, "\xe2\x82\xac", 3);
	name[255] = '\0';
	assert_int_equal(0, write_file(tmpdir_file(&dir, name), "x",
				       VS_PUBLISH_NEW));
	assert_int_equal(57, tmpdir_count(&dir, ""));
}

static void test_long_paths(void **state)
{
	char path[PATH_MAX + 10], part[202];
	size_t n = strlen(dir.path);

	(void)state;
	memcpy(path, dir.path, n + 1);
	memset(part, 'd', sizeof(part) - 1);
	part[0] = '/';
	part[201] = '\0';
	while (n < PATH_MAX - 1 - 220) {
		memcpy(path + n, part, 202);
		n += 201;
		assert_int_equal(0, mkdir(path, 0777));
	}
	/* just right for the output, so its temporary has a longer path */
	path[n++] = '/';
	memset(path + n, 'f', PATH_MAX - 1 - n);
	path[PATH_MAX - 1] = '\0';
	assert_in_range(strlen(path + n), 1, 255);
	assert_int_equal(0, write_file(path, "x", VS_PUBLISH_NEW));
	assert_true(tmpdir_holds(path, "x", 1));
	path[PATH_MAX - 1] = 'f';
	path[PATH_MAX] = '\0';
	assert_int_equal(VS_ECREATE, write_file(path, "x", VS_PUBLISH_NEW));
}

static void test_relative_names(void **state)
{
	char old[PATH_MAX];

	(void)state;
	assert_non_null(getcwd(old, sizeof(old)));
	assert_int_equal(0, chdir(dir.path));
	assert_int_equal(0, write_file("a", "x", VS_PUBLISH_NEW));
	assert_int_equal(0, write_file("./b", "x", VS_PUBLISH_NEW));
	assert_int_equal(0, chdir(old));
	assert_int_equal(2, tmpdir_count(&dir, ""));
	assert_true(tmpdir_holds(tmpdir_file(&dir, "a"), "x", 1));
	assert_true(tmpdir_holds(tmpdir_file(&dir, "b"), "x", 1));
}

/* The directory may get another name while the output is being written. */
static void test_directory_is_renamed(void **state)
{
	const char *one = tmpdir_file(&dir, "one");
	const char *two = tmpdir_file(&dir, "two");
	struct vs_out *o;

	(void)state;
	assert_int_equal(0, mkdir(one, 0777));
	o = create(tmpdir_file(&dir, "one/a"));
	assert_int_equal(0, vs_out_append(&ctx, o, "x", 1, &err));
	assert_int_equal(0, rename(one, two));
	assert_int_equal(0, vs_out_publish(&ctx, o, VS_PUBLISH_NEW, NULL,
					   &err));
	assert_true(tmpdir_holds(tmpdir_file(&dir, "two/a"), "x", 1));
}

static void test_beyond_4_gib(void **state)
{
	const char *path = tmpdir_file(&dir, "sparse");
	const uint64_t at = (5ull << 30) + 123;
	struct vs_out *o = create(path);
	char buf[8] = "";
	struct stat st;

	(void)state;
	assert_int_equal(0, vs_out_pwrite(&ctx, o, "tail", 4, at, &err));
	assert_true(vs_out_size(o) == at + 4);
	assert_int_equal(0, vs_out_append(&ctx, o, "!", 1, &err));
	assert_int_equal(0, vs_out_pread(&ctx, o, buf, 5, at, &err));
	assert_memory_equal("tail!", buf, 5);
	assert_int_equal(VS_EIO, vs_out_pwrite(&ctx, o, "x", 1, INT64_MAX,
					       &err));
	assert_int_equal(EFBIG, err.sys);
	vs_out_abort(&ctx, o);
	o = create(path);
	assert_int_equal(0, vs_out_pwrite(&ctx, o, "tail", 4, at, &err));
	assert_int_equal(0, vs_out_publish(&ctx, o, VS_PUBLISH_NEW, NULL,
					   &err));
	assert_int_equal(0, stat(path, &st));
	assert_true((uint64_t)st.st_size == at + 4);
}

static void test_order_of_calls(void **state)
{
	static const unsigned char new_file[] = {
		VS_CALL_STAT,  VS_CALL_OPEN,   VS_CALL_LISTDIR, VS_CALL_OPEN,
		VS_CALL_OPEN,  VS_CALL_WRITE,
		VS_CALL_STAT,  VS_CALL_SYNC,   VS_CALL_CLOSE,  VS_CALL_RENAME,
		VS_CALL_UNLINK, VS_CALL_SYNC,  VS_CALL_CLOSE
	};
	static const unsigned char replace[] = {
		VS_CALL_STAT, VS_CALL_STAT, VS_CALL_OPEN,
		VS_CALL_LISTDIR, VS_CALL_OPEN, VS_CALL_OPEN,
		VS_CALL_WRITE, VS_CALL_STAT, VS_CALL_SYNC, VS_CALL_CLOSE,
		VS_CALL_RENAME, VS_CALL_SYNC, VS_CALL_CLOSE
	};
	struct faults f = { .calls = ~(1u << VS_CALL_ALLOC) };
	const char *path = tmpdir_file(&dir, "a");

	(void)state;
	faults_set(&ctx, &f);
	assert_int_equal(0, write_file(path, "x", VS_PUBLISH_NEW));
	assert_int_equal(sizeof(new_file), atomic_load(&f.n_seen));
	assert_memory_equal(new_file, f.log, sizeof(new_file));
	faults_set(&ctx, &f);
	assert_int_equal(0, write_file(path, "y", VS_PUBLISH_REPLACE));
	assert_int_equal(sizeof(replace), atomic_load(&f.n_seen));
	assert_memory_equal(replace, f.log, sizeof(replace));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_appears_only_when_published),
		T(test_temporary_name),
		T(test_temporary_name_is_utf8),
		T(test_positioned_writes_in_any_order),
		T(test_empty_output),
		T(test_new_never_overwrites),
		T(test_replace),
		T(test_link_to_a_file),
		T(test_links_are_not_to_be_had),
		T(test_long_names),
		T(test_long_paths),
		T(test_relative_names),
		T(test_directory_is_renamed),
		T(test_beyond_4_gib),
		T(test_order_of_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
