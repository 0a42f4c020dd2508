/* sink.c - answers into one of several formats; names and sizes of these stand
 * in sink_format.c, text is made in sink_text.c, and sink_npy.c and
 * sink_usbin.c make theirs.
 *
 * Everything but vsh is a sequence of bytes that is hashed while it is
 * written, so that "the same file stands there already" needs no second copy.
 */
#include <inttypes.h>
#include <string.h>

#include "hits_int.h"
#include "vs/mem.h"
#include "vs/num.h"

#define FLUSH_BYTES ((size_t)1 << 16)

struct vs_sink {
	enum vs_hits_format format;
	struct vs_hits_writer *vsh; /* or */
	struct vs_out *out;
	struct vs_sink_usbin *usbin; /* distances, or NULL */
	struct vs_sink_range *range; /* lists for usbin, or NULL */
	struct vs_hasher *hash; /* of the bytes written */
	uint64_t n_bytes;
	struct vs_buf buf;	  /* bytes not yet written */
	struct vs_hits_info info; /* without its owned parts */
	char *path;
	uint64_t n_done; /* queries */
};

uint64_t vs_sink_bytes(enum vs_hits_format f, uint64_t n_queries, uint32_t k)
{
	uint64_t all = vs_hits_format_bytes(f, n_queries, k);

	if (f == VS_HITS_VSH)
		return vs_hits_writer_bytes();
	/* A buffer that grows by half is twice there while it does. */
	return 2 * vs_min_u64(FLUSH_BYTES, all != 0 ? all : FLUSH_BYTES);
}

/* Text needs no number of queries; the rest of info is checked. */
static int check_info(const struct vs_sink *s, struct vs_err *err)
{
	struct vs_hits_info info = s->info;

	if (info.n_queries == VS_QUERIES_UNKNOWN &&
	    (s->format == VS_HITS_TSV || s->format == VS_HITS_JSONL))
		info.n_queries = 0;
	return vs_hits_info_check(s->path, &info, VS_EINTERNAL, err);
}

static int open_sink(struct vs_ctx *ctx, struct vs_sink *s,
		     const struct vs_hits_info *info,
		     const struct vs_digest *fingerprint, struct vs_err *err)
{
	int rc;

	if (s->format == VS_HITS_VSH)
		return vs_hits_create(ctx, s->path, info, fingerprint, &s->vsh,
				      err);
	rc = check_info(s, err);
	if (rc == 0 && info->k == 0)
		rc = vs_hits_format_check_lists(s->path, s->format, err);
	if (rc == 0)
		rc = vs_hasher_create(ctx, &s->hash, err);
	if (rc == 0)
		rc = vs_out_create(ctx, s->path, &s->out, err);
	if (rc == 0 && s->format == VS_HITS_USBIN && info->k == 0)
		rc = vs_sink_range_create(ctx, s->path, info, &s->range, err);
	else if (rc == 0 && s->format == VS_HITS_USBIN)
		rc = vs_sink_usbin_create(ctx, s->out, info, &s->buf,
					  &s->usbin, err);
	if (rc == 0 && s->format == VS_HITS_NPY)
		rc = vs_sink_npy_head(ctx, info, &s->buf, err);
	return rc;
}

int vs_sink_create(struct vs_ctx *ctx, const char *path,
		   enum vs_hits_format format, const struct vs_hits_info *info,
		   const struct vs_digest *fingerprint, struct vs_sink **out,
		   struct vs_err *err)
{
	struct vs_sink *s;
	int rc;

	*out = NULL;
	if (format == VS_HITS_AUTO) {
		rc = vs_hits_format_of(path, &format, err);
		if (rc != 0)
			return rc;
	}
	s = vs_zalloc(ctx, 1, sizeof(*s), "output of hits", err);
	if (s == NULL)
		return VS_ENOMEM;
	s->format = format;
	s->info = *info;
	s->path = vs_strdup(ctx, path, err);
	rc = s->path == NULL ? VS_ENOMEM : 0;
	if (rc == 0)
		rc = open_sink(ctx, s, info, fingerprint, err);
	if (rc != 0) {
		vs_sink_abort(ctx, s);
		return rc;
	}
	*out = s;
	return 0;
}

