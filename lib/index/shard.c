/* shard.c - opens shards: checks that the sections agree with each other, and
 * copies what steers the search out of the map.
 */
#include "vs/shard.h"

#include <string.h>

#include "refine_int.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/transform_file.h"
#include "vs/yaml.h"

#define INFO_MAX 65536u

const struct vs_cont_head *vs_shard_head(const struct vs_shard *s)
{
	return vs_cont_head(s->cont);
}

const char *vs_shard_path(const struct vs_shard *s)
{
	return vs_cont_path(s->cont);
}

uint64_t vs_shard_size(const struct vs_shard *s)
{
	return vs_cont_size(s->cont);
}

const struct vs_factory *vs_shard_index(const struct vs_shard *s)
{
	return &s->index;
}

const struct vs_digest *vs_shard_model(const struct vs_shard *s)
{
	return &s->model;
}

const struct vs_digest *vs_shard_input(const struct vs_shard *s)
{
	return &s->input;
}

const struct vs_digest *vs_shard_ids(const struct vs_shard *s)
{
	return &s->ids_digest;
}

const float *vs_shard_centroids(const struct vs_shard *s)
{
	return s->centroids;
}

uint64_t vs_shard_trained_hash(const struct vs_shard *s)
{
	return s->trained_hash;
}

enum vs_dtype vs_shard_row_dtype(const struct vs_shard *s)
{
	return s->row_dtype;
}

uint64_t vs_shard_dropped(const struct vs_shard *s)
{
	return s->n_dropped;
}

uint32_t vs_shard_dim(const struct vs_shard *s)
{
	return s->dim;
}

enum vs_dtype vs_shard_dtype(const struct vs_shard *s)
{
	return s->dtype;
}

const struct vs_transform *vs_shard_transform(const struct vs_shard *s)
{
	return s->transform;
}

void vs_shard_drop_model(struct vs_ctx *ctx, struct vs_shard *s)
{
	/* Codes of differences from centroids cannot do without. */
	if (s->pq.centroids == NULL) {
		vs_free(ctx, s->centroids);
		s->centroids = NULL;
	}
	vs_transform_destroy(ctx, s->transform);
	s->transform = NULL;
}

void vs_shard_close(struct vs_ctx *ctx, struct vs_shard *s)
{
	if (s == NULL)
		return;
	vs_cont_close(ctx, s->cont);
	vs_pq_space_clear(ctx, &s->pq);
	vs_pq_free(ctx, &s->codebooks);
	vs_shard_drop_model(ctx, s);
	vs_free(ctx, s->cell_rows);
	vs_free(ctx, s->cell_panel);
	vs_code8_free(ctx, &s->code8);
	vs_code8_free(ctx, &s->fine8);
	vs_free(ctx, s);
}

static int digest_field(const struct vs_yaml_doc *doc, const char *key,
			struct vs_digest *out, struct vs_err *err)
{
	const char *text;
	int rc = vs_yaml_text(doc, vs_yaml_root(doc), key, &text, err);

	if (rc == 0 && !vs_digest_parse(text, out))
		rc = vs_fail(err, VS_EDATA, "%s: %s is '%.40s', no digest",
			     vs_yaml_name(doc), key, text);
	return rc;
}

static int parse_info(struct vs_shard *s, const struct vs_yaml_doc *doc,
		      struct vs_err *err)
{
	static const char *const keys[] = { "index", "input", "model", "ids",
					    "dropped", "inner_dim", NULL };
	uint64_t inner = 0;
	const char *text;
	int rc;

