/* test_hash.c - the canonical values of xxhash, in one piece and in many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vs/hash.h"

/* The buffer of the self-test of xxhash (cli/xsum_sanity_check.c). */
static uint8_t data[4096];

static int setup(void **state)
{
	uint64_t gen = 2654435761u;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t)(gen >> 56);
		gen *= 11400714785074694797ull;
	}
	return 0;
}

static void test_xxh3_64_vectors(void **state)
{
	static const struct {
		size_t n;
		uint64_t h;
	} want[] = { { 0, 0x2D06800538D394C2ull },
		     { 1, 0xC44BDFF4074EECDBull },
		     { 6, 0x27B56A84CD2D7325ull },
		     { 12, 0xA713DAF0DFBB77E7ull },
		     { 24, 0xA3FE70BF9D3510EBull },
		     { 48, 0x397DA259ECBA1F11ull },
		     { 80, 0xBCDEFBBB2C47C90Aull },
		     { 195, 0xCD94217EE362EC3Aull },
		     { 403, 0xCDEB804D65C6DEA4ull },
		     { 512, 0x617E49599013CB6Bull },
		     { 2048, 0xDD59E2C3A5F038E0ull },
		     { 2240, 0x6E73A90539CF2948ull },
		     { 2367, 0xCB37AEB9E5D361EDull } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_true(vs_hash64(data, want[i].n) == want[i].h);
	assert_true(vs_hash64("abc", 3) == 0x78AF5F94892F3950ull);
	assert_true(vs_hash64(NULL, 0) == 0x2D06800538D394C2ull);
}

static void test_xxh64_vectors(void **state)
{
	static const struct {
		size_t n;
		uint64_t h;
	} want[] = { { 0, 0xEF46DB3751D8E999ull },
		     { 1, 0xE934A84ADB052768ull },
		     { 4, 0x9136A0DCA57457EEull },
		     { 14, 0x8282DCC4994E35C8ull },
		     { 222, 0xB641AE8CB691C174ull } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_true(vs_hash_ring(data, want[i].n) == want[i].h);
	assert_true(vs_hash_ring("abc", 3) == 0x44BC2CF5AD770999ull);
}

/* Feeds n bytes in pieces of the given size. */
static void digest_in_pieces(size_t n, size_t piece, struct vs_digest *out)
{
	struct vs_ctx ctx;
	struct vs_hasher *h;
	struct vs_err err;
	size_t i;

	vs_ctx_init(&ctx);
	assert_int_equal(0, vs_hasher_create(&ctx, &h, &err));
	for (i = 0; i < n; i += piece)
		vs_hasher_add(h, data + i, n - i < piece ? n - i : piece);
	vs_hasher_done(h, out);
	vs_hasher_destroy(&ctx, h);
	assert_int_equal(0, atomic_load(&ctx.mem_now));
}

static void test_xxh3_128_vectors(void **state)
{
	static const struct {
		size_t n;
		const char *text;
	} want[] = { { 0, "99aa06d3014798d86001c324468d497f" },
		     { 1, "a6cd5e9392000f6ac44bdff4074eecdb" },
		     { 6, "082afe0b8162d12a3e7039bdda43cfc6" },
		     { 403, "1b6de21e332dd73dcdeb804d65c6dea4" },
		     { 512, "18d2d110dcc9bca1617e49599013cb6b" },
		     { 2048, "f736557fd47073a5dd59e2c3a5f038e0" },
		     { 2240, "ccb134fbfa7ce49d6e73a90539cf2948" },
		     { 2367, "e89c0f6ff369b427cb37aeb9e5d361ed" } };
	char text[VS_DIGEST_TEXT_MAX];
	struct vs_digest d;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		digest_in_pieces(want[i].n, 4096, &d);
		assert_string_equal(want[i].text, vs_digest_text(&d, text));
	}
}

static void test_pieces_make_no_difference(void **state)
{
	static const size_t pieces[] = { 1, 7, 63, 64, 65, 255, 256, 257,
					 1000, 1024 };
	struct vs_digest whole, d;
	size_t n, i;

	(void)state;
	for (n = 0; n <= sizeof(data); n += n < 520 ? 1 : 397) {
		digest_in_pieces(n, sizeof(data), &whole);
		for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
			digest_in_pieces(n, pieces[i], &d);
			assert_true(vs_digest_equal(&whole, &d));
		}
	}
}

static void test_typed_adders(void **state)
{
	static const uint8_t bytes[] = { 3,   0,   0,   0,    0,    0,    0,
					 0,   'a', 'b', 'c',  0x88, 0x77, 0x66,
					 0x55, 0x44, 0x33, 0x22, 0x11, 0, 0,
					 0,   0,   0,   0,    0,    0 };
	struct vs_digest a, b;
	struct vs_hasher *h;
	struct vs_ctx ctx;
	struct vs_err err;

	(void)state;
	vs_ctx_init(&ctx);
	assert_int_equal(0, vs_hasher_create(&ctx, &h, &err));
	vs_hasher_add_text(h, "abc");
	vs_hasher_add_u64(h, 0x1122334455667788ull);
	/* asking on the way changes nothing */
	vs_hasher_done(h, &a);
	vs_hasher_add_text(h, "");
	vs_hasher_add(h, NULL, 0);
	vs_hasher_done(h, &a);
	vs_hasher_destroy(&ctx, h);
	assert_int_equal(0, vs_hasher_create(&ctx, &h, &err));
	vs_hasher_add(h, bytes, sizeof(bytes));
	vs_hasher_done(h, &b);
	vs_hasher_destroy(&ctx, h);
	assert_true(vs_digest_equal(&a, &b));
	vs_hasher_destroy(&ctx, NULL);
}

static void test_digest_text(void **state)
{
	static const char *const bad[] = {
		"",
		"0123456789abcdef0123456789abcde",
		"0123456789abcdef0123456789abcdef0",
		"0123456789ABCDEF0123456789ABCDEF",
		"0123456789abcdeg0123456789abcdef",
		" 123456789abcdef0123456789abcdef",
		"0x23456789abcdef0123456789abcdef"
	};
	static const char good[] = "00112233445566778899aabbccddeeff";
	char text[VS_DIGEST_TEXT_MAX];
	struct vs_digest d, e;
	size_t i;

	(void)state;
	assert_true(vs_digest_parse(good, &d));
	assert_int_equal(0x00, d.b[0]);
	assert_int_equal(0xff, d.b[15]);
	assert_string_equal(good, vs_digest_text(&d, text));
	e = d;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(vs_digest_parse(bad[i], &e));
	assert_true(vs_digest_equal(&d, &e));
	e.b[15] ^= 1;
	assert_false(vs_digest_equal(&d, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xxh3_64_vectors),
		cmocka_unit_test(test_xxh64_vectors),
		cmocka_unit_test(test_xxh3_128_vectors),
		cmocka_unit_test(test_pieces_make_no_difference),
		cmocka_unit_test(test_typed_adders),
		cmocka_unit_test(test_digest_text),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
