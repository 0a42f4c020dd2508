/* tile_u8_neon.c - the u8 filter with sdot, four products a lane and step. */
#include "dot_neon.h"

#if VS_KERN_NEON
#include "tile_pass.h"
#include "vs/num.h"

struct sdot_job {
	const uint8_t *panels;
	size_t bytes; /* of a panel */
	size_t row0;  /* of the tile */
	const int8_t *packed;
	size_t w;
	const int32_t *terms; /* of the call */
	const int32_t *start; /* of each query's sums, before a row's part */
	const struct vs_tile_lin *lin; /* instead of terms, or NULL */
	int32_t *sums;		       /* [queries][vectors][4] of the tile */
};

/* A register tile: queries x rows. */
struct sdot_shape {
	unsigned q;
	unsigned rows;
	bool (*tile)(const struct sdot_job *job);
};

#define SDOT_SUMS 96 /* of the largest tile, 12 x 8 */

/* The first word of row row0 + r. */
VS_INLINE const uint8_t *sdot_at(const struct sdot_job *job, size_t r)
{
	size_t row = job->row0 + r;

	return job->panels + row / VS_PANEL_ROWS * job->bytes +
	       row % VS_PANEL_ROWS * 4;
}

VS_NEON VS_INLINE int8x16_t sdot_word(const int8_t *p)
{
	return vreinterpretq_s8_s32(
		vld1q_dup_s32((const int32_t *)(const void *)p));
}

/* The bounds of query k and four rows. */
VS_NEON VS_INLINE int32x4_t sdot_lin(const struct vs_tile_lin *lin, size_t k,
				     size_t row)
{
	const float32x4_t lo = vdupq_n_f32(-VS_LIN_MAX);
	const float32x4_t hi = vdupq_n_f32(VS_LIN_MAX);
	float32x4_t b = vmulq_f32(vdupq_n_f32(lin->g0[k]),
				  vld1q_f32(lin->t0 + row));

	b = vaddq_f32(b, vmulq_f32(vdupq_n_f32(lin->g1[k]),
				   vld1q_f32(lin->t1 + row)));
	b = vaddq_f32(b, vdupq_n_f32(lin->c[k]));
	/* Of a NaN the lower end is taken. */
	b = vbslq_f32(vcgtq_f32(b, lo), b, lo);
	b = vbslq_f32(vcltq_f32(b, hi), b, hi);
	return vcvtnq_s32_f32(b);
}

/* What the sums of query k and the rows from row0 + r start at. */
VS_NEON VS_INLINE int32x4_t sdot_start(const struct sdot_job *job, size_t k,
				       size_t r)
{
	int32x4_t start = vdupq_n_s32(job->start[k]);
	size_t row = job->row0 + r;

	if (job->lin != NULL)
		return vsubq_s32(start, sdot_lin(job->lin, k, row));
	return vsubq_s32(start, vshrq_n_s32(vld1q_s32(job->terms + row), 1));
}

#define SDOT_WORD_0(acc, x) VS_SDOT_WORD(acc, x, w0, 0)
#define SDOT_WORD_1(acc, x) VS_SDOT_WORD(acc, x, w0, 1)
#define SDOT_WORD_2(acc, x) VS_SDOT_WORD(acc, x, w0, 2)
#define SDOT_WORD_3(acc, x) VS_SDOT_WORD(acc, x, w0, 3)
#define SDOT_WORD_4(acc, x) VS_SDOT_WORD(acc, x, w1, 0)
#define SDOT_WORD_5(acc, x) VS_SDOT_WORD(acc, x, w1, 1)
#define SDOT_WORD_6(acc, x) VS_SDOT_WORD(acc, x, w1, 2)
#define SDOT_WORD_7(acc, x) VS_SDOT_WORD(acc, x, w1, 3)
#define SDOT_WORD_8(acc, x) VS_SDOT_WORD(acc, x, w2, 0)
#define SDOT_WORD_9(acc, x) VS_SDOT_WORD(acc, x, w2, 1)
#define SDOT_WORD_10(acc, x) VS_SDOT_WORD(acc, x, w2, 2)
#define SDOT_WORD_11(acc, x) VS_SDOT_WORD(acc, x, w2, 3)

#define SDOT_Q 12
#define SDOT_R 2
#include "tile_sdot.h"

#define SDOT_Q 8
#define SDOT_R 2
#include "tile_sdot.h"

#define SDOT_Q 4
#define SDOT_R 4
#include "tile_sdot.h"

#define SDOT_Q 1
#define SDOT_R 8
#include "tile_sdot.h"

#define SDOT_Q 1
#define SDOT_R 4
#include "tile_sdot.h"

/* Half panels where many queries share the work of making rows signed. */
static const struct sdot_shape sdot_shapes[] = {
	{ 12, 8, tile_12x2_sdot }, { 8, 8, tile_8x2_sdot },
	{ 4, 16, tile_4x4_sdot },  { 1, 32, tile_1x8_sdot },
	{ 1, 16, tile_1x4_sdot },
};

static const struct sdot_shape *sdot_pick(unsigned q, size_t rows)
{
	const struct sdot_shape *shape = sdot_shapes;

	while (shape->q != q || shape->rows > rows)
		shape++;
	return shape;
}

