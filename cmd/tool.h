/* tool.h - what all tools share: from argv to a context, a call and an exit
 * status.
 *
 * A tool is a table of options and one call for each of its commands; signals,
 * limits, messages, --help, --version and late errors of standard output are
 * handled here, so no tool can forget them.
 */
#ifndef VS_CMD_TOOL_H
#define VS_CMD_TOOL_H

#include "opt.h"
#include "vs/ctx.h"

enum vs_progress {
	VS_PROGRESS_AUTO = 0, /* as "always", and nothing with -q */
	VS_PROGRESS_ALWAYS,   /* a live line on a terminal, else plain lines */
	VS_PROGRESS_NEVER,
	VS_PROGRESS_JSON /* one object a line */
};

/* The options every command has.  Each struct of arguments begins with one. */
struct vs_tool_args {
	uint32_t threads;  /* 0 until tool.c has asked the machine */
	uint64_t memory;   /* the same */
	enum vs_verify verify;
	enum vs_progress progress;
	bool quiet;
	bool verbose;
	const char *stats;   /* --stats FILE, or NULL */
	const char *metrics; /* --metrics FILE, or NULL */
	const char *config;  /* --config FILE, or NULL */
	const char *completion; /* the shell */
	bool plan;           /* of commands that have VS_ROW_PLAN */
	const char *const *operands;
	size_t n_operands;
};

struct vs_command {
	const char *name;  /* "truth"; NULL when a tool has but one command */
	const char *usage; /* "-i INDEX -o MODEL VECTORS..." */
	const char *about; /* what it does, a sentence or two */
	struct vs_opt_set options;
	size_t args_size;
	/* args points to the command's struct; 0 or an error of vs/err.h.
	 * What it prints to stdout is flushed and checked by the caller. */
	int (*run)(struct vs_ctx *ctx, void *args, struct vs_err *err);
};

struct vs_tool {
	const char *name;  /* "vs-eval" */
	const char *about; /* one line; for tools of several commands */
	const struct vs_command *commands;
	size_t n_commands;
};

/* The whole life of a tool; returns the exit status (vs(7)). */
int vs_tool_main(const struct vs_tool *tool, int argc, char **argv);

/* The rows of struct vs_tool_args; the macros are groups for a command's list.
 * --verify comes first and is left out where no container is read. */
#define VS_TOOL_ROWS 12
extern const struct vs_opt vs_tool_rows[VS_TOOL_ROWS];
#define VS_GROUP_TOOL                                                         \
	{ .rows = vs_tool_rows, .n = VS_TOOL_ROWS }
#define VS_GROUP_TOOL_PLAIN                                                   \
	{ .rows = vs_tool_rows + 1, .n = VS_TOOL_ROWS - 1 }

/* The element count of an array. */
#define VS_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
