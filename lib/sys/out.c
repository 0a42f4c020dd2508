/* out.c - outputs that appear complete or never (the publish protocol).
 *
 * Streams (standard output, pipes, devices) are written through in sequence;
 * they can be neither published nor taken back.
 */
#include "vs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "dir_int.h"
#include "vs/mem.h"
#include "vs/num.h"

struct vs_out {
	char *path;       /* as given, for messages */
	char *real;       /* what it stands for when it is a link, or NULL */
	const char *name; /* last component of real or path */
	struct vs_fd fd;
	struct vs_fd dir; /* -1 for streams */
	char temp[256];   /* name in dir, "" when there is none */
	bool borrowed;    /* standard output stays open */
	atomic_uint_fast64_t size; /* largest offset written */
	atomic_int failed; /* errno of a write that failed, or 0 */
};

/* The code of a failed creation, link or rename. */
static int create_code(int sys)
{
	switch (sys) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EIO:
		return VS_EIO;
	case ECANCELED:
		return VS_EAGAIN;
	default:
		return VS_ECREATE;
	}
}

/* Where the file is to stand. */
static const char *place(const struct vs_out *o)
{
	return o->real != NULL ? o->real : o->path;
}

/* Text of its directory, for messages: "%.*s" of these two. */
static int dir_len(const struct vs_out *o)
{
	size_t n = (size_t)(o->name - place(o));

	/* The slash goes, unless it is the root. */
	return n <= 1 ? 1 : (int)(n - 1);
}

static const char *dir_text(const struct vs_out *o)
{
	return o->name == place(o) ? "." : place(o);
}

static int open_temp(struct vs_ctx *ctx, struct vs_out *o, struct vs_err *err)
{
	int sys;

	sys = vs_dir_open_of(ctx, &o->dir, place(o), &o->name);
	if (sys != 0)
		return vs_fail_sys(err, create_code(sys), sys,
				   "%s: cannot open the directory %.*s",
				   o->path, dir_len(o), dir_text(o));
	if (o->name[0] == '\0')
		return vs_fail(err, VS_ECREATE,
			       "%s: names a directory; expected the name of a "
			       "file in it",
			       o->path);
	vs_dir_sweep(ctx, &o->dir, o->name);
	sys = vs_dir_temp(ctx, &o->dir, o->name, &o->fd, o->temp);
	if (sys == 0)
		return 0;
	o->temp[0] = '\0';
	return vs_fail_sys(err, create_code(sys), sys,
			   "%s: cannot create a file in the directory %.*s",
			   o->path, dir_len(o), dir_text(o));
}

static int open_stream(struct vs_ctx *ctx, struct vs_out *o,
		       struct vs_err *err)
{
	int sys;

	o->fd.stream = true;
	if (o->borrowed) {
		o->fd.fd = STDOUT_FILENO;
		return 0;
	}
	sys = vs_fd_open(ctx, &o->fd, AT_FDCWD, o->path, O_WRONLY | O_NOCTTY);
	if (sys != 0)
		return vs_fail_sys(err, create_code(sys), sys,
				   "%s: cannot be opened for writing",
				   o->path);
	return 0;
}

/* A link to a file stays and its file is replaced, as with plain writing. */
static int follow_link(struct vs_ctx *ctx, struct vs_out *o,
		       struct vs_err *err)
{
	struct stat st;
	int sys = vs_ctx_hook(ctx, VS_CALL_STAT, o->path);

	if (sys == 0 && lstat(o->path, &st) != 0)
		sys = errno;
	if (sys != 0)
		return vs_fail_sys(err, VS_EIO, sys, "%s: cannot be examined",
				   o->path);
	if (!S_ISLNK(st.st_mode))
		return 0;
	return vs_path_real(ctx, o->path, &o->real, err);
}

static int open_any(struct vs_ctx *ctx, struct vs_out *o, struct vs_err *err)
{
	struct stat st;
	int sys, rc;

	/* The second name keeps working when standard output is a file. */
	o->borrowed = strcmp(o->path, "-") == 0 ||
		      strcmp(o->path, "/dev/stdout") == 0;
	if (o->borrowed)
		return open_stream(ctx, o, err);
	sys = vs_ctx_hook(ctx, VS_CALL_STAT, o->path);
	if (sys == 0 && stat(o->path, &st) != 0)
		sys = errno;
	/* A bad directory has a better message below. */
	if (sys == ENOENT || sys == ENOTDIR || sys == EACCES ||
	    sys == ENAMETOOLONG)
		return open_temp(ctx, o, err);
	if (sys != 0)
		return vs_fail_sys(err, create_code(sys), sys,
				   "%s: cannot be examined", o->path);
	if (S_ISDIR(st.st_mode))
		return vs_fail(err, VS_ECREATE,
			       "%s: is a directory; expected the name of a "
			       "file",
			       o->path);
	if (!S_ISREG(st.st_mode))
		return open_stream(ctx, o, err);
	rc = follow_link(ctx, o, err);
	return rc != 0 ? rc : open_temp(ctx, o, err);
}

int vs_out_create(struct vs_ctx *ctx, const char *path, struct vs_out **out,
		  struct vs_err *err)
{
	struct vs_out *o;
	int rc;