/* 128 times the sum of each packed query. */
VS_NEON static void sdot_offsets(const struct vs_tile_u8 *t,
				 int32_t offset[VS_TILE_W])
{
	const int8x16_t ones = vdupq_n_s8(1);
	size_t j, words = (t->d + 3) / 4;
	int32x4_t acc = vdupq_n_s32(0);
	int32_t sum;
	unsigned q;

	if (t->w == 1) {
		for (j = 0; j + 4 <= words; j += 4)
			acc = vs_sdot(acc, vld1q_s8(t->packed + j * 4), ones);
		sum = vaddvq_s32(acc);
		for (j *= 4; j < words * 4; j++)
			sum += t->packed[j];
		offset[0] = sum * 128;
		return;
	}
	for (q = 0; q < t->w; q += 4) {
		acc = vdupq_n_s32(0);
		for (j = 0; j < words; j++)
			acc = vs_sdot(
				acc, vld1q_s8(t->packed + (j * t->w + q) * 4),
				ones);
		vst1q_s32(offset + q, vshlq_n_s32(acc, 7));
	}
}

static void sdot_starts(const struct vs_tile_u8 *t, int32_t start[VS_TILE_W])
{
	int32_t half[VS_TILE_W];
	unsigned k;

	sdot_offsets(t, start);
	if (t->lin != NULL)
		return;
	vs_half_limits(t, half);
	for (k = 0; k < t->w; k++)
		start[k] = (int32_t)((uint32_t)start[k] + (uint32_t)half[k]);
}

VS_NEON static size_t sdot_pass(const struct vs_tile_u8 *t, size_t row0,
				size_t n_rows, const int32_t *sums,
				struct vs_pass *pass, size_t n)
{
	static const uint32_t bit[4] = { 1, 2, 4, 8 };
	unsigned q, mask;
	size_t r;

	for (q = 0; q < t->n_q; q++) {
		for (r = 0; r < n_rows; r += 4, sums += 4) {
			mask = vaddvq_u32(vandq_u32(
				vcgezq_s32(vld1q_s32(sums)), vld1q_u32(bit)));
			n = vs_pass_lanes(t, q, row0 + r, mask, sums, pass, n);
		}
	}
	return n;
}

/* Sums start at SDOT_SURE, so that no lane ends negative and all are stored;
 * to VS_LIN_DIM_MAX dimensions |acc| is below it. */
#define SDOT_SURE (1 << 30)

VS_NEON static void sdot_put(const struct vs_tile_scores *t, size_t row0,
			     size_t n_rows, const int32_t *sums, float *out,
			     size_t out_stride)
{
	const int32x4_t sure = vdupq_n_s32(SDOT_SURE);
	unsigned q;
	size_t r;

	for (q = 0; q < t->n_q; q++) {
		for (r = row0; r < row0 + n_rows; r += 4, sums += 4) {
			float32x4_t acc = vcvtq_f32_s32(
				vsubq_s32(vld1q_s32(sums), sure));

			vst1q_f32(out + q * out_stride + r,
				  vfmsq_n_f32(vld1q_f32(t->terms + r), acc,
					      t->gain[q]));
		}
	}
}

void vs_scores_u8_neon(const struct vs_tile_scores *t, float *out,
		       size_t out_stride)
{
	static const int32_t zeros[VS_TILE_PANELS * VS_PANEL_ROWS];
	int32_t sums[SDOT_SUMS], start[VS_TILE_W];
	struct vs_tile_u8 tile = { .d = t->d, .packed = t->packed, .w = t->w,
				   .n_q = t->n_q };
	struct sdot_job job = { .bytes = (t->d + 3) / 4 * 64,
				.packed = t->packed,
				.w = t->w,
				.terms = zeros,
				.start = start,
				.sums = sums };
	unsigned width = t->n_q > 1 ? (t->n_q + 3) / 4 * 4 : 1, k;
	const struct sdot_shape *shape;
	size_t p, n_rows;

	sdot_offsets(&tile, start);
	for (k = 0; k < t->w; k++)
		start[k] += SDOT_SURE;
	for (p = 0; p < t->n_panels; p += VS_TILE_PANELS) {
		job.panels = t->panels + p * job.bytes;
		n_rows = vs_min_size(t->n_panels - p, VS_TILE_PANELS) *
			 VS_PANEL_ROWS;
		for (job.row0 = 0; job.row0 < n_rows;
		     job.row0 += shape->rows) {
			shape = sdot_pick(width, n_rows - job.row0);
			(void)shape->tile(&job);
			sdot_put(t, p * VS_PANEL_ROWS + job.row0, shape->rows,
				 sums, out, out_stride);
		}
	}
}

size_t vs_filter_u8_neon(const struct vs_tile_u8 *t, struct vs_pass *pass)
{
	int32_t sums[SDOT_SUMS], start[VS_TILE_W];
	struct sdot_job job = { .panels = t->panels,
				.bytes = (t->d + 3) / 4 * 64,
				.packed = t->packed,
				.w = t->w,
				.terms = t->terms,
				.start = start,
				.lin = t->lin,
				.sums = sums };
	unsigned width = t->n_q > 1 ? (t->n_q + 3) / 4 * 4 : 1;
	size_t n = 0, n_rows = t->n_panels * VS_PANEL_ROWS;
	const struct sdot_shape *shape;

	sdot_starts(t, start);
	for (; job.row0 < n_rows; job.row0 += shape->rows) {
		shape = sdot_pick(width, n_rows - job.row0);
		if (shape->tile(&job))
			n = sdot_pass(t, job.row0, shape->rows, sums, pass, n);
	}
	return n;
}

#endif
