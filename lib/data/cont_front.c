/* cont_front.c - header, section table and footer: bytes to fields and back.
 *
 * Pure functions of memory.  vs_cont_decode is the one place that judges a
 * front; what passes here needs no second check of offsets and sizes.
 */
#include "cont_int.h"

#include "vs/num.h"

const uint8_t vs_cont_magic[8] = {0x89, 'V', 'S', 'F', '\r', '\n', 0x1a, '\n'};
static const uint8_t foot_magic[8] = {'V', 'S', 'F', 'E', 'N', 'D', '\r', '\n'};

/* Incompatible features: hits in lists of their own lengths. */
#define FEATURE_LISTS 1u

/* Offsets within the header. */
enum {
	H_VERSION = 8,
	H_KIND = 12,
	H_INCOMPATIBLE = 16,
	H_COMPATIBLE = 24,
	H_SIZE = 32,
	H_UUID = 40,
	H_FINGERPRINT = 56,
	H_ROWS = 72,
	H_DIM = 80,
	H_K = 84,
	H_METRIC = 88,
	H_DTYPE = 92,
	H_SECTIONS = 96,
	H_BLOCK = 100,
	H_TABLE = 104,
	H_TABLE_BYTES = 112,
	H_CONTROL = 120,
	H_CONTROL_BYTES = 128,
	H_RESERVED = 136,
	H_HASH = 248
};

/* Offsets within a table entry. */
enum {
	E_TAG = 0,
	E_CODEC = 4,
	E_OFFSET = 8,
	E_STORED = 16,
	E_RAW = 24,
	E_COUNT = 32,
	E_ITEM = 40,
	E_RESERVED_1 = 44,
	E_BLOCKS = 48,
	E_CONTROL = 56,
	E_HASH = 64,
	E_RESERVED_2 = 72
};

const char *vs_cont_kind_name(uint32_t kind)
{
	switch (kind) {
	case VS_KIND_MODEL:
		return "model";
	case VS_KIND_SHARD:
		return "shard";
	case VS_KIND_HITS:
		return "hits";
	case VS_KIND_STEP:
		return "step";
	case VS_KIND_SUMS:
		return "sums";
	default:
		return "?";
	}
}

struct vs_cont_tag_text vs_cont_tag_text(uint32_t tag)
{
	struct vs_cont_tag_text t;
	unsigned i;

	for (i = 0; i < 4; i++) {
		uint8_t c = (uint8_t)(tag >> 8 * i);

		t.s[i] = c < 0x20 || c > 0x7e ? '?' : (char)c;
	}
	t.s[4] = '\0';
	return t;
}

static void encode_head(const struct vs_cont_front *f, uint8_t *p)
{
	const struct vs_cont_head *h = &f->head;

	memcpy(p, vs_cont_magic, sizeof(vs_cont_magic));
	vs_put_le32(p + H_VERSION, VS_CONT_VERSION);
	vs_put_le32(p + H_KIND, (uint32_t)h->kind);
	vs_put_le64(p + H_INCOMPATIBLE,
		    h->kind == VS_KIND_HITS && h->k == 0 ? FEATURE_LISTS : 0);
	vs_put_le64(p + H_SIZE, f->size);
	memcpy(p + H_UUID, h->uuid.b, sizeof(h->uuid.b));
	memcpy(p + H_FINGERPRINT, h->fingerprint.b, sizeof(h->fingerprint.b));
	vs_put_le64(p + H_ROWS, h->n_rows);
	vs_put_le32(p + H_DIM, h->dim);
	vs_put_le32(p + H_K, h->k);
	vs_put_le32(p + H_METRIC, (uint32_t)h->metric);
	vs_put_le32(p + H_DTYPE, (uint32_t)h->dtype);
	vs_put_le32(p + H_SECTIONS, f->n_sections);
	vs_put_le32(p + H_BLOCK, VS_CONT_BLOCK);
	vs_put_le64(p + H_TABLE, VS_CONT_HEAD_BYTES);
	vs_put_le64(p + H_TABLE_BYTES, f->n_sections * VS_CONT_ENTRY_BYTES);
	vs_put_le64(p + H_CONTROL, f->control_offset);
	vs_put_le64(p + H_CONTROL_BYTES, f->control_bytes);
}

