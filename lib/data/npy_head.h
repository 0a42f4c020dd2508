/* npy_head.h - the header that numpy writes for a matrix (vecs_npy.c). */
#ifndef VS_NPY_HEAD_H
#define VS_NPY_HEAD_H

#include <stdint.h>

#include "vs/types.h"

/* What the header of an npy file says. */
struct vs_npy {
	enum vs_dtype dtype;
	uint64_t n_rows;
	uint64_t dim;
};

/* Bytes of the header that numpy writes for any matrix. */
#define VS_NPY_HEAD_LEN 128
void vs_npy_format(const struct vs_npy *npy, uint8_t out[VS_NPY_HEAD_LEN]);

#endif
