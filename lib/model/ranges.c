/* ranges.c - the QUAN section of models and shards: ranges of 8-bit codes; and
 * the hash of what was trained, by which files are known to belong together.
 */
#include <math.h>
#include <string.h>

#include "vs/mem.h"
#include "vs/model.h"
#include "vs/transform_file.h"

float *vs_ranges_pack(struct vs_ctx *ctx, const struct vs_code8 *c,
		      struct vs_err *err)
{
	size_t dim = c->dim;
	float *out = vs_alloc(ctx, vs_ranges_floats(c->dim), sizeof(float),
			      "code ranges", err);

	if (out == NULL)
		return NULL;
	memcpy(out, c->mid, dim * sizeof(float));
	memcpy(out + dim, c->step, dim * sizeof(float));
	out[2 * dim] = c->kappa;
	return out;
}

static bool are_ranges(const struct vs_code8 *c)
{
	uint32_t i;

	for (i = 0; i < c->dim; i++)
		if (!isfinite(c->mid[i]) || !(c->step[i] >= 0) ||
		    !isfinite(c->step[i]))
			return false;
	return c->kappa > 0 && isfinite(c->kappa);
}

int vs_ranges_read(struct vs_ctx *ctx, struct vs_cont *c, uint32_t dim,
		   struct vs_code8 *out, struct vs_err *err)
{
	size_t n = dim * sizeof(float);
	struct vs_span span;
	int rc = vs_cont_find(c, VS_SEC_QUAN, 4, &span, err);

	if (rc != 0)
		return rc;
	if (span.count != vs_ranges_floats(dim))
		return vs_fail(err, VS_EDATA,
			       "%s: QUAN does not fit the dimension; the file "
			       "is damaged: make it again", vs_cont_path(c));
	rc = vs_code8_alloc(ctx, dim, out, err);
	if (rc == 0)
		rc = vs_cont_read(ctx, c, &span, 0, out->mid, n, err);
	if (rc == 0)
		rc = vs_cont_read(ctx, c, &span, n, out->step, n, err);
	if (rc == 0)
		rc = vs_cont_read(ctx, c, &span, 2 * n, &out->kappa,
				  sizeof(float), err);
	if (rc == 0 && !are_ranges(out))
		rc = vs_fail(err, VS_EDATA,
			     "%s: QUAN holds a range that is none; the file is "
			     "damaged: make it again", vs_cont_path(c));
	return rc;
}

uint64_t vs_trained_hash(const float *centroids, uint64_t n,
			 const struct vs_code8 *ranges,
			 const struct vs_transform *transform,
			 const struct vs_pq *pq)
{
	uint64_t part[3] = { 0 }, h = 0;

	if (centroids != NULL)
		h = vs_hash64(centroids, (size_t)n * sizeof(float));
	if (pq->codebooks != NULL) {
		part[0] = h;
		part[1] = vs_hash64(pq->codebooks,
				    vs_pq_codebook_count(pq) * sizeof(float));
		h = vs_hash64(part, sizeof(part));
	}
	if (ranges == NULL || ranges->mid == NULL)
		return vs_transform_hash(transform, h);
	part[0] = h;
	part[1] = vs_hash64(ranges->mid, ranges->dim * sizeof(float));
	part[2] = vs_hash64(ranges->step, ranges->dim * sizeof(float));
	return vs_transform_hash(transform, vs_hash64(part, sizeof(part)));
}

uint64_t vs_model_hash(const struct vs_model *m)
{
	return vs_trained_hash(m->centroids,
			       (uint64_t)m->index.nlist * m->inner, &m->ranges,
			       m->transform, &m->pq);
}
