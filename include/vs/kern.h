/* kern.h - the kernels: one const table per instruction set.
 *
 * Law ("Numbers that never move" in ARCHITECTURE.md): tiles filter, one
 * canonical kernel decides.
 *
 * Canonical kernels give the same bits in every table:
 *   u8   exact integers;
 *   f32  element i goes to lane i mod 16; lane += x*y or (x-y)*(x-y), each a
 *        rounded multiplication and a rounded addition, never fused, or
 *        lane += |x-y|; the 16 lanes are added as a tree: 8 apart, 4, 2, 1
 *        (l[j] += l[j+8]; l[j] += l[j+4]; l[0..1] += l[2..3]; l[0] + l[1]);
 *   f32 in f64  the same shape, elements widened to double first.
 * A missing tail element counts as +0.0 in both operands.
 *
 * Tiles may compute in any order and with fused operations.  A u8 tile is
 * exact (d <= VS_TILE_U8_DIM_MAX).  An f32 tile carries the error bound below,
 * which its caller folds into the limits; it then only rejects rows that the
 * canonical kernel would reject too.
 *
 * Panels: the rows of an index stand in groups of 16.
 *   u8   [ceil(d/4)][16][4] bytes: 4 dimensions of each of 16 rows together;
 *        missing dimensions are 0.
 *   f32  [d][16] floats: one dimension of 16 rows together.
 * Rows missing from the last panel are zeros.
 *
 * Packed queries stand in groups of w (VS_TILE_W or fewer):
 *   u8   [ceil(d/4)][w][4] signed bytes, q - 128; missing dimensions are 0,
 *        for L1 the bytes as they are;
 *   f32  [d][w] floats.
 *
 * i8 rows and queries are u8 ones here, 128 added to each element: L2 and L1
 * stay what they are, and products follow (vs/panel.h).
 * Missing queries are zeros.
 *
 * All panel, packed and term pointers are 64-byte aligned; row pointers need
 * only the alignment of their element.  Nothing outside the stated extents is
 * read or written.
 */
#ifndef VS_KERN_H
#define VS_KERN_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vs/types.h"

#define VS_PANEL_ROWS 16u /* rows of a panel */
#define VS_TILE_W 12u     /* queries of a full tile */
#define VS_TILE_PANELS 8u /* most panels of one filter call: 128 rows */
/* Scores of wider rows overflow int32: |score| is at most 255^2 d with the
 * terms of L2 and 2 * 255^2 d with those of IP. */
#define VS_TILE_U8_DIM_MAX 32768u
#define VS_TILE_U8_IP_DIM_MAX 16512u

/* Panels of n rows; bytes of one panel. */
static inline uint64_t vs_panels_of(uint64_t n)
{
	return n / VS_PANEL_ROWS + (n % VS_PANEL_ROWS != 0);
}

/* Of a panel as files hold it; those of halves are widened before use. */
static inline size_t vs_panel_bytes(enum vs_dtype t, size_t d)
{
	if (t == VS_U8 || t == VS_I8)
		return (d + 3) / 4 * 64;
	return t == VS_F16 ? d * 32 : d * 64;
}

/* A row that passed a filter.  q: index in the tile, 0..w-1; row: index in the
 * panels of the call, 0..16*n_panels-1; score: term - 2*acc, u8 tiles only. */
struct vs_pass {
	uint16_t q;
	uint16_t row;
	int32_t score;
};

#define VS_PASS_MAX (VS_TILE_W * VS_TILE_PANELS * VS_PANEL_ROWS)

/* Linear bounds: a row passes unless
 *     acc < c[q] + g0[q] * t0[row] + g1[q] * t1[row]
 * with the right side computed in f32 in this order (products first, then the
 * sum of the two, then c), kept within +-VS_LIN_MAX and rounded to the nearest
 * integer; a NaN lets the row pass.  The caller makes the bound low enough for
 * these roundings.  The sum keeps within 32 bits up to VS_LIN_DIM_MAX. */
struct vs_tile_lin {
	const float *t0; /* [16*n_panels], 64-byte aligned, as is t1 */
	const float *t1;
	const float *c; /* [w] */
	const float *g0;
	const float *g1;
};

