/* cont_write.c - writing the sections of containers; cont_publish.c ends them.
 *
 * Blocks of raw sections that a call covers whole are hashed from its buffer;
 * calls that continue one another fill a buffer per section; what is left is
 * read back when publishing.
 */
#include "cont_write_int.h"
#include "vs/mem.h"
#include "vs/num.h"

static void derive_uuid(struct vs_hasher *h, struct vs_cont_head *head)
{
	vs_hasher_add(h, head->fingerprint.b, sizeof(head->fingerprint.b));
	vs_hasher_add_u64(h, (uint64_t)head->kind);
	vs_hasher_done(h, &head->uuid);
	/* A version 8 (custom) UUID of RFC 9562. */
	head->uuid.b[6] = (uint8_t)((head->uuid.b[6] & 0x0f) | 0x80);
	head->uuid.b[8] = (uint8_t)((head->uuid.b[8] & 0x3f) | 0x80);
}

static int open_out(struct vs_ctx *ctx, struct vs_cont_writer *w,
		    const char *path, struct vs_err *err)
{
	struct vs_hasher *h;
	int rc = vs_hasher_create(ctx, &h, err);

	if (rc != 0)
		return rc;
	derive_uuid(h, &w->front.head);
	vs_hasher_destroy(ctx, h);
	w->path = vs_strdup(ctx, path, err);
	if (w->path == NULL)
		return VS_ENOMEM;
	rc = vs_out_create(ctx, path, &w->out, err);
	if (rc == 0 && !vs_out_seekable(w->out))
		rc = vs_fail(err, VS_EUSAGE,
			     "%s: is no regular file; a %s file needs the "
			     "name of one",
			     path, vs_cont_kind_name(w->front.head.kind));
	return rc;
}

int vs_cont_create(struct vs_ctx *ctx, const char *path,
		   const struct vs_cont_head *head, struct vs_cont_writer **out,
		   struct vs_err *err)
{
	struct vs_cont_writer *w;
	unsigned i;
	int rc;

	*out = NULL;
	w = vs_zalloc(ctx, 1, sizeof(*w), "container writer", err);
	if (w == NULL)
		return VS_ENOMEM;
	for (i = 0; i < VS_CONT_SECTIONS_MAX; i++)
		atomic_flag_clear(&w->part[i].tail_busy);
	w->front.head = *head;
	w->end = VS_CONT_FRONT_BYTES;
	rc = open_out(ctx, w, path, err);
	if (rc != 0) {
		vs_cont_abort(ctx, w);
		return rc;
	}
	*out = w;
	return 0;
}

void vs_cont_abort(struct vs_ctx *ctx, struct vs_cont_writer *w)
{
	unsigned i;

	if (w == NULL)
		return;
	vs_out_abort(ctx, w->out);
	for (i = 0; i < w->front.n_sections; i++) {
		vs_buf_free(ctx, &w->part[i].records);
		vs_free(ctx, w->part[i].known);
		vs_free(ctx, w->part[i].tail);
	}
	vs_free(ctx, w->room.raw);
	vs_free(ctx, w->room.work.dst);
	vs_free(ctx, w->room.work.p);
	vs_free(ctx, w->path);
	vs_free(ctx, w);
}

void vs_cont_set_rows(struct vs_cont_writer *w, uint64_t n_rows)
{
	w->front.head.n_rows = n_rows;
}

int vs_cont_fail_use(const struct vs_cont_writer *w, uint32_t tag,
		     const char *what, struct vs_err *err)
{
	return vs_fail(err, VS_EINTERNAL, "%s: section %s: %s", w->path,
		       vs_cont_tag_text(tag).s, what);
}

/* The next line of the table, placed after the section before. */
static int add_entry(struct vs_cont_writer *w, uint32_t tag, uint32_t item,
		     struct vs_cont_entry **out, struct vs_err *err)
{
	struct vs_cont_entry *e;
	unsigned i;

	for (i = 0; i < w->front.n_sections; i++)
		if (w->front.entry[i].tag == tag)
			return vs_cont_fail_use(w, tag, "added twice", err);
	if (i == VS_CONT_SECTIONS_MAX)
		return vs_cont_fail_use(w, tag,
					"one more than the format allows", err);
	if (item == 0)
		return vs_cont_fail_use(w, tag, "has items of no bytes", err);
	e = &w->front.entry[i];
	e->tag = tag;
	e->item = item;
	e->offset = vs_round_up(w->end, VS_CONT_ALIGN);
	w->front.n_sections = i + 1;
	*out = e;
	return 0;
}

static int alloc_raw(struct vs_ctx *ctx, const struct vs_cont_entry *e,
		     struct vs_cont_part *s, struct vs_err *err)
{
	uint64_t n = e->n_blocks * VS_CONT_RECORD_RAW;
	void *p = NULL;

