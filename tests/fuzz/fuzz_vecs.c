/* fuzz_vecs.c - any bytes as a vector file: opened, read in two ways and
 * hashed, or refused with a message.
 *
 * The first byte chooses the format (0: none, so that the name decides), the
 * rest is the file.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <unistd.h>

#include "vs/mem.h"
#include "vs/num.h"
#include "vs/vecs.h"

#define STEP 7 /* rows in a piece */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(int cond, const char *what)
{
	if (cond)
		return;
	fprintf(stderr, "fuzz_vecs: %s\n", what);
	abort();
}

/* A message is one printable line and stands for the code that came. */
static void check_error(int rc, const struct vs_err *err)
{
	size_t i;

	require(rc == err->code, "code and error disagree");
	require(rc == 0 || err->msg[0] != '\0', "an error says nothing");
	for (i = 0; err->msg[i] != '\0'; i++)
		require((unsigned char)err->msg[i] >= 0x20, "control byte");
}

/* All at once and in pieces must agree, also in what they refuse. */
static int read_both_ways(struct vs_ctx *ctx, struct vs_vecs *v, uint8_t *all,
			  uint8_t *piece, struct vs_err *err)
{
	size_t row = vs_vecs_row_bytes(v);
	uint64_t rows = vs_vecs_rows(v), at, take;
	struct vs_err err2 = { 0 };
	int rc = vs_vecs_read(ctx, v, 0, (size_t)rows, all, err), rc2 = 0;

	check_error(rc, err);
	for (at = 0; rc2 == 0 && at < rows; at += take) {
		take = vs_min_u64(rows - at, STEP);
		rc2 = vs_vecs_read(ctx, v, at, (size_t)take, piece, &err2);
		if (rc2 == 0 && rc == 0)
			require(memcmp(piece, all + at * row, take * row) == 0,
				"pieces differ from the whole");
	}
	require(rc == rc2, "pieces are refused otherwise than the whole");
	return rc;
}

static void use(struct vs_ctx *ctx, struct vs_vecs *v, size_t n_file)
{
	size_t row = vs_vecs_row_bytes(v);
	uint64_t rows = vs_vecs_rows(v);
	struct vs_err err = { 0 };
	struct vs_digest a, b;
	uint8_t *all, *piece;
	int rc;

	require(rows > 0 && row > 0, "an empty set");
	/* f2 becomes f32: at most twice the bytes of the file. */
	require(rows <= 2 * n_file / row, "more rows than bytes");
	all = vs_alloc(ctx, (size_t)rows, row, "all rows", &err);
	piece = vs_alloc(ctx, STEP, row, "some rows", &err);
	if (all != NULL && piece != NULL) {
		rc = read_both_ways(ctx, v, all, piece, &err);
		vs_err_clear(&err);
		require(rc == vs_vecs_full_digest(ctx, v, &a, &err),
			"hashing is refused otherwise than reading");
		vs_err_clear(&err);
		if (rc == 0)
			require(vs_vecs_quick_digest(ctx, v, &b, &err) == 0,
				"the quick digest is refused");
	}
	vs_free(ctx, all);
	vs_free(ctx, piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct vs_vecs_options opt = { 0 };
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct vs_vecs *v;
	const char *path;
	char name[32];
	int fd, rc;

	if (n < 1)
		return 0;
	opt.format = (enum vs_vecs_format)(data[0] % (VS_FMT_NPY + 1));
	data++;
	n--;
	fd = memfd_create("vecs", MFD_CLOEXEC);
	require(fd >= 0, "no memfd");
	require(n == 0 || write(fd, data, n) == (ssize_t)n, "short write");
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	path = name;
	vs_ctx_init(&ctx);
	ctx.memory_max = (uint64_t)64 << 20;
	rc = vs_vecs_open(&ctx, &path, 1, &opt, &v, &err);
	check_error(rc, &err);
	if (rc == 0)
		use(&ctx, v, n);
	vs_vecs_close(&ctx, v);
	require(atomic_load(&ctx.mem_now) == 0, "memory is kept");
	close(fd);
	return 0;
}
