/* tool.c - the life of a tool: options, context, call, exit status. */
#include "tool_int.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vs/mem.h"

#define ROW(member) offsetof(struct vs_tool_args, member)

static const struct vs_opt_word verify_words[] = {
	{ "header", VS_VERIFY_HEADER },
	{ "touch", VS_VERIFY_TOUCH },
	{ "full", VS_VERIFY_FULL },
	{ "deep", VS_VERIFY_DEEP },
	{ NULL, 0 },
};

static const struct vs_opt_word progress_words[] = {
	{ "auto", VS_PROGRESS_AUTO },
	{ "always", VS_PROGRESS_ALWAYS },
	{ "never", VS_PROGRESS_NEVER },
	{ "json", VS_PROGRESS_JSON },
	{ NULL, 0 },
};

static const struct vs_opt_word shell_words[] = {
	{ "bash", 0 },
	{ "zsh", 0 },
	{ NULL, 0 },
};

const struct vs_opt vs_tool_rows[VS_TOOL_ROWS] = {
	{ .name = "verify", .kind = VS_OPT_WORD, .metavar = "LEVEL",
	  .words = verify_words, .at = ROW(verify), .def = "touch",
	  .help = "how much of each input file is checked" },
	{ .name = "threads", .letter = 't', .kind = VS_OPT_U32,
	  .metavar = "N", .at = ROW(threads), .min = 1, .max = 4096,
	  .help = "threads; results do not depend on it" },
	{ .name = "memory", .kind = VS_OPT_SIZE, .metavar = "SIZE",
	  .at = ROW(memory), .min = 1 << 20,
	  .help = "ceiling of memory, such as 512M or 4G; results do not "
		  "depend on it" },
	{ .name = "progress", .kind = VS_OPT_WORD, .metavar = "WHEN",
	  .words = progress_words, .at = ROW(progress), .def = "auto",
	  .help = "progress on stderr" },
	{ .name = "stats", .kind = VS_OPT_TEXT, .metavar = "FILE",
	  .at = ROW(stats),
	  .help = "write what the run did and used, as JSON" },
	{ .name = "metrics", .kind = VS_OPT_TEXT, .metavar = "FILE",
	  .at = ROW(metrics),
	  .help = "write metrics, as a Prometheus text file" },
	{ .name = "config", .kind = VS_OPT_TEXT, .metavar = "FILE",
	  .at = ROW(config),
	  .help = "take options from a YAML file; the command line wins" },
	{ .name = "quiet", .letter = 'q', .kind = VS_OPT_FLAG,
	  .at = ROW(quiet), .help = "errors only" },
	{ .name = "verbose", .letter = 'v', .kind = VS_OPT_FLAG,
	  .at = ROW(verbose), .help = "say more" },
	{ .name = "completion", .kind = VS_OPT_COMPLETION, .metavar = "SHELL",
	  .words = shell_words, .at = ROW(completion),
	  .help = "print a completion script for the shell" },
	{ .name = "help", .letter = 'h', .kind = VS_OPT_HELP,
	  .help = "this text" },
	{ .name = "version", .kind = VS_OPT_VERSION,
	  .help = "version, revision, instruction set, threads" },
};

/* One run: what its parts need of each other. */
struct life {
	const struct vs_tool *tool;
	struct vs_tool_log log;
	struct vs_tool_stats stats;
	struct vs_tool_config config;
	struct vs_ctx own; /* of the tool itself: without a ceiling */
	struct vs_ctx ctx; /* of the command */
	struct vs_err err;
};

/* Late errors of stdout count: a full disk, a reader that went away. */
static int close_stdout(struct vs_err *err)
{
	int failed = ferror(stdout);

	errno = 0;
	if (fflush(stdout) != 0 || failed)
		return vs_fail_sys(err, VS_EIO, errno != 0 ? errno : EIO,
				   "standard output: cannot be written");
	if (close(STDOUT_FILENO) != 0)
		return vs_fail_sys(err, VS_EIO, errno,
				   "standard output: cannot be closed");
	return 0;
}

