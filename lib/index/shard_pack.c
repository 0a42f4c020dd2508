/* shard_pack.c - turns the rows of a range into panels and what stands beside
 * them, packed by all threads and written in file order.
 */
#include "shard_build_int.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/par.h"
#include "vs/widen.h"

#define SLOT_BYTES 262144u /* panels packed at a time */

struct vs_build_slot {
	uint8_t *panels;
	int32_t *terms; /* i32, or the bits of f32 */
	uint8_t *ids;
	uint32_t *norms;  /* with norms */
	uint8_t *codes;   /* panels, with codes */
	float *slack;     /* with codes */
	float *wide;      /* one row */
	uint8_t *row_codes; /* 16 rows */
};

/* One run of vs_build_range_write. */
struct run {
	struct vs_build *b;
	size_t per_block; /* panels */
};


/* Room for what stands beside rows. */
static int slot_extras_alloc(struct vs_build *b, struct vs_build_slot *s,
			     size_t rows, struct vs_err *err)
{
	static const char what[] = "codes";
	size_t dim = b->src->dim, bytes = vs_panel_bytes(VS_U8, dim);

	s->norms = vs_alloc(b->ctx, b->norms ? rows : VS_PANEL_ROWS, 4, what,
			    err);
	if (s->norms == NULL)
		return VS_ENOMEM;
	s->wide = vs_alloc(b->ctx, dim, sizeof(float), what, err);
	if (s->wide == NULL)
		return VS_ENOMEM;
	if (b->code8.mid == NULL)
		return 0;
	s->codes = vs_alloc(b->ctx, rows / VS_PANEL_ROWS, bytes, what, err);
	if (s->codes == NULL)
		return VS_ENOMEM;
	s->slack = vs_alloc(b->ctx, rows, sizeof(float), what, err);
	if (s->slack == NULL)
		return VS_ENOMEM;
	s->row_codes = vs_alloc(b->ctx, VS_PANEL_ROWS, dim, what, err);
	return s->row_codes == NULL ? VS_ENOMEM : 0;
}

/* Bytes of a panel in a slot, with all that stands beside it. */
static size_t slot_panel_bytes(const struct vs_build *b)
{
	size_t dim = b->src->dim, each = VS_PANEL_ROWS * 16;

	if (b->code8.mid != NULL)
		each += vs_panel_bytes(VS_U8, dim) + VS_PANEL_ROWS * dim;
	return b->panel_bytes + each + dim * sizeof(float);
}

int vs_build_slots_alloc(struct vs_build *b, struct vs_err *err)
{
	static const char what[] = "panels";
	uint64_t most = vs_mem_left(b->ctx) / 8;
	size_t panels, rows, i, each = slot_panel_bytes(b);

	b->n_slots = b->ctx->n_threads + 2;
	panels = (size_t)vs_min_u64(SLOT_BYTES, most / b->n_slots) / each;
	panels = vs_max_size(panels, 1);
	/* Where even one panel for each thread is too much, fewer will do. */
	if (b->n_slots > most / each)
		b->n_slots = vs_max_size((size_t)(most / each), 1);
	rows = panels * VS_PANEL_ROWS;
	b->slot_panels = panels;
	b->slots = vs_zalloc(b->ctx, b->n_slots, sizeof(*b->slots), what, err);
	if (b->slots == NULL)
		return VS_ENOMEM;
	for (i = 0; i < b->n_slots; i++) {
		struct vs_build_slot *s = &b->slots[i];

		if (slot_extras_alloc(b, s, rows, err) != 0)
			return VS_ENOMEM;

		s->panels = vs_alloc(b->ctx, panels, b->panel_bytes, what, err);
		if (s->panels == NULL)
			return VS_ENOMEM;
		s->terms = vs_alloc(b->ctx, rows, 4, what, err);
		if (s->terms == NULL)
			return VS_ENOMEM;
		s->ids = vs_alloc(b->ctx, rows, b->id_size, what, err);
		if (s->ids == NULL)
			return VS_ENOMEM;
	}
	return 0;
}

