/* coarse.c - assignment of rows to centroids and choice of cells to probe.
 *
 * A tile of VS_TILE_W rows meets all centroids; its scores, term - 2 x.c, lie
 * in one buffer that stays in cache and is searched twice: for the smallest
 * (or the nprobe-th smallest) and for everything within the error bound of it.
 */
#include "vs/coarse.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "vs/hit.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/par.h"
#include "vs/widen.h"

#define GROUPS_PER_ITEM 16u /* tiles of one item of the parallel loop */
#define SAMPLE 64u /* scores that guess where the nprobe-th smallest lies */
#define SURE_MAX 1e37 /* norms below it cannot make a score overflow */

struct vs_coarse {
	uint32_t nlist;
	uint32_t dim;
	size_t n_panels;
	float *panels;  /* [n_panels] panels */
	float *terms;   /* |c|^2 per panel row; padding +inf */
	float *zeros;   /* terms under IP: 0, padding +inf */
	float *rows;    /* [nlist][dim], for the canonical kernel */
	double max_norm2;
};

void vs_coarse_destroy(struct vs_ctx *ctx, struct vs_coarse *c)
{
	if (c == NULL)
		return;
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

int vs_coarse_create(struct vs_ctx *ctx, const float *centroids,
		     uint32_t nlist, uint32_t dim, struct vs_coarse **out,
		     struct vs_err *err)
{
	struct vs_coarse *c = vs_zalloc(ctx, 1, sizeof(*c), "centroids", err);
	size_t padded;

	if (c == NULL)
		return VS_ENOMEM;
	c->nlist = nlist;
	c->dim = dim;
	c->n_panels = (size_t)vs_panels_of(nlist);
	padded = c->n_panels * VS_PANEL_ROWS;
	c->panels = vs_alloc(ctx, padded, dim * sizeof(float), "centroids",
			     err);
	if (c->panels == NULL)
		goto fail;
	c->rows = vs_alloc(ctx, nlist, dim * sizeof(float), "centroids", err);
	if (c->rows == NULL)
		goto fail;
	c->terms = vs_alloc(ctx, padded, sizeof(float), "centroids", err);
	if (c->terms == NULL)
		goto fail;
	c->zeros = vs_alloc(ctx, padded, sizeof(float), "centroids", err);
	if (c->zeros == NULL)
		goto fail;
	memcpy(c->rows, centroids, (size_t)nlist * dim * sizeof(float));
	fill_panels(c);
	*out = c;
	return 0;
fail:
	vs_coarse_destroy(ctx, c);
	return VS_ENOMEM;
}

/* Scratch of one thread. */
struct scratch {
	float *packed;    /* [dim][VS_TILE_W] */
	float *scores;    /* [VS_TILE_W][padded nlist] */
	float *wide;      /* [VS_TILE_W][dim]: the rows as f32 */
	uint32_t *near;   /* cells within the bound */
	struct vs_hit *hit; /* cells with canonical keys */
};

/* One call of assign or probe.  Each worker of the parallel loop has a scratch
 * and takes items until none are left, so there need be no more scratches than
 * items, nor more than memory allows. */
struct job {
	struct vs_ctx *ctx;
	const struct vs_coarse *c;
	const struct vs_rows *rows;
	enum vs_metric metric;
	uint32_t nprobe; /* 0: assign */
	uint32_t *cells;
	float *dist;
	struct scratch *scratch; /* [n_workers] */
	size_t n_workers;
	size_t n_items;
	atomic_size_t next; /* the item to be taken */
};

static uint64_t scratch_bytes(uint32_t nlist, uint32_t dim)
{
	uint64_t padded = vs_panels_of(nlist) * VS_PANEL_ROWS;
	uint64_t row = 2 * VS_TILE_W * sizeof(float) * (uint64_t)dim;

	return padded * (VS_TILE_W * sizeof(float) + sizeof(uint32_t) +
			 sizeof(struct vs_hit)) +
	       row + sizeof(struct scratch) + 6 * 2 * VS_ALIGN;
}

uint64_t vs_coarse_bytes(uint32_t nlist, uint32_t dim)
{
	uint64_t padded = vs_panels_of(nlist) * VS_PANEL_ROWS;

	return (padded + nlist) * dim * sizeof(float) +
	       padded * 2 * sizeof(float) + sizeof(struct vs_coarse) +
	       5 * 2 * VS_ALIGN + scratch_bytes(nlist, dim);
}

static void scratch_free(struct job *j)
{
	size_t t;

	if (j->scratch == NULL)
		return;
	for (t = 0; t < j->n_workers; t++) {
		vs_free(j->ctx, j->scratch[t].packed);
		vs_free(j->ctx, j->scratch[t].scores);
		vs_free(j->ctx, j->scratch[t].wide);
		vs_free(j->ctx, j->scratch[t].near);
		vs_free(j->ctx, j->scratch[t].hit);
	}
	vs_free(j->ctx, j->scratch);
}

static int scratch_alloc(struct job *j, struct vs_err *err)
{
	static const char what[] = "coarse scratch";
	struct vs_ctx *ctx = j->ctx;
	size_t padded = j->c->n_panels * VS_PANEL_ROWS;
	struct scratch *s;
	uint64_t fit;
	size_t t;

	/* Half of what is left: other threads of the caller may want some. */
	fit = vs_mem_left(ctx) / 2 / scratch_bytes(j->c->nlist, j->c->dim);
	j->n_workers = (size_t)vs_min_u64(ctx->n_threads, j->n_items);
	j->n_workers = (size_t)vs_min_u64(j->n_workers, fit);
	j->n_workers = vs_max_size(j->n_workers, 1);
	j->scratch = vs_zalloc(ctx, j->n_workers, sizeof(*s), what, err);
	if (j->scratch == NULL)
		return VS_ENOMEM;
	for (t = 0; t < j->n_workers; t++) {
		s = &j->scratch[t];
		s->packed = vs_alloc(ctx, j->c->dim,
				     VS_TILE_W * sizeof(float), what, err);
		if (s->packed == NULL)
			return VS_ENOMEM;
		s->scores = vs_alloc(ctx, padded, VS_TILE_W * sizeof(float),
				     what, err);
		if (s->scores == NULL)
			return VS_ENOMEM;
		s->wide = vs_alloc(ctx, j->c->dim, VS_TILE_W * sizeof(float),
				   what, err);
		if (s->wide == NULL)
			return VS_ENOMEM;
		s->near = vs_alloc(ctx, padded, sizeof(*s->near), what, err);
		if (s->near == NULL)
			return VS_ENOMEM;
		s->hit = vs_alloc(ctx, padded, sizeof(*s->hit), what, err);
		if (s->hit == NULL)
			return VS_ENOMEM;
	}
	return 0;
}

/* Row i, the x-th of its tile, as f32: in place or widened. */
static const float *row_f32(const struct job *j, const struct scratch *s,
			    uint64_t i, size_t x)
{
	uint32_t dim = j->rows->dim;
	const uint8_t *row = (const uint8_t *)j->rows->p +
			     i * dim * vs_dtype_size(j->rows->dtype);
	float *wide = s->wide + x * dim;

	if (j->rows->dtype == VS_F32)
		return (const float *)j->rows->p + i * dim;
	vs_row_widen(j->rows->dtype, row, dim, wide);
	return wide;
}

/* The canonical rank key of row q and cell. */
static int64_t canonical_key(const struct job *j, const float *q,
			     uint32_t cell)
{
	const struct vs_coarse *c = j->c;
	const struct vs_kern *kern = j->ctx->kern;
	const float *centroid = c->rows + (size_t)cell * c->dim;
	float v;

	if (j->metric == VS_IP) {
		kern->ip_f32(q, centroid, c->dim, 1, c->dim, &v);
		return vs_key_of_f32(v, true);
	}
	kern->l2sq_f32(q, centroid, c->dim, 1, c->dim, &v);
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

/* How far two scores must lie apart to be sure of the canonical order.
 *
 * With S = |q|^2 + max |c|^2 and G = vs_f32_gamma: a score is off by at most
 * G S / 2 (2 |q| |c| <= S), a canonical value by at most G S, and two of each
 * meet in a comparison: 3 G S.  The fourth covers the roundings of limits.
 * Infinite when scores could overflow: then nothing is sure. */
static float open_zone(const struct job *j, const float *q)
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

/* The best cell among those whose scores are within the bound of the best. */
static void settle_nearest(const struct job *j, struct scratch *s, uint64_t i,
			   const float *q, const float *scores)
{
	const struct vs_kern *kern = j->ctx->kern;
	const struct vs_coarse *c = j->c;
	float best = kern->min_f32(scores, c->nlist);
	float limit = best + open_zone(j, q);
	size_t n = kern->select_le_f32(scores, c->nlist, limit, s->near);
	uint32_t cell;
	int64_t key, other;
	size_t x;

	if (!isfinite(limit))
		for (n = 0; n < c->nlist; n++)
			s->near[n] = (uint32_t)n;
	cell = s->near[0];
	if (n > 1) {
		key = canonical_key(j, q, cell);
		for (x = 1; x < n; x++) {
			other = canonical_key(j, q, s->near[x]);
			if (other < key) {
				key = other;
				cell = s->near[x];
			}
		}
	}
	j->cells[i] = cell;
	if (j->dist != NULL)
		j->dist[i] = vs_f32_of_key(canonical_key(j, q, cell), false);
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
static float guess_limit(const struct job *j, const float *scores)
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
static float nprobe_limit(const struct job *j, const float *scores,
			  struct scratch *s)
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
static void settle_probe(const struct job *j, struct scratch *s, uint64_t i,
			 const float *q, const float *scores)
{
	const struct vs_kern *kern = j->ctx->kern;
	const struct vs_coarse *c = j->c;
	float width = open_zone(j, q);
	float limit = nprobe_limit(j, scores, s);
	uint32_t *out = j->cells + i * j->nprobe;
	size_t n, x, n_in = 0, n_open = 0, best = 0;

	n = kern->select_le_f32(scores, c->nlist, limit + width, s->near);
	if (!isfinite(limit + width)) {
		for (n = 0; n < c->nlist; n++)
			s->near[n] = (uint32_t)n;
		limit = -INFINITY; /* none is surely in */
		width = 0;
	}
	for (x = 0; x < n; x++) {
		if (n == j->nprobe || scores[s->near[x]] < limit - width) {
			out[n_in++] = s->near[x];
			continue;
		}
		s->hit[n_open].id = s->near[x];
		s->hit[n_open++].key = canonical_key(j, q, s->near[x]);
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
}

static void run_tile(const struct job *j, struct scratch *s, uint64_t first,
		     unsigned n_q)
{
	const struct vs_coarse *c = j->c;
	size_t padded = c->n_panels * VS_PANEL_ROWS, x;
	const float *f32[VS_TILE_W];
	struct vs_tile_f32 tile = {
		.panels = c->panels,
		.n_panels = c->n_panels,
		.d = c->dim,
		.packed = s->packed,
		.w = VS_TILE_W,
		.n_q = n_q,
		.terms = j->metric == VS_IP ? c->zeros : c->terms,
	};

	for (x = 0; x < n_q; x++)
		f32[x] = row_f32(j, s, first + x, x);
	vs_pack_queries_f32(f32, n_q, VS_TILE_W, c->dim, s->packed);
	j->ctx->kern->scores_f32(&tile, s->scores, padded);
	for (x = 0; x < n_q; x++) {
		if (j->nprobe == 0)
			settle_nearest(j, s, first + x, f32[x],
				       s->scores + x * padded);
		else
			settle_probe(j, s, first + x, f32[x],
				     s->scores + x * padded);
	}
}

static int run_item(const struct job *j, struct scratch *s, size_t item,
		    struct vs_err *err)
{
	uint64_t first = (uint64_t)item * GROUPS_PER_ITEM * VS_TILE_W;
	uint64_t end = first + GROUPS_PER_ITEM * VS_TILE_W;

	if (end > j->rows->n)
		end = j->rows->n;
	for (; first < end; first += VS_TILE_W) {
		if (vs_ctx_stopping(j->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		run_tile(j, s, first,
			 (unsigned)vs_min_u64(end - first, VS_TILE_W));
	}
	return 0;
}

static int body(void *arg, size_t worker, unsigned thread, struct vs_err *err)
{
	struct job *j = arg;
	size_t item;
	int rc = 0;

	(void)thread;
	while (rc == 0 && (item = atomic_fetch_add(&j->next, 1)) < j->n_items)
		rc = run_item(j, &j->scratch[worker], item, err);
	return rc;
}

static int run(struct job *j, struct vs_err *err)
{
	int rc;

	j->n_items = (size_t)vs_div_up(j->rows->n,
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
	struct job j = {
		.ctx = ctx, .c = c, .rows = rows, .metric = VS_L2,
		.cells = cell, .dist = dist,
	};

	return run(&j, err);
}

int vs_coarse_probe(struct vs_ctx *ctx, const struct vs_coarse *c,
		    enum vs_metric metric, const struct vs_rows *queries,
		    uint32_t nprobe, uint32_t *cells, struct vs_err *err)
{
	struct job j = {
		.ctx = ctx, .c = c, .rows = queries,
		.metric = vs_metric_is_similarity(metric) ? VS_IP : VS_L2,
		.nprobe = nprobe, .cells = cells,
	};

	return run(&j, err);
}
