/* id_map.h - a map from row ids to small numbers, for one query at a time. */
#ifndef VS_OP_ID_MAP_H
#define VS_OP_ID_MAP_H

#include <stdint.h>

#include "vs/ctx.h"

#define VS_ID_MAP_NONE UINT32_MAX

struct vs_id_map_slot {
	uint64_t id;
	uint32_t value;
	uint32_t round; /* holds an id of this round, or nothing */
};

struct vs_id_map {
	struct vs_id_map_slot *slot; /* [1 << bits] */
	unsigned bits;
	uint32_t round;
};

/* Room for n_max ids. */
int vs_id_map_init(struct vs_ctx *ctx, struct vs_id_map *m, uint32_t n_max,
		   struct vs_err *err) VS_MUST_CHECK;
void vs_id_map_free(struct vs_ctx *ctx, struct vs_id_map *m);
/* Forgets all ids, in constant time. */
void vs_id_map_clear(struct vs_id_map *m);
/* Enters id; VS_ID_MAP_NONE when it is new, else the value it has and keeps. */
uint32_t vs_id_map_put(struct vs_id_map *m, uint64_t id, uint32_t value);
/* Its value, or VS_ID_MAP_NONE. */
uint32_t vs_id_map_get(const struct vs_id_map *m, uint64_t id);

#endif
