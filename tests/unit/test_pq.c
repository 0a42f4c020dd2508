/* Product quantizers: codes are the nearest centroids, codebooks fall in error
 * and are the same bits for any number of threads and instruction set. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/faults.h"
#include "tests/unit/gendata.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/pq.h"
#include "vs/rng.h"

static void start(struct vs_ctx *ctx)
{
	vs_ctx_init(ctx);
	ctx->n_threads = 2;
	ctx->kern = vs_kern_select(VS_CPU_BEST);
}

/* Trains; the caller frees. */
static double train(struct vs_ctx *ctx, const struct vs_rows *rows,
		    uint32_t m, uint32_t bits, uint32_t iterations,
		    struct vs_pq *pq)
{
	struct vs_pq_params params = { iterations, 7 };
	struct vs_err err;
	double error = 0;

	if (vs_pq_alloc(ctx, rows->dim, m, bits, pq, &err) != 0 ||
	    vs_pq_train(ctx, rows, &params, pq, &error, &err) != 0)
		fail_msg("%s", err.msg);
	return error;
}

static void test_shapes(void **state)
{
	struct vs_err err;

	(void)state;
	assert_int_equal(vs_pq_check_shape(128, 64, &err), 0);
	assert_int_equal(vs_pq_check_shape(7, 7, &err), 0);
	assert_int_equal(vs_pq_check_shape(128, 24, &err), VS_EUSAGE);
	assert_non_null(strstr(err.msg, "PQ16 or PQ32"));
	assert_int_equal(vs_pq_check_shape(12, 24, &err), VS_EUSAGE);
	assert_non_null(strstr(err.msg, "PQ12"));
	assert_int_equal(vs_pq_check_shape(128, 0, &err), VS_EUSAGE);
}

static void test_error_falls(void **state)
{
	struct gendata g;
	struct vs_rows rows;
	struct vs_ctx ctx;
	struct vs_pq pq;
	double before = INFINITY, error;
	uint32_t it;

	(void)state;
	start(&ctx);
	gendata_make(&g, VS_F32, 3000, 24, 40, 1);
	gendata_rows(&g, &rows);
	for (it = 0; it < 12; it += 3) {
		error = train(&ctx, &rows, 6, 4, it, &pq);
		assert_true(error < before);
		before = error;
		vs_pq_free(&ctx, &pq);
	}
	/* more bits, less error */
	error = train(&ctx, &rows, 6, 8, 10, &pq);
	assert_true(error < before / 2);
	vs_pq_free(&ctx, &pq);
	gendata_free(&g);
	assert_int_equal(ctx.mem_now, 0);
}

/* The codes of each row, found again by trying all, and the error that they
 * leave. */
static void check_codes(const struct vs_pq *pq, const struct vs_rows *rows,
			const uint8_t *codes, double error)
{
	const struct vs_kern *kern = vs_kern_select(VS_CPU_BEST);
	float *back = malloc(pq->dim * sizeof(float)), *table, *panels;
	const float *row = rows->p;
	size_t bytes = vs_pq_code_bytes(pq), i, d;
	double total = 0, diff;
	uint32_t s, c, best;

	table = aligned_alloc(64, (size_t)pq->m * pq->ksub * sizeof(float));
	panels = aligned_alloc(64, vs_pq_codebook_count(pq) * sizeof(float));
	vs_pq_panels(pq, panels);
	for (i = 0; i < rows->n; i++, row += pq->dim, codes += bytes) {
		vs_pq_tables(kern, pq, panels, VS_L2, row, table);
		for (s = 0; s < pq->m; s++) {
			for (best = 0, c = 1; c < pq->ksub; c++)
				if (table[s * pq->ksub + c] <
				    table[s * pq->ksub + best])
					best = c;
			assert_int_equal(vs_pq_code(pq, codes, s), best);
		}
		if (pq->bits == 4 && pq->m % 2 == 1)
			assert_int_equal(codes[bytes - 1] >> 4, 0);
		vs_pq_decode(pq, codes, back);
		for (d = 0; d < pq->dim; d++) {
			diff = (double)row[d] - (double)back[d];
			total += diff * diff;
		}
	}
	assert_true(fabs(total / (double)rows->n - error) < 1e-4 * error);
	free(back);
	free(table);
	free(panels);
}

