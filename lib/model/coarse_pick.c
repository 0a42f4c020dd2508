/* coarse_pick.c - which cells are meant, from scores that are sure but for a
 * zone: what lies within it is settled by the canonical kernel.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coarse_int.h"

#define SAMPLE 64u /* scores that guess where the nprobe-th smallest lies */

int64_t vs_coarse_key(const struct vs_coarse_job *j,
		      const struct vs_coarse_row *r, uint32_t cell)
{
	const struct vs_coarse *c = j->c;
	const struct vs_kern *kern = j->ctx->kern;
	const float *centroid = c->rows + (size_t)cell * c->dim;
	float v;

	if (j->metric == VS_IP) {
		kern->ip_f32(r->f32, centroid, c->dim, 1, c->dim, &v);
		return vs_key_of_f32(v, true);
	}
	kern->l2sq_f32(r->f32, centroid, c->dim, 1, c->dim, &v);
	return vs_key_of_f32(v, false);
}

static int by_key(const void *a, const void *b)
{
	const struct vs_hit *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int by_cell(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

size_t vs_coarse_nearest(const struct vs_coarse_job *j,
			 struct vs_coarse_scratch *s,
			 const struct vs_coarse_row *r)
{
	const struct vs_kern *kern = j->ctx->kern;
	uint32_t nlist = j->c->nlist, best;
	float limit = kern->min_f32(r->scores, nlist) + r->zone;
	size_t n = kern->select_le_f32(r->scores, nlist, limit, s->near), x;
	int64_t key, other;

	if (!isfinite(limit))
		for (n = 0; n < nlist; n++)
			s->near[n] = (uint32_t)n;
	s->n_near = n;
	if (j->track != NULL) {
		vs_coarse_nearest_tracked(j, s, r);
		return n;
	}
	best = s->near[0];
	key = n > 1 || j->dist != NULL ? vs_coarse_key(j, r, best) : 0;
	for (x = 1; x < n; x++) {
		other = vs_coarse_key(j, r, s->near[x]);
		if (other < key) {
			key = other;
			best = s->near[x];
		}
	}
	j->cells[r->i] = best;
	if (j->dist != NULL)
		j->dist[r->i] = vs_f32_of_key(key, false);
	return n;
}

/* Quickselect (Hoare 1961); v is reordered. */
static float nth_smallest(float *v, size_t n, size_t nth)
{
	size_t lo = 0, hi = n - 1, i, k;
	float pivot, t;

	while (lo < hi) {
		pivot = v[lo + (hi - lo) / 2];
		i = lo;
		k = hi;
		while (i <= k) {
			while (v[i] < pivot)
				i++;
			while (v[k] > pivot)
				k--;
			if (i <= k) {
				t = v[i];
				v[i++] = v[k];
				v[k] = t;
				if (k == 0)
					break;
				k--;
			}
		}
		if (nth <= k)
			hi = k;
		else if (nth >= i)
			lo = i;
		else
			break;
	}
	return v[nth];
}

/* A guess that somewhat more than nprobe scores lie at or below: the quantile
 * of a sample, evenly spaced. */
static float guess_limit(const struct vs_coarse_job *j, const float *scores)
{
	float sample[SAMPLE];
	size_t nlist = j->c->nlist, i, nth;

	if (nlist < 4 * SAMPLE)
		return INFINITY;
	for (i = 0; i < SAMPLE; i++)
		sample[i] = scores[i * nlist / SAMPLE];
	nth = (size_t)j->nprobe * SAMPLE * 3 / 2 / nlist + 2;
	return nth < SAMPLE ? nth_smallest(sample, SAMPLE, nth) : INFINITY;
}

/* The nprobe-th smallest score; infinite when too many are NaN. */
static float nprobe_limit(const struct vs_coarse_job *j, const float *scores,
			  struct vs_coarse_scratch *s)
{
	const struct vs_kern *kern = j->ctx->kern;
	float *held = (float *)(void *)s->hit; /* 16 bytes a cell: enough */
	size_t nlist = j->c->nlist, n, x;

	n = kern->select_le_f32(scores, nlist, guess_limit(j, scores),
				s->near);
	if (n < j->nprobe)
		n = kern->select_le_f32(scores, nlist, INFINITY, s->near);
	if (n < j->nprobe)
		return INFINITY;
	for (x = 0; x < n; x++)
		held[x] = scores[s->near[x]];
	return nth_smallest(held, n, j->nprobe - 1);
}

/* All cells surely in, and the doubtful ones by canonical key. */
size_t vs_coarse_nearest_some(const struct vs_coarse_job *j,
			      struct vs_coarse_scratch *s,
			      const struct vs_coarse_row *r)
{
	const struct vs_kern *kern = j->ctx->kern;
	const struct vs_coarse *c = j->c;
	const float *scores = r->scores;
	float limit = nprobe_limit(j, scores, s), zone = r->zone;
	uint32_t *out = j->cells + r->i * j->nprobe;
	size_t n, x, n_in = 0, n_open = 0, best = 0;

	n = kern->select_le_f32(scores, c->nlist, limit + zone, s->near);
	if (!isfinite(limit + zone)) {
		for (n = 0; n < c->nlist; n++)
			s->near[n] = (uint32_t)n;
		limit = -INFINITY; /* none is surely in */
		zone = 0;
	}
	for (x = 0; x < n; x++) {
		if (n == j->nprobe || scores[s->near[x]] < limit - zone) {
			out[n_in++] = s->near[x];
			continue;
		}
		s->hit[n_open].id = s->near[x];
		s->hit[n_open++].key = vs_coarse_key(j, r, s->near[x]);
	}
	if (n_open > 0)
		qsort(s->hit, n_open, sizeof(*s->hit), by_key);
	for (x = 0; n_in < j->nprobe; x++)
		out[n_in++] = (uint32_t)s->hit[x].id;
	qsort(out, n_in, sizeof(*out), by_cell);
	/* Which one is scanned first changes no answer: the score will do. */
	for (x = 1; x < n_in; x++)
		if (scores[out[x]] < scores[out[best]])
			best = x;
	n = out[best];
	memmove(out + 1, out, best * sizeof(*out));
	out[0] = (uint32_t)n;
	return n_open;
}
