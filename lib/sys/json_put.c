/* json_put.c - writes JSON into a buffer (vs/json.h). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "vs/json.h"

void vs_json_init(struct vs_json *j, struct vs_ctx *ctx, struct vs_buf *b,
		  struct vs_err *err)
{
	memset(j, 0, sizeof(*j));
	j->ctx = ctx;
	j->b = b;
	j->err = err;
}

static void put(struct vs_json *j, const char *s, size_t n)
{
	if (j->rc == 0)
		j->rc = vs_buf_append(j->ctx, j->b, s, n, j->err);
}

/* Bytes of the UTF-8 sequence at s, 0 when there is none: overlong forms,
 * surrogates and what is over U+10FFFF are none. */
static size_t sequence(const unsigned char *s)
{
	size_t n, i;

	if (s[0] < 0x80)
		return 1;
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void put_char(struct vs_json *j, unsigned char c)
{
	char text[8];

	if (c == '"' || c == '\\')
		put(j, (char[]){ '\\', (char)c }, 2);
	else if (c == '\n')
		put(j, "\\n", 2);
	else if (c == '\t')
		put(j, "\\t", 2);
	else if (c < 0x20 || c == 0x7f)
		put(j, text, (size_t)snprintf(text, sizeof(text), "\\u%04x",
					      (unsigned)c));
	else
		put(j, (char[]){ (char)c }, 1);
}

static void put_string(struct vs_json *j, const char *s)
{
	size_t n;

	put(j, "\"", 1);
	for (; *s != '\0'; s += n) {
		n = sequence((const unsigned char *)s);
		if (n == 1) {
			put_char(j, (unsigned char)*s);
		} else if (n == 0) {
			put(j, "\xef\xbf\xbd", 3);
			n = 1;
		} else {
			put(j, s, n);
		}
	}
	put(j, "\"", 1);
}

/* A line for each member of the two outer levels, so that people can read it,
 * too. */
static void before(struct vs_json *j, const char *key)
{
	static const char tabs[] = "\t\t";

	if (j->has_members[j->depth])
		put(j, ",", 1);
	j->has_members[j->depth] = true;
	if (j->depth > 0 && j->depth <= 2) {
		put(j, "\n", 1);
		put(j, tabs, j->depth);
	} else if (j->depth > 2 && j->b->n > 0 && j->b->p[j->b->n - 1] == ',') {
		put(j, " ", 1);
	}
	if (key != NULL) {
		put_string(j, key);
		put(j, ": ", 2);
	}
}

void vs_json_open(struct vs_json *j, const char *key, char bracket)
{
	before(j, key);
	put(j, &bracket, 1);
	if (j->depth == VS_JSON_DEPTH_MAX) {
		if (j->rc == 0)
			j->rc = vs_fail(j->err, VS_EINTERNAL,
					"JSON nests deeper than %d",
					VS_JSON_DEPTH_MAX);
		return;
	}
	j->has_members[++j->depth] = false;
}

void vs_json_close(struct vs_json *j, char bracket)
{
	static const char tabs[] = "\t";

	if (j->depth > 0)
		j->depth--;
	if (j->depth < 2 && j->has_members[j->depth + 1]) {
		put(j, "\n", 1);
		put(j, tabs, j->depth);
	}
	put(j, &bracket, 1);
}

void vs_json_text(struct vs_json *j, const char *key, const char *s)
{
	if (s == NULL) {
		vs_json_null(j, key);
		return;
	}
	before(j, key);
	put_string(j, s);
}

void vs_json_u64(struct vs_json *j, const char *key, uint64_t u)
{
	char text[24];

	before(j, key);
	put(j, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, u));
}

void vs_json_f64(struct vs_json *j, const char *key, double d)
{
	char text[32];

	if (!isfinite(d)) {
		vs_json_null(j, key);
		return;
	}
	before(j, key);
	put(j, text, (size_t)snprintf(text, sizeof(text), "%.9g", d));
}

void vs_json_bool(struct vs_json *j, const char *key, bool is_true)
{
	before(j, key);
	put(j, is_true ? "true" : "false", is_true ? 4 : 5);
}

void vs_json_null(struct vs_json *j, const char *key)
{
	before(j, key);
	put(j, "null", 4);
}

int vs_json_done(struct vs_json *j)
{
	put(j, "\n", 1);
	return j->rc;
}
