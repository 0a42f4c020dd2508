/* step_file.c - reads and writes steps and sums. */
#include "step_file.h"

#include <math.h>
#include <string.h>

#include "op_int.h"
#include "vs/mem.h"
#include "vs/num.h"

/* Words of section STEP. */
enum { S_ITERATION, S_OBJECTIVE, S_REPAIRED, S_RNG, S_SCALE, S_ZERO, S_INPUT,
       S_WORDS = S_INPUT + 2 };
/* And of PART. */
enum { P_PART, P_PARTS, P_ROWS, P_ZERO, P_WORDS };

#define PIECE 262144u /* bytes of sums read at a time */

char *vs_step_path(struct vs_ctx *ctx, const char *dir, uint32_t iteration,
		   struct vs_err *err)
{
	return vs_asprintf(ctx, err, "%s/step-%04u.vst", dir, iteration);
}

char *vs_sums_path(struct vs_ctx *ctx, const char *dir, uint32_t iteration,
		   const struct vs_part *part, struct vs_err *err)
{
	return vs_asprintf(ctx, err, "%s/sums-%04u-%05u-of-%05u.vst", dir,
			   iteration, part->i, part->n);
}

static uint64_t bits_of(double v)
{
	uint64_t u;

	memcpy(&u, &v, sizeof(u));
	return u;
}

static double double_of(uint64_t u)
{
	double v;

	memcpy(&v, &u, sizeof(v));
	return v;
}

static size_t n_values(const struct vs_step *s)
{
	return (size_t)s->shape.nlist * s->shape.dim;
}

static struct vs_cont_head head_of(const struct vs_step *s, enum vs_kind kind,
				   uint64_t n_rows)
{
	struct vs_cont_head h = {
		.kind = kind,
		.n_rows = n_rows,
		.dim = s->model->dim,
		.metric = s->model->metric,
		.dtype = s->model->dtype,
	};

	return h;
}

static int step_fingerprint(struct vs_ctx *ctx, const struct vs_step *s,
			    uint32_t iteration, struct vs_digest *out,
			    struct vs_err *err)
{
	struct vs_hasher *h;
	int rc = vs_op_fingerprint_start(ctx, "step", &h, err);

	if (rc != 0)
		return rc;
	vs_hasher_add(h, s->model->fingerprint.b,
		      sizeof(s->model->fingerprint.b));
	vs_hasher_add_u64(h, iteration);
	vs_op_fingerprint_end(ctx, h, out);
	return 0;
}

static void step_words(const struct vs_step *s, uint64_t w[S_WORDS])
{
	memset(w, 0, S_WORDS * sizeof(*w));
	w[S_ITERATION] = s->state.iteration;
	w[S_OBJECTIVE] = bits_of(s->state.objective);
	w[S_REPAIRED] = s->state.n_repaired;
	w[S_RNG] = s->state.rng;
	w[S_SCALE] = bits_of(s->shape.scale);
	memcpy(&w[S_INPUT], s->input.b, sizeof(s->input.b));
}

int vs_sums_fingerprint(struct vs_ctx *ctx, const struct vs_step *s,
			const struct vs_part *part, struct vs_digest *out,
			struct vs_err *err)
{
	uint64_t w[S_WORDS];
	struct vs_hasher *h;
	int rc = vs_op_fingerprint_start(ctx, "sums", &h, err);

	if (rc != 0)
		return rc;
	step_words(s, w);
	vs_hasher_add(h, s->model->fingerprint.b,
		      sizeof(s->model->fingerprint.b));
	vs_hasher_add(h, w, sizeof(w));
	vs_hasher_add(h, s->state.centroids, n_values(s) * sizeof(float));
	vs_hasher_add_u64(h, part->i);
	vs_hasher_add_u64(h, part->n);
	vs_op_fingerprint_end(ctx, h, out);
	return 0;
}

static int put(struct vs_ctx *ctx, struct vs_cont_writer *w, uint32_t tag,
	       const void *p, size_t n, uint32_t item, struct vs_err *err)
{
	unsigned section;
	int rc = vs_cont_add_raw(ctx, w, tag, n, item, &section, err);

	return rc != 0 ? rc : vs_cont_write(ctx, w, section, 0, p, n * item,
					    err);
}

