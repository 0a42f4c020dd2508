/* cont_info.c - the INFO section of a container, parsed. */
#include "vs/cont.h"
#include "vs/mem.h"

int vs_cont_info(struct vs_ctx *ctx, struct vs_cont *c, uint64_t max,
		 struct vs_yaml_doc **out, struct vs_err *err)
{
	struct vs_span span;
	char *text;
	size_t n;
	int rc = vs_cont_find(c, VS_SEC_INFO, 1, &span, err);

	if (rc != 0)
		return rc;
	if (span.n_bytes > max)
		return vs_fail(err, VS_EDATA,
			       "%s: section INFO has %llu bytes; expected at "
			       "most %llu; the file is damaged",
			       vs_cont_path(c),
			       (unsigned long long)span.n_bytes,
			       (unsigned long long)max);
	n = (size_t)span.n_bytes;
	text = vs_alloc(ctx, n, 1, "INFO", err);
	if (text == NULL)
		return VS_ENOMEM;
	rc = vs_cont_read(ctx, c, &span, 0, text, n, err);
	if (rc == 0)
		rc = vs_yaml_parse(ctx, vs_cont_path(c), text, n, out, err);
	vs_free(ctx, text);
	return rc;
}
