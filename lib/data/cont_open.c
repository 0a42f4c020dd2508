/* cont_open.c - opening containers: everything that is checked before the first
 * data byte.
 *
 * Header, table and block records are copied into private memory once; after
 * that nothing that decides about an address comes from the map.
 */
#include "cont_int.h"
#include "vs/mem.h"
#include "vs/num.h"

static int load_front(struct vs_ctx *ctx, struct vs_file *file,
		      struct vs_cont_front *f, struct vs_err *err)
{
	uint8_t front[VS_CONT_FRONT_BYTES], foot[VS_CONT_FOOT_BYTES];
	uint64_t size = vs_file_size(file);
	const char *path = vs_file_path(file);
	size_t n = (size_t)vs_min_u64(size, sizeof(front));
	int rc;

	if (size == UINT64_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "%s: is no regular file; models, shards and "
			       "hits are read from files only",
			       path);
	rc = vs_file_pread(ctx, file, front, n, 0, err);
	if (rc == 0)
		rc = vs_cont_decode(path, front, n, size, f, err);
	if (rc == 0)
		rc = vs_file_pread(ctx, file, foot, sizeof(foot),
				   size - sizeof(foot), err);
	if (rc == 0)
		rc = vs_cont_check_foot(path, f, foot, err);
	return rc;
}

/* Ends of packed blocks ascend by acceptable steps and reach the end. */
static int check_ends(const struct vs_cont *c, unsigned section,
		      struct vs_err *err)
{
	const struct vs_cont_entry *e = &c->front.entry[section];
	const uint8_t *p = vs_cont_records(c, section);
	uint64_t b, end, prev = 0;

	for (b = 0; b < e->n_blocks; b++, p += VS_CONT_RECORD_ZST) {
		end = vs_get_le64(p);
		if (end <= prev || end > e->stored ||
		    end - prev > VS_CONT_BLOCK + VS_CONT_PACK_EXTRA)
			break;
		prev = end;
	}
	if (b == e->n_blocks && prev == e->stored)
		return 0;
	return vs_fail(err, VS_EDATA,
		       "%s: section %s: packed block %llu has no possible "
		       "place; the file is damaged",
		       vs_cont_path(c), vs_cont_tag_text(e->tag).s,
		       (unsigned long long)b);
}

static int load_control(struct vs_ctx *ctx, struct vs_cont *c,
			struct vs_err *err)
{
	const struct vs_cont_front *f = &c->front;
	unsigned i;
	int rc;

	/* The length was checked against the file's, so it is bounded. */
	if ((size_t)f->control_bytes != f->control_bytes)
		return vs_fail(err, VS_ENOMEM, "%s: too large for this machine",
			       vs_cont_path(c));
	c->control = vs_alloc(ctx, (size_t)f->control_bytes, 1,
			      "block checksums", err);
	if (c->control == NULL)
		return VS_ENOMEM;
	rc = vs_file_pread(ctx, c->file, c->control, (size_t)f->control_bytes,
			   f->control_offset, err);
	for (i = 0; rc == 0 && i < f->n_sections; i++) {
		const struct vs_cont_entry *e = &f->entry[i];
		uint64_t n = e->n_blocks * vs_cont_record_bytes(e->codec);

		if (vs_hash64(vs_cont_records(c, i), (size_t)n) != e->hash)
			rc = vs_fail(err, VS_EDATA,
				     "%s: section %s: its block checksums "
				     "(%llu bytes at offset %llu) are damaged",
				     vs_cont_path(c),
				     vs_cont_tag_text(e->tag).s,
				     (unsigned long long)n,
				     (unsigned long long)(f->control_offset +
							  e->control));
		else if (e->codec == VS_CODEC_ZST)
			rc = check_ends(c, i, err);
	}
	return rc;
}

/* Maps the file and makes the bitmap, when there are raw blocks. */
static int load_map(struct vs_ctx *ctx, struct vs_cont *c, struct vs_err *err)
{
	uint64_t n_bits = 0;
	unsigned i;
	int rc;

	for (i = 0; i < c->front.n_sections; i++) {
		c->first_bit[i] = n_bits;
		if (c->front.entry[i].codec == VS_CODEC_RAW)
			n_bits += c->front.entry[i].n_blocks;
	}
	if (n_bits == 0)
		return 0;
	c->done = vs_zalloc(ctx, (size_t)vs_div_up(n_bits, 64),
			    sizeof(*c->done), "block marks", err);
	if (c->done == NULL)
		return VS_ENOMEM;
	rc = vs_map_open(ctx, c->file, &c->map, err);
	/* The map has the size of the file as it was opened; addresses rest
	 * on that. */
	if (rc == 0 && c->map.n != c->front.size)
		rc = vs_fail(err, VS_EIO,
			     "%s: changed while it was opened: %zu bytes "
			     "mapped of %llu",
			     vs_cont_path(c), c->map.n,
			     (unsigned long long)c->front.size);
	return rc;
}

