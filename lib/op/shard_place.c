/* shard_place.c - the ids of a shard beside the ring or the ranges of its
 * manifest.  A fingerprint says what a shard was asked to hold; a split that
 * was mixed up, or a fault of a build, can have put in the rows of another.
 */
#include "shard_place.h"

#include <inttypes.h>
#include <string.h>

#include "vs/mem.h"

#define STEP ((size_t)4096) /* ids read at a time */

int vs_place_open(struct vs_ctx *ctx, const struct vs_manifest *m,
		  struct vs_place *out, struct vs_err *err)
{
	struct vs_err why = { 0 };
	int rc;

	memset(out, 0, sizeof(*out));
	out->m = m;
	if (m->sharding == VS_SHARDING_HASH)
		return vs_manifest_ring(ctx, m, &out->ring, err);
	rc = vs_manifest_open_ids(ctx, m, &out->ids, &why);
	if (rc == 0)
		return 0;
	if (rc != VS_ENOINPUT && rc != VS_EDATA) {
		if (err != NULL)
			*err = why;
		return rc;
	}
	vs_ctx_log(ctx, VS_LOG_WARN, "%s; ids of shards are not compared",
		   why.msg);
	return 0;
}

void vs_place_close(struct vs_ctx *ctx, struct vs_place *p)
{
	vs_ring_destroy(ctx, p->ring);
	vs_ids_close(ctx, p->ids);
	memset(p, 0, sizeof(*p));
}

/* One shard being looked through. */
struct look {
	const struct vs_place *p;
	const struct vs_shard *s;
	uint32_t i;
	uint64_t first, end; /* ids lie between, where none are given */
	uint64_t sum; /* of ring positions: the same for the same ids */
};

static int misplaced(const struct look *k, uint64_t id, struct vs_err *err)
{
	const struct vs_manifest *m = k->p->m;

	return vs_fail(err, VS_EDATA,
		       "%s: holds id %" PRIu64 ", which is not of shard %u by "
		       "generation %llu of %s; build it again from the inputs",
		       vs_shard_path(k->s), id, k->i,
		       (unsigned long long)m->generation, m->dir);
}

static int check_id(void *arg, uint64_t id, struct vs_err *err)
{
	struct look *k = arg;

	k->sum += vs_ring_position(id);
	if (k->p->m->ids_path == NULL && (id < k->first || id >= k->end))
		return misplaced(k, id, err);
	if (k->p->ring != NULL && vs_ring_owner(k->p->ring, id) != k->i)
		return misplaced(k, id, err);
	return 0;
}

/* By range, with ids that are given: those of its rows and no others. */
static int compare_given(struct vs_ctx *ctx, const struct look *k,
			 struct vs_err *err)
{
	const struct vs_manifest_shard *row = &k->p->m->shards[k->i];
	uint64_t sum = 0, at, *ids;
	size_t n, j;
	int rc = 0;

	ids = vs_alloc(ctx, STEP, sizeof(*ids), "ids", err);
	if (ids == NULL)
		return VS_ENOMEM;
	for (at = 0; rc == 0 && at < row->n_rows; at += n) {
		n = (size_t)vs_min_u64(STEP, row->n_rows - at);
		rc = vs_ids_read(ctx, k->p->ids, row->first + at, n, ids, err);
		for (j = 0; rc == 0 && j < n; j++)
			sum += vs_ring_position(ids[j]);
	}
	vs_free(ctx, ids);
	if (rc == 0 && sum != k->sum)
		rc = vs_fail(err, VS_EDATA,
			     "%s: its ids are not those of rows %" PRIu64
			     " to %" PRIu64 " in %s; build it again from the "
			     "inputs",
			     vs_shard_path(k->s), row->first,
			     row->first + row->n_rows - 1,
			     vs_ids_path(k->p->ids));
	return rc;
}

int vs_place_check(struct vs_ctx *ctx, const struct vs_place *p, uint32_t i,
		   struct vs_shard *s, struct vs_err *err)
{
	const struct vs_manifest *m = p->m;
	struct look k = { .p = p, .s = s, .i = i };
	int rc;

	k.first = m->id_base;
	k.end = m->id_base + m->n_rows;
	if (m->sharding == VS_SHARDING_RANGE) {
		k.first += m->shards[i].first;
		k.end = k.first + m->shards[i].n_rows;
	}
	rc = vs_shard_each_id(ctx, s, check_id, &k, err);
	if (rc == 0 && p->ids != NULL)
		rc = compare_given(ctx, &k, err);
	return rc;
}
