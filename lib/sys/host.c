/* host.c - affinity, clocks and use of memory; limits of groups in cgroup.c.
 *
 * Has no context, since it is asked before there is one: its small reads of
 * /proc do not go through vs/file.h.
 */
#include "vs/host.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "host_int.h"
#include "vs/num.h"

#define CPUS_MAX ((size_t)1 << 16)

double vs_host_secs(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double vs_host_epoch_secs(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double vs_host_cpu_secs(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) != 0)
		return 0;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

uint64_t vs_host_peak_rss(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) != 0)
		return 0;
	return (uint64_t)u.ru_maxrss * 1024;
}

uint64_t vs_host_rss_anon(void)
{
	static const char key[] = "RssAnon:";
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t kib = 0;
	const char *p;

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, key, sizeof(key) - 1) != 0)
			continue;
		p = line + sizeof(key) - 1;
		p += strspn(p, " \t");
		if (!vs_parse_u64_n(p, strspn(p, "0123456789"), &kib))
			kib = 0;
		break;
	}
	fclose(f);
	return kib * 1024;
}

/* The CPUs of the affinity mask; the mask of a big machine may be larger than
 * cpu_set_t. */
static unsigned affinity_cpus(void)
{
	unsigned n = 0;
	size_t cpus, size;
	cpu_set_t *set;
	long online;

	for (cpus = CPU_SETSIZE; n == 0 && cpus <= CPUS_MAX; cpus *= 2) {
		size = CPU_ALLOC_SIZE(cpus);
		set = CPU_ALLOC(cpus);
		if (set == NULL)
			break;
		if (sched_getaffinity(0, size, set) == 0)
			n = (unsigned)CPU_COUNT_S(size, set);
		CPU_FREE(set);
	}
	if (n > 0)
		return n;
	online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (unsigned)online : 1;
}

unsigned vs_host_cpus(void)
{
	struct vs_host_limits limits;
	unsigned n = affinity_cpus();

	vs_host_cgroup("", &limits);
	return limits.cpus < n ? limits.cpus : n;
}

uint64_t vs_host_memory(void)
{
	struct vs_host_limits limits;
	long pages = sysconf(_SC_PHYS_PAGES);
	long size = sysconf(_SC_PAGESIZE);
	uint64_t all = UINT64_MAX;

	if (pages > 0 && size > 0)
		all = (uint64_t)pages * (uint64_t)size;
	vs_host_cgroup("", &limits);
	return vs_min_u64(all, limits.memory);
}
