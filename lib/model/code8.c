/* code8.c - learns, encodes and bounds the 8-bit codes of float rows.
 *
 * All arithmetic is in double and in index order: the same bits everywhere.
 * The bounds are widened by 2^-20, far more than its roundings take.
 */
#include "vs/code8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"
#include "vs/widen.h"

#define SAMPLE_ROWS 8192u
#define SAMPLE_BYTES (4u << 20) /* as f32: every ceiling has room for it */
#define TAIL 2048u /* one value of so many is left out at each end */
#define WIDER (1 + 0x1p-20)
#define KAPPA_MIN 0x1p-60f
#define KAPPA_ROWS 256u
#define LANE_PART 256u /* dimensions of a lane decoded together */

bool vs_code8_wanted(enum vs_dtype dtype, enum vs_metric metric, uint32_t dim)
{
	return (dtype == VS_F32 || dtype == VS_F16) && metric != VS_L1 &&
	       dim <= VS_LIN_DIM_MAX;
}

uint64_t vs_code8_sample(uint32_t dim)
{
	return vs_min_u64(SAMPLE_ROWS, SAMPLE_BYTES / (4 * (uint64_t)dim) + 1);
}

void vs_code8_free(struct vs_ctx *ctx, struct vs_code8 *c)
{
	vs_free(ctx, c->mid);
	vs_free(ctx, c->step);
	c->mid = NULL;
	c->step = NULL;
}

int vs_code8_alloc(struct vs_ctx *ctx, uint32_t dim, struct vs_code8 *out,
		   struct vs_err *err)
{
	out->dim = dim;
	out->kappa = KAPPA_MIN;
	out->step = NULL;
	out->mid = vs_zalloc(ctx, dim, sizeof(float), "code ranges", err);
	if (out->mid == NULL)
		return VS_ENOMEM;
	out->step = vs_zalloc(ctx, dim, sizeof(float), "code ranges", err);
	if (out->step != NULL)
		return 0;
	vs_code8_free(ctx, out);
	return VS_ENOMEM;
}

struct train {
	const struct vs_code8_rows *sample;
	struct vs_code8 *code;
	float **column; /* [n_threads][n] */
};

static int compare_floats(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static int train_dim(void *arg, size_t item, unsigned thread,
		     struct vs_err *err)
{
	struct train *t = arg;
	const struct vs_code8_rows *s = t->sample;
	float *v = t->column[thread];
	size_t tail = s->whole ? 0 : s->n / TAIL;
	size_t i, size = vs_dtype_size(s->dtype);
	double lo, hi, step;

	(void)err;
	for (i = 0; i < s->n; i++)
		vs_row_widen(s->dtype,
			     (const uint8_t *)s->p + (i * s->dim + item) * size,
			     1, &v[i]);
	qsort(v, s->n, sizeof(*v), compare_floats);
	lo = (double)v[tail];
	hi = (double)v[s->n - 1 - tail];
	step = (hi - lo) / 255;
	/* A step that is no normal float would only make roundings. */
	if (!(step >= 0x1p-120 && step <= 0x1p120))
		step = 0;
	t->code->step[item] = (float)step;
	t->code->mid[item] = (float)(lo + step * 128);
	return 0;
}

/* How large |f| is beside |q| for queries like the sample.  row, codes: scratch
 * of one row. */
static float typical_kappa(const struct vs_code8 *c,
			   const struct vs_code8_rows *s, float *row,
			   int8_t *codes)
{
	size_t bytes = c->dim * vs_dtype_size(s->dtype);
	struct vs_code8 unit = *c;
	struct vs_code8_query q;
	double sum = 0, norm2;
	size_t i, used = 0, most = vs_min_size(s->n, KAPPA_ROWS);

	unit.kappa = KAPPA_MIN; /* reach is |f| / KAPPA_MIN then */
	for (i = 0; i < most; i++) {
		vs_row_widen(s->dtype,
			     (const uint8_t *)s->p + s->n / most * i * bytes,
			     c->dim, row);
		norm2 = vs_norm2_f32(row, c->dim);
		if (!(norm2 > 0x1p-100 && norm2 < 0x1p100))
			continue;
		vs_code8_query(&unit, row, norm2, codes, &q);
		sum += q.reach * (double)KAPPA_MIN / sqrt(norm2);
		used++;
	}
	if (used == 0 || !(sum / (double)used > (double)KAPPA_MIN))
		return KAPPA_MIN;
	return (float)(sum / (double)used);
}

int vs_code8_train(struct vs_ctx *ctx, const struct vs_code8_rows *sample,
		   struct vs_code8 *out, struct vs_err *err)
{
	struct train t = { .sample = sample, .code = out };
	size_t n = sample->n, dim = sample->dim;
	int8_t *codes = NULL;
	float *row;
	unsigned i;
	int rc = vs_code8_alloc(ctx, sample->dim, out, err);

	if (rc != 0)
		return rc;
	row = vs_alloc(ctx, dim, sizeof(*row), "code ranges", err);
	if (row != NULL)
		codes = vs_alloc(ctx, dim, 1, "code ranges", err);
	if (codes != NULL)
		t.column = vs_zalloc(ctx, ctx->n_threads, sizeof(*t.column),
				     "code ranges", err);
	rc = t.column == NULL ? VS_ENOMEM : 0;
	for (i = 0; rc == 0 && i < ctx->n_threads; i++) {
		t.column[i] = vs_alloc(ctx, n, sizeof(float), "code ranges",
				       err);
		rc = t.column[i] == NULL ? VS_ENOMEM : 0;
	}
	if (rc == 0)
		rc = vs_par_for(ctx, dim, train_dim, &t, err);
	if (rc == 0)
		out->kappa = typical_kappa(out, sample, row, codes);
	for (i = 0; t.column != NULL && i < ctx->n_threads; i++)
		vs_free(ctx, t.column[i]);
	vs_free(ctx, t.column);
	vs_free(ctx, codes);
	vs_free(ctx, row);
	if (rc != 0)
		vs_code8_free(ctx, out);
	return rc;
}

/* The least float that is not below v. */
static float round_up(double v)
{
	float f = (float)v;

	return (double)f < v ? nextafterf(f, INFINITY) : f;
}

static float slack_of(const struct vs_code8 *c, double e2, double u2, double x2)
{
	return round_up((sqrt(e2) + vs_f32_gamma(c->dim) * sqrt(x2) +
			 (double)c->kappa * sqrt(u2)) *
			WIDER);
}

float vs_code8_encode(const struct vs_code8 *c, const float *row,
		      uint8_t *codes)
{
	double e2 = 0, u2 = 0, x2 = 0, x, mid, step, u, e;
	uint32_t i;

	for (i = 0; i < c->dim; i++) {
		x = (double)row[i];
		mid = (double)c->mid[i];
		step = (double)c->step[i];
		u = step > 0 ? rint((x - mid) / step) : 0;
		u = u < -128 ? -128 : u;
		u = u > 127 ? 127 : u;
		codes[i] = (uint8_t)((int)u + 128);
		e = x - (mid + step * u);
		e2 += e * e;
		u2 += u * u;
		x2 += x * x;
	}
	return slack_of(c, e2, u2, x2);
}

float vs_code8_slack(const struct vs_code8 *c, const float *row,
		     const uint8_t *codes)
{
	double e2 = 0, u2 = 0, x2 = 0, x, u, e;
	uint32_t i;

	for (i = 0; i < c->dim; i++) {
		x = (double)row[i];
		u = (double)((int)codes[i] - 128);
		e = x - ((double)c->mid[i] + (double)c->step[i] * u);
		e2 += e * e;
		u2 += u * u;
		x2 += x * x;
	}
	return slack_of(c, e2, u2, x2);
}

static float decoded(const struct vs_code8 *c, size_t i, uint8_t code)
{
	float part = c->step[i] * (float)((int)code - 128);

	return c->mid[i] + part;
}

/* n dimensions from `at` on. */
static void decode_part(const struct vs_code8 *c, const uint8_t *codes,
			uint32_t at, uint32_t n, float *row)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		row[i] = decoded(c, at + i, codes[i]);
}