#define VS_LIN_MAX 0x1p30f
#define VS_LIN_DIM_MAX 16384u

/* u8: acc = sum(row[i] * packed[i]); score = term - 2*acc; passes when
 * score <= limit[q].  With packed = q - 128 the caller chooses
 *   L2: term = sum(x*x) - 256*sum(x)   =>  |x-q|^2 = score + |q|^2
 *   IP: term = -256*sum(x)             =>  x.q = -score / 2
 * Padding rows carry VS_TERM_PAD_U8 so that they seldom pass; a caller drops
 * row indices past its count.
 *
 * filter_l1_u8: acc = sum(|row[i] - packed[i]|) of queries packed for L1;
 * passes when score = acc <= limit[q]; terms and lin are not read. */
struct vs_tile_u8 {
	const uint8_t *panels;
	size_t n_panels; /* 1..VS_TILE_PANELS */
	size_t d;        /* 1..VS_TILE_U8_DIM_MAX */
	const int8_t *packed;
	unsigned w;   /* 1, 4, 8 or 12: the width the queries are packed for */
	unsigned n_q; /* 1..w: queries that are real */
	const int32_t *terms; /* [16*n_panels] */
	const int32_t *limit; /* [w] */
	/* NULL, or linear bounds instead of terms and limit; scores are 0 */
	const struct vs_tile_lin *lin;
};

/* f32: acc ~ sum(row[i] * packed[i]); passes unless
 *     -2*acc > limit[q] + gain[q] * term
 * (a NaN anywhere passes).  See vs_f32_gamma for the choice of limit and gain.
 *
 * filter_l1_f32: acc ~ -sum(|row[i] - packed[i]|), the same rule.
 */
struct vs_tile_f32 {
	const float *panels;
	size_t n_panels; /* 1..VS_TILE_PANELS, any for scores */
	size_t d;        /* 1..VS_DIM_MAX */
	const float *packed;
	unsigned w;
	unsigned n_q;
	const float *terms; /* [16*n_panels] */
	const float *limit; /* [w] */
	const float *gain;  /* [w] */
};

/* All scores of bytes: out = term[row] - gain[q] * acc with acc = sum(row[i] *
 * packed[i]), which is exact; in f32, each operation rounded or both at once.
 */
struct vs_tile_scores {
	const uint8_t *panels;
	size_t n_panels; /* 1 or more */
	size_t d;	 /* 1..VS_LIN_DIM_MAX */
	const int8_t *packed;
	unsigned w; /* as of struct vs_tile_u8 */
	unsigned n_q;
	const float *terms; /* [16*n_panels], 64-byte aligned */
	const float *gain;  /* [w] */
};

/* Codes of product quantizers (vs/pq.h) of m pieces, and bytes that stand for
 * what each code of a piece adds to a query's value, rounded down.
 *
 * filter_pq8: panels are [m][16] codes; tables [m][256].
 * filter_pq4: panels are [ceil(m/2)][16] bytes, the code of an even piece in
 * the low bits, of the odd one after it in the high bits; tables are
 * [ceil(m/8)][2][4][16]: of 8 pieces first the even, then the odd ones, zeros
 * for pieces that are missing.  The largest bytes of the two pieces of a byte
 * add up to at most 255.
 *
 * acc = the sum of the m bytes, at most VS_PQ_SUM_MAX; a row passes unless
 *     acc > c[q] + g[q] * term[row]
 * computed in f32, each operation rounded; a NaN lets the row pass. */
struct vs_tile_pq {
	const uint8_t *panels; /* no alignment */
	size_t n_panels;       /* 1..VS_TILE_PANELS */
	size_t m;
	const uint8_t *const *tables; /* [n_q], 64-byte aligned */
	unsigned n_q;                 /* 1..VS_TILE_W */
	const float *terms; /* [16*n_panels]; NULL: all 0 */
	const float *c;     /* [n_q] */
	const float *g;     /* [n_q] */
};

#define VS_PQ_SUM_MAX 32767u

/* Bytes of the tables of a query. */
static inline size_t vs_pq8_table_bytes(size_t m)
{
	return m * 256;
}

