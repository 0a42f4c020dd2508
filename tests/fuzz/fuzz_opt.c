/* fuzz_opt.c - any lines as a command line, and what follows an empty line as
 * the file of --config: read into values that are within their limits, or
 * refused in one line; and what a file says means what the command line would.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/tool_int.h"
#include "vs/mem.h"
#include "vs/op.h"

#define WORDS_MAX 64
#define GUARD 0x5a5a5a5a5a5a5a5aull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* One value of each kind, with guards around all. */
struct args {
	struct vs_tool_args common;
	uint64_t guard;
	uint32_t k;
	bool k_given;
	uint64_t seed;
	double ratio;
	enum vs_metric metric;
	const char *out;
	const char *by;
	struct vs_part part;
	uint64_t end;
};

#include "tests/unit/opttable.h"

static const struct vs_opt_group groups[] = {
	{ .rows = rows, .n = VS_COUNT(rows) },
	VS_GROUP_TOOL,
};

static const struct vs_opt_hint hints[] = { { "--nlist", "-i IVF<nlist>" },
					    { NULL, NULL } };

static const struct vs_command command = {
	.name = "truth",
	.options = { .hints = hints,
		     .groups = groups, .n_groups = VS_COUNT(groups),
		     .operands = "FILE...", .min_operands = 1,
		     .max_operands = 3 },
	.args_size = sizeof(struct args),
};

static void require(bool cond, const char *what)
{
	if (cond)
		return;
	fprintf(stderr, "fuzz_opt: %s\n", what);
	abort();
}

static void check_refusal(int rc, const struct vs_err *err)
{
	size_t i;

	require(rc == err->code, "code and error disagree");
	require(rc == VS_EUSAGE || rc == VS_EDATA, "another code");
	require(err->msg[0] != '\0', "an error says nothing");
	for (i = 0; err->msg[i] != '\0'; i++)
		require((unsigned char)err->msg[i] >= 0x20, "control byte");
}

static void check_values(const struct args *a)
{
	require(a->guard == GUARD && a->end == GUARD, "a guard is overwritten");
	require(a->k >= 1 && a->k <= OPTTABLE_K_MAX, "k");
	require(a->ratio >= 0 && a->ratio <= 1, "ratio");
	require(a->metric == VS_L2 || a->metric == VS_IP, "metric");
	require(a->out == NULL || a->out[0] != '\0', "an empty text");
	require(a->by == NULL || strcmp(a->by, "hash") == 0 ||
			strcmp(a->by, "range") == 0,
		"rule");
	require(a->part.n == 0 || a->part.i < a->part.n, "part");
	require(a->common.threads <= 4096, "threads");
	require(a->common.memory == 0 || a->common.memory >= 1 << 20,
		"memory");
	require(a->common.verify <= VS_VERIFY_DEEP, "verify");
	require(a->common.progress <= VS_PROGRESS_JSON, "progress");
}

static void set_defaults(struct args *a)
{
	struct vs_err err = { 0 };

	memset(a, 0, sizeof(*a));
	a->guard = GUARD;
	a->end = GUARD;
	require(vs_opt_defaults(&command.options, a, &err) == 0, err.msg);
	check_values(a);
}

/* What values show is text of the printable kind. */
static void check_help(const struct args *a)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	require(f != NULL, "no memory");
	vs_opt_help(&command.options, a, f);
	require(fclose(f) == 0 && n > 0, "no help");
	free(text);
}

/* The words of a command line, each a copy of its own size. */
struct line {
	char *argv[WORDS_MAX];
	char *word[WORDS_MAX]; /* parsing moves argv about */
	int argc;
};

static void add_word(struct line *l, const char *s, size_t n)
{
	char *copy = malloc(n + 1);

	require(copy != NULL, "no memory");
	memcpy(copy, s, n);
	copy[n] = '\0';
	l->word[l->argc] = copy;
	l->argv[l->argc++] = copy;
}

static void free_words(struct line *l)
{
	int i;

	for (i = 0; i < l->argc; i++)
		free(l->word[i]);
}

static void try_line(struct line *l)
{
	struct vs_err err = { 0 };
	struct args a;
	int rc, i, j, n = 0;

	set_defaults(&a);
	rc = vs_opt_parse(&command.options, l->argc, l->argv, &a, &n, &err);
	require(a.guard == GUARD && a.end == GUARD, "a guard is overwritten");
	if (rc < 0)
		check_refusal(rc, &err);
	if (rc != 0)
		return;
	check_values(&a);
	check_help(&a);
	require(a.out != NULL, "what must be given is not");
	require(n >= 1 && n <= 3, "operands that do not fit");
	for (i = 0; i < n; i++) {
		for (j = 0; j < l->argc && l->argv[i] != l->word[j]; j++)
			;
		require(j < l->argc, "an operand out of nowhere");
	}
}

