/* widen_avx2.c - half floats to floats, 8 at a time. */
#include "kern_int.h"
#include "vs/num.h"

#if VS_KERN_X86
#include <immintrin.h>

VS_AVX2 void vs_widen_f16_avx2(const uint16_t *h, size_t n, float *out)
{
	__m128i half;
	size_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		half = _mm_loadu_si128((const __m128i *)(const void *)(h + i));
		_mm256_storeu_ps(out + i, _mm256_cvtph_ps(half));
	}
	for (; i < n; i++)
		out[i] = vs_f32_of_f16(h[i]);
}

#endif
