/* vecsfile.h - images of vector files for the tests, laid out byte by byte
 * without the library under test, and the calls most tests make. */
#ifndef VECSFILE_H
#define VECSFILE_H

#include "vs/vecs.h"

/* A file as it should stand on the disk. */
struct image {
	uint8_t *b;
	size_t n;
	size_t head; /* bytes before the first row */
	size_t lead; /* bytes before the elements of each row */
};

/* rows are dense, n x dim elements of elem bytes. */
void image_rows(struct image *im, uint32_t dim, size_t n, size_t elem,
		const void *rows);
void image_bin(struct image *im, uint32_t dim, size_t n, size_t elem,
	       const void *rows);
/* Any header text (a newline is added) in a header of version major. */
void image_npy_text(struct image *im, unsigned major, const char *text,
		    const void *data, size_t n_data);
/* The text that numpy writes. */
void image_npy(struct image *im, unsigned major, const char *descr,
	       uint32_t dim, size_t n, size_t elem, const void *rows);
void image_free(struct image *im);
/* Writes it to path and frees it. */
void image_save(struct image *im, const char *path);

/* An image of format with n x dim elements of its own type; descr is for npy
 * only. */
void image_of(struct image *im, enum vs_vecs_format format, const char *descr,
	      uint32_t dim, size_t n, size_t elem, const void *rows);

/* n bytes of a fixed pattern; those of a finite f32 when elem is 4. */
void *pattern_make(size_t n, size_t elem, unsigned seed);

/* Opens one file. */
int vecs_open1(struct vs_ctx *ctx, const char *path, enum vs_vecs_format format,
	       struct vs_vecs **v, struct vs_err *err);

/* Open descriptors of this process. */
size_t count_fds(void);

#endif
