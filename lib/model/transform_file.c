/* transform_file.c - the sections ROTA and MEAN of models and shards. */
#include <math.h>

#include "vs/hash.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/transform_file.h"

static uint64_t matrix_size(const struct vs_transform *t)
{
	return (uint64_t)t->d_out * t->d_in;
}

static bool has_mean(const struct vs_factory *f)
{
	return f->rotation == VS_ROT_PCA || f->rotation == VS_ROT_PCAR;
}

static int write_floats(struct vs_ctx *ctx, struct vs_cont_writer *w,
			uint32_t tag, const float *p, uint64_t n,
			struct vs_err *err)
{
	unsigned section;
	int rc;

	if (p == NULL)
		return 0;
	rc = vs_cont_add_raw(ctx, w, tag, n, 4, &section, err);
	return rc == 0 ? vs_cont_write(ctx, w, section, 0, p, n * 4, err) : rc;
}

int vs_transform_write(struct vs_ctx *ctx, struct vs_cont_writer *w,
		       const struct vs_transform *t, struct vs_err *err)
{
	int rc;

	if (t == NULL)
		return 0;
	rc = write_floats(ctx, w, VS_SEC_ROTA, t->matrix, matrix_size(t), err);
	return rc == 0 ? write_floats(ctx, w, VS_SEC_MEAN, t->mean, t->d_in,
				      err) :
			 rc;
}

void vs_transform_sizes(const struct vs_factory *f, uint32_t dim,
			struct vs_cont_sizes *s)
{
	if (f->rotation == VS_ROT_NONE)
		return;
	vs_cont_sizes_raw(s, (uint64_t)vs_transform_dim(f, dim) * dim * 4);
	if (has_mean(f))
		vs_cont_sizes_raw(s, (uint64_t)dim * 4);
}

static int damaged(const struct vs_cont *c, const char *what,
		   struct vs_err *err)
{
	return vs_fail(err, VS_EDATA, "%s: %s; the file is damaged: make it "
		       "again", vs_cont_path(c), what);
}

/* n floats of a section, all finite, of which none is larger than most. */
static int read_floats(struct vs_ctx *ctx, struct vs_cont *c, uint32_t tag,
		       uint64_t n, float most, float **out, struct vs_err *err)
{
	struct vs_span span;
	bool sound = true;
	uint64_t i;
	float *p;
	int rc = vs_cont_find(c, tag, 4, &span, err);

	if (rc != 0)
		return rc;
	if (span.count != n)
		return damaged(c, "ROTA or MEAN does not fit the dimensions",
			       err);
	p = vs_alloc(ctx, n, 4, "rotation", err);
	if (p == NULL)
		return VS_ENOMEM;
	*out = p;
	rc = vs_cont_read(ctx, c, &span, 0, p, n * 4, err);
	for (i = 0; rc == 0 && i < n; i++)
		sound &= isfinite(p[i]) && fabsf(p[i]) <= most;
	if (rc == 0 && !sound)
		rc = damaged(c, "ROTA or MEAN has a value that is out of range",
			     err);
	return rc;
}

static int read_parts(struct vs_ctx *ctx, struct vs_cont *c,
		      const struct vs_factory *f, struct vs_transform *t,
		      struct vs_err *err)
{
	int rc;

	if (f->rotation == VS_ROT_NONE)
		return 0;
	/* Rows or columns have length 1, but for roundings. */
	rc = read_floats(ctx, c, VS_SEC_ROTA, matrix_size(t), 1.001f,
			 &t->matrix, err);
	if (rc == 0 && has_mean(f))
		rc = read_floats(ctx, c, VS_SEC_MEAN, t->d_in, INFINITY,
				 &t->mean, err);
	return rc == 0 ? vs_transform_prepare(ctx, t, err) : rc;
}

int vs_transform_read(struct vs_ctx *ctx, struct vs_cont *c,
		      const struct vs_factory *f, struct vs_transform **out,
		      struct vs_err *err)
{
	const struct vs_cont_head *h = vs_cont_head(c);
	struct vs_transform *t;
	int rc;

	*out = NULL;
	if (vs_transform_check(f, h->metric, h->dim, NULL) != 0)
		return damaged(c, "its index does not go with its dimension "
			       "and metric", err);
	rc = vs_transform_create(ctx, f, h->metric, h->dim, &t, err);
	if (rc != 0 || t == NULL)
		return rc;
	rc = read_parts(ctx, c, f, t, err);
	if (rc == 0)
		*out = t;
	else
		vs_transform_destroy(ctx, t);
	return rc;
}

uint64_t vs_transform_hash(const struct vs_transform *t, uint64_t hash)
{
	uint64_t part[3] = { hash, 0, 0 };

	if (t == NULL || t->matrix == NULL)
		return hash;
	part[1] = vs_hash64(t->matrix, matrix_size(t) * sizeof(float));
	if (t->mean != NULL)
		part[2] = vs_hash64(t->mean, t->d_in * sizeof(float));
	return vs_hash64(part, sizeof(part));
}
