/* merge_parts.c - opens the parts of a merge and refuses what does not belong
 * together.
 */
#include "merge_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vs/mem.h"
#include "vs/num.h"
#include "vs/ring.h"

/* Parts kept open: far below the usual limit of 1024 descriptors. */
#define OPEN_MAX 256
#define NO_PART UINT32_MAX
#define LIST_SHOWN 8

/* What all parts must have in common. */
enum field {
	FIELD_QUERIES,
	FIELD_N_QUERIES,
	FIELD_DIM,
	FIELD_METRIC,
	FIELD_DTYPE,
	FIELD_INDEX,
	FIELD_PARAMS,
	FIELD_MODEL,
	FIELD_COLLECTION,
	FIELD_GENERATION,
	FIELD_N_SHARDS,
	N_FIELDS
};

static const char *const field_names[N_FIELDS] = {
	[FIELD_QUERIES] = "digest of the queries",
	[FIELD_N_QUERIES] = "number of queries",
	[FIELD_DIM] = "dimension",
	[FIELD_METRIC] = "metric",
	[FIELD_DTYPE] = "type of the rows",
	[FIELD_INDEX] = "index",
	[FIELD_PARAMS] = "search parameters",
	[FIELD_MODEL] = "model",
	[FIELD_COLLECTION] = "collection",
	[FIELD_GENERATION] = "generation",
	[FIELD_N_SHARDS] = "number of shards",
};

#define FIELD_TEXT_MAX 40

static const char *number_text(uint64_t v, char b[FIELD_TEXT_MAX])
{
	snprintf(b, FIELD_TEXT_MAX, "%" PRIu64, v);
	return b;
}

/* Equal texts are equal fields. */
static const char *field_text(enum field f, const struct vs_hits_info *i,
			      char b[FIELD_TEXT_MAX])
{
	switch (f) {
	case FIELD_QUERIES:
		return vs_digest_text(&i->queries, b);
	case FIELD_N_QUERIES:
		return number_text(i->n_queries, b);
	case FIELD_DIM:
		return number_text(i->dim, b);
	case FIELD_METRIC:
		return vs_metric_name(i->metric);
	case FIELD_DTYPE:
		return vs_dtype_name(i->dtype);
	case FIELD_INDEX:
		return i->index;
	case FIELD_PARAMS:
		return i->params;
	case FIELD_MODEL:
		return vs_digest_text(&i->model, b);
	case FIELD_COLLECTION:
		return vs_digest_text(&i->collection, b);
	case FIELD_GENERATION:
		return number_text(i->generation, b);
	case FIELD_N_SHARDS:
		return number_text(i->n_shards, b);
	case N_FIELDS:
		break;
	}
	return "";
}

static int check_agreement(const struct vs_merge_part *part,
			   const struct vs_hits_info *info,
			   const struct vs_merge_part *first,
			   const struct vs_hits_info *want, struct vs_err *err)
{
	char text_a[FIELD_TEXT_MAX], text_b[FIELD_TEXT_MAX];
	const char *a, *b;
	unsigned f;

	for (f = 0; f < N_FIELDS; f++) {
		a = field_text((enum field)f, info, text_a);
		b = field_text((enum field)f, want, text_b);
		if (strcmp(a, b) == 0)
			continue;
		return vs_fail(err, VS_EDATA,
			       "%s: %s is \"%s\"; %s has \"%s\"; only answers "
			       "to one search can be merged",
			       part->path, field_names[f], a, first->path, b);
	}
	return 0;
}

/* What the merge keeps of a part's info. */
static int take_info(struct vs_ctx *ctx, struct vs_merge_part *part,
		     const struct vs_hits_info *info, struct vs_err *err)
{
	if (info->n_sources == 0)
		return vs_fail(err, VS_EDATA,
			       "%s: names no shard that was searched; query "
			       "again",
			       part->path);
	part->k = info->k;
	part->sources = vs_alloc(ctx, info->n_sources, sizeof(*part->sources),
				 "sources", err);
	if (part->sources == NULL)
		return VS_ENOMEM;
	memcpy(part->sources, info->sources,
	       info->n_sources * sizeof(*part->sources));
	part->n_sources = info->n_sources;
	return 0;
}

