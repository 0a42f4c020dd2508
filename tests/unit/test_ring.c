/* test_ring.c - the ring: where ids belong, for ever, and what moves when
 * shards come and go.  Pinned values come from a model of the ring and of XXH64
 * in another language.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>

#include "faults.h"
#include "vs/hash.h"
#include "vs/num.h"
#include "vs/ring.h"
#include "vs/rng.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static struct vs_ring *make(struct vs_ctx *ctx, const uint32_t *weights,
			    uint32_t n_shards, uint32_t vnodes)
{
	struct vs_err err = { 0 };
	struct vs_ring *r;

	if (vs_ring_create(ctx, weights, n_shards, vnodes, &r, &err) != 0)
		fail_msg("%s", err.msg);
	return r;
}

static uint64_t point_position(uint64_t shard, uint64_t number)
{
	uint8_t b[16];

	vs_put_le64(b, shard);
	vs_put_le64(b + 8, number);
	return vs_hash_ring(b, sizeof(b));
}

/* All owners of a range in one number. */
static uint64_t chain(const struct vs_ring *r, uint64_t first, uint64_t n)
{
	uint64_t h = 0, i;

	for (i = first; i < first + n; i++)
		h = h * 1000003 + vs_ring_owner(r, i);
	return h;
}

/* A change of any of these numbers would move rows of existing collections. */
static void test_placement_is_pinned(void **state)
{
	static const uint32_t owners[32] = { 2, 0, 4, 4, 6, 5, 1, 5, 6, 2, 6,
					     7, 1, 5, 5, 5, 6, 3, 3, 5, 2, 7,
					     4, 0, 4, 1, 5, 4, 1, 1, 7, 6 };
	static const uint32_t weights[] = { 1, 3, 2 };
	struct vs_ctx ctx;
	struct vs_ring *r;
	uint64_t i;

	(void)state;
	vs_ctx_init(&ctx);
	assert_true(vs_ring_position(0) == 0x34c96acdcadb1bbbu);
	assert_true(vs_ring_position(1) == 0x9f29cb17a2a49995u);
	assert_true(vs_ring_position((uint64_t)1 << 40) == 0xa13ea4c7924fd453u);
	assert_true(vs_ring_position(UINT64_MAX) == 0x85d136adb773c6c9u);

	r = make(&ctx, NULL, 8, 128);
	for (i = 0; i < N_OF(owners); i++)
		assert_int_equal(vs_ring_owner(r, i), owners[i]);
	assert_true(chain(r, 0, 20000) == 0x3338b782a6cb6269u);
	vs_ring_destroy(&ctx, r);

	r = make(&ctx, weights, 3, 50);
	assert_true(chain(r, 0, 20000) == 0x4c5692732f02c477u);
	assert_true(chain(r, ((uint64_t)1 << 40) - 500, 1000) ==
		    0x3e3c6fc610f479cdu);
	vs_ring_destroy(&ctx, r);

	r = make(&ctx, NULL, 13, 1024);
	assert_true(chain(r, 0, 20000) == 0x0d10637d9db5283au);
	vs_ring_destroy(&ctx, r);
}

/* The definition, point by point. */
static uint32_t owner_by_hand(const uint32_t *weights, uint32_t n_shards,
			      uint32_t vnodes, uint64_t position)
{
	uint64_t best = UINT64_MAX, ahead;
	uint32_t s, v, owner = UINT32_MAX;

	for (s = 0; s < n_shards; s++) {
		uint32_t n = vnodes * (weights == NULL ? 1 : weights[s]);

		for (v = 0; v < n; v++) {
			/* Distance clockwise, over the end. */
			ahead = point_position(s, v) - position;
			if (owner == UINT32_MAX || ahead < best) {
				best = ahead;
				owner = s;
			}
		}
	}
	return owner;
}

