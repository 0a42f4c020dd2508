/* coarse.c - assignment of rows to centroids and choice of cells to probe:
 * tiles of rows meet centroids in parallel; coarse_pick.c reads their scores.
 */
#include "vs/coarse.h"

#include <math.h>
#include <string.h>

#include "coarse_int.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"
#include "vs/widen.h"

#define GROUPS_PER_ITEM 16u /* tiles of one item of the parallel loop */
#define SURE_MAX 1e37 /* norms below it cannot make a score overflow */
/* A tile whose codes leave open more than one centroid of OPEN_PART tells that
 * codes are no use for its like, and the next REST tiles go without. */
#define OPEN_PART 8u
#define REST 63u
/* Cells among which the second of a row is looked for: 32 find none that would
 * be better for sift and for lsa, and 8 nearly as good ones. */
#define SPILL_NEAR 16u

void vs_coarse_destroy(struct vs_ctx *ctx, struct vs_coarse *c)
{
	if (c == NULL)
		return;
	vs_coarse_code_clear(ctx, c);
	vs_free(ctx, c->panels);
	vs_free(ctx, c->terms);
	vs_free(ctx, c->zeros);
	vs_free(ctx, c->rows);
	vs_free(ctx, c);
}

static void fill_panels(struct vs_coarse *c)
{
	const float *rows[VS_PANEL_ROWS];
	size_t p, i, r;
	double norm2;

	for (p = 0; p < c->n_panels; p++) {
		for (i = 0; i < VS_PANEL_ROWS; i++) {
			r = p * VS_PANEL_ROWS + i;
			rows[i] = NULL;
			c->terms[r] = INFINITY;
			c->zeros[r] = INFINITY;
			if (r >= c->nlist)
				continue;
			rows[i] = c->rows + r * c->dim;
			norm2 = vs_norm2_f32(rows[i], c->dim);
			/* A NaN stays. */
			if (!(norm2 <= c->max_norm2) && !isnan(c->max_norm2))
				c->max_norm2 = norm2;
			c->terms[r] = (float)norm2;
			c->zeros[r] = 0;
		}
		vs_pack_panel_f32(rows, c->dim,
				  c->panels + p * VS_PANEL_ROWS * c->dim);
	}
}

static int alloc_floats(struct vs_ctx *ctx, struct vs_coarse *c,
			struct vs_err *err)
{
	static const char what[] = "centroids";
	size_t padded = c->n_panels * VS_PANEL_ROWS;

	c->panels = vs_alloc(ctx, padded, c->dim * sizeof(float), what, err);
	if (c->panels == NULL)
		return VS_ENOMEM;
	c->rows = vs_alloc(ctx, c->nlist, c->dim * sizeof(float), what, err);
	if (c->rows == NULL)
		return VS_ENOMEM;
	c->terms = vs_alloc(ctx, padded, sizeof(float), what, err);
	if (c->terms == NULL)
		return VS_ENOMEM;
	c->zeros = vs_alloc(ctx, padded, sizeof(float), what, err);
	return c->zeros == NULL ? VS_ENOMEM : 0;
}

int vs_coarse_create(struct vs_ctx *ctx, const struct vs_rows *centroids,
		     enum vs_dtype rows, struct vs_coarse **out,
		     struct vs_err *err)
{
	struct vs_coarse *c = vs_zalloc(ctx, 1, sizeof(*c), "centroids", err);
	int rc;

	if (c == NULL)
		return VS_ENOMEM;
	c->nlist = (uint32_t)centroids->n;
	c->dim = centroids->dim;
	c->n_panels = (size_t)vs_panels_of(c->nlist);
	rc = alloc_floats(ctx, c, err);
	if (rc == 0) {
		memcpy(c->rows, centroids->p,
		       (size_t)c->nlist * c->dim * sizeof(float));
		fill_panels(c);
		rc = vs_coarse_code_init(ctx, c, rows, err);
	}
	if (rc == 0)
		*out = c;
	else
		vs_coarse_destroy(ctx, c);
	return rc;
}

