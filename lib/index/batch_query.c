/* batch_query.c - what a batch knows of each query before rows are scanned, and
 * how a running threshold becomes the limit of a tile.
 */
#include <math.h>
#include <string.h>

#include "batch_pq.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/par.h"

/* Roundings of bounds that are computed in f32 stay below this part of them. */
#define LOWER 0x1p-21

static enum vs_batch_way choose_way(const struct vs_batch_spec *s)
{
	uint32_t dim = s->queries.dim;

	if (!vs_dtype_is_byte(s->dtype))
		return VS_WAY_FLOAT;
	switch (s->metric) {
	case VS_L1:
		return VS_WAY_L1;
	case VS_COSINE:
		return dim <= VS_LIN_DIM_MAX ? VS_WAY_COSINE : VS_WAY_ALL;
	case VS_IP:
		return dim <= VS_TILE_U8_IP_DIM_MAX ? VS_WAY_EXACT : VS_WAY_ALL;
	default:
		return dim <= VS_TILE_U8_DIM_MAX ? VS_WAY_EXACT : VS_WAY_ALL;
	}
}

static void prepare_bytes(struct vs_batch *b, size_t i)
{
	uint32_t dim = b->spec.queries.dim, x;
	int bias = b->spec.dtype == VS_I8 ? 128 : 0;
	struct vs_query *q = &b->query[i];
	const uint8_t *v = b->bytes + i * dim;
	int64_t sum = 0, norm2 = 0;

	if (bias != 0)
		for (x = 0; x < dim; x++)
			b->own_bytes[i * dim + x] =
				((const uint8_t *)b->spec.queries.p)[i * dim +
								     x] ^ 0x80;
	q->norm2_i = 0;
	for (x = 0; x < dim; x++) {
		int value = v[x] - bias;

		q->norm2_i += v[x] * v[x];
		norm2 += value * value;
		sum += value;
	}
	q->sum = sum;
	q->norm2 = (double)norm2;
}

static int prepare_query(void *arg, size_t i, unsigned thread,
			 struct vs_err *err)
{
	struct vs_batch *b = arg;
	struct vs_query *q = &b->query[i];
	uint32_t dim = b->spec.queries.dim;

	(void)thread;
	(void)err;
	q->top.slots = b->slots + i * vs_topk_slots(b->spec.k);
	q->top.where = b->where == NULL ?
			       NULL :
			       b->where + i * vs_topk_slots(b->spec.k);
	q->top.k = b->spec.k;
	q->top.n = 0;
	q->top.limit = b->spec.within ? b->spec.radius : VS_KEY_WORST;
	q->lists = NULL;
	atomic_init(&q->limit, q->top.limit);
	q->top.unique = b->spec.unique;
	atomic_flag_clear(&q->lock);
	if (b->floats == NULL)
		prepare_bytes(b, i);
	else
		q->norm2 = vs_norm2_f32(b->floats + i * dim, dim);
	q->norm = sqrt(q->norm2);
	return 0;
}

int vs_batch_prepare(struct vs_ctx *ctx, struct vs_batch *b, struct vs_err *err)
{
	const struct vs_rows *q = &b->spec.queries;
	bool i8 = b->spec.dtype == VS_I8;
	int rc;

	b->way = choose_way(&b->spec);
	b->similarity = vs_metric_is_similarity(b->spec.metric);
	if (i8) {
		b->own_bytes = vs_alloc(ctx, q->n, q->dim, "queries", err);
		if (b->own_bytes == NULL)
			return VS_ENOMEM;
	}
	if (i8 && b->similarity) {
		b->ones = vs_alloc(ctx, q->dim, 1, "queries", err);
		if (b->ones == NULL)
			return VS_ENOMEM;
		memset(b->ones, 1, q->dim);
	}
	if (vs_dtype_is_byte(b->spec.dtype))
		b->bytes = i8 ? b->own_bytes : q->p;
	else
		b->floats = q->p;
	rc = vs_par_for(ctx, (size_t)q->n, prepare_query, b, err);
	return rc == 0 && b->spec.k == 0 ? vs_lists_create(ctx, b, err) : rc;
}

static int code_query(void *arg, size_t i, unsigned thread, struct vs_err *err)
{
	struct vs_batch *b = arg;
	struct vs_query *q = &b->query[i];
	uint32_t dim = b->spec.queries.dim;

	(void)thread;
	(void)err;
	vs_code8_query(b->code8, b->floats + i * dim, q->norm2,
		       (int8_t *)b->own_bytes + i * dim, &q->code);
	return 0;
}

