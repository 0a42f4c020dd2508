/* cont.h - the container of models, shards and hits; format in vs-format(5).
 *
 * Header and section table in the first pages, sections at multiples of 4096,
 * block hashes of everything, a footer.  Raw sections are mapped; zst sections
 * are independent zstd blocks of VS_CONT_BLOCK raw bytes each.
 *
 * A reader never trusts: control data are copied out of the map at open, all
 * offsets are overflow-checked against the file's real length, and data bytes
 * are verified block by block before they are used (vs_cont_touch, _read).
 */
#ifndef VS_CONT_H
#define VS_CONT_H

#include "vs/file.h"
#include "vs/hash.h"
#include "vs/types.h"
#include "vs/yaml.h"

enum vs_kind {
	VS_KIND_MODEL = 1,
	VS_KIND_SHARD = 2,
	VS_KIND_HITS = 3,
	VS_KIND_STEP = 4, /* of training: the centroids of an iteration */
	VS_KIND_SUMS = 5  /* and what a part of the rows adds up to */
};

/* Part of every fingerprint; raised whenever the same inputs and parameters
 * give other bytes. */
#define VS_ALGORITHM_VERSION 3u

#define VS_CONT_BLOCK 262144u /* bytes hashed (and packed) together */
#define VS_CONT_SECTIONS_MAX 64u

/* Section types: four letters, little-endian. */
#define VS_TAG(a, b, c, d)                                                    \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 |           \
	 (uint32_t)(d) << 24)
#define VS_SEC_INFO VS_TAG('I', 'N', 'F', 'O') /* YAML text: what and how */
#define VS_SEC_CENT VS_TAG('C', 'E', 'N', 'T') /* f32 [nlist][inner] */
#define VS_SEC_ROTA VS_TAG('R', 'O', 'T', 'A') /* f32 [inner][dim] */
#define VS_SEC_MEAN VS_TAG('M', 'E', 'A', 'N') /* f32 [dim] */
#define VS_SEC_CELL VS_TAG('C', 'E', 'L', 'L') /* u64 [nlist + 1] */
#define VS_SEC_ROWS VS_TAG('R', 'O', 'W', 'S') /* panels */
#define VS_SEC_TERM VS_TAG('T', 'E', 'R', 'M') /* i32 or f32 per panel row */
#define VS_SEC_NORM VS_TAG('N', 'O', 'R', 'M') /* u32 per panel row */
#define VS_SEC_CBKS VS_TAG('C', 'B', 'K', 'S') /* f32 [m][ksub][dsub] */
#define VS_SEC_QUAN VS_TAG('Q', 'U', 'A', 'N') /* f32 [2 * dim + 1] */
#define VS_SEC_CODE VS_TAG('C', 'O', 'D', 'E') /* u8 panels of codes */
#define VS_SEC_SLAK VS_TAG('S', 'L', 'A', 'K') /* f32 per panel row */
#define VS_SEC_FINE VS_TAG('F', 'I', 'N', 'E') /* a whole row per panel row */
#define VS_SEC_IDS VS_TAG('I', 'D', 'S', ' ')  /* u32 or u64 per panel row */
#define VS_SEC_STEP VS_TAG('S', 'T', 'E', 'P') /* u64 [8] */
#define VS_SEC_PART VS_TAG('P', 'A', 'R', 'T') /* u64 [4] */
#define VS_SEC_SUMS VS_TAG('S', 'U', 'M', 'S') /* i64 [nlist][dim] */
#define VS_SEC_SIZE VS_TAG('S', 'I', 'Z', 'E') /* u64 [nlist] */
#define VS_SEC_LOSS VS_TAG('L', 'O', 'S', 'S') /* u64 [10], see vs/exact.h */
#define VS_SEC_HITS VS_TAG('H', 'I', 'T', 'S') /* struct vs_hit [nq][k] */
#define VS_SEC_LIST VS_TAG('L', 'I', 'S', 'T') /* u64 [nq + 1], of lists */

