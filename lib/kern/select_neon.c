/* select_neon.c - the smallest of some floats, and those under a limit. */
#include "kern_int.h"

#if VS_KERN_NEON
#include <arm_neon.h>

/* x where it is smaller: never a NaN, where fminnm would let some through. */
VS_NEON VS_INLINE float32x4_t smaller(float32x4_t x, float32x4_t best)
{
	return vbslq_f32(vcltq_f32(x, best), x, best);
}

VS_NEON float vs_min_f32_neon(const float *v, size_t n)
{
	float32x4_t a = vdupq_n_f32(INFINITY), b = a, c = a, d = a;
	size_t i = 0;
	float best;

	for (; i + 16 <= n; i += 16) {
		a = smaller(vld1q_f32(v + i), a);
		b = smaller(vld1q_f32(v + i + 4), b);
		c = smaller(vld1q_f32(v + i + 8), c);
		d = smaller(vld1q_f32(v + i + 12), d);
	}
	best = vminvq_f32(vminq_f32(vminq_f32(a, b), vminq_f32(c, d)));
	for (; i < n; i++) {
		if (v[i] < best)
			best = v[i];
	}
	if (best == INFINITY) /* or nothing but NaN */
		return vs_min_f32_generic(v, n);
	return best + 0.0f; /* -0 and +0 are the same smallest */
}

VS_NEON VS_INLINE uint16x8_t le(const float *v, float32x4_t limit)
{
	return vcombine_u16(vmovn_u32(vcleq_f32(vld1q_f32(v), limit)),
			    vmovn_u32(vcleq_f32(vld1q_f32(v + 4), limit)));
}

VS_NEON size_t vs_select_le_f32_neon(const float *v, size_t n, float limit,
				     uint32_t *out)
{
	const float32x4_t top = vdupq_n_f32(limit);
	size_t i = 0, found = 0;
	uint64_t mask;

	for (; i + 16 <= n; i += 16) {
		uint8x16_t bytes =
			vcombine_u8(vmovn_u16(le(v + i, top)),
				    vmovn_u16(le(v + i + 8, top)));
		uint8x8_t nibbles =
			vshrn_n_u16(vreinterpretq_u16_u8(bytes), 4);

		/* Four equal bits a float; the lowest of each is enough. */
		mask = vget_lane_u64(vreinterpret_u64_u8(nibbles), 0) &
		       0x1111111111111111u;
		for (; mask != 0; mask &= mask - 1)
			out[found++] =
				(uint32_t)(i +
					   (size_t)__builtin_ctzll(mask) / 4);
	}
	for (; i < n; i++) {
		if (v[i] <= limit)
			out[found++] = (uint32_t)i;
	}
	return found;
}

#endif
