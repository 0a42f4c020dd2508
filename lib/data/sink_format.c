/* sink_format.c - the names of the formats of answers, and their sizes. */
#include <string.h>

#include "hits_int.h"
#include "npy_head.h"

static const struct {
	const char *name; /* and suffix */
	enum vs_hits_format format;
} formats[] = {
	{"vsh", VS_HITS_VSH},	  {"ivecs", VS_HITS_IVECS},
	{"fvecs", VS_HITS_FVECS}, {"usbin", VS_HITS_USBIN},
	{"npy", VS_HITS_NPY},	  {"tsv", VS_HITS_TSV},
	{"jsonl", VS_HITS_JSONL},
};

bool vs_hits_format_parse(const char *word, enum vs_hits_format *f)
{
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(word, formats[i].name) == 0) {
			*f = formats[i].format;
			return true;
		}
	}
	return false;
}

const char *vs_hits_format_name(enum vs_hits_format f)
{
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].format == f)
			return formats[i].name;
	return "?";
}

int vs_hits_format_of(const char *path, enum vs_hits_format *f,
		      struct vs_err *err)
{
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(slash != NULL ? slash : path, '.');

	if (strcmp(path, "-") == 0) {
		*f = VS_HITS_TSV;
		return 0;
	}
	if (dot != NULL && vs_hits_format_parse(dot + 1, f))
		return 0;
	return vs_fail(err, VS_EUSAGE,
		       "%s: the name does not say which format; expected .vsh, "
		       ".ivecs, .fvecs, .usbin, .npy, .tsv or .jsonl, or give "
		       "-f",
		       path);
}

int vs_hits_format_check_lists(const char *path, enum vs_hits_format f,
			       struct vs_err *err)
{
	if (f != VS_HITS_IVECS && f != VS_HITS_FVECS && f != VS_HITS_NPY)
		return 0;
	return vs_fail(err, VS_EUSAGE,
		       "%s: %s holds as many results of each query, and those "
		       "within a radius are not; expected vsh, usbin, tsv or "
		       "jsonl; or give -k for the nearest of them, padded",
		       path, vs_hits_format_name(f));
}

uint64_t vs_hits_format_bytes(enum vs_hits_format f, uint64_t n_queries,
			      uint32_t k)
{
	uint64_t n = n_queries * k;

	if (k == 0)
		return 0;
	switch (f) {
	case VS_HITS_IVECS:
	case VS_HITS_FVECS:
		return (n + n_queries) * 4;
	case VS_HITS_USBIN:
		return VS_USBIN_HEAD + n * 8;
	case VS_HITS_NPY:
		return VS_NPY_HEAD_LEN + n * 8;
	case VS_HITS_AUTO:
	case VS_HITS_VSH:
	case VS_HITS_TSV:
	case VS_HITS_JSONL:
		break;
	}
	return 0;
}
