/* answers.h - the ids (and keys) in hit and truth files of several formats. */
#ifndef VS_OP_ANSWERS_H
#define VS_OP_ANSWERS_H

#include "id_map.h"
#include "vs/hits.h"
#include "vs/usbin.h"
#include "vs/vecs.h"

struct vs_answers {
	const char *path;
	struct vs_hits *hits;	/* .vsh, or */
	struct vs_usbin *usbin; /* .usbin, or */
	struct vs_vecs *vecs; /* ivecs and other files of integers */
	uint64_t n_queries;
	uint32_t n_columns;   /* results a query; 0: lists of their own
			       * lengths, of range searches */
	struct vs_hit *block; /* scratch of .vsh */
	size_t block_max;     /* queries it holds */
	struct vs_answers_lists *lists; /* of vs_answers_next */
};

/* By name: .vsh, .usbin, else what vs_vecs_open takes, if it holds integers. */
int vs_answers_open(struct vs_ctx *ctx, const char *path,
		    struct vs_answers *out, struct vs_err *err) VS_MUST_CHECK;
/* The n_columns ids of each of queries first..first+n-1, VS_ID_NONE for pads.
 * keys may be NULL and stays as it is where the file has none. */
int vs_answers_read(struct vs_ctx *ctx, struct vs_answers *a, uint64_t first,
		    size_t n, uint64_t *ids, int64_t *keys,
		    struct vs_err *err) VS_MUST_CHECK;
/* Of lists: the results of all queries. */
uint64_t vs_answers_total(const struct vs_answers *a);
/* Of lists: the *n ids of the next query, the first one at first; they may be
 * changed, and stay until the next call. */
int vs_answers_next(struct vs_ctx *ctx, struct vs_answers *a, uint64_t **ids,
		    uint32_t *n, struct vs_err *err) VS_MUST_CHECK;
/* Takes pads and ids that come twice out of n; returns how many are left, and
 * adds those that came twice to *n_repeated.  seen has room for n. */
uint32_t vs_answers_clean(struct vs_id_map *seen, uint64_t *ids, uint32_t n,
			  uint64_t *n_repeated);
/* Whether the file has distances that are no keys. */
bool vs_answers_has_distances(const struct vs_answers *a);
int vs_answers_distances(struct vs_ctx *ctx, struct vs_answers *a,
			 uint64_t first, size_t n, float *distances,
			 struct vs_err *err) VS_MUST_CHECK;
/* For vs_answers_close: frees what vs_answers_next holds. */
void vs_answers_end_lists(struct vs_ctx *ctx, struct vs_answers *a);
void vs_answers_close(struct vs_ctx *ctx, struct vs_answers *a);

#endif
