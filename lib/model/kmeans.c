/* kmeans.c - the iterations; assignment itself is vs/coarse.h, or in two levels
 * kmeans_near.c. */
#include "vs/kmeans.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "kmeans_near.h"
#include "vs/hash.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"
#include "vs/rng.h"
#include "vs/widen.h"

/* Nudge of a split cell, relative (Faiss: EPS 1/1024). */
#define SPLIT_EPS (1.0f / 1024)

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
	bool spherical;
	double scale;     /* f32: fixed point = trunc(x * scale) */
	struct vs_rng repair;
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

/* Slots of the set that finds distinct seeds. */
static uint64_t seen_slots(uint32_t nlist)
{
	uint64_t n = 1024;

	while (n <= 4 * (uint64_t)nlist)
		n *= 2;
	return n;
}

/* What seeding or assignment take beside the state. */
static uint64_t beside_bytes(uint32_t nlist, uint32_t dim)
{
	uint64_t seeds = seen_slots(nlist) * 8 + 2 * VS_ALIGN;
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

static const void *row_at(const struct vs_rows *rows, uint64_t i)
{
	return (const char *)rows->p +
	       i * rows->dim * vs_dtype_size(rows->dtype);
}

static void widen(const struct vs_rows *rows, uint64_t i, float *out)
{
	const void *row = row_at(rows, i);
	uint32_t x;

	if (rows->dtype == VS_F32) {
		memcpy(out, row, rows->dim * sizeof(float));
		return;
	}
	for (x = 0; x < rows->dim; x++)
		out[x] = ((const uint8_t *)row)[x];
}

/* The power of two that takes the largest magnitude times n to below 2^62. */
static void choose_scale(struct state *s)
{
	const float *v = s->rows->p;
	uint64_t n = s->rows->n * s->rows->dim, i;
	float most = 0;
	int e_value, e_rows;

	s->scale = 1;
	if (s->rows->dtype != VS_F32)
		return;
	for (i = 0; i < n; i++)
		most = fabsf(v[i]) > most ? fabsf(v[i]) : most;
	if (most == 0)
		return;
	(void)frexp((double)most, &e_value);
	(void)frexp((double)s->rows->n, &e_rows);
	s->scale = ldexp(1.0, 62 - e_rows - e_value);
}

/* An open-addressing set of row hashes, to seed with distinct values. */
struct seen {
	uint64_t *slot;
	uint64_t mask;
};

static bool seen_add(struct seen *set, uint64_t hash)
{
	uint64_t at;

	hash |= 1; /* 0 marks an empty slot */
	for (at = hash & set->mask; set->slot[at] != 0;
	     at = (at + 1) & set->mask)
		if (set->slot[at] == hash)
			return false;
	set->slot[at] = hash;
	return true;
}

/* Distinct rows in the order of a seeded shuffle; when there are fewer distinct
 * values than cells, the rest start as copies and are repaired as empty. */
static int seed_centroids(struct state *s, uint64_t seed, struct vs_err *err)
{
	const struct vs_rows *rows = s->rows;
	size_t row_bytes = rows->dim * vs_dtype_size(rows->dtype);
	struct seen set = { NULL, seen_slots(s->nlist) - 1 };
	uint32_t *perm = s->order, t;
	struct vs_rng rng;
	uint64_t i, j, n = 0, n_copies = 0;

	set.slot = vs_zalloc(s->ctx, set.mask + 1, sizeof(*set.slot),
			     "k-means seeds", err);
	if (set.slot == NULL)
		return VS_ENOMEM;
	vs_rng_init(&rng, seed, VS_STREAM_SEED);
	for (i = 0; i < rows->n; i++)
		perm[i] = (uint32_t)i;
	for (i = 0; i < rows->n && n < s->nlist; i++) {
		j = i + vs_rng_below(&rng, rows->n - i);
		t = perm[i];
		perm[i] = perm[j];
		perm[j] = t;
		if (seen_add(&set, vs_hash64(row_at(rows, perm[i]), row_bytes)))
			widen(rows, perm[i],
			      s->centroids + n++ * rows->dim);
	}
	for (; n < s->nlist; n++)
		memcpy(s->centroids + n * rows->dim,
		       s->centroids + n_copies++ * rows->dim,
		       rows->dim * sizeof(float));
	vs_free(s->ctx, set.slot);
	return 0;
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

static void add_row(const struct state *s, uint64_t i, int64_t *sum)
{
	const void *row = row_at(s->rows, i);
	uint32_t x, dim = s->rows->dim;

	if (s->rows->dtype == VS_U8) {
		for (x = 0; x < dim; x++)
			sum[x] += ((const uint8_t *)row)[x];
		return;
	}
	/* A conversion that truncates is one instruction everywhere. */
	for (x = 0; x < dim; x++)
		sum[x] += (int64_t)((double)((const float *)row)[x] *
				    s->scale);
}

/* Rounding must not make an infinity of values near the largest. */
static float clamped(double v)
{
	const double most = (double)FLT_MAX;

	if (v > most)
		return FLT_MAX;
	return v < -most ? -FLT_MAX : (float)v;
}

/* The mean of one cell; an empty one keeps its centroid for the repair. */
static void update_cell(struct state *s, size_t c, int64_t *sum)
{
	uint32_t dim = s->rows->dim, x;
	uint64_t i, n = s->start[c + 1] - s->start[c];

	if (n == 0)
		return;
	memset(sum, 0, dim * sizeof(*sum));
	for (i = s->start[c]; i < s->start[c + 1]; i++)
		add_row(s, s->order[i], sum);
	for (x = 0; x < dim; x++)
		s->centroids[c * dim + x] =
			clamped((double)sum[x] / s->scale / (double)n);
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

/* Cells with few rows in them lend nothing; picks by size, seeded. */
static uint32_t pick_donor(struct state *s, uint64_t *size)
{
	uint64_t n = s->rows->n, r;
	uint32_t c = 0, tries, best = 0;

	for (tries = 0; tries < 64; tries++) {
		r = vs_rng_below(&s->repair, n);
		c = s->cell[r];
		if (size[c] > 1)
			return c;
	}
	for (c = 1; c < s->nlist; c++)
		if (size[c] > size[best])
			best = c;
	return best;
}

static int repair_empty(struct state *s, uint64_t *n_repaired,
			struct vs_err *err)
{
	uint32_t dim = s->rows->dim, c, donor, x;
	uint64_t *size;
	float *a, *b, eps;

	size = vs_alloc(s->ctx, s->nlist, sizeof(*size), "cell sizes", err);
	if (size == NULL)
		return VS_ENOMEM;
	for (c = 0; c < s->nlist; c++)
		size[c] = s->start[c + 1] - s->start[c];
	for (c = 0; c < s->nlist; c++) {
		if (size[c] != 0)
			continue;
		donor = pick_donor(s, size);
		a = s->centroids + (size_t)c * dim;
		b = s->centroids + (size_t)donor * dim;
		for (x = 0; x < dim; x++) {
			eps = x % 2 == 0 ? SPLIT_EPS : -SPLIT_EPS;
			a[x] = clamped((double)(b[x] * (1 + eps)));
			b[x] = clamped((double)(b[x] * (1 - eps)));
		}
		size[c] = size[donor] / 2;
		size[donor] -= size[c];
		(*n_repaired)++;
	}
	vs_free(s->ctx, size);
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
	uint64_t i, n = s->rows->n;
	double total = 0, size;
	uint32_t c;

	for (i = 0; i < n; i++)
		total += (double)s->dist[i];
	out->objective = total / (double)n;
	for (c = 0, total = 0; c < s->nlist; c++) {
		size = (double)(s->start[c + 1] - s->start[c]);
		total += size * size;
	}
	out->imbalance = s->nlist * total / (double)n / (double)n;
}

/* One assignment and, unless it is the last, one update. */
static int iterate(struct state *s, struct vs_kmeans_result *out, bool last,
		   struct vs_err *err)
{
	uint32_t c;
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
		rc = repair_empty(s, &out->n_repaired, err);
	for (c = 0; rc == 0 && s->spherical && c < s->nlist; c++)
		vs_row_unit(s->centroids + (size_t)c * s->rows->dim,
			    s->rows->dim);
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
		vs_rng_init(&s->repair, params->seed, VS_STREAM_REPAIR);
		if (s->near != NULL)
			return vs_kmeans_near_seed(s->near, params,
						   s->centroids, err);
		return seed_centroids(s, params->seed, err);
	}
	s->iteration = k.iteration;
	s->before = k.objective;
	s->repair.state = k.rng;
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
		.rng = s->repair.state,
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
		/* The objective has come to rest; rounds that go on without
		 * lowering it are not worth their time. */
		if (out->objective == s->before && repaired == out->n_repaired)
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
	struct state s = { .ctx = ctx, .rows = rows, .nlist = params->nlist,
			   .spherical = params->spherical };
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
		choose_scale(&s);
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
