/* kmeans.c - the iterations; assignment itself is vs/coarse.h, or in two levels
 * kmeans_near.c. */
#include "vs/kmeans.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "kmeans_near.h"
#include "vs/hash.h"
#include "vs/kmeans_step.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"
#include "vs/rng.h"
#include "vs/widen.h"

struct state {
	struct vs_ctx *ctx;
	const struct vs_rows *rows;
	struct vs_kmeans_near *near; /* in two levels, else NULL */
	uint32_t nlist;
	float *centroids;
	uint32_t *cell;   /* [n] */
	float *dist;      /* [n] */
	float *other;     /* [n]: see struct vs_coarse_track */
	uint64_t *mark;   /* [nlist]: hashes of the centroids before */
	uint32_t *moved;  /* [nlist]: those that the last update changed */
	uint32_t n_moved;
	bool tracked;     /* all of this is of the assignment before */
	uint64_t *start;  /* [nlist + 1]: rows of a cell in order[] */
	uint32_t *order;  /* [n]: rows sorted by cell, ascending within */
	int64_t *sum;     /* [n_workers][dim] */
	size_t n_workers; /* of the parallel update */
	atomic_size_t next; /* the cell to be updated next */
	struct vs_kmeans_shape shape;
	uint64_t repair;  /* random numbers of the repairs */
	double before;    /* objective of the assignment before; -1: none */
	uint32_t iteration;
	bool whole; /* centroids are those that the iteration began with */
};

static void state_clear(struct state *s)
{
	vs_free(s->ctx, s->cell);
	vs_free(s->ctx, s->dist);
	vs_free(s->ctx, s->other);
	vs_free(s->ctx, s->mark);
	vs_free(s->ctx, s->moved);
	vs_free(s->ctx, s->start);
	vs_free(s->ctx, s->order);
	vs_free(s->ctx, s->sum);
}

/* What seeding or assignment take beside the state. */
static uint64_t beside_bytes(uint32_t nlist, uint32_t dim)
{
	uint64_t seeds = vs_kmeans_seeds_bytes(nlist);
	uint64_t coarse = vs_coarse_track_bytes(nlist, dim);

	return seeds > coarse ? seeds : coarse;
}

static int state_alloc(struct state *s, struct vs_err *err)
{
	static const char what[] = "k-means state";
	struct vs_ctx *ctx = s->ctx;
	uint64_t n = s->rows->n, left, later, fit;

	s->cell = vs_alloc(ctx, n, sizeof(*s->cell), what, err);
	if (s->cell == NULL)
		return VS_ENOMEM;
	s->dist = vs_alloc(ctx, n, sizeof(*s->dist), what, err);
	if (s->dist == NULL)
		return VS_ENOMEM;
	s->other = vs_alloc(ctx, n, sizeof(*s->other), what, err);
	if (s->other == NULL)
		return VS_ENOMEM;
	s->mark = vs_zalloc(ctx, s->nlist, sizeof(*s->mark), what, err);
	if (s->mark == NULL)
		return VS_ENOMEM;
	s->moved = vs_alloc(ctx, s->nlist, sizeof(*s->moved), what, err);
	if (s->moved == NULL)
		return VS_ENOMEM;
	s->order = vs_alloc(ctx, n, sizeof(*s->order), what, err);
	if (s->order == NULL)
		return VS_ENOMEM;
	s->start = vs_alloc(ctx, (size_t)s->nlist + 1, sizeof(*s->start), what,
			    err);
	if (s->start == NULL)
		return VS_ENOMEM;
	/* One worker will do, and seeds and assignment come first. */
	left = vs_mem_left(ctx);
	later = beside_bytes(s->nlist, s->rows->dim);
	fit = left < later ? 0 : (left - later) / 2 /
				       (s->rows->dim * sizeof(*s->sum));
	s->n_workers = (size_t)vs_min_u64(ctx->n_threads, s->nlist);
	s->n_workers = (size_t)vs_min_u64(s->n_workers, fit);
	s->n_workers = vs_max_size(s->n_workers, 1);
	s->sum = vs_alloc(ctx, s->n_workers, s->rows->dim * sizeof(*s->sum),
			  what, err);
	return s->sum == NULL ? VS_ENOMEM : 0;
}

uint64_t vs_kmeans_bytes(const struct vs_rows *rows, uint32_t nlist,
			 bool two_level)
{
	uint64_t state = rows->n * 16 + nlist * 20ull + 8 + rows->dim * 8ull +
			 nlist * 4ull * rows->dim + 9 * 2 * VS_ALIGN;

	if (two_level)
		state += vs_kmeans_near_bytes(rows, nlist);
	return state + beside_bytes(nlist, rows->dim);
}

