/* cont_int.h - the bytes of a container's front and foot, for the files
 * cont_*.c only.  vs-format(5) is the authority; this follows it.
 *
 *   0      header, 256 bytes
 *   256    section table, 96 bytes an entry, then zeros
 *   8192   sections, each at a multiple of 4096, zeros between
 *   ...    control: the block records of all sections, one after another
 *   end    footer, 24 bytes
 */
#ifndef VS_CONT_INT_H
#define VS_CONT_INT_H

#include <stdatomic.h>

#include "vs/cont.h"
#include "vs/map.h"

#define VS_CONT_VERSION 1u
#define VS_CONT_HEAD_BYTES 256u
#define VS_CONT_ENTRY_BYTES 96u
#define VS_CONT_FRONT_BYTES 8192u
#define VS_CONT_FOOT_BYTES 24u
#define VS_CONT_ALIGN 4096u
#define VS_CONT_GAP_MAX 2097152u /* so that verifying gaps is bounded */
#define VS_CONT_ROWS_MAX ((uint64_t)1 << 40)
/* A packed block may exceed its raw bytes by at most so much. */
#define VS_CONT_PACK_EXTRA 4096u

#define VS_CONT_RECORD_RAW 8u  /* u64 hash of the block */
#define VS_CONT_RECORD_ZST 16u /* u64 end of the packed block, u64 hash */

extern const uint8_t vs_cont_magic[8];

/* One line of the section table. */
struct vs_cont_entry {
	uint32_t tag;
	uint32_t codec;	 /* enum vs_codec */
	uint64_t offset; /* in the file */
	uint64_t stored; /* bytes in the file */
	uint64_t raw;	 /* count * item */
	uint64_t count;
	uint32_t item;
	uint64_t n_blocks;
	uint64_t control; /* of its records, within the control part */
	uint64_t hash;	  /* of its records */
};

/* Header and table, decoded. */
struct vs_cont_front {
	struct vs_cont_head head;
	uint64_t size; /* of the file */
	uint64_t control_offset;
	uint64_t control_bytes;
	uint64_t hash; /* of header and table; known once encoded or decoded */
	unsigned n_sections;
	struct vs_cont_entry entry[VS_CONT_SECTIONS_MAX];
};

/* An opened container. */
struct vs_cont {
	struct vs_file *file;
	struct vs_map map; /* empty when there is no raw section */
	struct vs_cont_front front;
	uint8_t *control; /* block records as they stand in the file */
	/* One bit per raw block that was verified. */
	atomic_uint_fast64_t *done;
	uint64_t first_bit[VS_CONT_SECTIONS_MAX];
	bool trusting; /* --verify header: raw data are taken as they are */
};

static inline unsigned vs_cont_record_bytes(uint32_t codec)
{
	return codec == VS_CODEC_ZST ? VS_CONT_RECORD_ZST : VS_CONT_RECORD_RAW;
}

/* Raw bytes of block b. */
static inline size_t vs_cont_block_bytes(const struct vs_cont_entry *e,
					 uint64_t b)
{
	uint64_t left = e->raw - b * VS_CONT_BLOCK;

	return left < VS_CONT_BLOCK ? (size_t)left : VS_CONT_BLOCK;
}

static inline const uint8_t *vs_cont_records(const struct vs_cont *c,
					     unsigned section)
{
	return c->control + c->front.entry[section].control;
}

/* Fills the front and sets f->hash. */
void vs_cont_encode(struct vs_cont_front *f,
		    uint8_t front[VS_CONT_FRONT_BYTES]);
/* Decodes n = min(size, VS_CONT_FRONT_BYTES) bytes from the start of a file of
 * that size and checks all that can be checked without reading more. */
int vs_cont_decode(const char *path, const uint8_t *front, size_t n,
		   uint64_t size, struct vs_cont_front *f,
		   struct vs_err *err) VS_MUST_CHECK;
void vs_cont_encode_foot(const struct vs_cont_front *f,
			 uint8_t foot[VS_CONT_FOOT_BYTES]);
int vs_cont_check_foot(const char *path, const struct vs_cont_front *f,
		       const uint8_t foot[VS_CONT_FOOT_BYTES],
		       struct vs_err *err) VS_MUST_CHECK;

/* "model", "shard", "hits"; "?" for an unknown code. */
const char *vs_cont_kind_name(uint32_t kind);

/* The four letters of a tag, unprintable ones as '?'. */
struct vs_cont_tag_text {
	char s[5];
};
struct vs_cont_tag_text vs_cont_tag_text(uint32_t tag);

/* What a file that is no container looks like, from its first n bytes:
 * "is empty", "looks like fvecs of 128 dimensions". */
#define VS_CONT_GUESS_MAX 96
const char *vs_cont_guess(const uint8_t *p, size_t n, uint64_t size,
			  char out[VS_CONT_GUESS_MAX]);

#endif
