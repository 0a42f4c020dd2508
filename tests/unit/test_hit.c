/* test_hit.c - the order of keys, their exact way back, and the k best. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vs/hit.h"
#include "vs/rng.h"

/* Ascending by bits within each sign: all exponents, edges of mantissas. */
static size_t make_floats(float *out)
{
	static const uint32_t mantissas[] = {
		0, 1, 2, 0x3fffff, 0x400000, 0x7ffffe, 0x7fffff};
	size_t n = 0;
	uint32_t e, m;

	for (e = 0; e < 255; e++)
		for (m = 0; m < 7; m++)
			out[n++] = vs_bits_f32(e << 23 | mantissas[m]);
	out[n++] = INFINITY;
	return n;
}

#define N_FLOATS (255 * 7 + 1)

static void test_f32_round_trip(void **state)
{
	float v[N_FLOATS];
	size_t i, n = make_floats(v);
	int sign, similarity;

	(void)state;
	assert_int_equal(n, N_FLOATS);
	for (i = 0; i < n; i++) {
		for (sign = 0; sign < 2; sign++) {
			for (similarity = 0; similarity < 2; similarity++) {
				float x = sign ? -v[i] : v[i];
				int64_t key = vs_key_of_f32(x, similarity);
				float y = vs_f32_of_key(key, similarity);

				/* The two zeros are one value. */
				if (v[i] == 0)
					x = 0.0f;
				assert_int_equal(vs_f32_bits(x),
						 vs_f32_bits(y));
			}
		}
	}
}

static void test_f32_order(void **state)
{
	float v[N_FLOATS];
	size_t i, n = make_floats(v);

	(void)state;
	for (i = 1; i < n; i++) {
		assert_true(v[i - 1] < v[i]);
		/* Smaller distances first, larger similarities first. */
		assert_true(vs_key_of_f32(v[i - 1], false) <
			    vs_key_of_f32(v[i], false));
		assert_true(vs_key_of_f32(-v[i], false) <
			    vs_key_of_f32(-v[i - 1], false));
		assert_true(vs_key_of_f32(v[i], true) <
			    vs_key_of_f32(v[i - 1], true));
		assert_true(vs_key_of_f32(-v[i - 1], true) <
			    vs_key_of_f32(-v[i], true));
	}
	assert_true(vs_key_of_f32(-1.0f, false) < vs_key_of_f32(0.0f, false));
	assert_int_equal(vs_key_of_f32(-0.0f, false),
			 vs_key_of_f32(0.0f, false));
}

static void test_nan_is_worst(void **state)
{
	(void)state;
	assert_true(vs_key_of_f32(NAN, false) > vs_key_of_f32(INFINITY, false));
	assert_true(vs_key_of_f32(-NAN, true) > vs_key_of_f32(-INFINITY, true));
	assert_true(vs_key_of_f32(NAN, true) < VS_KEY_WORST);
	assert_true(isnan(vs_f32_of_key(vs_key_of_f32(NAN, false), false)));
	assert_true(isnan(vs_f32_of_key(vs_key_of_f32(NAN, true), true)));
}

static void test_values(void **state)
{
	(void)state;
	assert_true(vs_key_value(VS_L2, VS_U8, 8323200) == 8323200.0);
	assert_true(vs_key_value(VS_L1, VS_I8, 7) == 7.0);
	assert_true(vs_key_value(VS_IP, VS_U8, -300) == 300.0);
	assert_true(vs_key_value(VS_IP, VS_I8, 300) == -300.0);
	assert_false(signbit(vs_key_value(VS_IP, VS_U8, 0)));
	assert_true(vs_key_value(VS_L2, VS_F32, vs_key_of_f32(0.5f, false)) ==
		    0.5);
	assert_true(vs_key_value(VS_IP, VS_F32, vs_key_of_f32(-0.5f, true)) ==
		    -0.5);
	/* A cosine is a float whatever the rows are. */
	assert_true(vs_key_value(VS_COSINE, VS_U8,
				 vs_key_of_f32(0.25f, true)) == 0.25);
}

static int compare_hits(const void *a, const void *b)
{
	const struct vs_hit *x = a, *y = b;

	return vs_hit_less(x, y) ? -1 : vs_hit_less(y, x);
}

