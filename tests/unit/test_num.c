/* test_num.c - checked sizes, strict numbers, little-endian bytes. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vs/num.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static void test_sizes_are_checked(void **state)
{
	size_t z = 7;
	uint64_t v = 7;

	(void)state;
	assert_true(vs_mul_size(SIZE_MAX / 2, 2, &z));
	assert_true(z == SIZE_MAX - 1);
	z = 7;
	assert_false(vs_mul_size(SIZE_MAX / 2 + 1, 2, &z));
	assert_false(vs_add_size(SIZE_MAX, 1, &z));
	assert_int_equal(7, z);
	assert_true(vs_add_size(SIZE_MAX, 0, &z));
	assert_true(vs_mul_u64(0, UINT64_MAX, &v));
	assert_int_equal(0, v);
	v = 7;
	assert_false(vs_mul_u64(1ull << 32, 1ull << 32, &v));
	assert_false(vs_add_u64(UINT64_MAX, 1, &v));
	assert_int_equal(7, v);
	assert_true(vs_div_up(UINT64_MAX, 2) == 1ull << 63);
	assert_int_equal(0, vs_div_up(0, 5));
	assert_int_equal(1, vs_div_up(1, 5));
	assert_int_equal(1, vs_div_up(5, 5));
	assert_int_equal(2, vs_div_up(6, 5));
	assert_int_equal(4096, vs_round_up(1, 4096));
	assert_int_equal(4096, vs_round_up(4096, 4096));
	assert_int_equal(0, vs_round_up(0, 4096));
}

static void test_parse_u64(void **state)
{
	static const char *const bad[] = { "",    " 1", "1 ",   "+1",
					   "-1",  "0x1", "1.0", "1e3",
					   "1_0", "a",  "18446744073709551616",
					   "99999999999999999999999" };
	uint64_t v = 42;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(bad); i++)
		assert_false(vs_parse_u64(bad[i], &v));
	assert_int_equal(42, v);
	assert_true(vs_parse_u64("0", &v));
	assert_int_equal(0, v);
	assert_true(vs_parse_u64("007", &v));
	assert_int_equal(7, v);
	assert_true(vs_parse_u64("18446744073709551615", &v));
	assert_true(v == UINT64_MAX);
	assert_true(vs_parse_u64_n("123xyz", 3, &v));
	assert_int_equal(123, v);
	assert_false(vs_parse_u64_n("123", 0, &v));
	assert_false(vs_parse_u64_n("1\0" "2", 3, &v));
}

static void test_parse_i64(void **state)
{
	static const char *const bad[] = { "",   "-",   "--1", "+1", "- 1",
					   " 1", "1-",  "9223372036854775808",
					   "-9223372036854775809" };
	int64_t v = 42;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(bad); i++)
		assert_false(vs_parse_i64(bad[i], &v));
	assert_int_equal(42, v);
	assert_true(vs_parse_i64("9223372036854775807", &v));
	assert_true(v == INT64_MAX);
	assert_true(vs_parse_i64("-9223372036854775808", &v));
	assert_true(v == INT64_MIN);
	assert_true(vs_parse_i64("-0", &v));
	assert_true(v == 0);
}

static void test_parse_f64(void **state)
{
	static const char *const bad[] = { "",    " 1",  "1 ",  "nan", "inf",
					   "0x1", "1e",  "e1",  ".",   "-",
					   "1e400", "-1e400", "1,5", "1.2.3",
					   "infinity", "1f" };
	double v = 42;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(bad); i++)
		assert_false(vs_parse_f64(bad[i], &v));
	assert_true(v == 42);
	assert_true(vs_parse_f64("0.95", &v) && v == 0.95);
	assert_true(vs_parse_f64("-1e-3", &v) && v == -1e-3);
	assert_true(vs_parse_f64("+5", &v) && v == 5);
	assert_true(vs_parse_f64(".5", &v) && v == 0.5);
	assert_true(vs_parse_f64("1.7976931348623157e308", &v) &&
		    v == DBL_MAX);
	assert_true(vs_parse_f64("-0", &v) && v == 0 && signbit(v));
	assert_true(vs_parse_f64("1e-400", &v) && v == 0);
}

static void test_parse_size(void **state)
{
	static const struct {
		const char *text;
		uint64_t n;
	} good[] = { { "0", 0 },
		     { "4096", 4096 },
		     { "1B", 1 },
		     { "64K", 65536 },
		     { "64KB", 65536 },
		     { "64KiB", 65536 },
		     { "256M", 256ull << 20 },
		     { "2G", 2ull << 30 },
		     { "1T", 1ull << 40 },
		     { "1P", 1ull << 50 },
		     { "16383P", 16383ull << 50 },
		     { "18446744073709551615", UINT64_MAX } };
	static const char *const bad[] = { "",    "K",    "-1",   "1.5G", "1k",
					   "1 K", "1KK",  "1iB",  "1Ki",  "1BB",
					   "16384P", "18446744073709551616",
					   "1Kib", " 1K", "1K " };
	uint64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(good); i++) {
		assert_true(vs_parse_size(good[i].text, &v));
		assert_true(v == good[i].n);
	}
	v = 42;
	for (i = 0; i < N_OF(bad); i++)
		assert_false(vs_parse_size(bad[i], &v));
	assert_int_equal(42, v);
}

static void test_format_size(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = { { 0, "0 B" },
		      { 1023, "1023 B" },
		      { 1024, "1.0 KiB" },
		      { 1536, "1.5 KiB" },
		      { 256ull << 20, "256.0 MiB" },
		      { (1ull << 30) - 1, "1024.0 MiB" },
		      { 1ull << 40, "1.0 TiB" },
		      { UINT64_MAX, "16.0 EiB" } };
	char out[VS_SIZE_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(cases); i++) {
		assert_string_equal(cases[i].text,
				    vs_format_size(cases[i].n, out));
		assert_ptr_equal(out, vs_format_size(cases[i].n, out));
	}
}

static void test_format_count(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = { { 0, "0" },
		      { 999, "999" },
		      { 1000, "1,000" },
		      { 12345, "12,345" },
		      { 1234567, "1,234,567" },
		      { UINT64_MAX, "18,446,744,073,709,551,615" } };
	char out[VS_COUNT_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(cases); i++)
		assert_string_equal(cases[i].text,
				    vs_format_count(cases[i].n, out));
}

static void test_little_endian_bytes(void **state)
{
	static const uint8_t bytes[9] = { 0xff, 0x01, 0x02, 0x03, 0x84,
					  0x05, 0x06, 0x07, 0x88 };
	uint8_t out[9] = { 0 };

	(void)state;
	assert_int_equal(0x0201, vs_get_le16(bytes + 1));
	assert_true(vs_get_le32(bytes + 1) == 0x84030201u);
	assert_true(vs_get_le64(bytes + 1) == 0x8807060584030201ull);
	vs_put_le64(out + 1, 0x8807060584030201ull);
	assert_memory_equal(bytes + 1, out + 1, 8);
	assert_int_equal(0, out[0]);
	vs_put_le16(out, 0xbeef);
	assert_int_equal(0xef, out[0]);
	assert_int_equal(0xbe, out[1]);
	assert_true(vs_f32_bits(-1.5f) == 0xbfc00000u);
	assert_true(vs_bits_f32(0x7f800000u) == INFINITY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_are_checked),
		cmocka_unit_test(test_parse_u64),
		cmocka_unit_test(test_parse_i64),
		cmocka_unit_test(test_parse_f64),
		cmocka_unit_test(test_parse_size),
		cmocka_unit_test(test_format_size),
		cmocka_unit_test(test_format_count),
		cmocka_unit_test(test_little_endian_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
