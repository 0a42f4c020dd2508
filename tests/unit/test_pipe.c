/* test_pipe.c - the ordered pipeline: order, slots, overlap, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vs/par.h"

#define SLOTS_MAX 12
#define BLOCKS_MAX 500

static const unsigned threads[] = { 1, 2, 3, 7 };
static const size_t slots[] = { 1, 2, 3, 5, 12 };
#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

enum stage { FREE, READ, WORKED };

struct line {
	size_t n_blocks, n_slots;
	unsigned n_threads;
	size_t n_read, n_written;
	struct {
		enum stage stage;
		size_t block;
		uint64_t value;
	} slot[SLOTS_MAX];
	uint64_t sum;
	atomic_uint reading, writing, bad;
	atomic_uint most_ahead; /* blocks read and not yet written */
	atomic_size_t n_worked, n_done;
	/* faults: the block at which each stage fails */
	size_t bad_read, bad_work, bad_write;
	unsigned slow_work; /* microseconds a failing work takes first */
};

static void check(struct line *l, bool ok)
{
	if (!ok)
		atomic_fetch_add(&l->bad, 1);
}

static int do_read(void *arg, size_t block, size_t slot, bool *end,
		   struct vs_err *err)
{
	struct line *l = arg;

	check(l, atomic_fetch_add(&l->reading, 1) == 0);
	check(l, block == l->n_read && slot < l->n_slots && !*end);
	if (block == l->bad_read) {
		atomic_fetch_sub(&l->reading, 1);
		return vs_fail(err, VS_EIO, "read %zu", block);
	}
	if (block == l->n_blocks) {
		*end = true;
	} else {
		check(l, l->slot[slot].stage == FREE);
		l->slot[slot].stage = READ;
		l->slot[slot].block = block;
		l->slot[slot].value = block * 3;
		l->n_read++;
	}
	atomic_fetch_sub(&l->reading, 1);
	return 0;
}

static int do_work(void *arg, size_t block, size_t slot, unsigned thread,
		   struct vs_err *err)
{
	struct line *l = arg;

	check(l, thread < l->n_threads && slot < l->n_slots);
	check(l, l->slot[slot].stage == READ && l->slot[slot].block == block);
	if (block == l->bad_work) {
		usleep(l->slow_work);
		return vs_fail(err, VS_EDATA, "work %zu", block);
	}
	if (block % 7 == 3)
		usleep(100);
	l->slot[slot].value++;
	l->slot[slot].stage = WORKED;
	atomic_fetch_add(&l->n_worked, 1);
	return 0;
}

static int do_write(void *arg, size_t block, size_t slot, struct vs_err *err)
{
	struct line *l = arg;

	check(l, atomic_fetch_add(&l->writing, 1) == 0);
	check(l, block == l->n_written && slot < l->n_slots);
	check(l, l->slot[slot].stage == WORKED &&
			 l->slot[slot].block == block &&
			 l->slot[slot].value == block * 3 + 1);
	l->slot[slot].stage = FREE;
	atomic_fetch_sub(&l->writing, 1);
	if (block == l->bad_write)
		return vs_fail(err, VS_EIO, "write %zu", block);
	l->n_written++;
	l->sum += block;
	return 0;
}

static struct vs_pipe pipe_of(struct line *l, struct vs_ctx *ctx,
			      unsigned n_threads, size_t n_slots,
			      size_t n_blocks)
{
	struct vs_pipe p = { .read = do_read,
			     .work = do_work,
			     .write = do_write,
			     .arg = l,
			     .n_slots = n_slots };

	memset(l, 0, sizeof(*l));
	l->n_blocks = n_blocks;
	l->n_slots = n_slots;
	l->n_threads = n_threads;
	l->bad_read = l->bad_work = l->bad_write = SIZE_MAX;
	vs_ctx_init(ctx);
	ctx->n_threads = n_threads;
	return p;
}

static void test_all_blocks_in_order(void **state)
{
	static const size_t n_blocks[] = { 0, 1, 2, 5, BLOCKS_MAX };
	struct vs_pipe p;
	struct line l;
	struct vs_ctx ctx;
	struct vs_err err;
	size_t t, s, b;

	(void)state;
	for (t = 0; t < N_OF(threads); t++) {
		for (s = 0; s < N_OF(slots); s++) {
			for (b = 0; b < N_OF(n_blocks); b++) {
				p = pipe_of(&l, &ctx, threads[t], slots[s],
					    n_blocks[b]);
				assert_int_equal(0, vs_pipe_run(&ctx, &p,
								&err));
				assert_int_equal(0, atomic_load(&l.bad));
				assert_int_equal(n_blocks[b], l.n_written);
				assert_int_equal(0,
						 atomic_load(&ctx.mem_now));
			}
		}
	}
}

