/* codebooks.c - the CBKS section of models and shards. */
#include <math.h>

#include "vs/mem.h"
#include "vs/model.h"

int vs_codebooks_alloc(struct vs_ctx *ctx, const struct vs_factory *index,
		       uint32_t dim, struct vs_pq *out, struct vs_err *err)
{
	return vs_pq_alloc(ctx, dim, index->pq_m,
			   index->code == VS_CODE_PQ8 ? 8 : 4, out, err);
}

int vs_codebooks_read(struct vs_ctx *ctx, struct vs_cont *c,
		      const struct vs_factory *index, uint32_t dim,
		      struct vs_pq *out, struct vs_err *err)
{
	struct vs_span span;
	size_t n, i;
	int rc = vs_cont_find(c, VS_SEC_CBKS, 4, &span, err);

	if (rc != 0)
		return rc;
	if (vs_pq_check_shape(dim, index->pq_m, NULL) != 0 ||
	    span.count != (uint64_t)dim << (index->code == VS_CODE_PQ8 ? 8 : 4))
		return vs_fail(err, VS_EDATA,
			       "%s: section CBKS has %llu values, which are no "
			       "codebooks of %s for %u dimensions; the file is "
			       "damaged: make it again", vs_cont_path(c),
			       (unsigned long long)span.count, index->text,
			       dim);
	rc = vs_codebooks_alloc(ctx, index, dim, out, err);
	if (rc != 0)
		return rc;
	n = vs_pq_codebook_count(out);
	rc = vs_cont_read(ctx, c, &span, 0, out->codebooks, n * 4, err);
	for (i = 0; rc == 0 && i < n; i++)
		if (!isfinite(out->codebooks[i]))
			rc = vs_fail(err, VS_EDATA,
				     "%s: value %zu of section CBKS is not "
				     "finite; the file is damaged: make it "
				     "again", vs_cont_path(c), i);
	if (rc != 0)
		vs_pq_free(ctx, out);
	return rc;
}
