/* kmeans_step.c - what rows add up to, and what follows for the centroids. */
#include "vs/kmeans_step.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"
#include "vs/widen.h"

/* Nudge of a split cell, relative (Faiss: EPS 1/1024). */
#define SPLIT_EPS (1.0f / 1024)

double vs_kmeans_scale(enum vs_dtype rows, float most, uint64_t n)
{
	int e_value, e_rows;

	if (rows != VS_F32 || most == 0)
		return 1;
	(void)frexp((double)most, &e_value);
	(void)frexp((double)n, &e_rows);
	return ldexp(1.0, 62 - e_rows - e_value);
}

float vs_kmeans_most(const struct vs_rows *rows)
{
	const float *v = rows->p;
	uint64_t n = rows->n * rows->dim, i;
	float most = 0;

	if (rows->dtype != VS_F32)
		return 0;
	for (i = 0; i < n; i++)
		most = fabsf(v[i]) > most ? fabsf(v[i]) : most;
	return most;
}

void vs_kmeans_add(const struct vs_rows *rows, uint64_t i, double scale,
		   int64_t *sum)
{
	uint32_t x, dim = rows->dim;
	const uint8_t *u8 = rows->p;
	const float *f32 = rows->p;

	if (rows->dtype == VS_U8) {
		for (x = 0; x < dim; x++)
			sum[x] += u8[i * dim + x];
		return;
	}
	/* A conversion that truncates is one instruction everywhere. */
	for (x = 0; x < dim; x++)
		sum[x] += (int64_t)((double)f32[i * dim + x] * scale);
}

/* Rounding must not make an infinity of values near the largest. */
static float clamped(double v)
{
	const double most = (double)FLT_MAX;

	if (v > most)
		return FLT_MAX;
	return v < -most ? -FLT_MAX : (float)v;
}

void vs_kmeans_mean(const struct vs_kmeans_shape *s, const int64_t *sum,
		    uint64_t n, float *centroid)
{
	uint32_t x;

	for (x = 0; x < s->dim; x++)
		centroid[x] = clamped((double)sum[x] / s->scale / (double)n);
}

