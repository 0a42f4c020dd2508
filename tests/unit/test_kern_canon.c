/* test_kern_canon.c - canonical kernels: the documented bits, in every table,
 * for every dimension to 129, and not a byte read or written too much. */
#include "kern_test.h"

#include <math.h>

#define ROWS 5
#define DIMS_ALL 129

/* The order of vs/kern.h, written a second time; volatile keeps every rounding
 * where it says. */
static float ref_f32(enum vs_canon_op op, const float *q, const float *x,
		     size_t d)
{
	volatile float lane[16] = { 0 };
	size_t i, j;

	for (i = 0; i < d; i++) {
		volatile float diff = x[i] - q[i];
		volatile float term = op == VS_CANON_L2	  ? diff * diff
				      : op == VS_CANON_IP ? x[i] * q[i]
							  : fabsf(diff);

		lane[i % 16] = lane[i % 16] + term;
	}
	for (j = 0; j < 8; j++)
		lane[j] = lane[j] + lane[j + 8];
	for (j = 0; j < 4; j++)
		lane[j] = lane[j] + lane[j + 4];
	lane[0] = lane[0] + lane[2];
	lane[1] = lane[1] + lane[3];
	return lane[0] + lane[1];
}

static double ref_f64(enum vs_canon_op op, const float *q, const float *x,
		      size_t d)
{
	volatile double lane[16] = { 0 };
	size_t i, j;

	for (i = 0; i < d; i++) {
		double a = (double)x[i], b = (double)q[i];
		volatile double diff = a - b;
		volatile double term = op == VS_CANON_L2   ? diff * diff
				       : op == VS_CANON_IP ? a * b
							   : fabs(diff);

		lane[i % 16] = lane[i % 16] + term;
	}
	for (j = 0; j < 8; j++)
		lane[j] = lane[j] + lane[j + 8];
	for (j = 0; j < 4; j++)
		lane[j] = lane[j] + lane[j + 4];
	lane[0] = lane[0] + lane[2];
	lane[1] = lane[1] + lane[3];
	return lane[0] + lane[1];
}

static int64_t ref_u8(enum vs_canon_op op, const uint8_t *q, const uint8_t *x,
		      size_t d)
{
	int64_t sum = 0;
	size_t i;

	for (i = 0; i < d; i++)
		sum += op == VS_CANON_L2   ? (x[i] - q[i]) * (x[i] - q[i])
		       : op == VS_CANON_IP ? x[i] * q[i]
					   : abs(x[i] - q[i]);
	return sum;
}

/* The members of a table by what they sum. */
#define OPS 3

typedef void (*rows_f32_fn)(const float *q, const float *rows, size_t stride,
			    size_t n, size_t d, float *out);
typedef void (*rows_f64_fn)(const float *q, const float *rows, size_t stride,
			    size_t n, size_t d, double *out);
typedef void (*rows_u8_fn)(const uint8_t *q, const uint8_t *rows,
			   size_t stride, size_t n, size_t d, int64_t *out);
typedef void (*panel_f32_fn)(const float *q, const float *panel, size_t d,
			     float *out);
typedef void (*panel_f64_fn)(const float *q, const float *panel, size_t d,
			     double *out);
typedef void (*panel_u8_fn)(const uint8_t *q, const uint8_t *panel, size_t d,
			    int64_t *out);

#define BY_OP(type, name, form)                                                \
	static type name##_of(const struct vs_kern *k, enum vs_canon_op op)    \
	{                                                                      \
		return op == VS_CANON_L2   ? k->l2sq_##form                    \
		       : op == VS_CANON_IP ? k->ip_##form                      \
					   : k->l1_##form;                     \
	}

BY_OP(rows_f32_fn, rows_f32, f32)
BY_OP(rows_f64_fn, rows_f64, f32_f64)
BY_OP(rows_u8_fn, rows_u8, u8)
BY_OP(panel_f32_fn, panel_f32, f32_panel)
BY_OP(panel_f64_fn, panel_f64, f32_f64_panel)
BY_OP(panel_u8_fn, panel_u8, u8_panel)

