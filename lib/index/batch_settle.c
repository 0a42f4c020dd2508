/* batch_settle.c - candidates that were found by codes, ranked again by rows
 * that say more, one at a time, with the canonical keys of any scan.
 */
#include "batch_int.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/par.h"

/* Rows that are asked for before they are read: they lie anywhere. */
#define AHEAD 8u

struct settling {
	const struct vs_ctx *ctx;
	struct vs_batch *b;
	const struct vs_settle *s;
	uint8_t **row; /* [n_threads] */
};

static int64_t key_of(const struct settling *j, uint32_t query, void *row)
{
	const struct vs_batch_spec *spec = &j->b->spec;
	const struct vs_panel_kind kind = { VS_F32, spec->metric,
					    spec->queries.dim, true };
	uint8_t *byte = row;
	uint32_t norm, i;
	int32_t term = 0;

	if (spec->dtype == VS_I8)
		for (i = 0; i < spec->queries.dim; i++)
			byte[i] ^= 0x80;
	if (vs_dtype_is_byte(spec->dtype))
		return vs_batch_byte_key(j->ctx, j->b, query, byte);
	if (spec->metric == VS_COSINE)
		term = vs_panel_term(&kind, row, &norm);
	return vs_batch_row_key(j->ctx, j->b, query, row,
				vs_bits_f32((uint32_t)term));
}

static int settle_query(void *arg, size_t query, unsigned thread,
			struct vs_err *err)
{
	const struct settling *j = arg;
	const struct vs_hit *hit = j->s->hits + query * j->s->n;
	const uint64_t *where = j->s->where + query * j->s->n;
	void *row = j->row[thread];
	uint32_t i;
	int rc;

	for (i = 0; i < j->s->n && hit[i].id != VS_ID_NONE; i++) {
		if (i + AHEAD < j->s->n && hit[i + AHEAD].id != VS_ID_NONE)
			j->s->ahead(j->s->arg, where[i + AHEAD]);
		rc = j->s->read(j->s->arg, where[i], row, err);
		if (rc != 0)
			return rc;
		vs_query_take(&j->b->query[query],
			      key_of(j, (uint32_t)query, row), hit[i].id, 0);
	}
	if (vs_ctx_stopping(j->ctx))
		return vs_fail(err, VS_EAGAIN,
			       "stopped while refining; run again");
	return 0;
}

int vs_batch_settle(struct vs_ctx *ctx, struct vs_batch *b,
		    const struct vs_settle *s, struct vs_err *err)
{
	struct settling j = { .ctx = ctx, .b = b, .s = s };
	unsigned t;
	int rc = 0;

	j.row = vs_zalloc(ctx, ctx->n_threads, sizeof(*j.row), "rows", err);
	if (j.row == NULL)
		return VS_ENOMEM;
	for (t = 0; rc == 0 && t < ctx->n_threads; t++) {
		j.row[t] = vs_alloc(ctx, b->spec.queries.dim, sizeof(float),
				    "rows", err);
		rc = j.row[t] == NULL ? VS_ENOMEM : 0;
	}
	if (rc == 0)
		rc = vs_par_for(ctx, (size_t)b->spec.queries.n, settle_query,
				&j, err);
	for (t = 0; t < ctx->n_threads; t++)
		vs_free(ctx, j.row[t]);
	vs_free(ctx, j.row);
	return rc;
}
