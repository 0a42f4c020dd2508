/* Linear algebra: what makes eigenvectors and polar factors what they are, at
 * awkward sizes, ranks and ranges, and the same bits for any threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vs/host.h"
#include "vs/linalg.h"
#include "vs/mem.h"
#include "vs/rng.h"

#define MOST 150

static const size_t sizes[] = { 1, 2, 3, 8, 31, 32, 33, 65, MOST };
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static double *make(size_t n)
{
	double *p = calloc(n, sizeof(double));

	assert_non_null(p);
	return p;
}

static void fill(double *a, size_t n, uint64_t seed)
{
	struct vs_rng rng;
	size_t i;

	vs_rng_init(&rng, seed, VS_STREAM_TEST);
	for (i = 0; i < n; i++)
		a[i] = vs_rng_f64(&rng) - 0.5;
}

static void start(struct vs_ctx *ctx, unsigned n_threads)
{
	vs_ctx_init(ctx);
	ctx->n_threads = n_threads;
}

/* The largest |rows rows' - 1|. */
static double skew(const double *a, size_t m, size_t n)
{
	double most = 0, t;
	size_t i, x;

	for (i = 0; i < m; i++)
		for (x = 0; x < m; x++) {
			t = vs_dot_f64(a + i * n, a + x * n, n) - (i == x);
			most = fabs(t) > most ? fabs(t) : most;
		}
	return most;
}

static void test_products(void **state)
{
	size_t m = 7, k = 37, n = 35, i, x, y;
	double *a = make(m * k), *b = make(k * n), *t = make(n * k);
	double *c = make(m * n), *d = make(m * n), sum;
	struct vs_product p = { m, k, n, a, b, c };
	struct vs_ctx ctx;

	(void)state;
	start(&ctx, 2);
	fill(a, m * k, 1);
	fill(b, k * n, 2);
	for (i = 0; i < k; i++)
		for (x = 0; x < n; x++)
			t[x * k + i] = b[i * n + x];
	assert_int_equal(vs_matmul(&ctx, &p, NULL), 0);
	p.b = t;
	p.c = d;
	assert_int_equal(vs_matmul_nt(&ctx, &p, NULL), 0);
	for (i = 0; i < m; i++)
		for (x = 0; x < n; x++) {
			for (sum = 0, y = 0; y < k; y++)
				sum += a[i * k + y] * b[y * n + x];
			/* The order that the header says. */
			assert_true(c[i * n + x] == sum);
			assert_true(fabs(d[i * n + x] - sum) < 1e-14);
		}
	assert_int_equal(ctx.mem_now, 0);
	free(a);
	free(b);
	free(c);
	free(d);
	free(t);
}

/* a = v' w v, v orthonormal, w falling. */
static void check_eigen(const double *a, const double *v, const double *w,
			size_t n)
{
	double scale = fabs(w[0]), r;
	size_t i, x, y, at;

	scale = fabs(w[n - 1]) > scale ? fabs(w[n - 1]) : scale;
	assert_true(skew(v, n, n) < 1e-12);
	for (i = 0; i < n; i++) {
		for (x = 0; x < n; x++) {
			r = -w[i] * v[i * n + x];
			for (y = 0; y < n; y++)
				r += a[x * n + y] * v[i * n + y];
			assert_true(fabs(r) <= 1e-13 * scale);
		}
		assert_true(i == 0 || w[i] <= w[i - 1]);
		for (at = 0, x = 1; x < n; x++)
			if (fabs(v[i * n + x]) > fabs(v[i * n + at]))
				at = x;
		assert_true(v[i * n + at] > 0);
	}
}

/* Kinds of symmetric matrices. */
enum kind { RANDOM, ZERO, ONE, RANK_ONE, GRADED, HUGE_ONE, TINY, KINDS };

static void fill_symmetric(double *a, size_t n, enum kind kind)
{
	double *g = make(n * n), t;
	size_t i, x;

	fill(g, n * n, n);
	for (i = 0; i < n; i++)
		for (x = 0; x < n; x++) {
			t = g[i * n + x] + g[x * n + i];
			if (kind == HUGE_ONE)
				t *= 1e150;
			if (kind == TINY)
				t *= 1e-150;
			if (kind == GRADED)
				t *= ldexp(1, -(int)(i + x) % 40);
			if (kind == RANK_ONE)
				t = g[i] * g[x];
			if (kind == ZERO || kind == ONE)
				t = kind == ONE && i == x;
			a[i * n + x] = t;
		}
	free(g);
}