static void same_f32(float got, float want)
{
	uint32_t a, b;

	memcpy(&a, &got, 4);
	memcpy(&b, &want, 4);
	if (isnan(want))
		assert_true(isnan(got));
	else
		assert_int_equal(a, b);
}

static void same_f64(double got, double want)
{
	uint64_t a, b;

	memcpy(&a, &got, 8);
	memcpy(&b, &want, 8);
	if (isnan(want))
		assert_true(isnan(got));
	else
		assert_int_equal(a, b);
}

/* The memory of one case. */
struct memory {
	struct arena q, rows, out;
};

static struct memory memory_new(size_t bytes)
{
	struct memory m = { arena_new(bytes), arena_new(bytes * (ROWS + 11)),
			    arena_new(4096) };

	return m;
}

static void memory_free(struct memory *m)
{
	arena_free(&m->q);
	arena_free(&m->rows);
	arena_free(&m->out);
}

struct shape {
	size_t d, stride, n;
	bool at_end;
};

static void rows_f32(const struct vs_kern *k, struct memory *m,
		     const struct shape *s, enum kind kind, struct vs_rng *r)
{
	size_t i, len = (s->n - 1) * s->stride + s->d;
	float *q = arena_put(&m->q, s->d * 4, 4, s->at_end);
	float *x = arena_put(&m->rows, len * 4, 4, s->at_end);
	float *out = arena_put(&m->out, s->n * 4, 4, s->at_end);
	enum vs_canon_op op;
	double *wide;

	for (i = 0; i < s->d; i++)
		q[i] = rnd_float(r, kind);
	for (i = 0; i < len; i++)
		x[i] = rnd_float(r, kind);
	for (op = 0; op < OPS; op++) {
		rows_f32_of(k, op)(q, x, s->stride, s->n, s->d, out);
		for (i = 0; i < s->n; i++)
			same_f32(out[i],
				 ref_f32(op, q, x + i * s->stride, s->d));
	}
	arena_check(&m->out, out, s->n * 4);

	wide = arena_put(&m->out, s->n * 8, 8, s->at_end);
	for (op = 0; op < OPS; op++) {
		rows_f64_of(k, op)(q, x, s->stride, s->n, s->d, wide);
		for (i = 0; i < s->n; i++)
			same_f64(wide[i],
				 ref_f64(op, q, x + i * s->stride, s->d));
	}
	arena_check(&m->out, wide, s->n * 8);
}

static void panel_f32(const struct vs_kern *k, struct memory *m,
		      const struct shape *s, enum kind kind, struct vs_rng *r)
{
	float *q = arena_put(&m->q, s->d * 4, 4, s->at_end);
	float *panel = arena_put(&m->rows, s->d * 64, 64, s->at_end);
	float *out = arena_put(&m->out, 64, 4, s->at_end);
	float row[16][960];
	enum vs_canon_op op;
	double *wide;
	unsigned lane;
	size_t i;

	for (i = 0; i < s->d; i++)
		q[i] = rnd_float(r, kind);
	for (i = 0; i < s->d * 16; i++)
		panel[i] = row[i % 16][i / 16] = rnd_float(r, kind);
	for (op = 0; op < OPS; op++) {
		panel_f32_of(k, op)(q, panel, s->d, out);
		for (lane = 0; lane < 16; lane++)
			same_f32(out[lane], ref_f32(op, q, row[lane], s->d));
	}
	arena_check(&m->out, out, 64);

	wide = arena_put(&m->out, 128, 8, s->at_end);
	for (op = 0; op < OPS; op++) {
		panel_f64_of(k, op)(q, panel, s->d, wide);
		for (lane = 0; lane < 16; lane++)
			same_f64(wide[lane], ref_f64(op, q, row[lane], s->d));
	}
	arena_check(&m->out, wide, 128);
}