static void encode_entry(const struct vs_cont_entry *e, uint8_t *p)
{
	vs_put_le32(p + E_TAG, e->tag);
	vs_put_le32(p + E_CODEC, e->codec);
	vs_put_le64(p + E_OFFSET, e->offset);
	vs_put_le64(p + E_STORED, e->stored);
	vs_put_le64(p + E_RAW, e->raw);
	vs_put_le64(p + E_COUNT, e->count);
	vs_put_le32(p + E_ITEM, e->item);
	vs_put_le64(p + E_BLOCKS, e->n_blocks);
	vs_put_le64(p + E_CONTROL, e->control);
	vs_put_le64(p + E_HASH, e->hash);
}

void vs_cont_encode(struct vs_cont_front *f, uint8_t front[VS_CONT_FRONT_BYTES])
{
	uint8_t *table = front + VS_CONT_HEAD_BYTES;
	unsigned i;

	memset(front, 0, VS_CONT_FRONT_BYTES);
	encode_head(f, front);
	for (i = 0; i < f->n_sections; i++)
		encode_entry(&f->entry[i], table + i * VS_CONT_ENTRY_BYTES);
	/* The field itself counts as zeros. */
	f->hash = vs_hash64(front, VS_CONT_HEAD_BYTES +
					   f->n_sections * VS_CONT_ENTRY_BYTES);
	vs_put_le64(front + H_HASH, f->hash);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* Magic, version, features and length: whether the rest may be read at all. */
static int check_identity(const char *path, const uint8_t *p, size_t n,
			  uint64_t size, struct vs_err *err)
{
	char guess[VS_CONT_GUESS_MAX];
	uint64_t bits, want;

	if (n < 8 || memcmp(p, vs_cont_magic, 8) != 0)
		return vs_fail(err, VS_EDATA,
			       "%s: %s; expected a model, shard or hits file "
			       "(.vsm, .vss, .vsh)",
			       path, vs_cont_guess(p, n, size, guess));
	if (n < VS_CONT_HEAD_BYTES)
		return vs_fail(err, VS_EDATA,
			       "%s: truncated: %zu of the %u bytes of its "
			       "header; make the file again",
			       path, n, VS_CONT_HEAD_BYTES);
	if (vs_get_le32(p + H_VERSION) > VS_CONT_VERSION)
		return vs_fail(err, VS_EVERSION,
			       "%s: format version %u; this program reads "
			       "version %u; use a newer one",
			       path, vs_get_le32(p + H_VERSION),
			       VS_CONT_VERSION);
	bits = vs_get_le64(p + H_INCOMPATIBLE) & ~(uint64_t)FEATURE_LISTS;
	if (bits != 0)
		return vs_fail(err, VS_EVERSION,
			       "%s: needs features 0x%llx that this program "
			       "does not know; use a newer one",
			       path, (unsigned long long)bits);
	want = vs_get_le64(p + H_SIZE);
	if (size < want)
		return vs_fail(err, VS_EDATA,
			       "%s: truncated: %llu of %llu bytes; make the "
			       "file again",
			       path, (unsigned long long)size,
			       (unsigned long long)want);
	if (size > want)
		return vs_fail(err, VS_EDATA,
			       "%s: has %llu bytes after its end; expected "
			       "%llu bytes in all",
			       path, (unsigned long long)(size - want),
			       (unsigned long long)want);
	return 0;
}

static int fail_head(const char *path, const char *field, uint64_t found,
		     struct vs_err *err)
{
	return vs_fail(err, VS_EDATA,
		       "%s: header field \"%s\" is %llu, which cannot be; the "
		       "file is damaged",
		       path, field, (unsigned long long)found);
}

/* Fields of the header that give sizes and places of the file itself. */
static int decode_places(const char *path, const uint8_t *p,
			 struct vs_cont_front *f, struct vs_err *err)
{
	uint64_t end, at = f->control_offset;

	if (vs_get_le32(p + H_BLOCK) != VS_CONT_BLOCK)
		return fail_head(path, "block size", vs_get_le32(p + H_BLOCK),
				 err);
	if (vs_get_le64(p + H_TABLE) != VS_CONT_HEAD_BYTES)
		return fail_head(path, "table offset", vs_get_le64(p + H_TABLE),
				 err);
	if (vs_get_le64(p + H_TABLE_BYTES) !=
	    f->n_sections * VS_CONT_ENTRY_BYTES)
		return fail_head(path, "table length",
				 vs_get_le64(p + H_TABLE_BYTES), err);
	if (at % VS_CONT_ALIGN != 0 || at < VS_CONT_FRONT_BYTES)
		return fail_head(path, "control offset", at, err);
	if (!vs_add_u64(at, f->control_bytes, &end) ||
	    !vs_add_u64(end, VS_CONT_FOOT_BYTES, &end) || end != f->size)
		return fail_head(path, "control length", f->control_bytes, err);
	return 0;
}

/* Only hits have a k, and lists of hits have none. */
static int check_k(const char *path, const uint8_t *p,
		   const struct vs_cont_head *h, struct vs_err *err)
{
	bool lists = vs_get_le64(p + H_INCOMPATIBLE) != 0;

	if (lists && h->kind != VS_KIND_HITS)
		return fail_head(path, "incompatible features", FEATURE_LISTS,
				 err);
	if (h->kind == VS_KIND_HITS && !lists ?
		    h->k < 1 || h->k > VS_K_MAX : h->k != 0)
		return fail_head(path, "k", h->k, err);
	return 0;
}

/* Fields that say what the content is. */
static int decode_content(const char *path, const uint8_t *p,
			  struct vs_cont_head *h, struct vs_err *err)
{
	uint32_t kind = vs_get_le32(p + H_KIND);
	uint32_t metric = vs_get_le32(p + H_METRIC);
	uint32_t dtype = vs_get_le32(p + H_DTYPE);

	memcpy(h->uuid.b, p + H_UUID, sizeof(h->uuid.b));
	memcpy(h->fingerprint.b, p + H_FINGERPRINT, sizeof(h->fingerprint.b));
	h->n_rows = vs_get_le64(p + H_ROWS);
	h->dim = vs_get_le32(p + H_DIM);
	h->k = vs_get_le32(p + H_K);
	if (kind < VS_KIND_MODEL || kind > VS_KIND_SUMS)
		return fail_head(path, "kind", kind, err);
	if (metric < VS_L2 || metric > VS_L1)
		return fail_head(path, "metric", metric, err);
	if (dtype < VS_F32 || dtype > VS_F64)
		return fail_head(path, "dtype", dtype, err);
	h->kind = (enum vs_kind)kind;
	h->metric = (enum vs_metric)metric;
	h->dtype = (enum vs_dtype)dtype;
	if (h->n_rows > VS_CONT_ROWS_MAX)
		return fail_head(path, "rows", h->n_rows, err);
	if (h->dim < 1 || h->dim > VS_DIM_MAX)
		return fail_head(path, "dimension", h->dim, err);
	return check_k(path, p, h, err);
}

static int decode_head(const char *path, const uint8_t *p, size_t n,
		       struct vs_cont_front *f, struct vs_err *err)
{
	uint8_t copy[VS_CONT_HEAD_BYTES +
		     VS_CONT_SECTIONS_MAX * VS_CONT_ENTRY_BYTES];
	size_t n_bytes;
	int rc;

	f->n_sections = vs_get_le32(p + H_SECTIONS);
	f->control_offset = vs_get_le64(p + H_CONTROL);
	f->control_bytes = vs_get_le64(p + H_CONTROL_BYTES);
	f->hash = vs_get_le64(p + H_HASH);
	if (f->n_sections < 1 || f->n_sections > VS_CONT_SECTIONS_MAX)
		return fail_head(path, "sections", f->n_sections, err);
	n_bytes = VS_CONT_HEAD_BYTES + f->n_sections * VS_CONT_ENTRY_BYTES;
	if (n < VS_CONT_FRONT_BYTES)
		return fail_head(path, "file length", f->size, err);
	memcpy(copy, p, n_bytes);
	vs_put_le64(copy + H_HASH, 0);
	if (vs_hash64(copy, n_bytes) != f->hash)
		return vs_fail(err, VS_EDATA,
			       "%s: header and section table (bytes 0 to %zu) "
			       "do not match their checksum; the file is "
			       "damaged",
			       path, n_bytes);
	if (vs_get_le32(p + H_VERSION) != VS_CONT_VERSION)
		return fail_head(path, "version", vs_get_le32(p + H_VERSION),
				 err);
	rc = decode_places(path, p, f, err);
	if (rc == 0)
		rc = decode_content(path, p, &f->head, err);
	/* A newer writer may say more there, under a compatible bit. */
	if (rc == 0 && vs_get_le64(p + H_COMPATIBLE) == 0 &&
	    !all_zero(p + H_RESERVED, H_HASH - H_RESERVED))
		return vs_fail(err, VS_EDATA,
			       "%s: reserved bytes of the header are not zero; "
			       "the file is damaged",
			       path);
	return rc;
}

static int fail_entry(const char *path, const struct vs_cont_entry *e,
		      const char *field, uint64_t found, struct vs_err *err)
{
	return vs_fail(err, VS_EDATA,
		       "%s: section %s: field \"%s\" is %llu, which cannot be; "
		       "the file is damaged",
		       path, vs_cont_tag_text(e->tag).s, field,
		       (unsigned long long)found);
}

static void decode_entry(const uint8_t *p, struct vs_cont_entry *e)
{
	e->tag = vs_get_le32(p + E_TAG);
	e->codec = vs_get_le32(p + E_CODEC);
	e->offset = vs_get_le64(p + E_OFFSET);
	e->stored = vs_get_le64(p + E_STORED);
	e->raw = vs_get_le64(p + E_RAW);
	e->count = vs_get_le64(p + E_COUNT);
	e->item = vs_get_le32(p + E_ITEM);
	e->n_blocks = vs_get_le64(p + E_BLOCKS);
	e->control = vs_get_le64(p + E_CONTROL);
	e->hash = vs_get_le64(p + E_HASH);
}

/* Sizes of one entry among themselves. */
static int check_sizes(const char *path, const struct vs_cont_entry *e,
		       struct vs_err *err)
{
	uint64_t raw, most;

	if (e->codec != VS_CODEC_RAW && e->codec != VS_CODEC_ZST)
		return fail_entry(path, e, "codec", e->codec, err);
	if (e->item == 0)
		return fail_entry(path, e, "item size", e->item, err);
	if (!vs_mul_u64(e->count, e->item, &raw) || raw != e->raw)
		return fail_entry(path, e, "count", e->count, err);
	if (e->n_blocks != vs_div_up(raw, VS_CONT_BLOCK))
		return fail_entry(path, e, "blocks", e->n_blocks, err);
	if (e->codec == VS_CODEC_RAW) {
		if (e->stored != raw)
			return fail_entry(path, e, "stored length", e->stored,
					  err);
		return 0;
	}
	/* Each block packs into 1 to BLOCK + EXTRA bytes. */
	if (!vs_mul_u64(e->n_blocks, VS_CONT_BLOCK + VS_CONT_PACK_EXTRA,
			&most) ||
	    e->stored < e->n_blocks || e->stored > most)
		return fail_entry(path, e, "stored length", e->stored, err);
	return 0;
}

/* Place of an entry in the file: not before *end, which it moves. */
static int check_place(const char *path, const struct vs_cont_entry *e,
		       uint64_t limit, uint64_t *end, struct vs_err *err)
{
	uint64_t gap;

	if (e->offset % VS_CONT_ALIGN != 0 || e->offset < *end)
		return fail_entry(path, e, "offset", e->offset, err);
	gap = e->offset - *end;
	if (gap >= VS_CONT_GAP_MAX || e->offset > limit)
		return fail_entry(path, e, "offset", e->offset, err);
	if (e->stored > limit - e->offset)
		return fail_entry(path, e, "stored length", e->stored, err);
	*end = e->offset + e->stored;
	return 0;
}

static int check_tag(const char *path, const struct vs_cont_front *f,
		     unsigned i, struct vs_err *err)
{
	unsigned j;

	for (j = 0; j < 4; j++) {
		uint8_t c = (uint8_t)(f->entry[i].tag >> 8 * j);

		if (c < 0x20 || c > 0x7e)
			return fail_entry(path, &f->entry[i], "tag",
					  f->entry[i].tag, err);
	}
	for (j = 0; j < i; j++)
		if (f->entry[j].tag == f->entry[i].tag)
			return vs_fail(err, VS_EDATA,
				       "%s: section %s is there twice; the "
				       "file is damaged",
				       path,
				       vs_cont_tag_text(f->entry[i].tag).s);
	return 0;
}

static int decode_table(const char *path, const uint8_t *p, bool strict,
			struct vs_cont_front *f, struct vs_err *err)
{
	uint64_t end = VS_CONT_FRONT_BYTES, control = 0;
	unsigned i;
	int rc;

	for (i = 0; i < f->n_sections; i++, p += VS_CONT_ENTRY_BYTES) {
		struct vs_cont_entry *e = &f->entry[i];

		decode_entry(p, e);
		rc = check_tag(path, f, i, err);
		if (rc == 0)
			rc = check_sizes(path, e, err);
		if (rc == 0)
			rc = check_place(path, e, f->control_offset, &end, err);
		if (rc != 0)
			return rc;
		if (e->control != control)
			return fail_entry(path, e, "control", e->control, err);
		/* n_blocks <= 2^46, so this cannot overflow. */
		control += e->n_blocks * vs_cont_record_bytes(e->codec);
		if (control > f->control_bytes)
			return fail_entry(path, e, "blocks", e->n_blocks, err);
		if (strict && (!all_zero(p + E_RESERVED_1, 4) ||
			       !all_zero(p + E_RESERVED_2,
					 VS_CONT_ENTRY_BYTES - E_RESERVED_2)))
			return fail_entry(path, e, "reserved", 1, err);
	}
	if (control != f->control_bytes)
		return fail_head(path, "control length", f->control_bytes, err);
	if (f->control_offset - end >= VS_CONT_GAP_MAX)
		return fail_head(path, "control offset", f->control_offset,
				 err);
	return 0;
}

int vs_cont_decode(const char *path, const uint8_t *front, size_t n,
		   uint64_t size, struct vs_cont_front *f, struct vs_err *err)
{
	int rc;

	memset(f, 0, sizeof(*f));
	f->size = size;
	rc = check_identity(path, front, n, size, err);
	if (rc == 0)
		rc = decode_head(path, front, n, f, err);
	if (rc == 0)
		rc = decode_table(path, front + VS_CONT_HEAD_BYTES,
				  vs_get_le64(front + H_COMPATIBLE) == 0, f,
				  err);
	return rc;
}

void vs_cont_encode_foot(const struct vs_cont_front *f,
			 uint8_t foot[VS_CONT_FOOT_BYTES])
{
	memcpy(foot, foot_magic, sizeof(foot_magic));
	vs_put_le64(foot + 8, f->size);
	vs_put_le64(foot + 16, f->hash);
}

int vs_cont_check_foot(const char *path, const struct vs_cont_front *f,
		       const uint8_t foot[VS_CONT_FOOT_BYTES],
		       struct vs_err *err)
{
	uint8_t want[VS_CONT_FOOT_BYTES];

	vs_cont_encode_foot(f, want);
	if (memcmp(foot, want, sizeof(want)) == 0)
		return 0;
	return vs_fail(err, VS_EDATA,
		       "%s: the footer (last %u bytes) does not match the "
		       "header; the file is incomplete or damaged",
		       path, VS_CONT_FOOT_BYTES);
}
