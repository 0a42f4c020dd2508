/* test_yaml_put.c - scalars that are written read back as the same text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "yaml_test.h"

static void test_put_style(void **state)
{
	static const char *const plain[] = {
		"a", "sift.vss", "a/b-c_d.e+f", "/data/x=1", "42", "0", "-1",
		"1.5", "-0.25", "1e5", "1.5E-3", "18446744073709551615", "nul",
		"trues", "_", "user@host", "nano"
	};
	static const char *const quoted[] = {
		"", " ", "a b", "~", "null", "Null", "NULL", "true", "False",
		"yes", "NO", "on", "Off", "y", "N", "nan", ".nan", ".inf",
		"-.inf", "012", "0x1f", "0o7", "1_000", "1:30", ".5", "5.",
		"+1", "-", "- a", "a: b", "a #b", "#a", "&a", "*a", "!a",
		"%a", "@a", "`a", "[a", "{a", "a,b", "a]", "|", ">", "?", ":",
		"'a'", "\"a\"", "a\\b", "a\n", "2024-01-01", "1e", "1.e5",
		"--1", "<<", "=", "...", "---", "-a"
	};
	struct vs_buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		vs_buf_clear(&b);
		assert_int_equal(0, vs_yaml_put(&ctx, &b, plain[i], &err));
		assert_string_equal(plain[i], b.p);
	}
	for (i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++) {
		vs_buf_clear(&b);
		assert_int_equal(0, vs_yaml_put(&ctx, &b, quoted[i], &err));
		assert_int_equal('"', b.p[0]);
		assert_int_equal('"', b.p[b.n - 1]);
		assert_null(strchr(b.p, '\n'));
	}
	vs_buf_free(&ctx, &b);
}

/* s as a value, a key, in a list and in a flow map reads back as s. */
static void round_trip(const char *s)
{
	struct vs_buf b = { 0 };
	struct vs_yaml_doc *doc;
	const struct vs_yaml *root;

	assert_int_equal(0, vs_buf_printf(&ctx, &b, &err, "value: "));
	assert_int_equal(0, vs_yaml_put(&ctx, &b, s, &err));
	assert_int_equal(0, vs_buf_printf(&ctx, &b, &err, "\nmap:\n  "));
	assert_int_equal(0, vs_yaml_put(&ctx, &b, s, &err));
	assert_int_equal(0, vs_buf_printf(&ctx, &b, &err, ": 1\nlist:\n- "));
	assert_int_equal(0, vs_yaml_put(&ctx, &b, s, &err));
	assert_int_equal(0, vs_buf_printf(&ctx, &b, &err, "\nflow: {a: ["));
	assert_int_equal(0, vs_yaml_put(&ctx, &b, s, &err));
	assert_int_equal(0, vs_buf_printf(&ctx, &b, &err, ", "));
	assert_int_equal(0, vs_yaml_put(&ctx, &b, s, &err));
	assert_int_equal(0, vs_buf_printf(&ctx, &b, &err, "]}\n"));
	doc = parse(b.p);
	root = vs_yaml_root(doc);
	assert_string_equal(s, vs_yaml_find(root, "value")->text);
	assert_string_equal("1", vs_yaml_find(vs_yaml_find(root, "map"),
					      s)->text);
	assert_string_equal(s, vs_yaml_find(root, "list")->child->text);
	assert_string_equal(s, vs_yaml_find(root, "flow")
				       ->child->child->next->text);
	vs_yaml_destroy(&ctx, doc);
	vs_buf_free(&ctx, &b);
}

static void test_put_reads_back(void **state)
{
	static const char *const nasty[] = {
		"", " ", "  a  ", "\n", "\n\n", "a\n b", "\t", "a\tb", "\r\n",
		"\x01\x02\x1f\x7f", "\"", "\\", "\\n", "\"\\\"", "'", "#", ":",
		": ", "- ", "? ", "[", "]", "{", "}", ",", "&a", "*a", "!a",
		"%YAML", "---", "...", "--- a", "null", "~", "true", "012",
		"1:30", "a: b # c", "\xc2\x85", "\xc2\xa0", "\xc2\x80",
		"\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf", "\xef\xbf\xbe",
		"\xef\xbf\xbf", "\xef\xbf\xbd", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xf0\x9f\x98\x80",
		"gr\xc3\xbc\xc3\x9f!", "\xe2\x82\xac 5", "a\\", "\\0",
		"\x1b[31m"
	};
	char s[8];
	unsigned c, d;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++)
		round_trip(nasty[i]);
	/* all pairs of ASCII bytes */
	for (c = 1; c < 128; c++) {
		for (d = 0; d < 128; d++) {
			snprintf(s, sizeof(s), "%c%c", (char)c, (char)d);
			round_trip(s);
		}
	}
}

/* Every code point of two and three bytes, and samples of four. */
static void test_put_all_of_unicode(void **state)
{
	uint32_t c;
	char s[8];

	(void)state;
	for (c = 0x80; c < 0x110000; c += c < 0x3000 || (c & 0xfff) > 0xff8 ||
					  (c & 0xfff) < 8 ?
				  1 :
				  61) {
		if (c >= 0xd800 && c < 0xe000)
			continue;
		if (c < 0x800)
			snprintf(s, sizeof(s), "%c%c", (char)(0xc0 | c >> 6),
				 (char)(0x80 | (c & 63)));
		else if (c < 0x10000)
			snprintf(s, sizeof(s), "%c%c%c",
				 (char)(0xe0 | c >> 12),
				 (char)(0x80 | (c >> 6 & 63)),
				 (char)(0x80 | (c & 63)));
		else
			snprintf(s, sizeof(s), "%c%c%c%c",
				 (char)(0xf0 | c >> 18),
				 (char)(0x80 | (c >> 12 & 63)),
				 (char)(0x80 | (c >> 6 & 63)),
				 (char)(0x80 | (c & 63)));
		round_trip(s);
	}
}

static void test_put_refuses_what_is_no_utf8(void **state)
{
	static const char *const bad[] = {
		"\x80", "\xff", "a\xc3", "\xc3(", "\xc0\x80", "\xc1\xbf",
		"\xe0\x80\x80", "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80\x80", "ok\xfe"
	};
	struct vs_buf b = { 0 };
	size_t i;

	(void)state;
	assert_int_equal(0, vs_buf_printf(&ctx, &b, &err, "key: "));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(VS_EDATA, vs_yaml_put(&ctx, &b, bad[i],
						       &err));
		assert_non_null(strstr(err.msg, "UTF-8"));
		assert_string_equal("key: ", b.p);
		assert_int_equal(5, b.n);
	}
	vs_buf_free(&ctx, &b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_put_style),
		T(test_put_reads_back),
		T(test_put_all_of_unicode),
		T(test_put_refuses_what_is_no_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
