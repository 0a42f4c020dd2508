/* shard_build.c - builds a shard file from a stream of rows.
 *
 * Every row has one place, or with SOAR two in cells of their own: the first
 * panel of the cell and its rank among the rows of the cell in input order.
 * Places are filled for a range of panels at a time, as many as the memory
 * ceiling allows; the stream is read once for each range, in order, so I/O
 * stays sequential and the bytes do not depend on the ceiling.
 */
#include "vs/shard.h"

#include <string.h>

#include "shard_build_int.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/plan.h"
#include "vs/widen.h"
#include "vs/yaml.h"

#define BLOCK_BYTES (2u << 20) /* rows read at a time */

static int stopped(struct vs_err *err)
{
	return vs_fail(err, VS_EAGAIN, "stopped while building; run again");
}

/* Reads the next block; hashes it on the first pass over the stream. */
static int next_block(struct vs_build *b, size_t most, size_t *got,
		      struct vs_err *err)
{
	int rc;

	if (vs_ctx_stopping(b->ctx))
		return stopped(err);
	rc = b->src->next(b->src->arg, b->ctx, b->block, b->block_ids,
			  vs_min_size(most, b->block_rows), got, err);
	if (rc == 0 && b->hasher != NULL && b->src->tee == NULL)
		vs_hasher_add(b->hasher, b->block, *got * b->row_bytes);
	return rc;
}

static int count_mismatch(const struct vs_build *b, uint64_t found,
			  struct vs_err *err)
{
	return vs_fail(err, VS_EDATA,
		       "%s: gave %llu rows where %llu were expected; it "
		       "changed while it was read", b->src->name,
		       (unsigned long long)found,
		       (unsigned long long)b->src->n_rows);
}

/* Where a transform is between, its source hashes what is read. */
static void tee(const struct vs_build *b, struct vs_hasher *h)
{
	if (b->src->tee != NULL)
		b->src->tee(b->src->arg, h);
}

/* The digest is complete after one pass over the whole stream. */
static void end_digest(struct vs_build *b)
{
	if (b->hasher == NULL)
		return;
	tee(b, NULL);
	vs_hasher_done(b->hasher, &b->input);
	vs_hasher_destroy(b->ctx, b->hasher);
	b->hasher = NULL;
}

static int assign_rows(const struct vs_build *b, const struct vs_coarse *coarse,
		       const struct vs_rows *rows, uint32_t *cell,
		       struct vs_err *err)
{
	return b->copies == 2 ?
		       vs_coarse_assign_two(b->ctx, coarse, rows, cell, err) :
		       vs_coarse_assign(b->ctx, coarse, rows, cell, NULL, err);
}

/* The cells of n rows of the block.  The centroids of similarities are unit
 * vectors, and the one with the largest product is the nearest to the row
 * scaled to length 1. */
static int assign_block(struct vs_build *b, const struct vs_coarse *coarse,
			size_t n, uint32_t *cell, struct vs_err *err)
{
	uint32_t dim = b->src->dim;
	struct vs_rows rows = { b->block, n, dim, b->src->dtype };
	size_t at, i;
	int rc = 0;

	if (!vs_metric_is_similarity(b->spec->metric))
		return assign_rows(b, coarse, &rows, cell, err);
	rows.p = b->wide;
	rows.dtype = VS_F32;
	for (at = 0; rc == 0 && at < n; at += rows.n) {
		rows.n = vs_min_size(b->wide_rows, n - at);
		for (i = 0; i < rows.n; i++) {
			vs_row_widen(b->src->dtype,
				     b->block + (at + i) * b->row_bytes, dim,
				     b->wide + i * dim);
			vs_row_unit(b->wide + i * dim, dim);
		}
		rc = assign_rows(b, coarse, &rows, cell + at * b->copies, err);
	}
	return rc;
}

