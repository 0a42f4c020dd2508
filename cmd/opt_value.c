/* opt_value.c - one option's text to its value and back.
 *
 * Numbers come from vs/num.h alone.  What was expected stands in each message.
 */
#include "opt.h"

#include <inttypes.h>
#include <string.h>

#include "vs/num.h"
#include "vs/op.h"

_Static_assert(sizeof(enum vs_metric) == sizeof(int), "words are ints");

const char *vs_opt_name(const struct vs_opt *row, char text[VS_OPT_NAME_MAX])
{
	if (row->name != NULL)
		snprintf(text, VS_OPT_NAME_MAX, "--%s", row->name);
	else
		snprintf(text, VS_OPT_NAME_MAX, "-%c", row->letter);
	return text;
}

static int bad(const struct vs_opt *row, const char *text, const char *want,
	       struct vs_err *err)
{
	char name[VS_OPT_NAME_MAX];

	return vs_fail(err, VS_EUSAGE, "%s %s: expected %s",
		       vs_opt_name(row, name), text, want);
}

static uint64_t row_max(const struct vs_opt *row)
{
	if (row->max != 0)
		return row->max;
	return row->kind == VS_OPT_U32 ? UINT32_MAX : UINT64_MAX;
}

static int set_number(const struct vs_opt *row, const char *text, void *value,
		      struct vs_err *err)
{
	uint64_t max = row_max(row), u;
	char want[96];
	uint32_t u32;

	if (!vs_parse_u64(text, &u) || u < row->min || u > max) {
		if (max == UINT64_MAX || max == UINT32_MAX)
			snprintf(want, sizeof(want),
				 "a whole number of at least %" PRIu64,
				 row->min);
		else
			snprintf(want, sizeof(want),
				 "a whole number from %" PRIu64 " to %" PRIu64,
				 row->min, max);
		return bad(row, text, want, err);
	}
	u32 = (uint32_t)u;
	if (row->kind == VS_OPT_U32)
		memcpy(value, &u32, sizeof(u32));
	else
		memcpy(value, &u, sizeof(u));
	return 0;
}

static int set_size(const struct vs_opt *row, const char *text, void *value,
		    struct vs_err *err)
{
	char least[VS_SIZE_TEXT_MAX], want[96];
	uint64_t u;

	if (!vs_parse_size(text, &u) || u < row->min || u > row_max(row)) {
		snprintf(want, sizeof(want),
			 "a size of at least %s, such as 512M or 4G",
			 vs_format_size(row->min, least));
		return bad(row, text, want, err);
	}
	memcpy(value, &u, sizeof(u));
	return 0;
}

static const char *next_word(const void *arg, size_t i)
{
	const struct vs_opt_word *words = arg;

	return words[i].word;
}

static const struct vs_opt_word *find_word(const struct vs_opt *row,
					   const char *text)
{
	const struct vs_opt_word *w;

	for (w = row->words; w->word != NULL; w++)
		if (strcmp(w->word, text) == 0)
			return w;
	return NULL;
}

static int bad_word(const struct vs_opt *row, const char *text,
		    struct vs_err *err)
{
	const struct vs_opt_word *w;
	const char *near;
	char want[160];
	size_t n = 0;

	for (w = row->words; w->word != NULL && n < sizeof(want); w++)
		n += (size_t)snprintf(want + n, sizeof(want) - n, "%s%s",
				      w == row->words       ? "" :
				      w[1].word == NULL     ? " or " :
							      ", ",
				      w->word);
	near = vs_opt_nearest(text, next_word, row->words);
	if (near != NULL && n < sizeof(want))
		snprintf(want + n, sizeof(want) - n, "; did you mean %s?",
			 near);
	return bad(row, text, want, err);
}

static int set_word(const struct vs_opt *row, const char *text, void *value,
		    struct vs_err *err)
{
	const struct vs_opt_word *w = find_word(row, text);

	if (w == NULL)
		return bad_word(row, text, err);
	memcpy(value, &w->value, sizeof(w->value));
	return 0;
}

static int set_text(const struct vs_opt *row, const char *text, void *value,
		    struct vs_err *err)
{
	/* An unset variable of a script, most often. */
	if (text[0] == '\0')
		return bad(row, "\"\"", row->metavar, err);
	if (row->words != NULL && find_word(row, text) == NULL)
		return bad_word(row, text, err);
	memcpy(value, &text, sizeof(text));
	return 0;
}

static int set_ratio(const struct vs_opt *row, const char *text, void *value,
		     struct vs_err *err)
{
	double d;

	if (!vs_parse_f64(text, &d) || d < 0 || d > 1)
		return bad(row, text, "a number from 0 to 1, such as 0.95",
			   err);
	memcpy(value, &d, sizeof(d));
	return 0;
}

static int set_real(const struct vs_opt *row, const char *text, void *value,
		    struct vs_err *err)
{
	double d;

	if (!vs_parse_f64(text, &d))
		return bad(row, text, "a finite number, such as 0.5", err);
	memcpy(value, &d, sizeof(d));
	return 0;
}

static int set_part(const struct vs_opt *row, const char *text, void *value,
		    struct vs_err *err)
{
	struct vs_part part;

	if (!vs_part_parse(text, &part))
		return bad(row, text,
			   "i/n, part i of n counted from 0, such as 0/8",
			   err);
	memcpy(value, &part, sizeof(part));
	return 0;
}

int vs_opt_set_value(const struct vs_opt *row, const char *text, void *value,
		     struct vs_err *err)
{
	switch (row->kind) {
	case VS_OPT_U32:
	case VS_OPT_U64:
		return set_number(row, text, value, err);
	case VS_OPT_SIZE:
		return set_size(row, text, value, err);
	case VS_OPT_RATIO:
		return set_ratio(row, text, value, err);
	case VS_OPT_REAL:
		return set_real(row, text, value, err);
	case VS_OPT_WORD:
		return set_word(row, text, value, err);
	case VS_OPT_PART:
		return set_part(row, text, value, err);
	case VS_OPT_TEXT:
	case VS_OPT_COMPLETION:
		return set_text(row, text, value, err);
	case VS_OPT_FLAG:
		memcpy(value, &(bool){ true }, sizeof(bool));
		return 0;
	default:
		return 0;
	}
}

static const char *show_number(uint64_t u, bool none_if_0,
			       char text[VS_OPT_TEXT_MAX])
{
	if (u == 0 && none_if_0)
		return NULL;
	snprintf(text, VS_OPT_TEXT_MAX, "%" PRIu64, u);
	return text;
}

static const char *show_word(const struct vs_opt *row, const void *value)
{
	const struct vs_opt_word *w;
	int v;

	memcpy(&v, value, sizeof(v));
	for (w = row->words; w->word != NULL; w++)
		if (w->value == v)
			return w->word;
	return NULL;
}

const char *vs_opt_show(const struct vs_opt *row, const void *value,
			char text[VS_OPT_TEXT_MAX])
{
	char size[VS_SIZE_TEXT_MAX];
	uint32_t u32;
	uint64_t u64;

	switch (row->kind) {
	case VS_OPT_U32:
		memcpy(&u32, value, sizeof(u32));
		return show_number(u32, row->def == NULL, text);
	case VS_OPT_U64:
		memcpy(&u64, value, sizeof(u64));
		return show_number(u64, row->def == NULL, text);
	case VS_OPT_SIZE:
		memcpy(&u64, value, sizeof(u64));
		snprintf(text, VS_OPT_TEXT_MAX, "%s",
			 vs_format_size(u64, size));
		return text;
	case VS_OPT_WORD:
		return show_word(row, value);
	default:
		return row->def;
	}
}