/* Opens part i, compares it with the first, and closes it again when too many
 * are open. */
static int open_part(struct vs_ctx *ctx, struct vs_merge_parts *p, size_t i,
		     const struct vs_merge_args *args, struct vs_err *err)
{
	struct vs_merge_part *part = &p->part[i];
	const struct vs_hits_info *info;
	int rc = vs_hits_open(ctx, part->path, &part->hits, err);

	if (rc != 0)
		return rc;
	info = vs_hits_info(part->hits);
	part->fingerprint = vs_hits_head(part->hits)->fingerprint;
	part->least = part->fingerprint;
	part->original = i;
	if (i == 0)
		rc = vs_hits_info_copy(ctx, &p->info, info, err);
	else
		rc = check_agreement(part, info, &p->part[0], &p->info, err);
	if (rc == 0 && info->incomplete && args->allow_missing == NULL)
		rc = vs_fail(err, VS_ENOINPUT,
			     "%s: is incomplete: it was made without some "
			     "shards; make it again, or allow shards to be "
			     "missing with --allow-missing",
			     part->path);
	if (rc == 0)
		rc = take_info(ctx, part, info, err);
	if (p->n_open < OPEN_MAX) {
		p->n_open++;
	} else {
		vs_hits_close(ctx, part->hits);
		part->hits = NULL;
	}
	return rc;
}

static bool same_sources(const struct vs_merge_part *a,
			 const struct vs_merge_part *b)
{
	size_t i;

	if (a->n_sources != b->n_sources)
		return false;
	for (i = 0; i < a->n_sources; i++)
		if (a->sources[i].shard != b->sources[i].shard ||
		    a->sources[i].n_rows != b->sources[i].n_rows ||
		    !vs_digest_equal(&a->sources[i].fingerprint,
				     &b->sources[i].fingerprint))
			return false;
	return true;
}

/* The fingerprint of a shard that part is known to hold. */
static const struct vs_digest *source_of(const struct vs_merge_part *part,
					 uint32_t shard)
{
	const struct vs_hits_source *s = part->sources;

	while (s->shard != shard)
		s++;
	return &s->fingerprint;
}

/* Both parts hold the shard of s, which is b's, but are no copies. */
static int refuse_overlap(const struct vs_merge_parts *p,
			  const struct vs_merge_part *a,
			  const struct vs_merge_part *b,
			  const struct vs_hits_source *s, struct vs_err *err)
{
	static const struct vs_digest zero;

	if (vs_digest_equal(&p->info.collection, &zero))
		return vs_fail(err, VS_EDATA,
			       "%s: is of another lone shard than %s; only "
			       "shards of one collection can be merged; make "
			       "it with vs-shard create",
			       b->path, a->path);
	if (!vs_digest_equal(source_of(a, s->shard), &s->fingerprint))
		return vs_fail(err, VS_EDATA,
			       "%s: is of another shard %u than %s; one of "
			       "them is stale; query again",
			       b->path, s->shard, a->path);
	return vs_fail(err, VS_EDATA,
		       "%s: holds shard %u, and so does %s, but they are no "
		       "copies of each other; leave one out",
		       b->path, s->shard, a->path);
}

