/* op.c - small things that several operations share. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "op_int.h"
#include "vs/mem.h"
#include "vs/widen.h"

#define BLOCK_BYTES (2u << 20) /* of rows, read at a time */

bool vs_part_parse(const char *text, struct vs_part *out)
{
	const char *slash = strchr(text, '/');
	uint64_t i, n;

	if (slash == NULL || !vs_parse_u64(slash + 1, &n) ||
	    !vs_parse_u64_n(text, (size_t)(slash - text), &i))
		return false;
	if (i >= n || n > UINT32_MAX - 1)
		return false;
	out->i = (uint32_t)i;
	out->n = (uint32_t)n;
	return true;
}

uint32_t vs_part_of(const struct vs_part *part, uint32_t n)
{
	if (part->n == VS_PART_OF_MANIFEST && part->task_n == n)
		return part->task_i;
	return part->i;
}

int vs_op_fingerprint_start(struct vs_ctx *ctx, const char *what,
			    struct vs_hasher **h, struct vs_err *err)
{
	int rc = vs_hasher_create(ctx, h, err);

	if (rc != 0)
		return rc;
	vs_hasher_add_u64(*h, VS_ALGORITHM_VERSION);
	vs_hasher_add_text(*h, what);
	return 0;
}

void vs_op_fingerprint_end(struct vs_ctx *ctx, struct vs_hasher *h,
			   struct vs_digest *out)
{
	vs_hasher_done(h, out);
	vs_hasher_destroy(ctx, h);
}

void vs_op_note_report(struct vs_ctx *ctx, const struct vs_query_report *r)
{
	ctx->work.n_rows = r->n_rows;
	ctx->work.n_queries = r->n_queries;
	ctx->work.n_distances = r->n_distances;
	ctx->work.already = r->already;
}

void vs_op_plan(struct vs_plan *p, const char *what, const char *out)
{
	p->what = what;
	snprintf(p->out, sizeof(p->out), "%s", out);
}

void vs_op_plan_hits(struct vs_plan *p, enum vs_hits_format format,
		     uint64_t n_queries, uint32_t k)
{
	uint64_t n_bytes = vs_hits_format_bytes(format, n_queries, k);

	p->n_queries = n_queries;
	if (n_bytes == 0)
		return;
	p->out_min = n_bytes;
	p->out_max = n_bytes;
	/* Distances wait for the last id where nothing can be left out. */
	if (format == VS_HITS_USBIN && (strcmp(p->out, "-") == 0 ||
					strcmp(p->out, "/dev/stdout") == 0))
		p->scratch = n_queries * k * 4;
}

enum vs_publish vs_op_how(bool replace)
{
	return replace ? VS_PUBLISH_REPLACE : VS_PUBLISH_NEW;
}

int vs_op_check_kind(const char *name, enum vs_dtype dtype,
		     struct vs_err *err)
{
	if (dtype != VS_F32 && dtype != VS_F16 && dtype != VS_U8 &&
	    dtype != VS_I8)
		return vs_fail(err, VS_EUSAGE,
			       "%s: rows are %s; expected vectors of f32, f16, "
			       "u8 or i8", name, vs_dtype_name(dtype));
	return 0;
}

int vs_op_check_zeros(const struct vs_vecs *v, uint64_t first, size_t n,
		      const void *rows, struct vs_err *err)
{
	const uint8_t *row = rows;
	size_t i;

	for (i = 0; i < n; i++, row += vs_vecs_row_bytes(v))
		if (vs_row_is_zero(vs_vecs_dtype(v), row, vs_vecs_dim(v)))
			return vs_fail(err, VS_EDATA,
				       "%s: row %llu is all zeros, which has "
				       "no direction under cosine; remove it, "
				       "or give --zero keep to have it at "
				       "cosine 0 of everything",
				       vs_vecs_name(v),
				       (unsigned long long)(first + i));
	return 0;
}

