/* faultlib.c - fails one call of a program that knows nothing of it.
 *
 *   FAULT_AT=K [FAULT_ERRNO=N] [FAULT_COUNT=FILE] LD_PRELOAD=faultlib.so CMD
 *
 * The K-th call, from 1, of open, write, pwrite, fsync, close, rename, link,
 * ftruncate, fallocate, mmap or an allocation fails with errno N (ENOSPC); K of
 * 0 only counts.  FILE gets the number of calls.  Allocations count only from
 * the program itself and the libraries it works with: what the run-time of
 * threads does without memory is not the program's to say.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);

static atomic_uint n_seen;
static unsigned fault_at;
static int fault_errno = ENOSPC;
static atomic_int is_ready;

__attribute__((constructor)) static void start(void)
{
	const char *at = getenv("FAULT_AT"), *no = getenv("FAULT_ERRNO");

	if (at != NULL)
		fault_at = (unsigned)strtoul(at, NULL, 10);
	if (no != NULL)
		fault_errno = (int)strtol(no, NULL, 10);
	atomic_store(&is_ready, 1);
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FAULT_COUNT");
	char text[32];
	int n, fd;

	atomic_store(&is_ready, 0);
	if (path == NULL)
		return;
	n = snprintf(text, sizeof(text), "%u\n", atomic_load(&n_seen));
	fd = (int)syscall(SYS_openat, AT_FDCWD, path,
			  O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd < 0 || syscall(SYS_write, fd, text, n) != n)
		_exit(99);
	syscall(SYS_close, fd);
}

static int fails(int error)
{
	if (!atomic_load(&is_ready))
		return 0;
	if (atomic_fetch_add(&n_seen, 1) + 1 != fault_at)
		return 0;
	errno = error;
	return 1;
}

static int counts(void *caller)
{
	const char *name;
	Dl_info info;

	if (!atomic_load(&is_ready) || dladdr(caller, &info) == 0 ||
	    info.dli_fname == NULL)
		return 0;
	name = strrchr(info.dli_fname, '/');
	name = name != NULL ? name + 1 : info.dli_fname;
	return strncmp(name, "vs-", 3) == 0 ||
	       strncmp(name, "libzstd", 7) == 0 ||
	       strncmp(name, "libyaml", 7) == 0 ||
	       strncmp(name, "libxxhash", 9) == 0;
}

#define CALLER __builtin_return_address(0)
#define NO_MEMORY (counts(CALLER) && fails(ENOMEM))

void *malloc(size_t n) { return NO_MEMORY ? NULL : __libc_malloc(n); }

void *calloc(size_t n, size_t size)
{
	return NO_MEMORY ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return NO_MEMORY ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
	return NO_MEMORY ? NULL : __libc_memalign(align, n);
}

int posix_memalign(void **p, size_t align, size_t n)
{
	if (NO_MEMORY)
		return ENOMEM;
	*p = __libc_memalign(align, n);
	return *p == NULL ? ENOMEM : 0;
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
	if (fails(ENOMEM))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, n, prot, flags, fd, offset);
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & O_CREAT ? va_arg(ap, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	if (fails(fault_errno))
		return -1;
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	if (fails(fault_errno))
		return -1;
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

ssize_t write(int fd, const void *p, size_t n)
{
	/* An error line that cannot be written tells a test nothing. */
	if (fd != STDERR_FILENO && fails(fault_errno))
		return -1;
	return syscall(SYS_write, fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return fails(fault_errno) ? -1 : syscall(SYS_pwrite64, fd, p, n, at);
}

int fsync(int fd)
{
	return fails(fault_errno) ? -1 : (int)syscall(SYS_fsync, fd);
}

/* As Linux does: the descriptor is gone all the same. */
int close(int fd)
{
	int failed = fails(fault_errno), error = errno;
	int rc = (int)syscall(SYS_close, fd);

	if (!failed)
		return rc;
	errno = error;
	return -1;
}

int ftruncate(int fd, off_t n)
{
	return fails(fault_errno) ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}

int fallocate(int fd, int mode, off_t at, off_t n)
{
	if (fails(fault_errno))
		return -1;
	return (int)syscall(SYS_fallocate, fd, mode, at, n);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	if (fails(fault_errno))
		return -1;
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to,
	   int flags)
{
	if (fails(fault_errno))
		return -1;
	return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

int mkdir(const char *path, mode_t mode)
{
	if (fails(fault_errno))
		return -1;
	return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}
