/* train_steps.c - the halves of training over many machines: tasks add up what
 * their rows say of the newest step, and one task makes the next step of that,
 * until it can make the model. */
#include <string.h>

#include "step_file.h"
#include "train_int.h"
#include "vs/mem.h"
#include "vs/num.h"

#define CHUNK_ROWS 65536u /* of the sample, held at a time */
#define NO_STEP UINT32_MAX

int vs_train_steps_check(const struct train *t, struct vs_err *err)
{
	const struct vs_train_args *a = t->args;
	const struct vs_factory *index = &t->index;

	if (a->half == VS_TRAIN_WHOLE)
		return 0;
	if (index->family != VS_FAMILY_IVF || vs_factory_has_pq(index) ||
	    vs_factory_has_transform(index) ||
	    vs_factory_has_ranges(index, t->model.dtype))
		return vs_fail(err, VS_EUSAGE,
			       "%s: --partial and --reduce train centroids "
			       "alone, as of IVF<nlist>,Flat; train it in one "
			       "process", index->text);
	if (t->two_level)
		return vs_fail(err, VS_EUSAGE,
			       "%s: --partial and --reduce compare rows with "
			       "all centroids; give --kmeans flat to all tasks",
			       index->text);
	if (a->io.nonfinite == VS_ROWS_DROP)
		return vs_fail(err, VS_EUSAGE,
			       "--nonfinite drop with --partial or --reduce: "
			       "parts do not know each other's rows; leave bad "
			       "rows out of the file first");
	return a->io.plan == NULL ? 0 :
	       vs_fail(err, VS_EUSAGE, "--plan with --partial or --reduce: "
		       "plan the training in one process");
}

static int step_init(struct train *t, struct vs_step *s, struct vs_err *err)
{
	memset(s, 0, sizeof(*s));
	s->model = &t->model;
	s->shape.nlist = t->index.nlist;
	s->shape.dim = t->model.inner;
	s->shape.n = t->n_sample;
	s->shape.spherical = t->spherical;
	s->state.centroids = vs_alloc(t->ctx, s->shape.nlist,
				      s->shape.dim * sizeof(float),
				      "centroids", err);
	return s->state.centroids == NULL ? VS_ENOMEM : 0;
}

