/* shard_create.c - vs-shard create: the first generation of a collection.
 *
 * Nothing is built here; the manifest says which rows each shard gets and which
 * fingerprint it must have, so that vs-build can make each on its own.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "op_int.h"
#include "shard_plan.h"
#include "unique.h"
#include "vs/file.h"
#include "vs/manifest.h"
#include "vs/mem.h"

#define COPY_BYTES ((size_t)1 << 20)

/* The state of one vs-shard create. */
struct create {
	struct vs_ctx *ctx;
	const struct vs_shard_create_args *args;
	struct vs_vecs *vecs;
	struct vs_op_stream ids; /* of all rows; its vectors are not read */
	struct vs_model *model; /* NULL for Flat */
	struct vs_factory index;
	enum vs_metric metric;
	struct vs_manifest *m;
};

/* What can be read once only would be waited for by every shard. */
static int check_file(const struct create *c, const char *path,
		      const char *what, struct vs_err *err)
{
	if (strcmp(path, "-") != 0 && !vs_path_is_stream(c->ctx, path))
		return 0;
	return vs_fail(err, VS_EUSAGE,
		       "%s: can be read once only; a collection needs %s in "
		       "files, which each of its shards can read; save it as "
		       "one",
		       path, what);
}

static int check_args(const struct create *c, struct vs_err *err)
{
	const struct vs_shard_create_args *args = c->args;
	uint64_t generation;
	size_t i;
	char *dir;
	int rc;

	if ((args->model == NULL) == (args->index == NULL))
		return vs_fail(err, VS_EUSAGE,
			       "expected either -M MODEL or -i INDEX");
	rc = vs_op_check_id_options(args->ids, args->id_base, err);
	if (rc != 0)
		return rc;
	if (args->io.replace || args->io.recheck)
		return vs_fail(err, VS_EUSAGE,
			       "a collection is never replaced, and always "
			       "compared; --replace and --recheck have no "
			       "meaning here");
	for (i = 0; i < args->io.n_inputs; i++) {
		rc = check_file(c, args->io.inputs[i], "vectors", err);
		if (rc != 0)
			return rc;
	}
	if (args->ids != NULL)
		rc = check_file(c, args->ids, "ids", err);
	if (rc != 0)
		return rc;
	rc = vs_manifest_split(c->ctx, args->collection, &dir, &generation,
			       err);
	if (rc == 0 && generation != 0)
		rc = vs_fail(err, VS_EUSAGE,
			     "%s: names a generation; expected a directory",
			     args->collection);
	vs_free(c->ctx, dir);
	return rc;
}

static int open_model(struct create *c, struct vs_err *err)
{
	const char *path = c->args->model, *name = vs_vecs_name(c->vecs);
	const struct vs_model *m;
	int rc = vs_model_open(c->ctx, path, &c->model, err);

	if (rc != 0)
		return rc;
	m = c->model;
	c->index = m->index;
	c->metric = m->metric;
	if (m->dim != vs_vecs_dim(c->vecs))
		return vs_fail(err, VS_EDATA,
			       "%s: rows have %u dimensions; %s was trained on "
			       "%u",
			       name, vs_vecs_dim(c->vecs), path, m->dim);
	if (!vs_op_types_agree(m->dtype, vs_vecs_dtype(c->vecs)))
		return vs_fail(err, VS_EDATA,
			       "%s: rows are %s; %s was trained on %s", name,
			       vs_dtype_name(vs_vecs_dtype(c->vecs)), path,
			       vs_dtype_name(m->dtype));
	if (c->args->metric_given && c->args->metric != m->metric)
		return vs_fail(err, VS_EUSAGE,
			       "-m %s contradicts %s, which has metric %s",
			       vs_metric_name(c->args->metric), path,
			       vs_metric_name(m->metric));
	return 0;
}

