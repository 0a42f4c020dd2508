/* widen.h - rows of any element type as floats, and as unit vectors. */
#ifndef VS_WIDEN_H
#define VS_WIDEN_H

#include "vs/ctx.h"
#include "vs/types.h"

/* One row as floats, exactly: n elements of f32, f16, u8 or i8. */
void vs_row_widen(enum vs_dtype t, const void *row, size_t n, float *out);
/* Scales row to length 1 (|row| summed in double, in index order); a row of
 * zeros stays. */
void vs_row_unit(float *row, size_t n);
/* True when all elements are zero. */
bool vs_row_is_zero(enum vs_dtype t, const void *row, size_t n);

#endif
