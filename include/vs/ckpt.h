/* ckpt.h - checkpoints: what a stopped command leaves for its next run.
 *
 * A checkpoint stands beside the output it is for, ".NAME.ckpt", and is one
 * small head of fixed size and one array, under a checksum and the digest of
 * the task; vs-format(5) has the bytes.  It is published as any output, so it
 * is whole or not there.  It is only ever a shortcut: one that is damaged or
 * belongs to another task is passed over with a warning, and a checkpoint that
 * cannot be written costs a warning, too, never the work.
 */
#ifndef VS_CKPT_H
#define VS_CKPT_H

#include "vs/file.h"
#include "vs/hash.h"

/* Kinds; part of the file. */
#define VS_CKPT_KMEANS 1u
#define VS_CKPT_CELLS 2u

#define VS_CKPT_HEAD_MAX 256u /* bytes of a task's own head */

struct vs_ckpt {
	uint32_t kind;
	struct vs_digest task; /* of all that the rest of the work depends on */
	void *head; /* [n_head] */
	size_t n_head;
	void *data; /* [n_data] */
	size_t n_data;
	bool growing; /* load: up to n_data bytes, which is set to how many */
};

/* The name of the checkpoint of an output, owned by the caller. */
char *vs_ckpt_path(struct vs_ctx *ctx, const char *out,
		   struct vs_err *err) VS_MUST_CHECK;

/* Replaces what stands there. */
int vs_ckpt_save(struct vs_ctx *ctx, const char *path,
		 const struct vs_ckpt *c, struct vs_err *err) VS_MUST_CHECK;

/* Fills head and data when a sound checkpoint of this kind, task and these
 * sizes stands there.  Otherwise *found is false, what they hold is undefined,
 * and unless there is no file the log has a warning that says why.  Fails only
 * for want of memory or when a stop is asked for. */
int vs_ckpt_load(struct vs_ctx *ctx, const char *path, struct vs_ckpt *c,
		 bool *found, struct vs_err *err) VS_MUST_CHECK;

/* When to write one: not before every_secs have passed, nor so often that
 * writing takes more than a part in 20 of the time, and at a stop only when
 * it will not keep the caller waiting. */
struct vs_ckpt_clock {
	uint32_t every_secs;
	double last_secs; /* when the last write ended */
	double cost_secs; /* what it took */
};
void vs_ckpt_clock_start(struct vs_ckpt_clock *t, uint32_t every_secs);
bool vs_ckpt_is_due(const struct vs_ckpt_clock *t, bool stopping);
/* vs_ckpt_save, timed; failure is a warning in the log. */
void vs_ckpt_offer(struct vs_ctx *ctx, struct vs_ckpt_clock *t,
		   const char *path, const struct vs_ckpt *c);

/* Removes it, if it is there; a warning when that cannot be done. */
void vs_ckpt_remove(struct vs_ctx *ctx, const char *path);
/* The same for the checkpoint of an output; fails only for want of memory. */
int vs_ckpt_remove_of(struct vs_ctx *ctx, const char *out,
		      struct vs_err *err) VS_MUST_CHECK;

#endif