static uint64_t scratch_bytes(uint32_t nlist, uint32_t dim)
{
	uint64_t padded = vs_panels_of(nlist) * VS_PANEL_ROWS;
	uint64_t row = 2 * VS_TILE_W * sizeof(float) * (uint64_t)dim;
	uint64_t whole = 2 * VS_TILE_W * ((uint64_t)dim + 3);

	return padded * (VS_TILE_W * sizeof(float) + sizeof(uint32_t) +
			 sizeof(struct vs_hit)) +
	       row + whole + sizeof(struct vs_coarse_scratch) +
	       8 * 2 * VS_ALIGN;
}

uint64_t vs_coarse_bytes(uint32_t nlist, uint32_t dim)
{
	uint64_t padded = vs_panels_of(nlist) * VS_PANEL_ROWS;
	uint64_t sums = nlist * 5ull * sizeof(double) + 2 * VS_ALIGN;
	uint64_t scratch = scratch_bytes(nlist, dim);

	return (padded + nlist) * dim * sizeof(float) +
	       padded * 2 * sizeof(float) + sizeof(struct vs_coarse) +
	       5 * 2 * VS_ALIGN + vs_coarse_code_bytes(nlist, dim) +
	       (sums > scratch ? sums : scratch);
}

static void scratch_free(struct vs_coarse_job *j)
{
	struct vs_coarse_scratch *s = j->scratch;

	for (; s != NULL && s < j->scratch + j->n_workers; s++) {
		vs_free(j->ctx, s->packed);
		vs_free(j->ctx, s->packed8);
		vs_free(j->ctx, s->whole);
		vs_free(j->ctx, s->scores);
		vs_free(j->ctx, s->wide);
		vs_free(j->ctx, s->near);
		vs_free(j->ctx, s->hit);
	}
	vs_free(j->ctx, j->scratch);
}

/* size * n bytes to *p. */
static int take(struct vs_ctx *ctx, void *p, size_t n, size_t size,
		struct vs_err *err)
{
	void *got = vs_alloc(ctx, n, size, "coarse scratch", err);

	memcpy(p, &got, sizeof(got));
	return got == NULL ? VS_ENOMEM : 0;
}

static int scratch_fill(struct vs_coarse_job *j, struct vs_coarse_scratch *s,
			struct vs_err *err)
{
	struct vs_ctx *ctx = j->ctx;
	size_t dim = j->c->dim, padded = j->c->n_panels * VS_PANEL_ROWS;
	size_t wide = VS_TILE_W * sizeof(float);
	int rc = take(ctx, &s->packed, dim, wide, err);

	if (rc == 0)
		rc = take(ctx, &s->wide, dim, wide, err);
	if (rc == 0)
		rc = take(ctx, &s->packed8, (dim + 3) / 4 * 4, VS_TILE_W, err);
	if (rc == 0)
		rc = take(ctx, &s->whole, dim, VS_TILE_W, err);
	if (rc == 0)
		rc = take(ctx, &s->scores, padded, wide, err);
	if (rc == 0)
		rc = take(ctx, &s->near, padded, sizeof(*s->near), err);
	if (rc == 0)
		rc = take(ctx, &s->hit, padded, sizeof(*s->hit), err);
	return rc;
}