enum vs_codec { VS_CODEC_RAW = 0, VS_CODEC_ZST = 1 };

/* What the header says of the content. */
struct vs_cont_head {
	enum vs_kind kind;
	struct vs_digest fingerprint; /* of inputs, parameters, algorithm */
	struct vs_digest uuid; /* derived from fingerprint and kind by create */
	uint64_t n_rows;       /* rows; of hits: queries */
	uint32_t dim;
	uint32_t k; /* hits only, else 0; 0 too of hits in lists of their own
		     * lengths, which old readers refuse by a feature bit */
	enum vs_metric metric;
	enum vs_dtype dtype; /* of the rows */
};

struct vs_cont_writer;

/* Starts an output; head is copied. */
int vs_cont_create(struct vs_ctx *ctx, const char *path,
		   const struct vs_cont_head *head,
		   struct vs_cont_writer **out,
		   struct vs_err *err) VS_MUST_CHECK;
/* A raw section of known size (count items of item bytes), placed after the
 * previous one; *section numbers it for vs_cont_write. */
int vs_cont_add_raw(struct vs_ctx *ctx, struct vs_cont_writer *w, uint32_t tag,
		    uint64_t count, uint32_t item, unsigned *section,
		    struct vs_err *err) VS_MUST_CHECK;
/* Bytes of a raw section at an offset within it; every byte must be written
 * once before publishing.  Safe from several threads.  Writes in ascending
 * order are hashed on the way; others are read back at the end. */
int vs_cont_write(struct vs_ctx *ctx, struct vs_cont_writer *w,
		  unsigned section, uint64_t offset, const void *buf, size_t n,
		  struct vs_err *err) VS_MUST_CHECK;
/* Makes all the room that zst sections will take, so that none is lacking after
 * long work.  Blocks have at most `most` bytes: VS_CONT_SMALL_ZST where each
 * section has no more, else UINT64_MAX. */
int vs_cont_room_zst(struct vs_ctx *ctx, struct vs_cont_writer *w,
		     uint64_t most, struct vs_err *err) VS_MUST_CHECK;
/* A zst section: opened once all raw ones are added, appended to in order, and
 * closed by the next one or by publishing. */
int vs_cont_add_zst(struct vs_ctx *ctx, struct vs_cont_writer *w, uint32_t tag,
		    uint32_t item, unsigned *section,
		    struct vs_err *err) VS_MUST_CHECK;
int vs_cont_append(struct vs_ctx *ctx, struct vs_cont_writer *w,
		   unsigned section, const void *buf, size_t n,
		   struct vs_err *err) VS_MUST_CHECK;
/* Header rows may be known late. */
void vs_cont_set_rows(struct vs_cont_writer *w, uint64_t n_rows);
/* Writes block hashes, table, footer, header (last), publishes, frees w (also
 * on failure).  VS_PUBLISH_NEW on a name that exists: success when the file
 * there is a container of the same fingerprint, else VS_ECREATE. */
int vs_cont_publish(struct vs_ctx *ctx, struct vs_cont_writer *w,
		    enum vs_publish how, struct vs_err *err) VS_MUST_CHECK;
/* The size that a container will have, and the memory that writing it takes;
 * begin with zero and add its sections in order.  A zst section is known only
 * when it is small, as the INFO of models and shards is. */
#define VS_CONT_SMALL_ZST 4096u
struct vs_cont_sizes {
	uint64_t sections; /* bytes after the front, rounded up */
	uint64_t control;
	uint64_t memory;     /* of the raw sections */
	uint64_t memory_zst; /* and of a zst one beside them */
};
void vs_cont_sizes_raw(struct vs_cont_sizes *s, uint64_t n_bytes);
void vs_cont_sizes_small_zst(struct vs_cont_sizes *s);
uint64_t vs_cont_sizes_total(const struct vs_cont_sizes *s);
/* The memory that writing a zst section of any size takes, about. */
uint64_t vs_cont_zst_bytes(void);