/* Keys from a small range, so that many are equal. */
static void check_topk(struct vs_rng *r, uint32_t n, uint32_t k, uint64_t range)
{
	struct vs_hit all[300], slots[2 * 329];
	struct vs_topk t = {.slots = slots, .k = k, .limit = VS_KEY_WORST};
	uint32_t i;

	for (i = 0; i < n; i++) {
		all[i].key = (int64_t)vs_rng_below(r, range);
		all[i].id = vs_rng_below(r, 1000) * 1000 + i;
	}
	for (i = 0; i < n; i++) {
		int64_t before = t.limit;
		bool changed = vs_topk_push(&t, all[i].key, all[i].id, 0);

		/* The limit falls, never below the k-th, and is told. */
		assert_true(t.limit <= before);
		assert_true(changed || t.limit == before);
		assert_true(t.n < k || k > VS_TOPK_HEAP_MAX ||
			    t.limit == slots[0].key);
		assert_true(i + 1 >= k || t.limit == VS_KEY_WORST);
		assert_true(t.n <= vs_topk_slots(k));
	}
	vs_topk_finish(&t);
	qsort(all, n, sizeof(all[0]), compare_hits);
	assert_int_equal(t.n, n < k ? n : k);
	for (i = 0; i < k; i++) {
		if (i < n) {
			assert_true(slots[i].id == all[i].id);
			assert_true(slots[i].key == all[i].key);
		} else {
			assert_true(slots[i].id == VS_ID_NONE);
			assert_true(slots[i].key == VS_KEY_WORST);
		}
	}
}

static int compare_ids(const void *a, const void *b)
{
	const struct vs_hit *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

/* Few ids, so that most come again, with the same key or another one. */
static void check_unique(struct vs_rng *r, uint32_t n, uint32_t k,
			 uint64_t range, uint64_t ids)
{
	struct vs_hit all[300], slots[2 * 329];
	uint64_t where[2 * 329];
	struct vs_topk t = { .slots = slots, .where = where, .k = k,
			     .limit = VS_KEY_WORST, .unique = true };
	uint32_t i, kept = 0;

	for (i = 0; i < n; i++) {
		all[i].key = (int64_t)vs_rng_below(r, range);
		all[i].id = vs_rng_below(r, ids);
		vs_topk_push(&t, all[i].key, all[i].id,
			     all[i].id * 1000 + (uint64_t)all[i].key);
		assert_true(t.n <= vs_topk_slots(k));
	}
	vs_topk_finish(&t);
	qsort(all, n, sizeof(all[0]), compare_ids);
	for (i = 0; i < n; i++)
		if (i == 0 || all[i].id != all[kept - 1].id)
			all[kept++] = all[i];
	qsort(all, kept, sizeof(all[0]), compare_hits);
	for (i = 0; i < k; i++) {
		if (i >= kept) {
			assert_true(slots[i].id == VS_ID_NONE);
			continue;
		}
		assert_true(slots[i].id == all[i].id);
		assert_true(slots[i].key == all[i].key);
		assert_true(where[i] ==
			    all[i].id * 1000 + (uint64_t)all[i].key);
	}
}

static void test_topk_of_unique_ids(void **state)
{
	static const uint64_t ranges[] = {1, 7, 100, 900};
	struct vs_rng r;
	unsigned round, i;

	(void)state;
	vs_rng_init(&r, 2, VS_STREAM_TEST);
	for (round = 0; round < 2000; round++)
		for (i = 0; i < 4; i++)
			check_unique(&r, (uint32_t)vs_rng_below(&r, 300),
				     1 + (uint32_t)vs_rng_below(&r, 40),
				     ranges[i], 1 + vs_rng_below(&r, 200));
	check_unique(&r, 300, 329, 5, 200);
}

static void test_topk_against_sort(void **state)
{
	static const uint64_t ranges[] = {1, 2, 7, 100, 1u << 30};
	struct vs_rng r;
	unsigned round, i;

	(void)state;
	vs_rng_init(&r, 1, VS_STREAM_TEST);
	for (round = 0; round < 2000; round++)
		for (i = 0; i < 5; i++)
			check_topk(&r, (uint32_t)vs_rng_below(&r, 300),
				   1 + (uint32_t)vs_rng_below(&r, 40),
				   ranges[i]);
	check_topk(&r, 0, 10, 1);
	check_topk(&r, 300, 300, 5);
	check_topk(&r, 300, 329, 5);
}

/* The best k do not depend on the order in which rows come. */
static void test_topk_order_free(void **state)
{
	struct vs_hit a[10], b[10];
	struct vs_topk ta = {.slots = a, .k = 10, .limit = VS_KEY_WORST};
	struct vs_topk tb = {.slots = b, .k = 10, .limit = VS_KEY_WORST};
	uint64_t i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		vs_topk_push(&ta, (int64_t)(i % 3), i, 0);
		vs_topk_push(&tb, (int64_t)((999 - i) % 3), 999 - i, 0);
	}
	vs_topk_finish(&ta);
	vs_topk_finish(&tb);
	assert_memory_equal(a, b, sizeof(a));
	assert_true(a[9].key == 0 && a[9].id == 27);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f32_round_trip),
		cmocka_unit_test(test_f32_order),
		cmocka_unit_test(test_nan_is_worst),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_topk_against_sort),
		cmocka_unit_test(test_topk_of_unique_ids),
		cmocka_unit_test(test_topk_order_free),
	};

	return cmocka_run_group_tests_name("hit", tests, NULL, NULL);
}
