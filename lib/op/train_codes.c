/* train_codes.c - learns codebooks from rows of the sample, spread evenly over
 * it, less the centroids of their cells where codes are of such differences.
 */
#include "train_codes.h"

#include <math.h>
#include <string.h>

#include "vs/mem.h"
#include "vs/num.h"
#include "vs/pq.h"
#include "vs/widen.h"

#define ITERATIONS 25u /* as Faiss */

static uint64_t n_taken(uint64_t n_rows)
{
	return vs_min_u64(n_rows, VS_TRAIN_CODES_ROWS);
}

/* Row i of those that are taken, as it is when it is built into an index. */
static void take(const struct vs_train_codes *t, uint64_t i, float *out)
{
	const struct vs_rows *r = &t->rows;
	uint64_t from = (uint64_t)((unsigned __int128)i * r->n /
				   n_taken(r->n));
	uint32_t d;

	vs_row_widen(r->dtype,
		     (const uint8_t *)r->p +
			     from * r->dim * vs_dtype_size(r->dtype),
		     r->dim, out);
	for (d = 0; t->norms != NULL && d < r->dim; d++)
		out[d] *= t->norms[from];
}

/* Rows less the centroids of their cells.  Those of similarities are of unit
 * vectors, so that lengths do not matter to which is the nearest of them. */
static int to_differences(struct vs_ctx *ctx, const struct vs_model *m,
			  const struct vs_train_codes *t, float *taken,
			  struct vs_err *err)
{
	struct vs_rows rows = { taken, n_taken(t->rows.n), m->inner, VS_F32 };
	struct vs_rows centroids = { m->centroids, m->index.nlist, m->inner,
				     VS_F32 };
	struct vs_train_codes units = *t;
	struct vs_coarse *coarse = NULL;
	uint32_t *cell, d;
	uint64_t i;
	int rc;

	cell = vs_alloc(ctx, rows.n, sizeof(*cell), "cell numbers", err);
	if (cell == NULL)
		return VS_ENOMEM;
	units.norms = NULL;
	for (i = 0; i < rows.n; i++)
		take(&units, i, taken + i * m->inner);
	rc = vs_coarse_create(ctx, &centroids, VS_F32, &coarse, err);
	if (rc == 0)
		rc = vs_coarse_assign(ctx, coarse, &rows, cell, NULL, err);
	vs_coarse_destroy(ctx, coarse);
	for (i = 0; rc == 0 && i < rows.n; i++) {
		float *row = taken + i * m->inner;
		const float *c = m->centroids + (size_t)cell[i] * m->inner;

		take(t, i, row);
		for (d = 0; d < m->inner; d++)
			row[d] -= c[d];
	}
	vs_free(ctx, cell);
	return rc;
}

/* Lengths, and differences from centroids, can leave the range of floats where
 * values do not. */
static int check_finite(const struct vs_rows *rows, const char *name,
			struct vs_err *err)
{
	const float *v = rows->p;
	uint64_t n = rows->n * rows->dim, i;

	for (i = 0; i < n; i++)
		if (!isfinite(v[i]))
			return vs_fail(err, VS_EDATA,
				       "%s: the lengths of rows, or what they "
				       "differ by from the centroids of their "
				       "cells, leave the range of floats; "
				       "expected smaller values: scale all of "
				       "them down", name);
	return 0;
}

int vs_train_codes(struct vs_ctx *ctx, const struct vs_train_codes *t,
		   struct vs_model *m, double *error, struct vs_err *err)
{
	const struct vs_pq_params params = { ITERATIONS, t->seed };
	struct vs_rows rows = { NULL, n_taken(t->rows.n), m->inner, VS_F32 };
	float *taken;
	uint64_t i;
	int rc = vs_codebooks_alloc(ctx, &m->index, m->inner, &m->pq, err);

	if (rc != 0)
		return rc;
	taken = vs_alloc(ctx, rows.n, m->inner * sizeof(float),
			 "rows that codebooks are learnt from", err);
	if (taken == NULL)
		return VS_ENOMEM;
	if (vs_pq_residual(m->metric, m->centroids != NULL))
		rc = to_differences(ctx, m, t, taken, err);
	else
		for (i = 0; i < rows.n; i++)
			take(t, i, taken + i * m->inner);
	rows.p = taken;
	if (rc == 0)
		rc = check_finite(&rows, t->name, err);
	if (rc == 0)
		rc = vs_pq_train(ctx, &rows, &params, &m->pq, error, err);
	vs_free(ctx, taken);
	return rc;
}

uint64_t vs_train_codes_bytes(const struct vs_model *m, uint64_t n_rows)
{
	uint64_t n = n_taken(n_rows), learn, assign = 0, books;
	uint32_t bits = m->index.code == VS_CODE_PQ8 ? 8 : 4;
	const struct vs_pq shape = { .dim = m->inner,
				     .m = m->index.pq_m,
				     .bits = bits,
				     .ksub = 1u << bits,
				     .dsub = m->inner / m->index.pq_m };

	learn = vs_pq_train_bytes(&shape, n);
	if (m->index.family == VS_FAMILY_IVF)
		assign = vs_coarse_bytes(m->index.nlist, m->inner) + n * 4 +
			 2 * VS_ALIGN;
	/* Beside the centroids, which are there by then. */
	learn += (uint64_t)m->index.nlist * m->inner * sizeof(float);
	assign += (uint64_t)m->index.nlist * m->inner * sizeof(float);
	books = vs_pq_codebook_count(&shape) * sizeof(float) + 2 * VS_ALIGN;
	return books + n * m->inner * sizeof(float) + 2 * VS_ALIGN +
	       (learn > assign ? learn : assign);
}
