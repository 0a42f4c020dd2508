/* ROTA and MEAN of files: what was written is read, and matrices that are none
 * are refused before anything is computed by them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tmpdir.h"
#include "vs/kern.h"
#include "vs/mem.h"
#include "vs/model.h"
#include "vs/transform_file.h"

#define DIM 6u
#define INNER 3u

/* A model as a faulty hand might write it: whole, with good checksums. */
struct made {
	const char *index;
	const char *inner_dim; /* line of INFO; "" for none */
	enum vs_metric metric;
	uint64_t n_matrix, n_mean; /* 0: no section */
	float matrix[64], mean[64];
};

static void start(struct vs_ctx *ctx)
{
	vs_ctx_init(ctx);
	ctx->kern = vs_kern_select(VS_CPU_BEST);
}

static void make(struct made *m)
{
	uint32_t i;

	memset(m, 0, sizeof(*m));
	m->index = "PCA3,Flat";
	m->inner_dim = "inner_dim: 3\n";
	m->metric = VS_L2;
	m->n_matrix = INNER * DIM;
	m->n_mean = DIM;
	for (i = 0; i < INNER; i++)
		m->matrix[i * DIM + i] = 1;
	for (i = 0; i < DIM; i++)
		m->mean[i] = (float)i;
}

static void put_floats(struct vs_ctx *ctx, struct vs_cont_writer *w,
		       uint32_t tag, const float *p, uint64_t n)
{
	unsigned section;

	if (n == 0)
		return;
	assert_int_equal(vs_cont_add_raw(ctx, w, tag, n, 4, &section, NULL),
			 0);
	assert_int_equal(vs_cont_write(ctx, w, section, 0, p, n * 4, NULL), 0);
}

static void write_model(struct vs_ctx *ctx, const char *path,
			const struct made *m)
{
	struct vs_cont_head head = { .kind = VS_KIND_MODEL, .n_rows = 9,
				     .dim = DIM, .metric = m->metric,
				     .dtype = VS_F32 };
	struct vs_cont_writer *w;
	unsigned section;
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "index: %s\ninput: \"%032d\"\ninput_rows: 9\n"
			 "sample_rows: 9\niterations: 0\nseed: 1\n"
			 "objective: 0\nimbalance: 0\nrepaired: 0\n%s",
			 m->index, 1, m->inner_dim);

	assert_int_equal(vs_cont_create(ctx, path, &head, &w, NULL), 0);
	put_floats(ctx, w, VS_SEC_ROTA, m->matrix, m->n_matrix);
	put_floats(ctx, w, VS_SEC_MEAN, m->mean, m->n_mean);
	assert_int_equal(vs_cont_add_zst(ctx, w, VS_SEC_INFO, 1, &section,
					 NULL), 0);
	assert_int_equal(vs_cont_append(ctx, w, section, text, (size_t)n,
					NULL), 0);
	assert_int_equal(vs_cont_publish(ctx, w, VS_PUBLISH_REPLACE, NULL), 0);
}

static int open_model(const struct made *m, struct vs_model **out,
		      struct vs_ctx *ctx, struct vs_err *err)
{
	static struct tmpdir dir;
	const char *path;
	int rc;

	tmpdir_make(&dir);
	path = tmpdir_file(&dir, "m.vsm");
	write_model(ctx, path, m);
	rc = vs_model_open(ctx, path, out, err);
	tmpdir_remove(&dir);
	return rc;
}

static void refused(const struct made *m, const char *why)
{
	struct vs_model *model;
	struct vs_ctx ctx;
	struct vs_err err;

	start(&ctx);
	assert_int_equal(open_model(m, &model, &ctx, &err), VS_EDATA);
	if (strstr(err.msg, why) == NULL)
		fail_msg("'%s' does not say '%s'", err.msg, why);
	assert_int_equal(ctx.mem_now, 0);
}

static void test_read(void **state)
{
	struct vs_model *model;
	struct vs_ctx ctx;
	struct vs_err err;
	struct made m;

	(void)state;
	start(&ctx);
	make(&m);
	assert_int_equal(open_model(&m, &model, &ctx, &err), 0);
	assert_int_equal(model->inner, INNER);
	assert_null(model->centroids);
	assert_memory_equal(model->transform->matrix, m.matrix,
			    INNER * DIM * sizeof(float));
	assert_memory_equal(model->transform->mean, m.mean,
			    DIM * sizeof(float));
	vs_model_destroy(&ctx, model);
	assert_int_equal(ctx.mem_now, 0);
}

static void test_hostile(void **state)
{
	static const float bad[] = { NAN, INFINITY, -INFINITY, 1.5f, -2 };
	struct made m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make(&m);
		m.matrix[7] = bad[i];
		refused(&m, "out of range");
	}
	make(&m);
	m.mean[2] = NAN;
	refused(&m, "out of range");
	for (i = 1; i < 40; i++) {
		if (i == INNER * DIM)
			continue;
		make(&m);
		m.n_matrix = i;
		refused(&m, "does not fit the dimensions");
	}
	make(&m);
	m.n_mean = DIM + 1;
	refused(&m, "does not fit the dimensions");
	make(&m);
	m.n_mean = 0;
	refused(&m, "MEAN");
	make(&m);
	m.n_matrix = 0;
	refused(&m, "ROTA");
	make(&m);
	m.inner_dim = "inner_dim: 4\n";
	refused(&m, "inner_dim is 4; expected 3");
	make(&m);
	m.inner_dim = "";
	refused(&m, "inner_dim");
	make(&m);
	m.index = "PCA7,Flat";
	m.inner_dim = "inner_dim: 7\n";
	refused(&m, "does not go with its dimension");
	make(&m);
	m.metric = VS_L1;
	refused(&m, "does not go with its dimension");
}

/* What differs in matrix or mean has another hash. */
static void test_hash(void **state)
{
	float matrix[4] = { 1, 0, 0, 1 }, mean[2] = { 1, 2 };
	struct vs_transform t = { .d_in = 2, .d_out = 2, .matrix = matrix };
	uint64_t a = vs_transform_hash(&t, 5), b;

	(void)state;
	assert_int_equal(vs_transform_hash(NULL, 5), 5);
	assert_true(a != 5 && a != vs_transform_hash(&t, 6));
	t.mean = mean;
	b = vs_transform_hash(&t, 5);
	assert_true(a != b);
	mean[1] = 3;
	assert_true(b != vs_transform_hash(&t, 5));
	mean[1] = 2;
	matrix[2] = -0.0f;
	assert_true(b != vs_transform_hash(&t, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
