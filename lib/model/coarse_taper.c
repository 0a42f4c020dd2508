/* coarse_taper.c - how many cells a query probes, where fewer do for one whose
 * cells lie far apart.
 *
 * The r-th nearest is probed if r <= m, where m is the largest number so that
 * d_m <= d_1 L(m) and L(m)^taper = n / m.  Most cells need no canonical
 * distance for that: a score tells it but for its zone.
 */
#include <math.h>

#include "coarse_int.h"
#include "vs/mem.h"

/* x to the power of n, the same bits everywhere, and never less for more. */
static double power(double x, uint32_t n)
{
	double p = 1;

	for (; n > 0; n >>= 1, x *= x)
		if (n & 1)
			p *= x;
	return p;
}

/* The largest root, by halving: no two libraries need agree on pow(). */
static double root(double x, uint32_t n)
{
	double lo = 1, hi = x, mid;

	for (;;) {
		mid = lo + (hi - lo) / 2;
		if (!(mid > lo && mid < hi))
			return lo;
		if (power(mid, n) <= x)
			lo = mid;
		else
			hi = mid;
	}
}

int vs_coarse_taper_init(struct vs_coarse_job *j, struct vs_err *err)
{
	uint32_t m;

	j->reach = vs_alloc(j->ctx, (size_t)j->nprobe + 2, sizeof(*j->reach),
			    "limits of probes", err);
	if (j->reach == NULL)
		return VS_ENOMEM;
	j->reach[0] = (double)INFINITY;
	for (m = 1; m <= j->nprobe; m++)
		j->reach[m] = root((double)j->nprobe / m, j->taper);
	j->reach[m] = -1; /* nothing is within */
	return 0;
}

void vs_coarse_taper_clear(struct vs_coarse_job *j)
{
	vs_free(j->ctx, j->reach);
}

size_t vs_coarse_best_of(const struct vs_hit *h, size_t n)
{
	size_t i, best = 0;

	for (i = 1; i < n; i++)
		if (vs_hit_less(&h[i], &h[best]))
			best = i;
	return best;
}

/* First the nearest, then the other n - 1, then none. */
static void put_cells(const struct vs_coarse_job *j, uint32_t *out, size_t n,
		      uint32_t nearest)
{
	size_t i = 0;

	while (i < n && out[i] != nearest)
		i++;
	out[i] = out[0];
	out[0] = nearest;
	for (i = n; i < j->nprobe; i++)
		out[i] = VS_CELL_NONE;
}

/* Squared distances; of products what stands for them. */
static double distance(const struct vs_coarse_job *j, int64_t key, double most)
{
	double d;

	if (j->metric != VS_IP)
		return vs_f32_of_key(key, false);
	d = most - (double)vs_f32_of_key(key, true);
	return d < 0 ? 0 : d;
}

/* The largest product that a centroid could have. */
static double most_product(const struct vs_coarse_job *j,
			   const struct vs_coarse_row *r)
{
	float norm2;

	if (j->metric != VS_IP)
		return 0;
	j->ctx->kern->ip_f32(r->f32, r->f32, j->c->dim, 1, j->c->dim, &norm2);
	return sqrt((double)norm2) * sqrt(j->c->max_norm2);
}

/* What is known of the cells of a query: n_sure of them are within d_1 L(m)
 * whatever m is from lo to hi, n others are hits. */
struct near {
	const struct vs_hit *hit;
	size_t n, n_sure;
	size_t lo, hi;
	double nearest; /* d_1 */
	double most;	/* most_product */
};

static size_t count_within(const struct vs_coarse_job *j, const struct near *c,
			   double limit)
{
	size_t i, count = c->n_sure;

	for (i = 0; i < c->n; i++)
		count += distance(j, c->hit[i].key, c->most) <= limit;
	return count;
}

/* The m of canonical distances. */
static size_t find_m(const struct vs_coarse_job *j, const struct near *c)
{
	size_t lo = c->lo, hi = c->hi, m;

	while (lo < hi) {
		m = lo + (hi - lo + 1) / 2;
		if (count_within(j, c, c->nearest * j->reach[m]) >= m)
			lo = m;
		else
			hi = m - 1;
	}
	return lo;
}

/* The m of scores: a canonical distance is score + base, within half the zone;
 * each is taken to be `off` zones farther. */
