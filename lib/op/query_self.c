/* query_self.c - vs-query --self: the rows of the shards are the queries, in
 * the order of their ids, and none is in its own answer.
 *
 * One result more is looked for than is wanted.  A query's own row is left out
 * by its id, wherever it stands; where it is not among them, since enough other
 * rows are as near, the last one goes.
 *
 * The queries of a block are searched in the order that their rows stand in,
 * cell by cell: those that want the same cells are then near each other.
 */
#include <string.h>

#include "query_int.h"
#include "vs/mem.h"
#include "vs/par.h"

#define ROWS_TOGETHER 256u /* read by a thread at once */
#define HITS_TOGETHER 65536u

/* Ids sort as keys of hits, whose ids are the places of their rows. */
#define KEY_OF_ID(id) ((int64_t)((id) ^ (uint64_t)1 << 63))
#define ID_OF_KEY(key) ((uint64_t)(key) ^ (uint64_t)1 << 63)

static uint64_t id_of(const struct vs_search *s, uint64_t query)
{
	return ID_OF_KEY(s->self.row[s->self.first + query].key);
}

static int add_row(void *arg, uint64_t id, uint64_t where, struct vs_err *err)
{
	struct vs_search_self *self = arg;

	(void)err;
	self->row[self->n++] = (struct vs_hit){ .id = where,
						.key = KEY_OF_ID(id) };
	return 0;
}

/* By key, then place. */
static void sort(struct vs_hit *hits, uint64_t n)
{
	struct vs_topk all = { .slots = hits, .k = (uint32_t)n,
			       .n = (uint32_t)n };
	uint64_t i;

	for (i = 1; i < n && !vs_hit_less(&hits[i], &hits[i - 1]); i++)
		;
	if (i < n)
		vs_topk_finish(&all);
}

static int refuse_id(const char *target, int64_t key, const char *found,
		     struct vs_err *err)
{
	return vs_fail(err, VS_EDATA,
		       "%s: id %llu stands there %s; expected one row of each "
		       "id; build it again with other ids", target,
		       (unsigned long long)ID_OF_KEY(key), found);
}

/* Of rows that stand in two cells the first copy is the query; ids that stand
 * more often are no names. */
static int keep_first(struct vs_search_self *self, const char *target,
		      struct vs_err *err)
{
	uint64_t i, n = 0, again;

	for (i = 0; i < self->n; i += again) {
		for (again = 1; i + again < self->n &&
				self->row[i].key == self->row[i + again].key;
		     again++)
			;
		if (again > self->copies)
			return refuse_id(target, self->row[i].key,
					 self->copies == 1 ? "twice" :
							     "in two rows",
					 err);
		if (again < self->copies)
			return refuse_id(target, self->row[i].key,
					 "in one cell only", err);
		self->row[n++] = self->row[i];
	}
	self->n = n;
	return 0;
}

static int sort_rows(struct vs_search_self *self, const char *target,
		     struct vs_err *err)
{
	sort(self->row, self->n);
	return keep_first(self, target, err);
}

static int list_rows(struct vs_search *s, struct vs_err *err)
{
	struct vs_search_self *self = &s->self;
	const struct vs_shard_visitor v = { add_row, self };
	uint64_t n;
	size_t i;
	int rc = 0;

	self->copies = vs_factory_copies(vs_shard_index(s->target.shard[0]));
	n = s->target.n_rows * self->copies;

	if (n > UINT32_MAX)
		return vs_fail(err, VS_EUSAGE,
			       "%s: has %llu rows; --self takes %u at most; "
			       "give the vectors as queries", s->args->target,
			       (unsigned long long)s->target.n_rows,
			       UINT32_MAX / self->copies);
	self->row = vs_alloc(s->ctx, (size_t)n, sizeof(*self->row),
			     "places of rows", err);
	if (self->row == NULL)
		return VS_ENOMEM;
	for (i = 0; rc == 0 && i < s->target.n; i++)
		rc = vs_shard_each_row(s->ctx, s->target.shard[i],
				       (uint32_t)i, &v, err);
	return rc == 0 ? sort_rows(self, s->args->target, err) : rc;
}

