/* train.c - vs-train: sample, learn a transform, cluster what it makes of the
 * sample, learn codebooks, write the model. */
#include <stdio.h>
#include <string.h>

#include "stream.h"
#include "train_codes.h"
#include "train_int.h"
#include "vs/mem.h"
#include "vs/transform_file.h"
#include "vs/widen.h"

#define PER_CENTROID 256u     /* rows sampled for each centroid by default */
#define PER_CENTROID_LOW 39u  /* fewer give a warning, as in Faiss */

static int fingerprint(struct train *t, struct vs_err *err)
{
	struct vs_hasher *h;
	int rc = vs_op_fingerprint_start(t->ctx, "model", &h, err);

	if (rc != 0)
		return rc;
	vs_hasher_add_text(h, t->index.text);
	vs_hasher_add_u64(h, t->args->metric);
	vs_hasher_add_u64(h, t->n_sample);
	vs_hasher_add_u64(h, t->args->iterations);
	vs_hasher_add_u64(h, t->args->seed);
	vs_hasher_add(h, t->quick.b, sizeof(t->quick.b));
	vs_op_add_nonfinite(h, t->args->io.nonfinite);
	if (t->two_level)
		vs_hasher_add_text(h, "two-level");
	vs_op_fingerprint_end(t->ctx, h, &t->model.fingerprint);
	return 0;
}

static int choose_sample_size(struct train *t, struct vs_err *err)
{
	bool books = vs_factory_has_pq(&t->index) ||
		     t->index.rotation == VS_ROT_OPQ;
	uint32_t ksub = t->index.code == VS_CODE_PQ4 ? 16 : 256;
	uint64_t n = t->n_rows, want = t->args->sample, rotate;

	rotate = vs_transform_sample(&t->index, t->model.dim);
	if (want == 0)
		want = t->index.family == VS_FAMILY_IVF ?
			       (uint64_t)t->index.nlist * PER_CENTROID :
			       vs_code8_sample(t->model.inner);
	if (t->args->sample == 0 && want < rotate)
		want = rotate;
	if (t->args->sample == 0 && vs_factory_has_pq(&t->index) &&
	    want < VS_TRAIN_CODES_ROWS)
		want = VS_TRAIN_CODES_ROWS;
	t->n_sample = vs_min_u64(want, n);
	if (t->n_sample < t->index.nlist)
		return vs_fail(err, VS_EDATA,
			       "%s: %llu training rows for %u centroids; give "
			       "at least as many rows, or a smaller nlist",
			       vs_vecs_name(t->vecs),
			       (unsigned long long)t->n_sample,
			       t->index.nlist);
	if (books && t->n_sample < ksub)
		return vs_fail(err, VS_EDATA,
			       "%s: %llu training rows for codebooks of %u "
			       "centroids; give at least as many rows",
			       vs_vecs_name(t->vecs),
			       (unsigned long long)t->n_sample, ksub);
	if (t->n_sample > UINT32_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "%s: %llu training rows; at most 2^32 - 1: give "
			       "a smaller --sample", vs_vecs_name(t->vecs),
			       (unsigned long long)t->n_sample);
	return 0;
}

