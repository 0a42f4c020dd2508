/* sink_text.c - hits as text for people and other programs: tsv and jsonl.
 *
 * The same bytes in every locale: integers for 8-bit rows, otherwise nine
 * digits, which read back to the same f32.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hits_int.h"

#define NUMBER_MAX 48

/* Puts a full stop where the locale has another decimal mark. */
static void use_full_stop(char *s)
{
	char *mark = s + strspn(s, "+-0123456789");
	char *rest = mark + strcspn(mark, "0123456789eE");

	if (*mark == '\0' || *mark == 'e' || *mark == '.')
		return;
	*mark = '.';
	memmove(mark + 1, rest, strlen(rest) + 1);
}

static void format_value(const struct vs_hits_info *info, int64_t key,
			 char out[NUMBER_MAX])
{
	double v = vs_key_value(info->metric, info->dtype, key);

	if (!vs_hits_float_keys(info->metric, info->dtype)) {
		snprintf(out, NUMBER_MAX, "%" PRId64,
			 vs_metric_is_similarity(info->metric) ? -key : key);
	} else if (isnan(v)) {
		memcpy(out, "nan", 4);
	} else if (isinf(v)) {
		memcpy(out, v < 0 ? "-inf" : "inf", v < 0 ? 5 : 4);
	} else {
		snprintf(out, NUMBER_MAX, "%.9g", v);
		use_full_stop(out);
	}
}

int vs_sink_put_tsv(struct vs_ctx *ctx, const struct vs_hits_info *info,
		    uint64_t query, const struct vs_hit *hits, struct vs_buf *b,
		    struct vs_err *err)
{
	char text[NUMBER_MAX];
	uint32_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < info->k && hits[i].id != VS_ID_NONE; i++) {
		format_value(info, hits[i].key, text);
		rc = vs_buf_printf(ctx, b, err,
				   "%" PRIu64 "\t%u\t%" PRIu64 "\t%s\n", query,
				   i + 1, hits[i].id, text);
	}
	return rc;
}

int vs_sink_put_jsonl(struct vs_ctx *ctx, const struct vs_hits_info *info,
		      uint64_t query, const struct vs_hit *hits,
		      struct vs_buf *b, struct vs_err *err)
{
	bool similarity = vs_metric_is_similarity(info->metric);
	char text[NUMBER_MAX];
	uint32_t i, n;
	int rc;

	for (n = 0; n < info->k && hits[n].id != VS_ID_NONE; n++)
		;
	rc = vs_buf_printf(ctx, b, err, "{\"query\":%" PRIu64 ",\"ids\":[",
			   query);
	for (i = 0; rc == 0 && i < n; i++)
		rc = vs_buf_printf(ctx, b, err,
				   i == 0 ? "%" PRIu64 : ",%" PRIu64,
				   hits[i].id);
	if (rc == 0)
		rc = vs_buf_printf(ctx, b, err, "],\"%s\":[",
				   similarity ? "scores" : "distances");
	for (i = 0; rc == 0 && i < n; i++) {
		format_value(info, hits[i].key, text);
		/* JSON has no inf and no nan. */
		if (strchr(text, 'n') != NULL)
			memcpy(text, "null", 5);
		rc = vs_buf_printf(ctx, b, err, i == 0 ? "%s" : ",%s", text);
	}
	if (rc == 0)
		rc = vs_buf_printf(ctx, b, err, "]}\n");
	return rc;
}
