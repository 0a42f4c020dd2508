/* pq_train.c - codebooks: k-means in each piece of the vectors.
 *
 * A piece has few dimensions and many rows, and pieces are learnt side by side,
 * so each is done by one thread from a copy of its own in panels.  Sums are
 * integers, of values scaled to a fixed point, as in kmeans.c.
 */
#include "vs/pq.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "pq_int.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"
#include "vs/rng.h"

#define SUM_ROWS 1024u /* rows of one partial sum of weights */
/* Multiplications between two looks at whether to stop: of codebooks of few
 * pieces a pass over the rows may have a thousand times as many. */
#define LOOK_AFTER (1u << 26)

/* The work of one thread on one piece. */
struct piece {
	const struct vs_pq *pq;
	struct vs_ctx *ctx;
	size_t n;         /* rows */
	size_t padded;
	float *panels;    /* [padded] rows of dsub dimensions */
	float *dist;      /* [padded] to the nearest centroid */
	float *least;     /* [padded], of choosing seeds */
	uint32_t *index;  /* [padded] of the nearest centroid */
	double *weight;   /* [padded / SUM_ROWS + 1] sums of least */
	int64_t *sum;     /* [ksub][dsub] */
	uint64_t *count;  /* [ksub] */
	float *centroids; /* [ksub][dsub], of the codebooks */
	double scale;
	struct vs_rng rng;
};

struct training {
	struct vs_ctx *ctx;
	const struct vs_rows *rows;
	const struct vs_pq_params *params;
	const struct vs_pq *pq;
	struct piece *piece; /* [n_workers] */
	size_t n_workers;
	atomic_size_t next; /* piece to be taken */
	double *error;      /* [m] */
};

static float value_at(const struct piece *p, size_t row, size_t d)
{
	return p->panels[(row / VS_PANEL_ROWS * p->pq->dsub + d) *
				 VS_PANEL_ROWS +
			 row % VS_PANEL_ROWS];
}

static int nearest(struct piece *p, const float *centroids, uint32_t n,
		   struct vs_err *err)
{
	size_t dsub = p->pq->dsub, panels = p->padded / VS_PANEL_ROWS, at;
	size_t step = vs_max_size(LOOK_AFTER / VS_PANEL_ROWS / dsub / n, 1);
	struct vs_near near = { .d = dsub,
				.centroids = centroids,
				.n_centroids = n };

	for (at = 0; at < panels; at += near.n_panels) {
		if (vs_ctx_stopping(p->ctx))
			return vs_fail(err, VS_EAGAIN, "stopped; run again");
		near.n_panels = vs_min_size(step, panels - at);
		near.panels = p->panels + at * VS_PANEL_ROWS * dsub;
		near.dist = p->dist + at * VS_PANEL_ROWS;
		near.index = p->index + at * VS_PANEL_ROWS;
		p->ctx->kern->nearest_f32(&near);
	}
	return 0;
}

static void row_to_centroid(struct piece *p, size_t row, uint32_t c)
{
	size_t d, dsub = p->pq->dsub;

	for (d = 0; d < dsub; d++)
		p->centroids[c * dsub + d] = value_at(p, row, d);
}

/* The power of two that takes the largest magnitude times n below 2^62. */
static void choose_scale(struct piece *p)
{
	size_t i, n = p->padded * p->pq->dsub;
	float most = 0;
	int exponent = 0;

	for (i = 0; i < n; i++)
		most = fabsf(p->panels[i]) > most ? fabsf(p->panels[i]) : most;
	if (most > 0)
		frexpf(most, &exponent);
	p->scale = ldexp(1, 39 - exponent);
}

/* Folds the distances to the newest seed into the least ones; their sum. */
static double fold_weights(struct piece *p)
{
	size_t i, end, block = 0;
	double total = 0, sum;

	for (i = 0; i < p->n; block++) {
		end = vs_min_size(i + SUM_ROWS, p->n);
		for (sum = 0; i < end; i++) {
			if (p->dist[i] < p->least[i])
				p->least[i] = p->dist[i];
			sum += (double)p->least[i];
		}
		p->weight[block] = sum;
		total += sum;
	}
	return total;
}

/* The row at which the running sum of weights passes `at`; a row without
 * weight is never taken, as total > 0. */
static size_t pick_row(const struct piece *p, double at)
{
	size_t block = 0, last = (p->n - 1) / SUM_ROWS, i, end, found;

	while (block < last && at >= p->weight[block])
		at -= p->weight[block++];
	i = block * SUM_ROWS;
	end = vs_min_size(i + SUM_ROWS, p->n);
	for (found = SIZE_MAX; i < end; i++) {
		if (!(p->least[i] > 0))
			continue;
		found = i;
		if (at < (double)p->least[i])
			break;
		at -= (double)p->least[i];
	}
	/* Roundings may lead past the end. */
	for (i = 0; found == SIZE_MAX; i++)
		if (p->least[i] > 0)
			found = i;
	return found;
}