static inline size_t vs_pq4_table_bytes(size_t m)
{
	return (m + 7) / 8 * 128;
}

/* Where the 16 bytes of a piece begin in the tables of filter_pq4. */
static inline size_t vs_pq4_table_at(size_t piece)
{
	return piece / 8 * 128 + piece % 2 * 64 + piece % 8 / 2 * 16;
}

/* The nearest of n_centroids rows [n_centroids][d] to each row of f32 panels,
 * the lowest on ties, and its distance.  For few dimensions.  Canonical:
 *     (x0-c0)^2 + (x1-c1)^2 + ...
 * in ascending order, no two operations fused.  A NaN is never the nearest; a
 * row to which all are infinitely far or NaN has index 0 and distance
 * INFINITY. */
struct vs_near {
	const float *panels; /* 64-byte aligned, as are dist and index */
	size_t n_panels;     /* fastest in multiples of VS_NEAR_PANELS */
	size_t d;            /* >= 1 */
	const float *centroids;
	uint32_t n_centroids; /* >= 1 */
	float *dist;     /* [16 * n_panels] */
	uint32_t *index; /* [16 * n_panels] */
};

#define VS_NEAR_PANELS 4u

struct vs_kern {
	const char *name; /* the word of its level, see vs_cpu_parse */

	/* Canonical, one query x n rows of d elements, stride elements apart;
	 * d is 0..VS_DIM_MAX. */
	void (*l2sq_f32)(const float *q, const float *rows, size_t stride,
			 size_t n, size_t d, float *out);
	void (*ip_f32)(const float *q, const float *rows, size_t stride,
		       size_t n, size_t d, float *out);
	void (*l1_f32)(const float *q, const float *rows, size_t stride,
		       size_t n, size_t d, float *out);
	void (*l2sq_f32_f64)(const float *q, const float *rows, size_t stride,
			     size_t n, size_t d, double *out);
	void (*ip_f32_f64)(const float *q, const float *rows, size_t stride,
			   size_t n, size_t d, double *out);
	void (*l1_f32_f64)(const float *q, const float *rows, size_t stride,
			   size_t n, size_t d, double *out);
	void (*l2sq_u8)(const uint8_t *q, const uint8_t *rows, size_t stride,
			size_t n, size_t d, int64_t *out);
	void (*ip_u8)(const uint8_t *q, const uint8_t *rows, size_t stride,
		      size_t n, size_t d, int64_t *out);
	void (*l1_u8)(const uint8_t *q, const uint8_t *rows, size_t stride,
		      size_t n, size_t d, int64_t *out);

	/* Canonical, one query x the 16 rows of one panel: the same bits as
	 * above.  The query is row-major, not packed. */
	void (*l2sq_f32_panel)(const float *q, const float *panel, size_t d,
			       float out[VS_PANEL_ROWS]);
	void (*ip_f32_panel)(const float *q, const float *panel, size_t d,
			     float out[VS_PANEL_ROWS]);
	void (*l1_f32_panel)(const float *q, const float *panel, size_t d,
			     float out[VS_PANEL_ROWS]);
	void (*l2sq_f32_f64_panel)(const float *q, const float *panel,
				   size_t d, double out[VS_PANEL_ROWS]);
	void (*ip_f32_f64_panel)(const float *q, const float *panel, size_t d,
				 double out[VS_PANEL_ROWS]);
	void (*l1_f32_f64_panel)(const float *q, const float *panel, size_t d,
				 double out[VS_PANEL_ROWS]);
	void (*l2sq_u8_panel)(const uint8_t *q, const uint8_t *panel, size_t d,
			      int64_t out[VS_PANEL_ROWS]);
	void (*ip_u8_panel)(const uint8_t *q, const uint8_t *panel, size_t d,
			    int64_t out[VS_PANEL_ROWS]);
	void (*l1_u8_panel)(const uint8_t *q, const uint8_t *panel, size_t d,
			    int64_t out[VS_PANEL_ROWS]);

