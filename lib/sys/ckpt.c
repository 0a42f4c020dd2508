/* ckpt.c - checkpoint files: written whole, believed only when all fits. */
#include "vs/ckpt.h"

#include <string.h>

#include "vs/host.h"
#include "vs/mem.h"
#include "vs/num.h"

/* magic[8] kind[4] n_head[4] n_data[8] task[16], head, data, digest[16] */
#define FRONT 40u
#define FOOT sizeof(struct vs_digest)

#define COST_SHARE 20 /* writing may take a 20th of the time */
#define STOP_SECS 2.0 /* of the 5 that a stop may take */

static const uint8_t magic[8] = { 0x89, 'V', 'S', 'K', '\r', '\n', 0x1a, '\n' };

static void encode_front(const struct vs_ckpt *c, uint8_t out[FRONT])
{
	memcpy(out, magic, sizeof(magic));
	vs_put_le32(out + 8, c->kind);
	vs_put_le32(out + 12, (uint32_t)c->n_head);
	vs_put_le64(out + 16, c->n_data);
	memcpy(out + 24, c->task.b, sizeof(c->task.b));
}

static int digest_of(struct vs_ctx *ctx, const uint8_t front[FRONT],
		     const struct vs_ckpt *c, struct vs_digest *out,
		     struct vs_err *err)
{
	struct vs_hasher *h;
	int rc = vs_hasher_create(ctx, &h, err);

	if (rc != 0)
		return rc;
	vs_hasher_add(h, front, FRONT);
	vs_hasher_add(h, c->head, c->n_head);
	vs_hasher_add(h, c->data, c->n_data);
	vs_hasher_done(h, out);
	vs_hasher_destroy(ctx, h);
	return 0;
}

char *vs_ckpt_path(struct vs_ctx *ctx, const char *out, struct vs_err *err)
{
	const char *slash = strrchr(out, '/');
	int n = slash == NULL ? 0 : (int)(slash + 1 - out);

	return vs_asprintf(ctx, err, "%.*s.%s.ckpt", n, out, out + n);
}

int vs_ckpt_save(struct vs_ctx *ctx, const char *path,
		 const struct vs_ckpt *c, struct vs_err *err)
{
	uint8_t front[FRONT];
	struct vs_digest foot;
	struct vs_out *o;
	int rc;

	if (c->n_head > VS_CKPT_HEAD_MAX)
		return vs_fail(err, VS_EINTERNAL, "%s: a head of %zu bytes",
			       path, c->n_head);
	encode_front(c, front);
	rc = digest_of(ctx, front, c, &foot, err);
	if (rc == 0)
		rc = vs_out_create(ctx, path, &o, err);
	if (rc != 0)
		return rc;
	rc = vs_out_append(ctx, o, front, FRONT, err);
	if (rc == 0)
		rc = vs_out_append(ctx, o, c->head, c->n_head, err);
	if (rc == 0)
		rc = vs_out_append(ctx, o, c->data, c->n_data, err);
	if (rc == 0)
		rc = vs_out_append(ctx, o, foot.b, FOOT, err);
	if (rc == 0)
		return vs_out_publish(ctx, o, VS_PUBLISH_REPLACE, NULL, err);
	vs_out_abort(ctx, o);
	return rc;
}

/* Everything but the front, which the caller has compared. */
static int read_rest(struct vs_ctx *ctx, struct vs_file *f,
		     const uint8_t front[FRONT], struct vs_ckpt *c,
		     struct vs_err *err)
{
	struct vs_digest foot, real;
	int rc = vs_file_pread(ctx, f, c->head, c->n_head, FRONT, err);

	if (rc == 0)
		rc = vs_file_pread(ctx, f, c->data, c->n_data,
				   FRONT + c->n_head, err);
	if (rc == 0)
		rc = vs_file_pread(ctx, f, foot.b, FOOT,
				   FRONT + c->n_head + c->n_data, err);
	if (rc == 0)
		rc = digest_of(ctx, front, c, &real, err);
	if (rc == 0 && !vs_digest_equal(&foot, &real))
		rc = vs_fail(err, VS_EDATA, "%s: its checksum does not fit",
			     vs_file_path(f));
	return rc;
}

