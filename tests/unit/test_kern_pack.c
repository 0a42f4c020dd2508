/* test_kern_pack.c - packing, terms and limits of kern.h, the choice of a
 * table, and the scans over floats. */
#include "kern_test.h"

#include <float.h>
#include <math.h>

static void select_level(void **state)
{
	unsigned level, best = VS_CPU_GENERIC;
	enum vs_cpu parsed;

	(void)state;
	for (level = VS_CPU_GENERIC; level < VS_CPU_BEST; level++) {
		const struct vs_kern *k = vs_kern_exact(level);

		assert_true(vs_cpu_parse(tables[level].name, &parsed));
		assert_int_equal(parsed, level);
		if (k != NULL) {
			assert_string_equal(k->name, tables[level].name);
			best = level;
		}
		/* A cap never gives more than was asked for, nor another kind
		 * of processor's. */
		if (level == VS_CPU_NEON && k == NULL)
			k = vs_kern_exact(VS_CPU_GENERIC);
		else
			k = vs_kern_exact(best);
		assert_ptr_equal(vs_kern_select(level), k);
	}
	assert_ptr_equal(vs_kern_select(VS_CPU_BEST), vs_kern_exact(best));
	assert_null(vs_kern_exact(VS_CPU_BEST));
	assert_non_null(vs_kern_exact(VS_CPU_GENERIC));
	assert_false(vs_cpu_parse("best", &parsed));
	assert_false(vs_cpu_parse("avx", &parsed));
	assert_false(vs_cpu_parse("", &parsed));
}

static void pack_u8(void **state)
{
	struct arena rows = arena_new(16 * 200), to = arena_new(64 * 64);
	const uint8_t *row[16];
	uint8_t *panel, *back, x[16][200];
	struct vs_rng r;
	size_t d, i, lane;

	(void)state;
	vs_rng_init(&r, 2, VS_STREAM_TEST);
	for (d = 1; d <= 200; d++) {
		size_t bytes = vs_panel_bytes(VS_U8, d);
		uint8_t *from = arena_put(&rows, 16 * d, 1, d & 1);

		panel = arena_put(&to, bytes, 64, d & 1);
		for (lane = 0; lane < 16; lane++) {
			row[lane] = rnd(&r) % 5 == 0 ? NULL : from + lane * d;
			for (i = 0; i < d; i++) {
				from[lane * d + i] = (uint8_t)rnd(&r);
				x[lane][i] = row[lane] == NULL
						     ? 0
						     : from[lane * d + i];
			}
		}
		memset(panel, 1, bytes);
		vs_pack_panel_u8(row, d, panel);
		arena_check(&to, panel, bytes);
		for (i = 0; i < bytes; i++) {
			size_t dim = i / 64 * 4 + i % 4;

			assert_int_equal(panel[i],
					 dim < d ? x[i % 64 / 4][dim] : 0);
		}
		back = arena_put(&rows, d, 1, true);
		for (lane = 0; lane < 16; lane++) {
			vs_unpack_row_u8(panel, (unsigned)lane, d, back);
			assert_memory_equal(back, x[lane], d);
		}
		arena_check(&rows, back, d);
	}
	arena_free(&rows);
	arena_free(&to);
}

static void pack_f32(void **state)
{
	struct arena rows = arena_new(16 * 800), to = arena_new(64 * 200);
	const float *row[16];
	float *panel, *back;
	struct vs_rng r;
	size_t d, i, lane;

	(void)state;
	vs_rng_init(&r, 3, VS_STREAM_TEST);
	for (d = 1; d <= 200; d++) {
		float *from = arena_put(&rows, 16 * d * 4, 4, d & 1);

		panel = arena_put(&to, d * 64, 64, d & 1);
		for (lane = 0; lane < 16; lane++)
			row[lane] = rnd(&r) % 5 == 0 ? NULL : from + lane * d;
		for (i = 0; i < 16 * d; i++)
			from[i] = rnd_float(&r, KIND_WIDE);
		vs_pack_panel_f32(row, d, panel);
		arena_check(&to, panel, d * 64);
		for (i = 0; i < d * 16; i++) {
			const float *p = row[i % 16];

			assert_true(panel[i] == (p == NULL ? 0 : p[i / 16]));
		}
		for (lane = 0; lane < 16; lane++) {
			float copy[200];

			if (row[lane] == NULL)
				continue;
			vs_unpack_row_f32(panel, (unsigned)lane, d, copy);
			assert_memory_equal(copy, row[lane], d * 4);
		}
		back = arena_put(&rows, d * 4, 4, true);
		vs_unpack_row_f32(panel, 15, d, back);
		arena_check(&rows, back, d * 4);
	}
	arena_free(&rows);
	arena_free(&to);
}

