/* test_zst.c - zstd frames: exact sizes, and nothing else accepted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "faults.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/rng.h"
#include "vs/zst.h"

#define RAW 100000

static uint8_t raw[RAW], back[RAW + 1];
static uint8_t packed[RAW + 4096];
static size_t n_packed;
static struct vs_ctx ctx;
static struct vs_err err;

/* Text-like data, packed once for all tests. */
static int setup(void **state)
{
	struct vs_rng r;
	size_t i;

	(void)state;
	vs_ctx_init(&ctx);
	vs_rng_init(&r, 1, VS_STREAM_TEST);
	for (i = 0; i < RAW; i++)
		raw[i] = (uint8_t)("vector, search \n"[vs_rng_below(&r, 16)]);
	return vs_zst_pack(&ctx, packed, sizeof(packed), raw, RAW, &n_packed,
			   &err);
}

static int check_memory(void **state)
{
	(void)state;
	return atomic_load(&ctx.mem_now) == 0 ? 0 : -1;
}

/* Unpacks n bytes that must be refused, naming the thing. */
static void refuse(const void *src, size_t n, size_t want, const char *text)
{
	vs_err_clear(&err);
	assert_int_equal(VS_EDATA, vs_zst_unpack(&ctx, back, want, src, n,
						 "a.vss: section ids", &err));
	assert_int_equal(0, strncmp(err.msg, "a.vss: section ids: ", 20));
	if (strstr(err.msg, text) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", err.msg, text);
}

static void test_round_trip(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 100, 255, 256, 65536, RAW };
	static uint8_t out[RAW + 4096], again[RAW + 4096];
	size_t i, n, m;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_true(vs_zst_bound(sizes[i]) <= sizeof(out));
		assert_int_equal(0, vs_zst_pack(&ctx, out,
						vs_zst_bound(sizes[i]), raw,
						sizes[i], &n, &err));
		memset(back, 0xee, sizeof(back));
		assert_int_equal(0, vs_zst_unpack(&ctx, back, sizes[i], out, n,
						  "x", &err));
		assert_memory_equal(raw, back, sizes[i]);
		assert_int_equal(0xee, back[sizes[i]]);
		/* the same bytes again */
		assert_int_equal(0, vs_zst_pack(&ctx, again, sizeof(again),
						raw, sizes[i], &m, &err));
		assert_int_equal(n, m);
		assert_memory_equal(out, again, n);
	}
	assert_true(n_packed < RAW * 3 / 4);
	assert_int_equal(0, atomic_load(&ctx.mem_now));
}

static void test_truncated(void **state)
{
	uint8_t *copy;
	size_t n;

	(void)state;
	for (n = 0; n < n_packed; n += n < 64 ? 1 : 997) {
		/* exactly n bytes, so that reading past them is seen */
		copy = malloc(n + 1);
		assert_non_null(copy);
		memcpy(copy + 1, packed, n);
		refuse(copy + 1, n, RAW, "");
		free(copy);
	}
}

static void test_wrong_raw_size(void **state)
{
	(void)state;
	refuse(packed, n_packed, RAW - 1, "100000 bytes; expected 99999");
	refuse(packed, n_packed, RAW + 1, "expected 100001");
	refuse(packed, n_packed, 0, "expected 0");
}

static void test_trailing_bytes(void **state)
{
	static uint8_t two[2 * sizeof(packed)];
	size_t n;

	(void)state;
	memcpy(two, packed, n_packed);
	two[n_packed] = 0;
	refuse(two, n_packed + 1, RAW, "expected");
	/* two frames, the second one empty */
	assert_int_equal(0, vs_zst_pack(&ctx, two + n_packed, 100, raw, 0, &n,
					&err));
	refuse(two, n_packed + n, RAW, "expected");
	/* two halves of the data */
	assert_int_equal(0, vs_zst_pack(&ctx, two, sizeof(two), raw, RAW / 2,
					&n, &err));
	memcpy(two + n, two, n);
	refuse(two, 2 * n, RAW, "expected");
	/* a skippable frame before or after */
	memcpy(two, "\x50\x2a\x4d\x18\x00\x00\x00\x00", 8);
	memcpy(two + 8, packed, n_packed);
	refuse(two, n_packed + 8, RAW, "no zstd frame");
	refuse(two, 8, 0, "no zstd frame");
}

static void test_no_frame(void **state)
{
	(void)state;
	refuse("", 0, 0, "no zstd frame");
	refuse("hello, world, this is no frame", 30, 30, "no zstd frame");
	/* version 0.7 of the format */
	refuse("\x27\xb5\x2f\xfd\x20\x01\x09\x00\x00\x61", 10, 1, "");
}

