/* fd_int.h - system calls on descriptors, for the files of lib/sys only.
 *
 * Each asks the hook of the context first, goes on after EINTR and after a
 * short transfer, and returns 0 or an errno value; messages and codes are left
 * to file.c, out.c and path.c.
 */
#ifndef VS_FD_INT_H
#define VS_FD_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "vs/ctx.h"

struct vs_fd {
	int fd;           /* -1: none */
	bool stream;      /* no regular file: transfers may have to wait */
	const char *path; /* for the hook; not owned */
};

/* Opens name in the directory dir_fd (or AT_FDCWD), O_CLOEXEC added; a new file
 * gets 0666 less the umask.  f->path is set by the caller. */
int vs_fd_open(struct vs_ctx *ctx, struct vs_fd *f, int dir_fd,
	       const char *name, int flags);
/* Closes and sets fd to -1 whatever happens; fd -1 is fine. */
int vs_fd_close(struct vs_ctx *ctx, struct vs_fd *f);
int vs_fd_stat(struct vs_ctx *ctx, const struct vs_fd *f, struct stat *st);
int vs_fd_sync(struct vs_ctx *ctx, const struct vs_fd *f);
int vs_fd_truncate(struct vs_ctx *ctx, const struct vs_fd *f, uint64_t n);
/* Allocates the first n bytes; EOPNOTSUPP where that cannot be done. */
int vs_fd_allocate(struct vs_ctx *ctx, const struct vs_fd *f, uint64_t n);

/* All n bytes, or fewer at the end of the file; *got says how many. */
int vs_fd_pread(struct vs_ctx *ctx, const struct vs_fd *f, void *buf, size_t n,
		uint64_t offset, size_t *got);
/* One read of at most n bytes.  A stream waits for data; when a stop is asked
 * for meanwhile, ECANCELED. */
int vs_fd_read(struct vs_ctx *ctx, const struct vs_fd *f, void *buf, size_t n,
	       size_t *got);
/* Whether vs_fd_read would not wait. */
bool vs_fd_ready(const struct vs_fd *f);
int vs_fd_pwrite(struct vs_ctx *ctx, const struct vs_fd *f, const void *buf,
		 size_t n, uint64_t offset);
/* Waits as vs_fd_read does. */
int vs_fd_write(struct vs_ctx *ctx, const struct vs_fd *f, const void *buf,
		size_t n);

#endif
