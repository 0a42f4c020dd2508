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
	{ .name = "quiet", .letter = 'q', .kind = VS_OPT_FLAG,
	  .at = ROW(quiet), .help = "errors only" },
	{ .name = "verbose", .letter = 'v', .kind = VS_OPT_FLAG,
	  .at = ROW(verbose), .help = "say more" },
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
	struct vs_ctx ctx;
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
	ctx->log = vs_tool_log;
	ctx->log_arg = &l->log;
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

static int run_command(struct life *l, const struct vs_command *command,
		       int argc, char **argv)
{
	struct vs_ctx ctx; /* of the arguments: without a ceiling */
	struct vs_tool_args *args;
	int rc, n = 0;

	vs_ctx_init(&ctx);
	args = vs_zalloc(&ctx, 1, command->args_size, "arguments", &l->err);
	if (args == NULL)
		return VS_ENOMEM;
	rc = vs_opt_defaults(&command->options, args, &l->err);
	if (rc == 0)
		rc = vs_opt_parse(&command->options, argc, argv, args, &n,
				  &l->err);
	args->operands = (const char *const *)argv;
	args->n_operands = (size_t)n;
	if (rc <= 0)
		rc = vs_tool_stats_begin(&l->stats, command, args, rc, &l->err);
	if (rc == VS_OPT_DID_HELP) {
		/* Help comes whatever the scheduler's variables say. */
		rc = vs_tool_limits(args, NULL);
		vs_tool_help(l->tool, command, args);
		rc = 0;
	} else if (rc == VS_OPT_DID_VERSION) {
		rc = print_version(l->tool, args, &l->err);
	} else if (rc == 0) {
		rc = run(l, command, args);
	}
	rc = vs_tool_stats_end(&l->stats, command, args, rc, &l->err);
	vs_free(&ctx, args);
	return rc;
}

static const char *next_command(const void *arg, size_t i)
{
	const struct vs_tool *tool = arg;

	return i < tool->n_commands ? tool->commands[i].name : NULL;
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
	int rc = 0, skip = 1;

	vs_tool_open_std();
	vs_ctx_init(&l.ctx);
	vs_tool_stats_init(&l.stats, tool, &l.ctx);
	if (argc < 1)
		return -VS_EUSAGE;
	if (command->name != NULL) {
		command = choose(tool, argc, argv, &rc, &l.err);
		skip = 2;
	}
	if (command != NULL)
		rc = run_command(&l, command, argc - skip, argv + skip);
	return finish(&l, rc);
}
