/* coarse_pick.c - which cells are meant, from scores that are sure but for a
 * zone: what lies within it is settled by the canonical kernel.
 */
#include <math.h>
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

size_t vs_coarse_count_le(const float *v, size_t n, float limit)
{
	size_t i, count = 0;

	for (i = 0; i < n; i++)
		count += v[i] <= limit;
	return count;
}

/* Narrows *lo..*hi around the nth smallest of v, counted from 1, to at most
 * width.  Halving the range and counting takes no branches, and a selection
 * that ends with the exact value took five times as long. */
static void bracket(const float *v, size_t n, size_t nth, float width,
		    float *lo, float *hi)
{
	size_t i;
	float mid;

	*lo = v[0];
	*hi = v[0];
	for (i = 1; i < n; i++) {
		*lo = v[i] < *lo ? v[i] : *lo;
		*hi = v[i] > *hi ? v[i] : *hi;
	}
	while (*hi - *lo > width) {
		mid = *lo + (*hi - *lo) / 2;
		if (!(mid > *lo && mid < *hi))
			break;
		if (vs_coarse_count_le(v, n, mid) >= nth)
			*hi = mid;
		else
			*lo = mid;
	}
}

/* A guess that somewhat more than nprobe scores lie at or below: the quantile
 * of a sample, evenly spaced. */
static float guess_limit(const struct vs_coarse_job *j, const float *scores)
{
	float sample[SAMPLE], lo, hi, spread;
	size_t nlist = j->c->nlist, i, nth;

	nth = (size_t)j->nprobe * SAMPLE * 3 / 2 / nlist + 3;
	if (nlist < 4 * SAMPLE || nth > SAMPLE)
		return INFINITY;
	for (i = 0; i < SAMPLE; i++)
		sample[i] = scores[i * nlist / SAMPLE];
	bracket(sample, SAMPLE, SAMPLE, INFINITY, &lo, &hi);
	spread = hi - lo;
	bracket(sample, SAMPLE, nth, spread / 256, &lo, &hi);
	return hi;
}

/* A range within that the nprobe-th smallest score lies, small beside the zone;
 * infinite when too many are NaN. */
static void nprobe_limits(const struct vs_coarse_job *j,
			  struct vs_coarse_scratch *s,
			  const struct vs_coarse_row *r, float *lo, float *hi)
{
	const struct vs_kern *kern = j->ctx->kern;
	float *held = (float *)(void *)s->hit; /* 16 bytes a cell: enough */
	size_t nlist = j->c->nlist, n, x;

	*lo = *hi = INFINITY;
	n = kern->select_le_f32(r->scores, nlist, guess_limit(j, r->scores),
				s->near);
	if (n < j->nprobe)
		n = kern->select_le_f32(r->scores, nlist, INFINITY, s->near);
	if (n < j->nprobe)
		return;
	for (x = 0; x < n; x++)
		held[x] = r->scores[s->near[x]];
	bracket(held, n, j->nprobe, r->zone / 8, lo, hi);
}

/* Quickselect (Hoare, Find, CACM 4, 1961). */
void vs_coarse_best_first(struct vs_hit *h, size_t n, size_t nth)
{
	size_t lo = 0, hi = n - 1, i, k;
	struct vs_hit pivot, t;

	while (lo < hi) {
		pivot = h[lo + (hi - lo) / 2];
		i = lo;
		k = hi;
		while (i <= k) {
			while (vs_hit_less(&h[i], &pivot))
				i++;
			while (vs_hit_less(&pivot, &h[k]))
				k--;
			if (i > k)
				break;
			t = h[i];
			h[i++] = h[k];
			h[k] = t;
			if (k == 0)
				break;
			k--;
		}
		if (nth <= k)
			hi = k;
		else if (nth >= i)
			lo = i;
		else
			break;
	}
}

/* The cells in reach of the nprobe-th smallest score to s->near.  Returns the
 * score below which they are surely in. */
