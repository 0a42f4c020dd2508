/* query_stream.c - vs-query --stream: queries are answered as they come.
 *
 * What is there is searched as one batch and written before anything else is
 * waited for: a slow producer has each answer at once, a fast one the speed of
 * a batch.
 */
#include "query_int.h"
#include "vs/mem.h"
#include "vs/num.h"
#include "vs/vecs_stream.h"

/* Answered together, at most: many make a batch fast, but the first of them
 * waits for the last. */
#define BLOCK_QUERIES 1024

/* Queries on their way from the pipe to the batch. */
struct feed {
	struct vs_vecs_stream *stream;
	uint8_t *raw;    /* as they came */
	uint8_t *rows;   /* as they are searched */
	float *wide;     /* room for one */
	uint32_t *cells; /* probes */
	size_t most;     /* in a block */
};

static int check_args(const struct vs_query_args *args, struct vs_err *err)
{
	if (args->io.n_inputs != 1)
		return vs_fail(err, VS_EUSAGE,
			       "--stream reads one stream of queries; %zu are "
			       "given; give one, or - with cat before it",
			       args->io.n_inputs);
	if (args->io.force_rows)
		return vs_fail(err, VS_EUSAGE,
			       "--force-rows: a stream has no size to crop to; "
			       "leave out --force-rows or --stream");
	if (args->io.plan != NULL)
		return vs_fail(err, VS_EUSAGE,
			       "--plan: what a stream needs is known when it "
			       "has ended; leave out --plan or --stream");
	return 0;
}

/* By the name where it says one, else tsv. */
static int find_format(const struct vs_query_args *args,
		       enum vs_hits_format *format, struct vs_err *err)
{
	*format = args->format;
	if (*format == VS_HITS_AUTO &&
	    vs_hits_format_of(args->io.out, format, NULL) != 0)
		*format = VS_HITS_TSV;
	if (*format == VS_HITS_TSV || *format == VS_HITS_JSONL)
		return 0;
	return vs_fail(err, VS_EUSAGE,
		       "%s: --stream writes no %s, which is read as a whole "
		       "when all queries are answered; expected tsv or jsonl; "
		       "give -f",
		       args->io.out, vs_hits_format_name(*format));
}

static size_t block_queries(const struct vs_search *s)
{
	uint64_t raw = 4 + 4 * (uint64_t)s->info.dim;
	uint64_t n = vs_mem_left(s->ctx) / 2 /
		     (vs_search_query_bytes(s) + 2 * raw);

	n = vs_min_u64(n, BLOCK_QUERIES);
	return n == 0 ? 1 : (size_t)n;
}

static int open_feed(struct vs_search *s, struct feed *f, struct vs_err *err)
{
	struct vs_op_query_form *form = &s->queries.form;
	struct vs_cont_head head = vs_search_wants(s);
	struct vs_vecs_stream_spec spec = {
		.format = s->args->io.input_format,
		.dim = s->info.dim,
	};
	int rc;

	/* The type that queries will have is that of the rows. */
	form->to = head.dtype == VS_F16 ? VS_F32 : head.dtype;
	form->dim = s->info.dim;
	f->most = block_queries(s);
	spec.most = f->most;
	rc = vs_vecs_stream_open(s->ctx, s->args->io.inputs[0], &spec,
				 &f->stream, err);
	if (rc != 0)
		return rc;
	form->name = vs_vecs_stream_name(f->stream);
	form->from = vs_vecs_stream_dtype(f->stream);
	return vs_op_query_form(form, &head, s->args->io.zero, err);
}

static int make_room(struct vs_search *s, struct feed *f, struct vs_err *err)
{
	const struct vs_op_query_form *form = &s->queries.form;

	f->raw = vs_alloc(s->ctx, f->most,
			  form->dim * vs_dtype_size(form->from), "queries",
			  err);
	if (f->raw == NULL)
		return VS_ENOMEM;
	f->rows = vs_alloc(s->ctx, f->most,
			   form->dim * vs_dtype_size(form->to), "queries",
			   err);
	if (f->rows == NULL)
		return VS_ENOMEM;
	f->wide = vs_alloc(s->ctx, form->dim, sizeof(*f->wide), "queries",
			   err);
	if (f->wide == NULL)
		return VS_ENOMEM;
	f->cells = vs_alloc(s->ctx, f->most,
			    s->params.nprobe * sizeof(*f->cells), "probes",
			    err);
	return f->cells == NULL ? VS_ENOMEM : 0;
}

