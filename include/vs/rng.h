/* rng.h - seeded random streams, equal on every machine; no libm.
 *
 * Two forms.  vs_rng_at is a function of (seed, stream, counter): the value for
 * row i needs no other row, so samples do not depend on threads or parts.
 * struct vs_rng is a sequential stream.  Both rest on SplitMix64 (Steele, Lea,
 * Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
 */
#ifndef VS_RNG_H
#define VS_RNG_H

#include <stdint.h>

/* Streams of different purposes never share numbers: one constant each. */
enum vs_stream {
	VS_STREAM_SAMPLE = 1, /* which rows train */
	VS_STREAM_SEED = 2,   /* first centroids */
	VS_STREAM_REPAIR = 3, /* empty cells */
	VS_STREAM_TEMP = 4,   /* temporary names */
	VS_STREAM_BOOT = 5,   /* bootstrap of intervals */
	VS_STREAM_TEST = 6,
	VS_STREAM_ROTATE = 7, /* random rotations */
	VS_STREAM_CODEBOOK = 8, /* first centroids of a codebook */
	VS_STREAM_SPLIT = 9     /* cells within a supercluster */
};

struct vs_rng {
	uint64_t state;
};

/* A uniform u64 for this seed, stream and counter. */
uint64_t vs_rng_at(uint64_t seed, uint64_t stream, uint64_t counter);

void vs_rng_init(struct vs_rng *r, uint64_t seed, uint64_t stream);
uint64_t vs_rng_next(struct vs_rng *r);

/* Uniform in [0, n), n > 0, without bias (Lemire 2019, rejection). */
uint64_t vs_rng_below(struct vs_rng *r, uint64_t n);

/* Uniform in [0, 1), 53 bits. */
double vs_rng_f64(struct vs_rng *r);

#endif
