/* fuzz_words.c - any text as what people write on a command line: numbers,
 * sizes, parts, names of indexes and search parameters.  What is accepted has a
 * canonical text that means the same; what is not is said in one line.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vs/num.h"
#include "vs/op.h"
#include "vs/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(int cond, const char *what)
{
	if (cond)
		return;
	fprintf(stderr, "fuzz_words: %s\n", what);
	abort();
}

static void check_refusal(int rc, const struct vs_err *err)
{
	size_t i;

	require(rc == VS_EUSAGE && err->code == rc, "another code");
	require(err->msg[0] != '\0', "an error says nothing");
	for (i = 0; err->msg[i] != '\0'; i++)
		require(err->msg[i] != '\n', "more than a line");
}

static void try_numbers(const char *s)
{
	uint64_t u, again;
	struct vs_part part;
	char text[64];
	int64_t i;
	double d;

	if (vs_parse_u64(s, &u)) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)u);
		require(vs_parse_u64(text, &again) && again == u, "u64");
	}
	if (vs_parse_i64(s, &i)) {
		snprintf(text, sizeof(text), "%lld", (long long)i);
		require(vs_parse_i64(text, &i), "i64");
	}
	if (vs_parse_f64(s, &d))
		require(isfinite(d), "f64");
	if (vs_parse_size(s, &u)) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)u);
		require(vs_parse_size(text, &again) && again == u, "size");
	}
	if (vs_part_parse(s, &part))
		require(part.i < part.n, "part");
}

static void try_params(const char *s, const struct vs_factory *index)
{
	struct vs_params p, again;
	struct vs_err err = { 0 };
	int rc = vs_params_parse(s, index, &p, &err);

	if (rc != 0) {
		check_refusal(rc, &err);
		return;
	}
	require(p.nprobe >= 1 && p.nprobe <= index->nlist, "nprobe");
	require(vs_params_parse(p.text[0] != '\0' ? p.text : NULL, index,
				&again, &err) == 0,
		"canonical parameters are refused");
	require(again.nprobe == p.nprobe && strcmp(again.text, p.text) == 0,
		"parameters change");
}

static void try_index(const char *s)
{
	struct vs_factory f, again;
	struct vs_err err = { 0 };
	int rc = vs_factory_parse(s, &f, &err);

	if (rc != 0) {
		check_refusal(rc, &err);
		return;
	}
	require(f.nlist >= 1 && f.nlist <= VS_NLIST_MAX, "nlist");
	require(vs_factory_parse(f.text, &again, &err) == 0,
		"a canonical name is refused");
	require(again.family == f.family && again.nlist == f.nlist &&
			strcmp(again.text, f.text) == 0,
		"an index changes");
	try_params(NULL, &f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct vs_factory flat, ivf;
	char *s = malloc(n + 1);

	require(s != NULL, "no memory");
	if (n > 0)
		memcpy(s, data, n);
	s[n] = '\0';
	require(vs_factory_parse("Flat", &flat, NULL) == 0 &&
			vs_factory_parse("IVF100,Flat", &ivf, NULL) == 0,
		"no index");
	try_numbers(s);
	try_index(s);
	try_params(s, &flat);
	try_params(s, &ivf);
	free(s);
	return 0;
}
