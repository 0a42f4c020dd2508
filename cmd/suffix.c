/* suffix.c - a warning when the name of an output says what it is not. */
#include "rows.h"

#include <string.h>

#include "vs/hits.h"

void vs_warn_suffix(struct vs_ctx *ctx, const char *out, const char *what,
		    const char *want)
{
	static const char *const known[] = { "vsm",   "vss",   "vsh",
					     "ivecs", "fvecs", "usbin",
					     "npy",   "tsv",   "jsonl" };
	const char *dot = strrchr(out, '.');
	size_t i;

	if (dot == NULL || strcmp(dot + 1, want) == 0)
		return;
	for (i = 0; i < VS_COUNT(known); i++)
		if (strcmp(dot + 1, known[i]) == 0)
			vs_ctx_log(ctx, VS_LOG_WARN,
				   "%s: becomes %s, though its name says %s; "
				   "expected NAME.%s",
				   out, what, known[i], want);
}

void vs_warn_format(struct vs_ctx *ctx, const char *out,
		    enum vs_hits_format format)
{
	if (format != VS_HITS_AUTO)
		vs_warn_suffix(ctx, out, vs_hits_format_name(format),
			       vs_hits_format_name(format));
}
