/* batch_keys.c - canonical values and keys, of the rows of a panel or of one
 * whole row: what decides after tiles have filtered.
 */
#include <math.h>

#include "batch_int.h"
#include "vs/panel.h"

/* x.q of byte rows, exact.  With bytes b = x + 128 of i8 rows and queries,
 * sum(x y) = sum(b c) - 128 sum(b) - 128 sum(y). */
static void panel_ip(const struct vs_ctx *ctx, const struct vs_batch *b,
		     uint32_t query, const uint8_t *panel,
		     int64_t out[VS_PANEL_ROWS])
{
	uint32_t dim = b->spec.queries.dim;
	int64_t sum[VS_PANEL_ROWS];
	unsigned i;

	ctx->kern->ip_u8_panel(b->bytes + (size_t)query * dim, panel, dim, out);
	if (b->spec.dtype == VS_U8)
		return;
	ctx->kern->ip_u8_panel(b->ones, panel, dim, sum);
	for (i = 0; i < VS_PANEL_ROWS; i++)
		out[i] -= 128 * (sum[i] + b->query[query].sum);
}

static void keys_of_bytes(const struct vs_ctx *ctx, const struct vs_batch *b,
			  uint32_t query, const uint8_t *panel,
			  const uint32_t *norms, int64_t key[VS_PANEL_ROWS])
{
	uint32_t dim = b->spec.queries.dim;
	const uint8_t *q = b->bytes + (size_t)query * dim;
	double norms2;
	unsigned i;

	if (b->spec.metric == VS_L2) {
		ctx->kern->l2sq_u8_panel(q, panel, dim, key);
		return;
	}
	panel_ip(ctx, b, query, panel, key);
	for (i = 0; i < VS_PANEL_ROWS; i++) {
		if (b->spec.metric == VS_IP) {
			key[i] = -key[i];
			continue;
		}
		norms2 = (double)norms[i] * b->query[query].norm2;
		key[i] = vs_key_of_f32(norms2 > 0 ? (float)((double)key[i] /
							    sqrt(norms2)) :
						    0,
				       true);
	}
}

static void panel_norm2(const float *panel, size_t dim,
			double out[VS_PANEL_ROWS])
{
	size_t i;
	unsigned r;

	for (r = 0; r < VS_PANEL_ROWS; r++)
		out[r] = 0;
	for (i = 0; i < dim; i++, panel += VS_PANEL_ROWS)
		for (r = 0; r < VS_PANEL_ROWS; r++)
			out[r] += (double)panel[r] * (double)panel[r];
}

static float cosine(double ip, double norms)
{
	return norms > 0 ? (float)(ip / norms) : 0;
}

/* Lengths for which a product of floats keeps within their range. */
static bool moderate(double norm)
{
	return norm >= VS_COSINE_NORM_MIN && norm <= VS_COSINE_NORM_MAX;
}

static void cosine_in_double(const struct vs_ctx *ctx, const struct vs_batch *b,
			     uint32_t query, const float *panel,
			     float out[VS_PANEL_ROWS])
{
	uint32_t dim = b->spec.queries.dim;
	double ip[VS_PANEL_ROWS], norm2[VS_PANEL_ROWS];
	unsigned i;

	ctx->kern->ip_f32_f64_panel(b->floats + (size_t)query * dim, panel, dim,
				    ip);
	panel_norm2(panel, dim, norm2);
	for (i = 0; i < VS_PANEL_ROWS; i++)
		out[i] = cosine(ip[i], sqrt(norm2[i]) * b->query[query].norm);
}

/* |x| comes from the row's term; rows with none there are done in double. */
static void cosine_in_float(const struct vs_ctx *ctx, const struct vs_batch *b,
			    uint32_t query, const float *panel,
			    const float *terms, float out[VS_PANEL_ROWS])
{
	uint32_t dim = b->spec.queries.dim;
	float wide[VS_PANEL_ROWS];
	bool some = false;
	unsigned i;

	ctx->kern->ip_f32_panel(b->floats + (size_t)query * dim, panel, dim,
				out);
	for (i = 0; i < VS_PANEL_ROWS; i++) {
		some |= terms[i] != terms[i];
		out[i] = cosine((double)out[i],
				(double)terms[i] * b->query[query].norm);
	}
	if (!some)
		return;
	cosine_in_double(ctx, b, query, panel, wide);
	for (i = 0; i < VS_PANEL_ROWS; i++)
		if (terms[i] != terms[i])
			out[i] = wide[i];
}

static void values_in_double(const struct vs_ctx *ctx, const struct vs_batch *b,
			     uint32_t query, const float *panel,
			     float out[VS_PANEL_ROWS])
{
	const float *q = b->floats + (size_t)query * b->spec.queries.dim;
	const struct vs_kern *k = ctx->kern;
	double d[VS_PANEL_ROWS];
	unsigned i;

	if (b->spec.metric == VS_L2)
		k->l2sq_f32_f64_panel(q, panel, b->spec.queries.dim, d);
	else if (b->spec.metric == VS_IP)
		k->ip_f32_f64_panel(q, panel, b->spec.queries.dim, d);
	else
		k->l1_f32_f64_panel(q, panel, b->spec.queries.dim, d);
	for (i = 0; i < VS_PANEL_ROWS; i++)
		out[i] = (float)d[i];
}

