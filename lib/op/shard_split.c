/* shard_split.c - vs-shard split: copies the rows of one shard, and their ids,
 * out of the inputs, so that its build reads these alone.
 */
#include "op_int.h"
#include "part.h"
#include "vs/mem.h"
#include "vs/split.h"

/* The state of one vs-shard split. */
struct split {
	struct vs_ctx *ctx;
	const struct vs_shard_split_args *args;
	struct vs_manifest *m;
	uint32_t i;
	char *dir, *vectors, *ids, *record; /* paths */
	struct vs_part_rows rows;
};

static int name_files(struct split *s, struct vs_err *err)
{
	uint32_t n = s->m->n_shards;

	s->dir = s->args->out != NULL ? vs_strdup(s->ctx, s->args->out, err) :
					vs_part_split_dir(s->ctx, s->m, err);
	if (s->dir == NULL)
		return VS_ENOMEM;
	s->vectors = vs_split_path(s->ctx, s->dir, s->i, n, VS_SPLIT_VECTORS,
				   err);
	if (s->vectors == NULL)
		return VS_ENOMEM;
	s->ids = vs_split_path(s->ctx, s->dir, s->i, n, VS_SPLIT_IDS, err);
	if (s->ids == NULL)
		return VS_ENOMEM;
	s->record = vs_split_path(s->ctx, s->dir, s->i, n, VS_SPLIT_RECORD,
				  err);
	return s->record == NULL ? VS_ENOMEM : 0;
}

/* 1: the split stands there, whole; 0: it is to be made. */
static int look(struct split *s, struct vs_err *err)
{
	struct vs_part_rows there = { 0 };
	bool found = false;
	int rc;

	if (s->args->replace)
		return 0;
	rc = vs_part_split_open(s->ctx, s->m, s->i, s->args->out, &there,
				&found, err);
	vs_part_rows_close(s->ctx, &there);
	if (!found && (rc == 0 || rc == VS_ENOINPUT)) {
		if (err != NULL)
			vs_err_clear(err);
		return 0;
	}
	if (rc == VS_EDATA)
		return vs_fail(err, VS_ECREATE,
			       "%s: is damaged, or of another shard or "
			       "generation; use --replace to split it again",
			       s->record);
	return rc < 0 ? rc : 1;
}

static int copy_rows(struct split *s, struct vs_vecs_writer *vectors,
		     struct vs_vecs_writer *ids, struct vs_err *err)
{
	struct vs_source src;
	uint64_t *id, done = 0;
	size_t n, got = 1, row_bytes = vs_vecs_row_bytes(s->rows.stream.vecs);
	void *row;
	int rc;

	vs_op_stream_source(&s->rows.stream, s->rows.n_rows, s->rows.id_max,
			    &src);
	n = vs_op_block_rows(s->ctx, row_bytes, s->rows.stream.end);
	row = vs_alloc(s->ctx, n, row_bytes, "rows", err);
	if (row == NULL)
		return VS_ENOMEM;
	id = vs_alloc(s->ctx, n, sizeof(*id), "ids", err);
	rc = id == NULL ? VS_ENOMEM : src.rewind(src.arg, s->ctx, err);
	while (rc == 0 && got > 0) {
		if (vs_ctx_stopping(s->ctx)) {
			rc = vs_fail(err, VS_EAGAIN,
				     "stopped while splitting; run again");
			break;
		}
		rc = src.next(src.arg, s->ctx, row, id, n, &got, err);
		if (rc == 0 && (got == 0 ? done < s->rows.n_rows :
					   got > s->rows.n_rows - done))
			rc = vs_fail(err, VS_EDATA,
				     "%s: gives other rows than the %llu of "
				     "shard %u; it changed while it was read",
				     src.name,
				     (unsigned long long)s->rows.n_rows, s->i);
		if (rc == 0)
			rc = vs_vecs_append(s->ctx, vectors, row, got, err);
		if (rc == 0)
			rc = vs_vecs_append(s->ctx, ids, id, got, err);
		done += got;
		vs_ctx_progress(s->ctx, "split", done, s->rows.n_rows, "rows");
	}
	vs_free(s->ctx, id);
	vs_free(s->ctx, row);
	return rc;
}

