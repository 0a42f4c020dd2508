/* build_sections.c - the sections of a shard but what stands in panels: INFO,
 * centroids, cells and ranges of codes, which are learnt here; and room for all
 * others.
 */
#include "shard_build_int.h"
#include "vs/mem.h"
#include "vs/panel.h"
#include "vs/yaml.h"

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
	if (rc == 0)
		rc = vs_cont_add_zst(b->ctx, b->w, VS_SEC_INFO, 1, &section,
				     err);
	if (rc == 0)
		rc = vs_cont_append(b->ctx, b->w, section, text.p, text.n,
				    err);
	vs_buf_free(b->ctx, &text);
	return rc;
}

/* CENT and CELL are small and go first. */
static int write_control(struct vs_build *b, struct vs_err *err)
{
	const struct vs_model *m = b->spec->model;
	uint64_t *cumulative, at = 0;
	unsigned section;
	uint32_t c;
	int rc = 0;

	if (m != NULL) {
		size_t n = (size_t)m->index.nlist * m->dim;

		rc = vs_cont_add_raw(b->ctx, b->w, VS_SEC_CENT, n, 4, &section,
				     err);
		if (rc == 0)
			rc = vs_cont_write(b->ctx, b->w, section, 0,
					   m->centroids, n * 4, err);
	}
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

/* How rows are coded: mid, step and kappa one after the other. */
static int write_ranges(struct vs_build *b, struct vs_err *err)
{
	size_t n = b->src->dim;
	unsigned section;
	int rc = vs_cont_add_raw(b->ctx, b->w, VS_SEC_QUAN, 2 * n + 1, 4,
				 &section, err);

	if (rc == 0)
		rc = vs_cont_write(b->ctx, b->w, section, 0, b->code8.mid,
				   n * 4, err);
	if (rc == 0)
		rc = vs_cont_write(b->ctx, b->w, section, n * 4, b->code8.step,
				   n * 4, err);
	if (rc == 0)
		rc = vs_cont_write(b->ctx, b->w, section, 2 * n * 4,
				   &b->code8.kappa, 4, err);
	return rc;
}

static int add_code_sections(struct vs_build *b, uint64_t panels,
			     struct vs_err *err)
{
	uint64_t slots = panels * VS_PANEL_ROWS;
	int rc = 0;

	if (b->norms)
		rc = vs_cont_add_raw(b->ctx, b->w, VS_SEC_NORM, slots, 4,
				     &b->sec_norms, err);
	if (rc != 0 || b->code8.mid == NULL)
		return rc;
	rc = write_ranges(b, err);
	if (rc == 0)
		rc = vs_cont_add_raw(b->ctx, b->w, VS_SEC_CODE, panels,
				     (uint32_t)vs_panel_bytes(VS_U8,
							      b->src->dim),
				     &b->sec_codes, err);
	if (rc == 0)
		rc = vs_cont_add_raw(b->ctx, b->w, VS_SEC_SLAK, slots, 4,
				     &b->sec_slack, err);
	return rc;
}

/* Learns how to code rows from a sample of what the stream is taken from. */
int vs_build_learn(struct vs_build *b, struct vs_err *err)
{
	const struct vs_source *src = b->src;
	size_t n = (size_t)vs_min_u64(vs_code8_sample(src->dim), src->n_rows);
	size_t got = 0;
	void *rows;
	int rc;

	if (!vs_code8_wanted(src->dtype, b->spec->metric, src->dim))
		return 0;
	rows = vs_alloc(b->ctx, n, b->row_bytes, "sample", err);
	if (rows == NULL)
		return VS_ENOMEM;
	rc = src->sample(src->arg, b->ctx, rows, n, &got, err);
	if (rc == 0 && got > 0) {
		const struct vs_code8_rows sample = { rows, src->dtype, got,
						      src->dim };

		rc = vs_code8_train(b->ctx, &sample, &b->code8, err);
	}
	vs_free(b->ctx, rows);
	return rc;
}

int vs_build_add_sections(struct vs_build *b, struct vs_err *err)
{
	uint64_t panels = b->cell_panel[b->nlist];
	uint64_t slots = panels * VS_PANEL_ROWS;
	int rc = write_control(b, err);

	if (rc == 0)
		rc = vs_cont_add_raw(b->ctx, b->w, VS_SEC_ROWS, panels,
				     (uint32_t)b->panel_bytes, &b->sec_rows,
				     err);
	if (rc == 0)
		rc = vs_cont_add_raw(b->ctx, b->w, VS_SEC_TERM, slots, 4,
				     &b->sec_terms, err);
	if (rc == 0)
		rc = vs_cont_add_raw(b->ctx, b->w, VS_SEC_IDS, slots,
				     b->id_size, &b->sec_ids, err);
	if (rc == 0)
		rc = add_code_sections(b, panels, err);
	return rc;
}
