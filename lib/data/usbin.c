/* usbin.c - reads the ground truth of the big-ann benchmarks. */
#include "vs/usbin.h"

#include <inttypes.h>

#include "vs/mem.h"
#include "vs/num.h"
#include "vs/spool.h"
#include "vs/types.h"

struct vs_usbin {
	struct vs_file *file;
	uint32_t n_queries;
	uint32_t k;
	bool has_distances;
};

/* i32 queries, i32 results, i32 counts[queries], ids[results] and perhaps
 * distances[results]. */
static bool is_range_truth(uint64_t size, uint32_t n_queries, uint32_t results)
{
	uint64_t ids = VS_USBIN_HEAD + 4 * ((uint64_t)n_queries + results);

	return n_queries != 0 &&
	       (size == ids || size == ids + 4 * (uint64_t)results);
}

/* The size against the header's counts. */
static int measure(struct vs_usbin *u, struct vs_err *err)
{
	const char *path = vs_file_path(u->file);
	uint64_t size = vs_file_size(u->file);
	uint64_t ids = (uint64_t)u->n_queries * u->k * 4;
	bool k_fits = u->k >= 1 && u->k <= VS_K_MAX;

	if (k_fits && (size == VS_USBIN_HEAD + ids ||
		       size == VS_USBIN_HEAD + ids * 2)) {
		u->has_distances = ids != 0 && size != VS_USBIN_HEAD + ids;
		return 0;
	}
	if (is_range_truth(size, u->n_queries, u->k))
		return vs_fail(err, VS_EDATA,
			       "%s: is the truth of a range search, %u queries "
			       "with %u results in all; expected k neighbours "
			       "of each query; recall of range searches is not "
			       "measured",
			       path, u->n_queries, u->k);
	if (!k_fits)
		return vs_fail(err, VS_EDATA,
			       "%s: the header says %u neighbours a query; "
			       "expected 1 to %u; damaged, or not usbin",
			       path, u->k, VS_K_MAX);
	return vs_fail(err, VS_EDATA,
		       "%s: has %" PRIu64 " bytes; expected %" PRIu64
		       " (with distances) or %" PRIu64 " (ids alone) for the "
		       "%u queries of %u neighbours that its header says; "
		       "copy it again",
		       path, size, VS_USBIN_HEAD + ids * 2, VS_USBIN_HEAD + ids,
		       u->n_queries, u->k);
}

static int open_file(struct vs_ctx *ctx, struct vs_usbin *u, const char *path,
		     struct vs_err *err)
{
	uint8_t head[VS_USBIN_HEAD];
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
	return measure(u, err);
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