/* The digits at *s up to the text after, which is skipped. */
static bool number(const char **s, const char *after, uint32_t *out)
{
	const char *end = strstr(*s, after);
	uint64_t v;

	if (end == NULL || !vs_parse_u64_n(*s, (size_t)(end - *s), &v) ||
	    v >= UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	*s = end + strlen(after);
	return true;
}

static bool skip(const char **s, const char *text)
{
	size_t n = strlen(text);

	if (strncmp(*s, text, n) != 0)
		return false;
	*s += n;
	return true;
}

/* "step-0003.vst" */
static bool is_step(const char *name, uint32_t *iteration)
{
	return skip(&name, "step-") && number(&name, ".vst", iteration) &&
	       *name == '\0';
}

/* "sums-0003-00001-of-00008.vst" */
static bool is_sums(const char *name, uint32_t iteration, struct vs_part *part)
{
	uint32_t found;

	return skip(&name, "sums-") && number(&name, "-", &found) &&
	       found == iteration && number(&name, "-of-", &part->i) &&
	       number(&name, ".vst", &part->n) && *name == '\0';
}

/* The last step that is there, or NO_STEP. */
static uint32_t newest(const struct vs_names *names)
{
	uint32_t best = NO_STEP, iteration;
	size_t i;

	for (i = 0; i < names->n; i++)
		if (is_step(names->name[i], &iteration) &&
		    (best == NO_STEP || iteration > best))
			best = iteration;
	return best;
}

static int read_newest(struct train *t, const struct vs_names *names,
		       struct vs_step *s, struct vs_err *err)
{
	uint32_t iteration = newest(names);
	char *path;
	int rc;

	path = vs_step_path(t->ctx, t->args->steps, iteration, err);
	if (path == NULL)
		return VS_ENOMEM;
	if (iteration > t->args->iterations)
		rc = vs_fail(err, VS_EDATA,
			     "%s: is past the %u iterations; give another "
			     "--steps directory", path, t->args->iterations);
	else
		rc = vs_step_read(t->ctx, path, iteration, s, err);
	vs_free(t->ctx, path);
	return rc;
}

/* One --partial. */
struct partial {
	struct train *t;
	struct vs_step step;
	struct vs_kmeans_sums sums;
	struct vs_coarse *coarse;
	uint64_t first, end; /* rows of the sample that are of this part */
	size_t most;         /* rows held at a time */
	size_t n;            /* held now */
	uint32_t *cell;      /* [most] */
	float *dist;         /* [most] */
	uint8_t *block;      /* rows of the vectors */
	bool *mine;          /* [block_rows]: those of this part */
};

/* The scale is that of the largest value when all vectors were read.  A larger
 * one, in vectors that were changed since where the quick digest does not look,
 * could make a sum overflow. */
static int check_most(const struct partial *p, const struct vs_rows *rows,
		      struct vs_err *err)
{
	const struct vs_kmeans_shape *s = &p->step.shape;
	float most = vs_kmeans_most(rows);

	if ((double)most * s->scale * (double)s->n < 0x1p62)
		return 0;
	return vs_fail(err, VS_EDATA,
		       "%s: has a value of magnitude %g now, more than any "
		       "when the first step was made; restore the vectors, or "
		       "give another --steps directory",
		       vs_vecs_name(p->t->vecs), (double)most);
}

/* What is held goes into the sums. */
static int flush(struct partial *p, struct vs_err *err)
{
	struct train *t = p->t;
	struct vs_rows rows = vs_train_rows(t);
	int rc;

	rows.n = p->n;
	if (rows.n == 0)
		return 0;
	rc = check_most(p, &rows, err);
	if (rc != 0)
		return rc;
	rc = vs_coarse_assign(t->ctx, p->coarse, &rows, p->cell, p->dist, err);
	if (rc == 0)
		rc = vs_kmeans_sums_add(t->ctx, &p->step.shape, &rows, p->cell,
					p->dist, &p->sums, err);
	p->n = 0;
	return rc;
}

/* Which of the next m rows of the vectors are of this part; *at counts the
 * sample. */
static bool find_mine(struct partial *p, struct vs_train_choice *choice,
		      size_t m, uint64_t *at)
{
	bool any = false;
	size_t i;

	for (i = 0; i < m; i++) {
		p->mine[i] = vs_train_chooses(choice) &&
			     (*at)++ >= p->first && *at <= p->end;
		any = any || p->mine[i];
	}
	return any;
}

static int add_block(struct partial *p, uint64_t first, size_t m,
		     struct vs_err *err)
{
	struct train *t = p->t;
	size_t row_bytes = vs_vecs_row_bytes(t->vecs), i;
	int rc = vs_vecs_read(t->ctx, t->vecs, first, m, p->block, err);

	for (i = 0; rc == 0 && i < m; i++) {
		if (!p->mine[i])
			continue;
		vs_train_take_row(t, p->n++, p->block + i * row_bytes);
		if (p->n == p->most)
			rc = flush(p, err);
	}
	return rc;
}

static int add_rows(struct partial *p, struct vs_err *err)
{
	struct train *t = p->t;
	struct vs_train_choice choice;
	uint64_t row, at = 0, n = vs_vecs_rows(t->vecs);
	size_t m;
	int rc = 0;

	vs_train_choice_start(t, &choice);
	for (row = 0; rc == 0 && row < n && at < p->end; row += m) {
		if (vs_ctx_stopping(t->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		m = (size_t)vs_min_u64(t->block_rows, n - row);
		if (find_mine(p, &choice, m, &at))
			rc = add_block(p, row, m, err);
		if (at > p->first)
			vs_ctx_progress(t->ctx, "sums",
					vs_min_u64(at, p->end) - p->first,
					p->end - p->first, "rows");
	}
	return rc == 0 ? flush(p, err) : rc;
}

static int partial_alloc(struct partial *p, struct vs_err *err)
{
	struct train *t = p->t;
	struct vs_ctx *ctx = t->ctx;
	size_t row = vs_train_row_bytes(t);
	uint64_t fit = vs_mem_left(ctx) / 4 / (row + 8);

	p->most = (size_t)vs_min_u64(p->end - p->first, CHUNK_ROWS);
	p->most = (size_t)vs_min_u64(p->most, fit);
	p->most = vs_max_size(p->most, 1);
	t->block_rows = vs_op_block_rows(ctx, vs_vecs_row_bytes(t->vecs),
					 vs_vecs_rows(t->vecs));
	t->sample = vs_alloc(ctx, p->most, row, "rows", err);
	if (t->sample == NULL)
		return VS_ENOMEM;
	p->cell = vs_alloc(ctx, p->most, sizeof(*p->cell), "rows", err);
	if (p->cell == NULL)
		return VS_ENOMEM;
	p->dist = vs_alloc(ctx, p->most, sizeof(*p->dist), "rows", err);
	if (p->dist == NULL)
		return VS_ENOMEM;
	p->mine = vs_alloc(ctx, t->block_rows, sizeof(*p->mine), "rows", err);
	if (p->mine == NULL)
		return VS_ENOMEM;
	p->block = vs_alloc(ctx, t->block_rows, vs_vecs_row_bytes(t->vecs),
			    "rows", err);
	return p->block == NULL ? VS_ENOMEM : 0;
}

/* The sums of the part, to be written to path. */
static int make_sums(struct partial *p, const char *path, struct vs_err *err)
{
	struct train *t = p->t;
	const struct vs_part *part = &t->args->part;
	struct vs_rows centroids = { p->step.state.centroids,
				     p->step.shape.nlist, p->step.shape.dim,
				     VS_F32 };
	int rc;

	p->first = vs_part_first(t->n_sample, part, part->i);
	p->end = vs_part_first(t->n_sample, part, part->i + 1);
	rc = vs_coarse_create(t->ctx, &centroids, vs_train_rows(t).dtype,
			      &p->coarse, err);
	if (rc == 0)
		rc = vs_kmeans_sums_alloc(t->ctx, &p->step.shape, &p->sums,
					  err);
	if (rc == 0)
		rc = partial_alloc(p, err);
	if (rc == 0)
		rc = add_rows(p, err);
	if (rc == 0)
		rc = vs_sums_write(t->ctx, path, &p->step, part, &p->sums,
				   vs_op_how(t->args->io.replace), err);
	if (rc == 0)
		vs_ctx_log(t->ctx, VS_LOG_INFO,
			   "%s: sums of %llu rows, iteration %u of %u", path,
			   (unsigned long long)(p->end - p->first),
			   p->step.state.iteration, t->args->iterations);
	return rc;
}

/* Compares the whole input with that of the step, not only the blocks of the
 * quick digest. */
static int recheck(struct partial *p, const char *path, struct vs_err *err)
{
	struct train *t = p->t;
	struct vs_digest full;
	int rc = vs_vecs_full_digest(t->ctx, t->vecs, &full, err);

	if (rc != 0 || vs_digest_equal(&full, &p->step.input))
		return rc;
	return vs_fail(err, VS_EDATA,
		       "%s: was made of other vectors than %s holds now; "
		       "restore them, or give another --steps directory", path,
		       vs_vecs_name(t->vecs));
}

/* Unless they are there. */
static int want_sums(struct partial *p, struct vs_err *err)
{
	struct train *t = p->t;
	const struct vs_part *part = &t->args->part;
	struct vs_cont_head head = { .kind = VS_KIND_SUMS };
	char *path = vs_sums_path(t->ctx, t->args->steps,
				  p->step.state.iteration, part, err);
	int rc = VS_ENOMEM;

	if (path == NULL)
		return rc;
	rc = vs_sums_fingerprint(t->ctx, &p->step, part, &head.fingerprint,
				 err);
	if (rc == 0 && !t->args->io.replace)
		rc = vs_cont_done(t->ctx, path, &head, err);
	if (rc == 1) {
		rc = t->args->io.recheck ? recheck(p, path, err) : 0;
		if (rc != 0)
			goto out;
		t->ctx->work.already = true;
		vs_ctx_log(t->ctx, VS_LOG_INFO, "%s: already done", path);
	} else if (rc == 0) {
		rc = make_sums(p, path, err);
	}
out:
	vs_free(t->ctx, path);
	return rc;
}

int vs_train_partial(struct train *t, struct vs_err *err)
{
	struct partial p = { .t = t };
	struct vs_names names = { 0 };
	int rc = vs_path_list(t->ctx, t->args->steps, &names, err);

	if (rc == 0)
		rc = step_init(t, &p.step, err);
	if (rc == 0 && newest(&names) == NO_STEP)
		rc = vs_fail(err, VS_ENOINPUT,
			     "%s: holds no step-NNNN.vst; run vs-train "
			     "--reduce first, which makes the first",
			     t->args->steps);
	if (rc == 0)
		rc = read_newest(t, &names, &p.step, err);
	if (rc == 0)
		rc = want_sums(&p, err);
	vs_names_free(t->ctx, &names);
	vs_kmeans_sums_free(t->ctx, &p.sums);
	vs_coarse_destroy(t->ctx, p.coarse);
	vs_free(t->ctx, p.step.state.centroids);
	vs_free(t->ctx, p.cell);
	vs_free(t->ctx, p.dist);
	vs_free(t->ctx, p.mine);
	vs_free(t->ctx, p.block);
	return rc;
}

static int write_step(struct train *t, const struct vs_step *s,
		      struct vs_err *err)
{
	char *path = vs_step_path(t->ctx, t->args->steps, s->state.iteration,
				  err);
	int rc = VS_ENOMEM;

	if (path == NULL)
		return rc;
	rc = vs_step_write(t->ctx, path, s, vs_op_how(t->args->io.replace),
			   err);
	if (rc == 0)
		vs_ctx_log(t->ctx, VS_LOG_INFO,
			   "%s: centroids for iteration %u of %u", path,
			   s->state.iteration, t->args->iterations);
	vs_free(t->ctx, path);
	return rc;
}

/* The first step: as one process begins. */
static int begin(struct train *t, struct vs_step *s, struct vs_err *err)
{
	int rc = vs_train_seeds(t, &s->shape, s->state.centroids, err);

	if (rc != 0)
		return rc;
	s->input = t->model.input;
	s->state.objective = -1; /* none is that small */
	s->state.rng = vs_kmeans_repair_rng(t->args->seed);
	return write_step(t, s, err);
}

/* How many parts there are: n of the first found.  All must be of one n. */
static int count_parts(struct train *t, const struct vs_names *names,
		       uint32_t iteration, struct vs_part *all,
		       struct vs_err *err)
{
	const char *dir = t->args->steps;
	struct vs_part found = { 0 };
	size_t i;

	for (i = 0; i < names->n; i++) {
		if (!is_sums(names->name[i], iteration, &found))
			continue;
		if (found.i >= found.n)
			return vs_fail(err, VS_EDATA,
				       "%s/%s: no part has that number; remove "
				       "it", dir, names->name[i]);
		if (all->n != 0 && all->n != found.n)
			return vs_fail(err, VS_EDATA,
				       "%s: holds parts of %u and of %u of "
				       "iteration %u; remove those of one",
				       dir, all->n, found.n, iteration);
		all->n = found.n;
	}
	if (all->n == 0)
		return vs_fail(err, VS_ENOINPUT,
			       "%s: holds no sums of iteration %u; run "
			       "vs-train --partial --part i/n for each part",
			       dir, iteration);
	return 0;
}

static int join_part(struct train *t, const struct vs_step *s,
		     const struct vs_part *part, struct vs_kmeans_sums *sums,
		     struct vs_err *err)
{
	char *path = vs_sums_path(t->ctx, t->args->steps, s->state.iteration,
				  part, err);
	int rc = VS_ENOMEM;

	if (path == NULL)
		return rc;
	if (!vs_path_exists(t->ctx, path))
		rc = vs_fail(err, VS_ENOINPUT,
			     "%s: is missing; run vs-train --partial --part "
			     "%u/%u", path, part->i, part->n);
	else
		rc = vs_sums_join(t->ctx, path, s, part, sums, err);
	vs_free(t->ctx, path);
	return rc;
}

static int join_all(struct train *t, const struct vs_names *names,
		    const struct vs_step *s, struct vs_kmeans_sums *sums,
		    struct vs_err *err)
{
	struct vs_part part = { 0 };
	uint64_t n = 0;
	uint32_t c;
	int rc = count_parts(t, names, s->state.iteration, &part, err);

	for (; rc == 0 && part.i < part.n; part.i++)
		rc = join_part(t, s, &part, sums, err);
	for (c = 0; rc == 0 && c < s->shape.nlist; c++)
		n += sums->size[c];
	if (rc == 0 && n != s->shape.n)
		rc = vs_fail(err, VS_EDATA,
			     "%s: sums of iteration %u are of %llu rows; "
			     "expected %llu; remove them and make them again",
			     t->args->steps, s->state.iteration,
			     (unsigned long long)n,
			     (unsigned long long)s->shape.n);
	return rc;
}

/* From one step to the next, or to the model. */
static int go_on(struct train *t, const struct vs_names *names,
		 struct vs_step *s, struct vs_model_notes *notes, bool *more,
		 struct vs_err *err)
{
	struct vs_kmeans_result r = { 0 };
	struct vs_kmeans_sums sums;
	bool done;
	int rc = read_newest(t, names, s, err);

	if (rc == 0)
		rc = vs_kmeans_sums_alloc(t->ctx, &s->shape, &sums, err);
	if (rc != 0)
		return rc;
	rc = join_all(t, names, s, &sums, err);
	if (rc == 0)
		rc = vs_kmeans_step(t->ctx, &s->shape, &sums,
				    t->args->iterations, &s->state, &r, &done,
				    err);
	vs_kmeans_sums_free(t->ctx, &sums);
	if (rc != 0)
		return rc;
	vs_ctx_log(t->ctx, VS_LOG_INFO,
		   "iteration %u: mean squared distance %.6g, imbalance %.3f",
		   r.iterations, r.objective, r.imbalance);
	if (!done)
		return write_step(t, s, err);
	t->model.input = s->input;
	t->model.centroids = s->state.centroids;
	s->state.centroids = NULL;
	notes->iterations = r.iterations;
	notes->objective = r.objective;
	notes->imbalance = r.imbalance;
	notes->n_repaired = r.n_repaired;
	*more = false;
	return 0;
}

int vs_train_reduce(struct train *t, struct vs_model_notes *notes, bool *more,
		    struct vs_err *err)
{
	struct vs_names names = { 0 };
	struct vs_step s;
	int rc = step_init(t, &s, err);

	*more = true;
	if (rc == 0)
		rc = vs_path_mkdir(t->ctx, t->args->steps, err);
	if (rc == 0)
		rc = vs_path_list(t->ctx, t->args->steps, &names, err);
	if (rc == 0 && newest(&names) == NO_STEP)
		rc = begin(t, &s, err);
	else if (rc == 0)
		rc = go_on(t, &names, &s, notes, more, err);
	vs_names_free(t->ctx, &names);
	vs_free(t->ctx, s.state.centroids);
	return rc;
}
