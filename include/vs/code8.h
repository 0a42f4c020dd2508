/* code8.h - 8-bit codes of float rows, and the bound by which a scan of them
 * may reject rows: the exact answer comes from the rows themselves.
 *
 * Each dimension has a middle m and a step s; a row x has codes u with
 * x = m + s (u - 128) + e.  A query q is written as s q = t v + f with whole
 * numbers v of 8 bits.  Then, with acc = sum(u v) from a byte tile,
 *
 *     x.q = m.q - 128 t sum(v) + t acc + sum((u - 128) f) + e.q
 *        <= base + t acc + |u - 128| |f| + |e| |q|         (Cauchy-Schwarz)
 *
 * A row carries one number for both error terms: slack = |e| + g |x| +
 * kappa |u - 128|, where g is the error of the canonical f32 kernels
 * (vs_f32_gamma), so that slack * max(|q|, |f| / kappa) bounds their sum.
 * Values that do not fit a dimension's range make e large and the row passes:
 * outliers cost time, never an answer.
 */
#ifndef VS_CODE8_H
#define VS_CODE8_H

#include "vs/ctx.h"
#include "vs/types.h"

struct vs_code8 {
	uint32_t dim;
	float *mid;  /* [dim], owned */
	float *step; /* [dim], owned; 0 where a dimension is constant */
	float kappa; /* > 0 */
};

/* Whether rows of this kind have codes: floats under L2, IP and cosine, up to
 * VS_LIN_DIM_MAX dimensions. */
bool vs_code8_wanted(enum vs_dtype dtype, enum vs_metric metric, uint32_t dim);

/* How many sample rows ranges are learnt from, at most. */
uint64_t vs_code8_sample(uint32_t dim);

/* Sample rows [n][dim], n >= 1, of f32 or f16. */
struct vs_code8_rows {
	const void *p;
	enum vs_dtype dtype;
	size_t n;
	uint32_t dim;
	bool whole; /* ranges are from the least to the largest value */
};

/* Learns the ranges from a sample: from the smallest to the largest value of
 * each dimension, unless whole but for one of 2,048 at each end.  Codes beside
 * rows are finer for it, and outliers only pass; codes in the place of rows
 * would lose what lies beyond.  Parallel. */
int vs_code8_train(struct vs_ctx *ctx, const struct vs_code8_rows *sample,
		   struct vs_code8 *out, struct vs_err *err) VS_MUST_CHECK;
int vs_code8_alloc(struct vs_ctx *ctx, uint32_t dim, struct vs_code8 *out,
		   struct vs_err *err) VS_MUST_CHECK;
void vs_code8_free(struct vs_ctx *ctx, struct vs_code8 *c);

/* The codes of one row and its slack, rounded up; +INFINITY: always passes. */
float vs_code8_encode(const struct vs_code8 *c, const float *row,
		      uint8_t *codes);

/* The slack alone, of a row and codes that are its own or close to it. */
float vs_code8_slack(const struct vs_code8 *c, const float *row,
		     const uint8_t *codes);

/* What codes stand for: m + s (u - 128), the product and the sum rounded to
 * f32 each. */
void vs_code8_decode(const struct vs_code8 *c, const uint8_t *codes,
		     float *row);
/* The same of lane `lane` of a panel of codes, and of all 16 rows of one, as a
 * panel of f32. */
void vs_code8_decode_lane(const struct vs_code8 *c, const uint8_t *panel,
			  unsigned lane, float *row);
void vs_code8_decode_panel(const struct vs_code8 *c, const uint8_t *panel,
			   float *out);
/* VS_EDATA when some code stands for no finite number. */
int vs_code8_check(const struct vs_code8 *c, const char *name,
		   struct vs_err *err) VS_MUST_CHECK;

/* What the bound needs of a query. */
struct vs_code8_query {
	double t;     /* > 0 */
	double base;  /* m.q - 128 t sum(v) */
	double reach; /* max(|q|, |f| / kappa), rounded up */
};

/* v goes to codes[dim]. */
void vs_code8_query(const struct vs_code8 *c, const float *q, double q_norm2,
		    int8_t *codes, struct vs_code8_query *out);

#endif