int vs_build_range_alloc(struct vs_build *b, uint64_t *most,
			 struct vs_err *err)
{
	uint64_t panels = b->cell_panel[b->nlist], fit;
	uint64_t per_panel = VS_PANEL_ROWS * ((uint64_t)b->row_bytes + 8);

	/* Leave a quarter of what is left: threads and zstd want some. */
	fit = vs_mem_left(b->ctx) / 4 * 3 / per_panel;
	if (fit > panels)
		fit = panels;
	if (fit == 0)
		fit = panels == 0 ? 0 : 1;
	b->range_rows = vs_alloc(b->ctx, fit * VS_PANEL_ROWS, b->row_bytes,
				 "rows of a range", err);
	if (b->range_rows == NULL)
		return VS_ENOMEM;
	b->range_ids = vs_alloc(b->ctx, fit * VS_PANEL_ROWS, 8,
				"ids of a range", err);
	if (b->range_ids == NULL)
		return VS_ENOMEM;
	*most = fit;
	return 0;
}

void vs_build_range_free(struct vs_build *b)
{
	size_t i;

	for (i = 0; b->slots != NULL && i < b->n_slots; i++) {
		vs_free(b->ctx, b->slots[i].panels);
		vs_free(b->ctx, b->slots[i].terms);
		vs_free(b->ctx, b->slots[i].ids);
		vs_free(b->ctx, b->slots[i].norms);
		vs_free(b->ctx, b->slots[i].codes);
		vs_free(b->ctx, b->slots[i].slack);
		vs_free(b->ctx, b->slots[i].wide);
		vs_free(b->ctx, b->slots[i].row_codes);
	}
	vs_free(b->ctx, b->slots);
	vs_free(b->ctx, b->range_rows);
	vs_free(b->ctx, b->range_ids);
}

