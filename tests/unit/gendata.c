/* gendata.c - see gendata.h. */
#include "gendata.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tmpdir.h"
#include "vs/num.h"

/* Element at in the other types. */
static void put(struct gendata *g, uint64_t at)
{
	g->i8[at] = (int8_t)(g->u8[at] - 128);
	g->f32[at] = ((float)g->u8[at] - 60) * 0.37f;
	g->f16[at] = vs_f16_of_f32(g->f32[at]);
	if (g->dtype == VS_F16)
		g->f32[at] = vs_f32_of_f16(g->f16[at]);
}

void gendata_make(struct gendata *g, enum vs_dtype dtype, uint64_t n,
		  uint32_t dim, unsigned levels, uint64_t seed)
{
	struct vs_rng rng;
	uint64_t i, centre;
	uint32_t x;
	unsigned v;

	memset(g, 0, sizeof(*g));
	g->dtype = dtype;
	g->n = n;
	g->dim = dim;
	g->u8 = malloc(n * dim + 1);
	g->i8 = malloc(n * dim + 1);
	g->f32 = malloc((n * dim + 1) * sizeof(float));
	g->f16 = malloc((n * dim + 1) * sizeof(uint16_t));
	vs_rng_init(&rng, seed, VS_STREAM_TEST);
	for (i = 0; i < n; i++) {
		centre = vs_rng_below(&rng, 10);
		for (x = 0; x < dim; x++) {
			v = (unsigned)(vs_rng_at(9, centre, x) % levels) / 2 +
			    (unsigned)vs_rng_below(&rng, levels / 2 + 1);
			g->u8[i * dim + x] = (uint8_t)(v > 255 ? 255 : v);
			put(g, i * dim + x);
		}
	}
}

void gendata_free(struct gendata *g)
{
	free(g->u8);
	free(g->i8);
	free(g->f32);
	free(g->f16);
	memset(g, 0, sizeof(*g));
}

const void *gendata_row(const struct gendata *g, uint64_t i)
{
	if (g->dtype == VS_U8)
		return g->u8 + i * g->dim;
	if (g->dtype == VS_I8)
		return g->i8 + i * g->dim;
	if (g->dtype == VS_F16)
		return g->f16 + i * g->dim;
	return g->f32 + i * g->dim;
}

void gendata_rows(const struct gendata *g, struct vs_rows *out)
{
	out->p = gendata_row(g, 0);
	out->n = g->n;
	out->dim = g->dim;
	out->dtype = g->dtype;
}

void gendata_queries(const struct gendata *g, struct vs_rows *out)
{
	gendata_rows(g, out);
	if (g->dtype != VS_F16)
		return;
	out->p = g->f32;
	out->dtype = VS_F32;
}

static int source_sample(void *arg, struct vs_ctx *ctx, void *rows, size_t n,
			 size_t *got, struct vs_err *err)
{
	const struct gendata *g = arg;

	(void)ctx;
	(void)err;
	*got = (size_t)vs_min_u64(n, g->n);
	if (*got > 0)
		memcpy(rows, gendata_row(g, 0),
		       *got * g->dim * vs_dtype_size(g->dtype));
	return 0;
}

static int source_rewind(void *arg, struct vs_ctx *ctx, struct vs_err *err)
{
	(void)ctx;
	(void)err;
	((struct gendata *)arg)->at = 0;
	return 0;
}

static int source_next(void *arg, struct vs_ctx *ctx, void *rows,
		       uint64_t *ids, size_t n, size_t *got,
		       struct vs_err *err)
{
	struct gendata *g = arg;
	size_t i;

	(void)ctx;
	(void)err;
	/* Odd block lengths, so that nothing relies on full ones. */
	*got = (size_t)vs_min_u64(vs_min_u64(n, 977), g->n - g->at);
	if (*got > 0)
		memcpy(rows, gendata_row(g, g->at),
		       *got * g->dim * vs_dtype_size(g->dtype));
	for (i = 0; i < *got; i++)
		ids[i] = g->id_base + g->at + i;
	g->at += *got;
	return 0;
}

void gendata_source(struct gendata *g, struct vs_source *out)
{
	out->dim = g->dim;
	out->dtype = g->dtype;
	out->raw_dim = g->dim;
	out->raw_dtype = g->dtype;
	out->tee = NULL;
	out->n_rows = g->n;
	out->id_max = g->id_base + g->n;
	out->name = "made-up rows";
	out->rewind = source_rewind;
	out->next = source_next;
	out->sample = source_sample;
	out->arg = g;
}

void gendata_bvecs(const char *path, const struct gendata *g)
{
	size_t step = 4 + g->dim;
	uint8_t *file = malloc(g->n * step);
	uint64_t i;

	for (i = 0; i < g->n; i++) {
		vs_put_le32(file + i * step, g->dim);
		memcpy(file + i * step + 4, g->u8 + i * g->dim, g->dim);
	}
	tmpdir_put(path, file, g->n * step);
	free(file);
}

