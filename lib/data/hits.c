/* hits.c - hit files (.vsh): a container with INFO and packed HITS. */
#include "vs/hits.h"

#include <inttypes.h>
#include <string.h>

#include "hits_int.h"
#include "vs/mem.h"
#include "vs/num.h"

#define INFO_MAX ((uint64_t)16 << 20) /* as vs/yaml.h has it */
#define SCAN_HITS ((size_t)1 << 16)   /* read together by --verify deep */

static int fail_hit(const char *path, uint64_t query, uint32_t rank, int code,
		    const char *what, struct vs_err *err)
{
	return vs_fail(err, code, "%s: query %" PRIu64 ", hit %u: %s", path,
		       query, rank, what);
}

/* Whether a real hit can have this key. */
static bool key_is_possible(const struct vs_hits_info *info, int64_t key)
{
	bool similarity = vs_metric_is_similarity(info->metric);
	int64_t most;

	if (vs_hits_float_keys(info->metric, info->dtype)) {
		if (key < -(int64_t)INT32_MAX || key > (int64_t)INT32_MAX + 1)
			return false;
		return vs_key_of_f32(vs_f32_of_key(key, similarity),
				     similarity) == key &&
		       (similarity || key >= 0);
	}
	/* 8-bit elements differ by 255 at most. */
	most = (int64_t)info->dim * 255 * 255;
	return key <= most && key >= (similarity ? -most : 0);
}

/* The hits before the first padding, n at most. */
static uint32_t n_real(const struct vs_hit *hits, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n && hits[i].id != VS_ID_NONE; i++)
		;
	return i;
}

/* n hits without padding. */
static int check_real(const char *path, const struct vs_hits_info *info,
		      uint64_t query, const struct vs_hit *hits, uint32_t n,
		      int code, struct vs_err *err)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (!key_is_possible(info, hits[i].key))
			return fail_hit(path, query, i, code,
					"its key cannot be; the hits are "
					"damaged",
					err);
		if (i != 0 && !vs_hit_less(&hits[i - 1], &hits[i]))
			return fail_hit(path, query, i, code,
					"not after the one before it; expected "
					"ascending order",
					err);
	}
	return 0;
}

int vs_hits_check_list(const char *path, const struct vs_hits_info *info,
		       uint64_t query, const struct vs_hit *hits, uint32_t n,
		       int code, struct vs_err *err)
{
	uint32_t end = n_real(hits, n);
	int rc = check_real(path, info, query, hits, end, code, err);

	if (rc != 0 || end == n)
		return rc;
	return fail_hit(path, query, end, code, "a padding, in a list", err);
}

int vs_hits_check(const char *path, const struct vs_hits_info *info,
		  uint64_t query, const struct vs_hit *hits, int code,
		  struct vs_err *err)
{
	uint32_t n = info->k, i = n_real(hits, n);
	int rc = check_real(path, info, query, hits, i, code, err);

	if (rc != 0)
		return rc;
	for (; i < n; i++)
		if (hits[i].id != VS_ID_NONE || hits[i].key != VS_KEY_WORST)
			return fail_hit(path, query, i, code,
					"no padding after a padding", err);
	return 0;
}

uint64_t vs_hits_writer_bytes(void)
{
	return sizeof(struct vs_hits_writer) + vs_cont_zst_bytes();
}

/* INFO and the start of HITS. */
static int start(struct vs_ctx *ctx, struct vs_hits_writer *w,
		 const struct vs_hits_info *info, struct vs_err *err)
{
	struct vs_buf text = {0};
	unsigned section;
	int rc;

	rc = vs_hits_info_put(ctx, info, &text, err);
	if (rc == 0 && text.n > INFO_MAX)
		rc = vs_fail(err, VS_EUSAGE,
			     "%s: %zu sources are more than INFO can hold",
			     w->path, info->n_sources);
	if (rc == 0)
		rc = vs_cont_add_raw(ctx, w->cont, VS_SEC_INFO, text.n, 1,
				     &section, err);
	if (rc == 0)
		rc = vs_cont_write(ctx, w->cont, section, 0, text.p, text.n,
				   err);
	vs_buf_free(ctx, &text);
	if (rc == 0 && info->k == 0)
		rc = vs_hits_list_start(ctx, w, err);
	if (rc == 0)
		rc = vs_cont_add_zst(ctx, w->cont, VS_SEC_HITS, VS_HITS_RECORD,
				     &w->section, err);
	return rc;
}