/* Hand-made frames (RFC 8878): a header and one raw block. */
static void test_windows_and_headers(void **state)
{
	/* content size 1 in 8 bytes, window given: exponent 21, 2 GiB */
	static const uint8_t big_window[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xc0,
					      21 << 3, 1, 0, 0, 0, 0, 0, 0, 0,
					      0x09, 0, 0, 'a' };
	/* no content size, window of 1 KiB */
	static const uint8_t no_size[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00,
					   0x00, 0x09, 0,    0,    'a' };
	/* dictionary 7, single segment of 1 byte */
	static const uint8_t dict[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x21,
					7,    1,    0x09, 0,    0,    'a' };
	/* the reserved bit */
	static const uint8_t reserved[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x28,
					    1,    0x09, 0,    0,    'a' };
	/* states 2 bytes and holds 1 */
	static const uint8_t liar[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20,
					2,    0x09, 0,    0,    'a' };
	uint8_t good[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xc0, 17 << 3, 1, 0, 0,
			   0,    0,    0,    0,    0,    0x09,    0, 0, 'a' };

	(void)state;
	/* exponent 17 is 128 MiB: just accepted */
	assert_int_equal(0, vs_zst_unpack(&ctx, back, 1, good, sizeof(good),
					  "x", &err));
	assert_int_equal('a', back[0]);
	good[5]++;
	refuse(good, sizeof(good), 1, "window of 150994944");
	refuse(big_window, sizeof(big_window), 1, "window of 2147483648");
	refuse(no_size, sizeof(no_size), 1, "does not state its size");
	refuse(dict, sizeof(dict), 1, "dictionary");
	refuse(reserved, sizeof(reserved), 1, "");
	refuse(liar, sizeof(liar), 2, "");
}

/* Damage is refused or gives other bytes, but never more than were asked for.
 */
static void test_every_bit_flipped(void **state)
{
	static uint8_t out[4096];
	size_t n, i;
	unsigned bit;
	int rc;

	(void)state;
	assert_int_equal(0, vs_zst_pack(&ctx, out, sizeof(out), raw, 1000, &n,
					&err));
	for (i = 0; i < n; i++) {
		for (bit = 0; bit < 8; bit++) {
			out[i] ^= (uint8_t)(1u << bit);
			back[1000] = 0x5a;
			rc = vs_zst_unpack(&ctx, back, 1000, out, n, "x",
					   &err);
			assert_true(rc == 0 || rc == VS_EDATA);
			assert_int_equal(0x5a, back[1000]);
			out[i] ^= (uint8_t)(1u << bit);
		}
	}
}

static void test_no_room(void **state)
{
	static uint8_t out[100];
	size_t n = 7;

	(void)state;
	assert_int_equal(VS_EINTERNAL, vs_zst_pack(&ctx, out, sizeof(out), raw,
						   RAW, &n, &err));
	assert_int_equal(7, n);
}

/* The work area of zstd is counted and can be refused. */
static void test_memory(void **state)
{
	struct faults f = { .sys = ENOMEM };
	static uint8_t out[RAW + 4096];
	size_t n;
	int rc;

	(void)state;
	for (f.at = 1;; f.at++) {
		faults_set(&ctx, &f);
		rc = vs_zst_pack(&ctx, out, sizeof(out), raw, RAW, &n, &err);
		if (rc == 0)
			rc = vs_zst_unpack(&ctx, back, RAW, out, n, "x", &err);
		assert_int_equal(0, atomic_load(&ctx.mem_now));
		if (atomic_load(&f.n_fired) == 0)
			break;
		assert_int_equal(VS_ENOMEM, rc);
	}
	assert_int_equal(0, rc);
	assert_true(f.at >= 3);
	ctx.hook = NULL;
	ctx.memory_max = 10000;
	assert_int_equal(VS_ENOMEM, vs_zst_pack(&ctx, out, sizeof(out), raw,
						RAW, &n, &err));
	assert_non_null(strstr(err.msg, "--memory"));
	ctx.memory_max = 0;
	assert_true(atomic_load(&ctx.mem_peak) > 100000);
}

/* A work area for n bytes serves all sizes up to n, and gives the bytes of
 * vs_zst_pack. */
static void test_own_work_area(void **state)
{
	static const size_t sizes[] = { 0, 1, 150, 4096, 16384, 16385, 65536,
					131072, 131073, 262144, 300000 };
	static uint8_t big[300000], one[310000], two[310000];
	struct vs_zst_work work;
	size_t i, j, n, m;

	(void)state;
	for (i = 0; i < sizeof(big); i++)
		big[i] = raw[i * 7 % RAW];
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		work.dst = one;
		work.cap = sizeof(one);
		work.n_bytes = vs_zst_work_bytes(sizes[i]);
		work.p = vs_alloc(&ctx, work.n_bytes, 1, "work", &err);
		assert_non_null(work.p);
		for (j = 0; j <= i; j++) {
			memset(work.p, 0x5a, work.n_bytes);
			assert_int_equal(0, vs_zst_pack_in(&work, big, sizes[j],
							   &n, &err));
			assert_int_equal(0, vs_zst_pack(&ctx, two, sizeof(two),
							big, sizes[j], &m,
							&err));
			assert_int_equal(n, m);
			assert_memory_equal(one, two, n);
		}
		vs_free(&ctx, work.p);
	}
}

#define T(name) cmocka_unit_test_teardown(name, check_memory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_round_trip),
		T(test_truncated),
		T(test_wrong_raw_size),
		T(test_trailing_bytes),
		T(test_no_frame),
		T(test_windows_and_headers),
		T(test_every_bit_flipped),
		T(test_no_room),
		T(test_memory),
		T(test_own_work_area),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
