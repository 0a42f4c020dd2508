/* coarse.c - assignment of rows to centroids and choice of cells to probe: tiles
 * of rows meet centroids in parallel; coarse_pick.c reads their scores.
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
			if (norm2 > c->max_norm2)
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

/* Bytes of panels and terms of gathered centroids. */
static uint64_t gathered_bytes(uint32_t n, uint32_t dim)
{
	return vs_panels_of(n) * (vs_panel_bytes(VS_U8, dim) +
				  VS_PANEL_ROWS * sizeof(float));
}

/* Room is taken for near lists even where there are none: it is little beside
 * the scores of all centroids. */
static uint64_t scratch_bytes(uint32_t nlist, uint32_t dim)
{
	uint64_t padded = vs_panels_of(nlist) * VS_PANEL_ROWS;
	uint64_t row = 2 * VS_TILE_W * sizeof(float) * (uint64_t)dim;
	uint64_t whole = 2 * VS_TILE_W * ((uint64_t)dim + 3);

	return padded * (VS_TILE_W * sizeof(float) + sizeof(uint32_t) +
			 sizeof(struct vs_hit)) +
	       row + whole + gathered_bytes(VS_COARSE_NEAR_MAX, dim) +
	       sizeof(struct vs_coarse_scratch) + 10 * 2 * VS_ALIGN;
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
		vs_free(j->ctx, s->panels);
		vs_free(j->ctx, s->terms);
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
	size_t wide = VS_TILE_W * sizeof(float), n = padded;
	int rc = take(ctx, &s->packed, dim, wide, err);

	if (j->near != NULL)
		n = vs_panels_of(j->near->n) * VS_PANEL_ROWS;
	if (rc == 0)
		rc = take(ctx, &s->wide, dim, wide, err);
	if (rc == 0)
		rc = take(ctx, &s->packed8, (dim + 3) / 4 * 4, VS_TILE_W, err);
	if (rc == 0)
		rc = take(ctx, &s->whole, dim, VS_TILE_W, err);
	if (rc == 0)
		rc = take(ctx, &s->scores, n, wide, err);
	if (rc == 0)
		rc = take(ctx, &s->near, n, sizeof(*s->near), err);
	if (rc == 0)
		rc = take(ctx, &s->hit, n, sizeof(*s->hit), err);
	if (rc != 0 || j->near == NULL)
		return rc;
	rc = take(ctx, &s->panels, n / VS_PANEL_ROWS,
		  vs_panel_bytes(VS_U8, dim), err);
	return rc == 0 ? take(ctx, &s->terms, n, sizeof(float), err) : rc;
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
	j->n_workers = vs_max_size(j->n_workers, 1);
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
static float open_zone(const struct vs_coarse_job *j, const float *q)
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

/* Scores of n_q rows against all centroids in floats. */
static void score_floats(const struct vs_coarse_job *j,
			 struct vs_coarse_scratch *s, const float *const *row,
			 unsigned n_q, float *zone)
{
	const struct vs_coarse *c = j->c;
	struct vs_tile_f32 tile = {
		.panels = c->panels,
		.n_panels = c->n_panels,
		.d = c->dim,
		.packed = s->packed,
		.w = VS_TILE_W,
		.n_q = n_q,
		.terms = j->metric == VS_IP ? c->zeros : c->terms,
	};
	unsigned x;

	for (x = 0; x < n_q; x++)
		zone[x] = open_zone(j, row[x]);
	vs_pack_queries_f32(row, n_q, VS_TILE_W, c->dim, s->packed);
	j->ctx->kern->scores_f32(&tile, s->scores,
				 c->n_panels * VS_PANEL_ROWS);
}

/* A tile of rows: which they are, and as floats. */
struct tile {
	uint64_t row[VS_TILE_W];
	const float *f32[VS_TILE_W];
	unsigned n;
};

/* Scores of a tile against the codes of a field. */
static void score_codes(const struct vs_coarse_job *j,
			struct vs_coarse_scratch *s, const struct vs_field *f,
			const struct tile *t, float *zone)
{
	uint32_t dim = j->c->dim;
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
		vs_coarse_code_row(j, row_at(j->rows, t->row[x]), t->f32[x],
				   s->whole + (size_t)x * dim, &gain[x],
				   &zone[x]);
		whole[x] = (const uint8_t *)(s->whole + (size_t)x * dim);
	}
	/* Signed bytes go as they are. */
	vs_pack_queries_l1_u8(whole, t->n, VS_TILE_W, dim, s->packed8);
	j->ctx->kern->scores_u8(&tile, s->scores, f->n_panels * VS_PANEL_ROWS);
}