/* k-means++; *distinct: the number of distinct seeds. */
static int choose_seeds(struct piece *p, uint32_t *distinct,
			struct vs_err *err)
{
	uint32_t ksub = p->pq->ksub, c;
	size_t i, dsub = p->pq->dsub;
	double total;
	int rc;

	for (i = 0; i < p->n; i++)
		p->least[i] = FLT_MAX;
	row_to_centroid(p, (size_t)vs_rng_below(&p->rng, p->n), 0);
	for (c = 1; c < ksub; c++) {
		rc = nearest(p, p->centroids + (c - 1) * dsub, 1, err);
		if (rc != 0)
			return rc;
		total = fold_weights(p);
		if (!(total > 0))
			break;
		row_to_centroid(p, pick_row(p, vs_rng_f64(&p->rng) * total),
				c);
	}
	/* Fewer values than centroids: none is the nearest of two equal ones
	 * but the first. */
	for (i = c; i < ksub; i++)
		memcpy(p->centroids + i * dsub, p->centroids,
		       dsub * sizeof(float));
	*distinct = c;
	return 0;
}

static int assign(struct piece *p, double *error, struct vs_err *err)
{
	double total = 0;
	size_t i;
	int rc = nearest(p, p->centroids, p->pq->ksub, err);

	for (i = 0; rc == 0 && i < p->n; i++)
		total += (double)p->dist[i];
	*error = total / (double)p->n;
	return rc;
}

static void add_rows(struct piece *p)
{
	size_t i, d, dsub = p->pq->dsub;
	const float *x;
	int64_t *sum;

	memset(p->sum, 0, p->pq->ksub * dsub * sizeof(*p->sum));
	memset(p->count, 0, p->pq->ksub * sizeof(*p->count));
	for (i = 0; i < p->n; i++) {
		x = p->panels + i / VS_PANEL_ROWS * VS_PANEL_ROWS * dsub +
		    i % VS_PANEL_ROWS;
		sum = p->sum + p->index[i] * dsub;
		for (d = 0; d < dsub; d++)
			sum[d] += (int64_t)((double)x[d * VS_PANEL_ROWS] *
					    p->scale);
		p->count[p->index[i]]++;
	}
}

/* A centroid without rows goes to the row that is farthest from its own, the
 * lowest of equal ones. */
static void refill(struct piece *p, uint32_t c)
{
	size_t i, far = 0;

	for (i = 1; i < p->n; i++)
		if (p->dist[i] > p->dist[far])
			far = i;
	if (!(p->dist[far] > 0))
		return;
	p->dist[far] = 0;
	row_to_centroid(p, far, c);
}

static void update(struct piece *p)
{
	size_t d, dsub = p->pq->dsub;
	uint32_t c;

	add_rows(p);
	for (c = 0; c < p->pq->ksub; c++) {
		if (p->count[c] == 0) {
			refill(p, c);
			continue;
		}
		for (d = 0; d < dsub; d++)
			p->centroids[c * dsub + d] =
				(float)((double)p->sum[c * dsub + d] /
					p->scale / (double)p->count[c]);
	}
}

/* Lloyd's iterations; leaves the error of the last assignment. */
static int learn(struct piece *p, uint32_t iterations, double *error,
		 struct vs_err *err)
{
	double before = -1;
	uint32_t it, distinct = 0;
	int rc = choose_seeds(p, &distinct, err);

	if (rc == 0 && distinct < p->pq->ksub)
		iterations = 0; /* each value has a centroid of its own */
	for (it = 0; rc == 0; it++) {
		rc = assign(p, error, err);
		if (rc != 0 || it == iterations || *error == before)
			break;
		before = *error;
		update(p);
	}
	return rc;
}

static int learn_piece(struct training *t, struct piece *p, size_t s,
		       struct vs_err *err)
{
	const struct vs_pq *pq = t->pq;

	vs_pq_pack_piece(t->rows, 0, p->n, pq, (uint32_t)s, p->panels);
	p->centroids = pq->codebooks + s * pq->ksub * pq->dsub;
	vs_rng_init(&p->rng, t->params->seed,
		    VS_STREAM_CODEBOOK + ((uint64_t)s << 32));
	choose_scale(p);
	return learn(p, t->params->iterations, &t->error[s], err);
}

static int body(void *arg, size_t worker, unsigned thread, struct vs_err *err)
{
	struct training *t = arg;
	size_t s;
	int rc = 0;

	(void)thread;
	while (rc == 0 && (s = atomic_fetch_add(&t->next, 1)) < t->pq->m)
		rc = learn_piece(t, &t->piece[worker], s, err);
	return rc;
}

static uint64_t piece_bytes(const struct vs_pq *pq, uint64_t n)
{
	uint64_t padded = vs_round_up(n, VS_PQ_BLOCK);

	return padded * (pq->dsub + 3ull) * 4 +
	       (padded / SUM_ROWS + 1) * sizeof(double) +
	       pq->ksub * (pq->dsub + 1ull) * 8 + 7 * 2 * VS_ALIGN;
}

