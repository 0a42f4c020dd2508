/* opt.c - argv against the option tables.
 *
 * Values are parsed in opt_value.c, help is printed in opt_help.c.
 */
#include "opt.h"

#include <string.h>

/* What one pass over argv needs. */
struct parser {
	const struct vs_opt_set *set;
	char *args; /* the struct of arguments */
	char **argv;
	int argc;
	int i; /* argument at hand */
	struct vs_err *err;
};

/* The i-th row over all groups, or NULL after the last. */
static const struct vs_opt *row_at(const struct vs_opt_set *set, size_t i,
				   size_t *base)
{
	size_t g;

	for (g = 0; g < set->n_groups; g++) {
		if (i < set->groups[g].n) {
			*base = set->groups[g].base;
			return &set->groups[g].rows[i];
		}
		i -= set->groups[g].n;
	}
	return NULL;
}

static const char *next_name(const void *arg, size_t i)
{
	const struct vs_opt *row;
	size_t base;

	row = row_at(arg, i, &base);
	if (row == NULL)
		return NULL;
	/* A name that nothing is near to. */
	return row->name != NULL ? row->name : "";
}

static bool has_value(const struct vs_opt *row)
{
	return row->metavar != NULL;
}

/* Stores the value of a row; value is NULL for flags. */
static int take(struct parser *p, const struct vs_opt *row, size_t base,
		const char *value)
{
	int rc;

	if (row->kind == VS_OPT_HELP)
		return VS_OPT_DID_HELP;
	if (row->kind == VS_OPT_VERSION)
		return VS_OPT_DID_VERSION;
	rc = vs_opt_set_value(row, value, p->args + base + row->at, p->err);
	if (rc == 0 && row->kind == VS_OPT_COMPLETION)
		return VS_OPT_DID_COMPLETION;
	if (rc == 0 && row->given != 0)
		memcpy(p->args + base + row->given, &(bool){ true },
		       sizeof(bool));
	return rc;
}

/* The value of a row that takes one: rest of the argument, or the next. */
static int value_of(struct parser *p, const struct vs_opt *row,
		    const char *rest, const char **value)
{
	char name[VS_OPT_NAME_MAX];

	if (rest == NULL && p->i + 1 < p->argc)
		rest = p->argv[++p->i];
	if (rest == NULL)
		return vs_fail(p->err, VS_EUSAGE, "%s needs a value: %s",
			       vs_opt_name(row, name), row->metavar);
	*value = rest;
	return 0;
}

static int unknown(struct parser *p, const char *typed)
{
	const struct vs_opt_hint *hint;
	const char *near = NULL;

	for (hint = p->set->hints; hint != NULL && hint->typed != NULL; hint++)
		if (strcmp(hint->typed, typed) == 0)
			return vs_fail(p->err, VS_EUSAGE,
				       "unknown option %s; did you mean %s?",
				       typed, hint->use);
	if (typed[1] == '-')
		near = vs_opt_nearest(typed + 2, next_name, p->set);
	if (near != NULL)
		return vs_fail(p->err, VS_EUSAGE,
			       "unknown option %s; did you mean --%s?", typed,
			       near);
	return vs_fail(p->err, VS_EUSAGE,
		       "unknown option %s; --help lists the options", typed);
}

/* The row of a long name of len bytes, or NULL. */
static const struct vs_opt *find_long(const struct vs_opt_set *set,
				      const char *name, size_t len,
				      size_t *base)
{
	const struct vs_opt *row;
	size_t i;

	for (i = 0; (row = row_at(set, i, base)) != NULL; i++)
		if (row->name != NULL && strlen(row->name) == len &&
		    memcmp(row->name, name, len) == 0)
			break;
	return row;
}

/* --name, --name VALUE, --name=VALUE */
static int parse_long(struct parser *p)
{
	const char *name = p->argv[p->i] + 2, *value = NULL;
	const char *eq = strchr(name, '=');
	size_t len = eq == NULL ? strlen(name) : (size_t)(eq - name);
	size_t base;
	const struct vs_opt *row = find_long(p->set, name, len, &base);
	char typed[VS_OPT_NAME_MAX];
	int rc;

	if (row == NULL) {
		snprintf(typed, sizeof(typed), "--%.*s", (int)len, name);
		return unknown(p, typed);
	}
	if (!has_value(row) && eq != NULL)
		return vs_fail(p->err, VS_EUSAGE, "--%s takes no value",
			       row->name);
	if (has_value(row)) {
		rc = value_of(p, row, eq == NULL ? NULL : eq + 1, &value);
		if (rc != 0)
			return rc;
	}
	return take(p, row, base, value);
}

