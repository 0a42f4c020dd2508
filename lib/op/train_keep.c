/* train_keep.c - k-means between two iterations, as a checkpoint. */
#include "train_keep.h"

#include <string.h>

#include "vs/mem.h"
#include "vs/num.h"

/* iteration[4] zeros[4] objective[8] n_repaired[8] rng[8] */
static void encode(const struct vs_kmeans_state *s, uint8_t *out)
{
	uint64_t bits;

	memcpy(&bits, &s->objective, sizeof(bits));
	vs_put_le32(out, s->iteration);
	vs_put_le32(out + 4, 0);
	vs_put_le64(out + 8, bits);
	vs_put_le64(out + 16, s->n_repaired);
	vs_put_le64(out + 24, s->rng);
}

static void decode(const uint8_t *in, struct vs_kmeans_state *s)
{
	uint64_t bits = vs_get_le64(in + 8);

	memcpy(&s->objective, &bits, sizeof(bits));
	s->iteration = vs_get_le32(in);
	s->n_repaired = vs_get_le64(in + 16);
	s->rng = vs_get_le64(in + 24);
}

static int load(void *arg, struct vs_kmeans_state *s, bool *found,
		struct vs_err *err)
{
	struct vs_train_keep *k = arg;
	int rc;

	k->file.data = s->centroids;
	rc = vs_ckpt_load(k->ctx, k->path, &k->file, found, err);
	if (rc != 0 || !*found)
		return rc;
	decode(k->head, s);
	vs_ctx_log(k->ctx, VS_LOG_INFO, "%s: going on with iteration %u",
		   k->path, s->iteration);
	return 0;
}

static void save(void *arg, const struct vs_kmeans_state *s, bool stopping)
{
	struct vs_train_keep *k = arg;

	if (!vs_ckpt_is_due(&k->clock, stopping))
		return;
	encode(s, k->head);
	k->file.data = s->centroids;
	vs_ckpt_offer(k->ctx, &k->clock, k->path, &k->file);
}

int vs_train_keep_init(struct vs_train_keep *k, struct vs_ctx *ctx,
		       const char *out, uint32_t every_secs,
		       struct vs_err *err)
{
	k->ctx = ctx;
	vs_ckpt_clock_start(&k->clock, every_secs);
	k->path = vs_ckpt_path(ctx, out, err);
	return k->path == NULL ? VS_ENOMEM : 0;
}

int vs_train_keep_start(struct vs_train_keep *k, const struct vs_model *model,
			struct vs_err *err)
{
	struct vs_hasher *h;
	int rc = vs_hasher_create(k->ctx, &h, err);

	if (rc != 0)
		return rc;
	/* The fingerprint knows a part of the input only. */
	vs_hasher_add(h, model->fingerprint.b, sizeof(model->fingerprint.b));
	vs_hasher_add(h, model->input.b, sizeof(model->input.b));
	vs_hasher_done(h, &k->file.task);
	vs_hasher_destroy(k->ctx, h);
	k->file.kind = VS_CKPT_KMEANS;
	k->file.head = k->head;
	k->file.n_head = sizeof(k->head);
	k->file.n_data = (size_t)model->index.nlist * model->inner *
			 sizeof(float);
	k->kmeans.load = load;
	k->kmeans.save = save;
	k->kmeans.arg = k;
	return 0;
}

void vs_train_keep_drop(struct vs_train_keep *k)
{
	vs_ckpt_remove(k->ctx, k->path);
}

void vs_train_keep_clear(struct vs_train_keep *k)
{
	if (k->path != NULL)
		vs_free(k->ctx, k->path);
}
