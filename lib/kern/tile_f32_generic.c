/* tile_f32_generic.c - f32 filters and scores for any processor, with the
 * 16-byte vectors of gcc and clang. */
#include "kern_int.h"

#include <string.h>

#include "tile_f32_job.h"

#define F32_ISA generic
#define F32_ATTR
#define F32_P 4
#define F32_AHEAD 0

typedef float f32t_t __attribute__((vector_size(16)));
typedef int32_t f32t_mask __attribute__((vector_size(16)));

VS_INLINE f32t_t f32t_zero(void)
{
	return (f32t_t){ 0, 0, 0, 0 };
}

VS_INLINE f32t_t f32t_load(const float *p)
{
	f32t_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

VS_INLINE f32t_t f32t_set1(float x)
{
	return (f32t_t){ x, x, x, x };
}

VS_INLINE f32t_t f32t_madd(f32t_t a, f32t_t b, f32t_t c)
{
	return a * b + c;
}

VS_INLINE f32t_t f32t_apart(f32t_t acc, f32t_t x, f32t_t y)
{
	f32t_t diff = x - y;
	f32t_mask bits = (f32t_mask)diff & INT32_MAX; /* all but the sign */

	return acc - (f32t_t)bits;
}

VS_INLINE void f32t_store(float *p, f32t_t a)
{
	memcpy(p, &a, sizeof(a));
}

VS_INLINE f32t_mask f32t_none(void)
{
	return (f32t_mask){ 0, 0, 0, 0 };
}

VS_INLINE f32t_mask f32t_not_below(f32t_t a, f32t_t b)
{
	return ~(a < b);
}

VS_INLINE f32t_mask f32t_or(f32t_mask a, f32t_mask b)
{
	return a | b;
}

VS_INLINE unsigned f32t_bits(f32t_mask m)
{
	return (unsigned)((m[0] & 1) | (m[1] & 2) | (m[2] & 4) | (m[3] & 8));
}

VS_INLINE f32t_t f32_bound(const struct f32_job *job, size_t k, size_t r)
{
	return f32t_madd(f32t_set1(job->gain[k]),
			 f32t_load(job->terms + r * F32_P),
			 f32t_set1(job->limit[k]));
}

#define F32_Q 4
#define F32_R 2
#include "tile_f32.h"

#define F32_Q 1
#define F32_R 4
#include "tile_f32.h"

static const struct f32_shape f32_shapes[] = {
	{ 4, 8, filter_4x2_tile, apart_4x2_tile,
	  scores_4x2_tile },
	{ 1, 16, filter_1x4_tile, apart_1x4_tile,
	  scores_1x4_tile },
};

static unsigned f32_width(unsigned n_q, bool l1)
{
	(void)l1;
	return n_q > 1 ? 4 : 1;
}

#include "tile_f32_run.h"
