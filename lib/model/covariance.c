/* covariance.c - mean and covariance of rows, summed in integers. */
#include <math.h>
#include <string.h>

#include "transform_int.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"

#define LANES VS_COV_LANES
#define LOOK 64u   /* dimensions that are looked at together */
#define BITS 18
#define STEP_VALUES (1u << 19) /* few steps: threads meet after each */

struct covariance {
	struct vs_ctx *ctx;
	const struct vs_sampled *rows;
	size_t n_panels;
	float *mean;
	double *scale;  /* [n_panels * LANES] of each dimension */
	size_t step;    /* rows that are summed together */
	double *panels; /* [n_panels][step][LANES]: whole numbers */
	double *cov;    /* [dim][dim], the part right of the diagonal */
	uint64_t first; /* row of the step */
	size_t n;       /* rows of the step */
};

static const float *row_at(const struct covariance *c, uint64_t i)
{
	return c->rows->p + i * c->rows->stride * c->rows->dim;
}

/* The power of two that takes most to [2^(bits - 1), 2^bits). */
static double scale_to(double most, int bits)
{
	int exponent;

	if (most == 0)
		return 1;
	(void)frexp(most, &exponent);
	return ldexp(1, bits - exponent);
}

static int log2_up(uint64_t n)
{
	int bits = 0;

	while (((uint64_t)1 << bits) < n)
		bits++;
	return bits;
}

/* The largest magnitudes of the dimensions first..first+n-1 of all rows, less
 * their means. */
static void find_most(const struct covariance *c, size_t first, size_t n,
		      const double *mean, double *most)
{
	const float *row;
	uint64_t i;
	size_t x;
	double v;

	memset(most, 0, n * sizeof(*most));
	for (i = 0; i < c->rows->n; i++) {
		row = row_at(c, i) + first;
		for (x = 0; x < n; x++) {
			v = fabs((double)row[x] - mean[x]);
			most[x] = v > most[x] ? v : most[x];
		}
	}
}

/* Mean and scale of LOOK dimensions. */
static int look_at(void *arg, size_t item, unsigned thread, struct vs_err *err)
{
	const struct covariance *c = arg;
	double most[LOOK], mean[LOOK] = { 0 }, scale[LOOK];
	uint64_t n_rows = c->rows->n, i;
	size_t first = item * LOOK, n = c->rows->dim - first, x;
	int bits = (53 - log2_up(n_rows)) / 2;
	int64_t sum[LOOK] = { 0 };

	(void)thread;
	if (vs_ctx_stopping(c->ctx))
		return vs_fail(err, VS_EAGAIN, "stopped; run again");
	n = vs_min_size(n, LOOK);
	find_most(c, first, n, mean, most);
	for (x = 0; x < n; x++)
		scale[x] = scale_to(most[x], 62 - log2_up(n_rows));
	for (i = 0; i < n_rows; i++)
		for (x = 0; x < n; x++)
			sum[x] += (int64_t)((double)row_at(c, i)[first + x] *
					    scale[x]);
	for (x = 0; x < n; x++) {
		c->mean[first + x] = (float)((double)sum[x] / scale[x] /
					     (double)n_rows);
		mean[x] = (double)c->mean[first + x];
	}
	find_most(c, first, n, mean, most);
	for (x = 0; x < n; x++)
		c->scale[first + x] = scale_to(most[x],
					       bits < BITS ? bits : BITS);
	return 0;
}

/* To the nearest whole number, of less than 2^51. */
static double whole(double v)
{
	const double big = 0x1.8p52;

	return (v + big) - big;
}

static int fill_panel(void *arg, size_t panel, unsigned thread,
		      struct vs_err *err)
{
	const struct covariance *c = arg;
	double *to = c->panels + panel * c->step * LANES;
	uint32_t dim = c->rows->dim, first = (uint32_t)panel * LANES, x;
	const float *row;
	size_t i;

	(void)thread;
	(void)err;
	for (i = 0; i < c->n; i++) {
		row = row_at(c, c->first + i);
		for (x = first; x < first + LANES; x++)
			*to++ = x >= dim ? 0 :
				whole(((double)row[x] - (double)c->mean[x]) *
				      c->scale[x]);
	}
	return 0;
}

