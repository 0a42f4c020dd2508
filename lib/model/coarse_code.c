/* coarse_code.c - 8-bit codes of centroids and rows, and what they lose.
 *
 * With c = mid + step (u - 128) + e, written x' = x - mid:
 *
 *     |x - c|^2 = |x'|^2 + |c - mid|^2 - 2 step (u - 128).x' - 2 e.x'
 *
 * General rows: step x' = t v + f with whole numbers v of 8 bits, and the
 * product is t (acc - 128 sum v) + (u - 128).f with acc = u.v.  Rows of bytes
 * are whole numbers already: one step for all dimensions makes step x = step (v
 * + bias) exact, f = 0, and what belongs to the centroid goes to its term.
 * Either way
 *
 *     |x - c|^2 = term - 2 t acc + (what belongs to the row) + error,
 *     |error| <= 2 (|e| |x'| + |u - 128| |f|)               (Cauchy-Schwarz)
 *
 * Products, x.c, lose the same with x in place of x' where it meets e.
 */
#include <math.h>
#include <string.h>

#include "coarse_int.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"

#define STEP_MIN 0x1p-40
#define STEP_MAX 0x1p40
#define WIDER (1 + 0x1p-20)
#define LANES 8u

static size_t panel_bytes(uint32_t dim)
{
	return vs_panel_bytes(VS_U8, dim);
}

static size_t padded_of(const struct vs_coarse *c)
{
	return c->n_panels * VS_PANEL_ROWS;
}

uint64_t vs_coarse_code_bytes(uint32_t nlist, uint32_t dim)
{
	uint64_t panels = vs_panels_of(nlist);

	return panels * (panel_bytes(dim) + 4 * VS_PANEL_ROWS * sizeof(float)) +
	       2 * sizeof(float) * (uint64_t)dim + 7 * 2 * VS_ALIGN;
}

void vs_coarse_code_clear(struct vs_ctx *ctx, struct vs_coarse *c)
{
	struct vs_coarse_code *code = &c->code;
	size_t i;

	vs_free(ctx, code->panels);
	for (i = 0; i < 4; i++)
		vs_free(ctx, code->terms[i]);
	vs_free(ctx, code->mid);
	vs_free(ctx, code->step);
	memset(code, 0, sizeof(*code));
	c->has_code = false;
}

/* Middle and step of each dimension; false when a step is not fit to divide by.
 * A constant dimension has step 0 and loses nothing. */
static bool choose_ranges(struct vs_coarse *c)
{
	struct vs_coarse_code *code = &c->code;
	float most = 0;
	uint32_t i, x;

	memcpy(code->mid, c->rows, c->dim * sizeof(float));
	memcpy(code->step, c->rows, c->dim * sizeof(float));
	for (i = 1; i < c->nlist; i++) {
		const float *row = c->rows + (size_t)i * c->dim;

		for (x = 0; x < c->dim; x++) {
			code->mid[x] = row[x] < code->mid[x] ? row[x] :
							       code->mid[x];
			code->step[x] = row[x] > code->step[x] ? row[x] :
								 code->step[x];
		}
	}
	for (x = 0; x < c->dim; x++) {
		float lo = code->mid[x], hi = code->step[x];

		code->mid[x] = lo / 2 + hi / 2;
		code->step[x] = (hi - lo) / 255;
		most = code->step[x] > most ? code->step[x] : most;
	}
	for (x = 0; x < c->dim; x++) {
		if (code->bytes)
			code->step[x] = most;
		else if (!((double)code->step[x] >= STEP_MIN))
			code->step[x] = 0;
	}
	return (double)most >= STEP_MIN && (double)most <= STEP_MAX;
}

/* What one centroid loses and adds. */
struct sums {
	double e2, u2, c2, shift, sum;
};

static void encode(const struct vs_coarse_code *code, const float *row,
		   uint32_t dim, uint8_t *u, struct sums *s)
{
	uint32_t x;

	memset(s, 0, sizeof(*s));
	for (x = 0; x < dim; x++) {
		double step = (double)code->step[x];
		double v = (double)row[x] - (double)code->mid[x];
		double k = step > 0 ? floor(v / step + 0.5) : 0;
		double e;

		k = k < -128 ? -128 : k;
		k = k > 127 ? 127 : k;
		u[x] = (uint8_t)((int)k + 128);
		e = v - step * k;
		s->e2 += e * e;
		s->u2 += k * k;
		s->c2 += v * v;
		s->shift += k * (code->bias - (double)code->mid[x]);
		s->sum += k;
	}
}

