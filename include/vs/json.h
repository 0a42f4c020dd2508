/* json.h - writes JSON: nesting, commas and escapes in one place.
 *
 * A failure sticks: what follows it does nothing, and vs_json_done reports it,
 * so a caller checks once.
 */
#ifndef VS_JSON_H
#define VS_JSON_H

#include <stdbool.h>

#include "vs/buf.h"

#define VS_JSON_DEPTH_MAX 16

/* Begin with vs_json_init; the text grows in b. */
struct vs_json {
	struct vs_ctx *ctx;
	struct vs_buf *b;
	struct vs_err *err;
	int rc;
	unsigned depth;
	bool has_members[VS_JSON_DEPTH_MAX + 1]; /* a comma is due */
};

void vs_json_init(struct vs_json *j, struct vs_ctx *ctx, struct vs_buf *b,
		  struct vs_err *err);
/* Everywhere below: key is the member's name in an object, NULL in a list and
 * for the outermost value. */
void vs_json_open(struct vs_json *j, const char *key, char bracket);
/* bracket: '}' or ']' */
void vs_json_close(struct vs_json *j, char bracket);
/* s NULL: null.  What is no UTF-8 becomes U+FFFD, byte by byte: file names are
 * bytes, JSON is not. */
void vs_json_text(struct vs_json *j, const char *key, const char *s);
void vs_json_u64(struct vs_json *j, const char *key, uint64_t u);
/* What is not finite becomes null. */
void vs_json_f64(struct vs_json *j, const char *key, double d);
void vs_json_bool(struct vs_json *j, const char *key, bool is_true);
void vs_json_null(struct vs_json *j, const char *key);
/* Ends the text with a newline; 0, or the first failure. */
int vs_json_done(struct vs_json *j) VS_MUST_CHECK;

#endif
