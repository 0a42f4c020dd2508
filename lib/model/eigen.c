/* eigen.c - eigenvectors of a symmetric matrix.
 *
 * Householder reflections take it to tridiagonal form; the implicit QL
 * algorithm takes that to a diagonal one.  Its plane rotations are noted and
 * applied some thousands at a time: each column of what they turn is turned
 * alone, so threads share the columns and no sum is split.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "vs/linalg.h"
#include "vs/mem.h"
#include "vs/par.h"

#define ROWS 16u        /* of one item of a parallel loop */
#define COLS 32u        /* of what rotations turn, by one item */
#define ROTATIONS 65536u
#define ALONE 256u      /* so few rows are done by one thread */
#define SWEEPS_MANY 8u  /* for one eigenvalue; two are usual */
#define SWEEPS_MAX 60u

/* The plane rotation of rows i and i + 1. */
struct rotation {
	double c, s;
	size_t i;
};

struct eigen {
	struct vs_ctx *ctx;
	size_t n;
	double *a;   /* [n][n]: right of the diagonal of row k, from k + 1 on,
		      * in the end the vector of reflection k */
	double *d;   /* [n]: diagonal */
	double *e;   /* [n]: beside it */
	double zero; /* what is no more than that in e is as good as zero */
	double *tau; /* [n]: reflection k is 1 - tau v v' */
	double *p, *q; /* [n] */
	double *z;   /* [ceil(n / COLS)][n][COLS]: columns of the eigenvectors
		      * of the tridiagonal form, as rows */
	double *out; /* [n][n] */
	size_t *order; /* [n]: of the eigenvalues */
	struct rotation *rot;
	size_t n_rot;
	size_t k;    /* the reflection that is being applied */
};