/* -k10, -k 10, -qv, -qk10 */
static int parse_letters(struct parser *p)
{
	const char *s = p->argv[p->i] + 1;
	const struct vs_opt *row;
	const char *value = NULL;
	size_t base, i;
	int rc;

	/* -output=x would write to the file "utput=x". */
	if (s[1] != '\0' && find_long(p->set, s, strcspn(s, "="), &base))
		return vs_fail(p->err, VS_EUSAGE,
			       "-%s: long options begin with two dashes; did "
			       "you mean --%s?",
			       s, s);
	for (; *s != '\0'; s++) {
		for (i = 0; (row = row_at(p->set, i, &base)) != NULL; i++)
			if (row->letter == *s)
				break;
		/* A byte of a letter that is longer is none to show. */
		if (row == NULL)
			return unknown(p, (*s & 0x80) != 0 ?
						  p->argv[p->i] :
						  (char[]){ '-', *s, '\0' });
		if (!has_value(row)) {
			rc = take(p, row, base, NULL);
			if (rc != 0)
				return rc;
			continue;
		}
		rc = value_of(p, row, s[1] != '\0' ? s + 1 : NULL, &value);
		if (rc != 0)
			return rc;
		return take(p, row, base, value);
	}
	return 0;
}

/* True when nothing but the default stands in a row that must be given. */
static bool is_missing(const struct vs_opt *row, const char *value)
{
	static const char zero[sizeof(uint64_t)];
	size_t n = row->kind == VS_OPT_U32 ? sizeof(uint32_t) : sizeof(zero);

	return row->required && memcmp(value, zero, n) == 0;
}

int vs_opt_check(const struct vs_opt_set *set, char *const *operands,
		 int n_operands, const void *args, struct vs_err *err)
{
	const struct vs_opt *row;
	char name[VS_OPT_NAME_MAX];
	size_t base, i;

	for (i = 0; (row = row_at(set, i, &base)) != NULL; i++) {
		if (!is_missing(row, (const char *)args + base + row->at))
			continue;
		if (row->letter != 0)
			snprintf(name, sizeof(name), "-%c", row->letter);
		else
			vs_opt_name(row, name);
		return vs_fail(err, VS_EUSAGE, "missing option %s %s",
			       name, row->metavar);
	}
	for (i = 0; i < (size_t)n_operands; i++)
		if (operands[i][0] == '\0')
			return vs_fail(err, VS_EUSAGE,
				       "operand %zu is empty; expected %s; is "
				       "a variable of the script not set?",
				       i + 1, set->operands);
	if (n_operands < set->min_operands)
		return vs_fail(err, VS_EUSAGE,
			       "missing operand; expected %s", set->operands);
	if (n_operands > set->max_operands)
		return vs_fail(err, VS_EUSAGE,
			       "unexpected operand %s; expected %s",
			       operands[set->max_operands],
			       set->operands[0] != '\0' ? set->operands :
							  "options only");
	return 0;
}

const char *vs_opt_next_text(const struct vs_opt_set *set, const void *args,
			     size_t *i)
{
	const struct vs_opt *row;
	const char *text;
	size_t base;

	while ((row = row_at(set, (*i)++, &base)) != NULL) {
		if (row->kind != VS_OPT_TEXT || row->words != NULL)
			continue;
		memcpy(&text, (const char *)args + base + row->at,
		       sizeof(text));
		if (text != NULL)
			return text;
	}
	return NULL;
}

int vs_opt_defaults(const struct vs_opt_set *set, void *args,
		    struct vs_err *err)
{
	const struct vs_opt *row;
	size_t base, i;
	int rc = 0;

	for (i = 0; rc == 0 && (row = row_at(set, i, &base)) != NULL; i++)
		if (row->def != NULL)
			rc = vs_opt_set_value(row, row->def,
					      (char *)args + base + row->at,
					      err);
	return rc;
}

int vs_opt_read(const struct vs_opt_set *set, int argc, char **argv,
		void *args, int *n_operands, struct vs_err *err)
{
	struct parser p = {
		.set = set, .args = args, .argv = argv, .argc = argc, .err = err
	};
	bool only_operands = false;
	int rc, n = 0;

	for (p.i = 0; p.i < argc; p.i++) {
		const char *a = argv[p.i];

		if (only_operands || a[0] != '-' || a[1] == '\0') {
			argv[n++] = argv[p.i];
			continue;
		}
		if (strcmp(a, "--") == 0) {
			only_operands = true;
			continue;
		}
		rc = a[1] == '-' ? parse_long(&p) : parse_letters(&p);
		if (rc != 0)
			return rc;
	}
	*n_operands = n;
	return 0;
}

int vs_opt_parse(const struct vs_opt_set *set, int argc, char **argv,
		 void *args, int *n_operands, struct vs_err *err)
{
	int rc = vs_opt_read(set, argc, argv, args, n_operands, err);

	return rc != 0 ? rc :
			 vs_opt_check(set, argv, *n_operands, args, err);
}

const struct vs_opt *vs_opt_find(const struct vs_opt_set *set,
				 const char *name, size_t *base)
{
	const struct vs_opt *row;
	size_t i;

	for (i = 0; (row = row_at(set, i, base)) != NULL; i++)
		if (row->name != NULL ? strcmp(row->name, name) == 0 :
					name[0] == row->letter &&
						name[1] == '\0')
			return row;
	return NULL;
}

const char *vs_opt_nearest_name(const struct vs_opt_set *set,
				const char *typed)
{
	return vs_opt_nearest(typed, next_name, set);
}
