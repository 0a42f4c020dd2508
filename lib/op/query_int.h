/* query_int.h - what the files query*.c share: an opened target and the search
 * of a block of queries in it.
 */
#ifndef VS_OP_QUERY_INT_H
#define VS_OP_QUERY_INT_H

#include "queries.h"
#include "target.h"

/* Of --self. */
struct vs_search_self {
	struct vs_part part;  /* slice of the queries */
	struct vs_hit *row;   /* [n] of all shards, by id (query_self.c) */
	unsigned copies;      /* of each row in the shards */
	uint64_t n, first;    /* rows; that of query 0 */
	uint64_t n_done;      /* queries appended */
	struct vs_hit *answer;
	uint32_t n_answer; /* room of lists */
	uint32_t *at;  /* where each query of the block is in its batch */
	uint64_t n_at; /* room */
};

/* The state of one vs-query. */
struct vs_search {
	struct vs_ctx *ctx;
	const struct vs_query_args *args;
	struct vs_target target;
	struct vs_op_queries queries; /* of a stream: only their form */
	struct vs_params params;
	uint32_t k;               /* results to find: one more with --self */
	struct vs_search_self self;
	int64_t radius;           /* of args->within, as a key */
	uint64_t list_most; /* queries whose lists are found together */
	uint64_t n_listed;  /* queries answered by lists */
	uint32_t longest;   /* list of those that had no room */
	struct vs_coarse *coarse; /* NULL for Flat */
	char *out;                /* path of the output */
	struct vs_hits_info info;
	struct vs_digest fingerprint;
	struct vs_sink *sink;
	struct vs_query_report *report;
};

static inline const struct vs_cont_head *
vs_search_head(const struct vs_search *s)
{
	return vs_shard_head(s->target.shard[0]);
}

static inline const struct vs_transform *
vs_search_transform(const struct vs_search *s)
{
	return vs_shard_transform(s->target.shard[0]);
}

/* Opens the target and learns how it is to be searched. */
int vs_search_open(struct vs_search *s, struct vs_err *err) VS_MUST_CHECK;
/* What queries must be like: the head of the shards, f32 where a transform
 * comes first. */
struct vs_cont_head vs_search_wants(const struct vs_search *s);
/* Fills info but for what it says of the queries. */
int vs_search_info(struct vs_search *s, struct vs_err *err) VS_MUST_CHECK;
/* "hits/" and existing directories take a file named after the part. */
int vs_search_name_output(struct vs_search *s, enum vs_hits_format format,
			  struct vs_err *err) VS_MUST_CHECK;
int vs_search_coarse(struct vs_search *s, struct vs_err *err) VS_MUST_CHECK;
/* Memory of a query in a block. */
uint64_t vs_search_query_bytes(const struct vs_search *s);
/* Searches rows and appends their hits to the sink; cells is room for the
 * probes of all of them. */
int vs_search_rows(struct vs_search *s, const struct vs_rows *rows,
		   uint32_t *cells, struct vs_err *err) VS_MUST_CHECK;

/* --self: checks args before the target is opened; then lists its rows and says
 * of the queries what is known of them. */
int vs_search_self_check(struct vs_search *s, struct vs_err *err) VS_MUST_CHECK;
int vs_search_self_open(struct vs_search *s, struct vs_err *err) VS_MUST_CHECK;
/* Of each query of a block, beside those of any search. */
uint64_t vs_search_self_query_bytes(void);
int vs_search_self_read(struct vs_search *s, uint64_t first, size_t n,
			void *rows, struct vs_err *err) VS_MUST_CHECK;
/* The hits of the next n queries, without themselves, into the sink. */
int vs_search_self_append(struct vs_search *s, const struct vs_hit *hits,
			  uint64_t n, struct vs_err *err) VS_MUST_CHECK;
int vs_search_self_append_lists(struct vs_search *s, const struct vs_batch *b,
				uint64_t n, struct vs_err *err) VS_MUST_CHECK;
void vs_search_self_close(struct vs_search *s);

/* --stream, from the opening of the target to the last answer. */
int vs_search_stream(struct vs_search *s, struct vs_err *err) VS_MUST_CHECK;

#endif