	rc = vs_yaml_only(doc, vs_yaml_root(doc), keys, err);
	if (rc == 0)
		rc = vs_yaml_text(doc, vs_yaml_root(doc), "index", &text, err);
	if (rc == 0 && vs_factory_parse(text, &s->index, NULL) != 0)
		rc = vs_fail(err, VS_EVERSION,
			     "%s: holds an index '%.60s' that this version "
			     "does not know", vs_shard_path(s), text);
	if (rc == 0)
		rc = digest_field(doc, "input", &s->input, err);
	if (rc == 0)
		rc = digest_field(doc, "model", &s->model, err);
	if (rc == 0 && vs_yaml_find(vs_yaml_root(doc), "ids") != NULL)
		rc = digest_field(doc, "ids", &s->ids_digest, err);
	if (rc == 0 && vs_yaml_find(vs_yaml_root(doc), "dropped") != NULL)
		rc = vs_yaml_u64(doc, vs_yaml_root(doc), "dropped",
				 &s->n_dropped, err);
	s->stored = s->dtype;
	if (rc == 0 && vs_factory_has_pq(&s->index))
		s->dtype = VS_F32;
	if (rc != 0 || !vs_factory_has_transform(&s->index))
		return rc;
	s->stored = VS_F32;
	s->dim = vs_transform_dim(&s->index, s->dim);
	s->dtype = VS_F32;
	rc = vs_yaml_u64(doc, vs_yaml_root(doc), "inner_dim", &inner, err);
	if (rc == 0 && inner != s->dim)
		rc = vs_fail(err, VS_EDATA,
			     "%s: inner_dim is %llu; expected %u",
			     vs_yaml_name(doc), (unsigned long long)inner,
			     s->dim);
	return rc;
}

static int read_info(struct vs_ctx *ctx, struct vs_shard *s,
		     struct vs_err *err)
{
	struct vs_yaml_doc *doc;
	int rc = vs_cont_info(ctx, s->cont, INFO_MAX, &doc, err);

	if (rc != 0)
		return rc;
	rc = parse_info(s, doc, err);
	vs_yaml_destroy(ctx, doc);
	return rc;
}

int vs_shard_bad(const struct vs_shard *s, const char *what,
		 struct vs_err *err)
{
	return vs_fail(err, VS_EDATA,
		       "%s: %s; the file is damaged: build it again",
		       vs_shard_path(s), what);
}

/* CELL: u64 counts of rows, or of their copies, cumulative, [nlist + 1]. */
static int read_cells(struct vs_ctx *ctx, struct vs_shard *s,
		      struct vs_err *err)
{
	const struct vs_cont_head *h = vs_shard_head(s);
	size_t nlist = s->index.nlist, c;
	uint64_t *row, panels = 0;
	struct vs_span span;
	int rc = vs_cont_find(s->cont, VS_SEC_CELL, 8, &span, err);

	if (rc != 0)
		return rc;
	if (span.count != nlist + 1)
		return vs_shard_bad(s, "CELL does not have nlist + 1 entries",
				    err);
	s->cell_rows = vs_alloc(ctx, nlist + 1, 8, "cells", err);
	if (s->cell_rows == NULL)
		return VS_ENOMEM;
	s->cell_panel = vs_alloc(ctx, nlist + 1, 8, "cells", err);
	if (s->cell_panel == NULL)
		return VS_ENOMEM;
	row = s->cell_panel; /* the cumulative counts, for a moment */
	rc = vs_cont_read(ctx, s->cont, &span, 0, row, (nlist + 1) * 8, err);
	if (rc != 0)
		return rc;
	for (c = 0; c <= nlist; c++)
		row[c] = vs_get_le64(&row[c]);
	if (row[0] != 0 ||
	    row[nlist] != h->n_rows * vs_factory_copies(&s->index))
		return vs_shard_bad(s, "CELL does not run from 0 to the row "
				    "count", err);
	for (c = 0; c < nlist; c++) {
		if (row[c + 1] < row[c])
			return vs_shard_bad(s, "CELL goes back", err);
		s->cell_rows[c] = row[c + 1] - row[c];
	}
	for (c = 0; c < nlist; c++) {
		s->cell_panel[c] = panels;
		panels += vs_panels_of(s->cell_rows[c]);
	}
	s->cell_panel[nlist] = panels;
	return 0;
}

static int find(struct vs_shard *s, uint32_t tag, uint32_t item,
		uint32_t per_panel, struct vs_span *out, struct vs_err *err)
{
	uint64_t panels = s->cell_panel[s->index.nlist];
	int rc = vs_cont_find(s->cont, tag, item, out, err);

	/* A shard without rows has nothing to map. */
	if (rc == 0 && (out->count != panels * per_panel ||
			(panels > 0 && out->p == NULL)))
		rc = vs_fail(err, VS_EDATA,
			     "%s: section %c%c%c%c is not a raw one that fits "
			     "CELL; the file is damaged: build it again",
			     vs_shard_path(s), (int)(tag & 255),
			     (int)(tag >> 8 & 255), (int)(tag >> 16 & 255),
			     (int)(tag >> 24));
	return rc;
}