/* To the start of the stream, with a new digest. */
static int start_stream(struct vs_build *b, struct vs_err *err)
{
	int rc;

	tee(b, NULL);
	vs_hasher_destroy(b->ctx, b->hasher);
	b->hasher = NULL;
	rc = vs_hasher_create(b->ctx, &b->hasher, err);
	if (rc != 0)
		return rc;
	vs_hasher_add_u64(b->hasher, b->src->raw_dtype);
	vs_hasher_add_u64(b->hasher, b->src->raw_dim);
	vs_hasher_add_u64(b->hasher, b->src->n_rows);
	tee(b, b->hasher);
	return b->src->rewind(b->src->arg, b->ctx, err);
}

/* Reads past the rows whose cells an earlier run found, *done of them, if they
 * are the same rows. */
static int skip_known(struct vs_build *b, uint64_t *done, struct vs_err *err)
{
	uint64_t known;
	size_t got;
	int rc = vs_cell_log_load(&b->log, b->cell, b->src->n_rows, b->nlist,
				  &known, err);

	*done = 0;
	while (rc == 0 && *done < known) {
		rc = next_block(b, (size_t)(known - *done), &got, err);
		if (rc == 0 && got == 0)
			return count_mismatch(b, *done, err);
		*done += got;
	}
	if (rc != 0 || known == 0 || vs_cell_log_fits(&b->log, b->hasher))
		return rc;
	*done = 0;
	return start_stream(b, err);
}

/* First pass of IVF: the cell of every row. */
static int assign_all(struct vs_build *b, struct vs_err *err)
{
	const struct vs_model *m = b->spec->model;
	struct vs_rows centroids = { m->centroids, m->index.nlist, m->inner,
				     VS_F32 };
	enum vs_dtype rows = vs_metric_is_similarity(b->spec->metric) ?
				     VS_F32 : b->src->dtype;
	struct vs_coarse *coarse;
	uint64_t done = 0, i;
	size_t got;
	int rc;

	b->cell = vs_alloc(b->ctx, b->src->n_rows,
			   b->copies * sizeof(*b->cell), "cell numbers", err);
	if (b->cell == NULL)
		return VS_ENOMEM;
	rc = vs_coarse_create(b->ctx, &centroids, rows, &coarse, err);
	if (rc != 0)
		return rc;
	rc = skip_known(b, &done, err);
	while (rc == 0) {
		rc = next_block(b, SIZE_MAX, &got, err);
		if (rc != 0 || got == 0)
			break;
		if (got > b->src->n_rows - done) {
			rc = count_mismatch(b, done + got, err);
			break;
		}
		rc = assign_block(b, coarse, got,
				  b->cell + done * b->copies, err);
		done += got;
		if (rc == 0)
			vs_cell_log_offer(&b->log, b->cell, done, b->hasher);
		vs_ctx_progress(b->ctx, "assign", done, b->src->n_rows,
				"rows");
	}
	vs_coarse_destroy(b->ctx, coarse);
	if (rc == 0 && done != b->src->n_rows)
		rc = count_mismatch(b, done, err);
	for (i = 0; rc == 0 && i < done * b->copies; i++)
		b->cell_rows[b->cell[i]]++;
	end_digest(b);
	return rc;
}

int vs_build_lay_out(struct vs_build *b, struct vs_err *err)
{
	uint64_t panels = 0;
	uint32_t c;

	if (b->spec->index.family == VS_FAMILY_FLAT)
		b->cell_rows[0] = b->src->n_rows;
	for (c = 0; c < b->nlist; c++) {
		b->cell_panel[c] = panels;
		panels += vs_panels_of(b->cell_rows[c]);
	}
	b->cell_panel[b->nlist] = panels;
	if (panels > UINT64_MAX / b->panel_bytes)
		return vs_fail(err, VS_EUSAGE, "%s: too large for one shard",
			       b->src->name);
	return 0;
}

/* Puts row i of the block into its cell c, if that place is in the range. */
static void place_row(struct vs_build *b, size_t i, uint32_t c)
{
	uint64_t first = b->range_first * VS_PANEL_ROWS;
	uint64_t end = first + b->range_panels * VS_PANEL_ROWS;
	uint64_t place = b->cell_panel[c] * VS_PANEL_ROWS + b->next[c]++;

	if (place < first || place >= end)
		return;
	memcpy(b->range_rows + (place - first) * b->row_bytes,
	       b->block + i * b->row_bytes, b->row_bytes);
	b->range_ids[place - first] = b->block_ids[i];
}