/* Enters the shards of part i into owner, or finds what it is a copy of. */
static int claim(struct vs_ctx *ctx, struct vs_merge_parts *p, size_t i,
		 uint32_t *owner, struct vs_err *err)
{
	struct vs_merge_part *part = &p->part[i], *other;
	const struct vs_hits_source *s;
	size_t j;

	for (j = 0; j < part->n_sources; j++) {
		s = &part->sources[j];
		if (owner[s->shard] == NO_PART) {
			owner[s->shard] = (uint32_t)i;
			p->n_rows += s->n_rows;
			continue;
		}
		other = &p->part[owner[s->shard]];
		if (!same_sources(other, part))
			return refuse_overlap(p, other, part, s, err);
		/* All its shards were there, so none was entered. */
		if (other->k != part->k)
			return vs_fail(err, VS_EDATA,
				       "%s: holds %u hits a query, %s holds %u "
				       "of the same shard; leave one out",
				       part->path, part->k, other->path,
				       other->k);
		part->original = owner[s->shard];
		if (memcmp(&part->least, &other->least, sizeof(other->least)) <
		    0)
			other->least = part->least;
		vs_ctx_log(ctx, VS_LOG_WARN,
			   "%s: is of the same shard %u as %s; counted once",
			   part->path, s->shard, other->path);
		return 0;
	}
	return 0;
}

/* The sources of the answer, and what is missing, from owner. */
static int cover(struct vs_ctx *ctx, struct vs_merge_parts *p,
		 const uint32_t *owner, struct vs_err *err)
{
	uint32_t n = p->info.n_shards, s, n_sources = 0;
	struct vs_hits_source *sources;
	const struct vs_hits_source *from;

	p->missing =
		vs_alloc(ctx, n, sizeof(*p->missing), "missing shards", err);
	if (p->missing == NULL)
		return VS_ENOMEM;
	sources = vs_alloc(ctx, n, sizeof(*sources), "sources", err);
	if (sources == NULL)
		return VS_ENOMEM;
	for (s = 0; s < n; s++) {
		if (owner[s] == NO_PART) {
			p->missing[p->n_missing++] = s;
			continue;
		}
		from = p->part[owner[s]].sources;
		while (from->shard != s)
			from++;
		sources[n_sources++] = *from;
	}
	vs_free(ctx, p->info.sources);
	p->info.sources = sources;
	p->info.n_sources = n_sources;
	p->info.incomplete = p->n_missing != 0;
	return 0;
}

static int find_cover(struct vs_ctx *ctx, struct vs_merge_parts *p,
		      struct vs_err *err)
{
	uint32_t *owner, s;
	size_t i;
	int rc = 0;

	/* As many as a collection can have; hostile files may say more. */
	if (p->info.n_shards > VS_RING_SHARDS_MAX)
		return vs_fail(err, VS_EDATA,
			       "%s: says there are %u shards; expected at most "
			       "%u",
			       p->part[0].path, p->info.n_shards,
			       VS_RING_SHARDS_MAX);
	owner = vs_alloc(ctx, p->info.n_shards, sizeof(*owner), "shards", err);
	if (owner == NULL)
		return VS_ENOMEM;
	for (s = 0; s < p->info.n_shards; s++)
		owner[s] = NO_PART;
	for (i = 0; rc == 0 && i < p->n; i++)
		rc = claim(ctx, p, i, owner, err);
	if (rc == 0)
		rc = cover(ctx, p, owner, err);
	vs_free(ctx, owner);
	return rc;
}

/* Sets allowed[s] for the shards that list names: "all" or "3,5". */
static int parse_allowed(const char *list, uint32_t n_shards, uint8_t *allowed,
			 struct vs_err *err)
{
	bool all = strcmp(list, "all") == 0;
	const char *end;
	uint64_t v;

	memset(allowed, all, n_shards);
	for (; !all; list = end + 1) {
		end = strchrnul(list, ',');
		if (!vs_parse_u64_n(list, (size_t)(end - list), &v) ||
		    v >= n_shards)
			return vs_fail(err, VS_EUSAGE,
				       "--allow-missing: \"%.80s\" does not "
				       "begin with a shard below %u; expected "
				       "numbers with commas between them, or "
				       "all",
				       list, n_shards);
		allowed[v] = 1;
		if (*end == '\0')
			break;
	}
	return 0;
}

