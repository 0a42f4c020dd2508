/* exact.h - sums of floats that do not depend on their order.
 *
 * Every f32 is a whole multiple of 2^-149, so a number wide enough holds the
 * sum of any of them exactly (U. Kulisch's long accumulator).  Limbs of 64 bits
 * stand 32 bits apart, which leaves room for 2^32 terms before a carry.
 */
#ifndef VS_EXACT_H
#define VS_EXACT_H

#include <stdint.h>

#define VS_EXACT_LIMBS 10u

/* Zeroed: 0.  Two sums of together at most 2^32 terms are added limb by
 * limb. */
struct vs_exact {
	uint64_t limb[VS_EXACT_LIMBS];
};

/* x: not negative, no NaN; infinity counts as 2^128. */
static inline void vs_exact_add(struct vs_exact *s, float x)
{
	union {
		float f;
		uint32_t u;
	} bits = { .f = x };
	uint32_t e = bits.u >> 23, at = e == 0 ? 0 : e - 1;
	uint64_t m = bits.u & 0x7fffff;

	m = (e == 0 ? m : m | 0x800000) << at % 32;
	s->limb[at / 32] += m & 0xffffffff;
	s->limb[at / 32 + 1] += m >> 32;
}

static inline void vs_exact_join(struct vs_exact *s, const struct vs_exact *t)
{
	unsigned i;

	for (i = 0; i < VS_EXACT_LIMBS; i++)
		s->limb[i] += t->limb[i];
}

/* The same double for the same sum, whatever it was added up from. */
double vs_exact_value(const struct vs_exact *s);

#endif
