/* transform.c - applies what was learnt; learning is in transform_train.c. */
#include "vs/transform.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"
#include "vs/widen.h"

#define TILE_BYTES (1u << 19)
#define TILE_ROWS 48u

uint32_t vs_transform_dim(const struct vs_factory *f, uint32_t dim)
{
	return f->rotation != VS_ROT_NONE && f->rot_dim != 0 ? f->rot_dim :
							       dim;
}

int vs_transform_check(const struct vs_factory *f, enum vs_metric metric,
		       uint32_t dim, struct vs_err *err)
{
	uint32_t to = vs_transform_dim(f, dim);

	if (f->rotation == VS_ROT_NONE)
		return 0;
	if (metric == VS_L1)
		return vs_fail(err, VS_EUSAGE,
			       "%s: a rotation changes distances of l1; "
			       "expected another metric, or an index without "
			       "one", f->text);
	if ((f->rotation == VS_ROT_PCA || f->rotation == VS_ROT_PCAR) &&
	    to > dim)
		return vs_fail(err, VS_EUSAGE,
			       "%s: rows have %u dimensions; expected as many "
			       "or fewer after PCA", f->text, dim);
	if (f->rotation == VS_ROT_OPQ && to % f->rot_m != 0)
		return vs_fail(err, VS_EUSAGE,
			       "%s: %u dimensions do not divide into %u equal "
			       "parts; give OPQ%u_<d> with a multiple of %u",
			       f->text, to, f->rot_m, f->rot_m, f->rot_m);
	return 0;
}

int vs_transform_create(struct vs_ctx *ctx, const struct vs_factory *f,
			enum vs_metric metric, uint32_t dim,
			struct vs_transform **out, struct vs_err *err)
{
	struct vs_transform *t;

	*out = NULL;
	if (!vs_factory_has_transform(f))
		return 0;
	t = vs_zalloc(ctx, 1, sizeof(*t), "transform", err);
	if (t == NULL)
		return VS_ENOMEM;
	t->d_in = dim;
	t->d_out = vs_transform_dim(f, dim);
	t->unit = metric == VS_COSINE;
	t->l2norm = f->l2norm;
	*out = t;
	return 0;
}

void vs_transform_destroy(struct vs_ctx *ctx, struct vs_transform *t)
{
	if (t == NULL)
		return;
	vs_free(ctx, t->mean);
	vs_free(ctx, t->matrix);
	vs_free(ctx, t->panels);
	vs_free(ctx, t);
}

int vs_transform_prepare(struct vs_ctx *ctx, struct vs_transform *t,
			 struct vs_err *err)
{
	size_t n_panels = (size_t)vs_panels_of(t->d_out), p, i, r;
	size_t panel = (size_t)VS_PANEL_ROWS * t->d_in;
	const float *rows[VS_PANEL_ROWS];

	if (t->matrix == NULL)
		return 0;
	t->panels = vs_alloc(ctx, n_panels, panel * sizeof(float), "rotation",
			     err);
	if (t->panels == NULL)
		return VS_ENOMEM;
	for (p = 0; p < n_panels; p++) {
		for (i = 0; i < VS_PANEL_ROWS; i++) {
			r = p * VS_PANEL_ROWS + i;
			rows[i] = r < t->d_out ? t->matrix + r * t->d_in :
						 NULL;
		}
		vs_pack_panel_f32(rows, t->d_in, t->panels + p * panel);
	}
	return 0;
}

/* One call of vs_transform_apply.  Each worker of the parallel loop has a
 * scratch and takes tiles until none are left. */
struct job {
	struct vs_ctx *ctx;
	const struct vs_transform *t;
	const struct vs_rows *rows;
	const char *name;
	float *out;
	size_t tile;   /* rows of one */
	size_t width;  /* d_out in whole panels */
	size_t n_workers;
	float *wide;   /* [n_workers][tile][d_in] */
	float *turned; /* [n_workers][tile][width] */
	size_t n_tiles;
	atomic_size_t next; /* tile to be taken */
};