static void put_terms(struct vs_coarse_code *code, size_t r,
		      const struct sums *s)
{
	double step = (double)code->step[0];
	double l2 = s->c2 - 2 * step * s->shift;
	double ip = -2 * step * code->bias * s->sum;

	code->terms[0][r] = (float)s->c2;
	code->terms[1][r] = 0;
	code->reach2 = fmax(code->reach2, s->c2);
	code->term_max = fmax(code->term_max, s->c2);
	code->lost = fmax(code->lost, sqrt(s->e2) * WIDER);
	code->spread = fmax(code->spread, sqrt(s->u2) * WIDER);
	if (!code->bytes)
		return;
	code->terms[2][r] = (float)l2;
	code->terms[3][r] = (float)ip;
	code->term_max = fmax(code->term_max, fmax(fabs(l2), fabs(ip)));
}

/* Padding is farther than any centroid. */
static void put_padding(struct vs_coarse_code *code, size_t r)
{
	size_t i;

	for (i = 0; i < 4; i++)
		if (code->terms[i] != NULL)
			code->terms[i][r] = INFINITY;
}

struct encode_job {
	struct vs_coarse *c;
	struct sums *sums;   /* [nlist] */
};

static int encode_panel(void *arg, size_t p, unsigned thread,
			struct vs_err *err)
{
	const struct encode_job *j = arg;
	struct vs_coarse *c = j->c;
	uint8_t *panel = c->code.panels + p * panel_bytes(c->dim);
	uint8_t u[VS_LIN_DIM_MAX];
	size_t i, x, r;

	(void)thread;
	(void)err;
	memset(panel, 0, panel_bytes(c->dim));
	for (i = 0; i < VS_PANEL_ROWS; i++) {
		r = p * VS_PANEL_ROWS + i;
		if (r >= c->nlist)
			break;
		encode(&c->code, c->rows + r * c->dim, c->dim, u, &j->sums[r]);
		for (x = 0; x < c->dim; x++)
			panel[x / 4 * 64 + i * 4 + x % 4] = u[x];
	}
	return 0;
}

static int encode_all(struct vs_ctx *ctx, struct vs_coarse *c,
		      struct vs_err *err)
{
	struct encode_job j = { c, NULL };
	size_t r;
	int rc;

	j.sums = vs_alloc(ctx, c->nlist, sizeof(*j.sums), "centroid codes",
			  err);
	if (j.sums == NULL)
		return VS_ENOMEM;
	rc = vs_par_for(ctx, c->n_panels, encode_panel, &j, err);
	for (r = 0; r < padded_of(c); r++) {
		if (r < c->nlist)
			put_terms(&c->code, r, &j.sums[r]);
		else
			put_padding(&c->code, r);
	}
	vs_free(ctx, j.sums);
	return rc;
}

static int alloc_code(struct vs_ctx *ctx, struct vs_coarse *c,
		      struct vs_err *err)
{
	static const char what[] = "centroid codes";
	struct vs_coarse_code *code = &c->code;
	size_t i;

	code->panels = vs_alloc(ctx, c->n_panels, panel_bytes(c->dim), what,
				err);
	if (code->panels == NULL)
		return VS_ENOMEM;
	for (i = 0; i < (code->bytes ? 4 : 2); i++) {
		code->terms[i] = vs_alloc(ctx, padded_of(c), sizeof(float),
					  what, err);
		if (code->terms[i] == NULL)
			return VS_ENOMEM;
	}
	code->mid = vs_alloc(ctx, c->dim, sizeof(float), what, err);
	if (code->mid == NULL)
		return VS_ENOMEM;
	code->step = vs_alloc(ctx, c->dim, sizeof(float), what, err);
	return code->step == NULL ? VS_ENOMEM : 0;
}

int vs_coarse_code_init(struct vs_ctx *ctx, struct vs_coarse *c,
			enum vs_dtype rows, struct vs_err *err)
{
	int rc;

