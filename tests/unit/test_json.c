/* test_json.c - what is written parses, and means what was put in. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vs/json.h"

struct world {
	struct vs_ctx ctx;
	struct vs_err err;
	struct vs_buf b;
	struct vs_json j;
};

static int begin(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	vs_ctx_init(&w.ctx);
	vs_json_init(&w.j, &w.ctx, &w.b, &w.err);
	*state = &w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	vs_buf_free(&w->ctx, &w->b);
	return 0;
}

static void escapes(void **state)
{
	struct world *w = *state;

	vs_json_text(&w->j, NULL, "a\"b\\c\nd\te\x01\x7f/\xc3\xa9");
	assert_int_equal(vs_json_done(&w->j), 0);
	assert_string_equal(w->b.p, "\"a\\\"b\\\\c\\nd\\te\\u0001\\u007f/"
				    "\xc3\xa9\"\n");
}

static void bytes_that_are_no_utf8(void **state)
{
	/* a lone continuation, a cut sequence, an overlong slash, a surrogate,
	 * over U+10FFFF, never a byte of UTF-8 */
	static const char *const bad[] = { "\x80",	   "\xc3",
					   "\xc0\xaf",	   "\xed\xa0\x80",
					   "\xf4\x90\x80\x80", "\xff" };
	struct world *w = *state;
	size_t i, k, n;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		vs_buf_clear(&w->b);
		vs_json_init(&w->j, &w->ctx, &w->b, &w->err);
		vs_json_text(&w->j, NULL, bad[i]);
		assert_int_equal(vs_json_done(&w->j), 0);
		n = strlen(bad[i]);
		assert_int_equal(w->b.n, 3 + 3 * n);
		for (k = 0; k < n; k++)
			assert_memory_equal(w->b.p + 1 + 3 * k, "\xef\xbf\xbd",
					    3);
	}
}

static void numbers(void **state)
{
	struct world *w = *state;

	vs_json_open(&w->j, NULL, '[');
	vs_json_u64(&w->j, NULL, UINT64_MAX);
	vs_json_f64(&w->j, NULL, 0.25);
	vs_json_f64(&w->j, NULL, NAN);
	vs_json_f64(&w->j, NULL, -INFINITY);
	vs_json_bool(&w->j, NULL, true);
	vs_json_bool(&w->j, NULL, false);
	vs_json_text(&w->j, NULL, NULL);
	vs_json_close(&w->j, ']');
	assert_int_equal(vs_json_done(&w->j), 0);
	assert_string_equal(w->b.p,
			    "[\n\t18446744073709551615,\n\t0.25,\n\tnull,\n\t"
			    "null,\n\ttrue,\n\tfalse,\n\tnull\n]\n");
}

static void nesting(void **state)
{
	struct world *w = *state;

	vs_json_open(&w->j, NULL, '{');
	vs_json_open(&w->j, "none", '[');
	vs_json_close(&w->j, ']');
	vs_json_open(&w->j, "list", '[');
	vs_json_open(&w->j, NULL, '{');
	vs_json_u64(&w->j, "a", 1);
	vs_json_u64(&w->j, "b", 2);
	vs_json_close(&w->j, '}');
	vs_json_close(&w->j, ']');
	vs_json_close(&w->j, '}');
	assert_int_equal(vs_json_done(&w->j), 0);
	assert_string_equal(w->b.p, "{\n\t\"none\": [],\n\t\"list\": [\n\t\t"
				    "{\"a\": 1, \"b\": 2}\n\t]\n}\n");
}

static void too_deep_is_an_error(void **state)
{
	struct world *w = *state;
	int i;

	for (i = 0; i <= VS_JSON_DEPTH_MAX; i++)
		vs_json_open(&w->j, NULL, '[');
	assert_int_equal(vs_json_done(&w->j), VS_EINTERNAL);
}

static int no_memory(void *arg, enum vs_call call, const char *path)
{
	(void)arg;
	(void)path;
	return call == VS_CALL_ALLOC ? 12 : 0;
}

static void a_failure_sticks(void **state)
{
	struct world *w = *state;

	w->ctx.hook = no_memory;
	vs_json_u64(&w->j, NULL, 1);
	w->ctx.hook = NULL;
	vs_json_u64(&w->j, NULL, 2);
	assert_int_equal(vs_json_done(&w->j), VS_ENOMEM);
	assert_int_equal(w->err.code, VS_ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(escapes, begin, end),
		cmocka_unit_test_setup_teardown(bytes_that_are_no_utf8, begin,
						end),
		cmocka_unit_test_setup_teardown(numbers, begin, end),
		cmocka_unit_test_setup_teardown(nesting, begin, end),
		cmocka_unit_test_setup_teardown(too_deep_is_an_error, begin,
						end),
		cmocka_unit_test_setup_teardown(a_failure_sticks, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
