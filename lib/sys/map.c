/* map.c - read-only maps and the advice about them. */
#include "vs/map.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vs/num.h"

/* Says what to do about address space that does not suffice. */
static int no_room(const struct vs_file *f, uint64_t size, struct vs_err *err)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) != 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return vs_fail_sys(err, VS_ENOMEM, ENOMEM,
				   "%s: cannot map %llu bytes",
				   vs_file_path(f), (unsigned long long)size);
	/* Less than the limit is in use: this file has room with so much. */
	return vs_fail_sys(err, VS_ENOMEM, ENOMEM,
			   "%s: cannot map %llu bytes: the address space is "
			   "limited; expected all of the file; give it at "
			   "least %llu KiB (ulimit -v), or leave it unlimited "
			   "and limit memory with --memory",
			   vs_file_path(f), (unsigned long long)size,
			   (unsigned long long)limit.rlim_cur / 1024 +
				   vs_div_up(size, 1024));
}

int vs_map_open(struct vs_ctx *ctx, struct vs_file *f, struct vs_map *out,
		struct vs_err *err)
{
	uint64_t size = vs_file_size(f);
	void *p = MAP_FAILED;
	int sys;

	memset(out, 0, sizeof(*out));
	if (size == UINT64_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "%s: is no regular file and cannot be mapped; "
			       "give the name of a file",
			       vs_file_path(f));
	if (size == 0)
		return 0;
	sys = (size_t)size == size ? 0 : ENOMEM;
	if (sys == 0)
		sys = vs_ctx_hook(ctx, VS_CALL_MAP, vs_file_path(f));
	if (sys == 0) {
		p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED,
			 vs_file_fd(f), 0);
		sys = p == MAP_FAILED ? errno : 0;
	}
	if (sys == ENOMEM)
		return no_room(f, size, err);
	if (sys != 0)
		return vs_fail_sys(err, VS_EIO, sys, "%s: cannot map "
				   "%llu bytes", vs_file_path(f),
				   (unsigned long long)size);
	out->p = p;
	out->n = (size_t)size;
	return 0;
}

void vs_map_close(struct vs_map *m)
{
	if (m->p != NULL)
		munmap((void *)(uintptr_t)m->p, m->n);
	memset(m, 0, sizeof(*m));
}

static int native_advice(enum vs_advice advice)
{
	switch (advice) {
	case VS_ADVICE_SEQUENTIAL:
		return MADV_SEQUENTIAL;
	case VS_ADVICE_RANDOM:
		return MADV_RANDOM;
	case VS_ADVICE_WILLNEED:
		return MADV_WILLNEED;
	case VS_ADVICE_DONTNEED:
		return MADV_DONTNEED;
	case VS_ADVICE_NORMAL:
		break;
	}
	return MADV_NORMAL;
}

void vs_map_advise(const struct vs_map *m, uint64_t offset, uint64_t n,
		   enum vs_advice advice)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t skip;

	if (offset >= m->n || n == 0)
		return;
	n = vs_min_u64(n, m->n - offset);
	skip = offset % page;
	(void)madvise((void *)(uintptr_t)(m->p + (offset - skip)),
		      (size_t)(n + skip), native_advice(advice));
}
