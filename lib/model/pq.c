/* pq.c - codes and what they stand for; codebooks are learnt in pq_train.c, and
 * tables of a query made in pq_table.c. */
#include "vs/pq.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "pq_int.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"

#define ITEM_BLOCKS 16u /* blocks of an item of the parallel loop */

/* The nearest divisors of dim at and below m and above it; above is 0 when
 * there is none. */
static void divisors_near(uint32_t dim, uint32_t m, uint32_t *below,
			  uint32_t *above)
{
	uint32_t i;

	*below = 1;
	*above = 0;
	for (i = 1; i <= dim && *above == 0; i++) {
		if (dim % i != 0)
			continue;
		if (i <= m)
			*below = i;
		else
			*above = i;
	}
}

int vs_pq_check_shape(uint32_t dim, uint32_t m, struct vs_err *err)
{
	uint32_t below, above;

	if (m > 0 && dim % m == 0)
		return 0;
	divisors_near(dim, m, &below, &above);
	if (above == 0)
		return vs_fail(err, VS_EUSAGE,
			       "PQ%u cuts %u dimensions in more pieces than "
			       "there are; use PQ%u or a divisor of it", m, dim,
			       below);
	return vs_fail(err, VS_EUSAGE,
		       "PQ%u does not cut %u dimensions in equal pieces; use "
		       "PQ%u or PQ%u", m, dim, below, above);
}

int vs_pq_alloc(struct vs_ctx *ctx, uint32_t dim, uint32_t m, uint32_t bits,
		struct vs_pq *out, struct vs_err *err)
{
	int rc = vs_pq_check_shape(dim, m, err);

	if (rc != 0)
		return rc;
	*out = (struct vs_pq){ .dim = dim,
			       .m = m,
			       .bits = bits,
			       .ksub = 1u << bits,
			       .dsub = dim / m };
	out->codebooks = vs_zalloc(ctx, vs_pq_codebook_count(out),
				   sizeof(float), "codebooks", err);
	return out->codebooks == NULL ? VS_ENOMEM : 0;
}

void vs_pq_free(struct vs_ctx *ctx, struct vs_pq *pq)
{
	vs_free(ctx, pq->codebooks);
	*pq = (struct vs_pq){ 0 };
}

void vs_pq_pack_piece(const struct vs_rows *rows, uint64_t first, size_t n,
		      const struct vs_pq *pq, uint32_t s, float *panels)
{
	const float *x = (const float *)rows->p + first * pq->dim +
			 (size_t)s * pq->dsub;
	size_t padded = vs_round_up(n, VS_PQ_BLOCK), dsub = pq->dsub, i, d;
	float *to;

	for (i = 0; i < padded; i++) {
		to = panels + i / VS_PANEL_ROWS * VS_PANEL_ROWS * dsub +
		     i % VS_PANEL_ROWS;
		for (d = 0; d < dsub; d++)
			to[d * VS_PANEL_ROWS] = i < n ? x[i * pq->dim + d] : 0;
	}
}

/* Scratch of a thread: one block of one piece. */
struct encoder {
	float *panels;
	float *dist;
	uint32_t *index;
};

struct encoding {
	struct vs_ctx *ctx;
	const struct vs_pq *pq;
	const struct vs_rows *rows;
	uint8_t *codes;
	struct encoder *encoder; /* [n_threads] */
};

static void put_codes(const struct vs_pq *pq, uint32_t s,
		      const uint32_t *index, size_t n, uint8_t *codes)
{
	size_t bytes = vs_pq_code_bytes(pq), i;

	if (pq->bits == 8) {
		for (i = 0; i < n; i++)
			codes[i * bytes + s] = (uint8_t)index[i];
		return;
	}
	codes += s / 2;
	for (i = 0; s % 2 == 0 && i < n; i++)
		codes[i * bytes] = (uint8_t)index[i];
	for (i = 0; s % 2 == 1 && i < n; i++)
		codes[i * bytes] |= (uint8_t)(index[i] << 4);
}

static void encode_block(const struct encoding *e, struct encoder *w,
			 uint64_t first, size_t n)
{
	const struct vs_pq *pq = e->pq;
	struct vs_near near = { .panels = w->panels,
				.n_panels = VS_NEAR_PANELS,
				.d = pq->dsub,
				.n_centroids = pq->ksub,
				.dist = w->dist,
				.index = w->index };
	uint32_t s;

	for (s = 0; s < pq->m; s++) {
		vs_pq_pack_piece(e->rows, first, n, pq, s, w->panels);
		near.centroids = pq->codebooks +
				 (size_t)s * pq->ksub * pq->dsub;
		e->ctx->kern->nearest_f32(&near);
		put_codes(pq, s, w->index, n,
			  e->codes + first * vs_pq_code_bytes(pq));
	}
}

static int encode_item(void *arg, size_t item, unsigned thread,
		       struct vs_err *err)
{
	struct encoding *e = arg;
	uint64_t first = (uint64_t)item * ITEM_BLOCKS * VS_PQ_BLOCK;
	uint64_t end = vs_min_u64(first + ITEM_BLOCKS * VS_PQ_BLOCK,
				  e->rows->n);