/* Counting sort of the rows by cell. */
static void sort_by_cell(struct state *s)
{
	uint64_t i, n = s->rows->n, t, at = 0;
	uint32_t c;

	memset(s->start, 0, ((size_t)s->nlist + 1) * sizeof(*s->start));
	for (i = 0; i < n; i++)
		s->start[s->cell[i]]++;
	for (c = 0; c <= s->nlist; c++) {
		t = s->start[c];
		s->start[c] = at;
		at += t;
	}
	for (i = 0; i < n; i++)
		s->order[s->start[s->cell[i]]++] = (uint32_t)i;
	for (c = s->nlist; c > 0; c--)
		s->start[c] = s->start[c - 1];
	s->start[0] = 0;
}

/* The mean of one cell; an empty one keeps its centroid for the repair. */
static void update_cell(struct state *s, size_t c, int64_t *sum)
{
	uint64_t i, n = s->start[c + 1] - s->start[c];
	uint32_t dim = s->rows->dim;

	if (n == 0)
		return;
	memset(sum, 0, dim * sizeof(*sum));
	for (i = s->start[c]; i < s->start[c + 1]; i++)
		vs_kmeans_add(s->rows, s->order[i], s->shape.scale, sum);
	vs_kmeans_mean(&s->shape, sum, n, s->centroids + c * dim);
}

static int update_cells(void *arg, size_t worker, unsigned thread,
			struct vs_err *err)
{
	struct state *s = arg;
	int64_t *sum = s->sum + worker * s->rows->dim;
	size_t c;

