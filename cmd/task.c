/* task.c - the part of a job from the scheduler.
 *
 * The ids of a whole array may start anywhere and have gaps: its parts are
 * counted from the lowest.  But with --array=3,5 two lost parts are run again,
 * so neither the lowest id nor their count says anything of n: which of the
 * two it is turns out when the manifest is read (vs_part_of).
 */
#include "task.h"

#include <stdlib.h>

#include "vs/num.h"

/* False unless the variable is there and an id. */
static bool env_id(const char *name, uint64_t *out)
{
	const char *s = getenv(name);

	return s != NULL && vs_parse_u64(s, out) && *out < VS_PART_OF_MANIFEST;
}

/* The place of id i among the ids of the array.  Older versions of Slurm do
 * not say all of this. */
static void find_place(struct vs_part *part)
{
	uint64_t min, max, step, count;

	if (!env_id("SLURM_ARRAY_TASK_MIN", &min) ||
	    !env_id("SLURM_ARRAY_TASK_MAX", &max) ||
	    !env_id("SLURM_ARRAY_TASK_COUNT", &count))
		return;
	if (!env_id("SLURM_ARRAY_TASK_STEP", &step) || step == 0)
		step = 1;
	/* A list of ids, not a range: the count tells. */
	if (part->i < min || part->i > max || (part->i - min) % step != 0 ||
	    (max - min) / step + 1 != count)
		return;
	part->task_i = (uint32_t)((part->i - min) / step);
	part->task_n = (uint32_t)count;
}

int vs_task_part(struct vs_part *part, struct vs_err *err)
{
	const char *id = getenv("SLURM_ARRAY_TASK_ID");
	uint64_t i;

	if (part->n != 0 || id == NULL || id[0] == '\0')
		return 0;
	if (!vs_parse_u64(id, &i) || i >= VS_PART_OF_MANIFEST)
		return vs_fail(err, VS_EUSAGE,
			       "SLURM_ARRAY_TASK_ID=%s: expected the number of "
			       "a part",
			       id);
	part->i = (uint32_t)i;
	part->n = VS_PART_OF_MANIFEST;
	find_place(part);
	return 0;
}
