/* opq.c - the rotation of optimized product quantization.
 *
 * T. Ge, K. He, Q. Ke and J. Sun, "Optimized product quantization for
 * approximate nearest neighbor search", CVPR 2013.  The parametric solution
 * (3.2: principal components dealt out to the pieces so that the products of
 * their variances are alike) is where the non-parametric one (3.1) begins:
 * rows are coded, the codebooks become the means of what they code, and the
 * rotation that of the orthogonal Procrustes problem between rows and what
 * their codes stand for; again and again.
 */
#include "opq.h"

#include <math.h>
#include <string.h>

#include "transform_int.h"
#include "vs/linalg.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"
#include "vs/pq.h"

/* Faiss: 50 rounds of 4 iterations of k-means, from a random rotation. */
#define ROUNDS 30u
#define FIRST_ITERATIONS 8u /* of k-means, in the first round */
#define REST 1e-3  /* rounds that lower the error by less are the last */
#define LANES VS_COV_LANES

struct opq {
	struct vs_ctx *ctx;
	struct vs_transform *t; /* with a mean, for as long as it is learnt */
	struct vs_rows rows;
	struct vs_pq pq;
	float *turned;  /* [n][d_out] */
	uint8_t *codes; /* [n] */
	double *error;  /* [m]: of the pieces */
	uint64_t *count; /* [m][ksub] */
	double *sum;    /* [m][ksub][dsub] */
	/* of the Procrustes problem; the lesser of d_in and d_out comes first
	 */
	size_t n_in, n_out; /* panels */
	double *in;     /* [n_in][step][LANES]: rows less their mean */
	double *out;    /* [n_out][step][LANES]: what codes stand for */
	double *cross;  /* [d_out][d_in], or the transpose */
	double *polar;  /* as cross */
	size_t step;    /* rows that are summed together */
	uint64_t first; /* row of the step */
	size_t n;       /* rows of the step */
};

static bool is_tall(const struct opq *o)
{
	return o->t->d_out > o->t->d_in;
}

/* ---- the parametric solution --------------------------------------------- */

/* A product of many variances: m 2^e. */
struct product {
	double m;
	long e;
	uint32_t n; /* of how many */
};

static void multiply(struct product *p, double v)
{
	int e;

	p->m = frexp(p->m * v, &e);
	p->e += e;
	p->n++;
}

static bool is_less(const struct product *a, const struct product *b)
{
	return a->e != b->e ? a->e < b->e : a->m < b->m;
}

/* The piece with room and the least product; without any, the first. */
static uint32_t least(const struct product *p, uint32_t m, uint32_t room)
{
	uint32_t s, best = UINT32_MAX;

	for (s = 0; s < m; s++)
		if (p[s].n < room &&
		    (best == UINT32_MAX || is_less(&p[s], &p[best])))
			best = s;
	return best;
}

/* Deals the eigenvectors v[d_in][d_in] of variances w, largest first, out to
 * the pieces; where d_out is more than d_in, the last ones get zeros. */
static int deal_out(const struct opq *o, const double *v, const double *w,
		    struct vs_err *err)
{
	uint32_t d_in = o->t->d_in, d_out = o->t->d_out, i, s, x, row;
	uint32_t m = o->pq.m, room = o->pq.dsub;
	struct product *p = vs_alloc(o->ctx, m, sizeof(*p), "pieces", err);
	double tiny = w[0] > 0 ? w[0] * 0x1p-60 : 1;

	if (p == NULL)
		return VS_ENOMEM;
	for (s = 0; s < m; s++)
		p[s] = (struct product){ 0.5, 1, 0 };
	for (i = 0; i < d_out; i++) {
		double var = i < d_in && w[i] > tiny ? w[i] : tiny;

		s = least(p, m, room);
		row = s * room + p[s].n;
		/* In units of the smallest, products rise from 1. */
		multiply(&p[s], var / tiny);
		for (x = 0; x < d_in; x++)
			o->t->matrix[(size_t)row * d_in + x] =
				i < d_in ? (float)v[(size_t)i * d_in + x] : 0;
	}
	vs_free(o->ctx, p);
	return 0;
}

/* ---- coding -------------------------------------------------------------- */

static int turn(struct opq *o, struct vs_err *err)
{
	int rc;

	vs_free(o->ctx, o->t->panels);
	o->t->panels = NULL;
	rc = vs_transform_prepare(o->ctx, o->t, err);
	return rc == 0 ? vs_transform_apply(o->ctx, o->t, &o->rows,
					    "training sample", o->turned,
					    err) :
			 rc;
}

