/* model.c - reads and writes model files. */
#include "vs/model.h"

#include <string.h>

#include "vs/mem.h"
#include "vs/num.h"
#include "vs/transform_file.h"
#include "vs/yaml.h"

#define INFO_MAX 65536u

static int put_info(struct vs_ctx *ctx, struct vs_cont_writer *w,
		    const struct vs_model *m, const struct vs_model_notes *n,
		    struct vs_err *err)
{
	char input[VS_DIGEST_TEXT_MAX];
	struct vs_buf text = { 0 };
	unsigned section;
	int rc;

	rc = vs_buf_printf(
		ctx, &text, err,
		"index: %s\ninput: \"%s\"\ninput_rows: %llu\n"
		"sample_rows: %llu\niterations: %u\nseed: %llu\n"
		"objective: %.9g\nimbalance: %.6g\n"
		"repaired: %llu\n",
		m->index.text, vs_digest_text(&m->input, input),
		(unsigned long long)n->n_input,
		(unsigned long long)n->n_sample, n->iterations,
		(unsigned long long)n->seed, n->objective, n->imbalance,
		(unsigned long long)n->n_repaired);
	if (rc == 0 && n->two_level)
		rc = vs_buf_printf(ctx, &text, err, "kmeans: two-level\n");
	if (rc == 0 && n->drops)
		rc = vs_buf_printf(ctx, &text, err, "dropped: %llu\n",
				   (unsigned long long)n->n_dropped);
	if (rc == 0 && m->transform != NULL)
		rc = vs_buf_printf(ctx, &text, err, "inner_dim: %u\n",
				   m->inner);
	if (rc == 0 && m->pq.codebooks != NULL)
		rc = vs_buf_printf(ctx, &text, err, "code_error: %.9g\n",
				   n->code_error);
	if (rc == 0)
		rc = vs_cont_add_zst(ctx, w, VS_SEC_INFO, 1, &section, err);
	if (rc == 0)
		rc = vs_cont_append(ctx, w, section, text.p, text.n, err);
	vs_buf_free(ctx, &text);
	return rc;
}

static int put_floats(struct vs_ctx *ctx, struct vs_cont_writer *w,
		      uint32_t tag, const float *p, size_t n,
		      struct vs_err *err)
{
	unsigned section;
	int rc = vs_cont_add_raw(ctx, w, tag, n, 4, &section, err);

	return rc != 0 ? rc : vs_cont_write(ctx, w, section, 0, p, n * 4, err);
}

static int put_ranges(struct vs_ctx *ctx, struct vs_cont_writer *w,
		      const struct vs_code8 *ranges, struct vs_err *err)
{
	float *p = vs_ranges_pack(ctx, ranges, err);
	int rc = p == NULL ? VS_ENOMEM :
			     put_floats(ctx, w, VS_SEC_QUAN, p,
					(size_t)vs_ranges_floats(ranges->dim),
					err);

	vs_free(ctx, p);
	return rc;
}

int vs_model_write(struct vs_ctx *ctx, const char *path,
		   const struct vs_model *m, const struct vs_model_notes *notes,
		   enum vs_publish how, struct vs_err *err)
{
	struct vs_cont_head head = {
		.kind = VS_KIND_MODEL,
		.fingerprint = m->fingerprint,
		.n_rows = notes->n_sample,
		.dim = m->dim,
		.metric = m->metric,
		.dtype = m->dtype,
	};
	struct vs_cont_writer *w;
	int rc = vs_cont_create(ctx, path, &head, &w, err);

	if (rc != 0)
		return rc;
	rc = vs_cont_room_zst(ctx, w, VS_CONT_SMALL_ZST, err);
	if (rc == 0 && m->centroids != NULL)
		rc = put_floats(ctx, w, VS_SEC_CENT, m->centroids,
				(size_t)m->index.nlist * m->inner, err);
	if (rc == 0 && m->ranges.mid != NULL)
		rc = put_ranges(ctx, w, &m->ranges, err);
	if (rc == 0 && m->pq.codebooks != NULL)
		rc = put_floats(ctx, w, VS_SEC_CBKS, m->pq.codebooks,
				vs_pq_codebook_count(&m->pq), err);
	if (rc == 0)
		rc = vs_transform_write(ctx, w, m->transform, err);
	if (rc == 0)
		rc = put_info(ctx, w, m, notes, err);
	if (rc == 0)
		return vs_cont_publish(ctx, w, how, err);
	vs_cont_abort(ctx, w);
	return rc;
}

