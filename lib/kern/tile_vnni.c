/* tile_vnni.c - the u8 filter with vpdpbusd, four products a lane and step.
 *
 * Two twins from one template.  The table uses inline assembly: gcc 12 spills
 * the sums of _mm512_dpbusd_epi32 when more than about eight are live (109 to
 * 117 against 234 G MAC/s on a Zen 4).  The word of a query is an embedded
 * broadcast; broadcasting it to a register once for several panels was never
 * faster there, and up to 30 % slower in narrow tiles.  The other twin uses
 * intrinsics and is what the test compares with.
 */
#include "kern_int.h"

#if VS_KERN_X86
#include <immintrin.h>

#include "tile_pass.h"
#include "vs/num.h"

struct vnni_job {
	const uint8_t *panels;
	size_t bytes; /* of a panel */
	const vs_word *packed;
	size_t w;
	const int32_t *terms;
	const int32_t *half;
	const struct vs_tile_lin *lin; /* instead of terms and half, or NULL */
	size_t row0;		       /* of the tile, for lin */
	int32_t *sums; /* [queries][panels][16] of the tile */
};

typedef bool (*vnni_tile)(const struct vnni_job *job);

/* -half(term) */
VS_VNNI VS_INLINE __m512i vnni_start(const int32_t *terms)
{
	__m512i half = _mm512_srai_epi32(_mm512_load_si512(terms), 1);

	return _mm512_sub_epi32(_mm512_setzero_si512(), half);
}

/* -bound */
VS_VNNI VS_INLINE __m512i vnni_lin(const struct vnni_job *job, size_t k,
				   size_t p)
{
	const struct vs_tile_lin *lin = job->lin;
	size_t row = job->row0 + p * VS_PANEL_ROWS;
	__m512 b = _mm512_mul_ps(_mm512_set1_ps(lin->g0[k]),
				 _mm512_load_ps(lin->t0 + row));

	b = _mm512_add_ps(b, _mm512_mul_ps(_mm512_set1_ps(lin->g1[k]),
					   _mm512_load_ps(lin->t1 + row)));
	b = _mm512_add_ps(b, _mm512_set1_ps(lin->c[k]));
	/* Of a NaN the second operand is taken. */
	b = _mm512_max_ps(b, _mm512_set1_ps(-VS_LIN_MAX));
	b = _mm512_min_ps(b, _mm512_set1_ps(VS_LIN_MAX));
	return _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_cvtps_epi32(b));
}

/* Panels come from memory as often as from a cache.  In wide tiles a line of
 * each panel some way ahead costs nothing: 12 x 2 on a Zen 4 does 233 G MAC/s
 * from L2 with it or without, from memory 160 with it and 102 without.  One
 * query has few loads to spare: every fourth line of the next panels makes 18
 * of 15 from memory and leaves the rate from L2, where all of them cost a
 * quarter of it. */
#define VNNI_AHEAD 8192

VS_INLINE void vnni_ahead(const uint8_t *x, size_t ahead)
{
	vs_prefetch(x, ahead);
	vs_prefetch(x, ahead + 256);
}

#define VNNI_SET _asm
#define VNNI_DOT(acc, x, p)                                                    \
	__asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(acc) : "v"(x), "m"(*(p)))
#include "tile_vnni_set.h"

#define VNNI_SET _intrin
#define VNNI_DOT(acc, x, p)                                                    \
	acc = _mm512_dpbusd_epi32(acc, x, _mm512_set1_epi32(*(p)))
#include "tile_vnni_set.h"

VS_VNNI static size_t vnni_pass(const struct vs_tile_u8 *t, size_t panel,
				size_t n_panels, const int32_t *sums,
				struct vs_pass *pass, size_t n)
{
	size_t p;
	unsigned q;

	for (q = 0; q < t->n_q; q++) {
		for (p = 0; p < n_panels; p++, sums += VS_PANEL_ROWS) {
			__m512i v = _mm512_load_si512(sums);
			unsigned neg = _mm512_movepi32_mask(v);

			n = vs_pass_lanes(t, q, (panel + p) * VS_PANEL_ROWS,
					  neg ^ 0xffffu, sums, pass, n);
		}
	}
	return n;
}