int vs_batch_code(struct vs_ctx *ctx, struct vs_batch *b,
		  const struct vs_code8 *c, struct vs_err *err)
{
	const struct vs_rows *q = &b->spec.queries;

	if (b->code8 == c)
		return 0;
	b->code8 = NULL; /* until all are coded */
	if (b->own_bytes == NULL)
		b->own_bytes = vs_alloc(ctx, q->n, q->dim, "codes of queries",
					err);
	if (b->own_bytes == NULL)
		return VS_ENOMEM;
	b->code8 = c;
	return vs_par_for(ctx, (size_t)q->n, code_query, b, err);
}

void vs_group_pack(const struct vs_batch *b, struct vs_group *g)
{
	uint32_t dim = b->spec.queries.dim;
	const float *f32[VS_TILE_W];
	const uint8_t *u8[VS_TILE_W];
	void *packed = g->worker->packed;
	unsigned i;

	if (g->way == VS_WAY_FLOAT) {
		for (i = 0; i < g->n; i++)
			f32[i] = b->floats + (size_t)g->query[i] * dim;
		vs_pack_queries_f32(f32, g->n, g->w, dim, packed);
		return;
	}
	for (i = 0; i < g->n; i++)
		u8[i] = (g->way == VS_WAY_CODES ? b->own_bytes : b->bytes) +
			(size_t)g->query[i] * dim;
	/* Codes of queries are signed bytes already. */
	if (g->way == VS_WAY_L1 || g->way == VS_WAY_CODES)
		vs_pack_queries_l1_u8(u8, g->n, g->w, dim, packed);
	else
		vs_pack_queries_u8(u8, g->n, g->w, dim, packed);
}

/* L2: key = score + |q|^2; IP: key = -x.q = score / 2, of i8 rows without
 * 128 sum(q), which their bias of 128 adds to each product. */
static int32_t limit_exact(const struct vs_batch *b, const struct vs_query *q,
			   int64_t key)
{
	int64_t limit;

	if (key == VS_KEY_WORST)
		return INT32_MAX - 1;
	if (b->way == VS_WAY_L1)
		limit = key;
	else if (!b->similarity)
		limit = key - q->norm2_i;
	else
		limit = 2 * (b->spec.dtype == VS_I8 ? key - 128 * q->sum : key);
	if (limit > INT32_MAX - 1)
		return INT32_MAX - 1;
	return limit < INT32_MIN ? INT32_MIN : (int32_t)limit;
}

/* The similarity below which a row has no chance, a little lowered; keys of a
 * cosine are rounded to floats. */
static double lowered(float thr)
{
	return (double)thr - (fabs((double)thr) * 0x1p-21 + 0x1p-100);
}

/* Linear bounds that every row passes. */
static void pass_all_linear(struct vs_group *g, unsigned i)
{
	g->c[i] = -INFINITY;
	g->g0[i] = 0;
	g->g1[i] = 0;
}

/* A limit of linear bounds from doubles, lowered by more than roundings add. */
static void put_linear(struct vs_group *g, unsigned i, double c, double g0,
		       double g1)
{
	g->c[i] = (float)(c - fabs(c) * LOWER - 1);
	g->g0[i] = (float)(g0 - fabs(g0) * LOWER);
	g->g1[i] = (float)(g1 - fabs(g1) * LOWER);
}

/* Bytes: x.q >= thr |x| |q| with t0 = |x|, t1 = sum(x) (see batch_take.c). */
static void limit_cosine(const struct vs_batch *b, const struct vs_query *q,
			 float thr, struct vs_group *g, unsigned i)
{
	bool i8 = b->spec.dtype == VS_I8;

	put_linear(g, i, i8 ? 128 * (double)q->sum : 0, lowered(thr) * q->norm,
		   i8 ? 0 : -128);
	if (!(thr >= -1e30f))
		g->c[i] = -INFINITY;
}

/* Codes: acc < (least possible product - base) / t - reach / t * slack, as
 * vs/code8.h derives, with t0 = the row's term. */
