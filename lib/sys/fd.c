/* fd.c - the system calls on descriptors, each in one place. */
#include "fd_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "vs/num.h"

/* Linux moves at most 2^31 - 4096 bytes at once; a round number below. */
#define TRANSFER_MAX ((size_t)1 << 30)
/* A stream is written in such pieces, so that a stop is noticed between. */
#define STREAM_MAX ((size_t)1 << 16)
/* How often a waiting stream looks whether a stop was asked for. */
#define WAIT_MSECS 200

/* A program that was started with standard output closed would print into the
 * first file that it opens: files never get descriptors 0 to 2. */
static int above_standard(int fd)
{
	int up, sys;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	up = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	sys = errno;
	close(fd);
	errno = sys;
	return up;
}

int vs_fd_open(struct vs_ctx *ctx, struct vs_fd *f, int dir_fd,
	       const char *name, int flags)
{
	int sys;

	do {
		sys = vs_ctx_hook(ctx, VS_CALL_OPEN, f->path);
		if (sys == 0) {
			f->fd = above_standard(openat(
				dir_fd, name, flags | O_CLOEXEC, 0666));
			sys = f->fd < 0 ? errno : 0;
		}
	} while (sys == EINTR && !vs_ctx_stopping(ctx));
	if (sys != 0)
		f->fd = -1;
	return sys == EINTR ? ECANCELED : sys;
}

int vs_fd_close(struct vs_ctx *ctx, struct vs_fd *f)
{
	int sys;

	if (f->fd < 0)
		return 0;
	sys = vs_ctx_hook(ctx, VS_CALL_CLOSE, f->path);
	/* Linux frees the descriptor even when close fails: never again.  An
	 * interrupted close loses nothing that was synced before. */
	if (close(f->fd) != 0 && sys == 0)
		sys = errno;
	f->fd = -1;
	return sys == EINTR ? 0 : sys;
}

int vs_fd_stat(struct vs_ctx *ctx, const struct vs_fd *f, struct stat *st)
{
	int sys = vs_ctx_hook(ctx, VS_CALL_STAT, f->path);

	if (sys == 0 && fstat(f->fd, st) != 0)
		sys = errno;
	return sys;
}

int vs_fd_sync(struct vs_ctx *ctx, const struct vs_fd *f)
{
	int sys;

	do {
		sys = vs_ctx_hook(ctx, VS_CALL_SYNC, f->path);
		if (sys == 0 && fsync(f->fd) != 0)
			sys = errno;
	} while (sys == EINTR);
	return sys;
}

int vs_fd_truncate(struct vs_ctx *ctx, const struct vs_fd *f, uint64_t n)
{
	int sys;

	if (n > INT64_MAX)
		return EFBIG;
	do {
		sys = vs_ctx_hook(ctx, VS_CALL_TRUNCATE, f->path);
		if (sys == 0 && ftruncate(f->fd, (off_t)n) != 0)
			sys = errno;
	} while (sys == EINTR);
	return sys;
}

int vs_fd_allocate(struct vs_ctx *ctx, const struct vs_fd *f, uint64_t n)
{
	int sys;

	if (n > INT64_MAX)
		return EFBIG;
	do {
		sys = vs_ctx_hook(ctx, VS_CALL_TRUNCATE, f->path);
		if (sys == 0 && fallocate(f->fd, 0, 0, (off_t)n) != 0)
			sys = errno;
	} while (sys == EINTR);
	return sys == ENOSYS ? EOPNOTSUPP : sys;
}

/* 0 when f is ready for events, ECANCELED when a stop was asked for. */
static int wait_ready(struct vs_ctx *ctx, const struct vs_fd *f, short events)
{
	struct pollfd p = { .fd = f->fd, .events = events };
	int n;

	for (;;) {
		if (vs_ctx_stopping(ctx))
			return ECANCELED;
		n = poll(&p, 1, ctx->stop != NULL ? WAIT_MSECS : -1);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return errno;
	}
}

/* After a failed transfer: 0 when it should be tried again. */
static int again(struct vs_ctx *ctx, const struct vs_fd *f, int sys,
		 short events)
{
	if (sys == EINTR)
		return 0;
	/* Somebody set O_NONBLOCK on a pipe we share. */
	if (f->stream && (sys == EAGAIN || sys == EWOULDBLOCK))
		return wait_ready(ctx, f, events);
	return sys;
}

