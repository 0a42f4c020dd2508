/* pq.h - product quantizers: vectors cut in m pieces, each coded by the number
 * of the nearest of 16 or 256 centroids of its place.
 *
 * H. Jégou, M. Douze and C. Schmid, "Product quantization for nearest neighbor
 * search", IEEE Trans. PAMI 33 (2011).
 *
 * A codebook is learnt by Lloyd's k-means from seeds that are chosen with the
 * square of their distance to those before as weight (D. Arthur and S.
 * Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007).
 * Everything is computed by canonical kernels and in sums that do not depend on
 * order: codebooks, codes and tables are the same bits for any instruction set
 * and thread count.
 */
#ifndef VS_PQ_H
#define VS_PQ_H

#include "vs/coarse.h"

struct vs_kern;

struct vs_pq {
	uint32_t dim;
	uint32_t m;    /* pieces */
	uint32_t bits; /* of a code: 8 or 4 */
	uint32_t ksub; /* centroids of a piece: 256 or 16 */
	uint32_t dsub; /* dimensions of a piece: dim / m */
	float *codebooks; /* [m][ksub][dsub], owned; finite */
};

/* VS_EUSAGE unless m divides dim; the message names an m that does. */
int vs_pq_check_shape(uint32_t dim, uint32_t m,
		      struct vs_err *err) VS_MUST_CHECK;
/* Codebooks of zeros; checks the shape.  bits is 8 or 4. */
int vs_pq_alloc(struct vs_ctx *ctx, uint32_t dim, uint32_t m, uint32_t bits,
		struct vs_pq *out, struct vs_err *err) VS_MUST_CHECK;
void vs_pq_free(struct vs_ctx *ctx, struct vs_pq *pq);

static inline size_t vs_pq_codebook_count(const struct vs_pq *pq)
{
	return (size_t)pq->ksub * pq->dim;
}

/* Bytes of the codes of a row: m, or two codes a byte, the even one in the low
 * bits; 0 fills up. */
static inline size_t vs_pq_code_bytes(const struct vs_pq *pq)
{
	return pq->bits == 8 ? pq->m : (pq->m + 1) / 2;
}

/* Whether codes of an index are of what rows differ by from the centroids of
 * their cells: not under L1, whose tables would hold for one cell only. */
static inline bool vs_pq_residual(enum vs_metric metric, bool centroids)
{
	return centroids && metric != VS_L1;
}

struct vs_pq_params {
	uint32_t iterations;
	uint64_t seed;
};

/* Most rows that training reads. */
#define VS_PQ_TRAIN_MAX (1u << 22)

/* Learns the codebooks of pq, as vs_pq_alloc made it, from rows of f32 (at
 * least ksub, else VS_EDATA).  *error: the mean over rows of the squared
 * distance to what their codes stand for, may be NULL.  Pieces are learnt in
 * parallel.  VS_EAGAIN when the context says stop. */
int vs_pq_train(struct vs_ctx *ctx, const struct vs_rows *rows,
		const struct vs_pq_params *params, struct vs_pq *pq,
		double *error, struct vs_err *err) VS_MUST_CHECK;
/* The least memory that vs_pq_train takes. */
uint64_t vs_pq_train_bytes(const struct vs_pq *pq, uint64_t n_rows);

/* Codes of rows of f32: [n][vs_pq_code_bytes].  Parallel. */
int vs_pq_encode(struct vs_ctx *ctx, const struct vs_pq *pq,
		 const struct vs_rows *rows, uint8_t *codes,
		 struct vs_err *err) VS_MUST_CHECK;
/* What the codes of one row stand for. */
void vs_pq_decode(const struct vs_pq *pq, const uint8_t *codes, float *row);

/* The same in panels, as scans want them (vs/kern.h, filter_pq8 and
 * filter_pq4): a panel of 16 rows of f32 [dim][16], 64-byte aligned, to 16 *
 * vs_pq_code_bytes bytes of codes; and row `lane` of such codes back. */
void vs_pq_encode_panel(const struct vs_kern *kern, const struct vs_pq *pq,
			const float *panel, uint8_t *codes);
void vs_pq_decode_lane(const struct vs_pq *pq, const uint8_t *panel,
		       unsigned lane, float *row);

/* A number that no sum of one centroid of each piece is longer than. */
double vs_pq_radius(const struct vs_pq *pq);

/* Code s of a row. */
static inline uint32_t vs_pq_code(const struct vs_pq *pq, const uint8_t *codes,
				  uint32_t s)
{
	if (pq->bits == 8)
		return codes[s];
	return (unsigned)codes[s / 2] >> s % 2 * 4 & 15u;
}

/* Codebooks as panels: [m][ksub / 16][dsub][16]; as many floats. */
void vs_pq_panels(const struct vs_pq *pq, float *panels);

/* table[m][ksub]: what each code adds to a value of q: the squared distance,
 * the sum of absolute differences or the product (VS_IP and VS_COSINE alike) of
 * a piece of q and a centroid.  Canonical: over the dimensions of a piece in
 * ascending order, no two operations fused.  panels: of vs_pq_panels; they and
 * table are 64-byte aligned. */
void vs_pq_tables(const struct vs_kern *kern, const struct vs_pq *pq,
		  const float *panels, enum vs_metric metric, const float *q,
		  float *table);

#endif
