/* usbin.h - the ground truth of the big-ann benchmarks, read in blocks.
 *
 *   u32 queries, u32 k, all u32 ids, all f32 distances
 *
 * or, of range searches, where each query has as many results as lie within
 * the radius,
 *
 *   i32 queries, i32 total, i32 counts[queries], all u32 ids, all f32 distances
 *
 * All ids come before all distances, which some producers leave out.  There is
 * no magic: the size says which of the four it is, and k neighbours where a few
 * bytes could be either.  0xffffffff pads k neighbours.
 */
#ifndef VS_USBIN_H
#define VS_USBIN_H

#include "vs/file.h"

#define VS_USBIN_HEAD 8u /* bytes before the ids */

/* What a file of some size with these first bytes can be. */
enum vs_usbin_form {
	VS_USBIN_NOT,
	VS_USBIN_IDS,  /* without distances */
	VS_USBIN_FULL, /* with distances */
	VS_USBIN_RANGE,	    /* of range searches, without distances */
	VS_USBIN_RANGE_FULL /* and with them */
};
enum vs_usbin_form vs_usbin_form(uint64_t size,
				 const uint8_t head[VS_USBIN_HEAD]);

struct vs_usbin;

/* VS_EDATA when the size fits no form.  A pipe and zstd (.usbin.zst) are kept
 * in a scratch file.  Of range searches the counts must add up to the total,
 * and no distance may be NaN. */
int vs_usbin_open(struct vs_ctx *ctx, const char *path, struct vs_usbin **out,
		  struct vs_err *err) VS_MUST_CHECK;
uint32_t vs_usbin_queries(const struct vs_usbin *u);
/* 0: it is of range searches. */
uint32_t vs_usbin_k(const struct vs_usbin *u);
bool vs_usbin_has_distances(const struct vs_usbin *u);
/* The k ids of each of queries first..first+n-1, UINT64_MAX for pads. */
int vs_usbin_ids(struct vs_ctx *ctx, struct vs_usbin *u, uint64_t first,
		 size_t n, uint64_t *ids, struct vs_err *err) VS_MUST_CHECK;
/* Their distances, where there are any; a NaN is VS_EDATA. */
int vs_usbin_distances(struct vs_ctx *ctx, struct vs_usbin *u, uint64_t first,
		       size_t n, float *distances,
		       struct vs_err *err) VS_MUST_CHECK;

/* Of range searches: the results of all queries, and the most of one. */
uint64_t vs_usbin_total(const struct vs_usbin *u);
uint32_t vs_usbin_longest(const struct vs_usbin *u);
/* How many results each of queries first..first+n-1 has. */
int vs_usbin_counts(struct vs_ctx *ctx, struct vs_usbin *u, uint64_t first,
		    size_t n, uint32_t *counts,
		    struct vs_err *err) VS_MUST_CHECK;
/* n of all ids from place at on; those of a query follow those of the queries
 * before it.  0xffffffff is VS_EDATA: nothing is padded. */
int vs_usbin_listed(struct vs_ctx *ctx, struct vs_usbin *u, uint64_t at,
		    size_t n, uint64_t *ids, struct vs_err *err) VS_MUST_CHECK;

void vs_usbin_close(struct vs_ctx *ctx, struct vs_usbin *u);

#endif
