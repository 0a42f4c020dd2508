/* tool_int.h - between the files cmd/tool*.c only. */
#ifndef VS_CMD_TOOL_INT_H
#define VS_CMD_TOOL_INT_H

#include "tool.h"
#include "vs/buf.h"
#include "vs/yaml.h"

/* ---- tool_env.c: what the machine and the scheduler allow ---- */

/* Fills threads and memory where they are 0: CPUs this process may use and
 * SLURM_CPUS_PER_TASK, 80 % of the memory it may use and SLURM_MEM_PER_NODE.
 * VS_EUSAGE when a variable makes no sense. */
int vs_tool_limits(struct vs_tool_args *args, struct vs_err *err) VS_MUST_CHECK;
/* TMPDIR, or NULL. */
const char *vs_tool_scratch(void);
/* ctx->kern from VS_CPU; VS_EUSAGE names the levels this machine has. */
int vs_tool_kernels(struct vs_ctx *ctx, struct vs_err *err) VS_MUST_CHECK;

/* ---- tool_signal.c ---- */

/* SIGTERM, SIGUSR1 and, unless it is ignored, SIGINT raise ctx->stop; SIGPIPE
 * and SIGXFSZ become errors of the call; SIGBUS prints one line and ends with
 * 74. */
void vs_tool_signals(struct vs_ctx *ctx, const char *tool);
/* Dies of the signal that asked to stop, when that is what a shell expects of
 * the tool (SIGINT), or returns. */
void vs_tool_die_of_stop(void);
/* Dies of SIGPIPE, silently. */
void vs_tool_die_of_pipe(void);
/* Descriptors 0, 1 and 2 are open afterwards, so no output file gets one. */
void vs_tool_open_std(void);

/* ---- tool_log.c ---- */

struct vs_tool_log {
	const char *tool;
	bool quiet;
	bool verbose;
	enum vs_progress progress;
	bool is_terminal;
	bool live;        /* a line without newline stands on the terminal */
	double phase_at;  /* when the phase began */
	double shown_at;  /* when progress was last shown; 0: never */
	const char *phase;
};

void vs_tool_log_init(struct vs_tool_log *log, const char *tool,
		      const struct vs_tool_args *args);
/* Call-backs of struct vs_ctx; arg is a struct vs_tool_log. */
void vs_tool_log(void *arg, enum vs_log_level level, const char *line);
void vs_tool_progress(void *arg, const char *phase, uint64_t done,
		      uint64_t total, const char *unit);
/* Wipes a live line that nothing followed. */
void vs_tool_log_end(struct vs_tool_log *log);
/* "vs-train: line" on stderr, whatever -q says. */
void vs_tool_say(struct vs_tool_log *log, const char *line);

/* ---- tool_report.c: the files of --stats and --metrics ---- */

#define VS_REPORT_BEGINS_MAX 64

struct vs_tool_report {
	const char *option; /* "--stats" */
	const char *begins; /* every report of this kind does */
	const char *file;   /* NULL: not wanted */
	struct vs_out *stream; /* a pipe or device, open from the start */
};

/* Takes the name of a report, unless it is NULL, and sees to it that there is a
 * place for it and nothing but an earlier report stands there (VS_ECREATE).  A
 * FIFO waits for its reader here. */
int vs_tool_report_open(struct vs_ctx *ctx, struct vs_tool_report *r,
			const char *file, struct vs_err *err) VS_MUST_CHECK;
/* VS_ECREATE when something else than a report stands there now. */
int vs_tool_report_check(struct vs_ctx *ctx, const struct vs_tool_report *r,
			 struct vs_err *err) VS_MUST_CHECK;
int vs_tool_report_put(struct vs_ctx *ctx, struct vs_tool_report *r,
		       const struct vs_buf *b,
		       struct vs_err *err) VS_MUST_CHECK;
/* The report is not wanted any more. */
void vs_tool_report_drop(struct vs_ctx *ctx, struct vs_tool_report *r);