static int flush(struct vs_ctx *ctx, struct vs_sink *s, struct vs_err *err)
{
	int rc;

	/* At its place, since distances of usbin may stand behind it. */
	if (vs_out_seekable(s->out))
		rc = vs_out_pwrite(ctx, s->out, s->buf.p, s->buf.n, s->n_bytes,
				   err);
	else
		rc = vs_out_append(ctx, s->out, s->buf.p, s->buf.n, err);
	vs_hasher_add(s->hash, s->buf.p, s->buf.n);
	s->n_bytes += s->buf.n;
	vs_buf_clear(&s->buf);
	return rc;
}

static int put_ivecs(struct vs_ctx *ctx, struct vs_sink *s,
		     const struct vs_hit *hits, struct vs_err *err)
{
	uint8_t b[4];
	uint32_t i;
	int rc;

	vs_put_le32(b, s->info.k);
	rc = vs_buf_append(ctx, &s->buf, b, sizeof(b), err);
	for (i = 0; rc == 0 && i < s->info.k; i++) {
		if (hits[i].id != VS_ID_NONE && hits[i].id > INT32_MAX)
			return vs_fail(err, VS_EDATA,
				       "%s: query %" PRIu64 " has id %" PRIu64
				       ", and ivecs ends at 2147483647; use "
				       "-f vsh, tsv or jsonl",
				       s->path, s->n_done, hits[i].id);
		/* VS_ID_NONE cut to 32 bits is -1. */
		vs_put_le32(b, (uint32_t)hits[i].id);
		rc = vs_buf_append(ctx, &s->buf, b, sizeof(b), err);
	}
	return rc;
}

float vs_sink_value(const struct vs_hits_info *info, const struct vs_hit *h)
{
	if (h->id == VS_ID_NONE)
		return vs_metric_is_similarity(info->metric) ? -INFINITY
							     : INFINITY;
	return (float)vs_key_value(info->metric, info->dtype, h->key);
}

static int put_fvecs(struct vs_ctx *ctx, struct vs_sink *s,
		     const struct vs_hit *hits, struct vs_err *err)
{
	uint8_t b[4];
	uint32_t i;
	int rc;

	vs_put_le32(b, s->info.k);
	rc = vs_buf_append(ctx, &s->buf, b, sizeof(b), err);
	for (i = 0; rc == 0 && i < s->info.k; i++) {
		vs_put_le32(b, vs_f32_bits(vs_sink_value(&s->info, &hits[i])));
		rc = vs_buf_append(ctx, &s->buf, b, sizeof(b), err);
	}
	return rc;
}

/* All hits of a query but its pads. */
static struct vs_sink_slice real_hits(const struct vs_sink *s,
				      const struct vs_hit *hits)
{
	struct vs_sink_slice r = { .query = s->n_done, .hits = hits };

	while (r.to < s->info.k && hits[r.to].id != VS_ID_NONE)
		r.to++;
	return r;
}

static int put_query(struct vs_ctx *ctx, struct vs_sink *s,
		     const struct vs_hit *hits, struct vs_err *err)
{
	struct vs_sink_slice real = real_hits(s, hits);

	switch (s->format) {
	case VS_HITS_IVECS:
		return put_ivecs(ctx, s, hits, err);
	case VS_HITS_FVECS:
		return put_fvecs(ctx, s, hits, err);
	case VS_HITS_USBIN:
		return vs_sink_put_usbin(ctx, s->usbin, &s->info, s->n_done,
					 hits, &s->buf, err);
	case VS_HITS_NPY:
		return vs_sink_put_npy(ctx, s->path, &s->info, s->n_done, hits,
				       &s->buf, err);
	case VS_HITS_TSV:
		return vs_sink_put_tsv(ctx, &s->info, &real, &s->buf, err);
	case VS_HITS_JSONL:
		return vs_sink_put_jsonl(ctx, &s->info, &real, &s->buf, err);
	case VS_HITS_AUTO:
	case VS_HITS_VSH:
		break;
	}
	return vs_fail(err, VS_EINTERNAL, "%s: unknown format %d of hits",
		       s->path, (int)s->format);
}

