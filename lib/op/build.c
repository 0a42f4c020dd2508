/* build.c - vs-build: from vectors and a model or index to one shard. */
#include <string.h>

#include "op_int.h"
#include "part.h"
#include "turned.h"
#include "unique.h"
#include "vs/ckpt.h"
#include "vs/manifest.h"
#include "vs/mem.h"

/* The state of one vs-build. */
struct build {
	struct vs_ctx *ctx;
	const struct vs_build_args *args;
	struct vs_part_rows rows;
	struct vs_model *model; /* NULL where none is needed */
	struct vs_transform *transform; /* where none is in a model */
	struct vs_op_turned turned;
	struct vs_shard_spec spec;
	struct vs_op_id_facts facts; /* where ids are given */
	char *out;
	/* of a collection */
	struct vs_manifest *manifest;
	uint32_t shard;
};

static int check_model(struct build *b, struct vs_err *err)
{
	const struct vs_model *m = b->model;
	const struct vs_vecs *vecs = b->rows.stream.vecs;
	const char *name = vs_vecs_name(vecs);
	const char *model = b->args->model != NULL ? b->args->model :
						     "the model";

	if (m->dim != vs_vecs_dim(vecs))
		return vs_fail(err, VS_EDATA,
			       "%s: rows have %u dimensions; %s was trained on "
			       "%u", name, vs_vecs_dim(vecs), model,
			       m->dim);
	if (!vs_op_types_agree(m->dtype, vs_vecs_dtype(vecs)))
		return vs_fail(err, VS_EDATA,
			       "%s: rows are %s; %s was trained on %s", name,
			       vs_dtype_name(vs_vecs_dtype(vecs)),
			       model, vs_dtype_name(m->dtype));
	if (b->args->metric_given && b->args->metric != m->metric)
		return vs_fail(err, VS_EUSAGE,
			       "-m %s contradicts %s, which has metric %s",
			       vs_metric_name(b->args->metric), model,
			       vs_metric_name(m->metric));
	return 0;
}

/* A lone shard's fingerprint: rows, index, metric, model, ids if given. */
static int fingerprint(struct build *b, struct vs_err *err)
{
	struct vs_digest quick;
	struct vs_hasher *h;
	int rc = vs_vecs_quick_digest(b->ctx, b->rows.stream.vecs, &quick, err);

	if (rc == 0)
		rc = vs_op_fingerprint_start(b->ctx, "shard", &h, err);
	if (rc != 0)
		return rc;
	vs_hasher_add(h, quick.b, sizeof(quick.b));
	vs_hasher_add_text(h, b->spec.index.text);
	vs_hasher_add_u64(h, b->spec.metric);
	if (b->model != NULL)
		vs_hasher_add(h, b->model->fingerprint.b,
			      sizeof(b->model->fingerprint.b));
	rc = vs_op_stream_add_ids(b->ctx, &b->rows.stream, h, err);
	vs_op_add_nonfinite(h, b->args->io.nonfinite);
	vs_op_fingerprint_end(b->ctx, h, &b->spec.fingerprint);
	return rc;
}

static int prepare_lone(struct build *b, struct vs_err *err)
{
	const struct vs_op_io *io = &b->args->io;
	struct vs_vecs_options opt = vs_op_reading_vectors(io);
	int rc;

	opt.native_f16 = true;
	rc = vs_vecs_open(b->ctx, io->inputs, io->n_inputs, &opt,
			  &b->rows.stream.vecs, err);
	if (rc != 0)
		return rc;
	b->rows.n_rows = vs_vecs_rows(b->rows.stream.vecs);
	b->rows.stream.end = b->rows.n_rows;
	b->rows.id_max = b->args->id_base + b->rows.n_rows - 1;
	b->rows.ids_given = b->args->ids != NULL;
	rc = vs_op_stream_name(b->ctx, &b->rows.stream, b->args->ids,
			       b->args->id_base, err);
	if (rc != 0)
		return rc;
	b->spec.drops = io->nonfinite == VS_ROWS_DROP;
	b->spec.metric = b->args->metric;
	if (b->args->model != NULL) {
		rc = vs_model_open(b->ctx, b->args->model, &b->model, err);
		if (rc != 0)
			return rc;
		b->spec.index = b->model->index;
		b->spec.metric = b->model->metric;
		rc = check_model(b, err);
	} else {
		rc = vs_factory_parse(b->args->index, &b->spec.index, err);
		if (rc == 0 && vs_factory_needs_model(&b->spec.index))
			rc = vs_fail(err, VS_EUSAGE,
				     "%s needs a model: train it with "
				     "vs-train -i %s and give it with -M",
				     b->spec.index.text, b->spec.index.text);
	}
	if (rc == 0)
		rc = fingerprint(b, err);
	if (rc != 0)
		return rc;
	b->out = vs_strdup(b->ctx, io->out, err);
	return b->out == NULL ? VS_ENOMEM : 0;
}

