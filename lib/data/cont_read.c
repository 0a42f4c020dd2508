/* cont_read.c - verified bytes out of an opened container.
 *
 * Raw sections are read through the map, block by block checked against the
 * records that cont_open.c has loaded; packed blocks are read into private
 * memory before they are checked and unpacked, so that the two see the same
 * bytes.
 */
#include "cont_int.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"
#include "vs/zst.h"

/* The number of a section, or n_sections. */
static unsigned find_tag(const struct vs_cont *c, uint32_t tag)
{
	unsigned i;

	for (i = 0; i < c->front.n_sections; i++)
		if (c->front.entry[i].tag == tag)
			break;
	return i;
}

bool vs_cont_has(const struct vs_cont *c, uint32_t tag)
{
	return find_tag(c, tag) < c->front.n_sections;
}

int vs_cont_find(const struct vs_cont *c, uint32_t tag, uint32_t item,
		 struct vs_span *out, struct vs_err *err)
{
	unsigned i = find_tag(c, tag);
	const struct vs_cont_entry *e;

	memset(out, 0, sizeof(*out));
	if (i == c->front.n_sections)
		return vs_fail(err, VS_EDATA, "%s: section %s is missing",
			       vs_cont_path(c), vs_cont_tag_text(tag).s);
	e = &c->front.entry[i];
	if (e->item != item)
		return vs_fail(err, VS_EDATA,
			       "%s: section %s has items of %u bytes; "
			       "expected %u",
			       vs_cont_path(c), vs_cont_tag_text(tag).s,
			       e->item, item);
	if (e->codec == VS_CODEC_RAW && e->n_blocks != 0)
		out->p = c->map.p + e->offset;
	out->n_bytes = e->raw;
	out->count = e->count;
	out->item = e->item;
	out->section = i;
	return 0;
}

static int fail_block(const struct vs_cont *c, unsigned section, uint64_t b,
		      struct vs_err *err)
{
	const struct vs_cont_entry *e = &c->front.entry[section];
	uint64_t at = e->offset + b * VS_CONT_BLOCK;
	uint64_t n = vs_cont_block_bytes(e, b);

	if (e->codec == VS_CODEC_ZST) {
		const uint8_t *p = vs_cont_records(c, section);

		at = b == 0 ? 0 : vs_get_le64(p + (b - 1) * VS_CONT_RECORD_ZST);
		n = vs_get_le64(p + b * VS_CONT_RECORD_ZST) - at;
		at += e->offset;
	}
	return vs_fail(err, VS_EDATA,
		       "%s: section %s: block %llu (%llu bytes at offset %llu) "
		       "does not match its checksum; the file is damaged, make "
		       "it again",
		       vs_cont_path(c), vs_cont_tag_text(e->tag).s,
		       (unsigned long long)b, (unsigned long long)n,
		       (unsigned long long)at);
}

static bool is_done(const struct vs_cont *c, uint64_t bit)
{
	return atomic_load_explicit(&c->done[bit / 64], memory_order_acquire) >>
		       bit % 64 &
	       1;
}

static int verify_raw(struct vs_cont *c, unsigned section, uint64_t b,
		      struct vs_err *err)
{
	const struct vs_cont_entry *e = &c->front.entry[section];
	uint64_t bit = c->first_bit[section] + b;
	uint64_t want = vs_get_le64(vs_cont_records(c, section) +
				    b * VS_CONT_RECORD_RAW);

	if (vs_hash64(c->map.p + e->offset + b * VS_CONT_BLOCK,
		      vs_cont_block_bytes(e, b)) != want)
		return fail_block(c, section, b, err);
	atomic_fetch_or_explicit(&c->done[bit / 64], (uint64_t)1 << bit % 64,
				 memory_order_release);
	return 0;
}

/* The range lies within the section, which exists. */
static int check_range(const struct vs_cont *c, const struct vs_span *s,
		       uint64_t offset, uint64_t n, struct vs_err *err)
{
	const struct vs_cont_entry *e;

	if (s->section >= c->front.n_sections)
		return vs_fail(err, VS_EINTERNAL, "%s: no section %u",
			       vs_cont_path(c), s->section);
	e = &c->front.entry[s->section];
	if (offset <= e->raw && n <= e->raw - offset)
		return 0;
	return vs_fail(err, VS_EDATA,
		       "%s: section %s: %llu bytes at %llu wanted of %llu; the "
		       "sections of this file do not belong together",
		       vs_cont_path(c), vs_cont_tag_text(e->tag).s,
		       (unsigned long long)n, (unsigned long long)offset,
		       (unsigned long long)e->raw);
}

