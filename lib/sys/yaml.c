/* yaml.c - builds a tree from the events of libyaml, within limits.
 *
 * Only the event interface is used: yaml_parser_load would build aliases and
 * recurse.  The depth is checked at each event, because libyaml takes quadratic
 * time on nested brackets.  Questions to the tree are in yaml_get.c, writing in
 * yaml_put.c.
 */
#include "vs/yaml.h"

#include <stdbool.h>
#include <string.h>
#include <yaml.h>

#include "vs/mem.h"
#include "vs/num.h"

#define TEXT_BYTES_MAX ((size_t)16 << 20)
#define NODES_MAX ((size_t)4 << 20)
#define DEPTH_MAX 16
#define CHUNK_BYTES ((size_t)1 << 16)

/* Memory of nodes and texts is handed out from chunks. */
struct chunk {
	struct chunk *next;
	size_t used, cap;
	/* the bytes follow */
};

struct vs_yaml_doc {
	char *name;
	struct vs_yaml *root;
	struct chunk *chunks;
};

/* What the tree is made of; by_key serves the search for duplicates. */
struct node {
	struct vs_yaml pub;
	struct node *by_key;
};

/* A collection that is not yet closed. */
struct level {
	struct vs_yaml *node;
	struct vs_yaml **tail; /* where the next child is linked */
	const char *key;       /* of the next child, in a map; else NULL */
};

struct reader {
	struct vs_ctx *ctx;
	struct vs_yaml_doc *doc;
	struct vs_err *err;
	yaml_parser_t parser;
	struct level level[DEPTH_MAX];
	size_t depth;
	size_t n_nodes;
	size_t line; /* of the event, from 1 */
};

static void *take(struct reader *r, size_t n)
{
	struct chunk *c = r->doc->chunks;
	size_t cap;
	char *p;

	n = vs_round_up(n, sizeof(void *));
	if (c == NULL || c->cap - c->used < n) {
		cap = vs_max_size(n, CHUNK_BYTES);
		c = vs_alloc(r->ctx, sizeof(*c) + cap, 1, "YAML text", r->err);
		if (c == NULL)
			return NULL;
		c->next = r->doc->chunks;
		c->used = 0;
		c->cap = cap;
		r->doc->chunks = c;
	}
	p = (char *)(c + 1) + c->used;
	c->used += n;
	return p;
}

static char *take_text(struct reader *r, const void *text, size_t n)
{
	char *p = take(r, n + 1);

	if (p != NULL) {
		memcpy(p, text, n);
		p[n] = '\0';
	}
	return p;
}

static int refuse(struct reader *r, const char *found, const char *expected)
{
	return vs_fail(r->err, VS_EDATA, "%s:%zu: %s; expected %s",
		       r->doc->name, r->line, found, expected);
}

/* A new node as the next child of the innermost open collection. */
static struct vs_yaml *add_node(struct reader *r, enum vs_yaml_kind kind)
{
	struct level *l = r->depth > 0 ? &r->level[r->depth - 1] : NULL;
	struct node *node;

	if (r->n_nodes == NODES_MAX) {
		refuse(r, "more than 4194304 values", "fewer");
		return NULL;
	}
	node = take(r, sizeof(*node));
	if (node == NULL)
		return NULL;
	r->n_nodes++;
	memset(node, 0, sizeof(*node));
	node->pub.kind = kind;
	node->pub.line = r->line;
	if (l == NULL) {
		r->doc->root = &node->pub;
		return &node->pub;
	}
	node->pub.key = l->key;
	l->key = NULL;
	*l->tail = &node->pub;
	l->tail = &node->pub.next;
	l->node->n++;
	return &node->pub;
}

/* True when the next scalar is a key. */
static bool at_key(const struct reader *r)
{
	return r->depth > 0 &&
	       r->level[r->depth - 1].node->kind == VS_YAML_MAP &&
	       r->level[r->depth - 1].key == NULL;
}

