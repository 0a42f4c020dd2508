/* damage.h - damages a file in every small way and asks a reader each time.
 *
 * The file stands in memory (memfd), so that hundreds of thousands of cases
 * take seconds.  The reader is a callback that opens the path, reads everything
 * and compares its answer with the one of the whole file.
 *
 * Promise tested: damaged files are refused, or give the same answer because
 * the damaged byte means nothing (the zeros between sections).  With a repair
 * the checksums are made to fit after each damage: then an answer may differ,
 * since the file is a well-formed other one, and what is tested is that
 * nothing crashes and nothing allocates without bound.
 */
#ifndef DAMAGE_H
#define DAMAGE_H

#include <stddef.h>
#include <stdint.h>

enum damage_answer {
	DAMAGE_REFUSED = 0,
	DAMAGE_SAME = 1,
	DAMAGE_DIFFERENT = 2
};

struct damage {
	/* What the caller gives. */
	const char *name; /* of the kind of file, for what is printed */
	int (*use)(void *arg, const char *path); /* enum damage_answer */
	void *arg;
	/* NULL, or makes the checksums of data[0..n) fit again. */
	void (*repair)(uint8_t *data, size_t n);

	/* The file. */
	uint8_t *good;
	size_t n;
	uint8_t *work; /* the damaged copy, when there is a repair */
	int fd;
	char path[64];

	/* What was found. */
	uint64_t n_cases;
	uint64_t n_answer[3];
	char first_different[160];
};

/* Loads the file at path; good answers are checked first: the whole file must
 * give DAMAGE_SAME.  Failures end the test. */
void damage_start(struct damage *d, const char *path);
/* Bytes [from, to): each set to 00 and FF and with each bit flipped. */
void damage_bytes(struct damage *d, size_t from, size_t to);
/* Aligned fields of `width` bytes (4 or 8) in [from, to), each set to values
 * at which arithmetic goes wrong. */
void damage_fields(struct damage *d, size_t from, size_t to, size_t width);
/* The file cut to every length below its own. */
void damage_truncations(struct damage *d);
/* n bytes more at the end, zeros and others. */
void damage_extension(struct damage *d, size_t n);
/* Two ranges of n bytes exchanged. */
void damage_swap(struct damage *d, size_t a, size_t b, size_t n);
/* For containers: contents of every two sections exchanged, and every two
 * lines of the section table. */
void damage_swap_sections(struct damage *d);
/* All of the above. */
void damage_all(struct damage *d);
/* Prints one line of counts and frees; fails the test when there was a
 * different answer and no repair. */
void damage_finish(struct damage *d);

/* Repair for containers (vs-format(5)): block checksums, table, header,
 * footer, as far as the fields make sense. */
void damage_repair_container(uint8_t *data, size_t n);

#endif
