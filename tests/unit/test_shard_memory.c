/* Builds under every ceiling: one that is too small is refused before rows are
 * worked on, and by the plan as well; any other gives the same bytes. */
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
#include "vs/plan.h"

#define NLIST 8u
#define ROOM (4u << 20)

/* A source that counts how often rows were asked for. */
struct counted {
	struct vs_source real;
	unsigned n_next;
};

static int counted_rewind(void *arg, struct vs_ctx *ctx, struct vs_err *err)
{
	struct counted *c = arg;

	return c->real.rewind(c->real.arg, ctx, err);
}

static int counted_next(void *arg, struct vs_ctx *ctx, void *rows,
			uint64_t *ids, size_t n, size_t *got,
			struct vs_err *err)
{
	struct counted *c = arg;

	c->n_next++;
	return c->real.next(c->real.arg, ctx, rows, ids, n, got, err);
}

static int counted_sample(void *arg, struct vs_ctx *ctx, void *rows, size_t n,
			  size_t *got, struct vs_err *err)
{
	struct counted *c = arg;

	return c->real.sample(c->real.arg, ctx, rows, n, got, err);
}

static int build(struct vs_ctx *ctx, const char *path, struct gendata *g,
		 struct vs_shard_spec *spec, unsigned *n_next,
		 struct vs_err *err)
{
	struct counted c = { .n_next = 0 };
	struct vs_source src;
	int rc;

	gendata_source(g, &c.real);
	src = c.real;
	src.arg = &c;
	src.rewind = counted_rewind;
	src.next = counted_next;
	src.sample = counted_sample;
	vs_err_clear(err);
	rc = vs_shard_build(ctx, path, spec, &src, err);
	*n_next = c.n_next;
	assert_int_equal(0, atomic_load(&ctx->mem_now));
	return rc;
}

/* Every ceiling from none to enough, in small steps. */
static void sweep(struct gendata *g, struct vs_shard_spec *spec,
		  struct tmpdir *dir)
{
	const char *path = tmpdir_file(dir, "s.vss");
	char *first = malloc(ROOM), *bytes = malloc(ROOM);
	struct vs_plan plan;
	struct vs_ctx ctx;
	struct vs_err err;
	unsigned n_next, refused = 0, built = 0;
	long n;
	int rc, planned;

	vs_ctx_init(&ctx);
	ctx.n_threads = 2;
	ctx.kern = vs_kern_select(VS_CPU_BEST);
	assert_int_equal(0, build(&ctx, path, g, spec, &n_next, &err));
	n = tmpdir_get(path, first, ROOM);
	for (ctx.memory_max = 20000; built < 12; ctx.memory_max += 30011) {
		memset(&plan, 0, sizeof(plan));
		atomic_store(&ctx.mem_peak, 0);
		spec->plan = &plan;
		planned = build(&ctx, path, g, spec, &n_next, &err);
		spec->plan = NULL;
		rc = build(&ctx, path, g, spec, &n_next, &err);
		if (rc != 0) {
			assert_int_equal(VS_ENOMEM, rc);
			if (n_next > 1)
				fail_msg("refused after %u blocks with %llu: "
					 "%s", n_next,
					 (unsigned long long)ctx.memory_max,
					 err.msg);
			refused++;
			continue;
		}
		if (planned != 0)
			fail_msg("planned %d but built", planned);
		built++;
		assert_int_equal(n, tmpdir_get(path, bytes, ROOM));
		assert_memory_equal(first, bytes, (size_t)n);
		assert_true(plan.memory <= ctx.memory_max);
	}
	assert_true(refused > 0);
	free(first);
	free(bytes);
}

static void test_every_ceiling(void **state)
{
	static const enum vs_dtype dtype[] = { VS_U8, VS_F32, VS_I8, VS_F16 };
	static const enum vs_metric metric[] = { VS_L2, VS_IP, VS_COSINE,
						 VS_L1 };
	float centroids[NLIST * 24];
	struct vs_model m = { .centroids = centroids, .dim = 24,
			      .inner = 24 };
	struct gendata g;
	struct tmpdir dir;
	unsigned i, ivf, d;

	(void)state;
	tmpdir_make(&dir);
	for (i = 0; i < 8; i++) {
		struct vs_shard_spec spec = {
			.metric = metric[i / 2],
			.how = VS_PUBLISH_REPLACE,
		};

		ivf = i % 2;
		gendata_make(&g, dtype[i / 2], 800, 24, 200, 1);
		for (d = 0; d < NLIST * 24; d++)
			centroids[d] = (float)(d % 7) + (float)(d / 24);
		m.metric = spec.metric;
		m.dtype = g.dtype;
		m.index.family = ivf ? VS_FAMILY_IVF : VS_FAMILY_FLAT;
		m.index.nlist = ivf ? NLIST : 1;
		strcpy(m.index.text, ivf ? "IVF8,Flat" : "Flat");
		spec.index = m.index;
		spec.model = ivf ? &m : NULL;
		sweep(&g, &spec, &dir);
		gendata_free(&g);
	}
	tmpdir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
