/* yaml.h - a strict YAML subset: maps with text keys, lists, scalars.
 *
 * Refused: anchors, aliases, tags, directives (any line that begins with %),
 * several documents, none at all, duplicate keys, nesting over 16, more than
 * 16 MiB of text, more than 4 M nodes.  Errors name file and line.
 */
#ifndef VS_YAML_H
#define VS_YAML_H

#include "vs/buf.h"
#include "vs/ctx.h"

enum vs_yaml_kind { VS_YAML_SCALAR, VS_YAML_MAP, VS_YAML_LIST };

/* A node of the tree; children are linked through next, in file order. */
struct vs_yaml {
	enum vs_yaml_kind kind;
	const char *key;        /* in a map, else NULL */
	const char *text;       /* scalars */
	struct vs_yaml *child;  /* first child of a map or list */
	struct vs_yaml *next;
	size_t n;    /* children */
	size_t line; /* from 1 */
};

struct vs_yaml_doc; /* owns the nodes and their texts */

/* Parses text[0..n); name stands in messages. */
int vs_yaml_parse(struct vs_ctx *ctx, const char *name, const char *text,
		  size_t n, struct vs_yaml_doc **out,
		  struct vs_err *err) VS_MUST_CHECK;
const struct vs_yaml *vs_yaml_root(const struct vs_yaml_doc *doc);
/* The name given to vs_yaml_parse, for messages of callers. */
const char *vs_yaml_name(const struct vs_yaml_doc *doc);
void vs_yaml_destroy(struct vs_ctx *ctx, struct vs_yaml_doc *doc);

/* The child of a map, or NULL. */
const struct vs_yaml *vs_yaml_find(const struct vs_yaml *map, const char *key);

/* Required scalars of a map; VS_EDATA "NAME:LINE: ..." when missing or of
 * another form. */
int vs_yaml_text(const struct vs_yaml_doc *doc, const struct vs_yaml *map,
		 const char *key, const char **out,
		 struct vs_err *err) VS_MUST_CHECK;
int vs_yaml_u64(const struct vs_yaml_doc *doc, const struct vs_yaml *map,
		const char *key, uint64_t *out,
		struct vs_err *err) VS_MUST_CHECK;
int vs_yaml_f64(const struct vs_yaml_doc *doc, const struct vs_yaml *map,
		const char *key, double *out, struct vs_err *err) VS_MUST_CHECK;
/* VS_EDATA naming the first key of map that is not in the NULL-ended list. */
int vs_yaml_only(const struct vs_yaml_doc *doc, const struct vs_yaml *map,
		 const char *const *keys, struct vs_err *err) VS_MUST_CHECK;

/* Appends s as a scalar: plain where that reads back as the same text and
 * cannot be taken for a number, null or boolean of another reader unless it is
 * a number; else double-quoted.  VS_EDATA for what is no UTF-8.  A key must not
 * be longer than 1000 bytes. */
int vs_yaml_put(struct vs_ctx *ctx, struct vs_buf *b, const char *s,
		struct vs_err *err) VS_MUST_CHECK;

#endif
