/* kern_test.h - what the tests of the kernels share: every table this machine
 * can run, memory between guard pages, and random numbers. */
#ifndef VS_TESTS_KERN_TEST_H
#define VS_TESTS_KERN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/kern/kern_int.h"
#include "vs/rng.h"

/* A table by its level; the twin of vnni without assembly has no level of its
 * own. */
struct table {
	const char *name;
	enum vs_cpu level;
	bool twin;
};

static struct table tables[] = {
	{ "generic", VS_CPU_GENERIC, false },
	{ "avx2", VS_CPU_AVX2, false },
	{ "avx512", VS_CPU_AVX512, false },
	{ "vnni", VS_CPU_VNNI, false },
	{ "vbmi", VS_CPU_VBMI, false },
	{ "neon", VS_CPU_NEON, false },
	{ "vnni-intrinsics", VS_CPU_VNNI, true },
};

#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

/* One test per table, named after it; a level that cannot run is skipped. */
#define ON_TABLE(fn, name, i) { #fn " " name, fn, NULL, NULL, &tables[i] }
#define EACH_TABLE(fn)                                                         \
	ON_TABLE(fn, "generic", 0), ON_TABLE(fn, "avx2", 1),                   \
		ON_TABLE(fn, "avx512", 2), ON_TABLE(fn, "vnni", 3),            \
		ON_TABLE(fn, "vbmi", 4), ON_TABLE(fn, "neon", 5)

#define EACH_TABLE_AND_TWIN(fn)                                                \
	EACH_TABLE(fn), ON_TABLE(fn, "vnni-intrinsics", 6)

static inline struct vs_kern table_get(void **state)
{
	const struct table *t = *state;
	const struct vs_kern *k = vs_kern_exact(t->level);
	struct vs_kern copy;

	if (k == NULL)
		skip();
	copy = *k;
#if VS_KERN_X86
	if (t->twin) {
		copy.filter_u8 = vs_filter_u8_vnni_intrin;
		copy.scores_u8 = vs_scores_u8_vnni_intrin;
	}
#endif
	return copy;
}

static inline void tables_print(void)
{
	size_t i;

	for (i = 0; i < N_TABLES; i++)
		print_message("# kernels %s: %s\n", tables[i].name,
			      vs_kern_exact(tables[i].level) != NULL
				      ? "run"
				      : "skipped, not on this machine");
}

/* size bytes of memory between two pages that fault. */
struct arena {
	uint8_t *lo;
	uint8_t *hi;
};

#define ARENA_BYTE 0xa5

/* Under AddressSanitizer also the rest of the arena is out of bounds. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define ARENA_CLOSE(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define ARENA_OPEN(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define ARENA_CLOSE(p, n) ((void)(p), (void)(n))
#define ARENA_OPEN(p, n) ((void)(p), (void)(n))
#endif

static inline struct arena arena_new(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t body = (size + 4096 + page - 1) / page * page;
	uint8_t *map = mmap(NULL, body + 2 * page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct arena a = { map + page, map + page + body };

	assert_true(map != MAP_FAILED);
	assert_int_equal(mprotect(map, page, PROT_NONE), 0);
	assert_int_equal(mprotect(a.hi, page, PROT_NONE), 0);
	return a;
}

static inline void arena_free(struct arena *a)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	ARENA_OPEN(a->lo, (size_t)(a->hi - a->lo));
	munmap(a->lo - page, (size_t)(a->hi - a->lo) + 2 * page);
}

/* n bytes at the end of the arena, or at its start; align is that of the
 * start.  The bytes around them are set to a pattern for arena_check. */
static inline void *arena_put(struct arena *a, size_t n, size_t align,
			      bool at_end)
{
	uint8_t *p = at_end ? a->hi - (n + align - 1) / align * align : a->lo;
	size_t before = (size_t)(p - a->lo) < 64 ? (size_t)(p - a->lo) : 64;
	size_t after = (size_t)(a->hi - p) - n;

	assert_true(p >= a->lo);
	ARENA_OPEN(a->lo, (size_t)(a->hi - a->lo));
	memset(p - before, ARENA_BYTE, before);
	memset(p + n, ARENA_BYTE, after < 64 ? after : 64);
	ARENA_CLOSE(a->lo, (size_t)(p - a->lo));
	ARENA_CLOSE(p + n, after);
	return p;
}

/* Nothing was written around the n bytes at p. */
static inline void arena_check(const struct arena *a, const void *start,
			       size_t n)
{
	const uint8_t *p = start;
	size_t i;

	ARENA_OPEN(a->lo, (size_t)(a->hi - a->lo));
	for (i = 1; i <= 64 && p - i >= a->lo; i++)
		assert_int_equal(*(p - i), ARENA_BYTE);
	for (i = 0; i < 64 && p + n + i < a->hi; i++)
		assert_int_equal(p[n + i], ARENA_BYTE);
}

static inline uint32_t rnd(struct vs_rng *r)
{
	return (uint32_t)(vs_rng_next(r) >> 32);
}

static inline size_t rnd_below(struct vs_rng *r, size_t n)
{
	return (size_t)vs_rng_below(r, n);
}

/* Kinds of float data. */
enum kind {
	KIND_UNIT,   /* [-1, 1) */
	KIND_INT,    /* small integers: all sums are exact */
	KIND_TINY,   /* subnormal and barely normal products */
	KIND_HUGE,   /* 1e17 .. 1e19, seldom to 1e38: sums may overflow */
	KIND_WIDE,   /* exponents from 1e-20 to 1e20 */
	KIND_CANCEL, /* large, near-equal values that cancel */
	KIND_N
};

static inline float rnd_float(struct vs_rng *r, enum kind kind)
{
	float u = (float)(vs_rng_f64(r) * 2 - 1);

	switch (kind) {
	case KIND_INT:
		return (float)(int)(rnd(r) % 17) - 8;
	case KIND_TINY:
		return ldexpf(u, -50 - (int)(rnd(r) % 99));
	case KIND_HUGE:
		return ldexpf(u,
			      56 + (int)(rnd(r) % 9) +
				      (rnd(r) % 99 ? 0 : (int)(rnd(r) % 63)));
	case KIND_WIDE:
		return ldexpf(u, (int)(rnd(r) % 134) - 67);
	case KIND_CANCEL:
		return 1e4f + u * 1e-2f;
	default:
		return u;
	}
}

#endif
