/* cont_publish.c - ends a container: missing hashes, block records, table,
 * footer, and the header last.
 */
#include "cont_write_int.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/par.h"

struct reread {
	struct vs_ctx *ctx;
	struct vs_cont_writer *w;
	unsigned section;
	uint8_t *room; /* a block for each thread */
};

static int reread_block(void *arg, size_t item, unsigned thread,
			struct vs_err *err)
{
	struct reread *r = arg;
	const struct vs_cont_entry *e = &r->w->front.entry[r->section];
	struct vs_cont_part *s = &r->w->part[r->section];
	uint8_t *p = r->room + (size_t)thread * VS_CONT_BLOCK;
	size_t n = vs_cont_block_bytes(e, item);
	int rc;

	if (atomic_load_explicit(&s->known[item], memory_order_relaxed))
		return 0;
	rc = vs_out_pread(r->ctx, r->w->out, p, n,
			  e->offset + (uint64_t)item * VS_CONT_BLOCK, err);
	if (rc == 0)
		vs_cont_set_hash(s, item, p, n);
	return rc;
}

static bool all_known(const struct vs_cont_entry *e,
		      const struct vs_cont_part *s)
{
	uint64_t b;

	for (b = 0; b < e->n_blocks; b++)
		if (!atomic_load_explicit(&s->known[b], memory_order_relaxed))
			return false;
	return true;
}

/* Reads back the blocks of a raw section whose hashes are missing. */
static int complete_raw(struct vs_ctx *ctx, struct vs_cont_writer *w,
			unsigned section, struct vs_err *err)
{
	const struct vs_cont_entry *e = &w->front.entry[section];
	struct vs_cont_part *s = &w->part[section];
	struct reread r = {.ctx = ctx, .w = w, .section = section};
	uint64_t done = atomic_load(&s->done);
	int rc;

	if (done != e->raw)
		return vs_fail(err, VS_EINTERNAL,
			       "%s: section %s: %llu of %llu bytes written",
			       w->path, vs_cont_tag_text(e->tag).s,
			       (unsigned long long)done,
			       (unsigned long long)e->raw);
	if (all_known(e, s))
		return 0;
	r.room = vs_alloc(ctx, ctx->n_threads, VS_CONT_BLOCK, "block buffers",
			  err);
	if (r.room == NULL)
		return VS_ENOMEM;
	rc = vs_par_for(ctx, (size_t)e->n_blocks, reread_block, &r, err);
	vs_free(ctx, r.room);
	return rc;
}

/* Block records of all sections, and what the table says of them. */
static int write_control(struct vs_ctx *ctx, struct vs_cont_writer *w,
			 struct vs_err *err)
{
	struct vs_cont_front *f = &w->front;
	unsigned i;
	int rc;

	f->control_offset = vs_round_up(w->end, VS_CONT_ALIGN);
	f->control_bytes = 0;
	for (i = 0; i < f->n_sections; i++) {
		struct vs_cont_entry *e = &f->entry[i];
		const struct vs_buf *b = &w->part[i].records;

		e->control = f->control_bytes;
		e->hash = vs_hash64(b->p, b->n);
		rc = vs_out_pwrite(ctx, w->out, b->p, b->n,
				   f->control_offset + e->control, err);
		if (rc != 0)
			return rc;
		f->control_bytes += b->n;
	}
	f->size = f->control_offset + f->control_bytes + VS_CONT_FOOT_BYTES;
	return 0;
}

/* A front that the reader would refuse is never written. */
static int write_ends(struct vs_ctx *ctx, struct vs_cont_writer *w,
		      struct vs_err *err)
{
	uint8_t front[VS_CONT_FRONT_BYTES], foot[VS_CONT_FOOT_BYTES];
	struct vs_cont_front again;
	struct vs_err why;
	int rc;

	vs_err_clear(&why);
	vs_cont_encode(&w->front, front);
	if (vs_cont_decode(w->path, front, sizeof(front), w->front.size, &again,
			   &why) != 0)
		return vs_fail(err, VS_EINTERNAL,
			       "a file that could not be read back: %s",
			       why.msg);
	vs_cont_encode_foot(&w->front, foot);
	rc = vs_out_pwrite(ctx, w->out, foot, sizeof(foot),
			   w->front.size - sizeof(foot), err);
	if (rc == 0)
		rc = vs_out_pwrite(ctx, w->out, front, sizeof(front), 0, err);
	return rc;
}

static int publish(struct vs_ctx *ctx, struct vs_cont_writer *w,
		   enum vs_publish how, struct vs_err *err)
{
	bool existed = false;
	unsigned i;
	int rc = vs_cont_close_packed(ctx, w, err);

	for (i = 0; rc == 0 && i < w->front.n_sections; i++)
		if (w->front.entry[i].codec == VS_CODEC_RAW)
			rc = complete_raw(ctx, w, i, err);
	if (rc == 0)
		rc = write_control(ctx, w, err);
	if (rc == 0)
		rc = write_ends(ctx, w, err);
	if (rc != 0)
		return rc;
	rc = vs_out_publish(ctx, w->out, how, &existed, err);
	w->out = NULL;
	if (rc != 0 && existed) {
		/* The same task was done meanwhile, or before. */
		rc = vs_cont_done(ctx, w->path, &w->front.head, err);
		if (rc == 0)
			rc = vs_fail(err, VS_ECREATE,
				     "%s: existed and went away again; run "
				     "again",
				     w->path);
		if (rc == 1) {
			rc = 0;
			if (err != NULL)
				vs_err_clear(err);
		}
	}
	return rc;
}

int vs_cont_publish(struct vs_ctx *ctx, struct vs_cont_writer *w,
		    enum vs_publish how, struct vs_err *err)
{
	int rc = publish(ctx, w, how, err);

	vs_cont_abort(ctx, w);
	return rc;
}