/* The cell that owns a panel: the last one that starts at or before it. */
static uint32_t cell_of_panel(const struct vs_build *b, uint64_t panel)
{
	uint32_t lo = 0, hi = b->nlist, mid;

	while (hi - lo > 1) {
		mid = lo + (hi - lo) / 2;
		if (b->cell_panel[mid] <= panel)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static void put_id(const struct vs_build *b, uint8_t *ids, size_t i,
		   uint64_t id)
{
	if (b->id_size == 4)
		vs_put_le32(ids + i * 4, (uint32_t)id);
	else
		vs_put_le64(ids + i * 8, id);
}

/* The codes of 16 rows as panel `to` of the slot; missing rows are zeros. */
static void pack_codes(const struct vs_build *b, struct vs_build_slot *s,
		       const void *const rows[VS_PANEL_ROWS], size_t to)
{
	uint32_t dim = b->src->dim;
	const uint8_t *coded[VS_PANEL_ROWS];
	float *slack = s->slack + to * VS_PANEL_ROWS;
	uint8_t *codes;
	size_t i;

	for (i = 0; i < VS_PANEL_ROWS; i++) {
		coded[i] = NULL;
		slack[i] = 0;
		if (rows[i] == NULL)
			continue;
		codes = s->row_codes + i * dim;
		coded[i] = codes;
		vs_row_widen(b->src->dtype, rows[i], dim, s->wide);
		slack[i] = vs_code8_encode(&b->code8, s->wide, codes);
	}
	vs_pack_panel_u8(coded, dim,
			 s->codes + to * vs_panel_bytes(VS_U8, dim));
}

/* Packs panel p of the range (n_real rows) as panel `to` of the slot. */
static void pack_panel(const struct vs_build *b, struct vs_build_slot *s,
		       uint64_t p, size_t to, uint64_t n_real)
{
	const struct vs_panel_kind kind = { b->src->dtype, b->spec->metric,
					    b->src->dim,
					    b->code8.mid != NULL };
	const void *rows[VS_PANEL_ROWS];
	uint64_t place;
	size_t i;

	for (i = 0; i < VS_PANEL_ROWS; i++) {
		place = p * VS_PANEL_ROWS + i;
		rows[i] = i < n_real ? b->range_rows + place * b->row_bytes :
				       NULL;
		put_id(b, s->ids, to * VS_PANEL_ROWS + i,
		       i < n_real ? b->range_ids[place] : VS_ID_NONE);
	}
	vs_panel_pack(&kind, rows, s->panels + to * b->panel_bytes,
		      s->terms + to * VS_PANEL_ROWS,
		      s->norms + (b->norms ? to * VS_PANEL_ROWS : 0), s->wide);
	if (b->code8.mid != NULL)
		pack_codes(b, s, rows, to);
}

static size_t block_panels(const struct run *r, size_t block)
{
	return (size_t)vs_min_u64(r->per_block,
				  r->b->range_panels - block * r->per_block);
}

static int pack_block(void *arg, size_t block, size_t slot, unsigned thread,
		      struct vs_err *err)
{
	struct run *r = arg;
	struct vs_build *b = r->b;
	uint64_t p = (uint64_t)block * r->per_block, panel, rank;
	size_t n = block_panels(r, block), i;
	uint32_t c = cell_of_panel(b, b->range_first + p);

	(void)thread;
	(void)err;
	for (i = 0; i < n; i++, p++) {
		panel = b->range_first + p;
		while (panel >= b->cell_panel[c + 1])
			c++;
		rank = (panel - b->cell_panel[c]) * VS_PANEL_ROWS;
		pack_panel(b, &b->slots[slot], p, i,
			   vs_min_u64(b->cell_rows[c] - rank, VS_PANEL_ROWS));
	}
	return 0;
}

static int write_block(void *arg, size_t block, size_t slot,
		       struct vs_err *err)
{
	struct run *r = arg;
	struct vs_build *b = r->b;
	const struct vs_build_slot *s = &b->slots[slot];
	uint64_t panel = b->range_first + (uint64_t)block * r->per_block;
	uint64_t row = panel * VS_PANEL_ROWS;
	size_t n = block_panels(r, block), n_rows = n * VS_PANEL_ROWS;
	size_t code_bytes;
	int rc;

	rc = vs_cont_write(b->ctx, b->w, b->sec_rows, panel * b->panel_bytes,
			   s->panels, n * b->panel_bytes, err);
	if (rc == 0)
		rc = vs_cont_write(b->ctx, b->w, b->sec_terms, row * 4,
				   s->terms, n_rows * 4, err);
	if (rc == 0)
		rc = vs_cont_write(b->ctx, b->w, b->sec_ids, row * b->id_size,
				   s->ids, n_rows * b->id_size, err);
	if (rc == 0 && b->norms)
		rc = vs_cont_write(b->ctx, b->w, b->sec_norms, row * 4,
				   s->norms, n_rows * 4, err);
	if (rc != 0 || b->code8.mid == NULL)
		return rc;
	code_bytes = vs_panel_bytes(VS_U8, b->src->dim);
	rc = vs_cont_write(b->ctx, b->w, b->sec_codes, panel * code_bytes,
			   s->codes, n * code_bytes, err);
	if (rc == 0)
		rc = vs_cont_write(b->ctx, b->w, b->sec_slack, row * 4,
				   s->slack, n_rows * 4, err);
	return rc;
}

int vs_build_range_write(struct vs_build *b, struct vs_err *err)
{
	struct run r = { b, b->slot_panels };
	struct vs_pipe pipe = {
		.work = pack_block,
		.write = write_block,
		.arg = &r,
		.n_slots = b->n_slots,
		.n_blocks = (size_t)vs_div_up(b->range_panels, r.per_block),
	};

	return vs_pipe_run(b->ctx, &pipe, err);
}