	*out = NULL;
	o = vs_zalloc(ctx, 1, sizeof(*o), "output", err);
	if (o == NULL)
		return VS_ENOMEM;
	o->fd.fd = -1;
	o->dir.fd = -1;
	atomic_init(&o->size, 0);
	atomic_init(&o->failed, 0);
	o->path = vs_strdup(ctx, path, err);
	if (o->path == NULL) {
		vs_free(ctx, o);
		return VS_ENOMEM;
	}
	o->name = o->path;
	o->fd.path = o->path;
	o->dir.path = o->path;
	rc = open_any(ctx, o, err);
	if (rc != 0) {
		vs_out_abort(ctx, o);
		return rc;
	}
	*out = o;
	return 0;
}

const char *vs_out_path(const struct vs_out *o)
{
	return o->path;
}

bool vs_out_seekable(const struct vs_out *o)
{
	return !o->fd.stream;
}

uint64_t vs_out_size(const struct vs_out *o)
{
	return atomic_load_explicit(&o->size, memory_order_relaxed);
}

static int need_seekable(const struct vs_out *o, struct vs_err *err)
{
	if (!o->fd.stream)
		return 0;
	return vs_fail(err, VS_EUSAGE,
		       "%s: is no regular file and is written in sequence; "
		       "this output needs the name of a file",
		       o->path);
}

/* Remembers a failed write, so that publishing is refused whatever the caller
 * makes of the error. */
static int fail_write(struct vs_out *o, int sys, struct vs_err *err)
{
	atomic_store_explicit(&o->failed, sys, memory_order_relaxed);
	if (sys == ECANCELED)
		return vs_fail(err, VS_EAGAIN, "%s: stopped while waiting for "
			       "the reader", o->path);
	return vs_fail_sys(err, VS_EIO, sys, "%s: cannot be written", o->path);
}

/* size = max(size, end) */
static void raise_size(struct vs_out *o, uint64_t end)
{
	uint64_t now = vs_out_size(o);

	while (end > now && !atomic_compare_exchange_weak_explicit(
				    &o->size, &now, end, memory_order_relaxed,
				    memory_order_relaxed))
		;
}

int vs_out_reserve(struct vs_ctx *ctx, struct vs_out *o, uint64_t n_bytes,
		   struct vs_err *err)
{
	int rc = need_seekable(o, err);
	int sys;

	if (rc != 0 || n_bytes <= vs_out_size(o))
		return rc;
	sys = vs_fd_allocate(ctx, &o->fd, n_bytes);
	if (sys == EOPNOTSUPP)
		sys = vs_fd_truncate(ctx, &o->fd, n_bytes);
	if (sys != 0)
		return vs_fail_sys(err, VS_EIO, sys,
				   "%s: cannot reserve %llu bytes", o->path,
				   (unsigned long long)n_bytes);
	return 0;
}

int vs_out_pwrite(struct vs_ctx *ctx, struct vs_out *o, const void *buf,
		  size_t n, uint64_t offset, struct vs_err *err)
{
	int rc = need_seekable(o, err);
	int sys;

	if (rc != 0)
		return rc;
	sys = vs_fd_pwrite(ctx, &o->fd, buf, n, offset);
	if (sys != 0)
		return fail_write(o, sys, err);
	if (n != 0)
		raise_size(o, offset + n);
	return 0;
}

int vs_out_pread(struct vs_ctx *ctx, struct vs_out *o, void *buf, size_t n,
		 uint64_t offset, struct vs_err *err)
{
	int rc = need_seekable(o, err);
	size_t got;
	int sys;

	if (rc != 0)
		return rc;
	sys = vs_fd_pread(ctx, &o->fd, buf, n, offset, &got);
	if (sys != 0)
		return vs_fail_sys(err, VS_EIO, sys,
				   "%s: cannot read back %zu bytes at offset "
				   "%llu",
				   o->path, n, (unsigned long long)offset);
	if (got < n)
		return vs_fail(err, VS_EIO,
			       "%s: read back %zu of %zu bytes at offset %llu",
			       o->path, got, n, (unsigned long long)offset);
	return 0;
}

int vs_out_append(struct vs_ctx *ctx, struct vs_out *o, const void *buf,
		  size_t n, struct vs_err *err)
{
	uint64_t size = vs_out_size(o);
	int sys;

	if (o->fd.stream)
		sys = vs_fd_write(ctx, &o->fd, buf, n);
	else
		sys = vs_fd_pwrite(ctx, &o->fd, buf, n, size);
	if (sys != 0)
		return fail_write(o, sys, err);
	raise_size(o, size + n);
	return 0;
}

static void destroy(struct vs_ctx *ctx, struct vs_out *o)
{
	vs_free(ctx, o->real);
	vs_free(ctx, o->path);
	vs_free(ctx, o);
}

/* Twice, because a file left behind is worse than a vain call. */
static int remove_temp(struct vs_ctx *ctx, struct vs_out *o)
{
	int sys = 0;

	if (o->temp[0] == '\0')
		return 0;
	sys = vs_dir_unlink(ctx, &o->dir, o->temp);
	if (sys != 0 && sys != ENOENT)
		sys = vs_dir_unlink(ctx, &o->dir, o->temp);
	o->temp[0] = '\0';
	return sys == ENOENT ? 0 : sys;
}

