/* shard_check.c - the deep check of a shard (--verify deep): beyond intact
 * bytes, whether rows, terms, ids and padding say the same.  A file whose
 * checksums fit can still be wrong by a fault of whoever wrote it.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "shard_int.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/par.h"

struct check {
	struct vs_ctx *ctx;
	struct vs_shard *s;
	uint8_t **row; /* [n_threads]: one row each */
};

/* Where the check is, for messages. */
struct place {
	uint32_t cell;
	uint64_t panel;
	unsigned lane;
};

static int wrong(const struct check *k, const struct place *at,
		 const char *what, struct vs_err *err)
{
	return vs_fail(err, VS_EDATA,
		       "%s: cell %u, panel %" PRIu64 ", row %u: %s; build the "
		       "shard again", vs_shard_path(k->s), at->cell, at->panel,
		       at->lane, what);
}

static uint64_t id_at(const struct vs_shard *s, uint64_t slot)
{
	if (s->ids.item == 4)
		return vs_get_le32(s->ids.p + slot * 4);
	return vs_get_le64(s->ids.p + slot * 8);
}

static bool all_zero(const uint8_t *row, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (row[i] != 0)
			return false;
	return true;
}

static bool all_finite(const float *row, size_t dim)
{
	size_t i;

	for (i = 0; i < dim; i++)
		if (!isfinite(row[i]))
			return false;
	return true;
}

static int check_row(const struct check *k, const struct place *at, bool real,
		     uint8_t *row, struct vs_err *err)
{
	const struct vs_shard *s = k->s;
	const struct vs_cont_head *h = vs_shard_head(s);
	const uint8_t *panel = s->rows.p + at->panel * s->panel_bytes;
	uint64_t slot = at->panel * VS_PANEL_ROWS + at->lane;
	uint64_t none = s->ids.item == 4 ? UINT32_MAX : VS_ID_NONE;
	const struct vs_panel_kind kind = { h->dtype, h->metric, h->dim };

	if (h->dtype == VS_U8)
		vs_unpack_row_u8(panel, at->lane, h->dim, row);
	else
		vs_unpack_row_f32((const float *)(const void *)panel,
				  at->lane, h->dim,
				  (float *)(void *)row);
	if ((id_at(s, slot) == none) == real)
		return wrong(k, at, real ? "has no id" :
					   "is padding and has an id", err);
	if (!real)
		return all_zero(row, h->dim * vs_dtype_size(h->dtype)) ?
			       0 :
			       wrong(k, at, "is padding and not zero", err);
	if (h->dtype == VS_F32 &&
	    !all_finite((const float *)(const void *)row, h->dim))
		return wrong(k, at, "is not finite", err);
	if ((int32_t)vs_get_le32(s->terms.p + slot * 4) !=
	    vs_panel_term(&kind, row))
		return wrong(k, at, "does not fit its term", err);
	return 0;
}

static int check_cell(void *arg, size_t cell, unsigned thread,
		      struct vs_err *err)
{
	const struct check *k = arg;
	const struct vs_shard *s = k->s;
	struct place at = { .cell = (uint32_t)cell };
	uint64_t rank = 0;
	int rc = 0;

	for (at.panel = s->cell_panel[cell];
	     rc == 0 && at.panel < s->cell_panel[cell + 1]; at.panel++) {
		if (vs_ctx_stopping(k->ctx))
			return vs_fail(err, VS_EAGAIN,
				       "stopped while verifying; run again");
		for (at.lane = 0; rc == 0 && at.lane < VS_PANEL_ROWS;
		     at.lane++, rank++)
			rc = check_row(k, &at, rank < s->cell_rows[cell],
				       k->row[thread], err);
	}
	return rc;
}

int vs_shard_check(struct vs_ctx *ctx, struct vs_shard *s, struct vs_err *err)
{
	const struct vs_cont_head *h = vs_shard_head(s);
	struct check k = { .ctx = ctx, .s = s };
	unsigned t;
	int rc = 0;

	k.row = vs_zalloc(ctx, ctx->n_threads, sizeof(*k.row), "rows", err);
	if (k.row == NULL)
		return VS_ENOMEM;
	for (t = 0; rc == 0 && t < ctx->n_threads; t++) {
		k.row[t] = vs_alloc(ctx, h->dim, vs_dtype_size(h->dtype),
				    "rows", err);
		rc = k.row[t] == NULL ? VS_ENOMEM : 0;
	}
	if (rc == 0)
		rc = vs_par_for(ctx, s->index.nlist, check_cell, &k, err);
	for (t = 0; t < ctx->n_threads; t++)
		vs_free(ctx, k.row[t]);
	vs_free(ctx, k.row);
	return rc;
}
