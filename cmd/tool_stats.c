/* tool_stats.c - --stats: what a run did and used, as one JSON object.
 *
 * The schema stands in vs-stats(5).  A report never changes what a command
 * makes, and is written after it, whether the command succeeded or not.
 */
#include "tool_int.h"

#include <string.h>

#include "vs/file.h"
#include "vs/host.h"
#include "vs/json.h"
#include "vs/kern.h"

#define SCHEMA 1u
#define LOOK_SECS 0.05 /* between two looks at /proc/self/status */

void vs_tool_stats_init(struct vs_tool_stats *s, const struct vs_tool *tool,
			const struct vs_ctx *ctx)
{
	memset(s, 0, sizeof(*s));
	vs_ctx_init(&s->own);
	s->tool = tool;
	s->ctx = ctx;
	s->json.option = "--stats";
	s->json.begins = "{\n\t\"schema\": ";
	s->metrics.option = "--metrics";
	s->metrics.begins = VS_METRICS_BEGINS;
	s->start = vs_host_secs();
	s->phase_at = s->start;
}

/* VS_EUSAGE when file is one that the command reads or makes. */
static int check_name(struct vs_ctx *ctx, const struct vs_command *command,
		      const struct vs_tool_args *args, const char *option,
		      const char *file, struct vs_err *err)
{
	const char *other;
	size_t i, n = 0;

	if (strcmp(file, "-") == 0 || strcmp(file, "/dev/stdout") == 0)
		return vs_fail(err, VS_EUSAGE,
			       "%s %s: standard output carries data only; "
			       "expected the name of a file",
			       option, file);
	for (i = 0; i < args->n_operands; i++)
		if (strcmp(file, args->operands[i]) == 0 ||
		    vs_path_same(ctx, file, args->operands[i]))
			return vs_fail(err, VS_EUSAGE,
				       "%s %s: is an input, too; give the "
				       "report a name of its own",
				       option, file);
	while ((other = vs_opt_next_text(&command->options, args, &n)) != NULL)
		if (other != file && (strcmp(file, other) == 0 ||
				      vs_path_same(ctx, file, other)))
			return vs_fail(err, VS_EUSAGE,
				       "%s %s: is named by another option, "
				       "too; give the report a name of its own",
				       option, file);
	return 0;
}

static int check_names(struct vs_tool_stats *s,
		       const struct vs_command *command,
		       const struct vs_tool_args *args, struct vs_err *err)
{
	int rc = 0;

	if (args->stats != NULL)
		rc = check_name(&s->own, command, args, s->json.option,
				args->stats, err);
	if (rc == 0 && args->metrics != NULL)
		rc = check_name(&s->own, command, args, s->metrics.option,
				args->metrics, err);
	return rc;
}

static void drop(struct vs_tool_stats *s)
{
	vs_tool_report_drop(&s->own, &s->json);
	vs_tool_report_drop(&s->own, &s->metrics);
}

static bool is_wanted(const struct vs_tool_stats *s)
{
	return s->json.file != NULL || s->metrics.file != NULL;
}

int vs_tool_stats_begin(struct vs_tool_stats *s,
			const struct vs_command *command, const void *p,
			int rc, struct vs_err *err)
{
	const struct vs_tool_args *args = p;
	struct vs_err bad = { 0 };
	int mine = check_names(s, command, args, &bad);

	s->command = command->name;
	if (mine == 0)
		mine = vs_tool_report_open(&s->own, &s->json, args->stats,
					   &bad);
	if (mine == 0)
		mine = vs_tool_report_open(&s->own, &s->metrics, args->metrics,
					   &bad);
	if (mine == 0)
		return rc;
	drop(s);
	if (rc == 0) {
		rc = mine;
		*err = bad;
	}
	return rc;
}

static void look_at_memory(struct vs_tool_stats *s)
{
	uint64_t now = vs_host_rss_anon();

	if (now > s->peak_anon)
		s->peak_anon = now;
}