/* Centroids of piece s become the means of what they code; its error is that
 * of the codes before. */
static int update_piece(void *arg, size_t s, unsigned thread,
			struct vs_err *err)
{
	struct opq *o = arg;
	const struct vs_pq *pq = &o->pq;
	size_t d = pq->dsub, size = vs_pq_code_bytes(pq), x;
	uint64_t *count = o->count + s * pq->ksub, i;
	double *sum = o->sum + s * pq->ksub * d, e = 0, t;
	float *book = pq->codebooks + s * pq->ksub * d;
	uint32_t c;

	(void)thread;
	(void)err;
	memset(count, 0, pq->ksub * sizeof(*count));
	memset(sum, 0, pq->ksub * d * sizeof(*sum));
	for (i = 0; i < o->rows.n; i++) {
		const float *y = o->turned + i * pq->dim + s * d;

		c = vs_pq_code(pq, o->codes + i * size, (uint32_t)s);
		count[c]++;
		for (x = 0; x < d; x++) {
			sum[c * d + x] += (double)y[x];
			t = (double)y[x] - (double)book[c * d + x];
			e += t * t;
		}
	}
	o->error[s] = e;
	for (c = 0; c < pq->ksub; c++)
		for (x = 0; x < d && count[c] > 0; x++)
			book[c * d + x] = (float)(sum[c * d + x] /
						  (double)count[c]);
	return 0;
}

/* ---- the Procrustes problem ---------------------------------------------- */

/* Dimension x of what codes stand for. */
static float value_of(const struct vs_pq *pq, const uint8_t *codes, size_t x)
{
	size_t s = x / pq->dsub;
	uint32_t c = vs_pq_code(pq, codes, (uint32_t)s);

	return pq->codebooks[(s * pq->ksub + c) * pq->dsub + x % pq->dsub];
}

/* A panel of rows, or of what their codes stand for. */
static int fill_panel(void *arg, size_t item, unsigned thread,
		      struct vs_err *err)
{
	const struct opq *o = arg;
	const struct vs_pq *pq = &o->pq;
	bool in = item < o->n_in;
	size_t panel = in ? item : item - o->n_in, i, x, k;
	size_t dim = in ? o->t->d_in : o->t->d_out;
	size_t size = vs_pq_code_bytes(pq);
	double *to = (in ? o->in : o->out) + panel * o->step * LANES;

	(void)thread;
	(void)err;
	for (i = 0; i < o->n; i++) {
		const float *row = (const float *)o->rows.p +
				   (o->first + i) * o->t->d_in;
		const uint8_t *codes = o->codes + (o->first + i) * size;

		for (k = 0; k < LANES; k++, to++) {
			x = panel * LANES + k;
			if (x >= dim)
				*to = 0;
			else if (in)
				*to = (double)row[x] - (double)o->t->mean[x];
			else
				*to = (double)value_of(pq, codes, x);
		}
	}
	return 0;
}

/* Adds products with all panels of the other side. */
static int sum_panel(void *arg, size_t panel, unsigned thread,
		     struct vs_err *err)
{
	const struct opq *o = arg;
	bool tall = is_tall(o);
	const double *own = (tall ? o->in : o->out) + panel * o->step * LANES;
	const double *others = tall ? o->out : o->in;
	size_t rows = tall ? o->t->d_in : o->t->d_out;
	size_t cols = tall ? o->t->d_out : o->t->d_in, p, x, y;
	double sum[LANES][LANES];

	(void)thread;
	if (vs_ctx_stopping(o->ctx))
		return vs_fail(err, VS_EAGAIN, "stopped; run again");
	for (p = 0; p * LANES < cols; p++) {
		vs_panel_products(own, others + p * o->step * LANES, o->n, sum);
		for (x = 0; x < LANES && panel * LANES + x < rows; x++)
			for (y = 0; y < LANES && p * LANES + y < cols; y++)
				o->cross[(panel * LANES + x) * cols +
					 p * LANES + y] += sum[x][y];
	}
	return 0;
}

