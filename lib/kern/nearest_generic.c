/* nearest_generic.c - the nearest centroid for any processor, with the 16-byte
 * vectors of gcc and clang. */
#include "kern_int.h"

#include <string.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#define NEAR_ISA generic
#define NEAR_ATTR
#define NEAR_P 4
#define NEAR_ONE 4
#define NEAR_R 4

typedef float near_t __attribute__((vector_size(16)));
typedef uint32_t near_int __attribute__((vector_size(16)));
typedef int32_t near_mask __attribute__((vector_size(16)));

VS_INLINE near_t near_load(const float *p)
{
	near_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

VS_INLINE near_t near_set1(float x)
{
	return (near_t){ x, x, x, x };
}

VS_INLINE near_t near_sub(near_t a, near_t b)
{
	return a - b;
}

VS_INLINE near_t near_mul(near_t a, near_t b)
{
	return a * b;
}

VS_INLINE near_t near_add(near_t a, near_t b)
{
	return a + b;
}

VS_INLINE void near_store(float *p, near_t a)
{
	memcpy(p, &a, sizeof(a));
}

VS_INLINE near_int near_int_set1(uint32_t x)
{
	return (near_int){ x, x, x, x };
}

VS_INLINE void near_int_store(uint32_t *p, near_int a)
{
	memcpy(p, &a, sizeof(a));
}

VS_INLINE near_mask near_below(near_t a, near_t b)
{
	return a < b;
}

VS_INLINE near_int near_int_pick(near_mask m, near_int a, near_int b)
{
	return ((near_int)m & a) | (~(near_int)m & b);
}

VS_INLINE near_t near_pick(near_mask m, near_t a, near_t b)
{
	return (near_t)near_int_pick(m, (near_int)a, (near_int)b);
}

#include "nearest.h"
