/* Batches within a radius: all rows that brute force finds, whatever the type,
 * metric and threads, and nothing of lists that have outgrown their room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/gendata.h"
#include "tests/unit/tmpdir.h"
#include "vs/kern.h"
#include "vs/mem.h"

#define ROWS 1500u
#define QUERIES 14u /* more than a tile takes */
#define DIM 19u

struct world {
	struct vs_ctx ctx;
	struct gendata rows, queries;
	struct vs_shard *shard;
	enum vs_metric metric;
};

static struct tmpdir dir;

static void ok(int rc, const struct vs_err *err)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, err->msg);
}

static void open_world(struct world *w, enum vs_dtype dtype,
		       enum vs_metric metric, unsigned threads)
{
	const char *path = tmpdir_file(&dir, "s.vss");
	struct vs_shard_spec spec = { .metric = metric,
				      .how = VS_PUBLISH_REPLACE };
	struct vs_source src;
	struct vs_err err;

	vs_ctx_init(&w->ctx);
	w->ctx.n_threads = threads;
	w->ctx.kern = vs_kern_select(VS_CPU_BEST);
	w->metric = metric;
	gendata_make(&w->rows, dtype, ROWS, DIM, 40, 1);
	gendata_make(&w->queries, dtype, QUERIES, DIM, 40, 2);
	spec.index.family = VS_FAMILY_FLAT;
	spec.index.nlist = 1;
	strcpy(spec.index.text, "Flat");
	gendata_source(&w->rows, &src);
	ok(vs_shard_build(&w->ctx, path, &spec, &src, &err), &err);
	ok(vs_shard_open(&w->ctx, path, &w->shard, &err), &err);
}

static void close_world(struct world *w)
{
	vs_shard_close(&w->ctx, w->shard);
	gendata_free(&w->rows);
	gendata_free(&w->queries);
	assert_true(atomic_load(&w->ctx.mem_now) == 0);
}

static int scan(struct world *w, uint32_t k, int64_t radius, uint64_t room,
		struct vs_batch **b, struct vs_err *err)
{
	struct vs_batch_spec spec = { .metric = w->metric,
				      .dtype = w->rows.dtype, .k = k,
				      .within = true, .radius = radius,
				      .list_bytes = room };

	gendata_queries(&w->queries, &spec.queries);
	ok(vs_batch_create(&w->ctx, &spec, b, err), err);
	return vs_shard_scan(&w->ctx, w->shard, 0, *b, QUERIES, NULL, 1, err);
}

/* All rows within, by brute force; their number. */
static uint32_t within(const struct world *w, uint64_t query, int64_t radius,
		       struct vs_hit out[ROWS])
{
	struct vs_topk all = { .slots = out, .k = ROWS };
	uint64_t i;
	int64_t key;

	for (i = 0; i < ROWS; i++) {
		key = gendata_key(w->metric, &w->queries, query, &w->rows, i);
		if (key <= radius)
			out[all.n++] = (struct vs_hit){
				.id = w->rows.id_base + i, .key = key };
	}
	all.k = all.n;
	vs_topk_finish(&all);
	return all.n;
}

static void check_radius(struct world *w, int64_t radius)
{
	static struct vs_hit want[ROWS];
	const struct vs_hit *hits, *best;
	struct vs_batch *b, *cut;
	struct vs_err err;
	uint32_t n, n_want, i;
	uint64_t q;

	ok(scan(w, 0, radius, UINT64_MAX, &b, &err), &err);
	ok(vs_batch_finish(&w->ctx, b, &hits, &err), &err);
	assert_null(hits);
	ok(scan(w, 7, radius, 0, &cut, &err), &err);
	ok(vs_batch_finish(&w->ctx, cut, &best, &err), &err);
	for (q = 0; q < QUERIES; q++, best += 7) {
		hits = vs_batch_list(b, q, &n);
		n_want = within(w, q, radius, want);
		assert_int_equal(n, n_want);
		for (i = 0; i < n; i++) {
			assert_true(hits[i].id == want[i].id);
			assert_true(hits[i].key == want[i].key);
		}
		for (i = 0; i < 7; i++)
			assert_true(best[i].id ==
				    (i < n ? want[i].id : VS_ID_NONE));
	}
	vs_batch_destroy(&w->ctx, b);
	vs_batch_destroy(&w->ctx, cut);
}

static void test_brute_force(void **state)
{
	static const enum vs_dtype types[] = { VS_F32, VS_F16, VS_U8, VS_I8 };
	static const uint32_t ranks[] = { 0, 3, 200, 900, ROWS - 1 };
	static struct vs_hit all[ROWS];
	struct world w;
	unsigned t, m, i;

	(void)state;
	for (t = 0; t < 4; t++)
		for (m = VS_L2; m <= VS_L1; m++) {
			open_world(&w, types[t], (enum vs_metric)m, t % 2 + 1);
			within(&w, 5, VS_KEY_WORST - 1, all);
			for (i = 0; i < 5; i++) {
				check_radius(&w, all[ranks[i]].key);
				check_radius(&w, all[ranks[i]].key - 1);
			}
			close_world(&w);
		}
}

static void test_no_room(void **state)
{
	/* 7 queries have room for 16 hits, or one for 64. */
	const uint64_t room = 7 * 16 * sizeof(struct vs_hit);
	struct vs_batch *b;
	struct world w;
	struct vs_err err;
	uint32_t longest;

	(void)state;
	open_world(&w, VS_U8, VS_L2, 2);
	assert_int_equal(scan(&w, 0, (int64_t)1 << 40, room, &b, &err),
			 VS_ENOMEM);
	assert_true(vs_batch_is_full(b, &longest));
	assert_true(longest >= 16 && longest <= 64);
	vs_batch_destroy(&w.ctx, b);
	ok(scan(&w, 0, (int64_t)1 << 40, UINT64_MAX, &b, &err), &err);
	assert_false(vs_batch_is_full(b, &longest));
	vs_batch_destroy(&w.ctx, b);
	close_world(&w);
}

static int make_dir(void **state)
{
	(void)state;
	tmpdir_make(&dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	tmpdir_remove(&dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brute_force),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests_name("batch_list", tests, make_dir,
					   remove_dir);
}