static float lanes(enum vs_metric metric, const float *q, const float *row,
		   uint32_t dim)
{
	volatile float lane[16] = { 0 };
	volatile float t;
	uint32_t x;
	int w;

	for (x = 0; x < dim; x++) {
		if (vs_metric_is_similarity(metric)) {
			t = q[x] * row[x];
		} else if (metric == VS_L1) {
			t = q[x] - row[x];
			t = fabsf(t);
		} else {
			t = q[x] - row[x];
			t = t * t;
		}
		lane[x % 16] = lane[x % 16] + t;
	}
	for (w = 8; w > 0; w /= 2)
		for (x = 0; x < (uint32_t)w; x++)
			lane[x] = lane[x] + lane[x + (uint32_t)w];
	return lane[0];
}

static double norm2(const float *v, uint32_t dim)
{
	volatile double sum = 0;
	uint32_t x;

	for (x = 0; x < dim; x++)
		sum = sum + (double)v[x] * (double)v[x];
	return sum;
}

static double lanes64(const float *q, const float *row, uint32_t dim)
{
	volatile double lane[16] = { 0 };
	uint32_t x;
	int w;

	for (x = 0; x < dim; x++)
		lane[x % 16] = lane[x % 16] + (double)q[x] * (double)row[x];
	for (w = 8; w > 0; w /= 2)
		for (x = 0; x < (uint32_t)w; x++)
			lane[x] = lane[x] + lane[x + (uint32_t)w];
	return lane[0];
}

static bool moderate(double norm)
{
	return norm >= 0x1p-60 && norm <= 0x1p60;
}

static int64_t float_key(enum vs_metric metric, const float *q,
			 const float *row, uint32_t dim)
{
	double value = (double)lanes(metric, q, row, dim);
	double norms = (double)(float)sqrt(norm2(row, dim)) *
		       sqrt(norm2(q, dim));

	if (!moderate(sqrt(norm2(row, dim))) ||
	    !moderate(sqrt(norm2(q, dim)))) {
		/* products would leave the range of floats */
		norms = sqrt(norm2(row, dim)) * sqrt(norm2(q, dim));
		if (metric == VS_COSINE)
			value = lanes64(q, row, dim);
	}
	if (metric == VS_COSINE)
		value = norms > 0 ? value / norms : 0;
	return vs_key_of_f32((float)value, vs_metric_is_similarity(metric));
}

/* The values of bytes; i8 is u8 less 128. */
static int64_t byte_key(enum vs_metric metric, const uint8_t *q,
			const uint8_t *row, uint32_t dim, int64_t bias)
{
	int64_t ip = 0, l2 = 0, l1 = 0, qq = 0, xx = 0, a, b;
	uint32_t x;

	for (x = 0; x < dim; x++) {
		a = row[x] - bias;
		b = q[x] - bias;
		ip += a * b;
		l2 += (a - b) * (a - b);
		l1 += a > b ? a - b : b - a;
		qq += b * b;
		xx += a * a;
	}
	switch (metric) {
	case VS_L2:
		return l2;
	case VS_L1:
		return l1;
	case VS_IP:
		return -ip;
	default:
		if (xx == 0 || qq == 0)
			return vs_key_of_f32(0, true);
		return vs_key_of_f32((float)((double)ip /
					     sqrt((double)xx * (double)qq)),
				     true);
	}
}

int64_t gendata_key(enum vs_metric metric, const struct gendata *q,
		    uint64_t query, const struct gendata *g, uint64_t row)
{
	if (g->dtype == VS_F32 || g->dtype == VS_F16)
		return float_key(metric, q->f32 + query * g->dim,
				 g->f32 + row * g->dim, g->dim);
	return byte_key(metric, q->u8 + query * g->dim, g->u8 + row * g->dim,
			g->dim, g->dtype == VS_I8 ? 128 : 0);
}

static int by_rank(const void *a, const void *b)
{
	if (vs_hit_less(a, b))
		return -1;
	return vs_hit_less(b, a);
}

void gendata_knn(enum vs_metric metric, const struct gendata *q,
		 uint64_t query, const struct gendata *g, const bool *use,
		 uint32_t k, struct vs_hit *out)
{
	struct vs_hit *all = malloc((g->n + 1) * sizeof(*all));
	uint64_t i, n = 0;

	for (i = 0; i < g->n; i++) {
		if (use != NULL && !use[i])
			continue;
		all[n].id = g->id_base + i;
		all[n++].key = gendata_key(metric, q, query, g, i);
	}
	qsort(all, n, sizeof(*all), by_rank);
	for (i = 0; i < k; i++) {
		out[i].id = i < n ? all[i].id : VS_ID_NONE;
		out[i].key = i < n ? all[i].key : VS_KEY_WORST;
	}
	free(all);
}
