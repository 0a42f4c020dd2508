/* build_plan.c - what a build takes, before it begins: the size of its file,
 * and memory that must be there at its end.
 */
#include "shard_build_int.h"
#include "vs/mem.h"
#include "vs/plan.h"
#include "vs/transform_file.h"

#define LATE_HEADS 40 /* blocks of memory: three a section, and some */

/* Bytes of the shard when its rows take this many panels. */
static uint64_t size_of(const struct vs_build *b, uint64_t panels,
			struct vs_cont_sizes *out)
{
	struct vs_cont_sizes s = { 0 };
	const struct vs_build_section *sec;
	unsigned i;

	if (b->spec->index.family == VS_FAMILY_IVF)
		vs_cont_sizes_raw(&s, (uint64_t)b->nlist * b->src->dim * 4);
	vs_transform_sizes(&b->spec->index, b->src->raw_dim, &s);
	vs_cont_sizes_raw(&s, ((uint64_t)b->nlist + 1) * 8);
	for (i = 0; i < b->n_sections; i++) {
		sec = &b->section[i];
		vs_cont_sizes_raw(&s, (sec->per_panel == 0 ?
					       sec->n_fixed :
					       panels * sec->per_panel) *
					      sec->item);
	}
	vs_cont_sizes_small_zst(&s);
	*out = s;
	return vs_cont_sizes_total(&s);
}

/* At worst every cell but one holds a single row. */
static uint64_t most_panels(const struct vs_build *b)
{
	uint64_t n = b->src->n_rows * b->copies, panels = vs_panels_of(n);

	if (b->spec->index.family == VS_FAMILY_FLAT)
		return panels;
	return panels + vs_min_u64(b->nlist, n);
}

/* Sections are added, and a range of one panel is had, once all rows have their
 * cells: what these take is held from the beginning, so that a ceiling that is
 * too small is seen before the work. */
int vs_build_hold(struct vs_build *b, struct vs_err *err)
{
	struct vs_cont_sizes sizes;
	uint64_t n;

	size_of(b, most_panels(b), &sizes);
	n = sizes.memory + ((uint64_t)b->nlist + 1) * 8 +
	    VS_PANEL_ROWS * ((uint64_t)b->row_bytes + 8);
	b->late = vs_alloc(b->ctx, 1, n + LATE_HEADS * 2 * VS_ALIGN,
			   "sections of the shard", err);
	return b->late == NULL ? VS_ENOMEM : 0;
}

void vs_build_release(struct vs_build *b)
{
	vs_free(b->ctx, b->late);
	b->late = NULL;
}

/* The range of a build, beside what its writer holds: how far the memory
 * ceiling makes it go.  Nothing allocated is touched. */
static int plan_range(struct vs_build *b, const struct vs_cont_sizes *sizes,
		      uint64_t *most, struct vs_err *err)
{
	void *raw, *zst = vs_alloc(b->ctx, 1, sizes->memory_zst,
				   "work areas of zstd", err);
	int rc;

	vs_build_release(b);
	if (zst == NULL)
		return VS_ENOMEM;
	raw = vs_alloc(b->ctx, 1, sizes->memory, "sections of the shard", err);
	rc = raw == NULL ? VS_ENOMEM : vs_build_range_alloc(b, most, err);
	vs_free(b->ctx, raw);
	vs_free(b->ctx, zst);
	return rc;
}

/* Allocates what the build would.  Cells are taken to be of one size. */
int vs_build_plan(struct vs_build *b, struct vs_err *err)
{
	struct vs_plan *p = b->spec->plan;
	struct vs_cont_sizes sizes;
	uint64_t n = b->src->n_rows * b->copies, most = 1, panels;
	bool flat = b->spec->index.family == VS_FAMILY_FLAT;
	uint32_t c;
	int rc = vs_build_start(b, err);

	if (rc == 0)
		rc = vs_build_alloc(b, err);
	if (rc == 0 && !flat) {
		b->cell = vs_alloc(b->ctx, n, sizeof(*b->cell),
				   "cell numbers", err);
		if (b->cell == NULL)
			return VS_ENOMEM;
		for (c = 0; c < b->nlist; c++)
			b->cell_rows[c] = n / b->nlist + (c < n % b->nlist);
	}
	if (rc == 0)
		rc = vs_build_lay_out(b, err);
	if (rc != 0)
		return rc;
	panels = b->cell_panel[b->nlist];
	size_of(b, panels, &sizes);
	rc = plan_range(b, &sizes, &most, err);
	if (rc != 0)
		return rc;
	p->n_passes = flat ? 1 : 1 + vs_div_up(panels, most == 0 ? 1 : most);
	p->memory = atomic_load(&b->ctx->mem_peak);
	p->out_min = size_of(b, vs_panels_of(n), &sizes);
	p->out_max = size_of(b, most_panels(b), &sizes);
	return 0;
}