int vs_fd_pread(struct vs_ctx *ctx, const struct vs_fd *f, void *buf, size_t n,
		uint64_t offset, size_t *got)
{
	size_t done = 0;
	ssize_t r = 0;
	int sys;

	*got = 0;
	/* Beyond the largest offset are no bytes, but pread says EINVAL. */
	if (offset >= INT64_MAX)
		return 0;
	n = vs_min_size(n, (size_t)(INT64_MAX - offset));
	while (done < n) {
		sys = vs_ctx_hook(ctx, VS_CALL_READ, f->path);
		if (sys == 0) {
			r = pread(f->fd, (char *)buf + done,
				  vs_min_size(n - done, TRANSFER_MAX),
				  (off_t)(offset + done));
			sys = r < 0 ? errno : 0;
		}
		if (sys == EINTR)
			continue;
		if (sys != 0)
			return sys;
		if (r == 0)
			break;
		done += (size_t)r;
		atomic_fetch_add_explicit(&ctx->n_bytes_read, (size_t)r,
					  memory_order_relaxed);
	}
	*got = done;
	return 0;
}

int vs_fd_read(struct vs_ctx *ctx, const struct vs_fd *f, void *buf, size_t n,
	       size_t *got)
{
	ssize_t r = 0;
	int sys;

	*got = 0;
	for (;;) {
		if (f->stream && ctx->stop != NULL) {
			sys = wait_ready(ctx, f, POLLIN);
			if (sys != 0)
				return sys;
		}
		sys = vs_ctx_hook(ctx, VS_CALL_READ, f->path);
		if (sys == 0) {
			r = read(f->fd, buf, vs_min_size(n, TRANSFER_MAX));
			sys = r < 0 ? errno : 0;
		}
		if (sys == 0)
			break;
		sys = again(ctx, f, sys, POLLIN);
		if (sys != 0)
			return sys;
	}
	*got = (size_t)r;
	atomic_fetch_add_explicit(&ctx->n_bytes_read, (size_t)r,
				  memory_order_relaxed);
	return 0;
}

bool vs_fd_ready(const struct vs_fd *f)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN };

	return !f->stream || poll(&p, 1, 0) > 0;
}

/* Counts what a write has moved; a write that moves nothing for ever must not
 * be tried for ever. */
static int count_written(struct vs_ctx *ctx, ssize_t r, size_t *done)
{
	if (r == 0)
		return EIO;
	*done += (size_t)r;
	atomic_fetch_add_explicit(&ctx->n_bytes_written, (size_t)r,
				  memory_order_relaxed);
	return 0;
}

int vs_fd_pwrite(struct vs_ctx *ctx, const struct vs_fd *f, const void *buf,
		 size_t n, uint64_t offset)
{
	size_t done = 0;
	ssize_t r = 0;
	int sys;

	if (offset > INT64_MAX || n > INT64_MAX - offset)
		return EFBIG;
	while (done < n) {
		sys = vs_ctx_hook(ctx, VS_CALL_WRITE, f->path);
		if (sys == 0) {
			r = pwrite(f->fd, (const char *)buf + done,
				   vs_min_size(n - done, TRANSFER_MAX),
				   (off_t)(offset + done));
			sys = r < 0 ? errno : count_written(ctx, r, &done);
		}
		if (sys != 0 && sys != EINTR)
			return sys;
	}
	return 0;
}

int vs_fd_write(struct vs_ctx *ctx, const struct vs_fd *f, const void *buf,
		size_t n)
{
	size_t done = 0;
	ssize_t r = 0;
	int sys;

	while (done < n) {
		if (ctx->stop != NULL) {
			sys = wait_ready(ctx, f, POLLOUT);
			if (sys != 0)
				return sys;
		}
		sys = vs_ctx_hook(ctx, VS_CALL_WRITE, f->path);
		if (sys == 0) {
			r = write(f->fd, (const char *)buf + done,
				  vs_min_size(n - done, STREAM_MAX));
			sys = r < 0 ? errno : count_written(ctx, r, &done);
		}
		if (sys != 0)
			sys = again(ctx, f, sys, POLLOUT);
		if (sys != 0)
			return sys;
	}
	return 0;
}
