/* Transforms: what PCA and random rotations keep, that rows come out as the
 * formula says, and the same bits for any threads and instruction set. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/model/transform_int.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/pq.h"
#include "vs/rng.h"

#define ROWS 3000u
#define DIM 37u

static void start(struct vs_ctx *ctx)
{
	vs_ctx_init(ctx);
	ctx->n_threads = 2;
	ctx->kern = vs_kern_select(VS_CPU_BEST);
}

/* Rows about a mean, spread over DIM directions unevenly. */
static float *make_rows(uint64_t n, uint64_t seed)
{
	float *p = malloc(n * DIM * sizeof(*p)), *row;
	struct vs_rng rng;
	uint64_t i;
	uint32_t x;

	assert_non_null(p);
	vs_rng_init(&rng, seed, VS_STREAM_TEST);
	for (i = 0; i < n; i++) {
		row = p + i * DIM;
		for (x = 0; x < DIM; x++)
			row[x] = (float)((vs_rng_f64(&rng) - 0.5) *
					 (10.0 + 100.0 / (1 + x)));
		for (x = 1; x < DIM; x++)
			row[x] += row[x - 1] / 2;
		row[5] += 500;
	}
	return p;
}

static struct vs_transform *learn(struct vs_ctx *ctx, const char *index,
				  enum vs_metric metric, float *rows,
				  uint64_t n)
{
	struct vs_transform *t = NULL;
	struct vs_factory f;
	struct vs_err err;
	int rc = vs_factory_read(index, &f, &err);

	if (rc == 0)
		rc = vs_transform_check(&f, metric, DIM, &err);
	if (rc == 0)
		rc = vs_transform_create(ctx, &f, metric, DIM, &t, &err);
	if (rc == 0)
		rc = vs_transform_train(ctx, &f, rows, n, 7, t, &err);
	if (rc != 0)
		fail_msg("%d: %s", rc, err.msg);
	return t;
}

static void apply(struct vs_ctx *ctx, const struct vs_transform *t,
		  const void *p, uint64_t n, enum vs_dtype dtype, float *out)
{
	const struct vs_rows rows = { p, n, DIM, dtype };
	struct vs_err err;
	int rc = vs_transform_apply(ctx, t, &rows, "rows", out, &err);

	if (rc != 0)
		fail_msg("%d: %s", rc, err.msg);
}

static double apart2(const float *a, const float *b, uint32_t dim)
{
	double sum = 0, d;
	uint32_t x;

	for (x = 0; x < dim; x++) {
		d = (double)a[x] - (double)b[x];
		sum += d * d;
	}
	return sum;
}

/* The covariance against the textbook. */
static void test_covariance(void **state)
{
	float *rows = make_rows(ROWS, 1), mean[DIM];
	double cov[DIM * DIM], want, m[DIM] = { 0 };
	const struct vs_sampled s = { rows, ROWS / 3, 3, DIM };
	struct vs_ctx ctx;
	uint32_t x, y;
	uint64_t i;

	(void)state;
	start(&ctx);
	assert_int_equal(vs_covariance(&ctx, &s, mean, cov, NULL), 0);
	for (x = 0; x < DIM; x++) {
		for (i = 0; i < ROWS; i += 3)
			m[x] += (double)rows[i * DIM + x] / (ROWS / 3.0);
		assert_true(fabs(m[x] - (double)mean[x]) < 1e-4);
	}
	for (x = 0; x < DIM; x++)
		for (y = 0; y < DIM; y++) {
			for (want = 0, i = 0; i < ROWS; i += 3)
				want += ((double)rows[i * DIM + x] - m[x]) *
					((double)rows[i * DIM + y] - m[y]);
			want /= ROWS / 3.0;
			assert_true(fabs(want - cov[x * DIM + y]) < 1e-3);
		}
	assert_int_equal(ctx.mem_now, 0);
	free(rows);
}

/* Sums do not know the order of rows. */
static void test_order_of_rows(void **state)
{
	float *rows = make_rows(ROWS, 1), *back = make_rows(ROWS, 1);
	float mean[2][DIM];
	double cov[2][DIM * DIM];
	struct vs_sampled s = { rows, ROWS, 1, DIM };
	struct vs_ctx ctx;
	uint64_t i;

	(void)state;
	for (i = 0; i < ROWS; i++)
		memcpy(back + (ROWS - 1 - i) * DIM, rows + i * DIM,
		       DIM * sizeof(*rows));
	start(&ctx);
	assert_int_equal(vs_covariance(&ctx, &s, mean[0], cov[0], NULL), 0);
	s.p = back;
	assert_int_equal(vs_covariance(&ctx, &s, mean[1], cov[1], NULL), 0);
	assert_memory_equal(mean[0], mean[1], sizeof(mean[0]));
	assert_memory_equal(cov[0], cov[1], sizeof(cov[0]));
	free(rows);
	free(back);
}

