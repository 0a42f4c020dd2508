/* vecs_format.c - the table of vector formats and their names.
 *
 * All are little-endian and row-major.
 *
 *   fvecs bvecs ivecs   per row int32 d, then d f32 / u8 / i32; no magic, no
 *                       count: n follows from the size
 *   fbin f16bin u8bin   u32 n, u32 d, then n x d f32 / f16 / u8 / i8 / i32
 *   i8bin ibin
 *   npy                 "\x93NUMPY", version, length, a Python dictionary as
 *                       text, then the elements (vecs_npy.c)
 *   hdf5                a data set of a file (vecs_hdf5.c)
 */
#include "vecs_int.h"

#include <stdio.h>
#include <string.h>

static const struct vs_vecs_format_info formats[] = {
	[VS_FMT_FVECS] = { "fvecs", VS_LAYOUT_ROWS, VS_F32 },
	[VS_FMT_BVECS] = { "bvecs", VS_LAYOUT_ROWS, VS_U8 },
	[VS_FMT_IVECS] = { "ivecs", VS_LAYOUT_ROWS, VS_I32 },
	[VS_FMT_FBIN] = { "fbin", VS_LAYOUT_BIN, VS_F32 },
	[VS_FMT_U8BIN] = { "u8bin", VS_LAYOUT_BIN, VS_U8 },
	[VS_FMT_I8BIN] = { "i8bin", VS_LAYOUT_BIN, VS_I8 },
	[VS_FMT_IBIN] = { "ibin", VS_LAYOUT_BIN, VS_I32 },
	[VS_FMT_F16BIN] = { "f16bin", VS_LAYOUT_BIN, VS_F16 },
	[VS_FMT_NPY] = { "npy", VS_LAYOUT_NPY, 0 },
	[VS_FMT_HDF5] = { "hdf5", VS_LAYOUT_HDF5, 0 },
};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

const struct vs_vecs_format_info *vs_vecs_format_info(enum vs_vecs_format f)
{
	if ((size_t)f >= N_FORMATS || formats[f].name == NULL)
		return NULL;
	return &formats[f];
}

bool vs_vecs_format_parse(const char *word, enum vs_vecs_format *f)
{
	size_t i;

	for (i = 0; i < N_FORMATS; i++) {
		if (formats[i].name != NULL &&
		    strcmp(word, formats[i].name) == 0) {
			*f = (enum vs_vecs_format)i;
			return true;
		}
	}
	return false;
}

const char *vs_vecs_format_name(enum vs_vecs_format f)
{
	const struct vs_vecs_format_info *info = vs_vecs_format_info(f);

	return info != NULL ? info->name : f == VS_FMT_AUTO ? "auto" : "?";
}

enum vs_vecs_format vs_vecs_format_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(slash != NULL ? slash : path, '.');
	enum vs_vecs_format f = VS_FMT_AUTO;

	if (dot != NULL && strcmp(dot, ".h5") == 0)
		return VS_FMT_HDF5;
	if (dot != NULL)
		(void)vs_vecs_format_parse(dot + 1, &f);
	return f;
}

const char *vs_vecs_dataset(const char *path)
{
	static const char *const ends[] = { ".hdf5", ".h5", ".hdf5.zst",
					    ".h5.zst" };
	const char *colon = path;
	size_t i, n;

	while ((colon = strchr(colon, ':')) != NULL) {
		for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
			n = strlen(ends[i]);
			if ((size_t)(colon - path) > n && colon[1] != '\0' &&
			    memcmp(colon - n, ends[i], n) == 0)
				return colon;
		}
		colon++;
	}
	return NULL;
}

const char *vs_vecs_suffixes(char out[VS_VECS_SUFFIXES_MAX])
{
	size_t i, n = 0;

	out[0] = '\0';
	for (i = 0; i < N_FORMATS && n < VS_VECS_SUFFIXES_MAX; i++) {
		if (formats[i].name != NULL)
			n += (size_t)snprintf(out + n, VS_VECS_SUFFIXES_MAX - n,
					      "%s.%s", n == 0 ? "" : " ",
					      formats[i].name);
	}
	return out;
}