static int write_rows(struct split *s, struct vs_err *err)
{
	struct vs_vecs_shape shape = { .format = VS_FMT_NPY,
				       .dtype = s->m->dtype,
				       .dim = s->m->dim,
				       .n_rows = s->rows.n_rows };
	struct vs_vecs_shape column = { .format = VS_FMT_NPY,
					.dtype = VS_U64,
					.dim = 1,
					.n_rows = s->rows.n_rows };
	struct vs_vecs_writer *vectors = NULL, *ids = NULL;
	int rc = vs_vecs_create(s->ctx, s->vectors, &shape, &vectors, err);

	if (rc == 0)
		rc = vs_vecs_create(s->ctx, s->ids, &column, &ids, err);
	if (rc == 0)
		rc = copy_rows(s, vectors, ids, err);
	/* Without a record what stands there is left over from a killed run. */
	if (rc == 0) {
		struct vs_vecs_writer *w = vectors;

		vectors = NULL;
		rc = vs_vecs_finish(s->ctx, w, VS_PUBLISH_REPLACE, err);
	}
	if (rc == 0) {
		struct vs_vecs_writer *w = ids;

		ids = NULL;
		rc = vs_vecs_finish(s->ctx, w, VS_PUBLISH_REPLACE, err);
	}
	vs_vecs_abort(s->ctx, vectors);
	vs_vecs_abort(s->ctx, ids);
	return rc;
}

/* Of what was written, as it is read back. */
static int write_record(struct split *s, struct vs_err *err)
{
	const char *path = s->vectors;
	struct vs_split record = {
		.fingerprint = s->m->shards[s->i].fingerprint,
		.n_rows = s->rows.n_rows,
	};
	const struct vs_vecs_options opt = {
		.native_f16 = true,
		.nonfinite = vs_manifest_nonfinite(s->m),
	};
	struct vs_vecs *vecs = NULL;
	struct vs_ids *ids = NULL;
	int rc = vs_vecs_open(s->ctx, &path, 1, &opt, &vecs, err);

	if (rc == 0)
		rc = vs_vecs_quick_digest(s->ctx, vecs, &record.vectors, err);
	if (rc == 0)
		rc = vs_ids_open(s->ctx, s->ids, record.n_rows, s->vectors,
				 &ids, err);
	if (rc == 0)
		rc = vs_ids_quick_digest(s->ctx, ids, &record.ids, err);
	if (rc == 0)
		rc = vs_split_write(s->ctx, s->record, &record, err);
	vs_vecs_close(s->ctx, vecs);
	vs_ids_close(s->ctx, ids);
	return rc;
}

static int make(struct split *s, struct vs_err *err)
{
	int rc = vs_part_rows_open(s->ctx, s->m, s->i, &s->rows, err);

	if (rc == 0)
		rc = vs_path_mkdir(s->ctx, s->dir, err);
	/* Not while the files it speaks of are replaced. */
	if (rc == 0 && vs_path_exists(s->ctx, s->record))
		rc = vs_path_unlink(s->ctx, s->record, err);
	if (rc == 0)
		rc = write_rows(s, err);
	if (rc == 0)
		rc = write_record(s, err);
	if (rc == 0)
		vs_ctx_log(s->ctx, VS_LOG_INFO, "%s: %llu rows of shard %u",
			   s->vectors, (unsigned long long)s->rows.n_rows,
			   s->i);
	return rc;
}

static int run(struct split *s, struct vs_err *err)
{
	int rc = vs_manifest_open(s->ctx, s->args->collection, &s->m, err);

	if (rc == 0)
		rc = vs_part_number(s->args->collection, &s->args->part, s->m,
				    &s->i, err);
	if (rc != 0)
		return rc;
	if (s->m->shards[s->i].n_rows == 0) {
		vs_ctx_log(s->ctx, VS_LOG_INFO,
			   "%s: shard %u holds no row; there is nothing to "
			   "split", s->m->dir, s->i);
		return 0;
	}
	rc = name_files(s, err);
	if (rc == 0)
		rc = look(s, err);
	s->ctx->work.n_rows = s->rows.n_rows;
	s->ctx->work.already = rc == 1;
	if (rc == 1) {
		vs_ctx_log(s->ctx, VS_LOG_INFO, "%s: already done", s->vectors);
		return 0;
	}
	return rc == 0 ? make(s, err) : rc;
}

int vs_op_shard_split(struct vs_ctx *ctx,
		      const struct vs_shard_split_args *args,
		      struct vs_err *err)
{
	struct split s = { .ctx = ctx, .args = args };
	int rc = run(&s, err);

	vs_part_rows_close(ctx, &s.rows);
	vs_manifest_destroy(ctx, s.m);
	vs_free(ctx, s.dir);
	vs_free(ctx, s.vectors);
	vs_free(ctx, s.ids);
	vs_free(ctx, s.record);
	return rc;
}
