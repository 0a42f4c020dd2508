/* linalg.c - products, orthonormal rows and polar factors; eigenvectors are in
 * eigen.c. */
#include "vs/linalg.h"

#include <math.h>
#include <string.h>

#include "vs/mem.h"
#include "vs/par.h"

#define TILE_ROWS 4u  /* of a product that are summed together */
#define TILE_COLS 4u
#define STRIP 32u     /* columns of b that are packed together */
#define GROUP 8u      /* rows that pass over the same others */
#define BLOCK 32u     /* rows that are made orthonormal one by one */
#define SPANNED 1e-9  /* length that is left of a row inside a span */

double vs_dot_f64(const double *a, const double *b, size_t n)
{
	double lane[VS_DOT_LANES] = { 0 };
	size_t i, k;

	for (i = 0; i + VS_DOT_LANES <= n; i += VS_DOT_LANES)
		for (k = 0; k < VS_DOT_LANES; k++)
			lane[k] += a[i + k] * b[i + k];
	for (k = 0; i < n; i++, k++)
		lane[k] += a[i] * b[i];
	for (k = 0; k < 4; k++)
		lane[k] += lane[k + 4];
	return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

static void subtract(double *restrict y, const double *restrict x, double c,
		     size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		y[i] -= c * x[i];
}

/* ---- products ------------------------------------------------------------ */

struct product {
	struct vs_ctx *ctx;
	const struct vs_product *p;
	double *strip; /* [n_threads][k][STRIP] */
};

/* Sums TILE_ROWS x TILE_COLS entries; rows past the end repeat the last. */
static void tile(const double *const row[TILE_ROWS], const double *strip,
		 size_t k, double sum[TILE_ROWS][TILE_COLS])
{
	double s[TILE_ROWS][TILE_COLS] = { { 0 } };
	size_t i, r, x;

	for (i = 0; i < k; i++, strip += STRIP)
		for (r = 0; r < TILE_ROWS; r++)
			for (x = 0; x < TILE_COLS; x++)
				s[r][x] += row[r][i] * strip[x];
	memcpy(sum, s, sizeof(s));
}

static void tile_rows(const struct vs_product *p, const double *strip, size_t i,
		      size_t col, size_t cols)
{
	double sum[TILE_ROWS][TILE_COLS];
	const double *row[TILE_ROWS];
	size_t rows = p->m - i < TILE_ROWS ? p->m - i : TILE_ROWS, r, x, n;

	for (r = 0; r < TILE_ROWS; r++)
		row[r] = p->a + (i + (r < rows ? r : rows - 1)) * p->k;
	for (x = 0; x < cols; x += TILE_COLS) {
		tile(row, strip + x, p->k, sum);
		n = cols - x < TILE_COLS ? cols - x : TILE_COLS;
		for (r = 0; r < rows; r++)
			memcpy(p->c + (i + r) * p->n + col + x, sum[r],
			       n * sizeof(double));
	}
}

static int stopped(struct vs_err *err)
{
	return vs_fail(err, VS_EAGAIN, "stopped; run again");
}

static int product_strip(void *arg, size_t item, unsigned thread,
			 struct vs_err *err)
{
	const struct product *run = arg;
	const struct vs_product *p = run->p;
	double *strip = run->strip + thread * p->k * STRIP;
	size_t col = item * STRIP, i, x;
	size_t cols = p->n - col < STRIP ? p->n - col : STRIP;

	if (vs_ctx_stopping(run->ctx))
		return stopped(err);
	for (i = 0; i < p->k; i++)
		for (x = 0; x < STRIP; x++)
			strip[i * STRIP + x] =
				x < cols ? p->b[i * p->n + col + x] : 0;
	for (i = 0; i < p->m; i += TILE_ROWS)
		tile_rows(p, strip, i, col, cols);
	return 0;
}

int vs_matmul(struct vs_ctx *ctx, const struct vs_product *p,
	      struct vs_err *err)
{
	struct product run = { ctx, p, NULL };
	int rc;

	run.strip = vs_alloc(ctx, ctx->n_threads,
			     p->k * STRIP * sizeof(double), "matrix product",
			     err);
	if (run.strip == NULL)
		return VS_ENOMEM;
	rc = vs_par_for(ctx, (p->n + STRIP - 1) / STRIP, product_strip, &run,
			err);
	vs_free(ctx, run.strip);
	return rc;
}

/* GROUP rows of a against all of b. */
static int product_group(void *arg, size_t item, unsigned thread,
			 struct vs_err *err)
{
	const struct product *run = arg;
	const struct vs_product *p = run->p;
	size_t first = item * GROUP, end = first + GROUP, i, x;

	(void)thread;
	if (vs_ctx_stopping(run->ctx))
		return stopped(err);
	if (end > p->m)
		end = p->m;
	for (x = 0; x < p->n; x++)
		for (i = first; i < end; i++)
			p->c[i * p->n + x] = vs_dot_f64(p->a + i * p->k,
							p->b + x * p->k, p->k);
	return 0;
}

int vs_matmul_nt(struct vs_ctx *ctx, const struct vs_product *p,
		 struct vs_err *err)
{
	struct product run = { ctx, p, NULL };

	return vs_par_for(ctx, (p->m + GROUP - 1) / GROUP, product_group, &run,
			  err);
}

/* ---- orthonormal rows ---------------------------------------------------- */

/* Rows from..end-1 have what lies along rows 0..from-1 taken from them. */
struct projection {
	struct vs_ctx *ctx;
	double *a;
	size_t n, from, end;
};

static int project_group(void *arg, size_t item, unsigned thread,
			 struct vs_err *err)
{
	const struct projection *p = arg;
	size_t first = p->from + item * GROUP, end = first + GROUP, i, r;
	double *row;

	(void)thread;
	if (vs_ctx_stopping(p->ctx))
		return stopped(err);
	if (end > p->end)
		end = p->end;
	for (i = 0; i < p->from; i++)
		for (r = first; r < end; r++) {
			row = p->a + r * p->n;
			subtract(row, p->a + i * p->n,
				 vs_dot_f64(row, p->a + i * p->n, p->n), p->n);
		}
	return 0;
}

/* Row r less its parts along rows from..r-1; returns the length that was left
 * of it. */
static double orthogonalise(double *a, size_t n, size_t from, size_t r)
{
	double *row = a + r * n;
	size_t i;

	for (i = from; i < r; i++)
		subtract(row, a + i * n, vs_dot_f64(row, a + i * n, n), n);
	return sqrt(vs_dot_f64(row, row, n));
}

static void scale(double *row, size_t n, double by)
{
	size_t i;

	for (i = 0; i < n; i++)
		row[i] *= by;
}

/* To length 1, whatever its range; zeros stay. */
static void make_unit(double *row, size_t n)
{
	double most = 0;
	size_t i;

	for (i = 0; i < n; i++)
		most = fabs(row[i]) > most ? fabs(row[i]) : most;
	if (most == 0)
		return;
	for (i = 0; i < n; i++)
		row[i] /= most;
	scale(row, n, 1 / sqrt(vs_dot_f64(row, row, n)));
}

/* The first unit vector of which enough is outside the span of r < n
 * orthonormal rows.  Some is left: of all n, the squared lengths outside add up
 * to n - r. */
static size_t unit_outside(const double *a, size_t n, size_t r)
{
	double enough = 0.5 / (double)n, outside;
	size_t i, k;

	for (i = 0; i + 1 < n; i++) {
		for (outside = 1, k = 0; k < r && outside >= enough; k++)
			outside -= a[k * n + i] * a[k * n + i];
		if (outside >= enough)
			break;
	}
	return i;
}

static void replace_row(double *a, size_t n, size_t r)
{
	double *row = a + r * n;

	memset(row, 0, n * sizeof(*row));
	row[unit_outside(a, n, r)] = 1;
	orthogonalise(a, n, 0, r);
	make_unit(row, n);
	orthogonalise(a, n, 0, r);
	make_unit(row, n);
}

/* Rows from..end-1, each against those before it in the block. */
static int orthonormalise_block(const struct projection *p,
				struct vs_err *err)
{
	size_t r;

	for (r = p->from; r < p->end; r++) {
		if (vs_ctx_stopping(p->ctx))
			return stopped(err);
		if (orthogonalise(p->a, p->n, p->from, r) < SPANNED)
			replace_row(p->a, p->n, r);
		else
			make_unit(p->a + r * p->n, p->n);
	}
	return 0;
}

/* Each block twice, which is enough (W. Kahan, in B. N. Parlett, "The Symmetric
 * Eigenvalue Problem", 6.9). */
int vs_orthonormalise(struct vs_ctx *ctx, size_t m, size_t n, double *a,
		      struct vs_err *err)
{
	struct projection p = { ctx, a, n, 0, 0 };
	size_t r, pass, groups;
	int rc = 0;

	for (r = 0; r < m; r++)
		make_unit(a + r * n, n); /* zeros are replaced later */
	for (p.from = 0; rc == 0 && p.from < m; p.from = p.end) {
		p.end = p.from + BLOCK < m ? p.from + BLOCK : m;
		groups = (p.end - p.from + GROUP - 1) / GROUP;
		for (pass = 0; rc == 0 && pass < 2; pass++) {
			rc = vs_par_for(ctx, groups, project_group, &p, err);
			if (rc == 0)
				rc = orthonormalise_block(&p, err);
		}
	}
	return rc;
}

/* ---- polar factor -------------------------------------------------------- */

uint64_t vs_polar_bytes(size_t m, size_t n)
{
	uint64_t own = ((uint64_t)m * m + (uint64_t)m * n + m) * sizeof(double);

	return own + vs_eigen_bytes(m) + 4 * 2 * VS_ALIGN;
}

/* The parts of a singular value decomposition. */
struct svd {
	size_t m, n;
	double *u; /* [m][m]: a a', then the left vectors as rows */
	double *v; /* [m][n]: the right ones */
	double *w; /* [m]: the squares of the values */
};

/* The vectors of the smallest values, which the squares have blurred, are made
 * orthogonal to the others and add next to nothing to the sum. */
static int decompose(struct vs_ctx *ctx, const double *a, struct svd *s,
		     struct vs_err *err)
{
	const struct vs_product square = { s->m, s->n, s->m, a, a, s->u };
	const struct vs_product right = { s->m, s->m, s->n, s->u, a, s->v };
	int rc = vs_matmul_nt(ctx, &square, err);

	if (rc == 0)
		rc = vs_eigen(ctx, s->m, s->u, s->w, err);
	if (rc == 0)
		rc = vs_matmul(ctx, &right, err);
	return rc == 0 ? vs_orthonormalise(ctx, s->m, s->n, s->v, err) : rc;
}

static void transpose(double *a, size_t n)
{
	size_t i, x;
	double t;

	for (i = 0; i < n; i++)
		for (x = 0; x < i; x++) {
			t = a[i * n + x];
			a[i * n + x] = a[x * n + i];
			a[x * n + i] = t;
		}
}

int vs_polar(struct vs_ctx *ctx, size_t m, size_t n, const double *a,
	     double *q, struct vs_err *err)
{
	static const char what[] = "polar factor";
	struct svd s = { .m = m, .n = n };
	struct vs_product p = { m, m, n, NULL, NULL, q };
	int rc = VS_ENOMEM;

	s.u = vs_alloc(ctx, m, m * sizeof(double), what, err);
	if (s.u != NULL)
		s.v = vs_alloc(ctx, m, n * sizeof(double), what, err);
	if (s.v != NULL)
		s.w = vs_alloc(ctx, m, sizeof(double), what, err);
	if (s.w != NULL)
		rc = decompose(ctx, a, &s, err);
	if (rc == 0) {
		transpose(s.u, m);
		p.a = s.u;
		p.b = s.v;
		rc = vs_matmul(ctx, &p, err);
	}
	vs_free(ctx, s.w);
	vs_free(ctx, s.v);
	vs_free(ctx, s.u);
	return rc;
}