static int stopped(struct vs_err *err)
{
	return vs_fail(err, VS_EAGAIN, "stopped; run again");
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- tridiagonal form ---------------------------------------------------- */

/* Rows of the part right of and below k, of which v is the reflection: p is
 * what they give for it. */
static int multiply_rows(void *arg, size_t item, unsigned thread,
			 struct vs_err *err)
{
	const struct eigen *g = arg;
	size_t k = g->k, first = k + 1 + item * ROWS, i;
	size_t end = min_size(first + ROWS, g->n);
	const double *v = g->a + k * g->n + k + 1;

	(void)thread;
	(void)err;
	for (i = first; i < end; i++)
		g->p[i] = g->tau[k] * vs_dot_f64(g->a + i * g->n + k + 1, v,
						 g->n - k - 1);
	return 0;
}

static int update_rows(void *arg, size_t item, unsigned thread,
		       struct vs_err *err)
{
	const struct eigen *g = arg;
	size_t k = g->k, m = g->n - k - 1, first = k + 1 + item * ROWS, i, x;
	size_t end = min_size(first + ROWS, g->n);
	const double *restrict v = g->a + k * g->n + k + 1;
	const double *restrict q = g->q + k + 1;

	(void)thread;
	(void)err;
	for (i = first; i < end; i++) {
		double *restrict row = g->a + i * g->n + k + 1;
		double vi = v[i - k - 1], qi = q[i - k - 1];

		/* The same for (i, x) and (x, i): it stays symmetric. */
		for (x = 0; x < m; x++)
			row[x] -= vi * q[x] + qi * v[x];
	}
	return 0;
}

/* The reflection that takes row k, right of the diagonal, to one value. */
static void make_reflection(struct eigen *g)
{
	size_t k = g->k, m = g->n - k - 1, i;
	double *v = g->a + k * g->n + k + 1, x0 = v[0], beta, most = 0, rest;

	g->tau[k] = 0;
	g->e[k] = x0;
	for (i = 1; i < m; i++)
		most = fabs(v[i]) > most ? fabs(v[i]) : most;
	if (most == 0)
		return;
	most = fabs(x0) > most ? fabs(x0) : most;
	for (i = 0; i < m; i++)
		v[i] /= most;
	rest = vs_dot_f64(v, v, m);
	beta = v[0] > 0 ? -sqrt(rest) : sqrt(rest);
	g->tau[k] = (beta - v[0]) / beta;
	rest = v[0] - beta;
	for (i = 1; i < m; i++)
		v[i] /= rest;
	v[0] = 1;
	g->e[k] = beta * most;
}

/* Threads meet after each reflection, which little work is not worth. */
static int for_rows(struct eigen *g, size_t n,
		    int (*body)(void *arg, size_t item, unsigned thread,
				struct vs_err *err),
		    struct vs_err *err)
{
	size_t items = (n + ROWS - 1) / ROWS, i;
	int rc = 0;

	if (n >= ALONE)
		return vs_par_for(g->ctx, items, body, g, err);
	for (i = 0; rc == 0 && i < items; i++)
		rc = body(g, i, 0, err);
	return rc;
}

/* Both sides of what is left by reflection k: A - v q' - q v'. */
static int reflect_rest(struct eigen *g, struct vs_err *err)
{
	size_t k = g->k, m = g->n - k - 1, i;
	const double *v = g->a + k * g->n + k + 1;
	double half;
	int rc;

	if (g->tau[k] == 0)
		return 0;
	rc = for_rows(g, m, multiply_rows, err);
	if (rc != 0)
		return rc;
	half = g->tau[k] / 2 * vs_dot_f64(g->p + k + 1, v, m);
	for (i = 0; i < m; i++)
		g->q[k + 1 + i] = g->p[k + 1 + i] - half * v[i];
	return for_rows(g, m, update_rows, err);
}

static int make_tridiagonal(struct eigen *g, struct vs_err *err)
{
	size_t n = g->n;
	int rc = 0;

	for (g->k = 0; rc == 0 && g->k < n; g->k++) {
		if (vs_ctx_stopping(g->ctx))
			return stopped(err);
		g->d[g->k] = g->a[g->k * n + g->k];
		g->tau[g->k] = 0;
		g->e[g->k] = 0;
		if (g->k + 2 < n)
			make_reflection(g);
		else if (g->k + 1 < n)
			g->e[g->k] = g->a[g->k * n + g->k + 1];
		if (g->k + 2 < n)
			rc = reflect_rest(g, err);
	}
	return rc;
}

/* ---- diagonal form ------------------------------------------------------- */

static int rotate_columns(void *arg, size_t item, unsigned thread,
			  struct vs_err *err)
{
	const struct eigen *g = arg;
	double *z = g->z + item * g->n * COLS, up;
	size_t t, x;

	(void)thread;
	(void)err;
	for (t = 0; t < g->n_rot; t++) {
		double *restrict a = z + g->rot[t].i * COLS;
		double *restrict b = a + COLS;
		double c = g->rot[t].c, s = g->rot[t].s;

		for (x = 0; x < COLS; x++) {
			up = b[x];
			b[x] = s * a[x] + c * up;
			a[x] = c * a[x] - s * up;
		}
	}
	return 0;
}

static int flush_rotations(struct eigen *g, struct vs_err *err)
{
	size_t items = (g->n + COLS - 1) / COLS;
	int rc;

	if (vs_ctx_stopping(g->ctx))
		return stopped(err);
	rc = vs_par_for(g->ctx, items, rotate_columns, g, err);
	g->n_rot = 0;
	return rc;
}

/* sqrt(a^2 + b^2) without overflow; hypot is no operation of IEEE 754. */
static double length2(double a, double b)
{
	double x = fabs(a), y = fabs(b), big = x > y ? x : y, r;

	if (big == 0)
		return 0;
	r = (x > y ? y : x) / big;
	return big * sqrt(1 + r * r);
}

/* One sweep of QL over rows l..m, which no small value beside the diagonal
 * parts. */
static void sweep(struct eigen *g, size_t l, size_t m)
{
	double *d = g->d, *e = g->e, s = 1, c = 1, p = 0, f, b, r, shift;
	size_t i = m;

	shift = (d[l + 1] - d[l]) / (2 * e[l]);
	r = length2(shift, 1);
	shift = d[m] - d[l] + e[l] / (shift + (shift < 0 ? -r : r));
	while (i-- > l) {
		f = s * e[i];
		b = c * e[i];
		r = length2(f, shift);
		e[i + 1] = r;
		if (r == 0) { /* it has come apart here */
			d[i + 1] -= p;
			e[m] = 0;
			return;
		}
		s = f / r;
		c = shift / r;
		shift = d[i + 1] - p;
		r = (d[i] - shift) * s + 2 * c * b;
		p = s * r;
		d[i + 1] = shift + p;
		shift = c * r - b;
		g->rot[g->n_rot++] = (struct rotation){ c, s, i };
	}
	d[l] -= p;
	e[l] = shift;
	e[m] = 0;
}

/* The first row from l on after which the value beside the diagonal is as good
 * as zero. */
static size_t end_of_part(const struct eigen *g, size_t l)
{
	size_t m;

	for (m = l; m + 1 < g->n; m++)
		if (fabs(g->e[m]) <= g->zero ||
		    fabs(g->e[m]) <=
			    DBL_EPSILON / 2 *
				    (fabs(g->d[m]) + fabs(g->d[m + 1])))
			break;
	return m;
}

/* What roundings leave of a zero, whose place in the matrix may be anywhere. */
static double rounding(const struct eigen *g)
{
	double most = 0, sum;
	size_t i;

	for (i = 0; i < g->n; i++) {
		sum = fabs(g->d[i]) + fabs(g->e[i]) +
		      (i > 0 ? fabs(g->e[i - 1]) : 0);
		most = sum > most ? sum : most;
	}
	return DBL_EPSILON * most;
}

static int make_diagonal(struct eigen *g, struct vs_err *err)
{
	size_t n = g->n, l, m;
	unsigned sweeps;
	int rc = 0;

	for (l = 0; rc == 0 && l < n; l++)
		for (sweeps = 0; rc == 0; sweeps++) {
			m = end_of_part(g, l);
			if (m == l)
				break;
			/* Beside eigenvalues of zero, of which only roundings
			 * are left, nothing need ever be small. */
			if (sweeps == SWEEPS_MANY)
				g->zero = rounding(g);
			if (sweeps == SWEEPS_MAX)
				return vs_fail(err, VS_EINTERNAL,
					       "eigenvalue %zu of %zu is not "
					       "found in %u sweeps", l, n,
					       SWEEPS_MAX);
			sweep(g, l, m);
			if (g->n_rot + n > ROTATIONS)
				rc = flush_rotations(g, err);
		}
	return rc == 0 ? flush_rotations(g, err) : rc;
}

/* ---- eigenvectors -------------------------------------------------------- */

static void sort_values(struct eigen *g)
{
	size_t i, x, t;

	/* By insertion: QL leaves them nearly in order. */
	for (i = 0; i < g->n; i++) {
		t = i;
		for (x = i; x > 0 && g->d[g->order[x - 1]] < g->d[t]; x--)
			g->order[x] = g->order[x - 1];
		g->order[x] = t;
	}
}

static void fix_sign(double *row, size_t n)
{
	size_t i, at = 0;

	for (i = 1; i < n; i++)
		if (fabs(row[i]) > fabs(row[at]))
			at = i;
	if (row[at] >= 0)
		return;
	for (i = 0; i < n; i++)
		row[i] = -row[i];
}

/* Takes ROWS eigenvectors of the tridiagonal form back through the
 * reflections. */
static int finish_rows(void *arg, size_t item, unsigned thread,
		       struct vs_err *err)
{
	const struct eigen *g = arg;
	size_t n = g->n, first = item * ROWS, end = min_size(first + ROWS, n);
	size_t k = n, i, x;

	(void)thread;
	if (vs_ctx_stopping(g->ctx))
		return stopped(err);
	for (i = first; i < end; i++)
		for (x = 0; x < n; x++)
			g->out[i * n + x] =
				g->z[(x / COLS * n + g->order[i]) * COLS +
				     x % COLS];
	while (k-- > 0) {
		const double *restrict v = g->a + k * n;

		if (g->tau[k] == 0)
			continue;
		for (i = first; i < end; i++) {
			double *restrict row = g->out + i * n;
			double t = g->tau[k] * vs_dot_f64(v + k + 1,
							  row + k + 1,
							  n - k - 1);

			for (x = k + 1; x < n; x++)
				row[x] -= t * v[x];
		}
	}
	for (i = first; i < end; i++)
		fix_sign(g->out + i * n, n);
	return 0;
}

static int decompose(struct eigen *g, double *w, struct vs_err *err)
{
	size_t n = g->n, i;
	int rc;

	for (i = 0; i < n; i++)
		g->z[(i / COLS * n + i) * COLS + i % COLS] = 1;
	rc = make_tridiagonal(g, err);
	if (rc == 0)
		rc = make_diagonal(g, err);
	if (rc != 0)
		return rc;
	sort_values(g);
	rc = vs_par_for(g->ctx, (n + ROWS - 1) / ROWS, finish_rows, g, err);
	if (rc != 0)
		return rc;
	memcpy(g->a, g->out, n * n * sizeof(double));
	for (i = 0; i < n; i++)
		w[i] = g->d[g->order[i]];
	return 0;
}

static size_t padded(size_t n)
{
	return (n + COLS - 1) / COLS * COLS;
}

uint64_t vs_eigen_bytes(size_t n)
{
	return (uint64_t)n * (padded(n) + n + 6) * sizeof(double) +
	       ROTATIONS * sizeof(struct rotation) + 5 * 2 * VS_ALIGN;
}

int vs_eigen(struct vs_ctx *ctx, size_t n, double *a, double *w,
	     struct vs_err *err)
{
	static const char what[] = "eigenvectors";
	struct eigen g = { .ctx = ctx, .n = n, .a = a };
	int rc = VS_ENOMEM;

	g.d = vs_alloc(ctx, n, 5 * sizeof(double), what, err);
	if (g.d != NULL)
		g.order = vs_alloc(ctx, n, sizeof(size_t), what, err);
	if (g.order != NULL)
		g.rot = vs_alloc(ctx, ROTATIONS, sizeof(*g.rot), what, err);
	if (g.rot != NULL)
		g.z = vs_zalloc(ctx, n, padded(n) * sizeof(double), what, err);
	if (g.z != NULL)
		g.out = vs_alloc(ctx, n, n * sizeof(double), what, err);
	if (g.out != NULL) {
		g.e = g.d + n;
		g.tau = g.d + 2 * n;
		g.p = g.d + 3 * n;
		g.q = g.d + 4 * n;
		rc = decompose(&g, w, err);
	}
	vs_free(ctx, g.out);
	vs_free(ctx, g.z);
	vs_free(ctx, g.rot);
	vs_free(ctx, g.order);
	vs_free(ctx, g.d);
	return rc;
}
