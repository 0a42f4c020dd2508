/* widen_neon.c - half floats to floats, 8 at a time. */
#include "kern_int.h"
#include "vs/num.h"

#if VS_KERN_NEON
#include <arm_neon.h>

VS_NEON void vs_widen_f16_neon(const uint16_t *h, size_t n, float *out)
{
	float16x8_t half;
	size_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		half = vreinterpretq_f16_u16(vld1q_u16(h + i));
		vst1q_f32(out + i, vcvt_f32_f16(vget_low_f16(half)));
		vst1q_f32(out + i + 4, vcvt_high_f32_f16(half));
	}
	for (; i < n; i++)
		out[i] = vs_f32_of_f16(h[i]);
}

#endif
