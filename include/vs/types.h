/* types.h - the element types and metrics of the field, with their file codes.
 *
 * The numbers stand in files (vs-format(5)); they never change.
 */
#ifndef VS_TYPES_H
#define VS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vs_dtype {
	VS_F32 = 1,
	VS_U8 = 2,
	VS_I8 = 3,
	VS_F16 = 4,
	VS_I32 = 5, /* ids in ivecs and ibin */
	VS_I64 = 6,
	VS_U32 = 7,
	VS_U64 = 8,
	VS_F64 = 9
};

/* L2 is squared.  IP and cosine are similarities: larger is nearer. */
enum vs_metric {
	VS_L2 = 1,
	VS_IP = 2,
	VS_COSINE = 3,
	VS_L1 = 4
};

#define VS_DIM_MAX 65536u /* more dimensions are refused everywhere */
#define VS_K_MAX 65536u   /* most neighbours a query may ask for */
#define VS_ID_NONE UINT64_MAX /* pads short results; -1 in every output */

/* Bytes of one element; 0 for an unknown code. */
size_t vs_dtype_size(enum vs_dtype t);
/* "f32", "u8"...; "?" for an unknown code. */
const char *vs_dtype_name(enum vs_dtype t);

/* "l2", "ip", "cosine", "l1"; "?" for an unknown code. */
const char *vs_metric_name(enum vs_metric m);
/* False when the word names no metric. */
bool vs_metric_parse(const char *word, enum vs_metric *m);
/* True for IP and cosine. */
bool vs_metric_is_similarity(enum vs_metric m);

/* True for rows that are bytes. */
static inline bool vs_dtype_is_byte(enum vs_dtype t)
{
	return t == VS_U8 || t == VS_I8;
}

#endif
