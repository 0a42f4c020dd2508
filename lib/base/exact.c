/* exact.c - the value of a sum in limbs. */
#include "vs/exact.h"

#include <math.h>

double vs_exact_value(const struct vs_exact *s)
{
	uint64_t limb[VS_EXACT_LIMBS], carry = 0;
	double value = 0;
	int i;

	/* First one form for one sum, so that roundings are the same. */
	for (i = 0; i < (int)VS_EXACT_LIMBS; i++) {
		carry += s->limb[i] & 0xffffffff;
		limb[i] = carry & 0xffffffff;
		carry = (carry >> 32) + (s->limb[i] >> 32);
	}
	for (i = (int)VS_EXACT_LIMBS - 1; i >= 0; i--)
		value += ldexp((double)limb[i], 32 * i - 149);
	return value;
}
