/* test_kern_u8.c - the u8 filters: exactly the rows and scores that plain
 * integers give, for every width, count and dimension. */
#include "kern_test.h"

#define ROWS (VS_TILE_PANELS * VS_PANEL_ROWS)
#define DIM_MAX 960

static const unsigned widths[] = { 1, 4, 8, 12 };

/* Data of one dimension and what integers say about it. */
struct data {
	uint8_t row[ROWS][DIM_MAX];
	uint8_t query[VS_TILE_W][DIM_MAX];
	int32_t term_l2[ROWS], term_ip[ROWS];
	int32_t score_l2[VS_TILE_W][ROWS], score_ip[VS_TILE_W][ROWS];
};

struct memory {
	struct arena panels, packed, terms, limit, pass;
};

static struct memory memory_new(size_t d)
{
	struct memory m = { arena_new(vs_panel_bytes(VS_U8, d) *
				      VS_TILE_PANELS),
			    arena_new((d + 3) * VS_TILE_W), arena_new(ROWS * 4),
			    arena_new(VS_TILE_W * 4),
			    arena_new(VS_PASS_MAX * sizeof(struct vs_pass)) };

	return m;
}

static void memory_free(struct memory *m)
{
	arena_free(&m->panels);
	arena_free(&m->packed);
	arena_free(&m->terms);
	arena_free(&m->limit);
	arena_free(&m->pass);
}

static void data_fill(struct data *a, size_t d, struct vs_rng *r)
{
	size_t i, q, x;

	for (x = 0; x < ROWS; x++) {
		for (i = 0; i < d; i++)
			a->row[x][i] =
				(uint8_t)(x % 8 ? rnd(r) : 0 - (rnd(r) & 1));
		a->term_l2[x] = vs_term_l2_u8(a->row[x], d);
		a->term_ip[x] = vs_term_ip_u8(a->row[x], d);
	}
	for (q = 0; q < VS_TILE_W; q++) {
		int32_t norm2 = 0;

		for (i = 0; i < d; i++) {
			a->query[q][i] =
				(uint8_t)(q % 4 ? rnd(r) : 0 - (rnd(r) & 1));
			norm2 += a->query[q][i] * a->query[q][i];
		}
		for (x = 0; x < ROWS; x++) {
			int32_t l2 = 0, ip = 0;

			for (i = 0; i < d; i++) {
				int32_t diff = a->row[x][i] - a->query[q][i];

				l2 += diff * diff;
				ip += a->row[x][i] * a->query[q][i];
			}
			a->score_l2[q][x] = l2 - norm2;
			a->score_ip[q][x] = -2 * ip;
		}
	}
}

/* The passes are the rows whose score is within the limit, each once. */
static void check_passes(const struct vs_tile_u8 *t, const struct vs_pass *pass,
			 size_t n, int32_t score[VS_TILE_W][ROWS])
{
	bool seen[VS_TILE_W][ROWS] = { { false } };
	size_t i, want = 0;
	unsigned q;

	assert_true(n <= VS_PASS_MAX);
	for (i = 0; i < n; i++) {
		assert_true(pass[i].q < t->n_q);
		assert_true(pass[i].row < t->n_panels * VS_PANEL_ROWS);
		assert_false(seen[pass[i].q][pass[i].row]);
		seen[pass[i].q][pass[i].row] = true;
		assert_int_equal(pass[i].score, score[pass[i].q][pass[i].row]);
	}
	for (q = 0; q < t->n_q; q++) {
		for (i = 0; i < t->n_panels * VS_PANEL_ROWS; i++) {
			if (score[q][i] <= t->limit[q]) {
				assert_true(seen[q][i]);
				want++;
			}
		}
	}
	assert_int_equal(n, want);
}

static int32_t some_limit(struct vs_rng *r, const int32_t *score, size_t n)
{
	int32_t tie = score[rnd_below(r, n)];

	switch (rnd(r) % 8) {
	case 0:
		return INT32_MAX;
	case 1:
		return INT32_MIN;
	case 2:
		return tie > INT32_MIN ? tie - 1 : tie;
	default:
		return tie;
	}
}

