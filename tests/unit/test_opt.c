/* test_opt.c - the option-table engine: what parses, what it stores, what it
 * refuses, what it prints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
#include "cmd/opt.h"
#include "vs/op.h"

struct common {
	bool quiet;
	bool verbose;
	uint32_t threads;
};

struct args {
	struct common common;
	uint32_t k;
	bool k_given;
	uint64_t seed;
	uint64_t memory;
	double ratio;
	enum vs_metric metric;
	const char *out;
	const char *by;
	struct vs_part part;
};

#include "opttable.h"

/* The tools have their own --memory. */
static const struct vs_opt sizes[] = {
	{ .name = "memory", .kind = VS_OPT_SIZE, .metavar = "SIZE",
	  .at = offsetof(struct args, memory), .min = 1024,
	  .help = "ceiling" },
};

static const struct vs_opt shared[] = {
	{ .name = "quiet", .letter = 'q', .kind = VS_OPT_FLAG,
	  .at = offsetof(struct common, quiet), .help = "less" },
	{ .name = "verbose", .letter = 'v', .kind = VS_OPT_FLAG,
	  .at = offsetof(struct common, verbose), .help = "more" },
	{ .name = "threads", .letter = 't', .kind = VS_OPT_U32,
	  .metavar = "N", .at = offsetof(struct common, threads), .min = 1,
	  .help = "threads" },
	{ .name = "help", .letter = 'h', .kind = VS_OPT_HELP, .help = "help" },
	{ .name = "version", .kind = VS_OPT_VERSION, .help = "version" },
};

static const struct vs_opt_group groups[] = {
	{ .rows = rows, .n = N_OF(rows) },
	{ .rows = sizes, .n = N_OF(sizes) },
	{ .rows = shared, .n = N_OF(shared),
	  .base = offsetof(struct args, common) },
};

static const struct vs_opt_set set = { .groups = groups,
				       .n_groups = N_OF(groups),
				       .operands = "FILE...",
				       .min_operands = 0,
				       .max_operands = 3 };

/* Words of one line become argv, parsed over the defaults. */
struct parsed {
	char text[256];
	char *argv[32];
	int n;
	struct args args;
	struct vs_err err;
	int rc;
};

static void parse(struct parsed *p, const char *line)
{
	char *save = NULL, *word;
	int argc = 0;

	memset(p, 0, sizeof(*p));
	snprintf(p->text, sizeof(p->text), "%s", line);
	for (word = strtok_r(p->text, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save))
		p->argv[argc++] = word;
	assert_int_equal(vs_opt_defaults(&set, &p->args, &p->err), 0);
	p->rc = vs_opt_parse(&set, argc, p->argv, &p->args, &p->n, &p->err);
}

static void refused(const char *line, const char *message)
{
	struct parsed p;

	parse(&p, line);
	assert_int_equal(p.rc, VS_EUSAGE);
	assert_int_equal(p.err.code, VS_EUSAGE);
	assert_string_equal(p.err.msg, message);
}

static void test_defaults(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "-o x");
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.n, 0);
	assert_int_equal(p.args.k, 10);
	assert_false(p.args.k_given);
	assert_int_equal(p.args.seed, 1);
	assert_int_equal(p.args.memory, 0);
	assert_true(p.args.ratio == 0.5);
	assert_int_equal(p.args.metric, VS_L2);
	assert_null(p.args.by);
	assert_int_equal(p.args.part.n, 0);
	assert_false(p.args.common.quiet);
}

static void test_all_kinds(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "-k 7 --seed 18446744073709551615 --memory 2K --ratio 0.25 "
		  "-m ip -o out --by range --part 3/8 -q --threads 2");
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.args.k, 7);
	assert_true(p.args.k_given);
	assert_true(p.args.seed == UINT64_MAX);
	assert_int_equal(p.args.memory, 2048);
	assert_true(p.args.ratio == 0.25);
	assert_int_equal(p.args.metric, VS_IP);
	assert_string_equal(p.args.out, "out");
	assert_string_equal(p.args.by, "range");
	assert_int_equal(p.args.part.i, 3);
	assert_int_equal(p.args.part.n, 8);
	assert_true(p.args.common.quiet);
	assert_false(p.args.common.verbose);
	assert_int_equal(p.args.common.threads, 2);
}

static void test_spellings(void **state)
{
	static const char *const lines[] = {
		"-k 7 -o out -q -v a b", "-k7 -oout -qv a b",
		"-qvk7 -o out a b",	 "a -qvk 7 b --output=out",
		"a -o out -k7 -vq -- b", "--verbose --quiet -k7 -o out -- a b",
	};
	struct parsed p;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(lines); i++) {
		parse(&p, lines[i]);
		assert_int_equal(p.rc, 0);
		assert_int_equal(p.args.k, 7);
		assert_string_equal(p.args.out, "out");
		assert_true(p.args.common.quiet && p.args.common.verbose);
		assert_int_equal(p.n, 2);
		assert_string_equal(p.argv[0], "a");
		assert_string_equal(p.argv[1], "b");
	}
}

