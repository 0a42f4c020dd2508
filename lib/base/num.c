/* num.c - strict parsing and friendly formatting of numbers. */
#include "vs/num.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool vs_parse_u64_n(const char *s, size_t n, uint64_t *out)
{
	uint64_t v = 0;
	size_t i;

	if (n == 0)
		return false;
	for (i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

bool vs_parse_u64(const char *s, uint64_t *out)
{
	return vs_parse_u64_n(s, strlen(s), out);
}

bool vs_parse_i64(const char *s, int64_t *out)
{
	uint64_t v;
	bool neg = *s == '-';

	if (!vs_parse_u64(s + neg, &v))
		return false;
	if (v > (uint64_t)INT64_MAX + neg)
		return false;
	*out = neg ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

bool vs_parse_f64(const char *s, double *out)
{
	char *end;
	double v;

	/* strtod takes leading space, hex, inf and nan; users get none. */
	if (*s == '\0' || strspn(s, "+-.0123456789eE") != strlen(s))
		return false;
	errno = 0;
	v = strtod(s, &end);
	if (*end != '\0' || !isfinite(v))
		return false;
	*out = v;
	return true;
}

bool vs_parse_size(const char *s, uint64_t *n_bytes)
{
	static const char units[] = "KMGTP";
	size_t digits = strspn(s, "0123456789");
	const char *tail = s + digits;
	const char *unit;
	uint64_t v;
	unsigned shift = 0;

	if (!vs_parse_u64_n(s, digits, &v))
		return false;
	if (*tail != '\0' && (unit = strchr(units, *tail)) != NULL) {
		shift = 10u * (unsigned)(unit - units + 1);
		tail++;
		if (*tail == 'i' && tail[1] == 'B')
			tail++;
	}
	if (*tail == 'B')
		tail++;
	if (*tail != '\0' || v > UINT64_MAX >> shift)
		return false;
	*n_bytes = v << shift;
	return true;
}

const char *vs_format_size(uint64_t n_bytes, char out[VS_SIZE_TEXT_MAX])
{
	static const char *const unit[] = { "B",   "KiB", "MiB", "GiB",
					    "TiB", "PiB", "EiB" };
	double v = (double)n_bytes;
	unsigned u = 0;

	while (v >= 1024 && u < 6) {
		v /= 1024;
		u++;
	}
	snprintf(out, VS_SIZE_TEXT_MAX, u == 0 ? "%.0f %s" : "%.1f %s", v,
		 unit[u]);
	return out;
}

const char *vs_format_count(uint64_t n, char out[VS_COUNT_TEXT_MAX])
{
	char digits[21];
	int len = snprintf(digits, sizeof(digits), "%llu",
			   (unsigned long long)n);
	int i;
	char *p = out;

	for (i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return out;
}

float vs_f32_of_f16(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
	uint32_t rest = h & 0x7fffu;
	float v;

	if (rest >= 0x7c00u) /* infinity or NaN */
		return vs_bits_f32(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
	/* The exponent is 15 - 127 off; a product mends that, subnormal numbers
	 * too, without rounding. */
	v = vs_bits_f32(rest << 13) * 0x1p112f;
	return vs_bits_f32(sign | vs_f32_bits(v));
}

uint16_t vs_f16_of_f32(float f)
{
	uint32_t u = vs_f32_bits(f), sign = u >> 16 & 0x8000u, rest;
	float v;

	u &= 0x7fffffffu;
	if (u > 0x7f800000u)
		return (uint16_t)(sign | 0x7e00u);
	if (u >= 0x477ff000u) /* 65520 */
		return (uint16_t)(sign | 0x7c00u);
	if (u < 0x38800000u) { /* below 2^-14: adding 0.5 rounds as wanted */
		v = vs_bits_f32(u) + 0.5f;
		return (uint16_t)(sign | (vs_f32_bits(v) - 0x3f000000u));
	}
	rest = u - 0x38000000u; /* the exponent of a half, at bit 23 */
	return (uint16_t)(sign | (rest + 0xfffu + (rest >> 13 & 1)) >> 13);
}
