/* shard_int.h - an opened shard, for the files of the shard module. */
#ifndef VS_SHARD_INT_H
#define VS_SHARD_INT_H

#include "code_kind.h"
#include "pq_space.h"

struct vs_shard {
	struct vs_cont *cont;
	struct vs_factory index;
	struct vs_digest model;
	struct vs_digest input;
	struct vs_digest ids_digest;
	uint64_t n_dropped;
	uint32_t dim;          /* of the rows as they are searched */
	enum vs_dtype dtype;
	struct vs_transform *transform; /* NULL: none */
	float *centroids;      /* [nlist][dim], NULL without IVF */
	uint64_t trained_hash;
	uint64_t *cell_rows;   /* [nlist] */
	uint64_t *cell_panel;  /* [nlist + 1]: first panel of each cell */
	enum vs_dtype row_dtype; /* vs_code_row_dtype */
	size_t panel_bytes;
	struct vs_span rows;     /* p NULL: rows are what codes decode to */
	struct vs_span terms, ids;
	struct vs_span norms;        /* p NULL: no norms */
	struct vs_code8 code8;       /* mid NULL: no codes */
	struct vs_span codes, slack; /* with codes */
	enum vs_dtype stored;        /* of the rows that were built into it */
	bool refines;                /* fine holds the rows, of fine_dtype */
	enum vs_dtype fine_dtype;
	struct vs_span fine;
	struct vs_code8 fine8; /* mid NULL, or what u8 of fine are codes of */
	struct vs_pq codebooks;      /* codebooks NULL: no product codes */
	struct vs_pq_space pq;       /* of such codes, which are all there is */
};

/* shard.c: says that the file is damaged. */
int vs_shard_bad(const struct vs_shard *s, const char *what,
		 struct vs_err *err);
/* Sections of one item for each panel, and for each slot (of 4 bytes). */
int vs_shard_find_panels(struct vs_shard *s, uint32_t tag, uint32_t item,
			 struct vs_span *out, struct vs_err *err) VS_MUST_CHECK;
int vs_shard_find_rows(struct vs_shard *s, uint32_t tag, uint32_t item,
		       struct vs_span *out, struct vs_err *err) VS_MUST_CHECK;
int vs_shard_find_beside(struct vs_shard *s, uint32_t tag, struct vs_span *out,
			 struct vs_err *err) VS_MUST_CHECK;
/* code_pq.c: what is wrong with a row of product codes, or NULL; row: room for
 * one. */
const char *vs_pq_check_row(const struct vs_shard *s, size_t cell,
			    uint64_t panel, unsigned lane, bool real,
			    float *row);
/* code_ranges.c: QUAN, CODE and, where rows can be filtered, SLAK. */
int vs_shard_find8(struct vs_ctx *ctx, struct vs_shard *s, bool slack,
		   struct vs_err *err) VS_MUST_CHECK;

#endif