static void test_codes_are_the_nearest(void **state)
{
	static const uint32_t shape[][3] = { { 24, 6, 8 }, { 24, 8, 4 },
					     { 21, 7, 4 }, { 34, 2, 8 } };
	struct gendata g;
	struct vs_rows rows;
	struct vs_ctx ctx;
	struct vs_err err;
	struct vs_pq pq;
	uint8_t *codes;
	double error;
	size_t i;

	(void)state;
	start(&ctx);
	for (i = 0; i < sizeof(shape) / sizeof(shape[0]); i++) {
		gendata_make(&g, VS_F32, 1111, shape[i][0], 40, 1);
		gendata_rows(&g, &rows);
		error = train(&ctx, &rows, shape[i][1], shape[i][2], 4, &pq);
		codes = malloc(rows.n * vs_pq_code_bytes(&pq));
		assert_int_equal(vs_pq_encode(&ctx, &pq, &rows, codes, &err),
				 0);
		check_codes(&pq, &rows, codes, error);
		free(codes);
		vs_pq_free(&ctx, &pq);
		gendata_free(&g);
	}
	assert_int_equal(ctx.mem_now, 0);
}

/* Panels hold the same codes. */
static void test_panels(void **state)
{
	static const uint32_t shape[][2] = { { 6, 8 }, { 8, 4 }, { 3, 4 } };
	_Alignas(64) float panel[24 * 16];
	uint8_t codes[16 * 8], in_panel[16 * 8];
	float row[24], back[24];
	struct gendata g;
	struct vs_rows rows;
	struct vs_ctx ctx;
	struct vs_err err;
	struct vs_pq pq;
	size_t i, d, bytes, t;

	(void)state;
	start(&ctx);
	gendata_make(&g, VS_F32, 700, 24, 40, 1);
	gendata_rows(&g, &rows);
	for (t = 0; t < 3; t++) {
		rows.n = 700;
		train(&ctx, &rows, shape[t][0], shape[t][1], 2, &pq);
		rows.n = 16;
		bytes = vs_pq_code_bytes(&pq);
		assert_int_equal(vs_pq_encode(&ctx, &pq, &rows, codes, &err),
				 0);
		for (i = 0; i < 16; i++)
			for (d = 0; d < 24; d++)
				panel[d * 16 + i] = g.f32[i * 24 + d];
		vs_pq_encode_panel(ctx.kern, &pq, panel, in_panel);
		for (i = 0; i < 16; i++) {
			for (d = 0; d < bytes; d++)
				assert_int_equal(in_panel[d * 16 + i],
						 codes[i * bytes + d]);
			vs_pq_decode(&pq, codes + i * bytes, row);
			vs_pq_decode_lane(&pq, in_panel, (unsigned)i, back);
			assert_memory_equal(row, back, sizeof(row));
			assert_true(sqrt(vs_norm2_f32(row, 24)) <=
				    vs_pq_radius(&pq));
		}
		vs_pq_free(&ctx, &pq);
	}
	gendata_free(&g);
}

/* Fewer values than centroids: each has its own, and nothing is lost. */
static void test_few_values(void **state)
{
	struct vs_rows rows = { NULL, 700, 4, VS_F32 };
	float *x = malloc(700 * 4 * sizeof(float));
	struct vs_ctx ctx;
	struct vs_pq pq;
	size_t i;

	(void)state;
	start(&ctx);
	for (i = 0; i < 700 * 4; i++)
		x[i] = (float)(i * 2654435761u >> 7 & 3);
	rows.p = x;
	assert_true(train(&ctx, &rows, 2, 4, 25, &pq) == 0);
	vs_pq_free(&ctx, &pq);
	assert_true(train(&ctx, &rows, 2, 8, 25, &pq) == 0);
	vs_pq_free(&ctx, &pq);
	for (i = 0; i < 700 * 4; i++)
		x[i] = 0;
	assert_true(train(&ctx, &rows, 2, 8, 25, &pq) == 0);
	vs_pq_free(&ctx, &pq);
	free(x);
}

static void test_same_bits_everywhere(void **state)
{
	static const unsigned threads[] = { 1, 2, 7 };
	struct vs_pq pq, first = { 0 };
	struct gendata g;
	struct vs_rows rows;
	struct vs_ctx ctx;
	int cpu;
	size_t t;

	(void)state;
	gendata_make(&g, VS_F32, 2000, 30, 40, 1);
	gendata_rows(&g, &rows);
	for (cpu = 0; cpu < VS_CPU_BEST; cpu++) {
		for (t = 0; t < 3; t++) {
			start(&ctx);
			ctx.kern = vs_kern_exact((enum vs_cpu)cpu);
			ctx.n_threads = threads[t];
			if (ctx.kern == NULL)
				continue;
			train(&ctx, &rows, 10, 8, 6, &pq);
			if (first.codebooks == NULL) {
				first = pq;
				continue;
			}
			assert_memory_equal(pq.codebooks, first.codebooks,
					    vs_pq_codebook_count(&pq) * 4);
			vs_pq_free(&ctx, &pq);
		}
	}
	start(&ctx);
	vs_pq_free(&ctx, &first);
	gendata_free(&g);
}

