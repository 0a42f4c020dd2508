/* bench_kern.c - rates of the kernels, table by table, and of the bare
 * instructions that bound them.
 *
 * Usage: bench_kern [memory] [TABLE...].  Rows fill 512 KiB, so data comes from
 * L2; with the word memory 256 MiB, each byte used once in a pass.  Each figure
 * is the best of some runs in seconds of this thread's CPU time: other programs
 * can only slow one down.  (They do so by half when two CPUs are threads of one
 * core.)  Thresholds let nothing pass, as almost always in a search.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vs/kern.h"

#define SET_L2 ((size_t)512 << 10)
#define SET_MEMORY ((size_t)256 << 20)
#define RUNS 12
#define RUN_SECS 0.004
#define SCAN_N 65536

struct bench {
	const struct vs_kern *k;
	size_t set_bytes, d, n_panels;
	unsigned w;
	uint8_t *u8, *q_u8; /* panels, or the same bytes as rows */
	uint8_t *tables; /* of product codes */
	float *f32, *q_f32;
	int8_t *packed_u8;
	float *packed_f32;
	int32_t *terms_u8;
	float *terms_f32;
	void *out;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *take(size_t n)
{
	void *p = aligned_alloc(64, (n + 63) / 64 * 64);

	if (p == NULL) {
		fprintf(stderr, "bench_kern: out of memory\n");
		exit(71);
	}
	memset(p, 1, n);
	return p;
}

/* ---- one pass of each operation over the set; gives multiplications ------ */

typedef size_t (*filter_u8_fn)(const struct vs_tile_u8 *t,
			       struct vs_pass *pass);

static double all_u8(const struct bench *b, filter_u8_fn filter, int32_t top,
		     const struct vs_tile_lin *lin)
{
	int32_t limit[VS_TILE_W];
	struct vs_tile_u8 t = { .d = b->d,
				.packed = b->packed_u8,
				.w = b->w,
				.n_q = b->w,
				.limit = limit,
				.lin = lin };
	size_t p, bytes = vs_panel_bytes(VS_U8, b->d), found = 0;
	unsigned q;

	for (q = 0; q < VS_TILE_W; q++)
		limit[q] = top;

	for (p = 0; p < b->n_panels; p += t.n_panels) {
		t.n_panels = b->n_panels - p < VS_TILE_PANELS ? b->n_panels - p
							      : VS_TILE_PANELS;
		t.panels = b->u8 + p * bytes;
		t.terms = b->terms_u8 + p * VS_PANEL_ROWS;
		found += filter(&t, b->out);
	}
	if (found != 0)
		abort();
	return (double)b->n_panels * 16 * (double)b->d * b->w;
}

static double filter_u8(const struct bench *b)
{
	return all_u8(b, b->k->filter_u8, 0, NULL);
}

/* The terms are those of any 128 rows. */
static double filter_u8_lin(const struct bench *b)
{
	float c[VS_TILE_W], g[VS_TILE_W];
	const struct vs_tile_lin lin = { b->terms_f32, b->terms_f32, c, g, g };
	unsigned q;

	for (q = 0; q < VS_TILE_W; q++) {
		c[q] = 1e9f;
		g[q] = 1;
	}
	return all_u8(b, b->k->filter_u8, 0, &lin);
}

static double filter_l1_u8(const struct bench *b)
{
	return all_u8(b, b->k->filter_l1_u8, -1, NULL);
}

typedef size_t (*filter_f32_fn)(const struct vs_tile_f32 *t,
				struct vs_pass *pass);

static double all_f32(const struct bench *b, filter_f32_fn filter)
{
	const float limit[VS_TILE_W] = { 0 };
	float gain[VS_TILE_W];
	struct vs_tile_f32 t = { .d = b->d,
				 .packed = b->packed_f32,
				 .w = b->w,
				 .n_q = b->w,
				 .limit = limit,
				 .gain = gain };
	size_t p, found = 0;
	unsigned q;

	for (q = 0; q < VS_TILE_W; q++)
		gain[q] = -1;
	for (p = 0; p < b->n_panels; p += t.n_panels) {
		t.n_panels = b->n_panels - p < VS_TILE_PANELS ? b->n_panels - p
							      : VS_TILE_PANELS;
		t.panels = b->f32 + p * 16 * b->d;
		t.terms = b->terms_f32 + p * VS_PANEL_ROWS;
		found += filter(&t, b->out);
	}
	if (found != 0)
		abort();
	return (double)b->n_panels * 16 * (double)b->d * b->w;
}

static double filter_f32(const struct bench *b)
{
	return all_f32(b, b->k->filter_f32);
}

static double filter_l1_f32(const struct bench *b)
{
	return all_f32(b, b->k->filter_l1_f32);
}