	for (; first < end; first += VS_PQ_BLOCK) {
		if (vs_ctx_stopping(e->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		encode_block(e, &e->encoder[thread], first,
			     (size_t)vs_min_u64(end - first, VS_PQ_BLOCK));
	}
	return 0;
}

static int encoders_alloc(struct encoding *e, struct vs_err *err)
{
	unsigned t;

	e->encoder = vs_zalloc(e->ctx, e->ctx->n_threads, sizeof(*e->encoder),
			       "encoding", err);
	if (e->encoder == NULL)
		return VS_ENOMEM;
	for (t = 0; t < e->ctx->n_threads; t++) {
		struct encoder *w = &e->encoder[t];

		w->panels = vs_alloc(e->ctx, VS_PQ_BLOCK,
				     e->pq->dsub * sizeof(float), "encoding",
				     err);
		if (w->panels == NULL)
			return VS_ENOMEM;
		w->dist = vs_alloc(e->ctx, VS_PQ_BLOCK, sizeof(float),
				   "encoding", err);
		if (w->dist == NULL)
			return VS_ENOMEM;
		w->index = vs_alloc(e->ctx, VS_PQ_BLOCK, sizeof(uint32_t),
				    "encoding", err);
		if (w->index == NULL)
			return VS_ENOMEM;
	}
	return 0;
}

static void encoders_free(struct encoding *e)
{
	unsigned t;

	for (t = 0; e->encoder != NULL && t < e->ctx->n_threads; t++) {
		vs_free(e->ctx, e->encoder[t].panels);
		vs_free(e->ctx, e->encoder[t].dist);
		vs_free(e->ctx, e->encoder[t].index);
	}
	vs_free(e->ctx, e->encoder);
}

int vs_pq_encode(struct vs_ctx *ctx, const struct vs_pq *pq,
		 const struct vs_rows *rows, uint8_t *codes,
		 struct vs_err *err)
{
	struct encoding e = { .ctx = ctx,
			      .pq = pq,
			      .rows = rows,
			      .codes = codes };
	size_t items = (size_t)vs_div_up(rows->n, ITEM_BLOCKS * VS_PQ_BLOCK);
	int rc = encoders_alloc(&e, err);

	if (rc == 0)
		rc = vs_par_for(ctx, items, encode_item, &e, err);
	encoders_free(&e);
	return rc;
}

void vs_pq_decode(const struct vs_pq *pq, const uint8_t *codes, float *row)
{
	size_t dsub = pq->dsub;
	uint32_t s;

	for (s = 0; s < pq->m; s++)
		memcpy(row + s * dsub,
		       pq->codebooks + ((size_t)s * pq->ksub +
					vs_pq_code(pq, codes, s)) * dsub,
		       dsub * sizeof(float));
}

void vs_pq_encode_panel(const struct vs_kern *kern, const struct vs_pq *pq,
			const float *panel, uint8_t *codes)
{
	_Alignas(64) float dist[VS_PANEL_ROWS];
	_Alignas(64) uint32_t index[VS_PANEL_ROWS];
	struct vs_near near = { .n_panels = 1,
				.d = pq->dsub,
				.n_centroids = pq->ksub,
				.dist = dist,
				.index = index };
	size_t width = (size_t)pq->dsub * VS_PANEL_ROWS, i;
	unsigned shift;
	uint32_t s;

	memset(codes, 0, vs_pq_code_bytes(pq) * VS_PANEL_ROWS);
	for (s = 0; s < pq->m; s++) {
		near.panels = panel + s * width;
		near.centroids = pq->codebooks +
				 (size_t)s * pq->ksub * pq->dsub;
		kern->nearest_f32(&near);
		shift = pq->bits == 4 ? s % 2 * 4 : 0;
		for (i = 0; i < VS_PANEL_ROWS; i++)
			codes[i] |= (uint8_t)(index[i] << shift);
		if (pq->bits == 8 || s % 2 == 1)
			codes += VS_PANEL_ROWS;
	}
}

/* The number of dimensions of a piece is a constant where these are inlined. */
static inline __attribute__((always_inline)) void
decode_bytes(const struct vs_pq *pq, const uint8_t *panel, size_t d, float *row)
{
	const float *c = pq->codebooks;
	uint32_t s;

	for (s = 0; s < pq->m; s++, c += 256 * d, row += d)
		memcpy(row, c + panel[s * VS_PANEL_ROWS] * d,
		       d * sizeof(float));
}

static inline __attribute__((always_inline)) void
decode_halves(const struct vs_pq *pq, const uint8_t *panel, size_t d,
	      float *row)
{
	const float *c = pq->codebooks;
	uint32_t s;

	for (s = 0; s + 2 <= pq->m; s += 2, c += 32 * d, row += 2 * d) {
		memcpy(row, c + (*panel & 15u) * d, d * sizeof(float));
		memcpy(row + d, c + (16u + (*panel >> 4)) * d,
		       d * sizeof(float));
		panel += VS_PANEL_ROWS;
	}
	if (s < pq->m)
		memcpy(row, c + (*panel & 15u) * d, d * sizeof(float));
}

void vs_pq_decode_lane(const struct vs_pq *pq, const uint8_t *panel,
		       unsigned lane, float *row)
{
	size_t d = pq->dsub;

	panel += lane;
	if (pq->bits == 8 && d == 4)
		decode_bytes(pq, panel, 4, row);
	else if (pq->bits == 8 && d == 2)
		decode_bytes(pq, panel, 2, row);
	else if (pq->bits == 8)
		decode_bytes(pq, panel, d, row);
	else if (d == 2)
		decode_halves(pq, panel, 2, row);
	else
		decode_halves(pq, panel, d, row);
}

double vs_pq_radius(const struct vs_pq *pq)
{
	double sum = 0, most, norm2;
	const float *c = pq->codebooks;
	uint32_t s, j;

	for (s = 0; s < pq->m; s++) {
		for (most = 0, j = 0; j < pq->ksub; j++, c += pq->dsub) {
			norm2 = vs_norm2_f32(c, pq->dsub);
			most = norm2 > most ? norm2 : most;
		}
		sum += most;
	}
	return sqrt(sum) * (1 + 0x1p-40);
}
