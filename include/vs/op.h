/* op.h - what each tool does, without argv: one struct of arguments and one
 * call per operation.  Nothing here prints; results that people read come back
 * in structs, everything else goes to files and to ctx->log.
 */
#ifndef VS_OP_H
#define VS_OP_H

#include "vs/hits.h"
#include "vs/plan.h"
#include "vs/vecs.h"

struct vs_manifest; /* vs/manifest.h */

/* What is done with rows of zeros under cosine, which have no direction. */
enum vs_zero {
	VS_ZERO_REFUSE = 0,
	VS_ZERO_KEEP = 1 /* their cosine with everything is 0 */
};

/* What is done with vectors that have a NaN or an infinite value.  Queries are
 * always refused: their numbers are their places in the file. */
enum vs_nonfinite {
	VS_ROWS_REFUSE = 0,
	VS_ROWS_DROP = 1 /* left out; others keep their numbers */
};

/* Shared by all operations that read vectors and write one output. */
struct vs_op_io {
	const char *out;           /* -o; "-" where a tool allows it */
	const char *const *inputs; /* VECTORS... */
	size_t n_inputs;
	enum vs_vecs_format input_format; /* --input-format */
	bool force_rows;                  /* --force-rows */
	bool replace;                     /* --replace */
	bool recheck;                     /* --recheck */
	enum vs_zero zero; /* --zero */
	enum vs_nonfinite nonfinite; /* --nonfinite; of vectors */
	struct vs_plan *plan; /* --plan: fill it and make nothing; or NULL */
};

/* --part i/n; n == 0: not given; n == VS_PART_OF_MANIFEST: part i of as many
 * as the manifest says (the task id of an array job, which knows no n). */
struct vs_part {
	uint32_t i;
	uint32_t n;
	/* Of an array job: which of how many tasks; 0: not known. */
	uint32_t task_i;
	uint32_t task_n;
};
#define VS_PART_OF_MANIFEST UINT32_MAX

/* The part among n, for VS_PART_OF_MANIFEST: a job of just n tasks has a task
 * for each part, wherever its ids start and however far apart they are; else,
 * as when lost parts are run again, i itself. */
uint32_t vs_part_of(const struct vs_part *part, uint32_t n);

/* "3/8"; false unless i < n. */
bool vs_part_parse(const char *text, struct vs_part *out);

/* vs-train */
enum vs_train_kmeans {
	VS_TRAIN_AUTO = 0, /* two levels for a large nlist, see vs/kmeans.h */
	VS_TRAIN_FLAT,
	VS_TRAIN_TWO_LEVEL
};
/* Which half of an iteration over many machines. */
enum vs_train_half {
	VS_TRAIN_WHOLE = 0, /* all of the training */
	VS_TRAIN_PARTIAL,   /* the sums of part i/n of the sample */
	VS_TRAIN_REDUCE     /* the first centroids, or the next, or the model */
};
struct vs_train_args {
	struct vs_op_io io;
	const char *index; /* -i, required: IVF<nlist>,Flat */
	enum vs_metric metric;
	uint64_t sample;     /* rows to train on; 0: 256 per centroid */
	uint32_t iterations; /* of Lloyd's algorithm */
	enum vs_train_kmeans kmeans;
	enum vs_train_half half;
	struct vs_part part; /* of PARTIAL */
	const char *steps;   /* of either half: the directory between them */
	uint64_t seed;
	uint32_t checkpoint_secs; /* between checkpoints, at least */
};
int vs_op_train(struct vs_ctx *ctx, const struct vs_train_args *args,
		struct vs_err *err) VS_MUST_CHECK;