VS_VNNI static size_t vnni_filter(const struct vs_tile_u8 *t,
				  const vnni_tile tiles[4][VS_TILE_PANELS],
				  struct vs_pass *pass)
{
	_Alignas(64) int32_t sums[VS_TILE_W * 2 * VS_PANEL_ROWS];
	int32_t half[VS_TILE_W];
	struct vnni_job job = { .bytes = (t->d + 3) / 4 * 64,
				.packed = (const vs_word *)t->packed,
				.w = t->w,
				.half = half,
				.lin = t->lin,
				.sums = sums };
	const vnni_tile *row = tiles[t->n_q > 1 ? (t->n_q + 3) / 4 : 0];
	size_t p, step, n = 0;

	vs_half_limits(t, half);
	for (p = 0; p < t->n_panels; p += step) {
		step = t->n_panels - p;
		while (row[step - 1] == NULL)
			step--;
		job.panels = t->panels + p * job.bytes;
		job.row0 = p * VS_PANEL_ROWS;
		if (t->lin == NULL)
			job.terms = t->terms + job.row0;
		if (row[step - 1](&job))
			n = vnni_pass(t, p, step, sums, pass, n);
	}
	return n;
}

/* Sums start at SURE, so that no lane ends negative and all are stored; to
 * VS_LIN_DIM_MAX dimensions |acc| is below it. */
#define SURE (1 << 30)

VS_VNNI static void vnni_put(const struct vs_tile_scores *t, size_t panel,
			     size_t n_panels, const int32_t *sums, float *out,
			     size_t out_stride)
{
	size_t p;
	unsigned q;

	out += panel * VS_PANEL_ROWS;
	for (q = 0; q < t->n_q; q++, out += out_stride) {
		__m512 gain = _mm512_set1_ps(t->gain[q]);

		for (p = 0; p < n_panels; p++, sums += VS_PANEL_ROWS) {
			__m512i acc = _mm512_sub_epi32(
				_mm512_load_si512(sums),
				_mm512_set1_epi32(SURE));
			__m512 term = _mm512_load_ps(
				t->terms + (panel + p) * VS_PANEL_ROWS);

			_mm512_store_ps(
				out + p * VS_PANEL_ROWS,
				_mm512_fnmadd_ps(gain, _mm512_cvtepi32_ps(acc),
						 term));
		}
	}
}

VS_VNNI static void vnni_scores(const struct vs_tile_scores *t,
				const vnni_tile tiles[4][VS_TILE_PANELS],
				float *out, size_t out_stride)
{
	_Alignas(64) static const int32_t zeros[VS_TILE_PANELS * VS_PANEL_ROWS];
	_Alignas(64) int32_t sums[VS_TILE_W * 2 * VS_PANEL_ROWS];
	int32_t start[VS_TILE_W];
	struct vnni_job job = { .bytes = (t->d + 3) / 4 * 64,
				.packed = (const vs_word *)t->packed,
				.w = t->w,
				.terms = zeros,
				.half = start,
				.sums = sums };
	const vnni_tile *row = tiles[t->n_q > 1 ? (t->n_q + 3) / 4 : 0];
	size_t p, step;

	for (p = 0; p < VS_TILE_W; p++)
		start[p] = SURE;
	for (p = 0; p < t->n_panels; p += step) {
		step = vs_min_size(t->n_panels - p, VS_TILE_PANELS);
		while (row[step - 1] == NULL)
			step--;
		job.panels = t->panels + p * job.bytes;
		row[step - 1](&job);
		vnni_put(t, p, step, sums, out, out_stride);
	}
}

void vs_scores_u8_vnni(const struct vs_tile_scores *t, float *out,
		       size_t out_stride)
{
	vnni_scores(t, tiles_asm, out, out_stride);
}

void vs_scores_u8_vnni_intrin(const struct vs_tile_scores *t, float *out,
			      size_t out_stride)
{
	vnni_scores(t, tiles_intrin, out, out_stride);
}

size_t vs_filter_u8_vnni(const struct vs_tile_u8 *t, struct vs_pass *pass)
{
	return vnni_filter(t, tiles_asm, pass);
}

size_t vs_filter_u8_vnni_intrin(const struct vs_tile_u8 *t,
				struct vs_pass *pass)
{
	return vnni_filter(t, tiles_intrin, pass);
}

#endif
