/* cgroup.c - the limits that cgroups of version 1 and 2 set this process.
 *
 * Has no context, as host.c; whatever cannot be read or understood sets no
 * limit.
 */
#include "host_int.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "vs/num.h"

#define TEXT_MAX 4096

/* The first line of DIR/NAME; false when there is none. */
static bool read_line(const char *dir, const char *name, char out[128])
{
	char path[2 * TEXT_MAX];
	FILE *f;
	bool ok;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    (int)sizeof(path))
		return false;
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	ok = fgets(out, 128, f) != NULL;
	fclose(f);
	if (ok)
		out[strcspn(out, "\n")] = '\0';
	return ok;
}

static bool read_number(const char *dir, const char *name, uint64_t *out)
{
	char line[128];

	return read_line(dir, name, line) && vs_parse_u64(line, out);
}

static void limit_cpus(struct vs_host_limits *out, uint64_t quota,
		       uint64_t period)
{
	uint64_t n;

	if (period == 0)
		return;
	n = vs_div_up(quota, period);
	if (n == 0)
		n = 1;
	if (n < out->cpus)
		out->cpus = (unsigned)n;
}

/* The limits that stand in one cgroup directory, of version 2 or 1; files of
 * the other version are not there. */
static void read_limits(const char *dir, struct vs_host_limits *out)
{
	static const char *const memory[] = { "memory.max", "memory.high",
					      "memory.limit_in_bytes" };
	char line[128];
	uint64_t a, b;
	size_t i, n;

	for (i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
		if (read_number(dir, memory[i], &a))
			out->memory = vs_min_u64(out->memory, a);
	if (read_line(dir, "cpu.max", line)) {
		n = strcspn(line, " ");
		if (vs_parse_u64_n(line, n, &a) && line[n] == ' ' &&
		    vs_parse_u64(line + n + 1, &b))
			limit_cpus(out, a, b);
	}
	/* The quota is -1 when there is none: then it is no number. */
	if (read_number(dir, "cpu.cfs_quota_us", &a) &&
	    read_number(dir, "cpu.cfs_period_us", &b))
		limit_cpus(out, a, b);
}

/* A mounted cgroup hierarchy, from a line of mountinfo (proc(5)). */
struct hierarchy {
	char *root;    /* the group that is mounted */
	char *point;   /* where */
	char *options; /* of version 1: its controllers */
	bool v2;
};

/* True when the comma-separated list has the word. */
static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);
	const char *p = list;

	while ((p = strstr(p, word)) != NULL) {
		if ((p == list || p[-1] == ',') &&
		    (p[n] == ',' || p[n] == '\0'))
			return true;
		p += n;
	}
	return false;
}

/* "36 35 98:0 /root /point opts [fields] - type source super-options" */
static bool parse_mount(char *line, struct hierarchy *h)
{
	char *sep = strstr(line, " - "), *save = NULL, *type;
	char *field[5];
	size_t i;

	if (sep == NULL)
		return false;
	*sep = '\0';
	for (i = 0; i < 5; i++) {
		field[i] = strtok_r(i == 0 ? line : NULL, " ", &save);
		if (field[i] == NULL)
			return false;
	}
	h->root = field[3];
	h->point = field[4];
	type = strtok_r(sep + 3, " ", &save);
	if (type == NULL || strtok_r(NULL, " ", &save) == NULL)
		return false;
	h->options = strtok_r(NULL, " ", &save);
	h->v2 = strcmp(type, "cgroup2") == 0;
	if (h->v2)
		return true;
	return strcmp(type, "cgroup") == 0 && h->options != NULL &&
	       (has_word(h->options, "cpu") || has_word(h->options, "memory"));
}

/* The group of this process in the hierarchy, from /proc/self/cgroup: lines
 * "0::/group" and "4:cpu,cpuacct:/group". */
static bool find_group(const char *root, const struct hierarchy *h,
		       char group[TEXT_MAX])
{
	char path[TEXT_MAX], line[TEXT_MAX];
	char *list, *name;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		list = strchr(line, ':');
		name = list == NULL ? NULL : strchr(list + 1, ':');
		if (name == NULL)
			continue;
		*name++ = '\0';
		list++;
		found = h->v2 ? *list == '\0' :
				*list != '\0' &&
					(has_word(h->options, "memory") ?
						 has_word(list, "memory") :
						 has_word(list, "cpu"));
		if (found)
			snprintf(group, TEXT_MAX, "%s", name);
	}
	fclose(f);
	return found;
}

/* Reads the limits from the group up to the mounted one. */
static void read_hierarchy(const char *root, const struct hierarchy *h,
			   struct vs_host_limits *out)
{
	char group[TEXT_MAX], dir[2 * TEXT_MAX];
	size_t n_root = strlen(h->root), base;
	const char *rest;
	char *slash;

	/* "/../x" lies outside of what this process may see. */
	if (!find_group(root, h, group) || strncmp(group, "/..", 3) == 0)
		return;
	/* In a container the mount may show only the group itself. */
	rest = group;
	if (strcmp(h->root, "/") != 0 &&
	    strncmp(group, h->root, n_root) == 0 &&
	    (group[n_root] == '/' || group[n_root] == '\0'))
		rest = group + n_root;
	base = strlen(root) + strlen(h->point);
	if (snprintf(dir, sizeof(dir), "%s%s%s", root, h->point, rest) >=
	    (int)sizeof(dir))
		return;
	for (;;) {
		read_limits(dir, out);
		slash = strrchr(dir, '/');
		if (slash == NULL || (size_t)(slash - dir) < base)
			return;
		*slash = '\0';
	}
}

void vs_host_cgroup(const char *root, struct vs_host_limits *out)
{
	char path[TEXT_MAX], line[TEXT_MAX];
	struct hierarchy h;
	FILE *f;

	out->memory = UINT64_MAX;
	out->cpus = UINT_MAX;
	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root);
	f = fopen(path, "re");
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (parse_mount(line, &h))
			read_hierarchy(root, &h, out);
	}
	fclose(f);
}
