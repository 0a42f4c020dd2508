/* hash.c - XXH3 and XXH64 behind names of our own. */
#include "vs/hash.h"

#include <string.h>

/* The size of the streaming state, so that vs/mem.h can hold it; its layout is
 * frozen since xxhash 0.8.0. */
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "vs/mem.h"
#include "vs/num.h"

struct vs_hasher {
	XXH3_state_t state; /* 64-byte aligned, as vs_alloc gives it */
};

uint64_t vs_hash64(const void *data, size_t n)
{
	return XXH3_64bits(data, n);
}

uint64_t vs_hash_ring(const void *data, size_t n)
{
	return XXH64(data, n, 0);
}

const char *vs_digest_text(const struct vs_digest *d,
			   char out[VS_DIGEST_TEXT_MAX])
{
	static const char hex[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < sizeof(d->b); i++) {
		out[2 * i] = hex[d->b[i] >> 4];
		out[2 * i + 1] = hex[d->b[i] & 15];
	}
	out[2 * i] = '\0';
	return out;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool vs_digest_parse(const char *s, struct vs_digest *d)
{
	struct vs_digest tmp;
	size_t i;
	int hi, lo;

	if (strlen(s) != 2 * sizeof(tmp.b))
		return false;
	for (i = 0; i < sizeof(tmp.b); i++) {
		hi = nibble(s[2 * i]);
		lo = nibble(s[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		tmp.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*d = tmp;
	return true;
}

bool vs_digest_equal(const struct vs_digest *a, const struct vs_digest *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

int vs_hasher_create(struct vs_ctx *ctx, struct vs_hasher **out,
		     struct vs_err *err)
{
	struct vs_hasher *h = vs_zalloc(ctx, 1, sizeof(*h), "hasher", err);

	*out = h;
	if (h == NULL)
		return VS_ENOMEM;
	(void)XXH3_128bits_reset(&h->state);
	return 0;
}

void vs_hasher_add(struct vs_hasher *h, const void *data, size_t n)
{
	if (n != 0)
		(void)XXH3_128bits_update(&h->state, data, n);
}

void vs_hasher_add_u64(struct vs_hasher *h, uint64_t v)
{
	uint8_t b[8];

	vs_put_le64(b, v);
	vs_hasher_add(h, b, sizeof(b));
}

void vs_hasher_add_text(struct vs_hasher *h, const char *s)
{
	size_t n = strlen(s);

	vs_hasher_add_u64(h, n);
	vs_hasher_add(h, s, n);
}

void vs_hasher_done(const struct vs_hasher *h, struct vs_digest *out)
{
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, XXH3_128bits_digest(&h->state));
	memcpy(out->b, c.digest, sizeof(out->b));
}

void vs_hasher_destroy(struct vs_ctx *ctx, struct vs_hasher *h)
{
	vs_free(ctx, h);
}
