/* tool_env.c - the environment, read here and nowhere else (see also
 * task.c): threads, memory and instruction set.
 */
#include "tool_int.h"

#include <stdlib.h>
#include <string.h>

#include "vs/host.h"
#include "vs/kern.h"
#include "vs/num.h"

#define MEMORY_SHARE_PERCENT 80u

/* A number of the scheduler; *out is 0 when the variable is not set. */
static int env_number(const char *name, uint64_t *out, struct vs_err *err)
{
	const char *s = getenv(name);

	*out = 0;
	if (s == NULL || s[0] == '\0' || vs_parse_u64(s, out))
		return 0;
	return vs_fail(err, VS_EUSAGE, "%s=%s: expected a whole number", name,
		       s);
}

static int limit_threads(struct vs_tool_args *args, struct vs_err *err)
{
	uint64_t n;
	int rc;

	args->threads = vs_host_cpus();
	/* Slurm confines a task to its CPUs only where it is set up to. */
	rc = env_number("SLURM_CPUS_PER_TASK", &n, err);
	if (n != 0 && n < args->threads)
		args->threads = (uint32_t)n;
	return rc;
}

/* What --mem-per-cpu gives a task, MiB; 0: nothing said. */
static int memory_by_cpus(uint64_t *out, struct vs_err *err)
{
	uint64_t each, cpus = 0;
	int rc = env_number("SLURM_MEM_PER_CPU", &each, err);

	*out = 0;
	if (rc == 0)
		rc = env_number("SLURM_CPUS_PER_TASK", &cpus, err);
	if (rc == 0 && cpus == 0)
		rc = env_number("SLURM_CPUS_ON_NODE", &cpus, err);
	if (rc != 0)
		return rc;
	if (cpus == 0)
		cpus = vs_host_cpus();
	if (!vs_mul_u64(each, cpus, out))
		*out = 0;
	return 0;
}

static int limit_memory(struct vs_tool_args *args, struct vs_err *err)
{
	uint64_t n, memory = vs_host_memory();
	int rc;

	/* MiB; 0 means all of the node. */
	rc = env_number("SLURM_MEM_PER_NODE", &n, err);
	if (rc == 0 && n == 0)
		rc = memory_by_cpus(&n, err);
	if (rc != 0)
		return rc;
	if (n != 0 && n < memory >> 20)
		memory = n << 20;
	args->memory = memory / 100 * MEMORY_SHARE_PERCENT;
	return 0;
}

int vs_tool_limits(struct vs_tool_args *args, struct vs_err *err)
{
	int rc = 0;

	if (args->threads == 0)
		rc = limit_threads(args, err);
	if (rc == 0 && args->memory == 0)
		rc = limit_memory(args, err);
	return rc;
}

/* "generic avx2 avx512": the levels this machine runs. */
static void list_levels(char *text, size_t size)
{
	size_t n = 0;
	int level;

	text[0] = '\0';
	for (level = VS_CPU_GENERIC; level < VS_CPU_BEST; level++) {
		const struct vs_kern *kern = vs_kern_exact((enum vs_cpu)level);

		if (kern != NULL && n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%s",
					      n == 0 ? "" : ", ", kern->name);
	}
}

const char *vs_tool_scratch(void)
{
	const char *dir = getenv("TMPDIR");

	return dir != NULL && dir[0] != '\0' ? dir : NULL;
}

int vs_tool_kernels(struct vs_ctx *ctx, struct vs_err *err)
{
	const char *word = getenv("VS_CPU");
	enum vs_cpu level = VS_CPU_BEST;
	char have[128];

	ctx->kern = vs_kern_select(VS_CPU_BEST);
	if (word == NULL || word[0] == '\0')
		return 0;
	list_levels(have, sizeof(have));
	if (!vs_cpu_parse(word, &level))
		return vs_fail(err, VS_EUSAGE,
			       "VS_CPU=%s: no such instruction set; this "
			       "machine has %s",
			       word, have);
	if (vs_kern_exact(level) == NULL)
		return vs_fail(err, VS_EUSAGE,
			       "VS_CPU=%s: this machine lacks it; it has %s",
			       word, have);
	ctx->kern = vs_kern_exact(level);
	return 0;
}
