/* shard_plan.c - how rows are dealt out to the shards of a new collection. */
#include "shard_plan.h"

#include <string.h>

#include "vs/mem.h"
#include "vs/num.h"

/* "1,2,1": one whole number for each shard. */
static int parse_weights(const char *text, struct vs_manifest *m,
			 struct vs_err *err)
{
	const char *p = text, *end;
	uint64_t w;
	uint32_t n = 0;

	for (;; p = end + 1, n++) {
		end = strchrnul(p, ',');
		if (!vs_parse_u64_n(p, (size_t)(end - p), &w) || w < 1 ||
		    w > VS_RING_WEIGHT_MAX)
			return vs_fail(err, VS_EUSAGE,
				       "--weights: weight %u (counted from 0) "
				       "is '%.*s'; expected a whole number "
				       "from 1 to %u",
				       n, (int)vs_min_size((size_t)(end - p),
							   40),
				       p, VS_RING_WEIGHT_MAX);
		if (n < m->n_shards)
			m->shards[n].weight = (uint32_t)w;
		if (*end == '\0')
			break;
	}
	n++;
	if (n == m->n_shards)
		return 0;
	return vs_fail(err, VS_EUSAGE,
		       "--weights: %u weights for %u shards; expected one for "
		       "each shard",
		       n, m->n_shards);
}

int vs_shard_plan_rule(const struct vs_shard_create_args *args,
		       struct vs_manifest *m, struct vs_err *err)
{
	if (!vs_manifest_sharding_parse(args->by, &m->sharding))
		return vs_fail(err, VS_EUSAGE,
			       "--by %s is not there yet; this version has "
			       "hash and range",
			       args->by);
	if (m->sharding == VS_SHARDING_RANGE && args->vnodes_given)
		return vs_fail(err, VS_EUSAGE,
			       "--vnodes goes with --by hash: ranges have no "
			       "ring");
	m->vnodes = m->sharding == VS_SHARDING_HASH ? args->vnodes : 0;
	return args->weights == NULL ? 0 : parse_weights(args->weights, m, err);
}

struct tally {
	const struct vs_ring *ring;
	uint64_t *counts;
};

static void count_one(void *arg, uint64_t row, uint64_t id)
{
	const struct tally *t = arg;

	(void)row;
	t->counts[vs_ring_owner(t->ring, id)]++;
}

static int count_by_ring(struct vs_ctx *ctx, struct vs_manifest *m,
			 struct vs_op_stream *all, struct vs_err *err)
{
	struct vs_ring *ring;
	struct tally t;
	uint32_t i;
	int rc = vs_manifest_ring(ctx, m, &ring, err);

	if (rc != 0)
		return rc;
	t.ring = ring;
	t.counts = vs_zalloc(ctx, m->n_shards, sizeof(*t.counts), "row counts",
			     err);
	if (t.counts == NULL)
		rc = VS_ENOMEM;
	else if (all->ids != NULL)
		rc = vs_op_stream_walk(ctx, all, count_one, &t, err);
	else
		rc = vs_ring_count(ctx, ring, m->id_base, m->n_rows, t.counts,
				   err);
	for (i = 0; rc == 0 && i < m->n_shards; i++)
		m->shards[i].n_rows = t.counts[i];
	vs_free(ctx, t.counts);
	vs_ring_destroy(ctx, ring);
	return rc;
}

int vs_shard_plan_rows(struct vs_ctx *ctx, struct vs_manifest *m,
		       struct vs_op_stream *all, struct vs_err *err)
{
	if (m->sharding == VS_SHARDING_HASH)
		return count_by_ring(ctx, m, all, err);
	vs_manifest_cut(m);
	return 0;
}
