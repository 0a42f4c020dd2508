/* file.h - the one layer that touches files, and the publish protocol.
 *
 * Reading: positioned reads of whole ranges; a short file is an error that
 * names file and offset.  Writing: an output is written under a temporary name
 * in its own directory and appears under its own name complete, or never:
 *
 *   O_EXCL temporary (".NAME.vs-HOST-PID-RANDOM.tmp"), writes, size check,
 *   fsync, checked close, link (or rename to replace), fsync of the directory.
 *
 * Hooks of the context are asked before every call.  EINTR and short transfers
 * are handled here.  All functions are safe from several threads on one
 * struct vs_file or vs_out, except open, publish, append and close.
 */
#ifndef VS_FILE_H
#define VS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vs/buf.h"
#include "vs/ctx.h"

struct vs_file; /* opened for reading */

/* "-" is standard input.  VS_ENOINPUT when it does not exist, is a directory or
 * cannot be opened. */
int vs_file_open(struct vs_ctx *ctx, const char *path, struct vs_file **out,
		 struct vs_err *err) VS_MUST_CHECK;
const char *vs_file_path(const struct vs_file *f);
/* Bytes of a regular file; UINT64_MAX for a pipe (no pread, no map). */
uint64_t vs_file_size(const struct vs_file *f);
/* A terminal, /dev/zero...: neither a file nor a pipe. */
bool vs_file_is_device(const struct vs_file *f);
/* The descriptor, for vs/map.h. */
int vs_file_fd(const struct vs_file *f);
/* Exactly n bytes at offset; VS_EDATA when the file ends before. */
int vs_file_pread(struct vs_ctx *ctx, struct vs_file *f, void *buf, size_t n,
		  uint64_t offset, struct vs_err *err) VS_MUST_CHECK;
/* The next bytes in sequence, up to n, *got == 0 at the end; works on pipes.
 * VS_EAGAIN when a stop is asked for while a pipe has nothing to read. */
int vs_file_read(struct vs_ctx *ctx, struct vs_file *f, void *buf, size_t n,
		 size_t *got, struct vs_err *err) VS_MUST_CHECK;
/* Whether vs_file_read would not wait: bytes are there, or the end is. */
bool vs_file_ready(const struct vs_file *f);
/* Tells the kernel that reading will be in order from offset 0. */
void vs_file_sequential(struct vs_file *f);
void vs_file_close(struct vs_ctx *ctx, struct vs_file *f);

/* A file without a name in the scratch directory of the context, gone when it
 * is closed.  path is what messages and vs_file_path say.  VS_ECREATE names the
 * directory. */
int vs_file_scratch(struct vs_ctx *ctx, const char *path, struct vs_file **out,
		    struct vs_err *err) VS_MUST_CHECK;
/* Adds n bytes at the end of a scratch file; VS_EIO names the directory. */
int vs_file_put(struct vs_ctx *ctx, struct vs_file *f, const void *buf,
		size_t n, struct vs_err *err) VS_MUST_CHECK;

/* A whole small file (at most max bytes, else VS_EDATA) replaces what b held.
 */
int vs_file_slurp(struct vs_ctx *ctx, const char *path, size_t max,
		  struct vs_buf *b, struct vs_err *err) VS_MUST_CHECK;

struct vs_out; /* an output being written */

enum vs_publish {
	VS_PUBLISH_NEW,    /* fails with VS_ECREATE when the name exists */
	VS_PUBLISH_REPLACE /* atomically replaces what stands there */
};

/* Creates the temporary file.  "-" and existing non-regular files (pipes,
 * /dev/null) are written through in sequence; they take appends only.  A link
 * to a regular file stands for that file and stays a link.
 * VS_ECREATE names the directory and the reason. */
int vs_out_create(struct vs_ctx *ctx, const char *path, struct vs_out **out,
		  struct vs_err *err) VS_MUST_CHECK;
const char *vs_out_path(const struct vs_out *o);
/* True when it can take positioned writes. */
bool vs_out_seekable(const struct vs_out *o);
/* Reserves space so that a full disk is seen now (VS_EIO); grows the file to
 * n_bytes.  A file system without fallocate is no error. */
int vs_out_reserve(struct vs_ctx *ctx, struct vs_out *o, uint64_t n_bytes,
		   struct vs_err *err) VS_MUST_CHECK;
int vs_out_pwrite(struct vs_ctx *ctx, struct vs_out *o, const void *buf,
		  size_t n, uint64_t offset, struct vs_err *err) VS_MUST_CHECK;
/* Reads back what was written (seekable outputs), exactly n bytes. */
int vs_out_pread(struct vs_ctx *ctx, struct vs_out *o, void *buf, size_t n,
		 uint64_t offset, struct vs_err *err) VS_MUST_CHECK;
/* At the end of what has been appended or written so far. */
int vs_out_append(struct vs_ctx *ctx, struct vs_out *o, const void *buf,
		  size_t n, struct vs_err *err) VS_MUST_CHECK;
/* Largest offset written so far. */
uint64_t vs_out_size(const struct vs_out *o);
/* Makes it visible and frees o, also on failure (then nothing stays behind and
 * what stood under the name is untouched).  The file is cut to vs_out_size.
 * VS_PUBLISH_NEW uses link and falls back to rename without replacing where
 * links are not to be had.  *existed (may be NULL) is set when
 * VS_PUBLISH_NEW failed because the name exists.  One failure comes after the
 * name is given: when the directory cannot be synced (VS_EIO), the new file,
 * complete, stays, since others may use it already. */
int vs_out_publish(struct vs_ctx *ctx, struct vs_out *o, enum vs_publish how,
		   bool *existed, struct vs_err *err) VS_MUST_CHECK;
/* Removes temporaries of this output that killed processes of this host left;
 * vs_out_create does so, too.  Never fails. */
void vs_out_sweep(struct vs_ctx *ctx, const char *path);
/* Removes the temporary and frees o; o may be NULL. */
void vs_out_abort(struct vs_ctx *ctx, struct vs_out *o);

bool vs_path_exists(struct vs_ctx *ctx, const char *path);
bool vs_path_is_dir(struct vs_ctx *ctx, const char *path);
/* True of what is there and can be read once only: a pipe or a device. */
bool vs_path_is_stream(struct vs_ctx *ctx, const char *path);
/* True when both exist and are one file. */
bool vs_path_same(struct vs_ctx *ctx, const char *a, const char *b);
/* Creates a directory; one that is there already is fine. */
int vs_path_mkdir(struct vs_ctx *ctx, const char *path,
		  struct vs_err *err) VS_MUST_CHECK;
int vs_path_unlink(struct vs_ctx *ctx, const char *path,
		   struct vs_err *err) VS_MUST_CHECK;
/* The absolute name of an existing file or directory, without links, "." and
 * ".."; owned by the caller.  VS_ENOINPUT when there is none. */
int vs_path_real(struct vs_ctx *ctx, const char *path, char **out,
		 struct vs_err *err) VS_MUST_CHECK;

/* Names in a directory, sorted by bytes, without . and .., hidden ones
 * skipped; free with vs_names_free. */
struct vs_names {
	char **name;
	size_t n;
};
int vs_path_list(struct vs_ctx *ctx, const char *dir, struct vs_names *out,
		 struct vs_err *err) VS_MUST_CHECK;
void vs_names_free(struct vs_ctx *ctx, struct vs_names *names);

#endif
