/* sink_range.c - lists of hits as the big-ann benchmarks have those of range
 * searches: all counts, then all ids, then all distances (vs/usbin.h).
 *
 * Nothing of it is known before the last query, so the three parts are kept in
 * scratch files of their own, in the bytes that they will have.
 */
#include <inttypes.h>

#include "hits_int.h"
#include "vs/file.h"
#include "vs/mem.h"

#define ASIDE_BYTES ((size_t)1 << 16)

enum { COUNTS, IDS, DISTANCES, PARTS };

struct vs_sink_range {
	struct vs_hits_info info; /* without its owned parts */
	const char *path;	  /* the caller's */
	struct vs_file *part[PARTS];
	struct vs_buf buf[PARTS]; /* not yet written */
	uint64_t n_bytes[PARTS];  /* in the file */
	uint64_t n_done, total;
	bool head_read;
	unsigned reading; /* this part */
	uint64_t at;	  /* from there */
};

int vs_sink_range_create(struct vs_ctx *ctx, const char *path,
			 const struct vs_hits_info *info,
			 struct vs_sink_range **made, struct vs_err *err)
{
	struct vs_sink_range *r;
	unsigned i;
	int rc = 0;

	*made = NULL;
	if (info->n_queries > INT32_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "%s: %" PRIu64 " queries do not fit the header "
			       "of usbin; expected at most 2147483647; use -f "
			       "vsh",
			       path, info->n_queries);
	r = vs_zalloc(ctx, 1, sizeof(*r), "output of lists", err);
	if (r == NULL)
		return VS_ENOMEM;
	r->info = *info;
	r->path = path;
	for (i = 0; rc == 0 && i < PARTS; i++)
		rc = vs_file_scratch(ctx, path, &r->part[i], err);
	if (rc != 0) {
		vs_sink_range_destroy(ctx, r);
		return rc;
	}
	*made = r;
	return 0;
}

static int put_aside(struct vs_ctx *ctx, struct vs_sink_range *r, unsigned i,
		     struct vs_err *err)
{
	int rc = vs_file_put(ctx, r->part[i], r->buf[i].p, r->buf[i].n, err);

	r->n_bytes[i] += r->buf[i].n;
	vs_buf_clear(&r->buf[i]);
	return rc;
}

static int put_word(struct vs_ctx *ctx, struct vs_sink_range *r, unsigned i,
		    uint32_t v, struct vs_err *err)
{
	uint8_t b[4];
	int rc;

	vs_put_le32(b, v);
	rc = vs_buf_append(ctx, &r->buf[i], b, sizeof(b), err);
	if (rc == 0 && r->buf[i].n >= ASIDE_BYTES)
		rc = put_aside(ctx, r, i, err);
	return rc;
}

static int put_hit(struct vs_ctx *ctx, struct vs_sink_range *r,
		   const struct vs_hit *hit, struct vs_err *err)
{
	int rc;

	if (hit->id >= UINT32_MAX)
		return vs_fail(err, VS_EDATA,
			       "%s: query %" PRIu64 " has id %" PRIu64
			       ", and usbin ends at 4294967294; use -f vsh, "
			       "tsv or jsonl",
			       r->path, r->n_done, hit->id);
	rc = put_word(ctx, r, IDS, (uint32_t)hit->id, err);
	if (rc == 0)
		rc = put_word(ctx, r, DISTANCES,
			      vs_f32_bits(vs_sink_value(&r->info, hit)), err);
	return rc;
}

int vs_sink_range_put(struct vs_ctx *ctx, struct vs_sink_range *r,
		      const struct vs_hit *hits, uint32_t n,
		      struct vs_err *err)
{
	uint32_t i;
	int rc;

	r->total += n;
	if (r->total > INT32_MAX)
		return vs_fail(err, VS_EDATA,
			       "%s: has more than 2147483647 results at query "
			       "%" PRIu64 ", which is what usbin can hold; use "
			       "-f vsh, tsv or jsonl, or a smaller radius",
			       r->path, r->n_done);
	rc = put_word(ctx, r, COUNTS, n, err);
	for (i = 0; rc == 0 && i < n; i++)
		rc = put_hit(ctx, r, &hits[i], err);
	r->n_done++;
	return rc;
}

/* All there is into the files; the header. */
static int finish(struct vs_ctx *ctx, struct vs_sink_range *r, uint8_t *head,
		  struct vs_err *err)
{
	unsigned i;
	int rc = 0;

	for (i = 0; rc == 0 && i < PARTS; i++)
		rc = put_aside(ctx, r, i, err);
	vs_put_le32(head, (uint32_t)r->n_done);
	vs_put_le32(head + 4, (uint32_t)r->total);
	r->head_read = true;
	return rc;
}

int vs_sink_range_next(struct vs_ctx *ctx, struct vs_sink_range *r,
		       uint8_t *buf, size_t n, size_t *got, struct vs_err *err)
{
	int rc;

	if (!r->head_read) {
		*got = VS_USBIN_HEAD;
		return finish(ctx, r, buf, err);
	}
	while (r->reading < PARTS && r->at == r->n_bytes[r->reading]) {
		r->reading++;
		r->at = 0;
	}
	*got = 0;
	if (r->reading == PARTS)
		return 0;
	*got = (size_t)vs_min_u64(n, r->n_bytes[r->reading] - r->at);
	rc = vs_file_pread(ctx, r->part[r->reading], buf, *got, r->at, err);
	r->at += *got;
	return rc;
}

void vs_sink_range_destroy(struct vs_ctx *ctx, struct vs_sink_range *r)
{
	unsigned i;

	if (r == NULL)
		return;
	for (i = 0; i < PARTS; i++) {
		vs_file_close(ctx, r->part[i]);
		vs_buf_free(ctx, &r->buf[i]);
	}
	vs_free(ctx, r);
}
