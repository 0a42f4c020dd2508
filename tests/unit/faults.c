/* faults.c - fails the k-th call. */
#include "faults.h"

static int hook(void *arg, enum vs_call call, const char *path)
{
	struct faults *f = arg;
	unsigned k;

	(void)path;
	if (f->calls != 0 && (f->calls >> call & 1) == 0)
		return 0;
	k = atomic_fetch_add(&f->n_seen, 1) + 1;
	if (k <= FAULTS_LOG_MAX)
		f->log[k - 1] = (unsigned char)call;
	if (f->at == 0 || k < f->at)
		return 0;
	if (k > f->at && (!f->for_ever || call == VS_CALL_UNLINK ||
			  call == VS_CALL_CLOSE))
		return 0;
	atomic_fetch_add(&f->n_fired, 1);
	return f->sys;
}

void faults_set(struct vs_ctx *ctx, struct faults *f)
{
	atomic_store(&f->n_seen, 0);
	atomic_store(&f->n_fired, 0);
	ctx->hook = hook;
	ctx->hook_arg = f;
}
