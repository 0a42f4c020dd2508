/* step_file.h - what tasks of one training hand each other: the centroids of an
 * iteration (a step), and the sums of a part of the rows (sums).  Both are
 * containers, see vs-format(5).
 */
#ifndef VS_STEP_FILE_H
#define VS_STEP_FILE_H

#include "vs/hash.h"
#include "vs/kmeans_step.h"
#include "vs/model.h"
#include "vs/op.h"

struct vs_step {
	/* known beforehand: the model (index, metric, dtype, dim, fingerprint),
	 * and of shape nlist, dim and n */
	const struct vs_model *model;
	struct vs_kmeans_shape shape;
	/* in the file */
	struct vs_digest input; /* full digest of the vectors */
	struct vs_kmeans_state state;
};

/* The name of the step of an iteration, and of the sums of a part; owned by the
 * caller. */
char *vs_step_path(struct vs_ctx *ctx, const char *dir, uint32_t iteration,
		   struct vs_err *err) VS_MUST_CHECK;
char *vs_sums_path(struct vs_ctx *ctx, const char *dir, uint32_t iteration,
		   const struct vs_part *part,
		   struct vs_err *err) VS_MUST_CHECK;

int vs_step_write(struct vs_ctx *ctx, const char *path,
		  const struct vs_step *s, enum vs_publish how,
		  struct vs_err *err) VS_MUST_CHECK;
/* Fills input, state and the scale; state.centroids has room.  VS_EDATA when
 * the step is damaged, or of another training. */
int vs_step_read(struct vs_ctx *ctx, const char *path, uint32_t iteration,
		 struct vs_step *s, struct vs_err *err) VS_MUST_CHECK;

/* Of the sums of a part: what they were made from, all of the step with it. */
int vs_sums_fingerprint(struct vs_ctx *ctx, const struct vs_step *s,
			const struct vs_part *part, struct vs_digest *out,
			struct vs_err *err) VS_MUST_CHECK;
int vs_sums_write(struct vs_ctx *ctx, const char *path,
		  const struct vs_step *s, const struct vs_part *part,
		  const struct vs_kmeans_sums *sums, enum vs_publish how,
		  struct vs_err *err) VS_MUST_CHECK;
/* Adds the sums of a part to *sums.  VS_EDATA when they are damaged, of other
 * centroids, vectors or parameters, or of another part. */
int vs_sums_join(struct vs_ctx *ctx, const char *path,
		 const struct vs_step *s, const struct vs_part *part,
		 struct vs_kmeans_sums *sums, struct vs_err *err) VS_MUST_CHECK;

/* The rows first .. end of n that part i of n has. */
static inline uint64_t vs_part_first(uint64_t n_rows,
				     const struct vs_part *part, uint32_t i)
{
	return n_rows / part->n * i + n_rows % part->n * i / part->n;
}

#endif