	/* Canonical: out[n][16 * n_panels], of rows[n][d] and f32 panels the
	 * products: sum(row[i] * panel row[i]) over ascending i, each product
	 * and each sum rounded, never fused. */
	void (*rotate_f32)(const float *rows, size_t n, size_t d,
			   const float *panels, size_t n_panels, float *out);

	/* Filters: append what passes to pass[] (room for VS_PASS_MAX), ordered
	 * by nothing in particular; return the count. */
	size_t (*filter_u8)(const struct vs_tile_u8 *t, struct vs_pass *pass);
	size_t (*filter_l1_u8)(const struct vs_tile_u8 *t,
			       struct vs_pass *pass);
	size_t (*filter_f32)(const struct vs_tile_f32 *t,
			     struct vs_pass *pass);
	size_t (*filter_l1_f32)(const struct vs_tile_f32 *t,
				struct vs_pass *pass);

	size_t (*filter_pq4)(const struct vs_tile_pq *t, struct vs_pass *pass);
	size_t (*filter_pq8)(const struct vs_tile_pq *t, struct vs_pass *pass);

	/* All scores term - 2*acc of a tile of any number of panels; limit and
	 * gain are ignored.  out[q * out_stride + row], n_q x 16*n_panels;
	 * out_stride >= 16*n_panels. */
	void (*scores_f32)(const struct vs_tile_f32 *t, float *out,
			   size_t out_stride);

	/* n_q x 16*n_panels; out is 64-byte aligned, out_stride a multiple of
	 * 16 and >= 16*n_panels. */
	void (*scores_u8)(const struct vs_tile_scores *t, float *out,
			  size_t out_stride);
	void (*nearest_f32)(const struct vs_near *t);

	/* IEEE half floats (finite) to floats, exactly; h and out need the
	 * alignment of their elements and may not overlap. */
	void (*widen_f16)(const uint16_t *h, size_t n, float *out);

	/* Smallest of n floats (n >= 1; NaN never wins unless all are NaN; a
	 * zero is +0). */
	float (*min_f32)(const float *v, size_t n);
	/* Indices i with v[i] <= limit, ascending, into out (room for n);
	 * returns the count. */
	size_t (*select_le_f32)(const float *v, size_t n, float limit,
				uint32_t *out);
};

/* Levels; VS_CPU_BEST asks for the best this CPU has.  Those of x86-64 are in
 * ascending order; above VS_CPU_GENERIC, ARM has its own. */
enum vs_cpu {
	VS_CPU_GENERIC = 0,
	VS_CPU_AVX2 = 1,
	VS_CPU_AVX512 = 2, /* F, BW, DQ, VL */
	VS_CPU_VNNI = 3,   /* AVX512 and AVX512_VNNI */
	VS_CPU_VBMI = 4,   /* VNNI and AVX512_VBMI */
	VS_CPU_NEON = 5,   /* ARMv8 with dot products of bytes */
	VS_CPU_BEST = 6
};

/* The table of the highest level that is at most cap, of the same kind of
 * processor, and that this CPU and its operating system support.  Never NULL.
 */
const struct vs_kern *vs_kern_select(enum vs_cpu cap);
/* The table of exactly this level, or NULL when this machine cannot run it. */
const struct vs_kern *vs_kern_exact(enum vs_cpu level);
/* "generic", "avx2", "avx512", "vnni", "vbmi", "neon"; false for another word.
 */
bool vs_cpu_parse(const char *word, enum vs_cpu *level);

