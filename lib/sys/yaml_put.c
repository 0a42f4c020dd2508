/* yaml_put.c - writes a text as a YAML scalar that every reader takes alike.
 */
#include <stdbool.h>
#include <string.h>

#include "vs/yaml.h"

#define DIGITS "0123456789"

/* A number as JSON spells it: all readers agree on these, and on no others
 * (012, 1_000, 1:30, 0x1f, .5). */
static bool is_number(const char *s)
{
	size_t n;

	s += *s == '-';
	n = strspn(s, DIGITS);
	if (n == 0 || (n > 1 && *s == '0'))
		return false;
	s += n;
	if (*s == '.') {
		n = strspn(++s, DIGITS);
		if (n == 0)
			return false;
		s += n;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '+' || *s == '-';
		n = strspn(s, DIGITS);
		if (n == 0)
			return false;
		s += n;
	}
	return *s == '\0';
}

/* Words that YAML 1.1 or 1.2 readers take for null or a boolean, in any case
 * of letters. */
static bool is_special(const char *s)
{
	static const char *const words[] = { "null", "true", "false", "yes",
					     "no",   "on",   "off",   "y",
					     "n",    "nan",  "inf" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(s, words[i]) == 0)
			return true;
	return false;
}

static bool is_plain(const char *s)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_/";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS
				   "_/.+-=@";

	if (*s == '\0')
		return false;
	if (is_number(s))
		return true;
	return strchr(first, *s) != NULL && s[strspn(s, rest)] == '\0' &&
	       !is_special(s);
}

/* The code point at s and its length; 0 for what is no UTF-8 (overlong forms,
 * surrogates and values over 10FFFF included). */
static size_t get_utf8(const char *s, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s;
	uint32_t c = p[0];
	size_t n, i;

	n = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 :
	    c < 0xf8 ? 4 : 0;
	if (n > 1)
		c &= 0x7fu >> n;
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (n == 0 || c < least[n] || (c >= 0xd800 && c < 0xe000) ||
	    c > 0x10ffff)
		return 0;
	*out = c;
	return n;
}

/* True when the code point stands for itself between double quotes: printable
 * in YAML 1.1, no line break, no byte order mark. */
static bool is_quotable(uint32_t c)
{
	if (c == '"' || c == '\\' || c == 0x2028 || c == 0x2029 ||
	    c == 0xfeff)
		return false;
	return (c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c < 0xfffe) ||
	       c >= 0x10000;
}

static int put_escape(struct vs_ctx *ctx, struct vs_buf *b, uint32_t c,
		      struct vs_err *err)
{
	switch (c) {
	case '"':
		return vs_buf_append(ctx, b, "\\\"", 2, err);
	case '\\':
		return vs_buf_append(ctx, b, "\\\\", 2, err);
	case '\n':
		return vs_buf_append(ctx, b, "\\n", 2, err);
	case '\t':
		return vs_buf_append(ctx, b, "\\t", 2, err);
	default:
		return vs_buf_printf(ctx, b, err,
				     c < 0x100 ? "\\x%02X" : "\\u%04X", c);
	}
}

static int put_quoted(struct vs_ctx *ctx, struct vs_buf *b, const char *s,
		      struct vs_err *err)
{
	uint32_t c = 0;
	size_t n;
	int rc = vs_buf_append(ctx, b, "\"", 1, err);

	for (; rc == 0 && *s != '\0'; s += n) {
		n = get_utf8(s, &c);
		if (n == 0)
			return vs_fail(err, VS_EDATA,
				       "text \"%.80s\": byte %02x is no UTF-8; "
				       "YAML can hold nothing else",
				       s, (unsigned)(unsigned char)*s);
		rc = is_quotable(c) ? vs_buf_append(ctx, b, s, n, err) :
				      put_escape(ctx, b, c, err);
	}
	return rc != 0 ? rc : vs_buf_append(ctx, b, "\"", 1, err);
}

int vs_yaml_put(struct vs_ctx *ctx, struct vs_buf *b, const char *s,
		struct vs_err *err)
{
	size_t n = b->n;
	int rc;

	if (is_plain(s))
		return vs_buf_append(ctx, b, s, strlen(s), err);
	rc = put_quoted(ctx, b, s, err);
	if (rc != 0 && b->p != NULL) {
		b->n = n;
		b->p[n] = '\0';
	}
	return rc;
}
