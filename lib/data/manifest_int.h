/* manifest_int.h - what the files manifest_*.c share; nobody else includes it.
 */
#ifndef VS_MANIFEST_INT_H
#define VS_MANIFEST_INT_H

#include "vs/manifest.h"
#include "vs/yaml.h"

#define VS_MANIFEST_BYTES_MAX ((size_t)16 << 20)
/* The last line: this, 32 digits, newline. */
#define VS_MANIFEST_HASH_KEY "hash: "

/* The hash of the text before the last line. */
int vs_manifest_hash(struct vs_ctx *ctx, const char *text, size_t n,
		     struct vs_digest *out, struct vs_err *err) VS_MUST_CHECK;
/* Its last line against all the text before it; name stands in messages. */
int vs_manifest_check_hash(struct vs_ctx *ctx, const char *name,
			   const char *text, size_t n,
			   struct vs_err *err) VS_MUST_CHECK;
/* The id of a collection that has m as its first generation. */
int vs_manifest_id(struct vs_ctx *ctx, const struct vs_manifest *m,
		   struct vs_digest *out, struct vs_err *err) VS_MUST_CHECK;
/* "auto" or the name of the format. */
const char *vs_manifest_format_word(enum vs_vecs_format f);

#endif
