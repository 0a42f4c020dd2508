/* transform_train.c - learns PCA, makes random rotations, and begins OPQ. */
#include <math.h>
#include <string.h>

#include "opq.h"
#include "transform_int.h"
#include "vs/kern.h"
#include "vs/linalg.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/rng.h"
#include "vs/widen.h"

/* Rows of a sample: Faiss takes 1000 for each dimension; what they add to the
 * eigenvectors after the first 64 is small. */
#define SAMPLE_LEAST 65536u
#define SAMPLE_PER_DIM 64u
#define OPQ_ROWS 65536u /* Faiss: 256 for each centroid, too */
#define UNIFORMS 12u /* whose sum is close enough to a normal deviate */

static bool is_pca(const struct vs_factory *f)
{
	return f->rotation == VS_ROT_PCA || f->rotation == VS_ROT_PCAR;
}

uint64_t vs_transform_sample(const struct vs_factory *f, uint32_t dim)
{
	if (!is_pca(f) && f->rotation != VS_ROT_OPQ)
		return 0;
	return vs_max_size(SAMPLE_LEAST, (size_t)dim * SAMPLE_PER_DIM);
}

static uint64_t opq_rows(uint64_t n_rows)
{
	return n_rows / vs_div_up(n_rows, OPQ_ROWS);
}

#define HEADS 4096 /* structures, and the heads of some blocks of memory */

uint64_t vs_transform_held_bytes(const struct vs_factory *f, uint32_t dim)
{
	uint64_t d = vs_transform_dim(f, dim);
	uint64_t row = dim + vs_panels_of(d) * VS_PANEL_ROWS;
	uint64_t matrices = vs_panels_of(d) * VS_PANEL_ROWS * dim + d * dim;

	if (!vs_factory_has_transform(f))
		return 0;
	if (f->rotation != VS_ROT_NONE)
		row += matrices + dim;
	return row * sizeof(float) + HEADS;
}

uint64_t vs_transform_bytes(const struct vs_factory *f, uint32_t dim,
			    uint64_t n_rows)
{
	uint64_t d = vs_transform_dim(f, dim), most = d > dim ? d : dim, need;
	uint64_t kept = vs_transform_held_bytes(f, dim);

	if (f->rotation == VS_ROT_NONE)
		return kept;
	/* Three square matrices and what the eigenvectors take. */
	need = kept + 3 * most * most * sizeof(double) +
	       vs_covariance_bytes(dim) + vs_eigen_bytes((size_t)most);
	if (f->rotation != VS_ROT_OPQ)
		return need;
	n_rows = opq_rows(n_rows);
	return need + n_rows * dim * sizeof(float) +
	       vs_opq_bytes(f, dim, n_rows);
}

static void transpose(const double *a, size_t m, size_t n, double *out)
{
	size_t i, x;

	for (i = 0; i < m; i++)
		for (x = 0; x < n; x++)
			out[x * m + i] = a[i * n + x];
}

int vs_random_rotation(struct vs_ctx *ctx, size_t m, size_t n, uint64_t seed,
		       double *a, struct vs_err *err)
{
	size_t rows = vs_min_size(m, n), cols = m + n - rows, i, u;
	double *flat = a;
	struct vs_rng rng;
	int rc;

	if (m > n)
		flat = vs_alloc(ctx, m, n * sizeof(*a), "rotation", err);
	if (flat == NULL)
		return VS_ENOMEM;
	vs_rng_init(&rng, seed, VS_STREAM_ROTATE);
	for (i = 0; i < rows * cols; i++) {
		flat[i] = -(double)UNIFORMS / 2;
		for (u = 0; u < UNIFORMS; u++)
			flat[i] += vs_rng_f64(&rng);
	}
	rc = vs_orthonormalise(ctx, rows, cols, flat, err);
	if (flat != a) {
		transpose(flat, rows, cols, a);
		vs_free(ctx, flat);
	}
	return rc;
}

/* The mean, and the eigenvectors of the covariance as the rows of
 * a[d_in][d_in], with their variances w, falling. */
static int learn_pca(struct vs_ctx *ctx, const float *rows, uint64_t n,
		     struct vs_transform *t, double *a, double *w,
		     struct vs_err *err)
{
	uint64_t stride = vs_div_up(n, VS_COVARIANCE_ROWS);
	const struct vs_sampled sampled = { rows, n / stride, stride,
					    t->d_in };
	int rc;

	t->mean = vs_alloc(ctx, t->d_in, sizeof(float), "mean", err);
	if (t->mean == NULL)
		return VS_ENOMEM;
	vs_ctx_progress(ctx, "covariance", 0, 1, "matrices");
	rc = vs_covariance(ctx, &sampled, t->mean, a, err);
	if (rc == 0)
		rc = vs_eigen(ctx, t->d_in, a, w, err);
	vs_ctx_progress(ctx, "covariance", 1, 1, "matrices");
	return rc;
}

