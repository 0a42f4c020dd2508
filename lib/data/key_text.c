/* key_text.c - what a key means, as text: the same bytes in every locale. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hits_int.h"

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

void vs_key_text(enum vs_metric metric, enum vs_dtype dtype, int64_t key,
		 char out[VS_KEY_TEXT_MAX])
{
	double v = vs_key_value(metric, dtype, key);

	if (!vs_hits_float_keys(metric, dtype)) {
		snprintf(out, VS_KEY_TEXT_MAX, "%" PRId64,
			 vs_metric_is_similarity(metric) ? -key : key);
	} else if (isnan(v)) {
		memcpy(out, "nan", 4);
	} else if (isinf(v)) {
		memcpy(out, v < 0 ? "-inf" : "inf", v < 0 ? 5 : 4);
	} else {
		snprintf(out, VS_KEY_TEXT_MAX, "%.9g", v);
		use_full_stop(out);
	}
}