static int only_work(void *arg, size_t block, size_t slot, unsigned thread,
		     struct vs_err *err)
{
	struct line *l = arg;

	(void)err;
	check(l, thread < l->n_threads && slot < l->n_slots);
	check(l, block < l->n_blocks);
	/* nobody else has this slot now */
	check(l, l->slot[slot].stage == FREE);
	l->slot[slot].stage = READ;
	if (block % 5 == 0)
		usleep(50);
	l->slot[slot].stage = FREE;
	atomic_fetch_add(&l->n_worked, 1);
	return 0;
}

static void test_without_reader_and_writer(void **state)
{
	struct vs_pipe p;
	struct line l;
	struct vs_ctx ctx;
	struct vs_err err;
	size_t t, s;

	(void)state;
	for (t = 0; t < N_OF(threads); t++) {
		for (s = 0; s < N_OF(slots); s++) {
			p = pipe_of(&l, &ctx, threads[t], slots[s], 100);
			p.read = NULL;
			p.write = NULL;
			p.work = only_work;
			p.n_blocks = 100;
			assert_int_equal(0, vs_pipe_run(&ctx, &p, &err));
			assert_int_equal(0, atomic_load(&l.bad));
			assert_int_equal(100, atomic_load(&l.n_worked));
		}
	}
}

static void test_lowest_error_wins(void **state)
{
	static const struct {
		size_t read, work, write;
		const char *text;
		size_t n_written;
	} cases[] = { { 0, SIZE_MAX, SIZE_MAX, "read 0", 0 },
		      { SIZE_MAX, 0, SIZE_MAX, "work 0", 0 },
		      { SIZE_MAX, SIZE_MAX, 0, "write 0", 0 },
		      { 20, SIZE_MAX, SIZE_MAX, "read 20", 20 },
		      { 20, 19, SIZE_MAX, "work 19", 19 },
		      { 20, 19, 18, "write 18", 18 },
		      { 19, 20, 21, "read 19", 19 },
		      { SIZE_MAX, 20, 20, "work 20", 20 },
		      { 21, SIZE_MAX, 20, "write 20", 20 },
		      { SIZE_MAX, 20, 19, "write 19", 19 } };
	struct vs_pipe p;
	struct line l;
	struct vs_ctx ctx;
	struct vs_err err;
	size_t t, s, c;

	(void)state;
	for (t = 0; t < N_OF(threads); t++) {
		for (s = 0; s < N_OF(slots); s++) {
			for (c = 0; c < N_OF(cases); c++) {
				p = pipe_of(&l, &ctx, threads[t], slots[s],
					    BLOCKS_MAX);
				l.bad_read = cases[c].read;
				l.bad_work = cases[c].work;
				l.bad_write = cases[c].write;
				l.slow_work = 2000;
				assert_true(vs_pipe_run(&ctx, &p, &err) != 0);
				assert_string_equal(cases[c].text, err.msg);
				assert_int_equal(0, atomic_load(&l.bad));
				/* lower blocks were finished, few others
				 * begun */
				assert_int_equal(cases[c].n_written,
						 l.n_written);
				assert_true(l.n_read <= cases[c].n_written +
								slots[s] + 2);
			}
		}
	}
	assert_int_equal(VS_EIO, vs_pipe_run(&ctx, &p, NULL));
}

/* Overlap: a block is read and one is worked on while a third is being
 * written.  Each stage waits until it has seen the others at work. */
struct overlap {
	atomic_uint at[3];  /* stages at work now */
	atomic_uint seen;   /* all three were at work at once */
	atomic_uint n_read; /* blocks read */
};

static void wait_for_others(struct overlap *o, unsigned stage)
{
	unsigned i;

	atomic_fetch_add(&o->at[stage], 1);
	for (i = 0; i < 200 && !atomic_load(&o->seen); i++) {
		if (atomic_load(&o->at[0]) > 0 && atomic_load(&o->at[1]) > 0 &&
		    atomic_load(&o->at[2]) > 0)
			atomic_store(&o->seen, 1);
		usleep(500);
	}
	atomic_fetch_sub(&o->at[stage], 1);
}

static int overlap_read(void *arg, size_t block, size_t slot, bool *end,
			struct vs_err *err)
{
	struct overlap *o = arg;

	(void)slot;
	(void)err;
	*end = block == 12;
	if (block >= 2)
		wait_for_others(o, 0);
	return 0;
}

