/* factory.c - reads INDEX strings; knows the grammar, not the indexes.
 *
 * A string that is not understood is read again as somebody may have meant it,
 * in letters of any case and cut short; what that gives is offered.
 */
#include "vs/factory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "vs/num.h"

#define HNSW_M 32u /* where a name leaves it out, as in Faiss */

/* The part that is read, between commas, and what it should have been. */
struct reader {
	const char *at;
	const char *end; /* of the part */
	const char *expected;
	bool mistyped; /* case and missing parts are forgiven */
};

static bool take(struct reader *r, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->at) < n ||
	    (r->mistyped ? strncasecmp(r->at, word, n) :
			   strncmp(r->at, word, n)) != 0)
		return false;
	r->at += n;
	return true;
}

/* A number that is too large for any use becomes UINT32_MAX. */
static bool take_number(struct reader *r, uint32_t *out)
{
	size_t n = 0;
	uint64_t v;

	while (r->at + n < r->end && r->at[n] >= '0' && r->at[n] <= '9')
		n++;
	if (n == 0)
		return false;
	if (!vs_parse_u64_n(r->at, n, &v) || v > UINT32_MAX)
		v = UINT32_MAX;
	r->at += n;
	*out = (uint32_t)v;
	return true;
}

static void find_end(struct reader *r)
{
	r->end = r->at + strcspn(r->at, ",");
}

/* Whether the part is used up; then the next one is begun. */
static bool end_part(struct reader *r)
{
	if (r->mistyped)
		while (r->at < r->end && *r->at == ' ')
			r->at++;
	if (r->at != r->end)
		return false;
	if (*r->end == ',')
		r->at++;
	if (r->mistyped)
		r->at += strspn(r->at, " ");
	find_end(r);
	return true;
}

static bool at_end(const struct reader *r)
{
	return r->at == r->end && *r->end == '\0';
}

/* Each reads a part of its kind, or leaves the reader where it is. */
static bool read_rotation(struct reader *r, struct vs_factory *f)
{
	static const struct {
		const char *word;
		enum vs_rotation rotation;
	} words[] = { { "OPQ", VS_ROT_OPQ }, { "PCAR", VS_ROT_PCAR },
		      { "PCA", VS_ROT_PCA }, { "RR", VS_ROT_RR } };
	const struct reader start = *r;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		f->rotation = words[i].rotation;
		if (take(r, words[i].word) &&
		    take_number(r, f->rotation == VS_ROT_OPQ ? &f->rot_m :
							       &f->rot_dim) &&
		    (f->rotation != VS_ROT_OPQ || !take(r, "_") ||
		     take_number(r, &f->rot_dim)) &&
		    *r->end == ',' && end_part(r))
			return true;
		*r = start;
	}
	f->rotation = VS_ROT_NONE;
	f->rot_m = 0;
	f->rot_dim = 0;
	return false;
}

static void read_l2norm(struct reader *r, struct vs_factory *f)
{
	const struct reader start = *r;

	f->l2norm = (take(r, "L2norm") || take(r, "L2Norm")) &&
		    *r->end == ',' && end_part(r);
	if (!f->l2norm)
		*r = start;
}

static void read_centroid_graph(struct reader *r, struct vs_factory *f)
{
	f->hnsw_m = 0;
	if (!take(r, "_HNSW"))
		return;
	if (!take_number(r, &f->hnsw_m))
		f->hnsw_m = HNSW_M;
	else if (f->hnsw_m == 0)
		f->hnsw_m = UINT32_MAX; /* 0 says none: as wrong, but seen */
}

static bool read_family(struct reader *r, struct vs_factory *f)
{
	const struct reader start = *r;

	f->nlist = 1;
	f->hnsw_m = 0;
	if (take(r, "IVF") && take_number(r, &f->nlist)) {
		f->family = VS_FAMILY_IVF;
		read_centroid_graph(r, f);
		f->soar = take(r, "_SOAR");
		if (end_part(r))
			return true;
	} else if (take(r, "HNSW") && take_number(r, &f->hnsw_m)) {
		f->family = VS_FAMILY_HNSW;
		if (end_part(r))
			return true;
	}
	*r = start;
	f->family = VS_FAMILY_FLAT;
	f->nlist = 1;
	f->hnsw_m = 0;
	f->soar = false;
	return false;
}