int vs_shard_find_panels(struct vs_shard *s, uint32_t tag, uint32_t item,
			 struct vs_span *out, struct vs_err *err)
{
	return find(s, tag, item, 1, out, err);
}

int vs_shard_find_rows(struct vs_shard *s, uint32_t tag, uint32_t item,
		       struct vs_span *out, struct vs_err *err)
{
	return find(s, tag, item, VS_PANEL_ROWS, out, err);
}

int vs_shard_find_beside(struct vs_shard *s, uint32_t tag, struct vs_span *out,
			 struct vs_err *err)
{
	return find(s, tag, 4, VS_PANEL_ROWS, out, err);
}

/* What every shard has beside its codes. */
static int find_common(struct vs_shard *s, struct vs_err *err)
{
	uint32_t id_size = 8;
	int rc = vs_shard_find_beside(s, VS_SEC_TERM, &s->terms, err);

	/* Ids take 4 bytes where all fit. */
	if (rc == 0 && vs_cont_find(s->cont, VS_SEC_IDS, 4, &s->ids, NULL) == 0)
		id_size = 4;
	if (rc == 0)
		rc = find(s, VS_SEC_IDS, id_size, VS_PANEL_ROWS, &s->ids, err);
	return rc;
}

/* What of the model it takes to search. */
static int read_model(struct vs_ctx *ctx, struct vs_shard *s,
		      struct vs_err *err)
{
	int rc = vs_transform_read(ctx, s->cont, &s->index, &s->transform,
				   err);

	if (rc == 0 && s->index.family == VS_FAMILY_IVF)
		rc = vs_centroids_read(ctx, s->cont, s->index.nlist, s->dim,
				       &s->centroids, err);
	return rc;
}

static int check_head(const struct vs_shard *s, struct vs_err *err)
{
	const struct vs_cont_head *h = vs_shard_head(s);

	if (h->dtype != VS_F32 && h->dtype != VS_F16 &&
	    !vs_dtype_is_byte(h->dtype))
		return vs_fail(err, VS_EVERSION,
			       "%s: holds %s rows, which this version cannot "
			       "search", vs_shard_path(s),
			       vs_dtype_name(h->dtype));
	if (h->dim < 1 || h->dim > VS_DIM_MAX)
		return vs_shard_bad(s, "the dimension is out of range", err);
	return 0;
}

static int open_kind(struct vs_ctx *ctx, struct vs_shard *s,
		     struct vs_err *err)
{
	enum vs_dtype rows = s->dtype;
	int rc;

	s->row_dtype = vs_code_row_dtype(&s->index, rows);
	rc = vs_code_kind_of(&s->index, rows)->open(ctx, s, err);
	return rc == 0 ? vs_refine_open(ctx, s, err) : rc;
}

int vs_shard_open(struct vs_ctx *ctx, const char *path, struct vs_shard **out,
		  struct vs_err *err)
{
	struct vs_shard *s = vs_zalloc(ctx, 1, sizeof(*s), "shard", err);
	int rc;

	if (s == NULL)
		return VS_ENOMEM;
	rc = vs_cont_open(ctx, path, VS_KIND_SHARD, &s->cont, err);
	if (rc != 0) {
		vs_free(ctx, s);
		return rc;
	}
	rc = check_head(s, err);
	s->dim = vs_shard_head(s)->dim;
	s->dtype = vs_shard_head(s)->dtype;
	if (rc == 0)
		rc = read_info(ctx, s, err);
	if (rc == 0)
		rc = read_cells(ctx, s, err);
	if (rc == 0)
		rc = find_common(s, err);
	if (rc == 0)
		rc = read_model(ctx, s, err);
	if (rc == 0)
		rc = open_kind(ctx, s, err);
	if (rc == 0)
		s->trained_hash = vs_trained_hash(
			s->centroids, (uint64_t)s->index.nlist * s->dim,
			s->index.code == VS_CODE_SQ8 ? &s->code8 : &s->fine8,
			s->transform, &s->codebooks);
	if (rc == 0 && ctx->verify == VS_VERIFY_DEEP)
		rc = vs_shard_check(ctx, s, err);
	if (rc != 0) {
		vs_shard_close(ctx, s);
		return rc;
	}
	*out = s;
	return 0;
}