	(void)thread;
	while ((c = atomic_fetch_add(&s->next, 1)) < s->nlist) {
		if (vs_ctx_stopping(s->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		update_cell(s, c, sum);
	}
	return 0;
}

static uint64_t mark_of(const struct state *s, uint32_t c)
{
	return vs_hash64(s->centroids + (size_t)c * s->rows->dim,
			 s->rows->dim * sizeof(float));
}

/* Which centroids are others than those of the marks. */
static void find_moved(struct state *s)
{
	uint64_t mark;
	uint32_t c;

	s->n_moved = 0;
	for (c = 0; c < s->nlist; c++) {
		mark = mark_of(s, c);
		if (mark != s->mark[c])
			s->moved[s->n_moved++] = c;
		s->mark[c] = mark;
	}
}

static int assign(struct state *s, struct vs_err *err)
{
	struct vs_rows centroids = { s->centroids, s->nlist, s->rows->dim,
				     VS_F32 };
	struct vs_coarse_track track = { s->cell, s->dist, s->other,
					 s->tracked ? s->moved : NULL,
					 s->n_moved };
	struct vs_coarse *coarse = NULL;
	int rc;

	if (s->near != NULL)
		return vs_kmeans_near_assign(s->near, s->centroids, s->cell,
					     s->dist, err);
	find_moved(s);
	track.n_moved = s->n_moved;
	rc = vs_coarse_create(s->ctx, &centroids, s->rows->dtype, &coarse, err);
	if (rc == 0)
		rc = vs_coarse_assign_track(s->ctx, coarse, s->rows, &track,
					    err);
	vs_coarse_destroy(s->ctx, coarse);
	s->tracked = rc == 0;
	return rc;
}

static void weigh(const struct state *s, struct vs_kmeans_result *out)
{
	struct vs_exact loss = { { 0 } };
	uint64_t i, n = s->rows->n;

	for (i = 0; i < n; i++)
		vs_exact_add(&loss, s->dist[i]);
	out->objective = vs_exact_value(&loss) / (double)n;
	out->imbalance = vs_kmeans_imbalance(&s->shape, s->start);
}

/* One assignment and, unless it is the last, one update. */
static int iterate(struct state *s, struct vs_kmeans_result *out, bool last,
		   struct vs_err *err)
{
	struct vs_kmeans_state k = { .rng = s->repair,
				     .n_repaired = out->n_repaired };
	int rc = assign(s, err);

	if (rc != 0)
		return rc;
	sort_by_cell(s);
	weigh(s, out);
	if (last)
		return 0;
	s->whole = false;
	atomic_store(&s->next, 0);
	rc = vs_par_for(s->ctx, s->n_workers, update_cells, s, err);
	if (rc == 0)
		rc = vs_kmeans_settle(s->ctx, &s->shape, s->start,
				      s->centroids, &k, err);
	s->repair = k.rng;
	out->n_repaired = k.n_repaired;
	return rc;
}

/* Whatever was saved, going on from it must be sound. */
static bool is_sound(const struct state *s, const struct vs_kmeans_state *k,
		     uint32_t iterations)
{
	size_t n = (size_t)s->nlist * s->rows->dim, i;

	for (i = 0; i < n; i++)
		if (!isfinite(k->centroids[i]))
			return false;
	return k->iteration <= iterations;
}

/* The first centroids, or those of a saved state. */
static int begin(struct state *s, const struct vs_kmeans_params *params,
		 struct vs_kmeans_result *out, struct vs_err *err)
{
	const struct vs_kmeans_keep *keep = params->keep;
	struct vs_kmeans_state k = { .centroids = s->centroids };
	bool found = false;
	int rc = keep == NULL ? 0 : keep->load(keep->arg, &k, &found, err);

	if (rc != 0)
		return rc;
	if (!found || !is_sound(s, &k, params->iterations)) {
		s->before = -1; /* none is that small */
		s->repair = vs_kmeans_repair_rng(params->seed);
		if (s->near != NULL)
			return vs_kmeans_near_seed(s->near, params,
						   s->centroids, err);
		return vs_kmeans_seeds(s->ctx, s->rows, s->nlist, params->seed,
				       s->order, s->centroids, err);
	}
	s->iteration = k.iteration;
	s->before = k.objective;
	s->repair = k.rng;
	out->n_repaired = k.n_repaired;
	return 0;
}

static void offer_state(struct state *s, const struct vs_kmeans_params *params,
			const struct vs_kmeans_result *out, bool stopping)
{
	struct vs_kmeans_state k = {
		.iteration = s->iteration,
		.objective = s->before,
		.n_repaired = out->n_repaired,
		.rng = s->repair,
		.centroids = s->centroids,
	};

	if (params->keep != NULL)
		params->keep->save(params->keep->arg, &k, stopping);
}

/* Stops at once when a stop is asked for, or does iteration s->iteration. */
static int iterate_or_stop(struct state *s,
			   const struct vs_kmeans_params *params,
			   struct vs_kmeans_result *out, struct vs_err *err)
{
	uint32_t it = s->iteration;
	int rc;

	s->whole = true;
	if (vs_ctx_stopping(s->ctx))
		rc = vs_fail(err, VS_EAGAIN, "stopped in iteration %u of %u; "
			     "run again", it, params->iterations);
	else
		rc = iterate(s, out, it == params->iterations, err);
	if (rc == VS_EAGAIN && s->whole)
		offer_state(s, params, out, true);
	if (rc != 0)
		return rc;
	out->iterations = it;
	if (params->quiet)
		return 0;
	vs_ctx_log(s->ctx, VS_LOG_DEBUG,
		   "iteration %u: mean squared distance %.6g, imbalance %.3f",
		   it, out->objective, out->imbalance);
	vs_ctx_progress(s->ctx, "k-means", it, params->iterations,
			"iterations");
	return 0;
}

static int lloyd(struct state *s, const struct vs_kmeans_params *params,
		 struct vs_kmeans_result *out, struct vs_err *err)
{
	uint64_t repaired;
	int rc;

	while (s->iteration <= params->iterations) {
		repaired = out->n_repaired;
		rc = iterate_or_stop(s, params, out, err);
		if (rc != 0)
			return rc;
		if (vs_kmeans_rests(out, s->before, repaired))
			break;
		s->before = out->objective;
		if (s->iteration++ < params->iterations)
			offer_state(s, params, out, false);
	}
	return 0;
}

int vs_kmeans(struct vs_ctx *ctx, const struct vs_rows *rows,
	      const struct vs_kmeans_params *params,
	      struct vs_kmeans_result *out, struct vs_err *err)
{
	struct state s = { .ctx = ctx, .rows = rows, .nlist = params->nlist };
	int rc;

	memset(out, 0, sizeof(*out));
	if (rows->n < params->nlist)
		return vs_fail(err, VS_EDATA,
			       "%llu training rows for %u centroids; give at "
			       "least as many rows, or a smaller nlist",
			       (unsigned long long)rows->n, params->nlist);
	if (rows->n > UINT32_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "%llu training rows; at most 2^32 - 1",
			       (unsigned long long)rows->n);
	if (params->two_level) {
		rc = vs_kmeans_near_create(ctx, rows, params, &s.near, err);
		if (rc != 0)
			return rc;
	}
	s.centroids = vs_alloc(ctx, params->nlist, rows->dim * sizeof(float),
			       "centroids", err);
	rc = s.centroids == NULL ? VS_ENOMEM : state_alloc(&s, err);
	if (rc == 0) {
		s.shape = vs_kmeans_shape_of(rows, params);
		rc = begin(&s, params, out, err);
	}
	if (rc == 0)
		rc = lloyd(&s, params, out, err);
	state_clear(&s);
	vs_kmeans_near_destroy(s.near);
	if (rc == 0)
		out->centroids = s.centroids;
	else
		vs_free(ctx, s.centroids);
	return rc;
}
