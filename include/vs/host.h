/* host.h - what this process may use, and what it has used. */
#ifndef VS_HOST_H
#define VS_HOST_H

#include <stdint.h>

/* Monotonic seconds from an arbitrary start. */
double vs_host_secs(void);
/* Seconds since the epoch, for reports; never for results. */
double vs_host_epoch_secs(void);
/* CPUs of the affinity mask, capped by the cgroup (v2 or v1) quota; >= 1. */
unsigned vs_host_cpus(void);
/* Memory this process may use: the smallest of physical memory and the cgroup
 * limits on the way to the root, bytes. */
uint64_t vs_host_memory(void);
/* CPU seconds (user + system) of this process. */
double vs_host_cpu_secs(void);
/* Anonymous resident memory now (RssAnon), bytes; 0 where not known. */
uint64_t vs_host_rss_anon(void);
/* Highest resident set (ru_maxrss), bytes. */
uint64_t vs_host_peak_rss(void);

#endif