static void close_feed(struct vs_search *s, struct feed *f)
{
	vs_free(s->ctx, f->cells);
	vs_free(s->ctx, f->wide);
	vs_free(s->ctx, f->rows);
	vs_free(s->ctx, f->raw);
	vs_vecs_stream_close(s->ctx, f->stream);
}

/* Converts n queries up to the first that cannot be; *n says how many. */
static int convert(const struct vs_search *s, struct feed *f, size_t *n,
		   struct vs_err *err)
{
	const struct vs_op_query_form *form = &s->queries.form;
	size_t from = form->dim * vs_dtype_size(form->from);
	size_t to = form->dim * vs_dtype_size(form->to), i;
	int rc = 0;

	for (i = 0; rc == 0 && i < *n; i++)
		rc = vs_op_query_convert(form, f->raw + i * from,
					 s->report->n_queries + i, f->wide,
					 f->rows + i * to, err);
	*n = rc == 0 ? i : i - 1;
	return rc;
}

static int answer(struct vs_search *s, struct feed *f, size_t n,
		  struct vs_err *err)
{
	struct vs_rows rows = { f->rows, n, s->info.dim, s->queries.form.to };
	int rc = vs_search_rows(s, &rows, f->cells, err);

	if (rc == 0)
		rc = vs_sink_flush(s->ctx, s->sink, err);
	if (rc == 0)
		s->report->n_queries += n;
	return rc;
}

/* The next block, which *n == 0 says is none.  What came before a query that is
 * refused is answered first. */
static int step(struct vs_search *s, struct feed *f, size_t *n,
		struct vs_err *err)
{
	struct vs_err bad = { 0 };
	int bad_rc, rc;

	rc = vs_vecs_stream_next(s->ctx, f->stream, f->raw, n, err);
	if (rc != 0 || *n == 0)
		return rc;
	bad_rc = convert(s, f, n, &bad);
	if (*n > 0)
		rc = answer(s, f, *n, err);
	if (rc == 0 && bad_rc != 0 && err != NULL)
		*err = bad;
	return rc != 0 ? rc : bad_rc;
}

static int answer_all(struct vs_search *s, struct feed *f, struct vs_err *err)
{
	size_t n = 1;
	int rc = 0;

	while (rc == 0 && n > 0) {
		rc = step(s, f, &n, err);
		if (rc == 0 && n > 0 && vs_ctx_stopping(s->ctx))
			rc = VS_EAGAIN;
	}
	if (rc != VS_EAGAIN)
		return rc;
	return vs_fail(err, VS_EAGAIN,
		       "%s: stopped when %llu queries were answered; a stream "
		       "cannot be resumed, begin after them",
		       s->queries.form.name,
		       (unsigned long long)s->report->n_queries);
}

static int serve(struct vs_search *s, struct feed *f,
		 enum vs_hits_format format, struct vs_err *err)
{
	struct vs_sink *sink;
	int rc = make_room(s, f, err);

	if (rc == 0)
		rc = vs_search_coarse(s, err);
	if (rc == 0)
		rc = vs_sink_create(s->ctx, s->out, format, &s->info,
				    &s->fingerprint, &s->sink, err);
	if (rc == 0)
		rc = answer_all(s, f, err);
	if (rc != 0)
		return rc;
	sink = s->sink;
	s->sink = NULL;
	return vs_sink_finish(s->ctx, sink, vs_op_how(s->args->io.replace),
			      err);
}

int vs_search_stream(struct vs_search *s, struct vs_err *err)
{
	enum vs_hits_format format;
	struct feed f = { 0 };
	int rc = check_args(s->args, err);

	if (rc == 0)
		rc = find_format(s->args, &format, err);
	if (rc == 0)
		rc = vs_search_open(s, err);
	s->info.n_queries = VS_QUERIES_UNKNOWN;
	if (rc == 0)
		rc = vs_search_info(s, err);
	if (rc == 0)
		rc = vs_search_name_output(s, format, err);
	if (rc == 0)
		rc = open_feed(s, &f, err);
	if (rc == 0)
		rc = serve(s, &f, format, err);
	close_feed(s, &f);
	return rc;
}
