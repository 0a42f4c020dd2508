/* ids.h - the ids of rows, given in a file: one for each row of a set.
 *
 * NAME.npy    an array of (n) or (n, 1) integers of 4 or 8 bytes
 * NAME.ivecs, NAME.ibin   one column
 * others      text, a decimal number a line
 *
 * Each may be packed by zstd (NAME.npy.zst, ids.txt.zst) or come by a pipe.
 *
 * An id is a whole number from 0 to 2^64 - 2.
 */
#ifndef VS_IDS_H
#define VS_IDS_H

#include "vs/ctx.h"
#include "vs/hash.h"

#define VS_ID_MAX (UINT64_MAX - 1)

struct vs_ids;

/* VS_EDATA unless the file has n_rows ids; of text every line is checked, of
 * others each id when it is read.  name stands in that message as what has
 * n_rows rows. */
int vs_ids_open(struct vs_ctx *ctx, const char *path, uint64_t n_rows,
		const char *name, struct vs_ids **out,
		struct vs_err *err) VS_MUST_CHECK;
const char *vs_ids_path(const struct vs_ids *ids);
/* The ids of rows first..first+n-1, which exist.  By one thread at a time;
 * quickest in order. */
int vs_ids_read(struct vs_ctx *ctx, struct vs_ids *ids, uint64_t first,
		size_t n, uint64_t *out, struct vs_err *err) VS_MUST_CHECK;
/* Their quick identity: as vs_vecs_quick_digest of a column of u64, so it does
 * not depend on the format. */
int vs_ids_quick_digest(struct vs_ctx *ctx, struct vs_ids *ids,
			struct vs_digest *out,
			struct vs_err *err) VS_MUST_CHECK;
void vs_ids_close(struct vs_ctx *ctx, struct vs_ids *ids);

#endif
