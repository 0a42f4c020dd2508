/* batch_pq.c - codes of product quantizers: tables of bytes give a lower bound
 * of each row's value (vs/kern.h), and the rows below the running threshold are
 * decoded and settled by the canonical kernels, as rows of floats are.
 *
 * Let x be what codes stand for, c its centroid and r the sum of its pieces:
 * x = c + r + e with |e| <= u |x|, the rounding of that sum, u = 2^-24.  The
 * table of a query holds, piece by piece,
 *   L2 with centroids  -2 (q - m).r     |q - x|^2 = |q - c|^2 + term
 *                                                   - 2 (q - m).(x - c)
 *   L2 without, L1     the value itself
 *   IP, cosine         -q.r             q.x = q.c + q.r + q.e
 * so no table belongs to a cell: Faiss makes one for each query and cell.  A
 * table's own roundings, those of the canonical kernels (a factor of
 * vs_f32_gamma), of the sums here and of terms are all given to the row.
 */
#include "batch_pq.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "pq_space.h"
#include "vs/mem.h"
#include "vs/par.h"

#define U 0x1p-24
/* Roundings of bounds that are computed in f32 stay below this part of them. */
#define LOWER 0x1p-21

size_t vs_batch_pq_panel_bytes(const struct vs_pq_space *s)
{
	return vs_pq_code_bytes(s->pq) * VS_PANEL_ROWS;
}

static size_t table_bytes(const struct vs_pq *pq)
{
	return pq->bits == 8 ? vs_pq8_table_bytes(pq->m) :
			       vs_pq4_table_bytes(pq->m);
}

uint64_t vs_batch_pq_bytes(const struct vs_pq_space *s)
{
	return table_bytes(s->pq) + sizeof(struct vs_pq_query);
}

static size_t table_at(const struct vs_pq *pq, uint32_t s)
{
	return pq->bits == 8 ? s * (size_t)256 : vs_pq4_table_at(s);
}

/* The least of n values, which are 16 or 256, and by how much the largest is
 * above it; infinite or NaN unless all are finite.  In halves, for compilers
 * that make vectors of loops. */
static float least_of(const float *v, size_t n, float *range)
{
	float least[128], most[128];
	const float *low = v, *high = v;
	int finite = 1;
	size_t i;

	for (i = 0; i < n; i++)
		finite &= fabsf(v[i]) <= FLT_MAX;
	for (n /= 2; n > 0; n /= 2, low = least, high = most)
		for (i = 0; i < n; i++) {
			least[i] = low[n + i] < low[i] ? low[n + i] : low[i];
			most[i] = high[n + i] > high[i] ? high[n + i] : high[i];
		}
	*range = finite ? most[0] - least[0] : INFINITY;
	return least[0];
}

/* Takes the least value of each piece from all of it, and their sum is the
 * bias.  The step by which no entry, no pair of entries of 4 bits and no sum is
 * too large; 1 for a table of equal values; NaN when values are no numbers. */
static double choose_step(const struct vs_pq *pq, float *values, double *bias)
{
	double sum = 0, most = 0, pair = 0;
	float range, least;
	uint32_t s, i;

	*bias = 0;
	for (s = 0; s < pq->m; s++, values += pq->ksub) {
		least = least_of(values, pq->ksub, &range);
		for (i = 0; i < pq->ksub; i++)
			values[i] -= least;
		*bias += (double)least;
		sum += (double)range;
		pair = (double)range +
		       (pq->bits == 4 && s % 2 == 1 ? pair : 0);
		most = pair > most ? pair : most;
	}
	most = fmax(most / 255, sum / VS_PQ_SUM_MAX) * (1 + 0x1p-20);
	if (!(sum < (double)FLT_MAX) || !(fabs(*bias) < (double)FLT_MAX))
		return NAN;
	return most > 0x1p-100 ? most : 1;
}

/* The factor is a little too small, so that floats round entries down. */
static void put_entries(const float *v, size_t n, double step, uint8_t *out)
{
	float factor = (float)((1 - 0x1p-20) / step);
	size_t i;

	for (i = 0; i < n; i++)
		out[i] = (uint8_t)(int)(v[i] * factor);
}

struct tables {
	const struct vs_kern *kern;
	struct vs_batch *b;
	const struct vs_pq_space *s;
	float *panels; /* the codebooks */
	float *values; /* [n_threads][m][ksub] */
	float *query;  /* [n_threads][dim] */
};

/* What of query i the tables are made of. */
static void query_of(const struct tables *t, size_t i, float *q)
{
	uint32_t dim = t->s->pq->dim, d;
	const float *from = t->b->floats + i * dim;

	for (d = 0; d < dim; d++)
		q[d] = t->s->mean == NULL ? from[d] : from[d] - t->s->mean[d];
}

