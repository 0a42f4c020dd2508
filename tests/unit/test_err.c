/* test_err.c - error values: codes, one line, the text of errno. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vs/err.h"

static void test_fail_fills(void **state)
{
	struct vs_err err;

	(void)state;
	vs_err_clear(&err);
	assert_int_equal(0, err.code);
	assert_string_equal("", err.msg);
	assert_int_equal(VS_EDATA,
			 vs_fail(&err, VS_EDATA, "%s: row %d", "a.fvecs", 7));
	assert_int_equal(VS_EDATA, err.code);
	assert_int_equal(0, err.sys);
	assert_string_equal("a.fvecs: row 7", err.msg);
}

static void test_fail_sys_appends_errno_text(void **state)
{
	struct vs_err err;

	(void)state;
	assert_int_equal(VS_EIO, vs_fail_sys(&err, VS_EIO, ENOSPC, "out"));
	assert_int_equal(ENOSPC, err.sys);
	assert_string_equal("out: No space left on device", err.msg);
	vs_fail_sys(&err, VS_EIO, 99999, "out");
	assert_non_null(strstr(err.msg, "99999"));
}

static void test_null_error_is_allowed(void **state)
{
	(void)state;
	assert_int_equal(VS_EIO, vs_fail(NULL, VS_EIO, "x"));
	assert_int_equal(VS_EIO, vs_fail_sys(NULL, VS_EIO, EIO, "x"));
}

static void test_message_is_one_line(void **state)
{
	struct vs_err err;
	const char *p;

	(void)state;
	vs_fail(&err, VS_EIO, "%s: bad", "a\nb\tc\033[31m\177d");
	for (p = err.msg; *p != '\0'; p++)
		assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
	assert_string_equal("a?b?c?[31m?d: bad", err.msg);
	vs_fail(&err, VS_EIO, "%s", "gr\xc3\xbc\xc3\x9f""e");
	assert_string_equal("gr\xc3\xbc\xc3\x9f""e", err.msg);
}

static void test_long_message_is_cut(void **state)
{
	struct vs_err err;
	char text[3000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	vs_fail_sys(&err, VS_EIO, EIO, "%s", text);
	assert_int_equal(VS_ERR_MSG_MAX - 1, strlen(err.msg));
	assert_int_equal(EIO, err.sys);
}

static void test_status_of_codes(void **state)
{
	(void)state;
	assert_int_equal(0, vs_err_status(VS_OK));
	assert_int_equal(1, vs_err_status(VS_ECHECK));
	assert_int_equal(2, vs_err_status(VS_EUSAGE));
	assert_int_equal(3, vs_err_status(VS_EPARTIAL));
	assert_int_equal(65, vs_err_status(VS_EDATA));
	assert_int_equal(66, vs_err_status(VS_ENOINPUT));
	assert_int_equal(70, vs_err_status(VS_EINTERNAL));
	assert_int_equal(71, vs_err_status(VS_ENOMEM));
	assert_int_equal(73, vs_err_status(VS_ECREATE));
	assert_int_equal(74, vs_err_status(VS_EIO));
	assert_int_equal(75, vs_err_status(VS_EAGAIN));
	assert_int_equal(78, vs_err_status(VS_EVERSION));
	assert_int_equal(70, vs_err_status(-4));
	assert_int_equal(70, vs_err_status(5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fail_fills),
		cmocka_unit_test(test_fail_sys_appends_errno_text),
		cmocka_unit_test(test_null_error_is_allowed),
		cmocka_unit_test(test_message_is_one_line),
		cmocka_unit_test(test_long_message_is_cut),
		cmocka_unit_test(test_status_of_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