/* Adds what the command line would say of an option of the file; false when it
 * cannot, as for a flag that is off. */
static bool add_option(struct line *l, const struct vs_yaml *node)
{
	const struct vs_opt *row;
	char *text;
	size_t base, size;
	int n;

	row = vs_opt_find(&command.options, node->key, &base);
	require(row != NULL && node->kind == VS_YAML_SCALAR,
		"an option out of nowhere");
	if (l->argc == WORDS_MAX ||
	    (row->kind == VS_OPT_FLAG && strcmp(node->text, "true") != 0))
		return false;
	size = strlen(node->key) + strlen(node->text) + 8;
	text = malloc(size);
	require(text != NULL, "no memory");
	n = snprintf(text, size, "%s%s%s%s", row->name != NULL ? "--" : "-",
		     node->key,
		     row->name != NULL && row->metavar != NULL ? "=" : "",
		     row->metavar != NULL ? node->text : "");
	add_word(l, text, (size_t)n);
	free(text);
	return true;
}

static bool add_options(struct line *l, const struct vs_yaml *map)
{
	const struct vs_yaml *y;

	for (y = map->child; y != NULL; y = y->next)
		if (y->kind != VS_YAML_MAP && strcmp(y->key, "operands") != 0 &&
		    !add_option(l, y))
			return false;
	return true;
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_same(const struct args *a, const struct args *b)
{
	const struct vs_tool_args *x = &a->common, *y = &b->common;

	require(a->k == b->k && a->k_given == b->k_given && a->seed == b->seed,
		"a file says another number than the command line");
	require(!(a->ratio < b->ratio) && !(a->ratio > b->ratio), "ratio");
	require(a->metric == b->metric && same_text(a->out, b->out) &&
			same_text(a->by, b->by) && a->part.i == b->part.i &&
			a->part.n == b->part.n,
		"a file says something else than the command line");
	require(x->threads == y->threads && x->memory == y->memory &&
			x->verify == y->verify && x->progress == y->progress &&
			x->quiet == y->quiet && x->verbose == y->verbose &&
			same_text(x->stats, y->stats) &&
			same_text(x->metrics, y->metrics),
		"a file says something else of a tool than the command line");
}

/* What was taken from the file is what its words mean on a command line. */
static void say_again(const struct vs_yaml *root, const struct args *a)
{
	const struct vs_yaml *own = vs_yaml_find(root, "vs-eval truth");
	struct line l = { .argc = 0 };
	struct vs_err err = { 0 };
	struct args again;
	int n = 0;

	set_defaults(&again);
	if (add_options(&l, root) && (own == NULL || add_options(&l, own))) {
		require(vs_opt_read(&command.options, l.argc, l.argv, &again,
				    &n, &err) == 0,
			err.msg);
		require(n == 0, "an option that is an operand");
		check_same(a, &again);
	}
	free_words(&l);
}

static void try_config(const char *text, size_t n)
{
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct vs_tool_config c = { .ctx = &ctx };
	struct args a;
	size_t i;
	int rc;

	vs_ctx_init(&ctx);
	set_defaults(&a);
	require(vs_buf_append(&ctx, &c.text, text, n, &err) == 0, err.msg);
	rc = vs_tool_config_take(&c, "fuzz", "vs-eval", &command, &a, &err);
	check_values(&a);
	if (rc != 0) {
		check_refusal(rc, &err);
	} else {
		check_help(&a);
		for (i = 0; i < c.n_operands; i++)
			require(c.operands[i] != NULL, "an operand is nothing");
		say_again(vs_yaml_root(c.doc), &a);
	}
	vs_tool_config_free(&c);
	require(atomic_load(&ctx.mem_now) == 0, "memory is kept");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *s = (const char *)data, *end = s + n, *stop;
	struct line l = { .argc = 0 };

	for (; s < end && *s != '\n' && l.argc < WORDS_MAX; s = stop + 1) {
		stop = memchr(s, '\n', (size_t)(end - s));
		if (stop == NULL)
			stop = end;
		add_word(&l, s, (size_t)(stop - s));
	}
	try_line(&l);
	free_words(&l);
	if (s < end)
		try_config(s, (size_t)(end - s));
	return 0;
}
