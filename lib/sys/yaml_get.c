/* yaml_get.c - questions to a YAML tree, with errors that name file and line.
 */
#include <string.h>

#include "vs/num.h"
#include "vs/yaml.h"

const struct vs_yaml *vs_yaml_find(const struct vs_yaml *map, const char *key)
{
	const struct vs_yaml *c;

	if (map == NULL || map->kind != VS_YAML_MAP)
		return NULL;
	for (c = map->child; c != NULL; c = c->next)
		if (strcmp(c->key, key) == 0)
			return c;
	return NULL;
}

/* "a map" and so on, for messages. */
static const char *kind_text(const struct vs_yaml *node)
{
	switch (node->kind) {
	case VS_YAML_MAP:
		return "a map";
	case VS_YAML_LIST:
		return "a list";
	case VS_YAML_SCALAR:
		break;
	}
	return "a text";
}

static int need_map(const struct vs_yaml_doc *doc, const struct vs_yaml *map,
		    struct vs_err *err)
{
	if (map->kind == VS_YAML_MAP)
		return 0;
	return vs_fail(err, VS_EDATA, "%s:%zu: %s; expected a map",
		       vs_yaml_name(doc), map->line, kind_text(map));
}

static int need_scalar(const struct vs_yaml_doc *doc,
		       const struct vs_yaml *map, const char *key,
		       const struct vs_yaml **out, struct vs_err *err)
{
	const struct vs_yaml *c;
	int rc = need_map(doc, map, err);

	if (rc != 0)
		return rc;
	c = vs_yaml_find(map, key);
	if (c == NULL)
		return vs_fail(err, VS_EDATA,
			       "%s:%zu: key \"%s\" is missing in this map",
			       vs_yaml_name(doc), map->line, key);
	if (c->kind != VS_YAML_SCALAR)
		return vs_fail(err, VS_EDATA,
			       "%s:%zu: \"%s\" is %s; expected a text",
			       vs_yaml_name(doc), c->line, key, kind_text(c));
	*out = c;
	return 0;
}

static int fail_form(const struct vs_yaml_doc *doc, const struct vs_yaml *c,
		     const char *expected, struct vs_err *err)
{
	return vs_fail(err, VS_EDATA,
		       "%s:%zu: \"%s\" is \"%.80s\"; expected %s",
		       vs_yaml_name(doc), c->line, c->key, c->text, expected);
}

int vs_yaml_text(const struct vs_yaml_doc *doc, const struct vs_yaml *map,
		 const char *key, const char **out, struct vs_err *err)
{
	const struct vs_yaml *c;
	int rc = need_scalar(doc, map, key, &c, err);

	if (rc == 0)
		*out = c->text;
	return rc;
}

int vs_yaml_u64(const struct vs_yaml_doc *doc, const struct vs_yaml *map,
		const char *key, uint64_t *out, struct vs_err *err)
{
	const struct vs_yaml *c;
	int rc = need_scalar(doc, map, key, &c, err);

	if (rc == 0 && !vs_parse_u64(c->text, out))
		rc = fail_form(doc, c, "a whole number from 0 to 2^64 - 1",
			       err);
	return rc;
}

int vs_yaml_f64(const struct vs_yaml_doc *doc, const struct vs_yaml *map,
		const char *key, double *out, struct vs_err *err)
{
	const struct vs_yaml *c;
	int rc = need_scalar(doc, map, key, &c, err);

	if (rc == 0 && !vs_parse_f64(c->text, out))
		rc = fail_form(doc, c, "a finite number", err);
	return rc;
}

int vs_yaml_only(const struct vs_yaml_doc *doc, const struct vs_yaml *map,
		 const char *const *keys, struct vs_err *err)
{
	const struct vs_yaml *c;
	int rc = need_map(doc, map, err);
	size_t i;

	for (c = map->child; rc == 0 && c != NULL; c = c->next) {
		for (i = 0; keys[i] != NULL; i++)
			if (strcmp(c->key, keys[i]) == 0)
				break;
		if (keys[i] == NULL)
			rc = vs_fail(err, VS_EDATA,
				     "%s:%zu: key \"%s\" is not known here; "
				     "remove it or use a newer version",
				     vs_yaml_name(doc), c->line, c->key);
	}
	return rc;
}
