/* shard_build_int.h - the state of a build, shared by its files. */
#ifndef VS_SHARD_BUILD_INT_H
#define VS_SHARD_BUILD_INT_H

#include "cell_log.h"
#include "code_kind.h"
#include "pq_space.h"

/* A section of the shard: of panels, filled as they are packed, or fixed,
 * written when it is added. */
struct vs_build_section {
	uint32_t tag;
	uint32_t item;      /* bytes of an item */
	uint32_t per_panel; /* items; 0: fixed */
	const void *fixed;
	uint64_t n_fixed;   /* items of a fixed one */
	unsigned number;    /* for vs_cont_write */
};

#define VS_BUILD_SECTIONS_MAX 12u

/* Panels on their way to the file. */
struct vs_build_slot {
	uint8_t *part[VS_BUILD_SECTIONS_MAX]; /* of sections of panels */
	float *wide;      /* one row */
	uint8_t *scratch; /* scratch_bytes, for the kind of code */
	uint32_t cell;    /* of the panel being packed */
};

struct vs_build {
	struct vs_ctx *ctx;
	const struct vs_shard_spec *spec;
	const struct vs_source *src;
	uint32_t nlist;
	size_t row_bytes;
	uint32_t id_size;

	/* how rows are coded */
	const struct vs_code_kind *kind;
	struct vs_code8 code8; /* mid NULL: rows have no codes */
	float *quan;           /* code8 as its section holds it */
	struct vs_pq_space pq; /* pq NULL: no product codes */
	bool norms;
	enum vs_dtype stored; /* type of ROWS */
	struct vs_build_section section[VS_BUILD_SECTIONS_MAX];
	unsigned n_sections;
	unsigned sec_rows, sec_terms, sec_ids; /* among them */
	unsigned sec_norms, sec_codes, sec_slack, sec_fine;
	bool refines; /* rows stand whole beside their codes (refine.c) */
	size_t panel_bytes;   /* of all sections of panels together */
	size_t scratch_bytes;

	/* reading */
	uint8_t *block;      /* [block_rows] rows */
	uint64_t *block_ids; /* [block_rows] */
	size_t block_rows;
	float *wide; /* [wide_rows]: rows as unit vectors, for similarities */
	size_t wide_rows;
	uint64_t n_done;          /* Flat: rows placed so far */
	struct vs_hasher *hasher; /* NULL once the digest is complete */
	struct vs_digest input;

	/* where rows go */
	unsigned copies;      /* of each row, in cells of their own */
	uint32_t *cell;       /* [n_rows][copies]; NULL for Flat */
	uint64_t *cell_rows;  /* [nlist]; copies count */
	uint64_t *cell_panel; /* [nlist + 1] */
	uint64_t *next;       /* [nlist]: rank of the next row of a cell */
	struct vs_cell_log log; /* of cell */

	/* the range of panels being filled */
	uint64_t range_first;
	uint64_t range_panels;
	uint8_t *range_rows;  /* row-major, by place */
	uint64_t *range_ids;

	/* writing */
	void *late; /* room for what is allocated after the work of assigning */
	struct vs_cont_writer *w;
	struct vs_build_slot *slots;
	size_t n_slots;
	size_t slot_panels; /* panels of a slot */
};

/* shard_build.c: all memory but that of the range; where cells begin, from the
 * numbers of their rows. */
int vs_build_alloc(struct vs_build *b, struct vs_err *err) VS_MUST_CHECK;
int vs_build_lay_out(struct vs_build *b, struct vs_err *err) VS_MUST_CHECK;

/* build_sections.c: lists a section, of panels or fixed (borrowed until it is
 * added), and numbers it; whether one is listed. */
unsigned vs_build_list(struct vs_build *b, uint32_t tag, uint32_t item,
		       uint32_t per_panel);
unsigned vs_build_list_fixed(struct vs_build *b, uint32_t tag, uint32_t item,
			     const void *p, uint64_t n);
/* The ids, which every shard has. */
void vs_build_list_ids(struct vs_build *b);
/* Learns what the kind of code must know, and lists all sections. */
int vs_build_start(struct vs_build *b, struct vs_err *err) VS_MUST_CHECK;
/* Adds all raw sections, of which those of panels are still empty; INFO. */
int vs_build_add_sections(struct vs_build *b, struct vs_err *err) VS_MUST_CHECK;
int vs_build_write_info(struct vs_build *b, struct vs_err *err) VS_MUST_CHECK;

/* code_ranges.c: ranges of 8-bit codes from a sample of the stream, none if it
 * gives no rows; lists QUAN, CODE and, where rows can be filtered, SLAK. */
int vs_build_learn8(struct vs_build *b, bool whole,
		    struct vs_err *err) VS_MUST_CHECK;
int vs_build_list8(struct vs_build *b, bool slack,
		   struct vs_err *err) VS_MUST_CHECK;

/* build_plan.c: holds and gives back room for what is allocated late; fills
 * spec->plan by allocating what the build would. */
int vs_build_hold(struct vs_build *b, struct vs_err *err) VS_MUST_CHECK;
void vs_build_release(struct vs_build *b);
int vs_build_plan(struct vs_build *b, struct vs_err *err) VS_MUST_CHECK;

/* shard_pack.c: memory for packing. */
int vs_build_slots_alloc(struct vs_build *b, struct vs_err *err) VS_MUST_CHECK;
/* Memory for the range, most panels at a time. */
int vs_build_range_alloc(struct vs_build *b, uint64_t *most,
			 struct vs_err *err) VS_MUST_CHECK;
void vs_build_range_free(struct vs_build *b);
/* Packs the range into panels, terms and ids and writes them in order. */
int vs_build_range_write(struct vs_build *b, struct vs_err *err) VS_MUST_CHECK;

#endif
