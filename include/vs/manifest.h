/* manifest.h - collections: a directory and the generations of its manifest.
 *
 *   DIR/000001.yaml   generation 1: immutable, made by an exclusive link
 *   DIR/000002.yaml   the next; the newest is current
 *   DIR/model.vsm     a copy of the model, where the index needs one
 *   DIR/shards/       00000.vss, 00001.vss, ...
 *
 * A manifest names everything that its shards depend on and the fingerprint
 * that each of them must have, before any of them is built.  Its last line is
 * a hash of all the text above.  A newest generation that is damaged is an
 * error, never a reason to step back; "DIR@7" pins generation 7.  The text
 * depends on the contents alone: no times, hosts or random numbers.  The format
 * is in vs-format(5).
 */
#ifndef VS_MANIFEST_H
#define VS_MANIFEST_H

#include "vs/buf.h"
#include "vs/hash.h"
#include "vs/ids.h"
#include "vs/ring.h"
#include "vs/types.h"
#include "vs/vecs.h"

#define VS_MANIFEST_VERSION 1u
#define VS_MANIFEST_MODEL "model.vsm"
#define VS_MANIFEST_SHARDS "shards"
#define VS_MANIFEST_INDEX_MAX 255u /* bytes of an index string */

/* How rows find their shard; the words stand in the files. */
enum vs_sharding {
	VS_SHARDING_HASH = 1, /* "hash": vs/ring.h on the id */
	VS_SHARDING_RANGE = 2 /* "range": runs of rows, in order */
};

struct vs_manifest_input {
	char *path; /* absolute, or relative to the collection */
	uint64_t n_rows;
};

struct vs_manifest_shard {	      /* its number is its place in the array */
	char *file;		      /* relative to the collection */
	struct vs_digest fingerprint; /* that the file must have */
	uint64_t first;		      /* by range: the row it begins at */
	uint64_t n_rows;
	uint32_t weight; /* its share is weight / sum of the weights */
};

/* All texts and arrays are owned.  The inputs are read as one set; the id of a
 * row is in the file of ids or, without one, its number in the set plus
 * id_base. */
struct vs_manifest {
	char *dir; /* where it was opened; not part of the text */
	uint64_t generation;
	struct vs_digest collection; /* names it through all generations */
	enum vs_metric metric;
	enum vs_dtype dtype;
	uint32_t dim;
	char *index;		/* factory string */
	char *model_file;	/* relative; NULL: the index needs no model */
	struct vs_digest model; /* its fingerprint, or zero */
	enum vs_sharding sharding;
	uint32_t vnodes; /* by hash, else 0 */
	uint64_t n_rows;
	struct vs_digest input;		  /* quick digest of the inputs */
	enum vs_vecs_format input_format; /* AUTO: from the names */
	bool drop_nonfinite; /* rows that are not finite are in no shard, but
			      * counted by all n_rows here */
	struct vs_manifest_input *inputs;
	size_t n_inputs;
	char *ids_path;	      /* as of an input; NULL: no ids are given */
	struct vs_digest ids; /* their quick digest, or zero */
	uint64_t id_base;     /* without a file of ids */
	struct vs_manifest_shard *shards;
	uint32_t n_shards;
};

/* "hash", "range"; false for other words. */
bool vs_manifest_sharding_parse(const char *word, enum vs_sharding *out);
const char *vs_manifest_sharding_word(enum vs_sharding s);

/* An empty generation 1 in dir: n_shards shards of weight 1 under their usual
 * names, n_inputs inputs to be filled in. */
int vs_manifest_create(struct vs_ctx *ctx, const char *dir, size_t n_inputs,
		       uint32_t n_shards, struct vs_manifest **out,
		       struct vs_err *err) VS_MUST_CHECK;
void vs_manifest_destroy(struct vs_ctx *ctx, struct vs_manifest *m);

/* The fingerprint of shard i: of the inputs, the ring, i, the index, the metric
 * and the model as m says them.  What creates a manifest writes it down, what
 * builds the shard gives it to the file. */
int vs_manifest_shard_fingerprint(struct vs_ctx *ctx,
				  const struct vs_manifest *m, uint32_t i,
				  struct vs_digest *out,
				  struct vs_err *err) VS_MUST_CHECK;