int vs_hits_create(struct vs_ctx *ctx, const char *path,
		   const struct vs_hits_info *info,
		   const struct vs_digest *fingerprint,
		   struct vs_hits_writer **out, struct vs_err *err)
{
	struct vs_cont_head head = {
		.kind = VS_KIND_HITS,
		.fingerprint = *fingerprint,
		.n_rows = info->n_queries,
		.dim = info->dim,
		.k = info->k,
		.metric = info->metric,
		.dtype = info->dtype,
	};
	struct vs_hits_writer *w;
	int rc;

	*out = NULL;
	rc = vs_hits_info_check(path, info, VS_EINTERNAL, err);
	if (rc != 0)
		return rc;
	w = vs_zalloc(ctx, 1, sizeof(*w), "hits writer", err);
	if (w == NULL)
		return VS_ENOMEM;
	w->info = *info;
	w->path = vs_strdup(ctx, path, err);
	rc = w->path == NULL ? VS_ENOMEM : 0;
	if (rc == 0)
		rc = vs_cont_create(ctx, path, &head, &w->cont, err);
	if (rc == 0)
		rc = start(ctx, w, info, err);
	if (rc != 0) {
		vs_hits_abort(ctx, w);
		return rc;
	}
	*out = w;
	return 0;
}

/* In chunks of encoded bytes. */
int vs_hits_put(struct vs_ctx *ctx, struct vs_hits_writer *w,
		const struct vs_hit *hits, size_t n, struct vs_err *err)
{
	size_t i, take;
	int rc = 0;

	for (; rc == 0 && n != 0; n -= take, hits += take) {
		take = vs_min_size(n, VS_HITS_CHUNK);
		for (i = 0; i < take; i++) {
			uint8_t *p = w->room + i * VS_HITS_RECORD;

			vs_put_le64(p, hits[i].id);
			vs_put_le64(p + 8, (uint64_t)hits[i].key);
		}
		rc = vs_cont_append(ctx, w->cont, w->section, w->room,
				    take * VS_HITS_RECORD, err);
	}
	return rc;
}

int vs_hits_append(struct vs_ctx *ctx, struct vs_hits_writer *w,
		   const struct vs_hit *hits, size_t n, struct vs_err *err)
{
	size_t i, n_hits;
	int rc;

	if (w->info.k == 0)
		return vs_fail(err, VS_EINTERNAL, "%s: holds lists", w->path);
	if (n > w->info.n_queries - w->n_done)
		return vs_fail(err, VS_EINTERNAL,
			       "%s: hits of more than %" PRIu64 " queries",
			       w->path, w->info.n_queries);
	for (i = 0; i < n; i++) {
		rc = vs_hits_check(w->path, &w->info, w->n_done + i,
				   hits + i * w->info.k, VS_EINTERNAL, err);
		if (rc != 0)
			return rc;
	}
	if (!vs_mul_size(n, w->info.k, &n_hits))
		return vs_fail(err, VS_EINTERNAL, "%s: %zu queries overflow",
			       w->path, n);
	rc = vs_hits_put(ctx, w, hits, n_hits, err);
	w->n_done += n;
	return rc;
}

int vs_hits_finish(struct vs_ctx *ctx, struct vs_hits_writer *w,
		   enum vs_publish how, struct vs_err *err)
{
	int rc = 0;

	if (w->info.k == 0 && w->n_done == w->info.n_queries)
		rc = vs_hits_list_end(ctx, w, err);
	if (rc != 0) {
		vs_hits_abort(ctx, w);
		return rc;
	}
	if (w->n_done != w->info.n_queries) {
		rc = vs_fail(err, VS_EINTERNAL,
			     "%s: hits of %" PRIu64 " of %" PRIu64 " queries",
			     w->path, w->n_done, w->info.n_queries);
	} else {
		rc = vs_cont_publish(ctx, w->cont, how, err);
		w->cont = NULL;
	}
	vs_hits_abort(ctx, w);
	return rc;
}

