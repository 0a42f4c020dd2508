/* tool_report.c - the files that --stats and --metrics name.
 *
 * A report replaces the report of an earlier run without being asked, so it
 * must never replace anything else: not the output of the command, whatever it
 * is called, nor, where the command line could not be read, the file that an
 * option took by mistake.
 */
#include "tool_int.h"

#include <string.h>

#include "vs/file.h"
#include "vs/num.h"

/* Whether a regular file is empty or begins as this report does. */
static int is_ours(struct vs_ctx *ctx, const struct vs_tool_report *r,
		   bool *ours, struct vs_err *err)
{
	size_t n = strlen(r->begins);
	char head[VS_REPORT_BEGINS_MAX];
	struct vs_file *f;
	int rc = vs_file_open(ctx, r->file, &f, err);

	if (rc != 0)
		return rc;
	*ours = vs_file_size(f) == 0;
	if (n <= sizeof(head) && vs_file_size(f) >= n) {
		rc = vs_file_pread(ctx, f, head, n, 0, err);
		*ours = rc == 0 && memcmp(head, r->begins, n) == 0;
	}
	vs_file_close(ctx, f);
	return rc;
}

int vs_tool_report_check(struct vs_ctx *ctx, const struct vs_tool_report *r,
			 struct vs_err *err)
{
	bool ours = true;
	int rc = 0;

	if (r->file != NULL && r->stream == NULL &&
	    vs_path_exists(ctx, r->file))
		rc = is_ours(ctx, r, &ours, err);
	if (rc == 0 && !ours)
		rc = vs_fail(err, VS_ECREATE,
			     "%s %s: holds something else than a report of an "
			     "earlier run; give the report a name of its own, "
			     "or remove the file",
			     r->option, r->file);
	return rc;
}

int vs_tool_report_open(struct vs_ctx *ctx, struct vs_tool_report *r,
			const char *file, struct vs_err *err)
{
	struct vs_out *out;
	int rc;

	if (file == NULL)
		return 0;
	/* Hours of work should not end with a report that has no place. */
	rc = vs_out_create(ctx, file, &out, err);
	if (rc != 0)
		return rc;
	r->file = file;
	/* Whoever reads a pipe would take closing it for the end. */
	if (!vs_out_seekable(out)) {
		r->stream = out;
		return 0;
	}
	vs_out_abort(ctx, out);
	rc = vs_tool_report_check(ctx, r, err);
	if (rc != 0)
		r->file = NULL;
	return rc;
}

int vs_tool_report_put(struct vs_ctx *ctx, struct vs_tool_report *r,
		       const struct vs_buf *b, struct vs_err *err)
{
	struct vs_out *out = r->stream;
	int rc = 0;

	r->stream = NULL;
	if (out == NULL)
		rc = vs_out_create(ctx, r->file, &out, err);
	if (rc == 0)
		rc = vs_out_append(ctx, out, b->p, b->n, err);
	if (rc == 0)
		return vs_out_publish(ctx, out, VS_PUBLISH_REPLACE, NULL, err);
	vs_out_abort(ctx, out);
	return rc;
}

void vs_tool_report_drop(struct vs_ctx *ctx, struct vs_tool_report *r)
{
	vs_out_abort(ctx, r->stream);
	r->stream = NULL;
	r->file = NULL;
}
