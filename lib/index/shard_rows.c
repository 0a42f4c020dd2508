/* shard_rows.c - the rows of a shard one by one: where they stand, and what its
 * searches take them for.
 */
#include "refine_int.h"
#include "vs/panel.h"

#define SLOT_MASK (((uint64_t)1 << VS_WHERE_SLOT_BITS) - 1)

static uint64_t id_at(const struct vs_shard *s, uint64_t slot)
{
	if (s->ids.item == 4)
		return vs_get_le32(s->ids.p + slot * 4);
	return vs_get_le64(s->ids.p + slot * 8);
}

int vs_shard_each_row(struct vs_ctx *ctx, struct vs_shard *s, uint32_t number,
		      const struct vs_shard_visitor *v, struct vs_err *err)
{
	uint64_t where = (uint64_t)number << VS_WHERE_SLOT_BITS, slot, i;
	uint32_t c;
	int rc = 0;

	for (c = 0; rc == 0 && c < s->index.nlist; c++) {
		if (vs_ctx_stopping(ctx))
			return vs_fail(err, VS_EAGAIN,
				       "stopped while rows were listed; run "
				       "again");
		slot = s->cell_panel[c] * VS_PANEL_ROWS;
		rc = vs_cont_touch(ctx, s->cont, &s->ids, slot * s->ids.item,
				   s->cell_rows[c] * s->ids.item, err);
		for (i = 0; rc == 0 && i < s->cell_rows[c]; i++)
			rc = v->row(v->arg, id_at(s, slot + i),
				    where + slot + i, err);
	}
	return rc;
}

/* The cell that a panel is of: the last that begins there or before, of which
 * empty ones begin at the same place. */
static size_t cell_of(const struct vs_shard *s, uint64_t panel)
{
	size_t lo = 0, hi = s->index.nlist, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (s->cell_panel[mid + 1] <= panel)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The panel of a section, verified. */
static int panel_of(struct vs_ctx *ctx, struct vs_shard *s,
		    const struct vs_span *span, uint64_t panel,
		    const uint8_t **p, struct vs_err *err)
{
	uint64_t at = panel * span->item;

	*p = span->p + at;
	return vs_cont_touch(ctx, s->cont, span, at, span->item, err);
}

static int read_codes(struct vs_ctx *ctx, struct vs_shard *s, uint64_t slot,
		      void *row, struct vs_err *err)
{
	uint64_t panel = slot / VS_PANEL_ROWS;
	unsigned lane = slot % VS_PANEL_ROWS;
	const uint8_t *p;
	int rc = panel_of(ctx, s, &s->codes, panel, &p, err);

	if (rc != 0)
		return rc;
	if (s->codebooks.codebooks != NULL)
		vs_pq_space_decode(&s->pq, cell_of(s, panel), p, lane, row);
	else
		vs_code8_decode_lane(&s->code8, p, lane, row);
	return 0;
}

static int read_rows(struct vs_ctx *ctx, struct vs_shard *s, uint64_t slot,
		     void *row, struct vs_err *err)
{
	const struct vs_panel_kind kind = { s->row_dtype,
					    vs_shard_head(s)->metric, s->dim,
					    s->code8.mid != NULL };
	const uint8_t *p;
	int rc = panel_of(ctx, s, &s->rows, slot / VS_PANEL_ROWS, &p, err);

	if (rc == 0)
		vs_panel_unpack(&kind, p, slot % VS_PANEL_ROWS, row);
	return rc;
}

int vs_shards_row(struct vs_ctx *ctx, struct vs_shard *const *shards,
		  uint64_t where, void *row, struct vs_err *err)
{
	struct vs_shard *s = shards[where >> VS_WHERE_SLOT_BITS];
	uint64_t slot = where & SLOT_MASK;

	if (s->refines)
		return vs_refine_read(ctx, s, slot, row, err);
	if (s->rows.p == NULL)
		return read_codes(ctx, s, slot, row, err);
	return read_rows(ctx, s, slot, row, err);
}
