/* batch_int.h - what the parts of the batch engine share. */
#ifndef VS_BATCH_INT_H
#define VS_BATCH_INT_H

#include "vs/batch.h"
#include "vs/kern.h"

/* How rows are filtered. */
enum vs_batch_way {
	VS_WAY_EXACT,  /* bytes, L2 and IP: a tile's score is the key */
	VS_WAY_L1,     /* bytes, L1: the same */
	VS_WAY_COSINE, /* bytes: linear bounds */
	VS_WAY_ALL,    /* bytes too wide for tiles: all go to the canonical */
	VS_WAY_FLOAT,  /* floats, by tiles of floats; halves are widened */
	VS_WAY_CODES,  /* floats, by tiles of their codes */
	VS_WAY_PQ      /* codes of product quantizers */
};

/* One query's state.  Threads scan different cells for the same query at the
 * same time: the heap is changed under the lock, and limit, the key of its
 * worst, is read without it; a stale limit only lets more rows through. */
struct vs_query {
	struct vs_topk top; /* of lists: slots, grown; k is their room */
	struct vs_lists *lists; /* NULL: the k best */
	atomic_int_fast64_t limit;
	atomic_flag lock;
	int64_t norm2_i; /* of byte queries: of the bytes as panels hold them */
	int64_t sum;     /* of i8 queries: of their elements */
	double norm2;    /* |q|^2 */
	double norm;
	struct vs_code8_query code;
};

struct vs_batch {
	struct vs_batch_spec spec;
	enum vs_batch_way way; /* of rows without codes */
	bool similarity;
	const float *floats;    /* [n][dim], NULL for bytes */
	const uint8_t *bytes;   /* [n][dim] as panels hold them */
	uint8_t *own_bytes;     /* of i8 queries: bytes; of floats: v */
	const struct vs_code8 *code8; /* that v is of; of the scan under way */
	const struct vs_pq_space *pq;  /* that tables are of, the same */
	uint8_t *pq_tables;            /* [n_queries] tables (batch_pq.h) */
	struct vs_pq_query *pq_query;  /* [n_queries] */
	uint8_t *ones;          /* [dim], for i8 similarities */
	struct vs_query *query; /* [n_queries] */
	struct vs_hit *slots;   /* [n_queries][vs_topk_slots(k)] */
	uint64_t *where;        /* the same, or NULL */
	atomic_uint_fast64_t n_distances;
	struct vs_lists *lists; /* NULL: the k best of each query */
};

/* The scratch of a thread. */
struct vs_worker {
	void *packed;
	float *row;  /* a row of f32, where rows are none */
	float *wide; /* a piece as panels of f32, where panels are none */
	unsigned n_floats; /* pieces to be scanned as floats, not by codes */
	const void *panels; /* of the piece, as kernels want them */
	float *t0, *t1; /* terms of VS_WAY_COSINE, of a piece */
};

/* Up to VS_TILE_W queries on their way over a piece. */
struct vs_group {
	const struct vs_scan *scan;
	struct vs_worker *worker;
	enum vs_batch_way way;
	size_t cell;
	uint64_t first_panel; /* of the piece within the cell */
	unsigned n, w;
	uint32_t query[VS_TILE_W];
	size_t first_row; /* of this step within the piece */
	size_t n_panels;  /* of this step */
	unsigned changed; /* places whose limits this step may have changed */
	uint64_t n_passed; /* rows, but for those of first steps */
	uint64_t n_tested;
	int32_t limit_i[VS_TILE_W];
	float limit_f[VS_TILE_W];
	float gain[VS_TILE_W];
	float c[VS_TILE_W], g0[VS_TILE_W], g1[VS_TILE_W];
	/* of VS_WAY_PQ */
	const uint8_t *tables[VS_TILE_W];
	double base[VS_TILE_W]; /* what the cell adds to a query's value */
};

/* Chooses the way and fills the states of all queries. */
int vs_batch_prepare(struct vs_ctx *ctx, struct vs_batch *b,
		     struct vs_err *err) VS_MUST_CHECK;
/* Codes all queries as rows that are coded by c want them. */
int vs_batch_code(struct vs_ctx *ctx, struct vs_batch *b,
		  const struct vs_code8 *c, struct vs_err *err) VS_MUST_CHECK;
/* Packs the queries of the group for the tile. */
void vs_group_pack(const struct vs_batch *b, struct vs_group *g);
/* Refreshes the tile limit of query i of the group from its heap. */
void vs_group_limit(const struct vs_batch *b, struct vs_group *g, unsigned i);

/* Filters one step and takes what passes into the heaps. */
int vs_group_filter(const struct vs_ctx *ctx, struct vs_batch *b,
		    const struct vs_cell_view *v, struct vs_group *g,
		    struct vs_pass *pass, struct vs_err *err) VS_MUST_CHECK;

/* Offers a row; true when the limit may have changed. */
bool vs_query_take(struct vs_query *q, int64_t key, uint64_t id,
		   uint64_t where);

/* batch_list.c: states of lists for all queries; sorts one. */
int vs_lists_create(struct vs_ctx *ctx, struct vs_batch *b,
		    struct vs_err *err) VS_MUST_CHECK;
void vs_lists_destroy(struct vs_ctx *ctx, struct vs_batch *b);
/* Keeps a hit, under the lock of its query. */
void vs_list_push(struct vs_query *q, int64_t key, uint64_t id);
void vs_list_finish(struct vs_query *q);
/* VS_ENOMEM when a hit could not be kept. */
int vs_lists_check(const struct vs_lists *lists,
		   struct vs_err *err) VS_MUST_CHECK;

/* Panels first.. of the piece as panels of f32, into worker->wide. */
int vs_batch_expand(const struct vs_ctx *ctx, const struct vs_batch *b,
		    const struct vs_cell_view *v, const struct vs_group *g,
		    size_t first, size_t n, struct vs_err *err) VS_MUST_CHECK;

/* The canonical keys of the rows of one panel, as vs_panel_pack made it (but
 * floats, if halves), for one query.  terms and norms: of the panel. */
void vs_batch_panel_keys(const struct vs_ctx *ctx, const struct vs_batch *b,
			 uint32_t query, const void *panel, const void *terms,
			 const uint32_t *norms, int64_t key[VS_PANEL_ROWS]);

/* The same of one row of bytes as panels hold them. */
int64_t vs_batch_byte_key(const struct vs_ctx *ctx, const struct vs_batch *b,
			  uint32_t query, const uint8_t *row);
/* The same of one row of floats, whole: the same bits. */
int64_t vs_batch_row_key(const struct vs_ctx *ctx, const struct vs_batch *b,
			 uint32_t query, const float *row, float term);

#endif
