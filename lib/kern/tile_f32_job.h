/* tile_f32_job.h - what an f32 register tile works on: the rows of some
 * vectors and some queries of a struct vs_tile_f32.
 *
 * A row is rejected when -2 acc > limit + gain * term; halved and with the
 * sign turned, when acc < bound with bound = -limit/2 - gain/2 * term, which
 * leaves one fused operation and one comparison a vector.  Halving is exact
 * but for subnormal numbers, which the slack d * 2^-125 of the limits covers.
 * A filter for L1 sums -|x - q| into acc.
 */
#ifndef VS_KERN_TILE_F32_JOB_H
#define VS_KERN_TILE_F32_JOB_H

#include "kern_int.h"

struct f32_job {
	const float *panels;
	size_t d;
	size_t row0; /* first row of the tile */
	const float *packed;
	size_t w;
	unsigned n_q; /* real queries, counted from packed */
	const float *terms;
	const float *limit; /* -limit/2 */
	const float *gain;  /* -gain/2 */
	float *sums;	    /* a filter's, [queries][vectors][lanes] */
	float *out;	    /* of scores */
	size_t out_stride;
};

enum f32_task { F32_FILTER, F32_FILTER_L1, F32_SCORES };

typedef bool (*f32_tile)(const struct f32_job *job);

/* A register tile: queries x rows. */
struct f32_shape {
	unsigned q;
	unsigned rows;
	f32_tile filter;
	f32_tile apart; /* the filter of L1, or NULL */
	f32_tile scores;
};

/* Floats that a filter keeps of one register tile, at most. */
#define F32_SUMS (VS_TILE_W * 2 * VS_PANEL_ROWS)

/* limit and gain as the register tiles want them.  Queries that are not real
 * never pass. */
VS_INLINE void f32_halve(const struct vs_tile_f32 *t, float limit[VS_TILE_W],
			 float gain[VS_TILE_W])
{
	unsigned k;

	for (k = 0; k < VS_TILE_W; k++) {
		limit[k] = k < t->n_q ? t->limit[k] * -0.5f : INFINITY;
		gain[k] = t->gain[k < t->n_q ? k : 0] * -0.5f;
	}
}

/* The first element of row row0 + r. */
VS_INLINE const float *f32_at(const struct f32_job *job, size_t r)
{
	size_t row = job->row0 + r, panel = row / VS_PANEL_ROWS;

	return job->panels + panel * job->d * VS_PANEL_ROWS +
	       row % VS_PANEL_ROWS;
}

#endif
