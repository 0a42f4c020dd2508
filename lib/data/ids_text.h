/* ids_text.h - for ids.c: a text of one number a line, read from any line. */
#ifndef VS_IDS_TEXT_H
#define VS_IDS_TEXT_H

#include "vs/ctx.h"
#include "vs/file.h"

struct vs_ids_text {
	struct vs_file *file; /* borrowed */
	uint8_t *buf;
	size_t at, have;  /* what of buf is still to be parsed */
	uint64_t offset;  /* in the file, of the byte after buf */
	uint64_t line;    /* that comes next, counted from 0 */
	uint64_t n_lines; /* in all */
	uint64_t *mark;   /* offset of every so many lines */
	size_t n_marks, marks_max;
};

/* Checks and counts all lines. */
int vs_ids_text_open(struct vs_ctx *ctx, struct vs_ids_text *t,
		     struct vs_file *file, struct vs_err *err) VS_MUST_CHECK;
/* Numbers of lines first..first+n-1, which exist. */
int vs_ids_text_read(struct vs_ctx *ctx, struct vs_ids_text *t, uint64_t first,
		     size_t n, uint64_t *out, struct vs_err *err) VS_MUST_CHECK;
void vs_ids_text_close(struct vs_ctx *ctx, struct vs_ids_text *t);

#endif