static void values_of(const struct tables *t, const float *q, float *v)
{
	const struct vs_pq_space *s = t->s;
	size_t n = (size_t)s->pq->m * s->pq->ksub, i;
	bool dot = vs_metric_is_similarity(s->metric) || s->centroids != NULL;
	float factor = s->metric == VS_L2 ? -2 : -1;

	vs_pq_tables(t->kern, s->pq, t->panels, dot ? VS_IP : s->metric, q, v);
	for (i = 0; dot && i < n; i++)
		v[i] *= factor;
}

static int make_table(void *arg, size_t i, unsigned thread,
		      struct vs_err *err)
{
	const struct tables *t = arg;
	const struct vs_pq *pq = t->s->pq;
	float *v = t->values + (size_t)thread * pq->m * pq->ksub;
	float *q = t->query + (size_t)thread * pq->dim;
	struct vs_pq_query *out = &t->b->pq_query[i];
	uint8_t *table = t->b->pq_tables + i * table_bytes(pq);
	uint32_t s;

	(void)err;
	query_of(t, i, q);
	values_of(t, q, v);
	out->norm = sqrt(vs_norm2_f32(q, pq->dim));
	out->step = choose_step(pq, v, &out->bias);
	memset(table, 0, table_bytes(pq));
	for (s = 0; !isnan(out->step) && s < pq->m; s++)
		put_entries(v + (size_t)s * pq->ksub, pq->ksub, out->step,
			    table + table_at(pq, s));
	return 0;
}

int vs_batch_pq_tables(struct vs_ctx *ctx, struct vs_batch *b,
		       const struct vs_pq_space *s, struct vs_err *err)
{
	struct tables t = { .kern = ctx->kern, .b = b, .s = s };
	size_t n = (size_t)b->spec.queries.n;
	int rc = VS_ENOMEM;

	if (b->pq == s)
		return 0;
	vs_free(ctx, b->pq_tables);
	vs_free(ctx, b->pq_query);
	b->pq = NULL; /* until all are made */
	b->pq_query = NULL;
	b->pq_tables = vs_alloc(ctx, n, table_bytes(s->pq),
				"tables of queries", err);
	if (b->pq_tables == NULL)
		return VS_ENOMEM;
	b->pq_query = vs_alloc(ctx, n, sizeof(*b->pq_query),
			       "tables of queries", err);
	if (b->pq_query == NULL)
		return VS_ENOMEM;
	t.panels = vs_alloc(ctx, vs_pq_codebook_count(s->pq), sizeof(float),
			    "tables of queries", err);
	if (t.panels == NULL)
		return VS_ENOMEM;
	vs_pq_panels(s->pq, t.panels);
	t.values = vs_alloc(ctx, ctx->n_threads,
			    (size_t)s->pq->m * s->pq->ksub * sizeof(float),
			    "tables of queries", err);
	if (t.values != NULL)
		t.query = vs_alloc(ctx, ctx->n_threads,
				   s->pq->dim * sizeof(float),
				   "tables of queries", err);
	if (t.query != NULL)
		rc = vs_par_for(ctx, n, make_table, &t, err);
	vs_free(ctx, t.panels);
	vs_free(ctx, t.values);
	vs_free(ctx, t.query);
	if (rc == 0)
		b->pq = s;
	return rc;
}

/* The part of a query's value that belongs to the cell, by the canonical
 * kernels: |q - c|^2 or q.c. */
static double base_of(const struct vs_ctx *ctx, const struct vs_batch *b,
		      size_t cell, uint32_t query)
{
	const struct vs_pq_space *s = b->pq;
	uint32_t dim = s->pq->dim;
	const float *q = b->floats + (size_t)query * dim;
	const float *c = s->centroids + cell * dim;
	float v;

	if (s->metric == VS_L2)
		ctx->kern->l2sq_f32(q, c, dim, 1, dim, &v);
	else
		ctx->kern->ip_f32(q, c, dim, 1, dim, &v);
	return (double)v;
}

void vs_group_pq_pack(const struct vs_ctx *ctx, const struct vs_batch *b,
		      struct vs_group *g)
{
	size_t bytes = table_bytes(b->pq->pq);
	unsigned i;

	for (i = 0; i < g->n; i++) {
		g->tables[i] = b->pq_tables + g->query[i] * bytes;
		g->base[i] = b->pq->centroids == NULL ?
				     0 :
				     base_of(ctx, b, g->cell, g->query[i]);
	}
}

/* acc > c + g0 term is safe to reject when
 *     base + term + bias + step acc > (1 + 2 G) thr + what roundings hide. */