/* What parts of the same queries have in common. */
static int digest(struct vs_search *s, struct vs_err *err)
{
	const struct vs_target *t = &s->target;
	struct vs_hasher *h;
	size_t i;
	int rc = vs_op_fingerprint_start(s->ctx, "self", &h, err);

	if (rc != 0)
		return rc;
	for (i = 0; i < t->n; i++) {
		const struct vs_digest *d[] = {
			vs_shard_input(t->shard[i]), vs_shard_ids(t->shard[i]),
			&vs_shard_head(t->shard[i])->fingerprint };

		vs_hasher_add(h, d[0]->b, sizeof(d[0]->b));
		vs_hasher_add(h, d[1]->b, sizeof(d[1]->b));
		vs_hasher_add(h, d[2]->b, sizeof(d[2]->b));
	}
	vs_hasher_add_u64(h, s->self.first);
	vs_hasher_add_u64(h, s->info.n_queries);
	vs_op_fingerprint_end(s->ctx, h, &s->info.queries);
	return 0;
}

int vs_search_self_check(struct vs_search *s, struct vs_err *err)
{
	const struct vs_query_args *a = s->args;
	struct vs_part *p = &s->self.part;

	if (a->io.n_inputs != 0)
		return vs_fail(err, VS_EUSAGE,
			       "%s: with --self the rows of the shard are the "
			       "queries; leave out one of them",
			       a->io.inputs[0]);
	if (a->stream || a->io.force_rows || a->io.input_format != 0 ||
	    a->io.zero != VS_ZERO_REFUSE)
		return vs_fail(err, VS_EUSAGE,
			       "--self reads no file of queries; leave out %s",
			       a->stream ? "--stream" :
			       a->io.force_rows ? "--force-rows" :
			       a->io.input_format != 0 ? "--input-format" :
							 "--zero");
	*p = a->part;
	if (p->n != VS_PART_OF_MANIFEST)
		return 0;
	if (p->task_n == 0)
		return vs_fail(err, VS_EUSAGE,
			       "the tasks of this array job do not say how "
			       "many there are; say which slice of the queries "
			       "with --part i/n");
	p->i = p->task_i;
	p->n = p->task_n;
	return 0;
}

/* Where part i of n rows begins. */
static uint64_t begin(const struct vs_part *p, uint32_t i, uint64_t n)
{
	return p->n == 0 ? 0 : (uint64_t)((unsigned __int128)n * i / p->n);
}

int vs_search_self_open(struct vs_search *s, struct vs_err *err)
{
	struct vs_search_self *self = &s->self;
	struct vs_op_query_form *form = &s->queries.form;
	const struct vs_part *p = &self->part;
	enum vs_dtype dtype = vs_shard_dtype(s->target.shard[0]);
	uint64_t end;
	int rc = list_rows(s, err);

	if (rc != 0)
		return rc;
	self->first = begin(p, p->i, self->n);
	end = p->n == 0 ? self->n : begin(p, p->i + 1, self->n);
	s->info.n_queries = end - self->first;
	s->target.part = *p;
	form->name = s->args->target;
	form->to = dtype == VS_F16 ? VS_F32 : dtype;
	form->dim = vs_shard_dim(s->target.shard[0]);
	return digest(s, err);
}

uint64_t vs_search_self_query_bytes(void)
{
	return sizeof(struct vs_hit) + sizeof(uint32_t);
}

struct reading {
	struct vs_search *s;
	const struct vs_hit *order; /* keys: where the rows of a batch stand */
	size_t n, row_bytes;
	uint8_t *to;
};

static int read_some(void *arg, size_t item, unsigned thread,
		     struct vs_err *err)
{
	const struct reading *r = arg;
	const struct vs_target *t = &r->s->target;
	size_t i = item * ROWS_TOGETHER;
	size_t end = vs_min_size(r->n, i + ROWS_TOGETHER);
	int rc = 0;

	(void)thread;
	for (; rc == 0 && i < end; i++)
		rc = vs_shards_row(r->s->ctx, t->shard,
				   (uint64_t)r->order[i].key,
				   r->to + i * r->row_bytes, err);
	return rc;
}

/* The n queries from row `first` on, in the order of their batch; lists go out
 * as they are found, and so stay in that of the ids. */
