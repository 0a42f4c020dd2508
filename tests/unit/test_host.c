/* test_host.c - clocks, use of memory, and limits of cgroups in made-up trees.
 */
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/sys/host_int.h"
#include "tmpdir.h"
#include "vs/host.h"

static struct tmpdir dir;

static int setup(void **state)
{
	(void)state;
	tmpdir_make(&dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tmpdir_remove(&dir);
	return 0;
}

/* Writes a file of the tree with all directories on the way. */
static void put(const char *name, const char *text)
{
	char path[TMPDIR_PATH_MAX];
	char *p;

	snprintf(path, sizeof(path), "%s", tmpdir_file(&dir, name));
	for (p = path + strlen(dir.path) + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(path, 0777);
		*p = '/';
	}
	tmpdir_put(path, text, strlen(text));
}

static struct vs_host_limits limits(void)
{
	struct vs_host_limits l;

	vs_host_cgroup(dir.path, &l);
	return l;
}

static void test_clocks(void **state)
{
	double t = vs_host_secs(), c = vs_host_cpu_secs();
	volatile unsigned spin = 0;

	(void)state;
	while (vs_host_secs() < t + 0.1)
		spin++;
	assert_true(vs_host_cpu_secs() > c);
	assert_true(vs_host_secs() > t);
}

static void test_memory_in_use(void **state)
{
	const size_t n = (size_t)32 << 20;
	uint64_t before = vs_host_rss_anon();
	char *p = malloc(n);
	volatile char *q = p;
	size_t i;

	(void)state;
	assert_non_null(p);
	for (i = 0; i < n; i += 4096)
		q[i] = 1;
	assert_true(vs_host_rss_anon() >= before + n - (n >> 4));
	assert_true(vs_host_peak_rss() >= n);
	free(p);
}

static void test_cpus_follow_the_affinity(void **state)
{
	cpu_set_t all, one;
	unsigned n = vs_host_cpus();
	size_t i;

	(void)state;
	assert_true(n >= 1);
	assert_int_equal(0, sched_getaffinity(0, sizeof(all), &all));
	assert_true(n <= (unsigned)CPU_COUNT(&all));
	CPU_ZERO(&one);
	for (i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all))
			break;
	CPU_SET(i, &one);
	assert_int_equal(0, sched_setaffinity(0, sizeof(one), &one));
	assert_int_equal(1, vs_host_cpus());
	assert_int_equal(0, sched_setaffinity(0, sizeof(all), &all));
	assert_int_equal(n, vs_host_cpus());
}

static void test_memory_of_the_machine(void **state)
{
	uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) *
		       (uint64_t)sysconf(_SC_PAGESIZE);

	(void)state;
	assert_true(vs_host_memory() > (1 << 20));
	assert_true(vs_host_memory() <= all);
}

#define V2_MOUNT "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - " \
		 "cgroup2 cgroup2 rw,nsdelegate\n"

static void test_nothing_sets_no_limit(void **state)
{
	(void)state;
	assert_true(limits().memory == UINT64_MAX);
	assert_true(limits().cpus == UINT_MAX);
	put("proc/self/mountinfo", "garbage\n- - -\n\n1 2 3 4\n - cgroup2\n"
				   "22 1 8:1 / / rw - ext4 /dev/sda rw\n");
	put("proc/self/cgroup", "garbage\n:\n0:\n");
	assert_true(limits().memory == UINT64_MAX);
	put("proc/self/mountinfo", V2_MOUNT);
	put("proc/self/cgroup", "0::/a/b\n");
	put("sys/fs/cgroup/a/b/memory.max", "max\n");
	put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	assert_true(limits().memory == UINT64_MAX);
	assert_true(limits().cpus == UINT_MAX);
	put("sys/fs/cgroup/a/b/cpu.max", "garbage\n");
	put("sys/fs/cgroup/a/b/memory.max", "");
	assert_true(limits().memory == UINT64_MAX);
	assert_true(limits().cpus == UINT_MAX);
}