/* n > 0 and the range is within the raw section. */
static int touch(struct vs_cont *c, unsigned section, uint64_t offset,
		 uint64_t n, struct vs_err *err)
{
	uint64_t first = offset / VS_CONT_BLOCK;
	uint64_t last = (offset + n - 1) / VS_CONT_BLOCK;
	uint64_t b;
	int rc;

	for (b = first; b <= last; b++) {
		if (is_done(c, c->first_bit[section] + b))
			continue;
		rc = verify_raw(c, section, b, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int vs_cont_touch(struct vs_ctx *ctx, struct vs_cont *c,
		  const struct vs_span *s, uint64_t offset, uint64_t n,
		  struct vs_err *err)
{
	const struct vs_cont_entry *e;
	int rc = check_range(c, s, offset, n, err);

	(void)ctx;
	if (rc != 0 || n == 0)
		return rc;
	e = &c->front.entry[s->section];
	if (e->codec != VS_CODEC_RAW)
		return vs_fail(err, VS_EINTERNAL,
			       "%s: section %s is packed and cannot be touched",
			       vs_cont_path(c), vs_cont_tag_text(e->tag).s);
	if (c->trusting && e->tag != VS_SEC_INFO)
		return 0;
	return touch(c, s->section, offset, n, err);
}

/* A packed block in private memory. */
struct packed {
	unsigned section;
	uint64_t b;
	uint8_t *p; /* the caller frees it */
	size_t n;
};

/* Fills p and n of k, verified. */
static int load_packed(struct vs_ctx *ctx, struct vs_cont *c, struct packed *k,
		       struct vs_err *err)
{
	const struct vs_cont_entry *e = &c->front.entry[k->section];
	const uint8_t *r =
		vs_cont_records(c, k->section) + k->b * VS_CONT_RECORD_ZST;
	uint64_t at = k->b == 0 ? 0 : vs_get_le64(r - VS_CONT_RECORD_ZST);
	int rc;

	k->n = (size_t)(vs_get_le64(r) - at);
	k->p = vs_alloc(ctx, k->n, 1, "packed block", err);
	if (k->p == NULL)
		return VS_ENOMEM;
	rc = vs_file_pread(ctx, c->file, k->p, k->n, e->offset + at, err);
	if (rc == 0 && vs_hash64(k->p, k->n) != vs_get_le64(r + 8))
		rc = fail_block(c, k->section, k->b, err);
	if (rc != 0) {
		vs_free(ctx, k->p);
		k->p = NULL;
	}
	return rc;
}

/* All raw bytes of block b into `to`. */
static int unpack_block(struct vs_ctx *ctx, struct vs_cont *c, unsigned section,
			uint64_t b, uint8_t *to, struct vs_err *err)
{
	struct packed k = {.section = section, .b = b};
	int rc = load_packed(ctx, c, &k, err);

	if (rc != 0)
		return rc;
	rc = vs_zst_unpack(ctx, to,
			   vs_cont_block_bytes(&c->front.entry[section], b),
			   k.p, k.n, vs_cont_path(c), err);
	vs_free(ctx, k.p);
	return rc;
}

/* A range of raw bytes that is being copied out. */
struct range {
	unsigned section;
	uint64_t offset;
	uint8_t *to;
	size_t n;
};

static int read_packed(struct vs_ctx *ctx, struct vs_cont *c, struct range *r,
		       struct vs_err *err)
{
	const struct vs_cont_entry *e = &c->front.entry[r->section];
	uint8_t *whole = NULL; /* where only a part of a block is wanted */
	int rc = 0;

	while (rc == 0 && r->n != 0) {
		uint64_t b = r->offset / VS_CONT_BLOCK;
		size_t skip = (size_t)(r->offset % VS_CONT_BLOCK);
		size_t raw = vs_cont_block_bytes(e, b);
		size_t take = vs_min_size(r->n, raw - skip);

		if (take != raw && whole == NULL)
			whole = vs_alloc(ctx, VS_CONT_BLOCK, 1,
					 "unpacked block", err);
		if (take != raw && whole == NULL)
			rc = VS_ENOMEM;
		else
			rc = unpack_block(ctx, c, r->section, b,
					  take != raw ? whole : r->to, err);
		if (rc == 0 && take != raw)
			memcpy(r->to, whole + skip, take);
		r->offset += take;
		r->to += take;
		r->n -= take;
	}
	vs_free(ctx, whole);
	return rc;
}

int vs_cont_read(struct vs_ctx *ctx, struct vs_cont *c, const struct vs_span *s,
		 uint64_t offset, void *buf, size_t n, struct vs_err *err)
{
	struct range r = {
		.section = s->section, .offset = offset, .to = buf, .n = n};
	const struct vs_cont_entry *e;
	int rc = check_range(c, s, offset, n, err);

	if (rc != 0 || n == 0)
		return rc;
	e = &c->front.entry[s->section];
	if (e->codec != VS_CODEC_RAW)
		return read_packed(ctx, c, &r, err);
	rc = touch(c, s->section, offset, n, err);
	if (rc == 0)
		memcpy(buf, c->map.p + e->offset + offset, n);
	return rc;
}

static void advise(const struct vs_cont *c, const struct vs_span *s,
		   uint64_t offset, uint64_t n, enum vs_advice advice)
{
	const struct vs_cont_entry *e;

	if (s->section >= c->front.n_sections)
		return;
	e = &c->front.entry[s->section];
	if (e->codec != VS_CODEC_RAW || offset >= e->raw)
		return;
	vs_map_advise(&c->map, e->offset + offset,
		      vs_min_u64(n, e->raw - offset), advice);
}

void vs_cont_willneed(const struct vs_cont *c, const struct vs_span *s,
		      uint64_t offset, uint64_t n)
{
	advise(c, s, offset, n, VS_ADVICE_WILLNEED);
}

void vs_cont_dontneed(const struct vs_cont *c, const struct vs_span *s,
		      uint64_t offset, uint64_t n)
{
	advise(c, s, offset, n, VS_ADVICE_DONTNEED);
}

struct verify {
	struct vs_ctx *ctx;
	struct vs_cont *c;
	/* Blocks of section i are items first[i]..first[i+1]-1. */
	uint64_t first[VS_CONT_SECTIONS_MAX + 1];
};

static int verify_item(void *arg, size_t item, unsigned thread,
		       struct vs_err *err)
{
	struct verify *v = arg;
	struct packed k = {0};
	int rc;

	(void)thread;
	while (item >= v->first[k.section + 1])
		k.section++;
	k.b = item - v->first[k.section];
	if (v->c->front.entry[k.section].codec == VS_CODEC_RAW)
		return verify_raw(v->c, k.section, k.b, err);
	rc = load_packed(v->ctx, v->c, &k, err);
	if (rc == 0)
		vs_free(v->ctx, k.p);
	return rc;
}

static int verify_gap(struct vs_ctx *ctx, struct vs_cont *c, uint64_t from,
		      uint64_t to, struct vs_err *err)
{
	uint8_t page[VS_CONT_ALIGN];
	size_t i, n;
	int rc;

	for (; from < to; from += n) {
		n = (size_t)vs_min_u64(sizeof(page), to - from);
		rc = vs_file_pread(ctx, c->file, page, n, from, err);
		if (rc != 0)
			return rc;
		for (i = 0; i < n; i++)
			if (page[i] != 0)
				return vs_fail(err, VS_EDATA,
					       "%s: byte %llu between sections "
					       "is not zero; the file is "
					       "damaged",
					       vs_cont_path(c),
					       (unsigned long long)(from + i));
	}
	return 0;
}

int vs_cont_verify(struct vs_ctx *ctx, struct vs_cont *c, struct vs_err *err)
{
	const struct vs_cont_front *f = &c->front;
	uint64_t end = VS_CONT_HEAD_BYTES + f->n_sections * VS_CONT_ENTRY_BYTES;
	struct verify v = {.ctx = ctx, .c = c};
	unsigned i;
	int rc;

	for (i = 0; i < f->n_sections; i++)
		v.first[i + 1] = v.first[i] + f->entry[i].n_blocks;
	rc = vs_par_for(ctx, (size_t)v.first[i], verify_item, &v, err);
	for (i = 0; rc == 0 && i < f->n_sections; i++) {
		rc = verify_gap(ctx, c, end, f->entry[i].offset, err);
		end = f->entry[i].offset + f->entry[i].stored;
	}
	if (rc == 0)
		rc = verify_gap(ctx, c, end, f->control_offset, err);
	return rc;
}