static void limit_codes(const struct vs_batch *b, const struct vs_query *q,
			float thr, struct vs_group *g, unsigned i)
{
	const struct vs_code8_query *code = &q->code;
	double most, gamma = vs_f32_gamma(b->spec.queries.dim);
	double c, g0 = 0, t0 = 0; /* no hit has a larger term */

	switch (b->spec.metric) {
	case VS_L2: /* 2 x.q < |x|^2 + |q|^2 - thr; a term is |x|^2 rounded */
		most = (double)thr * (1 + 2 * gamma) + 0x1p-120;
		c = (q->norm2 - most) / 2;
		g0 = 0.5 * (1 - 0x1p-22);
		t0 = 4 * (q->norm2 + most); /* |x| <= |q| + |x - q| */
		break;
	case VS_COSINE:
		c = thr >= -1e30f ? 0 : -(double)INFINITY;
		g0 = thr >= -1e30f ? lowered(thr) * q->norm : 0;
		t0 = VS_COSINE_NORM_MAX;
		break;
	default: /* underflow and overflow as in vs_tile_limit_ip */
		c = q->norm < VS_IP_NORM_MAX ?
			    (double)thr - b->spec.queries.dim * 0x1p-125 :
			    -(double)INFINITY;
	}
	/* A product beyond floats would reject a row whatever its slack takes
	 * away; where a hit could have one, everything passes. */
	if (g0 / code->t * fmax(t0, 1) < 0x1p127)
		put_linear(g, i, (c - code->base) / code->t, g0 / code->t,
			   -code->reach / code->t);
	else
		pass_all_linear(g, i);
}

/* Floats under cosine: a term is |x|. */
static void limit_cosine_f32(const struct vs_batch *b, const struct vs_query *q,
			     float thr, struct vs_group *g, unsigned i)
{
	double gamma = vs_f32_gamma(b->spec.queries.dim), gain;

	/* The products of rows without NaN and such queries lie below 2^120. */
	g->limit_f[i] = (float)b->spec.queries.dim * 0x1p-124f;
	gain = (4 * gamma - 2 * lowered(thr)) * q->norm;
	g->gain[i] = (float)(gain + fabs(gain) * LOWER);
	if (!(thr >= -1e30f) || q->norm < VS_COSINE_NORM_MIN ||
	    q->norm > VS_COSINE_NORM_MAX)
		g->limit_f[i] = INFINITY;
}

static void limit_float(const struct vs_batch *b, const struct vs_query *q,
			float thr, struct vs_group *g, unsigned i)
{
	uint32_t dim = b->spec.queries.dim;

	switch (b->spec.metric) {
	case VS_IP:
		vs_tile_limit_ip(thr, q->norm2, dim, &g->limit_f[i],
				 &g->gain[i]);
		break;
	case VS_COSINE:
		limit_cosine_f32(b, q, thr, g, i);
		break;
	case VS_L1:
		vs_tile_limit_l1(thr, dim, &g->limit_f[i], &g->gain[i]);
		break;
	default:
		vs_tile_limit_l2(thr, q->norm2, dim, &g->limit_f[i],
				 &g->gain[i]);
	}
}

void vs_group_limit(const struct vs_batch *b, struct vs_group *g, unsigned i)
{
	const struct vs_query *q;
	int64_t key;
	float thr;

	if (i >= g->n) { /* an empty place of the tile lets nothing pass */
		g->limit_i[i] = INT32_MIN;
		g->limit_f[i] = -INFINITY;
		g->gain[i] = 0;
		g->c[i] = INFINITY;
		g->g0[i] = 0;
		g->g1[i] = 0;
		return;
	}
	q = &b->query[g->query[i]];
	key = atomic_load_explicit(&q->limit, memory_order_relaxed);
	if (g->way == VS_WAY_EXACT || g->way == VS_WAY_L1) {
		g->limit_i[i] = limit_exact(b, q, key);
		return;
	}
	if (key == VS_KEY_WORST)
		thr = b->similarity ? -INFINITY : INFINITY;
	else
		thr = vs_f32_of_key(key, b->similarity);
	if (g->way == VS_WAY_COSINE)
		limit_cosine(b, q, thr, g, i);
	if (g->way == VS_WAY_FLOAT)
		limit_float(b, q, thr, g, i);
	if (g->way == VS_WAY_CODES)
		limit_codes(b, q, thr, g, i);
	if (g->way == VS_WAY_PQ)
		vs_group_pq_limit(b, g, i, thr);
}
