/* fuzz_ids.c - any bytes as a text of ids: refused with a message, or read as a
 * plain loop here reads them, whole, in pieces and backwards.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <unistd.h>

#include "vs/ids.h"

#define LINES_MAX 65536
#define LONG_LINE 60 /* from here on a line may be refused for its length */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(int cond, const char *what)
{
	if (cond)
		return;
	fprintf(stderr, "fuzz_ids: %s\n", what);
	abort();
}

/* One line of n bytes as an id. */
static int one_id(const uint8_t *line, size_t n, uint64_t *id)
{
	size_t i;

	if (n > 0 && line[n - 1] == '\r')
		n--;
	*id = 0;
	for (i = 0; i < n; i++) {
		if (line[i] < '0' || line[i] > '9' ||
		    *id > (VS_ID_MAX - (uint64_t)(line[i] - '0')) / 10)
			return 0;
		*id = *id * 10 + (uint64_t)(line[i] - '0');
	}
	return n > 0;
}

struct expected {
	uint64_t id[LINES_MAX];
	size_t n;
	int good;     /* all lines are ids */
	int too_long; /* one may be refused for its length */
};

static void expect(const uint8_t *data, size_t n, struct expected *e)
{
	const uint8_t *end;
	size_t len;

	e->n = 0;
	e->good = 1;
	e->too_long = 0;
	for (; n > 0 && e->n < LINES_MAX; e->n++) {
		end = memchr(data, '\n', n);
		len = end != NULL ? (size_t)(end - data) : n;
		e->good &= one_id(data, len, &e->id[e->n]);
		e->too_long |= len >= LONG_LINE;
		len += end != NULL;
		data += len;
		n -= len;
	}
}

static void use(struct vs_ctx *ctx, struct vs_ids *ids,
		const struct expected *e)
{
	static uint64_t got[LINES_MAX];
	struct vs_err err = { 0 };
	struct vs_digest d;
	size_t i;

	require(vs_ids_read(ctx, ids, 0, e->n, got, &err) == 0, "not whole");
	require(memcmp(got, e->id, e->n * sizeof(*got)) == 0, "other ids");
	for (i = e->n; i-- > 0 && i + 100 > e->n;) {
		require(vs_ids_read(ctx, ids, i, 1, got, &err) == 0, "not one");
		require(got[0] == e->id[i], "another id backwards");
	}
	require(vs_ids_quick_digest(ctx, ids, &d, &err) == 0, "no digest");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct expected e;
	struct vs_err err = { 0 };
	struct vs_ctx ctx;
	struct vs_ids *ids;
	char name[32];
	int fd, rc;

	expect(data, n, &e);
	if (e.n == LINES_MAX)
		return 0;
	fd = memfd_create("ids", MFD_CLOEXEC);
	require(fd >= 0, "no memfd");
	require(n == 0 || write(fd, data, n) == (ssize_t)n, "short write");
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	vs_ctx_init(&ctx);
	ctx.memory_max = (uint64_t)16 << 20;
	rc = vs_ids_open(&ctx, name, e.n, "vectors", &ids, &err);
	require(rc == err.code, "code and error disagree");
	require(rc == 0 || err.msg[0] != '\0', "an error says nothing");
	require((rc == 0) == e.good || (rc != 0 && e.too_long),
		"another verdict");
	if (rc == 0)
		use(&ctx, ids, &e);
	vs_ids_close(&ctx, ids);
	require(atomic_load(&ctx.mem_now) == 0, "memory is kept");
	close(fd);
	return 0;
}
