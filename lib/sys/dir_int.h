/* dir_int.h - names in directories, for the files of lib/sys only.
 *
 * Like fd_int.h: hooked, 0 or an errno value, no messages.  Names are relative
 * to a directory descriptor, so that a directory that is renamed meanwhile and
 * paths near PATH_MAX do no harm.
 */
#ifndef VS_DIR_INT_H
#define VS_DIR_INT_H

#include "fd_int.h"

/* Opens the directory of path ("a/b" -> "a", "b" -> ".", "/b" -> "/") and
 * leaves the place of the last component in *name. */
int vs_dir_open_of(struct vs_ctx *ctx, struct vs_fd *dir, const char *path,
		   const char **name);
/* Creates a temporary ".NAME.vs-HOST-PID-RANDOM.tmp" for reading and writing,
 * with a lock (flock) that goes away with this process.
 * NAME is shortened where the file system wants it; ENAMETOOLONG when name
 * itself does not fit. */
int vs_dir_temp(struct vs_ctx *ctx, const struct vs_fd *dir, const char *name,
		struct vs_fd *f, char temp[256]);
/* The host as it stands in names of temporaries. */
#define VS_DIR_HOST_MAX 32
void vs_dir_host(char out[VS_DIR_HOST_MAX + 1]);
/* Removes temporaries of name that processes of this host left when they were
 * killed: the process is gone, and so is the lock that it held. */
void vs_dir_sweep(struct vs_ctx *ctx, const struct vs_fd *dir,
		  const char *name);
/* Gives temp the name, which must be free: EEXIST when it is not.  temp may
 * remain as a second name of the file; the caller unlinks it. */
int vs_dir_link(struct vs_ctx *ctx, const struct vs_fd *dir, const char *temp,
		const char *name);
int vs_dir_rename(struct vs_ctx *ctx, const struct vs_fd *dir,
		  const char *temp, const char *name);
int vs_dir_unlink(struct vs_ctx *ctx, const struct vs_fd *dir,
		  const char *name);
/* As vs_fd_sync; file systems that cannot sync directories are no error. */
int vs_dir_sync(struct vs_ctx *ctx, const struct vs_fd *dir);

#endif