static void warn_of_few_rows(const struct train *t)
{
	if (vs_transform_sample(&t->index, t->model.dim) > 0 &&
	    t->n_sample < t->model.dim)
		vs_ctx_log(t->ctx, VS_LOG_WARN,
			   "%llu rows train a rotation of %u dimensions: fewer "
			   "than dimensions; give more rows",
			   (unsigned long long)t->n_sample, t->model.dim);
	if (t->index.family == VS_FAMILY_IVF &&
	    t->n_sample < (uint64_t)t->index.nlist * PER_CENTROID_LOW)
		vs_ctx_log(t->ctx, VS_LOG_WARN,
			   "%llu rows train %u centroids: fewer than %u each; "
			   "give more rows or a smaller nlist",
			   (unsigned long long)t->n_sample, t->index.nlist,
			   PER_CENTROID_LOW);
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The sample beside what learns a transform, or beside what that makes of it,
 * or the latter beside the state of k-means, or of learning codebooks. */
static uint64_t memory_need(const struct train *t)
{
	struct vs_rows rows = vs_train_rows(t);
	uint64_t raw = t->n_sample * vs_train_row_bytes(t), inner = raw;
	uint64_t held = vs_transform_held_bytes(&t->index, t->model.dim);
	uint64_t need = 0;

	if (vs_factory_has_transform(&t->index)) {
		inner = t->n_sample * rows.dim * sizeof(float);
		need = vs_transform_bytes(&t->index, t->model.dim,
					  t->n_sample);
		need = raw + max_u64(inner + held, need);
	}
	if (vs_train_wants_norms(t))
		inner += t->n_sample * sizeof(float);
	if (t->index.family == VS_FAMILY_IVF)
		need = max_u64(need, inner + held +
				     vs_kmeans_bytes(&rows, t->index.nlist,
						     t->two_level));
	if (vs_factory_has_pq(&t->index))
		need = max_u64(need, inner + held +
				     vs_train_codes_bytes(&t->model,
							  t->n_sample));
	return max_u64(need, raw) + vs_train_ranges_bytes(t->ctx, &t->ranges);
}

/* Refuses before the input is read what would fail after hours of it. */
static int check_memory(struct train *t, struct vs_err *err)
{
	uint64_t need = memory_need(t);
	char want[VS_SIZE_TEXT_MAX], most[VS_SIZE_TEXT_MAX];

	if (need <= vs_mem_left(t->ctx))
		return 0;
	return vs_fail(err, VS_ENOMEM,
		       "%s: %s from %llu rows needs %s; the ceiling is %s; "
		       "raise --memory or give a smaller --sample",
		       vs_vecs_name(t->vecs), t->index.text,
		       (unsigned long long)t->n_sample,
		       vs_format_size(need, want),
		       vs_format_size(t->ctx->memory_max, most));
}

/* Learns the transform and puts what it makes of the sample in its place. */
static int turn_sample(struct train *t, struct vs_err *err)
{
	struct vs_transform *tr = t->model.transform;
	struct vs_rows raw = { t->sample, t->n_sample, t->model.dim, VS_F32 };
	float *rows, *turned;
	uint64_t i;
	int rc;

	if (tr == NULL)
		return 0;
	rows = (float *)(void *)t->sample;
	rc = vs_transform_train(t->ctx, &t->index, rows, t->n_sample,
				t->args->seed, tr, err);
	if (rc != 0 || (t->index.family != VS_FAMILY_IVF &&
			t->ranges.n == 0 && !vs_factory_has_pq(&t->index)))
		return rc;
	turned = vs_alloc(t->ctx, t->n_sample, tr->d_out * sizeof(float),
			  "training sample", err);
	if (turned == NULL)
		return VS_ENOMEM;
	rc = vs_transform_apply(t->ctx, tr, &raw, vs_vecs_name(t->vecs),
				turned, err);
	for (i = 0; rc == 0 && i < t->n_sample; i++) {
		float *row = turned + i * tr->d_out;

		vs_train_ranges_offer(&t->ranges, i, (const uint8_t *)row);
		if (t->norms != NULL)
			t->norms[i] = vs_train_norm_of(row, tr->d_out);
		if (t->spherical)
			vs_row_unit(row, tr->d_out);
	}
	vs_free(t->ctx, t->sample);
	t->sample = (uint8_t *)turned;
	return rc;
}

static int cluster(struct train *t, struct vs_model_notes *notes,
		   struct vs_err *err)
{
	struct vs_rows rows = vs_train_rows(t);
	struct vs_kmeans_params params = {
		.nlist = t->index.nlist,
		.iterations = t->args->iterations,
		.seed = t->args->seed,
		.keep = &t->keep.kmeans,
		.spherical = t->spherical,
		.two_level = t->two_level,
	};
	struct vs_kmeans_result r;
	int rc = vs_train_ranges_learn(t->ctx, &t->ranges, &t->model.ranges,
				       err);

	if (rc != 0 || t->index.family != VS_FAMILY_IVF)
		return rc;
	rc = vs_train_keep_start(&t->keep, &t->model, err);
	if (rc == 0)
		rc = vs_kmeans(t->ctx, &rows, &params, &r, err);
	if (rc != 0)
		return rc;
	t->model.centroids = r.centroids;
	notes->two_level = t->two_level;
	notes->iterations = r.iterations;
	notes->objective = r.objective;
	notes->imbalance = r.imbalance;
	notes->n_repaired = r.n_repaired;
	return 0;
}

/* Codebooks, where the index has any. */
static int learn_codes(struct train *t, struct vs_model_notes *notes,
		       struct vs_err *err)
{
	struct vs_train_codes codes = { vs_train_rows(t), t->norms,
					t->args->seed,
					vs_vecs_name(t->vecs) };

	if (!vs_factory_has_pq(&t->index))
		return 0;
	return vs_train_codes(t->ctx, &codes, &t->model, &notes->code_error,
			      err);
}

static void report(const struct train *t, const struct vs_model_notes *n)
{
	char cells[128] = "", codes[64] = "";

	if (t->index.family == VS_FAMILY_IVF)
		snprintf(cells, sizeof(cells),
			 ", %u iterations, mean squared distance %.6g, "
			 "imbalance %.3f", n->iterations, n->objective,
			 n->imbalance);
	if (vs_factory_has_pq(&t->index))
		snprintf(codes, sizeof(codes), ", of codes %.6g",
			 n->code_error);
	vs_ctx_log(t->ctx, VS_LOG_INFO, "%s: %s from %llu of %llu rows%s%s",
		   t->args->io.out, t->index.text,
		   (unsigned long long)t->n_sample,
		   (unsigned long long)n->n_input, cells, codes);
}

static int learn(struct train *t, struct vs_model_notes *notes,
		 struct vs_err *err)
{
	int rc = turn_sample(t, err);

	if (rc == 0)
		rc = cluster(t, notes, err);
	return rc == 0 ? learn_codes(t, notes, err) : rc;
}

static int learn_and_write(struct train *t, struct vs_err *err)
{
	struct vs_model_notes notes = {
		.n_input = vs_vecs_rows(t->vecs),
		.drops = t->args->io.nonfinite == VS_ROWS_DROP,
		.n_dropped = vs_vecs_rows(t->vecs) - t->n_rows,
		.n_sample = t->n_sample,
		.seed = t->args->seed,
	};
	bool more = false;
	int rc;

	if (t->args->half == VS_TRAIN_REDUCE)
		rc = vs_train_reduce(t, &notes, &more, err);
	else
		rc = learn(t, &notes, err);
	if (rc != 0 || more)
		return rc;
	rc = vs_model_write(t->ctx, t->args->io.out, &t->model, &notes,
			    vs_op_how(t->args->io.replace), err);
	if (rc != 0)
		return rc;
	vs_train_keep_drop(&t->keep);
	report(t, &notes);
	return 0;
}

/* Compares the whole input, not only the blocks of the quick digest. */
static int recheck(struct train *t, struct vs_err *err)
{
	const char *out = t->args->io.out;
	struct vs_digest full;
	struct vs_model *m;
	int rc = vs_model_open(t->ctx, out, &m, err);

	if (rc != 0)
		return rc;
	rc = vs_vecs_full_digest(t->ctx, t->vecs, &full, err);
	if (rc == 0 && !vs_digest_equal(&full, &m->input))
		rc = vs_fail(err, VS_ECREATE,
			     "%s: was trained on other vectors than %s holds "
			     "now; use --replace to train again", out,
			     vs_vecs_name(t->vecs));
	vs_model_destroy(t->ctx, m);
	return rc;
}

/* Whether a model with this fingerprint stands there. */
static int already_done(struct train *t, bool *done, struct vs_err *err)
{
	const char *out = t->args->io.out;
	struct vs_cont_head head = {
		.kind = VS_KIND_MODEL,
		.fingerprint = t->model.fingerprint,
	};
	int rc = vs_cont_done(t->ctx, out, &head, err);

	if (rc <= 0)
		return rc;
	if (t->args->io.recheck)
		rc = recheck(t, err);
	if (rc < 0)
		return rc;
	*done = true;
	t->ctx->work.already = true;
	/* A run that was killed just after it had published. */
	if (t->args->io.plan == NULL)
		vs_train_keep_drop(&t->keep);
	vs_ctx_log(t->ctx, VS_LOG_INFO, "%s: already done", out);
	return 0;
}

static int plan(struct train *t, struct vs_err *err)
{
	struct vs_plan *p = t->args->io.plan;
	struct vs_cont_head head = { .kind = VS_KIND_MODEL,
				     .fingerprint = t->model.fingerprint };
	struct vs_cont_sizes sizes = { 0 };
	int rc = 0;

	vs_op_plan(p, "vectors", t->args->io.out);
	p->n_rows = vs_vecs_rows(t->vecs);
	p->dim = t->model.dim;
	p->dtype = t->model.dtype;
	p->n_passes = 1;
	p->memory = max_u64(memory_need(t) + atomic_load(&t->ctx->mem_now),
			    atomic_load(&t->ctx->mem_peak));
	if (t->index.family == VS_FAMILY_IVF)
		vs_cont_sizes_raw(&sizes, (uint64_t)t->index.nlist *
						  t->model.inner * 4);
	if (t->ranges.n > 0)
		vs_cont_sizes_raw(&sizes, vs_ranges_floats(t->model.inner) * 4);
	if (vs_factory_has_pq(&t->index))
		vs_cont_sizes_raw(&sizes,
				  (uint64_t)t->model.inner * 4 *
					  (t->index.code == VS_CODE_PQ8 ? 256 :
									  16));
	vs_transform_sizes(&t->index, p->dim, &sizes);
	vs_cont_sizes_small_zst(&sizes);
	p->out_min = vs_cont_sizes_total(&sizes);
	p->out_max = p->out_min;
	if (!t->args->io.replace)
		rc = vs_cont_done(t->ctx, p->out, &head, err);
	if (rc < 0)
		return rc;
	p->already = rc == 1;
	if (p->already)
		return 0;
	warn_of_few_rows(t);
	return check_memory(t, err);
}

/* Whether rows of this type have something to teach. */
static int check_learns(const struct train *t, struct vs_err *err)
{
	const char *index = t->index.text;

	if (vs_factory_needs_model(&t->index) ||
	    vs_factory_has_ranges(&t->index, t->model.dtype))
		return 0;
	return vs_fail(err, VS_EUSAGE,
		       "%s of %s rows needs no training: build it with "
		       "vs-build -i %s", index, vs_dtype_name(t->model.dtype),
		       index);
}

/* Rows that are not finite are no rows to learn from.  The fingerprint has
 * been made of a sample size that does not know them: it follows from the same
 * input. */
static int leave_holes(struct train *t, struct vs_err *err)
{
	struct vs_op_stream all = { .vecs = t->vecs, .end = t->n_rows };
	int rc = vs_op_stream_leave_holes(t->ctx, &all, &t->n_rows, err);

	all.vecs = NULL;
	vs_op_stream_clear(t->ctx, &all);
	if (rc == 0)
		rc = choose_sample_size(t, err);
	if (rc == 0)
		vs_train_ranges_init(&t->ranges, &t->model, t->n_sample);
	return rc;
}

static int train(struct train *t, struct vs_err *err)
{
	const struct vs_op_io *io = &t->args->io;
	struct vs_vecs_options opt = vs_op_reading_vectors(io);
	bool done = false;
	int rc = vs_vecs_open(t->ctx, io->inputs, io->n_inputs, &opt, &t->vecs,
			      err);

	if (rc != 0)
		return rc;
	t->model.index = t->index;
	t->model.metric = t->args->metric;
	t->model.dtype = vs_vecs_dtype(t->vecs);
	t->model.dim = vs_vecs_dim(t->vecs);
	t->n_rows = vs_vecs_rows(t->vecs);
	t->ctx->work.n_rows = t->n_rows;
	t->spherical = vs_metric_is_similarity(t->model.metric);
	t->wide = t->spherical || t->model.dtype == VS_I8 ||
		  vs_factory_has_transform(&t->index);
	t->model.inner = vs_transform_dim(&t->index, t->model.dim);
	rc = vs_op_check_kind(vs_vecs_name(t->vecs), t->model.dtype, err);
	if (rc == 0 && vs_factory_has_pq(&t->index))
		rc = vs_pq_check_shape(t->model.inner, t->index.pq_m, err);
	if (rc == 0)
		rc = check_learns(t, err);
	if (rc == 0)
		rc = vs_train_steps_check(t, err);
	if (rc == 0)
		rc = vs_transform_check(&t->index, t->model.metric,
					t->model.dim, err);
	if (rc == 0)
		rc = vs_transform_create(t->ctx, &t->index, t->model.metric,
					 t->model.dim, &t->model.transform,
					 err);
	if (rc == 0)
		rc = choose_sample_size(t, err);
	if (rc != 0)
		return rc;
	vs_train_ranges_init(&t->ranges, &t->model, t->n_sample);
	rc = vs_train_keep_init(&t->keep, t->ctx, io->out,
				t->args->checkpoint_secs, err);
	if (rc == 0)
		rc = vs_vecs_quick_digest(t->ctx, t->vecs, &t->quick, err);
	if (rc == 0)
		rc = fingerprint(t, err);
	if (rc == 0 && io->plan != NULL)
		return plan(t, err);
	if (rc == 0 && !io->replace)
		rc = already_done(t, &done, err);
	if (rc != 0 || done)
		return rc;
	if (io->nonfinite == VS_ROWS_DROP)
		rc = leave_holes(t, err);
	if (rc != 0)
		return rc;
	if (t->args->half == VS_TRAIN_PARTIAL)
		return vs_train_partial(t, err);
	if (t->args->half == VS_TRAIN_REDUCE)
		return learn_and_write(t, err);
	warn_of_few_rows(t);
	rc = check_memory(t, err);
	if (rc == 0)
		rc = vs_train_read_sample(t, err);
	return rc == 0 ? learn_and_write(t, err) : rc;
}

static int choose_kmeans(struct train *t, struct vs_err *err)
{
	enum vs_train_kmeans want = t->args->kmeans;

	if (want == VS_TRAIN_AUTO) {
		t->two_level = t->index.family == VS_FAMILY_IVF &&
			       vs_kmeans_wants_two_level(t->index.nlist);
		return 0;
	}
	t->two_level = want == VS_TRAIN_TWO_LEVEL;
	if (t->index.family == VS_FAMILY_IVF)
		return 0;
	return vs_fail(err, VS_EUSAGE,
		       "%s has no cells; --kmeans is about those of IVF<nlist>:"
		       " leave it out", t->index.text);
}

int vs_op_train(struct vs_ctx *ctx, const struct vs_train_args *args,
		struct vs_err *err)
{
	struct train t = { .ctx = ctx, .args = args };
	int rc = vs_factory_parse(args->index, &t.index, err);

	if (rc == 0)
		rc = choose_kmeans(&t, err);
	if (rc == 0 && !vs_factory_needs_model(&t.index) &&
	    !vs_factory_has_ranges(&t.index, VS_F32))
		rc = vs_fail(err, VS_EUSAGE,
			     "%s needs no training: build it with "
			     "vs-build -i %s", t.index.text, t.index.text);
	if (rc == 0)
		rc = vs_op_check_out(ctx, args->io.out, args->io.inputs,
				     args->io.n_inputs, err);
	if (rc == 0)
		rc = vs_cont_check_name(ctx, args->io.out, VS_KIND_MODEL, err);
	if (rc == 0)
		rc = train(&t, err);
	vs_train_keep_clear(&t.keep);
	vs_train_ranges_free(ctx, &t.ranges);
	vs_code8_free(ctx, &t.model.ranges);
	vs_transform_destroy(ctx, t.model.transform);
	vs_free(ctx, t.model.centroids);
	vs_free(ctx, t.sample);
	vs_free(ctx, t.norms);
	vs_pq_free(ctx, &t.model.pq);
	vs_vecs_close(ctx, t.vecs);
	return rc;
}