static float find_near(const struct vs_coarse_job *j,
		       struct vs_coarse_scratch *s,
		       const struct vs_coarse_row *r)
{
	const struct vs_kern *kern = j->ctx->kern;
	uint32_t nlist = j->c->nlist, x;
	float lo, hi;

	nprobe_limits(j, s, r, &lo, &hi);
	s->n_near = kern->select_le_f32(r->scores, nlist, hi + r->zone,
					s->near);
	if (isfinite(hi + r->zone))
		return s->n_near == j->nprobe ? INFINITY : lo - r->zone;
	for (x = 0; x < nlist; x++) {
		s->near[x] = x;
		r->scores[x] = 0;
	}
	s->n_near = nlist;
	return 0; /* of no one */
}

/* Canonical keys of the doubtful ones; returns how many there are. */
static size_t weigh_open(const struct vs_coarse_job *j,
			 struct vs_coarse_scratch *s,
			 const struct vs_coarse_row *r, float sure)
{
	size_t x, n = 0;

	for (x = 0; x < s->n_near; x++) {
		if (r->scores[s->near[x]] < sure)
			continue;
		s->hit[n].id = s->near[x];
		s->hit[n++].key = vs_coarse_key(j, r, s->near[x]);
	}
	return n;
}

/* Those below sure: the least score first, as it changes no answer which one
 * is, then in ascending order. */
static void put_cells(const struct vs_coarse_scratch *s, const float *scores,
		      float sure, uint32_t *out)
{
	size_t x, n = 0, best = 0;
	uint32_t first;

	for (x = 0; x < s->n_near; x++) {
		if (!(scores[s->near[x]] < sure))
			continue;
		out[n] = s->near[x];
		if (scores[out[n]] < scores[out[best]])
			best = n;
		n++;
	}
	first = out[best];
	memmove(out + 1, out, best * sizeof(*out));
	out[0] = first;
}

/* Puts the chosen ones just below sure, or the best of them at the front where
 * none is surely in. */
static void mark_chosen(const struct vs_coarse_scratch *s, float *scores,
			float sure, size_t n_chosen, bool none_sure)
{
	const float below = nextafterf(sure, -INFINITY);
	size_t x, best = 0;

	for (x = 0; x < n_chosen; x++) {
		scores[s->hit[x].id] = below;
		if (vs_hit_less(&s->hit[x], &s->hit[best]))
			best = x;
	}
	if (none_sure)
		scores[s->hit[best].id] = -INFINITY;
}

/* Canonical keys of all that are in. */
static void weigh_chosen(const struct vs_coarse_job *j,
			 struct vs_coarse_scratch *s,
			 const struct vs_coarse_row *r, float sure)
{
	size_t x, n = 0;

	for (x = 0; x < s->n_near; x++) {
		if (!(r->scores[s->near[x]] < sure))
			continue;
		s->hit[n].id = s->near[x];
		s->hit[n++].key = vs_coarse_key(j, r, s->near[x]);
	}
}

/* All cells surely in, and the best of the doubtful ones. */
size_t vs_coarse_nearest_some(const struct vs_coarse_job *j,
			      struct vs_coarse_scratch *s,
			      const struct vs_coarse_row *r)
{
	float sure = find_near(j, s, r);
	size_t n_open, n_in, n_more;

	if (j->taper > 0 && sure != 0 && vs_coarse_taper_by_scores(j, s, r))
		return 0;
	n_open = weigh_open(j, s, r, sure);
	n_in = s->n_near - n_open;
	n_more = j->nprobe - n_in;
	if (n_more > 0)
		vs_coarse_best_first(s->hit, n_open, n_more - 1);
	mark_chosen(s, r->scores, sure, n_more, n_in == 0);
	if (j->taper == 0 && !j->spill) {
		put_cells(s, r->scores, sure, j->cells + r->i * j->nprobe);
		return n_open;
	}
	weigh_chosen(j, s, r, sure);
	if (j->spill)
		vs_coarse_spill(j, s, r, j->nprobe);
	else
		vs_coarse_taper(j, s, r, j->nprobe);
	return n_open;
}
