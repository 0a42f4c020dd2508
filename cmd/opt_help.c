/* opt_help.c - the option part of --help, from the same tables as parsing. */
#include "opt.h"

#include <string.h>

#define HELP_COLUMN 26 /* where descriptions begin */
#define HELP_WIDTH 79

void vs_opt_put_wrapped(FILE *f, const char *s, int at)
{
	int col = at;

	while (*s != '\0') {
		int len = (int)strcspn(s, " ");

		if (col > at && col + 1 + len > HELP_WIDTH) {
			fprintf(f, "\n%*s", at, "");
			col = at;
		} else if (col > at) {
			putc(' ', f);
			col++;
		}
		fprintf(f, "%.*s", len, s);
		col += len;
		s += len;
		s += strspn(s, " ");
	}
	putc('\n', f);
}

/* "l2|ip", or what the table says. */
static void metavar_of(const struct vs_opt *row, char *text, size_t size)
{
	const struct vs_opt_word *w;
	size_t n = 0;

	text[0] = '\0';
	if (row->words == NULL) {
		snprintf(text, size, "%s",
			 row->metavar != NULL ? row->metavar : "");
		return;
	}
	for (w = row->words; w->word != NULL && n < size; w++)
		n += (size_t)snprintf(text + n, size - n, "%s%s",
				      w == row->words ? "" : "|", w->word);
}

static void put_row(const struct vs_opt *row, const char *value, FILE *f)
{
	char left[160], meta[96], text[VS_OPT_TEXT_MAX], right[512];
	const char *def = vs_opt_show(row, value, text);
	int n;

	metavar_of(row, meta, sizeof(meta));
	if (row->letter != 0 && row->name != NULL)
		n = snprintf(left, sizeof(left), "  -%c, --%s %s", row->letter,
			     row->name, meta);
	else if (row->letter != 0)
		n = snprintf(left, sizeof(left), "  -%c %s", row->letter, meta);
	else
		n = snprintf(left, sizeof(left), "      --%s %s", row->name,
			     meta);
	if (row->def_text != NULL)
		def = row->def_text;
	if (row->required)
		snprintf(right, sizeof(right), "%s (required)", row->help);
	else if (def != NULL)
		snprintf(right, sizeof(right), "%s [%s]", row->help, def);
	else
		snprintf(right, sizeof(right), "%s", row->help);
	if (n < HELP_COLUMN - 1)
		fprintf(f, "%-*s", HELP_COLUMN, left);
	else
		fprintf(f, "%s\n%*s", left, HELP_COLUMN, "");
	vs_opt_put_wrapped(f, right, HELP_COLUMN);
}

void vs_opt_help(const struct vs_opt_set *set, const void *args, FILE *f)
{
	const struct vs_opt_group *g;
	size_t i;

	for (g = set->groups; g < set->groups + set->n_groups; g++)
		for (i = 0; i < g->n; i++)
			put_row(&g->rows[i],
				(const char *)args + g->base + g->rows[i].at,
				f);
}