static int read_all(struct vs_ctx *ctx, struct vs_file *f, struct vs_ckpt *c,
		    struct vs_err *err)
{
	uint8_t want[FRONT], front[FRONT];
	uint64_t size;
	int rc = vs_file_pread(ctx, f, front, FRONT, 0, err);

	if (rc != 0)
		return rc;
	if (c->growing && vs_get_le64(front + 16) <= c->n_data)
		c->n_data = (size_t)vs_get_le64(front + 16);
	encode_front(c, want);
	if (memcmp(front, want, sizeof(magic)) != 0)
		return vs_fail(err, VS_EDATA, "%s: is no checkpoint",
			       vs_file_path(f));
	if (memcmp(front, want, FRONT) != 0)
		return vs_fail(err, VS_EDATA,
			       "%s: is of other inputs or parameters",
			       vs_file_path(f));
	size = FRONT + c->n_head + c->n_data + FOOT;
	if (vs_file_size(f) != size)
		return vs_fail(err, VS_EDATA,
			       "%s: has %llu bytes; expected %llu",
			       vs_file_path(f),
			       (unsigned long long)vs_file_size(f),
			       (unsigned long long)size);
	return read_rest(ctx, f, front, c, err);
}

int vs_ckpt_load(struct vs_ctx *ctx, const char *path, struct vs_ckpt *c,
		 bool *found, struct vs_err *err)
{
	struct vs_err why = { 0 };
	struct vs_file *f;
	int rc;

	*found = false;
	if (!vs_path_exists(ctx, path))
		return 0;
	rc = vs_file_open(ctx, path, &f, &why);
	if (rc == 0) {
		rc = read_all(ctx, f, c, &why);
		vs_file_close(ctx, f);
	}
	*found = rc == 0;
	if (rc == VS_ENOMEM || rc == VS_EAGAIN) {
		if (err != NULL)
			*err = why;
		return rc;
	}
	if (rc != 0)
		vs_ctx_log(ctx, VS_LOG_WARN, "%s; starting from the beginning",
			   why.msg);
	return 0;
}

void vs_ckpt_clock_start(struct vs_ckpt_clock *t, uint32_t every_secs)
{
	t->every_secs = every_secs;
	t->last_secs = vs_host_secs();
	t->cost_secs = 0;
}

bool vs_ckpt_is_due(const struct vs_ckpt_clock *t, bool stopping)
{
	double past = vs_host_secs() - t->last_secs;

	if (stopping)
		return t->cost_secs <= STOP_SECS;
	return past >= (double)t->every_secs &&
	       past >= t->cost_secs * (COST_SHARE - 1);
}

void vs_ckpt_offer(struct vs_ctx *ctx, struct vs_ckpt_clock *t,
		   const char *path, const struct vs_ckpt *c)
{
	double start = vs_host_secs();
	struct vs_err err = { 0 };

	if (vs_ckpt_save(ctx, path, c, &err) != 0)
		vs_ctx_log(ctx, VS_LOG_WARN, "no checkpoint: %s", err.msg);
	t->last_secs = vs_host_secs();
	/* With --checkpoint-every 0 each one is asked for, whatever it costs.
	 */
	t->cost_secs = t->every_secs == 0 ? 0 : t->last_secs - start;
}

void vs_ckpt_remove(struct vs_ctx *ctx, const char *path)
{
	struct vs_err err = { 0 };

	vs_out_sweep(ctx, path);
	if (vs_path_exists(ctx, path) && vs_path_unlink(ctx, path, &err) != 0)
		vs_ctx_log(ctx, VS_LOG_WARN, "%s; it may be deleted", err.msg);
}

int vs_ckpt_remove_of(struct vs_ctx *ctx, const char *out, struct vs_err *err)
{
	char *path = vs_ckpt_path(ctx, out, err);

	if (path == NULL)
		return VS_ENOMEM;
	vs_ckpt_remove(ctx, path);
	vs_free(ctx, path);
	return 0;
}
