/* kmeans_near.c - superclusters, what cells they begin with, and which cells
 * their rows meet. */
#include "kmeans_near.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"
#include "vs/rng.h"

/* A row meets the cells of so many superclusters, its own with it.  On a
 * million rows of SIFT and 65,536 cells: see ARCHITECTURE.md. */
#define NEAR 32u
/* A supercluster with more rows than this many of even ones learns its cells
 * from some of them, so that one that has most rows needs no second copy of
 * the sample. */
#define EVEN_MAX 16u
#define LEARN_MIN 65536u
#define CHUNK 1020u /* rows that a thread takes at a time: 85 tiles */

/* Buffers of a worker. */
struct desk {
	uint8_t *rows;  /* [CHUNK] */
	uint32_t *cell; /* [CHUNK] */
	float *dist;    /* [CHUNK] */
};

struct vs_kmeans_near {
	struct vs_ctx *ctx;
	const struct vs_rows *rows;
	uint32_t nlist;
	uint32_t n_supers;
	uint32_t n_near;
	struct vs_coarse *supers; /* for centroids */
	uint32_t *near;   /* [n_supers][n_near]: the nearest supers */
	uint64_t *start;  /* [n_supers + 1]: rows of a super in order[] */
	uint32_t *order;  /* [n]: rows by super, ascending within */
	/* of an assignment */
	uint32_t *home;   /* [nlist]: the super of a centroid */
	uint64_t *first;  /* [n_supers + 1]: cells of a super in list[] */
	uint32_t *list;   /* [nlist]: cells by super, ascending within */
	float *sorted;    /* [nlist][dim]: their centroids */
	struct vs_coarse **cells; /* [n_supers]; NULL: it has none */
	uint64_t *item;   /* [n_supers + 1]: chunks of rows before a super */
	struct desk *desk; /* [n_workers] */
	size_t n_workers;
	atomic_size_t next;
	uint32_t *cell;   /* [n], of the caller, as is dist */
	float *dist;
};

static uint32_t supers_of(uint32_t nlist)
{
	uint32_t n = 1;

	while ((uint64_t)(n + 1) * (n + 1) <= nlist)
		n++;
	return n;
}

static size_t row_bytes(const struct vs_rows *rows)
{
	return rows->dim * vs_dtype_size(rows->dtype);
}

