/* canon_generic.c - the canonical kernels for any processor.
 *
 * The float kernels use the 16-byte vectors of gcc and clang, which every
 * 64-bit processor has; the byte kernels are plain loops.
 */
#include "kern_int.h"

#include <string.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#define CANON_ISA generic
#define CANON_ATTR

typedef float f32v_t __attribute__((vector_size(16)));
typedef double f64v_t __attribute__((vector_size(16)));

VS_INLINE f32v_t f32v_zero(void)
{
	return (f32v_t){ 0, 0, 0, 0 };
}

VS_INLINE f32v_t f32v_load(const float *p)
{
	f32v_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

VS_INLINE f32v_t f32v_tail(const float *p, size_t n)
{
	f32v_t v = f32v_zero();

	memcpy(&v, p, n * sizeof(*p));
	return v;
}

VS_INLINE f32v_t f32v_set1(float x)
{
	return (f32v_t){ x, x, x, x };
}

VS_INLINE f32v_t f32v_add(f32v_t a, f32v_t b)
{
	return a + b;
}

VS_INLINE f32v_t f32v_sub(f32v_t a, f32v_t b)
{
	return a - b;
}

VS_INLINE f32v_t f32v_mul(f32v_t a, f32v_t b)
{
	return a * b;
}

VS_INLINE f32v_t f32v_abs(f32v_t a)
{
	typedef int32_t bits_t __attribute__((vector_size(16)));
	bits_t bits;

	memcpy(&bits, &a, sizeof(a));
	bits &= INT32_MAX; /* all but the sign */
	memcpy(&a, &bits, sizeof(a));
	return a;
}

VS_INLINE void f32v_store(float *p, f32v_t a)
{
	memcpy(p, &a, sizeof(a));
}

VS_INLINE float f32v_tree(float lanes[16])
{
	size_t apart, j;

	for (apart = 8; apart > 0; apart /= 2) {
		for (j = 0; j < apart; j++)
			lanes[j] += lanes[j + apart];
	}
	return lanes[0];
}

VS_INLINE f64v_t f64v_zero(void)
{
	return (f64v_t){ 0, 0 };
}

VS_INLINE f64v_t f64v_load(const float *p)
{
	return (f64v_t){ (double)p[0], (double)p[1] };
}

VS_INLINE f64v_t f64v_tail(const float *p, size_t n)
{
	return (f64v_t){ n > 0 ? (double)p[0] : 0, n > 1 ? (double)p[1] : 0 };
}

VS_INLINE f64v_t f64v_set1(float x)
{
	return (f64v_t){ (double)x, (double)x };
}

VS_INLINE f64v_t f64v_add(f64v_t a, f64v_t b)
{
	return a + b;
}

VS_INLINE f64v_t f64v_sub(f64v_t a, f64v_t b)
{
	return a - b;
}

VS_INLINE f64v_t f64v_mul(f64v_t a, f64v_t b)
{
	return a * b;
}

VS_INLINE f64v_t f64v_abs(f64v_t a)
{
	typedef int64_t bits_t __attribute__((vector_size(16)));
	bits_t bits;

	memcpy(&bits, &a, sizeof(a));
	bits &= INT64_MAX; /* all but the sign */
	memcpy(&a, &bits, sizeof(a));
	return a;
}

VS_INLINE void f64v_store(double *p, f64v_t a)
{
	memcpy(p, &a, sizeof(a));
}

VS_INLINE double f64v_tree(double lanes[16])
{
	size_t apart, j;

	for (apart = 8; apart > 0; apart /= 2) {
		for (j = 0; j < apart; j++)
			lanes[j] += lanes[j + apart];
	}
	return lanes[0];
}

#define CANON_KIND f32
#define CANON_T float
#define CANON_V f32v
#define CANON_P 4
#define CANON_N 4
#include "canon_f32.h"

#define ROT_R 2
#define ROT_P 4
#define ROT_N 4
#include "rotate_f32.h"

#define CANON_KIND f32_f64
#define CANON_T double
#define CANON_V f64v
#define CANON_P 2
#define CANON_N 8
#include "canon_f32.h"

VS_INLINE uint32_t step_u8(enum vs_canon_op op, uint8_t x, uint8_t y)
{
	int32_t diff = x - y;

	if (op == VS_CANON_IP)
		return (uint32_t)(x * y);
	if (op == VS_CANON_L1)
		return (uint32_t)(diff < 0 ? -diff : diff);
	return (uint32_t)(diff * diff);
}

/* Sixteen sums, so that a compiler can keep them in vectors. */
VS_INLINE int64_t row_u8(enum vs_canon_op op, const uint8_t *q,
			 const uint8_t *row, size_t d)
{
	uint32_t sums[16] = { 0 };
	int64_t total = 0;
	size_t i, c;

	for (i = 0; i + 16 <= d; i += 16) {
		for (c = 0; c < 16; c++)
			sums[c] += step_u8(op, q[i + c], row[i + c]);
	}
	for (; i < d; i++)
		total += step_u8(op, q[i], row[i]);
	for (c = 0; c < 16; c++)
		total += sums[c];
	return total;
}

VS_INLINE void panel_u8(enum vs_canon_op op, const uint8_t *q,
			const uint8_t *panel, size_t d,
			int64_t out[VS_PANEL_ROWS])
{
	uint32_t sums[VS_PANEL_ROWS] = { 0 };
	size_t i, r, left;

	for (i = 0; i < d; i += 4, panel += 64) {
		const uint8_t *x = panel;
		uint8_t y[4] = { 0 };

		left = d - i;
		memcpy(y, q + i, left < 4 ? left : 4);
		for (r = 0; r < VS_PANEL_ROWS; r++, x += 4)
			sums[r] += step_u8(op, y[0], x[0]) +
				   step_u8(op, y[1], x[1]) +
				   step_u8(op, y[2], x[2]) +
				   step_u8(op, y[3], x[3]);
	}
	for (r = 0; r < VS_PANEL_ROWS; r++)
		out[r] = sums[r];
}

#define ROWS_U8(name, op)                                                      \
	void name(const uint8_t *q, const uint8_t *rows, size_t stride,        \
		  size_t n, size_t d, int64_t *out)                            \
	{                                                                      \
		size_t r;                                                      \
									       \
		for (r = 0; r < n; r++)                                        \
			out[r] = row_u8(op, q, rows + r * stride, d);          \
	}

ROWS_U8(vs_l2sq_u8_generic, VS_CANON_L2)
ROWS_U8(vs_ip_u8_generic, VS_CANON_IP)
ROWS_U8(vs_l1_u8_generic, VS_CANON_L1)

#define PANEL_U8(name, op)                                                     \
	void name(const uint8_t *q, const uint8_t *panel, size_t d,            \
		  int64_t out[VS_PANEL_ROWS])                                  \
	{                                                                      \
		panel_u8(op, q, panel, d, out);                                \
	}

PANEL_U8(vs_l2sq_u8_panel_generic, VS_CANON_L2)
PANEL_U8(vs_ip_u8_panel_generic, VS_CANON_IP)
PANEL_U8(vs_l1_u8_panel_generic, VS_CANON_L1)
