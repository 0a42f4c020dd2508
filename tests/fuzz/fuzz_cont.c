/* fuzz_cont.c - any bytes as a container of any kind: opened and read to the
 * last byte, or refused with a message.
 *
 * The input is a container without the zeros between its section table and the
 * first section at 8192, so that a fuzzer does not waste its time on them.  It
 * is tried as it is, and once more with fields that follow from the size set
 * and with all checksums made to fit.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <unistd.h>

#include "lib/data/cont_int.h"
#include "tests/unit/contfix.h"

#define MEMORY_MAX (32u << 20)
#define PIECE 5000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(int cond, const char *what)
{
	if (!cond) {
		fprintf(stderr, "fuzz_cont: %s\n", what);
		abort();
	}
}

/* Every byte of a section, by reading and, of raw ones, by the map. */
static int read_section(struct vs_ctx *ctx, struct vs_cont *c, uint32_t tag,
			uint32_t item, struct vs_err *err)
{
	uint8_t piece[PIECE];
	struct vs_span s;
	uint64_t at;
	size_t n;
	int rc = vs_cont_find(c, tag, item, &s, err);

	if (rc != 0)
		return rc;
	require(s.n_bytes == s.count * s.item, "a span of another size");
	for (at = 0; rc == 0 && at < s.n_bytes; at += n) {
		n = (size_t)vs_min_u64(sizeof(piece), s.n_bytes - at);
		rc = vs_cont_read(ctx, c, &s, at, piece, n, err);
		if (rc == 0 && s.p != NULL) {
			rc = vs_cont_touch(ctx, c, &s, at, n, err);
			require(rc == 0, "read, but not touched");
			require(memcmp(piece, s.p + at, n) == 0,
				"two readings differ");
		}
		/* A block that expands a thousandfold needs no more looks. */
		if (at > 16 * vs_cont_size(c))
			break;
	}
	return rc;
}

static void read_all(struct vs_ctx *ctx, struct vs_cont *c, struct vs_err *err)
{
	unsigned i;

	for (i = 0; i < c->front.n_sections; i++) {
		const struct vs_cont_entry *e = &c->front.entry[i];

		vs_err_clear(err);
		require(vs_cont_has(c, e->tag), "a section that is not there");
		require((read_section(ctx, c, e->tag, e->item, err) == 0) ==
				(err->msg[0] == '\0'),
			"a refusal without a message");
	}
}

static void try(const char *path, enum vs_verify verify)
{
	struct vs_err err;
	struct vs_cont *c;
	struct vs_ctx ctx;
	int rc;

	vs_ctx_init(&ctx);
	vs_err_clear(&err);
	ctx.verify = verify;
	ctx.memory_max = MEMORY_MAX;
	rc = vs_cont_open(&ctx, path, 0, &c, &err);
	if (rc == 0) {
		read_all(&ctx, c, &err);
		vs_cont_close(&ctx, c);
	} else {
		require(rc == VS_EDATA || rc == VS_EVERSION,
			"another code than those of bad files");
		require(err.msg[0] != '\0', "a refusal without a message");
	}
	require(atomic_load(&ctx.mem_now) == 0, "memory left over");
}

/* Fields that have one value in a file of this size. */
static void fix_fields(uint8_t *p, size_t n)
{
	uint64_t control = vs_get_le64(p + 120);

	memcpy(p, vs_cont_magic, sizeof(vs_cont_magic));
	vs_put_le32(p + 8, VS_CONT_VERSION);
	vs_put_le64(p + 16, 0);
	vs_put_le64(p + 32, n);
	vs_put_le32(p + 100, VS_CONT_BLOCK);
	vs_put_le64(p + 104, VS_CONT_HEAD_BYTES);
	vs_put_le64(p + 112,
		    (uint64_t)vs_get_le32(p + 96) * VS_CONT_ENTRY_BYTES);
	if (control <= n - VS_CONT_FOOT_BYTES)
		vs_put_le64(p + 128, n - VS_CONT_FOOT_BYTES - control);
	memcpy(p + n - 24, "VSFEND\r\n", 8);
	vs_put_le64(p + n - 16, n);
	contfix(p, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t front = VS_CONT_HEAD_BYTES, size;
	char path[64];
	uint8_t *p;
	int fd;

	if (n < VS_CONT_HEAD_BYTES)
		return 0;
	front += vs_get_le32(data + 96) % (VS_CONT_SECTIONS_MAX + 1) *
		 VS_CONT_ENTRY_BYTES;
	front = vs_min_size(front, n);
	size = VS_CONT_FRONT_BYTES + n - front;
	if (size < VS_CONT_FRONT_BYTES + VS_CONT_FOOT_BYTES)
		return 0;
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	require(fd >= 0 && ftruncate(fd, (off_t)size) == 0, "no memfd");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	require(p != MAP_FAILED, "no map");
	memcpy(p, data, front);
	memcpy(p + VS_CONT_FRONT_BYTES, data + front, n - front);
	try(path, VS_VERIFY_HEADER);
	fix_fields(p, size);
	try(path, VS_VERIFY_TOUCH);
	try(path, VS_VERIFY_FULL);
	munmap(p, size);
	close(fd);
	return 0;
}
