/* widen_generic.c - half floats to floats for any processor; exact. */
#include "kern_int.h"
#include "vs/num.h"

void vs_widen_f16_generic(const uint16_t *h, size_t n, float *out)
{
	size_t i;

	for (i = 0; i < n; i++)
		out[i] = vs_f32_of_f16(h[i]);
}
