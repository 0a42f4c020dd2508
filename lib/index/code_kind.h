/* code_kind.h - kinds of codes: in which sections the rows of a shard stand,
 * how rows are packed into them, and how they are found again.
 *
 * A kind is one file, code_<name>.c, and one line of the table in code_kind.c.
 * Its builder lists sections (vs_build_list) in the order of the file; room,
 * sizes, slots and writing follow from the list.
 */
#ifndef VS_CODE_KIND_H
#define VS_CODE_KIND_H

#include "vs/kern.h"
#include "vs/shard.h"

struct vs_build;
struct vs_build_slot;

struct vs_code_kind {
	/* Learns what rows are coded by, from the model or from a sample of
	 * the stream, and lists the sections. */
	int (*start)(struct vs_build *b, struct vs_err *err);
	/* Packs 16 rows of the stream's type (NULL: missing) as panel `to` of
	 * the slot. */
	void (*pack)(const struct vs_build *b, struct vs_build_slot *s,
		     const void *const rows[VS_PANEL_ROWS], size_t to);
	/* Finds and checks the sections of an opened shard. */
	int (*open)(struct vs_ctx *ctx, struct vs_shard *s, struct vs_err *err);
};

/* How rows of this type stand in such an index. */
const struct vs_code_kind *vs_code_kind_of(const struct vs_factory *index,
					   enum vs_dtype rows);

/* The type of rows as scans see them, from that of the rows given. */
enum vs_dtype vs_code_row_dtype(const struct vs_factory *index,
				enum vs_dtype rows);

extern const struct vs_code_kind vs_code_rows;
extern const struct vs_code_kind vs_code_sq8;
extern const struct vs_code_kind vs_code_pq;

#endif
