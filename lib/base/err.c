/* err.c - fills error values; decides nothing and prints nothing. */
/* The XSI strerror_r, thread-safe and the same in glibc and musl. */
#undef _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "vs/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void vs_err_clear(struct vs_err *err)
{
	err->code = VS_OK;
	err->sys = 0;
	err->msg[0] = '\0';
}

/* File names may hold anything; a message is one line of printable text. */
static void make_one_line(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

static void fill(struct vs_err *err, int code, int sys, const char *fmt,
		 va_list ap)
{
	err->code = code;
	err->sys = sys;
	if (vsnprintf(err->msg, sizeof(err->msg), fmt, ap) < 0)
		err->msg[0] = '\0';
	make_one_line(err->msg);
}

int vs_fail(struct vs_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return code;
	va_start(ap, fmt);
	fill(err, code, 0, fmt, ap);
	va_end(ap);
	return code;
}

int vs_fail_sys(struct vs_err *err, int code, int sys, const char *fmt, ...)
{
	va_list ap;
	char text[128];
	size_t len;

	if (err == NULL)
		return code;
	va_start(ap, fmt);
	fill(err, code, sys, fmt, ap);
	va_end(ap);
	if (strerror_r(sys, text, sizeof(text)) != 0)
		snprintf(text, sizeof(text), "errno %d", sys);
	len = strlen(err->msg);
	snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", text);
	return code;
}

int vs_err_status(int code)
{
	switch (code) {
	case VS_OK:
	case VS_ECHECK:
	case VS_EUSAGE:
	case VS_EPARTIAL:
	case VS_EDATA:
	case VS_ENOINPUT:
	case VS_EINTERNAL:
	case VS_ENOMEM:
	case VS_ECREATE:
	case VS_EIO:
	case VS_EAGAIN:
	case VS_EVERSION:
		return -code;
	default:
		return -VS_EINTERNAL;
	}
}
