/* cont_guess.c - what a file that is no container looks like, so that a wrong
 * name on a command line gets a useful answer.  Guesses only name, they never
 * change what is accepted.
 */
#include <stdio.h>

#include "cont_int.h"
#include "vs/num.h"

struct magic {
	size_t n;
	const char *bytes;
	const char *text;
};

static const struct magic magics[] = {
	{6, "\x93NUMPY", "looks like npy"},
	{8, "\x89HDF\r\n\x1a\n", "looks like HDF5"},
	{4, "\x28\xb5\x2f\xfd", "looks like zstd-packed data"},
	{2, "\x1f\x8b", "looks like gzip-packed data"},
	{26, "version https://git-lfs.gi", "is a git-lfs pointer, not data"},
	{4, "\x89VSF", "is a container damaged by a text-mode transfer"},
	{3, "VSF", "is a container damaged by a text-mode transfer"},
};

static bool is_text(const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] == 0 || (p[i] < 0x20 && p[i] != '\n' && p[i] != '\r' &&
				  p[i] != '\t'))
			return false;
	return true;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* fvecs, ivecs, bvecs: a dimension before each row. */
static const char *guess_vecs(const uint8_t *p, size_t n, uint64_t size,
			      uint32_t *dim)
{
	uint64_t row;
	unsigned element;

	*dim = vs_get_le32(p);
	if (*dim < 1 || *dim > VS_DIM_MAX)
		return NULL;
	for (element = 4; element != 0; element = element == 4 ? 1 : 0) {
		row = 4 + (uint64_t)*dim * element;
		if (size % row != 0)
			continue;
		if (row + 4 <= n && vs_get_le32(p + row) != *dim)
			continue;
		return element == 4 ? "fvecs or ivecs" : "bvecs";
	}
	return NULL;
}

/* fbin, u8bin: counts in front, then all rows. */
static const char *guess_bin(const uint8_t *p, uint64_t size, uint32_t *dim)
{
	uint64_t n_elements = (uint64_t)vs_get_le32(p) * vs_get_le32(p + 4);

	*dim = vs_get_le32(p + 4);
	if (*dim < 1 || *dim > VS_DIM_MAX || n_elements == 0)
		return NULL;
	if (size - 8 == n_elements)
		return "u8bin or i8bin";
	if ((size - 8) % 4 == 0 && (size - 8) / 4 == n_elements)
		return "fbin or ibin";
	return NULL;
}

const char *vs_cont_guess(const uint8_t *p, size_t n, uint64_t size,
			  char out[VS_CONT_GUESS_MAX])
{
	const char *what = NULL;
	uint32_t dim = 0;
	size_t i;

	if (size == 0)
		return "is empty";
	for (i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (n >= magics[i].n &&
		    memcmp(p, magics[i].bytes, magics[i].n) == 0)
			return magics[i].text;
	if (is_zero(p, n))
		return "begins with zeros only, as after a crash";
	if (is_text(p, n))
		return "looks like text";
	if (n >= 8)
		what = guess_vecs(p, n, size, &dim);
	if (n >= 8 && what == NULL)
		what = guess_bin(p, size, &dim);
	if (what == NULL)
		return "begins with no magic bytes of ours";
	snprintf(out, VS_CONT_GUESS_MAX, "looks like %s of %u dimensions", what,
		 dim);
	return out;
}