/* ---- tool_stats.c: --stats and --metrics ---- */

#define VS_STATS_PHASES 16 /* later ones count as the last */

struct vs_tool_phase {
	char name[40];
	char unit[20];
	double secs;
	uint64_t done;
	uint64_t total;
};

/* What a run did, for a report that is written when it is over, however it
 * ended. */
struct vs_tool_stats {
	const struct vs_tool *tool;
	const char *command; /* NULL when a tool has but one */
	const struct vs_ctx *ctx;
	struct vs_ctx own; /* a report is not counted in itself */
	struct vs_tool_report json;
	struct vs_tool_report metrics;
	double start;
	double phase_at; /* when the last phase was heard of */
	double secs;     /* of the whole, at the end */
	double cpu_secs;
	uint64_t peak_anon; /* the highest seen */
	double seen_at;     /* when memory was looked at */
	uint32_t n_phases;
	struct vs_tool_phase phases[VS_STATS_PHASES];
};

void vs_tool_stats_init(struct vs_tool_stats *s, const struct vs_tool *tool,
			const struct vs_ctx *ctx);
/* Takes the file names that args asks for.  rc is how parsing ended, and is
 * returned, or an error when a report has no place or would overwrite a file of
 * the command. */
int vs_tool_stats_begin(struct vs_tool_stats *s,
			const struct vs_command *command, const void *args,
			int rc, struct vs_err *err) VS_MUST_CHECK;
void vs_tool_stats_progress(struct vs_tool_stats *s, const char *phase,
			    uint64_t done, uint64_t total, const char *unit);
/* Stops the clocks.  rc is how the command ended, and is returned, or an error
 * when a report would overwrite what it has made; reports are dropped then. */
int vs_tool_stats_end(struct vs_tool_stats *s,
		      const struct vs_command *command, const void *args,
		      int rc, struct vs_err *err) VS_MUST_CHECK;
/* Writes the reports of a command that ended with rc and err. */
int vs_tool_stats_write(struct vs_tool_stats *s, int rc,
			const struct vs_err *err,
			struct vs_err *late) VS_MUST_CHECK;

/* ---- tool_metrics.c ---- */

/* How each file of metrics begins. */
#define VS_METRICS_BEGINS "# HELP vs_last_run_duration_seconds "

int vs_tool_metrics_write(struct vs_ctx *ctx, struct vs_tool_stats *s, int rc,
			  struct vs_err *err) VS_MUST_CHECK;

/* ---- tool_config.c: --config ---- */

/* What the texts of options point into; ctx is set, the rest zero. */
struct vs_tool_config {
	struct vs_ctx *ctx;
	struct vs_buf text;
	struct vs_yaml_doc *doc;
	const char **operands;
	size_t n_operands;
};

/* Stores the options that file has for tool and command into args; VS_EUSAGE
 * with file and line for a key or value that does not fit. */
int vs_tool_config_read(struct vs_tool_config *c, const char *file,
			const char *tool, const struct vs_command *command,
			void *args, struct vs_err *err) VS_MUST_CHECK;
/* The same of the text in c; file stands in messages. */
int vs_tool_config_take(struct vs_tool_config *c, const char *file,
			const char *tool, const struct vs_command *command,
			void *args, struct vs_err *err) VS_MUST_CHECK;
void vs_tool_config_free(struct vs_tool_config *c);

/* ---- tool_complete.c ---- */

/* Prints the completion script of a tool for "bash" or "zsh". */
void vs_tool_complete(const struct vs_tool *tool, const char *shell);

/* ---- tool_help.c ---- */

void vs_tool_help(const struct vs_tool *tool, const struct vs_command *command,
		  const void *args);
void vs_tool_help_commands(const struct vs_tool *tool);
void vs_tool_version(const struct vs_tool *tool, const struct vs_ctx *ctx,
		     const struct vs_tool_args *args);

/* ---- version.c ---- */

extern const char vs_version[];  /* "0.1.0" */
extern const char vs_revision[]; /* of git, "+" when changed since */

#endif
