/* task.c - the part of a job from the scheduler.
 *
 * The task id itself is the part: with --array=3,5 two lost parts are run
 * again, so neither the lowest id nor their count says anything of n.
 */
#include "task.h"

#include <stdlib.h>

#include "vs/num.h"

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
	return 0;
}