static void test_eigenvectors(void **state)
{
	double *a = make(MOST * MOST), *v = make(MOST * MOST), *w = make(MOST);
	struct vs_ctx ctx;
	enum kind kind;
	size_t s, n;

	(void)state;
	start(&ctx, 2);
	for (s = 0; s < N_SIZES; s++)
		for (kind = 0; kind < KINDS; kind++) {
			n = sizes[s];
			fill_symmetric(a, n, kind);
			memcpy(v, a, n * n * sizeof(*a));
			assert_int_equal(vs_eigen(&ctx, n, v, w, NULL), 0);
			check_eigen(a, v, w, n);
			assert_true(ctx.mem_peak <= vs_eigen_bytes(n));
			ctx.mem_peak = 0;
		}
	assert_int_equal(ctx.mem_now, 0);
	free(a);
	free(v);
	free(w);
}

/* Products with themselves of n rows of rank r: most eigenvalues are zero, of
 * which only roundings are left.  Columns from r on are zero, or all are
 * combinations of r. */
static void fill_low_rank(double *a, size_t n, size_t r, bool mixed)
{
	double *g = make(n * n), *b = make(n * r);
	struct vs_product p = { n, n, n, g, g, a };
	struct vs_ctx ctx;
	size_t i, x;

	start(&ctx, 2);
	fill(b, n * r, r);
	fill(g, n * n, n);
	if (mixed) {
		p.k = r;
		p.a = b;
		p.b = b;
	}
	for (i = 0; i < n; i++)
		for (x = r; x < n; x++)
			g[i * n + x] = 0;
	assert_int_equal(vs_matmul_nt(&ctx, &p, NULL), 0);
	free(b);
	free(g);
}

static void test_low_ranks(void **state)
{
	static const size_t ranks[] = { 1, 2, 20, 128, 200, 255 };
	size_t n = 256, s;
	double *a = make(n * n), *v = make(n * n), *w = make(n);
	struct vs_err err = { 0 };
	struct vs_ctx ctx;

	(void)state;
	start(&ctx, 2);
	for (s = 0; s < 2 * sizeof(ranks) / sizeof(ranks[0]); s++) {
		fill_low_rank(a, n, ranks[s / 2], s % 2 == 0);
		memcpy(v, a, n * n * sizeof(*a));
		assert_int_equal(vs_eigen(&ctx, n, v, w, &err), 0);
		check_eigen(a, v, w, n);
	}
	free(a);
	free(v);
	free(w);
}

static void test_known_eigenvalues(void **state)
{
	double *a, w[MOST], most = 0, pi = 3.14159265358979323846, want;
	struct vs_ctx ctx;
	size_t n = MOST, i;

	(void)state;
	start(&ctx, 1);
	a = make(n * n);
	/* The second difference: 2 - 2 cos(i pi / (n + 1)). */
	for (i = 0; i < n; i++) {
		a[i * n + i] = 2;
		if (i > 0)
			a[i * n + i - 1] = a[(i - 1) * n + i] = -1;
	}
	assert_int_equal(vs_eigen(&ctx, n, a, w, NULL), 0);
	for (i = 0; i < n; i++) {
		want = 2 - 2 * cos((double)(n - i) * pi / (double)(n + 1));
		most = fabs(w[i] - want) > most ? fabs(w[i] - want) : most;
	}
	assert_true(most < 1e-13);
	free(a);
}

static void test_orthonormal_rows(void **state)
{
	double *a = make(MOST * MOST), *b = make(MOST * MOST);
	struct vs_ctx ctx;
	size_t n = MOST, m, i;

	(void)state;
	start(&ctx, 2);
	for (m = 1; m <= n; m += 7) {
		fill(a, m * n, m);
		if (m > 9) {
			memset(a + 3 * n, 0, n * sizeof(*a));
			memcpy(a + 5 * n, a + 4 * n, n * sizeof(*a));
			for (i = 0; i < n; i++) /* nearly in the span */
				a[7 * n + i] = a[i] + 1e-7 * a[7 * n + i];
		}
		memcpy(b, a, n * sizeof(*a));
		assert_int_equal(vs_orthonormalise(&ctx, m, n, a, NULL), 0);
		assert_true(skew(a, m, n) < 1e-14);
		/* The first keeps its direction. */
		assert_true(fabs(vs_dot_f64(a, b, n) -
				 sqrt(vs_dot_f64(b, b, n))) < 1e-13);
	}
	free(a);
	free(b);
}

/* Rows that the ones before them span must not cost more than others by far:
 * where dimensions are constant there are many. */
