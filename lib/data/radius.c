/* radius.c - the radius of a range search as a rank key. */
#include "hits_int.h"

/* No key of integers is as large. */
#define WHOLE_MAX ((double)((int64_t)1 << 40))

static int refuse(double r, const char *expected, struct vs_err *err)
{
	return vs_fail(err, VS_EUSAGE, "radius %.9g: expected %s", r, expected);
}

static int64_t whole_key(double r, bool similarity)
{
	r = similarity ? floor(-r) : floor(r);
	return (int64_t)fmax(-WHOLE_MAX, fmin(WHOLE_MAX, r));
}

int vs_radius_key(enum vs_metric metric, enum vs_dtype dtype, double r,
		  int64_t *key, struct vs_err *err)
{
	bool similarity = vs_metric_is_similarity(metric);

	*key = 0;
	if (metric == VS_COSINE && !(r >= -1 && r <= 1))
		return refuse(r, "a cosine, from -1 to 1", err);
	if (!similarity && !(r >= 0))
		return refuse(r, "a distance of at least 0", err);
	if (!isfinite((float)r))
		return refuse(r, "a number that a float can hold", err);
	if (vs_hits_float_keys(metric, dtype))
		*key = vs_key_of_f32((float)r, similarity);
	else
		*key = whole_key(r, similarity);
	return 0;
}