int vs_sink_append(struct vs_ctx *ctx, struct vs_sink *s,
		   const struct vs_hit *hits, size_t n, struct vs_err *err)
{
	int rc = 0;

	if (s->vsh != NULL)
		return vs_hits_append(ctx, s->vsh, hits, n, err);
	if (s->info.k == 0)
		return vs_fail(err, VS_EINTERNAL, "%s: holds lists", s->path);
	if (n > s->info.n_queries - s->n_done)
		return vs_fail(err, VS_EINTERNAL,
			       "%s: hits of more than %" PRIu64 " queries",
			       s->path, s->info.n_queries);
	for (; rc == 0 && n != 0; n--, hits += s->info.k) {
		rc = vs_hits_check(s->path, &s->info, s->n_done, hits,
				   VS_EINTERNAL, err);
		if (rc == 0)
			rc = put_query(ctx, s, hits, err);
		if (rc == 0)
			s->n_done++;
		if (rc == 0 && s->buf.n >= FLUSH_BYTES)
			rc = flush(ctx, s, err);
	}
	return rc;
}

/* One part of a list after another, since a list may be long. */
static int put_slices(struct vs_ctx *ctx, struct vs_sink *s,
		      const struct vs_hit *hits, uint32_t n, bool values,
		      struct vs_err *err)
{
	struct vs_sink_slice part = { .query = s->n_done, .hits = hits };
	int rc = 0;

	do {
		part.to = n - part.from > VS_HITS_CHUNK ?
				  part.from + VS_HITS_CHUNK : n;
		if (s->format == VS_HITS_TSV)
			rc = vs_sink_put_tsv(ctx, &s->info, &part, &s->buf,
					     err);
		else if (values)
			rc = vs_sink_put_values(ctx, &s->info, &part, &s->buf,
						err);
		else
			rc = vs_sink_put_ids(ctx, &part, &s->buf, err);
		if (rc == 0 && s->buf.n >= FLUSH_BYTES)
			rc = flush(ctx, s, err);
		part.from = part.to;
	} while (rc == 0 && part.from < n);
	return rc;
}

static int put_list(struct vs_ctx *ctx, struct vs_sink *s,
		    const struct vs_hit *hits, uint32_t n, struct vs_err *err)
{
	int rc;

	if (s->range != NULL)
		return vs_sink_range_put(ctx, s->range, hits, n, err);
	rc = put_slices(ctx, s, hits, n, false, err);
	if (rc != 0 || s->format == VS_HITS_TSV)
		return rc;
	rc = put_slices(ctx, s, hits, n, true, err);
	return rc == 0 ? vs_buf_printf(ctx, &s->buf, err, "]}\n") : rc;
}

int vs_sink_append_list(struct vs_ctx *ctx, struct vs_sink *s,
			const struct vs_hit *hits, uint32_t n,
			struct vs_err *err)
{
	int rc;

	if (s->vsh != NULL)
		return vs_hits_append_list(ctx, s->vsh, hits, n, err);
	if (s->info.k != 0 || s->n_done == s->info.n_queries)
		return vs_fail(err, VS_EINTERNAL,
			       "%s: a list of query %" PRIu64 " of %" PRIu64,
			       s->path, s->n_done, s->info.n_queries);
	rc = vs_hits_check_list(s->path, &s->info, s->n_done, hits, n,
				VS_EINTERNAL, err);
	if (rc == 0)
		rc = put_list(ctx, s, hits, n, err);
	s->n_done++;
	return rc;
}

