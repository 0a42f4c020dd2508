/* sink_text.c - hits as text for people and other programs: tsv and jsonl.
 */
#include <inttypes.h>
#include <string.h>

#include "hits_int.h"

int vs_sink_put_tsv(struct vs_ctx *ctx, const struct vs_hits_info *info,
		    const struct vs_sink_slice *s, struct vs_buf *b,
		    struct vs_err *err)
{
	char text[VS_KEY_TEXT_MAX];
	uint32_t i;
	int rc = 0;

	for (i = s->from; rc == 0 && i < s->to; i++) {
		vs_key_text(info->metric, info->dtype, s->hits[i].key, text);
		rc = vs_buf_printf(ctx, b, err,
				   "%" PRIu64 "\t%u\t%" PRIu64 "\t%s\n",
				   s->query, i + 1, s->hits[i].id, text);
	}
	return rc;
}

int vs_sink_put_ids(struct vs_ctx *ctx, const struct vs_sink_slice *s,
		    struct vs_buf *b, struct vs_err *err)
{
	uint32_t i;
	int rc = 0;

	if (s->from == 0)
		rc = vs_buf_printf(ctx, b, err,
				   "{\"query\":%" PRIu64 ",\"ids\":[",
				   s->query);
	for (i = s->from; rc == 0 && i < s->to; i++)
		rc = vs_buf_printf(ctx, b, err,
				   i == 0 ? "%" PRIu64 : ",%" PRIu64,
				   s->hits[i].id);
	return rc;
}

int vs_sink_put_values(struct vs_ctx *ctx, const struct vs_hits_info *info,
		       const struct vs_sink_slice *s, struct vs_buf *b,
		       struct vs_err *err)
{
	bool similarity = vs_metric_is_similarity(info->metric);
	char text[VS_KEY_TEXT_MAX];
	uint32_t i;
	int rc = 0;

	if (s->from == 0)
		rc = vs_buf_printf(ctx, b, err, "],\"%s\":[",
				   similarity ? "scores" : "distances");
	for (i = s->from; rc == 0 && i < s->to; i++) {
		vs_key_text(info->metric, info->dtype, s->hits[i].key, text);
		/* JSON has no inf and no nan. */
		if (strchr(text, 'n') != NULL)
			memcpy(text, "null", 5);
		rc = vs_buf_printf(ctx, b, err, i == 0 ? "%s" : ",%s", text);
	}
	return rc;
}

int vs_sink_put_jsonl(struct vs_ctx *ctx, const struct vs_hits_info *info,
		      const struct vs_sink_slice *s, struct vs_buf *b,
		      struct vs_err *err)
{
	int rc = vs_sink_put_ids(ctx, s, b, err);

	if (rc == 0)
		rc = vs_sink_put_values(ctx, info, s, b, err);
	if (rc == 0)
		rc = vs_buf_printf(ctx, b, err, "]}\n");
	return rc;
}