static struct vs_tool_phase *find_phase(struct vs_tool_stats *s,
					const char *name)
{
	struct vs_tool_phase *p;
	uint32_t i;

	for (i = 0; i < s->n_phases; i++)
		if (strncmp(s->phases[i].name, name, sizeof(p->name) - 1) == 0)
			return &s->phases[i];
	if (s->n_phases == VS_STATS_PHASES)
		return &s->phases[VS_STATS_PHASES - 1];
	p = &s->phases[s->n_phases++];
	snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

/* The time since the last call was spent on what this one is about. */
void vs_tool_stats_progress(struct vs_tool_stats *s, const char *phase,
			    uint64_t done, uint64_t total, const char *unit)
{
	struct vs_tool_phase *p;
	double now;

	if (!is_wanted(s))
		return;
	now = vs_host_secs();
	p = find_phase(s, phase);
	p->secs += now - s->phase_at;
	p->done = done;
	p->total = total;
	snprintf(p->unit, sizeof(p->unit), "%s", unit);
	s->phase_at = now;
	if (now - s->seen_at >= LOOK_SECS) {
		s->seen_at = now;
		look_at_memory(s);
	}
}

int vs_tool_stats_end(struct vs_tool_stats *s,
		      const struct vs_command *command, const void *args,
		      int rc, struct vs_err *err)
{
	struct vs_err bad = { 0 };
	int mine;

	s->secs = vs_host_secs() - s->start;
	s->cpu_secs = vs_host_cpu_secs();
	if (!is_wanted(s))
		return rc;
	look_at_memory(s);
	/* Outputs have their names by now, so that ./x is seen to be x. */
	mine = check_names(s, command, args, &bad);
	if (mine == 0)
		mine = vs_tool_report_check(&s->own, &s->json, &bad);
	if (mine == 0)
		mine = vs_tool_report_check(&s->own, &s->metrics, &bad);
	if (mine == 0)
		return rc;
	drop(s);
	if (rc != 0)
		return rc;
	*err = bad;
	return mine;
}

static void put_known(struct vs_json *j, const char *key, uint64_t u)
{
	if (u == VS_WORK_UNKNOWN)
		vs_json_null(j, key);
	else
		vs_json_u64(j, key, u);
}

static void put_phases(struct vs_json *j, const struct vs_tool_stats *s)
{
	uint32_t i;

	vs_json_open(j, "phases", '[');
	for (i = 0; i < s->n_phases; i++) {
		vs_json_open(j, NULL, '{');
		vs_json_text(j, "name", s->phases[i].name);
		vs_json_f64(j, "seconds", s->phases[i].secs);
		vs_json_u64(j, "done", s->phases[i].done);
		vs_json_u64(j, "total", s->phases[i].total);
		vs_json_text(j, "unit", s->phases[i].unit);
		vs_json_close(j, '}');
	}
	vs_json_close(j, ']');
}

static void put_use(struct vs_json *j, const struct vs_tool_stats *s)
{
	const struct vs_ctx *ctx = s->ctx;

	vs_json_u64(j, "threads", ctx->n_threads);
	vs_json_u64(j, "memory_ceiling_bytes", ctx->memory_max);
	vs_json_f64(j, "wall_seconds", s->secs);
	vs_json_f64(j, "cpu_seconds", s->cpu_secs);
	put_phases(j, s);
	vs_json_u64(j, "read_bytes", atomic_load(&ctx->n_bytes_read));
	vs_json_u64(j, "written_bytes", atomic_load(&ctx->n_bytes_written));
	vs_json_u64(j, "peak_allocated_bytes", atomic_load(&ctx->mem_peak));
	vs_json_u64(j, "peak_anonymous_bytes", s->peak_anon);
	vs_json_u64(j, "peak_resident_bytes", vs_host_peak_rss());
	put_known(j, "rows", ctx->work.n_rows);
	put_known(j, "queries", ctx->work.n_queries);
	put_known(j, "distances", ctx->work.n_distances);
	put_known(j, "shards_missing", ctx->work.n_missing);
	vs_json_bool(j, "already_done", ctx->work.already);
}

static int put_all(struct vs_ctx *ctx, const struct vs_tool_stats *s, int rc,
		   const struct vs_err *why, struct vs_buf *b,
		   struct vs_err *err)
{
	struct vs_json j;

	vs_json_init(&j, ctx, b, err);
	vs_json_open(&j, NULL, '{');
	vs_json_u64(&j, "schema", SCHEMA);
	vs_json_text(&j, "tool", s->tool->name);
	vs_json_text(&j, "command", s->command);
	vs_json_text(&j, "version", vs_version);
	vs_json_text(&j, "revision", vs_revision);
	vs_json_text(&j, "instruction_set",
		     s->ctx->kern == NULL ? NULL : s->ctx->kern->name);
	vs_json_u64(&j, "exit_code", (uint64_t)vs_err_status(rc));
	vs_json_text(&j, "message", rc == 0 ? NULL : why->msg);
	put_use(&j, s);
	vs_json_close(&j, '}');
	return vs_json_done(&j);
}

static int write_json(struct vs_tool_stats *s, int rc,
		      const struct vs_err *why, struct vs_err *err)
{
	struct vs_buf b = { 0 };
	int mine = put_all(&s->own, s, rc, why, &b, err);

	if (mine == 0)
		mine = vs_tool_report_put(&s->own, &s->json, &b, err);
	vs_buf_free(&s->own, &b);
	return mine;
}

int vs_tool_stats_write(struct vs_tool_stats *s, int rc,
			const struct vs_err *why, struct vs_err *err)
{
	struct vs_err bad = { 0 };
	int mine = 0, metrics = 0;

	if (s->json.file != NULL)
		mine = write_json(s, rc, why, err);
	/* One that has no place is no reason to go without the other. */
	if (s->metrics.file != NULL)
		metrics = vs_tool_metrics_write(&s->own, s, rc, &bad);
	if (mine == 0 && metrics != 0)
		*err = bad;
	return mine != 0 ? mine : metrics;
}
