/* test_code8.c - the bound of 8-bit codes holds for every row and query, odd
 * ones too, and is tight for ordinary ones. */
#include "kern_test.h"

#include <math.h>

#include "vs/code8.h"
#include "vs/kern.h"
#include "vs/mem.h"

#define ROWS 300u
#define QUERIES 20u
#define DIM_MAX 130u

static float rows[ROWS * DIM_MAX], queries[QUERIES * DIM_MAX];

static void ok(int rc, const struct vs_err *err)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, err->msg);
}

static void train(struct vs_ctx *ctx, size_t n, uint32_t dim,
		  struct vs_code8 *c)
{
	const struct vs_code8_rows sample = { rows, VS_F32, n, dim,
						false };
	struct vs_err err;

	vs_ctx_init(ctx);
	ctx->n_threads = 3;
	ctx->kern = vs_kern_select(VS_CPU_BEST);
	ok(vs_code8_train(ctx, &sample, c, &err), &err);
}

/* The share of |x| |q| that the bound may be off by, at most. */
static double check(const struct vs_code8 *c)
{
	uint8_t u[DIM_MAX];
	int8_t v[DIM_MAX];
	struct vs_code8_query cq;
	double worst = 0;
	size_t i, j, x, d = c->dim;

	for (j = 0; j < QUERIES; j++) {
		const float *q = queries + j * d;

		vs_code8_query(c, q, vs_norm2_f32(q, d), v, &cq);
		assert_true(cq.t > 0 && cq.reach >= 0);
		for (i = 0; i < ROWS; i++) {
			const float *row = rows + i * d;
			float slack = vs_code8_encode(c, row, u);
			long double dot = 0, bound;
			double norms = sqrt(vs_norm2_f32(q, d)) *
				       sqrt(vs_norm2_f32(row, d));
			int64_t acc = 0;

			assert_true(slack >= 0);
			for (x = 0; x < d; x++) {
				dot += (long double)row[x] * q[x];
				acc += (int64_t)u[x] * v[x];
			}
			bound = cq.base + (long double)cq.t * acc;
			/* either side, with room for the roundings of base */
			if (fabsl(dot - bound) >
			    (long double)cq.reach * slack +
				    1e-12L * (fabsl(bound) + fabsl(dot)))
				fail_msg("query %zu row %zu: %Lg, coded %Lg, "
					 "slack %g", j, i, dot, bound,
					 (double)slack * cq.reach);
			if (norms > 0)
				worst = fmax(worst, cq.reach * (double)slack /
							    norms);
		}
	}
	return worst;
}

static void test_holds_for_odd_values(void **state)
{
	static const uint32_t dims[] = { 1, 2, 15, 64, 130 };
	struct vs_code8 c;
	struct vs_ctx ctx;
	struct vs_rng r;
	size_t i, k, n, kind;

	(void)state;
	vs_rng_init(&r, 1, VS_STREAM_TEST);
	for (kind = 0; kind < KIND_N; kind++)
		for (i = 0; i < 5; i++)
			/* ranges learnt from all rows, or from too few */
			for (n = ROWS; n > 0; n = n == ROWS ? 3 : 0) {
				for (k = 0; k < ROWS * dims[i]; k++)
					rows[k] = rnd_float(&r,
							    (enum kind)kind);
				for (k = 0; k < QUERIES * dims[i]; k++)
					queries[k] = rnd_float(
						&r,
						(enum kind)(k % 3 ? kind : 0));
				train(&ctx, n, dims[i], &c);
				check(&c);
				vs_code8_free(&ctx, &c);
				assert_int_equal(ctx.mem_now, 0);
			}
}

static void test_constant_dimensions_and_zeros(void **state)
{
	struct vs_code8 c;
	struct vs_ctx ctx;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS * 8; i++)
		rows[i] = i % 8 == 3 ? 0.0f : (float)(i % 8);
	memset(queries, 0, sizeof(queries));
	for (i = 0; i < 8; i++)
		queries[8 + i] = 1;
	train(&ctx, ROWS, 8, &c);
	for (i = 0; i < 8; i++)
		assert_true(c.step[i] == 0);
	check(&c);
	vs_code8_free(&ctx, &c);
}

/* Otherwise the filter would let everything pass, and be right. */
static void test_tight_for_ordinary_rows(void **state)
{
	struct vs_code8 c;
	struct vs_ctx ctx;
	struct vs_rng r;
	double worst;
	size_t i;

	(void)state;
	vs_rng_init(&r, 2, VS_STREAM_TEST);
	for (i = 0; i < ROWS * 128; i++)
		rows[i] = (float)(vs_rng_f64(&r) + vs_rng_f64(&r) - 1);
	for (i = 0; i < QUERIES * 128; i++)
		queries[i] = (float)(vs_rng_f64(&r) + vs_rng_f64(&r) - 1);
	train(&ctx, ROWS, 128, &c);
	worst = check(&c);
	print_message("# off by at most %.4f |x| |q|\n", worst);
	assert_true(worst < 0.02);
	vs_code8_free(&ctx, &c);
}

static void test_only_some_kinds_of_rows_are_coded(void **state)
{
	(void)state;
	assert_true(vs_code8_wanted(VS_F32, VS_L2, 128));
	assert_true(vs_code8_wanted(VS_F16, VS_COSINE, VS_LIN_DIM_MAX));
	assert_false(vs_code8_wanted(VS_F32, VS_L1, 128));
	assert_false(vs_code8_wanted(VS_U8, VS_L2, 128));
	assert_false(vs_code8_wanted(VS_F32, VS_IP, VS_LIN_DIM_MAX + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holds_for_odd_values),
		cmocka_unit_test(test_constant_dimensions_and_zeros),
		cmocka_unit_test(test_tight_for_ordinary_rows),
		cmocka_unit_test(test_only_some_kinds_of_rows_are_coded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