static int open_model(struct build *b, struct vs_err *err)
{
	const struct vs_manifest *m = b->manifest;
	char *path;
	int rc;

	if (m->model_file == NULL)
		return 0;
	path = vs_manifest_path(b->ctx, m, m->model_file, err);
	if (path == NULL)
		return VS_ENOMEM;
	rc = vs_model_open(b->ctx, path, &b->model, err);
	if (rc == 0 &&
	    (!vs_digest_equal(&b->model->fingerprint, &m->model) ||
	     strcmp(b->model->index.text, m->index) != 0 ||
	     b->model->metric != m->metric))
		rc = vs_fail(err, VS_EDATA,
			     "%s: is not the model that generation %llu of %s "
			     "was created with", path,
			     (unsigned long long)m->generation, m->dir);
	vs_free(b->ctx, path);
	return rc == 0 ? check_model(b, err) : rc;
}

/* From the split, where there is one, else from the inputs. */
static int open_rows(struct build *b, struct vs_err *err)
{
	bool found;
	int rc = vs_part_split_open(b->ctx, b->manifest, b->shard,
				    b->args->split, &b->rows, &found, err);

	if (rc == 0 && !found)
		rc = vs_part_rows_open(b->ctx, b->manifest, b->shard, &b->rows,
				       err);
	return rc;
}

static int prepare_part(struct build *b, struct vs_err *err)
{
	const struct vs_manifest *m;
	int rc = vs_manifest_open(b->ctx, b->args->collection, &b->manifest,
				  err);

	if (rc != 0)
		return rc;
	m = b->manifest;
	rc = vs_part_number(b->args->collection, &b->args->part, m, &b->shard,
			    err);
	if (rc == 0 && b->args->metric_given && b->args->metric != m->metric)
		rc = vs_fail(err, VS_EUSAGE,
			     "-m %s contradicts %s, which has metric %s",
			     vs_metric_name(b->args->metric), m->dir,
			     vs_metric_name(m->metric));
	if (rc == 0)
		rc = open_rows(b, err);
	if (rc == 0)
		rc = vs_factory_parse(m->index, &b->spec.index, err);
	if (rc == 0 && (vs_factory_needs_model(&b->spec.index) ||
			vs_factory_has_ranges(&b->spec.index, m->dtype)) !=
			       (m->model_file != NULL))
		rc = vs_fail(err, VS_EDATA,
			     "%s: generation %llu has index %s and %s model",
			     m->dir, (unsigned long long)m->generation,
			     m->index, m->model_file != NULL ? "a" : "no");
	if (rc == 0)
		rc = open_model(b, err);
	if (rc != 0)
		return rc;
	b->spec.drops = m->drop_nonfinite;
	b->spec.metric = m->metric;
	b->spec.fingerprint = m->shards[b->shard].fingerprint;
	b->out = vs_manifest_shard_path(b->ctx, m, b->shard, err);
	return b->out == NULL ? VS_ENOMEM : 0;
}

/* --recheck: the shard that stands there must hold these very rows. */
static int recheck(struct build *b, const struct vs_source *src,
		   struct vs_err *err)
{
	struct vs_shard *s;
	struct vs_digest full;
	int rc = vs_shard_open(b->ctx, b->out, &s, err);

	if (rc != 0)
		return rc;
	if (b->model != NULL &&
	    vs_model_hash(b->model) != vs_shard_trained_hash(s))
		rc = vs_fail(err, VS_ECREATE,
			     "%s: was built with another model of the same "
			     "parameters; use --replace to build it again",
			     b->out);
	if (rc == 0)
		rc = vs_op_source_digest(b->ctx, src, &full, err);
	if (rc == 0 && b->rows.ids_given)
		rc = vs_op_ids_check(b->ctx, &b->rows.stream, &b->facts, err);
	if (rc == 0 && !vs_digest_equal(&b->facts.digest, vs_shard_ids(s)))
		rc = vs_fail(err, VS_ECREATE,
			     "%s: was built with other ids than %s holds now; "
			     "use --replace to build it again", b->out,
			     b->rows.ids_given ?
				     vs_ids_path(b->rows.stream.ids) :
				     src->name);
	if (rc == 0 && !vs_digest_equal(&full, vs_shard_input(s)))
		rc = vs_fail(err, VS_ECREATE,
			     "%s: was built from other vectors than %s holds "
			     "now; use --replace to build it again", b->out,
			     src->name);
	vs_shard_close(b->ctx, s);
	return rc;
}

