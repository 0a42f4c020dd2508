/* shard_scan.c - a shard's cells as the batch engine wants them: who probes
 * which cell, and verified views of the map.
 */
#include "vs/shard.h"

#include "batch_pq.h"
#include "shard_int.h"
#include "vs/kern.h"
#include "vs/mem.h"

struct view_arg {
	struct vs_ctx *ctx;
	struct vs_shard *s;
	uint64_t where; /* of slot 0 */
};

static void ahead(void *arg, size_t cell, uint64_t first, uint64_t n)
{
	const struct view_arg *a = arg;
	const struct vs_shard *s = a->s;
	uint64_t panel = s->cell_panel[cell] + first;
	const struct vs_span *scanned = s->codes.p != NULL ? &s->codes :
							      &s->rows;

	vs_cont_willneed(s->cont, scanned, panel * scanned->item,
			 n * scanned->item);
}

/* Panels first.. of a section with one item for each panel, verified. */
static int touch_panels(const struct view_arg *a, const struct vs_span *span,
			uint64_t panel, uint64_t n, struct vs_err *err)
{
	return vs_cont_touch(a->ctx, a->s->cont, span, panel * span->item,
			     n * span->item, err);
}

/* The same of one with an item for each row. */
static int touch_beside(const struct view_arg *a, const struct vs_span *span,
			uint64_t panel, uint64_t n, struct vs_err *err)
{
	return vs_cont_touch(a->ctx, a->s->cont, span,
			     panel * VS_PANEL_ROWS * span->item,
			     n * VS_PANEL_ROWS * span->item, err);
}

static int touch(void *arg, size_t cell, uint64_t row, struct vs_err *err)
{
	const struct view_arg *a = arg;
	const struct vs_shard *s = a->s;
	uint64_t bytes = s->panel_bytes / VS_PANEL_ROWS;

	row += s->cell_panel[cell] * VS_PANEL_ROWS;
	return vs_cont_touch(a->ctx, s->cont, &s->rows, row * bytes, bytes,
			     err);
}

static int view(void *arg, size_t cell, uint64_t first, uint64_t n,
		struct vs_cell_view *out, struct vs_err *err)
{
	const struct view_arg *a = arg;
	const struct vs_shard *s = a->s;
	uint64_t panel = s->cell_panel[cell] + first;
	uint64_t row = panel * VS_PANEL_ROWS, n_rows = n * VS_PANEL_ROWS;
	uint64_t left = s->cell_rows[cell] - first * VS_PANEL_ROWS;
	bool codes = s->codes.p != NULL, slack = s->slack.p != NULL;
	bool norms = s->norms.p != NULL;
	int rc;

	rc = touch_panels(a, codes ? &s->codes : &s->rows, panel, n, err);
	if (rc == 0 && slack)
		rc = touch_beside(a, &s->slack, panel, n, err);
	if (rc == 0 && norms)
		rc = touch_beside(a, &s->norms, panel, n, err);
	if (rc == 0)
		rc = touch_beside(a, &s->terms, panel, n, err);
	if (rc == 0)
		rc = touch_beside(a, &s->ids, panel, n, err);
	out->panels = s->rows.p != NULL ? s->rows.p + panel * s->panel_bytes :
					  NULL;
	out->terms = s->terms.p + row * 4;
	out->norms = norms ? (const uint32_t *)(const void *)s->norms.p + row :
			     NULL;
	out->codes = codes ? s->codes.p + panel * s->codes.item : NULL;
	out->slack = NULL;
	if (s->slack.p != NULL)
		out->slack = (const float *)(const void *)s->slack.p + row;
	out->ids = s->ids.p + row * s->ids.item;
	out->id_size = s->ids.item;
	out->id_base = 0;
	out->where = a->where + row;
	out->n_rows = vs_min_u64(left, n_rows);
	return rc;
}

/* Columns [from, to) of the probe table. */
struct columns {
	const uint32_t *cells; /* [n_queries][nprobe]; NULL for Flat */
	uint64_t n_queries;
	uint32_t nprobe;
	uint32_t from, to;
};

