/* err.h - errors: a pinned code, errno where one exists, and one sentence.
 *
 * Every function that can fail returns 0 or a negative code below and, in that
 * case, has filled the caller's struct vs_err exactly once, where the fault was
 * seen.  Callers forward it unchanged.  Messages follow one grammar:
 *
 *     FILE: what was found, where; what was expected; what to do
 *
 * lower case, no full stop, no tool name (the tool adds its own), one line.
 */
#ifndef VS_ERR_H
#define VS_ERR_H

/* The code is the negated exit status (vs(7), EXIT STATUS), so a tool can
 * return it without a table.  Values never change. */
enum vs_code {
	VS_OK = 0,
	VS_ECHECK = -1,     /* a requested check was negative */
	VS_EUSAGE = -2,     /* impossible or contradictory request */
	VS_EPARTIAL = -3,   /* partial result under an explicit flag */
	VS_EDATA = -65,     /* damaged or unacceptable data, mismatched parts */
	VS_ENOINPUT = -66,  /* missing input */
	VS_EINTERNAL = -70, /* a bug of ours */
	VS_ENOMEM = -71,    /* no memory, or the ceiling of --memory */
	VS_ECREATE = -73,   /* an output cannot be created */
	VS_EIO = -74,       /* read or write failed, no space included */
	VS_EAGAIN = -75,    /* stopped at a checkpoint: run again */
	VS_EVERSION = -78   /* written by a newer version */
};

#define VS_ERR_MSG_MAX 1024

/* Owned by the caller; zero-initialise or vs_err_clear before use. */
struct vs_err {
	int code;                 /* enum vs_code */
	int sys;                  /* errno, or 0 */
	char msg[VS_ERR_MSG_MAX]; /* one line, NUL-terminated */
};

#if defined(__GNUC__)
#define VS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define VS_MUST_CHECK __attribute__((warn_unused_result))
#define VS_UNUSED __attribute__((unused))
#else
#define VS_PRINTF(fmt, args)
#define VS_MUST_CHECK
#define VS_UNUSED
#endif

void vs_err_clear(struct vs_err *err);

/* Fills err (which may be NULL) and returns code. */
int vs_fail(struct vs_err *err, int code, const char *fmt, ...)
	VS_PRINTF(3, 4);

/* The same, with ": " and the text of errno value sys appended. */
int vs_fail_sys(struct vs_err *err, int code, int sys, const char *fmt, ...)
	VS_PRINTF(4, 5);

/* The exit status of a code: 0, or the code negated; unknown codes give 70. */
int vs_err_status(int code);

#endif
