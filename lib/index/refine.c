/* refine.c - rows beside codes, read one by one in the order that candidates
 * come: FINE holds them by slot, so those of a cell stand together.
 */
#include "refine_int.h"

#include <string.h>

#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/widen.h"

/* Codes that are the row itself leave nothing to refine. */
bool vs_refine_wanted(const struct vs_factory *index, enum vs_dtype rows)
{
	if (index->refine == VS_REFINE_NONE)
		return false;
	if (vs_dtype_is_byte(rows))
		return index->code > VS_CODE_SQ8;
	return rows != VS_F16 || index->code != VS_CODE_SQFP16;
}

/* Type of the rows of FINE; u8 with ranges are codes. */
static enum vs_dtype fine_dtype(const struct vs_factory *index,
				enum vs_dtype rows)
{
	if (vs_dtype_is_byte(rows) || index->refine == VS_REFINE_FLAT)
		return rows;
	return index->refine == VS_REFINE_SQ8 ? VS_U8 : VS_F16;
}

/* Whether they are codes of ranges. */
static bool is_coded(const struct vs_factory *index, enum vs_dtype rows)
{
	return index->refine == VS_REFINE_SQ8 && !vs_dtype_is_byte(rows);
}

int vs_refine_start(struct vs_build *b, struct vs_err *err)
{
	const struct vs_factory *index = &b->spec->index;
	uint32_t dim = b->src->dim;
	enum vs_dtype fine;

	b->refines = vs_refine_wanted(index, b->src->dtype);
	if (!b->refines)
		return 0;
	fine = fine_dtype(index, b->src->dtype);
	if (is_coded(index, b->src->dtype)) {
		b->quan = vs_ranges_pack(b->ctx, &b->spec->model->ranges, err);
		if (b->quan == NULL)
			return VS_ENOMEM;
		vs_build_list_fixed(b, VS_SEC_QUAN, 4, b->quan,
				    vs_ranges_floats(dim));
	}
	b->sec_fine = vs_build_list(b, VS_SEC_FINE,
				    dim * (uint32_t)vs_dtype_size(fine),
				    VS_PANEL_ROWS);
	return 0;
}

static void pack_row(const struct vs_build *b, struct vs_build_slot *s,
		     const void *row, uint8_t *to, size_t n)
{
	const struct vs_factory *index = &b->spec->index;
	enum vs_dtype rows = b->src->dtype;
	uint32_t i;

	if (row == NULL) {
		memset(to, 0, n);
		return;
	}
	if (fine_dtype(index, rows) == rows) {
		memcpy(to, row, n);
		return;
	}
	vs_row_widen(rows, row, b->src->dim, s->wide);
	if (is_coded(index, rows)) {
		(void)vs_code8_encode(&b->spec->model->ranges, s->wide, to);
		return;
	}
	for (i = 0; i < b->src->dim; i++)
		vs_put_le16(to + 2 * i, vs_f16_of_f32(s->wide[i]));
}

void vs_refine_pack(const struct vs_build *b, struct vs_build_slot *s,
		    const void *const rows[VS_PANEL_ROWS], size_t to)
{
	size_t n = b->section[b->sec_fine].item, i;
	uint8_t *out = s->part[b->sec_fine] + to * VS_PANEL_ROWS * n;

	for (i = 0; i < VS_PANEL_ROWS; i++)
		pack_row(b, s, rows[i], out + i * n, n);
}

int vs_refine_open(struct vs_ctx *ctx, struct vs_shard *s, struct vs_err *err)
{
	int rc = 0;

	if (!vs_refine_wanted(&s->index, s->stored))
		return 0;
	s->refines = true;
	s->fine_dtype = fine_dtype(&s->index, s->stored);
	if (is_coded(&s->index, s->stored))
		rc = vs_ranges_read(ctx, s->cont, s->dim, &s->fine8, err);
	if (rc == 0 && s->fine8.mid != NULL)
		rc = vs_code8_check(&s->fine8, vs_shard_path(s), err);
	if (rc != 0)
		return rc;
	return vs_shard_find_rows(s, VS_SEC_FINE,
				  s->dim * (uint32_t)vs_dtype_size(
						   s->fine_dtype),
				  &s->fine, err);
}

bool vs_shard_refines(const struct vs_shard *s)
{
	return s->refines;
}

/* Of a row, most bytes that are asked for before it is read. */
#define AHEAD_BYTES 256u

/* The shards of a refinement. */
struct reader {
	struct vs_ctx *ctx;
	struct vs_shard *const *shards;
	size_t n_shards;
};

static void decode(const struct vs_ctx *ctx, const struct vs_shard *s,
		   const uint8_t *p, void *row)
{
	uint32_t dim = s->dim;

	if (s->fine8.mid != NULL)
		vs_code8_decode(&s->fine8, p, row);
	else if (s->fine_dtype == VS_F16)
		ctx->kern->widen_f16((const void *)p, dim, row);
	else if (s->dtype == VS_F32)
		vs_row_widen(s->fine_dtype, p, dim, row);
	else
		memcpy(row, p, s->fine.item);
}

int vs_refine_read(struct vs_ctx *ctx, struct vs_shard *s, uint64_t slot,
		   void *row, struct vs_err *err)
{
	uint64_t at = slot * s->fine.item;
	int rc = vs_cont_touch(ctx, s->cont, &s->fine, at, s->fine.item, err);

	if (rc == 0)
		decode(ctx, s, s->fine.p + at, row);
	return rc;
}

static int read_fine(void *arg, uint64_t where, void *row, struct vs_err *err)
{
	const struct reader *r = arg;
	uint64_t n = where >> VS_WHERE_SLOT_BITS;
	uint64_t slot = where & (((uint64_t)1 << VS_WHERE_SLOT_BITS) - 1);

	if (n >= r->n_shards || slot >= r->shards[n]->fine.count)
		return vs_fail(err, VS_EINTERNAL,
			       "a candidate stands in no row of any shard");
	return vs_refine_read(r->ctx, r->shards[n], slot, row, err);
}

/* The head of a row; hardware goes on from there. */
static void ahead_fine(void *arg, uint64_t where)
{
	const struct reader *r = arg;
	uint64_t n = where >> VS_WHERE_SLOT_BITS;
	uint64_t slot = where & (((uint64_t)1 << VS_WHERE_SLOT_BITS) - 1), at;
	const struct vs_span *fine;

	if (n >= r->n_shards || slot >= r->shards[n]->fine.count)
		return;
	fine = &r->shards[n]->fine;
	for (at = 0; at < fine->item && at < AHEAD_BYTES; at += 64)
		__builtin_prefetch(fine->p + slot * fine->item + at);
}

int vs_shards_refine(struct vs_ctx *ctx, struct vs_shard *const *shards,
		     size_t n_shards, struct vs_settle *candidates,
		     struct vs_batch *b, struct vs_err *err)
{
	struct reader r = { ctx, shards, n_shards };

	candidates->read = read_fine;
	candidates->ahead = ahead_fine;
	candidates->arg = &r;
	return vs_batch_settle(ctx, b, candidates, err);
}
