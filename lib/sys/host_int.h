/* host_int.h - the cgroup part of host.c with its root, for tests. */
#ifndef VS_HOST_INT_H
#define VS_HOST_INT_H

#include <stdint.h>

struct vs_host_limits {
	uint64_t memory; /* bytes; UINT64_MAX: none */
	unsigned cpus;   /* UINT_MAX: none */
};

/* The limits of this process, reading /proc and the cgroup file systems below
 * root ("" for the real ones).  What cannot be read sets no limit. */
void vs_host_cgroup(const char *root, struct vs_host_limits *out);

#endif
