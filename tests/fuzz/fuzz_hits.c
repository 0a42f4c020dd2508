/* fuzz_hits.c - any INFO text and any hits, in a container that is otherwise
 * sound: opened, read and written in every format, or refused with a message.
 *
 * Input: u16 queries, u16 k, u8 dimension, u8 metric, u8 dtype, u16 length of
 * INFO, INFO, of lists (k 0) one more u64 than queries, hits.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <unistd.h>

#include "lib/data/cont_int.h"
#include "lib/data/hits_int.h"
#include "vs/mem.h"
#include "vs/num.h"

#define HEAD 9u
#define MEMORY_MAX (64u << 20)
#define PAGE VS_CONT_ALIGN

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(int cond, const char *what)
{
	if (!cond) {
		fprintf(stderr, "fuzz_hits: %s\n", what);
		abort();
	}
}

/* A section of the file, of one block. */
struct part {
	uint32_t tag, item;
	size_t at; /* from INFO on */
};

static void add_section(struct vs_cont_front *f, uint8_t *file,
			const struct part *p, size_t n)
{
	struct vs_cont_entry *e = &f->entry[f->n_sections];
	uint8_t *record = file + f->control_offset + f->control_bytes;
	uint32_t item = p->item;

	e->tag = p->tag;
	e->item = item;
	e->count = n / item;
	e->raw = e->stored = n;
	e->n_blocks = n != 0;
	e->offset = VS_CONT_FRONT_BYTES + p->at;
	e->control = f->control_bytes;
	vs_put_le64(record, vs_hash64(file + e->offset, n));
	e->hash = vs_hash64(record, n != 0 ? 8 : 0);
	f->control_bytes += n != 0 ? 8 : 0;
	f->n_sections++;
}

/* INFO at 8192, lists and hits 64 KiB after it, as a file; its size. */
static size_t make_file(const uint8_t *data, size_t n, uint8_t *file)
{
	size_t n_info = vs_min_size(vs_get_le16(data + 7), n - HEAD);
	size_t n_list = vs_get_le16(data + 2) != 0 ? 0 :
		vs_min_size((vs_get_le16(data) + (size_t)1) * 8,
			    vs_min_size(n - HEAD - n_info, VS_CONT_BLOCK) / 8 *
				    8);
	size_t n_hits = (n - HEAD - n_info - n_list) / VS_HITS_RECORD *
			VS_HITS_RECORD;
	const struct part info = { VS_SEC_INFO, 1, 0 };
	const struct part list = { VS_SEC_LIST, 8, 16 * PAGE };
	const struct part hits = { VS_SEC_HITS, VS_HITS_RECORD,
				   16 * PAGE + vs_round_up(n_list, PAGE) };
	struct vs_cont_front f = {
		.head = {.kind = VS_KIND_HITS,
			 .n_rows = vs_get_le16(data),
			 .k = vs_get_le16(data + 2),
			 .dim = data[4],
			 .metric = data[5],
			 .dtype = data[6]},
	};

	n_hits = vs_min_size(n_hits, VS_CONT_BLOCK);
	memcpy(file + VS_CONT_FRONT_BYTES, data + HEAD, n_info);
	memcpy(file + VS_CONT_FRONT_BYTES + list.at, data + HEAD + n_info,
	       n_list);
	memcpy(file + VS_CONT_FRONT_BYTES + hits.at,
	       data + HEAD + n_info + n_list, n_hits);
	f.control_offset =
		VS_CONT_FRONT_BYTES + hits.at + vs_round_up(n_hits, PAGE);
	add_section(&f, file, &info, n_info);
	if (f.head.k == 0)
		add_section(&f, file, &list, n_list);
	add_section(&f, file, &hits, n_hits);
	f.size = f.control_offset + f.control_bytes + VS_CONT_FOOT_BYTES;
	vs_cont_encode(&f, file);
	vs_cont_encode_foot(&f, file + f.size - VS_CONT_FOOT_BYTES);
	return (size_t)f.size;
}

/* What was accepted is written as text again and read back to the same text. */
static void check_info(struct vs_ctx *ctx, const struct vs_hits_info *info)
{
	struct vs_buf a = {0}, b = {0};
	struct vs_hits_info again;

	require(vs_hits_info_put(ctx, info, &a, NULL) == 0, "INFO not written");
	require(vs_hits_info_parse(ctx, "again", a.p, a.n, &again, NULL) == 0,
		"own INFO not read");
	require(vs_hits_info_put(ctx, &again, &b, NULL) == 0,
		"INFO not written again");
	require(a.n == b.n && memcmp(a.p, b.p, a.n) == 0, "INFO changes");
	vs_hits_info_free(ctx, &again);
	vs_buf_free(ctx, &a);
	vs_buf_free(ctx, &b);
}