/* The relative error factor G(d) = (d + 8) * 2^-23 of f32 tiles.
 *
 * With u = 2^-24 and any order of summation, fused or not,
 *     |acc - x.q| <= g |x| |q|,  g = d u / (1 - d u)   (Higham, Accuracy and
 * Stability of Numerical Algorithms, 2nd ed., section 3.1, eq. 3.4), and the
 * canonical kernels obey the same bound.  So a row is safe to reject when
 *   L2: -2 acc > thr (1 + G) - (1 - G) (|q|^2 + |x|^2)
 *       using 2 |x| |q| <= |x|^2 + |q|^2: term = |x|^2, gain = -(1 - G);
 *   IP: -2 acc > -2 thr + 4 G |x| |q|
 *       term = |x| rounded up, gain = 4 G |q|;
 * G is twice g plus room for the roundings of the comparison itself and of
 * terms computed in double and rounded once.  Underflow adds at most
 * d * 2^-125, which vs_tile_limit_l2 and _ip add too.  Overflow: an L2 term
 * stays at FLT_MAX, which only raises the right side; where sums of L2 still
 * overflow to -infinity the canonical distance is infinite too.  An IP term of
 * 2^63 or more is +INFINITY and so is the IP limit of such a query: those
 * rows pass, and no other sum can overflow.
 *
 * L1: all addends have one sign, so acc is within g of the true sum (Higham,
 * section 4.2), and the canonical one, whose lanes and tree are d / 16 + 5
 * roundings deep, within (d / 16 + 5) u of it.  (1 + g) / (1 - (d / 16 + 5) u)
 * stays under 1 + G, so a row is safe to reject when -acc > thr (1 + G).  Sums
 * know no underflow. */
static inline double vs_f32_gamma(size_t d)
{
	return ((double)d + 8) * 0x1p-23;
}

/* Below this norm of both sides no partial sum of x.q overflows a float. */
#define VS_IP_NORM_MAX 0x1p63

/* limit and gain of one query from the running k-th canonical key thr
 * (+INFINITY: everything passes) and |q|^2 in double. */
void vs_tile_limit_l2(float thr, double q_norm2, size_t d, float *limit,
		      float *gain);
/* thr: the k-th best similarity, -INFINITY: everything passes. */
void vs_tile_limit_ip(float thr, double q_norm2, size_t d, float *limit,
		      float *gain);
/* thr: the k-th smallest sum of absolute differences. */
void vs_tile_limit_l1(float thr, size_t d, float *limit, float *gain);

/* Packing; plain C, the same for all levels.  rows[i] NULL means a zero row.
 */
void vs_pack_panel_u8(const uint8_t *const rows[VS_PANEL_ROWS], size_t d,
		      uint8_t *panel);
void vs_pack_panel_f32(const float *const rows[VS_PANEL_ROWS], size_t d,
		       float *panel);
/* Copies row `lane` of a panel out. */
void vs_unpack_row_u8(const uint8_t *panel, unsigned lane, size_t d,
		      uint8_t *row);
void vs_unpack_row_f32(const float *panel, unsigned lane, size_t d,
		       float *row);
/* queries[0..n_q) into a tile of width w. */
void vs_pack_queries_u8(const uint8_t *const *queries, unsigned n_q,
			unsigned w, size_t d, int8_t *packed);
/* For filter_l1_u8: the bytes as they are, missing ones 0. */
void vs_pack_queries_l1_u8(const uint8_t *const *queries, unsigned n_q,
			   unsigned w, size_t d, int8_t *packed);
void vs_pack_queries_f32(const float *const *queries, unsigned n_q, unsigned w,
			 size_t d, float *packed);
/* u8 rows widened to f32, so that they can be scored against f32 centroids. */
void vs_pack_queries_u8_f32(const uint8_t *const *queries, unsigned n_q,
			    unsigned w, size_t d, float *packed);

/* Terms as the tiles want them, one row-major row each; those of u8 mean
 * nothing past the VS_TILE_U8_*DIM_MAX of their metric.  term_l2_f32 is
 * |x|^2, at most FLT_MAX, and term_ip_f32 is |x|, rounded up and +INFINITY
 * from 2^63 on; both are summed in double in index order. */
int32_t vs_term_l2_u8(const uint8_t *row, size_t d);
int32_t vs_term_ip_u8(const uint8_t *row, size_t d);
float vs_term_l2_f32(const float *row, size_t d);
float vs_term_ip_f32(const float *row, size_t d);
/* Terms of padding rows: they seldom pass, and callers drop those that do. */
#define VS_TERM_PAD_U8 INT32_MAX
#define VS_TERM_PAD_L2_F32 INFINITY
#define VS_TERM_PAD_IP_F32 (-INFINITY)

/* |q|^2 in double, summed in index order: the same everywhere. */
double vs_norm2_f32(const float *row, size_t d);

#endif