/* a[d_out][d_in] times a random rotation from the left. */
static int turn_at_random(struct vs_ctx *ctx, const struct vs_transform *t,
			  uint64_t seed, double *a, struct vs_err *err)
{
	static const char what[] = "rotation";
	size_t d = t->d_out, bytes = d * t->d_in * sizeof(double);
	double *r = vs_alloc(ctx, d, d * sizeof(double), what, err), *c = NULL;
	struct vs_product p = { d, d, t->d_in, r, a, NULL };
	int rc = VS_ENOMEM;

	if (r != NULL)
		c = vs_alloc(ctx, 1, bytes, what, err);
	p.c = c;
	if (c != NULL)
		rc = vs_random_rotation(ctx, d, d, seed, r, err);
	if (rc == 0)
		rc = vs_matmul(ctx, &p, err);
	if (rc == 0)
		memcpy(a, c, bytes);
	vs_free(ctx, c);
	vs_free(ctx, r);
	return rc;
}

/* What is known of the rows. */
struct lesson {
	const struct vs_factory *index;
	const float *rows; /* [n] */
	uint64_t n;
	uint64_t seed;
	double *a; /* a square matrix of the larger of the dimensions */
	double *w; /* [d_in] */
};

static void write_matrix(const struct lesson *l, struct vs_transform *t)
{
	size_t n = (size_t)t->d_out * t->d_in, i;

	for (i = 0; i < n; i++)
		t->matrix[i] = (float)l->a[i];
}

static int learn_opq(struct vs_ctx *ctx, const struct lesson *l,
		     struct vs_transform *t, struct vs_err *err)
{
	struct vs_opq_spec spec = {
		.rows = l->rows,
		.n_rows = opq_rows(l->n),
		.m = l->index->rot_m,
		.bits = l->index->code == VS_CODE_PQ4 ? 4 : 8,
		.seed = l->seed,
		.eigenvectors = l->a,
		.variances = l->w,
	};
	uint64_t stride = l->n / spec.n_rows, i;
	size_t row = t->d_in * sizeof(float);
	float *few = NULL;
	int rc;

	if (stride > 1) {
		few = vs_alloc(ctx, spec.n_rows, row, "rotation", err);
		if (few == NULL)
			return VS_ENOMEM;
		for (i = 0; i < spec.n_rows; i++)
			memcpy(few + i * t->d_in,
			       l->rows + i * stride * t->d_in, row);
		spec.rows = few;
	}
	rc = vs_opq_train(ctx, &spec, t, err);
	vs_free(ctx, few);
	/* Rows were centred to learn, as in Faiss, and are not later. */
	vs_free(ctx, t->mean);
	t->mean = NULL;
	return rc;
}

static int learn(struct vs_ctx *ctx, const struct lesson *l,
		 struct vs_transform *t, struct vs_err *err)
{
	int rc;

	if (l->index->rotation == VS_ROT_RR)
		rc = vs_random_rotation(ctx, t->d_out, t->d_in, l->seed, l->a,
					err);
	else
		rc = learn_pca(ctx, l->rows, l->n, t, l->a, l->w, err);
	if (rc == 0 && l->index->rotation == VS_ROT_OPQ)
		return learn_opq(ctx, l, t, err);
	if (rc == 0 && l->index->rotation == VS_ROT_PCAR)
		rc = turn_at_random(ctx, t, l->seed, l->a, err);
	if (rc == 0)
		write_matrix(l, t);
	return rc;
}

int vs_transform_train(struct vs_ctx *ctx, const struct vs_factory *f,
		       float *rows, uint64_t n_rows, uint64_t seed,
		       struct vs_transform *t, struct vs_err *err)
{
	size_t most = t->d_out > t->d_in ? t->d_out : t->d_in;
	struct lesson l = { f, rows, n_rows, seed, NULL, NULL };
	uint64_t i;
	int rc = VS_ENOMEM;

	for (i = 0; t->unit && i < n_rows; i++)
		vs_row_unit(rows + i * t->d_in, t->d_in);
	if (f->rotation == VS_ROT_NONE)
		return 0;
	t->matrix = vs_alloc(ctx, t->d_out, t->d_in * sizeof(float),
			     "rotation", err);
	if (t->matrix != NULL)
		l.a = vs_alloc(ctx, most, most * sizeof(double), "rotation",
			       err);
	if (l.a != NULL)
		l.w = vs_alloc(ctx, most, sizeof(double), "rotation", err);
	if (l.w != NULL)
		rc = learn(ctx, &l, t, err);
	vs_free(ctx, l.w);
	vs_free(ctx, l.a);
	vs_free(ctx, t->panels);
	t->panels = NULL;
	return rc == 0 ? vs_transform_prepare(ctx, t, err) : rc;
}