/* One call: the first n_q queries over n_panels, the last rows padding. */
static void one_call(const struct vs_kern *k, struct memory *m,
		     const struct data *a, struct vs_tile_u8 *t, bool l2,
		     struct vs_rng *r)
{
	static int32_t score[VS_TILE_W][ROWS];
	size_t n_rows = t->n_panels * VS_PANEL_ROWS, x;
	size_t bytes = vs_panel_bytes(VS_U8, t->d), packed_bytes;
	size_t real = n_rows - rnd_below(r, VS_PANEL_ROWS);
	const uint8_t *query[VS_TILE_W], *row[VS_PANEL_ROWS];
	bool at_end = rnd(r) & 1;
	uint8_t *panels =
		arena_put(&m->panels, bytes * t->n_panels, 64, at_end);
	int32_t *terms = arena_put(&m->terms, n_rows * 4, 64, at_end);
	int32_t *limit = arena_put(&m->limit, t->w * 4, 4, at_end);
	struct vs_pass *pass;
	int8_t *packed;
	unsigned q;

	packed_bytes = (t->d + 3) / 4 * 4 * t->w;
	packed = arena_put(&m->packed, packed_bytes, 64, at_end);
	for (x = 0; x < n_rows; x++) {
		row[x % 16] = x < real ? a->row[x] : NULL;
		terms[x] = l2 ? a->term_l2[x] : a->term_ip[x];
		if (x >= real)
			terms[x] = VS_TERM_PAD_U8;
		if (x % 16 == 15)
			vs_pack_panel_u8(row, t->d, panels + x / 16 * bytes);
	}
	for (q = 0; q < t->w; q++) {
		query[q] = a->query[q];
		for (x = 0; x < n_rows; x++)
			score[q][x] = x >= real ? VS_TERM_PAD_U8
				      : l2	? a->score_l2[q][x]
						: a->score_ip[q][x];
		limit[q] = some_limit(r, score[q], n_rows);
	}
	vs_pack_queries_u8(query, t->n_q, t->w, t->d, packed);
	t->panels = panels;
	t->packed = packed;
	t->terms = terms;
	t->limit = limit;
	pass = arena_put(&m->pass, VS_PASS_MAX * sizeof(*pass), 4, at_end);
	check_passes(t, pass, k->filter_u8(t, pass), score);
	arena_check(&m->pass, pass, VS_PASS_MAX * sizeof(*pass));
}

static void all_shapes(const struct vs_kern *k, struct memory *m, size_t d,
		       struct vs_rng *r)
{
	static struct data a;
	struct vs_tile_u8 t = { .d = d };
	unsigned w;

	data_fill(&a, d, r);
	for (t.n_panels = 1; t.n_panels <= VS_TILE_PANELS; t.n_panels++) {
		for (w = 0; w < 4; w++) {
			t.w = widths[w];
			for (t.n_q = 1; t.n_q <= t.w; t.n_q++)
				one_call(k, m, &a, &t, (t.n_q + d) % 2, r);
		}
	}
}

static void exact(void **state)
{
	struct vs_kern k = table_get(state);
	struct memory m = memory_new(DIM_MAX);
	struct vs_rng r;
	size_t d;

	vs_rng_init(&r, 6, VS_STREAM_TEST);
	for (d = 1; d <= 129; d++)
		all_shapes(&k, &m, d, &r);
	/* Past the 256 dimensions that widened queries are kept in. */
	for (d = 255; d <= 261; d++)
		all_shapes(&k, &m, d, &r);
	all_shapes(&k, &m, DIM_MAX, &r);
	memory_free(&m);
}

/* Terms and limits from the whole of int32, as far as scores fit: limits are
 * folded into the sums, and no rounding of that may show. */
static void whole_range(void **state)
{
	struct vs_kern k = table_get(state);
	_Alignas(64) static uint8_t panels[VS_TILE_PANELS * 128];
	_Alignas(64) int8_t packed[VS_TILE_W * 8];
	_Alignas(64) int32_t terms[ROWS], limit[VS_TILE_W];
	static int32_t score[VS_TILE_W][ROWS];
	static struct vs_pass pass[VS_PASS_MAX];
	struct vs_tile_u8 t = { panels, VS_TILE_PANELS, 8,    packed, 12,
				12,	terms,		limit,	NULL };
	const int64_t room = (int64_t)INT32_MAX - 8 * 255 * 256;
	struct vs_rng r;
	size_t x, q, i, turn;

	vs_rng_init(&r, 7, VS_STREAM_TEST);
	for (turn = 0; turn < 500; turn++) {
		for (i = 0; i < sizeof(panels); i++)
			panels[i] = (uint8_t)rnd(&r);
		for (i = 0; i < sizeof(packed); i++)
			packed[i] = (int8_t)rnd(&r);
		for (x = 0; x < ROWS; x++)
			terms[x] = (int32_t)((int64_t)rnd_below(
						     &r, 2 * (size_t)room) -
					     room);
		for (q = 0; q < VS_TILE_W; q++) {
			for (x = 0; x < ROWS; x++) {
				const uint8_t *p = panels + x / 16 * 128;
				int32_t acc = 0;

				for (i = 0; i < 8; i++)
					acc += p[i / 4 * 64 + x % 16 * 4 +
						 i % 4] *
					       packed[(i / 4 * 12 + q) * 4 +
						      i % 4];
				score[q][x] = terms[x] - 2 * acc;
			}
			limit[q] = q % 3 ? score[q][rnd_below(&r, ROWS)] +
						   (int32_t)(rnd(&r) % 3) - 1
					 : (int32_t)rnd(&r);
		}
		check_passes(&t, pass, k.filter_u8(&t, pass), score);
	}
}