/* Random bytes, or only the two extremes. */
static uint8_t rnd_u8(struct vs_rng *r, bool extreme)
{
	return (uint8_t)(extreme ? 0 - (rnd(r) & 1) : rnd(r));
}

static void rows_u8(const struct vs_kern *k, struct memory *m,
		    const struct shape *s, bool extreme, struct vs_rng *r)
{
	size_t i, len = (s->n - 1) * s->stride + s->d;
	uint8_t *q = arena_put(&m->q, s->d, 1, s->at_end);
	uint8_t *x = arena_put(&m->rows, len, 1, s->at_end);
	int64_t *out = arena_put(&m->out, s->n * 8, 8, s->at_end);
	enum vs_canon_op op;

	for (i = 0; i < s->d; i++)
		q[i] = rnd_u8(r, extreme);
	for (i = 0; i < len; i++)
		x[i] = rnd_u8(r, extreme);
	for (op = 0; op < OPS; op++) {
		rows_u8_of(k, op)(q, x, s->stride, s->n, s->d, out);
		for (i = 0; i < s->n; i++)
			assert_int_equal(
				out[i],
				ref_u8(op, q, x + i * s->stride, s->d));
	}
	arena_check(&m->out, out, s->n * 8);
}

static void panel_u8(const struct vs_kern *k, struct memory *m,
		     const struct shape *s, bool extreme, struct vs_rng *r)
{
	size_t i, bytes = vs_panel_bytes(VS_U8, s->d);
	uint8_t *q = arena_put(&m->q, s->d, 1, s->at_end);
	uint8_t *panel = arena_put(&m->rows, bytes, 64, s->at_end);
	int64_t *out = arena_put(&m->out, 128, 8, s->at_end);
	uint8_t row[16][960];
	enum vs_canon_op op;
	unsigned lane;

	for (i = 0; i < s->d; i++)
		q[i] = rnd_u8(r, extreme);
	memset(panel, 0, bytes);
	for (lane = 0; lane < 16; lane++) {
		for (i = 0; i < s->d; i++)
			panel[i / 4 * 64 + lane * 4 + i % 4] = row[lane][i] =
				rnd_u8(r, extreme);
	}
	for (op = 0; op < OPS; op++) {
		panel_u8_of(k, op)(q, panel, s->d, out);
		for (lane = 0; lane < 16; lane++)
			assert_int_equal(out[lane],
					 ref_u8(op, q, row[lane], s->d));
	}
	arena_check(&m->out, out, 128);
}

static void all_of_dim(const struct vs_kern *k, struct memory *m, size_t d,
		       struct vs_rng *r)
{
	struct shape s = { .d = d };
	unsigned kind, pad;

	for (kind = 0; kind < 2 * KIND_N; kind++) {
		s.at_end = kind & 1;
		s.n = 1 + rnd_below(r, ROWS);
		s.stride = d;
		panel_f32(k, m, &s, kind / 2, r);
		rows_f32(k, m, &s, kind / 2, r);
		panel_u8(k, m, &s, kind & 2, r);
	}
	for (pad = 0; pad < 8; pad++) {
		s.at_end = pad & 1;
		s.n = 1 + pad % ROWS;
		s.stride = d + pad;
		rows_f32(k, m, &s, KIND_UNIT, r);
		rows_u8(k, m, &s, pad & 2, r);
	}
}

static void same_bits(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory m = memory_new(960 * 4 + 64);
	struct vs_rng r;
	size_t d;

	vs_rng_init(&r, 1, VS_STREAM_TEST);
	for (d = 1; d <= DIMS_ALL; d++)
		all_of_dim(&k, &m, d, &r);
	all_of_dim(&k, &m, 960, &r);
	memory_free(&m);
}