void vs_panel_products(const double *restrict a, const double *restrict b,
		       size_t n, double out[LANES][LANES])
{
	double s[LANES][LANES] = { { 0 } };
	size_t i, x, y;

	for (i = 0; i < n; i++, a += LANES, b += LANES)
		for (x = 0; x < LANES; x++)
			for (y = 0; y < LANES; y++)
				s[x][y] += a[x] * b[y];
	memcpy(out, s, sizeof(s));
}

static int sum_panel(void *arg, size_t panel, unsigned thread,
		     struct vs_err *err)
{
	const struct covariance *c = arg;
	const double *own = c->panels + panel * c->step * LANES;
	size_t dim = c->rows->dim, p, x, y, i, k;
	double sum[LANES][LANES];

	(void)thread;
	if (vs_ctx_stopping(c->ctx))
		return vs_fail(err, VS_EAGAIN, "stopped; run again");
	for (p = panel; p < c->n_panels; p++) {
		vs_panel_products(own, c->panels + p * c->step * LANES, c->n,
				  sum);
		for (x = 0; x < LANES; x++)
			for (y = 0; y < LANES; y++) {
				i = panel * LANES + x;
				k = p * LANES + y;
				if (i < dim && k < dim)
					c->cov[i * dim + k] += sum[x][y];
			}
	}
	return 0;
}

/* From whole numbers to the units of the rows, on both sides of the diagonal.
 */
static void finish(const struct covariance *c)
{
	size_t dim = c->rows->dim, i, x;

	for (i = 0; i < dim; i++)
		for (x = i; x < dim; x++) {
			c->cov[i * dim + x] /= c->scale[i];
			c->cov[i * dim + x] /= c->scale[x];
			c->cov[i * dim + x] /= (double)c->rows->n;
			c->cov[x * dim + i] = c->cov[i * dim + x];
		}
}

static int sum_up(struct covariance *c, struct vs_err *err)
{
	int rc = vs_par_for(c->ctx, (c->rows->dim + LOOK - 1) / LOOK, look_at,
			    c, err);

	for (; rc == 0 && c->first < c->rows->n; c->first += c->n) {
		c->n = (size_t)vs_min_u64(c->step, c->rows->n - c->first);
		rc = vs_par_for(c->ctx, c->n_panels, fill_panel, c, err);
		if (rc == 0)
			rc = vs_par_for(c->ctx, c->n_panels, sum_panel, c,
					err);
	}
	if (rc == 0)
		finish(c);
	return rc;
}

static size_t panels_of(uint32_t dim)
{
	return ((size_t)dim + LANES - 1) / LANES;
}

size_t vs_step_rows(uint32_t dim)
{
	size_t n = STEP_VALUES / dim;

	return n < 256 ? 256 : vs_min_size(n, 8192);
}

uint64_t vs_covariance_bytes(uint32_t dim)
{
	return (uint64_t)panels_of(dim) * (vs_step_rows(dim) + 1) * LANES *
		       sizeof(double) + 2 * 2 * VS_ALIGN;
}

int vs_covariance(struct vs_ctx *ctx, const struct vs_sampled *rows,
		  float *mean, double *cov, struct vs_err *err)
{
	static const char what[] = "covariance";
	struct covariance c = { .ctx = ctx, .rows = rows, .mean = mean,
				.cov = cov,
				.n_panels = panels_of(rows->dim),
				.step = vs_step_rows(rows->dim) };
	int rc = VS_ENOMEM;

	memset(cov, 0, (size_t)rows->dim * rows->dim * sizeof(*cov));
	c.scale = vs_alloc(ctx, c.n_panels, LANES * sizeof(double), what, err);
	if (c.scale != NULL)
		c.panels = vs_alloc(ctx, c.n_panels,
				    c.step * LANES * sizeof(double), what, err);
	if (c.panels != NULL)
		rc = sum_up(&c, err);
	vs_free(ctx, c.panels);
	vs_free(ctx, c.scale);
	return rc;
}
