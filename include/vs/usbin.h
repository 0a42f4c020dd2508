/* usbin.h - the ground truth of the big-ann benchmarks, read in blocks.
 *
 *   u32 queries, u32 k, all u32 ids, all f32 distances
 *
 * All ids come before all distances, which some producers leave out.  There is
 * no magic: the size says which of the two it is.  0xffffffff pads.
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
	VS_USBIN_RANGE /* i32 queries, i32 results, i32 counts[queries],
			* ids[results], perhaps distances[results] */
};
enum vs_usbin_form vs_usbin_form(uint64_t size,
				 const uint8_t head[VS_USBIN_HEAD]);

struct vs_usbin;

/* VS_EDATA when the size fits neither form; a truth of range searches is told
 * by its size and refused as such.  A pipe and zstd (.usbin.zst) are kept in a
 * scratch file. */
int vs_usbin_open(struct vs_ctx *ctx, const char *path, struct vs_usbin **out,
		  struct vs_err *err) VS_MUST_CHECK;
uint32_t vs_usbin_queries(const struct vs_usbin *u);
uint32_t vs_usbin_k(const struct vs_usbin *u);
bool vs_usbin_has_distances(const struct vs_usbin *u);
/* The k ids of each of queries first..first+n-1, UINT64_MAX for pads. */
int vs_usbin_ids(struct vs_ctx *ctx, struct vs_usbin *u, uint64_t first,
		 size_t n, uint64_t *ids, struct vs_err *err) VS_MUST_CHECK;
/* Their distances, where there are any; a NaN is VS_EDATA. */
int vs_usbin_distances(struct vs_ctx *ctx, struct vs_usbin *u, uint64_t first,
		       size_t n, float *distances,
		       struct vs_err *err) VS_MUST_CHECK;
void vs_usbin_close(struct vs_ctx *ctx, struct vs_usbin *u);

#endif
