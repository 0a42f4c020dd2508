/* tile_madd_job.h - what a u8 register tile without VNNI works on: some rows,
 * some queries and at most MADD_STEPS words of each. */
#ifndef VS_KERN_TILE_MADD_JOB_H
#define VS_KERN_TILE_MADD_JOB_H

#include "tile_pass.h"

#define MADD_STEPS 64 /* 256 dimensions: 6 KiB of widened queries */
#define MADD_ROWS_MAX (VS_TILE_PANELS * VS_PANEL_ROWS)

struct madd_job {
	const uint8_t *panels; /* their words of this block */
	size_t bytes;	       /* of a panel */
	size_t row0;	       /* first row of the tile */
	const int32_t *even;   /* [steps][w]: bytes 0 and 2 of a word */
	const int32_t *odd;    /* bytes 1 and 3 */
	size_t w;
	size_t steps;
	int32_t *sums; /* [queries][MADD_ROWS_MAX], from row0 */
};

/* A register tile: queries x rows. */
struct madd_shape {
	unsigned q;
	unsigned rows;
	void (*tile)(const struct madd_job *job);
};

/* The first word of row row0 + r. */
VS_INLINE const uint8_t *madd_at(const struct madd_job *job, size_t r)
{
	size_t row = job->row0 + r;

	return job->panels + row / VS_PANEL_ROWS * job->bytes +
	       row % VS_PANEL_ROWS * 4;
}

#endif
