/* usbin.c - reads the ground truth of the big-ann benchmarks. */
#include <inttypes.h>

#include "usbin_int.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/spool.h"
#include "vs/types.h"

enum vs_usbin_form vs_usbin_form(uint64_t size,
				 const uint8_t head[VS_USBIN_HEAD])
{
	uint64_t n = vs_get_le32(head), k = vs_get_le32(head + 4);
	uint64_t range = VS_USBIN_HEAD + 4 * (n + k);

	if (k >= 1 && k <= VS_K_MAX && size == VS_USBIN_HEAD + n * k * 4)
		return VS_USBIN_IDS;
	if (k >= 1 && k <= VS_K_MAX && size == VS_USBIN_HEAD + n * k * 8)
		return VS_USBIN_FULL;
	if (n == 0 || n > INT32_MAX || k > INT32_MAX)
		return VS_USBIN_NOT;
	if (size == range)
		return VS_USBIN_RANGE;
	if (size == range + 4 * k)
		return VS_USBIN_RANGE_FULL;
	return VS_USBIN_NOT;
}

/* Says why the size does not fit the header. */
static int refuse(const struct vs_usbin *u, struct vs_err *err)
{
	const char *path = vs_file_path(u->file);
	uint64_t ids = (uint64_t)u->n_queries * u->k * 4;

	if (u->k < 1 || u->k > VS_K_MAX)
		return vs_fail(err, VS_EDATA,
			       "%s: the header says %u neighbours a query; "
			       "expected 1 to %u; damaged, or not usbin",
			       path, u->k, VS_K_MAX);
	return vs_fail(err, VS_EDATA,
		       "%s: has %" PRIu64 " bytes; expected %" PRIu64
		       " (with distances) or %" PRIu64 " (ids alone) for the "
		       "%u queries of %u neighbours that its header says; "
		       "copy it again",
		       path, vs_file_size(u->file), VS_USBIN_HEAD + ids * 2,
		       VS_USBIN_HEAD + ids, u->n_queries, u->k);
}

static int open_file(struct vs_ctx *ctx, struct vs_usbin *u, const char *path,
		     struct vs_err *err)
{
	uint8_t head[VS_USBIN_HEAD];
	enum vs_usbin_form form;
	int rc = vs_file_open(ctx, path, &u->file, err);

	if (rc == 0)
		rc = vs_spool(ctx, &u->file, err);
	if (rc != 0)
		return rc;
	if (vs_file_size(u->file) < sizeof(head))
		return vs_fail(err, VS_EDATA,
			       "%s: has %" PRIu64 " bytes; expected at least "
			       "the header of usbin, %u; was it written to "
			       "the end?",
			       path, vs_file_size(u->file), VS_USBIN_HEAD);
	rc = vs_file_pread(ctx, u->file, head, sizeof(head), 0, err);
	if (rc != 0)
		return rc;
	u->n_queries = vs_get_le32(head);
	u->k = vs_get_le32(head + 4);
	form = vs_usbin_form(vs_file_size(u->file), head);
	u->has_distances = form == VS_USBIN_FULL || form == VS_USBIN_RANGE_FULL;
	switch (form) {
	case VS_USBIN_IDS:
	case VS_USBIN_FULL:
		return 0;
	case VS_USBIN_RANGE:
	case VS_USBIN_RANGE_FULL:
		u->total = u->k;
		u->k = 0;
		return vs_usbin_check_range(ctx, u, err);
	default:
		return refuse(u, err);
	}
}

int vs_usbin_open(struct vs_ctx *ctx, const char *path, struct vs_usbin **out,
		  struct vs_err *err)
{
	struct vs_usbin *u;
	int rc;

	*out = NULL;
	u = vs_zalloc(ctx, 1, sizeof(*u), "truth file", err);
	if (u == NULL)
		return VS_ENOMEM;
	rc = open_file(ctx, u, path, err);
	if (rc != 0) {
		vs_usbin_close(ctx, u);
		return rc;
	}
	*out = u;
	return 0;
}

uint32_t vs_usbin_queries(const struct vs_usbin *u)
{
	return u->n_queries;
}

uint32_t vs_usbin_k(const struct vs_usbin *u)
{
	return u->k;
}

bool vs_usbin_has_distances(const struct vs_usbin *u)
{
	return u->has_distances;
}

int vs_usbin_ids(struct vs_ctx *ctx, struct vs_usbin *u, uint64_t first,
		 size_t n, uint64_t *ids, struct vs_err *err)
{
	const uint8_t *p = (const uint8_t *)ids;
	size_t i, n_ids = n * u->k;
	uint32_t id;
	int rc;

	rc = vs_file_pread(ctx, u->file, ids, n_ids * 4,
			   VS_USBIN_HEAD + first * u->k * 4, err);
	if (rc != 0)
		return rc;
	/* In place from the end: ids need more room than the file's. */
	for (i = n_ids; i-- > 0;) {
		id = vs_get_le32(p + i * 4);
		ids[i] = id == UINT32_MAX ? UINT64_MAX : id;
	}
	return 0;
}

int vs_usbin_distances(struct vs_ctx *ctx, struct vs_usbin *u, uint64_t first,
		       size_t n, float *distances, struct vs_err *err)
{
	uint64_t from = VS_USBIN_HEAD + (uint64_t)u->n_queries * u->k * 4;
	const uint8_t *p = (const uint8_t *)distances;
	size_t i, n_values = n * u->k;
	int rc;

	rc = vs_file_pread(ctx, u->file, distances, n_values * 4,
			   from + first * u->k * 4, err);
	for (i = 0; rc == 0 && i < n_values; i++) {
		distances[i] = vs_bits_f32(vs_get_le32(p + i * 4));
		if (distances[i] != distances[i])
			rc = vs_fail(err, VS_EDATA,
				     "%s: query %" PRIu64 " has distance NaN "
				     "at place %zu, counted from 0; expected "
				     "numbers; make the truth again",
				     vs_file_path(u->file), first + i / u->k,
				     i % u->k);
	}
	return rc;
}

void vs_usbin_close(struct vs_ctx *ctx, struct vs_usbin *u)
{
	if (u == NULL)
		return;
	vs_file_close(ctx, u->file);
	vs_free(ctx, u);
}
