/* cont_write_int.h - a container being written, for cont_write.c and
 * cont_publish.c.
 */
#ifndef VS_CONT_WRITE_INT_H
#define VS_CONT_WRITE_INT_H

#include "cont_int.h"
#include "vs/zst.h"

/* What only the writer knows of a section. */
struct vs_cont_part {
	struct vs_buf records;	   /* block records, encoded */
	atomic_uchar *known;	   /* raw: per block, its record is there */
	atomic_uint_fast64_t done; /* raw: bytes written */
	/* The block being filled: of raw sections from calls in ascending
	 * order; of zst sections, from appends, it stands in the room. */
	uint8_t *tail;
	uint64_t tail_end;     /* section offset where the tail ends */
	size_t n_tail;	       /* bytes in it */
	atomic_flag tail_busy; /* a thread is at the tail */
};

/* Where blocks are packed. */
struct vs_cont_room {
	size_t most; /* raw bytes of a block; 0: there is no room yet */
	uint8_t *raw;
	struct vs_zst_work work; /* with its destination */
};

struct vs_cont_writer {
	struct vs_out *out;
	char *path; /* outlives out, for messages */
	struct vs_cont_front front;
	uint64_t end;	 /* of the last section */
	bool packing; /* the last section is a zst one, still open */
	struct vs_cont_room room;
	struct vs_cont_part part[VS_CONT_SECTIONS_MAX];
};

/* Takes down the hash of raw block b, whose n bytes are at p. */
void vs_cont_set_hash(struct vs_cont_part *s, uint64_t b, const uint8_t *p,
		      size_t n);
/* Ends the zst section that is open, if there is one. */
int vs_cont_close_packed(struct vs_ctx *ctx, struct vs_cont_writer *w,
			 struct vs_err *err) VS_MUST_CHECK;
/* Fills err: a caller of ours used the writer wrongly. */
int vs_cont_fail_use(const struct vs_cont_writer *w, uint32_t tag,
		     const char *what, struct vs_err *err);

#endif
