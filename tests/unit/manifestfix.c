/* manifestfix.c - a made-up manifest. */
#include "manifestfix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vs/mem.h"

struct tmpdir fix_dir;

int fix_make_dir(void **state)
{
	(void)state;
	tmpdir_make(&fix_dir);
	return 0;
}

int fix_remove_dir(void **state)
{
	(void)state;
	tmpdir_remove(&fix_dir);
	return 0;
}

struct vs_manifest *fix_sample(struct vs_ctx *ctx)
{
	static const uint64_t rows[] = { 40, 35, 25 };
	struct vs_err err = { 0 };
	struct vs_manifest *m;
	uint32_t i;

	CHECK(vs_manifest_create(ctx, fix_dir.path, 2, 3, &m, &err));
	m->metric = VS_IP;
	m->dtype = VS_U8;
	m->dim = 128;
	m->index = vs_strdup(ctx, "IVF64,Flat", &err);
	m->model_file = vs_strdup(ctx, VS_MANIFEST_MODEL, &err);
	m->model = (struct vs_digest){ { 1, 2, 3 } };
	m->vnodes = 16;
	m->n_rows = 100;
	m->input = (struct vs_digest){ { 9 } };
	m->inputs[0].path = vs_strdup(ctx, "base.bvecs", &err);
	m->inputs[0].n_rows = 60;
	m->inputs[1].path = vs_strdup(ctx, "/data/a: b.bvecs", &err);
	m->inputs[1].n_rows = 40;
	for (i = 0; i < 3; i++)
		m->shards[i].n_rows = rows[i];
	m->shards[2].weight = 2;
	CHECK(vs_manifest_seal(ctx, m, &err));
	return m;
}

struct vs_manifest *fix_ranges(struct vs_ctx *ctx)
{
	struct vs_manifest *m = fix_sample(ctx);
	struct vs_err err = { 0 };

	m->sharding = VS_SHARDING_RANGE;
	m->vnodes = 0;
	vs_manifest_cut(m);
	CHECK(vs_manifest_seal(ctx, m, &err));
	return m;
}

void fix_assert_same(const struct vs_manifest *a, const struct vs_manifest *b)
{
	size_t i;

	assert_true(a->generation == b->generation);
	assert_true(vs_digest_equal(&a->collection, &b->collection));
	assert_int_equal(a->metric, b->metric);
	assert_int_equal(a->dtype, b->dtype);
	assert_int_equal(a->dim, b->dim);
	assert_string_equal(a->index, b->index);
	assert_true((a->model_file == NULL) == (b->model_file == NULL));
	if (a->model_file != NULL)
		assert_string_equal(a->model_file, b->model_file);
	assert_true(vs_digest_equal(&a->model, &b->model));
	assert_int_equal(a->sharding, b->sharding);
	assert_int_equal(a->vnodes, b->vnodes);
	assert_true(a->n_rows == b->n_rows);
	assert_true(vs_digest_equal(&a->input, &b->input));
	assert_int_equal(a->input_format, b->input_format);
	assert_int_equal(a->n_inputs, b->n_inputs);
	for (i = 0; i < a->n_inputs; i++) {
		assert_string_equal(a->inputs[i].path, b->inputs[i].path);
		assert_true(a->inputs[i].n_rows == b->inputs[i].n_rows);
	}
	assert_true((a->ids_path == NULL) == (b->ids_path == NULL));
	if (a->ids_path != NULL)
		assert_string_equal(a->ids_path, b->ids_path);
	assert_true(vs_digest_equal(&a->ids, &b->ids));
	assert_true(a->id_base == b->id_base);
	assert_int_equal(a->n_shards, b->n_shards);
	for (i = 0; i < a->n_shards; i++) {
		assert_string_equal(a->shards[i].file, b->shards[i].file);
		assert_true(vs_digest_equal(&a->shards[i].fingerprint,
					    &b->shards[i].fingerprint));
		assert_true(a->shards[i].first == b->shards[i].first);
		assert_true(a->shards[i].n_rows == b->shards[i].n_rows);
		assert_int_equal(a->shards[i].weight, b->shards[i].weight);
	}
}
