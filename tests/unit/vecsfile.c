/* vecsfile.c - images of vector files. */
#include "vecsfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>

#include "tmpdir.h"

static void image_start(struct image *im, size_t n)
{
	memset(im, 0, sizeof(*im));
	im->b = malloc(n + 1);
	assert_non_null(im->b);
	im->n = n;
}

static void put32(uint8_t *p, uint64_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

void image_rows(struct image *im, uint32_t dim, size_t n, size_t elem,
		const void *rows)
{
	size_t row = dim * elem, i;

	image_start(im, n * (4 + row));
	im->lead = 4;
	for (i = 0; i < n; i++) {
		put32(im->b + i * (4 + row), dim);
		memcpy(im->b + i * (4 + row) + 4,
		       (const uint8_t *)rows + i * row, row);
	}
}

void image_bin(struct image *im, uint32_t dim, size_t n, size_t elem,
	       const void *rows)
{
	image_start(im, 8 + n * dim * elem);
	im->head = 8;
	put32(im->b, n);
	put32(im->b + 4, dim);
	memcpy(im->b + 8, rows, n * dim * elem);
}

void image_npy_text(struct image *im, unsigned major, const char *text,
		    const void *data, size_t n_data)
{
	size_t lead = major == 1 ? 10 : 12, len = strlen(text) + 1;

	image_start(im, lead + len + n_data);
	im->head = lead + len;
	memcpy(im->b, "\x93NUMPY", 6);
	im->b[6] = (uint8_t)major;
	im->b[7] = 0;
	im->b[8] = (uint8_t)len;
	im->b[9] = (uint8_t)(len >> 8);
	if (major != 1)
		put32(im->b + 8, len);
	memcpy(im->b + lead, text, len - 1);
	im->b[lead + len - 1] = '\n';
	if (n_data != 0)
		memcpy(im->b + im->head, data, n_data);
}

void image_npy(struct image *im, unsigned major, const char *descr,
	       uint32_t dim, size_t n, size_t elem, const void *rows)
{
	char text[256], padded[256];
	size_t lead = major == 1 ? 10 : 12, total;

	snprintf(text, sizeof(text),
		 "{'descr': '%s', 'fortran_order': False, "
		 "'shape': (%zu, %u), }",
		 descr, n, dim);
	total = (lead + strlen(text) + 1 + 63) / 64 * 64;
	snprintf(padded, sizeof(padded), "%-*s", (int)(total - lead - 1), text);
	image_npy_text(im, major, padded, rows, n * dim * elem);
}

void image_free(struct image *im)
{
	free(im->b);
	im->b = NULL;
}

void image_save(struct image *im, const char *path)
{
	tmpdir_put(path, im->b, im->n);
	image_free(im);
}

void image_of(struct image *im, enum vs_vecs_format format, const char *descr,
	      uint32_t dim, size_t n, size_t elem, const void *rows)
{
	switch (format) {
	case VS_FMT_FVECS:
	case VS_FMT_BVECS:
	case VS_FMT_IVECS:
		image_rows(im, dim, n, elem, rows);
		break;
	case VS_FMT_NPY:
		image_npy(im, 1, descr, dim, n, elem, rows);
		break;
	default:
		image_bin(im, dim, n, elem, rows);
	}
}

void *pattern_make(size_t n, size_t elem, unsigned seed)
{
	uint8_t *p = malloc(n + 8);
	uint32_t x = seed * 2654435761u + 1;
	size_t i;

	assert_non_null(p);
	for (i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		p[i] = (uint8_t)(x >> 11);
		/* The exponent of a float of a usual size. */
		if (elem == 4 && i % 4 == 3)
			p[i] = (uint8_t)((p[i] & 0x80) | 0x3f);
	}
	return p;
}

int vecs_open1(struct vs_ctx *ctx, const char *path, enum vs_vecs_format format,
	       struct vs_vecs **v, struct vs_err *err)
{
	struct vs_vecs_options opt = { .format = format };

	memset(err, 0, sizeof(*err));
	return vs_vecs_open(ctx, &path, 1, &opt, v, err);
}

size_t count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}