static int check_missing(struct vs_ctx *ctx, const struct vs_merge_parts *p,
			 const char *list, struct vs_err *err)
{
	char text[VS_MERGE_LIST_MAX];
	uint8_t *allowed;
	uint32_t i;
	int rc = 0;

	allowed = vs_zalloc(ctx, p->info.n_shards, 1, "shards", err);
	if (allowed == NULL)
		return VS_ENOMEM;
	/* The list is checked even when nothing is missing. */
	if (list != NULL)
		rc = parse_allowed(list, p->info.n_shards, allowed, err);
	for (i = 0; rc == 0 && i < p->n_missing; i++)
		if (!allowed[p->missing[i]])
			rc = vs_fail(
				err, VS_ENOINPUT,
				"%u of %u shards are missing: %s; query "
				"them, or go on without with "
				"--allow-missing",
				p->n_missing, p->info.n_shards,
				vs_merge_list(p->missing, p->n_missing, text));
	vs_free(ctx, allowed);
	return rc;
}

/* Lists of all hits within a radius go with lists only. */
static int check_lists(const struct vs_merge_parts *p, uint32_t k,
		       struct vs_err *err)
{
	const struct vs_merge_part *a = &p->part[0], *b;
	size_t i;

	for (i = 1; i < p->n; i++) {
		b = &p->part[i];
		if ((a->k == 0) != (b->k == 0))
			return vs_fail(err, VS_EDATA,
				       "%s: holds all hits within a radius, %s "
				       "at most %u a query; query one of them "
				       "again, with or without -k",
				       (a->k == 0 ? a : b)->path,
				       (a->k == 0 ? b : a)->path,
				       a->k == 0 ? b->k : a->k);
	}
	if (a->k == 0 && k != 0)
		return vs_fail(err, VS_EUSAGE,
			       "k is %u, but %s holds all hits within a "
			       "radius; leave out -k, or query again with it",
			       k, a->path);
	return 0;
}

static int choose_k(struct vs_merge_parts *p, uint32_t k, struct vs_err *err)
{
	size_t i, least = 0;
	int rc = check_lists(p, k, err);

	if (rc != 0)
		return rc;
	for (i = 0; i < p->n; i++) {
		if (k == 0 && p->part[i].k != p->part[0].k)
			return vs_fail(err, VS_EUSAGE,
				       "%s holds %u hits a query, %s holds %u; "
				       "say with -k how many the answer has",
				       p->part[i].path, p->part[i].k,
				       p->part[0].path, p->part[0].k);
		if (p->part[i].k < p->part[least].k)
			least = i;
	}
	if (k > p->part[least].k)
		return vs_fail(err, VS_EUSAGE,
			       "k is %u, but %s holds %u hits a query; ask for "
			       "less, or query again with -k %u",
			       k, p->part[least].path, p->part[least].k, k);
	p->info.k = k != 0 ? k : p->part[0].k;
	return 0;
}

int vs_merge_parts_open(struct vs_ctx *ctx, const struct vs_merge_args *args,
			struct vs_merge_parts *out, struct vs_err *err)
{
	size_t i;
	int rc = 0;

	memset(out, 0, sizeof(*out));
	if (args->n_parts == 0)
		return vs_fail(err, VS_EUSAGE,
			       "no part is given; expected .vsh files");
	out->part =
		vs_zalloc(ctx, args->n_parts, sizeof(*out->part), "parts", err);
	if (out->part == NULL)
		return VS_ENOMEM;
	out->n = args->n_parts;
	for (i = 0; rc == 0 && i < out->n; i++) {
		out->part[i].path = args->parts[i];
		rc = open_part(ctx, out, i, args, err);
	}
	if (rc == 0)
		rc = find_cover(ctx, out, err);
	if (rc == 0)
		rc = choose_k(out, args->k, err);
	if (rc == 0)
		rc = check_missing(ctx, out, args->allow_missing, err);
	if (rc != 0)
		vs_merge_parts_close(ctx, out);
	return rc;
}