static void test_spanned_rows_are_cheap(void **state)
{
	size_t n = 320, i;
	double *a = make(n * n), start_at, others, spanned;
	struct vs_ctx ctx;

	(void)state;
	start(&ctx, 1);
	fill(a, n * n, 1);
	start_at = vs_host_secs();
	for (i = 0; i < 3; i++)
		assert_int_equal(vs_orthonormalise(&ctx, n, n, a, NULL), 0);
	others = vs_host_secs() - start_at;
	memset(a, 0, n * n * sizeof(*a));
	start_at = vs_host_secs();
	assert_int_equal(vs_orthonormalise(&ctx, n, n, a, NULL), 0);
	spanned = vs_host_secs() - start_at;
	assert_true(skew(a, n, n) < 1e-14);
	assert_true(spanned < 4 * others);
	free(a);
}

/* a q' must be symmetric and have no negative eigenvalue. */
static void check_polar(struct vs_ctx *ctx, const double *a, const double *q,
			size_t m, size_t n)
{
	double *h = make(m * m), *w = make(m), most = 0;
	const struct vs_product p = { m, n, m, a, q, h };
	size_t i, x;

	assert_true(skew(q, m, n) < 1e-12);
	assert_int_equal(vs_matmul_nt(ctx, &p, NULL), 0);
	for (i = 0; i < m; i++)
		most = h[i * m + i] > most ? h[i * m + i] : most;
	for (i = 0; i < m; i++)
		for (x = 0; x < i; x++)
			assert_true(fabs(h[i * m + x] - h[x * m + i]) <=
				    1e-7 * most);
	assert_int_equal(vs_eigen(ctx, m, h, w, NULL), 0);
	assert_true(w[m - 1] >= -1e-7 * most);
	free(h);
	free(w);
}

static void test_polar_factor(void **state)
{
	double *a = make(MOST * MOST), *q = make(MOST * MOST);
	struct vs_ctx ctx;
	size_t s, n, m, i;
	int kind;

	(void)state;
	start(&ctx, 2);
	for (s = 0; s < N_SIZES; s++)
		for (kind = 0; kind < 3; kind++) {
			n = sizes[s];
			m = kind == 1 ? (n + 1) / 2 : n;
			fill(a, m * n, s);
			/* Of lower rank, and with values far apart. */
			for (i = 0; kind == 2 && i < n; i++) {
				a[(n - 1) * n + i] = a[i];
				a[n / 2 * n + i] *= 1e-6;
			}
			ctx.mem_peak = 0;
			assert_int_equal(vs_polar(&ctx, m, n, a, q, NULL), 0);
			assert_true(ctx.mem_peak <= vs_polar_bytes(m, n));
			check_polar(&ctx, a, q, m, n);
		}
	assert_int_equal(ctx.mem_now, 0);
	free(a);
	free(q);
}

static void test_same_bits(void **state)
{
	static const unsigned threads[] = { 1, 2, 3, 7 };
	size_t n = MOST, bytes = n * n * sizeof(double), t;
	double *a = make(n * n), *b = make(n * n), *q = make(n * n);
	double *first = make(n * n), *first_q = make(n * n), w[MOST];
	struct vs_ctx ctx;

	(void)state;
	for (t = 0; t < 4; t++) {
		start(&ctx, threads[t]);
		fill_symmetric(a, n, RANDOM);
		assert_int_equal(vs_eigen(&ctx, n, a, w, NULL), 0);
		fill(b, n * n, 4);
		assert_int_equal(vs_polar(&ctx, n, n, b, q, NULL), 0);
		if (t == 0) {
			memcpy(first, a, bytes);
			memcpy(first_q, q, bytes);
		}
		assert_memory_equal(first, a, bytes);
		assert_memory_equal(first_q, q, bytes);
	}
	free(a);
	free(b);
	free(q);
	free(first);
	free(first_q);
}

static void test_stop(void **state)
{
	double *a = make(40 * 40), *q = make(40 * 40), w[40];
	atomic_int stop = 1;
	struct vs_ctx ctx;

	(void)state;
	start(&ctx, 2);
	ctx.stop = &stop;
	fill_symmetric(a, 40, RANDOM);
	assert_int_equal(vs_polar(&ctx, 40, 40, a, q, NULL), VS_EAGAIN);
	assert_int_equal(vs_eigen(&ctx, 40, a, w, NULL), VS_EAGAIN);
	assert_int_equal(vs_orthonormalise(&ctx, 40, 40, a, NULL),
			 VS_EAGAIN);
	assert_int_equal(ctx.mem_now, 0);
	free(a);
	free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_products),
		cmocka_unit_test(test_eigenvectors),
		cmocka_unit_test(test_low_ranks),
		cmocka_unit_test(test_known_eigenvalues),
		cmocka_unit_test(test_orthonormal_rows),
		cmocka_unit_test(test_spanned_rows_are_cheap),
		cmocka_unit_test(test_polar_factor),
		cmocka_unit_test(test_same_bits),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