static int scratch_alloc(struct vs_coarse_job *j, struct vs_err *err)
{
	struct vs_ctx *ctx = j->ctx;
	uint64_t fit;
	size_t t;
	int rc = 0;

	/* Half of what is left: other threads of the caller may want some. */
	fit = vs_mem_left(ctx) / 2 / scratch_bytes(j->c->nlist, j->c->dim);
	j->n_workers = (size_t)vs_min_u64(ctx->n_threads, j->n_items);
	j->n_workers = (size_t)vs_min_u64(j->n_workers, fit);
	j->n_workers = j->alone ? 1 : vs_max_size(j->n_workers, 1);
	j->scratch = vs_zalloc(ctx, j->n_workers, sizeof(*j->scratch),
			       "coarse scratch", err);
	if (j->scratch == NULL)
		return VS_ENOMEM;
	for (t = 0; rc == 0 && t < j->n_workers; t++)
		rc = scratch_fill(j, &j->scratch[t], err);
	return rc;
}

static const void *row_at(const struct vs_rows *rows, uint64_t i)
{
	return (const uint8_t *)rows->p +
	       i * rows->dim * vs_dtype_size(rows->dtype);
}

/* Row i, the x-th of its tile, as f32: in place or widened. */
static const float *row_f32(const struct vs_coarse_job *j,
			    const struct vs_coarse_scratch *s, uint64_t i,
			    size_t x)
{
	uint32_t dim = j->rows->dim;
	float *wide = s->wide + x * dim;

	if (j->rows->dtype == VS_F32)
		return row_at(j->rows, i);
	vs_row_widen(j->rows->dtype, row_at(j->rows, i), dim, wide);
	return wide;
}

/* How far two scores of floats must lie apart to be sure of the canonical
 * order.
 *
 * With S = |q|^2 + max |c|^2 and G = vs_f32_gamma: a score is off by at most
 * G S / 2 (2 |q| |c| <= S), a canonical value by at most G S, and two of each
 * meet in a comparison: 3 G S.  The fourth covers the roundings of limits.
 * Infinite when scores could overflow: then nothing is sure. */
static float floats_zone(const struct vs_coarse_job *j, const float *q)
{
	const struct vs_coarse *c = j->c;
	float norm2;
	double s;

	j->ctx->kern->ip_f32(q, q, c->dim, 1, c->dim, &norm2);
	s = (double)norm2 * 1.001 + c->max_norm2;
	if (!(s < SURE_MAX))
		return INFINITY;
	return (float)(4 * vs_f32_gamma(c->dim) * s +
		       (double)c->dim * 0x1p-120);
}

/* A tile of rows. */
struct tile {
	struct vs_coarse_row row[VS_TILE_W];
	unsigned n;
};

static void add_row(const struct vs_coarse_job *j,
		    const struct vs_coarse_scratch *s, struct tile *t,
		    uint64_t i)
{
	t->row[t->n].i = i;
	t->row[t->n].f32 = row_f32(j, s, i, t->n);
	t->n++;
}

/* Scores of a tile against all centroids in floats. */
static void score_floats(const struct vs_coarse_job *j,
			 struct vs_coarse_scratch *s, struct tile *t)
{
	const struct vs_coarse *c = j->c;
	const float *f32[VS_TILE_W];
	struct vs_tile_f32 tile = {
		.panels = c->panels,
		.n_panels = c->n_panels,
		.d = c->dim,
		.packed = s->packed,
		.w = VS_TILE_W,
		.n_q = t->n,
		.terms = j->metric == VS_IP ? c->zeros : c->terms,
	};
	size_t stride = c->n_panels * VS_PANEL_ROWS;
	unsigned x;

	for (x = 0; x < t->n; x++) {
		f32[x] = t->row[x].f32;
		t->row[x].scores = s->scores + x * stride;
		t->row[x].zone = floats_zone(j, f32[x]);
		t->row[x].base = -(double)INFINITY;
	}
	vs_pack_queries_f32(f32, t->n, VS_TILE_W, c->dim, s->packed);
	j->ctx->kern->scores_f32(&tile, s->scores, stride);
}