/* The lanes really are 16: an example whose value depends on the order. */
static void order_by_hand(void **state)
{
	struct vs_kern k = table_get(state);
	float q[34] = { 0 }, x[34] = { 0 }, out;
	size_t i;

	for (i = 0; i < 34; i++)
		q[i] = 1;
	/* Lane 0: (2^24 + 1) stays 2^24, then the tree adds lane 8's 1 and so
	 * on: each is lost.  In lane 1 they add up first. */
	x[0] = 0x1p24f;
	x[16] = 1;
	x[8] = 1;
	x[1] = 1;
	x[17] = 1;
	k.ip_f32(q, x, 34, 1, 34, &out);
	assert_true(out == 0x1p24f + 2);
	/* 8 apart comes before 4 apart: 1 + 1 reaches lane 0 as 2. */
	x[16] = x[8] = x[1] = x[17] = 0;
	x[4] = 1;
	x[12] = 1;
	k.ip_f32(q, x, 34, 1, 34, &out);
	assert_true(out == 0x1p24f + 2);
}

/* The largest sums there are: 65536 dimensions of 255 against 0 or 255. */
static void u8_extremes(void **state)
{
	struct vs_kern k = table_get(state);
	const size_t d = VS_DIM_MAX;
	uint8_t *zero = calloc(1, d), *full = malloc(d);
	uint8_t *panel = aligned_alloc(64, d * 16);
	int64_t out[16];
	size_t i, lane;

	memset(full, 255, d);
	memset(panel, 255, d * 16);
	for (i = d - 1; i <= d; i++) {
		int64_t want = (int64_t)i * 65025;

		k.l2sq_u8(zero, full, d, 1, i, out);
		assert_int_equal(out[0], want);
		k.ip_u8(full, full, d, 1, i, out);
		assert_int_equal(out[0], want);
		k.l1_u8(zero, full, d, 1, i, out);
		assert_int_equal(out[0], i * 255);
	}
	k.l2sq_u8_panel(zero, panel, d, out);
	for (lane = 0; lane < 16; lane++)
		assert_int_equal(out[lane], 4261478400);
	k.ip_u8_panel(full, panel, d, out);
	for (lane = 0; lane < 16; lane++)
		assert_int_equal(out[lane], 4261478400);
	k.l1_u8_panel(zero, panel, d, out);
	for (lane = 0; lane < 16; lane++)
		assert_int_equal(out[lane], 16711680);
	k.l2sq_u8_panel(full, panel, d, out);
	for (lane = 0; lane < 16; lane++)
		assert_int_equal(out[lane], 0);
	free(zero);
	free(full);
	free(panel);
}

/* NaN and infinity come out as IEEE 754 says, whatever lane they are in. */
static void not_finite(void **state)
{
	struct vs_kern k = table_get(state);
	float q[40], x[40], out;
	size_t i, at;

	for (at = 0; at < 40; at++) {
		for (i = 0; i < 40; i++)
			q[i] = x[i] = 1;
		x[at] = NAN;
		k.l2sq_f32(q, x, 40, 1, 40, &out);
		assert_true(isnan(out));
		k.ip_f32(q, x, 40, 1, 40, &out);
		assert_true(isnan(out));
		k.l1_f32(q, x, 40, 1, 40, &out);
		assert_true(isnan(out));
		x[at] = INFINITY;
		k.l2sq_f32(q, x, 40, 1, 40, &out);
		assert_true(out == INFINITY);
		x[at] = -INFINITY;
		k.ip_f32(q, x, 40, 1, 40, &out);
		assert_true(out == -INFINITY);
		k.l1_f32(q, x, 40, 1, 40, &out);
		assert_true(out == INFINITY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH_TABLE(same_bits),
		EACH_TABLE(order_by_hand),
		EACH_TABLE(u8_extremes),
		EACH_TABLE(not_finite),
	};

	tables_print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