/* Places of the rows of one block that fall into the range. */
static void place_block(struct vs_build *b, uint64_t done, size_t got)
{
	const uint32_t *cell = b->cell;
	unsigned x;
	size_t i;

	for (i = 0; i < got; i++)
		for (x = 0; x < b->copies; x++)
			place_row(b, i,
				  cell != NULL ?
					  cell[(done + i) * b->copies + x] :
					  0);
}

/* IVF: the whole stream again.  Flat: as many rows as the range holds. */
static int fill_range(struct vs_build *b, struct vs_err *err)
{
	bool flat = b->cell == NULL;
	uint64_t left = flat ? vs_min_u64(b->range_panels * VS_PANEL_ROWS,
					  b->src->n_rows - b->n_done) :
			       b->src->n_rows;
	uint64_t done = 0;
	size_t got;
	int rc = 0;

	if (!flat) {
		memset(b->next, 0, b->nlist * sizeof(*b->next));
		rc = b->src->rewind(b->src->arg, b->ctx, err);
	}
	while (rc == 0 && done < left) {
		rc = next_block(b, (size_t)vs_min_u64(left - done, SIZE_MAX),
				&got, err);
		if (rc == 0 && got == 0)
			return count_mismatch(b, b->n_done + done, err);
		if (rc == 0 && got > left - done)
			return count_mismatch(b, b->n_done + done + got, err);
		if (rc == 0)
			place_block(b, done, got);
		done += got;
	}
	b->n_done += flat ? done : 0;
	return rc;
}

static int place_all(struct vs_build *b, struct vs_err *err)
{
	uint64_t panels = b->cell_panel[b->nlist];
	uint64_t most;
	int rc = vs_build_range_alloc(b, &most, err);

	while (rc == 0 && b->range_first < panels) {
		b->range_panels = vs_min_u64(most, panels - b->range_first);
		rc = fill_range(b, err);
		if (rc == 0)
			rc = vs_build_range_write(b, err);
		b->range_first += b->range_panels;
		vs_ctx_progress(b->ctx, "place", b->range_first, panels,
				"panels");
	}
	end_digest(b);
	return rc;
}

static void build_clear(struct vs_build *b)
{
	vs_free(b->ctx, b->late);
	vs_cont_abort(b->ctx, b->w);
	vs_cell_log_clear(&b->log);
	vs_hasher_destroy(b->ctx, b->hasher);
	vs_free(b->ctx, b->block);
	vs_free(b->ctx, b->block_ids);
	vs_free(b->ctx, b->wide);
	vs_free(b->ctx, b->cell);
	vs_free(b->ctx, b->cell_rows);
	vs_free(b->ctx, b->cell_panel);
	vs_free(b->ctx, b->next);
	vs_code8_free(b->ctx, &b->code8);
	vs_free(b->ctx, b->quan);
	vs_pq_space_clear(b->ctx, &b->pq);
	vs_build_range_free(b);
}