static void check_orthonormal(const struct vs_transform *t)
{
	bool tall = t->d_out > t->d_in;
	uint32_t n = tall ? t->d_in : t->d_out, i, k, x;
	uint32_t m = tall ? t->d_out : t->d_in;
	double sum;

	for (i = 0; i < n; i++)
		for (k = 0; k < n; k++) {
			for (sum = 0, x = 0; x < m; x++)
				sum += tall ?
					(double)t->matrix[x * n + i] *
					(double)t->matrix[x * n + k] :
					(double)t->matrix[i * m + x] *
					(double)t->matrix[k * m + x];
			assert_true(fabs(sum - (i == k)) < 1e-6);
		}
}

/* The first directions spread most, the results have mean 0, do not vary
 * together, and lie as far apart as the rows did, less what was left out. */
static void test_pca(void **state)
{
	float *rows = make_rows(ROWS, 1);
	float *out = malloc(ROWS * DIM * sizeof(*out));
	double var[DIM] = { 0 }, mean[DIM] = { 0 }, cross, full, cut;
	struct vs_transform *t;
	struct vs_ctx ctx;
	uint32_t x, y;
	uint64_t i;

	(void)state;
	start(&ctx);
	t = learn(&ctx, "PCA37,Flat", VS_L2, rows, ROWS);
	check_orthonormal(t);
	apply(&ctx, t, rows, ROWS, VS_F32, out);
	for (i = 0; i < ROWS; i++)
		for (x = 0; x < DIM; x++) {
			mean[x] += (double)out[i * DIM + x] / ROWS;
			var[x] += (double)out[i * DIM + x] *
				  (double)out[i * DIM + x] / ROWS;
		}
	for (x = 0; x < DIM; x++) {
		assert_true(fabs(mean[x]) < 1e-3);
		assert_true(x == 0 || var[x] <= var[x - 1] * 1.0001);
		for (y = 0; y < x; y++) {
			for (cross = 0, i = 0; i < ROWS; i++)
				cross += (double)out[i * DIM + x] *
					 (double)out[i * DIM + y] / ROWS;
			assert_true(fabs(cross) < 1e-3 * var[0]);
		}
	}
	for (i = 1; i < ROWS; i++) {
		full = apart2(rows, rows + i * DIM, DIM);
		assert_true(fabs(apart2(out, out + i * DIM, DIM) - full) <
			    1e-4 * full);
		cut = apart2(out, out + i * DIM, 20);
		assert_true(cut <= full * 1.0001);
	}
	vs_transform_destroy(&ctx, t);
	assert_int_equal(ctx.mem_now, 0);
	free(out);
	free(rows);
}

/* A random rotation, also to more dimensions, keeps distances; one after PCA
 * keeps what PCA left. */
static void test_random_rotations(void **state)
{
	static const char *const names[] = { "RR37,Flat", "RR64,Flat",
					     "PCAR37,Flat" };
	float *rows = make_rows(200, 1);
	float *out = malloc(200 * 64 * sizeof(*out));
	struct vs_transform *t, *u;
	struct vs_ctx ctx;
	double full, now;
	uint64_t i;
	size_t k;

	(void)state;
	start(&ctx);
	for (k = 0; k < 3; k++) {
		t = learn(&ctx, names[k], VS_IP, rows, 200);
		check_orthonormal(t);
		apply(&ctx, t, rows, 200, VS_F32, out);
		for (i = 1; i < 200; i++) {
			full = apart2(rows, rows + i * DIM, DIM);
			now = apart2(out, out + i * t->d_out, t->d_out);
			assert_true(fabs(full - now) < 1e-4 * full);
		}
		vs_transform_destroy(&ctx, t);
	}
	t = learn(&ctx, "PCAR8,Flat", VS_L2, rows, 200);
	u = learn(&ctx, "PCA8,Flat", VS_L2, rows, 200);
	check_orthonormal(t);
	apply(&ctx, t, rows, 200, VS_F32, out);
	apply(&ctx, u, rows, 200, VS_F32, out + 200 * 8);
	for (i = 1; i < 200; i++) {
		full = apart2(out + 200 * 8, out + (200 + i) * 8, 8);
		now = apart2(out, out + i * 8, 8);
		assert_true(fabs(full - now) < 1e-4 * full);
	}
	vs_transform_destroy(&ctx, t);
	vs_transform_destroy(&ctx, u);
	free(out);
	free(rows);
}