static int on_scalar(struct reader *r, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;
	size_t n = e->data.scalar.length;
	struct vs_yaml *node;
	char *copy;

	if (memchr(text, '\0', n) != NULL)
		return refuse(r, "a text with a NUL", "none");
	if (at_key(r) && n == 0 &&
	    e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return refuse(r, "a value without a key", "key: value");
	copy = take_text(r, text, n);
	if (copy == NULL)
		return VS_ENOMEM;
	if (at_key(r)) {
		r->level[r->depth - 1].key = copy;
		return 0;
	}
	node = add_node(r, VS_YAML_SCALAR);
	if (node == NULL)
		return r->n_nodes == NODES_MAX ? VS_EDATA : VS_ENOMEM;
	node->text = copy;
	return 0;
}

static int on_open(struct reader *r, enum vs_yaml_kind kind)
{
	struct vs_yaml *node;

	if (at_key(r))
		return refuse(r, "a key that is a map or a list", "a text");
	if (r->depth == DEPTH_MAX)
		return refuse(r, "nesting deeper than 16", "less");
	node = add_node(r, kind);
	if (node == NULL)
		return r->n_nodes == NODES_MAX ? VS_EDATA : VS_ENOMEM;
	r->level[r->depth++] =
		(struct level){ .node = node, .tail = &node->child };
	return 0;
}

/* Takes n nodes off the list, linked through pub.next, and returns them linked
 * through by_key in the order of their keys; equal keys keep their order.
 * Neither memory nor a bad order of keys can spoil it. */
static struct node *sort_keys(struct vs_yaml **list, size_t n)
{
	struct node *a, *b, *first = NULL, **tail = &first;

	if (n == 1) {
		a = (struct node *)(void *)*list;
		*list = a->pub.next;
		a->by_key = NULL;
		return a;
	}
	a = sort_keys(list, n / 2);
	b = sort_keys(list, n - n / 2);
	while (a != NULL && b != NULL) {
		struct node **less =
			strcmp(b->pub.key, a->pub.key) < 0 ? &b : &a;

		*tail = *less;
		tail = &(*less)->by_key;
		*less = *tail;
	}
	*tail = a != NULL ? a : b;
	return first;
}

/* Refuses the first key of the map that stood there before. */
static int check_keys(struct reader *r, const struct vs_yaml *map)
{
	struct vs_yaml *list = map->child;
	const struct node *k, *bad = NULL;

	if (map->n < 2)
		return 0;
	for (k = sort_keys(&list, map->n); k->by_key != NULL; k = k->by_key)
		if (strcmp(k->pub.key, k->by_key->pub.key) == 0 &&
		    (bad == NULL || k->by_key->pub.line < bad->pub.line))
			bad = k->by_key;
	if (bad == NULL)
		return 0;
	return vs_fail(r->err, VS_EDATA,
		       "%s:%zu: key \"%s\" stands there twice; expected once",
		       r->doc->name, bad->pub.line, bad->pub.key);
}

static int on_close(struct reader *r)
{
	const struct vs_yaml *node = r->level[--r->depth].node;

	return node->kind == VS_YAML_MAP ? check_keys(r, node) : 0;
}

static int check_plain(struct reader *r, const void *anchor, const void *tag)
{
	if (anchor != NULL)
		return refuse(r, "an anchor", "none");
	if (tag != NULL)
		return refuse(r, "a tag", "none");
	return 0;
}

static int on_event(struct reader *r, const yaml_event_t *e)
{
	int rc;

	r->line = e->start_mark.line + 1;
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		return r->doc->root == NULL ?
			       0 :
			       refuse(r, "a second document", "one");
	case YAML_ALIAS_EVENT:
		return refuse(r, "an alias", "none");
	case YAML_SCALAR_EVENT:
		rc = check_plain(r, e->data.scalar.anchor, e->data.scalar.tag);
		return rc != 0 ? rc : on_scalar(r, e);
	case YAML_SEQUENCE_START_EVENT:
		rc = check_plain(r, e->data.sequence_start.anchor,
				 e->data.sequence_start.tag);
		return rc != 0 ? rc : on_open(r, VS_YAML_LIST);
	case YAML_MAPPING_START_EVENT:
		rc = check_plain(r, e->data.mapping_start.anchor,
				 e->data.mapping_start.tag);
		return rc != 0 ? rc : on_open(r, VS_YAML_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_close(r);
	default:
		return 0;
	}
}

static size_t line_at(const char *text, size_t offset)
{
	size_t i, line = 1;

	for (i = 0; i < offset; i++)
		line += text[i] == '\n';
	return line;
}

static int fail_parser(struct reader *r, const char *text, size_t n)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem != NULL ? p->problem : "unknown";

	if (p->error == YAML_MEMORY_ERROR)
		return vs_fail(r->err, VS_ENOMEM, "%s: no memory for YAML",
			       r->doc->name);
	r->line = p->problem_mark.line + 1;
	if (p->error == YAML_READER_ERROR)
		r->line = line_at(text, vs_min_size(p->problem_offset, n));
	return vs_fail(r->err, VS_EDATA, "%s:%zu: no valid YAML: %s",
		       r->doc->name, r->line, problem);
}