static void test_owner_is_the_first_point_clockwise(void **state)
{
	static const uint32_t weights[] = { 1, 3, 2, 1, 7 };
	static const struct {
		const uint32_t *weights;
		uint32_t n_shards, vnodes;
	} rings[] = { { NULL, 1, 1 },  { NULL, 2, 1 },	  { NULL, 3, 7 },
		      { NULL, 64, 3 }, { weights, 5, 4 }, { NULL, 4, 100 } };
	struct vs_ctx ctx;
	struct vs_ring *r;
	uint64_t i, p;
	size_t t;

	(void)state;
	vs_ctx_init(&ctx);
	for (t = 0; t < N_OF(rings); t++) {
		r = make(&ctx, rings[t].weights, rings[t].n_shards,
			 rings[t].vnodes);
		assert_int_equal(vs_ring_shards(r), rings[t].n_shards);
		for (i = 0; i < 3000; i++) {
			p = vs_ring_position(i);
			assert_int_equal(vs_ring_owner(r, i),
					 owner_by_hand(rings[t].weights,
						       rings[t].n_shards,
						       rings[t].vnodes, p));
		}
		p = vs_rng_at(5, VS_STREAM_TEST, t);
		assert_int_equal(vs_ring_owner_at(r, p),
				 owner_by_hand(rings[t].weights,
					       rings[t].n_shards,
					       rings[t].vnodes, p));
		vs_ring_destroy(&ctx, r);
	}
}

static void test_edges_of_the_ring(void **state)
{
	static const struct vs_ring_point points[] = {
		{ 500, 2 }, { 100, 1 }, { UINT64_MAX - 10, 3 },
		{ 500, 0 }, /* equal position: the lower shard owns it */
		{ 500, 4 },
	};
	static const struct {
		uint64_t position;
		uint32_t owner;
	} cases[] = {
		{ 0, 1 }, /* before the first point */
		{ 99, 1 },
		{ 100, 1 }, /* on a point: its own */
		{ 101, 0 },
		{ 500, 0 },
		{ 501, 3 },
		{ UINT64_MAX / 2, 3 },
		{ UINT64_MAX - 10, 3 },
		{ UINT64_MAX - 9, 1 }, /* past the last: the first */
		{ UINT64_MAX, 1 },
	};
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct vs_ring *r;
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	assert_int_equal(
		vs_ring_create_points(&ctx, points, N_OF(points), 5, &r, &err),
		0);
	for (i = 0; i < N_OF(cases); i++)
		assert_int_equal(vs_ring_owner_at(r, cases[i].position),
				 cases[i].owner);
	vs_ring_destroy(&ctx, r);
	assert_int_equal(
		vs_ring_create_points(&ctx, points, N_OF(points), 4, &r, &err),
		VS_EUSAGE);
	assert_int_equal(vs_ring_create_points(&ctx, points, 0, 4, &r, &err),
			 VS_EUSAGE);
}

/* The classic fault takes a ring position modulo the number of nodes: then
 * virtual nodes are there but own nothing. */
static void test_every_virtual_node_is_used(void **state)
{
	const uint32_t n = 7, vnodes = 200;
	struct vs_ctx ctx;
	struct vs_ring *r;
	uint32_t s, v;

	(void)state;
	vs_ctx_init(&ctx);
	r = make(&ctx, NULL, n, vnodes);
	for (s = 0; s < n; s++)
		for (v = 0; v < vnodes; v++)
			assert_int_equal(
				vs_ring_owner_at(r, point_position(s, v)), s);
	vs_ring_destroy(&ctx, r);
}

/* Root mean square of the shards' deviation from what their weight asks. */
static double spread(struct vs_ctx *ctx, const uint32_t *weights, uint32_t n,
		     uint32_t vnodes)
{
	const uint64_t ids = 400000;
	struct vs_ring *r = make(ctx, weights, n, vnodes);
	uint64_t *counts = calloc(n, sizeof(*counts)), sum = 0, total = 0;
	struct vs_err err = { 0 };
	double squares = 0, even;
	uint32_t s;

	assert_non_null(counts);
	assert_int_equal(vs_ring_count(ctx, r, 0, ids, counts, &err), 0);
	for (s = 0; s < n; s++)
		total += weights == NULL ? 1 : weights[s];
	for (s = 0; s < n; s++) {
		even = (double)ids * (weights == NULL ? 1 : weights[s]) /
		       (double)total;
		squares += ((double)counts[s] / even - 1) *
			   ((double)counts[s] / even - 1);
		sum += counts[s];
	}
	assert_true(sum == ids);
	free(counts);
	vs_ring_destroy(ctx, r);
	return sqrt(squares / n);
}

