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
#include "vs/widen.h"

struct check {
	struct vs_ctx *ctx;
	struct vs_shard *s;
	uint8_t **row; /* [n_threads]: a row as f32 and its codes */
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

/* Whether the codes of a slot are these. */
static bool codes_are(const struct vs_shard *s, const struct place *at,
		      const uint8_t *codes)
{
	const uint8_t *panel = s->codes.p + at->panel * s->codes.item;
	uint32_t i;

	for (i = 0; i < s->dim; i++)
		if (panel[i / 4 * 64 + at->lane * 4 + i % 4] != codes[i])
			return false;
	return true;
}

/* Norm, codes and slack are those of the row. */
static int check_beside(const struct check *k, const struct place *at,
			uint8_t *row, uint32_t norm, struct vs_err *err)
{
	const struct vs_shard *s = k->s;
	uint32_t dim = s->dim;
	uint64_t slot = at->panel * VS_PANEL_ROWS + at->lane;
	uint8_t *codes = row + dim * sizeof(float);
	float slack;

	if (s->norms.p != NULL && vs_get_le32(s->norms.p + slot * 4) != norm)
		return wrong(k, at, "does not fit its norm", err);
	if (s->code8.mid == NULL || s->rows.p == NULL)
		return 0;
	slack = vs_code8_encode(&s->code8, (const float *)(const void *)row,
				codes);
	if (vs_get_le32(s->slack.p + slot * 4) != vs_f32_bits(slack))
		return wrong(k, at, "does not fit its slack", err);
	return codes_are(s, at, codes) ?
		       0 :
		       wrong(k, at, "does not fit its codes", err);
}

/* Codes that are the row: what it is, and its slack. */
static int check_codes(const struct check *k, const struct place *at, bool real,
		       uint8_t *row, struct vs_err *err)
{
	const struct vs_shard *s = k->s;
	uint32_t dim = s->dim;
	uint64_t slot = at->panel * VS_PANEL_ROWS + at->lane;
	const uint8_t *panel = s->codes.p + at->panel * s->codes.item;
	uint8_t *codes = row + dim * sizeof(float);
	float slack;

	vs_unpack_row_u8(panel, at->lane, dim, codes);
	if (!real)
		return all_zero(codes, dim) ?
			       0 :
			       wrong(k, at, "is padding and not zero", err);
	vs_code8_decode(&s->code8, codes, (float *)(void *)row);
	if (s->slack.p == NULL)
		return 0;
	slack = vs_code8_slack(&s->code8, (float *)(void *)row, codes);
	if (vs_get_le32(s->slack.p + slot * 4) != vs_f32_bits(slack))
		return wrong(k, at, "does not fit its slack", err);
	return 0;
}

/* A row of ROWS, as f32 or bytes. */
static int check_panel_row(const struct check *k, const struct place *at,
			   bool real, uint8_t *row, struct vs_err *err)
{
	const struct vs_shard *s = k->s;
	uint32_t dim = s->dim;
	const uint8_t *panel = s->rows.p + at->panel * s->panel_bytes;
	const struct vs_panel_kind kind = { s->row_dtype,
					    vs_shard_head(s)->metric, dim,
					    s->code8.mid != NULL };
	bool byte = vs_dtype_is_byte(s->row_dtype);

	vs_panel_unpack(&kind, panel, at->lane, row);
	if (!real) {
		/* Zero bytes of i8 panels stand for -128. */
		if (s->row_dtype == VS_I8)
			vs_unpack_row_u8(panel, at->lane, dim, row);
		return all_zero(row, dim * (byte ? 1 : sizeof(float))) ?
			       0 :
			       wrong(k, at, "is padding and not zero", err);
	}
	if (!byte && !all_finite((const float *)(const void *)row, dim))
		return wrong(k, at, "is not finite", err);
	return 0;
}

/* The whole row beside codes: zeros for padding, finite, and of SQ8 the codes
 * are its own where it stands as it was given. */
static int check_fine(const struct check *k, const struct place *at, bool real,
		      uint8_t *row, struct vs_err *err)
{
	const struct vs_shard *s = k->s;
	uint64_t slot = at->panel * VS_PANEL_ROWS + at->lane;
	const uint8_t *p;
	float *wide = (float *)(void *)row;
	uint8_t *codes = row + s->dim * sizeof(float);

	if (!s->refines)
		return 0;
	p = s->fine.p + slot * s->fine.item;
	if (!real)
		return all_zero(p, s->fine.item) ?
			       0 :
			       wrong(k, at, "is padding and not zero", err);
	if (vs_dtype_is_byte(s->fine_dtype))
		return 0;
	vs_row_widen(s->fine_dtype, p, s->dim, wide);
	if (!all_finite(wide, s->dim))
		return wrong(k, at, "is not finite", err);
	if (s->rows.p != NULL || s->index.refine != VS_REFINE_FLAT ||
	    s->index.code != VS_CODE_SQ8)
		return 0;
	(void)vs_code8_encode(&s->code8, wide, codes);
	return codes_are(s, at, codes) ?
		       0 :
		       wrong(k, at, "does not fit its codes", err);
}

static int check_row(const struct check *k, const struct place *at, bool real,
		     uint8_t *row, struct vs_err *err)
{
	const struct vs_shard *s = k->s;
	const struct vs_cont_head *h = vs_shard_head(s);
	uint64_t slot = at->panel * VS_PANEL_ROWS + at->lane;
	uint64_t none = s->ids.item == 4 ? UINT32_MAX : VS_ID_NONE;
	const struct vs_panel_kind kind = { s->row_dtype, h->metric, s->dim,
					    s->code8.mid != NULL };
	const char *what;
	uint32_t norm;
	int rc;

	if ((id_at(s, slot) == none) == real)
		return wrong(k, at, real ? "has no id" :
					   "is padding and has an id", err);
	if (s->codebooks.codebooks != NULL) {
		what = vs_pq_check_row(s, at->cell, at->panel, at->lane, real,
				       (float *)(void *)row);
		return what != NULL ? wrong(k, at, what, err) :
				      check_fine(k, at, real, row, err);
	}
	rc = s->rows.p != NULL ? check_panel_row(k, at, real, row, err) :
				 check_codes(k, at, real, row, err);
	if (rc == 0 && !real)
		rc = check_fine(k, at, false, row, err);
	if (rc != 0 || !real)
		return rc;
	if ((int32_t)vs_get_le32(s->terms.p + slot * 4) !=
	    vs_panel_term(&kind, row, &norm))
		return wrong(k, at, "does not fit its term", err);
	rc = check_beside(k, at, row, norm, err);
	return rc == 0 ? check_fine(k, at, true, row, err) : rc;
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

int vs_shard_each_id(struct vs_ctx *ctx, struct vs_shard *s,
		     int (*fn)(void *arg, uint64_t id, struct vs_err *err),
		     void *arg, struct vs_err *err)
{
	uint64_t slot, i;
	uint32_t c;
	int rc = 0;

	for (c = 0; rc == 0 && c < s->index.nlist; c++) {
		if (vs_ctx_stopping(ctx))
			return vs_fail(err, VS_EAGAIN,
				       "stopped while verifying; run again");
		slot = s->cell_panel[c] * VS_PANEL_ROWS;
		rc = vs_cont_touch(ctx, s->cont, &s->ids, slot * s->ids.item,
				   s->cell_rows[c] * s->ids.item, err);
		for (i = 0; rc == 0 && i < s->cell_rows[c]; i++)
			rc = fn(arg, id_at(s, slot + i), err);
	}
	return rc;
}

int vs_shard_check(struct vs_ctx *ctx, struct vs_shard *s, struct vs_err *err)
{
	struct check k = { .ctx = ctx, .s = s };
	unsigned t;
	int rc = 0;

	k.row = vs_zalloc(ctx, ctx->n_threads, sizeof(*k.row), "rows", err);
	if (k.row == NULL)
		return VS_ENOMEM;
	for (t = 0; rc == 0 && t < ctx->n_threads; t++) {
		k.row[t] = vs_alloc(ctx, s->dim, sizeof(float) + 1, "rows",
				    err);
		rc = k.row[t] == NULL ? VS_ENOMEM : 0;
	}
	if (rc == 0)
		rc = vs_par_for(ctx, s->index.nlist, check_cell, &k, err);
	for (t = 0; t < ctx->n_threads; t++)
		vs_free(ctx, k.row[t]);
	vs_free(ctx, k.row);
	return rc;
}