/* What is read of a part. */
struct reading {
	uint64_t first;
	size_t n;
	uint64_t *start; /* of lists */
	bool starts;	 /* only these */
	struct vs_hit *hits;
};

static int read_of(struct vs_ctx *ctx, struct vs_hits *h,
		   const struct reading *r, struct vs_err *err)
{
	if (r->starts)
		return vs_hits_starts(ctx, h, r->first, r->n, r->start, err);
	if (r->start != NULL)
		return vs_hits_lists(ctx, h, r->first, r->n, r->start, r->hits,
				     err);
	return vs_hits_read(ctx, h, r->first, r->n, r->hits, err);
}

static int read_part(struct vs_ctx *ctx, const struct vs_merge_parts *p,
		     size_t i, const struct reading *r, struct vs_err *err)
{
	const struct vs_merge_part *part = &p->part[i];
	struct vs_hits *h;
	int rc;

	if (part->hits != NULL)
		return read_of(ctx, part->hits, r, err);
	rc = vs_hits_open(ctx, part->path, &h, err);
	if (rc != 0)
		return rc;
	if (vs_digest_equal(&vs_hits_head(h)->fingerprint,
			    &part->fingerprint) &&
	    vs_hits_info(h)->n_queries == p->info.n_queries &&
	    vs_hits_info(h)->k == part->k)
		rc = read_of(ctx, h, r, err);
	else
		rc = vs_fail(err, VS_EDATA,
			     "%s: was replaced while it was merged; run again",
			     part->path);
	vs_hits_close(ctx, h);
	return rc;
}

int vs_merge_parts_read(struct vs_ctx *ctx, struct vs_merge_parts *p, size_t i,
			uint64_t first, size_t n, struct vs_hit *hits,
			struct vs_err *err)
{
	const struct reading r = { .first = first, .n = n, .hits = hits };

	return read_part(ctx, p, i, &r, err);
}

int vs_merge_parts_starts(struct vs_ctx *ctx, struct vs_merge_parts *p,
			  size_t i, uint64_t first, size_t n, uint64_t *start,
			  struct vs_err *err)
{
	const struct reading r = { .first = first, .n = n, .start = start,
				   .starts = true };

	return read_part(ctx, p, i, &r, err);
}

int vs_merge_parts_lists(struct vs_ctx *ctx, struct vs_merge_parts *p,
			 size_t i, uint64_t first, size_t n, uint64_t *start,
			 struct vs_hit *hits, struct vs_err *err)
{
	const struct reading r = { .first = first, .n = n, .start = start,
				   .hits = hits };

	return read_part(ctx, p, i, &r, err);
}

const char *vs_merge_list(const uint32_t *numbers, uint32_t n,
			  char out[VS_MERGE_LIST_MAX])
{
	uint32_t shown = n <= LIST_SHOWN ? n : LIST_SHOWN - 1, i;
	size_t used = 0;

	out[0] = '\0';
	for (i = 0; i < shown; i++)
		used += (size_t)snprintf(out + used, VS_MERGE_LIST_MAX - used,
					 "%s%u",
					 i == 0	    ? "" :
					 i + 1 == n ? " and " :
						      ", ",
					 numbers[i]);
	if (shown < n)
		snprintf(out + used, VS_MERGE_LIST_MAX - used, " and %u more",
			 n - shown);
	return out;
}

void vs_merge_parts_close(struct vs_ctx *ctx, struct vs_merge_parts *p)
{
	size_t i;

	for (i = 0; p->part != NULL && i < p->n; i++) {
		vs_hits_close(ctx, p->part[i].hits);
		vs_free(ctx, p->part[i].sources);
	}
	vs_free(ctx, p->part);
	vs_free(ctx, p->missing);
	vs_hits_info_free(ctx, &p->info);
	memset(p, 0, sizeof(*p));
}
