/* params.c - search parameters of each index family. */
#include "vs/params.h"

#include <stdio.h>
#include <string.h>

#include "vs/coarse.h"
#include "vs/num.h"

#define KFACTOR 10u
#define KFACTOR_MAX 65536u

static bool has_cells(const struct vs_factory *index)
{
	return index->family == VS_FAMILY_IVF;
}

static bool is_refined(const struct vs_factory *index)
{
	return index->refine != VS_REFINE_NONE;
}

static int bad(const char *text, const struct vs_factory *index,
	       struct vs_err *err)
{
	const char *expected =
		"none: an exhaustive index has no parameters";

	if (has_cells(index) && is_refined(index))
		expected = "nprobe=N,kfactor=N with N from 1, and "
			   "taper=N";
	else if (has_cells(index))
		expected = "nprobe=N with N from 1, and taper=N";
	else if (is_refined(index))
		expected = "kfactor=N with N from 1";
	return vs_fail(err, VS_EUSAGE,
		       "-p '%.60s' does not fit %s; expected %s", text,
		       index->text, expected);
}

static uint32_t root_up(uint32_t n)
{
	uint64_t r = 1;

	while (r * r < n)
		r++;
	return (uint32_t)r;
}

/* One name=value of n letters. */
static bool take(const char *p, size_t n, const struct vs_factory *index,
		 struct vs_params *out)
{
	const char *equals = memchr(p, '=', n);
	size_t name = equals == NULL ? n : (size_t)(equals - p);
	uint64_t v;

	if (name == n || !vs_parse_u64_n(equals + 1, n - name - 1, &v))
		return false;
	if (name == 5 && memcmp(p, "taper", 5) == 0 && has_cells(index)) {
		out->taper = (uint32_t)vs_min_u64(v, VS_TAPER_MAX);
		return v <= VS_TAPER_MAX;
	}
	if (v == 0)
		return false;
	if (name == 6 && memcmp(p, "nprobe", 6) == 0 && has_cells(index)) {
		out->nprobe = (uint32_t)vs_min_u64(v, index->nlist);
		out->nprobe_cut = v > index->nlist;
		return true;
	}
	if (name == 7 && memcmp(p, "kfactor", 7) == 0 && is_refined(index)) {
		out->kfactor = (uint32_t)vs_min_u64(v, KFACTOR_MAX);
		return v <= KFACTOR_MAX;
	}
	return false;
}

static bool take_all(const char *text, const struct vs_factory *index,
		     struct vs_params *out)
{
	size_t n;

	for (;;) {
		n = strcspn(text, ",");
		if (!take(text, n, index, out))
			return false;
		if (text[n] == '\0')
			return true;
		text += n + 1;
	}
}

int vs_params_parse(const char *text, const struct vs_factory *index,
		    struct vs_params *out, struct vs_err *err)
{
	size_t n;

	out->nprobe = root_up(index->nlist);
	out->nprobe_cut = false;
	out->taper = 0;
	out->kfactor = is_refined(index) ? KFACTOR : 1;
	out->text[0] = '\0';
	if (text != NULL && text[0] != '\0' && !take_all(text, index, out))
		return bad(text, index, err);
	if (has_cells(index))
		snprintf(out->text, sizeof(out->text), "nprobe=%u",
			 out->nprobe);
	n = strlen(out->text);
	if (out->taper > 0)
		n += (size_t)snprintf(out->text + n, sizeof(out->text) - n,
				      ",taper=%u", out->taper);
	if (is_refined(index))
		snprintf(out->text + n, sizeof(out->text) - n, "%skfactor=%u",
			 n > 0 ? "," : "", out->kfactor);
	return 0;
}
