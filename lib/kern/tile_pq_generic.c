/* tile_pq_generic.c - filters of product quantizers for any processor. */
#include <string.h>

#include "tile_pq_pass.h"

/* Adds what the 16 codes of a piece stand for. */
VS_INLINE void add_piece(const uint8_t *codes, unsigned shift, unsigned bits,
			 const uint8_t *table, uint16_t sums[VS_PANEL_ROWS])
{
	unsigned r;

	for (r = 0; r < VS_PANEL_ROWS; r++)
		sums[r] = (uint16_t)(sums[r] +
				     table[codes[r] >> shift & bits]);
}

size_t vs_filter_pq4_generic(const struct vs_tile_pq *t, struct vs_pass *pass)
{
	size_t bytes = (t->m + 1) / 2 * VS_PANEL_ROWS, n = 0, p, s;
	uint16_t sums[VS_PANEL_ROWS];
	const uint8_t *panel;
	unsigned q;

	for (p = 0; p < t->n_panels; p++) {
		panel = t->panels + p * bytes;
		for (q = 0; q < t->n_q; q++) {
			memset(sums, 0, sizeof(sums));
			for (s = 0; s < t->m; s++)
				add_piece(panel + s / 2 * VS_PANEL_ROWS,
					  s % 2 * 4, 15,
					  t->tables[q] + vs_pq4_table_at(s),
					  sums);
			n = vs_pq_put(pass, n, q, p * VS_PANEL_ROWS,
				      vs_pq_mask(t, q, p * VS_PANEL_ROWS,
						 sums));
		}
	}
	return n;
}

size_t vs_filter_pq8_generic(const struct vs_tile_pq *t, struct vs_pass *pass)
{
	uint16_t sums[VS_PANEL_ROWS];
	size_t n = 0, p, s;
	const uint8_t *panel;
	unsigned q;

	for (p = 0; p < t->n_panels; p++) {
		panel = t->panels + p * t->m * VS_PANEL_ROWS;
		for (q = 0; q < t->n_q; q++) {
			memset(sums, 0, sizeof(sums));
			for (s = 0; s < t->m; s++)
				add_piece(panel + s * VS_PANEL_ROWS, 0, 255,
					  t->tables[q] + s * 256, sums);
			n = vs_pq_put(pass, n, q, p * VS_PANEL_ROWS,
				      vs_pq_mask(t, q, p * VS_PANEL_ROWS,
						 sums));
		}
	}
	return n;
}