/* The cell of the r-th row, if rows stood by cell. */
static uint32_t cell_of(const uint64_t *start, uint32_t nlist, uint64_t r)
{
	uint32_t low = 0, high = nlist, mid;

	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (start[mid] <= r)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* Cells with few rows in them lend nothing; picks by size, seeded. */
static uint32_t pick_donor(const struct vs_kmeans_shape *s,
			   const uint64_t *start, const uint64_t *size,
			   struct vs_rng *rng)
{
	uint32_t c = 0, tries, best = 0;

	for (tries = 0; tries < 64; tries++) {
		c = cell_of(start, s->nlist, vs_rng_below(rng, s->n));
		if (size[c] > 1)
			return c;
	}
	for (c = 1; c < s->nlist; c++)
		if (size[c] > size[best])
			best = c;
	return best;
}

static int repair_empty(struct vs_ctx *ctx, const struct vs_kmeans_shape *s,
			const uint64_t *start, float *centroids,
			struct vs_kmeans_state *state, struct vs_err *err)
{
	struct vs_rng rng = { state->rng };
	uint32_t dim = s->dim, c, donor, x;
	uint64_t *size;
	float *a, *b, eps;

	size = vs_alloc(ctx, s->nlist, sizeof(*size), "cell sizes", err);
	if (size == NULL)
		return VS_ENOMEM;
	for (c = 0; c < s->nlist; c++)
		size[c] = start[c + 1] - start[c];
	for (c = 0; c < s->nlist; c++) {
		if (size[c] != 0)
			continue;
		/* A donor can take a look at all cells. */
		if (vs_ctx_stopping(ctx)) {
			vs_free(ctx, size);
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		}
		donor = pick_donor(s, start, size, &rng);
		a = centroids + (size_t)c * dim;
		b = centroids + (size_t)donor * dim;
		for (x = 0; x < dim; x++) {
			eps = x % 2 == 0 ? SPLIT_EPS : -SPLIT_EPS;
			a[x] = clamped((double)(b[x] * (1 + eps)));
			b[x] = clamped((double)(b[x] * (1 - eps)));
		}
		size[c] = size[donor] / 2;
		size[donor] -= size[c];
		state->n_repaired++;
	}
	state->rng = rng.state;
	vs_free(ctx, size);
	return 0;
}

int vs_kmeans_settle(struct vs_ctx *ctx, const struct vs_kmeans_shape *s,
		     const uint64_t *start, float *centroids,
		     struct vs_kmeans_state *state, struct vs_err *err)
{
	uint32_t c;
	int rc = repair_empty(ctx, s, start, centroids, state, err);

	for (c = 0; rc == 0 && s->spherical && c < s->nlist; c++)
		vs_row_unit(centroids + (size_t)c * s->dim, s->dim);
	return rc;
}

double vs_kmeans_imbalance(const struct vs_kmeans_shape *s,
			   const uint64_t *start)
{
	double total = 0, size;
	uint32_t c;

	for (c = 0; c < s->nlist; c++) {
		size = (double)(start[c + 1] - start[c]);
		total += size * size;
	}
	return s->nlist * total / (double)s->n / (double)s->n;
}

int vs_kmeans_sums_alloc(struct vs_ctx *ctx, const struct vs_kmeans_shape *s,
			 struct vs_kmeans_sums *out, struct vs_err *err)
{
	static const char what[] = "sums of cells";

	memset(out, 0, sizeof(*out));
	out->sum = vs_zalloc(ctx, s->nlist, s->dim * sizeof(*out->sum), what,
			     err);
	if (out->sum == NULL)
		return VS_ENOMEM;
	out->size = vs_zalloc(ctx, s->nlist, sizeof(*out->size), what, err);
	if (out->size != NULL)
		return 0;
	vs_free(ctx, out->sum);
	out->sum = NULL;
	return VS_ENOMEM;
}

void vs_kmeans_sums_free(struct vs_ctx *ctx, struct vs_kmeans_sums *s)
{
	vs_free(ctx, s->sum);
	vs_free(ctx, s->size);
}

struct adding {
	const struct vs_kmeans_shape *shape;
	const struct vs_rows *rows;
	const uint32_t *cell;
	struct vs_kmeans_sums *sums;
	uint32_t n_workers;
};

/* The rows of a range of cells: no two threads write one sum. */
static int add_cells(void *arg, size_t worker, unsigned thread,
		     struct vs_err *err)
{
	struct adding *a = arg;
	uint64_t nlist = a->shape->nlist, i;
	uint32_t low = (uint32_t)(worker * nlist / a->n_workers);
	uint32_t high = (uint32_t)((worker + 1) * nlist / a->n_workers), c;

	(void)thread;
	(void)err;
	for (i = 0; i < a->rows->n; i++) {
		c = a->cell[i];
		if (c < low || c >= high)
			continue;
		a->sums->size[c]++;
		vs_kmeans_add(a->rows, i, a->shape->scale,
			      a->sums->sum + (size_t)c * a->shape->dim);
	}
	return 0;
}

int vs_kmeans_sums_add(struct vs_ctx *ctx, const struct vs_kmeans_shape *shape,
		       const struct vs_rows *rows, const uint32_t *cell,
		       const float *dist, struct vs_kmeans_sums *sums,
		       struct vs_err *err)
{
	struct adding a = { shape, rows, cell, sums, 1 };
	uint64_t i;

	a.n_workers = (uint32_t)vs_min_u64(ctx->n_threads, shape->nlist);
	for (i = 0; i < rows->n; i++)
		vs_exact_add(&sums->loss, dist[i]);
	return vs_par_for(ctx, a.n_workers, add_cells, &a, err);
}

static void weigh(const struct vs_kmeans_shape *shape, const uint64_t *start,
		  const struct vs_exact *loss, struct vs_kmeans_result *out)
{
	out->objective = vs_exact_value(loss) / (double)shape->n;
	out->imbalance = vs_kmeans_imbalance(shape, start);
}

int vs_kmeans_step(struct vs_ctx *ctx, const struct vs_kmeans_shape *shape,
		   const struct vs_kmeans_sums *sums, uint32_t iterations,
		   struct vs_kmeans_state *state, struct vs_kmeans_result *out,
		   bool *done, struct vs_err *err)
{
	uint64_t repaired = state->n_repaired, *start;
	size_t dim = shape->dim;
	uint32_t c;
	int rc = 0;

	start = vs_zalloc(ctx, (size_t)shape->nlist + 1, sizeof(*start),
			  "cell sizes", err);
	if (start == NULL)
		return VS_ENOMEM;
	for (c = 0; c < shape->nlist; c++)
		start[c + 1] = start[c] + sums->size[c];
	weigh(shape, start, &sums->loss, out);
	*done = state->iteration == iterations;
	for (c = 0; !*done && c < shape->nlist; c++)
		if (sums->size[c] > 0)
			vs_kmeans_mean(shape, sums->sum + c * dim,
				       sums->size[c],
				       state->centroids + c * dim);
	if (!*done)
		rc = vs_kmeans_settle(ctx, shape, start, state->centroids,
				      state, err);
	vs_free(ctx, start);
	if (rc != 0)
		return rc;
	out->iterations = state->iteration;
	out->n_repaired = state->n_repaired;
	if (vs_kmeans_rests(out, state->objective, repaired))
		*done = true;
	state->objective = out->objective;
	state->iteration++;
	return 0;
}