static double limit_l2(const struct vs_pq_space *s, const struct vs_pq_query *q,
		       double base, double thr, double *term_most)
{
	double gamma = vs_f32_gamma(s->pq->dim);
	double dot = vs_f32_gamma(s->pq->dsub) * 2;
	double x = (s->reach + s->radius) * (1 + 4 * U); /* |x| at most */
	double r = s->radius + U * x;                    /* |x - c| at most */
	double most = thr * (1 + 4 * gamma) + 0x1p-100;

	if (s->centroids == NULL)
		return most * (1 + dot) - q->bias;
	*term_most = r * r + 2 * s->spread * r;
	return most - base * (1 - 4 * gamma) - q->bias +
	       2 * q->norm * (dot * s->radius + 4 * U * s->radius + U * x) +
	       U * *term_most;
}

/* step acc <= -q.r < q.c - thr + what roundings hide, thr of the product. */
static double limit_ip(const struct vs_pq_space *s, const struct vs_pq_query *q,
		       double base, double thr)
{
	double gamma = vs_f32_gamma(s->pq->dim);
	double dot = vs_f32_gamma(s->pq->dsub) * 2;
	double x = (s->reach + s->radius) * (1 + 4 * U);

	return base - thr - q->bias +
	       q->norm * ((4 * gamma + 4 * U) * x + dot * s->radius) +
	       s->pq->dim * 0x1p-120;
}

/* The similarity below which a row has no chance, a little lowered; keys of a
 * cosine are rounded to floats. */
static double lowered(double thr)
{
	return thr - (fabs(thr) * 0x1p-21 + 0x1p-100);
}

void vs_group_pq_limit(const struct vs_batch *b, struct vs_group *g,
		       unsigned i, float thr)
{
	const struct vs_pq_space *s = b->pq;
	const struct vs_pq_query *q = &b->pq_query[g->query[i]];
	double c, slope = 0, term_most = 0;

	switch (s->metric) {
	case VS_L2:
		c = limit_l2(s, q, g->base[i], (double)thr, &term_most);
		slope = s->centroids != NULL ? -1 : 0;
		break;
	case VS_L1:
		c = ((double)thr * (1 + 4 * vs_f32_gamma(s->pq->dim)) +
		     0x1p-100) * (1 + 2 * vs_f32_gamma(s->pq->dsub)) - q->bias;
		break;
	case VS_COSINE: /* x.q >= thr |x| |q|, terms are |x| */
		c = limit_ip(s, q, g->base[i], 0);
		slope = -lowered((double)thr) * b->query[g->query[i]].norm;
		term_most = (s->reach + s->radius) * (1 + 4 * U);
		break;
	default:
		c = limit_ip(s, q, g->base[i], (double)thr);
	}
	c = (c + (fabs(c) + fabs(slope) * term_most) * LOWER) / q->step;
	slope /= q->step;
	/* A NaN lets every row pass; so must what leaves the floats: an
	 * infinite term would reject its row whatever the limit is. */
	if (!(fabs(c) < 0x1p120) || !(fabs(slope) < 0x1p120) ||
	    !(term_most < 0x1p127))
		c = INFINITY;
	g->c[i] = (float)c;
	g->g0[i] = (float)(isfinite(c) ? slope : 0);
}

size_t vs_group_pq_filter(const struct vs_ctx *ctx, const struct vs_batch *b,
			  const struct vs_cell_view *v,
			  const struct vs_group *g, struct vs_pass *pass)
{
	const struct vs_pq_space *s = b->pq;
	bool terms = s->centroids != NULL && s->metric == VS_L2;
	struct vs_tile_pq t = {
		.panels = v->codes + g->first_row / VS_PANEL_ROWS *
					     vs_batch_pq_panel_bytes(s),
		.n_panels = g->n_panels,
		.m = s->pq->m,
		.tables = g->tables,
		.n_q = g->n,
		.terms = terms || s->metric == VS_COSINE ?
				 (const float *)v->terms + g->first_row :
				 NULL,
		.c = g->c,
		.g = g->g0,
	};

	return s->pq->bits == 8 ? ctx->kern->filter_pq8(&t, pass) :
				  ctx->kern->filter_pq4(&t, pass);
}

int64_t vs_group_pq_key(const struct vs_ctx *ctx, const struct vs_batch *b,
			const struct vs_cell_view *v, const struct vs_group *g,
			unsigned i, size_t row)
{
	const uint8_t *panel = v->codes + row / VS_PANEL_ROWS *
					      vs_batch_pq_panel_bytes(b->pq);

	vs_pq_space_decode(b->pq, g->cell, panel,
			   (unsigned)(row % VS_PANEL_ROWS), g->worker->wide);
	return vs_batch_row_key(ctx, b, g->query[i], g->worker->wide,
				((const float *)v->terms)[row]);
}
