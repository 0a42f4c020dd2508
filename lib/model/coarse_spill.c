/* coarse_spill.c - into which two cells a row goes. */
#include <math.h>

#include "coarse_int.h"

#define SPILL_LAMBDA 1.0

/* SOAR's loss of a second cell, after (Sun, Simcha, Dopson, Guo, Kumar: SOAR,
 * NeurIPS 2023), eq. 5: |r'|^2 + lambda (r . r')^2 / |r|^2, with r the
 * residual to the first cell and r' the one to the second: the second is to
 * err in other directions than the first.  2 r . r' = |r|^2 + |r'|^2 - |c -
 * c'|^2. */
static double loss(const struct vs_coarse_job *j, uint32_t first, double d1,
		   const struct vs_hit *h)
{
	const struct vs_coarse *c = j->c;
	double d2 = vs_f32_of_key(h->key, false), product;
	float between;

	if (!(d1 > 0))
		return d2;
	j->ctx->kern->l2sq_f32(c->rows + (size_t)first * c->dim,
			       c->rows + h->id * c->dim, c->dim, 1, c->dim,
			       &between);
	product = (d1 + d2 - (double)between) / 2;
	return d2 + SPILL_LAMBDA * product * product / d1;
}

void vs_coarse_spill(const struct vs_coarse_job *j, struct vs_coarse_scratch *s,
		     const struct vs_coarse_row *r, size_t n)
{
	uint32_t *out = j->cells + r->i * 2;
	size_t first = vs_coarse_best_of(s->hit, n), i;
	double d1 = vs_f32_of_key(s->hit[first].key, false);
	double least = 0, v;
	bool found = false;

	out[0] = (uint32_t)s->hit[first].id;
	for (i = 0; i < n; i++) {
		if (i == first)
			continue;
		v = loss(j, out[0], d1, &s->hit[i]);
		if (!(v < (double)INFINITY))
			v = (double)INFINITY;
		if (found && !(v < least) &&
		    !(v == least && s->hit[i].id < out[1]))
			continue;
		found = true;
		least = v;
		out[1] = (uint32_t)s->hit[i].id;
	}
}