	if (c->dim > VS_LIN_DIM_MAX || c->nlist < 2 ||
	    !(c->max_norm2 < STEP_MAX * STEP_MAX))
		return 0;
	c->code.bytes = vs_dtype_is_byte(rows);
	c->code.rows = rows;
	c->code.bias = rows == VS_U8 ? 128 : 0;
	rc = alloc_code(ctx, c, err);
	if (rc != 0)
		return rc;
	if (choose_ranges(c)) {
		rc = encode_all(ctx, c, err);
		c->has_code = rc == 0;
	}
	if (!c->has_code)
		vs_coarse_code_clear(ctx, c);
	return rc;
}

/* The largest magnitude of n floats that are not NaN; infinity for a NaN. */
static float largest(const float *v, size_t n)
{
	uint32_t lane[LANES] = { 0 }, most = 0, bits;
	size_t i, k;

	for (i = 0; i + LANES <= n; i += LANES) {
		for (k = 0; k < LANES; k++) {
			memcpy(&bits, v + i + k, sizeof(bits));
			bits &= 0x7fffffffu;
			lane[k] = bits > lane[k] ? bits : lane[k];
		}
	}
	for (; i < n; i++) {
		bits = vs_f32_bits(v[i]) & 0x7fffffffu;
		most = bits > most ? bits : most;
	}
	for (k = 0; k < LANES; k++)
		most = lane[k] > most ? lane[k] : most;
	return most <= 0x7f800000u ? vs_bits_f32(most) : INFINITY;
}

/* step (x - from), from NULL: 0. */
static void stretch(const float *step, const float *x, const float *from,
		    size_t n, float *out)
{
	size_t i;

	if (from == NULL)
		for (i = 0; i < n; i++)
			out[i] = step[i] * x[i];
	else
		for (i = 0; i < n; i++)
			out[i] = step[i] * (x[i] - from[i]);
}

/* Whole numbers nearest to w / t, |w| <= 127 t, and |w - t v|^2. */
static float round_to_whole(const float *w, float t, size_t n, int8_t *v)
{
	const float magic = 0x1.8p23f; /* adding it rounds to whole numbers */
	float by = 1 / t, lane[LANES] = { 0 }, sum = 0, r, f;
	size_t i, k;

	for (i = 0; i + LANES <= n; i += LANES) {
		for (k = 0; k < LANES; k++) {
			r = (w[i + k] * by + magic) - magic;
			v[i + k] = (int8_t)(int32_t)r;
			f = w[i + k] - t * r;
			lane[k] += f * f;
		}
	}
	for (; i < n; i++) {
		r = (w[i] * by + magic) - magic;
		v[i] = (int8_t)(int32_t)r;
		f = w[i] - t * r;
		sum += f * f;
	}
	for (k = 0; k < LANES; k++)
		sum += lane[k];
	return sum;
}

static float distance2(const struct vs_kern *kern, const float *a,
		       const float *b, uint32_t dim)
{
	float v;

	kern->l2sq_f32(a, b, dim, 1, dim, &v);
	return v;
}

static float norm2_of(const struct vs_kern *kern, const float *a, uint32_t dim)
{
	float v;

	kern->ip_f32(a, a, dim, 1, dim, &v);
	return v;
}

/* Returns the sum of the whole numbers. */
static int32_t bytes_as_they_are(const uint8_t *row, int bias, uint32_t dim,
				 int8_t *whole)
{
	uint8_t flip = bias != 0 ? 0x80 : 0;
	int32_t sum = 0;
	uint32_t i;

	for (i = 0; i < dim; i++) {
		whole[i] = (int8_t)(row[i] ^ flip);
		sum += whole[i];
	}
	return sum;
}

static int32_t sum_of(const int8_t *whole, uint32_t dim)
{
	int32_t sum = 0;
	uint32_t i;

	for (i = 0; i < dim; i++)
		sum += whole[i];
	return sum;
}

/* Roundings of w and f, in f32: a few units in the last place of |w| <= 128 t a
 * dimension.  Squares of tiny ones fall short by no more than 2^-150 each. */
