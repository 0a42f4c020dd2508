/* factory_built.c - which indexes of the grammar this version builds.  What a
 * version learns to build is lifted here, and nowhere else. */
#include "vs/factory.h"

static int unbuilt(const struct vs_factory *f, const char *what,
		   struct vs_err *err)
{
	return vs_fail(err, VS_EUSAGE,
		       "index '%s': this version does not build %s; it has "
		       "Flat, SQfp16, SQ8 and PQ<m>, and IVF<nlist> of them",
		       f->text, what);
}

int vs_factory_check_built(const struct vs_factory *f, struct vs_err *err)
{
	if (f->family == VS_FAMILY_HNSW)
		return unbuilt(f, "graphs", err);
	if (f->hnsw_m != 0)
		return unbuilt(f, "graphs over centroids", err);
	/* Rows stand beside codes as the transform leaves them, which are those
	 * that were given only turned. */
	if (f->refine != VS_REFINE_NONE &&
	    (f->l2norm || f->rotation > VS_ROT_OPQ || f->rot_dim != 0))
		return unbuilt(f, "refining after L2norm, PCA, PCAR, RR or "
				  "OPQ<m>_<d>", err);
	return 0;
}

int vs_factory_parse(const char *text, struct vs_factory *out,
		     struct vs_err *err)
{
	int rc = vs_factory_read(text, out, err);

	return rc == 0 ? vs_factory_check_built(out, err) : rc;
}