static void run_tile(const struct vs_coarse_job *j,
		     struct vs_coarse_scratch *s, const struct vs_field *f,
		     struct tile *t)
{
	bool codes = f->panels != NULL && (s->rest == 0 || f->map != NULL);
	size_t stride = f->n_panels * VS_PANEL_ROWS, open = 0;
	float zone[VS_TILE_W];
	unsigned x;

	for (x = 0; x < t->n; x++)
		t->f32[x] = row_f32(j, s, t->row[x], x);
	if (codes)
		score_codes(j, s, f, t, zone);
	else
		score_floats(j, s, t->f32, t->n, zone);
	for (x = 0; x < t->n; x++) {
		const float *scores = s->scores + x * stride;

		if (j->nprobe == 0)
			open += vs_coarse_nearest(j, s, f, t->row[x],
						  t->f32[x], scores, zone[x]);
		else
			open += vs_coarse_nearest_some(j, s, t->row[x],
						       t->f32[x], scores,
						       zone[x]);
	}
	if (s->rest > 0)
		s->rest--;
	else if (codes && open > t->n * (size_t)(f->n / OPEN_PART + 8))
		s->rest = REST;
}

/* Codes for rows of bytes read no others. */
static bool has_codes_for(const struct vs_coarse *c, const struct vs_rows *rows)
{
	return c->has_code && (!c->code.bytes || c->code.rows == rows->dtype);
}

static int run_rows(const struct vs_coarse_job *j, struct vs_coarse_scratch *s,
		    size_t item, struct vs_err *err)
{
	const struct vs_coarse *c = j->c;
	bool ip = j->metric == VS_IP;
	struct vs_field all = {
		.panels = has_codes_for(c, j->rows) ? c->code.panels : NULL,
		.terms = c->code.terms[ip],
		.n_panels = c->n_panels,
		.n = c->nlist,
	};
	uint64_t i = (uint64_t)item * GROUPS_PER_ITEM * VS_TILE_W;
	uint64_t end = vs_min_u64(i + GROUPS_PER_ITEM * VS_TILE_W, j->rows->n);
	struct tile t;

	while (i < end) {
		if (vs_ctx_stopping(j->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		for (t.n = 0; t.n < VS_TILE_W && i < end; i++)
			t.row[t.n++] = i;
		run_tile(j, s, &all, &t);
	}
	return 0;
}

/* The rows of one cell against its near centroids. */
static int run_cell(const struct vs_coarse_job *j, struct vs_coarse_scratch *s,
		    size_t cell, struct vs_err *err)
{
	const struct vs_coarse_near *near = j->near;
	uint64_t i = near->start[cell], end = near->start[cell + 1];
	struct vs_field some = {
		.panels = s->panels,
		.terms = s->terms,
		.n_panels = (size_t)vs_panels_of(near->n),
		.n = near->n,
		.map = near->list + cell * near->n,
	};
	struct tile t;

	if (i == end)
		return 0;
	vs_coarse_code_gather(j->c, j->metric, some.map, some.n, s->panels,
			      s->terms);
	while (i < end) {
		if (vs_ctx_stopping(j->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		for (t.n = 0; t.n < VS_TILE_W && i < end; i++)
			t.row[t.n++] = near->order[i];
		run_tile(j, s, &some, &t);
	}
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
		rc = j->near != NULL ? run_cell(j, s, item, err) :
				       run_rows(j, s, item, err);
	return rc;
}

static int run(struct vs_coarse_job *j, struct vs_err *err)
{
	int rc;

	j->n_items = j->near != NULL ?
			     j->c->nlist :
			     (size_t)vs_div_up(j->rows->n,
					       GROUPS_PER_ITEM * VS_TILE_W);
	atomic_init(&j->next, 0);
	rc = scratch_alloc(j, err);
	if (rc == 0)
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

bool vs_coarse_can_near(const struct vs_coarse *c, const struct vs_rows *rows)
{
	return has_codes_for(c, rows);
}

int vs_coarse_assign_near(struct vs_ctx *ctx, const struct vs_coarse *c,
			  const struct vs_rows *rows,
			  const struct vs_coarse_near *near, uint32_t *cell,
			  float *dist, struct vs_err *err)
{
	struct vs_coarse_job j = {
		.ctx = ctx, .c = c, .rows = rows, .metric = VS_L2,
		.near = near, .cells = cell, .dist = dist,
	};

	return run(&j, err);
}

int vs_coarse_probe(struct vs_ctx *ctx, const struct vs_coarse *c,
		    enum vs_metric metric, const struct vs_rows *queries,
		    uint32_t nprobe, uint32_t *cells, struct vs_err *err)
{
	struct vs_coarse_job j = {
		.ctx = ctx, .c = c, .rows = queries,
		.metric = vs_metric_is_similarity(metric) ? VS_IP : VS_L2,
		.nprobe = nprobe, .cells = cells,
	};

	return run(&j, err);
}