static double lost_f(float f2, float t, uint32_t dim)
{
	return sqrt((double)f2 + (double)dim * 0x1p-149) * 1.001 +
	       (double)t * 128 * 0x1p-21 * sqrt((double)dim);
}

/* Whether rows are whole numbers as they are. */
static bool is_whole(const struct vs_coarse_job *j)
{
	const struct vs_coarse_code *code = &j->c->code;

	return code->bytes && j->rows->dtype == code->rows;
}

const float *vs_coarse_code_terms(const struct vs_coarse_job *j)
{
	return j->c->code.terms[(is_whole(j) ? 2 : 0) + (j->metric == VS_IP)];
}

/* The row in whole numbers: *t times them, and *f, what that has lost.  False
 * when there are none of a sensible size. */
static bool row_to_whole(const struct vs_coarse_job *j, const float *f32,
			 int8_t *whole, float *t, double *f)
{
	const struct vs_coarse_code *code = &j->c->code;
	uint32_t dim = j->c->dim;
	float w[VS_LIN_DIM_MAX], most;

	stretch(code->step, f32, j->metric == VS_IP ? NULL : code->mid, dim, w);
	most = largest(w, dim);
	*t = most > 0x1p-100f ? most / 127 : 1;
	if (!(most < 0x1p60f))
		return false;
	*f = lost_f(round_to_whole(w, *t, dim, whole), *t, dim);
	return true;
}

void vs_coarse_code_row(const struct vs_coarse_job *j, struct vs_coarse_row *r,
			int8_t *whole)
{
	const struct vs_coarse *c = j->c;
	const struct vs_coarse_code *code = &c->code;
	const struct vs_kern *kern = j->ctx->kern;
	bool ip = j->metric == VS_IP;
	double gamma = vs_f32_gamma(c->dim), f = 0, x2, s, error, rounding;
	float t = code->step[0];
	int32_t sum;

	x2 = (double)(ip ? norm2_of(kern, r->f32, c->dim) :
			   distance2(kern, r->f32, code->mid, c->dim));
	if (is_whole(j)) {
		sum = bytes_as_they_are((const uint8_t *)j->rows->p +
						r->i * c->dim,
					code->bias, c->dim, whole);
	} else if (row_to_whole(j, r->f32, whole, &t, &f)) {
		sum = sum_of(whole, c->dim);
	} else {
		memset(whole, 0, c->dim);
		r->gain = 0;
		r->zone = INFINITY;
		r->base = -(double)INFINITY;
		return;
	}
	r->gain = 2 * t;
	r->base = x2 + (double)r->gain * 128 * sum;
	x2 = x2 * (1 + gamma) + 0x1p-100;
	error = 2 * (code->lost * sqrt(x2) + code->spread * f) * WIDER;
	/* Canonical values of two cells are off by at most gamma times them,
	 * see floats_zone in coarse.c; then the roundings of scores. */
	s = 2 * (x2 + (ip ? c->max_norm2 : code->reach2));
	rounding = 0x1p-21 * (2 * code->term_max +
			      2 * (double)t * 128 * 256 * c->dim);
	r->zone = (float)((2 * error + 4 * gamma * s + rounding) * WIDER);
}

void vs_coarse_code_gather(const struct vs_coarse_job *j,
			   const uint32_t *cells, uint32_t n, uint8_t *panels,
			   float *terms)
{
	const struct vs_coarse *c = j->c;
	const struct vs_coarse_code *code = &c->code;
	const float *from = vs_coarse_code_terms(j);
	size_t bytes = panel_bytes(c->dim), k, i;
	const uint8_t *src;
	uint8_t *dst;

	for (i = 0; i < vs_panels_of(n) * VS_PANEL_ROWS; i++) {
		dst = panels + i / VS_PANEL_ROWS * bytes +
		      i % VS_PANEL_ROWS * 4;
		if (i >= n) {
			terms[i] = INFINITY;
			for (k = 0; k < bytes; k += 64)
				memset(dst + k, 0, 4);
			continue;
		}
		terms[i] = from[cells[i]];
		src = code->panels + cells[i] / VS_PANEL_ROWS * bytes +
		      cells[i] % VS_PANEL_ROWS * 4;
		for (k = 0; k < bytes; k += 64)
			memcpy(dst + k, src + k, 4);
	}
}