static void write_all(struct vs_ctx *ctx, const struct vs_hits_info *info,
		      const struct vs_hit *hits)
{
	static const enum vs_hits_format formats[] = {
		VS_HITS_IVECS, VS_HITS_USBIN, VS_HITS_NPY,
		VS_HITS_FVECS, VS_HITS_TSV,   VS_HITS_JSONL};
	struct vs_digest none = {{0}};
	struct vs_sink *s;
	struct vs_err err;
	size_t i;
	int rc;

	/* The first three end at some id. */
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		vs_err_clear(&err);
		require(vs_sink_create(ctx, "/dev/null", formats[i], info,
				       &none, &s, &err) == 0,
			err.msg);
		rc = vs_sink_append(ctx, s, hits, (size_t)info->n_queries,
				    &err);
		require(rc == 0 || (rc == VS_EDATA && i < 3),
			"hits that were read cannot be written");
		if (rc == 0)
			rc = vs_sink_finish(ctx, s, VS_PUBLISH_NEW, &err);
		else
			vs_sink_abort(ctx, s);
		require((rc == 0) == (err.msg[0] == '\0'),
			"a refusal without a message");
	}
}

/* Lists go into the formats that take them. */
static void write_lists(struct vs_ctx *ctx, const struct vs_hits_info *info,
			const uint64_t *start, const struct vs_hit *hits)
{
	static const enum vs_hits_format formats[] = {
		VS_HITS_USBIN, VS_HITS_TSV, VS_HITS_JSONL};
	struct vs_digest none = {{0}};
	struct vs_sink *s;
	struct vs_err err;
	size_t i;
	uint64_t q;
	int rc;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		vs_err_clear(&err);
		rc = vs_sink_create(ctx, "/dev/null", formats[i], info, &none,
				    &s, &err);
		require(rc == 0, err.msg);
		for (q = 0; rc == 0 && q < info->n_queries; q++)
			rc = vs_sink_append_list(
				ctx, s, hits + start[q],
				(uint32_t)(start[q + 1] - start[q]), &err);
		require(rc == 0 || (rc == VS_EDATA && i == 0),
			"lists that were read cannot be written");
		if (rc == 0)
			rc = vs_sink_finish(ctx, s, VS_PUBLISH_NEW, &err);
		else
			vs_sink_abort(ctx, s);
	}
}

static void read_lists(struct vs_ctx *ctx, struct vs_hits *h)
{
	const struct vs_hits_info *info = vs_hits_info(h);
	size_t n = (size_t)info->n_queries;
	struct vs_err err = {0};
	struct vs_hit *hits;
	uint64_t *start;

	check_info(ctx, info);
	start = vs_alloc(ctx, n + 1, sizeof(*start), "lists", &err);
	hits = vs_alloc(ctx, (size_t)vs_hits_total(h), sizeof(*hits), "hits",
			&err);
	require(start != NULL && hits != NULL, err.msg);
	if (vs_hits_starts(ctx, h, 0, n, start, &err) == 0 &&
	    vs_hits_lists(ctx, h, 0, n, start, hits, &err) == 0)
		write_lists(ctx, info, start, hits);
	else
		require(err.msg[0] != '\0', "a refusal without a message");
	vs_free(ctx, start);
	vs_free(ctx, hits);
}

static void read_all(struct vs_ctx *ctx, struct vs_hits *h)
{
	const struct vs_hits_info *info = vs_hits_info(h);
	struct vs_err err = {0};
	struct vs_hit *hits;

	check_info(ctx, info);
	hits = vs_alloc(ctx, (size_t)info->n_queries * info->k, sizeof(*hits),
			"hits", &err);
	require(hits != NULL, err.msg);
	if (vs_hits_read(ctx, h, 0, (size_t)info->n_queries, hits, &err) == 0)
		write_all(ctx, info, hits);
	else
		require(err.msg[0] != '\0', "a refusal without a message");
	vs_free(ctx, hits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct vs_err err = {0};
	struct vs_hits *h;
	struct vs_ctx ctx;
	char path[64];
	size_t size;
	uint8_t *file;
	int fd, rc;

	if (n < HEAD || n > 65535 + VS_CONT_BLOCK)
		return 0;
	file = calloc(1, n + 32 * PAGE);
	require(file != NULL, "no memory");
	size = make_file(data, n, file);
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	require(fd >= 0 && write(fd, file, size) == (ssize_t)size, "no memfd");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	vs_ctx_init(&ctx);
	ctx.memory_max = MEMORY_MAX;
	rc = vs_hits_open(&ctx, path, &h, &err);
	if (rc == 0 && vs_hits_info(h)->k == 0)
		read_lists(&ctx, h);
	else if (rc == 0)
		read_all(&ctx, h);
	else
		require(rc == VS_EDATA && err.msg[0] != '\0',
			"another code than that of bad files");
	vs_hits_close(&ctx, h);
	require(atomic_load(&ctx.mem_now) == 0, "memory left over");
	close(fd);
	free(file);
	return 0;
}