static int open_inputs(struct create *c, struct vs_err *err)
{
	const struct vs_op_io *io = &c->args->io;
	struct vs_vecs_options opt = vs_op_reading_vectors(io);
	int rc;

	opt.native_f16 = true;
	rc = vs_vecs_open(c->ctx, io->inputs, io->n_inputs, &opt, &c->vecs,
			  err);
	if (rc != 0)
		return rc;
	c->metric = c->args->metric;
	if (c->args->model != NULL) {
		rc = open_model(c, err);
	} else {
		rc = vs_factory_parse(c->args->index, &c->index, err);
		if (rc == 0 &&
		    (vs_factory_needs_model(&c->index) ||
		     vs_factory_has_ranges(&c->index, vs_vecs_dtype(c->vecs))))
			rc = vs_fail(err, VS_EUSAGE,
				     "%s needs a model: train it with vs-train "
				     "-i %s and give it with -M",
				     c->index.text, c->index.text);
	}
	if (rc == 0)
		rc = vs_op_check_kind(vs_vecs_name(c->vecs),
				      vs_vecs_dtype(c->vecs), err);
	return rc;
}

/* Which id each row has.  Two rows with one id could not be told apart in any
 * answer, so they are refused here, where all are at hand. */
static int open_ids(struct create *c, struct vs_err *err)
{
	const struct vs_shard_create_args *args = c->args;
	const char *name = vs_vecs_name(c->vecs);
	struct vs_op_id_facts facts;
	int rc;

	c->ids.end = vs_vecs_rows(c->vecs);
	if (args->ids == NULL)
		return vs_op_check_id_base(name, args->id_base, c->ids.end,
					   err);
	rc = vs_ids_open(c->ctx, args->ids, c->ids.end, name, &c->ids.ids, err);
	return rc == 0 ? vs_op_ids_check(c->ctx, &c->ids, &facts, err) : rc;
}

/* Path and rows of each file: of a directory those that it holds now, so that
 * what is put there later does not change the collection. */
static int list_inputs(struct create *c, struct vs_err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < vs_vecs_n_files(c->vecs); i++) {
		struct vs_manifest_input *in = &c->m->inputs[i];

		rc = vs_manifest_relative(c->ctx, c->m->dir,
					  vs_vecs_file_path(c->vecs, i),
					  &in->path, err);
		if (rc != 0)
			return rc;
		in->n_rows = vs_vecs_file_rows(c->vecs, i);
	}
	return 0;
}

/* Path and identity of the file of ids, or the first id. */
static int list_ids(struct create *c, struct vs_err *err)
{
	struct vs_manifest *m = c->m;
	int rc;

	m->id_base = c->args->id_base;
	if (c->args->ids == NULL)
		return 0;
	rc = vs_manifest_relative(c->ctx, m->dir, c->args->ids, &m->ids_path,
				  err);
	return rc == 0 ? vs_ids_quick_digest(c->ctx, c->ids.ids, &m->ids, err) :
			 rc;
}

/* Fills the manifest; the directory is there. */
static int describe(struct create *c, struct vs_err *err)
{
	struct vs_manifest *m = c->m;
	int rc;

	m->metric = c->metric;
	m->dtype = vs_vecs_dtype(c->vecs);
	m->dim = vs_vecs_dim(c->vecs);
	m->n_rows = vs_vecs_rows(c->vecs);
	m->input_format = c->args->io.input_format;
	m->drop_nonfinite = c->args->io.nonfinite == VS_ROWS_DROP;
	m->index = vs_strdup(c->ctx, c->index.text, err);
	if (m->index == NULL)
		return VS_ENOMEM;
	if (c->model != NULL) {
		m->model = c->model->fingerprint;
		m->model_file = vs_strdup(c->ctx, VS_MANIFEST_MODEL, err);
		if (m->model_file == NULL)
			return VS_ENOMEM;
	}
	rc = list_inputs(c, err);
	if (rc == 0)
		rc = list_ids(c, err);
	if (rc == 0)
		rc = vs_vecs_quick_digest(c->ctx, c->vecs, &m->input, err);
	if (rc == 0)
		rc = vs_shard_plan_rows(c->ctx, m, &c->ids, err);
	return rc == 0 ? vs_manifest_seal(c->ctx, m, err) : rc;
}

/* An input of old that is not where it is now, or NULL. */
static const char *moved_input(const struct create *c,
			       const struct vs_manifest *old)
{
	size_t i;

	if (old->n_inputs != c->m->n_inputs ||
	    old->input_format != c->m->input_format)
		return old->inputs[0].path;
	for (i = 0; i < old->n_inputs; i++)
		if (strcmp(old->inputs[i].path, c->m->inputs[i].path) != 0)
			return old->inputs[i].path;
	if (old->ids_path != NULL && c->m->ids_path != NULL &&
	    strcmp(old->ids_path, c->m->ids_path) != 0)
		return old->ids_path;
	return NULL;
}

