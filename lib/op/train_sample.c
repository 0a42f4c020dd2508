/* train_sample.c - the rows that vs-train learns from. */
#include <string.h>

#include "train_int.h"
#include "vs/mem.h"
#include "vs/widen.h"

void vs_train_take_row(struct train *t, uint64_t at, const uint8_t *row)
{
	uint8_t *to = t->sample + at * vs_train_row_bytes(t);

	if (t->model.transform == NULL)
		vs_train_ranges_offer(&t->ranges, at, row);
	if (!t->wide) {
		memcpy(to, row, vs_vecs_row_bytes(t->vecs));
		return;
	}
	vs_row_widen(t->model.dtype, row, t->model.dim, (float *)(void *)to);
	if (t->norms != NULL && t->model.transform == NULL)
		t->norms[at] = vs_train_norm_of((const float *)(const void *)to,
					      t->model.dim);
	if (t->spherical && t->model.transform == NULL)
		vs_row_unit((float *)(void *)to, t->model.dim);
}

void vs_train_choice_start(const struct train *t, struct vs_train_choice *c)
{
	vs_rng_init(&c->rng, t->args->seed, VS_STREAM_SAMPLE);
	c->left = t->n_rows;
	c->wanted = t->n_sample;
}

bool vs_train_chooses(struct vs_train_choice *c)
{
	if (vs_rng_below(&c->rng, c->left--) >= c->wanted)
		return false;
	c->wanted--;
	return true;
}

/* Row `at` of the sample, which is kept or looked at. */
static void choose_row(struct train *t, uint64_t at, const uint8_t *row)
{
	struct vs_rows one = vs_train_rows(t);
	float most;

	vs_train_take_row(t, t->passing ? 0 : at, row);
	if (!t->passing)
		return;
	one.n = 1;
	most = vs_kmeans_most(&one);
	t->most = most > t->most ? most : t->most;
}

/* Everything is read, and hashed on the way. */
static int sample_blocks(struct train *t, uint8_t *block, struct vs_hasher *h,
			 struct vs_err *err)
{
	size_t row_bytes = vs_vecs_row_bytes(t->vecs), m, i;
	uint64_t n = vs_vecs_rows(t->vecs), first, taken = 0;
	bool holes = t->n_rows < n;
	struct vs_train_choice choice;
	uint8_t *row;
	int rc;

	vs_train_choice_start(t, &choice);
	for (first = 0; first < n; first += m) {
		if (vs_ctx_stopping(t->ctx))
			return vs_fail(err, VS_EAGAIN,
				       "stopped while sampling; run again");
		m = (size_t)vs_min_u64(t->block_rows, n - first);
		rc = vs_vecs_read(t->ctx, t->vecs, first, m, block, err);
		if (rc == 0 && t->args->metric == VS_COSINE &&
		    t->args->io.zero == VS_ZERO_REFUSE)
			rc = vs_op_check_zeros(t->vecs, first, m, block, err);
		if (rc != 0)
			return rc;
		vs_hasher_add(h, block, m * row_bytes);
		for (i = 0; i < m && taken < t->n_sample; i++) {
			row = block + i * row_bytes;
			if (holes && vs_vecs_is_hole(t->vecs, row))
				continue;
			if (vs_train_chooses(&choice))
				choose_row(t, taken++, row);
		}
		vs_ctx_progress(t->ctx, "sample", first + m, n, "rows");
	}
	return 0;
}

int vs_train_read_sample(struct train *t, struct vs_err *err)
{
	size_t row_bytes = vs_vecs_row_bytes(t->vecs);
	struct vs_hasher *h = NULL;
	uint8_t *block;
	int rc = VS_ENOMEM;

	t->sample = vs_alloc(t->ctx, t->passing ? 1 : t->n_sample,
			     vs_train_row_bytes(t),
			     "training sample", err);
	if (t->sample == NULL ||
	    vs_train_ranges_alloc(t->ctx, &t->ranges, err) != 0)
		return VS_ENOMEM;
	if (vs_train_wants_norms(t)) {
		t->norms = vs_alloc(t->ctx, t->n_sample, sizeof(float),
				    "lengths of rows", err);
		if (t->norms == NULL)
			return VS_ENOMEM;
	}
	t->block_rows = vs_op_block_rows(t->ctx, row_bytes,
					 vs_vecs_rows(t->vecs));
	block = vs_alloc(t->ctx, t->block_rows, row_bytes, "rows", err);
	if (block != NULL)
		rc = vs_hasher_create(t->ctx, &h, err);
	if (rc == 0) {
		vs_vecs_digest_head(t->vecs, h);
		rc = sample_blocks(t, block, h, err);
		vs_hasher_done(h, &t->model.input);
	}
	vs_hasher_destroy(t->ctx, h);
	vs_free(t->ctx, block);
	return rc;
}
