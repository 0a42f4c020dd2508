/* split.h - the rows of one shard set apart from the inputs, to be read where
 * its build runs: three files,
 *
 *   DIR/00003-of-00008.npy       vectors, in the order of the input
 *   DIR/00003-of-00008.ids.npy   their ids, u64
 *   DIR/00003-of-00008.yaml      the record: whose rows these are
 *
 * The record comes last, so where it stands the others are complete.
 */
#ifndef VS_SPLIT_H
#define VS_SPLIT_H

#include "vs/ctx.h"
#include "vs/file.h"
#include "vs/hash.h"

#define VS_SPLIT_DIR "split" /* in the collection, unless told otherwise */
#define VS_SPLIT_VECTORS ".npy"
#define VS_SPLIT_IDS ".ids.npy"
#define VS_SPLIT_RECORD ".yaml"

struct vs_split {
	struct vs_digest fingerprint; /* of the shard */
	uint64_t n_rows;
	struct vs_digest vectors, ids; /* quick digests */
};

/* The name of a file of shard i of n, owned by the caller. */
char *vs_split_path(struct vs_ctx *ctx, const char *dir, uint32_t i, uint32_t n,
		    const char *suffix, struct vs_err *err) VS_MUST_CHECK;
int vs_split_write(struct vs_ctx *ctx, const char *path,
		   const struct vs_split *s,
		   struct vs_err *err) VS_MUST_CHECK;
/* VS_EDATA when it is damaged. */
int vs_split_read(struct vs_ctx *ctx, const char *path, struct vs_split *out,
		  struct vs_err *err) VS_MUST_CHECK;

#endif