typedef size_t (*filter_pq_fn)(const struct vs_tile_pq *t,
			       struct vs_pass *pass);

/* d pieces; gives codes that were looked up. */
static double all_pq(const struct bench *b, filter_pq_fn filter, unsigned bits)
{
	size_t bytes = b->d * bits / 8 * VS_PANEL_ROWS, p, found = 0;
	size_t table = bits == 8 ? vs_pq8_table_bytes(b->d) :
				   vs_pq4_table_bytes(b->d);
	const uint8_t *tables[VS_TILE_W];
	float c[VS_TILE_W], g[VS_TILE_W] = { 0 };
	struct vs_tile_pq t = { .m = b->d,
				.tables = tables,
				.n_q = b->w,
				.terms = b->terms_f32,
				.c = c,
				.g = g };
	unsigned q;

	for (q = 0; q < VS_TILE_W; q++) {
		tables[q] = b->tables + q * table;
		c[q] = -1;
	}
	for (p = 0; p < b->n_panels; p += t.n_panels) {
		t.n_panels = b->n_panels - p < VS_TILE_PANELS ? b->n_panels - p
							      : VS_TILE_PANELS;
		t.panels = b->u8 + p * bytes;
		found += filter(&t, b->out);
	}
	if (found != 0)
		abort();
	return (double)b->n_panels * 16 * (double)b->d * b->w;
}

static double filter_pq4(const struct bench *b)
{
	return all_pq(b, b->k->filter_pq4, 4);
}

static double filter_pq8(const struct bench *b)
{
	return all_pq(b, b->k->filter_pq8, 8);
}

static double scores_f32(const struct bench *b)
{
	const float zero[VS_TILE_W] = { 0 };
	struct vs_tile_f32 t = { b->f32,	b->n_panels, b->d,
				 b->packed_f32, b->w,	     b->w,
				 b->terms_f32,	zero,	     zero };

	b->k->scores_f32(&t, b->out, b->n_panels * VS_PANEL_ROWS);
	return (double)b->n_panels * 16 * (double)b->d * b->w;
}

