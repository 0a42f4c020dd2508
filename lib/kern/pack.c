/* pack.c - panels, packed queries, terms and limits as the tiles want them.
 *
 * Plain C, the same bits on every machine: what is packed stands in files.
 * Sums are taken in index order.
 */
#include "vs/kern.h"

#include <float.h>
#include <string.h>

void vs_pack_panel_u8(const uint8_t *const rows[VS_PANEL_ROWS], size_t d,
		      uint8_t *panel)
{
	size_t r, j, full = d / 4;

	if (d % 4 != 0)
		memset(panel + full * 64, 0, 64);
	for (r = 0; r < VS_PANEL_ROWS; r++) {
		uint8_t *to = panel + r * 4;

		if (rows[r] == NULL) {
			for (j = 0; j < full; j++)
				memset(to + j * 64, 0, 4);
			continue;
		}
		for (j = 0; j < full; j++)
			memcpy(to + j * 64, rows[r] + j * 4, 4);
		memcpy(to + full * 64, rows[r] + full * 4, d % 4);
	}
}

void vs_pack_panel_f32(const float *const rows[VS_PANEL_ROWS], size_t d,
		       float *panel)
{
	size_t r, i;

	for (r = 0; r < VS_PANEL_ROWS; r++) {
		for (i = 0; i < d; i++)
			panel[i * VS_PANEL_ROWS + r] =
				rows[r] == NULL ? 0.0f : rows[r][i];
	}
}

void vs_unpack_row_u8(const uint8_t *panel, unsigned lane, size_t d,
		      uint8_t *row)
{
	const uint8_t *from = panel + lane * 4;
	size_t j, full = d / 4;

	for (j = 0; j < full; j++)
		memcpy(row + j * 4, from + j * 64, 4);
	if (d % 4 != 0)
		memcpy(row + full * 4, from + full * 64, d % 4);
}

void vs_unpack_row_f32(const float *panel, unsigned lane, size_t d, float *row)
{
	size_t i;

	for (i = 0; i < d; i++)
		row[i] = panel[i * VS_PANEL_ROWS + lane];
}

/* flip: 0x80 makes q - 128 of each byte, 0 leaves it. */
/* Whole words of four bytes.  Rows of queries lie far apart: all are fetched
 * side by side. */
static inline void pack_words(const uint8_t *const *queries, unsigned n_q,
			  unsigned w, size_t n, uint32_t flip4, uint8_t *packed)
{
	uint32_t word;
	unsigned k;
	size_t j;

	for (j = 0; j < n; j++) {
		for (k = 0; k < n_q; k++) {
			memcpy(&word, queries[k] + j * 4, 4);
			word ^= flip4;
			memcpy(packed + (j * w + k) * 4, &word, 4);
		}
	}
}

static void pack_bytes(const uint8_t *const *queries, unsigned n_q, unsigned w,
		       size_t d, uint8_t flip, uint8_t *packed)
{
	const uint32_t flip4 = 0x01010101u * flip;
	size_t i, full = d / 4;
	unsigned k;

	if (n_q < w || d % 4 != 0)
		memset(packed, 0, (d + 3) / 4 * 4 * w);
	if (n_q == VS_TILE_W && w == VS_TILE_W)
		pack_words(queries, VS_TILE_W, VS_TILE_W, full, flip4, packed);
	else
		pack_words(queries, n_q, w, full, flip4, packed);
	for (k = 0; k < n_q; k++)
		for (i = 0; i < d % 4; i++)
			packed[(full * w + k) * 4 + i] =
				queries[k][full * 4 + i] ^ flip;
}

void vs_pack_queries_u8(const uint8_t *const *queries, unsigned n_q, unsigned w,
			size_t d, int8_t *packed)
{
	pack_bytes(queries, n_q, w, d, 0x80, (uint8_t *)packed);
}

void vs_pack_queries_l1_u8(const uint8_t *const *queries, unsigned n_q,
			   unsigned w, size_t d, int8_t *packed)
{
	pack_bytes(queries, n_q, w, d, 0, (uint8_t *)packed);
}

void vs_pack_queries_f32(const float *const *queries, unsigned n_q, unsigned w,
			 size_t d, float *packed)
{
	size_t i;
	unsigned k;

	for (k = 0; k < w; k++) {
		for (i = 0; i < d; i++)
			packed[i * w + k] = k < n_q ? queries[k][i] : 0.0f;
	}
}

void vs_pack_queries_u8_f32(const uint8_t *const *queries, unsigned n_q,
			    unsigned w, size_t d, float *packed)
{
	size_t i;
	unsigned k;

	for (k = 0; k < w; k++) {
		for (i = 0; i < d; i++)
			packed[i * w + k] = k < n_q ? (float)queries[k][i] : 0;
	}
}

/* Unsigned, so that rows too wide for tiles wrap without harm. */
int32_t vs_term_l2_u8(const uint8_t *row, size_t d)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < d; i++)
		sum += (uint32_t)(row[i] * (row[i] - 256));
	return (int32_t)sum;
}

int32_t vs_term_ip_u8(const uint8_t *row, size_t d)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < d; i++)
		sum -= 256u * row[i];
	return (int32_t)sum;
}

double vs_norm2_f32(const float *row, size_t d)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < d; i++)
		sum += (double)row[i] * (double)row[i];
	return sum;
}

float vs_term_l2_f32(const float *row, size_t d)
{
	double norm2 = vs_norm2_f32(row, d);

	/* The reject rule stays true for any term below |x|^2. */
	return norm2 > (double)FLT_MAX ? FLT_MAX : (float)norm2;
}

/* The least float that is not below v. */
static float round_up(double v)
{
	float f = (float)v;

	return (double)f < v ? nextafterf(f, INFINITY) : f;
}

float vs_term_ip_f32(const float *row, size_t d)
{
	double norm = sqrt(vs_norm2_f32(row, d));

	return norm >= VS_IP_NORM_MAX ? INFINITY : round_up(norm);
}

void vs_tile_limit_l2(float thr, double q_norm2, size_t d, float *limit,
		      float *gain)
{
	double g = vs_f32_gamma(d);

	*limit = round_up((double)thr * (1 + g) - (1 - g) * q_norm2 +
			  (double)d * 0x1p-125);
	*gain = round_up(g - 1);
}

void vs_tile_limit_ip(float thr, double q_norm2, size_t d, float *limit,
		      float *gain)
{
	double norm = sqrt(q_norm2);

	if (norm >= VS_IP_NORM_MAX) {
		*limit = INFINITY;
		*gain = 0;
		return;
	}
	*limit = round_up(-2 * (double)thr + (double)d * 0x1p-125);
	*gain = round_up(4 * vs_f32_gamma(d) * norm);
}

void vs_tile_limit_l1(float thr, size_t d, float *limit, float *gain)
{
	/* The tile rejects when -2 acc > limit. */
	*limit = round_up(2 * (double)thr * (1 + vs_f32_gamma(d)));
	*gain = 0;
}