void vs_cont_abort(struct vs_ctx *ctx, struct vs_cont_writer *w);

struct vs_cont; /* an opened container */

/* A section as its reader sees it.  p is NULL for zst sections. */
struct vs_span {
	const uint8_t *p; /* mapped, 4096-aligned; verify before use */
	uint64_t n_bytes; /* raw length = count * item */
	uint64_t count;
	uint32_t item;
	unsigned section; /* for vs_cont_touch and vs_cont_read */
};

/* Opens, checks header, table and footer against the file, and verifies as
 * ctx->verify says.  kind 0 takes any.  VS_ENOINPUT missing, VS_EDATA damaged
 * or of another kind (the message says which kind it is, or what the file
 * looks like), VS_EVERSION newer. */
int vs_cont_open(struct vs_ctx *ctx, const char *path, enum vs_kind kind,
		 struct vs_cont **out, struct vs_err *err) VS_MUST_CHECK;
const struct vs_cont_head *vs_cont_head(const struct vs_cont *c);
const char *vs_cont_path(const struct vs_cont *c);
uint64_t vs_cont_size(const struct vs_cont *c);
/* VS_EDATA "section missing" or when item is not the item size expected. */
int vs_cont_find(const struct vs_cont *c, uint32_t tag, uint32_t item,
		 struct vs_span *out, struct vs_err *err) VS_MUST_CHECK;
/* True when the section is there. */
bool vs_cont_has(const struct vs_cont *c, uint32_t tag);
/* Verifies the blocks of raw bytes [offset, offset+n) of a raw section that
 * were not verified yet.  Safe from several threads; cheap when done before.*/
int vs_cont_touch(struct vs_ctx *ctx, struct vs_cont *c,
		  const struct vs_span *s, uint64_t offset, uint64_t n,
		  struct vs_err *err) VS_MUST_CHECK;
/* Copies raw bytes [offset, offset+n) of any section out, verified at every
 * level of --verify.  Whole blocks of zst sections are unpacked each time, so
 * read them in large pieces. */
int vs_cont_read(struct vs_ctx *ctx, struct vs_cont *c,
		 const struct vs_span *s, uint64_t offset, void *buf, size_t n,
		 struct vs_err *err) VS_MUST_CHECK;
/* Parses the INFO section, which may have at most max bytes.  The caller
 * destroys *out. */
int vs_cont_info(struct vs_ctx *ctx, struct vs_cont *c, uint64_t max,
		 struct vs_yaml_doc **out, struct vs_err *err) VS_MUST_CHECK;
/* Starts reading ahead or drops pages of a raw section. */
void vs_cont_willneed(const struct vs_cont *c, const struct vs_span *s,
		      uint64_t offset, uint64_t n);
void vs_cont_dontneed(const struct vs_cont *c, const struct vs_span *s,
		      uint64_t offset, uint64_t n);
/* Verifies every byte of the file, gaps included (--verify full). */
int vs_cont_verify(struct vs_ctx *ctx, struct vs_cont *c,
		   struct vs_err *err) VS_MUST_CHECK;
void vs_cont_close(struct vs_ctx *ctx, struct vs_cont *c);

/* VS_EUSAGE when no container can be written to path: standard output, a pipe,
 * a device. */
int vs_cont_check_name(struct vs_ctx *ctx, const char *path, enum vs_kind kind,
		       struct vs_err *err) VS_MUST_CHECK;
/* Reads only the fingerprint of a container at path: 1 there and equal, 0 not
 * there, VS_ECREATE there but another (message says --replace). */
int vs_cont_done(struct vs_ctx *ctx, const char *path,
		 const struct vs_cont_head *head,
		 struct vs_err *err) VS_MUST_CHECK;

#endif
