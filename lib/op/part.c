/* part.c - which rows are those of a shard, and where they are read. */
#include "part.h"

#include <string.h>

#include "vs/mem.h"
#include "vs/split.h"

int vs_part_number(const char *collection, const struct vs_part *part,
		   const struct vs_manifest *m, uint32_t *i, struct vs_err *err)
{
	if (part->n == 0)
		return vs_fail(err, VS_EUSAGE,
			       "%s has %u shards: say which one with --part "
			       "i/%u", collection, m->n_shards, m->n_shards);
	if (part->n != VS_PART_OF_MANIFEST && part->n != m->n_shards)
		return vs_fail(err, VS_EUSAGE,
			       "--part %u/%u does not fit %s, which has %u "
			       "shards", part->i, part->n, collection,
			       m->n_shards);
	*i = vs_part_of(part, m->n_shards);
	if (*i >= m->n_shards)
		return vs_fail(err, VS_EUSAGE,
			       "part %u does not fit %s, whose shards are 0 to "
			       "%u", *i, collection, m->n_shards - 1);
	return 0;
}

static size_t pick(const void *arg, const uint64_t *ids, size_t n,
		   uint32_t *offsets)
{
	const struct vs_part_rows *p = arg;

	return vs_ring_pick(p->ring, p->shard, ids, n, offsets);
}

/* What is known of the rows, wherever they are read. */
static void describe(const struct vs_manifest *m, uint32_t i,
		     struct vs_part_rows *out)
{
	const struct vs_manifest_shard *s = &m->shards[i];
	uint64_t end = m->sharding == VS_SHARDING_RANGE ? s->first + s->n_rows :
							  m->n_rows;

	memset(out, 0, sizeof(*out));
	out->shard = i;
	out->n_rows = s->n_rows;
	out->ids_given = m->ids_path != NULL;
	/* The manifest has seen to it that this is an id. */
	out->id_max = m->id_base + end - (end > 0);
}

int vs_part_rows_open(struct vs_ctx *ctx, const struct vs_manifest *m,
		      uint32_t i, struct vs_part_rows *out, struct vs_err *err)
{
	struct vs_op_stream *s = &out->stream;
	int rc;

	describe(m, i, out);
	rc = vs_manifest_inputs(ctx, m, &s->vecs, err);
	if (rc == 0)
		rc = vs_manifest_open_ids(ctx, m, &s->ids, err);
	if (rc != 0)
		return rc;
	s->id_base = m->id_base;
	if (m->sharding == VS_SHARDING_RANGE) {
		s->first = m->shards[i].first;
		s->end = s->first + out->n_rows;
		return 0;
	}
	s->end = m->n_rows;
	s->select = pick;
	s->select_arg = out;
	return vs_manifest_ring(ctx, m, &out->ring, err);
}

void vs_part_rows_close(struct vs_ctx *ctx, struct vs_part_rows *p)
{
	vs_op_stream_clear(ctx, &p->stream);
	vs_ring_destroy(ctx, p->ring);
	memset(p, 0, sizeof(*p));
}

char *vs_part_split_dir(struct vs_ctx *ctx, const struct vs_manifest *m,
			struct vs_err *err)
{
	return vs_manifest_path(ctx, m, VS_SPLIT_DIR, err);
}

/* One split being opened. */
struct opening {
	struct vs_ctx *ctx;
	const struct vs_manifest *m;
	uint32_t i;
	const char *dir;
	struct vs_split record;
	struct vs_part_rows *out;
};

static int not_whole(const struct opening *o, const char *path,
		     struct vs_err *err)
{
	return vs_fail(err, VS_EDATA,
		       "%s: is not what vs-shard split wrote of shard %u of "
		       "%s; remove %s/%05u-of-%05u%s and split it again",
		       path, o->i, o->m->dir, o->dir, o->i, o->m->n_shards,
		       VS_SPLIT_RECORD);
}