/* What code c of piece s adds, by the definition. */
static float value_of(const struct vs_pq *pq, enum vs_metric metric,
		      const float *q, size_t s, size_t c)
{
	const float *x = pq->codebooks + (s * pq->ksub + c) * pq->dsub;
	volatile float sum = 0, term;
	size_t i;

	for (i = 0; i < pq->dsub; i++) {
		term = q[s * pq->dsub + i] - x[i];
		if (metric == VS_L1)
			term = fabsf(term);
		else if (metric == VS_L2)
			term = term * term;
		else
			term = q[s * pq->dsub + i] * x[i];
		sum = sum + term;
	}
	return sum;
}

static void check_tables(const struct vs_kern *kern, const struct vs_pq *pq,
			 const float *q)
{
	size_t n = (size_t)pq->m * pq->ksub, i;
	float *table = aligned_alloc(64, n * sizeof(float));
	float *panels = aligned_alloc(64, vs_pq_codebook_count(pq) *
						  sizeof(float));
	unsigned metric;

	vs_pq_panels(pq, panels);
	for (metric = VS_L2; metric <= VS_L1; metric++) {
		vs_pq_tables(kern, pq, panels, (enum vs_metric)metric, q,
			     table);
		for (i = 0; i < n; i++)
			if (table[i] != value_of(pq, (enum vs_metric)metric, q,
						 i / pq->ksub, i % pq->ksub))
				fail_msg("%s metric %u entry %zu", kern->name,
					 metric, i);
	}
	free(table);
	free(panels);
}

static void test_tables_are_values(void **state)
{
	static const uint32_t shape[][3] = { { 6, 3, 4 }, { 5, 5, 8 },
					     { 24, 3, 8 }, { 22, 2, 8 } };
	struct vs_ctx ctx;
	struct vs_err err;
	struct vs_rng rng;
	struct vs_pq pq;
	float q[24];
	size_t i, t;
	int cpu;

	(void)state;
	start(&ctx);
	vs_rng_init(&rng, 1, VS_STREAM_TEST);
	for (t = 0; t < sizeof(shape) / sizeof(shape[0]); t++) {
		assert_int_equal(vs_pq_alloc(&ctx, shape[t][0], shape[t][1],
					     shape[t][2], &pq, &err), 0);
		for (i = 0; i < vs_pq_codebook_count(&pq); i++)
			pq.codebooks[i] = (float)vs_rng_f64(&rng) - 0.5f;
		for (i = 0; i < shape[t][0]; i++)
			q[i] = (float)vs_rng_f64(&rng) - 0.5f;
		for (cpu = 0; cpu < VS_CPU_BEST; cpu++)
			if (vs_kern_exact((enum vs_cpu)cpu) != NULL)
				check_tables(vs_kern_exact((enum vs_cpu)cpu),
					     &pq, q);
		vs_pq_free(&ctx, &pq);
	}
}

static void test_refusals(void **state)
{
	struct vs_pq_params params = { 2, 1 };
	struct gendata g;
	struct vs_rows rows;
	struct vs_ctx ctx;
	struct vs_err err;
	struct vs_pq pq;

	(void)state;
	start(&ctx);
	gendata_make(&g, VS_F32, 255, 4, 40, 1);
	gendata_rows(&g, &rows);
	assert_int_equal(vs_pq_alloc(&ctx, 4, 2, 8, &pq, &err), 0);
	assert_int_equal(vs_pq_train(&ctx, &rows, &params, &pq, NULL, &err),
			 VS_EDATA);
	assert_non_null(strstr(err.msg, "255 training rows"));
	vs_pq_free(&ctx, &pq);
	gendata_free(&g);
	assert_int_equal(ctx.mem_now, 0);
}