/* Rows that are not finite are none of the source.  A shard of a collection
 * may lose all of its rows by that, as it may have none. */
static int leave_holes(struct build *b, struct vs_source *src,
		       struct vs_err *err)
{
	uint64_t all = b->rows.n_rows;
	int rc;

	if (!b->spec.drops)
		return 0;
	rc = vs_op_stream_leave_holes(b->ctx, &b->rows.stream, &b->rows.n_rows,
				      err);
	if (rc != 0)
		return rc;
	if (b->rows.n_rows == 0 && b->manifest == NULL)
		return vs_fail(err, VS_EDATA,
			       "%s: none of its %llu rows is finite; expected "
			       "one at least", src->name,
			       (unsigned long long)all);
	b->spec.n_dropped = all - b->rows.n_rows;
	vs_op_stream_source(&b->rows.stream, b->rows.n_rows, b->rows.id_max,
			    src);
	b->ctx->work.n_rows = src->n_rows;
	return 0;
}

static int already_done(struct build *b, struct vs_source *src,
			struct vs_err *err)
{
	int rc = 0;

	if (b->args->io.recheck)
		rc = leave_holes(b, src, err);
	if (rc == 0 && b->args->io.recheck)
		rc = recheck(b, src, err);
	b->ctx->work.already = rc == 0;
	/* A run that was killed just after it had published. */
	if (rc == 0 && b->args->io.plan == NULL)
		rc = vs_ckpt_remove_of(b->ctx, b->out, err);
	if (rc == 0)
		vs_ctx_log(b->ctx, VS_LOG_INFO, "%s: already done", b->out);
	return rc;
}

/* What given ids are decides how wide they are stored. */
static int check_ids(struct build *b, struct vs_source *src, struct vs_err *err)
{
	int rc;

	if (!b->rows.ids_given)
		return 0;
	rc = vs_op_ids_check(b->ctx, &b->rows.stream, &b->facts, err);
	src->id_max = b->facts.max;
	b->spec.ids = &b->facts.digest;
	return rc;
}

static int plan(struct build *b, const struct vs_source *src,
		struct vs_err *err)
{
	struct vs_plan *p = b->args->io.plan;

	vs_op_plan(p, "vectors", b->out);
	p->n_rows = src->n_rows;
	p->dim = src->raw_dim;
	p->dtype = src->raw_dtype;
	return vs_shard_build(b->ctx, b->out, &b->spec, src, err);
}

/* What the model does to rows, or what needs no model: L2norm. */
static int find_transform(struct build *b, struct vs_err *err)
{
	uint32_t dim = vs_vecs_dim(b->rows.stream.vecs);
	int rc;

	if (b->model != NULL) {
		b->spec.transform = b->model->transform;
		return 0;
	}
	rc = vs_transform_create(b->ctx, &b->spec.index, b->spec.metric, dim,
				 &b->transform, err);
	b->spec.transform = b->transform;
	return rc;
}

/* Whether vectors stand in it as halves, beside codes or alone. */
static bool has_halves(const struct vs_factory *index)
{
	return index->code == VS_CODE_SQFP16 ||
	       index->refine == VS_REFINE_SQFP16;
}

/* Builds from src, or from what a transform makes of it. */
static int build_from(struct build *b, const struct vs_source *src,
		      struct vs_err *err)
{
	struct vs_source turned;
	int rc = find_transform(b, err);

	if (rc == 0 && b->spec.transform != NULL) {
		b->turned.halves = has_halves(&b->spec.index);
		rc = vs_op_turned_source(&b->turned, b->ctx, src,
					 b->spec.transform, &turned, err);
		src = &turned;
	}
	if (rc != 0)
		return rc;
	return b->spec.plan != NULL ? plan(b, src, err) :
				      vs_shard_build(b->ctx, b->out, &b->spec,
						     src, err);
}