void vs_hits_abort(struct vs_ctx *ctx, struct vs_hits_writer *w)
{
	if (w == NULL)
		return;
	vs_cont_abort(ctx, w->cont);
	vs_free(ctx, w->starts);
	vs_free(ctx, w->path);
	vs_free(ctx, w);
}

static int load_info(struct vs_ctx *ctx, struct vs_hits *h, struct vs_err *err)
{
	struct vs_span s;
	char *text;
	int rc = vs_cont_find(h->cont, VS_SEC_INFO, 1, &s, err);

	if (rc != 0)
		return rc;
	if (s.n_bytes > INFO_MAX)
		return vs_fail(err, VS_EDATA,
			       "%s: section INFO has %" PRIu64 " bytes; "
			       "expected at most %" PRIu64,
			       vs_cont_path(h->cont), s.n_bytes, INFO_MAX);
	text = vs_alloc(ctx, (size_t)s.n_bytes, 1, "INFO", err);
	if (text == NULL)
		return VS_ENOMEM;
	rc = vs_cont_read(ctx, h->cont, &s, 0, text, (size_t)s.n_bytes, err);
	if (rc == 0)
		rc = vs_hits_info_parse(ctx, vs_cont_path(h->cont), text,
					(size_t)s.n_bytes, &h->info, err);
	vs_free(ctx, text);
	return rc;
}

/* INFO, header and the size of HITS say the same. */
static int check_agreement(struct vs_ctx *ctx, struct vs_hits *h,
			   struct vs_err *err)
{
	const struct vs_cont_head *head = vs_cont_head(h->cont);
	const struct vs_hits_info *info = &h->info;
	const char *path = vs_cont_path(h->cont);
	uint64_t n = 0;

	if (info->n_queries != head->n_rows || info->k != head->k ||
	    info->dim != head->dim || info->metric != head->metric ||
	    info->dtype != head->dtype)
		return vs_fail(err, VS_EDATA,
			       "%s: INFO and the header do not agree; the file "
			       "is damaged",
			       path);
	if (info->k == 0)
		return vs_hits_list_open(ctx, h, err);
	if (!vs_mul_u64(info->n_queries, info->k, &n) || n != h->span.count)
		return vs_fail(err, VS_EDATA,
			       "%s: section HITS has %" PRIu64 " hits; "
			       "expected %" PRIu64 " queries of %u",
			       path, h->span.count, info->n_queries, info->k);
	return 0;
}

/* The lists of n queries. */
static int scan_lists(struct vs_ctx *ctx, struct vs_hits *h, uint64_t first,
		      size_t n, uint64_t *start, struct vs_err *err)
{
	struct vs_hit *hits;
	int rc = vs_hits_starts(ctx, h, first, n, start, err);

	if (rc != 0)
		return rc;
	hits = vs_alloc(ctx, (size_t)(start[n] - start[0]), sizeof(*hits),
			"hits", err);
	if (hits == NULL)
		return VS_ENOMEM;
	rc = vs_hits_lists(ctx, h, first, n, start, hits, err);
	vs_free(ctx, hits);
	return rc;
}

static int scan_all_lists(struct vs_ctx *ctx, struct vs_hits *h,
			  struct vs_err *err)
{
	uint64_t *start = vs_alloc(ctx, VS_HITS_CHUNK + 1, sizeof(*start),
				   "lists", err);
	uint64_t q, n;
	int rc = start == NULL ? VS_ENOMEM : 0;

	for (q = 0; rc == 0 && q < h->info.n_queries; q += n) {
		n = vs_min_u64(VS_HITS_CHUNK, h->info.n_queries - q);
		rc = scan_lists(ctx, h, q, (size_t)n, start, err);
	}
	vs_free(ctx, start);
	return rc;
}

