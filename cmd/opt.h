/* opt.h - the option-table engine: one const table per command drives parsing,
 * defaults and --help, and so the check against the manual pages.
 *
 * A row says where its value goes in the command's struct of arguments, so
 * there is no second list anywhere.  The engine knows nothing of any tool.
 *
 * The manners of getopt_long: --name VALUE, --name=VALUE, -k 10, -k10, bundled
 * flags, options after operands, "--" ends the options, "-" is an operand.
 * The last of several wins.  Names are never abbreviated: a script that works
 * today works when an option is added.
 */
#ifndef VS_CMD_OPT_H
#define VS_CMD_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vs/err.h"

enum vs_opt_kind {
	VS_OPT_FLAG,  /* bool, set to true */
	VS_OPT_U32,   /* uint32_t, min..max */
	VS_OPT_U64,   /* uint64_t, min..max */
	VS_OPT_SIZE,  /* uint64_t, bytes with K, M, G, T, min..max */
	VS_OPT_RATIO, /* double, 0..1 */
	VS_OPT_REAL,  /* double, finite */
	VS_OPT_WORD,  /* an enum: one of words[] */
	VS_OPT_TEXT,  /* const char *, not empty, one of words[] if there */
	VS_OPT_PART,  /* struct vs_part, "i/n" */
	VS_OPT_HELP,  /* parsing ends with VS_OPT_DID_HELP */
	VS_OPT_VERSION,
	VS_OPT_COMPLETION /* const char *, then VS_OPT_DID_COMPLETION */
};

/* A word and the value it stands for; the list ends with a NULL word. */
struct vs_opt_word {
	const char *word;
	int value;
};

struct vs_opt {
	const char *name; /* "threads", or NULL */
	char letter;      /* 't', or 0 */
	enum vs_opt_kind kind;
	const char *metavar; /* "N"; NULL for flags */
	const char *help;    /* lower case, no full stop */
	size_t at;           /* offsetof the value in the group's struct */
	size_t given; /* offsetof a bool that says it was given; 0: none */
	uint64_t min;
	uint64_t max; /* 0: as large as the type */
	const struct vs_opt_word *words;
	/* As the user would write it; NULL: what the struct holds already
	 * when it is a number other than 0, else no default. */
	const char *def;
	const char *def_text; /* shown instead of the value, or NULL */
	bool required;
};

/* Rows whose offsets count from base within the struct of arguments. */
struct vs_opt_group {
	const struct vs_opt *rows;
	size_t n;
	size_t base;
};

/* What other tools call something, and what it is here. */
struct vs_opt_hint {
	const char *typed; /* "--nprobe"; NULL ends the list */
	const char *use;   /* "-p nprobe=N" */
};

/* Everything a command can be given. */
struct vs_opt_set {
	const struct vs_opt_group *groups;
	size_t n_groups;
	const char *operands; /* "VECTORS...", for messages */
	int min_operands;
	int max_operands;
	const struct vs_opt_hint *hints; /* or NULL */
};

#define VS_OPERANDS_ANY 0x7fffffff

#define VS_OPT_DID_HELP 1
#define VS_OPT_DID_VERSION 2
#define VS_OPT_DID_COMPLETION 3

/* Stores the defaults of the tables into args. */
int vs_opt_defaults(const struct vs_opt_set *set, void *args,
		    struct vs_err *err) VS_MUST_CHECK;

/* Parses argv[0..argc) (no program name); the operands are moved to the front
 * and counted in *n_operands.  0, VS_OPT_DID_... or
 * VS_EUSAGE with one line that says what would be right. */
int vs_opt_parse(const struct vs_opt_set *set, int argc, char **argv,
		 void *args, int *n_operands,
		 struct vs_err *err) VS_MUST_CHECK;

/* The next text that a row took, from the row *i on, or NULL after the last;
 * begin with *i = 0. */
const char *vs_opt_next_text(const struct vs_opt_set *set, const void *args,
			     size_t *i);

/* vs_opt_parse without the check that all is there that must be; and that
 * check. */
int vs_opt_read(const struct vs_opt_set *set, int argc, char **argv,
		void *args, int *n_operands, struct vs_err *err) VS_MUST_CHECK;
int vs_opt_check(const struct vs_opt_set *set, char *const *operands,
		 int n_operands, const void *args,
		 struct vs_err *err) VS_MUST_CHECK;

/* The row that an option file calls name: a long name, or the letter of a row
 * that has no other.  NULL when there is none. */
const struct vs_opt *vs_opt_find(const struct vs_opt_set *set,
				 const char *name, size_t *base);
/* The long name nearest to a mistyped one, or NULL. */
const char *vs_opt_nearest_name(const struct vs_opt_set *set,
				const char *typed);

/* Prints s from column at on, wrapped at words. */
void vs_opt_put_wrapped(FILE *f, const char *s, int at);

/* The option part of --help, with the defaults that args holds. */
void vs_opt_help(const struct vs_opt_set *set, const void *args, FILE *f);

/* The word nearest to a mistyped one, or NULL when none is near: next is
 * called with 0, 1, ... until it gives NULL. */
const char *vs_opt_nearest(const char *typed,
			   const char *(*next)(const void *arg, size_t i),
			   const void *arg);

/* For opt_help.c: the value of a row as its user would write it, or NULL when
 * it has no default.  text needs VS_OPT_TEXT_MAX bytes. */
#define VS_OPT_TEXT_MAX 32
const char *vs_opt_show(const struct vs_opt *row, const void *value,
			char text[VS_OPT_TEXT_MAX]);

/* For opt.c: parses text into *value as row says; VS_EUSAGE. */
int vs_opt_set_value(const struct vs_opt *row, const char *text, void *value,
		     struct vs_err *err) VS_MUST_CHECK;

/* "-k" or "--threads", for messages; text needs VS_OPT_NAME_MAX bytes. */
#define VS_OPT_NAME_MAX 64
const char *vs_opt_name(const struct vs_opt *row, char text[VS_OPT_NAME_MAX]);

#endif