	if ((size_t)n != n)
		return vs_fail(err, VS_ENOMEM,
			       "section of %llu bytes is too large for this "
			       "machine",
			       (unsigned long long)e->raw);
	p = vs_zalloc(ctx, (size_t)n, 1, "block checksums", err);
	if (p == NULL)
		return VS_ENOMEM;
	s->records.p = p;
	s->records.n = (size_t)n;
	s->records.cap = (size_t)n;
	s->known = vs_zalloc(ctx, (size_t)e->n_blocks, sizeof(*s->known),
			     "block marks", err);
	if (s->known == NULL)
		return VS_ENOMEM;
	s->tail = vs_alloc(ctx, (size_t)vs_min_u64(e->raw, VS_CONT_BLOCK), 1,
			   "block buffer", err);
	return s->tail == NULL ? VS_ENOMEM : 0;
}

int vs_cont_add_raw(struct vs_ctx *ctx, struct vs_cont_writer *w, uint32_t tag,
		    uint64_t count, uint32_t item, unsigned *section,
		    struct vs_err *err)
{
	struct vs_cont_entry *e = NULL;
	int rc;

	if (w->packing)
		return vs_cont_fail_use(w, tag, "added after a packed one",
					err);
	rc = add_entry(w, tag, item, &e, err);
	if (rc != 0)
		return rc;
	if (!vs_mul_u64(count, item, &e->raw) ||
	    e->raw > (uint64_t)INT64_MAX - VS_CONT_ALIGN - e->offset)
		return vs_fail(err, VS_EUSAGE,
			       "%s: section %s: %llu items of %u bytes are "
			       "more than a file can hold",
			       w->path, vs_cont_tag_text(tag).s,
			       (unsigned long long)count, item);
	e->codec = VS_CODEC_RAW;
	e->count = count;
	e->stored = e->raw;
	e->n_blocks = vs_div_up(e->raw, VS_CONT_BLOCK);
	w->end = e->offset + e->stored;
	*section = w->front.n_sections - 1;
	rc = alloc_raw(ctx, e, &w->part[*section], err);
	if (rc == 0)
		rc = vs_out_reserve(ctx, w->out, w->end, err);
	return rc;
}

void vs_cont_set_hash(struct vs_cont_part *s, uint64_t b, const uint8_t *p,
		      size_t n)
{
	vs_put_le64((uint8_t *)s->records.p + b * VS_CONT_RECORD_RAW,
		    vs_hash64(p, n));
	atomic_store_explicit(&s->known[b], 1, memory_order_relaxed);
}

/* n bytes at offset, within block b and less than all of it.  Bytes that do
 * not continue the tail, or come while another thread is there, are left for
 * publishing to read back. */
static void hash_partial(const struct vs_cont_entry *e, struct vs_cont_part *s,
			 uint64_t offset, const uint8_t *p, size_t n)
{
	uint64_t b = offset / VS_CONT_BLOCK;

	if (atomic_flag_test_and_set_explicit(&s->tail_busy,
					      memory_order_acquire))
		return;
	if (offset % VS_CONT_BLOCK == 0) {
		s->n_tail = 0;
		s->tail_end = offset;
	}
	if (offset == s->tail_end &&
	    s->n_tail == (size_t)(offset % VS_CONT_BLOCK)) {
		memcpy(s->tail + s->n_tail, p, n);
		s->n_tail += n;
		s->tail_end += n;
		if (s->n_tail == vs_cont_block_bytes(e, b)) {
			vs_cont_set_hash(s, b, s->tail, s->n_tail);
			s->n_tail = 0;
		}
	}
	atomic_flag_clear_explicit(&s->tail_busy, memory_order_release);
}

int vs_cont_write(struct vs_ctx *ctx, struct vs_cont_writer *w,
		  unsigned section, uint64_t offset, const void *buf, size_t n,
		  struct vs_err *err)
{
	const struct vs_cont_entry *e;
	const uint8_t *p = buf;
	struct vs_cont_part *s;
	size_t take, whole;
	int rc;

	if (section >= w->front.n_sections)
		return vs_cont_fail_use(w, 0, "is not there", err);
	e = &w->front.entry[section];
	s = &w->part[section];
	if (e->codec != VS_CODEC_RAW || offset > e->raw || n > e->raw - offset)
		return vs_cont_fail_use(w, e->tag, "written outside its extent",
					err);
	rc = vs_out_pwrite(ctx, w->out, buf, n, e->offset + offset, err);
	if (rc != 0)
		return rc;
	atomic_fetch_add_explicit(&s->done, n, memory_order_relaxed);
	for (; n != 0; n -= take, p += take, offset += take) {
		whole = vs_cont_block_bytes(e, offset / VS_CONT_BLOCK);
		take = vs_min_size(n, whole - (size_t)(offset % VS_CONT_BLOCK));
		if (take == whole)
			vs_cont_set_hash(s, offset / VS_CONT_BLOCK, p, take);
		else
			hash_partial(e, s, offset, p, take);
	}
	return 0;
}