static bool read_pq(struct reader *r, struct vs_factory *f)
{
	if (!take(r, "PQ") || !take_number(r, &f->pq_m))
		return false;
	f->code = VS_CODE_PQ8;
	if (take(r, "x4fs") || take(r, "x4"))
		f->code = VS_CODE_PQ4;
	else
		(void)take(r, "x8");
	return true;
}

static bool read_code(struct reader *r, struct vs_factory *f)
{
	const struct reader start = *r;

	if (take(r, "Flat"))
		f->code = VS_CODE_FLAT;
	else if (take(r, "SQfp16"))
		f->code = VS_CODE_SQFP16;
	else if (take(r, "SQ8"))
		f->code = VS_CODE_SQ8;
	else if (!read_pq(r, f))
		r->at = NULL;
	if (r->at != NULL && end_part(r))
		return true;
	*r = start;
	f->code = VS_CODE_FLAT;
	f->pq_m = 0;
	return false;
}

static bool read_refine(struct reader *r, struct vs_factory *f)
{
	static const struct {
		const char *word;
		enum vs_refine refine;
	} words[] = { { "RFlat", VS_REFINE_FLAT },
		      { "Refine(Flat)", VS_REFINE_FLAT },
		      { "Refine(SQfp16)", VS_REFINE_SQFP16 },
		      { "Refine(SQ8)", VS_REFINE_SQ8 } };
	const struct reader start = *r;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (take(r, words[i].word) && end_part(r)) {
			f->refine = words[i].refine;
			return true;
		}
		*r = start;
	}
	return false;
}

#define CODES "Flat, SQfp16, SQ8, PQ<m> or PQ<m>x4fs"

/* False leaves the reader at the part that is not understood. */
static bool read_parts(struct reader *r, struct vs_factory *f)
{
	bool more;

	memset(f, 0, sizeof(*f));
	find_end(r);
	read_rotation(r, f);
	read_l2norm(r, f);
	if (read_family(r, f)) {
		r->expected = CODES;
		/* The code of a graph may be left out, and seems to have been
		 * where only that is missing. */
		more = !at_end(r);
		if (more ? !read_code(r, f) :
			   f->family == VS_FAMILY_IVF && !r->mistyped)
			return false;
	} else {
		r->expected = "IVF<nlist>, " CODES;
		if (!read_code(r, f))
			return false;
	}
	r->expected = "RFlat, Refine(SQ8), Refine(SQfp16) or nothing";
	if (!at_end(r) && !read_refine(r, f))
		return false;
	/* A comma at the end begins a part that is not there. */
	return at_end(r) && (r->mistyped || r->end[-1] != ',');
}

static int out_of_range(const char *text, const char *what, uint32_t most,
			struct vs_err *err)
{
	return vs_fail(err, VS_EUSAGE,
		       "index '%.80s': %s is out of range; expected 1 to %u",
		       text, what, most);
}

static bool in_range(uint32_t v, uint32_t most)
{
	return v >= 1 && v <= most;
}

static int check_numbers(const struct vs_factory *f, const char *text,
			 struct vs_err *err)
{
	bool pq = f->code == VS_CODE_PQ8 || f->code == VS_CODE_PQ4;
	bool graph = f->hnsw_m != 0 || f->family == VS_FAMILY_HNSW;

	if (!in_range(f->nlist, VS_NLIST_MAX))
		return out_of_range(text, "nlist", VS_NLIST_MAX, err);
	if (graph && !in_range(f->hnsw_m, VS_HNSW_M_MAX))
		return out_of_range(text, "the M of HNSW", VS_HNSW_M_MAX, err);
	if (pq && !in_range(f->pq_m, VS_DIM_MAX))
		return out_of_range(text, "the m of PQ", VS_DIM_MAX, err);
	if (f->rotation == VS_ROT_OPQ && !in_range(f->rot_m, VS_DIM_MAX))
		return out_of_range(text, "the m of OPQ", VS_DIM_MAX, err);
	if (f->rotation != VS_ROT_NONE && f->rotation != VS_ROT_OPQ &&
	    !in_range(f->rot_dim, VS_DIM_MAX))
		return out_of_range(text, "the dimension", VS_DIM_MAX, err);
	if (f->rot_dim > VS_DIM_MAX)
		return out_of_range(text, "the dimension", VS_DIM_MAX, err);
	return 0;
}

static bool divides(uint32_t m, uint32_t dim)
{
	return m == 0 || dim == 0 || dim % m == 0;
}

