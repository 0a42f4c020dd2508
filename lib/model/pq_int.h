/* pq_int.h - what encoding and training of product quantizers share. */
#ifndef VS_PQ_INT_H
#define VS_PQ_INT_H

#include "vs/kern.h"
#include "vs/pq.h"

#define VS_PQ_BLOCK (VS_NEAR_PANELS * VS_PANEL_ROWS)

/* Piece s of rows first..first+n-1 as panels of dsub dimensions; zeros follow
 * up to a whole number of VS_PQ_BLOCK rows. */
void vs_pq_pack_piece(const struct vs_rows *rows, uint64_t first, size_t n,
		      const struct vs_pq *pq, uint32_t s, float *panels);

#endif
