/* pq_space.c - rows and terms of codes of product quantizers. */
#include "pq_space.h"

#include <math.h>

#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/widen.h"

void vs_pq_space_clear(struct vs_ctx *ctx, struct vs_pq_space *s)
{
	vs_free(ctx, s->mean);
	s->mean = NULL;
	s->centroids = NULL;
}

/* In cell order, the same everywhere. */
static void find_mean(struct vs_pq_space *s, uint32_t nlist)
{
	uint32_t dim = s->pq->dim, d, c;
	double sum, norm2, diff;
	const float *p;

	for (d = 0; d < dim; d++) {
		for (sum = 0, c = 0; c < nlist; c++)
			sum += (double)s->centroids[(size_t)c * dim + d];
		s->mean[d] = (float)(sum / nlist);
	}
	for (c = 0; c < nlist; c++) {
		p = s->centroids + (size_t)c * dim;
		for (norm2 = 0, d = 0; d < dim; d++) {
			diff = (double)p[d] - (double)s->mean[d];
			norm2 += diff * diff;
		}
		s->spread = fmax(s->spread, norm2);
	}
	s->spread = sqrt(s->spread) * (1 + 0x1p-40);
}

int vs_pq_space_init(struct vs_ctx *ctx, const struct vs_pq *pq,
		     enum vs_metric metric, const float *centroids,
		     uint32_t nlist, struct vs_pq_space *out,
		     struct vs_err *err)
{
	uint32_t c;

	*out = (struct vs_pq_space){ .pq = pq,
				     .metric = metric,
				     .radius = vs_pq_radius(pq) };
	if (!vs_pq_residual(metric, centroids != NULL))
		return 0;
	out->centroids = centroids;
	for (c = 0; c < nlist; c++)
		out->reach = fmax(out->reach,
				  vs_norm2_f32(centroids + (size_t)c * pq->dim,
					       pq->dim));
	out->reach = sqrt(out->reach) * (1 + 0x1p-40);
	if (metric != VS_L2)
		return 0;
	out->mean = vs_alloc(ctx, pq->dim, sizeof(float), "mean of centroids",
			     err);
	if (out->mean == NULL)
		return VS_ENOMEM;
	find_mean(out, nlist);
	return 0;
}

void vs_pq_space_offset(const struct vs_pq_space *s, size_t cell, float *row)
{
	uint32_t dim = s->pq->dim, d;
	const float *c;

	if (s->metric == VS_COSINE)
		vs_row_unit(row, dim);
	if (s->centroids == NULL)
		return;
	c = s->centroids + cell * dim;
	for (d = 0; d < dim; d++)
		row[d] -= c[d];
}

void vs_pq_space_decode(const struct vs_pq_space *s, size_t cell,
			const uint8_t *panel, unsigned lane, float *row)
{
	uint32_t dim = s->pq->dim, d;
	const float *c;

	vs_pq_decode_lane(s->pq, panel, lane, row);
	if (s->centroids == NULL)
		return;
	c = s->centroids + cell * dim;
	for (d = 0; d < dim; d++)
		row[d] += c[d];
}

static double term_l2(const struct vs_pq_space *s, size_t cell,
		      const float *row)
{
	uint32_t dim = s->pq->dim, d;
	const float *c = s->centroids + cell * dim;
	double sum = 0, e, f;

	for (d = 0; d < dim; d++) {
		e = (double)row[d] - (double)c[d];
		f = (double)c[d] - (double)s->mean[d];
		sum += e * (e + 2 * f);
	}
	return sum;
}

float vs_pq_space_term(const struct vs_pq_space *s, size_t cell,
		       const float *row)
{
	double norm;

	if (s->metric == VS_L2 && s->centroids != NULL)
		return (float)term_l2(s, cell, row);
	if (s->metric != VS_COSINE)
		return 0;
	norm = sqrt(vs_norm2_f32(row, s->pq->dim));
	if (norm != 0 &&
	    (norm < VS_COSINE_NORM_MIN || norm > VS_COSINE_NORM_MAX))
		return NAN;
	return (float)norm;
}
