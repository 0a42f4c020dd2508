/* coarse_track.c - rows that keep their centroid while others move.
 *
 * A row knows the distance to its centroid and that no other is nearer than a
 * bound.  Of centroids that stood still the bound remains true, so the row need
 * meet only those that moved, and all of them when its own has come to lie
 * beyond the bound (the idea of T. Kaukoranta et al., "A fast exact GLA based
 * on code vector activity detection", IEEE Trans. Image Processing 9, 2000,
 * with the second bound of G. Hamerly, "Making k-means even faster", SDM 2010).
 */
#include <math.h>
#include <string.h>

#include "coarse_int.h"
#include "vs/mem.h"
#include "vs/num.h"

#define LOWER (1 - 0x1p-22)

uint64_t vs_coarse_track_bytes(uint32_t nlist, uint32_t dim)
{
	return vs_coarse_bytes(nlist, dim) +
	       vs_panels_of(nlist) * (vs_panel_bytes(VS_U8, dim) +
				      2 * VS_PANEL_ROWS * sizeof(float)) +
	       3 * 2 * VS_ALIGN;
}

int vs_coarse_moved_init(const struct vs_coarse_job *j,
			 struct vs_coarse_moved *m, struct vs_err *err)
{
	static const char what[] = "centroids that moved";
	const struct vs_coarse_track *t = j->track;
	struct vs_ctx *ctx = j->ctx;
	size_t n_panels = vs_panels_of(t->n_moved);
	uint32_t i;

	m->panels = vs_alloc(ctx, vs_max_size(n_panels, 1),
			     vs_panel_bytes(VS_U8, j->c->dim), what, err);
	if (m->panels == NULL)
		return VS_ENOMEM;
	m->terms = vs_alloc(ctx, vs_max_size(n_panels, 1),
			    VS_PANEL_ROWS * sizeof(float), what, err);
	if (m->terms == NULL)
		return VS_ENOMEM;
	m->place = vs_alloc(ctx, j->c->nlist, sizeof(*m->place), what, err);
	if (m->place == NULL)
		return VS_ENOMEM;
	memset(m->place, 0xff, j->c->nlist * sizeof(*m->place));
	for (i = 0; i < t->n_moved; i++)
		m->place[t->moved[i]] = i;
	vs_coarse_code_gather(j, t->moved, t->n_moved, m->panels, m->terms);
	m->field.panels = m->panels;
	m->field.terms = m->terms;
	m->field.n_panels = n_panels;
	m->field.n = t->n_moved;
	return 0;
}

void vs_coarse_moved_clear(struct vs_ctx *ctx, struct vs_coarse_moved *m)
{
	vs_free(ctx, m->panels);
	vs_free(ctx, m->terms);
	vs_free(ctx, m->place);
}

float vs_coarse_bound(const struct vs_kern *kern,
		      const struct vs_coarse_row *r, uint32_t n)
{
	double v = n == 0 ? (double)INFINITY :
			    (double)kern->min_f32(r->scores, n) + r->base -
				    (double)r->zone / 2;

	return v > 0 ? (float)(v * LOWER) : 0;
}

uint32_t vs_coarse_two_best(const struct vs_coarse_job *j,
			    const struct vs_coarse_scratch *s,
			    const struct vs_coarse_row *r, const uint32_t *map,
			    uint32_t best, int64_t key[2])
{
	uint32_t known = best, cell;
	size_t x;
	int64_t k;

	for (x = 0; x < s->n_near; x++) {
		cell = map != NULL ? map[s->near[x]] : s->near[x];
		r->scores[s->near[x]] = INFINITY;
		if (cell == known)
			continue;
		k = vs_coarse_key(j, r, cell);
		if (k < key[0] || (k == key[0] && cell < best)) {
			key[1] = key[0];
			key[0] = k;
			best = cell;
		} else if (k < key[1]) {
			key[1] = k;
		}
	}
	return best;
}

/* What key[1] and the scores that are left say of the other centroids. */
static float others(const struct vs_coarse_job *j,
		    const struct vs_coarse_row *r, uint32_t n, int64_t second)
{
	float bound = vs_coarse_bound(j->ctx->kern, r, n), other;

	if (second == VS_KEY_WORST)
		return bound;
	other = vs_f32_of_key(second, false);
	return other < bound ? other : bound;
}

void vs_coarse_nearest_tracked(const struct vs_coarse_job *j,
			       const struct vs_coarse_scratch *s,
			       const struct vs_coarse_row *r)
{
	const struct vs_coarse_track *t = j->track;
	int64_t key[2] = { VS_KEY_WORST, VS_KEY_WORST };

	t->cell[r->i] = vs_coarse_two_best(j, s, r, NULL, UINT32_MAX, key);
	t->dist[r->i] = vs_f32_of_key(key[0], false);
	t->other[r->i] = others(j, r, j->c->nlist, key[1]);
}

bool vs_coarse_follow(const struct vs_coarse_job *j,
		      struct vs_coarse_scratch *s,
		      const struct vs_coarse_row *r)
{
	const struct vs_coarse_track *t = j->track;
	uint32_t own = t->cell[r->i], place = j->moved->place[own];
	float dist = t->dist[r->i], bound, limit;
	int64_t key[2] = { vs_key_of_f32(dist, false), VS_KEY_WORST };

	if (place != UINT32_MAX) {
		key[0] = vs_coarse_key(j, r, own);
		dist = vs_f32_of_key(key[0], false);
		r->scores[place] = INFINITY;
	}
	limit = (float)((double)dist - r->base + (double)r->zone * 0.75);
	if (!isfinite(limit))
		return false;
	s->n_near = j->ctx->kern->select_le_f32(r->scores, t->n_moved, limit,
						s->near);
	own = vs_coarse_two_best(j, s, r, t->moved, own, key);
	dist = vs_f32_of_key(key[0], false);
	/* Those that stood still are no nearer than the bound. */
	if (!(dist < t->other[r->i]))
		return false;
	bound = others(j, r, t->n_moved, key[1]);
	t->cell[r->i] = own;
	t->dist[r->i] = dist;
	if (bound < t->other[r->i])
		t->other[r->i] = bound;
	return true;
}
