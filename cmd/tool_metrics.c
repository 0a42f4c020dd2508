/* tool_metrics.c - --metrics: a text file for the Prometheus node exporter.
 *
 * Gauges of the last run, in base units and without timestamps.  Only what is
 * known is written.  The time of the last success survives a run that failed:
 * it is taken over from the file that stands there.
 */
#include "tool_int.h"

#include <string.h>

#include "vs/file.h"
#include "vs/host.h"
#include "vs/kern.h"
#include "vs/num.h"

#define OLD_MAX (1u << 20)
#define SUCCESS "vs_last_success_timestamp_seconds"

/* What all lines share; rc sticks. */
struct text {
	struct vs_ctx *ctx;
	struct vs_buf b;
	struct vs_err *err;
	char labels[128];
	int rc;
};

static void put(struct text *t, const char *name, const char *help,
		double value)
{
	if (t->rc == 0)
		t->rc = vs_buf_printf(t->ctx, &t->b, t->err,
				      "# HELP %s %s\n# TYPE %s gauge\n"
				      "%s{%s} %.15g\n",
				      name, help, name, name, t->labels, value);
}

static void put_known(struct text *t, const char *name, const char *help,
		      uint64_t u)
{
	if (u != VS_WORK_UNKNOWN)
		put(t, name, help, (double)u);
}

/* The value that the file has for SUCCESS and these labels. */
static bool old_success(const struct text *t, const char *file, double *secs)
{
	struct vs_buf old = { 0 };
	char key[192];
	const char *at;
	char value[32];
	size_t n;
	bool found = false;

	snprintf(key, sizeof(key), "\n" SUCCESS "{%s} ", t->labels);
	if (vs_path_exists(t->ctx, file) &&
	    vs_file_slurp(t->ctx, file, OLD_MAX, &old, NULL) == 0 &&
	    (at = strstr(old.p, key)) != NULL) {
		at += strlen(key);
		n = strcspn(at, "\n");
		if (n < sizeof(value)) {
			memcpy(value, at, n);
			value[n] = '\0';
			found = vs_parse_f64(value, secs);
		}
	}
	vs_buf_free(t->ctx, &old);
	return found;
}

static void put_all(struct text *t, const struct vs_tool_stats *s, int rc)
{
	const struct vs_work *w = &s->ctx->work;
	double success = vs_host_epoch_secs();

	put(t, "vs_last_run_duration_seconds", "Wall time of the last run.",
	    s->secs);
	put(t, "vs_last_run_cpu_seconds",
	    "CPU time of the last run, all threads.", s->cpu_secs);
	put(t, "vs_last_run_exit_code", "Exit status of the last run, vs(7).",
	    vs_err_status(rc));
	/* What a pipe was told before it keeps to itself. */
	if (rc == 0 || (s->metrics.stream == NULL &&
			old_success(t, s->metrics.file, &success)))
		put(t, SUCCESS, "When a run last ended with status 0.",
		    success);
	put(t, "vs_last_run_read_bytes",
	    "Bytes read in the last run; mapped files do not count.",
	    (double)atomic_load(&s->ctx->n_bytes_read));
	put(t, "vs_last_run_written_bytes", "Bytes written in the last run.",
	    (double)atomic_load(&s->ctx->n_bytes_written));
	put(t, "vs_last_run_peak_anonymous_bytes",
	    "Highest anonymous memory seen in the last run.",
	    (double)s->peak_anon);
	put_known(t, "vs_last_run_rows", "Rows of the last run.", w->n_rows);
	put_known(t, "vs_last_run_queries", "Queries of the last run.",
		  w->n_queries);
	put_known(t, "vs_last_run_distances",
		  "Distances that the last run computed.", w->n_distances);
	put_known(t, "vs_last_run_shards_missing",
		  "Shards that the last answer goes without.", w->n_missing);
}

static void put_info(struct text *t, const struct vs_tool_stats *s)
{
	size_t n = strlen(t->labels);

	snprintf(t->labels + n, sizeof(t->labels) - n,
		 ",version=\"%s\",revision=\"%s\",instruction_set=\"%s\"",
		 vs_version, vs_revision,
		 s->ctx->kern == NULL ? "" : s->ctx->kern->name);
	put(t, "vs_last_run_info", "Always 1; the labels say what ran.", 1);
}

int vs_tool_metrics_write(struct vs_ctx *ctx, struct vs_tool_stats *s, int rc,
			  struct vs_err *err)
{
	struct text t = { .ctx = ctx, .err = err };

	snprintf(t.labels, sizeof(t.labels), "tool=\"%s\",command=\"%s\"",
		 s->tool->name, s->command == NULL ? "" : s->command);
	put_all(&t, s, rc);
	put_info(&t, s);
	if (t.rc == 0)
		t.rc = vs_tool_report_put(ctx, &s->metrics, &t.b, err);
	vs_buf_free(ctx, &t.b);
	return t.rc;
}
