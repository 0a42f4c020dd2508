/* cell_log.c - cell numbers as a growing checkpoint. */
#include "cell_log.h"

#include "vs/mem.h"

int vs_cell_log_init(struct vs_cell_log *g, struct vs_ctx *ctx,
		     const char *out, const struct vs_digest *fingerprint,
		     unsigned per_row, uint32_t every_secs, struct vs_err *err)
{
	g->ctx = ctx;
	g->per_row = per_row;
	g->file.kind = VS_CKPT_CELLS;
	g->file.task = *fingerprint;
	g->file.head = g->prefix.b;
	g->file.n_head = sizeof(g->prefix.b);
	vs_ckpt_clock_start(&g->clock, every_secs);
	g->path = vs_ckpt_path(ctx, out, err);
	return g->path == NULL ? VS_ENOMEM : 0;
}

static bool all_below(const uint32_t *cell, uint64_t n, uint32_t nlist)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		if (cell[i] >= nlist)
			return false;
	return true;
}

int vs_cell_log_load(struct vs_cell_log *g, uint32_t *cell, uint64_t n_rows,
		     uint32_t nlist, uint64_t *n, struct vs_err *err)
{
	size_t row = g->per_row * sizeof(*cell);
	bool found;
	int rc;

	*n = 0;
	g->file.growing = true;
	g->file.data = cell;
	g->file.n_data = (size_t)n_rows * row;
	rc = vs_ckpt_load(g->ctx, g->path, &g->file, &found, err);
	if (rc != 0 || !found)
		return rc;
	if (g->file.n_data % row != 0 ||
	    !all_below(cell, g->file.n_data / sizeof(*cell), nlist)) {
		vs_ctx_log(g->ctx, VS_LOG_WARN,
			   "%s: holds no cells of this model; starting from "
			   "the beginning", g->path);
		return 0;
	}
	*n = g->n = g->n_saved = g->file.n_data / row;
	vs_ctx_log(g->ctx, VS_LOG_INFO, "%s: going on after row %llu of %llu",
		   g->path, (unsigned long long)*n,
		   (unsigned long long)n_rows);
	return 0;
}

bool vs_cell_log_fits(struct vs_cell_log *g, const struct vs_hasher *h)
{
	struct vs_digest now;

	vs_hasher_done(h, &now);
	if (vs_digest_equal(&now, &g->prefix))
		return true;
	vs_ctx_log(g->ctx, VS_LOG_WARN,
		   "%s: is of other rows; starting from the beginning",
		   g->path);
	g->n = 0;
	return false;
}

static void save(struct vs_cell_log *g, uint32_t *cell)
{
	g->file.data = cell;
	g->file.n_data = (size_t)g->n * g->per_row * sizeof(*cell);
	vs_ckpt_offer(g->ctx, &g->clock, g->path, &g->file);
	g->n_saved = g->n;
}

void vs_cell_log_offer(struct vs_cell_log *g, uint32_t *cell, uint64_t n,
		       const struct vs_hasher *h)
{
	g->n = n;
	vs_hasher_done(h, &g->prefix);
	if (vs_ckpt_is_due(&g->clock, false))
		save(g, cell);
}

void vs_cell_log_stop(struct vs_cell_log *g, uint32_t *cell)
{
	if (g->n > g->n_saved && vs_ckpt_is_due(&g->clock, true))
		save(g, cell);
}

void vs_cell_log_drop(struct vs_cell_log *g)
{
	vs_ckpt_remove(g->ctx, g->path);
}

void vs_cell_log_clear(struct vs_cell_log *g)
{
	if (g->path != NULL)
		vs_free(g->ctx, g->path);
}
