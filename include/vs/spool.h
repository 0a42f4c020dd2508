/* spool.h - inputs that cannot be read at any place, kept in a scratch file.
 *
 * Tools read inputs several times and at any place; a pipe or a compressed
 * file comes once and in order.  Its bytes are kept, raw, in a file without a
 * name in the scratch directory of the context.
 */
#ifndef VS_SPOOL_H
#define VS_SPOOL_H

#include "vs/file.h"

/* Whether the name says zstd: it ends in ".zst". */
bool vs_spool_is_zst(const char *path);

/* Replaces *f, opened and not yet read, by a scratch file with its bytes when
 * it is a pipe or vs_spool_is_zst; otherwise leaves it.  On failure *f is still
 * the caller's to close.  Truncated or damaged zstd data is VS_EDATA, a
 * device VS_EUSAGE. */
int vs_spool(struct vs_ctx *ctx, struct vs_file **f,
	     struct vs_err *err) VS_MUST_CHECK;

#endif
