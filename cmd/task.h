/* task.h - which part of a job this process is. */
#ifndef VS_CMD_TASK_H
#define VS_CMD_TASK_H

#include "vs/op.h"

/* In a Slurm array job fills a part that was not given: i is the task id, its
 * place among the tasks is noted where it is known, and n is left to the
 * manifest (VS_PART_OF_MANIFEST).  VS_EUSAGE when the id is no
 * number. */
int vs_task_part(struct vs_part *part, struct vs_err *err) VS_MUST_CHECK;

#endif
