/* build_sections.c - the sections of a shard: INFO, centroids and cells, and
 * room for those that its kind of code lists (code_kind.h).
 */
#include "refine_int.h"
#include "vs/mem.h"
#include "vs/transform_file.h"
#include "vs/yaml.h"

static unsigned list(struct vs_build *b, const struct vs_build_section *s)
{
	b->section[b->n_sections] = *s;
	b->panel_bytes += (size_t)s->item * s->per_panel;
	return b->n_sections++;
}

unsigned vs_build_list(struct vs_build *b, uint32_t tag, uint32_t item,
		       uint32_t per_panel)
{
	const struct vs_build_section s = { .tag = tag, .item = item,
					    .per_panel = per_panel };

	return list(b, &s);
}

unsigned vs_build_list_fixed(struct vs_build *b, uint32_t tag, uint32_t item,
			     const void *p, uint64_t n)
{
	const struct vs_build_section s = { .tag = tag, .item = item,
					    .fixed = p, .n_fixed = n };

	return list(b, &s);
}

void vs_build_list_ids(struct vs_build *b)
{
	b->sec_ids = vs_build_list(b, VS_SEC_IDS, b->id_size, VS_PANEL_ROWS);
}

int vs_build_write_info(struct vs_build *b, struct vs_err *err)
{
	char model[VS_DIGEST_TEXT_MAX], input[VS_DIGEST_TEXT_MAX];
	struct vs_digest none = { { 0 } };
	struct vs_buf text = { 0 };
	unsigned section;
	int rc;

	vs_digest_text(b->spec->model ? &b->spec->model->fingerprint : &none,
		       model);
	vs_digest_text(&b->input, input);
	rc = vs_buf_printf(b->ctx, &text, err,
			   "index: %s\nmodel: \"%s\"\ninput: \"%s\"\n",
			   b->spec->index.text, model, input);
	if (rc == 0 && b->spec->ids != NULL)
		rc = vs_buf_printf(b->ctx, &text, err, "ids: \"%s\"\n",
				   vs_digest_text(b->spec->ids, input));
	if (rc == 0 && b->spec->drops)
		rc = vs_buf_printf(b->ctx, &text, err, "dropped: %llu\n",
				   (unsigned long long)b->spec->n_dropped);
	if (rc == 0 && b->spec->transform != NULL)
		rc = vs_buf_printf(b->ctx, &text, err, "inner_dim: %u\n",
				   b->src->dim);
	if (rc == 0)
		rc = vs_cont_add_zst(b->ctx, b->w, VS_SEC_INFO, 1, &section,
				     err);
	if (rc == 0)
		rc = vs_cont_append(b->ctx, b->w, section, text.p, text.n,
				    err);
	vs_buf_free(b->ctx, &text);
	return rc;
}

/* What the model gives and CELL are small and go first. */
static int write_control(struct vs_build *b, struct vs_err *err)
{
	const struct vs_model *m = b->spec->model;
	uint64_t *cumulative, at = 0;
	unsigned section;
	uint32_t c;
	int rc = 0;

	if (m != NULL && m->centroids != NULL) {
		size_t n = (size_t)m->index.nlist * m->inner;

		rc = vs_cont_add_raw(b->ctx, b->w, VS_SEC_CENT, n, 4, &section,
				     err);
		if (rc == 0)
			rc = vs_cont_write(b->ctx, b->w, section, 0,
					   m->centroids, n * 4, err);
	}
	if (rc == 0)
		rc = vs_transform_write(b->ctx, b->w, b->spec->transform, err);
	if (rc == 0)
		rc = vs_cont_add_raw(b->ctx, b->w, VS_SEC_CELL,
				     (uint64_t)b->nlist + 1, 8, &section, err);
	if (rc != 0)
		return rc;
	cumulative = vs_alloc(b->ctx, (size_t)b->nlist + 1, 8, "cells", err);
	if (cumulative == NULL)
		return VS_ENOMEM;
	for (c = 0; c <= b->nlist; c++) {
		vs_put_le64(&cumulative[c], at);
		at += c < b->nlist ? b->cell_rows[c] : 0;
	}
	rc = vs_cont_write(b->ctx, b->w, section, 0, cumulative,
			   ((size_t)b->nlist + 1) * 8, err);
	vs_free(b->ctx, cumulative);
	return rc;
}

int vs_build_start(struct vs_build *b, struct vs_err *err)
{
	int rc = b->kind->start(b, err);

	return rc == 0 ? vs_refine_start(b, err) : rc;
}

static int add_section(struct vs_build *b, struct vs_build_section *s,
		       struct vs_err *err)
{
	uint64_t panels = b->cell_panel[b->nlist];
	uint64_t n = s->per_panel == 0 ? s->n_fixed : panels * s->per_panel;
	int rc = vs_cont_add_raw(b->ctx, b->w, s->tag, n, s->item, &s->number,
				 err);

	if (rc == 0 && s->per_panel == 0)
		rc = vs_cont_write(b->ctx, b->w, s->number, 0, s->fixed,
				   (size_t)n * s->item, err);
	return rc;
}

int vs_build_add_sections(struct vs_build *b, struct vs_err *err)
{
	unsigned i;
	int rc = write_control(b, err);

	for (i = 0; rc == 0 && i < b->n_sections; i++)
		rc = add_section(b, &b->section[i], err);
	return rc;
}
