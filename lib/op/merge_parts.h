/* merge_parts.h - the parts of a merge: whether they belong together, what they
 * cover, and their hits.
 */
#ifndef VS_OP_MERGE_PARTS_H
#define VS_OP_MERGE_PARTS_H

#include "vs/op.h"

struct vs_merge_part {
	const char *path;
	struct vs_hits *hits; /* NULL while it is closed */
	struct vs_digest fingerprint;
	/* The least fingerprint among it and its copies. */
	struct vs_digest least;
	struct vs_hits_source *sources; /* owned */
	size_t n_sources;
	uint32_t k;
	size_t original; /* the part that it is a copy of, or itself */
};

struct vs_merge_parts {
	struct vs_merge_part *part;
	size_t n;
	size_t n_open;
	struct vs_hits_info info; /* of the answer: k, sources, incomplete */
	uint64_t n_rows;	  /* of the sources */
	uint32_t *missing;	  /* shards that no part covers, ascending */
	uint32_t n_missing;
};

/* Opens args->parts and checks that they belong together.  VS_EDATA naming two
 * files when they do not, VS_ENOINPUT when shards are missing that
 * args->allow_missing does not name, VS_EUSAGE when k is too large. */
int vs_merge_parts_open(struct vs_ctx *ctx, const struct vs_merge_args *args,
			struct vs_merge_parts *out,
			struct vs_err *err) VS_MUST_CHECK;
/* Hits of queries first..first+n-1 of part i.  Safe from several threads for
 * different parts.  More parts than can be open at once are opened again. */
int vs_merge_parts_read(struct vs_ctx *ctx, struct vs_merge_parts *p, size_t i,
			uint64_t first, size_t n, struct vs_hit *hits,
			struct vs_err *err) VS_MUST_CHECK;
/* Of parts whose k is 0: as vs_hits_starts and vs_hits_lists. */
int vs_merge_parts_starts(struct vs_ctx *ctx, struct vs_merge_parts *p,
			  size_t i, uint64_t first, size_t n, uint64_t *start,
			  struct vs_err *err) VS_MUST_CHECK;
int vs_merge_parts_lists(struct vs_ctx *ctx, struct vs_merge_parts *p,
			 size_t i, uint64_t first, size_t n, uint64_t *start,
			 struct vs_hit *hits, struct vs_err *err) VS_MUST_CHECK;
/* "3, 5 and 7", at most a few numbers and how many more. */
#define VS_MERGE_LIST_MAX 128
const char *vs_merge_list(const uint32_t *numbers, uint32_t n,
			  char out[VS_MERGE_LIST_MAX]);
void vs_merge_parts_close(struct vs_ctx *ctx, struct vs_merge_parts *p);

#endif
