/* dot_neon.h - the dot products of bytes that armv8.2-a+dotprod adds: of each
 * lane, the sum of four products is added to acc.
 *
 * In assembly, because arm_neon.h of clang declares their intrinsics only when
 * the whole file is compiled for such a processor.
 */
#ifndef VS_KERN_DOT_NEON_H
#define VS_KERN_DOT_NEON_H

#include "kern_int.h"

#if VS_KERN_NEON
#include <arm_neon.h>

VS_NEON VS_INLINE uint32x4_t vs_udot(uint32x4_t acc, uint8x16_t x, uint8x16_t y)
{
	__asm__("udot %0.4s, %1.16b, %2.16b" : "+w"(acc) : "w"(x), "w"(y));
	return acc;
}

VS_NEON VS_INLINE int32x4_t vs_sdot(int32x4_t acc, int8x16_t x, int8x16_t y)
{
	__asm__("sdot %0.4s, %1.16b, %2.16b" : "+w"(acc) : "w"(x), "w"(y));
	return acc;
}

/* A statement: y is the word of q with this number, 0..3, in every lane. */
#define VS_SDOT_WORD(acc, x, q, word)                                          \
	__asm__("sdot %0.4s, %1.16b, %2.4b[" #word "]"                         \
		: "+w"(acc)                                                    \
		: "w"(x), "w"(q))

#endif
#endif
