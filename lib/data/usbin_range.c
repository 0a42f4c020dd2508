/* usbin_range.c - the truth of range searches: lists of different lengths. */
#include <inttypes.h>

#include "usbin_int.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/types.h"

#define BLOCK 16384u /* counts or distances looked at together */

uint64_t vs_usbin_total(const struct vs_usbin *u)
{
	return u->total;
}

uint32_t vs_usbin_longest(const struct vs_usbin *u)
{
	return u->longest;
}

static uint64_t ids_at(const struct vs_usbin *u)
{
	return VS_USBIN_HEAD + (uint64_t)u->n_queries * 4;
}

/* n words of 4 bytes from offset on, in the order of the machine. */
static int read_words(struct vs_ctx *ctx, struct vs_usbin *u, uint64_t offset,
		      size_t n, uint32_t *words, struct vs_err *err)
{
	int rc = vs_file_pread(ctx, u->file, words, n * 4, offset, err);
	size_t i;

	for (i = 0; rc == 0 && i < n; i++)
		words[i] = vs_get_le32((const uint8_t *)(words + i));
	return rc;
}

int vs_usbin_counts(struct vs_ctx *ctx, struct vs_usbin *u, uint64_t first,
		    size_t n, uint32_t *counts, struct vs_err *err)
{
	return read_words(ctx, u, VS_USBIN_HEAD + first * 4, n, counts, err);
}

int vs_usbin_listed(struct vs_ctx *ctx, struct vs_usbin *u, uint64_t at,
		    size_t n, uint64_t *ids, struct vs_err *err)
{
	const uint8_t *p = (const uint8_t *)ids;
	size_t i;
	int rc = vs_file_pread(ctx, u->file, ids, n * 4, ids_at(u) + at * 4,
			       err);

	/* In place from the end: ids need more room than the file's. */
	for (i = n; rc == 0 && i-- > 0;) {
		ids[i] = vs_get_le32(p + i * 4);
		if (ids[i] == UINT32_MAX)
			return vs_fail(err, VS_EDATA,
				       "%s: result %" PRIu64 ", counted from 0 "
				       "through all queries, has id -1; "
				       "expected true neighbours alone; make "
				       "the truth again",
				       vs_file_path(u->file), at + i);
	}
	return rc;
}

/* A count so large that the sum wraps is larger than the total by itself. */
static int check_counts(struct vs_ctx *ctx, struct vs_usbin *u,
			uint32_t *words, struct vs_err *err)
{
	uint64_t first, sum = 0;
	size_t i, n;
	int rc;

	for (first = 0; first < u->n_queries; first += n) {
		n = (size_t)vs_min_u64(BLOCK, u->n_queries - first);
		rc = vs_usbin_counts(ctx, u, first, n, words, err);
		if (rc != 0)
			return rc;
		for (i = 0; i < n; i++) {
			if (words[i] > u->total)
				return vs_fail(
					err, VS_EDATA,
					"%s: query %" PRIu64 " says %" PRId32
					" results; expected 0 to %u, those of "
					"all queries; copy it again",
					vs_file_path(u->file), first + i,
					(int32_t)words[i], u->total);
			sum += words[i];
			if (words[i] > u->longest)
				u->longest = words[i];
		}
	}
	if (sum == u->total)
		return 0;
	return vs_fail(err, VS_EDATA,
		       "%s: results of single queries add up to %" PRIu64
		       "; expected the %u of its header; copy it again",
		       vs_file_path(u->file), sum, u->total);
}

static int check_distances(struct vs_ctx *ctx, struct vs_usbin *u,
			   uint32_t *words, struct vs_err *err)
{
	uint64_t from = ids_at(u) + (uint64_t)u->total * 4, at;
	size_t i, n;
	float d;
	int rc;

	for (at = 0; at < u->total; at += n) {
		n = (size_t)vs_min_u64(BLOCK, u->total - at);
		rc = read_words(ctx, u, from + at * 4, n, words, err);
		for (i = 0; rc == 0 && i < n; i++) {
			d = vs_bits_f32(words[i]);
			if (d != d)
				rc = vs_fail(err, VS_EDATA,
					     "%s: result %" PRIu64
					     ", counted from 0 through all "
					     "queries, has distance NaN; "
					     "expected numbers; make the truth "
					     "again",
					     vs_file_path(u->file), at + i);
		}
		if (rc != 0)
			return rc;
	}
	return 0;
}

int vs_usbin_check_range(struct vs_ctx *ctx, struct vs_usbin *u,
			 struct vs_err *err)
{
	uint32_t *words = vs_alloc(ctx, BLOCK, sizeof(*words), "counts", err);
	int rc = words == NULL ? VS_ENOMEM : check_counts(ctx, u, words, err);

	if (rc == 0 && u->has_distances)
		rc = check_distances(ctx, u, words, err);
	vs_free(ctx, words);
	return rc;
}