/* Puts the contents on the disk and closes. */
static int finish(struct vs_ctx *ctx, struct vs_out *o, struct vs_err *err)
{
	uint64_t size = vs_out_size(o);
	struct stat st;
	int sys = atomic_load_explicit(&o->failed, memory_order_relaxed);

	if (sys == 0)
		sys = vs_fd_stat(ctx, &o->fd, &st);
	if (sys == 0 && (uint64_t)st.st_size > size) {
		sys = vs_fd_truncate(ctx, &o->fd, size);
		if (sys == 0)
			sys = vs_fd_stat(ctx, &o->fd, &st);
	}
	if (sys == 0 && (uint64_t)st.st_size != size)
		return vs_fail(err, VS_EIO,
			       "%s: has %lld bytes on disk; expected %llu",
			       o->path, (long long)st.st_size,
			       (unsigned long long)size);
	if (sys == 0)
		sys = vs_fd_sync(ctx, &o->fd);
	if (sys == 0)
		sys = vs_fd_close(ctx, &o->fd);
	if (sys != 0)
		return vs_fail_sys(err, VS_EIO, sys,
				   "%s: cannot be written to the end",
				   o->path);
	return 0;
}

/* Gives the finished temporary its name. */
static int give_name(struct vs_ctx *ctx, struct vs_out *o, enum vs_publish how,
		     bool *existed, struct vs_err *err)
{
	int sys;

	if (how == VS_PUBLISH_NEW)
		sys = vs_dir_link(ctx, &o->dir, o->temp, o->name);
	else
		sys = vs_dir_rename(ctx, &o->dir, o->temp, o->name);
	if (sys == EEXIST && how == VS_PUBLISH_NEW) {
		*existed = true;
		return vs_fail(err, VS_ECREATE,
			       "%s: exists already; remove it or allow it to "
			       "be replaced",
			       o->path);
	}
	if (sys != 0)
		return vs_fail_sys(err, create_code(sys), sys,
				   "%s: cannot be given its name in the "
				   "directory %.*s",
				   o->path, dir_len(o), dir_text(o));
	if (how == VS_PUBLISH_REPLACE)
		o->temp[0] = '\0';
	sys = remove_temp(ctx, o);
	if (sys != 0)
		vs_ctx_log(ctx, VS_LOG_WARN,
			   "%s: is complete, but its temporary name could not "
			   "be removed; files .*.tmp beside it may be deleted",
			   o->path);
	/* What is visible may be in use by others already: it stays. */
	sys = vs_dir_sync(ctx, &o->dir);
	if (sys != 0)
		return vs_fail_sys(err, VS_EIO, sys,
				   "%s: is complete, but cannot flush the "
				   "directory %.*s to disk",
				   o->path, dir_len(o), dir_text(o));
	return 0;
}

/* Late errors of a stream: those of close, and of fsync where standard output
 * is a file. */
static int finish_stream(struct vs_ctx *ctx, struct vs_out *o,
			 struct vs_err *err)
{
	struct stat st;
	int sys = atomic_load_explicit(&o->failed, memory_order_relaxed);

	if (sys == 0)
		sys = vs_fd_stat(ctx, &o->fd, &st);
	if (sys == 0 && S_ISREG(st.st_mode))
		sys = vs_fd_sync(ctx, &o->fd);
	if (sys == 0 && !o->borrowed)
		sys = vs_fd_close(ctx, &o->fd);
	if (sys != 0)
		return vs_fail_sys(err, VS_EIO, sys,
				   "%s: cannot be written to the end",
				   o->path);
	return 0;
}

int vs_out_publish(struct vs_ctx *ctx, struct vs_out *o, enum vs_publish how,
		   bool *existed, struct vs_err *err)
{
	bool ignored;
	int rc;

	if (existed == NULL)
		existed = &ignored;
	*existed = false;
	if (o->fd.stream) {
		rc = finish_stream(ctx, o, err);
	} else {
		rc = finish(ctx, o, err);
		if (rc == 0)
			rc = give_name(ctx, o, how, existed, err);
	}
	vs_out_abort(ctx, o);
	return rc;
}

void vs_out_sweep(struct vs_ctx *ctx, const char *path)
{
	struct vs_fd dir = { .fd = -1, .path = path };
	const char *name;

	if (vs_dir_open_of(ctx, &dir, path, &name) != 0)
		return;
	if (name[0] != '\0')
		vs_dir_sweep(ctx, &dir, name);
	(void)vs_fd_close(ctx, &dir);
}

void vs_out_abort(struct vs_ctx *ctx, struct vs_out *o)
{
	if (o == NULL)
		return;
	/* Closing first: NFS keeps a removed file that is open. */
	if (!o->borrowed)
		(void)vs_fd_close(ctx, &o->fd);
	(void)remove_temp(ctx, o);
	(void)vs_fd_close(ctx, &o->dir);
	destroy(ctx, o);
}
