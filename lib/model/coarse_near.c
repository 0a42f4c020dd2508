/* coarse_near.c - what canonical distances to a few near cells decide: how many
 * of them a query probes, and into which two a row goes.
 */
#include <math.h>
#include <string.h>

#include "coarse_int.h"

#define SPILL_LAMBDA 1.0

/* x to the power of n, the same bits everywhere. */
static double power(double x, uint32_t n)
{
	double p = 1;

	for (; n > 0; n >>= 1, x *= x)
		if (n & 1)
			p *= x;
	return p;
}

/* Distances that only differ from another's by a constant for each query: of
 * unit vectors 1 - cosine, times |q|. */
static double distance(const struct vs_coarse_job *j, int64_t key, double most)
{
	if (j->metric == VS_IP)
		return most - (double)vs_f32_of_key(key, true);
	return vs_f32_of_key(key, false);
}

/* How much farther each cell is than the nearest, to the power of taper. */
static void weigh(const struct vs_coarse_job *j,
		  const struct vs_coarse_scratch *s,
		  const struct vs_coarse_row *r, size_t n, float *weight)
{
	double most = 0, nearest, d;
	int64_t best = s->hit[0].key;
	float norm2;
	size_t i;

	if (j->metric == VS_IP) {
		j->ctx->kern->ip_f32(r->f32, r->f32, j->c->dim, 1, j->c->dim,
				     &norm2);
		most = sqrt((double)norm2) * sqrt(j->c->max_norm2);
	}
	for (i = 1; i < n; i++)
		best = s->hit[i].key < best ? s->hit[i].key : best;
	nearest = distance(j, best, most);
	for (i = 0; i < n; i++) {
		d = distance(j, s->hit[i].key, most);
		weight[i] = 1;
		if (!(d <= nearest)) /* a NaN is far */
			weight[i] = (float)power(d / nearest,
						 j->taper);
	}
}

/* The largest m so that m weights are at most nprobe / m; at least 1. */
static size_t count_near(const float *weight, size_t n, uint32_t nprobe)
{
	size_t lo = 1, hi = n, m, i, count;
	float limit;

	while (lo < hi) {
		m = lo + (hi - lo + 1) / 2;
		limit = (float)nprobe / (float)m;
		for (i = count = 0; i < n; i++)
			count += weight[i] <= limit;
		if (count >= m)
			lo = m;
		else
			hi = m - 1;
	}
	return lo;
}

static size_t best_of(const struct vs_hit *h, size_t n)
{
	size_t i, best = 0;

	for (i = 1; i < n; i++)
		if (vs_hit_less(&h[i], &h[best]))
			best = i;
	return best;
}

void vs_coarse_taper(const struct vs_coarse_job *j, struct vs_coarse_scratch *s,
		     const struct vs_coarse_row *r, size_t n)
{
	uint32_t *out = j->cells + r->i * j->nprobe, first;
	size_t m, i, best;

	/* The scores are spent. */
	weigh(j, s, r, n, r->scores);
	m = count_near(r->scores, n, j->nprobe);
	vs_coarse_best_first(s->hit, n, m - 1);
	best = best_of(s->hit, m);
	for (i = 0; i < m; i++)
		out[i] = (uint32_t)s->hit[i].id;
	first = out[best];
	out[best] = out[0];
	out[0] = first;
	for (; i < n; i++)
		out[i] = VS_CELL_NONE;
}

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
	size_t first = best_of(s->hit, n), i;
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
