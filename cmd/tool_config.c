/* tool_config.c - --config: options from a YAML file.
 *
 * One file serves a pipeline: keys are the long names of options and hold for
 * every command that is given the file; a key such as "vs-train" or "vs-eval
 * truth" holds a map for that command alone, which wins.  The file is read by
 * the option tables, so it can say what a command line can say, and is refused
 * for what a command line is refused for.
 */
#include "tool_int.h"

#include <string.h>

#include "vs/file.h"
#include "vs/mem.h"

#define CONFIG_MAX (1u << 20)

/* What reading needs of its surroundings. */
struct reader {
	struct vs_tool_config *c;
	const struct vs_opt_set *set;
	char *args;
	struct vs_err *err;
};

/* Whether a key is the name of a command, of whatever tool: a map for what is
 * no command would be ignored. */
static bool is_command(const char *key)
{
	static const char *const commands[] = {
		"vs-train",        "vs-build",        "vs-shard create",
		"vs-shard split",  "vs-shard status", "vs-shard verify",
		"vs-query",        "vs-merge",        "vs-eval truth",
		"vs-eval recall"
	};
	size_t i;

	for (i = 0; i < VS_COUNT(commands); i++)
		if (strcmp(commands[i], key) == 0)
			return true;
	return false;
}

static int bad(struct reader *r, const struct vs_yaml *node, const char *what)
{
	return vs_fail(r->err, VS_EUSAGE, "%s:%zu: %s: %s",
		       vs_yaml_name(r->c->doc), node->line, node->key, what);
}

static int unknown(struct reader *r, const struct vs_yaml *node)
{
	const char *near = vs_opt_nearest_name(r->set, node->key);
	char what[128];

	if (near == NULL)
		return bad(r, node, "no such option; --help lists the options");
	snprintf(what, sizeof(what), "no such option; did you mean %s?", near);
	return bad(r, node, what);
}

static int take_operands(struct reader *r, const struct vs_yaml *node)
{
	struct vs_tool_config *c = r->c;
	const struct vs_yaml *n;

	if (node->kind != VS_YAML_LIST)
		return bad(r, node, "expected a list of files");
	vs_free(c->ctx, c->operands);
	c->n_operands = 0;
	c->operands = vs_alloc(c->ctx, node->n, sizeof(*c->operands),
			       "operands", r->err);
	if (c->operands == NULL)
		return VS_ENOMEM;
	for (n = node->child; n != NULL; n = n->next) {
		if (n->kind != VS_YAML_SCALAR)
			return bad(r, node, "expected a list of files");
		c->operands[c->n_operands++] = n->text;
	}
	return 0;
}

/* "true" or "false": what a command line says by naming a flag or not. */
static int take_flag(struct reader *r, const struct vs_yaml *node, void *value)
{
	bool is_true = strcmp(node->text, "true") == 0;

	if (!is_true && strcmp(node->text, "false") != 0)
		return bad(r, node, "expected true or false");
	memcpy(value, &is_true, sizeof(is_true));
	return 0;
}

static int take(struct reader *r, const struct vs_yaml *node)
{
	const struct vs_opt *row;
	struct vs_err why = { 0 };
	size_t base;

	if (strcmp(node->key, "operands") == 0)
		return take_operands(r, node);
	row = vs_opt_find(r->set, node->key, &base);
	if (row == NULL)
		return unknown(r, node);
	if (row->kind == VS_OPT_HELP || row->kind == VS_OPT_VERSION ||
	    row->kind == VS_OPT_COMPLETION || strcmp(node->key, "config") == 0)
		return bad(r, node, "goes on the command line only");
	if (node->kind != VS_YAML_SCALAR)
		return bad(r, node, "expected one value");
	/* What a program writes for a value that is not set. */
	if (strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0)
		return bad(r, node, "has no value; leave the key out");
	if (row->kind == VS_OPT_FLAG)
		return take_flag(r, node, r->args + base + row->at);
	if (vs_opt_set_value(row, node->text, r->args + base + row->at,
			     &why) != 0)
		return vs_fail(r->err, why.code, "%s:%zu: %s",
			       vs_yaml_name(r->c->doc), node->line, why.msg);
	if (row->given != 0)
		memcpy(r->args + base + row->given, &(bool){ true },
		       sizeof(bool));
	return 0;
}

static int take_map(struct reader *r, const struct vs_yaml *map, bool outer)
{
	const struct vs_yaml *n;
	int rc = 0;

	for (n = map->child; rc == 0 && n != NULL; n = n->next) {
		if (!outer || strncmp(n->key, "vs-", 3) != 0)
			rc = take(r, n);
		else if (!is_command(n->key))
			rc = bad(r, n, "no such command; expected vs-train, "
				       "vs-build, vs-query, vs-merge, or "
				       "vs-shard or vs-eval and a command of "
				       "it, such as \"vs-eval truth\"");
		else if (n->kind != VS_YAML_MAP)
			rc = bad(r, n, "expected a map of options");
	}
	return rc;
}

int vs_tool_config_take(struct vs_tool_config *c, const char *file,
			const char *tool, const struct vs_command *command,
			void *args, struct vs_err *err)
{
	struct reader r = { c, &command->options, args, err };
	const struct vs_yaml *own;
	char name[64];
	int rc = vs_yaml_parse(c->ctx, file, c->text.p, c->text.n, &c->doc,
			       err);

	if (rc == 0 && vs_yaml_root(c->doc)->kind != VS_YAML_MAP)
		rc = vs_fail(err, VS_EUSAGE,
			     "%s: expected a map of options, such as "
			     "\"threads: 8\"",
			     file);
	if (rc == 0)
		rc = take_map(&r, vs_yaml_root(c->doc), true);
	if (rc != 0)
		return rc;
	snprintf(name, sizeof(name), "%s%s%s", tool,
		 command->name == NULL ? "" : " ",
		 command->name == NULL ? "" : command->name);
	own = vs_yaml_find(vs_yaml_root(c->doc), name);
	return own == NULL ? 0 : take_map(&r, own, false);
}

int vs_tool_config_read(struct vs_tool_config *c, const char *file,
			const char *tool, const struct vs_command *command,
			void *args, struct vs_err *err)
{
	int rc = vs_file_slurp(c->ctx, file, CONFIG_MAX, &c->text, err);

	return rc != 0 ? rc :
			 vs_tool_config_take(c, file, tool, command, args, err);
}

void vs_tool_config_free(struct vs_tool_config *c)
{
	vs_free(c->ctx, c->operands);
	vs_yaml_destroy(c->ctx, c->doc);
	vs_buf_free(c->ctx, &c->text);
}