/* The mean squared error of coding rows turned by t, in m pieces. */
static double coding_error(struct vs_ctx *ctx, const struct vs_transform *t,
			   const float *rows, uint64_t n, uint32_t m)
{
	float *out = malloc(n * t->d_out * sizeof(*out));
	struct vs_rows turned = { out, n, t->d_out, VS_F32 };
	struct vs_pq_params params = { 10, 3 };
	struct vs_pq pq;
	double error;

	apply(ctx, t, rows, n, VS_F32, out);
	assert_int_equal(vs_pq_alloc(ctx, t->d_out, m, 4, &pq, NULL), 0);
	assert_int_equal(vs_pq_train(ctx, &turned, &params, &pq, &error,
				     NULL), 0);
	vs_pq_free(ctx, &pq);
	free(out);
	return error;
}

/* OPQ codes better than rows that are turned at random. */
static void test_opq(void **state)
{
	float *rows = make_rows(ROWS, 1);
	struct vs_transform *t;
	double opq, random;
	struct vs_ctx ctx;

	(void)state;
	start(&ctx);
	t = learn(&ctx, "OPQ4_40,PQ4x4fs", VS_L2, rows, ROWS);
	check_orthonormal(t);
	assert_null(t->mean);
	opq = coding_error(&ctx, t, rows, ROWS, 4);
	vs_transform_destroy(&ctx, t);
	t = learn(&ctx, "RR40,Flat", VS_L2, rows, ROWS);
	random = coding_error(&ctx, t, rows, ROWS, 4);
	vs_transform_destroy(&ctx, t);
	assert_true(opq < 0.9 * random);
	t = learn(&ctx, "OPQ4_20,PQ4x4fs", VS_L2, rows, ROWS);
	check_orthonormal(t);
	vs_transform_destroy(&ctx, t);
	assert_int_equal(ctx.mem_now, 0);
	free(rows);
}

/* Row by row what the header says. */
static void test_formula(void **state)
{
	float *rows = make_rows(100, 1), out[100 * 9], row[DIM], want, norm;
	struct vs_transform *t;
	struct vs_ctx ctx;
	uint64_t i;
	uint32_t x, y;
	double len;

	(void)state;
	start(&ctx);
	t = learn(&ctx, "PCA9,L2norm,Flat", VS_COSINE, rows, 100);
	apply(&ctx, t, rows, 100, VS_F32, out);
	for (i = 0; i < 100; i++) {
		for (len = 0, x = 0; x < DIM; x++)
			len += (double)rows[i * DIM + x] *
			       (double)rows[i * DIM + x];
		/* Training has scaled the sample. */
		assert_true(fabs(len - 1) < 1e-6);
		for (x = 0; x < DIM; x++)
			row[x] = rows[i * DIM + x] - t->mean[x];
		for (norm = 0, x = 0; x < 9; x++) {
			for (want = 0, y = 0; y < DIM; y++)
				want += t->matrix[x * DIM + y] * row[y];
			norm += want * want;
		}
		for (len = 0, x = 0; x < 9; x++) {
			for (want = 0, y = 0; y < DIM; y++)
				want += t->matrix[x * DIM + y] * row[y];
			assert_true(fabsf(out[i * 9 + x] -
					  want / sqrtf(norm)) < 1e-5f);
			len += (double)out[i * 9 + x] *
			       (double)out[i * 9 + x];
		}
		assert_true(fabs(len - 1) < 1e-6);
	}
	vs_transform_destroy(&ctx, t);
	free(rows);
}

/* Bytes and halves are the floats they stand for. */
static void test_types(void **state)
{
	uint8_t u8[50 * DIM];
	uint16_t f16[50 * DIM];
	int8_t i8[50 * DIM];
	float f32[50 * DIM], want[50 * 8], got[50 * 8], wide[50 * DIM];
	struct vs_transform *t;
	struct vs_ctx ctx;
	size_t i;

	(void)state;
	start(&ctx);
	for (i = 0; i < 50 * DIM; i++) {
		u8[i] = (uint8_t)(i * 7 % 64 * 2);
		i8[i] = (int8_t)u8[i];
		f32[i] = (float)u8[i];
		/* Even numbers from 0 to 126 as halves. */
		for (f16[i] = 0; ; f16[i]++) {
			ctx.kern->widen_f16(f16 + i, 1, wide);
			if (*wide == f32[i])
				break;
		}
	}
	memcpy(wide, f32, sizeof(f32));
	t = learn(&ctx, "RR8,Flat", VS_L2, wide, 50);
	apply(&ctx, t, f32, 50, VS_F32, want);
	apply(&ctx, t, u8, 50, VS_U8, got);
	assert_memory_equal(got, want, sizeof(got));
	apply(&ctx, t, i8, 50, VS_I8, got);
	assert_memory_equal(got, want, sizeof(got));
	apply(&ctx, t, f16, 50, VS_F16, got);
	assert_memory_equal(got, want, sizeof(got));
	vs_transform_destroy(&ctx, t);
}

