/* batch.h - the batch engine: many queries over cells, ordered by the data.
 *
 * A batch holds the k best of each of its queries.  vs_batch_scan runs over
 * cells in file order; each piece of a cell stays in cache while all the
 * queries that want the cell pass over it in register tiles, and only rows
 * within a query's running threshold leave the vector unit.  The answer of a
 * query is the k least (key, id) of all rows scanned for it: a function of the
 * data alone, whatever the order, threads, pieces or instruction set.
 */
#ifndef VS_BATCH_H
#define VS_BATCH_H

#include "vs/coarse.h"
#include "vs/code8.h"
#include "vs/hit.h"

struct vs_batch;
struct vs_pq_space; /* lib/index/pq_space.h */

struct vs_batch_spec {
	enum vs_metric metric;
	enum vs_dtype dtype; /* of the rows: f32, f16, u8 or i8 */
	/* Borrowed until destroy: f32 for float rows, else as the rows. */
	struct vs_rows queries;
	uint32_t k;             /* 1..VS_K_MAX; 0: lists of all within radius */
	bool within;     /* only hits whose key is not above radius */
	int64_t radius;
	uint64_t list_bytes; /* that all lists may take together */
	bool unique;     /* rows may be scanned twice and are one hit */
	bool keep_where; /* beside each hit, where its row stands */
	bool in_double; /* f32 keys are accumulated in double, then rounded:
			 * ground truth */
};

/* Rows as panels (vs/kern.h) in memory. */
struct vs_cell_view {
	const void *panels; /* first panel of the piece, as vs_panel_pack; NULL
			     * with decode */
	const void *terms;  /* int32_t or float per panel row */
	const uint32_t *norms; /* per panel row: bytes under cosine */
	const uint8_t *codes;  /* of scans with code8 or pq only */
	const float *slack;    /* per panel row, of scans with code8 only; NULL
				* where it filters nothing */
	const void *ids;    /* per panel row, or NULL: id_base + row */
	uint32_t id_size;   /* 4 or 8 */
	uint64_t id_base;
	uint64_t where; /* of row 0, for keep_where */
	uint64_t n_rows; /* real rows of the piece */
};

/* What to scan. */
struct vs_scan {
	/* How rows are coded: codes are scanned in their place, and panels are
	 * 16 whole rows (vs/panel.h).  NULL: rows have no codes.  It must
	 * stay until the batch is finished. */
	const struct vs_code8 *code8;
	/* The rows are what the codes decode to, as f32.  Where metric and
	 * dimension rule filtering by codes out, all are decoded. */
	bool decode;
	/* What codes of a product quantizer stand for, where these are all that
	 * there is of the rows: views have no panels then.  NULL: none.  It
	 * must stay until the batch is finished. */
	const struct vs_pq_space *pq;
	size_t n_cells;
	const uint64_t *cell_rows; /* [n_cells] */
	/* Panels first..first+n-1 of a cell, verified, valid during the call
	 * of vs_batch_scan.  May be called by several threads. */
	int (*view)(void *arg, size_t cell, uint64_t first, uint64_t n,
		    struct vs_cell_view *out, struct vs_err *err);
	/* With code8: verifies a row of a cell before it is read, as view has
	 * verified only codes. */
	int (*touch)(void *arg, size_t cell, uint64_t row, struct vs_err *err);
	/* Says that these panels will be wanted soon; may be NULL. */
	void (*ahead)(void *arg, size_t cell, uint64_t first, uint64_t n);
	void *arg;
	/* Queries of cell c: query[start[c]..start[c+1]), or NULL: each cell is
	 * scanned for all queries. */
	const uint64_t *start;
	const uint32_t *query;
};

int vs_batch_create(struct vs_ctx *ctx, const struct vs_batch_spec *spec,
		    struct vs_batch **out, struct vs_err *err) VS_MUST_CHECK;
int vs_batch_scan(struct vs_ctx *ctx, struct vs_batch *b,
		  const struct vs_scan *scan, struct vs_err *err) VS_MUST_CHECK;
/* Sorts and pads; *hits is [n_queries][k], owned by the batch. */
int vs_batch_finish(struct vs_ctx *ctx, struct vs_batch *b,
		    const struct vs_hit **hits,
		    struct vs_err *err) VS_MUST_CHECK;
/* Of lists, which vs_batch_finish has sorted (its *hits is NULL): the *n hits
 * of a query. */
const struct vs_hit *vs_batch_list(const struct vs_batch *b, uint64_t query,
				   uint32_t *n);
/* Whether a scan failed since its lists have outgrown list_bytes or memory; so
 * many hits were in those of the longest query. */
bool vs_batch_is_full(const struct vs_batch *b, uint32_t *longest);

/* [n_queries][k] beside the hits of vs_batch_finish; undefined beside padding.
 */
const uint64_t *vs_batch_where(const struct vs_batch *b);

/* Candidates of each query, to be ranked by other rows. */
struct vs_settle {
	uint32_t n; /* of each query */
	const struct vs_hit *hits; /* [n_queries][n], with padding */
	const uint64_t *where;     /* beside them */
	/* Reads the row that stands there into row, as f32 or bytes of the
	 * batch's rows.  May be called by several threads. */
	int (*read)(void *arg, uint64_t where, void *row, struct vs_err *err);
	/* Says that the row there will be read soon. */
	void (*ahead)(void *arg, uint64_t where);
	void *arg;
};

/* Offers b all candidates with their canonical keys. */
int vs_batch_settle(struct vs_ctx *ctx, struct vs_batch *b,
		    const struct vs_settle *s,
		    struct vs_err *err) VS_MUST_CHECK;

/* Row x query pairs that went through tiles so far. */
uint64_t vs_batch_distances(const struct vs_batch *b);
void vs_batch_destroy(struct vs_ctx *ctx, struct vs_batch *b);

/* Bytes a batch holds for each query, at most. */
uint64_t vs_batch_bytes_per_query(uint32_t k, uint32_t dim);

#endif
