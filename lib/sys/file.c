/* file.c - reading: whole ranges of regular files, and streams in sequence. */
#include "vs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include "fd_int.h"
#include "vs/mem.h"
#include "vs/num.h"

#define SLURP_STEP ((size_t)1 << 16)

struct vs_file {
	struct vs_fd fd;
	char *path;
	uint64_t size; /* UINT64_MAX: a stream */
	bool device;
	bool borrowed; /* standard input stays open */
};

/* Learns what kind of file it is. */
static int examine(struct vs_ctx *ctx, struct vs_file *f, struct vs_err *err)
{
	struct stat st;
	int sys = vs_fd_stat(ctx, &f->fd, &st);

	if (sys != 0)
		return vs_fail_sys(err, VS_EIO, sys, "%s: cannot be examined",
				   f->path);
	if (S_ISDIR(st.st_mode))
		return vs_fail(err, VS_ENOINPUT,
			       "%s: is a directory; expected a file", f->path);
	/* Standard input may stand in the middle of a file: then offsets of
	 * the file are not offsets of the input. */
	f->fd.stream = !S_ISREG(st.st_mode) ||
		       (f->borrowed && lseek(f->fd.fd, 0, SEEK_CUR) != 0);
	f->device = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode);
	f->size = f->fd.stream ? UINT64_MAX : (uint64_t)st.st_size;
	return 0;
}

int vs_file_open(struct vs_ctx *ctx, const char *path, struct vs_file **out,
		 struct vs_err *err)
{
	struct vs_file *f;
	int sys = 0, rc;

	*out = NULL;
	f = vs_zalloc(ctx, 1, sizeof(*f), "file", err);
	if (f == NULL)
		return VS_ENOMEM;
	f->fd.fd = -1;
	f->path = vs_strdup(ctx, path, err);
	if (f->path == NULL) {
		vs_free(ctx, f);
		return VS_ENOMEM;
	}
	f->fd.path = f->path;
	f->borrowed = strcmp(path, "-") == 0;
	if (f->borrowed)
		f->fd.fd = STDIN_FILENO;
	else
		sys = vs_fd_open(ctx, &f->fd, AT_FDCWD, path,
				 O_RDONLY | O_NOCTTY);
	if (sys == ECANCELED)
		rc = vs_fail(err, VS_EAGAIN, "%s: stopped while opening", path);
	else if (sys != 0)
		rc = vs_fail_sys(err, VS_ENOINPUT, sys, "%s: cannot be opened",
				 path);
	else
		rc = examine(ctx, f, err);
	if (rc != 0) {
		vs_file_close(ctx, f);
		return rc;
	}
	*out = f;
	return 0;
}

const char *vs_file_path(const struct vs_file *f)
{
	return f->path;
}

uint64_t vs_file_size(const struct vs_file *f)
{
	return f->size;
}

bool vs_file_is_device(const struct vs_file *f)
{
	return f->device;
}

int vs_file_fd(const struct vs_file *f)
{
	return f->fd.fd;
}

int vs_file_pread(struct vs_ctx *ctx, struct vs_file *f, void *buf, size_t n,
		  uint64_t offset, struct vs_err *err)
{
	size_t got;
	int sys;

	if (f->fd.stream)
		return vs_fail(err, VS_EUSAGE,
			       "%s: is no regular file and can only be read "
			       "in sequence; give the name of a file",
			       f->path);
	sys = vs_fd_pread(ctx, &f->fd, buf, n, offset, &got);
	if (sys != 0)
		return vs_fail_sys(err, VS_EIO, sys,
				   "%s: cannot read %zu bytes at offset %llu",
				   f->path, n, (unsigned long long)offset);
	if (got < n)
		return vs_fail(err, VS_EDATA,
			       "%s: ends after %zu of the %zu bytes expected "
			       "at offset %llu; it is truncated",
			       f->path, got, n, (unsigned long long)offset);
	return 0;
}

int vs_file_read(struct vs_ctx *ctx, struct vs_file *f, void *buf, size_t n,
		 size_t *got, struct vs_err *err)
{
	int sys = vs_fd_read(ctx, &f->fd, buf, n, got);

	if (sys == ECANCELED)
		return vs_fail(err, VS_EAGAIN,
			       "%s: stopped while waiting for data; a stream "
			       "cannot be resumed, run again from its start",
			       f->path);
	if (sys != 0)
		return vs_fail_sys(err, VS_EIO, sys, "%s: cannot be read",
				   f->path);
	return 0;
}

bool vs_file_ready(const struct vs_file *f)
{
	return vs_fd_ready(&f->fd);
}

