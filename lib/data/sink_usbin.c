/* sink_usbin.c - ids and distances as the big-ann benchmarks have them.
 *
 * All ids come before all distances, so distances are kept aside until the
 * last query: in the output itself, at their place, where it is a file; else
 * in a scratch file.
 */
#include <inttypes.h>

#include "hits_int.h"
#include "vs/file.h"
#include "vs/mem.h"

#define ASIDE_BYTES ((size_t)1 << 16)

struct vs_sink_usbin {
	struct vs_out *out;	 /* the caller's */
	struct vs_file *scratch; /* NULL when out can be written anywhere */
	uint64_t from;		 /* place of the distances in out */
	uint64_t n_bytes;	 /* of distances written so far */
	struct vs_buf buf;	 /* distances not yet written */
};

static int check_counts(const char *path, const struct vs_hits_info *info,
			struct vs_err *err)
{
	if (info->n_queries <= UINT32_MAX)
		return 0;
	return vs_fail(err, VS_EUSAGE,
		       "%s: %" PRIu64 " queries do not fit the header of "
		       "usbin; expected at most 4294967295; use -f vsh or npy",
		       path, info->n_queries);
}

int vs_sink_usbin_create(struct vs_ctx *ctx, struct vs_out *out,
			 const struct vs_hits_info *info, struct vs_buf *b,
			 struct vs_sink_usbin **made, struct vs_err *err)
{
	const char *path = vs_out_path(out);
	uint64_t n = info->n_queries * info->k;
	uint8_t head[VS_USBIN_HEAD];
	struct vs_sink_usbin *u;
	int rc = check_counts(path, info, err);

	*made = NULL;
	if (rc != 0)
		return rc;
	u = vs_zalloc(ctx, 1, sizeof(*u), "output of distances", err);
	if (u == NULL)
		return VS_ENOMEM;
	u->out = out;
	u->from = VS_USBIN_HEAD + n * 4;
	vs_put_le32(head, (uint32_t)info->n_queries);
	vs_put_le32(head + 4, info->k);
	rc = vs_buf_append(ctx, b, head, sizeof(head), err);
	if (rc == 0 && vs_out_seekable(out))
		rc = vs_out_reserve(ctx, out, u->from + n * 4, err);
	else if (rc == 0)
		rc = vs_file_scratch(ctx, path, &u->scratch, err);
	if (rc != 0) {
		vs_sink_usbin_destroy(ctx, u);
		return rc;
	}
	*made = u;
	return 0;
}

/* Writes what is buffered to where it is kept. */
static int put_aside(struct vs_ctx *ctx, struct vs_sink_usbin *u,
		     struct vs_err *err)
{
	int rc;

	if (u->scratch != NULL)
		rc = vs_file_put(ctx, u->scratch, u->buf.p, u->buf.n, err);
	else
		rc = vs_out_pwrite(ctx, u->out, u->buf.p, u->buf.n,
				   u->from + u->n_bytes, err);
	u->n_bytes += u->buf.n;
	vs_buf_clear(&u->buf);
	return rc;
}

int vs_sink_put_usbin(struct vs_ctx *ctx, struct vs_sink_usbin *u,
		      const struct vs_hits_info *info, uint64_t query,
		      const struct vs_hit *hits, struct vs_buf *b,
		      struct vs_err *err)
{
	uint8_t v[4];
	uint32_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < info->k; i++) {
		if (hits[i].id != VS_ID_NONE && hits[i].id >= UINT32_MAX)
			return vs_fail(err, VS_EDATA,
				       "%s: query %" PRIu64 " has id %" PRIu64
				       ", and usbin ends at 4294967294; use "
				       "-f vsh, npy, tsv or jsonl",
				       vs_out_path(u->out), query, hits[i].id);
		/* VS_ID_NONE cut to 32 bits is 0xffffffff. */
		vs_put_le32(v, (uint32_t)hits[i].id);
		rc = vs_buf_append(ctx, b, v, sizeof(v), err);
		vs_put_le32(v, vs_f32_bits(vs_sink_value(info, &hits[i])));
		if (rc == 0)
			rc = vs_buf_append(ctx, &u->buf, v, sizeof(v), err);
	}
	if (rc == 0 && u->buf.n >= ASIDE_BYTES)
		rc = put_aside(ctx, u, err);
	return rc;
}

int vs_sink_usbin_finish(struct vs_ctx *ctx, struct vs_sink_usbin *u,
			 struct vs_hasher *hash, uint64_t *n_bytes,
			 struct vs_err *err)
{
	int rc = put_aside(ctx, u, err);
	uint64_t at;
	size_t take;
	uint8_t *p;

	if (rc != 0)
		return rc;
	p = vs_alloc(ctx, ASIDE_BYTES, 1, "read buffer", err);
	if (p == NULL)
		return VS_ENOMEM;
	for (at = 0; rc == 0 && at < u->n_bytes; at += take) {
		take = (size_t)vs_min_u64(ASIDE_BYTES, u->n_bytes - at);
		if (u->scratch != NULL) {
			rc = vs_file_pread(ctx, u->scratch, p, take, at, err);
			if (rc == 0)
				rc = vs_out_append(ctx, u->out, p, take, err);
		} else {
			rc = vs_out_pread(ctx, u->out, p, take, u->from + at,
					  err);
		}
		if (rc == 0)
			vs_hasher_add(hash, p, take);
	}
	*n_bytes += u->n_bytes;
	vs_free(ctx, p);
	return rc;
}

void vs_sink_usbin_destroy(struct vs_ctx *ctx, struct vs_sink_usbin *u)
{
	if (u == NULL)
		return;
	vs_file_close(ctx, u->scratch);
	vs_buf_free(ctx, &u->buf);
	vs_free(ctx, u);
}
