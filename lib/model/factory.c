/* factory.c - parses INDEX strings; knows the grammar, not the indexes. */
#include "vs/factory.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "vs/num.h"

/* An index of this version that differs in the case of letters, or by its
 * end; empty when there is none. */
static void guess(const char *text, char near[64])
{
	size_t n;
	uint64_t nlist;

	near[0] = '\0';
	if (strcasecmp(text, "Flat") == 0) {
		snprintf(near, 64, "; did you mean Flat?");
		return;
	}
	if (strncasecmp(text, "IVF", 3) != 0)
		return;
	n = strspn(text + 3, "0123456789");
	if (vs_parse_u64_n(text + 3, n, &nlist) && nlist <= VS_NLIST_MAX &&
	    (text[3 + n] == '\0' || strcasecmp(text + 3 + n, ",Flat") == 0))
		snprintf(near, 64, "; did you mean IVF%u,Flat?",
			 (unsigned)nlist);
}

static int unknown(const char *text, struct vs_err *err)
{
	char near[64];

	guess(text, near);
	if (near[0] != '\0')
		return vs_fail(err, VS_EUSAGE, "index '%.80s' is not known%s",
			       text, near);
	return vs_fail(err, VS_EUSAGE,
		       "index '%.80s' is not known; this version has 'Flat' "
		       "and 'IVF<nlist>,Flat', e.g. IVF1024,Flat",
		       text);
}

int vs_factory_parse(const char *text, struct vs_factory *out,
		     struct vs_err *err)
{
	const char *comma = strchr(text, ',');
	uint64_t nlist;

	if (strcmp(text, "Flat") == 0) {
		out->family = VS_FAMILY_FLAT;
		out->nlist = 1;
		snprintf(out->text, sizeof(out->text), "Flat");
		return 0;
	}
	if (strncmp(text, "IVF", 3) != 0 || comma == NULL ||
	    strcmp(comma, ",Flat") != 0 ||
	    !vs_parse_u64_n(text + 3, (size_t)(comma - text - 3), &nlist))
		return unknown(text, err);
	if (nlist < 1 || nlist > VS_NLIST_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "index '%.80s': nlist is %llu; expected 1 to %u",
			       text, (unsigned long long)nlist, VS_NLIST_MAX);
	out->family = VS_FAMILY_IVF;
	out->nlist = (uint32_t)nlist;
	snprintf(out->text, sizeof(out->text), "IVF%u,Flat", out->nlist);
	return 0;
}