#define ROWS_OP(op, dtype, out_t)                                              \
	static double op(const struct bench *b)                                \
	{                                                                      \
		size_t n = b->n_panels * VS_PANEL_ROWS;                        \
		out_t *out = b->out;                                           \
		b->k->op(b->q_##dtype, b->dtype, b->d, n, b->d, out);          \
		return (double)n * (double)b->d;                               \
	}

#define PANEL_OP(op, dtype, out_t, step)                                       \
	static double op(const struct bench *b)                                \
	{                                                                      \
		size_t p;                                                      \
		out_t *out = b->out;                                           \
		for (p = 0; p < b->n_panels; p++)                              \
			b->k->op(b->q_##dtype, b->dtype + p * (step), b->d,    \
				 out);                                         \
		return (double)b->n_panels * 16 * (double)b->d;                \
	}

ROWS_OP(l2sq_f32, f32, float)
ROWS_OP(ip_f32, f32, float)
ROWS_OP(l1_f32, f32, float)
ROWS_OP(l2sq_f32_f64, f32, double)
ROWS_OP(ip_f32_f64, f32, double)
ROWS_OP(l2sq_u8, u8, int64_t)
ROWS_OP(ip_u8, u8, int64_t)
ROWS_OP(l1_u8, u8, int64_t)
PANEL_OP(l2sq_f32_panel, f32, float, 16 * b->d)
PANEL_OP(ip_f32_panel, f32, float, 16 * b->d)
PANEL_OP(l1_f32_panel, f32, float, 16 * b->d)
PANEL_OP(l2sq_f32_f64_panel, f32, double, 16 * b->d)
PANEL_OP(ip_f32_f64_panel, f32, double, 16 * b->d)
PANEL_OP(l2sq_u8_panel, u8, int64_t, vs_panel_bytes(VS_U8, b->d))
PANEL_OP(ip_u8_panel, u8, int64_t, vs_panel_bytes(VS_U8, b->d))
PANEL_OP(l1_u8_panel, u8, int64_t, vs_panel_bytes(VS_U8, b->d))

/* Bytes read, for the scans. */
static double min_f32(const struct bench *b)
{
	float *out = b->out;

	*out = b->k->min_f32(b->f32, SCAN_N);
	return SCAN_N * 4;
}

static double select_le_f32(const struct bench *b)
{
	if (b->k->select_le_f32(b->f32, SCAN_N, -1, b->out) != 0)
		abort();
	return SCAN_N * 4;
}

static double widen_f16(const struct bench *b)
{
	b->k->widen_f16((const uint16_t *)(const void *)b->u8, SCAN_N / 4,
			b->out);
	return SCAN_N / 4 * 6; /* read and written */
}

/* ---- measuring ----------------------------------------------------------- */

/* Best rate in 1e9 per second. */
static double rate(double (*op)(const struct bench *), const struct bench *b)
{
	double best = 0, start, secs, work;
	int run;

	for (run = 0; run < RUNS; run++) {
		work = 0;
		start = now();
		do {
			work += op(b);
			secs = now() - start;
		} while (secs < RUN_SECS);
		if (work / secs > best)
			best = work / secs;
	}
	return best * 1e-9;
}

#if defined(__x86_64__)
#define EIGHT(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)
#define TWELVE(op) EIGHT(op) op(8) op(9) op(10) op(11)
#define CLOBBER                                                                \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",        \
		"xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",   \
		"xmm15"
#define DOT(n) "vpdpbusd %%zmm14, %%zmm15, %%zmm" #n "\n\t"
#define FMA512(n) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" #n "\n\t"
#define FMA256(n) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #n "\n\t"
#define MADD(reg, n)                                                           \
	"vpmaddwd %%" reg "14, %%" reg "15, %%" reg "12\n\t"                   \
	"vpmaddwd %%" reg "14, %%" reg "15, %%" reg "13\n\t"                   \
	"vpaddd %%" reg "12, %%" reg "13, %%" reg "12\n\t"                     \
	"vpaddd %%" reg "12, %%" reg #n ", %%" reg #n "\n\t"
#define MADD512(n) MADD("zmm", n)
#define MADD256(n) MADD("ymm", n)

#define RAW_OP(name, code, per_instruction)                                    \
	static double name(const struct bench *b)                              \
	{                                                                      \
		int i;                                                         \
		(void)b;                                                       \
		for (i = 0; i < 1000; i++)                                     \
			__asm__ volatile(code "vzeroupper" : : : CLOBBER);     \
		return 1000.0 * 12 * (per_instruction);                        \
	}

RAW_OP(raw_dot, TWELVE(DOT) TWELVE(DOT) TWELVE(DOT) TWELVE(DOT), 4 * 64)
RAW_OP(raw_fma512, TWELVE(FMA512) TWELVE(FMA512) TWELVE(FMA512) TWELVE(FMA512),
       4 * 16)
RAW_OP(raw_fma256, TWELVE(FMA256) TWELVE(FMA256) TWELVE(FMA256) TWELVE(FMA256),
       4 * 8)
RAW_OP(raw_madd512, TWELVE(MADD512), 64)
RAW_OP(raw_madd256, TWELVE(MADD256), 32)
#endif

/* Rates of bare instructions on registers: what the tiles cannot pass. */
struct raw {
	double u8, f32;
};

static struct raw raw_of(const struct vs_kern *k)
{
	struct raw raw = { 0, 0 };

#if defined(__x86_64__)
	if (strcmp(k->name, "vnni") == 0 || strcmp(k->name, "vbmi") == 0) {
		raw.u8 = rate(raw_dot, NULL);
		raw.f32 = rate(raw_fma512, NULL);
	} else if (strcmp(k->name, "avx512") == 0) {
		raw.u8 = rate(raw_madd512, NULL);
		raw.f32 = rate(raw_fma512, NULL);
	} else if (strcmp(k->name, "avx2") == 0) {
		raw.u8 = rate(raw_madd256, NULL);
		raw.f32 = rate(raw_fma256, NULL);
	}
#else
	(void)k;
#endif
	return raw;
}

static const struct {
	const char *name;
	double (*op)(const struct bench *b);
	char dtype; /* of the elements: u, f */
	char kind;  /* t tile, p tile of codes, c canonical, s scan */
} ops[] = {
	{ "filter_u8", filter_u8, 'u', 't' },
	{ "filter_u8 lin", filter_u8_lin, 'u', 't' },
	{ "filter_l1_u8", filter_l1_u8, 'u', 't' },
	{ "filter_f32", filter_f32, 'f', 't' },
	{ "filter_l1_f32", filter_l1_f32, 'f', 't' },
	{ "scores_f32", scores_f32, 'f', 't' },
	{ "filter_pq4", filter_pq4, 'u', 'p' },
	{ "filter_pq8", filter_pq8, 'u', 'p' },
	{ "l2sq_f32", l2sq_f32, 'f', 'c' },
	{ "ip_f32", ip_f32, 'f', 'c' },
	{ "l1_f32", l1_f32, 'f', 'c' },
	{ "l2sq_f32_f64", l2sq_f32_f64, 'f', 'c' },
	{ "ip_f32_f64", ip_f32_f64, 'f', 'c' },
	{ "l2sq_u8", l2sq_u8, 'u', 'c' },
	{ "ip_u8", ip_u8, 'u', 'c' },
	{ "l1_u8", l1_u8, 'u', 'c' },
	{ "l2sq_f32_panel", l2sq_f32_panel, 'f', 'c' },
	{ "ip_f32_panel", ip_f32_panel, 'f', 'c' },
	{ "l1_f32_panel", l1_f32_panel, 'f', 'c' },
	{ "l2sq_f32_f64_panel", l2sq_f32_f64_panel, 'f', 'c' },
	{ "ip_f32_f64_panel", ip_f32_f64_panel, 'f', 'c' },
	{ "l2sq_u8_panel", l2sq_u8_panel, 'u', 'c' },
	{ "ip_u8_panel", ip_u8_panel, 'u', 'c' },
	{ "l1_u8_panel", l1_u8_panel, 'u', 'c' },
	{ "widen_f16", widen_f16, 'f', 's' },
	{ "min_f32", min_f32, 'f', 's' },
	{ "select_le_f32", select_le_f32, 'f', 's' },
};

#define N_OPS (sizeof(ops) / sizeof(ops[0]))

static void one_op(struct bench *b, size_t i, const struct raw *raw)
{
	static const unsigned widths[] = { 12, 8, 4, 1 };
	double bound = ops[i].dtype == 'u' ? raw->u8 : raw->f32, r;
	size_t w, size = ops[i].dtype == 'u' ? 1 : 4;

	b->n_panels = b->set_bytes / (16 * size * b->d);
	for (w = 0; w < 4; w++) {
		b->w = widths[w];
		r = rate(ops[i].op, b);
		printf("%-8s %4zu %-18s ", b->k->name, b->d, ops[i].name);
		if (ops[i].kind == 't')
			printf("%2u %8.1f G MAC/s", b->w, r);
		else if (ops[i].kind == 'p')
			printf("%2u %8.1f G codes/s", b->w, r);
		else
			printf("   %8.1f %s", r,
			       ops[i].kind == 's' ? "GB/s" : "G MAC/s");
		if (ops[i].kind == 't' && bound > 0)
			printf(" %5.1f %% of raw", 100 * r / bound);
		printf("\n");
		if (ops[i].kind != 't' && ops[i].kind != 'p')
			break;
	}
}

static void one_table(struct bench *b)
{
	static const size_t dims[] = { 96, 128, 256, 960 };
	struct raw raw = raw_of(b->k);
	size_t d, i;

	if (raw.u8 > 0)
		printf("%-8s raw: u8 %.1f, f32 %.1f G MAC/s\n", b->k->name,
		       raw.u8, raw.f32);
	for (d = 0; d < sizeof(dims) / sizeof(dims[0]); d++) {
		b->d = dims[d];
		for (i = 0; i < N_OPS; i++) {
			/* The scans know no dimension. */
			if (ops[i].kind != 's' || d == 0)
				one_op(b, i, &raw);
		}
		fflush(stdout);
	}
}

static bool wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return true;
	}
	return argc < 2;
}