/* Each allocation fails in turn; what was had is given back. */
static void test_no_memory(void **state)
{
	struct vs_pq_params params = { 2, 1 };
	struct faults f = { .at = 0, .sys = 12, .calls = 1u << VS_CALL_ALLOC };
	uint8_t codes[300 * 2];
	struct gendata g;
	struct vs_rows rows;
	struct vs_ctx ctx;
	struct vs_err err;
	struct vs_pq pq;
	unsigned at;
	int rc = VS_ENOMEM;

	(void)state;
	gendata_make(&g, VS_F32, 300, 4, 40, 1);
	gendata_rows(&g, &rows);
	for (at = 1; rc != 0; at++) {
		start(&ctx);
		f.at = at;
		faults_set(&ctx, &f);
		pq.codebooks = NULL;
		rc = vs_pq_alloc(&ctx, 4, 2, 8, &pq, &err);
		if (rc == 0)
			rc = vs_pq_train(&ctx, &rows, &params, &pq, NULL,
					 &err);
		if (rc == 0)
			rc = vs_pq_encode(&ctx, &pq, &rows, codes, &err);
		assert_true(rc == 0 || rc == VS_ENOMEM);
		vs_pq_free(&ctx, &pq);
		assert_int_equal(ctx.mem_now, 0);
		assert_true(at < 100);
	}
	assert_true(at > 15);
	gendata_free(&g);
}

static void test_stop(void **state)
{
	atomic_int stop = 1;
	struct vs_pq_params params = { 2, 1 };
	uint8_t codes[300 * 2];
	struct gendata g;
	struct vs_rows rows;
	struct vs_ctx ctx;
	struct vs_err err;
	struct vs_pq pq;

	(void)state;
	start(&ctx);
	gendata_make(&g, VS_F32, 300, 4, 40, 1);
	gendata_rows(&g, &rows);
	train(&ctx, &rows, 2, 8, 1, &pq);
	ctx.stop = &stop;
	assert_int_equal(vs_pq_train(&ctx, &rows, &params, &pq, NULL, &err),
			 VS_EAGAIN);
	assert_int_equal(vs_pq_encode(&ctx, &pq, &rows, codes, &err),
			 VS_EAGAIN);
	vs_pq_free(&ctx, &pq);
	gendata_free(&g);
}

/* Kernels that do no work, but ask for a stop when codebooks are first
 * compared, and add up how much they are asked for from then on. */
static atomic_int long_stop;
static uint64_t asked;

static void count_nearest(const struct vs_near *t)
{
	size_t n = t->n_panels * VS_PANEL_ROWS, i;

	for (i = 0; i < n; i++) {
		t->index[i] = 0;
		t->dist[i] = (float)(i % 7);
	}
	if (t->n_centroids > 1)
		atomic_store(&long_stop, 1);
	if (atomic_load(&long_stop) != 0)
		asked += n * t->d * t->n_centroids;
}

/* One piece of many dimensions: a pass over the rows takes minutes, which
 * nobody who asks for a stop must wait for. */
static void test_stop_in_a_long_pass(void **state)
{
	struct vs_pq_params params = { 2, 1 };
	struct vs_kern slow;
	struct gendata g;
	struct vs_rows rows;
	struct vs_ctx ctx;
	struct vs_err err;
	struct vs_pq pq;
	uint8_t *codes;

	(void)state;
	start(&ctx);
	ctx.n_threads = 1;
	slow = *ctx.kern;
	slow.nearest_f32 = count_nearest;
	ctx.kern = &slow;
	ctx.stop = &long_stop;
	gendata_make(&g, VS_F32, 4096, 2048, 40, 1);
	gendata_rows(&g, &rows);
	codes = malloc(rows.n);
	assert_int_equal(vs_pq_alloc(&ctx, 2048, 1, 8, &pq, &err), 0);
	assert_int_equal(vs_pq_train(&ctx, &rows, &params, &pq, NULL, &err),
			 VS_EAGAIN);
	assert_true(asked <= 1u << 26);
	atomic_store(&long_stop, 0);
	asked = 0;
	assert_int_equal(vs_pq_encode(&ctx, &pq, &rows, codes, &err),
			 VS_EAGAIN);
	assert_true(asked <= 1u << 28);
	vs_pq_free(&ctx, &pq);
	gendata_free(&g);
	free(codes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_error_falls),
		cmocka_unit_test(test_codes_are_the_nearest),
		cmocka_unit_test(test_panels),
		cmocka_unit_test(test_few_values),
		cmocka_unit_test(test_same_bits_everywhere),
		cmocka_unit_test(test_tables_are_values),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_in_a_long_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
