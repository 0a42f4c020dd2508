/* ids_text.c - numbers in a text, one a line, "\n" or "\r\n" behind each.
 *
 * One pass counts the lines and remembers where every 65536th begins; from
 * there any line is near.
 */
#include "ids_text.h"

#include <string.h>

#include "vs/ids.h"
#include "vs/mem.h"
#include "vs/num.h"

#define BUF_BYTES ((size_t)1 << 18)
#define LINE_MAX_BYTES 64 /* 20 digits and leading zeros */
#define MARK_LINES 65536u

static int fill(struct vs_ctx *ctx, struct vs_ids_text *t, struct vs_err *err)
{
	size_t left = t->have - t->at, n;
	int rc;

	n = (size_t)vs_min_u64(BUF_BYTES - left,
			       vs_file_size(t->file) - t->offset);
	memmove(t->buf, t->buf + t->at, left);
	t->at = 0;
	t->have = left;
	rc = vs_file_pread(ctx, t->file, t->buf + left, n, t->offset, err);
	if (rc != 0)
		return rc;
	t->have += n;
	t->offset += n;
	return 0;
}

static int refuse(const struct vs_ids_text *t, const uint8_t *line, size_t n,
		  struct vs_err *err)
{
	char shown[24];
	size_t i;

	for (i = 0; i < n && i < sizeof(shown) - 1; i++)
		shown[i] = line[i] >= ' ' && line[i] < 0x7f ? (char)line[i] :
							      '?';
	shown[i] = '\0';
	return vs_fail(err, VS_EDATA,
		       "%s: line %llu (counted from 1) is '%s%s'; expected an "
		       "id, a whole number from 0 to 2^64 - 2",
		       vs_file_path(t->file), (unsigned long long)t->line + 1,
		       shown, n > i ? "..." : "");
}

/* The number of the next line; *got is false at the end. */
static int next(struct vs_ctx *ctx, struct vs_ids_text *t, uint64_t *id,
		bool *got, struct vs_err *err)
{
	const uint8_t *line, *end;
	size_t n, digits;
	int rc = 0;

	if (t->have - t->at < LINE_MAX_BYTES &&
	    t->offset < vs_file_size(t->file))
		rc = fill(ctx, t, err);
	if (rc != 0)
		return rc;
	line = t->buf + t->at;
	n = vs_min_size(t->have - t->at, LINE_MAX_BYTES);
	*got = n > 0;
	if (n == 0)
		return 0;
	end = memchr(line, '\n', n);
	digits = end != NULL ? (size_t)(end - line) : n;
	if (digits > 0 && line[digits - 1] == '\r')
		digits--;
	/* No end in sight: a number does not go on for so long. */
	if ((end == NULL && n < t->have - t->at) ||
	    !vs_parse_u64_n((const char *)line, digits, id) || *id > VS_ID_MAX)
		return refuse(t, line, digits, err);
	t->at += end != NULL ? (size_t)(end - line) + 1 : n;
	t->line++;
	return 0;
}

static int add_mark(struct vs_ctx *ctx, struct vs_ids_text *t,
		    struct vs_err *err)
{
	size_t most = 2 * t->marks_max + 16;
	int rc = 0;

	if (t->n_marks == t->marks_max) {
		rc = vs_resize(ctx, (void **)&t->mark, most, sizeof(*t->mark),
			       "places of ids", err);
		if (rc != 0)
			return rc;
		t->marks_max = most;
	}
	t->mark[t->n_marks++] = t->offset - (t->have - t->at);
	return 0;
}

int vs_ids_text_open(struct vs_ctx *ctx, struct vs_ids_text *t,
		     struct vs_file *file, struct vs_err *err)
{
	bool got = true;
	uint64_t id;
	int rc = 0;

	memset(t, 0, sizeof(*t));
	t->file = file;
	t->buf = vs_alloc(ctx, BUF_BYTES, 1, "ids", err);
	if (t->buf == NULL)
		return VS_ENOMEM;
	while (rc == 0 && got) {
		if (t->line % MARK_LINES == 0) {
			if (vs_ctx_stopping(ctx))
				return vs_fail(err, VS_EAGAIN,
					       "%s: stopped while reading ids; "
					       "run again",
					       vs_file_path(file));
			rc = add_mark(ctx, t, err);
		}
		if (rc == 0)
			rc = next(ctx, t, &id, &got, err);
	}
	t->n_lines = t->line;
	return rc;
}

static int fail_changed(const struct vs_ids_text *t, struct vs_err *err)
{
	return vs_fail(err, VS_EDATA,
		       "%s: ends at line %llu of %llu; it changed while it "
		       "was read; run again",
		       vs_file_path(t->file), (unsigned long long)t->line,
		       (unsigned long long)t->n_lines);
}

static int seek(struct vs_ctx *ctx, struct vs_ids_text *t, uint64_t line,
		struct vs_err *err)
{
	bool got;
	uint64_t id;
	int rc = 0;

	/* On from here, unless a mark is nearer. */
	if (line < t->line || line / MARK_LINES > t->line / MARK_LINES) {
		t->offset = t->mark[line / MARK_LINES];
		t->line = line / MARK_LINES * MARK_LINES;
		t->at = t->have = 0;
	}
	while (rc == 0 && t->line < line) {
		rc = next(ctx, t, &id, &got, err);
		if (rc == 0 && !got)
			rc = fail_changed(t, err);
	}
	return rc;
}

int vs_ids_text_read(struct vs_ctx *ctx, struct vs_ids_text *t, uint64_t first,
		     size_t n, uint64_t *out, struct vs_err *err)
{
	bool got = true;
	size_t i;
	int rc = seek(ctx, t, first, err);

	for (i = 0; rc == 0 && i < n; i++) {
		rc = next(ctx, t, &out[i], &got, err);
		if (rc == 0 && !got)
			rc = fail_changed(t, err);
	}
	return rc;
}

void vs_ids_text_close(struct vs_ctx *ctx, struct vs_ids_text *t)
{
	vs_free(ctx, t->buf);
	vs_free(ctx, t->mark);
}
