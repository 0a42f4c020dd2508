/* tile_u8_generic.c - the u8 filter for any processor, in plain loops. */
#include "tile_pass.h"

/* acc of one packed query and the 16 rows of one panel. */
static void sum_panel(const uint8_t *panel, const int8_t *packed, size_t w,
		      size_t d, int32_t acc[VS_PANEL_ROWS])
{
	size_t j, r, words = (d + 3) / 4;

	for (r = 0; r < VS_PANEL_ROWS; r++)
		acc[r] = 0;
	for (j = 0; j < words; j++) {
		const int8_t *q = packed + j * w * 4;
		const uint8_t *x = panel + j * 64;

		for (r = 0; r < VS_PANEL_ROWS; r++, x += 4)
			acc[r] += x[0] * q[0] + x[1] * q[1] + x[2] * q[2] +
				  x[3] * q[3];
	}
}

static size_t pass_lin(const struct vs_tile_u8 *t, unsigned q, size_t row0,
		       const int32_t acc[VS_PANEL_ROWS], struct vs_pass *pass,
		       size_t n)
{
	size_t r;

	for (r = 0; r < VS_PANEL_ROWS; r++) {
		if (acc[r] < vs_lin_bound(t->lin, q, row0 + r))
			continue;
		pass[n].q = (uint16_t)q;
		pass[n].row = (uint16_t)(row0 + r);
		pass[n].score = 0;
		n++;
	}
	return n;
}

static size_t pass_exact(const struct vs_tile_u8 *t, unsigned q, size_t row0,
			 const int32_t acc[VS_PANEL_ROWS],
			 struct vs_pass *pass, size_t n)
{
	int32_t score;
	size_t r;

	for (r = 0; r < VS_PANEL_ROWS; r++) {
		/* Wraps, as the vector instructions do, for the terms of
		 * padding and of damaged files. */
		score = (int32_t)((uint32_t)t->terms[row0 + r] -
				  2u * (uint32_t)acc[r]);
		if (score > t->limit[q])
			continue;
		pass[n].q = (uint16_t)q;
		pass[n].row = (uint16_t)(row0 + r);
		pass[n].score = score;
		n++;
	}
	return n;
}

size_t vs_filter_u8_generic(const struct vs_tile_u8 *t, struct vs_pass *pass)
{
	size_t p, row0, n = 0, bytes = (t->d + 3) / 4 * 64;
	int32_t acc[VS_PANEL_ROWS];
	unsigned q;

	for (p = 0; p < t->n_panels; p++) {
		row0 = p * VS_PANEL_ROWS;
		for (q = 0; q < t->n_q; q++) {
			sum_panel(t->panels + p * bytes, t->packed + q * 4,
				  t->w, t->d, acc);
			if (t->lin != NULL)
				n = pass_lin(t, q, row0, acc, pass, n);
			else
				n = pass_exact(t, q, row0, acc, pass, n);
		}
	}
	return n;
}

void vs_scores_u8_generic(const struct vs_tile_scores *t, float *out,
			  size_t out_stride)
{
	size_t p, r, bytes = (t->d + 3) / 4 * 64;
	int32_t acc[VS_PANEL_ROWS];
	unsigned q;

	for (p = 0; p < t->n_panels; p++) {
		for (q = 0; q < t->n_q; q++) {
			const float *term = t->terms + p * VS_PANEL_ROWS;
			float *to = out + q * out_stride + p * VS_PANEL_ROWS;

			sum_panel(t->panels + p * bytes, t->packed + q * 4,
				  t->w, t->d, acc);
			for (r = 0; r < VS_PANEL_ROWS; r++)
				to[r] = term[r] - t->gain[q] * (float)acc[r];
		}
	}
}

/* Absolute differences of one query, packed for L1, and the rows of a panel. */
static void apart_panel(const uint8_t *panel, const uint8_t *packed, size_t w,
			size_t d, int32_t acc[VS_PANEL_ROWS])
{
	size_t j, r, c, words = (d + 3) / 4;
	int32_t diff;

	for (r = 0; r < VS_PANEL_ROWS; r++)
		acc[r] = 0;
	for (j = 0; j < words; j++) {
		const uint8_t *q = packed + j * w * 4;
		const uint8_t *x = panel + j * 64;

		for (r = 0; r < VS_PANEL_ROWS; r++, x += 4) {
			for (c = 0; c < 4; c++) {
				diff = x[c] - q[c];
				acc[r] += diff < 0 ? -diff : diff;
			}
		}
	}
}

size_t vs_filter_l1_u8_generic(const struct vs_tile_u8 *t,
			       struct vs_pass *pass)
{
	size_t p, r, n = 0, bytes = (t->d + 3) / 4 * 64;
	const uint8_t *packed = (const uint8_t *)t->packed;
	int32_t acc[VS_PANEL_ROWS];
	unsigned q;

	for (p = 0; p < t->n_panels; p++) {
		for (q = 0; q < t->n_q; q++) {
			apart_panel(t->panels + p * bytes, packed + q * 4, t->w,
				    t->d, acc);
			for (r = 0; r < VS_PANEL_ROWS; r++) {
				if (acc[r] > t->limit[q])
					continue;
				pass[n].q = (uint16_t)q;
				pass[n].row = (uint16_t)(p * VS_PANEL_ROWS + r);
				pass[n].score = acc[r];
				n++;
			}
		}
	}
	return n;
}