/* The end of the columns of query i that hold cells. */
static uint32_t last_of(const struct columns *p, uint64_t i)
{
	const uint32_t *cells = p->cells + i * p->nprobe;
	uint32_t to = p->to;

	while (to > p->from && cells[to - 1] == VS_CELL_NONE)
		to--;
	return to;
}

/* The (cell, query) pairs of the columns sorted by cell, in query order within
 * a cell. */
static int sort_pairs(struct vs_ctx *ctx, uint32_t nlist,
		      const struct columns *p, uint64_t **start_out,
		      uint32_t **query_out, struct vs_err *err)
{
	uint64_t *start, at = 0, n, i;
	uint32_t *query, c, x, to;

	start = vs_zalloc(ctx, (size_t)nlist + 1, sizeof(*start), "probes",
			  err);
	*start_out = start;
	if (start == NULL)
		return VS_ENOMEM;
	query = vs_alloc(ctx, p->n_queries, sizeof(*query) * (p->to - p->from),
			 "probes", err);
	*query_out = query;
	if (query == NULL)
		return VS_ENOMEM;
	for (i = 0; i < p->n_queries; i++) {
		to = last_of(p, i);
		for (x = p->from; x < to; x++)
			start[p->cells[i * p->nprobe + x]]++;
	}
	for (c = 0; c <= nlist; c++) {
		n = start[c];
		start[c] = at;
		at += n;
	}
	for (i = 0; i < p->n_queries; i++) {
		to = last_of(p, i);
		for (x = p->from; x < to; x++)
			query[start[p->cells[i * p->nprobe + x]]++] =
				(uint32_t)i;
	}
	for (c = nlist; c > 0; c--)
		start[c] = start[c - 1];
	start[0] = 0;
	return 0;
}

static int scan_columns(struct vs_ctx *ctx, struct vs_shard *s,
			uint32_t number, struct vs_batch *b,
			const struct columns *p, struct vs_err *err)
{
	struct view_arg arg = { .ctx = ctx, .s = s,
				.where = (uint64_t)number
					 << VS_WHERE_SLOT_BITS };
	struct vs_scan scan = {
		.code8 = s->code8.mid != NULL ? &s->code8 : NULL,
		.decode = s->code8.mid != NULL && s->rows.p == NULL,
		.pq = s->codebooks.codebooks != NULL ? &s->pq : NULL,
		.n_cells = s->index.nlist,
		.cell_rows = s->cell_rows,
		.view = view,
		.touch = touch,
		.ahead = ahead,
		.arg = &arg,
	};
	uint64_t *start = NULL;
	uint32_t *query = NULL;
	int rc = 0;

	if (p->from == p->to)
		return 0;
	if (p->cells != NULL)
		rc = sort_pairs(ctx, s->index.nlist, p, &start, &query, err);
	scan.start = start;
	scan.query = query;
	if (rc == 0)
		rc = vs_batch_scan(ctx, b, &scan, err);
	vs_free(ctx, start);
	vs_free(ctx, query);
	return rc;
}

int vs_shard_scan(struct vs_ctx *ctx, struct vs_shard *s, uint32_t number,
		  struct vs_batch *b, uint64_t n_queries,
		  const uint32_t *cells, uint32_t nprobe, struct vs_err *err)
{
	struct columns p = { cells, n_queries, nprobe, 0, 1 };
	int rc;

	if (s->index.family == VS_FAMILY_FLAT)
		p.cells = NULL;
	rc = scan_columns(ctx, s, number, b, &p, err);
	if (rc != 0 || p.cells == NULL)
		return rc;
	p.from = 1;
	p.to = nprobe;
	return scan_columns(ctx, s, number, b, &p, err);
}

uint64_t vs_shard_query_bytes(const struct vs_shard *s)
{
	return s->codebooks.codebooks == NULL ? 0 :
						vs_batch_pq_bytes(&s->pq);
}
