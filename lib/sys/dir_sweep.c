/* dir_sweep.c - temporaries that killed processes left behind.
 *
 * A name tells host and process.  A number may be in use again, or mean another
 * process in another container, so a temporary goes only when no process has
 * the number and nobody holds the lock of the file.
 */
#include "dir_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "vs/num.h"

/* What follows prefix in s, or NULL. */
static const char *after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s == NULL || strncmp(s, prefix, n) != 0 ? NULL : s + n;
}

/* The process that made ".NAME.vs-HOST-PID-RANDOM.tmp", or 0. */
static uint64_t maker(const char *entry, const char *name)
{
	char host[VS_DIR_HOST_MAX + 1];
	const char *s = after(after(after(entry, "."), name), ".vs-");
	size_t n;
	uint64_t pid;

	vs_dir_host(host);
	s = after(after(s, host), "-");
	n = s == NULL ? 0 : strspn(s, "0123456789");
	if (n == 0 || !vs_parse_u64_n(s, n, &pid) || pid > INT32_MAX)
		return 0;
	s = after(s + n, "-");
	if (s == NULL || strspn(s, "0123456789abcdef") != 16)
		return 0;
	return strcmp(s + 16, ".tmp") == 0 ? pid : 0;
}

static void sweep_one(struct vs_ctx *ctx, const struct vs_fd *dir,
		      const char *temp)
{
	struct vs_fd f = { .fd = -1, .path = dir->path };

	if (vs_fd_open(ctx, &f, dir->fd, temp,
		       O_RDWR | O_NOFOLLOW | O_NONBLOCK) != 0)
		return;
	if (flock(f.fd, LOCK_EX | LOCK_NB) == 0)
		(void)vs_dir_unlink(ctx, dir, temp);
	(void)vs_fd_close(ctx, &f);
}

void vs_dir_sweep(struct vs_ctx *ctx, const struct vs_fd *dir,
		  const char *name)
{
	struct vs_fd again = { .fd = -1, .path = dir->path };
	struct dirent *e;
	uint64_t pid;
	DIR *d;

	if (vs_ctx_hook(ctx, VS_CALL_LISTDIR, dir->path) != 0 ||
	    vs_fd_open(ctx, &again, dir->fd, ".", O_RDONLY | O_DIRECTORY) != 0)
		return;
	d = fdopendir(again.fd);
	if (d == NULL) {
		(void)vs_fd_close(ctx, &again);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		pid = maker(e->d_name, name);
		if (pid != 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH)
			sweep_one(ctx, dir, e->d_name);
	}
	closedir(d);
}
