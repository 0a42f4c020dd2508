/* widen.c - rows as floats; the same bits on every machine. */
#include "vs/widen.h"

#include <math.h>
#include <string.h>

#include "vs/kern.h"
#include "vs/num.h"

void vs_row_widen(enum vs_dtype t, const void *row, size_t n, float *out)
{
	const uint16_t *f16 = row;
	const uint8_t *u8 = row;
	const int8_t *i8 = row;
	size_t i;

	switch (t) {
	case VS_F16:
		for (i = 0; i < n; i++)
			out[i] = vs_f32_of_f16(f16[i]);
		break;
	case VS_U8:
		for (i = 0; i < n; i++)
			out[i] = (float)u8[i];
		break;
	case VS_I8:
		for (i = 0; i < n; i++)
			out[i] = (float)i8[i];
		break;
	default:
		memcpy(out, row, n * sizeof(*out));
	}
}

void vs_row_unit(float *row, size_t n)
{
	double norm = sqrt(vs_norm2_f32(row, n));
	size_t i;

	for (i = 0; norm > 0 && i < n; i++)
		row[i] = (float)((double)row[i] / norm);
}

bool vs_row_is_zero(enum vs_dtype t, const void *row, size_t n)
{
	const uint8_t *p = row;
	size_t i, size = vs_dtype_size(t);
	/* The sign of a zero is its last bit. */
	uint8_t top = t == VS_F32 || t == VS_F16 ? 0x7f : 0xff;

	for (i = 0; i < n * size; i++)
		if ((p[i] & (i % size == size - 1 ? top : 0xff)) != 0)
			return false;
	return true;
}