int vs_op_check_id_options(const char *ids, uint64_t id_base,
			   struct vs_err *err)
{
	if (ids == NULL || id_base == 0)
		return 0;
	return vs_fail(err, VS_EUSAGE,
		       "--id-base beside --ids; expected one of them");
}

int vs_op_check_halves(const struct vs_vecs *v, uint64_t first, size_t n,
		       const void *rows, struct vs_err *err)
{
	const float *x = rows;
	uint32_t dim = vs_vecs_dim(v), c;
	size_t i;

	if (vs_vecs_dtype(v) != VS_F32)
		return 0;
	for (i = 0; i < n; i++, x += dim) {
		/* It is left out. */
		if (vs_vecs_is_hole(v, x))
			continue;
		for (c = 0; c < dim && fabsf(x[c]) < VS_HALF_OVERFLOW; c++)
			;
		if (c < dim)
			return vs_fail(err, VS_EDATA,
				       "%s: row %llu has %.9g in dimension %u; "
				       "halves go to 65504: scale the "
				       "vectors, or build SQ8 or Flat",
				       vs_vecs_name(v),
				       (unsigned long long)(first + i),
				       (double)x[c], c);
	}
	return 0;
}

int vs_op_check_id_base(const char *name, uint64_t id_base, uint64_t n_rows,
			struct vs_err *err)
{
	if (n_rows == 0 || id_base <= VS_ID_NONE - n_rows)
		return 0;
	return vs_fail(err, VS_EUSAGE,
		       "--id-base %llu: the ids of the %llu rows of %s would "
		       "pass 2^64 - 2, the largest",
		       (unsigned long long)id_base, (unsigned long long)n_rows,
		       name);
}

size_t vs_op_block_rows(struct vs_ctx *ctx, size_t row_bytes, uint64_t n_rows)
{
	uint64_t most = vs_min_u64(BLOCK_BYTES, vs_mem_left(ctx) / 8);
	uint64_t n = vs_min_u64(n_rows, most / (row_bytes + 8));

	return n == 0 ? 1 : (size_t)n;
}

static int hash_source(struct vs_ctx *ctx, const struct vs_source *src,
		       struct vs_hasher *h, struct vs_err *err)
{
	size_t row_bytes = src->dim * vs_dtype_size(src->dtype), n, got = 1;
	uint64_t *ids;
	void *rows;
	int rc;

	n = vs_op_block_rows(ctx, row_bytes, src->n_rows);
	rows = vs_alloc(ctx, n, row_bytes, "rows", err);
	if (rows == NULL)
		return VS_ENOMEM;
	ids = vs_alloc(ctx, n, sizeof(*ids), "ids", err);
	rc = ids == NULL ? VS_ENOMEM : src->rewind(src->arg, ctx, err);
	while (rc == 0 && got > 0) {
		if (vs_ctx_stopping(ctx)) {
			rc = vs_fail(err, VS_EAGAIN,
				     "%s: stopped while hashing; run again",
				     src->name);
			break;
		}
		rc = src->next(src->arg, ctx, rows, ids, n, &got, err);
		if (rc == 0)
			vs_hasher_add(h, rows, got * row_bytes);
	}
	vs_free(ctx, ids);
	vs_free(ctx, rows);
	return rc;
}

void vs_op_source_digest_head(const struct vs_source *src, struct vs_hasher *h)
{
	vs_hasher_add_u64(h, src->dtype);
	vs_hasher_add_u64(h, src->dim);
	vs_hasher_add_u64(h, src->n_rows);
}

int vs_op_source_digest(struct vs_ctx *ctx, const struct vs_source *src,
			struct vs_digest *out, struct vs_err *err)
{
	struct vs_hasher *h;
	int rc = vs_hasher_create(ctx, &h, err);

	if (rc != 0)
		return rc;
	vs_op_source_digest_head(src, h);
	rc = hash_source(ctx, src, h, err);
	vs_hasher_done(h, out);
	vs_hasher_destroy(ctx, h);
	return rc;
}