static void test_balance(void **state)
{
	static const uint32_t weights[] = { 1, 2, 3, 4, 1, 1, 2, 2,
					    1, 2, 3, 4, 1, 1, 2, 2 };
	struct vs_ctx ctx;
	double one, many;

	(void)state;
	vs_ctx_init(&ctx);
	one = spread(&ctx, NULL, 16, 1);
	many = spread(&ctx, NULL, 16, VS_RING_VNODES);
	/* 1/sqrt(vnodes) is 3 %; one point a shard is as bad as its mean. */
	assert_true(many < 0.06);
	assert_true(one > 0.5);
	assert_true(spread(&ctx, NULL, 64, VS_RING_VNODES) < 0.06);
	assert_true(spread(&ctx, weights, 16, VS_RING_VNODES) < 0.06);
}

/* Which share of ids moves between two rings; all that moves must go to shard
 * `to`. */
static double moved(const struct vs_ring *from, const struct vs_ring *into,
		    uint32_t to)
{
	const uint64_t ids = 200000;
	uint64_t i, n = 0;
	uint32_t a, b;

	for (i = 0; i < ids; i++) {
		a = vs_ring_owner(from, i);
		b = vs_ring_owner(into, i);
		if (a == b)
			continue;
		assert_int_equal(b, to);
		n++;
	}
	return (double)n / (double)ids;
}

static void test_a_new_shard_takes_its_share_only(void **st)
{
	struct vs_ctx ctx;
	struct vs_ring *a, *b;
	uint32_t n;
	double share;

	(void)st;
	vs_ctx_init(&ctx);
	for (n = 1; n <= 20; n++) {
		a = make(&ctx, NULL, n, VS_RING_VNODES);
		b = make(&ctx, NULL, n + 1, VS_RING_VNODES);
		share = moved(a, b, n) * (n + 1);
		assert_true(share > 0.85 && share < 1.15);
		vs_ring_destroy(&ctx, a);
		vs_ring_destroy(&ctx, b);
	}
}

static void test_more_weight_only_attracts(void **state)
{
	static const uint32_t even[] = { 1, 1, 1, 1 }, more[] = { 1, 1, 2, 1 };
	struct vs_ctx ctx;
	struct vs_ring *a, *b;
	double share;

	(void)state;
	vs_ctx_init(&ctx);
	a = make(&ctx, even, 4, VS_RING_VNODES);
	b = make(&ctx, more, 4, VS_RING_VNODES);
	/* From 1/4 to 2/5. */
	share = moved(a, b, 2);
	assert_true(share > 0.12 && share < 0.18);
	vs_ring_destroy(&ctx, b);
	b = make(&ctx, NULL, 4, VS_RING_VNODES);
	assert_true(chain(a, 0, 5000) == chain(b, 0, 5000));
	vs_ring_destroy(&ctx, a);
	vs_ring_destroy(&ctx, b);
}

static void test_pick_gives_the_owned_rows_of_a_block(void **state)
{
	static const size_t sizes[] = { 0, 1, 63, 64, 65, 1000 };
	static const uint64_t firsts[] = { 0, 7, (uint64_t)1 << 33 };
	uint32_t offsets[1000], s;
	uint64_t ids[1000];
	struct vs_ctx ctx;
	struct vs_ring *r;
	size_t f, z, i, n, at[5];

	(void)state;
	vs_ctx_init(&ctx);
	r = make(&ctx, NULL, 5, 64);
	for (f = 0; f < N_OF(firsts); f++) {
		for (i = 0; i < N_OF(ids); i++)
			ids[i] = firsts[f] + (i * 7919) % N_OF(ids);
		for (z = 0; z < N_OF(sizes); z++) {
			memset(at, 0, sizeof(at));
			for (s = 0; s < 5; s++) {
				n = vs_ring_pick(r, s, ids, sizes[z], offsets);
				for (i = 0; i < sizes[z]; i++) {
					if (vs_ring_owner(r, ids[i]) != s)
						continue;
					assert_true(at[s] < n);
					assert_int_equal(offsets[at[s]++], i);
				}
				assert_int_equal(at[s], n);
			}
		}
	}
	vs_ring_destroy(&ctx, r);
}

