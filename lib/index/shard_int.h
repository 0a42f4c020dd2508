/* shard_int.h - an opened shard, for the files of the shard module. */
#ifndef VS_SHARD_INT_H
#define VS_SHARD_INT_H

#include "vs/shard.h"

struct vs_shard {
	struct vs_cont *cont;
	struct vs_factory index;
	struct vs_digest model;
	struct vs_digest input;
	struct vs_digest ids_digest;
	float *centroids;      /* [nlist][dim], NULL for Flat */
	uint64_t centroids_hash;
	uint64_t *cell_rows;   /* [nlist] */
	uint64_t *cell_panel;  /* [nlist + 1]: first panel of each cell */
	size_t panel_bytes;
	struct vs_span rows, terms, ids;
	struct vs_span norms;        /* p NULL: no norms */
	struct vs_code8 code8;       /* mid NULL: no codes */
	struct vs_span codes, slack; /* with codes */
};

#endif