/* 1: the collection stands there; 0: the directory holds none. */
static int compare(struct create *c, struct vs_err *err)
{
	const char *dir = c->m->dir, *moved;
	struct vs_manifest *old;
	uint64_t newest;
	int rc = vs_manifest_newest(c->ctx, dir, &newest, err);

	if (rc != 0 || newest == 0)
		return rc;
	rc = vs_manifest_open(c->ctx, dir, &old, err);
	if (rc != 0)
		return rc;
	moved = old->generation == 1 ? moved_input(c, old) : NULL;
	rc = 1;
	if (!vs_digest_equal(&old->collection, &c->m->collection))
		rc = vs_fail(err, VS_ECREATE,
			     "%s: holds another collection: %s, %u shards, "
			     "%" PRIu64 " rows; choose another directory, or "
			     "remove this one",
			     dir, old->index, old->n_shards, old->n_rows);
	else if (moved != NULL)
		rc = vs_fail(err, VS_ECREATE,
			     "%s: holds this collection, but reads its inputs "
			     "from %s; put them there, or remove %s/000001"
			     ".yaml and create it again: shards stay valid",
			     dir, moved, dir);
	vs_manifest_destroy(c->ctx, old);
	return rc;
}

static int copy_bytes(struct vs_ctx *ctx, struct vs_file *from,
		      struct vs_out *to, struct vs_err *err)
{
	size_t got = 1;
	void *room = vs_alloc(ctx, COPY_BYTES, 1, "copy buffer", err);
	int rc = room == NULL ? VS_ENOMEM : 0;

	while (rc == 0 && got > 0) {
		rc = vs_file_read(ctx, from, room, COPY_BYTES, &got, err);
		if (rc == 0)
			rc = vs_out_append(ctx, to, room, got, err);
	}
	vs_free(ctx, room);
	return rc;
}

static int copy_file(struct vs_ctx *ctx, const char *from, const char *to,
		     struct vs_err *err)
{
	struct vs_file *f = NULL;
	struct vs_out *o = NULL;
	bool existed = false;
	int rc = vs_file_open(ctx, from, &f, err);

	if (rc == 0)
		rc = vs_out_create(ctx, to, &o, err);
	if (rc == 0)
		rc = copy_bytes(ctx, f, o, err);
	if (rc == 0) {
		rc = vs_out_publish(ctx, o, VS_PUBLISH_NEW, &existed, err);
		o = NULL;
	}
	vs_out_abort(ctx, o);
	vs_file_close(ctx, f);
	/* Somebody was faster: the caller looks at what is there. */
	if (existed && err != NULL)
		vs_err_clear(err);
	return existed ? 0 : rc;
}

/* The model in the collection, copied unless it is there. */
static int place_model(struct create *c, struct vs_err *err)
{
	struct vs_model *copy = NULL;
	char *path;
	int rc = 0;

	if (c->model == NULL)
		return 0;
	path = vs_manifest_path(c->ctx, c->m, VS_MANIFEST_MODEL, err);
	if (path == NULL)
		return VS_ENOMEM;
	if (!vs_path_exists(c->ctx, path))
		rc = copy_file(c->ctx, c->args->model, path, err);
	if (rc == 0)
		rc = vs_model_open(c->ctx, path, &copy, err);
	if (rc == 0 &&
	    !vs_digest_equal(&copy->fingerprint, &c->model->fingerprint))
		rc = vs_fail(err, VS_ECREATE,
			     "%s: is another model than %s; choose another "
			     "directory, or remove it",
			     path, c->args->model);
	vs_model_destroy(c->ctx, copy);
	vs_free(c->ctx, path);
	return rc;
}

static int make_dirs(struct create *c, struct vs_err *err)
{
	char *shards;
	int rc;

	shards = vs_manifest_path(c->ctx, c->m, VS_MANIFEST_SHARDS, err);
	if (shards == NULL)
		return VS_ENOMEM;
	rc = vs_path_mkdir(c->ctx, shards, err);
	vs_free(c->ctx, shards);
	return rc;
}