static const unsigned widths[] = { 1, 4, 8, 12 };

/* One tile of queries, packed four ways and read back by the layout of
 * kern.h. */
static void pack_tile(struct arena *in, struct arena *to, size_t d, unsigned w,
		      unsigned n_q)
{
	const float *qf[12];
	const uint8_t *qb[12];
	float *f = arena_put(in, n_q * d * 4, 4, d & 1), *pf;
	uint8_t *b = (uint8_t *)f;
	size_t i, bytes = (d + 3) / 4 * 4 * w;
	int8_t *pb;
	unsigned k;

	for (k = 0; k < n_q; k++) {
		qf[k] = f + k * d;
		qb[k] = b + k * d;
	}
	for (i = 0; i < n_q * d; i++)
		b[i] = (uint8_t)(i * 37 + d);
	pb = arena_put(to, bytes, 1, true);
	vs_pack_queries_u8(qb, n_q, w, d, pb);
	arena_check(to, pb, bytes);
	for (i = 0; i < bytes; i++) {
		size_t dim = i / (4 * w) * 4 + i % 4;

		k = (unsigned)(i / 4 % w);
		assert_int_equal(pb[i],
				 k < n_q && dim < d ? qb[k][dim] - 128 : 0);
	}
	memset(pb, 1, bytes);
	vs_pack_queries_l1_u8(qb, n_q, w, d, pb);
	arena_check(to, pb, bytes);
	for (i = 0; i < bytes; i++) {
		size_t dim = i / (4 * w) * 4 + i % 4;

		k = (unsigned)(i / 4 % w);
		assert_int_equal((uint8_t)pb[i],
				 k < n_q && dim < d ? qb[k][dim] : 0);
	}
	pf = arena_put(to, d * w * 4, 4, true);
	vs_pack_queries_u8_f32(qb, n_q, w, d, pf);
	for (i = 0; i < d * w; i++)
		assert_true(pf[i] == (i % w < n_q ? qb[i % w][i / w] : 0));
	for (i = 0; i < n_q * d; i++)
		f[i] = (float)i - 3.5f;
	vs_pack_queries_f32(qf, n_q, w, d, pf);
	arena_check(to, pf, d * w * 4);
	for (i = 0; i < d * w; i++)
		assert_true(pf[i] == (i % w < n_q ? qf[i % w][i / w] : 0));
}

static void pack_queries(void **state)
{
	struct arena in = arena_new(12 * 800), to = arena_new(12 * 800);
	unsigned w, n_q;
	size_t d;

	(void)state;
	for (d = 1; d <= 130; d++) {
		for (w = 0; w < 4; w++) {
			for (n_q = 1; n_q <= widths[w]; n_q++)
				pack_tile(&in, &to, d, widths[w], n_q);
		}
	}
	arena_free(&in);
	arena_free(&to);
}

static void terms_u8(void **state)
{
	static uint8_t row[VS_DIM_MAX];
	size_t d, i;
	unsigned fill;

	(void)state;
	for (d = 1; d <= 300; d++) {
		int64_t sum = 0, sum2 = 0;

		for (i = 0; i < d; i++) {
			row[i] = (uint8_t)(i * i * 7 + d);
			sum += row[i];
			sum2 += row[i] * row[i];
		}
		assert_int_equal(vs_term_l2_u8(row, d), sum2 - 256 * sum);
		assert_int_equal(vs_term_ip_u8(row, d), -256 * sum);
	}
	for (fill = 0; fill < 256; fill++) {
		memset(row, (int)fill, sizeof(row));
		d = VS_TILE_U8_DIM_MAX;
		assert_int_equal(vs_term_l2_u8(row, d),
				 (int64_t)d * fill * fill -
					 256 * (int64_t)d * fill);
		d = VS_TILE_U8_IP_DIM_MAX;
		assert_int_equal(vs_term_ip_u8(row, d),
				 -256 * (int64_t)d * fill);
	}
	/* Past that a term means nothing, but asking for it is harmless. */
	assert_int_equal(vs_term_ip_u8(row, VS_DIM_MAX), 1 << 24);
	assert_int_equal(vs_term_l2_u8(row, VS_DIM_MAX), -255 * 65536);
}

