/* train_seeds.c - the first centroids of a sample that is not in memory: the
 * vectors are read once for what all rows say, and once more for the rows that
 * the shuffle has first. */
#include <stdlib.h>
#include <string.h>

#include "train_int.h"
#include "vs/mem.h"
#include "vs/num.h"

/* Rows wanted, by their number in the sample. */
struct wanted {
	uint64_t *key; /* [n]: number << 32 | place, ascending */
	uint64_t n;
	uint64_t next; /* the first not met yet */
};

static int by_number(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* Rows first .. first + m of the vectors, of which the sample begins with row
 * *at: which of them are wanted, and where. */
static bool find_wanted(struct wanted *w, struct vs_train_choice *choice,
			size_t m, uint64_t *at, uint32_t *place)
{
	bool any = false;
	size_t i;

	for (i = 0; i < m; i++) {
		place[i] = UINT32_MAX;
		if (!vs_train_chooses(choice))
			continue;
		if (w->next < w->n && w->key[w->next] >> 32 == *at) {
			place[i] = (uint32_t)w->key[w->next++];
			any = true;
		}
		(*at)++;
	}
	return any;
}

static int fetch_blocks(struct train *t, struct wanted *w, uint8_t *block,
			uint32_t *place, struct vs_err *err)
{
	size_t row_bytes = vs_vecs_row_bytes(t->vecs), m, i;
	uint64_t n = vs_vecs_rows(t->vecs), row, at = 0;
	struct vs_train_choice choice;
	int rc = 0;

	vs_train_choice_start(t, &choice);
	for (row = 0; rc == 0 && row < n && w->next < w->n; row += m) {
		if (vs_ctx_stopping(t->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		m = (size_t)vs_min_u64(t->block_rows, n - row);
		if (!find_wanted(w, &choice, m, &at, place))
			continue;
		rc = vs_vecs_read(t->ctx, t->vecs, row, m, block, err);
		for (i = 0; rc == 0 && i < m; i++)
			if (place[i] != UINT32_MAX)
				vs_train_take_row(t, place[i],
						  block + i * row_bytes);
		vs_ctx_progress(t->ctx, "seeds", row + m, n, "rows");
	}
	return rc;
}

/* Rows order[0 .. n) of the sample, to t->sample in that order. */
static int fetch_rows(struct train *t, const uint32_t *order, uint64_t n,
		      struct vs_err *err)
{
	struct wanted w = { .n = n };
	uint32_t *place = NULL;
	uint8_t *block = NULL;
	uint64_t i;
	int rc = VS_ENOMEM;

	vs_free(t->ctx, t->sample);
	t->sample = vs_alloc(t->ctx, n, vs_train_row_bytes(t), "k-means seeds",
			     err);
	if (t->sample != NULL)
		w.key = vs_alloc(t->ctx, n, sizeof(*w.key), "k-means seeds",
				 err);
	if (w.key != NULL)
		place = vs_alloc(t->ctx, t->block_rows, sizeof(*place), "rows",
				 err);
	if (place != NULL)
		block = vs_alloc(t->ctx, t->block_rows,
				 vs_vecs_row_bytes(t->vecs), "rows", err);
	if (block != NULL) {
		for (i = 0; i < n; i++)
			w.key[i] = (uint64_t)order[i] << 32 | i;
		qsort(w.key, n, sizeof(*w.key), by_number);
		rc = fetch_blocks(t, &w, block, place, err);
	}
	vs_free(t->ctx, w.key);
	vs_free(t->ctx, place);
	vs_free(t->ctx, block);
	return rc;
}

static int find_seeds(struct train *t, uint32_t *perm, float *centroids,
		      struct vs_err *err)
{
	struct vs_kmeans_found found = { .nlist = t->index.nlist,
					 .n_first = t->index.nlist,
					 .centroids = centroids };
	struct vs_rows rows = vs_train_rows(t);
	int rc;

	do {
		vs_kmeans_shuffle(t->args->seed, t->n_sample, found.n_first,
				  perm);
		rc = fetch_rows(t, perm, found.n_first, err);
		rows.p = t->sample;
		rows.n = found.n_first;
		if (rc == 0)
			rc = vs_kmeans_distinct(t->ctx, &rows, NULL, &found,
						err);
	} while (rc == 0 &&
		 !vs_kmeans_found_all(&found, rows.dim, t->n_sample));
	return rc;
}

int vs_train_seeds(struct train *t, struct vs_kmeans_shape *shape,
		   float *centroids, struct vs_err *err)
{
	uint32_t *perm = vs_alloc(t->ctx, t->n_sample, sizeof(*perm),
				  "k-means seeds", err);
	int rc;

	if (perm == NULL)
		return VS_ENOMEM;
	t->passing = true;
	rc = vs_train_read_sample(t, err);
	t->passing = false;
	shape->scale = vs_kmeans_scale(vs_train_rows(t).dtype, t->most,
				       t->n_sample);
	if (rc == 0)
		rc = find_seeds(t, perm, centroids, err);
	vs_free(t->ctx, perm);
	return rc;
}