/* vs-build: exactly one of index, model, collection. */
struct vs_build_args {
	struct vs_op_io io;
	const char *index; /* -i: Flat */
	const char *model; /* -M */
	const char *collection; /* -c DIR[@GENERATION]: no inputs, no -o */
	struct vs_part part;    /* with collection */
	const char *split; /* where vs-shard split put rows; NULL: the usual */
	const char *ids;   /* --ids FILE, see vs/ids.h; not with collection */
	uint64_t id_base; /* of the first row, instead of ids */
	enum vs_metric metric;
	bool metric_given; /* -m beside -M must agree with the model */
	uint32_t checkpoint_secs; /* between checkpoints, at least */
};
int vs_op_build(struct vs_ctx *ctx, const struct vs_build_args *args,
		struct vs_err *err) VS_MUST_CHECK;

/* vs-query */
struct vs_query_args {
	struct vs_op_io io; /* inputs: QUERIES; out: file or directory "x/" */
	const char *target; /* SHARD or COLLECTION[@GENERATION] */
	uint32_t k;
	const char *params; /* -p "nprobe=32", may be NULL */
	bool within;   /* only rows within the radius, as values are printed: */
	double radius; /* at most, of similarities at least; k 0: all of them */
	enum vs_hits_format format;
	struct vs_part part;
	bool stream; /* --stream: one input, answered as it comes */
	/* --self: no inputs; the rows of the target are the queries, by id, and
	 * each is left out of its own answer.  part is a slice of them. */
	bool self;
};
/* What a search did, for the log line and benchmarks. */
struct vs_query_report {
	uint64_t n_queries;
	uint64_t n_rows;      /* of the shards searched */
	uint64_t n_distances; /* row x query pairs scored by the tiles */
	double secs_load;     /* opening and reading queries */
	double secs_search;   /* coarse and scan */
	double secs_total;
	bool already; /* the output stood there with the same fingerprint */
};
int vs_op_query(struct vs_ctx *ctx, const struct vs_query_args *args,
		struct vs_query_report *report,
		struct vs_err *err) VS_MUST_CHECK;

/* vs-shard create */
struct vs_shard_create_args {
	struct vs_op_io io; /* inputs; out unused */
	const char *collection;
	const char *model; /* -M, or */
	const char *index; /* -i Flat */
	enum vs_metric metric;
	bool metric_given;
	const char *by; /* "hash", "range" */
	uint32_t n_shards;
	const char *weights; /* "1,2,1", one for each shard; NULL: all 1 */
	uint32_t vnodes;     /* by hash */
	bool vnodes_given;
	const char *ids;     /* --ids FILE, see vs/ids.h */
	uint64_t id_base;    /* of the first row, instead of ids */
};
int vs_op_shard_create(struct vs_ctx *ctx,
		       const struct vs_shard_create_args *args,
		       struct vs_err *err) VS_MUST_CHECK;

/* vs-shard split */
struct vs_shard_split_args {
	const char *collection; /* DIR[@GENERATION] */
	struct vs_part part;
	const char *out; /* directory, created; NULL: split/ in collection */
	bool replace;
};
int vs_op_shard_split(struct vs_ctx *ctx,
		      const struct vs_shard_split_args *args,
		      struct vs_err *err) VS_MUST_CHECK;

/* vs-shard status, verify */
enum vs_shard_condition {
	VS_SHARD_READY = 0,
	VS_SHARD_MISSING,
	VS_SHARD_STALE,   /* whole, but not what the manifest names */
	VS_SHARD_DAMAGED, /* refused when opened */
	VS_SHARD_CONDITIONS
};
struct vs_shard_state {
	enum vs_shard_condition state;
	uint64_t n_bytes; /* of the file; 0: missing */
	char why[VS_ERR_MSG_MAX]; /* stale, damaged */
};
struct vs_collection_status {
	struct vs_manifest *manifest;  /* owned */
	struct vs_shard_state *shards; /* [manifest->n_shards], owned */
	struct vs_shard_state model;   /* ready where the index needs none */
	uint32_t n_in_state[VS_SHARD_CONDITIONS]; /* of the shards */
	uint64_t n_rows; /* in shards that are ready */
	uint64_t n_bytes; /* of all shard files */
};
/* Opens the model and every shard of DIR[@GENERATION] with ctx->verify.  Bad
 * ones are found, not errors; free the status. */