/* The lists of a usbin file, which are there only now. */
static int put_range(struct vs_ctx *ctx, struct vs_sink *s, struct vs_err *err)
{
	size_t got = 1;
	uint8_t *room = vs_alloc(ctx, FLUSH_BYTES, 1, "read buffer", err);
	int rc = room == NULL ? VS_ENOMEM : 0;

	while (rc == 0 && got > 0) {
		rc = vs_sink_range_next(ctx, s->range, room, FLUSH_BYTES, &got,
					err);
		if (rc == 0)
			rc = vs_buf_append(ctx, &s->buf, room, got, err);
		if (rc == 0)
			rc = flush(ctx, s, err);
	}
	vs_free(ctx, room);
	return rc;
}

int vs_sink_flush(struct vs_ctx *ctx, struct vs_sink *s, struct vs_err *err)
{
	return flush(ctx, s, err);
}

/* 0 when the file that stands there has the bytes that were written. */
static int compare(struct vs_ctx *ctx, const struct vs_sink *s,
		   struct vs_err *err)
{
	struct vs_digest want, found;
	struct vs_hasher *h = NULL;
	struct vs_file *file = NULL;
	uint64_t n_bytes = 0;
	uint8_t *room;
	size_t got = 0;
	int rc;

	room = vs_alloc(ctx, FLUSH_BYTES, 1, "read buffer", err);
	rc = room == NULL ? VS_ENOMEM : vs_hasher_create(ctx, &h, err);
	if (rc == 0)
		rc = vs_file_open(ctx, s->path, &file, err);
	while (rc == 0) {
		rc = vs_file_read(ctx, file, room, FLUSH_BYTES, &got, err);
		if (rc != 0 || got == 0)
			break;
		vs_hasher_add(h, room, got);
		n_bytes += got;
	}
	if (rc == 0) {
		vs_hasher_done(h, &found);
		vs_hasher_done(s->hash, &want);
		if (n_bytes != s->n_bytes || !vs_digest_equal(&found, &want))
			rc = vs_fail(err, VS_ECREATE,
				     "%s: exists with other contents; remove "
				     "it or give --replace",
				     s->path);
	}
	vs_file_close(ctx, file);
	vs_hasher_destroy(ctx, h);
	vs_free(ctx, room);
	return rc;
}

static int finish(struct vs_ctx *ctx, struct vs_sink *s, enum vs_publish how,
		  struct vs_err *err)
{
	bool existed = false;
	int rc;

	if (s->vsh != NULL) {
		rc = vs_hits_finish(ctx, s->vsh, how, err);
		s->vsh = NULL;
		return rc;
	}
	if (s->info.n_queries != VS_QUERIES_UNKNOWN &&
	    s->n_done != s->info.n_queries)
		return vs_fail(err, VS_EINTERNAL,
			       "%s: hits of %" PRIu64 " of %" PRIu64 " queries",
			       s->path, s->n_done, s->info.n_queries);
	rc = flush(ctx, s, err);
	if (rc == 0 && s->range != NULL)
		rc = put_range(ctx, s, err);
	if (rc == 0 && s->usbin != NULL)
		rc = vs_sink_usbin_finish(ctx, s->usbin, s->hash, &s->n_bytes,
					  err);
	if (rc != 0)
		return rc;
	rc = vs_out_publish(ctx, s->out, how, &existed, err);
	s->out = NULL;
	if (rc != 0 && existed) {
		rc = compare(ctx, s, err);
		if (rc == 0 && err != NULL)
			vs_err_clear(err);
	}
	return rc;
}

int vs_sink_finish(struct vs_ctx *ctx, struct vs_sink *s, enum vs_publish how,
		   struct vs_err *err)
{
	int rc = finish(ctx, s, how, err);

	vs_sink_abort(ctx, s);
	return rc;
}

void vs_sink_abort(struct vs_ctx *ctx, struct vs_sink *s)
{
	if (s == NULL)
		return;
	vs_hits_abort(ctx, s->vsh);
	vs_sink_usbin_destroy(ctx, s->usbin);
	vs_sink_range_destroy(ctx, s->range);
	vs_out_abort(ctx, s->out);
	vs_hasher_destroy(ctx, s->hash);
	vs_buf_free(ctx, &s->buf);
	vs_free(ctx, s->path);
	vs_free(ctx, s);
}