/* Whether rows of `refine` say more than codes do. */
static bool is_finer(enum vs_refine refine, enum vs_coding code)
{
	switch (refine) {
	case VS_REFINE_FLAT:
		return code > VS_CODE_FLAT;
	case VS_REFINE_SQFP16:
		return code > VS_CODE_SQFP16;
	case VS_REFINE_SQ8:
		return code > VS_CODE_SQ8;
	default:
		return true;
	}
}

/* What no version could build. */
static int check_sense(const struct vs_factory *f, const char *text,
		       struct vs_err *err)
{
	if (!divides(f->rot_m, f->rot_dim) || !divides(f->pq_m, f->rot_dim))
		return vs_fail(err, VS_EUSAGE,
			       "index '%.80s': %u dimensions do not divide "
			       "into m equal parts; expected a multiple of m",
			       text, f->rot_dim);
	if (f->soar && f->nlist < 2)
		return vs_fail(err, VS_EUSAGE,
			       "index '%.80s': _SOAR puts rows into two cells; "
			       "expected IVF2 or more", text);
	if (!is_finer(f->refine, f->code))
		return vs_fail(err, VS_EUSAGE,
			       "index '%.80s': refining says no more than the "
			       "codes do; leave it out, or refine by something "
			       "finer", text);
	return 0;
}

__attribute__((format(printf, 2, 3))) static void
put(struct vs_factory *f, const char *fmt, ...)
{
	size_t n = strlen(f->text);
	va_list ap;

	va_start(ap, fmt);
	/* Every name fits, as numbers have ten digits. */
	(void)vsnprintf(f->text + n, sizeof(f->text) - n, fmt, ap);
	va_end(ap);
}

static void put_first_steps(struct vs_factory *f)
{
	static const char *const words[] = { "", "OPQ", "PCA", "PCAR", "RR" };
	bool opq = f->rotation == VS_ROT_OPQ;

	if (f->rotation != VS_ROT_NONE)
		put(f, "%s%u", words[f->rotation],
		    opq ? f->rot_m : f->rot_dim);
	if (opq && f->rot_dim != 0)
		put(f, "_%u", f->rot_dim);
	if (f->rotation != VS_ROT_NONE)
		put(f, ",");
	if (f->l2norm)
		put(f, "L2norm,");
}

static void put_all(struct vs_factory *f)
{
	static const char *const codes[] = { "Flat", "SQfp16", "SQ8" };
	static const char *const refines[] = { "", ",RFlat", ",Refine(SQfp16)",
					       ",Refine(SQ8)" };

	f->text[0] = '\0';
	put_first_steps(f);
	if (f->family == VS_FAMILY_IVF)
		put(f, "IVF%u%s", f->nlist, f->hnsw_m != 0 ? "_" : "");
	if (f->hnsw_m != 0)
		put(f, "HNSW%u", f->hnsw_m);
	if (f->soar)
		put(f, "_SOAR");
	if (f->family != VS_FAMILY_FLAT)
		put(f, ",");
	if (f->code == VS_CODE_PQ8 || f->code == VS_CODE_PQ4)
		put(f, "PQ%u%s", f->pq_m, f->code == VS_CODE_PQ4 ? "x4fs" : "");
	else
		put(f, "%s", codes[f->code]);
	put(f, "%s", refines[f->refine]);
}

static int unknown(const char *text, const struct reader *r,
		   struct vs_err *err)
{
	struct reader again = { .at = text + strspn(text, " "),
				.mistyped = true };
	struct vs_factory f;

	if (read_parts(&again, &f) && check_numbers(&f, text, NULL) == 0 &&
	    check_sense(&f, text, NULL) == 0) {
		put_all(&f);
		return vs_fail(err, VS_EUSAGE,
			       "index '%.80s' is not known; did you mean %s?",
			       text, f.text);
	}
	return vs_fail(err, VS_EUSAGE,
		       "index '%.80s' is not known at '%.40s'; expected %s "
		       "there, as in IVF1024,Flat (see vs(7))",
		       text, r->at, r->expected);
}

int vs_factory_read(const char *text, struct vs_factory *out,
		    struct vs_err *err)
{
	struct reader r = { .at = text };
	int rc;

	if (!read_parts(&r, out))
		return unknown(text, &r, err);
	rc = check_numbers(out, text, err);
	if (rc == 0)
		rc = check_sense(out, text, err);
	if (rc == 0)
		put_all(out);
	return rc;
}