int vs_op_shard_status(struct vs_ctx *ctx, const char *collection,
		       struct vs_collection_status *out,
		       struct vs_err *err) VS_MUST_CHECK;
void vs_collection_status_free(struct vs_ctx *ctx,
			       struct vs_collection_status *s);

/* vs-merge */
struct vs_merge_args {
	const char *out;
	const char *const *parts; /* .vsh files */
	size_t n_parts;
	uint32_t k; /* 0: the k of the parts */
	enum vs_hits_format format;
	bool replace;
	bool recheck;
	const char *allow_missing; /* "all" or "3,5", NULL: none may miss */
	struct vs_plan *plan; /* as in struct vs_op_io */
};
/* Returns VS_EPARTIAL, with err filled, when shards were missing and allowed:
 * the output is complete and marked incomplete. */
int vs_op_merge(struct vs_ctx *ctx, const struct vs_merge_args *args,
		struct vs_err *err) VS_MUST_CHECK;

/* vs-eval truth */
struct vs_truth_args {
	struct vs_op_io io; /* inputs: VECTORS; out: x.ivecs, x.vsh, ... */
	const char *queries;
	const char *distances; /* --distances FILE.fvecs, may be NULL */
	const char *ids;       /* --ids FILE, see vs/ids.h */
	uint64_t id_base;      /* of the first row, instead of ids */
	enum vs_metric metric;
	uint32_t k;
	enum vs_hits_format format;
};
int vs_op_truth(struct vs_ctx *ctx, const struct vs_truth_args *args,
		struct vs_query_report *report,
		struct vs_err *err) VS_MUST_CHECK;

/* vs-eval recall */
struct vs_recall_args {
	const char *hits;            /* .vsh or ivecs */
	const char *truth;           /* the same, or of range searches */
	const char *truth_distances; /* fvecs; NULL: strict, but for vsh */
	uint32_t k;                  /* k-recall@k */
	bool k_given; /* of results of range searches all count unless it is */
	double confidence;           /* of the interval, 0.95 */
};
struct vs_recall_report {
	uint64_t n_queries;
	uint32_t k;       /* of k-recall@k */
	uint32_t n_hits;  /* results a query in the hit file: R of 1-recall@R;
			   * 0: lists, whose k may be UINT32_MAX: all */
	uint32_t n_truth; /* truth rows a query */
	double recall;    /* strict k-recall@k, mean over queries */
	double low, high; /* interval of the mean over queries (normal, with
			   * finite t; see lib/op/recall.c) */
	bool tie_aware_known; /* truth distances were there */
	double recall_ties;   /* tie-aware k-recall@k */
	uint64_t n_tied;      /* queries where ties at the k-th mattered */
	double one_recall_at[3]; /* 1-recall@1, @10, @n_hits */
	uint32_t one_at[3];      /* the R of each; 0: not computed */
	uint64_t n_duplicates;   /* ids repeated within a result, removed */
	uint64_t n_short;        /* queries with fewer than k results */
	/* Of a truth of range searches, which has lists of their own lengths;
	 * recall is the mean, over queries with true neighbours, of the share
	 * of them all that is among the first k results.  No ties, no
	 * 1-recall, and n_truth is 0. */
	bool range;
	uint64_t n_empty;  /* queries without true neighbours */
	uint64_t n_longer; /* queries with more of them than k */
	uint64_t n_true;   /* true neighbours of all queries */
	uint64_t n_found;  /* of these among the first k results */
	uint64_t n_reachable; /* that k results a query could hold */
	uint64_t n_results;   /* among the first k of all queries */
	double most; /* recall if all that is reachable were found */
};
int vs_op_recall(struct vs_ctx *ctx, const struct vs_recall_args *args,
		 struct vs_recall_report *report,
		 struct vs_err *err) VS_MUST_CHECK;

#endif
