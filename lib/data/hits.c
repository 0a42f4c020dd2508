/* hits.c - hit files (.vsh): a container with INFO and packed HITS. */
#include "vs/hits.h"

#include <inttypes.h>
#include <string.h>

#include "hits_int.h"
#include "vs/mem.h"
#include "vs/num.h"

#define CHUNK_HITS 4096u	      /* encoded together when writing */
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

int vs_hits_check(const char *path, const struct vs_hits_info *info,
		  uint64_t query, const struct vs_hit *hits, int code,
		  struct vs_err *err)
{
	uint32_t i, n = info->k;

	for (i = 0; i < n && hits[i].id != VS_ID_NONE; i++) {
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
	for (; i < n; i++)
		if (hits[i].id != VS_ID_NONE || hits[i].key != VS_KEY_WORST)
			return fail_hit(path, query, i, code,
					"no padding after a padding", err);
	return 0;
}

struct vs_hits_writer {
	struct vs_cont_writer *cont;
	unsigned section;
	char *path;
	struct vs_hits_info info; /* without its owned parts */
	uint64_t n_done;	  /* queries so far */
	uint8_t room[CHUNK_HITS * VS_HITS_RECORD];
};

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

/* n hits, in chunks of encoded bytes. */
static int append(struct vs_ctx *ctx, struct vs_hits_writer *w,
		  const struct vs_hit *hits, size_t n, struct vs_err *err)
{
	size_t i, take;
	int rc = 0;

	for (; rc == 0 && n != 0; n -= take, hits += take) {
		take = vs_min_size(n, CHUNK_HITS);
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
	rc = append(ctx, w, hits, n_hits, err);
	w->n_done += n;
	return rc;
}

int vs_hits_finish(struct vs_ctx *ctx, struct vs_hits_writer *w,
		   enum vs_publish how, struct vs_err *err)
{
	int rc;

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
	vs_free(ctx, w->path);
	vs_free(ctx, w);
}

struct vs_hits {
	struct vs_cont *cont;
	struct vs_span span; /* of HITS */
	struct vs_hits_info info;
};

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
static int check_agreement(const struct vs_hits *h, struct vs_err *err)
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
	if (!vs_mul_u64(info->n_queries, info->k, &n) || n != h->span.count)
		return vs_fail(err, VS_EDATA,
			       "%s: section HITS has %" PRIu64 " hits; "
			       "expected %" PRIu64 " queries of %u",
			       path, h->span.count, info->n_queries, info->k);
	return 0;
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
		rc = check_agreement(h, err);
	if (rc == 0 && ctx->verify == VS_VERIFY_DEEP)
		rc = scan(ctx, h, err);
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

int vs_hits_read(struct vs_ctx *ctx, struct vs_hits *h, uint64_t first,
		 size_t n, struct vs_hit *hits, struct vs_err *err)
{
	const char *path = vs_cont_path(h->cont);
	size_t i, n_hits, n_bytes;
	int rc;

	if (first > h->info.n_queries || n > h->info.n_queries - first ||
	    !vs_mul_size(n, h->info.k, &n_hits) ||
	    !vs_mul_size(n_hits, VS_HITS_RECORD, &n_bytes))
		return vs_fail(err, VS_EINTERNAL,
			       "%s: queries from %" PRIu64 " wanted of "
			       "%" PRIu64,
			       path, first, h->info.n_queries);
	rc = vs_cont_read(ctx, h->cont, &h->span,
			  first * h->info.k * VS_HITS_RECORD, hits, n_bytes,
			  err);
	for (i = 0; rc == 0 && i < n_hits; i++) {
		const uint8_t *p = (const uint8_t *)&hits[i];
		uint64_t id = vs_get_le64(p), key = vs_get_le64(p + 8);

		hits[i].id = id;
		hits[i].key = (int64_t)key;
	}
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