void vs_code8_decode(const struct vs_code8 *c, const uint8_t *codes, float *row)
{
	decode_part(c, codes, 0, c->dim, row);
}

/* The codes of a lane lie apart by four; they are brought together first, so
 * that the rest runs in vectors. */
void vs_code8_decode_lane(const struct vs_code8 *c, const uint8_t *panel,
			  unsigned lane, float *row)
{
	uint8_t codes[LANE_PART];
	uint32_t at, n, i;

	panel += lane * 4;
	for (at = 0; at < c->dim; at += n) {
		n = c->dim - at < LANE_PART ? c->dim - at : LANE_PART;
		for (i = 0; i < (n + 3) / 4; i++, panel += 64)
			memcpy(codes + i * 4, panel, 4);
		decode_part(c, codes, at, n, row + at);
	}
}

void vs_code8_decode_panel(const struct vs_code8 *c, const uint8_t *panel,
			   float *out)
{
	const uint8_t *p;
	uint32_t i;
	unsigned r;

	for (i = 0; i < c->dim; i++, out += VS_PANEL_ROWS) {
		p = panel + i / 4 * 64 + i % 4;
		for (r = 0; r < VS_PANEL_ROWS; r++)
			out[r] = decoded(c, i, p[r * 4]);
	}
}

int vs_code8_check(const struct vs_code8 *c, const char *name,
		   struct vs_err *err)
{
	uint32_t i;

	for (i = 0; i < c->dim; i++)
		if (!isfinite(decoded(c, i, 0)) ||
		    !isfinite(decoded(c, i, 255)))
			return vs_fail(err, VS_EDATA,
				       "%s: codes of dimension %u would stand "
				       "for numbers beyond floats; scale the "
				       "vectors", name, i);
	return 0;
}

void vs_code8_query(const struct vs_code8 *c, const float *q, double q_norm2,
		    int8_t *codes, struct vs_code8_query *out)
{
	double most = 0, dot = 0, f2 = 0, w, v, f;
	int64_t sum = 0;
	uint32_t i;

	for (i = 0; i < c->dim; i++) {
		w = fabs((double)c->step[i] * (double)q[i]);
		most = w > most ? w : most;
		dot += (double)c->mid[i] * (double)q[i];
	}
	out->t = most > 0 ? most / 127 : 1;
	for (i = 0; i < c->dim; i++) {
		w = (double)c->step[i] * (double)q[i];
		v = rint(w / out->t);
		codes[i] = (int8_t)v;
		sum += (int64_t)v;
		f = w - out->t * v;
		f2 += f * f;
	}
	out->base = dot - 128 * out->t * (double)sum;
	out->reach = fmax(sqrt(q_norm2), sqrt(f2) / (double)c->kappa) * WIDER;
}
