/* tool_complete.c - completion scripts for shells, from the option tables. */
#include "tool_int.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The rows of a command, in order. */
struct walk {
	const struct vs_opt_set *set;
	size_t g;
	size_t i;
};

static const struct vs_opt *next_row(struct walk *w)
{
	while (w->g < w->set->n_groups && w->i == w->set->groups[w->g].n) {
		w->g++;
		w->i = 0;
	}
	if (w->g == w->set->n_groups)
		return NULL;
	return &w->set->groups[w->g].rows[w->i++];
}

/* "_vs_query": a name for a function of the shell. */
static void put_function(const struct vs_tool *tool)
{
	const char *s;

	putchar('_');
	for (s = tool->name; *s != '\0'; s++)
		putchar(isalnum((unsigned char)*s) ? *s : '_');
}

static void put_names(const struct vs_opt *row, const char *between)
{
	if (row->letter != 0)
		printf("-%c", row->letter);
	if (row->letter != 0 && row->name != NULL)
		fputs(between, stdout);
	if (row->name != NULL)
		printf("--%s", row->name);
}

static void put_words(const struct vs_opt *row)
{
	const struct vs_opt_word *w;

	for (w = row->words; w->word != NULL; w++)
		printf("%s%s", w == row->words ? "" : " ", w->word);
}

/* A case of the option before the cursor: the words it takes, or nothing to
 * propose for a number. */
static void bash_values(const struct vs_command *c)
{
	struct walk w = { .set = &c->options };
	const struct vs_opt *row;

	while ((row = next_row(&w)) != NULL) {
		if (row->words != NULL) {
			fputs("\t\t", stdout);
			put_names(row, "|");
			fputs(") words=\"", stdout);
			put_words(row);
			fputs("\" ;;\n", stdout);
		} else if (row->metavar != NULL && row->kind != VS_OPT_TEXT) {
			fputs("\t\t", stdout);
			put_names(row, "|");
			fputs(") return ;;\n", stdout);
		} else if (row->metavar != NULL) {
			fputs("\t\t", stdout);
			put_names(row, "|");
			fputs(") files=1 ;;\n", stdout);
		}
	}
}

static void bash_command(const struct vs_command *c)
{
	struct walk w = { .set = &c->options };
	const struct vs_opt *row;

	printf("\t%s)\n\t\toptions=\"", c->name == NULL ? "*" : c->name);
	while ((row = next_row(&w)) != NULL) {
		put_names(row, " ");
		putchar(' ');
	}
	fputs("\"\n\t\tcase $prev in\n", stdout);
	bash_values(c);
	fputs("\t\tesac ;;\n", stdout);
}

static void bash(const struct vs_tool *tool)
{
	const struct vs_command *c;

	printf("# bash completion of %s, made by %s --completion bash\n",
	       tool->name, tool->name);
	put_function(tool);
	fputs("()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev= options= words=\n"
	      "\tlocal files=\n\tlocal IFS=$' \\t\\n'\n"
	      "\t[ \"$COMP_CWORD\" -gt 0 ] &&\n"
	      "\t\tprev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tCOMPREPLY=()\n"
	      /* --name=VALUE comes as three words. */
	      "\tif [ \"$cur\" = = ]; then\n\t\tcur=\n"
	      "\telif [ \"$prev\" = = ]; then\n"
	      "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n\tfi\n",
	      stdout);
	if (tool->commands[0].name != NULL) {
		fputs("\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\twords=\"",
		      stdout);
		for (c = tool->commands; c < tool->commands + tool->n_commands;
		     c++)
			printf("%s ", c->name);
		fputs("--help --version --completion\"\n\tfi\n", stdout);
	}
	fputs("\tcase ${COMP_WORDS[1]} in\n", stdout);
	if (tool->commands[0].name != NULL)
		fputs("\t--completion)\n\t\twords=\"bash zsh\" ;;\n", stdout);
	for (c = tool->commands; c < tool->commands + tool->n_commands; c++)
		bash_command(c);
	fputs("\tesac\n"
	      "\tif [ -z \"$words$files\" ] && [[ $cur == -* ]]; then\n"
	      "\t\twords=$options\n\tfi\n"
	      "\tif [ -n \"$words\" ]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	      "\t\treturn\n\tfi\n"
	      "\tcompopt -o filenames 2>/dev/null\n"
	      /* Names may hold blanks and stars. */
	      "\twhile IFS= read -r cur; do\n"
	      "\t\tCOMPREPLY+=(\"$cur\")\n"
	      "\tdone < <(compgen -f -- \"$cur\")\n}\ncomplete -F ",
	      stdout);
	put_function(tool);
	printf(" %s\n", tool->name);
}

/* Help as the text of a zsh specification: its brackets and colons escaped. */
static void zsh_text(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\'') {
			fputs("'\\''", stdout);
			continue;
		}
		if (strchr("[]:\\", *s) != NULL)
			putchar('\\');
		putchar(*s);
	}
}

static void zsh_spec(const struct vs_opt *row, bool is_long)
{
	fputs("\t\t'", stdout);
	/* "=" and "+": the value may be of the same word, or the next. */
	if (is_long)
		printf("--%s%s", row->name, row->metavar != NULL ? "=" : "");
	else
		printf("-%c%s", row->letter, row->metavar != NULL ? "+" : "");
	putchar('[');
	zsh_text(row->help);
	putchar(']');
	if (row->metavar != NULL) {
		putchar(':');
		zsh_text(row->metavar);
		putchar(':');
	}
	if (row->words != NULL) {
		putchar('(');
		put_words(row);
		putchar(')');
	} else if (row->kind == VS_OPT_TEXT) {
		fputs("_files", stdout);
	}
	fputs("' \\\n", stdout);
}

static void zsh_command(const struct vs_command *c)
{
	struct walk w = { .set = &c->options };
	const struct vs_opt *row;

	printf("\t%s)\n\t\t_arguments -s -S \\\n",
	       c->name == NULL ? "*" : c->name);
	while ((row = next_row(&w)) != NULL) {
		if (row->letter != 0)
			zsh_spec(row, false);
		if (row->name != NULL)
			zsh_spec(row, true);
	}
	fputs("\t\t'*:file:_files' ;;\n", stdout);
}

static void zsh(const struct vs_tool *tool)
{
	const struct vs_command *c;

	printf("#compdef %s\n# made by %s --completion zsh\n", tool->name,
	       tool->name);
	if (tool->commands[0].name != NULL) {
		fputs("if (( CURRENT == 2 )); then\n\tcompadd", stdout);
		for (c = tool->commands; c < tool->commands + tool->n_commands;
		     c++)
			printf(" %s", c->name);
		fputs("\n\treturn\nfi\nshift words; (( CURRENT-- ))\n"
		      "case $words[1] in\n",
		      stdout);
	} else {
		fputs("case x in\n", stdout);
	}
	for (c = tool->commands; c < tool->commands + tool->n_commands; c++)
		zsh_command(c);
	fputs("esac\n", stdout);
}

void vs_tool_complete(const struct vs_tool *tool, const char *shell)
{
	if (strcmp(shell, "zsh") == 0)
		zsh(tool);
	else
		bash(tool);
}