/* How near the shards come to the shares that their weights promise. */
static void report(const struct create *c, bool already)
{
	const struct vs_manifest *m = c->m;
	char rows[VS_COUNT_TEXT_MAX], a[VS_COUNT_TEXT_MAX];
	char b[VS_COUNT_TEXT_MAX];
	uint64_t least = UINT64_MAX, most = 0, n;
	double share, low = INFINITY, high = 0, sum = 0;
	uint32_t i, n_empty = 0;

	for (i = 0; i < m->n_shards; i++)
		sum += m->shards[i].weight;
	for (i = 0; i < m->n_shards; i++) {
		n = m->shards[i].n_rows;
		share = 100 * (double)n * sum /
			((double)m->n_rows * m->shards[i].weight);
		low = share < low ? share : low;
		high = share > high ? share : high;
		least = vs_min_u64(least, n);
		most = n > most ? n : most;
		n_empty += n == 0;
	}
	vs_ctx_log(c->ctx, VS_LOG_INFO,
		   "%s: %s%s rows on %u shards: %s to %s rows, %.1f %% to "
		   "%.1f %% of their shares",
		   m->dir, already ? "already done: " : "",
		   vs_format_count(m->n_rows, rows), m->n_shards,
		   vs_format_count(least, a), vs_format_count(most, b), low,
		   high);
	if (n_empty != 0)
		vs_ctx_log(c->ctx, VS_LOG_WARN,
			   "%s: %u of %u shards hold no row; use fewer shards",
			   m->dir, n_empty, m->n_shards);
}

/* What is there is compared again when somebody else was first. */
static int publish(struct create *c, struct vs_err *err)
{
	bool existed = false;
	int rc = vs_manifest_publish(c->ctx, c->m, &existed, err);

	if (!existed)
		return rc;
	if (err != NULL)
		vs_err_clear(err);
	rc = compare(c, err);
	return rc < 0 ? rc : 0;
}

/* A directory that is not there yet holds no manifest to compare with. */
static int plan(struct create *c, struct vs_err *err)
{
	struct vs_plan *p = c->args->io.plan;
	int rc = 0;

	vs_op_plan(p, "vectors", c->args->collection);
	p->n_rows = vs_vecs_rows(c->vecs);
	p->dim = vs_vecs_dim(c->vecs);
	p->dtype = vs_vecs_dtype(c->vecs);
	p->n_passes = 1;
	if (vs_path_is_dir(c->ctx, c->args->collection)) {
		rc = describe(c, err);
		if (rc == 0)
			rc = compare(c, err);
	}
	if (rc < 0)
		return rc;
	p->already = rc == 1;
	p->memory = atomic_load(&c->ctx->mem_peak);
	return 0;
}

static int run(struct create *c, struct vs_err *err)
{
	const struct vs_shard_create_args *args = c->args;
	bool already;
	int rc = check_args(c, err);

	if (rc == 0)
		rc = open_inputs(c, err);
	if (rc == 0)
		rc = open_ids(c, err);
	if (rc == 0)
		rc = vs_manifest_create(c->ctx, args->collection,
					vs_vecs_n_files(c->vecs),
					args->n_shards,
					&c->m, err);
	if (rc == 0)
		rc = vs_shard_plan_rule(args, c->m, err);
	if (rc == 0 && args->io.plan != NULL)
		return plan(c, err);
	if (rc == 0)
		rc = vs_path_mkdir(c->ctx, args->collection, err);
	if (rc == 0)
		rc = describe(c, err);
	if (rc == 0)
		rc = compare(c, err);
	if (rc < 0)
		return rc;
	already = rc == 1;
	c->ctx->work.already = already;
	c->ctx->work.n_rows = c->m->n_rows;
	rc = make_dirs(c, err);
	if (rc == 0)
		rc = place_model(c, err);
	if (rc == 0 && !already)
		rc = publish(c, err);
	if (rc == 0)
		report(c, already);
	return rc;
}

int vs_op_shard_create(struct vs_ctx *ctx,
		       const struct vs_shard_create_args *args,
		       struct vs_err *err)
{
	struct create c = { .ctx = ctx, .args = args };
	int rc = run(&c, err);

	vs_manifest_destroy(ctx, c.m);
	vs_model_destroy(ctx, c.model);
	vs_op_stream_clear(ctx, &c.ids);
	vs_vecs_close(ctx, c.vecs);
	return rc;
}