static size_t guess_m(const struct vs_coarse_job *j,
		      const struct vs_coarse_row *r, const float *scores,
		      size_t n, double nearest, double off)
{
	size_t lo = 1, hi = vs_min_size(n, j->nprobe), m;
	double limit;

	while (lo < hi) {
		m = lo + (hi - lo + 1) / 2;
		limit = nearest * j->reach[m] - r->base - off * r->zone;
		if (vs_coarse_count_le(scores, n, (float)limit) >= m)
			lo = m;
		else
			hi = m - 1;
	}
	return lo;
}

/* The canonical distance to the nearest cell, and which it is. */
static struct vs_hit find_nearest(const struct vs_coarse_job *j,
				  const struct vs_coarse_scratch *s,
				  const struct vs_coarse_row *r)
{
	struct vs_hit best = { .id = 0, .key = VS_KEY_WORST }, h;
	float least = r->scores[s->near[0]];
	size_t x;

	for (x = 1; x < s->n_near; x++)
		if (r->scores[s->near[x]] < least)
			least = r->scores[s->near[x]];
	for (x = 0; x < s->n_near; x++) {
		if (!(r->scores[s->near[x]] <= least + r->zone))
			continue;
		h.id = s->near[x];
		h.key = vs_coarse_key(j, r, s->near[x]);
		if (vs_hit_less(&h, &best))
			best = h;
	}
	return best;
}

/* Parts the near cells by their scores: those up to `in` are written to cells,
 * the others up to `out` become hits. */
static void part_near(const struct vs_coarse_job *j,
		      struct vs_coarse_scratch *s,
		      const struct vs_coarse_row *r, double in, double out,
		      struct near *c)
{
	uint32_t *cells = j->cells + r->i * j->nprobe;
	float score;
	size_t x;

	for (x = 0; x < s->n_near; x++) {
		score = r->scores[s->near[x]];
		if ((double)score <= in) {
			cells[c->n_sure++] = s->near[x];
		} else if (!((double)score > out)) {
			s->hit[c->n].id = s->near[x];
			s->hit[c->n++].key = vs_coarse_key(j, r, s->near[x]);
		}
	}
}

/* A float limit of scores is off by no more than this part of the zone, which
 * holds many roundings of a score. */
#define SCORE_ROUNDING 0.0625

bool vs_coarse_taper_by_scores(const struct vs_coarse_job *j,
			       struct vs_coarse_scratch *s,
			       const struct vs_coarse_row *r)
{
	const double off = 0.5 + SCORE_ROUNDING;
	float *held = (float *)(void *)s->hit; /* until hits come there */
	uint32_t *out = j->cells + r->i * j->nprobe;
	struct near c = { .hit = s->hit };
	struct vs_hit first;
	size_t x, m;

	if (j->metric != VS_L2 || !isfinite(r->base) || !isfinite(r->zone))
		return false;
	first = find_nearest(j, s, r);
	c.nearest = vs_f32_of_key(first.key, false);
	for (x = 0; x < s->n_near; x++)
		held[x] = r->scores[s->near[x]];
	c.lo = guess_m(j, r, held, s->n_near, c.nearest, off);
	c.hi = guess_m(j, r, held, s->n_near, c.nearest, -off);
	/* What is within L(hi + 1), which is too strict, is within all others;
	 * so it is fewer than m. */
	part_near(j, s, r,
		  c.nearest * j->reach[c.hi + 1] - r->base - off * r->zone,
		  c.nearest * j->reach[c.lo] - r->base + off * r->zone, &c);
	m = find_m(j, &c);
	if (m > c.n_sure) {
		vs_coarse_best_first(s->hit, c.n, m - c.n_sure - 1);
		for (x = 0; x < m - c.n_sure; x++)
			out[c.n_sure + x] = (uint32_t)s->hit[x].id;
	}
	put_cells(j, out, m, (uint32_t)first.id);
	return true;
}

void vs_coarse_taper(const struct vs_coarse_job *j, struct vs_coarse_scratch *s,
		     const struct vs_coarse_row *r, size_t n)
{
	uint32_t *out = j->cells + r->i * j->nprobe;
	struct vs_hit first = s->hit[vs_coarse_best_of(s->hit, n)];
	struct near c = { .hit = s->hit, .n = n, .lo = 1, .hi = n,
			  .most = most_product(j, r) };
	size_t m, i;

	c.nearest = distance(j, first.key, c.most);
	m = find_m(j, &c);
	vs_coarse_best_first(s->hit, n, m - 1);
	for (i = 0; i < m; i++)
		out[i] = (uint32_t)s->hit[i].id;
	put_cells(j, out, m, (uint32_t)first.id);
}