/* Sets m->collection and the fingerprints of all shards from the rest. */
int vs_manifest_seal(struct vs_ctx *ctx, struct vs_manifest *m,
		     struct vs_err *err) VS_MUST_CHECK;
/* By range: deals m->n_rows out in order, by the weights.  Shard i gets what
 * lies between the floors of n_rows * (weights before it, and with it) / (sum
 * of the weights), so no share is off by a whole row. */
void vs_manifest_cut(struct vs_manifest *m);
/* By hash: the ring of m; vs_ring_pick says which rows shard i holds. */
int vs_manifest_ring(struct vs_ctx *ctx, const struct vs_manifest *m,
		     struct vs_ring **out, struct vs_err *err) VS_MUST_CHECK;

/* Appends the whole text, hash line included. */
int vs_manifest_put(struct vs_ctx *ctx, const struct vs_manifest *m,
		    struct vs_buf *b, struct vs_err *err) VS_MUST_CHECK;
/* Reads such a text; name stands in messages.  VS_EDATA "NAME:LINE: ..." when
 * it is damaged or contradicts itself, VS_EVERSION when it is newer. */
int vs_manifest_parse(struct vs_ctx *ctx, const char *name, const char *text,
		      size_t n, struct vs_manifest **out,
		      struct vs_err *err) VS_MUST_CHECK;

/* Publishes m as m->generation of m->dir, which exists.  VS_ECREATE, *existed
 * set (may be NULL), when that generation is there: somebody else was first. */
int vs_manifest_publish(struct vs_ctx *ctx, const struct vs_manifest *m,
			bool *existed, struct vs_err *err) VS_MUST_CHECK;
/* The newest generation in dir; 0 when there is none. */
int vs_manifest_newest(struct vs_ctx *ctx, const char *dir,
		       uint64_t *generation, struct vs_err *err) VS_MUST_CHECK;
/* Opens "DIR" (its newest generation) or "DIR@7".  VS_ENOINPUT when dir holds
 * no generation or not that one. */
int vs_manifest_open(struct vs_ctx *ctx, const char *collection,
		     struct vs_manifest **out,
		     struct vs_err *err) VS_MUST_CHECK;
/* Splits "DIR@7" into its directory, an owned text, and 7; 0 where none is
 * named.  "@" with anything but a number behind it belongs to the name. */
int vs_manifest_split(struct vs_ctx *ctx, const char *collection, char **dir,
		      uint64_t *generation, struct vs_err *err) VS_MUST_CHECK;
/* True when collection, without "@7", is a directory: a shard is none. */
bool vs_manifest_is_collection(struct vs_ctx *ctx, const char *collection);

/* Paths, owned by the caller.  name: relative to the collection, or absolute */
char *vs_manifest_path(struct vs_ctx *ctx, const struct vs_manifest *m,
		       const char *name, struct vs_err *err) VS_MUST_CHECK;
char *vs_manifest_shard_path(struct vs_ctx *ctx, const struct vs_manifest *m,
			     uint32_t i, struct vs_err *err) VS_MUST_CHECK;
/* How a manifest in dir writes the path of an existing file: relative when the
 * file lies inside dir, else absolute without links. */
int vs_manifest_relative(struct vs_ctx *ctx, const char *dir, const char *path,
			 char **out, struct vs_err *err) VS_MUST_CHECK;
/* How its vectors are read: what becomes of those that are not finite. */
static inline enum vs_vecs_nonfinite
vs_manifest_nonfinite(const struct vs_manifest *m)
{
	return m->drop_nonfinite ? VS_NONFINITE_HOLES : VS_NONFINITE_REFUSE;
}
/* Opens the inputs as one set and compares rows, dim, dtype and quick digest:
 * VS_EDATA when they are not what the manifest was made of. */
int vs_manifest_inputs(struct vs_ctx *ctx, const struct vs_manifest *m,
		       struct vs_vecs **out, struct vs_err *err) VS_MUST_CHECK;
/* The same for the file of ids; *out is NULL when the manifest names none. */
int vs_manifest_open_ids(struct vs_ctx *ctx, const struct vs_manifest *m,
			 struct vs_ids **out, struct vs_err *err) VS_MUST_CHECK;

#endif