static int order(struct vs_search *s, uint64_t first, size_t n,
		 struct vs_hit *out, struct vs_err *err)
{
	struct vs_search_self *self = &s->self;
	void *p = self->at;
	size_t i;
	int rc = 0;

	for (i = 0; i < n; i++)
		out[i] = (struct vs_hit){ .id = i,
			.key = (int64_t)self->row[first + i].id };
	if (s->k == 0)
		return 0;
	sort(out, n);
	if (p == NULL || n > self->n_at)
		rc = vs_resize(s->ctx, &p, n, sizeof(*self->at), "queries",
			       err);
	if (rc != 0)
		return rc;
	self->at = p;
	self->n_at = n;
	for (i = 0; i < n; i++)
		self->at[out[i].id] = (uint32_t)i;
	return 0;
}

int vs_search_self_read(struct vs_search *s, uint64_t first, size_t n,
			void *rows, struct vs_err *err)
{
	const struct vs_op_query_form *form = &s->queries.form;
	struct vs_hit *batch = vs_alloc(s->ctx, n, sizeof(*batch), "queries",
					err);
	struct reading r = { .s = s, .order = batch, .n = n,
			     .row_bytes = form->dim * vs_dtype_size(form->to),
			     .to = rows };
	int rc = VS_ENOMEM;

	if (batch != NULL)
		rc = order(s, s->self.first + first, n, batch, err);
	if (rc == 0)
		rc = vs_par_for(s->ctx, (size_t)vs_div_up(n, ROWS_TOGETHER),
				read_some, &r, err);
	vs_free(s->ctx, batch);
	return rc;
}

/* n of the hits but for that of id; how many there are. */
static uint32_t without(const struct vs_hit *hits, uint32_t n_hits,
			uint64_t id, struct vs_hit *out, uint32_t n)
{
	uint32_t i, m = 0;

	for (i = 0; i < n_hits && m < n; i++)
		if (hits[i].id != id)
			out[m++] = hits[i];
	return m;
}

static int append_list(struct vs_search *s, const struct vs_hit *hits,
		       uint32_t n, struct vs_err *err)
{
	struct vs_search_self *self = &s->self;
	void *p = self->answer;
	int rc = 0;

	if (p == NULL || n > self->n_answer) {
		rc = vs_resize(s->ctx, &p, n, sizeof(*self->answer), "answers",
			       err);
		self->n_answer = n;
	}
	if (rc != 0)
		return rc;
	self->answer = p;
	n = without(hits, n, id_of(s, self->n_done++), self->answer, n);
	return vs_sink_append_list(s->ctx, s->sink, self->answer, n, err);
}

int vs_search_self_append_lists(struct vs_search *s, const struct vs_batch *b,
				uint64_t n, struct vs_err *err)
{
	const struct vs_hit *hits;
	uint32_t n_hits;
	uint64_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < n; i++) {
		hits = vs_batch_list(b, i, &n_hits);
		rc = append_list(s, hits, n_hits, err);
	}
	return rc;
}

int vs_search_self_append(struct vs_search *s, const struct vs_hit *hits,
			  uint64_t n, struct vs_err *err)
{
	struct vs_search_self *self = &s->self;
	uint32_t k = s->args->k;
	size_t most = HITS_TOGETHER / k + 1, m, i;
	const uint32_t *at = self->at;
	int rc = 0;

	if (self->answer == NULL)
		self->answer = vs_alloc(s->ctx, most, k * sizeof(*hits),
					"answers", err);
	if (self->answer == NULL)
		return VS_ENOMEM;
	for (; rc == 0 && n > 0; n -= m) {
		m = (size_t)vs_min_u64(most, n);
		for (i = 0; i < m; i++, at++)
			/* A padding is as good as any other last one. */
			(void)without(hits + (size_t)*at * s->k, s->k,
				      id_of(s, self->n_done++),
				      self->answer + i * k, k);
		rc = vs_sink_append(s->ctx, s->sink, self->answer, m, err);
	}
	return rc;
}

void vs_search_self_close(struct vs_search *s)
{
	vs_free(s->ctx, s->self.row);
	vs_free(s->ctx, s->self.answer);
	vs_free(s->ctx, s->self.at);
	memset(&s->self, 0, sizeof(s->self));
}
