/* select_generic.c - the smallest of some floats, and those under a limit. */
#include "kern_int.h"

float vs_min_f32_generic(const float *v, size_t n)
{
	float best = NAN;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!(v[i] >= best) && !isnan(v[i]))
			best = v[i];
	}
	return best + 0.0f; /* -0 and +0 are the same smallest */
}

size_t vs_select_le_f32_generic(const float *v, size_t n, float limit,
				uint32_t *out)
{
	size_t i, found = 0;

	for (i = 0; i < n; i++) {
		out[found] = (uint32_t)i;
		found += v[i] <= limit;
	}
	return found;
}