int vs_build_alloc(struct vs_build *b, struct vs_err *err)
{
	struct vs_ctx *ctx = b->ctx;
	size_t n_cells = (size_t)b->nlist + 1;

	b->block_rows = (size_t)vs_min_u64(BLOCK_BYTES, vs_mem_left(ctx) / 8) /
			(b->row_bytes + sizeof(*b->block_ids));
	b->block_rows = (size_t)vs_min_u64(b->block_rows, b->src->n_rows);
	if (b->block_rows == 0)
		b->block_rows = 1;
	b->block = vs_alloc(ctx, b->block_rows, b->row_bytes, "rows", err);
	if (b->block == NULL)
		return VS_ENOMEM;
	b->block_ids = vs_alloc(ctx, b->block_rows, 8, "ids", err);
	if (b->block_ids == NULL)
		return VS_ENOMEM;
	if (b->spec->index.family == VS_FAMILY_IVF &&
	    vs_metric_is_similarity(b->spec->metric)) {
		b->wide_rows = (size_t)vs_min_u64(BLOCK_BYTES,
						  vs_mem_left(ctx) / 8) /
			       (b->src->dim * sizeof(float));
		b->wide_rows = vs_max_size(b->wide_rows, 1);
		b->wide = vs_alloc(ctx, b->wide_rows,
				   b->src->dim * sizeof(float), "rows", err);
		if (b->wide == NULL)
			return VS_ENOMEM;
	}
	b->cell_rows = vs_zalloc(ctx, n_cells, 8, "cells", err);
	if (b->cell_rows == NULL)
		return VS_ENOMEM;
	b->cell_panel = vs_zalloc(ctx, n_cells, 8, "cells", err);
	if (b->cell_panel == NULL)
		return VS_ENOMEM;
	b->next = vs_zalloc(ctx, n_cells, 8, "cells", err);
	if (b->next == NULL)
		return VS_ENOMEM;
	if (vs_build_hold(b, err) != 0)
		return VS_ENOMEM;
	return vs_build_slots_alloc(b, err);
}

static int build(struct vs_build *b, const char *path, struct vs_err *err)
{
	struct vs_cont_head head = {
		.kind = VS_KIND_SHARD,
		.fingerprint = b->spec->fingerprint,
		.n_rows = b->src->n_rows,
		.dim = b->src->raw_dim,
		.metric = b->spec->metric,
		.dtype = b->src->raw_dtype,
	};
	struct vs_cont_writer *w;
	int rc = vs_build_start(b, err);

	if (rc == 0)
		rc = vs_build_alloc(b, err);
	if (rc != 0)
		return rc;
	rc = start_stream(b, err);
	if (rc == 0)
		rc = vs_cell_log_init(&b->log, b->ctx, path,
				      &b->spec->fingerprint, b->copies,
				      b->spec->checkpoint_secs, err);
	if (rc == 0)
		rc = vs_cont_create(b->ctx, path, &head, &b->w, err);
	if (rc == 0)
		rc = vs_cont_room_zst(b->ctx, b->w, VS_CONT_SMALL_ZST, err);
	if (rc == 0 && b->spec->index.family == VS_FAMILY_IVF)
		rc = assign_all(b, err);
	if (rc == 0)
		rc = vs_build_lay_out(b, err);
	vs_build_release(b);
	if (rc == 0)
		rc = vs_build_add_sections(b, err);
	if (rc == 0)
		rc = place_all(b, err);
	if (rc == 0)
		rc = vs_build_write_info(b, err);
	if (rc == VS_EAGAIN && b->cell != NULL)
		vs_cell_log_stop(&b->log, b->cell);
	if (rc != 0)
		return rc;
	w = b->w;
	b->w = NULL;
	rc = vs_cont_publish(b->ctx, w, b->spec->how, err);
	if (rc == 0)
		vs_cell_log_drop(&b->log);
	return rc;
}

int vs_shard_build(struct vs_ctx *ctx, const char *path,
		   const struct vs_shard_spec *spec,
		   const struct vs_source *src, struct vs_err *err)
{
	struct vs_build b = {
		.ctx = ctx,
		.spec = spec,
		.src = src,
		.nlist = spec->index.nlist,
		.copies = vs_factory_copies(&spec->index),
		.row_bytes = src->dim * vs_dtype_size(src->dtype),
		.kind = vs_code_kind_of(&spec->index, src->dtype),
		.id_size = src->id_max < UINT32_MAX ? 4 : 8,
	};
	int rc;

	if (spec->model == NULL ? vs_factory_needs_model(&spec->index) :
				  !vs_factory_needs_model(&spec->index) &&
					  !vs_factory_has_ranges(&spec->index,
								 src->dtype))
		return vs_fail(err, VS_EINTERNAL,
			       "%s: %s and a model do not go together", path,
			       spec->index.text);
	rc = spec->plan != NULL ? vs_build_plan(&b, err) : build(&b, path, err);
	build_clear(&b);
	return rc;
}