/* --verify deep: every hit is looked at. */
static int scan(struct vs_ctx *ctx, struct vs_hits *h, struct vs_err *err)
{
	size_t step = vs_max_size(SCAN_HITS / h->info.k, 1);
	struct vs_hit *hits;
	uint64_t q;
	int rc = 0;

	hits = vs_alloc(ctx, step * h->info.k, sizeof(*hits), "hits", err);
	if (hits == NULL)
		return VS_ENOMEM;
	for (q = 0; rc == 0 && q < h->info.n_queries; q += step)
		rc = vs_hits_read(
			ctx, h, q,
			(size_t)vs_min_u64(step, h->info.n_queries - q), hits,
			err);
	vs_free(ctx, hits);
	return rc;
}

int vs_hits_open(struct vs_ctx *ctx, const char *path, struct vs_hits **out,
		 struct vs_err *err)
{
	struct vs_hits *h;
	int rc;

	*out = NULL;
	h = vs_zalloc(ctx, 1, sizeof(*h), "hits", err);
	if (h == NULL)
		return VS_ENOMEM;
	rc = vs_cont_open(ctx, path, VS_KIND_HITS, &h->cont, err);
	if (rc == 0)
		rc = load_info(ctx, h, err);
	if (rc == 0)
		rc = vs_cont_find(h->cont, VS_SEC_HITS, VS_HITS_RECORD,
				  &h->span, err);
	if (rc == 0)
		rc = check_agreement(ctx, h, err);
	if (rc == 0 && ctx->verify == VS_VERIFY_DEEP)
		rc = h->info.k == 0 ? scan_all_lists(ctx, h, err) :
				      scan(ctx, h, err);
	if (rc != 0) {
		vs_hits_close(ctx, h);
		return rc;
	}
	*out = h;
	return 0;
}

const struct vs_hits_info *vs_hits_info(const struct vs_hits *h)
{
	return &h->info;
}

const struct vs_cont_head *vs_hits_head(const struct vs_hits *h)
{
	return vs_cont_head(h->cont);
}

const char *vs_hits_path(const struct vs_hits *h)
{
	return vs_cont_path(h->cont);
}

int vs_hits_get(struct vs_ctx *ctx, struct vs_hits *h, uint64_t at, size_t n,
		struct vs_hit *hits, struct vs_err *err)
{
	size_t i;
	int rc = vs_cont_read(ctx, h->cont, &h->span, at * VS_HITS_RECORD,
			      hits, n * VS_HITS_RECORD, err);

	for (i = 0; rc == 0 && i < n; i++) {
		const uint8_t *p = (const uint8_t *)&hits[i];
		uint64_t id = vs_get_le64(p), key = vs_get_le64(p + 8);

		hits[i].id = id;
		hits[i].key = (int64_t)key;
	}
	return rc;
}

int vs_hits_read(struct vs_ctx *ctx, struct vs_hits *h, uint64_t first,
		 size_t n, struct vs_hit *hits, struct vs_err *err)
{
	const char *path = vs_cont_path(h->cont);
	size_t i, n_hits, n_bytes;
	int rc;

	if (h->info.k == 0 || first > h->info.n_queries ||
	    n > h->info.n_queries - first ||
	    !vs_mul_size(n, h->info.k, &n_hits) ||
	    !vs_mul_size(n_hits, VS_HITS_RECORD, &n_bytes))
		return vs_fail(err, VS_EINTERNAL,
			       "%s: %u hits of queries from %" PRIu64
			       " wanted of %" PRIu64,
			       path, h->info.k, first, h->info.n_queries);
	rc = vs_hits_get(ctx, h, first * h->info.k, n_hits, hits, err);
	for (i = 0; rc == 0 && i < n; i++)
		rc = vs_hits_check(path, &h->info, first + i,
				   hits + i * h->info.k, VS_EDATA, err);
	return rc;
}

void vs_hits_close(struct vs_ctx *ctx, struct vs_hits *h)
{
	if (h == NULL)
		return;
	vs_cont_close(ctx, h->cont);
	vs_hits_info_free(ctx, &h->info);
	vs_free(ctx, h);
}
