/* hits_list.c - hits in lists of their own lengths: section LIST of hit files.
 */
#include <inttypes.h>

#include "hits_int.h"
#include "vs/mem.h"
#include "vs/num.h"

#define START 8u /* bytes of one */

static int write_starts(struct vs_ctx *ctx, struct vs_hits_writer *w,
			struct vs_err *err)
{
	int rc = vs_cont_write(ctx, w->cont, w->section_list,
			       w->n_written * START, w->starts,
			       w->n_starts * START, err);

	w->n_written += w->n_starts;
	w->n_starts = 0;
	return rc;
}

/* That of the next list, or the end of the last. */
static int add_start(struct vs_ctx *ctx, struct vs_hits_writer *w,
		     struct vs_err *err)
{
	vs_put_le64(w->starts + w->n_starts++ * START, w->at);
	return w->n_starts < VS_HITS_CHUNK ? 0 : write_starts(ctx, w, err);
}

int vs_hits_list_start(struct vs_ctx *ctx, struct vs_hits_writer *w,
		       struct vs_err *err)
{
	w->starts = vs_alloc(ctx, VS_HITS_CHUNK, START, "lists", err);
	if (w->starts == NULL)
		return VS_ENOMEM;
	return vs_cont_add_raw(ctx, w->cont, VS_SEC_LIST,
			       w->info.n_queries + 1, START, &w->section_list,
			       err);
}

int vs_hits_list_end(struct vs_ctx *ctx, struct vs_hits_writer *w,
		     struct vs_err *err)
{
	int rc = add_start(ctx, w, err);

	return rc == 0 ? write_starts(ctx, w, err) : rc;
}

int vs_hits_append_list(struct vs_ctx *ctx, struct vs_hits_writer *w,
			const struct vs_hit *hits, uint32_t n,
			struct vs_err *err)
{
	int rc;

	if (w->info.k != 0 || w->n_done == w->info.n_queries)
		return vs_fail(err, VS_EINTERNAL,
			       "%s: a list of query %" PRIu64 " of %" PRIu64,
			       w->path, w->n_done, w->info.n_queries);
	rc = vs_hits_check_list(w->path, &w->info, w->n_done, hits, n,
				VS_EINTERNAL, err);
	if (rc == 0)
		rc = add_start(ctx, w, err);
	if (rc == 0)
		rc = vs_hits_put(ctx, w, hits, n, err);
	w->at += n;
	w->n_done++;
	return rc;
}

uint64_t vs_hits_total(const struct vs_hits *h)
{
	return h->span.count;
}

static int read_starts(struct vs_ctx *ctx, struct vs_hits *h, uint64_t first,
		       size_t n, uint64_t *start, struct vs_err *err)
{
	size_t i;
	int rc = vs_cont_read(ctx, h->cont, &h->list, first * START, start,
			      n * START, err);

	for (i = 0; rc == 0 && i < n; i++)
		start[i] = vs_get_le64((const uint8_t *)(start + i));
	return rc;
}

int vs_hits_list_open(struct vs_ctx *ctx, struct vs_hits *h,
		      struct vs_err *err)
{
	uint64_t n = h->info.n_queries, low = 1, high = 0;
	const char *path = vs_cont_path(h->cont);
	int rc = vs_cont_find(h->cont, VS_SEC_LIST, START, &h->list, err);

	if (rc != 0)
		return rc;
	if (h->list.count != n + 1)
		return vs_fail(err, VS_EDATA,
			       "%s: section LIST has %" PRIu64 " places; "
			       "expected one more than %" PRIu64 " queries",
			       path, h->list.count, n);
	rc = read_starts(ctx, h, 0, 1, &low, err);
	if (rc == 0)
		rc = read_starts(ctx, h, n, 1, &high, err);
	if (rc != 0 || (low == 0 && high == h->span.count))
		return rc;
	return vs_fail(err, VS_EDATA,
		       "%s: section LIST goes from %" PRIu64 " to %" PRIu64
		       "; expected 0 to the %" PRIu64 " hits of HITS; the file "
		       "is damaged",
		       path, low, high, h->span.count);
}

int vs_hits_starts(struct vs_ctx *ctx, struct vs_hits *h, uint64_t first,
		   size_t n, uint64_t *start, struct vs_err *err)
{
	const char *path = vs_cont_path(h->cont);
	size_t i;
	int rc;

	if (h->info.k != 0 || first > h->info.n_queries ||
	    n > h->info.n_queries - first)
		return vs_fail(err, VS_EINTERNAL,
			       "%s: lists from %" PRIu64 " wanted of %" PRIu64,
			       path, first, h->info.n_queries);
	rc = read_starts(ctx, h, first, n + 1, start, err);
	if (rc == 0 && start[n] > h->span.count)
		rc = vs_fail(err, VS_EDATA,
			     "%s: the list of query %" PRIu64 " ends at "
			     "%" PRIu64 " of %" PRIu64 " hits; the file is "
			     "damaged",
			     path, first + n, start[n], h->span.count);
	for (i = 0; rc == 0 && i < n; i++)
		if (start[i] > start[i + 1] ||
		    start[i + 1] - start[i] > UINT32_MAX)
			rc = vs_fail(err, VS_EDATA,
				     "%s: the list of query %" PRIu64
				     " goes from hit %" PRIu64 " to %" PRIu64
				     ", which cannot be; the file is damaged",
				     path, first + i, start[i], start[i + 1]);
	return rc;
}

int vs_hits_lists(struct vs_ctx *ctx, struct vs_hits *h, uint64_t first,
		  size_t n, const uint64_t *start, struct vs_hit *hits,
		  struct vs_err *err)
{
	size_t i;
	int rc = vs_hits_get(ctx, h, start[0], (size_t)(start[n] - start[0]),
			     hits, err);

	for (i = 0; rc == 0 && i < n; i++)
		rc = vs_hits_check_list(vs_cont_path(h->cont), &h->info,
					first + i, hits + (start[i] - start[0]),
					(uint32_t)(start[i + 1] - start[i]),
					VS_EDATA, err);
	return rc;
}