static void terms_f32(void **state)
{
	struct vs_rng r;
	float row[100];
	unsigned turn;
	size_t d, i;

	(void)state;
	vs_rng_init(&r, 4, VS_STREAM_TEST);
	for (turn = 0; turn < 6000; turn++) {
		double sum = 0, norm;

		d = 1 + rnd_below(&r, 100);
		for (i = 0; i < d; i++) {
			row[i] = rnd_float(&r, (enum kind)(turn % KIND_N));
			sum += (double)row[i] * (double)row[i];
		}
		norm = sqrt(sum);
		assert_true(vs_norm2_f32(row, d) == sum);
		if (sum > (double)FLT_MAX)
			assert_true(vs_term_l2_f32(row, d) == FLT_MAX);
		else
			assert_true(vs_term_l2_f32(row, d) == (float)sum);
		if (norm >= 0x1p63) {
			assert_true(vs_term_ip_f32(row, d) == INFINITY);
			continue;
		}
		/* Rounded up, by less than one unit in the last place. */
		assert_true((double)vs_term_ip_f32(row, d) >= norm);
		assert_true(norm == 0 ||
			    (double)nextafterf(vs_term_ip_f32(row, d), 0) <
				    norm);
	}
}

/* The rule of kern.h in long double: what limit and gain must not fall below,
 * but for the roundings in double, and by how much they may exceed it. */
static void limit_safe(float thr, double norm2, size_t d)
{
	long double g = vs_f32_gamma(d), t = thr;
	long double under = (long double)d * 0x1p-125L;
	long double room = (fabsl(t) + norm2) * 1e-15L;
	long double want = t * (1 + g) - (1 - g) * norm2;
	float limit, gain;

	vs_tile_limit_l2(thr, norm2, d, &limit, &gain);
	assert_true(limit >= want + under * 0.999L - room);
	if (want > -FLT_MAX && want < FLT_MAX)
		assert_true(limit - want <=
			    1e-6L * fabsl(want) + 2 * under + room);
	assert_true(gain >= g - 1 && gain < g - 0.999);

	vs_tile_limit_ip(thr, norm2, d, &limit, &gain);
	want = 4 * g * sqrtl(norm2);
	assert_true(limit >= -2 * t + under * 0.999L - fabsl(t) * 1e-15L);
	if (2 * fabsl(t) < FLT_MAX)
		assert_true(limit + 2 * t <= 1e-6L * fabsl(t) + 2 * under);
	assert_true(gain >= want * 0.9999999999L);
	assert_true(gain <= want * 1.000001L + 0x1p-149);

	vs_tile_limit_l1(thr, d, &limit, &gain);
	want = 2 * t * (1 + g);
	assert_true(gain == 0);
	assert_true(limit >= want - 1e-15L * fabsl(want));
	if (fabsl(want) < FLT_MAX)
		assert_true(limit <= want + 1e-6L * fabsl(want) + 0x1p-149);
}

static void limits_safe(void **state)
{
	static const double norms[] = { 0, 1e-44, 1e-30, 1, 3.7, 1e10, 1e30 };
	static const float thrs[] = { 0,     1e-44f, 1e-30f,  1,
				      2.5f,  1e10f,  1e30f,   FLT_MAX,
				      -1.5f, -1e30f, -FLT_MAX };
	static const size_t dims[] = { 1, 2, 16, 100, 960, VS_DIM_MAX };
	size_t a, b, c;

	(void)state;
	for (a = 0; a < sizeof(norms) / sizeof(norms[0]); a++) {
		for (b = 0; b < sizeof(thrs) / sizeof(thrs[0]); b++) {
			for (c = 0; c < sizeof(dims) / sizeof(dims[0]); c++)
				limit_safe(thrs[b], norms[a], dims[c]);
		}
	}
}