/* Rows that a supercluster learns k cells from, at most. */
static uint64_t learn_max(const struct vs_rows *rows, uint32_t n_supers,
			  uint32_t k)
{
	uint64_t n = vs_div_up(rows->n, n_supers) * EVEN_MAX;

	n = n < LEARN_MIN ? LEARN_MIN : n;
	return vs_min_u64(n < k ? k : n, rows->n);
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t desk_bytes(const struct vs_rows *rows)
{
	return CHUNK * (row_bytes(rows) + 8) + sizeof(struct desk) +
	       4 * 2 * VS_ALIGN;
}

uint64_t vs_kmeans_near_bytes(const struct vs_rows *rows, uint32_t nlist)
{
	uint32_t k = supers_of(nlist), dim = rows->dim;
	struct vs_rows some = *rows;
	uint64_t kept, first, seed, assign;

	some.n = learn_max(rows, k, nlist);
	kept = rows->n * 4 + nlist * 8ull + k * (NEAR * 4 + 40ull) +
	       vs_coarse_bytes(k, dim) + 20 * 2 * VS_ALIGN;
	first = vs_kmeans_bytes(rows, k, false);
	seed = some.n * row_bytes(rows) + vs_kmeans_bytes(&some, nlist, false) +
	       k * 12ull;
	/* Panels of each supercluster are filled up. */
	assign = nlist * 4ull * dim + desk_bytes(rows) +
		 vs_coarse_bytes(nlist + k * VS_PANEL_ROWS, dim) +
		 k * (512ull + 24 * VS_ALIGN);
	return kept + max_u64(first, max_u64(seed, assign));
}

static void sort_by(const uint32_t *key, uint64_t n, uint32_t n_keys,
		    uint64_t *start, uint32_t *order)
{
	uint64_t i, at = 0, t;
	uint32_t c;

	memset(start, 0, ((size_t)n_keys + 1) * sizeof(*start));
	for (i = 0; i < n; i++)
		start[key[i]]++;
	for (c = 0; c <= n_keys; c++) {
		t = start[c];
		start[c] = at;
		at += t;
	}
	for (i = 0; i < n; i++)
		order[start[key[i]]++] = (uint32_t)i;
	for (c = n_keys; c > 0; c--)
		start[c] = start[c - 1];
	start[0] = 0;
}

static int group_rows(struct vs_kmeans_near *s, const struct vs_rows *supers,
		      struct vs_err *err)
{
	struct vs_ctx *ctx = s->ctx;
	struct vs_coarse *c = NULL;
	uint32_t *key = vs_alloc(ctx, s->rows->n, sizeof(*key),
				 "superclusters", err);
	int rc;

	if (key == NULL)
		return VS_ENOMEM;
	rc = vs_coarse_create(ctx, supers, s->rows->dtype, &c, err);
	if (rc == 0)
		rc = vs_coarse_assign(ctx, c, s->rows, key, NULL, err);
	vs_coarse_destroy(ctx, c);
	if (rc == 0)
		sort_by(key, s->rows->n, s->n_supers, s->start, s->order);
	vs_free(ctx, key);
	return rc;
}

static void count_items(struct vs_kmeans_near *s)
{
	uint32_t g;

	s->item[0] = 0;
	for (g = 0; g < s->n_supers; g++)
		s->item[g + 1] = s->item[g] +
				 vs_div_up(s->start[g + 1] - s->start[g],
					   CHUNK);
}

static int alloc(struct vs_kmeans_near *s, struct vs_err *err)
{
	static const char what[] = "superclusters";
	size_t k = s->n_supers;
	struct {
		void *p;
		size_t n, size;
	} want[] = {
		{ &s->near, k, s->n_near * sizeof(*s->near) },
		{ &s->start, k + 1, sizeof(*s->start) },
		{ &s->order, s->rows->n, sizeof(*s->order) },
		{ &s->home, s->nlist, sizeof(*s->home) },
		{ &s->first, k + 1, sizeof(*s->first) },
		{ &s->list, s->nlist, sizeof(*s->list) },
		{ &s->item, k + 1, sizeof(*s->item) },
	};
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		void *got = vs_alloc(s->ctx, want[i].n, want[i].size, what,
				     err);

		if (got == NULL)
			return VS_ENOMEM;
		memcpy(want[i].p, &got, sizeof(got));
	}
	return 0;
}

static int fill(struct vs_kmeans_near *s, const struct vs_rows *supers,
		struct vs_err *err)
{
	const struct vs_probe probe = { s->n_near, 0 };
	int rc = alloc(s, err);

	if (rc == 0)
		rc = group_rows(s, supers, err);
	if (rc != 0)
		return rc;
	count_items(s);
	rc = vs_coarse_create(s->ctx, supers, VS_F32, &s->supers, err);
	if (rc == 0)
		rc = vs_coarse_probe(s->ctx, s->supers, VS_L2, supers,
				     &probe, s->near, err);
	return rc;
}

int vs_kmeans_near_create(struct vs_ctx *ctx, const struct vs_rows *rows,
			  const struct vs_kmeans_params *params,
			  struct vs_kmeans_near **out, struct vs_err *err)
{
	struct vs_kmeans_params p = *params;
	struct vs_kmeans_result r = { .centroids = NULL };
	struct vs_rows supers = { .dim = rows->dim, .dtype = VS_F32 };
	struct vs_kmeans_near *s;
	int rc;

