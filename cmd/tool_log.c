/* tool_log.c - everything that goes to stderr: messages and progress.
 *
 * stdout carries data only.  Each line is one write, so the lines of several
 * tools of a pipeline do not mix.
 */
#include "tool_int.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "vs/host.h"
#include "vs/num.h"

#define LIVE_SECS 0.1  /* between updates of the live line */
#define LINE_SECS 10.0 /* between plain lines */
#define CLEAR_LINE "\r\033[K"

void vs_tool_log_init(struct vs_tool_log *log, const char *tool,
		      const struct vs_tool_args *args)
{
	memset(log, 0, sizeof(*log));
	log->tool = tool;
	log->quiet = args->quiet;
	log->verbose = args->verbose;
	log->progress = args->progress;
	if (args->quiet && args->progress == VS_PROGRESS_AUTO)
		log->progress = VS_PROGRESS_NEVER;
	log->is_terminal = isatty(STDERR_FILENO) == 1;
}

static void put(const char *text, int len)
{
	/* There is nowhere left to report a failure of stderr to. */
	if (len > 0 && write(STDERR_FILENO, text, (size_t)len) < 0)
		return;
}

static void put_line(struct vs_tool_log *log, const char *kind,
		     const char *line)
{
	char text[VS_ERR_MSG_MAX + 128];
	int len = snprintf(text, sizeof(text), "%s%s: %s%s\n",
			   log->live ? CLEAR_LINE : "", log->tool, kind, line);

	log->live = false;
	if (len >= (int)sizeof(text)) {
		len = (int)sizeof(text) - 1;
		text[len - 1] = '\n';
	}
	put(text, len);
}

void vs_tool_log_end(struct vs_tool_log *log)
{
	if (log->live)
		put(CLEAR_LINE, (int)strlen(CLEAR_LINE));
	log->live = false;
}

void vs_tool_say(struct vs_tool_log *log, const char *line)
{
	put_line(log, "", line);
}

void vs_tool_log(void *arg, enum vs_log_level level, const char *line)
{
	struct vs_tool_log *log = arg;

	if (log->quiet || (level == VS_LOG_DEBUG && !log->verbose))
		return;
	put_line(log, level == VS_LOG_WARN ? "warning: " : "", line);
}

/* How far a phase has come. */
struct state {
	const char *phase;
	const char *unit;
	uint64_t done;
	uint64_t total; /* 0: not known */
	double secs;
};

static void put_json(const struct state *s)
{
	char text[256];

	put(text, snprintf(text, sizeof(text),
			   "{\"phase\":\"%.40s\",\"done\":%" PRIu64
			   ",\"total\":%" PRIu64
			   ",\"unit\":\"%.20s\",\"seconds\":%.1f}\n",
			   s->phase, s->done, s->total, s->unit, s->secs));
}

/* "assign: 12,345 of 1,000,000 rows, 1 %, 34,567 rows/s, 29 s left" */
static void describe(const struct state *s, char *text, size_t size)
{
	char a[VS_COUNT_TEXT_MAX], b[VS_COUNT_TEXT_MAX], c[VS_COUNT_TEXT_MAX];
	double rate = s->secs > 0 ? (double)s->done / s->secs : 0;
	size_t n;

	n = (size_t)snprintf(text, size, "%.40s: %s", s->phase,
			     vs_format_count(s->done, a));
	if (s->total != 0)
		n += (size_t)snprintf(text + n, size - n, " of %s",
				      vs_format_count(s->total, b));
	n += (size_t)snprintf(text + n, size - n, " %.20s", s->unit);
	if (s->total != 0)
		n += (size_t)snprintf(text + n, size - n, ", %.0f %%",
				      100.0 * (double)s->done /
					      (double)s->total);
	if (rate >= 1)
		n += (size_t)snprintf(text + n, size - n, ", %s %.20s/s",
				      vs_format_count((uint64_t)rate, c),
				      s->unit);
	if (rate > 0 && s->total > s->done)
		snprintf(text + n, size - n, ", %.0f s left",
			 (double)(s->total - s->done) / rate);
}

void vs_tool_progress(void *arg, const char *phase, uint64_t done,
		      uint64_t total, const char *unit)
{
	struct vs_tool_log *log = arg;
	struct state s = { .phase = phase, .unit = unit, .done = done,
			   .total = total };
	double now = vs_host_secs(), gap;
	bool live = log->is_terminal && log->progress != VS_PROGRESS_JSON;
	char text[256], line[320];

	if (log->progress == VS_PROGRESS_NEVER)
		return;
	if (log->phase == NULL || strcmp(log->phase, phase) != 0) {
		log->phase = phase;
		log->phase_at = now;
		log->shown_at = log->shown_at == 0 ? now : log->shown_at;
	}
	gap = live ? LIVE_SECS : LINE_SECS;
	/* A short phase says nothing; "always" and JSON say how it ended. */
	if (now - log->shown_at < gap &&
	    !(done == total && total != 0 && !live &&
	      log->progress != VS_PROGRESS_AUTO))
		return;
	log->shown_at = now;
	s.secs = now - log->phase_at;
	if (log->progress == VS_PROGRESS_JSON) {
		put_json(&s);
		return;
	}
	describe(&s, text, sizeof(text));
	if (!live) {
		put_line(log, "", text);
		return;
	}
	put(line, snprintf(line, sizeof(line), CLEAR_LINE "%s: %s", log->tool,
			   text));
	log->live = true;
}
