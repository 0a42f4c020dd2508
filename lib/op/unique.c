/* unique.c - finds an id that is given twice.
 *
 * Ids that ascend need no more than a look.  Others go through a table, in as
 * many passes over the ids as the memory ceiling makes necessary: each pass
 * enters those of one part of the hashes.
 */
#include "unique.h"

#include <string.h>

#include "vs/mem.h"
#include "vs/num.h"

#define SLOTS_MIN 1024u
#define PASSES_MAX ((uint64_t)1 << 20)

struct look {
	struct vs_hasher *hasher;
	uint64_t n, max, last;
	bool ascending;
};

static void look_at(void *arg, uint64_t row, uint64_t id)
{
	struct look *k = arg;

	(void)row;
	k->ascending = k->ascending && (k->n == 0 || id > k->last);
	k->last = id;
	k->max = id > k->max ? id : k->max;
	k->n++;
	vs_hasher_add_u64(k->hasher, id);
}

struct table {
	uint64_t *slot; /* [mask + 1] of ids, VS_ID_NONE where none is */
	uint64_t mask;
	uint64_t n_passes, pass;
	uint64_t n_held;
	bool full;
	uint64_t repeat, id; /* the first row that repeats an id, and that */
};

/* The finalizer of MurmurHash3: a bijection, so ids that differ stay so. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}

static void enter(void *arg, uint64_t row, uint64_t id)
{
	struct table *t = arg;
	uint64_t h = mix(id), i = h & t->mask;

	if (t->full || (h >> 32) * t->n_passes >> 32 != t->pass)
		return;
	while (t->slot[i] != VS_ID_NONE && t->slot[i] != id)
		i = (i + 1) & t->mask;
	if (t->slot[i] == id) {
		if (row < t->repeat) {
			t->repeat = row;
			t->id = id;
		}
		return;
	}
	t->slot[i] = id;
	t->n_held++;
	t->full = t->n_held > t->mask / 8 * 7;
}

struct find {
	uint64_t id, row;
};

static void find_first(void *arg, uint64_t row, uint64_t id)
{
	struct find *f = arg;

	if (id == f->id && row < f->row)
		f->row = row;
}

static int refuse(struct vs_ctx *ctx, struct vs_op_stream *s,
		  const struct table *t, struct vs_err *err)
{
	struct find f = { t->id, UINT64_MAX };
	int rc = vs_op_stream_walk(ctx, s, find_first, &f, err);

	if (rc != 0)
		return rc;
	return vs_fail(err, VS_EDATA,
		       "%s: rows %llu and %llu (counted from 0) have the same "
		       "id %llu; expected every id once; correct one of them",
		       vs_ids_path(s->ids), (unsigned long long)f.row,
		       (unsigned long long)t->repeat,
		       (unsigned long long)t->id);
}

/* All passes; t->full when the table was too small for one of them. */
static int enter_all(struct vs_ctx *ctx, struct vs_op_stream *s,
		     struct table *t, struct vs_err *err)
{
	int rc = 0;

	t->full = false;
	t->repeat = UINT64_MAX;
	for (t->pass = 0; rc == 0 && !t->full && t->pass < t->n_passes;
	     t->pass++) {
		memset(t->slot, 0xff, (t->mask + 1) * sizeof(*t->slot));
		t->n_held = 0;
		rc = vs_op_stream_walk(ctx, s, enter, t, err);
	}
	return rc;
}

/* As large as the ids want, or as memory allows. */
static int make_table(struct vs_ctx *ctx, struct table *t, uint64_t n,
		      struct vs_err *err)
{
	uint64_t slots = SLOTS_MIN, most = vs_mem_left(ctx) / 4;

	while (slots / 2 < n && slots < most / (2 * sizeof(*t->slot)))
		slots *= 2;
	t->mask = slots - 1;
	t->n_passes = vs_div_up(n, slots / 2);
	t->slot = vs_alloc(ctx, (size_t)slots, sizeof(*t->slot),
			   "table of ids", err);
	return t->slot == NULL ? VS_ENOMEM : 0;
}

static int find_repeat(struct vs_ctx *ctx, struct vs_op_stream *s, uint64_t n,
		       struct vs_err *err)
{
	struct table t = { 0 };
	int rc = make_table(ctx, &t, n, err);

	if (rc == 0)
		rc = enter_all(ctx, s, &t, err);
	/* Half full when hashes are spread as they should be. */
	while (rc == 0 && t.full && t.n_passes < PASSES_MAX) {
		t.n_passes *= 2;
		rc = enter_all(ctx, s, &t, err);
	}
	if (rc == 0 && t.full)
		rc = vs_fail(err, VS_ENOMEM,
			     "%s: too little memory to compare the ids; give "
			     "more with --memory",
			     vs_ids_path(s->ids));
	vs_free(ctx, t.slot);
	if (rc == 0 && t.repeat != UINT64_MAX)
		rc = refuse(ctx, s, &t, err);
	return rc;
}

int vs_op_ids_check(struct vs_ctx *ctx, struct vs_op_stream *s,
		    struct vs_op_id_facts *out, struct vs_err *err)
{
	struct look k = { .ascending = true };
	int rc = vs_hasher_create(ctx, &k.hasher, err);

	if (rc != 0)
		return rc;
	rc = vs_op_stream_walk(ctx, s, look_at, &k, err);
	vs_hasher_done(k.hasher, &out->digest);
	vs_hasher_destroy(ctx, k.hasher);
	out->n = k.n;
	out->max = k.max;
	if (rc == 0 && !k.ascending)
		rc = find_repeat(ctx, s, k.n, err);
	return rc;
}
