/* shard_pack.c - turns the rows of a range into panels of its kind of code,
 * packed by all threads and written in file order.
 */
#include "refine_int.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/par.h"

#define SLOT_BYTES 262144u /* panels packed at a time */

/* One run of vs_build_range_write. */
struct run {
	struct vs_build *b;
	size_t per_block; /* panels */
};

static int slot_alloc(struct vs_build *b, struct vs_build_slot *s,
		      struct vs_err *err)
{
	static const char what[] = "panels";
	const struct vs_build_section *sec;
	unsigned i;

	s->wide = vs_alloc(b->ctx, b->src->dim, sizeof(float), what, err);
	if (s->wide == NULL)
		return VS_ENOMEM;
	s->scratch = vs_alloc(b->ctx, 1, b->scratch_bytes, what, err);
	if (s->scratch == NULL)
		return VS_ENOMEM;
	for (i = 0; i < b->n_sections; i++) {
		sec = &b->section[i];
		if (sec->per_panel == 0)
			continue;
		s->part[i] = vs_alloc(b->ctx, b->slot_panels,
				      (size_t)sec->item * sec->per_panel, what,
				      err);
		if (s->part[i] == NULL)
			return VS_ENOMEM;
	}
	return 0;
}

int vs_build_slots_alloc(struct vs_build *b, struct vs_err *err)
{
	uint64_t most = vs_mem_left(b->ctx) / 8;
	size_t panels, i, each = b->panel_bytes + b->scratch_bytes +
				 b->src->dim * sizeof(float);

	b->n_slots = b->ctx->n_threads + 2;
	panels = (size_t)vs_min_u64(SLOT_BYTES, most / b->n_slots) / each;
	b->slot_panels = vs_max_size(panels, 1);
	/* Where even one panel for each thread is too much, fewer will do. */
	if (b->n_slots > most / each)
		b->n_slots = vs_max_size((size_t)(most / each), 1);
	b->slots = vs_zalloc(b->ctx, b->n_slots, sizeof(*b->slots), "panels",
			     err);
	if (b->slots == NULL)
		return VS_ENOMEM;
	for (i = 0; i < b->n_slots; i++)
		if (slot_alloc(b, &b->slots[i], err) != 0)
			return VS_ENOMEM;
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
	struct vs_build_slot *s;
	size_t i;
	unsigned x;

	for (i = 0; b->slots != NULL && i < b->n_slots; i++) {
		s = &b->slots[i];
		for (x = 0; x < b->n_sections; x++)
			vs_free(b->ctx, s->part[x]);
		vs_free(b->ctx, s->wide);
		vs_free(b->ctx, s->scratch);
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

/* Packs panel p of the range (n_real rows) as panel `to` of the slot. */
static void pack_panel(const struct vs_build *b, struct vs_build_slot *s,
		       uint64_t p, size_t to, uint64_t n_real)
{
	const void *rows[VS_PANEL_ROWS];
	uint64_t place;
	size_t i;

	for (i = 0; i < VS_PANEL_ROWS; i++) {
		place = p * VS_PANEL_ROWS + i;
		rows[i] = i < n_real ? b->range_rows + place * b->row_bytes :
				       NULL;
		put_id(b, s->part[b->sec_ids], to * VS_PANEL_ROWS + i,
		       i < n_real ? b->range_ids[place] : VS_ID_NONE);
	}
	b->kind->pack(b, s, rows, to);
	if (b->refines)
		vs_refine_pack(b, s, rows, to);
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
		b->slots[slot].cell = c;
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
	size_t n = block_panels(r, block), bytes;
	unsigned i;
	int rc = 0;

	for (i = 0; rc == 0 && i < b->n_sections; i++) {
		bytes = (size_t)b->section[i].item * b->section[i].per_panel;
		if (bytes > 0)
			rc = vs_cont_write(b->ctx, b->w, b->section[i].number,
					   panel * bytes, s->part[i],
					   n * bytes, err);
	}
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