/* Before libyaml sees it: size, and directives, of which libyaml compares each
 * with all others. */
static int check_text(struct reader *r, const char *text, size_t n)
{
	const char *p = text, *end = text + n;

	if (n > TEXT_BYTES_MAX)
		return vs_fail(r->err, VS_EDATA,
			       "%s: %zu bytes of YAML; at most %zu are "
			       "accepted",
			       r->doc->name, n, TEXT_BYTES_MAX);
	for (r->line = 1; p < end; r->line++) {
		if (*p == '%')
			return refuse(r, "a line that begins with %", "none");
		p = memchr(p, '\n', (size_t)(end - p));
		if (p == NULL)
			break;
		p++;
	}
	return 0;
}

static int read_events(struct reader *r, const char *text, size_t n)
{
	yaml_event_t e;
	bool end = false;
	int rc = 0;

	if (!yaml_parser_initialize(&r->parser))
		return vs_fail(r->err, VS_ENOMEM, "%s: no memory for YAML",
			       r->doc->name);
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text,
				     n);
	while (rc == 0 && !end) {
		if (!yaml_parser_parse(&r->parser, &e)) {
			rc = fail_parser(r, text, n);
			break;
		}
		end = e.type == YAML_STREAM_END_EVENT;
		rc = on_event(r, &e);
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&r->parser);
	if (rc == 0 && r->doc->root == NULL)
		rc = vs_fail(r->err, VS_EDATA,
			     "%s: is empty; expected YAML text", r->doc->name);
	return rc;
}

int vs_yaml_parse(struct vs_ctx *ctx, const char *name, const char *text,
		  size_t n, struct vs_yaml_doc **out, struct vs_err *err)
{
	struct reader r = { .ctx = ctx, .err = err };
	int rc;

	*out = NULL;
	r.doc = vs_zalloc(ctx, 1, sizeof(*r.doc), "YAML text", err);
	if (r.doc == NULL)
		return VS_ENOMEM;
	r.doc->name = vs_strdup(ctx, name, err);
	if (n == 0)
		text = ""; /* libyaml asserts that there is one */
	rc = r.doc->name == NULL ? VS_ENOMEM : check_text(&r, text, n);
	if (rc == 0)
		rc = read_events(&r, text, n);
	if (rc != 0)
		vs_yaml_destroy(ctx, r.doc);
	else
		*out = r.doc;
	return rc;
}

const struct vs_yaml *vs_yaml_root(const struct vs_yaml_doc *doc)
{
	return doc->root;
}

const char *vs_yaml_name(const struct vs_yaml_doc *doc)
{
	return doc->name;
}

void vs_yaml_destroy(struct vs_ctx *ctx, struct vs_yaml_doc *doc)
{
	struct chunk *c, *next;

	if (doc == NULL)
		return;
	for (c = doc->chunks; c != NULL; c = next) {
		next = c->next;
		vs_free(ctx, c);
	}
	vs_free(ctx, doc->name);
	vs_free(ctx, doc);
}
