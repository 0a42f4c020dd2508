/* kmeans_seed.c - the first centroids of k-means. */
#include <string.h>

#include "vs/hash.h"
#include "vs/kmeans_step.h"
#include "vs/mem.h"
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

int vs_kmeans_seeds(struct vs_ctx *ctx, const struct vs_rows *rows,
		    uint32_t nlist, uint64_t seed, uint32_t *perm,
		    float *centroids, struct vs_err *err)
{
	size_t row_bytes = rows->dim * vs_dtype_size(rows->dtype);
	struct seen set = { NULL, seen_slots(nlist) - 1 };
	struct vs_rng rng;
	uint64_t i, j, n = 0, n_copies = 0;
	uint32_t t;

	set.slot = vs_zalloc(ctx, set.mask + 1, sizeof(*set.slot),
			     "k-means seeds", err);
	if (set.slot == NULL)
		return VS_ENOMEM;
	vs_rng_init(&rng, seed, VS_STREAM_SEED);
	for (i = 0; i < rows->n; i++)
		perm[i] = (uint32_t)i;
	for (i = 0; i < rows->n && n < nlist; i++) {
		j = i + vs_rng_below(&rng, rows->n - i);
		t = perm[i];
		perm[i] = perm[j];
		perm[j] = t;
		if (seen_add(&set, vs_hash64(row_at(rows, perm[i]), row_bytes)))
			vs_row_widen(rows->dtype, row_at(rows, perm[i]),
				     rows->dim, centroids + n++ * rows->dim);
	}
	for (; n < nlist; n++)
		memcpy(centroids + n * rows->dim,
		       centroids + n_copies++ * rows->dim,
		       rows->dim * sizeof(float));
	vs_free(ctx, set.slot);
	return 0;
}
