/* fuzz_usbin.c - any bytes as a truth of big-ann: refused with a message, or
 * read as a plain loop here reads them, whole and query by query.
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
#include "vs/usbin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(int cond, const char *what)
{
	if (cond)
		return;
	fprintf(stderr, "fuzz_usbin: %s\n", what);
	abort();
}

static int is_id(uint64_t id, const uint8_t *p)
{
	uint32_t v = vs_get_le32(p);

	return id == (v == UINT32_MAX ? UINT64_MAX : v);
}

static void use_ids(struct vs_ctx *ctx, struct vs_usbin *u, const uint8_t *data)
{
	size_t n = vs_usbin_queries(u), k = vs_usbin_k(u), q, i;
	struct vs_err err = { 0 };
	uint64_t *ids = vs_alloc(ctx, n * k + k, sizeof(*ids), "ids", &err);

	require(ids != NULL, "no memory");
	require(vs_usbin_ids(ctx, u, 0, n, ids, &err) == 0, "not whole");
	for (i = 0; i < n * k; i++)
		require(is_id(ids[i], data + 8 + i * 4), "another id");
	for (q = n; q-- > 0;) {
		require(vs_usbin_ids(ctx, u, q, 1, ids, &err) == 0, "not one");
		for (i = 0; i < k; i++)
			require(is_id(ids[i], data + 8 + (q * k + i) * 4),
				"another id of one");
	}
	vs_free(ctx, ids);
}

static void use_distances(struct vs_ctx *ctx, struct vs_usbin *u,
			  const uint8_t *data)
{
	size_t n = (size_t)vs_usbin_queries(u) * vs_usbin_k(u), i;
	struct vs_err err = { 0 };
	float *d = vs_alloc(ctx, n, sizeof(*d), "distances", &err);
	int rc, nan = 0;

	require(d != NULL, "no memory");
	rc = vs_usbin_distances(ctx, u, 0, vs_usbin_queries(u), d, &err);
	for (i = 0; i < n; i++) {
		uint32_t bits = vs_get_le32(data + 8 + (n + i) * 4);

		nan |= (bits & 0x7fffffffu) > 0x7f800000u;
		require(rc != 0 || vs_f32_bits(d[i]) == bits,
			"another distance");
	}
	require((rc != 0) == nan, "another verdict of NaN");
	vs_free(ctx, d);
}

/* Of range searches: counts, then lists. */
static void use_range(struct vs_ctx *ctx, struct vs_usbin *u,
		      const uint8_t *data)
{
	size_t n = vs_usbin_queries(u), total = (size_t)vs_usbin_total(u), i;
	const uint8_t *lists = data + 8 + n * 4;
	struct vs_err err = { 0 };
	uint32_t *counts = vs_alloc(ctx, n, sizeof(*counts), "counts", &err);
	uint64_t *ids = vs_alloc(ctx, total + 1, sizeof(*ids), "ids", &err);
	uint64_t sum = 0;
	uint32_t longest = 0;
	int rc, pad = 0;

	require(counts != NULL && ids != NULL, "no memory");
	require(vs_usbin_counts(ctx, u, 0, n, counts, &err) == 0, "no counts");
	for (i = 0; i < n; i++) {
		require(counts[i] == vs_get_le32(data + 8 + i * 4),
			"another count");
		longest = counts[i] > longest ? counts[i] : longest;
		sum += counts[i];
	}
	require(sum == total, "another total");
	require(longest == vs_usbin_longest(u), "another longest");
	rc = vs_usbin_listed(ctx, u, 0, total, ids, &err);
	for (i = 0; i < total; i++) {
		pad |= vs_get_le32(lists + i * 4) == UINT32_MAX;
		require(rc != 0 || is_id(ids[i], lists + i * 4),
			"another listed id");
	}
	require((rc != 0) == pad, "another verdict of -1");
	vs_free(ctx, ids);
	vs_free(ctx, counts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct vs_err err = { 0 };
	struct vs_usbin *u;
	struct vs_ctx ctx;
	char name[32];
	int fd, rc;

	fd = memfd_create("usbin", MFD_CLOEXEC);
	require(fd >= 0, "no memfd");
	require(n == 0 || write(fd, data, n) == (ssize_t)n, "short write");
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	vs_ctx_init(&ctx);
	rc = vs_usbin_open(&ctx, name, &u, &err);
	require(rc == err.code, "code and error disagree");
	require(rc == 0 || err.msg[0] != '\0', "an error says nothing");
	if (rc == 0 && vs_usbin_k(u) == 0)
		use_range(&ctx, u, data);
	else if (rc == 0) {
		use_ids(&ctx, u, data);
		if (vs_usbin_has_distances(u))
			use_distances(&ctx, u, data);
	}
	vs_usbin_close(&ctx, u);
	require(atomic_load(&ctx.mem_now) == 0, "memory is kept");
	close(fd);
	return 0;
}
