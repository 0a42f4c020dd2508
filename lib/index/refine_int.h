/* refine_int.h - the section of rows by which hits of codes are ranked again:
 * one whole row for each slot, of the type that the index names.
 */
#ifndef VS_REFINE_INT_H
#define VS_REFINE_INT_H

#include "shard_build_int.h"
#include "shard_int.h"

/* Whether rows of this type are refined in such an index: what its codes keep
 * whole already is not kept twice. */
bool vs_refine_wanted(const struct vs_factory *index, enum vs_dtype rows);

/* Lists the section, after those of the codes; packs 16 rows of the stream as
 * panel `to` of the slot. */
int vs_refine_start(struct vs_build *b, struct vs_err *err) VS_MUST_CHECK;
void vs_refine_pack(const struct vs_build *b, struct vs_build_slot *s,
		    const void *const rows[VS_PANEL_ROWS], size_t to);

/* Finds it in an opened shard, where there should be one. */
int vs_refine_open(struct vs_ctx *ctx, struct vs_shard *s,
		   struct vs_err *err) VS_MUST_CHECK;
/* The row of a slot, as f32 or bytes. */
int vs_refine_read(struct vs_ctx *ctx, struct vs_shard *s, uint64_t slot,
		   void *row, struct vs_err *err) VS_MUST_CHECK;

#endif