/* The same against the codes of a field. */
static void score_codes(const struct vs_coarse_job *j,
			struct vs_coarse_scratch *s, const struct vs_field *f,
			struct tile *t)
{
	size_t dim = j->c->dim, stride = f->n_panels * VS_PANEL_ROWS;
	const uint8_t *whole[VS_TILE_W];
	float gain[VS_TILE_W] = { 0 };
	struct vs_tile_scores tile = {
		.panels = f->panels,
		.n_panels = f->n_panels,
		.d = dim,
		.packed = s->packed8,
		.w = VS_TILE_W,
		.n_q = t->n,
		.terms = f->terms,
		.gain = gain,
	};
	unsigned x;

	for (x = 0; x < t->n; x++) {
		vs_coarse_code_row(j, &t->row[x], s->whole + x * dim);
		whole[x] = (const uint8_t *)(s->whole + x * dim);
		gain[x] = t->row[x].gain;
		t->row[x].scores = s->scores + x * stride;
	}
	/* Signed bytes go as they are. */
	vs_pack_queries_l1_u8(whole, t->n, VS_TILE_W, dim, s->packed8);
	j->ctx->kern->scores_u8(&tile, s->scores, stride);
}

/* A tile against all centroids. */
static void run_tile(const struct vs_coarse_job *j,
		     struct vs_coarse_scratch *s, struct tile *t)
{
	const struct vs_coarse *c = j->c;
	struct vs_field all = { c->code.panels, vs_coarse_code_terms(j),
				c->n_panels, c->nlist };
	bool codes = c->has_code && s->rest == 0;
	size_t open = 0;
	unsigned x;

	if (codes)
		score_codes(j, s, &all, t);
	else
		score_floats(j, s, t);
	for (x = 0; x < t->n; x++) {
		if (j->nprobe == 0)
			open += vs_coarse_nearest(j, s, &t->row[x]);
		else
			open += vs_coarse_nearest_some(j, s, &t->row[x]);
	}
	if (s->rest > 0)
		s->rest--;
	else if (codes && open > t->n * (size_t)(c->nlist / OPEN_PART + 8))
		s->rest = REST;
}

/* Rows for which the centroids that moved are not enough. */
struct late {
	uint64_t row[2 * VS_TILE_W]; /* fewer than a tile, and those of one */
	unsigned n;
};

/* A tile against the centroids that moved. */
static void follow_tile(const struct vs_coarse_job *j,
			struct vs_coarse_scratch *s, struct tile *t,
			struct late *late)
{
	unsigned x;

	score_codes(j, s, &j->moved->field, t);
	for (x = 0; x < t->n; x++)
		if (!vs_coarse_follow(j, s, &t->row[x]))
			late->row[late->n++] = t->row[x].i;
}

/* The last rows of late against all centroids, a tile of them if there are as
 * many. */
static void run_late(const struct vs_coarse_job *j,
		     struct vs_coarse_scratch *s, struct late *late)
{
	struct tile t = { .n = 0 };

	while (t.n < VS_TILE_W && late->n > 0)
		add_row(j, s, &t, late->row[--late->n]);
	run_tile(j, s, &t);
}

