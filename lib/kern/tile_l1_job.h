/* tile_l1_job.h - what a u8 register tile of L1 works on: some rows and some
 * queries of a struct vs_tile_u8.
 *
 * Where there is no instruction for |x - q| of bytes, the tiles use
 *     sum(|x - q|) = 2 sum(max(x, q)) - sum(x) - sum(q):
 * one operation instead of three, and the sum of a row is shared by all queries
 * of a tile.  Sums leave a tile without sum(q), which l1_query_sums of the
 * including file gives (zeros where differences are summed as they are).
 */
#ifndef VS_KERN_TILE_L1_JOB_H
#define VS_KERN_TILE_L1_JOB_H

#include "tile_pass.h"

struct l1_job {
	const uint8_t *panels;
	size_t bytes;	       /* of a panel */
	size_t row0;	       /* of the tile */
	const vs_word *packed; /* its queries */
	size_t w;
	int32_t *sums; /* [queries][vectors][lanes] */
};

/* A register tile: queries x rows. */
struct l1_shape {
	unsigned q;
	unsigned rows;
	void (*tile)(const struct l1_job *job);
};

/* Sums of the largest tile. */
#define L1_SUMS (VS_TILE_W * VS_PANEL_ROWS)

/* The first word of row row0 + r. */
VS_INLINE const uint8_t *l1_at(const struct l1_job *job, size_t r)
{
	size_t row = job->row0 + r;

	return job->panels + row / VS_PANEL_ROWS * job->bytes +
	       row % VS_PANEL_ROWS * 4;
}

#endif