static int overlap_work(void *arg, size_t block, size_t slot, unsigned thread,
			struct vs_err *err)
{
	(void)slot;
	(void)thread;
	(void)err;
	if (block >= 1)
		wait_for_others(arg, 1);
	return 0;
}

static int overlap_write(void *arg, size_t block, size_t slot,
			 struct vs_err *err)
{
	(void)block;
	(void)slot;
	(void)err;
	wait_for_others(arg, 2);
	return 0;
}

static void test_stages_overlap(void **state)
{
	struct overlap o;
	struct vs_pipe p = { .read = overlap_read,
			     .work = overlap_work,
			     .write = overlap_write,
			     .arg = &o,
			     .n_slots = 5 };
	struct vs_ctx ctx;
	struct vs_err err;

	(void)state;
	memset(&o, 0, sizeof(o));
	vs_ctx_init(&ctx);
	ctx.n_threads = 3;
	assert_int_equal(0, vs_pipe_run(&ctx, &p, &err));
	assert_int_equal(1, atomic_load(&o.seen));
}

/* Queries that arrive one by one are each answered before the next is waited
 * for, or while it is: the reader never needs a second block to let the first
 * one out. */
struct stream {
	atomic_size_t n_written;
	atomic_uint late;
};

static int stream_read(void *arg, size_t block, size_t slot, bool *end,
		       struct vs_err *err)
{
	struct stream *s = arg;
	unsigned i;

	(void)slot;
	(void)err;
	*end = block == 20;
	/* the user sends the next query after the answer to the last one */
	for (i = 0; i < 2000 && atomic_load(&s->n_written) < block; i++)
		usleep(1000);
	if (i == 2000)
		atomic_fetch_add(&s->late, 1);
	return 0;
}

static int stream_work(void *arg, size_t block, size_t slot, unsigned thread,
		       struct vs_err *err)
{
	(void)arg;
	(void)block;
	(void)slot;
	(void)thread;
	(void)err;
	return 0;
}

static int stream_write(void *arg, size_t block, size_t slot,
			struct vs_err *err)
{
	struct stream *s = arg;

	(void)slot;
	(void)err;
	atomic_store(&s->n_written, block + 1);
	return 0;
}

static void test_each_block_is_answered_at_once(void **state)
{
	struct vs_pipe p = { .read = stream_read,
			     .work = stream_work,
			     .write = stream_write };
	struct stream s;
	struct vs_ctx ctx;
	struct vs_err err;
	size_t t, i;

	(void)state;
	for (t = 0; t < N_OF(threads); t++) {
		for (i = 0; i < N_OF(slots); i++) {
			memset(&s, 0, sizeof(s));
			p.arg = &s;
			p.n_slots = slots[i];
			vs_ctx_init(&ctx);
			ctx.n_threads = threads[t];
			assert_int_equal(0, vs_pipe_run(&ctx, &p, &err));
			assert_int_equal(0, atomic_load(&s.late));
			assert_int_equal(20, atomic_load(&s.n_written));
		}
	}
}

static int run_inner(void *arg, size_t item, unsigned thread,
		     struct vs_err *err)
{
	struct vs_ctx *ctx = arg;
	struct vs_ctx own;
	struct vs_pipe p;
	struct line l;
	int rc;

	(void)item;
	(void)thread;
	p = pipe_of(&l, &own, ctx->n_threads, 3, 30);
	l.n_threads = 1; /* serial inside a team */
	rc = vs_pipe_run(&own, &p, err);
	if (rc == 0 && (atomic_load(&l.bad) != 0 || l.n_written != 30))
		rc = vs_fail(err, VS_ECHECK, "inner pipe");
	return rc;
}

static void test_inside_a_loop(void **state)
{
	struct vs_ctx ctx;
	struct vs_err err;

	(void)state;
	vs_ctx_init(&ctx);
	ctx.n_threads = 3;
	assert_int_equal(0, vs_par_for(&ctx, 10, run_inner, &ctx, &err));
}

static void test_no_memory(void **state)
{
	struct vs_pipe p;
	struct line l;
	struct vs_ctx ctx;
	struct vs_err err;

	(void)state;
	p = pipe_of(&l, &ctx, 2, 3, 10);
	ctx.memory_max = 1;
	assert_int_equal(VS_ENOMEM, vs_pipe_run(&ctx, &p, &err));
	assert_int_equal(VS_ENOMEM, err.code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_blocks_in_order),
		cmocka_unit_test(test_without_reader_and_writer),
		cmocka_unit_test(test_lowest_error_wins),
		cmocka_unit_test(test_stages_overlap),
		cmocka_unit_test(test_each_block_is_answered_at_once),
		cmocka_unit_test(test_inside_a_loop),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