	p.nlist = supers_of(params->nlist);
	p.keep = NULL;
	p.two_level = false;
	p.quiet = true;
	s = vs_zalloc(ctx, 1, sizeof(*s), "superclusters", err);
	if (s == NULL)
		return VS_ENOMEM;
	s->ctx = ctx;
	s->rows = rows;
	s->nlist = params->nlist;
	s->n_supers = p.nlist;
	s->n_near = (uint32_t)vs_min_u64(NEAR, p.nlist);
	vs_ctx_progress(ctx, "group", 0, rows->n, "rows");
	rc = vs_kmeans(ctx, rows, &p, &r, err);
	supers.p = r.centroids;
	supers.n = p.nlist;
	if (rc == 0)
		rc = fill(s, &supers, err);
	vs_free(ctx, r.centroids);
	if (rc == 0)
		vs_ctx_progress(ctx, "group", rows->n, rows->n, "rows");
	if (rc == 0)
		*out = s;
	else
		vs_kmeans_near_destroy(s);
	return rc;
}

static void copy_row(const struct vs_kmeans_near *s, uint64_t from,
		     uint8_t *to)
{
	size_t n = row_bytes(s->rows);

	memcpy(to, (const uint8_t *)s->rows->p + s->order[from] * n, n);
}

/* The k clusters of supercluster g; room holds the rows that they are learnt
 * from. */
static int split(struct vs_kmeans_near *s,
		 const struct vs_kmeans_params *params, uint32_t g, uint32_t k,
		 uint8_t *room, struct vs_kmeans_result *r, struct vs_err *err)
{
	uint64_t n = s->start[g + 1] - s->start[g], i;
	struct vs_kmeans_params p = *params;
	struct vs_rows some = *s->rows;

	some.p = room;
	some.n = vs_min_u64(n, learn_max(s->rows, s->n_supers, k));
	/* All of them, or some at even distances. */
	for (i = 0; i < some.n; i++)
		copy_row(s, s->start[g] + i * n / some.n,
			 room + i * row_bytes(&some));
	p.nlist = k;
	p.seed = vs_rng_at(params->seed, VS_STREAM_SPLIT, g);
	p.keep = NULL;
	p.two_level = false;
	p.quiet = true;
	return vs_kmeans(s->ctx, &some, &p, r, err);
}

static int seed_all(struct vs_kmeans_near *s,
		    const struct vs_kmeans_params *params,
		    const uint32_t *share, uint8_t *room, float *centroids,
		    struct vs_err *err)
{
	size_t dim = s->rows->dim;
	struct vs_kmeans_result r;
	uint32_t g, at = 0;
	int rc;

	for (g = 0; g < s->n_supers; g++) {
		if (share[g] == 0)
			continue;
		rc = split(s, params, g, share[g], room, &r, err);
		if (rc != 0)
			return rc;
		memcpy(centroids + at * dim, r.centroids,
		       share[g] * dim * sizeof(float));
		vs_free(s->ctx, r.centroids);
		at += share[g];
		vs_ctx_progress(s->ctx, "split", g + 1ull, s->n_supers,
				"superclusters");
	}
	return 0;
}

int vs_kmeans_near_seed(struct vs_kmeans_near *s,
			const struct vs_kmeans_params *params,
			float *centroids, struct vs_err *err)
{
	struct vs_ctx *ctx = s->ctx;
	uint64_t most = 0, n;
	uint32_t *share, g;
	uint8_t *room;
	int rc = VS_ENOMEM;

	share = vs_alloc(ctx, s->n_supers, sizeof(*share), "superclusters",
			 err);
	if (share == NULL)
		return VS_ENOMEM;
	vs_kmeans_shares(s->start, s->n_supers, s->nlist, share);
	for (g = 0; g < s->n_supers; g++) {
		n = vs_min_u64(s->start[g + 1] - s->start[g],
			       learn_max(s->rows, s->n_supers, share[g]));
		most = max_u64(most, n);
	}
	room = vs_alloc(ctx, most, row_bytes(s->rows),
			"rows of a supercluster", err);
	if (room != NULL)
		rc = seed_all(s, params, share, room, centroids, err);
	vs_free(ctx, room);
	vs_free(ctx, share);
	return rc;
}

