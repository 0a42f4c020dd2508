/* coarse_int.h - what the files of the coarse quantizer share.
 *
 * A tile of VS_TILE_W rows meets centroids; its scores lie in one buffer that
 * stays in cache and is searched twice: for the smallest (or the nprobe-th
 * smallest) and for everything within the error bound of it.  Scores come from
 * 8-bit codes of the centroids, or from floats where codes would not tell
 * cells apart.
 */
#ifndef VS_COARSE_INT_H
#define VS_COARSE_INT_H

#include <stdatomic.h>

#include "vs/coarse.h"
#include "vs/hit.h"
#include "vs/kern.h"

/* 8-bit codes u of the centroids: c = mid + step (u - 128) + e.  A row is
 * written in whole numbers v of 8 bits times t, see coarse_code.c. */
struct vs_coarse_code {
	uint8_t *panels;
	float *terms[2]; /* [padded]: of L2, of IP; padding +inf */
	float *mid;      /* [dim] */
	float *step;     /* [dim] */
	bool bytes;      /* rows are bytes, and all steps are one */
	enum vs_dtype rows;
	int bias;        /* a byte of a row is v + bias */
	double lost;     /* largest |e| */
	double spread;   /* largest |u - 128| */
	double reach2;   /* largest |c - mid|^2 */
	double term_max; /* largest magnitude of a term */
};

struct vs_coarse {
	uint32_t nlist;
	uint32_t dim;
	size_t n_panels;
	float *panels;  /* [n_panels] panels */
	float *terms;   /* |c|^2 per panel row; padding +inf */
	float *zeros;   /* terms under IP: 0, padding +inf */
	float *rows;    /* [nlist][dim], for the canonical kernel */
	double max_norm2;
	bool has_code;
	struct vs_coarse_code code;
};

/* Centroids that a tile of rows meets: all of them, or some in an order of
 * their own. */
struct vs_field {
	const uint8_t *panels; /* of codes; NULL: the floats of all */
	const float *terms;
	size_t n_panels;
	uint32_t n;
	const uint32_t *map; /* [n]: their cells; NULL: as they come */
};

/* Scratch of one thread. */
struct vs_coarse_scratch {
	float *packed;    /* [dim][VS_TILE_W] */
	int8_t *packed8;  /* the same of whole numbers */
	int8_t *whole;    /* [VS_TILE_W][dim] */
	float *scores;    /* [VS_TILE_W][padded nlist] */
	float *wide;      /* [VS_TILE_W][dim]: the rows as f32 */
	uint32_t *near;   /* cells within the bound */
	struct vs_hit *hit; /* cells with canonical keys */
	uint8_t *panels;  /* gathered: [near panels] */
	float *terms;
	unsigned rest;    /* tiles for which codes are not worth their time */
};

/* One call of assign or probe.  Each worker of the parallel loop has a scratch
 * and takes items until none are left, so there need be no more scratches than
 * items, nor more than memory allows. */
struct vs_coarse_job {
	struct vs_ctx *ctx;
	const struct vs_coarse *c;
	const struct vs_rows *rows;
	const struct vs_coarse_near *near; /* or NULL: all centroids */
	enum vs_metric metric; /* VS_L2 or VS_IP */
	uint32_t nprobe; /* 0: assign */
	uint32_t *cells;
	float *dist;
	struct vs_coarse_scratch *scratch; /* [n_workers] */
	size_t n_workers;
	size_t n_items;
	atomic_size_t next; /* the item to be taken */
};

/* coarse_code.c.  Codes of c->rows for rows of this type; c->has_code stays
 * false where they would be of no use. */
int vs_coarse_code_init(struct vs_ctx *ctx, struct vs_coarse *c,
			enum vs_dtype rows, struct vs_err *err) VS_MUST_CHECK;
void vs_coarse_code_clear(struct vs_ctx *ctx, struct vs_coarse *c);
uint64_t vs_coarse_code_bytes(uint32_t nlist, uint32_t dim);
/* A row, as it is and as floats, in whole numbers.  Scores are term - gain *
 * acc; *zone is how far two of them must lie apart to be sure of the canonical
 * order. */
void vs_coarse_code_row(const struct vs_coarse_job *j, const void *row,
			const float *f32, int8_t *whole, float *gain,
			float *zone);
/* Codes and terms of some cells, as panels. */
void vs_coarse_code_gather(const struct vs_coarse *c, enum vs_metric metric,
			   const uint32_t *cells, uint32_t n, uint8_t *panels,
			   float *terms);

/* coarse_pick.c.  The nearest cell, or the nprobe nearest, of row i from the
 * scores of a field; both return how many cells the scores left open. */
size_t vs_coarse_nearest(const struct vs_coarse_job *j,
			 struct vs_coarse_scratch *s, const struct vs_field *f,
			 uint64_t i, const float *row, const float *scores,
			 float zone);
size_t vs_coarse_nearest_some(const struct vs_coarse_job *j,
			      struct vs_coarse_scratch *s, uint64_t i,
			      const float *row, const float *scores,
			      float zone);

#endif
