/* centroids.c - the CENT section of models and shards. */
#include <math.h>

#include "vs/mem.h"
#include "vs/model.h"

int vs_centroids_read(struct vs_ctx *ctx, struct vs_cont *c, uint32_t nlist,
		      uint32_t inner, float **out, struct vs_err *err)
{
	uint64_t n = (uint64_t)nlist * inner, i;
	struct vs_span span;
	float *p;
	int rc = vs_cont_find(c, VS_SEC_CENT, 4, &span, err);

	if (rc != 0)
		return rc;
	if (span.count != n)
		return vs_fail(err, VS_EDATA,
			       "%s: section CENT has %llu values; expected "
			       "nlist x dim = %llu; the file is damaged: make "
			       "it again", vs_cont_path(c),
			       (unsigned long long)span.count,
			       (unsigned long long)n);
	p = vs_alloc(ctx, n, 4, "centroids", err);
	if (p == NULL)
		return VS_ENOMEM;
	rc = vs_cont_read(ctx, c, &span, 0, p, n * 4, err);
	for (i = 0; rc == 0 && i < n; i++)
		if (!isfinite(p[i]))
			rc = vs_fail(err, VS_EDATA,
				     "%s: value %llu of section CENT is not "
				     "finite; the file is damaged: make it "
				     "again", vs_cont_path(c),
				     (unsigned long long)i);
	if (rc == 0)
		*out = p;
	else
		vs_free(ctx, p);
	return rc;
}