int vs_step_write(struct vs_ctx *ctx, const char *path,
		  const struct vs_step *s, enum vs_publish how,
		  struct vs_err *err)
{
	struct vs_cont_head head = head_of(s, VS_KIND_STEP, s->shape.n);
	struct vs_cont_writer *w;
	uint64_t words[S_WORDS];
	int rc = step_fingerprint(ctx, s, s->state.iteration,
				  &head.fingerprint, err);

	if (rc == 0)
		rc = vs_cont_create(ctx, path, &head, &w, err);
	if (rc != 0)
		return rc;
	step_words(s, words);
	rc = put(ctx, w, VS_SEC_STEP, words, S_WORDS, 8, err);
	if (rc == 0)
		rc = put(ctx, w, VS_SEC_CENT, s->state.centroids, n_values(s),
			 4, err);
	if (rc == 0)
		return vs_cont_publish(ctx, w, how, err);
	vs_cont_abort(ctx, w);
	return rc;
}

static int damaged(const char *path, const char *what, struct vs_err *err)
{
	return vs_fail(err, VS_EDATA,
		       "%s: %s; the file is damaged: remove it and make it "
		       "again", path, what);
}

/* A section of n items, whole. */
static int get(struct vs_ctx *ctx, struct vs_cont *c, uint32_t tag, void *p,
	       size_t n, uint32_t item, struct vs_err *err)
{
	struct vs_span span;
	int rc = vs_cont_find(c, tag, item, &span, err);

	if (rc == 0 && span.count != n)
		rc = damaged(vs_cont_path(c), "a section has another length",
			     err);
	return rc != 0 ? rc : vs_cont_read(ctx, c, &span, 0, p, n * item, err);
}

static int read_step(struct vs_ctx *ctx, struct vs_cont *c, uint32_t iteration,
		     struct vs_step *s, struct vs_err *err)
{
	const char *path = vs_cont_path(c);
	size_t n = n_values(s), i;
	uint64_t w[S_WORDS];
	int rc = get(ctx, c, VS_SEC_STEP, w, S_WORDS, 8, err);

	if (rc == 0)
		rc = get(ctx, c, VS_SEC_CENT, s->state.centroids, n, 4, err);
	if (rc != 0)
		return rc;
	s->state.iteration = iteration;
	s->state.objective = double_of(w[S_OBJECTIVE]);
	s->state.n_repaired = w[S_REPAIRED];
	s->state.rng = w[S_RNG];
	s->shape.scale = double_of(w[S_SCALE]);
	memcpy(s->input.b, &w[S_INPUT], sizeof(s->input.b));
	if (w[S_ITERATION] != iteration || w[S_ZERO] != 0 ||
	    !isfinite(s->state.objective) || !isfinite(s->shape.scale) ||
	    s->shape.scale <= 0)
		return damaged(path, "section STEP is wrong", err);
	for (i = 0; i < n; i++)
		if (!isfinite(s->state.centroids[i]))
			return damaged(path, "a centroid is not finite", err);
	return 0;
}

int vs_step_read(struct vs_ctx *ctx, const char *path, uint32_t iteration,
		 struct vs_step *s, struct vs_err *err)
{
	struct vs_digest want;
	struct vs_cont *c;
	int rc = step_fingerprint(ctx, s, iteration, &want, err);

	if (rc == 0)
		rc = vs_cont_open(ctx, path, VS_KIND_STEP, &c, err);
	if (rc != 0)
		return rc;
	if (!vs_digest_equal(&want, &vs_cont_head(c)->fingerprint))
		rc = vs_fail(err, VS_EDATA,
			     "%s: is a step of a training with other vectors, "
			     "parameters or version; use the same for all "
			     "steps, or another --steps directory", path);
	else
		rc = read_step(ctx, c, iteration, s, err);
	vs_cont_close(ctx, c);
	return rc;
}

/* Rows of a part. */
static uint64_t rows_of(const struct vs_step *s, const struct vs_part *part)
{
	return vs_part_first(s->shape.n, part, part->i + 1) -
	       vs_part_first(s->shape.n, part, part->i);
}

int vs_sums_write(struct vs_ctx *ctx, const char *path,
		  const struct vs_step *s, const struct vs_part *part,
		  const struct vs_kmeans_sums *sums, enum vs_publish how,
		  struct vs_err *err)
{
	struct vs_cont_head head = head_of(s, VS_KIND_SUMS, rows_of(s, part));
	uint64_t words[P_WORDS] = { part->i, part->n, rows_of(s, part), 0 };
	struct vs_cont_writer *w;
	int rc = vs_sums_fingerprint(ctx, s, part, &head.fingerprint, err);