static void test_version_2(void **state)
{
	(void)state;
	put("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda rw\n"
				   V2_MOUNT);
	put("proc/self/cgroup", "0::/slurm/job_7/step_0\n");
	put("sys/fs/cgroup/slurm/job_7/step_0/memory.max", "max\n");
	put("sys/fs/cgroup/slurm/job_7/memory.max", "1073741824\n");
	put("sys/fs/cgroup/slurm/memory.max", "8589934592\n");
	put("sys/fs/cgroup/slurm/job_7/cpu.max", "250000 100000\n");
	put("sys/fs/cgroup/slurm/cpu.max", "1600000 100000\n");
	assert_true(limits().memory == 1ull << 30);
	assert_int_equal(3, limits().cpus);
	/* the smallest on the way counts, wherever it stands */
	put("sys/fs/cgroup/slurm/job_7/step_0/memory.max", "536870912\n");
	put("sys/fs/cgroup/slurm/cpu.max", "100000 100000\n");
	assert_true(limits().memory == 1ull << 29);
	assert_int_equal(1, limits().cpus);
	/* where the group is throttled */
	put("sys/fs/cgroup/slurm/job_7/memory.high", "268435456\n");
	assert_true(limits().memory == 1ull << 28);
	/* a tenth of a CPU is still one */
	put("sys/fs/cgroup/slurm/cpu.max", "10000 100000\n");
	assert_int_equal(1, limits().cpus);
	put("sys/fs/cgroup/slurm/cpu.max", "10000 0\n");
	assert_int_equal(3, limits().cpus);
}

static void test_version_2_at_the_root(void **state)
{
	(void)state;
	/* a container with its own name space */
	put("proc/self/mountinfo", V2_MOUNT);
	put("proc/self/cgroup", "0::/\n");
	put("sys/fs/cgroup/memory.max", "123456789\n");
	put("sys/fs/cgroup/cpu.max", "400000 100000\n");
	assert_int_equal(123456789, limits().memory);
	assert_int_equal(4, limits().cpus);
	/* a group outside of what can be seen */
	put("proc/self/cgroup", "0::/../x\n");
	assert_true(limits().memory == UINT64_MAX);
}

static void test_version_1(void **state)
{
	(void)state;
	put("proc/self/mountinfo",
	    "31 30 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
	    "32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup "
	    "rw,cpu,cpuacct\n"
	    "33 30 0:29 / /sys/fs/cgroup/memory rw shared:1 master:2 - cgroup "
	    "cgroup rw,memory\n");
	put("proc/self/cgroup", "11:cpuset:/set\n10:memory:/job/m\n"
				"9:cpu,cpuacct:/job/c\n1:name=systemd:/x\n"
				"0::/\n");
	put("sys/fs/cgroup/memory/job/m/memory.limit_in_bytes",
	    "9223372036854771712\n");
	put("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "2147483648\n");
	put("sys/fs/cgroup/cpu,cpuacct/job/c/cpu.cfs_quota_us", "-1\n");
	put("sys/fs/cgroup/cpu,cpuacct/job/c/cpu.cfs_period_us", "100000\n");
	put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "450000\n");
	put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
	/* of another controller */
	put("sys/fs/cgroup/cpuset/set/memory.limit_in_bytes", "1\n");
	assert_true(limits().memory == 1ull << 31);
	assert_int_equal(5, limits().cpus);
}

static void test_version_1_in_a_container(void **state)
{
	(void)state;
	/* the mount shows only the group, its path is that of the host */
	put("proc/self/mountinfo",
	    "33 30 0:29 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup "
	    "rw,memory\n"
	    "34 30 0:30 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup "
	    "rw,cpu,cpuacct\n");
	put("proc/self/cgroup", "4:memory:/docker/abc\n3:cpu,cpuacct:"
				"/docker/abc/sub\n");
	put("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000\n");
	put("sys/fs/cgroup/cpu/sub/cpu.cfs_quota_us", "200000\n");
	put("sys/fs/cgroup/cpu/sub/cpu.cfs_period_us", "100000\n");
	assert_int_equal(1000000, limits().memory);
	assert_int_equal(2, limits().cpus);
}

static void test_both_versions(void **state)
{
	(void)state;
	put("proc/self/mountinfo",
	    "33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	    "41 30 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	put("proc/self/cgroup", "4:memory:/a\n0::/b\n");
	put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "5000\n");
	put("sys/fs/cgroup/unified/b/memory.max", "4000\n");
	put("sys/fs/cgroup/unified/b/cpu.max", "100000 100000\n");
	assert_int_equal(4000, limits().memory);
	assert_int_equal(1, limits().cpus);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_clocks),
		T(test_memory_in_use),
		T(test_cpus_follow_the_affinity),
		T(test_memory_of_the_machine),
		T(test_nothing_sets_no_limit),
		T(test_version_2),
		T(test_version_2_at_the_root),
		T(test_version_1),
		T(test_version_1_in_a_container),
		T(test_both_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
