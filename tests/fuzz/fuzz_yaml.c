/* fuzz_yaml.c - any text as YAML of the strict form and, with a hash line that
 * fits it, as a manifest: read and written back to the same, or refused with a
 * message.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vs/hash.h"
#include "vs/manifest.h"
#include "vs/mem.h"
#include "vs/yaml.h"

#define MEMORY_MAX (64u << 20)
#define DEEPEST 17 /* 16 levels and their scalars */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(int cond, const char *what)
{
	if (cond)
		return;
	fprintf(stderr, "fuzz_yaml: %s\n", what);
	abort();
}

static void check_error(int rc, const struct vs_err *err)
{
	size_t i;

	require(rc == err->code, "code and error disagree");
	require(rc == 0 || rc == VS_EDATA || rc == VS_EVERSION ||
			rc == VS_ENOMEM,
		"another code than those of bad files");
	require(rc == 0 || err->msg[0] != '\0', "an error says nothing");
	for (i = 0; err->msg[i] != '\0'; i++)
		require((unsigned char)err->msg[i] >= 0x20, "control byte");
}

/* The tree is what its counts say, and every key is found. */
static void walk(const struct vs_yaml *y, unsigned depth)
{
	const struct vs_yaml *c;
	size_t n = 0;

	require(depth <= DEEPEST, "too deep");
	require((y->kind == VS_YAML_SCALAR) == (y->text != NULL),
		"text of what is no scalar");
	for (c = y->child; c != NULL; c = c->next, n++) {
		require((y->kind == VS_YAML_MAP) == (c->key != NULL),
			"a key outside of a map");
		if (n < 100 && c->key != NULL)
			require(vs_yaml_find(y, c->key) == c,
				"a key is found elsewhere");
		walk(c, depth + 1);
	}
	require(n == y->n, "another number of children");
}

static void try_yaml(const char *text, size_t n)
{
	struct vs_err err = { 0 };
	struct vs_yaml_doc *doc;
	struct vs_ctx ctx;
	int rc;

	vs_ctx_init(&ctx);
	ctx.memory_max = MEMORY_MAX;
	rc = vs_yaml_parse(&ctx, "fuzz", text, n, &doc, &err);
	check_error(rc, &err);
	if (rc == 0) {
		walk(vs_yaml_root(doc), 0);
		vs_yaml_destroy(&ctx, doc);
	}
	require(atomic_load(&ctx.mem_now) == 0, "memory is kept");
}

/* What was accepted is written and read back to the same text. */
static void again(struct vs_ctx *ctx, const struct vs_manifest *m)
{
	struct vs_buf a = { 0 }, b = { 0 };
	struct vs_err err = { 0 };
	struct vs_manifest *back;

	require(vs_manifest_put(ctx, m, &a, &err) == 0, err.msg);
	require(vs_manifest_parse(ctx, "again", a.p, a.n, &back, &err) == 0,
		err.msg);
	require(vs_manifest_put(ctx, back, &b, &err) == 0, err.msg);
	require(a.n == b.n && memcmp(a.p, b.p, a.n) == 0, "it changes");
	vs_manifest_destroy(ctx, back);
	vs_buf_free(ctx, &a);
	vs_buf_free(ctx, &b);
}

static void try_manifest(const char *text, size_t n)
{
	struct vs_err err = { 0 };
	struct vs_manifest *m;
	struct vs_ctx ctx;
	int rc;

	vs_ctx_init(&ctx);
	ctx.memory_max = MEMORY_MAX;
	rc = vs_manifest_parse(&ctx, "fuzz", text, n, &m, &err);
	check_error(rc, &err);
	if (rc == 0)
		again(&ctx, m);
	vs_manifest_destroy(&ctx, m);
	require(atomic_load(&ctx.mem_now) == 0, "memory is kept");
}

/* The text with the hash line that fits it. */
static char *with_hash(const char *text, size_t n, size_t *n_out)
{
	char hex[VS_DIGEST_TEXT_MAX], *out = malloc(n + 64);
	struct vs_hasher *h = NULL;
	struct vs_digest d;
	struct vs_ctx ctx;

	vs_ctx_init(&ctx);
	require(out != NULL && vs_hasher_create(&ctx, &h, NULL) == 0,
		"no memory");
	vs_hasher_add(h, text, n);
	vs_hasher_done(h, &d);
	vs_hasher_destroy(&ctx, h);
	memcpy(out, text, n);
	*n_out = n + (size_t)snprintf(out + n, 64, "hash: %s\n",
				      vs_digest_text(&d, hex));
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t n_hashed;
	char *hashed;

	try_yaml((const char *)data, n);
	try_manifest((const char *)data, n);
	hashed = with_hash((const char *)data, n, &n_hashed);
	try_manifest(hashed, n_hashed);
	free(hashed);
	return 0;
}