static void test_count_is_the_same_with_any_threads(void **state)
{
	const uint64_t ids = 2500001; /* more than two blocks */
	uint64_t one[6], many[6], sum = 0, i;
	uint64_t by_hand[6] = { 0 };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct vs_ring *r;
	uint32_t s;

	(void)state;
	vs_ctx_init(&ctx);
	r = make(&ctx, NULL, 6, 32);
	assert_int_equal(vs_ring_count(&ctx, r, 0, ids, one, &err), 0);
	ctx.n_threads = 3;
	assert_int_equal(vs_ring_count(&ctx, r, 0, ids, many, &err), 0);
	for (i = 0; i < ids; i++)
		by_hand[vs_ring_owner(r, i)]++;
	for (s = 0; s < 6; s++) {
		assert_true(one[s] == many[s] && one[s] == by_hand[s]);
		sum += one[s];
	}
	assert_true(sum == ids);
	assert_int_equal(vs_ring_count(&ctx, r, 0, 0, one, &err), 0);
	assert_true(one[0] == 0 && one[5] == 0);
	vs_ring_destroy(&ctx, r);
}

static void test_impossible_rings_are_refused(void **state)
{
	static const uint32_t none[] = { 1, 0 };
	static const uint32_t heavy[] = { 1, VS_RING_WEIGHT_MAX + 1 };
	static const struct {
		const uint32_t *weights;
		uint32_t n_shards, vnodes;
		const char *says;
	} cases[] = {
		{ NULL, 0, 10, "0 shards" },
		{ NULL, VS_RING_SHARDS_MAX + 1, 1, "65537 shards" },
		{ NULL, 2, 0, "0 virtual nodes" },
		{ NULL, 2, VS_RING_VNODES_MAX + 1, "65537 virtual nodes" },
		{ none, 2, 10, "weight 0 of shard 1" },
		{ heavy, 2, 10, "weight 1001 of shard 1" },
		{ NULL, 65536, 257, "use fewer virtual nodes" },
	};
	struct vs_err err;
	struct vs_ctx ctx;
	struct vs_ring *r;
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	for (i = 0; i < N_OF(cases); i++) {
		vs_err_clear(&err);
		assert_int_equal(vs_ring_create(&ctx, cases[i].weights,
						cases[i].n_shards,
						cases[i].vnodes, &r, &err),
				 VS_EUSAGE);
		assert_null(r);
		assert_non_null(strstr(err.msg, cases[i].says));
	}
	assert_true(atomic_load(&ctx.mem_now) == 0);
}

static void test_every_failed_allocation_is_clean(void **state)
{
	struct faults f = { .sys = ENOMEM };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct vs_ring *r;
	int rc = VS_ENOMEM;

	(void)state;
	vs_ctx_init(&ctx);
	for (f.at = 1; rc == VS_ENOMEM; f.at++) {
		faults_set(&ctx, &f);
		rc = vs_ring_create(&ctx, NULL, 4, 16, &r, &err);
		if (rc != 0)
			assert_true(atomic_load(&ctx.mem_now) == 0);
	}
	assert_int_equal(rc, 0);
	assert_true(f.at > 4);
	vs_ring_destroy(&ctx, r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_placement_is_pinned),
		cmocka_unit_test(test_owner_is_the_first_point_clockwise),
		cmocka_unit_test(test_edges_of_the_ring),
		cmocka_unit_test(test_every_virtual_node_is_used),
		cmocka_unit_test(test_balance),
		cmocka_unit_test(test_a_new_shard_takes_its_share_only),
		cmocka_unit_test(test_more_weight_only_attracts),
		cmocka_unit_test(test_pick_gives_the_owned_rows_of_a_block),
		cmocka_unit_test(test_count_is_the_same_with_any_threads),
		cmocka_unit_test(test_impossible_rings_are_refused),
		cmocka_unit_test(test_every_failed_allocation_is_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