static void test_operands_that_look_odd(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "-o - - -- -q --");
	assert_int_equal(p.rc, 0);
	assert_string_equal(p.args.out, "-");
	assert_int_equal(p.n, 3);
	assert_string_equal(p.argv[0], "-");
	assert_string_equal(p.argv[1], "-q");
	assert_string_equal(p.argv[2], "--");
	assert_false(p.args.common.quiet);
	/* A value is a value, whatever it looks like. */
	parse(&p, "-o --quiet");
	assert_int_equal(p.rc, 0);
	assert_string_equal(p.args.out, "--quiet");
}

static void test_help_and_version_end_parsing(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "-k 3 --help --frob");
	assert_int_equal(p.rc, VS_OPT_DID_HELP);
	parse(&p, "-qh");
	assert_int_equal(p.rc, VS_OPT_DID_HELP);
	parse(&p, "--version");
	assert_int_equal(p.rc, VS_OPT_DID_VERSION);
	refused("--frob --help",
		"unknown option --frob; --help lists the options");
}

static void test_refusals(void **state)
{
	(void)state;
	refused("", "missing option -o FILE");
	refused("-o x a b c d", "unexpected operand d; expected FILE...");
	refused("-k", "-k needs a value: N");
	refused("--seed", "--seed needs a value: N");
	refused("-k 101", "-k 101: expected a whole number from 1 to 100");
	refused("-k -1", "-k -1: expected a whole number from 1 to 100");
	refused("--seed=18446744073709551616",
		"--seed 18446744073709551616: expected a whole number of at "
		"least 0");
	refused("--threads 4294967296", "--threads 4294967296: expected a "
					"whole number of at least 1");
	refused("--memory 1000", "--memory 1000: expected a size of at least "
				 "1.0 KiB, such as 512M or 4G");
	refused("--ratio 1.01",
		"--ratio 1.01: expected a number from 0 to 1, such as 0.95");
	refused("--ratio nan",
		"--ratio nan: expected a number from 0 to 1, such as 0.95");
	refused("-m l1", "--metric l1: expected l2 or ip; did you mean l2?");
	refused("--by rang",
		"--by rang: expected hash or range; did you mean range?");
	refused("--output=", "--output \"\": expected FILE");
	refused("--quiet=yes", "--quiet takes no value");
	refused("--part 8/8", "--part 8/8: expected i/n, part i of n counted "
			      "from 0, such as 0/8");
	refused("-qz", "unknown option -z; --help lists the options");
	refused("-q\xc3\xa9", "unknown option -q\xc3\xa9; --help lists the "
			       "options");
}

static void test_nearest_name(void **state)
{
	(void)state;
	refused("--thread", "unknown option --thread; did you mean "
			    "--threads?");
	refused("--qiuet", "unknown option --qiuet; did you mean --quiet?");
	refused("--metrics=ip",
		"unknown option --metrics; did you mean --metric?");
	refused("--out", "unknown option --out; did you mean --output?");
	refused("--colour", "unknown option --colour; --help lists the "
			    "options");
	/* A name far longer than any of ours is cut, not overrun. */
	refused("--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaa",
		"unknown option --aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaa; --help lists the options");
}

static void assert_listed_once(const char *text, const struct vs_opt *row)
{
	char name[VS_OPT_NAME_MAX];
	const char *at;

	at = strstr(text, vs_opt_name(row, name));
	assert_non_null(at);
	assert_null(strstr(at + 1, name));
}

static void test_help_lists_every_row_once(void **state)
{
	struct parsed p;
	char *text = NULL;
	size_t size = 0, g, i;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	assert_non_null(f);
	parse(&p, "-o x");
	p.args.memory = 3 << 20;
	p.args.common.threads = 6;
	vs_opt_help(&set, &p.args, f);
	assert_int_equal(fclose(f), 0);
	for (g = 0; g < N_OF(groups); g++)
		for (i = 0; i < groups[g].n; i++)
			assert_listed_once(text, &groups[g].rows[i]);
	assert_non_null(strstr(text, "neighbours [10]\n"));
	assert_non_null(strstr(text, "ceiling [3.0 MiB]\n"));
	assert_non_null(strstr(text, "threads [6]\n"));
	assert_non_null(strstr(text, "--metric l2|ip"));
	assert_non_null(strstr(text, "output (required)\n"));
	assert_non_null(strstr(text, "share [0.5]\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_kinds),
		cmocka_unit_test(test_spellings),
		cmocka_unit_test(test_operands_that_look_odd),
		cmocka_unit_test(test_help_and_version_end_parsing),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_nearest_name),
		cmocka_unit_test(test_help_lists_every_row_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