static void widen(const struct job *j, uint64_t i, float *out)
{
	const struct vs_rows *rows = j->rows;
	const uint8_t *row = (const uint8_t *)rows->p +
			     i * rows->dim * vs_dtype_size(rows->dtype);
	const float *mean = j->t->mean;
	uint32_t x;

	if (rows->dtype == VS_F16)
		j->ctx->kern->widen_f16((const uint16_t *)(const void *)row,
					rows->dim, out);
	else
		vs_row_widen(rows->dtype, row, rows->dim, out);
	if (j->t->unit) {
		vs_row_unit(out, rows->dim);
		/* Less the mean, zeros would have a direction. */
		if (vs_row_is_zero(VS_F32, out, rows->dim))
			mean = NULL;
	}
	for (x = 0; mean != NULL && x < rows->dim; x++)
		out[x] -= mean[x];
}

static bool all_finite(const float *v, size_t n)
{
	unsigned bad = 0;
	size_t i;

	for (i = 0; i < n; i++)
		bad |= !(fabsf(v[i]) <= FLT_MAX);
	return bad == 0;
}

static int apply_tile(const struct job *j, size_t item, size_t worker,
		      struct vs_err *err)
{
	const struct vs_transform *t = j->t;
	uint64_t first = (uint64_t)item * j->tile;
	size_t n = (size_t)vs_min_u64(j->tile, j->rows->n - first), i;
	float *wide = j->wide + worker * j->tile * t->d_in;
	float *turned = j->turned + worker * j->tile * j->width;
	float *out = j->out + first * t->d_out;

	for (i = 0; i < n; i++)
		widen(j, first + i, wide + i * t->d_in);
	if (t->panels != NULL)
		j->ctx->kern->rotate_f32(wide, n, t->d_in, t->panels,
					 j->width / VS_PANEL_ROWS, turned);
	for (i = 0; i < n; i++, out += t->d_out) {
		memcpy(out,
		       t->panels != NULL ? turned + i * j->width :
					   wide + i * t->d_in,
		       t->d_out * sizeof(*out));
		if (!all_finite(out, t->d_out))
			return vs_fail(err, VS_EDATA,
				       "%s: a vector leaves the range of "
				       "floats when it is rotated; expected "
				       "smaller values: scale all of them "
				       "down", j->name);
		if (t->l2norm)
			vs_row_unit(out, t->d_out);
	}
	return 0;
}

static int body(void *arg, size_t worker, unsigned thread, struct vs_err *err)
{
	struct job *j = arg;
	size_t item;
	int rc = 0;

	(void)thread;
	while (rc == 0 && (item = atomic_fetch_add(&j->next, 1)) < j->n_tiles) {
		if (vs_ctx_stopping(j->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		rc = apply_tile(j, item, worker, err);
	}
	return rc;
}

/* Tiles that stay in cache, or that fit into an eighth of the memory that is
 * left; at the least a single row. */
static void choose_tiles(struct job *j)
{
	size_t row = (j->t->d_in + j->width) * sizeof(float);
	uint64_t fit = vs_mem_left(j->ctx) / 8 / row;

	j->tile = vs_min_size(TILE_BYTES / row, TILE_ROWS);
	j->tile = (size_t)vs_min_u64(j->tile, fit);
	j->tile = vs_max_size(j->tile, 1);
	j->n_tiles = (size_t)vs_div_up(j->rows->n, j->tile);
	j->n_workers = (size_t)vs_min_u64(j->ctx->n_threads, fit / j->tile);
	j->n_workers = vs_min_size(j->n_workers, j->n_tiles);
	j->n_workers = vs_max_size(j->n_workers, 1);
}

int vs_transform_apply(struct vs_ctx *ctx, const struct vs_transform *t,
		       const struct vs_rows *rows, const char *name,
		       float *out, struct vs_err *err)
{
	static const char what[] = "rotation";
	struct job j = { .ctx = ctx, .t = t, .rows = rows, .name = name,
			 .out = out };
	int rc = VS_ENOMEM;

	if (t->panels != NULL)
		j.width = (size_t)vs_panels_of(t->d_out) * VS_PANEL_ROWS;
	choose_tiles(&j);
	atomic_init(&j.next, 0);
	j.wide = vs_alloc(ctx, j.n_workers, j.tile * t->d_in * sizeof(float),
			  what, err);
	if (j.wide == NULL)
		return VS_ENOMEM;
	j.turned = vs_alloc(ctx, j.n_workers, j.tile * j.width * sizeof(float),
			    what, err);
	if (j.turned != NULL)
		rc = vs_par_for(ctx, j.n_workers, body, &j, err);
	vs_free(ctx, j.turned);
	vs_free(ctx, j.wide);
	return rc;
}
