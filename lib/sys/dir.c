/* dir.c - temporary names, links and renames inside one directory. */
#include "dir_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "vs/num.h"
#include "vs/rng.h"

#define NAME_ROOM 255 /* longest name where the file system does not say */
#define TEMP_TRIES 64

int vs_dir_open_of(struct vs_ctx *ctx, struct vs_fd *dir, const char *path,
		   const char **name)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);
	char text[PATH_MAX];

	*name = slash == NULL ? path : slash + 1;
	/* Such an output could be created below, but never opened. */
	if (strlen(path) >= sizeof(text))
		return ENAMETOOLONG;
	if (slash == NULL)
		text[n++] = '.';
	else if (n == 0)
		text[n++] = '/';
	else
		memcpy(text, path, n);
	text[n] = '\0';
	return vs_fd_open(ctx, dir, AT_FDCWD, text, O_RDONLY | O_DIRECTORY);
}

/* The first part of the host name, in letters that are harmless in a name. */
void vs_dir_host(char out[VS_DIR_HOST_MAX + 1])
{
	char full[256] = "";
	size_t i;

	if (gethostname(full, sizeof(full) - 1) != 0 || full[0] == '\0')
		memcpy(full, "host", sizeof("host"));
	for (i = 0; i < VS_DIR_HOST_MAX && full[i] != '\0' && full[i] != '.';
	     i++) {
		char c = full[i];
		bool plain = (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-';

		out[i] = plain ? c : '_';
	}
	out[i] = '\0';
}

/* Only names depend on it, never contents. */
static uint64_t random_u64(void)
{
	struct timespec now;
	uint64_t r;

	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) == (ssize_t)sizeof(r))
		return r;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec << 30 ^ (uint64_t)now.tv_nsec;
}

/* name cut to at most room bytes, between two characters of UTF-8. */
static size_t cut_name(const char *name, size_t room)
{
	size_t n = strlen(name);

	if (n <= room)
		return n;
	n = room;
	while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static size_t name_room(const struct vs_fd *dir)
{
	long most = fpathconf(dir->fd, _PC_NAME_MAX);

	return most > 0 && most < NAME_ROOM ? (size_t)most : NAME_ROOM;
}

int vs_dir_temp(struct vs_ctx *ctx, const struct vs_fd *dir, const char *name,
		struct vs_fd *f, char temp[256])
{
	char host[VS_DIR_HOST_MAX + 1], tail[128];
	size_t room = name_room(dir), used;
	uint64_t seed = random_u64();
	unsigned i;
	int sys = EEXIST;

	if (strlen(name) > room)
		return ENAMETOOLONG;
	vs_dir_host(host);
	for (i = 0; sys == EEXIST && i < TEMP_TRIES; i++) {
		used = (size_t)snprintf(
			tail, sizeof(tail), ".vs-%s-%ld-%016llx.tmp", host,
			(long)getpid(),
			(unsigned long long)vs_rng_at(seed, VS_STREAM_TEMP,
						      i));
		if (used + 1 > room)
			return ENAMETOOLONG;
		snprintf(temp, 256, ".%.*s%s",
			 (int)cut_name(name, room - used - 1), name, tail);
		sys = vs_fd_open(ctx, f, dir->fd, temp,
				 O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
	}
	/* Only a sign for vs_dir_sweep; some file systems have no locks. */
	if (sys == 0)
		(void)flock(f->fd, LOCK_EX | LOCK_NB);
	return sys;
}

/* True when both names are one file: on NFS a link that was made may be
 * reported as EEXIST when the first answer got lost. */
static bool same_file(const struct vs_fd *dir, const char *a, const char *b)
{
	struct stat sa, sb;

	return fstatat(dir->fd, a, &sa, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(dir->fd, b, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	       sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* What link says on file systems that know no links (vfat, some FUSE). */
static bool no_links(int sys)
{
	return sys == EPERM || sys == EOPNOTSUPP || sys == ENOTSUP ||
	       sys == ENOSYS || sys == EMLINK || sys == EINVAL;
}

int vs_dir_link(struct vs_ctx *ctx, const struct vs_fd *dir, const char *temp,
		const char *name)
{
	int sys = vs_ctx_hook(ctx, VS_CALL_RENAME, dir->path);

	if (sys == 0 && linkat(dir->fd, temp, dir->fd, name, 0) != 0)
		sys = errno;
	if (sys == EEXIST && same_file(dir, temp, name))
		return 0;
	if (!no_links(sys))
		return sys;
	sys = vs_ctx_hook(ctx, VS_CALL_RENAME, dir->path);
	if (sys == 0 && renameat2(dir->fd, temp, dir->fd, name,
				  RENAME_NOREPLACE) != 0)
		sys = errno;
	return sys;
}

int vs_dir_rename(struct vs_ctx *ctx, const struct vs_fd *dir,
		  const char *temp, const char *name)
{
	int sys = vs_ctx_hook(ctx, VS_CALL_RENAME, dir->path);

	if (sys == 0 && renameat(dir->fd, temp, dir->fd, name) != 0)
		sys = errno;
	return sys;
}

int vs_dir_unlink(struct vs_ctx *ctx, const struct vs_fd *dir,
		  const char *name)
{
	int sys = vs_ctx_hook(ctx, VS_CALL_UNLINK, dir->path);

	if (sys == 0 && unlinkat(dir->fd, name, 0) != 0)
		sys = errno;
	return sys;
}

int vs_dir_sync(struct vs_ctx *ctx, const struct vs_fd *dir)
{
	int sys = vs_fd_sync(ctx, dir);

	if (sys == EINVAL || sys == EOPNOTSUPP || sys == ENOSYS)
		return 0;
	return sys;
}