/* The exit status of rc, after saying what is to be said. */
static int finish(struct life *l, int rc)
{
	struct vs_err *err = &l->err, late = { 0 };
	int late_rc = close_stdout(&late);

	vs_tool_log_end(&l->log);
	if (rc == 0 && late_rc != 0) {
		rc = late_rc;
		*err = late;
	}
	vs_err_clear(&late);
	late_rc = vs_tool_stats_write(&l->stats, rc, err, &late);
	if (rc != 0 && err->sys == EPIPE)
		vs_tool_die_of_pipe();
	if (rc != 0)
		vs_tool_say(&l->log, err->msg);
	if (late_rc != 0)
		vs_tool_say(&l->log, late.msg);
	if (rc == VS_EAGAIN)
		vs_tool_die_of_stop();
	return vs_err_status(rc != 0 ? rc : late_rc);
}

static void on_progress(void *arg, const char *phase, uint64_t done,
			uint64_t total, const char *unit)
{
	struct life *l = arg;

	vs_tool_stats_progress(&l->stats, phase, done, total, unit);
	vs_tool_progress(&l->log, phase, done, total, unit);
}

static int run(struct life *l, const struct vs_command *command,
	       struct vs_tool_args *args)
{
	struct vs_ctx *ctx = &l->ctx;
	int rc;

	rc = vs_tool_limits(args, &l->err);
	if (rc == 0)
		rc = vs_tool_kernels(ctx, &l->err);
	if (rc != 0)
		return rc;
	vs_tool_log_init(&l->log, l->tool->name, args);
	ctx->n_threads = args->threads;
	ctx->memory_max = args->memory;
	ctx->verify = args->verify;
	ctx->scratch_dir = vs_tool_scratch();
	ctx->log = vs_tool_log;
	ctx->log_arg = &l->log;
	ctx->verbose = args->verbose;
	ctx->progress = on_progress;
	ctx->progress_arg = l;
	vs_tool_signals(ctx, l->tool->name);
	return command->run(ctx, args, &l->err);
}

static int print_version(const struct vs_tool *tool, struct vs_tool_args *args,
			 struct vs_err *err)
{
	struct vs_ctx ctx;
	int rc;

	vs_ctx_init(&ctx);
	rc = vs_tool_limits(args, err);
	if (rc == 0)
		rc = vs_tool_kernels(&ctx, err);
	if (rc == 0)
		vs_tool_version(tool, &ctx, args);
	return rc;
}

/* Options of the file that --config names, then those of the command line
 * again, which win. */
static int take_config(struct life *l, const struct vs_command *command,
		       struct vs_tool_args *args, int argc, char **argv)
{
	struct vs_tool_config *c = &l->config;
	const struct vs_tool_args given = *args;
	int rc, n = 0;

	memset(args, 0, command->args_size);
	rc = vs_opt_defaults(&command->options, args, &l->err);
	if (rc == 0)
		rc = vs_tool_config_read(c, given.config, l->tool->name,
					 command, args, &l->err);
	/* Reports tell of a bad file, too. */
	if (given.stats != NULL)
		args->stats = given.stats;
	if (given.metrics != NULL)
		args->metrics = given.metrics;
	if (rc == 0)
		rc = vs_opt_read(&command->options, argc, argv, args, &n,
				 &l->err);
	if (rc != 0)
		return rc;
	args->operands = (const char *const *)argv;
	args->n_operands = (size_t)n;
	if (n == 0 && c->n_operands != 0) {
		args->operands = (const char *const *)c->operands;
		args->n_operands = c->n_operands;
	}
	return 0;
}

/* Reads the command line, and the file it may name. */
static int take_options(struct life *l, const struct vs_command *command,
			struct vs_tool_args *args, int argc, char **argv)
{
	const struct vs_opt_set *set = &command->options;
	char **again; /* argv, which reading moves about */
	int rc, n = 0;

	again = vs_alloc(&l->own, (size_t)argc, sizeof(*argv), "arguments",
			 &l->err);
	if (again == NULL)
		return VS_ENOMEM;
	memcpy(again, argv, (size_t)argc * sizeof(*argv));
	rc = vs_opt_defaults(set, args, &l->err);
	if (rc == 0)
		rc = vs_opt_read(set, argc, argv, args, &n, &l->err);
	args->operands = (const char *const *)argv;
	args->n_operands = (size_t)n;
	if (rc == 0 && args->config != NULL) {
		memcpy(argv, again, (size_t)argc * sizeof(*argv));
		rc = take_config(l, command, args, argc, argv);
	}
	vs_free(&l->own, again);
	if (rc == 0)
		rc = vs_opt_check(set, (char *const *)args->operands,
				  (int)args->n_operands, args, &l->err);
	return rc;
}