/* Packs the tail of the open zst section as its next block. */
static int pack_tail(struct vs_ctx *ctx, struct vs_cont_writer *w,
		     struct vs_err *err)
{
	unsigned i = w->front.n_sections - 1;
	struct vs_cont_entry *e = &w->front.entry[i];
	struct vs_cont_part *s = &w->part[i];
	uint8_t record[VS_CONT_RECORD_ZST];
	size_t n;
	int rc;

	if (s->n_tail == 0)
		return 0;
	rc = vs_zst_pack_in(&w->room.work, w->room.raw, s->n_tail, &n, err);
	if (rc != 0)
		return rc;
	rc = vs_out_pwrite(ctx, w->out, w->room.work.dst, n,
			   e->offset + e->stored, err);
	if (rc != 0)
		return rc;
	e->stored += n;
	e->raw += s->n_tail;
	e->n_blocks++;
	s->n_tail = 0;
	vs_put_le64(record, e->stored);
	vs_put_le64(record + 8, vs_hash64(w->room.work.dst, n));
	return vs_buf_append(ctx, &s->records, record, sizeof(record), err);
}

/* Ends the open zst section, if there is one. */
int vs_cont_close_packed(struct vs_ctx *ctx, struct vs_cont_writer *w,
			 struct vs_err *err)
{
	struct vs_cont_entry *e;
	unsigned i;
	int rc;

	if (!w->packing)
		return 0;
	i = w->front.n_sections - 1;
	e = &w->front.entry[i];
	rc = pack_tail(ctx, w, err);
	if (rc != 0)
		return rc;
	if (e->raw % e->item != 0)
		return vs_cont_fail_use(w, e->tag, "ends within an item", err);
	e->count = e->raw / e->item;
	w->end = e->offset + e->stored;
	return 0;
}

int vs_cont_room_zst(struct vs_ctx *ctx, struct vs_cont_writer *w,
		     uint64_t most, struct vs_err *err)
{
	struct vs_cont_room *r = &w->room;
	struct vs_err why;

	if (r->most != 0)
		return 0;
	vs_err_clear(&why);
	most = vs_min_u64(most, VS_CONT_BLOCK);
	r->work.cap = vs_zst_bound((size_t)most);
	r->work.n_bytes = vs_zst_work_bytes((size_t)most);
	r->raw = vs_alloc(ctx, (size_t)most, 1, "bytes to pack", &why);
	if (r->raw != NULL)
		r->work.dst = vs_alloc(ctx, r->work.cap, 1, "packed bytes",
				       &why);
	if (r->work.dst != NULL)
		r->work.p = vs_alloc(ctx, r->work.n_bytes, 1,
				     "work areas of zstd", &why);
	if (r->work.p == NULL)
		return vs_fail(err, VS_ENOMEM, "%s: %s", w->path, why.msg);
	r->most = (size_t)most;
	return 0;
}

int vs_cont_add_zst(struct vs_ctx *ctx, struct vs_cont_writer *w, uint32_t tag,
		    uint32_t item, unsigned *section, struct vs_err *err)
{
	struct vs_cont_entry *e = NULL;
	int rc;

	rc = vs_cont_close_packed(ctx, w, err);
	if (rc == 0)
		rc = vs_cont_room_zst(ctx, w, UINT64_MAX, err);
	if (rc == 0)
		rc = add_entry(w, tag, item, &e, err);
	if (rc != 0)
		return rc;
	e->codec = VS_CODEC_ZST;
	w->packing = true;
	*section = w->front.n_sections - 1;
	return 0;
}

int vs_cont_append(struct vs_ctx *ctx, struct vs_cont_writer *w,
		   unsigned section, const void *buf, size_t n,
		   struct vs_err *err)
{
	const uint8_t *p = buf;
	struct vs_cont_part *s;
	size_t take;
	int rc = 0;

	if (section >= w->front.n_sections)
		return vs_cont_fail_use(w, 0, "is not there", err);
	s = &w->part[section];
	if (!w->packing || section + 1 != w->front.n_sections)
		return vs_cont_fail_use(w, w->front.entry[section].tag,
					"appended to while it is not open",
					err);
	if (w->room.most < VS_CONT_BLOCK && n > w->room.most - s->n_tail)
		return vs_cont_fail_use(w, w->front.entry[section].tag,
					"has more bytes than there is room for",
					err);
	for (; rc == 0 && n != 0; n -= take, p += take) {
		take = vs_min_size(n, VS_CONT_BLOCK - s->n_tail);
		memcpy(w->room.raw + s->n_tail, p, take);
		s->n_tail += take;
		if (s->n_tail == VS_CONT_BLOCK)
			rc = pack_tail(ctx, w, err);
	}
	return rc;
}