static void values_in_float(const struct vs_ctx *ctx, const struct vs_batch *b,
			    uint32_t query, const float *panel,
			    float out[VS_PANEL_ROWS])
{
	const float *q = b->floats + (size_t)query * b->spec.queries.dim;
	const struct vs_kern *k = ctx->kern;

	if (b->spec.metric == VS_L2)
		k->l2sq_f32_panel(q, panel, b->spec.queries.dim, out);
	else if (b->spec.metric == VS_IP)
		k->ip_f32_panel(q, panel, b->spec.queries.dim, out);
	else
		k->l1_f32_panel(q, panel, b->spec.queries.dim, out);
}

void vs_batch_panel_keys(const struct vs_ctx *ctx, const struct vs_batch *b,
			 uint32_t query, const void *panel, const void *terms,
			 const uint32_t *norms, int64_t key[VS_PANEL_ROWS])
{
	float f[VS_PANEL_ROWS];
	unsigned i;

	if (b->floats == NULL) {
		keys_of_bytes(ctx, b, query, panel, norms, key);
		return;
	}
	if (b->spec.metric != VS_COSINE && b->spec.in_double)
		values_in_double(ctx, b, query, panel, f);
	else if (b->spec.metric != VS_COSINE)
		values_in_float(ctx, b, query, panel, f);
	else if (b->spec.in_double || !moderate(b->query[query].norm))
		cosine_in_double(ctx, b, query, panel, f);
	else
		cosine_in_float(ctx, b, query, panel, terms, f);
	for (i = 0; i < VS_PANEL_ROWS; i++)
		key[i] = vs_key_of_f32(f[i], b->similarity);
}

/* x.q of one row, as panel_ip. */
static int64_t row_ip(const struct vs_ctx *ctx, const struct vs_batch *b,
		      uint32_t query, const uint8_t *row)
{
	uint32_t dim = b->spec.queries.dim;
	int64_t ip, sum;

	ctx->kern->ip_u8(b->bytes + (size_t)query * dim, row, dim, 1, dim, &ip);
	if (b->spec.dtype == VS_U8)
		return ip;
	ctx->kern->ip_u8(b->ones, row, dim, 1, dim, &sum);
	return ip - 128 * (sum + b->query[query].sum);
}

static int64_t byte_norm2(const struct vs_batch *b, const uint8_t *row)
{
	int bias = b->spec.dtype == VS_I8 ? 128 : 0, v;
	int64_t sum = 0;
	uint32_t i;

	for (i = 0; i < b->spec.queries.dim; i++) {
		v = row[i] - bias;
		sum += v * v;
	}
	return sum;
}

int64_t vs_batch_byte_key(const struct vs_ctx *ctx, const struct vs_batch *b,
			  uint32_t query, const uint8_t *row)
{
	uint32_t dim = b->spec.queries.dim;
	const uint8_t *q = b->bytes + (size_t)query * dim;
	double norms2;
	int64_t key;

	switch (b->spec.metric) {
	case VS_L2:
		ctx->kern->l2sq_u8(q, row, dim, 1, dim, &key);
		return key;
	case VS_L1:
		ctx->kern->l1_u8(q, row, dim, 1, dim, &key);
		return key;
	case VS_IP:
		return -row_ip(ctx, b, query, row);
	default:
		norms2 = (double)byte_norm2(b, row) * b->query[query].norm2;
		key = row_ip(ctx, b, query, row);
		return vs_key_of_f32(norms2 > 0 ? (float)((double)key /
							  sqrt(norms2)) :
						  0,
				     true);
	}
}

static double row_value(const struct vs_kern *k, enum vs_metric metric,
			const float *q, const float *row, size_t dim)
{
	double d;

	(metric == VS_L2 ? k->l2sq_f32_f64 :
	 metric == VS_L1 ? k->l1_f32_f64 :
			   k->ip_f32_f64)(q, row, dim, 1, dim, &d);
	return d;
}

static float row_value_f32(const struct vs_kern *k, enum vs_metric metric,
			   const float *q, const float *row, size_t dim)
{
	float f;

	(metric == VS_L2 ? k->l2sq_f32 :
	 metric == VS_L1 ? k->l1_f32 :
			   k->ip_f32)(q, row, dim, 1, dim, &f);
	return f;
}

int64_t vs_batch_row_key(const struct vs_ctx *ctx, const struct vs_batch *b,
			 uint32_t query, const float *row, float term)
{
	uint32_t dim = b->spec.queries.dim;
	const float *q = b->floats + (size_t)query * dim;
	double norm = b->query[query].norm, ip;
	bool in_double = b->spec.in_double;
	float f;

	if (b->spec.metric == VS_COSINE && (term != term || !moderate(norm)))
		in_double = true;
	if (!in_double) {
		f = row_value_f32(ctx->kern, b->spec.metric, q, row, dim);
		if (b->spec.metric == VS_COSINE)
			f = cosine((double)f, (double)term * norm);
	} else {
		ip = row_value(ctx->kern, b->spec.metric, q, row, dim);
		f = (float)ip;
		if (b->spec.metric == VS_COSINE)
			f = cosine(ip, sqrt(vs_norm2_f32(row, dim)) * norm);
	}
	return vs_key_of_f32(f, b->similarity);
}