void vs_model_destroy(struct vs_ctx *ctx, struct vs_model *m)
{
	if (m == NULL)
		return;
	vs_transform_destroy(ctx, m->transform);
	vs_free(ctx, m->centroids);
	vs_code8_free(ctx, &m->ranges);
	vs_pq_free(ctx, &m->pq);
	vs_free(ctx, m);
}

static int parse_info(const struct vs_yaml_doc *doc, const char *path,
		      struct vs_model *m, struct vs_err *err)
{
	static const char *const keys[] = {
		"index",	"input", "input_rows", "sample_rows",
		"iterations",	"seed",	 "objective",  "imbalance",
		"repaired",	"dropped", "inner_dim",	 "code_error",
		"kmeans",
		NULL
	};
	const struct vs_yaml *root = vs_yaml_root(doc);
	uint64_t inner = 0;
	const char *text;
	int rc = vs_yaml_only(doc, root, keys, err);

	if (rc == 0)
		rc = vs_yaml_text(doc, root, "index", &text, err);
	if (rc == 0 && vs_factory_parse(text, &m->index, NULL) != 0)
		rc = vs_fail(err, VS_EVERSION,
			     "%s: trained for an index '%.60s' that this "
			     "version does not know", path, text);
	if (rc == 0)
		rc = vs_yaml_text(doc, root, "input", &text, err);
	if (rc == 0 && !vs_digest_parse(text, &m->input))
		rc = vs_fail(err, VS_EDATA, "%s: input is '%.40s', no digest",
			     path, text);
	m->inner = vs_transform_dim(&m->index, m->dim);
	if (rc == 0 && vs_factory_has_transform(&m->index))
		rc = vs_yaml_u64(doc, root, "inner_dim", &inner, err);
	if (rc == 0 && vs_factory_has_transform(&m->index) && inner != m->inner)
		rc = vs_fail(err, VS_EDATA,
			     "%s: inner_dim is %llu; expected %u", path,
			     (unsigned long long)inner, m->inner);
	return rc;
}

static int read_info(struct vs_ctx *ctx, struct vs_cont *c,
		      struct vs_model *m, struct vs_err *err)
{
	struct vs_yaml_doc *doc;
	int rc = vs_cont_info(ctx, c, INFO_MAX, &doc, err);

	if (rc != 0)
		return rc;
	rc = parse_info(doc, vs_cont_path(c), m, err);
	vs_yaml_destroy(ctx, doc);
	return rc;
}

static int bad(const struct vs_cont *c, const char *what, struct vs_err *err)
{
	return vs_fail(err, VS_EDATA,
		       "%s: %s; the file is damaged: train it again",
		       vs_cont_path(c), what);
}

/* All that the header leaves open. */
static int read_parts(struct vs_ctx *ctx, struct vs_cont *c,
		      struct vs_model *m, struct vs_err *err)
{
	bool ranges;
	int rc;

	if (m->dim < 1 || m->dim > VS_DIM_MAX)
		return bad(c, "the dimension is out of range", err);
	rc = read_info(ctx, c, m, err);
	ranges = vs_factory_has_ranges(&m->index, m->dtype);
	if (rc == 0 && !vs_factory_needs_model(&m->index) && !ranges)
		rc = bad(c, "an index of its kind has no model", err);
	if (rc == 0)
		rc = vs_transform_read(ctx, c, &m->index, &m->transform, err);
	if (rc == 0 && m->index.family == VS_FAMILY_IVF)
		rc = vs_centroids_read(ctx, c, m->index.nlist, m->inner,
				       &m->centroids, err);
	if (rc == 0 && ranges)
		rc = vs_ranges_read(ctx, c, m->inner, &m->ranges, err);
	if (rc == 0 && vs_factory_has_pq(&m->index))
		rc = vs_codebooks_read(ctx, c, &m->index, m->inner, &m->pq,
				       err);
	return rc;
}

int vs_model_open(struct vs_ctx *ctx, const char *path, struct vs_model **out,
		  struct vs_err *err)
{
	const struct vs_cont_head *h;
	struct vs_model *m;
	struct vs_cont *c;
	int rc = vs_cont_open(ctx, path, VS_KIND_MODEL, &c, err);

	if (rc != 0)
		return rc;
	m = vs_zalloc(ctx, 1, sizeof(*m), "model", err);
	if (m == NULL) {
		vs_cont_close(ctx, c);
		return VS_ENOMEM;
	}
	h = vs_cont_head(c);
	m->metric = h->metric;
	m->dtype = h->dtype;
	m->dim = h->dim;
	m->fingerprint = h->fingerprint;
	rc = read_parts(ctx, c, m, err);
	vs_cont_close(ctx, c);
	if (rc == 0)
		*out = m;
	else
		vs_model_destroy(ctx, m);
	return rc;
}
