/* part.h - one shard of a collection: its number, and the rows it holds. */
#ifndef VS_OP_PART_H
#define VS_OP_PART_H

#include "stream.h"
#include "vs/manifest.h"
#include "vs/op.h"

/* Which shard of m the part is; collection is what the user called it. */
int vs_part_number(const char *collection, const struct vs_part *part,
		   const struct vs_manifest *m, uint32_t *i,
		   struct vs_err *err) VS_MUST_CHECK;

struct vs_part_rows {
	struct vs_op_stream stream;
	uint64_t n_rows; /* that the stream gives */
	uint64_t id_max; /* no id is larger, where none are given */
	bool ids_given;
	struct vs_ring *ring;
	uint32_t shard;
};

/* The rows of shard i out of the inputs.  out must stay where it is. */
int vs_part_rows_open(struct vs_ctx *ctx, const struct vs_manifest *m,
		      uint32_t i, struct vs_part_rows *out,
		      struct vs_err *err) VS_MUST_CHECK;
/* The same rows from where vs-shard split put them: in dir, or, when that is
 * NULL, in its usual place.  Without a split in the usual place *found is false
 * and nothing is opened; dir without one is VS_ENOINPUT.  VS_EDATA when it is
 * not that of this shard. */
int vs_part_split_open(struct vs_ctx *ctx, const struct vs_manifest *m,
		       uint32_t i, const char *dir, struct vs_part_rows *out,
		       bool *found, struct vs_err *err) VS_MUST_CHECK;
/* The usual place, owned by the caller. */
char *vs_part_split_dir(struct vs_ctx *ctx, const struct vs_manifest *m,
			struct vs_err *err) VS_MUST_CHECK;
void vs_part_rows_close(struct vs_ctx *ctx, struct vs_part_rows *p);

#endif