static int check_kind(const struct vs_cont *c, enum vs_kind kind,
		      struct vs_err *err)
{
	enum vs_kind found = c->front.head.kind;

	if (kind == 0 || kind == found)
		return 0;
	return vs_fail(err, VS_EDATA, "%s: is a %s file; expected a %s file",
		       vs_cont_path(c), vs_cont_kind_name(found),
		       vs_cont_kind_name(kind));
}

int vs_cont_open(struct vs_ctx *ctx, const char *path, enum vs_kind kind,
		 struct vs_cont **out, struct vs_err *err)
{
	struct vs_cont *c;
	int rc;

	*out = NULL;
	c = vs_zalloc(ctx, 1, sizeof(*c), "container", err);
	if (c == NULL)
		return VS_ENOMEM;
	c->trusting = ctx->verify == VS_VERIFY_HEADER;
	rc = vs_file_open(ctx, path, &c->file, err);
	if (rc == 0)
		rc = load_front(ctx, c->file, &c->front, err);
	if (rc == 0)
		rc = check_kind(c, kind, err);
	if (rc == 0)
		rc = load_control(ctx, c, err);
	if (rc == 0)
		rc = load_map(ctx, c, err);
	if (rc == 0 && ctx->verify >= VS_VERIFY_FULL)
		rc = vs_cont_verify(ctx, c, err);
	if (rc != 0) {
		vs_cont_close(ctx, c);
		return rc;
	}
	*out = c;
	return 0;
}

void vs_cont_close(struct vs_ctx *ctx, struct vs_cont *c)
{
	if (c == NULL)
		return;
	vs_map_close(&c->map);
	vs_file_close(ctx, c->file);
	vs_free(ctx, c->control);
	vs_free(ctx, c->done);
	vs_free(ctx, c);
}

const struct vs_cont_head *vs_cont_head(const struct vs_cont *c)
{
	return &c->front.head;
}

const char *vs_cont_path(const struct vs_cont *c)
{
	return vs_file_path(c->file);
}

uint64_t vs_cont_size(const struct vs_cont *c)
{
	return c->front.size;
}

int vs_cont_check_name(struct vs_ctx *ctx, const char *path, enum vs_kind kind,
		       struct vs_err *err)
{
	if (strcmp(path, "-") != 0 && !vs_path_is_stream(ctx, path))
		return 0;
	return vs_fail(err, VS_EUSAGE,
		       "%s: is no regular file; a %s file needs the name of "
		       "one",
		       path, vs_cont_kind_name(kind));
}

int vs_cont_done(struct vs_ctx *ctx, const char *path,
		 const struct vs_cont_head *head, struct vs_err *err)
{
	struct vs_cont_front *f;
	struct vs_file *file;
	struct vs_err why;
	int rc = vs_cont_check_name(ctx, path, head->kind, err);

	vs_err_clear(&why);
	if (rc != 0 || !vs_path_exists(ctx, path))
		return rc;
	if (vs_path_is_dir(ctx, path))
		return vs_fail(err, VS_ECREATE,
			       "%s: is a directory; expected the name of a "
			       "file for the output, such as %s/NAME",
			       path, path);
	f = vs_alloc(ctx, 1, sizeof(*f), "header", err);
	if (f == NULL)
		return VS_ENOMEM;
	rc = vs_file_open(ctx, path, &file, &why);
	if (rc == 0) {
		rc = load_front(ctx, file, f, &why);
		vs_file_close(ctx, file);
	}
	if (rc == VS_EIO || rc == VS_ENOMEM || rc == VS_EAGAIN)
		rc = vs_fail(err, rc, "%s", why.msg);
	else if (rc != 0)
		rc = vs_fail(err, VS_ECREATE,
			     "%s; it stands where the output should go; "
			     "remove it or give --replace",
			     why.msg);
	else if (f->head.kind != head->kind)
		rc = vs_fail(err, VS_ECREATE,
			     "%s: exists and is a %s file; remove it or give "
			     "--replace",
			     path, vs_cont_kind_name(f->head.kind));
	else if (!vs_digest_equal(&f->head.fingerprint, &head->fingerprint))
		rc = vs_fail(err, VS_ECREATE,
			     "%s: exists and was made from other inputs or "
			     "parameters; remove it or give --replace",
			     path);
	else
		rc = 1;
	vs_free(ctx, f);
	/* Of a run that was killed as it published. */
	if (rc == 1)
		vs_out_sweep(ctx, path);
	return rc;
}