static int answer(struct life *l, const struct vs_command *command,
		  struct vs_tool_args *args, int rc)
{
	if (rc == VS_OPT_DID_COMPLETION) {
		vs_tool_complete(l->tool, args->completion);
		return 0;
	}
	if (rc == VS_OPT_DID_VERSION)
		return print_version(l->tool, args, &l->err);
	/* Help comes whatever the scheduler's variables say. */
	rc = vs_tool_limits(args, NULL);
	vs_tool_help(l->tool, command, args);
	return 0;
}

static int run_command(struct life *l, const struct vs_command *command,
		       int argc, char **argv)
{
	struct vs_tool_args *args;
	int rc;

	args = vs_zalloc(&l->own, 1, command->args_size, "arguments", &l->err);
	if (args == NULL)
		return VS_ENOMEM;
	rc = take_options(l, command, args, argc, argv);
	if (rc <= 0)
		rc = vs_tool_stats_begin(&l->stats, command, args, rc, &l->err);
	if (rc > 0)
		rc = answer(l, command, args, rc);
	else if (rc == 0)
		rc = run(l, command, args);
	rc = vs_tool_stats_end(&l->stats, command, args, rc, &l->err);
	vs_free(&l->own, args);
	return rc;
}

static const char *next_command(const void *arg, size_t i)
{
	const struct vs_tool *tool = arg;

	return i < tool->n_commands ? tool->commands[i].name : NULL;
}

/* The shell of "--completion SHELL" or "--completion=SHELL" where a command
 * would stand, or NULL. */
static const char *completion_shell(int argc, char **argv)
{
	static const char option[] = "--completion";
	const size_t n = sizeof(option) - 1;
	const char *shell = NULL;

	if (argc == 3 && strcmp(argv[1], option) == 0)
		shell = argv[2];
	if (argc == 2 && strncmp(argv[1], option, n) == 0 && argv[1][n] == '=')
		shell = argv[1] + n + 1;
	if (shell != NULL && strcmp(shell, "bash") != 0 &&
	    strcmp(shell, "zsh") != 0)
		return NULL;
	return shell;
}

/* The command that argv[1] names, or NULL: *rc says how it ended. */
static const struct vs_command *choose(const struct vs_tool *tool, int argc,
				       char **argv, int *rc,
				       struct vs_err *err)
{
	const char *word = argc > 1 ? argv[1] : "", *near;
	struct vs_tool_args args = { 0 };
	size_t i;

	for (i = 0; i < tool->n_commands; i++)
		if (strcmp(tool->commands[i].name, word) == 0)
			return &tool->commands[i];
	*rc = 0;
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		vs_tool_help_commands(tool);
		return NULL;
	}
	if (strcmp(word, "--version") == 0) {
		*rc = print_version(tool, &args, err);
		return NULL;
	}
	if (completion_shell(argc, argv) != NULL) {
		*rc = VS_OPT_DID_COMPLETION;
		return NULL;
	}
	near = vs_opt_nearest(word, next_command, tool);
	if (near != NULL)
		*rc = vs_fail(err, VS_EUSAGE,
			      "unknown command %s; did you mean %s?", word,
			      near);
	else
		*rc = vs_fail(err, VS_EUSAGE,
			      "%s%s; --help lists the commands",
			      word[0] != '\0' ? "unknown command " :
						"missing command",
			      word);
	return NULL;
}

int vs_tool_main(const struct vs_tool *tool, int argc, char **argv)
{
	const struct vs_command *command = tool->commands;
	struct life l = { .tool = tool, .log.tool = tool->name };
	const char *shell = NULL;
	int rc = 0, skip = 1;

	vs_tool_open_std();
	vs_ctx_init(&l.own);
	vs_ctx_init(&l.ctx);
	l.config.ctx = &l.own;
	vs_tool_stats_init(&l.stats, tool, &l.ctx);
	if (argc < 1)
		return -VS_EUSAGE;
	if (command->name != NULL) {
		command = choose(tool, argc, argv, &rc, &l.err);
		shell = completion_shell(argc, argv);
		skip = 2;
	}
	if (command != NULL)
		rc = run_command(&l, command, argc - skip, argv + skip);
	if (command == NULL && rc == VS_OPT_DID_COMPLETION) {
		vs_tool_complete(tool, shell);
		rc = 0;
	}
	rc = finish(&l, rc);
	vs_tool_config_free(&l.config);
	return rc;
}