/* Sums may leave int32 on the way when they end inside it: the first four
 * bytes add what the last four take away. */
static void wraps(void **state)
{
	struct vs_kern k = table_get(state);
	_Alignas(64) uint8_t panels[128];
	_Alignas(64) int8_t packed[8 * 4];
	_Alignas(64) int32_t terms[16], limit[4];
	static int32_t score[VS_TILE_W][ROWS];
	static struct vs_pass pass[VS_PASS_MAX];
	struct vs_tile_u8 t = { panels, 1, 8, packed, 4, 4, terms, limit,
				NULL };
	size_t i, x, q;

	memset(panels, 255, sizeof(panels));
	for (i = 0; i < sizeof(packed); i++) {
		bool first = i < 16, up = i / 4 % 2;

		packed[i] = first == up ? 127 : -127;
	}
	for (x = 0; x < 16; x++)
		terms[x] = x % 2 ? INT32_MIN : INT32_MAX;
	for (q = 0; q < 4; q++) {
		limit[q] = q / 2 ? INT32_MAX : INT32_MIN;
		for (x = 0; x < 16; x++)
			score[q][x] = terms[x];
	}
	check_passes(&t, pass, k.filter_u8(&t, pass), score);
}

/* The widest rows, all 255 or 0 against all 255 or 0: scores at both ends of
 * int32, with limits on and beside them. */
static void widest(const struct vs_kern *k, size_t d, bool l2)
{
	size_t bytes = vs_panel_bytes(VS_U8, d), x, q;
	uint8_t *panels = aligned_alloc(64, bytes), *value = malloc(2 * d);
	int8_t *packed = aligned_alloc(64, (d + 3) / 4 * 4 * 12 / 64 * 64 + 64);
	_Alignas(64) int32_t terms[16], limit[12];
	static int32_t score[VS_TILE_W][ROWS];
	static struct vs_pass pass[VS_PASS_MAX];
	struct vs_tile_u8 t = { panels, 1, d, packed, 12, 12, terms, limit,
				NULL };
	const uint8_t *row[16], *query[12];
	int32_t beside;

	memset(value, 0, d);
	memset(value + d, 255, d);
	for (x = 0; x < 16; x++) {
		row[x] = value + x % 2 * d;
		terms[x] = l2 ? vs_term_l2_u8(row[x], d)
			      : vs_term_ip_u8(row[x], d);
	}
	for (q = 0; q < 12; q++) {
		query[q] = value + q % 2 * d;
		for (x = 0; x < 16; x++) {
			int64_t full = (int64_t)d * 65025;
			int64_t both = x % 2 && q % 2 ? full : 0;
			int64_t norm = x % 2 ? full : 0;

			score[q][x] =
				(int32_t)(l2 ? norm - 2 * both : -2 * both);
		}
	}
	vs_pack_panel_u8(row, d, panels);
	vs_pack_queries_u8(query, 12, 12, d, packed);
	for (x = 0; x < 2; x++) {
		for (beside = -1; beside <= 1; beside++) {
			for (q = 0; q < 12; q++)
				limit[q] = score[q][x] + beside;
			check_passes(&t, pass, k->filter_u8(&t, pass), score);
		}
		limit[0] = limit[1] = INT32_MAX;
		limit[2] = limit[3] = INT32_MIN;
		check_passes(&t, pass, k->filter_u8(&t, pass), score);
	}
	free(panels);
	free(value);
	free(packed);
}

static void extremes(void **state)
{
	struct vs_kern k = table_get(state);

	widest(&k, VS_TILE_U8_DIM_MAX, true);
	widest(&k, VS_TILE_U8_DIM_MAX - 1, true);
	widest(&k, VS_TILE_U8_IP_DIM_MAX, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH_TABLE_AND_TWIN(exact),
		EACH_TABLE_AND_TWIN(whole_range),
		EACH_TABLE_AND_TWIN(wraps),
		EACH_TABLE_AND_TWIN(extremes),
	};

	tables_print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
