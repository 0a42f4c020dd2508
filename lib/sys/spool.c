/* spool.c - bytes of a pipe or of a compressed file into a scratch file. */
#include "vs/spool.h"

#include <string.h>

#include "vs/mem.h"
#include "vs/zst.h"

#define STEP ((size_t)1 << 18)

struct spool {
	struct vs_ctx *ctx;
	struct vs_file *from, *to;
	struct vs_unzst *unzst; /* or NULL: bytes as they are */
	uint8_t *in, *out;
};

bool vs_spool_is_zst(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && strcmp(path + n - 4, ".zst") == 0;
}

static int put_unpacked(struct spool *s, size_t n, struct vs_err *err)
{
	struct vs_unzst_io io = { .dst = s->out, .cap = STEP };
	size_t at = 0;
	int rc;

	do {
		io.src = s->in + at;
		io.n = n - at;
		rc = vs_unzst_step(s->unzst, &io, vs_file_path(s->from), err);
		if (rc == 0 && io.made != 0)
			rc = vs_file_put(s->ctx, s->to, s->out, io.made, err);
		at += io.used;
	} while (rc == 0 && (at < n || io.made == STEP));
	return rc;
}

static int copy(struct spool *s, struct vs_err *err)
{
	size_t got;
	int rc;

	for (;;) {
		if (vs_ctx_stopping(s->ctx))
			return vs_fail(err, VS_EAGAIN,
				       "%s: stopped while reading; run again",
				       vs_file_path(s->from));
		rc = vs_file_read(s->ctx, s->from, s->in, STEP, &got, err);
		if (rc != 0 || got == 0)
			break;
		if (s->unzst != NULL)
			rc = put_unpacked(s, got, err);
		else
			rc = vs_file_put(s->ctx, s->to, s->in, got, err);
		if (rc != 0)
			break;
	}
	if (rc == 0 && s->unzst != NULL && !vs_unzst_complete(s->unzst))
		rc = vs_fail(err, VS_EDATA,
			     "%s: ends within a zstd frame, after %llu bytes "
			     "of data; it is truncated; get it again",
			     vs_file_path(s->from),
			     (unsigned long long)vs_file_size(s->to));
	return rc;
}

static int prepare(struct spool *s, bool zst, struct vs_err *err)
{
	s->in = vs_alloc(s->ctx, STEP, 2, "spool buffer", err);
	if (s->in == NULL)
		return VS_ENOMEM;
	s->out = s->in + STEP;
	if (zst) {
		int rc = vs_unzst_create(s->ctx, &s->unzst, err);

		if (rc != 0)
			return rc;
	}
	return vs_file_scratch(s->ctx, vs_file_path(s->from), &s->to, err);
}

int vs_spool(struct vs_ctx *ctx, struct vs_file **f, struct vs_err *err)
{
	struct spool s = { .ctx = ctx, .from = *f };
	bool zst = vs_spool_is_zst(vs_file_path(*f));
	int rc;

	if (vs_file_is_device(*f))
		return vs_fail(err, VS_EUSAGE,
			       "%s: is a device or terminal; expected a file "
			       "or a pipe; give one",
			       vs_file_path(*f));
	/* An empty file stays what it is, and is refused as that. */
	if (vs_file_size(*f) == 0 ||
	    (!zst && vs_file_size(*f) != UINT64_MAX))
		return 0;
	rc = prepare(&s, zst, err);
	if (rc == 0)
		rc = copy(&s, err);
	vs_unzst_destroy(s.unzst);
	vs_free(ctx, s.in);
	if (rc != 0) {
		vs_file_close(ctx, s.to);
		return rc;
	}
	vs_file_close(ctx, *f);
	*f = s.to;
	return 0;
}
