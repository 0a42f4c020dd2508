/* kmeans_share.c - cells for superclusters, in proportion to their rows. */
#include <stdbool.h>

#include "kmeans_near.h"

/* What a supercluster is owed beyond its whole part; a fraction of n. */
static uint64_t rest_of(const uint64_t *start, uint32_t g, uint32_t n_supers,
			uint32_t nlist)
{
	uint64_t size = start[g + 1] - start[g], n = start[n_supers];

	/* One that would have got nothing has had more than its due. */
	return size * nlist < n ? 0 : size * nlist % n;
}

static void give(const uint64_t *start, uint32_t n_supers, uint32_t nlist,
		 uint32_t left, uint32_t *share)
{
	uint64_t n = start[n_supers], most, rest, whole;
	uint32_t g, best;

	for (; left > 0; left--) {
		for (g = 0, best = 0, most = 0; g < n_supers; g++) {
			whole = (start[g + 1] - start[g]) * nlist / n;
			rest = rest_of(start, g, n_supers, nlist);
			if (share[g] == whole && rest > most) {
				most = rest;
				best = g;
			}
		}
		share[best]++;
	}
}

static void take(uint32_t n_supers, uint32_t over, uint32_t *share)
{
	uint32_t g, best;

	for (; over > 0; over--) {
		for (g = 1, best = 0; g < n_supers; g++)
			if (share[g] > share[best])
				best = g;
		share[best]--;
	}
}

void vs_kmeans_shares(const uint64_t *start, uint32_t n_supers, uint32_t nlist,
		      uint32_t *share)
{
	uint64_t n = start[n_supers], size, sum = 0;
	uint32_t g;

	for (g = 0; g < n_supers; g++) {
		size = start[g + 1] - start[g];
		share[g] = (uint32_t)(size * nlist / n);
		if (share[g] == 0 && size > 0)
			share[g] = 1;
		sum += share[g];
	}
	if (sum < nlist)
		give(start, n_supers, nlist, (uint32_t)(nlist - sum), share);
	else
		take(n_supers, (uint32_t)(sum - nlist), share);
}