	if (rc == 0)
		rc = vs_cont_create(ctx, path, &head, &w, err);
	if (rc != 0)
		return rc;
	rc = put(ctx, w, VS_SEC_PART, words, P_WORDS, 8, err);
	if (rc == 0)
		rc = put(ctx, w, VS_SEC_SUMS, sums->sum, n_values(s), 8, err);
	if (rc == 0)
		rc = put(ctx, w, VS_SEC_SIZE, sums->size, s->shape.nlist, 8,
			 err);
	if (rc == 0)
		rc = put(ctx, w, VS_SEC_LOSS, sums->loss.limb, VS_EXACT_LIMBS,
			 8, err);
	if (rc == 0)
		return vs_cont_publish(ctx, w, how, err);
	vs_cont_abort(ctx, w);
	return rc;
}

/* Adds n words of a section to to[], piece by piece.  Sums wrap, as none of a
 * sound file does. */
static int add_words(struct vs_ctx *ctx, struct vs_cont *c, uint32_t tag,
		     uint64_t *to, size_t n, struct vs_err *err)
{
	size_t at, m, i, most = PIECE / 8;
	struct vs_span span;
	uint64_t *piece;
	int rc = vs_cont_find(c, tag, 8, &span, err);

	if (rc == 0 && span.count != n)
		rc = damaged(vs_cont_path(c), "a section has another length",
			     err);
	if (rc != 0)
		return rc;
	piece = vs_alloc(ctx, vs_min_size(n, most), 8, "sums", err);
	if (piece == NULL)
		return VS_ENOMEM;
	for (at = 0; rc == 0 && at < n; at += m) {
		m = vs_min_size(n - at, most);
		rc = vs_cont_read(ctx, c, &span, at * 8, piece, m * 8, err);
		for (i = 0; rc == 0 && i < m; i++)
			to[at + i] += piece[i];
	}
	vs_free(ctx, piece);
	return rc;
}

/* What the header and PART say must be what is wanted. */
static int check_part(struct vs_ctx *ctx, struct vs_cont *c,
		      const struct vs_step *s, const struct vs_part *part,
		      struct vs_err *err)
{
	const char *path = vs_cont_path(c);
	struct vs_digest want;
	uint64_t w[P_WORDS];
	int rc = get(ctx, c, VS_SEC_PART, w, P_WORDS, 8, err);

	if (rc == 0)
		rc = vs_sums_fingerprint(ctx, s, part, &want, err);
	if (rc != 0)
		return rc;
	if (w[P_PART] != part->i || w[P_PARTS] != part->n)
		return vs_fail(err, VS_EDATA,
			       "%s: holds part %llu/%llu; its name says "
			       "%u/%u; remove it and make that part", path,
			       (unsigned long long)w[P_PART],
			       (unsigned long long)w[P_PARTS], part->i,
			       part->n);
	if (!vs_digest_equal(&want, &vs_cont_head(c)->fingerprint))
		return vs_fail(err, VS_EDATA,
			       "%s: holds sums of other centroids, vectors or "
			       "parameters than step %u; remove it and make "
			       "that part again", path, s->state.iteration);
	if (w[P_ROWS] != rows_of(s, part) || w[P_ZERO] != 0)
		return damaged(path, "section PART is wrong", err);
	return 0;
}

int vs_sums_join(struct vs_ctx *ctx, const char *path,
		 const struct vs_step *s, const struct vs_part *part,
		 struct vs_kmeans_sums *sums, struct vs_err *err)
{
	struct vs_cont *c;
	int rc = vs_cont_open(ctx, path, VS_KIND_SUMS, &c, err);

	if (rc != 0)
		return rc;
	rc = check_part(ctx, c, s, part, err);
	if (rc == 0)
		rc = add_words(ctx, c, VS_SEC_SUMS, (uint64_t *)sums->sum,
			       n_values(s), err);
	if (rc == 0)
		rc = add_words(ctx, c, VS_SEC_SIZE, sums->size,
			       s->shape.nlist, err);
	if (rc == 0)
		rc = add_words(ctx, c, VS_SEC_LOSS, sums->loss.limb,
			       VS_EXACT_LIMBS, err);
	vs_cont_close(ctx, c);
	return rc;
}