/* The rotation that takes rows nearest to what their codes stand for. */
static int solve(struct opq *o, struct vs_err *err)
{
	size_t d_in = o->t->d_in, d_out = o->t->d_out, i, x;
	size_t m = is_tall(o) ? d_in : d_out, n = d_in + d_out - m;
	size_t panels = is_tall(o) ? o->n_in : o->n_out;
	int rc = 0;

	memset(o->cross, 0, m * n * sizeof(double));
	for (o->first = 0; rc == 0 && o->first < o->rows.n; o->first += o->n) {
		o->n = (size_t)vs_min_u64(o->step, o->rows.n - o->first);
		rc = vs_par_for(o->ctx, o->n_in + o->n_out, fill_panel, o,
				err);
		if (rc == 0)
			rc = vs_par_for(o->ctx, panels, sum_panel, o, err);
	}
	if (rc == 0)
		rc = vs_polar(o->ctx, m, n, o->cross, o->polar, err);
	for (i = 0; rc == 0 && i < d_out; i++)
		for (x = 0; x < d_in; x++)
			o->t->matrix[i * d_in + x] =
				(float)o->polar[is_tall(o) ? x * n + i :
							     i * n + x];
	return rc;
}

/* ---- rounds -------------------------------------------------------------- */

/* The codebooks of the matrix at hand, and their error. */
static int first_round(struct opq *o, uint64_t seed, double *error,
		       struct vs_err *err)
{
	struct vs_pq_params params = { FIRST_ITERATIONS, seed };
	struct vs_rows rows = { o->turned, o->rows.n, o->t->d_out, VS_F32 };
	int rc = turn(o, err);

	return rc == 0 ? vs_pq_train(o->ctx, &rows, &params, &o->pq, error,
				     err) :
			 rc;
}

/* Dimensions as they come, to which zeros are added. */
static void take_as_is(const struct opq *o)
{
	size_t d_in = o->t->d_in, i;

	memset(o->t->matrix, 0, d_in * o->t->d_out * sizeof(float));
	for (i = 0; i < d_in; i++)
		o->t->matrix[i * d_in + i] = 1;
}

/* Begins with the principal components, dealt out, or with the dimensions as
 * they come, whose order may mean something: what codes better. */
static int begin(struct opq *o, const struct vs_opq_spec *spec,
		 struct vs_err *err)
{
	double dealt = 0, plain = INFINITY;
	int rc = 0;

	if (o->t->d_out >= o->t->d_in) {
		take_as_is(o);
		rc = first_round(o, spec->seed, &plain, err);
	}
	if (rc == 0)
		rc = deal_out(o, spec->eigenvectors, spec->variances, err);
	if (rc == 0)
		rc = first_round(o, spec->seed, &dealt, err);
	vs_ctx_log(o->ctx, VS_LOG_DEBUG, "mean squared error %.6g of principal "
		   "components, %.6g of dimensions as they come", dealt, plain);
	if (rc != 0 || dealt <= plain)
		return rc;
	take_as_is(o);
	return first_round(o, spec->seed, &plain, err);
}

/* Codes rows, and moves codebooks and rotation to them; *error before. */
static int round_of(struct opq *o, double *error, struct vs_err *err)
{
	struct vs_rows rows = { o->turned, o->rows.n, o->t->d_out, VS_F32 };
	uint32_t s;
	int rc = vs_pq_encode(o->ctx, &o->pq, &rows, o->codes, err);

	if (rc == 0)
		rc = vs_par_for(o->ctx, o->pq.m, update_piece, o, err);
	if (rc == 0)
		rc = solve(o, err);
	if (rc == 0)
		rc = turn(o, err);
	for (*error = 0, s = 0; rc == 0 && s < o->pq.m; s++)
		*error += o->error[s];
	return rc;
}

static int alternate(struct opq *o, const struct vs_opq_spec *spec,
		     struct vs_err *err)
{
	double error = 0, before = INFINITY;
	uint32_t it;
	int rc = begin(o, spec, err);

	for (it = 0; rc == 0 && it < ROUNDS; it++) {
		rc = round_of(o, &error, err);
		if (rc != 0)
			break;
		vs_ctx_log(o->ctx, VS_LOG_DEBUG,
			   "rotation %u: mean squared error %.6g", it,
			   error / (double)o->rows.n);
		vs_ctx_progress(o->ctx, "rotation", it + 1, ROUNDS, "rounds");
		if (!(before - error > REST * error))
			break;
		before = error;
	}
	return rc;
}

static size_t panels_of(uint32_t dim)
{
	return ((size_t)dim + LANES - 1) / LANES;
}