void vs_file_sequential(struct vs_file *f)
{
	/* A hint: streams and odd file systems may refuse it. */
	(void)posix_fadvise(f->fd.fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

void vs_file_close(struct vs_ctx *ctx, struct vs_file *f)
{
	if (f == NULL)
		return;
	/* Nothing was written, so nothing is lost when closing fails. */
	if (!f->borrowed)
		(void)vs_fd_close(ctx, &f->fd);
	vs_free(ctx, f->path);
	vs_free(ctx, f);
}

static const char *scratch_dir(const struct vs_ctx *ctx)
{
	return ctx->scratch_dir != NULL ? ctx->scratch_dir : "/tmp";
}

/* For file systems that know no files without names. */
static int open_named(struct vs_ctx *ctx, struct vs_file *f, struct vs_err *err)
{
	char *name;
	int sys = EEXIST, i, rc;

	for (i = 0; i < 1000 && sys == EEXIST; i++) {
		name = vs_asprintf(ctx, err, "%s/.vs-scratch-%ld-%d",
				   scratch_dir(ctx), (long)getpid(), i);
		if (name == NULL)
			return VS_ENOMEM;
		sys = vs_fd_open(ctx, &f->fd, AT_FDCWD, name,
				 O_RDWR | O_CREAT | O_EXCL);
		rc = sys == 0 ? vs_path_unlink(ctx, name, err) : 0;
		vs_free(ctx, name);
		if (rc != 0)
			return rc;
	}
	if (sys == 0)
		return 0;
	return vs_fail_sys(err, VS_ECREATE, sys,
			   "%s: cannot keep a copy of %s there; set TMPDIR to "
			   "a directory with room for it",
			   scratch_dir(ctx), f->path);
}

int vs_file_scratch(struct vs_ctx *ctx, const char *path, struct vs_file **out,
		    struct vs_err *err)
{
	struct vs_file *f;
	int rc = 0;

	*out = NULL;
	f = vs_zalloc(ctx, 1, sizeof(*f), "file", err);
	if (f == NULL)
		return VS_ENOMEM;
	f->fd.fd = -1;
	f->path = vs_strdup(ctx, path, err);
	if (f->path == NULL) {
		vs_free(ctx, f);
		return VS_ENOMEM;
	}
	f->fd.path = f->path;
	if (vs_fd_open(ctx, &f->fd, AT_FDCWD, scratch_dir(ctx),
		       O_RDWR | O_TMPFILE) != 0)
		rc = open_named(ctx, f, err);
	if (rc != 0) {
		vs_file_close(ctx, f);
		return rc;
	}
	*out = f;
	return 0;
}

int vs_file_put(struct vs_ctx *ctx, struct vs_file *f, const void *buf,
		size_t n, struct vs_err *err)
{
	int sys = vs_fd_pwrite(ctx, &f->fd, buf, n, f->size);

	if (sys != 0)
		return vs_fail_sys(err, VS_EIO, sys,
				   "%s: cannot keep %llu bytes of %s there; "
				   "set TMPDIR to a directory with room for it",
				   scratch_dir(ctx),
				   (unsigned long long)(f->size + n), f->path);
	f->size += n;
	atomic_fetch_add_explicit(&ctx->n_bytes_scratch, n,
				  memory_order_relaxed);
	return 0;
}

/* Reads to the end: the size a file states may be wrong (/proc, pipes). */
static int slurp(struct vs_ctx *ctx, struct vs_file *f, size_t max,
		 struct vs_buf *b, struct vs_err *err)
{
	char *step;
	size_t got;
	int rc;

	step = vs_alloc(ctx, SLURP_STEP, 1, "read buffer", err);
	if (step == NULL)
		return VS_ENOMEM;
	do {
		rc = vs_file_read(ctx, f, step, SLURP_STEP, &got, err);
		if (rc == 0 && got > max - b->n)
			rc = vs_fail(err, VS_EDATA,
				     "%s: more than %zu bytes; expected a "
				     "smaller file",
				     f->path, max);
		if (rc == 0)
			rc = vs_buf_append(ctx, b, step, got, err);
	} while (rc == 0 && got != 0);
	vs_free(ctx, step);
	return rc;
}

int vs_file_slurp(struct vs_ctx *ctx, const char *path, size_t max,
		  struct vs_buf *b, struct vs_err *err)
{
	struct vs_file *f;
	int rc = vs_file_open(ctx, path, &f, err);

	if (rc != 0)
		return rc;
	vs_buf_clear(b);
	rc = slurp(ctx, f, max, b, err);
	vs_file_close(ctx, f);
	return rc;
}