static int build(struct build *b, struct vs_err *err)
{
	struct vs_cont_head head = { .kind = VS_KIND_SHARD };
	struct vs_source src;
	int rc = b->args->collection != NULL ? prepare_part(b, err) :
					       prepare_lone(b, err);

	if (rc != 0)
		return rc;
	vs_op_stream_source(&b->rows.stream, b->rows.n_rows, b->rows.id_max,
			    &src);
	rc = vs_op_check_kind(src.name, src.dtype, err);
	if (rc != 0)
		return rc;
	b->ctx->work.n_rows = src.n_rows;
	b->rows.stream.refuse_zeros = b->spec.metric == VS_COSINE &&
				      b->args->io.zero == VS_ZERO_REFUSE;
	/* After a transform its results must fit. */
	b->rows.stream.refuse_wide = has_halves(&b->spec.index) &&
				     !vs_factory_has_transform(&b->spec.index);
	b->spec.model = b->model;
	b->spec.how = vs_op_how(b->args->io.replace);
	b->spec.plan = b->args->io.plan;
	b->spec.checkpoint_secs = b->args->checkpoint_secs;
	head.fingerprint = b->spec.fingerprint;
	if (!b->args->io.replace) {
		rc = vs_cont_done(b->ctx, b->out, &head, err);
		if (rc == 1 && b->spec.plan != NULL)
			b->spec.plan->already = true;
		else if (rc == 1)
			return already_done(b, &src, err);
	}
	if (rc >= 0)
		rc = leave_holes(b, &src, err);
	if (rc == 0)
		rc = check_ids(b, &src, err);
	if (rc == 0)
		rc = build_from(b, &src, err);
	if (rc == 0 && b->spec.plan == NULL)
		vs_ctx_log(b->ctx, VS_LOG_INFO, "%s: %s, %llu rows of %s",
			   b->out, b->spec.index.text,
			   (unsigned long long)b->rows.n_rows, src.name);
	return rc;
}

int vs_op_build(struct vs_ctx *ctx, const struct vs_build_args *args,
		struct vs_err *err)
{
	struct build b = { .ctx = ctx, .args = args };
	int given = (args->index != NULL) + (args->model != NULL) +
		    (args->collection != NULL);
	int rc;

	if (given != 1)
		return vs_fail(err, VS_EUSAGE,
			       "give one of -i INDEX, -M MODEL and -c "
			       "COLLECTION");
	if (args->collection != NULL &&
	    args->io.input_format != VS_FMT_AUTO)
		return vs_fail(err, VS_EUSAGE,
			       "--input-format does not go with -c: %s knows "
			       "its inputs", args->collection);
	if (args->collection != NULL && args->io.force_rows)
		return vs_fail(err, VS_EUSAGE,
			       "--force-rows does not go with -c: %s knows how "
			       "many rows its inputs have", args->collection);
	if (args->collection != NULL && args->io.nonfinite != VS_ROWS_REFUSE)
		return vs_fail(err, VS_EUSAGE,
			       "--nonfinite does not go with -c: %s knows what "
			       "becomes of such rows; give it to vs-shard "
			       "create", args->collection);
	if (args->collection == NULL && args->split != NULL)
		return vs_fail(err, VS_EUSAGE,
			       "--split goes with -c COLLECTION");
	if (args->collection == NULL && args->part.n != 0)
		return vs_fail(err, VS_EUSAGE,
			       "--part goes with -c COLLECTION");
	if (args->collection != NULL && (args->ids != NULL || args->id_base))
		return vs_fail(err, VS_EUSAGE,
			       "--ids and --id-base do not go with -c: %s "
			       "knows its ids", args->collection);
	rc = vs_op_check_id_options(args->ids, args->id_base, err);
	if (rc != 0)
		return rc;
	rc = args->collection != NULL ? 0 :
					vs_op_check_out(ctx, args->io.out,
							args->io.inputs,
							args->io.n_inputs, err);
	if (rc == 0 && args->model != NULL)
		rc = vs_op_check_out(ctx, args->io.out, &args->model, 1, err);
	if (rc == 0 && args->ids != NULL)
		rc = vs_op_check_out(ctx, args->io.out, &args->ids, 1, err);
	if (rc == 0 && args->collection == NULL)
		rc = vs_cont_check_name(ctx, args->io.out, VS_KIND_SHARD, err);
	if (rc == 0)
		rc = build(&b, err);
	vs_op_turned_clear(&b.turned);
	vs_transform_destroy(ctx, b.transform);
	vs_part_rows_close(ctx, &b.rows);
	vs_model_destroy(ctx, b.model);
	vs_manifest_destroy(ctx, b.manifest);
	vs_free(ctx, b.out);
	return rc;
}