uint64_t vs_pq_train_bytes(const struct vs_pq *pq, uint64_t n_rows)
{
	return piece_bytes(pq, n_rows) + sizeof(struct piece) + pq->m * 8ull +
	       2 * 2 * VS_ALIGN;
}

static void *take(struct piece *p, size_t n, size_t size, struct vs_err *err)
{
	return vs_alloc(p->ctx, n, size, "learning of codebooks", err);
}

static int piece_alloc(struct piece *p, struct vs_err *err)
{
	size_t ksub = p->pq->ksub, dsub = p->pq->dsub;

	p->panels = take(p, p->padded, dsub * sizeof(float), err);
	if (p->panels == NULL)
		return VS_ENOMEM;
	p->dist = take(p, p->padded, sizeof(float), err);
	if (p->dist == NULL)
		return VS_ENOMEM;
	p->least = take(p, p->padded, sizeof(float), err);
	if (p->least == NULL)
		return VS_ENOMEM;
	p->index = take(p, p->padded, sizeof(uint32_t), err);
	if (p->index == NULL)
		return VS_ENOMEM;
	p->weight = take(p, p->padded / SUM_ROWS + 1, sizeof(double), err);
	if (p->weight == NULL)
		return VS_ENOMEM;
	p->sum = take(p, ksub, dsub * sizeof(int64_t), err);
	if (p->sum == NULL)
		return VS_ENOMEM;
	p->count = take(p, ksub, sizeof(uint64_t), err);
	return p->count == NULL ? VS_ENOMEM : 0;
}

static void piece_free(struct piece *p)
{
	vs_free(p->ctx, p->panels);
	vs_free(p->ctx, p->dist);
	vs_free(p->ctx, p->least);
	vs_free(p->ctx, p->index);
	vs_free(p->ctx, p->weight);
	vs_free(p->ctx, p->sum);
	vs_free(p->ctx, p->count);
}

/* As many workers as there are threads, pieces and room for. */
static int workers_alloc(struct training *t, struct vs_err *err)
{
	size_t n = (size_t)t->rows->n, w;
	uint64_t fit = vs_mem_left(t->ctx) / piece_bytes(t->pq, n);
	int rc = 0;

	t->n_workers = (size_t)vs_min_u64(t->ctx->n_threads, t->pq->m);
	t->n_workers = (size_t)vs_min_u64(t->n_workers, fit);
	t->n_workers = vs_max_size(t->n_workers, 1);
	t->piece = vs_zalloc(t->ctx, t->n_workers, sizeof(*t->piece),
			     "learning of codebooks", err);
	if (t->piece == NULL)
		return VS_ENOMEM;
	for (w = 0; rc == 0 && w < t->n_workers; w++) {
		t->piece[w].ctx = t->ctx;
		t->piece[w].pq = t->pq;
		t->piece[w].n = n;
		t->piece[w].padded = vs_round_up(n, VS_PQ_BLOCK);
		rc = piece_alloc(&t->piece[w], err);
	}
	return rc;
}

static void training_clear(struct training *t)
{
	size_t w;

	for (w = 0; t->piece != NULL && w < t->n_workers; w++)
		if (t->piece[w].ctx != NULL)
			piece_free(&t->piece[w]);
	vs_free(t->ctx, t->piece);
	vs_free(t->ctx, t->error);
}

static int check_rows(const struct vs_rows *rows, const struct vs_pq *pq,
		      struct vs_err *err)
{
	if (rows->n < pq->ksub)
		return vs_fail(err, VS_EDATA,
			       "%llu training rows for codebooks of %u "
			       "centroids; give at least as many rows",
			       (unsigned long long)rows->n, pq->ksub);
	if (rows->n > VS_PQ_TRAIN_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "%llu training rows for codebooks; at most %u",
			       (unsigned long long)rows->n, VS_PQ_TRAIN_MAX);
	return 0;
}

int vs_pq_train(struct vs_ctx *ctx, const struct vs_rows *rows,
		const struct vs_pq_params *params, struct vs_pq *pq,
		double *error, struct vs_err *err)
{
	struct training t = {
		.ctx = ctx, .rows = rows, .params = params, .pq = pq
	};
	uint32_t s;
	int rc = check_rows(rows, pq, err);

	if (rc != 0)
		return rc;
	atomic_init(&t.next, 0);
	t.error = vs_alloc(ctx, pq->m, sizeof(*t.error),
			   "errors of codebooks", err);
	if (t.error == NULL)
		return VS_ENOMEM;
	rc = workers_alloc(&t, err);
	if (rc == 0)
		rc = vs_par_for(ctx, t.n_workers, body, &t, err);
	if (rc == 0 && error != NULL)
		for (*error = 0, s = 0; s < pq->m; s++)
			*error += t.error[s];
	training_clear(&t);
	return rc;
}
