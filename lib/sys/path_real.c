/* path_real.c - names of existing files without links, dots and double slashes.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "vs/file.h"
#include "vs/mem.h"

int vs_path_real(struct vs_ctx *ctx, const char *path, char **out,
		 struct vs_err *err)
{
	char text[PATH_MAX];
	int sys = vs_ctx_hook(ctx, VS_CALL_STAT, path);

	if (sys == 0 && realpath(path, text) == NULL)
		sys = errno;
	*out = NULL;
	if (sys != 0)
		return vs_fail_sys(err, VS_ENOINPUT, sys, "%s: cannot be found",
				   path);
	*out = vs_strdup(ctx, text, err);
	return *out == NULL ? VS_ENOMEM : 0;
}