static void limits_monotone(void **state)
{
	float limit, gain, last_l2 = -INFINITY, last_ip = INFINITY;
	float last_l1 = -INFINITY;
	float thr;

	(void)state;
	for (thr = -1e30f; thr <= 1e30f; thr = nextafterf(thr, INFINITY)) {
		vs_tile_limit_l2(thr, 42, 128, &limit, &gain);
		assert_true(limit >= last_l2);
		last_l2 = limit;
		vs_tile_limit_ip(thr, 42, 128, &limit, &gain);
		assert_true(limit <= last_ip);
		last_ip = limit;
		vs_tile_limit_l1(thr, 128, &limit, &gain);
		assert_true(limit >= last_l1);
		last_l1 = limit;
		thr = fabsf(thr) < 1e-30f ? thr + 1e-30f
					  : thr + fabsf(thr) * 1e-3f;
	}
	/* Nothing may be rejected before there is a k-th. */
	vs_tile_limit_l2(INFINITY, 42, 128, &limit, &gain);
	assert_true(limit == INFINITY && gain < 0);
	vs_tile_limit_ip(-INFINITY, 42, 128, &limit, &gain);
	assert_true(limit == INFINITY);
	vs_tile_limit_l1(INFINITY, 128, &limit, &gain);
	assert_true(limit == INFINITY && gain == 0);
	/* Queries whose products may overflow reject nothing. */
	vs_tile_limit_ip(1, 0x1p126, 128, &limit, &gain);
	assert_true(limit == INFINITY);
	/* A distance below -FLT_MAX rounds up to it, not to -infinity. */
	vs_tile_limit_l2(1, 1e60, 128, &limit, &gain);
	assert_true(limit == -FLT_MAX);
}

/* The smallest, by definition. */
static float ref_min(const float *v, size_t n)
{
	float best = NAN;
	size_t i;

	for (i = 0; i < n; i++) {
		if (isnan(best) || v[i] < best)
			best = v[i];
	}
	return best;
}

static void scan_one(const struct vs_kern *k, float *v, size_t n, float limit,
		     struct arena *to)
{
	uint32_t *out = arena_put(to, n * 4, 4, n & 1);
	float want = ref_min(v, n), got = k->min_f32(v, n);
	size_t i, found = k->select_le_f32(v, n, limit, out), at = 0;

	assert_true(isnan(want) ? isnan(got) : got == want);
	assert_false(got == 0 && signbit(got));
	for (i = 0; i < n; i++) {
		if (v[i] <= limit)
			assert_int_equal(out[at++], i);
	}
	assert_int_equal(found, at);
	arena_check(to, out, n * 4);
}

static void scans(void **state)
{
	struct vs_kern k = table_get(state);
	struct arena in = arena_new(1200), to = arena_new(1200);
	struct vs_rng r;
	size_t n, i, turn;

	vs_rng_init(&r, 5, VS_STREAM_TEST);
	for (n = 1; n <= 300; n++) {
		for (turn = 0; turn < 12; turn++) {
			float *v = arena_put(&in, n * 4, 4, turn & 1);

			for (i = 0; i < n; i++) {
				v[i] = rnd_float(&r,
						 (enum kind)(turn % KIND_N));
				if (turn >= 4 && rnd(&r) % 3 == 0)
					v[i] = NAN;
				if (turn >= 8)
					v[i] = rnd(&r) & 1 ? NAN : INFINITY;
				if (turn == 7)
					v[i] = rnd(&r) & 1 ? 0.0f : -0.0f;
			}
			scan_one(&k, v, n, v[rnd_below(&r, n)], &to);
			scan_one(&k, v, n, INFINITY, &to);
			scan_one(&k, v, n, -INFINITY, &to);
			for (i = 0; i < n; i++)
				v[i] = NAN;
			scan_one(&k, v, n, 1, &to);
			v[rnd_below(&r, n)] = INFINITY;
			scan_one(&k, v, n, 1, &to);
			v[rnd_below(&r, n)] = -2;
			scan_one(&k, v, n, -2, &to);
		}
	}
	arena_free(&in);
	arena_free(&to);
}

static void panel_counts(void **state)
{
	(void)state;
	assert_int_equal(vs_panels_of(0), 0);
	assert_int_equal(vs_panels_of(1), 1);
	assert_int_equal(vs_panels_of(16), 1);
	assert_int_equal(vs_panels_of(17), 2);
	assert_true(vs_panels_of(UINT64_MAX) == (UINT64_C(1) << 60));
	assert_int_equal(vs_panel_bytes(VS_U8, 1), 64);
	assert_int_equal(vs_panel_bytes(VS_U8, 128), 2048);
	assert_int_equal(vs_panel_bytes(VS_F32, 3), 192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(select_level),
		cmocka_unit_test(panel_counts),
		cmocka_unit_test(pack_u8),
		cmocka_unit_test(pack_f32),
		cmocka_unit_test(pack_queries),
		cmocka_unit_test(terms_u8),
		cmocka_unit_test(terms_f32),
		cmocka_unit_test(limits_safe),
		cmocka_unit_test(limits_monotone),
		EACH_TABLE(scans),
	};

	tables_print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
