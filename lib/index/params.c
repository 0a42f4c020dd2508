/* params.c - search parameters of each index family. */
#include "vs/params.h"

#include <stdio.h>
#include <string.h>

#include "vs/num.h"

static int bad(const char *text, const struct vs_factory *index,
	       struct vs_err *err)
{
	return vs_fail(err, VS_EUSAGE,
		       "-p '%.60s' does not fit %s; expected %s", text,
		       index->text,
		       index->family == VS_FAMILY_IVF ?
			       "nprobe=N with N from 1" :
			       "none: an exhaustive index has no parameters");
}

static uint32_t root_up(uint32_t n)
{
	uint64_t r = 1;

	while (r * r < n)
		r++;
	return (uint32_t)r;
}

int vs_params_parse(const char *text, const struct vs_factory *index,
		    struct vs_params *out, struct vs_err *err)
{
	uint64_t n;

	out->nprobe = root_up(index->nlist);
	out->text[0] = '\0';
	if (text != NULL && text[0] != '\0') {
		if (index->family != VS_FAMILY_IVF ||
		    strncmp(text, "nprobe=", 7) != 0 ||
		    !vs_parse_u64(text + 7, &n) || n == 0)
			return bad(text, index, err);
		out->nprobe = (uint32_t)vs_min_u64(n, index->nlist);
	}
	if (index->family == VS_FAMILY_IVF)
		snprintf(out->text, sizeof(out->text), "nprobe=%u",
			 out->nprobe);
	return 0;
}
