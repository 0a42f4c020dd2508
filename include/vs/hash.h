/* hash.h - XXH3 checksums and fingerprints, XXH64 for the ring.
 *
 * Against accidents, not against attackers.  Values are the canonical ones of
 * xxhash 0.8 and so the same on every machine.
 */
#ifndef VS_HASH_H
#define VS_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vs/ctx.h"

/* XXH3-64, seed 0. */
uint64_t vs_hash64(const void *data, size_t n);
/* XXH64 (not XXH3), seed 0: positions on the consistent-hash ring. */
uint64_t vs_hash_ring(const void *data, size_t n);

/* XXH3-128 in canonical (big-endian) byte order, as files and people see it. */
struct vs_digest {
	uint8_t b[16];
};

#define VS_DIGEST_TEXT_MAX 33
/* 32 hexadecimal digits. */
const char *vs_digest_text(const struct vs_digest *d,
			   char out[VS_DIGEST_TEXT_MAX]);
/* False unless s is 32 lower-case hexadecimal digits. */
bool vs_digest_parse(const char *s, struct vs_digest *d);
bool vs_digest_equal(const struct vs_digest *a, const struct vs_digest *b);

/* Streaming XXH3-128.  The typed adders feed a fixed little-endian form, so a
 * fingerprint says what it hashes; texts carry their length. */
struct vs_hasher;
int vs_hasher_create(struct vs_ctx *ctx, struct vs_hasher **out,
		     struct vs_err *err) VS_MUST_CHECK;
void vs_hasher_add(struct vs_hasher *h, const void *data, size_t n);
void vs_hasher_add_u64(struct vs_hasher *h, uint64_t v);
void vs_hasher_add_text(struct vs_hasher *h, const char *s);
void vs_hasher_done(const struct vs_hasher *h, struct vs_digest *out);
void vs_hasher_destroy(struct vs_ctx *ctx, struct vs_hasher *h);

#endif
