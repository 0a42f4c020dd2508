/* id_map.c - open addressing, at most half full. */
#include "id_map.h"

#include <string.h>

#include "vs/mem.h"

int vs_id_map_init(struct vs_ctx *ctx, struct vs_id_map *m, uint32_t n_max,
		   struct vs_err *err)
{
	m->bits = 4;
	m->round = 1;
	while ((uint64_t)1 << m->bits < 2 * (uint64_t)n_max)
		m->bits++;
	m->slot = vs_zalloc(ctx, (size_t)1 << m->bits, sizeof(*m->slot),
			    "table of ids", err);
	return m->slot == NULL ? VS_ENOMEM : 0;
}

void vs_id_map_free(struct vs_ctx *ctx, struct vs_id_map *m)
{
	vs_free(ctx, m->slot);
	m->slot = NULL;
}

void vs_id_map_clear(struct vs_id_map *m)
{
	if (++m->round != 0)
		return;
	memset(m->slot, 0, sizeof(*m->slot) << m->bits);
	m->round = 1;
}

/* The slot that holds id or, when it is not there, the one it would take. */
static struct vs_id_map_slot *find(const struct vs_id_map *m, uint64_t id)
{
	size_t mask = ((size_t)1 << m->bits) - 1;
	/* Fibonacci hashing: the top bits of id times 2^64 / phi. */
	size_t i = (size_t)(id * 0x9e3779b97f4a7c15u >> (64 - m->bits));

	while (m->slot[i].round == m->round && m->slot[i].id != id)
		i = (i + 1) & mask;
	return &m->slot[i];
}

uint32_t vs_id_map_put(struct vs_id_map *m, uint64_t id, uint32_t value)
{
	struct vs_id_map_slot *s = find(m, id);

	if (s->round == m->round)
		return s->value;
	s->id = id;
	s->value = value;
	s->round = m->round;
	return VS_ID_MAP_NONE;
}

uint32_t vs_id_map_get(const struct vs_id_map *m, uint64_t id)
{
	const struct vs_id_map_slot *s = find(m, id);

	return s->round == m->round ? s->value : VS_ID_MAP_NONE;
}