/* Which cells lie in which supercluster, and their centroids in that order. */
static int group_cells(struct vs_kmeans_near *s, const float *centroids,
		       struct vs_err *err)
{
	struct vs_rows rows = { centroids, s->nlist, s->rows->dim, VS_F32 };
	size_t dim = rows.dim;
	uint32_t i;
	int rc = vs_coarse_assign(s->ctx, s->supers, &rows, s->home, NULL,
				  err);

	if (rc != 0)
		return rc;
	sort_by(s->home, s->nlist, s->n_supers, s->first, s->list);
	for (i = 0; i < s->nlist; i++)
		memcpy(s->sorted + i * dim, centroids + s->list[i] * dim,
		       dim * sizeof(float));
	return 0;
}

static int make_cells(void *arg, size_t g, unsigned thread, struct vs_err *err)
{
	struct vs_kmeans_near *s = arg;
	uint64_t at = s->first[g], n = s->first[g + 1] - at;
	struct vs_rows some = { s->sorted + at * s->rows->dim, n,
				s->rows->dim, VS_F32 };

	(void)thread;
	if (n == 0)
		return 0;
	return vs_coarse_create(s->ctx, &some, s->rows->dtype, &s->cells[g],
				err);
}

/* The rows of a desk against the cells of one supercluster. */
static int meet(struct vs_kmeans_near *s, const struct desk *desk, uint32_t g,
		uint64_t at, uint64_t n, struct vs_err *err)
{
	struct vs_rows rows = { desk->rows, n, s->rows->dim, s->rows->dtype };
	uint32_t cell;
	uint64_t i, r;
	int rc;

	if (s->cells[g] == NULL)
		return 0;
	rc = vs_coarse_assign_alone(s->ctx, s->cells[g], &rows, desk->cell,
				    desk->dist, err);
	for (i = 0; rc == 0 && i < n; i++) {
		r = s->order[at + i];
		cell = s->list[s->first[g] + desk->cell[i]];
		if (s->cell[r] == UINT32_MAX || desk->dist[i] < s->dist[r] ||
		    (desk->dist[i] == s->dist[r] && cell < s->cell[r])) {
			s->cell[r] = cell;
			s->dist[r] = desk->dist[i];
		}
	}
	return rc;
}

/* Whether the superclusters near g have cells at all. */
static bool has_near(const struct vs_kmeans_near *s, uint32_t g)
{
	uint32_t i;

	for (i = 0; i < s->n_near; i++)
		if (s->cells[s->near[(size_t)g * s->n_near + i]] != NULL)
			return true;
	return false;
}

/* Rows at .. at + n of supercluster g, n of them at most CHUNK. */
static int run_chunk(struct vs_kmeans_near *s, const struct desk *desk,
		     uint32_t g, uint64_t at, uint64_t n, struct vs_err *err)
{
	bool all = !has_near(s, g);
	uint32_t n_near = all ? s->n_supers : s->n_near, x;
	uint64_t i;
	int rc = 0;

	for (i = 0; i < n; i++) {
		copy_row(s, at + i, desk->rows + i * row_bytes(s->rows));
		s->cell[s->order[at + i]] = UINT32_MAX;
	}
	for (x = 0; rc == 0 && x < n_near; x++)
		rc = meet(s, desk,
			  all ? x : s->near[(size_t)g * s->n_near + x], at, n,
			  err);
	return rc;
}

static int run_items(void *arg, size_t worker, unsigned thread,
		     struct vs_err *err)
{
	struct vs_kmeans_near *s = arg;
	size_t item, n_items = (size_t)s->item[s->n_supers];
	uint64_t at, end;
	uint32_t g = 0;
	int rc = 0;

