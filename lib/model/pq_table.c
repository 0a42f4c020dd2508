/* pq_table.c - tables of what codes add to the values of a query.
 *
 * A centroid is a lane, so that loops over 16 of them are vectors for any
 * compiler, and the order of a sum stays that of its dimensions.
 */
#include <math.h>

#include "vs/kern.h"
#include "vs/pq.h"

void vs_pq_panels(const struct vs_pq *pq, float *panels)
{
	size_t d = pq->dsub, n = (size_t)pq->m * pq->ksub, i, x;
	const float *c = pq->codebooks;
	float *to;

	for (i = 0; i < n; i++, c += d) {
		to = panels + i / VS_PANEL_ROWS * VS_PANEL_ROWS * d +
		     i % VS_PANEL_ROWS;
		for (x = 0; x < d; x++)
			to[x * VS_PANEL_ROWS] = c[x];
	}
}

static void panel_l2(const float *q, const float *panel, size_t d,
		     float sum[VS_PANEL_ROWS])
{
	size_t i, r;
	float diff;

	for (i = 0; i < d; i++, panel += VS_PANEL_ROWS)
		for (r = 0; r < VS_PANEL_ROWS; r++) {
			diff = q[i] - panel[r];
			sum[r] = (i == 0 ? 0 : sum[r]) + diff * diff;
		}
}

static void panel_l1(const float *q, const float *panel, size_t d,
		     float sum[VS_PANEL_ROWS])
{
	size_t i, r;

	for (i = 0; i < d; i++, panel += VS_PANEL_ROWS)
		for (r = 0; r < VS_PANEL_ROWS; r++)
			sum[r] = (i == 0 ? 0 : sum[r]) + fabsf(q[i] - panel[r]);
}

void vs_pq_tables(const struct vs_kern *kern, const struct vs_pq *pq,
		  const float *panels, enum vs_metric metric, const float *q,
		  float *table)
{
	size_t d = pq->dsub, n = pq->ksub / VS_PANEL_ROWS, p;
	uint32_t s;

	for (s = 0; s < pq->m; s++, q += d, panels += pq->ksub * d,
	     table += pq->ksub) {
		if (vs_metric_is_similarity(metric)) {
			kern->rotate_f32(q, 1, d, panels, n, table);
			continue;
		}
		for (p = 0; p < n; p++)
			(metric == VS_L2 ? panel_l2 : panel_l1)(
				q, panels + p * VS_PANEL_ROWS * d, d,
				table + p * VS_PANEL_ROWS);
	}
}