static size_t step_of(uint32_t d_in, uint32_t d_out)
{
	return vs_step_rows(d_in > d_out ? d_in : d_out);
}

static int make_room(struct opq *o, struct vs_err *err)
{
	static const char what[] = "rotation";
	struct vs_ctx *ctx = o->ctx;
	const struct vs_pq *pq = &o->pq;
	size_t size = (size_t)o->t->d_in * o->t->d_out;

	o->step = step_of(o->t->d_in, o->t->d_out);
	o->n_in = panels_of(o->t->d_in);
	o->n_out = panels_of(o->t->d_out);
	o->turned = vs_alloc(ctx, o->rows.n, pq->dim * sizeof(float), what,
			     err);
	if (o->turned == NULL)
		return VS_ENOMEM;
	o->codes = vs_alloc(ctx, o->rows.n, vs_pq_code_bytes(pq), what, err);
	if (o->codes == NULL)
		return VS_ENOMEM;
	o->error = vs_alloc(ctx, pq->m, sizeof(double), what, err);
	if (o->error == NULL)
		return VS_ENOMEM;
	o->count = vs_alloc(ctx, pq->m, pq->ksub * sizeof(*o->count), what,
			    err);
	if (o->count == NULL)
		return VS_ENOMEM;
	o->sum = vs_alloc(ctx, vs_pq_codebook_count(pq), sizeof(double), what,
			  err);
	if (o->sum == NULL)
		return VS_ENOMEM;
	o->in = vs_alloc(ctx, o->n_in, o->step * LANES * sizeof(double), what,
			 err);
	if (o->in == NULL)
		return VS_ENOMEM;
	o->out = vs_alloc(ctx, o->n_out, o->step * LANES * sizeof(double), what,
			  err);
	if (o->out == NULL)
		return VS_ENOMEM;
	o->cross = vs_alloc(ctx, size, sizeof(double), what, err);
	if (o->cross == NULL)
		return VS_ENOMEM;
	o->polar = vs_alloc(ctx, size, sizeof(double), what, err);
	return o->polar == NULL ? VS_ENOMEM : 0;
}

static void clear(struct opq *o)
{
	vs_pq_free(o->ctx, &o->pq);
	vs_free(o->ctx, o->turned);
	vs_free(o->ctx, o->codes);
	vs_free(o->ctx, o->error);
	vs_free(o->ctx, o->count);
	vs_free(o->ctx, o->sum);
	vs_free(o->ctx, o->in);
	vs_free(o->ctx, o->out);
	vs_free(o->ctx, o->cross);
	vs_free(o->ctx, o->polar);
}

uint64_t vs_opq_bytes(const struct vs_factory *f, uint32_t dim, uint64_t n)
{
	uint32_t d_out = vs_transform_dim(f, dim);
	struct vs_pq pq = { .dim = d_out, .m = f->rot_m, .bits = 8,
			    .ksub = 256, .dsub = d_out / f->rot_m };
	size_t least_dim = d_out < dim ? d_out : dim;

	return n * (d_out * sizeof(float) + vs_pq_code_bytes(&pq)) +
	       (uint64_t)d_out * dim * 2 * sizeof(double) +
	       (panels_of(dim) + panels_of(d_out)) * step_of(dim, d_out) *
		       LANES *
		       sizeof(double) +
	       vs_pq_codebook_count(&pq) * (sizeof(double) + sizeof(float)) +
	       pq.m * (256 + 1) * 8ull + 10 * 2 * VS_ALIGN +
	       vs_pq_train_bytes(&pq, n) +
	       vs_polar_bytes(least_dim, d_out + dim - least_dim);
}

int vs_opq_train(struct vs_ctx *ctx, const struct vs_opq_spec *spec,
		 struct vs_transform *t, struct vs_err *err)
{
	struct opq o = { .ctx = ctx, .t = t,
			 .rows = { spec->rows, spec->n_rows, t->d_in,
				   VS_F32 } };
	bool unit = t->unit, l2norm = t->l2norm;
	int rc = vs_pq_alloc(ctx, t->d_out, spec->m, spec->bits, &o.pq, err);

	/* Rows are of length 1 already; pieces are of what comes of it. */
	t->unit = false;
	t->l2norm = false;
	if (rc == 0)
		rc = make_room(&o, err);
	if (rc == 0)
		rc = alternate(&o, spec, err);
	clear(&o);
	t->unit = unit;
	t->l2norm = l2norm;
	return rc;
}