static int run_item(const struct vs_coarse_job *j, struct vs_coarse_scratch *s,
		    size_t item, struct vs_err *err)
{
	uint64_t i = (uint64_t)item * GROUPS_PER_ITEM * VS_TILE_W;
	uint64_t end = vs_min_u64(i + GROUPS_PER_ITEM * VS_TILE_W, j->rows->n);
	struct late late = { .n = 0 };
	struct tile t;

	while (i < end) {
		if (vs_ctx_stopping(j->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		for (t.n = 0; t.n < VS_TILE_W && i < end; i++)
			add_row(j, s, &t, i);
		if (j->moved == NULL)
			run_tile(j, s, &t);
		else
			follow_tile(j, s, &t, &late);
		if (late.n >= VS_TILE_W)
			run_late(j, s, &late);
	}
	if (late.n > 0)
		run_late(j, s, &late);
	return 0;
}

static int body(void *arg, size_t worker, unsigned thread, struct vs_err *err)
{
	struct vs_coarse_job *j = arg;
	struct vs_coarse_scratch *s = &j->scratch[worker];
	size_t item;
	int rc = 0;

	(void)thread;
	while (rc == 0 && (item = atomic_fetch_add(&j->next, 1)) < j->n_items)
		rc = run_item(j, s, item, err);
	return rc;
}

static int run(struct vs_coarse_job *j, struct vs_err *err)
{
	int rc;

	j->n_items = (size_t)vs_div_up(j->rows->n, GROUPS_PER_ITEM * VS_TILE_W);
	atomic_init(&j->next, 0);
	rc = scratch_alloc(j, err);
	if (rc == 0 && j->alone)
		rc = body(j, 0, 0, err);
	else if (rc == 0)
		rc = vs_par_for(j->ctx, j->n_workers, body, j, err);
	scratch_free(j);
	return rc;
}

int vs_coarse_assign(struct vs_ctx *ctx, const struct vs_coarse *c,
		     const struct vs_rows *rows, uint32_t *cell, float *dist,
		     struct vs_err *err)
{
	struct vs_coarse_job j = {
		.ctx = ctx, .c = c, .rows = rows, .metric = VS_L2,
		.cells = cell, .dist = dist,
	};

	return run(&j, err);
}

int vs_coarse_assign_alone(struct vs_ctx *ctx, const struct vs_coarse *c,
			   const struct vs_rows *rows, uint32_t *cell,
			   float *dist, struct vs_err *err)
{
	struct vs_coarse_job j = {
		.ctx = ctx, .c = c, .rows = rows, .metric = VS_L2,
		.cells = cell, .dist = dist, .alone = true,
	};

	return run(&j, err);
}

int vs_coarse_assign_track(struct vs_ctx *ctx, const struct vs_coarse *c,
			   const struct vs_rows *rows,
			   const struct vs_coarse_track *track,
			   struct vs_err *err)
{
	struct vs_coarse_job j = {
		.ctx = ctx, .c = c, .rows = rows, .metric = VS_L2,
		.cells = track->cell, .dist = track->dist, .track = track,
	};
	struct vs_coarse_moved moved = { .panels = NULL };
	int rc;

	if (track->moved != NULL && track->n_moved == 0)
		return 0;
	/* Past three quarters the rest is not worth the care. */
	if (track->moved == NULL || !c->has_code ||
	    track->n_moved > c->nlist - c->nlist / 4)
		return run(&j, err);
	rc = vs_coarse_moved_init(&j, &moved, err);
	j.moved = &moved;
	if (rc == 0)
		rc = run(&j, err);
	vs_coarse_moved_clear(ctx, &moved);
	return rc;
}

int vs_coarse_probe(struct vs_ctx *ctx, const struct vs_coarse *c,
		    enum vs_metric metric, const struct vs_rows *queries,
		    const struct vs_probe *probe, uint32_t *cells,
		    struct vs_err *err)
{
	struct vs_coarse_job j = {
		.ctx = ctx, .c = c, .rows = queries,
		.metric = vs_metric_is_similarity(metric) ? VS_IP : VS_L2,
		.nprobe = probe->n, .taper = probe->taper, .cells = cells,
	};
	int rc = j.taper == 0 ? 0 : vs_coarse_taper_init(&j, err);

	if (rc == 0)
		rc = run(&j, err);
	vs_coarse_taper_clear(&j);
	return rc;
}

int vs_coarse_assign_two(struct vs_ctx *ctx, const struct vs_coarse *c,
			 const struct vs_rows *rows, uint32_t *cell,
			 struct vs_err *err)
{
	struct vs_coarse_job j = {
		.ctx = ctx, .c = c, .rows = rows, .metric = VS_L2,
		.nprobe = (uint32_t)vs_min_u64(SPILL_NEAR, c->nlist),
		.spill = true, .cells = cell,
	};

	return run(&j, err);
}
