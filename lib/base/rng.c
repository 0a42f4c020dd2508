/* rng.c - SplitMix64, as counters and as streams. */
#include "vs/rng.h"

#define GOLDEN 0x9e3779b97f4a7c15u

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t vs_rng_at(uint64_t seed, uint64_t stream, uint64_t counter)
{
	uint64_t key = mix(mix(seed + GOLDEN) + stream * GOLDEN);

	return mix(key + (counter + 1) * GOLDEN);
}

void vs_rng_init(struct vs_rng *r, uint64_t seed, uint64_t stream)
{
	r->state = mix(mix(seed + GOLDEN) + stream * GOLDEN);
}

uint64_t vs_rng_next(struct vs_rng *r)
{
	r->state += GOLDEN;
	return mix(r->state);
}

uint64_t vs_rng_below(struct vs_rng *r, uint64_t n)
{
	unsigned __int128 m;
	uint64_t low, floor_;

	m = (unsigned __int128)vs_rng_next(r) * n;
	low = (uint64_t)m;
	if (low < n) {
		floor_ = (0 - n) % n;
		while (low < floor_) {
			m = (unsigned __int128)vs_rng_next(r) * n;
			low = (uint64_t)m;
		}
	}
	return (uint64_t)(m >> 64);
}

double vs_rng_f64(struct vs_rng *r)
{
	return (double)(vs_rng_next(r) >> 11) * 0x1p-53;
}
