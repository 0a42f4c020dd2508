/* ctx.h - the context: everything a call may use that is not its argument.
 *
 * The library has no globals.  A tool fills one context and passes it as the
 * first parameter of whatever allocates, touches files, runs threads or logs.
 * Tests fill the hook to fail the k-th such call.
 */
#ifndef VS_CTX_H
#define VS_CTX_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vs/err.h"

struct vs_kern; /* vs/kern.h: the kernels of one instruction set */

/* What the hook is asked about, before the real call is made. */
enum vs_call {
	VS_CALL_ALLOC,
	VS_CALL_OPEN,
	VS_CALL_READ,
	VS_CALL_WRITE,
	VS_CALL_SYNC,
	VS_CALL_CLOSE,
	VS_CALL_STAT,
	VS_CALL_MAP,
	VS_CALL_RENAME,
	VS_CALL_UNLINK,
	VS_CALL_TRUNCATE,
	VS_CALL_MKDIR,
	VS_CALL_LISTDIR
};

enum vs_log_level {
	VS_LOG_WARN = 0, /* always shown unless -q */
	VS_LOG_INFO = 1, /* shown unless -q: the result lines of a tool */
	VS_LOG_DEBUG = 2 /* shown with -v */
};

/* How much of a file is verified when it is opened (--verify). */
enum vs_verify {
	VS_VERIFY_HEADER = 0, /* header, table, footer */
	VS_VERIFY_TOUCH = 1,  /* each block when first read */
	VS_VERIFY_FULL = 2,   /* every block when opened */
	VS_VERIFY_DEEP = 3    /* full, and the sections fit each other */
};

/* How much an operation worked on, for reports.  What does not apply stays
 * VS_WORK_UNKNOWN. */
#define VS_WORK_UNKNOWN UINT64_MAX
struct vs_work {
	uint64_t n_rows;
	uint64_t n_queries;
	uint64_t n_distances;
	uint64_t n_missing; /* shards an answer goes without */
	bool already;       /* the output stood there: nothing was done */
};

struct vs_ctx {
	/* limits */
	unsigned n_threads;  /* >= 1 */
	uint64_t memory_max; /* ceiling of anonymous memory, bytes; 0 = none */
	enum vs_verify verify;

	/* where inputs that can be read only once are kept, unlinked;
	 * NULL: /tmp */
	const char *scratch_dir;

	/* kernels of the chosen instruction set; set by vs_kern_select */
	const struct vs_kern *kern;

	/* asked before each call; a non-zero return is the errno to fail with
	 * (ENOMEM for VS_CALL_ALLOC).  May be called by several threads. */
	int (*hook)(void *arg, enum vs_call call, const char *path);
	void *hook_arg;

	/* one line of text without newline; may be NULL */
	void (*log)(void *arg, enum vs_log_level level, const char *line);
	void *log_arg;
	/* VS_LOG_DEBUG is listened to: work done for it alone is not wasted */
	bool verbose;

	/* work done so far, for progress; may be NULL.  unit is "rows",
	 * "queries"...; total 0 means unknown.  Called from the main thread. */
	void (*progress)(void *arg, const char *phase, uint64_t done,
			 uint64_t total, const char *unit);
	void *progress_arg;

	/* set by a signal handler: finish the block, checkpoint, return
	 * VS_EAGAIN; may be NULL */
	const atomic_int *stop;

	/* set by the operations of vs/op.h, from the main thread */
	struct vs_work work;

	/* bytes of anonymous memory now and at most, kept by vs/mem.h */
	atomic_uint_fast64_t mem_now;
	atomic_uint_fast64_t mem_peak;
	/* bytes read from and written to files, kept by vs/file.h */
	atomic_uint_fast64_t n_bytes_read;
	atomic_uint_fast64_t n_bytes_written;
	/* bytes kept in scratch files, all of them until the end */
	atomic_uint_fast64_t n_bytes_scratch;
	/* threads that the system was seen to start, 0 before the first team;
	 * kept by vs/par.h */
	atomic_uint n_startable;
};

/* One thread, no ceiling, generic kernels unset, nothing hooked. */
void vs_ctx_init(struct vs_ctx *ctx);

/* 0, or the errno the hook wants this call to fail with. */
int vs_ctx_hook(struct vs_ctx *ctx, enum vs_call call, const char *path);

void vs_ctx_log(struct vs_ctx *ctx, enum vs_log_level level, const char *fmt,
		...) VS_PRINTF(3, 4);

void vs_ctx_progress(struct vs_ctx *ctx, const char *phase, uint64_t done,
		     uint64_t total, const char *unit);

/* True when a signal asked for a stop. */
int vs_ctx_stopping(const struct vs_ctx *ctx);

#endif