static struct bench bench_new(size_t set_bytes)
{
	size_t i, n_rows = set_bytes / 96;
	struct bench b = { .set_bytes = set_bytes,
			   .u8 = take(set_bytes),
			   .q_u8 = take(960),
			   .tables = take(960 * 256 * VS_TILE_W),
			   .f32 = take(set_bytes),
			   .q_f32 = take(960 * 4),
			   .packed_u8 = take(960 * VS_TILE_W),
			   .packed_f32 = take(960 * VS_TILE_W * 4),
			   .terms_u8 = take(n_rows * 4),
			   .terms_f32 = take(n_rows * 4),
			   .out = take(set_bytes / 8 + SET_L2) };

	for (i = 0; i < set_bytes / 4; i++)
		b.f32[i] = (float)(i % 7);
	for (i = 0; i < 960; i++)
		b.q_f32[i] = (float)(i % 5);
	for (i = 0; i < 960 * VS_TILE_W; i++)
		b.packed_f32[i] = (float)(i % 3);
	for (i = 0; i < n_rows; i++) {
		b.terms_u8[i] = 1 << 30;
		b.terms_f32[i] = 1e30f;
	}
	return b;
}

static void bench_free(struct bench *b)
{
	free(b->u8);
	free(b->q_u8);
	free(b->tables);
	free(b->f32);
	free(b->q_f32);
	free(b->packed_u8);
	free(b->packed_f32);
	free(b->terms_u8);
	free(b->terms_f32);
	free(b->out);
}

int main(int argc, char **argv)
{
	bool memory = argc > 1 && strcmp(argv[1], "memory") == 0;
	struct bench b = bench_new(memory ? SET_MEMORY : SET_L2);
	unsigned level;

	for (level = VS_CPU_GENERIC; level < VS_CPU_BEST; level++) {
		b.k = vs_kern_exact((enum vs_cpu)level);
		if (b.k != NULL &&
		    wanted(b.k->name, argc - memory, argv + memory))
			one_table(&b);
	}
	bench_free(&b);
	return 0;
}