static int open_vectors(struct opening *o, const char *path, struct vs_err *err)
{
	struct vs_vecs **vecs = &o->out->stream.vecs;
	const struct vs_vecs_options opt = {
		.native_f16 = true,
		.nonfinite = vs_manifest_nonfinite(o->m),
	};
	struct vs_digest d;
	int rc = vs_vecs_open(o->ctx, &path, 1, &opt, vecs, err);

	if (rc != 0)
		return rc;
	if (vs_vecs_rows(*vecs) != o->out->n_rows ||
	    vs_vecs_dim(*vecs) != o->m->dim ||
	    vs_vecs_dtype(*vecs) != o->m->dtype)
		return not_whole(o, path, err);
	rc = vs_vecs_quick_digest(o->ctx, *vecs, &d, err);
	if (rc == 0 && !vs_digest_equal(&d, &o->record.vectors))
		rc = not_whole(o, path, err);
	return rc;
}

static int open_ids(struct opening *o, const char *path, struct vs_err *err)
{
	struct vs_ids **ids = &o->out->stream.ids;
	struct vs_digest d;
	int rc = vs_ids_open(o->ctx, path, o->out->n_rows, "the split", ids,
			     err);

	if (rc == 0)
		rc = vs_ids_quick_digest(o->ctx, *ids, &d, err);
	if (rc == 0 && !vs_digest_equal(&d, &o->record.ids))
		rc = not_whole(o, path, err);
	return rc;
}

/* Opens one file of the split as how does it. */
static int open_file(struct opening *o, const char *suffix,
		     int (*how)(struct opening *o, const char *path,
				struct vs_err *err),
		     struct vs_err *err)
{
	char *path = vs_split_path(o->ctx, o->dir, o->i, o->m->n_shards, suffix,
				   err);
	int rc = path == NULL ? VS_ENOMEM : how(o, path, err);

	vs_free(o->ctx, path);
	return rc;
}

static int open_record(struct opening *o, const char *path, struct vs_err *err)
{
	int rc = vs_split_read(o->ctx, path, &o->record, err);

	if (rc != 0)
		return rc;
	if (vs_digest_equal(&o->record.fingerprint,
			    &o->m->shards[o->i].fingerprint) &&
	    o->record.n_rows == o->out->n_rows)
		return 0;
	return vs_fail(err, VS_EDATA,
		       "%s: is stale: it holds rows of another shard than "
		       "generation %llu of %s names; split it again with "
		       "vs-shard split -c %s --part %u/%u --replace, or remove "
		       "it", path, (unsigned long long)o->m->generation,
		       o->m->dir, o->m->dir, o->i, o->m->n_shards);
}

static int has_record(const struct opening *o, bool *found, struct vs_err *err)
{
	char *path = vs_split_path(o->ctx, o->dir, o->i, o->m->n_shards,
				   VS_SPLIT_RECORD, err);

	if (path == NULL)
		return VS_ENOMEM;
	*found = vs_path_exists(o->ctx, path);
	vs_free(o->ctx, path);
	return 0;
}

static int open_split(struct opening *o, bool *found, struct vs_err *err)
{
	int rc = has_record(o, found, err);

	if (rc != 0 || !*found)
		return rc;
	describe(o->m, o->i, o->out);
	rc = open_file(o, VS_SPLIT_RECORD, open_record, err);
	if (rc == 0)
		rc = open_file(o, VS_SPLIT_VECTORS, open_vectors, err);
	if (rc == 0)
		rc = open_file(o, VS_SPLIT_IDS, open_ids, err);
	o->out->stream.end = o->out->n_rows;
	return rc;
}

int vs_part_split_open(struct vs_ctx *ctx, const struct vs_manifest *m,
		       uint32_t i, const char *dir, struct vs_part_rows *out,
		       bool *found, struct vs_err *err)
{
	struct opening o = { .ctx = ctx, .m = m, .i = i, .dir = dir,
			     .out = out };
	char *usual = NULL;
	int rc;

	*found = false;
	if (dir == NULL) {
		usual = vs_part_split_dir(ctx, m, err);
		if (usual == NULL)
			return VS_ENOMEM;
		o.dir = usual;
	}
	rc = open_split(&o, found, err);
	if (rc == 0 && !*found && dir != NULL)
		rc = vs_fail(err, VS_ENOINPUT,
			     "%s: holds no rows of shard %u of %s; put them "
			     "there with vs-shard split -c %s --part %u/%u -o "
			     "%s", dir, i, m->dir, m->dir, i, m->n_shards, dir);
	vs_free(ctx, usual);
	return rc;
}