static void test_same_bits(void **state)
{
	static const unsigned threads[] = { 1, 2, 3, 7 };
	float *out = malloc(ROWS * 16 * sizeof(*out)), *rows;
	float *first = malloc(ROWS * 16 * sizeof(*out));
	size_t bytes = ROWS * 16 * sizeof(*out), n = 0, k;
	struct vs_transform *t;
	struct vs_ctx ctx;
	int cpu;

	(void)state;
	for (cpu = VS_CPU_GENERIC; cpu < VS_CPU_BEST; cpu++)
		for (k = 0; k < 4; k++) {
			start(&ctx);
			ctx.n_threads = threads[k];
			ctx.kern = vs_kern_exact((enum vs_cpu)cpu);
			if (ctx.kern == NULL)
				continue;
			rows = make_rows(ROWS, 1);
			t = learn(&ctx, "PCAR16,Flat", VS_COSINE, rows, ROWS);
			apply(&ctx, t, rows, ROWS, VS_F32, out);
			if (n++ == 0)
				memcpy(first, out, bytes);
			assert_memory_equal(first, out, bytes);
			vs_transform_destroy(&ctx, t);
			free(rows);
		}
	assert_true(n >= 4);
	free(out);
	free(first);
}

/* Few, equal and enormous rows give a rotation all the same. */
static void test_awkward_samples(void **state)
{
	float *rows = make_rows(64, 1), out[DIM];
	struct vs_transform *t;
	struct vs_ctx ctx;
	struct vs_rows one = { rows, 1, DIM, VS_F32 };
	struct vs_err err;
	size_t i;
	int k;

	(void)state;
	start(&ctx);
	for (k = 0; k < 3; k++) {
		for (i = 0; i < 64 * DIM; i++)
			rows[i] = k == 0 ? 3 : k == 1 ? 0 : FLT_MAX;
		if (k == 2)
			for (i = 0; i < 32 * DIM; i++)
				rows[i] = -FLT_MAX;
		t = learn(&ctx, "PCA20,Flat", VS_L2, rows, 64);
		check_orthonormal(t);
		if (k == 2) {
			assert_int_equal(vs_transform_apply(&ctx, t, &one,
							    "rows", out, &err),
					 VS_EDATA);
			assert_non_null(strstr(err.msg, "rows: a vector"));
		}
		vs_transform_destroy(&ctx, t);
	}
	t = learn(&ctx, "PCA37,Flat", VS_L2, rows, 1);
	check_orthonormal(t);
	vs_transform_destroy(&ctx, t);
	free(rows);
}

/* A row of zeros that was kept is at cosine 0 of everything: the mean that PCA
 * takes off must give it no direction. */
static void test_zeros_have_no_direction(void **state)
{
	static const char *const names[] = { "PCA20,Flat", "PCAR20,Flat",
					     "PCA20,L2norm,Flat", "RR20,Flat" };
	float *rows = make_rows(64, 1), out[20];
	struct vs_transform *t;
	struct vs_ctx ctx;
	size_t i, k;

	(void)state;
	start(&ctx);
	for (k = 0; k < 4; k++) {
		t = learn(&ctx, names[k], VS_COSINE, rows, 64);
		memset(rows, 0, DIM * sizeof(*rows));
		apply(&ctx, t, rows, 1, VS_F32, out);
		for (i = 0; i < 20; i++)
			assert_true(out[i] == 0);
		vs_transform_destroy(&ctx, t);
	}
	free(rows);
}

static void refuse(const char *index, enum vs_metric metric, const char *why)
{
	struct vs_factory f;
	struct vs_err err;

	assert_int_equal(vs_factory_read(index, &f, NULL), 0);
	assert_int_equal(vs_transform_check(&f, metric, DIM, &err),
			 VS_EUSAGE);
	assert_non_null(strstr(err.msg, why));
}

static void test_refusals(void **state)
{
	(void)state;
	refuse("PCA38,Flat", VS_L2, "37 dimensions");
	refuse("PCAR38,Flat", VS_IP, "37 dimensions");
	refuse("RR8,Flat", VS_L1, "l1");
	refuse("OPQ5,Flat", VS_L2, "do not divide");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_covariance),
		cmocka_unit_test(test_order_of_rows),
		cmocka_unit_test(test_pca),
		cmocka_unit_test(test_random_rotations),
		cmocka_unit_test(test_opq),
		cmocka_unit_test(test_formula),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_same_bits),
		cmocka_unit_test(test_awkward_samples),
		cmocka_unit_test(test_zeros_have_no_direction),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