	(void)thread;
	while (rc == 0 && (item = atomic_fetch_add(&s->next, 1)) < n_items) {
		if (vs_ctx_stopping(s->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		while (s->item[g + 1] <= item)
			g++;
		at = s->start[g] + (item - s->item[g]) * CHUNK;
		end = vs_min_u64(at + CHUNK, s->start[g + 1]);
		rc = run_chunk(s, &s->desk[worker], g, at, end - at, err);
	}
	return rc;
}

static int set_desks(struct vs_kmeans_near *s, struct vs_err *err)
{
	static const char what[] = "rows to assign";
	struct vs_ctx *ctx = s->ctx;
	uint64_t most = 1, fit;
	struct desk *d;
	uint32_t g;
	size_t w;

	/* Each wants the scratch of an assignment, too. */
	for (g = 0; g < s->n_supers; g++)
		most = max_u64(most, s->first[g + 1] - s->first[g]);
	fit = vs_mem_left(ctx) /
	      (desk_bytes(s->rows) +
	       vs_coarse_bytes((uint32_t)most, s->rows->dim));
	s->n_workers = (size_t)vs_min_u64(ctx->n_threads,
					  s->item[s->n_supers]);
	s->n_workers = (size_t)vs_min_u64(s->n_workers, fit);
	s->n_workers = vs_max_size(s->n_workers, 1);
	s->desk = vs_zalloc(ctx, s->n_workers, sizeof(*s->desk), what, err);
	if (s->desk == NULL)
		return VS_ENOMEM;
	for (w = 0; w < s->n_workers; w++) {
		d = &s->desk[w];
		d->rows = vs_alloc(ctx, CHUNK, row_bytes(s->rows), what, err);
		if (d->rows == NULL)
			return VS_ENOMEM;
		d->cell = vs_alloc(ctx, CHUNK, sizeof(*d->cell), what, err);
		if (d->cell == NULL)
			return VS_ENOMEM;
		d->dist = vs_alloc(ctx, CHUNK, sizeof(*d->dist), what, err);
		if (d->dist == NULL)
			return VS_ENOMEM;
	}
	return 0;
}

static void clear_assignment(struct vs_kmeans_near *s)
{
	uint32_t g;
	size_t w;

	for (g = 0; s->cells != NULL && g < s->n_supers; g++)
		vs_coarse_destroy(s->ctx, s->cells[g]);
	vs_free(s->ctx, s->cells);
	s->cells = NULL;
	vs_free(s->ctx, s->sorted);
	s->sorted = NULL;
	for (w = 0; s->desk != NULL && w < s->n_workers; w++) {
		vs_free(s->ctx, s->desk[w].rows);
		vs_free(s->ctx, s->desk[w].cell);
		vs_free(s->ctx, s->desk[w].dist);
	}
	vs_free(s->ctx, s->desk);
	s->desk = NULL;
}

int vs_kmeans_near_assign(struct vs_kmeans_near *s, const float *centroids,
			  uint32_t *cell, float *dist, struct vs_err *err)
{
	struct vs_ctx *ctx = s->ctx;
	int rc = VS_ENOMEM;

	s->cell = cell;
	s->dist = dist;
	s->sorted = vs_alloc(ctx, s->nlist, s->rows->dim * sizeof(float),
			     "centroids", err);
	if (s->sorted != NULL)
		s->cells = vs_zalloc(ctx, s->n_supers, sizeof(*s->cells),
				     "centroids", err);
	if (s->cells != NULL)
		rc = group_cells(s, centroids, err);
	if (rc == 0)
		rc = vs_par_for(ctx, s->n_supers, make_cells, s, err);
	vs_free(ctx, s->sorted);
	s->sorted = NULL;
	if (rc == 0)
		rc = set_desks(s, err);
	if (rc == 0) {
		atomic_store(&s->next, 0);
		rc = vs_par_for(ctx, s->n_workers, run_items, s, err);
	}
	clear_assignment(s);
	return rc;
}

void vs_kmeans_near_destroy(struct vs_kmeans_near *s)
{
	struct vs_ctx *ctx;

	if (s == NULL)
		return;
	ctx = s->ctx;
	clear_assignment(s);
	vs_coarse_destroy(ctx, s->supers);
	vs_free(ctx, s->near);
	vs_free(ctx, s->start);
	vs_free(ctx, s->order);
	vs_free(ctx, s->home);
	vs_free(ctx, s->first);
	vs_free(ctx, s->list);
	vs_free(ctx, s->item);
	vs_free(ctx, s);
}
