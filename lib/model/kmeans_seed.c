/* kmeans_seed.c - the first centroids of k-means. */
#include <string.h>

#include "vs/hash.h"
#include "vs/kmeans_step.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/widen.h"

/* An open-addressing set of row hashes, to seed with distinct values. */
struct seen {
	uint64_t *slot;
	uint64_t mask;
};

static uint64_t seen_slots(uint32_t nlist)
{
	uint64_t n = 1024;

	while (n <= 4 * (uint64_t)nlist)
		n *= 2;
	return n;
}

uint64_t vs_kmeans_seeds_bytes(uint32_t nlist)
{
	return seen_slots(nlist) * 8 + 2 * VS_ALIGN;
}

static bool seen_add(struct seen *set, uint64_t hash)
{
	uint64_t at;

	hash |= 1; /* 0 marks an empty slot */
	for (at = hash & set->mask; set->slot[at] != 0;
	     at = (at + 1) & set->mask)
		if (set->slot[at] == hash)
			return false;
	set->slot[at] = hash;
	return true;
}

static const void *row_at(const struct vs_rows *rows, uint64_t i)
{
	return (const char *)rows->p +
	       i * rows->dim * vs_dtype_size(rows->dtype);
}

void vs_kmeans_shuffle(uint64_t seed, uint64_t n, uint64_t n_first,
		       uint32_t *perm)
{
	struct vs_rng rng;
	uint64_t i, j;
	uint32_t t;

	vs_rng_init(&rng, seed, VS_STREAM_SEED);
	for (i = 0; i < n; i++)
		perm[i] = (uint32_t)i;
	for (i = 0; i < n_first; i++) {
		j = i + vs_rng_below(&rng, n - i);
		t = perm[i];
		perm[i] = perm[j];
		perm[j] = t;
	}
}

int vs_kmeans_distinct(struct vs_ctx *ctx, const struct vs_rows *rows,
		       const uint32_t *order, struct vs_kmeans_found *found,
		       struct vs_err *err)
{
	size_t row_bytes = rows->dim * vs_dtype_size(rows->dtype);
	struct seen set = { NULL, seen_slots(found->nlist) - 1 };
	const void *row;
	uint64_t i;

	set.slot = vs_zalloc(ctx, set.mask + 1, sizeof(*set.slot),
			     "k-means seeds", err);
	if (set.slot == NULL)
		return VS_ENOMEM;
	found->n = 0;
	for (i = 0; i < found->n_first && found->n < found->nlist; i++) {
		row = row_at(rows, order != NULL ? order[i] : i);
		if (seen_add(&set, vs_hash64(row, row_bytes)))
			vs_row_widen(rows->dtype, row, rows->dim,
				     found->centroids +
					     (size_t)found->n++ * rows->dim);
	}
	vs_free(ctx, set.slot);
	return 0;
}

bool vs_kmeans_found_all(struct vs_kmeans_found *found, uint32_t dim,
			 uint64_t n)
{
	uint32_t at, from = 0;

	if (found->n < found->nlist && found->n_first < n) {
		found->n_first = vs_min_u64(2 * found->n_first, n);
		return false;
	}
	for (at = found->n; at < found->nlist; at++)
		memcpy(found->centroids + (size_t)at * dim,
		       found->centroids + (size_t)from++ * dim,
		       dim * sizeof(float));
	return true;
}

int vs_kmeans_seeds(struct vs_ctx *ctx, const struct vs_rows *rows,
		    uint32_t nlist, uint64_t seed, uint32_t *perm,
		    float *centroids, struct vs_err *err)
{
	struct vs_kmeans_found found = { .nlist = nlist, .n_first = nlist,
					 .centroids = centroids };
	int rc;

	do {
		vs_kmeans_shuffle(seed, rows->n, found.n_first, perm);
		rc = vs_kmeans_distinct(ctx, rows, perm, &found, err);
	} while (rc == 0 && !vs_kmeans_found_all(&found, rows->dim, rows->n));
	return rc;
}
