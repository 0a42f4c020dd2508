/* num.h - checked sizes, strict number texts, little-endian bytes.
 *
 * Sizes are computed here before anything is allocated or read; numbers of
 * users and files are parsed here and nowhere else (atoi and strtol fail the
 * lint).
 */
#ifndef VS_NUM_H
#define VS_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* True and the result, or false on overflow (result untouched). */
static inline bool vs_mul_size(size_t a, size_t b, size_t *out)
{
	size_t r;

	if (__builtin_mul_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

static inline bool vs_add_size(size_t a, size_t b, size_t *out)
{
	size_t r;

	if (__builtin_add_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

static inline bool vs_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t r;

	if (__builtin_mul_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

static inline bool vs_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t r;

	if (__builtin_add_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

static inline size_t vs_min_size(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t vs_max_size(size_t a, size_t b) { return a > b ? a : b; }
static inline uint64_t vs_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Quotient rounded up; b > 0. */
static inline uint64_t vs_div_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

/* a rounded up to a multiple of b; b > 0; the caller knows it fits. */
static inline uint64_t vs_round_up(uint64_t a, uint64_t b)
{
	return vs_div_up(a, b) * b;
}

/* Little-endian loads and stores at any alignment.  memcpy and a byte swap on
 * big-endian hosts compile to one move on all hosts we know. */
static inline uint16_t vs_get_le16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] | (unsigned)b[1] << 8);
}

static inline uint32_t vs_get_le32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
	       (uint32_t)b[3] << 24;
}

static inline uint64_t vs_get_le64(const void *p)
{
	const uint8_t *b = p;

	return (uint64_t)vs_get_le32(b) | (uint64_t)vs_get_le32(b + 4) << 32;
}

static inline void vs_put_le16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

static inline void vs_put_le32(void *p, uint32_t v)
{
	uint8_t *b = p;

	vs_put_le16(b, (uint16_t)v);
	vs_put_le16(b + 2, (uint16_t)(v >> 16));
}

static inline void vs_put_le64(void *p, uint64_t v)
{
	uint8_t *b = p;

	vs_put_le32(b, (uint32_t)v);
	vs_put_le32(b + 4, (uint32_t)(v >> 32));
}

/* The value of an IEEE half float; infinities and NaNs stay what they are. */
float vs_f32_of_f16(uint16_t h);
/* The nearest half float, ties to even; infinite from 65520 on. */
uint16_t vs_f16_of_f32(float f);

static inline uint32_t vs_f32_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static inline float vs_bits_f32(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

/* Whole texts only: no sign where unsigned, no space, no trailing bytes. */
bool vs_parse_u64(const char *s, uint64_t *out);
bool vs_parse_i64(const char *s, int64_t *out);
bool vs_parse_f64(const char *s, double *out); /* finite only */
/* As vs_parse_u64 for the n bytes at s, which need no NUL. */
bool vs_parse_u64_n(const char *s, size_t n, uint64_t *out);

/* "4096", "64K", "256M", "2G", "1T" (powers of 1024, optional B or iB). */
bool vs_parse_size(const char *s, uint64_t *n_bytes);

/* "256.0 MiB": at most 15 characters and a NUL. */
#define VS_SIZE_TEXT_MAX 16
const char *vs_format_size(uint64_t n_bytes, char out[VS_SIZE_TEXT_MAX]);

/* "1,234,567": at most 26 characters and a NUL. */
#define VS_COUNT_TEXT_MAX 27
const char *vs_format_count(uint64_t n, char out[VS_COUNT_TEXT_MAX]);

#endif
