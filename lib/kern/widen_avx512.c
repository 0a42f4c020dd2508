/* widen_avx512.c - half floats to floats, 16 at a time. */
#include "kern_int.h"
#include "vs/num.h"

#if VS_KERN_X86
#include <immintrin.h>

VS_AVX512 void vs_widen_f16_avx512(const uint16_t *h, size_t n, float *out)
{
	__m256i half;
	size_t i;

	for (i = 0; i + 16 <= n; i += 16) {
		half = _mm256_loadu_si256(
			(const __m256i *)(const void *)(h + i));
		_mm512_storeu_ps(out + i, _mm512_cvtph_ps(half));
	}
	for (; i < n; i++)
		out[i] = vs_f32_of_f16(h[i]);
}

#endif
