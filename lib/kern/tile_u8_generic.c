/* tile_u8_generic.c - the u8 filter for any processor, in plain loops. */
#include "kern_int.h"

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

size_t vs_filter_u8_generic(const struct vs_tile_u8 *t, struct vs_pass *pass)
{
	size_t p, r, n = 0, bytes = (t->d + 3) / 4 * 64;
	int32_t acc[VS_PANEL_ROWS], score;
	unsigned q;

	for (p = 0; p < t->n_panels; p++) {
		const int32_t *terms = t->terms + p * VS_PANEL_ROWS;

		for (q = 0; q < t->n_q; q++) {
			sum_panel(t->panels + p * bytes, t->packed + q * 4,
				  t->w, t->d, acc);
			for (r = 0; r < VS_PANEL_ROWS; r++) {
				/* Wraps, as the vector instructions do, for the
				 * terms of padding and of damaged files. */
				score = (int32_t)((uint32_t)terms[r] -
						  2u * (uint32_t)acc[r]);
				if (score > t->limit[q])
					continue;
				pass[n].q = (uint16_t)q;
				pass[n].row = (uint16_t)(p * VS_PANEL_ROWS + r);
				pass[n].score = score;
				n++;
			}
		}
	}
	return n;
}
