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
	/* [padded]: of L2, of IP, and of either for bytes as they are; padding
	 * +inf. */
	float *terms[4];
	float *mid;      /* [dim] */
	float *step;     /* [dim] */
	bool bytes;      /* made for bytes: all steps are one */
	enum vs_dtype rows;
	int bias;        /* a byte of such a row is v + bias */
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
};

/* Scratch of one thread. */
struct vs_coarse_scratch {
	float *packed;    /* [dim][VS_TILE_W] */
	int8_t *packed8;  /* the same of whole numbers */
	int8_t *whole;    /* [VS_TILE_W][dim] */
	float *scores;    /* [VS_TILE_W][padded nlist] */
	float *wide;      /* [VS_TILE_W][dim]: the rows as f32 */
	uint32_t *near;   /* cells within the bound */
	size_t n_near;
	struct vs_hit *hit; /* cells with canonical keys */
	unsigned rest;    /* tiles for which codes are not worth their time */
};

/* Centroids that moved, gathered for all threads. */
struct vs_coarse_moved {
	struct vs_field field;
	uint8_t *panels;
	float *terms;
	uint32_t *place; /* [nlist]: in field; UINT32_MAX: stood still */
};

/* One call of assign or probe.  Each worker of the parallel loop has a scratch
 * and takes items until none are left, so there need be no more scratches than
 * items, nor more than memory allows. */
struct vs_coarse_job {
	struct vs_ctx *ctx;
	const struct vs_coarse *c;
	const struct vs_rows *rows;
	const struct vs_coarse_track *track; /* or NULL */
	const struct vs_coarse_moved *moved; /* with track, or NULL: all */
	enum vs_metric metric; /* VS_L2 or VS_IP */
	uint32_t nprobe; /* 0: assign */
	bool alone; /* on the calling thread */
	uint32_t taper;  /* of nprobe; 0: all are wanted */
	double *reach;   /* with taper: L of 0..nprobe + 1 (coarse_taper.c) */
	bool spill;      /* two cells of each row, from nprobe near ones */
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
/* A row of a tile, and what its scores say. */
struct vs_coarse_row {
	uint64_t i;
	const float *f32;
	float *scores; /* term - gain * acc, or of floats */
	float gain;
	/* How far two scores must lie apart to be sure of the canonical
	 * order. */
	float zone;
	/* L2: a canonical distance is its score + base, within half the zone;
	 * floats are scored without: -infinity. */
	double base;
};

/* Row r->i in whole numbers; gain, zone and base. */
void vs_coarse_code_row(const struct vs_coarse_job *j, struct vs_coarse_row *r,
			int8_t *whole);
/* The terms that such rows and metric want. */
const float *vs_coarse_code_terms(const struct vs_coarse_job *j);
/* Codes and terms of some cells, as panels. */
void vs_coarse_code_gather(const struct vs_coarse_job *j,
			   const uint32_t *cells, uint32_t n, uint8_t *panels,
			   float *terms);

/* coarse_pick.c.  The nearest cell, or the nprobe nearest, from the scores of
 * all centroids; both return how many cells the scores left open.  With a track
 * the scores are spent. */
size_t vs_coarse_nearest(const struct vs_coarse_job *j,
			 struct vs_coarse_scratch *s,
			 const struct vs_coarse_row *r);
size_t vs_coarse_nearest_some(const struct vs_coarse_job *j,
			      struct vs_coarse_scratch *s,
			      const struct vs_coarse_row *r);
/* coarse_taper.c.  The cells that a taper leaves: from the scores of the near
 * cells, or false where these do not tell; or from the n near cells in s->hit,
 * with canonical keys and in no order. */
int vs_coarse_taper_init(struct vs_coarse_job *j,
			 struct vs_err *err) VS_MUST_CHECK;
void vs_coarse_taper_clear(struct vs_coarse_job *j);
bool vs_coarse_taper_by_scores(const struct vs_coarse_job *j,
			       struct vs_coarse_scratch *s,
			       const struct vs_coarse_row *r);
void vs_coarse_taper(const struct vs_coarse_job *j, struct vs_coarse_scratch *s,
		     const struct vs_coarse_row *r, size_t n);
size_t vs_coarse_best_of(const struct vs_hit *h, size_t n);
/* coarse_spill.c.  The two cells of a row, from the n in s->hit. */
void vs_coarse_spill(const struct vs_coarse_job *j, struct vs_coarse_scratch *s,
		     const struct vs_coarse_row *r, size_t n);
size_t vs_coarse_count_le(const float *v, size_t n, float limit);
/* Brings the nth best, from 0 on, to its place in h, and what is better before
 * it in no order. */
void vs_coarse_best_first(struct vs_hit *h, size_t n, size_t nth);
int64_t vs_coarse_key(const struct vs_coarse_job *j,
		      const struct vs_coarse_row *r, uint32_t cell);

/* coarse_track.c. */
int vs_coarse_moved_init(const struct vs_coarse_job *j,
			 struct vs_coarse_moved *m,
			 struct vs_err *err) VS_MUST_CHECK;
void vs_coarse_moved_clear(struct vs_ctx *ctx, struct vs_coarse_moved *m);
/* The track of a row from the scores of the centroids that moved, which are
 * spent.  False, and nothing is changed, when one that stood still may be
 * nearer. */
bool vs_coarse_follow(const struct vs_coarse_job *j,
		      struct vs_coarse_scratch *s,
		      const struct vs_coarse_row *r);
/* The nearest of s->near, ties by the lower cell; each is the cell map[] says,
 * or itself.  best and key[0] come in as what is known already, and key[1] gets
 * the next best key.  The scores of all are spent. */
uint32_t vs_coarse_two_best(const struct vs_coarse_job *j,
			    const struct vs_coarse_scratch *s,
			    const struct vs_coarse_row *r, const uint32_t *map,
			    uint32_t best, int64_t key[2]);
/* Nearest of s->near, which are all that may be, for the track. */
void vs_coarse_nearest_tracked(const struct vs_coarse_job *j,
			       const struct vs_coarse_scratch *s,
			       const struct vs_coarse_row *r);
/* A bound for all that the first n scores are of. */
float vs_coarse_bound(const struct vs_kern *kern,
		      const struct vs_coarse_row *r, uint32_t n);

#endif
